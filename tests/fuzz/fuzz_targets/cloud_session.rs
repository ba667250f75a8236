//! A connection to the local platform: any bytes in any pieces, after a valid CONNECT or not. It ends in bounded time,
//! and what the platform sends are whole packets that a server may send, CONNACK first.
#![no_main]

use bytes::BytesMut;
use iotkit_fuzz::{
    Input,
    platform::{connect, converse, run},
};
use libfuzzer_sys::fuzz_target;
use mqttbytes::v4::{self, ConnectReturnCode, Packet};

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let choices = input.byte();
    let size = usize::from(input.byte()).max(1);
    let (logs_in, hangs_up) = (choices & 1 != 0, choices & 2 != 0);
    let mut stream = Vec::new();
    if logs_in {
        stream = connect(60, choices & 4 != 0);
    }
    stream.extend_from_slice(input.rest());

    let received = run(async |platform| {
        if choices & 8 != 0 {
            // The device has been here before: there is a session.
            let subscribes = b"\x82\x0a\0\x01\0\x05/pk/#\x01";
            let first = [connect(60, false), subscribes.to_vec()].concat();
            converse(&platform, std::iter::once(&first[..]), true).await;
        }
        converse(&platform, stream.chunks(size), hangs_up).await
    });
    let mut rest = BytesMut::from(&received[..]);
    let mut accepted = None;
    while !rest.is_empty() {
        let packet = v4::read(&mut rest, usize::MAX).expect("a whole packet");
        match (accepted, packet) {
            (None, Packet::ConnAck(ack)) => accepted = Some(ack.code == ConnectReturnCode::Success),
            (
                Some(true),
                Packet::Publish(_)
                | Packet::PubAck(_)
                | Packet::SubAck(_)
                | Packet::UnsubAck(_)
                | Packet::PingResp,
            ) => {}
            (accepted, packet) => panic!("{packet:?} when accepted is {accepted:?}"),
        }
    }
    assert!(!logs_in || accepted == Some(true), "the device may log in");
});
