//! The one digest that an image is checked with.

use ctutils::CtEq;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::text::hex_digit;

/// The digest of what has come so far, by the method that was announced.
#[derive(Clone, Debug)]
pub enum Digest {
    /// RFC 1321.
    Md5(Md5),
    /// FIPS 180-4.
    Sha256(Sha256),
    /// By a method that is not known: never valid.
    Unknown,
}

impl Digest {
    /// Of nothing yet, by the method with this name, in whatever case.
    pub(super) fn named(method: &[u8]) -> Self {
        if method.eq_ignore_ascii_case(b"md5") {
            Self::md5()
        } else if method.eq_ignore_ascii_case(b"sha256") {
            Self::Sha256(Sha256::new())
        } else {
            Self::Unknown
        }
    }

    pub(super) fn md5() -> Self {
        Self::Md5(Md5::new())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::Sha256(sha256) => sha256.update(bytes),
            Self::Unknown => {}
        }
    }

    /// Whether this is the digest that was announced, in hex of whatever case. Begins anew.
    pub(super) fn is(&mut self, announced: &[u8]) -> bool {
        match self {
            Self::Md5(md5) => is(&md5.finalize_reset(), announced),
            Self::Sha256(sha256) => is(&sha256.finalize_reset(), announced),
            Self::Unknown => false,
        }
    }
}

/// In constant time: nobody learns from how long it takes how much of a forged image's digest is right.
fn is(digest: &[u8], announced: &[u8]) -> bool {
    let digits = digest
        .iter()
        .flat_map(|byte| [hex_digit(u32::from(byte >> 4)), hex_digit((*byte).into())]);
    let same = announced
        .iter()
        .zip(digits)
        .fold(ctutils::Choice::TRUE, |same, (announced, digit)| {
            same & announced.to_ascii_lowercase().ct_eq(&digit)
        });
    announced.len() == 2 * digest.len() && same.to_bool()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321, A.5, and FIPS 180-4's example, of "abc".
    const MD5: &[u8] = b"900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &[u8] = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn of_abc(method: &[u8]) -> Digest {
        let mut digest = Digest::named(method);
        digest.update(b"a");
        digest.update(b"");
        digest.update(b"bc");
        digest
    }

    #[test]
    fn digests_are_known_by_name_and_written_in_any_case() {
        for name in [&b"Md5"[..], b"md5", b"MD5"] {
            assert!(of_abc(name).is(MD5));
            assert!(of_abc(name).is(&MD5.to_ascii_uppercase()));
            assert!(!of_abc(name).is(SHA256));
        }
        for name in [&b"Sha256"[..], b"sha256", b"SHA256"] {
            assert!(of_abc(name).is(SHA256));
            assert!(of_abc(name).is(&SHA256.to_ascii_uppercase()));
            assert!(!of_abc(name).is(MD5));
        }
        for name in [&b""[..], b"M", b"Md", b"Md55", b"Sha1", b"Sha2567"] {
            assert!(!of_abc(name).is(MD5) && !of_abc(name).is(SHA256) && !of_abc(name).is(b""));
        }
    }

    #[test]
    fn every_digit_counts() {
        for at in 0..MD5.len() {
            let mut wrong = [0; 32];
            wrong.copy_from_slice(MD5);
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            assert!(!of_abc(b"Md5").is(&wrong), "digit {at}");
        }
        assert!(!of_abc(b"Md5").is(&MD5[..31]));
        assert!(!of_abc(b"Md5").is(b""));
    }
}
