//! Topic names and filters: what is well formed, what matches, and what a device may do with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::device::DeviceId;

/// Whether `name` is a topic name a message can have (MQTT 3.1.1, 4.7).
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['+', '#', '\0'])
}

/// Whether `filter` is a well-formed topic filter (MQTT 3.1.1, 4.7.1).
pub(crate) fn is_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let well_formed = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            other => !other.contains(['+', '#']),
        };
        if !well_formed {
            return false;
        }
    }
    true
}

/// Whether messages of topic `name` are for subscribers of `filter`.
pub(crate) fn matches(filter: &str, name: &str) -> bool {
    // MQTT 3.1.1, 4.7.2: a filter that begins with a wildcard does not reach `$` topics.
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    covers(filter, name)
}

/// Whether every topic that `filter` (or name) can match is also matched by `pattern`.
pub(crate) fn covers(pattern: &str, filter: &str) -> bool {
    let mut wanted = filter.split('/');
    for level in pattern.split('/') {
        let next = wanted.next();
        match (level, next) {
            ("#", _) => return true, // `a/#` covers `a`, too
            ("+", Some(next)) if next != "#" => {}
            (level, Some(next)) if level == next => {}
            _ => return false,
        }
    }
    wanted.next().is_none()
}

/// What a device may do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// Publish only.
    Publish,
    /// Subscribe only.
    Subscribe,
    /// Publish and subscribe.
    Both,
}

impl Rights {
    fn allow(self, action: Action) -> bool {
        match self {
            Self::Both => true,
            Self::Publish => action == Action::Publish,
            Self::Subscribe => action == Action::Subscribe,
        }
    }
}

/// A custom topic class of a product, as the platform's console defines them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicClass {
    /// A topic filter; `{pk}` and `{dn}` stand for the device's product key and name.
    pub filter: String,
    /// What devices may do with it.
    pub rights: Rights,
}

/// What a device wants to do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Publish,
    Subscribe,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish to",
            Self::Subscribe => "subscribe",
        })
    }
}

/// The platform's topic classes; the first that covers a topic decides.
///
/// A device may subscribe to anything that carries its own key and name, also where the console would grant
/// publishing only: firmware that does so runs on the platform (Alink, section 6).
const CLASSES: &[(&str, Rights)] = &[
    ("/sys/{pk}/{dn}/#", Rights::Both),
    ("/{pk}/{dn}/get", Rights::Subscribe),
    ("/{pk}/{dn}/#", Rights::Both),
    ("/shadow/get/{pk}/{dn}", Rights::Subscribe),
    ("/shadow/+/{pk}/{dn}", Rights::Both),
    ("/ota/device/upgrade/{pk}/{dn}", Rights::Subscribe),
    ("/ota/device/+/{pk}/{dn}", Rights::Both),
    ("/ext/ntp/{pk}/{dn}/response", Rights::Subscribe),
    ("/ext/ntp/{pk}/{dn}/+", Rights::Both),
    ("/ext/session/{pk}/{dn}/#", Rights::Both),
    ("/ext/error/{pk}/{dn}", Rights::Subscribe),
    ("/ext/register", Rights::Subscribe),
    ("/ext/regnwl", Rights::Subscribe),
    ("/broadcast/{pk}/#", Rights::Both),
];

/// Extended RRPC: any topic may follow the message id. Only clients with `ext=1` publish there.
const EXT_RRPC: &str = "/ext/rrpc/+/#";

/// Whether `device` may do `action` with `topic` (a name, or a filter to subscribe).
pub(crate) fn allowed(
    device: &DeviceId,
    classes: &[TopicClass],
    ext: bool,
    action: Action,
    topic: &str,
) -> bool {
    if covers(EXT_RRPC, topic) {
        return ext || action == Action::Subscribe;
    }
    let own = classes
        .iter()
        .map(|class| (class.filter.as_str(), class.rights));
    own.chain(CLASSES.iter().copied())
        .find(|(pattern, _)| covers(&device.fill(pattern), topic))
        .is_some_and(|(_, rights)| rights.allow(action))
}

/// Whether a message that a device publishes to `topic` goes to subscribers (its own ones included), rather than to
/// the platform alone.
pub(crate) fn is_routed(device: &DeviceId, topic: &str) -> bool {
    let to_platform = ["/sys/#", "/shadow/#", "/ota/#", "/ext/#"];
    !to_platform.iter().any(|pattern| covers(pattern, topic))
        || covers(&device.fill("/{pk}/{dn}/#"), topic)
}

