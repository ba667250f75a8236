//! Over-the-air updates: of firmware, and of the remote configuration (reference: ota.md; Alink, OTA).
//!
//! The platform announces an image over MQTT; the device fetches it over HTTP and reports how far it is.
//!
//! ```text
//!          announcement                 all bytes, or failure
//! Idle ────────────────────> Fetching ────────────────────────> Fetched
//!                                ▲         announcement             │
//!                                └──────────────────────────────────┘
//! ```

mod digest;
mod download;
mod message;
mod topic;

use alloc::ffi::CString;
use core::ffi::CStr;

pub use self::{
    digest::Digest,
    download::{Download, Failure, Want},
    message::{
        Announcement, Bad, Image, Payload, VERSION_MAX, config_query, inform, progress, reply,
    },
    topic::{Device, Incoming, Outgoing, Topic},
};

/// One device's updates: what was announced last, and what has come of it.
#[derive(Debug)]
pub struct Ota<D> {
    phase: Phase,
    /// The announced version; a configuration has none.
    version: Option<CString>,
    /// The announced digest in hex.
    sign: Option<CString>,
    /// The announced size.
    size: u32,
    /// The download, unless somebody is at it.
    download: Option<D>,
    /// How many bytes were handed out.
    fetched: u32,
    failure: Option<Failure>,
    /// The beginning of this download was reported.
    noticed: bool,
}

/// How far an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was announced.
    Idle,
    /// An image was announced, and is not there yet.
    Fetching,
    /// The image is there, or fetching it has failed.
    Fetched,
}

impl<D> Ota<D> {
    /// Nothing was announced yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Idle,
            version: None,
            sign: None,
            size: 0,
            download: None,
            fetched: 0,
            failure: None,
            noticed: false,
        }
    }

    /// How far it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How many bytes the image has that was announced last; 0 if none was.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// How many bytes were handed out, of the present download or the last one.
    #[must_use]
    pub const fn fetched(&self) -> u32 {
        self.fetched
    }

    /// Why the last download is of no use; `None` as long as nothing speaks against it.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Begins another download, unless one is [busy](Bad::Busy).
    pub fn announced(&mut self, announcement: Announcement, download: D) -> Result<(), Bad> {
        if self.phase == Phase::Fetching {
            return Err(Bad::Busy);
        }
        *self = Self {
            phase: Phase::Fetching,
            version: match announcement.image {
                Image::Firmware { version } => Some(version),
                Image::Config { .. } => None,
            },
            sign: Some(announcement.sign),
            size: announcement.size,
            download: Some(download),
            ..Self::new()
        };
        Ok(())
    }

    /// The download, for the one who fetches; `None` if there is none, or somebody else is at it.
    pub const fn take_download(&mut self) -> Option<D> {
        self.download.take()
    }

    /// Whether the platform is still to be told that this download has begun; asked once.
    pub const fn take_notice(&mut self) -> bool {
        !core::mem::replace(&mut self.noticed, true)
    }

    /// The one who fetches has come this far, and will go on.
    pub fn paused(&mut self, download: D, fetched: u32) {
        self.fetched = fetched;
        self.download = Some(download);
    }

    /// The download has ended, with all bytes, of which this is the digest, or without.
    pub fn ended(&mut self, fetched: u32, result: Result<&mut Digest, Failure>) {
        self.phase = Phase::Fetched;
        self.fetched = fetched;
        let checked = result.and_then(|digest| {
            let announced = self.sign.as_ref().map(|sign| sign.as_bytes());
            if announced.is_some_and(|announced| digest.is(announced)) {
                Ok(())
            } else {
                Err(Failure::Digest)
            }
        });
        self.failure = checked.err();
    }

    /// Whether the image is there as it was announced, and is of this kind.
    #[must_use]
    pub fn is_valid(&self, kind: Kind) -> bool {
        self.phase == Phase::Fetched && self.failure.is_none() && self.kind() == kind
    }

    fn kind(&self) -> Kind {
        if self.version.is_some() {
            Kind::Firmware
        } else {
            Kind::Config
        }
    }

    /// The announced version; empty if no firmware was announced.
    #[must_use]
    pub fn version(&self) -> &CStr {
        self.version.as_deref().unwrap_or_default()
    }

    /// The announced MD5 of firmware as it was written; empty if no firmware was announced.
    #[must_use]
    pub fn md5(&self) -> &CStr {
        match (self.kind(), &self.sign) {
            (Kind::Firmware, Some(sign)) => sign,
            _ => c"",
        }
    }
}

impl<D> Default for Ota<D> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The firmware.
    Firmware,
    /// The remote configuration.
    Config,
}
