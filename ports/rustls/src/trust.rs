//! The certificates that a server's chain may end in.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Root certificates; nobody is trusted without one.
#[derive(Debug)]
pub struct Trust {
    pub(crate) roots: RootCertStore,
}

/// Why certificates were not, or not all, taken into a [`Trust`].
#[derive(Debug)]
pub enum TrustError {
    /// A text has no certificate in it.
    NoCertificate,
    /// So many of a text's certificates cannot be used; the others are trusted.
    Unusable(usize),
    /// What is wrong with a file's text.
    InFile(PathBuf, Box<Self>),
    /// A file cannot be read.
    File(PathBuf, io::Error),
}

impl Default for Trust {
    /// Nobody is trusted yet.
    fn default() -> Self {
        Self {
            roots: RootCertStore::empty(),
        }
    }
}

impl Trust {
    /// Trusts the certificates in `pem`, which may have text around them and NULs behind them.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), TrustError> {
        let end = pem
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let text = pem.get(..end).unwrap_or_default();
        let (mut added, mut unusable) = (0_usize, 0_usize);
        for certificate in CertificateDer::pem_slice_iter(text) {
            match certificate.map(|certificate| self.roots.add(certificate)) {
                Ok(Ok(())) => added += 1,
                Ok(Err(_)) | Err(_) => unusable += 1,
            }
        }
        match (added, unusable) {
            (_, 0) if added > 0 => Ok(()),
            (0, _) => Err(TrustError::NoCertificate),
            (_, unusable) => Err(TrustError::Unusable(unusable)),
        }
    }

    /// Trusts the certificates in a PEM file.
    pub fn add_file(&mut self, path: &Path) -> Result<(), TrustError> {
        let pem = fs::read(path).map_err(|error| TrustError::File(path.to_path_buf(), error))?;
        self.add_pem(&pem)
            .map_err(|error| TrustError::InFile(path.to_path_buf(), Box::new(error)))
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("no PEM certificate in it can be read"),
            Self::Unusable(number) => write!(f, "{number} of the certificates cannot be read"),
            Self::InFile(path, error) => write!(f, "{}: {error}", path.display()),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for TrustError {}
