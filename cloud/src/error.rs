//! What can go wrong on the platform's side.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::device::DeviceId;

/// Why the platform could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such device is registered.
    #[error("device {0} is not known")]
    UnknownDevice(DeviceId),
    /// No such product is registered.
    #[error("product {0} is not known")]
    UnknownProduct(String),
    /// No such firmware was added.
    #[error("there is no firmware of version {0}")]
    UnknownFirmware(String),
    /// The device is not connected, and has no session that could keep the message.
    #[error("the device is offline")]
    Offline,
    /// The device did not subscribe the topic.
    #[error("the device did not subscribe {0}")]
    NotSubscribed(String),
    /// The device did not connect with `ext=1`, which extended RRPC needs.
    #[error("the device did not connect with ext=1")]
    NoExt,
    /// As many QoS 1 messages as are kept wait for the device already.
    #[error("too many messages wait for the device")]
    QueueFull,
    /// The payload is larger than 256 KiB.
    #[error("a payload of {0} bytes is too large")]
    TooLarge(usize),
    /// A message cannot have this topic.
    #[error("{0:?} is not a topic name")]
    Topic(String),
    /// The device did not answer in time.
    #[error("the device did not answer in time")]
    Timeout,
    /// A configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// A file of the platform could not be used.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was to be done with it.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// OpenSSL refused.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] openssl::error::ErrorStack),
    /// The runtime's threads could not be started.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The platform's own code for it (Alink, section 5), where it has one.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::UnknownDevice(_) => Some(6100),
            Self::UnknownProduct(_) => Some(6250),
            Self::Offline => Some(9201),
            Self::NotSubscribed(_) | Self::NoExt | Self::Topic(_) => Some(6813),
            Self::QueueFull => Some(429),
            Self::TooLarge(_) => Some(460),
            Self::Timeout => Some(100_000),
            Self::UnknownFirmware(_)
            | Self::Config(_)
            | Self::File { .. }
            | Self::Listen { .. }
            | Self::OpenSsl(_)
            | Self::Runtime(_) => None,
        }
    }
}
