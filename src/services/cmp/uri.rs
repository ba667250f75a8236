//! URIs and topics (reference: cmp.md, 5.1).

use crate::{
    services::ota::Device,
    text::{Full, Text},
};

/// The longest topic in bytes. MQTT on the platform allows half of it.
pub const TOPIC_MAX: usize = 255;

/// The text of a topic.
pub type Topic = Text<TOPIC_MAX>;

/// What stands before a URI to make it a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// `/sys/{product key}/{device name}/`.
    Sys,
    /// `/ext/{product key}/{device name}/`.
    Ext,
    /// Nothing.
    Whole,
}

impl Tree {
    /// The topic of a URI; [`Full`] if it is too long.
    pub fn topic(self, device: &Device, uri: &[u8]) -> Result<Topic, Full> {
        let mut topic = Topic::new();
        match self {
            Self::Sys => topic.push_all(&[SYS, device.as_bytes(), b"/", uri])?,
            Self::Ext => topic.push_all(&[EXT, device.as_bytes(), b"/", uri])?,
            Self::Whole => topic.push_all(&[uri])?,
        }
        Ok(topic)
    }

    /// The URI of a topic, and what is to stand before it.
    #[must_use]
    pub fn of<'a>(topic: &'a [u8], device: &Device) -> (Self, &'a [u8]) {
        let below = |root: &[u8]| {
            let rest = topic.strip_prefix(root)?;
            let rest = rest.strip_prefix(device.as_bytes())?.strip_prefix(b"/")?;
            (!rest.is_empty()).then_some(rest)
        };
        if let Some(uri) = below(SYS) {
            (Self::Sys, uri)
        } else if let Some(uri) = below(EXT) {
            (Self::Ext, uri)
        } else {
            (Self::Whole, topic)
        }
    }
}

const SYS: &[u8] = b"/sys/";
const EXT: &[u8] = b"/ext/";

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device::new(b"a1TestPk001", b"lamp").expect("short")
    }

    #[test]
    fn a_uri_and_its_topic() {
        let topic = |tree: Tree, uri: &[u8]| tree.topic(&device(), uri);
        for (tree, uri, wanted) in [
            (
                Tree::Sys,
                &b"thing/x"[..],
                &b"/sys/a1TestPk001/lamp/thing/x"[..],
            ),
            (Tree::Ext, b"x", b"/ext/a1TestPk001/lamp/x"),
            (Tree::Whole, b"/a/b", b"/a/b"),
        ] {
            assert_eq!(topic(tree, uri).expect("short").as_bytes(), wanted);
            assert_eq!(Tree::of(wanted, &device()), (tree, uri));
        }
    }

    #[test]
    fn what_is_not_below_the_own_device_is_whole() {
        for topic in [
            &b"/sys/a1TestPk001/lamp"[..],
            b"/sys/a1TestPk001/lamp/",
            b"/sys/a1TestPk001/lamp2/thing/x",
            b"/sys/a1TestPk001//thing/x",
            b"sys/a1TestPk001/lamp/x",
            b"/x/sys/a1TestPk001/lamp/x",
            b"",
        ] {
            assert_eq!(Tree::of(topic, &device()), (Tree::Whole, topic));
        }
    }

    #[test]
    fn the_longest_topic() {
        let long = [b'a'; TOPIC_MAX + 1];
        let (fits, too_long) = (&long[..TOPIC_MAX], &long[..]);
        assert!(Tree::Whole.topic(&device(), fits).is_ok());
        assert!(Tree::Whole.topic(&device(), too_long).is_err());
        assert!(Tree::Sys.topic(&device(), fits).is_err());
    }
}
