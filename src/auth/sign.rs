//! Message authentication codes in hex, as the platform expects them.
//!
//! A method is a type, so a build that signs with one of them does not contain the other.

use hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

use crate::text::hex_digit;

/// A sign method of the platform.
pub trait Method {
    /// Its name in the client id (`signmethod=`).
    const NAME: &'static str;

    /// Signs the concatenation of `parts`.
    fn sign(key: &Key, parts: &[&[u8]]) -> Signature;
}

/// HMAC-SHA1, what the SDK signs with unless told otherwise (RFC 2104, FIPS 180-4).
#[derive(Clone, Copy, Debug)]
pub struct HmacSha1;

impl Method for HmacSha1 {
    const NAME: &'static str = "hmacsha1";

    fn sign(key: &Key, parts: &[&[u8]]) -> Signature {
        finish(Hmac::<sha1::Sha1>::new(key.block().into()), parts)
    }
}

/// HMAC-MD5 (RFC 2104, RFC 1321).
#[derive(Clone, Copy, Debug)]
pub struct HmacMd5;

impl Method for HmacMd5 {
    const NAME: &'static str = "hmacmd5";

    fn sign(key: &Key, parts: &[&[u8]]) -> Signature {
        finish(Hmac::<md5::Md5>::new(key.block().into()), parts)
    }
}

/// HMAC-SHA256 (RFC 2104, FIPS 180-4), which the platform takes as well.
#[derive(Clone, Copy, Debug)]
pub struct HmacSha256;

impl Method for HmacSha256 {
    const NAME: &'static str = "hmacsha256";

    fn sign(key: &Key, parts: &[&[u8]]) -> Signature {
        finish(Hmac::<sha2::Sha256>::new(key.block().into()), parts)
    }
}

/// A secret that is at most one hash block long, which every device secret is; wiped when dropped.
pub struct Key(Zeroizing<[u8; Key::MAX]>);

/// The key is longer than 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTooLong;

impl Key {
    /// The block length of MD5, SHA-1 and SHA-256.
    pub const MAX: usize = 64;

    /// Copies `secret`.
    pub fn new(secret: &[u8]) -> Result<Self, KeyTooLong> {
        let mut key = Self(Zeroizing::new([0; Self::MAX]));
        key.0
            .get_mut(..secret.len())
            .ok_or(KeyTooLong)?
            .copy_from_slice(secret);
        Ok(key)
    }

    /// The key padded with zeros, as HMAC uses it (RFC 2104, section 2, step 1).
    fn block(&self) -> &[u8; Self::MAX] {
        &self.0
    }
}

/// A signature in lower-case hex; wiped when dropped, since it is a password.
pub struct Signature {
    hex: Zeroizing<[u8; Self::MAX]>,
    len: usize,
}

impl Signature {
    /// The hex digits of the longest digest here, SHA-256.
    pub const MAX: usize = 64;

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.hex.get(..self.len).unwrap_or_default()
    }
}

fn finish(mut mac: impl Mac, parts: &[&[u8]]) -> Signature {
    parts.iter().for_each(|part| mac.update(part));
    let code = mac.finalize().into_bytes();

    let mut hex = Zeroizing::new([0; Signature::MAX]);
    let digits = code
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(u32::from)
        .map(hex_digit);
    let mut len = 0;
    for (slot, digit) in hex.iter_mut().zip(digits) {
        *slot = digit;
        len += 1;
    }
    Signature { hex, len }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::str;

    use super::*;

    fn signed<M: Method>(key: &[u8], parts: &[&[u8]]) -> std::string::String {
        let key = Key::new(key).expect("short enough");
        str::from_utf8(M::sign(&key, parts).as_bytes())
            .expect("hex")
            .into()
    }

    /// RFC 2202, test cases 1 to 3 and 5 (the others have longer keys).
    #[test]
    fn the_examples_of_rfc_2202() {
        let text: &[u8] = b"what do ya want for nothing?";
        assert_eq!(
            signed::<HmacMd5>(&[0x0b; 16], &[b"Hi There"]),
            "9294727a3638bb1c13f48ef8158bfc9d"
        );
        assert_eq!(
            signed::<HmacMd5>(b"Jefe", &[text]),
            "750c783e6ab0b503eaa86e310a5db738"
        );
        assert_eq!(
            signed::<HmacMd5>(&[0xaa; 16], &[&[0xdd; 50]]),
            "56be34521d144c88dbb8c733f0e8b3f6"
        );
        assert_eq!(
            signed::<HmacMd5>(&[0x0c; 16], &[b"Test With Truncation"]),
            "56461ef2342edc00f9bab995690efd4c"
        );

        assert_eq!(
            signed::<HmacSha1>(&[0x0b; 20], &[b"Hi There"]),
            "b617318655057264e28bc0b6fb378c8ef146be00"
        );
        assert_eq!(
            signed::<HmacSha1>(b"Jefe", &[text]),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            signed::<HmacSha1>(&[0xaa; 20], &[&[0xdd; 50]]),
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3"
        );
        assert_eq!(
            signed::<HmacSha1>(&[0x0c; 20], &[b"Test With Truncation"]),
            "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"
        );
    }

    #[test]
    fn how_the_message_is_cut_does_not_matter() {
        let whole = signed::<HmacSha1>(b"key", &[b"what do ya want for nothing?"]);
        assert_eq!(
            signed::<HmacSha1>(b"key", &[b"what do ya", b"", b" want for", b" nothing?"]),
            whole
        );
        assert_ne!(signed::<HmacSha1>(b"key", &[b"what do ya"]), whole);
    }

    #[test]
    fn a_key_of_64_bytes_is_the_longest() {
        assert!(Key::new(&[7; 64]).is_ok());
        assert_eq!(Key::new(&[7; 65]).err(), Some(KeyTooLong));
        assert_eq!(
            signed::<HmacMd5>(&[], &[]),
            "74e6f7298a9c2d168935f58c001bad88"
        );
    }
}
