//! MQTT 3.1.1 in the plainest words.

/// A packet: its first byte, the length of `body`, `body`.
#[must_use]
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        if length == 0 {
            packet.push(low);
            break;
        }
        packet.push(low + 128);
    }
    packet.extend_from_slice(body);
    packet
}

/// An acknowledgement, or another packet whose body is an id.
#[must_use]
pub fn with_id(first: u8, id: u16) -> Vec<u8> {
    packet(first, &id.to_be_bytes())
}

/// PUBLISH to `topic`, with an id unless `qos` is 0.
#[must_use]
pub fn publish(qos: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(topic.len()).expect("a short topic");
    let mut body = length.to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    packet(0x30 | qos << 1, &body)
}

/// A fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its own length.
    pub len: usize,
    /// The remaining length.
    pub remaining: usize,
}

/// Reads the fixed header at the start of `stream` (section 2.2): `None` until all of it is there, `Some(None)` if the
/// remaining length has more than four bytes.
#[must_use]
pub fn header(stream: &[u8]) -> Option<Option<Header>> {
    let mut remaining = 0;
    for (index, byte) in stream.iter().skip(1).take(4).enumerate() {
        remaining += usize::from(byte % 128) * 128_usize.pow(index as u32);
        if *byte < 128 {
            let len = index + 2;
            return Some(Some(Header { len, remaining }));
        }
    }
    (stream.len() > 4).then_some(None)
}

/// Whether `filter` is a topic filter (sections 4.7.1 and 4.7.3).
#[must_use]
pub fn is_filter(filter: &str) -> bool {
    let levels: Vec<_> = filter.split('/').collect();
    !filter.is_empty()
        && !filter.contains('\0')
        && levels
            .iter()
            .enumerate()
            .all(|(index, level)| match *level {
                "+" => true,
                "#" => index + 1 == levels.len(),
                level => !level.contains(['+', '#']),
            })
}

/// Whether `name` is a topic name (sections 3.3.2.1 and 4.7.3).
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['\0', '+', '#'])
}

/// Whether `filter` matches the topic `name`, level by level (section 4.7).
#[must_use]
pub fn matches(filter: &str, name: &str) -> bool {
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let filter: Vec<_> = filter.split('/').collect();
    let name: Vec<_> = name.split('/').collect();
    levels_match(&filter, &name)
}

fn levels_match(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, name @ ..]) => levels_match(filter, name),
        ([same, filter @ ..], [level, name @ ..]) => same == level && levels_match(filter, name),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}
