//! The platform's firmware: images, which device is to have which, and how far it is.

use std::{collections::BTreeMap, fmt, sync::Mutex, time::SystemTime};

use bytes::Bytes;
use md5::Md5;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Error, device::DeviceId};

/// A file that devices fetch: firmware, or a configuration.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) content: Bytes,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
}

/// A firmware image as it is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    /// Its version.
    pub version: String,
    /// How many bytes it has.
    pub size: usize,
    /// Its MD5 in lower-case hexadecimal.
    pub md5: String,
    /// Its path on the platform's web server.
    pub path: String,
}

impl Firmware {
    /// What a device is told: `data` of `/ota/device/upgrade` (reference: OTA, 4.3).
    fn data(&self, url: &str) -> Value {
        json!({
            "size": self.size, "version": self.version, "url": url, "md5": self.md5, "sign": self.md5,
            "signMethod": "Md5",
        })
    }
}

/// How far a device's upgrade is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeState {
    /// The device has not heard of it yet: it is told when it reports its version.
    Pending,
    /// The device was told.
    Announced,
    /// The device fetches it, and is at so many percent.
    Upgrading(u8),
    /// The device runs it.
    Succeeded,
    /// The device reports that it failed.
    Failed {
        /// -1 in general, -2 fetching, -3 the check, -4 burning.
        step: i64,
        /// The device's words.
        description: String,
    },
}

impl fmt::Display for UpgradeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Announced => f.write_str("announced"),
            Self::Upgrading(percent) => write!(f, "upgrading, {percent} %"),
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { step, description } => {
                let what = match step {
                    -2 => "fetching failed",
                    -3 => "the check failed",
                    -4 => "burning failed",
                    _ => "failed",
                };
                write!(f, "failed ({step}): {what}")?;
                if !description.is_empty() {
                    write!(f, ": {description}")?;
                }
                Ok(())
            }
        }
    }
}

/// A device's firmware as the control side sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version that the device has reported.
    pub running: Option<String>,
    /// The version that it is to have.
    pub target: Option<String>,
    /// How far that is.
    pub state: Option<UpgradeState>,
}

/// All images, and all devices' upgrades.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    firmware: BTreeMap<String, Firmware>,
    files: BTreeMap<String, File>,
    devices: BTreeMap<DeviceId, Job>,
}

#[derive(Debug, Default)]
struct Job {
    upgrade: Upgrade,
    /// What the device is told: the image and its URL.
    announcement: Option<Value>,
}

impl Store {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic while locked")
    }

    /// Keeps a file; its path.
    pub(crate) fn add_file(&self, folder: &str, content: Bytes) -> String {
        let digest = hex::encode(Sha256::digest(&content));
        let path = format!("/{folder}/{}", &digest[..16]);
        let file = File {
            content,
            etag: format!("\"{}\"", &digest[..32]),
            modified: SystemTime::now(),
        };
        self.lock().files.insert(path.clone(), file);
        path
    }

    pub(crate) fn file(&self, path: &str) -> Option<File> {
        self.lock().files.get(path).cloned()
    }

    /// Keeps an image; another one of this version goes.
    pub(crate) fn add(&self, version: &str, content: Bytes) -> Firmware {
        let firmware = Firmware {
            version: version.to_owned(),
            size: content.len(),
            md5: hex::encode(Md5::digest(&content)),
            path: self.add_file("firmware", content),
        };
        self.lock()
            .firmware
            .insert(version.to_owned(), firmware.clone());
        firmware
    }

    pub(crate) fn list(&self) -> Vec<Firmware> {
        self.lock().firmware.values().cloned().collect()
    }

    pub(crate) fn find(&self, version: &str) -> Result<Firmware, Error> {
        let found = self.lock().firmware.get(version).cloned();
        found.ok_or_else(|| Error::UnknownFirmware(version.to_owned()))
    }

    /// From now on the device is to have this image, from `url`.
    pub(crate) fn plan(&self, device: &DeviceId, firmware: &Firmware, url: &str) {
        let mut inner = self.lock();
        let job = inner.devices.entry(device.clone()).or_default();
        job.upgrade.target = Some(firmware.version.clone());
        job.upgrade.state = Some(UpgradeState::Pending);
        job.announcement = Some(firmware.data(url));
    }

    /// What the device is to be told, if it is to have an image that it does not run. A device that reports its version
    /// has started anew, and knows nothing of what it was told before.
    pub(crate) fn due(&self, device: &DeviceId) -> Option<Value> {
        let inner = self.lock();
        let job = inner.devices.get(device)?;
        let is_due = matches!(
            job.upgrade.state,
            Some(UpgradeState::Pending | UpgradeState::Announced | UpgradeState::Upgrading(_))
        );
        job.announcement.clone().filter(|_| is_due)
    }

    /// What the device has asked for: an image that it does not run.
    pub(crate) fn wanted(&self, device: &DeviceId, running: &str) -> Option<Value> {
        let inner = self.lock();
        let job = inner.devices.get(device)?;
        let is_new = job.upgrade.target.as_deref() != Some(running);
        job.announcement.clone().filter(|_| is_new)
    }

    pub(crate) fn announced(&self, device: &DeviceId) {
        if let Some(job) = self.lock().devices.get_mut(device) {
            job.upgrade.state = Some(UpgradeState::Announced);
        }
    }

    /// The device reports which version it runs.
    pub(crate) fn runs(&self, device: &DeviceId, version: &str) {
        let mut inner = self.lock();
        let upgrade = &mut inner.devices.entry(device.clone()).or_default().upgrade;
        upgrade.running = Some(version.to_owned());
        if upgrade.target.as_deref() == Some(version) {
            upgrade.state = Some(UpgradeState::Succeeded);
        }
    }

    /// The device reports how far it is.
    pub(crate) fn progressed(&self, device: &DeviceId, step: i64, description: &str) {
        let mut inner = self.lock();
        let upgrade = &mut inner.devices.entry(device.clone()).or_default().upgrade;
        upgrade.state = Some(match u8::try_from(step) {
            Ok(percent) => UpgradeState::Upgrading(percent.min(100)),
            Err(_) => UpgradeState::Failed {
                step,
                description: description.to_owned(),
            },
        });
    }

    pub(crate) fn upgrade(&self, device: &DeviceId) -> Upgrade {
        let inner = self.lock();
        let job = inner.devices.get(device);
        job.map(|job| job.upgrade.clone()).unwrap_or_default()
    }
}
