//! What arrives: sizes around the read buffer, every QoS, pieces, and packets that are none.

use iotkit_c_tests::{Hal, Mosquitto, Peer, Program, Run};
use iotkit_cloud::{Direction, Faults, PacketKind, Publication};

use crate::common::{both, lamp, misbehave, own, platform, start};

const BUFFER: usize = 1024; // of the program

/// The payload that makes a PUBLISH to .../get as long as the read buffer.
fn full(qos: u8) -> usize {
    BUFFER - 3 - 2 - own("get").len() - if qos > 0 { 2 } else { 0 }
}

#[test]
fn a_packet_larger_than_the_buffer_is_skipped_and_the_next_is_understood() {
    let cases = [(Hal::Tcp, false), (Hal::MbedTls, false), (Hal::Tcp, true)];
    for (hal, byte_by_byte) in cases.into_iter().filter(|(hal, _)| both().contains(hal)) {
        let cloud = platform();
        let faults = Faults {
            one_byte_writes: byte_by_byte,
            ..Faults::default()
        };
        misbehave(&cloud, faults);
        let mut program = start("oversize", hal, &cloud);
        for qos in [0, 1] {
            program.step(&format!("QoS {qos}"), || {
                let huge = if byte_by_byte { 20_000 } else { 200_000 };
                for payload in [
                    "f".repeat(full(qos)),
                    "f".repeat(full(qos) + 1),
                    "f".repeat(huge),
                    "small".to_owned(),
                ] {
                    let publication = Publication::new(own("get"), payload);
                    let publication = if qos == 0 {
                        publication.at_most_once()
                    } else {
                        publication
                    };
                    cloud
                        .publish(&lamp().id, publication)
                        .expect("the lamp is online");
                }
            });
        }
        program.finish().expect_success();
        // Those that were skipped are acknowledged, too: else the platform would send them for ever.
        let entries = cloud.transcript().entries();
        let acknowledged = entries
            .iter()
            .filter(|entry| entry.is(Direction::Up, PacketKind::PubAck));
        assert_eq!(acknowledged.count(), 4);
    }
}

#[test]
fn messages_of_every_qos_arrive_once() {
    let broker = Mosquitto::tcp();
    let mut program = start("receive", Hal::Tcp, broker.peer());
    program.step("publish", || {
        for qos in 0..3 {
            broker.publish(&own("get"), qos, &format!("message {qos}"));
        }
    });
    program.finish().expect_success();
}

#[test]
fn a_connection_that_carries_something_else_than_mqtt_is_closed() {
    const MALFORMED: [&[u8]; 8] = [
        b"\x00\x00",                         // packet type 0
        b"\xf0\x00",                         // packet type 15
        b"\x40\x01\x00",                     // PUBACK of one byte
        b"\x90\x02\x00\x01",                 // SUBACK without a return code
        b"\x30\x04\x00\x09/a",               // PUBLISH whose topic is longer than the packet
        b"\x32\x04\x00\x02/a",               // PUBLISH at QoS 1 without a packet id
        b"\x36\x06\x00\x02/a\x00\x01",       // PUBLISH at QoS 3
        b"\x30\xff\xff\xff\xff\x7f\x00\x02", // a length field of five bytes
    ];
    for &hal in both() {
        let cloud = platform();
        let program = Program::test("receive", hal);
        let mut program = Run::new(&program, &lamp(), &Peer::from(&cloud))
            .args(["broken"])
            .start();
        for bytes in MALFORMED {
            program.step("malformed", || {
                cloud
                    .send_raw(&lamp().id, bytes)
                    .expect("the lamp is online");
            });
        }
        program.finish().expect_success();
    }
}
