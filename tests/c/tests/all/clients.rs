//! The interface itself: arguments, topics, sizes, subscriptions, handlers, threads, the end of a client.

use iotkit_c_tests::{Hal, Mosquitto, Peer, Program, Run};
use iotkit_cloud::{Cloud, Direction, Faults, Publication};

use crate::common::{
    DOWNTIME, both, every, fan, lamp, messages, misbehave, own, platform, run, start,
};

#[test]
fn bad_arguments_are_refused() {
    for &hal in every() {
        run("arguments", hal, &platform());
    }
}

#[test]
fn topics_are_taken_by_the_rules_of_v2_10() {
    run("topics", Hal::Tcp, Mosquitto::tcp().peer());
}

#[test]
fn messages_reach_the_handlers_whose_filter_matches() {
    run("matching", Hal::Tcp, Mosquitto::tcp().peer());
    if both().contains(&Hal::MbedTls) {
        run("matching", Hal::MbedTls, Mosquitto::tls().peer());
    }
}

#[test]
fn messages_of_every_size_that_fits_arrive() {
    for &hal in both() {
        let cloud = platform();
        run("publish", hal, &cloud);
        let arrived = messages(&cloud, Direction::Up, &own("update"));
        let (last, before) = arrived.split_last().expect("messages arrived");
        assert_eq!(last.text(), format!("{} before", before.len()));
        assert!(before.iter().all(|message| !message.dup));
        assert!(before.iter().any(|message| {
            message
                .payload
                .as_ref()
                .is_none_or(|payload| payload.is_empty())
        }));
        assert!(before.iter().any(|message| {
            message
                .payload
                .as_ref()
                .is_some_and(|payload| payload.len() == 65535)
        }));
    }
}

#[test]
fn subscriptions_begin_and_end_as_asked() {
    for &hal in both() {
        let cloud = platform();
        let mut program = start("subscriptions", hal, &cloud);
        let publish = || send(&cloud, "one", "one");
        for _ in 0..6 {
            program.step("publish", publish);
        }
        program.step("refuse", || {
            misbehave(
                &cloud,
                Faults {
                    refuse_subscribe: true,
                    ..Faults::default()
                },
            );
        });
        program.step("grant", || cloud.clear_faults());
        program.step("publish", publish);
        program.step("silent", || misbehave(&cloud, silent()));
        program.step("grant", || cloud.clear_faults());
        program.finish().expect_success();
    }
}

fn silent() -> Faults {
    Faults {
        no_suback: true,
        no_unsuback: true,
        no_puback: true,
        ..Faults::default()
    }
}

/// Sends a message to the lamp, whether it subscribed or not.
fn send(cloud: &Cloud, rest: &str, payload: &str) {
    let publication = Publication::new(own(rest), payload).unsubscribed();
    cloud
        .publish(&lamp().id, publication)
        .expect("the lamp is online");
}

#[test]
fn every_call_works_inside_every_event() {
    for &hal in both() {
        let cloud = platform();
        let mut program = start("handlers", hal, &cloud);
        program.step("message", || send(&cloud, "get", "to a handler"));
        program.step("stray message", || {
            send(&cloud, "nobody/wants/this", "stray")
        });
        program.step("large message", || send(&cloud, "get", &"x".repeat(5000)));
        program.step("refuse", || {
            misbehave(
                &cloud,
                Faults {
                    refuse_subscribe: true,
                    ..Faults::default()
                },
            );
        });
        program.step("silent", || misbehave(&cloud, silent()));
        program.step("lose", || {
            cloud.clear_faults();
            cloud.kick(&lamp().id).expect("the lamp is online");
        });
        program.finish().expect_success();
    }
}

#[test]
fn handlers_wait_for_messages_inside_handlers() {
    for &hal in both() {
        let cloud = platform();
        let mut program = start("nested", hal, &cloud);
        program.step("begin", || send(&cloud, "get", "answer 0"));
        for number in 1..=4 {
            let question = format!("question {number}");
            crate::common::wait(&cloud, &question, |entry| {
                entry
                    .message_on(Direction::Up, &own("update"))
                    .is_some_and(|message| message.text() == question)
            });
            send(&cloud, "get", &format!("answer {number}"));
        }
        program.finish().expect_success();
    }
}

