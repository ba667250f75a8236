//! What ends a session, and how it is told to people.

use std::fmt;

use rustls::pki_types::InvalidDnsNameError;

use crate::verify;

/// How a [`Stream`](crate::Stream) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The peer has closed it.
    Closed,
    /// It broke.
    Failed,
}

/// Why there is no session, or none any more.
#[derive(Clone, Debug)]
pub enum Error {
    /// The stream ended; `Closed` with or without TLS' closing alert.
    Lost(Lost),
    /// The server did not finish the handshake in time.
    TimedOut,
    /// The host's name cannot stand in a certificate.
    Name,
    /// There is no root certificate to trust.
    NoRoot,
    /// The server's certificate is refused, or what the server says is not TLS as it should be.
    Tls(rustls::Error),
}

impl Error {
    /// What to tell about the connection to `host`: what is wrong and, where it is known, what to do about it.
    pub fn explain(&self, host: &str) -> (String, Option<&'static str>) {
        match self {
            Self::Tls(rustls::Error::InvalidCertificate(error)) => {
                let (problem, remedy) = verify::explain(error);
                (format!("the certificate of {host} {problem}"), Some(remedy))
            }
            _ => (format!("{host}: {self}"), None),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(Lost::Closed) => f.write_str("closed by the server"),
            Self::Lost(Lost::Failed) => f.write_str("connection lost"),
            Self::TimedOut => f.write_str("handshake not finished in time"),
            Self::Name => f.write_str("not a name that a certificate can carry"),
            Self::NoRoot => f.write_str("no root certificate to trust: no connection"),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<InvalidDnsNameError> for Error {
    fn from(_: InvalidDnsNameError) -> Self {
        Self::Name
    }
}
