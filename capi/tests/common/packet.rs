//! Packets put together from the standard's figures: the library's codec has no part in it.

pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A packet with this first byte and body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut rest = body.len();
    loop {
        let more = if rest > 0x7f { 0x80 } else { 0 };
        packet.push((rest & 0x7f) as u8 | more);
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// Text behind its length.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("a short text");
    [&len.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn connack(flags: u8, code: u8) -> Vec<u8> {
    packet(0x20, &[flags, code])
}

/// PUBLISH with these flags (DUP 8, QoS 2 and 4, RETAIN 1), and an id if the QoS is not 0.
pub(crate) fn publish(flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = if flags & 6 == 0 { &[][..] } else { &id };
    packet(0x30 | flags, &[&text(topic), id, payload].concat())
}

pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

pub(crate) fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let body = [&id.to_be_bytes()[..], &text(filter), &[qos]];
    packet(0x82, &body.concat())
}

pub(crate) fn suback(id: u16, code: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    packet(0x90, &[high, low, code])
}

pub(crate) fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(0xa2, &[&id.to_be_bytes()[..], &text(filter)].concat())
}

pub(crate) fn unsuback(id: u16) -> Vec<u8> {
    packet(0xb0, &id.to_be_bytes())
}

/// The lengths of header and body of the first packet in a stream, if all of it is there.
pub(crate) fn first(stream: &[u8]) -> Option<(usize, usize)> {
    let mut body = 0;
    for (index, byte) in stream.iter().skip(1).enumerate().take(4) {
        body |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let header = 2 + index;
            return (stream.len() >= header + body).then_some((header, body));
        }
    }
    None
}

/// What a friendly server answers to a packet of a client, other than CONNECT.
pub(crate) fn answer(packet: &[u8]) -> Vec<u8> {
    let (header, _) = first(packet).expect("a packet");
    let body = &packet[header..];
    let id = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match packet[0] >> 4 {
        3 if packet[0] & 6 == 2 => puback(id(2 + usize::from(id(0)))),
        8 => suback(id(0), body[body.len() - 1]),
        10 => unsuback(id(0)),
        12 => PINGRESP.to_vec(),
        _ => Vec::new(),
    }
}
