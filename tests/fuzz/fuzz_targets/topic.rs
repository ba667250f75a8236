//! A filter and a topic, separated by a line break: both checks and the matcher, against the standard read level by
//! level.
#![no_main]

use iotkit::mqtt::topic::{TOPIC_MAX, check_filter, check_name, has_wildcard, matches};
use iotkit_fuzz::mqtt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let filter = parts.next().unwrap_or_default();
    let topic = parts.next().unwrap_or_default();

    for text in [filter, topic] {
        assert_eq!(check_filter(text).is_ok(), is_ours(text, mqtt::is_filter));
        assert_eq!(check_name(text).is_ok(), is_ours(text, mqtt::is_name));
        assert_eq!(
            has_wildcard(text),
            String::from_utf8_lossy(text).contains(['+', '#'])
        );
    }

    let matched = matches(filter, topic);
    if let (Ok(filter), Ok(topic)) = (str::from_utf8(filter), str::from_utf8(topic))
        && mqtt::is_filter(filter)
        && mqtt::is_name(topic)
    {
        assert_eq!(matched, mqtt::matches(filter, topic));
    }
});

/// Whether the platform has such a topic: one of the standard's, printable, not long, that begins with `/` and has a
/// level with something in it.
fn is_ours(text: &[u8], standard: fn(&str) -> bool) -> bool {
    let Ok(text) = str::from_utf8(text) else {
        return false;
    };
    standard(text)
        && text.len() <= TOPIC_MAX
        && text.starts_with('/')
        && text.split('/').any(|level| !level.is_empty())
        && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}
