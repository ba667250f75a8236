//! Who the devices are, and what the platform remembers of each.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A device's identity: product key and device name; as text `{product key}/{device name}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId {
    /// The key of the device's product.
    pub product_key: String,
    /// The device's name, unique in its product.
    pub device_name: String,
}

impl DeviceId {
    /// Names a device.
    pub fn new(product_key: impl Into<String>, device_name: impl Into<String>) -> Self {
        Self {
            product_key: product_key.into(),
            device_name: device_name.into(),
        }
    }

    /// `pattern` with `{pk}` and `{dn}` replaced by this device's key and name.
    pub fn fill(&self, pattern: &str) -> String {
        pattern
            .replace("{pk}", &self.product_key)
            .replace("{dn}", &self.device_name)
    }

    /// The device's system topic `/sys/{pk}/{dn}/{rest}`.
    pub fn sys(&self, rest: &str) -> String {
        format!("/sys/{}/{}/{rest}", self.product_key, self.device_name)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.product_key, self.device_name)
    }
}

impl FromStr for DeviceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((product_key, device_name))
                if !product_key.is_empty() && !device_name.is_empty() =>
            {
                Ok(Self::new(product_key, device_name))
            }
            _ => Err(format!(
                "{text:?} is not of the form product-key/device-name"
            )),
        }
    }
}

impl TryFrom<String> for DeviceId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.to_string()
    }
}

/// A device or product secret; printed as its length only.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The secret itself, for the device that registers.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// How many properties are remembered of each device.
const PROPERTIES_KEPT: usize = 1000;

/// How many events are remembered of each device.
const EVENTS_KEPT: usize = 256;

/// What a device has reported and what the platform holds for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceData {
    /// The latest value of each reported property (at most 1000).
    pub properties: BTreeMap<String, Reported>,
    /// The latest events, oldest first (at most 256).
    pub events: VecDeque<Event>,
    /// Values the cloud side wishes for.
    pub desired: BTreeMap<String, Desired>,
    /// The device's tags.
    pub tags: BTreeMap<String, String>,
    /// `params` of the latest `thing/status/update` (partner and module id).
    pub status: Option<Value>,
}

impl DeviceData {
    /// False: there are too many properties for a new one.
    pub(crate) fn report(&mut self, name: &str, value: Value, time: u64) -> bool {
        let room = self.properties.len() < PROPERTIES_KEPT || self.properties.contains_key(name);
        if room {
            self.properties
                .insert(name.to_owned(), Reported { value, time });
        }
        room
    }

    pub(crate) fn happened(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub(crate) fn desire(&mut self, name: &str, value: Value) {
        let version = self.desired.get(name).map_or(1, |old| old.version + 1);
        self.desired
            .insert(name.to_owned(), Desired { value, version });
    }
}

/// A reported property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reported {
    /// The value as it was sent.
    pub value: Value,
    /// When it was measured, in ms since 1970: the device's time stamp where it gave one, else that of arrival.
    pub time: u64,
}

/// A reported event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The event's identifier.
    pub name: String,
    /// Its output parameters.
    pub value: Value,
    /// When it happened, in ms since 1970.
    pub time: u64,
}

/// A value the cloud side wishes a property to have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Desired {
    /// The wished value.
    pub value: Value,
    /// Counts the changes of the wish.
    pub version: u64,
}
