//! What a platform is started with: addresses, products and devices, limits.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use md5::Md5;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Error,
    device::{DeviceId, Secret},
    fault::Faults,
    tls::Certificate,
    topic::{self, TopicClass},
};

/// What a platform is started with. [`Config::default`] suits tests: loopback, free ports, a data folder that goes
/// with the platform.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where devices connect, by TLS or plain TCP; port 0 takes a free one.
    pub mqtt: SocketAddr,
    /// Where devices reach the web server, by TLS or plain TCP: authentication, messages, files.
    pub web: SocketAddr,
    /// Where the control API listens. Whoever reaches it commands the platform: keep it on loopback.
    pub control: SocketAddr,
    /// Where certificates, firmware, transcript and the chosen addresses are kept; `None`: in a temporary folder, and
    /// firmware in memory.
    pub data_dir: Option<PathBuf>,
    /// Products and their devices.
    pub products: BTreeMap<String, Product>,
    /// Serves this certificate instead of the platform's own.
    pub certificate: Option<Certificate>,
    /// Faults from the start; see also [`Cloud::set_faults`](crate::Cloud::set_faults).
    pub faults: Faults,
    /// Keep the bytes of each packet in the transcript, too.
    pub raw_transcript: bool,
    /// The platform's limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            mqtt: loopback,
            web: loopback,
            control: loopback,
            data_dir: None,
            products: BTreeMap::new(),
            certificate: None,
            faults: Faults::default(),
            raw_transcript: false,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Adds a device (and its product, if it is new).
    pub fn device(mut self, id: &DeviceId, secret: &str) -> Self {
        let product = self.products.entry(id.product_key.clone()).or_default();
        product
            .devices
            .insert(id.device_name.clone(), Device::new(secret));
        self
    }

    /// Reads a device file; file names in it are relative to its folder.
    ///
    /// ```toml
    /// [[product]]
    /// key = "a1ProdKey01"
    /// secret = "made-up-product-secret"     # optional
    /// tsl = "light.json"                    # optional: the product's thing model
    /// config = { file = "settings.bin", url = "https://host/settings.bin" } # optional: the remote configuration
    /// topics = [{ filter = "/{pk}/{dn}/log", rights = "publish" }] # optional: custom topic classes
    ///
    /// [[product.device]]
    /// name = "dev-0001"
    /// secret = "made-up-device-secret"
    /// tags = { room = "kitchen" }           # optional
    /// enabled = true                        # optional
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::File`] when a file cannot be read, [`Error::Config`] when it makes no sense.
    pub fn with_device_file(mut self, path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
        let file: DeviceFile = toml::from_str(&text)
            .map_err(|error| Error::Config(format!("{}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for section in file.product {
            let key = section.key.clone();
            let product = section.read(folder)?;
            if self.products.insert(key.clone(), product).is_some() {
                return Err(Error::Config(format!(
                    "{}: product {key} stands there twice",
                    path.display()
                )));
            }
        }
        Ok(self)
    }
}

/// A product: what its devices have in common.
#[derive(Debug, Clone, Default)]
pub struct Product {
    /// The product secret, for products whose devices register themselves.
    pub secret: Option<Secret>,
    /// The thing model, as `thing/dsltemplate/get` hands it out.
    pub tsl: Option<Value>,
    /// What `thing/config/get` hands out.
    pub config: Option<RemoteConfig>,
    /// Custom topic classes; they go before the platform's.
    pub topics: Vec<TopicClass>,
    /// The product's devices by name.
    pub devices: BTreeMap<String, Device>,
}

/// A product's remote configuration: where devices fetch it, and how they recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Where the file is fetched from (HTTP or HTTPS); the platform itself does not serve it.
    pub url: String,
    /// The file's length in bytes.
    pub size: u64,
    /// The file's SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl RemoteConfig {
    /// The configuration whose file has this content.
    pub fn new(url: impl Into<String>, content: &[u8]) -> Self {
        Self {
            url: url.into(),
            size: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
        }
    }

    /// As devices are told, with this digest of `content`.
    pub(crate) fn data_with(&self, digest: ConfigDigest, content: &[u8]) -> Value {
        let mut data = self.data();
        if digest == ConfigDigest::Md5 {
            data["sign"] = json!(hex::encode(Md5::digest(content)));
            data["signMethod"] = json!("Md5");
        }
        data
    }

    /// As devices are told: `data` of a `thing/config/get_reply`, `params` of a `thing.config.push`.
    pub fn data(&self) -> Value {
        json!({
            "configId": self.sha256.get(..16), "configSize": self.size, "sign": self.sha256, "signMethod": "Sha256",
            "url": self.url, "getType": "file",
        })
    }
}

/// How a configuration is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigDigest {
    /// `Sha256`, as the platform does it now.
    Sha256,
    /// `Md5`.
    Md5,
}

/// A device as it is registered.
#[derive(Debug, Clone)]
pub struct Device {
    /// The device secret.
    pub secret: Secret,
    /// Tags the device has from the start.
    pub tags: BTreeMap<String, String>,
    /// A disabled device is refused.
    pub enabled: bool,
}

impl Device {
    /// A device with this secret, enabled, without tags.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.into(),
            tags: BTreeMap::new(),
            enabled: true,
        }
    }
}

/// What the platform allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Keep-alive intervals that are accepted, in seconds.
    pub keep_alive: RangeInclusive<u16>,
    /// From the connection's begin to the end of CONNECT, TLS handshake included.
    pub connect_time: Duration,
    /// How long one write to a device may take.
    pub write_time: Duration,
    /// Subscriptions of a device, those that the platform makes for `_ss=1` included.
    pub subscriptions: usize,
    /// QoS 1 messages kept for a device, those under way included.
    pub queue: usize,
    /// QoS 1 messages under way to a device at a time.
    pub window: usize,
    /// Connections at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keep_alive: 30..=1200,
            connect_time: Duration::from_secs(10),
            write_time: Duration::from_secs(10),
            subscriptions: 128,
            queue: 100,
            window: 20,
            connections: 1000,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceFile {
    #[serde(default)]
    product: Vec<ProductSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductSection {
    key: String,
    secret: Option<Secret>,
    tsl: Option<PathBuf>,
    config: Option<ConfigSection>,
    #[serde(default)]
    topics: Vec<TopicClass>,
    #[serde(default)]
    device: Vec<DeviceSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigSection {
    file: PathBuf,
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceSection {
    name: String,
    secret: Secret,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

impl ProductSection {
    fn read(self, folder: &Path) -> Result<Product, Error> {
        let complain = |what: &str| Err(Error::Config(format!("product {}: {what}", self.key)));
        if self.key.is_empty() || self.key.contains(['/', '+', '#', '&']) {
            return complain("a product key is one topic level");
        }
        if let Some(class) = self
            .topics
            .iter()
            .find(|class| !topic::is_filter(&class.filter))
        {
            return complain(&format!("{:?} is not a topic filter", class.filter));
        }
        let tsl = match &self.tsl {
            Some(name) => {
                let path = folder.join(name);
                let text =
                    fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
                let model = serde_json::from_str(&text);
                Some(model.map_err(|error| Error::Config(format!("{}: {error}", path.display())))?)
            }
            None => None,
        };
        let config = match &self.config {
            Some(section) => {
                let path = folder.join(&section.file);
                let content = fs::read(&path).map_err(|error| Error::file("read", &path, error))?;
                Some(RemoteConfig::new(&section.url, &content))
            }
            None => None,
        };
        let mut devices = BTreeMap::new();
        for section in &self.device {
            let name = section.name.clone();
            if name.is_empty() || name.contains(['/', '+', '#', '&']) {
                return complain("a device name is one topic level");
            }
            let device = Device {
                secret: section.secret.clone(),
                tags: section.tags.clone(),
                enabled: section.enabled,
            };
            if devices.insert(name, device).is_some() {
                return complain(&format!("device {} stands there twice", section.name));
            }
        }
        Ok(Product {
            secret: self.secret,
            tsl,
            config,
            topics: self.topics,
            devices,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_file_is_read_with_its_model() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("m.json"), r#"{"profile":{}}"#).unwrap();
        let file = folder.path().join("devices.toml");
        let text = r#"
            [[product]]
            key = "pk"
            tsl = "m.json"
            config = { file = "m.json", url = "https://localhost/m.json" }
            topics = [{ filter = "/{pk}/{dn}/log", rights = "publish" }]
            [[product.device]]
            name = "dn"
            secret = "made-up"
            tags = { room = "kitchen" }
        "#;
        fs::write(&file, text).unwrap();
        let config = Config::default().with_device_file(&file).unwrap();
        let product = &config.products["pk"];
        assert_eq!(
            product.tsl.as_ref().unwrap()["profile"],
            serde_json::json!({})
        );
        let config_data = product.config.as_ref().unwrap().data();
        let sign = "ffd1c358b691c508257683c797aeaae82cf366975148bfc3b08a3d45bb61fe19";
        assert_eq!(
            config_data,
            json!({"configId": sign[..16], "configSize": 14, "sign": sign, "signMethod": "Sha256",
                "url": "https://localhost/m.json", "getType": "file"})
        );
        assert_eq!(product.devices["dn"].tags["room"], "kitchen");
        assert!(
            !format!("{config:?}").contains("made-up"),
            "secrets are not printed"
        );

        for wrong in [
            "[[product]]\nkey = \"a/b\"",
            "[[product]]\nkey = \"a\"\n[[product]]\nkey = \"a\"",
            "[[product]]\nkey = \"a\"\ntopics = [{ filter = \"#a\", rights = \"both\" }]",
            "[[product]]\nkey = \"a\"\nname = \"b\"",
            "[[product]]\nkey = \"a\"\ntsl = \"none.json\"",
            "[[product]]\nkey = \"a\"\nconfig = { file = \"none\", url = \"x\" }",
        ] {
            fs::write(&file, wrong).unwrap();
            assert!(
                Config::default().with_device_file(&file).is_err(),
                "{wrong}"
            );
        }
    }
}
