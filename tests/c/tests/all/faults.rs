//! Trouble: refused and silent connections, failing memory, failing writes, missing acknowledgements.

use iotkit_c_tests::{Hal, Program, Run};
use iotkit_cloud::{ConnAckFault, Direction, Faults, Publication};

use crate::common::{both, lamp, messages, misbehave, own, platform, run, start};

fn connack(connack: ConnAckFault) -> Faults {
    Faults {
        connack,
        ..Faults::default()
    }
}

#[test]
fn a_failed_connection_leaves_nothing_behind() {
    for &hal in both() {
        let cloud = platform();
        let mut program = start("construct", hal, &cloud);
        for code in [1, 2, 3, 4, 5, 255] {
            program.step(&format!("refuse {code}"), || {
                misbehave(&cloud, connack(ConnAckFault::Refuse(code)));
            });
        }
        program.step("silent", || {
            misbehave(&cloud, connack(ConnAckFault::Silent))
        });
        program.step("split", || {
            misbehave(&cloud, connack(ConnAckFault::SplitMs(200)))
        });
        program.step("close", || {
            misbehave(
                &cloud,
                Faults {
                    close_on_accept: true,
                    ..Faults::default()
                },
            );
        });
        program.step("leave", || {
            cloud.clear_faults();
            cloud.pause();
        });
        program.step("return", || cloud.resume().expect("the port is still free"));
        program.finish().expect_success();
    }
}

#[test]
fn a_connected_client_survives_without_memory() {
    let cloud = platform();
    let mut program = start("memory", Hal::Tcp, &cloud);
    program.step("publish", || {
        for number in 0..100 {
            let publication =
                Publication::new(own("get"), format!("message {number}")).at_most_once();
            cloud
                .publish(&lamp().id, publication)
                .expect("the lamp is online");
        }
    });
    program.finish().expect_success();
}

/// Under TLS the port allocates, too, thousands of times a connection: `IOTKIT_LONG=1` fails each of these, but for a
/// connection that is made again, where it is every 97th.
#[test]
fn a_session_survives_any_failed_allocation() {
    let long = std::env::var_os("IOTKIT_LONG").is_some();
    let (tls, again) = if long { (97, 41) } else { (1, 1) };
    let cloud = platform();
    for (hal, step, runs, apart, session) in [
        (Hal::Tcp, 1, 1, 0, ""),
        (Hal::Tcp, 3, 1, 0, "again"),
        (Hal::MbedTls, 97, tls, 1, ""),
        (Hal::MbedTls, 4001, again, 97, "again"),
    ] {
        let program = Program::test("scarce", hal);
        for first in (0..runs).map(|run| run * apart) {
            let outcome = Run::new(&program, &lamp(), &(&cloud).into())
                .args([&first.to_string(), &step.to_string(), session])
                .finish();
            outcome.expect_success();
            println!("{hal:?} {session}, no. {first}: {}", outcome.lines[0]);
        }
    }
}

#[test]
fn messages_are_sent_whole_through_a_narrow_transport() {
    for &hal in both() {
        let cloud = platform();
        run("writes", hal, &cloud);
        let arrived = messages(&cloud, Direction::Up, &own("update"));
        let texts: Vec<_> = arrived
            .iter()
            .filter(|message| !message.dup)
            .map(|message| message.text())
            .collect();
        assert_eq!(texts.len(), 21);
        for (number, text) in texts[..20].iter().enumerate() {
            assert_eq!(*text, "w".repeat(388) + &number.to_string());
        }
        assert_eq!(texts[20], "sent");
    }
}

#[test]
fn unacknowledged_messages_are_kept_and_sent_again() {
    for &hal in both() {
        let cloud = platform();
        misbehave(
            &cloud,
            Faults {
                no_puback: true,
                ..Faults::default()
            },
        );
        let mut program = start("window", hal, &cloud);
        program.step("full", || cloud.clear_faults());
        program.finish().expect_success();

        let sent: Vec<_> = messages(&cloud, Direction::Up, &own("update"))
            .into_iter()
            .filter(|message| message.qos == Some(1))
            .collect();
        for number in 0..20 {
            let text = number.to_string();
            let mut copies = sent.iter().filter(|message| message.text() == text);
            let first = copies.next().expect("it was sent");
            assert!(!first.dup);
            let again: Vec<_> = copies.collect();
            assert!(!again.is_empty(), "{number} was not acknowledged");
            assert!(
                again
                    .iter()
                    .all(|message| message.dup && message.id == first.id)
            );
        }
    }
}