/// What the platform subscribes for a device that connects with `_ss=1`: all system topics except
/// `thing/event/+/post_reply`, which such devices subscribe themselves.
const SYSTEM_FILTERS: &[&str] = &[
    "/sys/{pk}/{dn}/thing/service/#",
    "/sys/{pk}/{dn}/thing/model/+",
    "/sys/{pk}/{dn}/thing/deviceinfo/+",
    "/sys/{pk}/{dn}/thing/property/desired/+",
    "/sys/{pk}/{dn}/thing/dsltemplate/+",
    "/sys/{pk}/{dn}/thing/dynamicTsl/+",
    "/sys/{pk}/{dn}/thing/enable",
    "/sys/{pk}/{dn}/thing/disable",
    "/sys/{pk}/{dn}/thing/delete",
    "/sys/{pk}/{dn}/thing/gateway/#",
    "/sys/{pk}/{dn}/thing/sub/+",
    "/sys/{pk}/{dn}/thing/topo/#",
    "/sys/{pk}/{dn}/thing/list/+",
    "/sys/{pk}/{dn}/thing/proxy/#",
    "/sys/{pk}/{dn}/thing/config/#",
    "/sys/{pk}/{dn}/thing/log/+",
    "/sys/{pk}/{dn}/thing/reset_reply",
    "/sys/{pk}/{dn}/thing/job/+",
    "/sys/{pk}/{dn}/thing/ota/#",
    "/sys/{pk}/{dn}/_thing/#",
    "/sys/{pk}/{dn}/rrpc/request/+",
    "/ota/device/upgrade/{pk}/{dn}",
    "/ota/device/request/{pk}/{dn}",
    "/shadow/get/{pk}/{dn}",
    "/ext/ntp/{pk}/{dn}/response",
    "/ext/session/{pk}/{dn}/#",
    "/ext/error/{pk}/{dn}",
    EXT_RRPC,
];

/// The filters of a device that connects with `_ss=1`.
pub(crate) fn system_filters(device: &DeviceId) -> impl Iterator<Item = String> + '_ {
    SYSTEM_FILTERS.iter().map(|filter| device.fill(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_filters_follow_the_standard() {
        for name in ["/", "a", "/a//b", "$SYS/x", "überall/测试"] {
            assert!(is_name(name) && is_filter(name), "{name}");
        }
        for name in ["", "a/+", "#", "a\0"] {
            assert!(!is_name(name), "{name}");
        }
        for filter in ["#", "+", "/+/#", "a/+/b"] {
            assert!(is_filter(filter), "{filter}");
        }
        for filter in ["", "a#", "#/a", "a+/b", "a/#/b", "a/+b"] {
            assert!(!is_filter(filter), "{filter}");
        }
    }

    #[test]
    fn filters_match_level_by_level() {
        for (filter, name) in [
            ("a/b", "a/b"),
            ("a/+", "a/b"),
            ("a/+", "a/"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("#", "a/b"),
            ("+/+", "/b"),
            ("/+/测", "/é/测"),
        ] {
            assert!(matches(filter, name), "{filter} {name}");
        }
        for (filter, name) in [
            ("a/b", "a/b/"),
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("#", "$SYS"),
            ("+/a", "$SYS/a"),
            ("a/b/#", "a"),
        ] {
            assert!(!matches(filter, name), "{filter} {name}");
        }
    }

    #[test]
    fn a_pattern_covers_narrower_filters_only() {
        assert!(covers("a/#", "a/+/#"));
        assert!(covers("a/+/c", "a/+/c"));
        assert!(!covers("a/+/c", "a/#"));
        assert!(!covers("a/b", "a/+"));
    }

    #[test]
    fn a_device_keeps_to_its_own_topics() {
        let device = DeviceId::new("pk", "dn");
        let may = |action, topic| allowed(&device, &[], false, action, topic);
        for topic in [
            "/sys/pk/dn/thing/event/property/post",
            "/pk/dn/update",
            "/broadcast/pk/all",
        ] {
            assert!(
                may(Action::Publish, topic) && may(Action::Subscribe, topic),
                "{topic}"
            );
        }
        for topic in [
            "/sys/pk/other/thing/x",
            "/sys/other/dn/thing/x",
            "/broadcast/other/x",
            "/pk",
            "pk/dn/x",
            "x",
        ] {
            assert!(
                !may(Action::Publish, topic) && !may(Action::Subscribe, topic),
                "{topic}"
            );
        }
        for filter in [
            "#",
            "/sys/#",
            "/sys/+/dn/thing/#",
            "/sys/pk/+/x",
            "/+/dn/x",
            "/broadcast/#",
        ] {
            assert!(!may(Action::Subscribe, filter), "{filter}");
        }
        assert!(!may(Action::Publish, "/pk/dn/get") && may(Action::Subscribe, "/pk/dn/get"));
        assert!(!may(Action::Publish, "/ext/rrpc/1/x") && may(Action::Subscribe, "/ext/rrpc/+/x"));
        assert!(allowed(
            &device,
            &[],
            true,
            Action::Publish,
            "/ext/rrpc/1/x"
        ));
    }
}