#[test]
fn nothing_is_lost_between_threads() {
    for &hal in both() {
        let cloud = platform();
        run("threads", hal, &cloud);
        let published = messages(&cloud, Direction::Up, &own("update"));
        let mut arrived: Vec<_> = published
            .iter()
            .filter(|message| !message.dup)
            .map(|message| message.text().to_owned())
            .collect();
        arrived.sort();
        let mut sent: Vec<_> = (0..3)
            .flat_map(|thread| (0..200).map(move |message| format!("{thread} {message}")))
            .collect();
        sent.sort();
        assert_eq!(arrived, sent);
    }
}

#[test]
fn threads_share_a_client_of_mosquitto() {
    run("threads", Hal::Tcp, Mosquitto::tcp().peer());
}

#[test]
fn two_clients_do_not_meddle() {
    for &hal in both() {
        let cloud = platform();
        let program = Program::test("two_clients", hal);
        let mut program = Run::new(&program, &lamp(), &Peer::from(&cloud))
            .second(&fan())
            .start();
        program.step("ready", || {
            for number in 0..50 {
                send(&cloud, "get", &format!("first {number}"));
                let topic = format!("/{}/{}/get", fan().id.product_key, fan().id.device_name);
                let publication = Publication::new(topic, format!("second {number}"));
                cloud
                    .publish(&fan().id, publication)
                    .expect("the fan is online");
            }
        });
        program.finish().expect_success();
    }
}

#[test]
fn a_client_ends_cleanly_at_any_moment() {
    for &hal in both() {
        let cloud = platform();
        let mut program = start("destroy", hal, &cloud);
        program.step("messages", || {
            for _ in 0..3 {
                send(&cloud, "get", "a message");
            }
        });
        program.step("silent", || misbehave(&cloud, silent()));
        program.step("normal", || cloud.clear_faults());
        program.step("leave", || cloud.pause());
        program.finish().expect_success();
    }
}

#[test]
fn a_lost_connection_comes_back_with_a_clean_session() {
    for &hal in both() {
        comes_back(hal, true);
    }
}

#[test]
fn a_lost_connection_comes_back_to_its_session() {
    comes_back(Hal::Tcp, false);
}

fn comes_back(hal: Hal, clean: bool) {
    let cloud = platform();
    let program = Program::test("reconnect", hal);
    let mut program = Run::new(&program, &lamp(), &Peer::from(&cloud))
        .args([if clean { "1" } else { "0" }])
        .start();
    program.step("deaf", || {
        misbehave(
            &cloud,
            Faults {
                no_puback: true,
                ..Faults::default()
            },
        );
    });
    program.step("lose", || {
        // Once, without acknowledgement, before the connection is lost.
        crate::common::wait(&cloud, "first publication", |entry| {
            entry.message_on(Direction::Up, &own("update")).is_some()
        });
        cloud.pause();
        cloud.clear_faults();
        std::thread::sleep(DOWNTIME);
        cloud.resume().expect("the port is still free");
    });
    program.step("publish", || send(&cloud, "get", "hello"));
    program.step("lose", || {
        cloud.restart(DOWNTIME).expect("the port is still free")
    });
    program.step("publish", || send(&cloud, "get", "hello"));
    program.finish().expect_success();

    let published = messages(&cloud, Direction::Up, &own("update"));
    let (first, again) = published.split_first().expect("it was published");
    assert!(!first.dup);
    assert!(!again.is_empty(), "an unacknowledged message is sent again");
    assert!(
        again
            .iter()
            .all(|message| message.dup && message.id == first.id)
    );

    let subscribed = cloud
        .transcript()
        .entries()
        .iter()
        .filter(|entry| entry.is(Direction::Up, iotkit_cloud::PacketKind::Subscribe))
        .count();
    assert_eq!(subscribed, if clean { 3 } else { 1 });
}

#[test]
fn a_lost_connection_to_mosquitto_comes_back() {
    let mut broker = Mosquitto::tcp();
    let peer = broker.peer();
    let mut program = start("reconnect", Hal::Tcp, peer);
    program.step("deaf", || {}); // mosquitto acknowledges at once
    for _ in 0..2 {
        program.step("lose", || broker.restart(DOWNTIME));
        program.step("publish", || broker.publish(&own("get"), 1, "hello"));
    }
    program.finish().expect_success();
}
