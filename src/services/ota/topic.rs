//! The topics of updates (reference: ota.md, 4.1).

use crate::{
    auth::Identity,
    text::{Full, Text},
    wire::mqtt::QoS,
};

/// The text of a topic.
pub type Topic = Text<{ TOPIC_MAX }>;

const TOPIC_MAX: usize =
    "/sys///thing/config/push_reply".len() + Identity::PRODUCT_KEY_MAX + Identity::DEVICE_NAME_MAX;

/// What the platform sends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Answers to [`Outgoing::Request`].
    Request,
    /// Firmware, announced.
    Upgrade,
    /// Answers to [`Outgoing::ConfigGet`].
    ConfigReply,
    /// A configuration, announced.
    ConfigPush,
}

/// What the device publishes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// The version it runs.
    Inform,
    /// Whether there is another image.
    Request,
    /// How far it is.
    Progress,
    /// Whether there is a configuration.
    ConfigGet,
    /// What became of [`Incoming::ConfigPush`].
    PushReply,
}

/// Product key and device name as topics have them, with a slash between.
#[derive(Clone, Debug)]
pub struct Device(Text<{ Device::MAX }>);

impl Device {
    const MAX: usize = Identity::PRODUCT_KEY_MAX + "/".len() + Identity::DEVICE_NAME_MAX;

    /// Copies both; [`Full`] if one of them is too long.
    pub fn new(product_key: &[u8], device_name: &[u8]) -> Result<Self, Full> {
        if product_key.len() > Identity::PRODUCT_KEY_MAX
            || device_name.len() > Identity::DEVICE_NAME_MAX
        {
            return Err(Full);
        }
        let mut names = Text::new();
        names.push_all(&[product_key, b"/", device_name])?;
        Ok(Self(names))
    }

    /// Both, with the slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn topic(&self, before: &[u8], after: &[u8]) -> Topic {
        let mut topic = Topic::new();
        // There is room for every device.
        let _ = topic.push_all(&[before, self.0.as_bytes(), after]);
        topic
    }
}

impl Incoming {
    /// All of them, in the order in which V2.10 subscribes.
    pub const ALL: [Self; 4] = [
        Self::Request,
        Self::Upgrade,
        Self::ConfigReply,
        Self::ConfigPush,
    ];

    /// With which quality it is subscribed.
    #[must_use]
    pub const fn qos(self) -> QoS {
        match self {
            Self::Request | Self::Upgrade => QoS::AtLeastOnce,
            Self::ConfigReply | Self::ConfigPush => QoS::AtMostOnce,
        }
    }

    /// The topic of a device.
    #[must_use]
    pub fn topic(self, device: &Device) -> Topic {
        match self {
            Self::Request => device.topic(b"/ota/device/request/", b""),
            Self::Upgrade => device.topic(b"/ota/device/upgrade/", b""),
            Self::ConfigReply => device.topic(b"/sys/", b"/thing/config/get_reply"),
            Self::ConfigPush => device.topic(b"/sys/", b"/thing/config/push"),
        }
    }
}

impl Outgoing {
    /// With which quality it is published.
    #[must_use]
    pub const fn qos(self) -> QoS {
        match self {
            Self::Inform | Self::Request => QoS::AtLeastOnce,
            Self::Progress | Self::ConfigGet | Self::PushReply => QoS::AtMostOnce,
        }
    }

    /// The topic of a device.
    #[must_use]
    pub fn topic(self, device: &Device) -> Topic {
        match self {
            Self::Inform => device.topic(b"/ota/device/inform/", b""),
            Self::Request => device.topic(b"/ota/device/request/", b""),
            Self::Progress => device.topic(b"/ota/device/progress/", b""),
            Self::ConfigGet => device.topic(b"/sys/", b"/thing/config/get"),
            Self::PushReply => device.topic(b"/sys/", b"/thing/config/push_reply"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ota-15: the topics of a device with the longest names are complete.
    #[test]
    fn topics_are_complete_with_the_longest_names() {
        let device = Device::new(&[b'p'; 20], &[b'd'; 32]).expect("short enough");
        let reply = Incoming::ConfigReply.topic(&device);
        assert_eq!(reply.as_bytes().len(), 81);
        assert!(reply.as_bytes().ends_with(b"d/thing/config/get_reply"));
        let reply = Outgoing::PushReply.topic(&device);
        assert_eq!(reply.as_bytes().len(), 82);
        assert!(reply.as_bytes().ends_with(b"d/thing/config/push_reply"));

        assert!(Device::new(&[b'p'; 21], b"d").is_err());
        assert!(Device::new(b"p", &[b'd'; 33]).is_err());
        let device = Device::new(b"pk", b"dn").expect("short enough");
        let progress = Outgoing::Progress.topic(&device);
        assert_eq!(progress.as_bytes(), b"/ota/device/progress/pk/dn");
    }
}
