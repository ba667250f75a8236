//! The platform's firmware: images, which device is to have which, and how far it is. A platform with a data folder
//! keeps all that there, and knows it when it starts again.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use bytes::Bytes;
use md5::Md5;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Error, device::DeviceId, tls};

/// A file that devices fetch: firmware, or a configuration.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) content: Bytes,
    pub(crate) modified: SystemTime,
    /// The content's SHA-256 in lower-case hexadecimal.
    sha256: String,
}

impl File {
    fn new(content: Bytes, modified: SystemTime) -> Self {
        Self {
            sha256: hex::encode(Sha256::digest(&content)),
            content,
            modified,
        }
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", &self.sha256[..32])
    }

    /// Its path on the web server.
    fn path(&self, folder: &str) -> String {
        format!("/{folder}/{}", &self.sha256[..16])
    }
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
    fn new(version: &str, image: &File) -> Self {
        Self {
            version: version.to_owned(),
            size: image.content.len(),
            md5: hex::encode(Md5::digest(&image.content)),
            path: image.path("firmware"),
        }
    }

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
#[derive(Debug)]
pub(crate) struct Store {
    /// Where they outlast the platform; without one they are in memory alone.
    folder: Option<PathBuf>,
    /// The web server's address, to which an image's path is added.
    web: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// By their paths on the web server.
    files: BTreeMap<String, File>,
}

/// What stands in [`State::FILE`]. The images themselves lie beside it, by their paths.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    firmware: BTreeMap<String, Firmware>,
    devices: BTreeMap<DeviceId, Job>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Job {
    upgrade: Upgrade,
    /// The image that the device is to have.
    image: Option<Firmware>,
    /// Where it is fetched from, if not from the platform itself.
    url: Option<String>,
}

impl Store {
    /// With what a platform kept in the folder.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when that cannot be read, [`Error::Config`] when it is damaged.
    pub(crate) fn open(folder: Option<PathBuf>, web: String) -> Result<Self, Error> {
        let inner = match &folder {
            Some(folder) => Inner::read(folder)?,
            None => Inner::default(),
        };
        Ok(Self {
            folder,
            web,
            inner: Mutex::new(inner),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while locked")
    }

    /// Keeps a file as long as the platform runs; its path.
    pub(crate) fn add_file(&self, folder: &str, content: Bytes) -> String {
        let file = File::new(content, SystemTime::now());
        let path = file.path(folder);
        self.lock().files.insert(path.clone(), file);
        path
    }

    pub(crate) fn file(&self, path: &str) -> Option<File> {
        self.lock().files.get(path).cloned()
    }

    /// Keeps an image; another one of this version goes.
    pub(crate) fn add(&self, version: &str, content: Bytes) -> Result<Firmware, Error> {
        let mut file = File::new(content, SystemTime::now());
        let firmware = Firmware::new(version, &file);
        let mut inner = self.lock();
        if let Some(folder) = &self.folder {
            file.modified = write_image(&image_file(folder, &firmware.path), &file.content)?;
        }
        inner.files.insert(firmware.path.clone(), file);
        inner
            .state
            .firmware
            .insert(version.to_owned(), firmware.clone());
        self.keep(&mut inner)?;
        Ok(firmware)
    }

    pub(crate) fn list(&self) -> Vec<Firmware> {
        self.lock().state.firmware.values().cloned().collect()
    }

    pub(crate) fn find(&self, version: &str) -> Result<Firmware, Error> {
        let found = self.lock().state.firmware.get(version).cloned();
        found.ok_or_else(|| Error::UnknownFirmware(version.to_owned()))
    }

    /// From now on the device is to have this image, from `url` if that is elsewhere.
    pub(crate) fn plan(
        &self,
        device: &DeviceId,
        firmware: Firmware,
        url: Option<&str>,
    ) -> Result<(), Error> {
        let mut inner = self.lock();
        let job = inner.state.devices.entry(device.clone()).or_default();
        job.upgrade.target = Some(firmware.version.clone());
        job.upgrade.state = Some(UpgradeState::Pending);
        job.image = Some(firmware);
        job.url = url.map(str::to_owned);
        self.keep(&mut inner)
    }

    /// What the device is to be told, if it is to have an image that it does not run. A device that reports its version
    /// has started anew, and knows nothing of what it was told before.
    pub(crate) fn due(&self, device: &DeviceId) -> Option<Value> {
        let inner = self.lock();
        let job = inner.state.devices.get(device)?;
        let is_due = matches!(
            job.upgrade.state,
            Some(UpgradeState::Pending | UpgradeState::Announced | UpgradeState::Upgrading(_))
        );
        self.announcement(job).filter(|_| is_due)
    }

    /// What the device has asked for: an image that it does not run.
    pub(crate) fn wanted(&self, device: &DeviceId, running: &str) -> Option<Value> {
        let inner = self.lock();
        let job = inner.state.devices.get(device)?;
        let is_new = job.upgrade.target.as_deref() != Some(running);
        self.announcement(job).filter(|_| is_new)
    }

    /// The image, and where it is now: the web server may have moved since the device was to have it.
    fn announcement(&self, job: &Job) -> Option<Value> {
        let image = job.image.as_ref()?;
        Some(match &job.url {
            Some(url) => image.data(url),
            None => image.data(&format!("{}{}", self.web, image.path)),
        })
    }

    pub(crate) fn announced(&self, device: &DeviceId) {
        self.report(device, |upgrade| {
            upgrade.state = Some(UpgradeState::Announced);
        });
    }

    /// The device reports which version it runs.
    pub(crate) fn runs(&self, device: &DeviceId, version: &str) {
        self.report(device, |upgrade| {
            upgrade.running = Some(version.to_owned());
            if upgrade.target.as_deref() == Some(version) {
                upgrade.state = Some(UpgradeState::Succeeded);
            }
        });
    }

    /// The device reports how far it is.
    pub(crate) fn progressed(&self, device: &DeviceId, step: i64, description: &str) {
        self.report(device, |upgrade| {
            upgrade.state = Some(match u8::try_from(step) {
                Ok(percent) => UpgradeState::Upgrading(percent.min(100)),
                Err(_) => UpgradeState::Failed {
                    step,
                    description: description.to_owned(),
                },
            });
        });
    }

    /// Changes a device's upgrade. It holds even if it cannot be written down: a device does not say it again.
    fn report(&self, device: &DeviceId, change: impl FnOnce(&mut Upgrade)) {
        let mut inner = self.lock();
        let job = inner.state.devices.entry(device.clone()).or_default();
        change(&mut job.upgrade);
        if let Err(error) = self.keep(&mut inner) {
            tracing::error!(%device, %error, "a restart will not know how far the upgrade is");
        }
    }

    pub(crate) fn upgrade(&self, device: &DeviceId) -> Upgrade {
        let inner = self.lock();
        let job = inner.state.devices.get(device);
        job.map(|job| job.upgrade.clone()).unwrap_or_default()
    }

    /// Writes down what has changed, and drops images that are neither listed nor to be had by a device.
    fn keep(&self, inner: &mut Inner) -> Result<(), Error> {
        if let Some(folder) = &self.folder {
            let text = serde_json::to_string_pretty(&inner.state)
                .map_err(|error| Error::Config(error.to_string()))?;
            tls::write(&folder.join(State::FILE), format!("{text}\n"), 0o644)?;
        }
        let Inner { state, files } = inner;
        files.retain(|path, _| {
            let stays = !path.starts_with("/firmware/") || state.needs(path);
            if !stays && let Some(folder) = &self.folder {
                let file = image_file(folder, path);
                if let Err(error) = fs::remove_file(&file) {
                    tracing::warn!(file = %file.display(), %error, "a replaced image stays");
                }
            }
            stays
        });
        Ok(())
    }
}

impl Inner {
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(State::FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::file("read", &path, error)),
        };
        let state: State = serde_json::from_str(&text)
            .map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
        let mut files = BTreeMap::new();
        for image in state.images() {
            if files.contains_key(&image.path) {
                continue; // what one device is to have, others may be to have as well
            }
            let path = image_file(folder, &image.path);
            let content = fs::read(&path).map_err(|error| Error::file("read", &path, error))?;
            let file = File::new(content.into(), modified(&path)?);
            if Firmware::new(&image.version, &file) != *image {
                return Err(Error::Config(format!(
                    "{}: not the image that was added",
                    path.display()
                )));
            }
            files.insert(image.path.clone(), file);
        }
        Ok(Self { state, files })
    }
}

impl State {
    /// Its name in the data folder.
    const FILE: &str = "firmware.json";

    /// The images that are listed, and those that devices are to have.
    fn images(&self) -> impl Iterator<Item = &Firmware> {
        let planned = self.devices.values().filter_map(|job| job.image.as_ref());
        self.firmware.values().chain(planned)
    }

    fn needs(&self, path: &str) -> bool {
        self.images().any(|image| image.path == path)
    }
}

/// An image in the data folder, by its path on the web server.
fn image_file(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}

/// Writes an image; when that was.
fn write_image(path: &Path, content: &[u8]) -> Result<SystemTime, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, error))?;
    }
    tls::write(path, content, 0o644)?;
    modified(path)
}

/// What devices are told as `Last-Modified`: the file's own time, which a restart does not change.
fn modified(path: &Path) -> Result<SystemTime, Error> {
    let metadata = fs::metadata(path).and_then(|metadata| metadata.modified());
    metadata.map_err(|error| Error::file("read", path, error))
}
