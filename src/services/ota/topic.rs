//! The topics of updates (reference: ota.md, 4.1).

use crate::{auth::Identity, text::Text};

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

impl Incoming {
    /// All of them, in the order in which V2.10 subscribes.
    pub const ALL: [Self; 4] = [
        Self::Request,
        Self::Upgrade,
        Self::ConfigReply,
        Self::ConfigPush,
    ];

    /// The topic of a device.
    #[must_use]
    pub fn topic(self, product_key: &[u8], device_name: &[u8]) -> Topic {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Request => (b"/ota/device/request/", b""),
            Self::Upgrade => (b"/ota/device/upgrade/", b""),
            Self::ConfigReply => (b"/sys/", b"/thing/config/get_reply"),
            Self::ConfigPush => (b"/sys/", b"/thing/config/push"),
        };
        put_together(before, product_key, device_name, after)
    }
}

impl Outgoing {
    /// The topic of a device.
    #[must_use]
    pub fn topic(self, product_key: &[u8], device_name: &[u8]) -> Topic {
        let (before, after): (&[u8], &[u8]) = match self {
            Self::Inform => (b"/ota/device/inform/", b""),
            Self::Request => (b"/ota/device/request/", b""),
            Self::Progress => (b"/ota/device/progress/", b""),
            Self::ConfigGet => (b"/sys/", b"/thing/config/get"),
            Self::PushReply => (b"/sys/", b"/thing/config/push_reply"),
        };
        put_together(before, product_key, device_name, after)
    }
}

fn put_together(before: &[u8], product_key: &[u8], device_name: &[u8], after: &[u8]) -> Topic {
    let mut topic = Topic::new();
    // There is room for every device.
    let _ = topic.push_all(&[before, product_key, b"/", device_name, after]);
    topic
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ota-15: the topics of a device with the longest names are complete.
    #[test]
    fn topics_are_complete_with_the_longest_names() {
        let (pk, dn) = ([b'p'; 20], [b'd'; 32]);
        let reply = Incoming::ConfigReply.topic(&pk, &dn);
        assert_eq!(reply.as_bytes().len(), 81);
        assert!(reply.as_bytes().ends_with(b"d/thing/config/get_reply"));
        let reply = Outgoing::PushReply.topic(&pk, &dn);
        assert_eq!(reply.as_bytes().len(), 82);
        assert!(reply.as_bytes().ends_with(b"d/thing/config/push_reply"));
        assert_eq!(
            Outgoing::Progress.topic(b"pk", b"dn").as_bytes(),
            b"/ota/device/progress/pk/dn"
        );
    }
}
