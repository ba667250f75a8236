//! A stream of packets that arrives in any pieces, against the same stream looked at as a whole.
#![no_main]

use iotkit::{
    mqtt::{Progress, Receiver},
    wire::mqtt::{QoS, Remaining},
};
use iotkit_fuzz::{Input, mqtt::header};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// A packet, and the length of its header.
    Packet(Vec<u8>, u8),
    /// A packet that the buffer could not hold, and its answer.
    Skipped(Option<(QoS, u16)>),
    Malformed,
}

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let room = Receiver::BUFFER_MIN + usize::from(input.byte());
    let pieces = input.piece();
    let stream = input.rest();

    assert_eq!(in_pieces(stream, pieces, room), as_a_whole(stream, room));
    remaining(stream);
});

fn in_pieces(stream: &[u8], pieces: &[u8], room: usize) -> Vec<Outcome> {
    let mut sizes = pieces.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut buffer = vec![0xa5; room];
    let mut receiver = Receiver::new();
    let mut outcomes = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let want = receiver.want();
        assert!(!want.is_empty() && want.end <= room, "{want:?} of {room}");
        let count = want.len().min(sizes.next().unwrap_or(1)).min(rest.len());
        let (piece, left) = rest.split_at(count);
        buffer[want.start..][..count].copy_from_slice(piece);
        rest = left;
        outcomes.push(match receiver.received(count, &buffer) {
            Progress::Short | Progress::More | Progress::TooLarge => {
                assert!(receiver.in_packet());
                continue;
            }
            Progress::Packet => {
                let packet = buffer[..receiver.packet_len()].to_vec();
                Outcome::Packet(packet, receiver.header_len())
            }
            Progress::Skipped => {
                Outcome::Skipped(receiver.answer().map(|(qos, id)| (qos, id.get())))
            }
            Progress::Malformed => {
                outcomes.push(Outcome::Malformed);
                return outcomes;
            }
        });
        receiver = Receiver::new();
        assert!(!receiver.in_packet());
    }
    outcomes
}

fn as_a_whole(stream: &[u8], room: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut rest = stream;
    while let Some(header) = header(rest) {
        let Some(header) = header else {
            outcomes.push(Outcome::Malformed);
            break;
        };
        let len = header.len + header.remaining;
        let is_message = rest[0] >> 4 == 3;
        let qos = QoS::from_bits(rest[0] >> 1 & 3);
        if len > room && is_message && qos.is_none() {
            outcomes.push(Outcome::Malformed); // nobody could say what to answer
            break;
        }
        let Some((packet, next)) = rest.split_at_checked(len) else {
            break; // still arriving
        };
        rest = next;
        outcomes.push(if len <= room {
            Outcome::Packet(packet.to_vec(), header.len as u8)
        } else {
            let qos = qos.filter(|qos| is_message && *qos != QoS::AtMostOnce);
            let id = message_id(&packet[header.len..]);
            Outcome::Skipped(qos.zip(id))
        });
    }
    outcomes
}

/// The id behind the topic of a message, unless it is 0 or not there.
fn message_id(body: &[u8]) -> Option<u16> {
    let (len, rest) = body.split_first_chunk()?;
    let (id, _) = rest
        .get(usize::from(u16::from_be_bytes(*len))..)?
        .split_first_chunk()?;
    Some(u16::from_be_bytes(*id)).filter(|id| *id != 0)
}

/// The remaining length at the start of the stream, read byte by byte.
fn remaining(stream: &[u8]) {
    let mut remaining = Remaining::new();
    let mut said = None;
    for (index, byte) in stream.iter().skip(1).enumerate() {
        match remaining.push(index, *byte) {
            Ok(None) => continue,
            Ok(Some(length)) => said = Some(Some((index + 2, length as usize))),
            Err(_) => said = Some(None),
        }
        break;
    }
    let header = header(stream);
    assert_eq!(
        said,
        header.map(|header| header.map(|it| (it.len, it.remaining)))
    );

    // And mqttbytes agrees with both.
    let theirs = mqttbytes::check(stream.iter(), usize::MAX);
    match header {
        Some(Some(header)) if stream.len() >= header.len + header.remaining => assert_eq!(
            theirs.map(|theirs| theirs.frame_length()),
            Ok(header.len + header.remaining)
        ),
        Some(None) => assert_eq!(theirs, Err(mqttbytes::Error::MalformedRemainingLength)),
        _ => assert!(matches!(
            theirs,
            Err(mqttbytes::Error::InsufficientBytes(_))
        )),
    }
}
