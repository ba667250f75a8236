//! Which topics and filters an application may use, and which filters match a topic (MQTT 3.1.1, section 4.7).

use crate::wire::mqtt::is_plain;

/// The longest topic or filter of an application, in bytes.
pub const TOPIC_MAX: usize = 128;

/// A topic or filter that the platform does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTopic;

/// Checks the topic of a message to publish: it begins with `/`, has a level that is not empty, is printable ASCII of
/// at most [`TOPIC_MAX`] bytes, and has no wildcard.
pub fn check_name(topic: &[u8]) -> Result<(), BadTopic> {
    if has_shape(topic) && is_plain(topic) {
        Ok(())
    } else {
        Err(BadTopic)
    }
}

/// Checks a filter to subscribe to: as a topic, but `+` may stand for a whole level, and `#` for the last one.
pub fn check_filter(filter: &[u8]) -> Result<(), BadTopic> {
    let printable = filter.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable || !has_shape(filter) {
        return Err(BadTopic);
    }
    let mut levels = filter.split(|byte| *byte == b'/');
    while let Some(level) = levels.next() {
        match level {
            b"+" => {}
            b"#" if levels.next().is_none() => {}
            level if level.iter().any(|byte| matches!(byte, b'+' | b'#')) => return Err(BadTopic),
            _ => {}
        }
    }
    Ok(())
}

fn has_shape(topic: &[u8]) -> bool {
    topic.len() <= TOPIC_MAX
        && topic.first() == Some(&b'/')
        && topic.iter().any(|byte| *byte != b'/')
}

/// Whether a filter has a wildcard.
#[must_use]
pub fn has_wildcard(filter: &[u8]) -> bool {
    filter.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// Whether a filter matches a topic.
#[must_use]
pub fn matches(filter: &[u8], topic: &[u8]) -> bool {
    // A wildcard in front does not match the server's own topics (section 4.7.2).
    if topic.first() == Some(&b'$') && filter.first() != Some(&b'$') {
        return false;
    }
    // Unless it ends in a wildcard, the last bytes are equal: most filters end here.
    if let (Some(last), Some(end)) = (filter.last(), topic.last())
        && last != end
        && !matches!(last, b'+' | b'#')
    {
        return false;
    }
    let mut filter = filter;
    let mut topic = topic;
    loop {
        // What they have in common, up to the next wildcard.
        let same = filter
            .iter()
            .zip(topic)
            .take_while(|(filter, topic)| filter == topic && **filter != b'+')
            .count();
        let (Some(filter_rest), Some(topic_rest)) = (filter.get(same..), topic.get(same..)) else {
            return false;
        };
        match (filter_rest, topic_rest) {
            ([], []) | ([b'#'], _) | ([b'/', b'#'], []) => return true,
            ([b'+', filter_rest @ ..], _) => {
                let level = topic_rest.iter().take_while(|byte| **byte != b'/').count();
                filter = filter_rest;
                topic = topic_rest.get(level..).unwrap_or_default();
                // `+` ends the filter, or a level of it.
                if filter.is_empty() {
                    return topic.is_empty();
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// The table of reference section 7.1: topic, good as a filter, good as a name. What follows a `#` is refused
    /// throughout: the server would close the connection.
    #[test]
    fn what_an_application_may_use() {
        for (topic, filter, name) in [
            ("/a", true, true),
            ("/", false, false),
            ("//", false, false),
            ("/a/", true, true),
            ("/a//b", true, true),
            ("/+", true, false),
            ("/#", true, false),
            ("/a/+/#", true, false),
            ("/+/b/+", true, false),
            ("a/b", false, false),
            ("$SYS/x", false, false),
            ("", false, false),
            ("/a/#/b", false, false),
            ("/a/#/", false, false),
            ("/#/a", false, false),
            ("/a+/b", false, false),
            ("/+a", false, false),
            ("/a#", false, false),
            ("/a b", true, true),
        ] {
            assert_eq!(check_filter(topic.as_bytes()).is_ok(), filter, "{topic}");
            assert_eq!(check_name(topic.as_bytes()).is_ok(), name, "{topic}");
        }
    }

    #[test]
    fn lengths_and_bytes() {
        for (len, good) in [(127, true), (128, true), (129, false)] {
            let mut topic = std::vec![b'x'; len];
            topic[0] = b'/';
            assert_eq!(check_name(&topic).is_ok(), good, "{len}");
            assert_eq!(check_filter(&topic).is_ok(), good, "{len}");
            // The last byte is checked as well.
            topic[len - 1] = 0x7f;
            assert!(check_name(&topic).is_err() && check_filter(&topic).is_err());
        }
        for (byte, good) in [
            (31, false),
            (32, true),
            (126, true),
            (127, false),
            (128, false),
            (255, false),
        ] {
            assert_eq!(check_name(&[b'/', byte]).is_ok(), good, "{byte}");
            assert_eq!(check_filter(&[b'/', byte]).is_ok(), good, "{byte}");
        }
    }

    /// Section 4.7.1 of the standard, and the table of reference section 7.2, by the standard.
    #[test]
    fn filters_match_by_the_standard() {
        for (filter, topic, matching) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/c", false),
            ("/a/b", "/a", false),
            ("/a", "/a/b", false),
            ("/a", "/a/", false),
            ("/a/", "/a", false),
            ("/a/#", "/a", true),
            ("/a/#", "/a/", true),
            ("/a/#", "/a/b", true),
            ("/a/#", "/a/b/c", true),
            ("/a/#", "/a//b", true),
            ("/a/#", "/ab", false),
            ("/a/#", "/b", false),
            ("/a/+", "/a/", true),
            ("/a/+", "/a/b", true),
            ("/a/+", "/a", false),
            ("/a/+", "/a/b/c", false),
            ("/a/+/c", "/a//c", true),
            ("/a/+/c", "/a/b/c", true),
            ("/a/+/c", "/a/b/d", false),
            ("/a/+/c", "/a/b/c/c", false),
            ("/+", "/", true),
            ("/+", "/a", true),
            ("/+", "/a/b", false),
            ("/#", "/", true),
            ("/#", "/a/b", true),
            ("/#", "//a", true),
            ("/+/+", "/a/b", true),
            ("/+/+", "//", true),
            ("/+/#", "/a", true),
            ("/+/#", "/a/b/c", true),
            ("/#", "/$SYS/x", true),
            ("/+/x", "/$SYS/x", true),
            ("#", "/a", true),
            ("#", "a", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/+", "$SYS/x", true),
            ("+", "a", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport/", true),
            ("sport/+", "sport", false),
            ("/a", "/A", false),
        ] {
            assert_eq!(
                matches(filter.as_bytes(), topic.as_bytes()),
                matching,
                "{filter} {topic}"
            );
        }
    }
}
