//! A bad network, over real sockets: slow, silent, cut and reset connections, false servers, restarts under load.
//!
//! `IOTKIT_LONG=1` makes it long: 100 restarts instead of 10, a cut at each of 40 bytes instead of three.

pub(crate) mod proxy;

use std::{collections::BTreeMap, time::Duration};

use iotkit_c_tests::{Hal, Outcome, Peer, Program, Run, patience, sanitizer, valgrind};
use iotkit_cloud::{
    Authority, CertificateSpec, Cloud, Direction, Entry, Faults, PacketKind, Publication,
    self_signed,
};

use self::proxy::{Proxy, Trouble, Weather, What};
use crate::common::{every, lamp, messages, misbehave, own, platform, start, wait};

fn long() -> bool {
    std::env::var_os("IOTKIT_LONG").is_some()
}

/// How many messages `programs/rough.c` sends and expects in a round.
const MESSAGES: usize = 3;

/// The message of `programs/rough.c`.
fn text(round: usize, message: usize) -> String {
    let letter = char::from(b"abc"[message]);
    let letters = (round * 7 + message * 31) % 100;
    format!("{round} {message} {}", String::from(letter).repeat(letters))
}

/// Runs `programs/rough.c` through a proxy, a round in each weather; all must arrive, whole, both ways. How many
/// connections it took, and what the program said.
#[track_caller]
fn rough(hal: Hal, cloud: &Cloud, first: Weather, rounds: &[Weather]) -> (usize, Outcome) {
    let proxy = Proxy::start(cloud.mqtt_address());
    proxy.set_weather(first);
    let peer = Peer {
        address: proxy.address(),
        ..Peer::from(cloud)
    };
    let mut program = Run::new(&Program::test("rough", hal), &lamp(), &peer)
        .args([&rounds.len().to_string()])
        .start();
    for (round, weather) in rounds.iter().enumerate() {
        program.step("round", || {
            assert!(proxy.is_calm(), "{:?} did not come", rounds[round - 1]);
            proxy.set_weather(weather.clone());
            for message in 0..MESSAGES {
                let publication = Publication::new(own("get"), text(round, message));
                cloud
                    .publish(&lamp().id, publication)
                    .expect("the platform keeps messages for the lamp");
            }
        });
    }
    let outcome = program.finish();
    outcome.expect_success();
    assert!(proxy.is_calm(), "the last trouble did not come");

    let arrived = messages(cloud, Direction::Up, &own("update"));
    let arrived: Vec<_> = arrived.iter().map(|message| message.text()).collect();
    for round in 0..rounds.len() {
        for message in 0..MESSAGES {
            let text = text(round, message);
            assert!(arrived.contains(&&*text), "{text} is missing");
        }
    }
    let opened = |entry: &&Entry| matches!(entry.what, iotkit_cloud::What::Opened { .. });
    let connections = cloud.transcript().entries().iter().filter(opened).count();
    (connections, outcome)
}

#[test]
fn a_byte_at_a_time_is_enough() {
    for &hal in every() {
        let drips = Weather {
            pieces: Some(1),
            pace: Duration::from_micros(500),
            trouble: None,
        };
        let (connections, _) = rough(hal, &platform(), drips.clone(), &[drips.clone(), drips]);
        assert_eq!(connections, 1, "slow is not lost");
    }
}

#[test]
fn records_may_come_in_parts_and_packets_in_records() {
    for hal in [Hal::MbedTls, Hal::Rustls] {
        let cloud = platform();
        // Each byte of the platform is a record of its own, and no record comes in one piece.
        misbehave(
            &cloud,
            Faults {
                one_byte_writes: true,
                ..Faults::default()
            },
        );
        let parts = Weather {
            pieces: Some(3),
            pace: Duration::from_micros(100),
            trouble: None,
        };
        let (connections, _) = rough(hal, &cloud, parts.clone(), &[parts.clone(), parts]);
        assert_eq!(connections, 1, "slow is not lost");
    }
}

#[test]
fn silence_in_the_middle_of_a_packet_loses_nothing() {
    for &hal in every() {
        let silence = |direction, after| Weather {
            trouble: Some(Trouble {
                what: What::Silence(Duration::from_secs(2)),
                after,
                direction,
            }),
            ..Weather::default()
        };
        let rounds = [
            silence(Direction::Up, 11),
            silence(Direction::Down, 1),
            silence(Direction::Down, 17),
        ];
        rough(hal, &platform(), Weather::default(), &rounds);
    }
}

#[test]
fn a_cut_at_any_byte_loses_nothing_over_tcp() {
    cut(Hal::Tcp);
}

#[test]
fn a_cut_at_any_byte_loses_nothing_over_mbedtls() {
    cut(Hal::MbedTls);
}

#[test]
fn a_cut_at_any_byte_loses_nothing_over_rustls() {
    cut(Hal::Rustls);
}

/// Cuts connections in the first packets after a round has begun, in turn by FIN and RST.
fn cut(hal: Hal) {
    let places: Vec<usize> = if long() {
        (0..40).collect()
    } else {
        vec![1, 6, 37]
    };
    let mut rounds = Vec::new();
    for (number, after) in places.into_iter().enumerate() {
        for (turn, direction) in [Direction::Up, Direction::Down].into_iter().enumerate() {
            let what = if (number + turn).is_multiple_of(2) {
                What::Close
            } else {
                What::Reset
            };
            rounds.push(Weather {
                trouble: Some(Trouble {
                    what,
                    after,
                    direction,
                }),
                ..Weather::default()
            });
        }
    }
    let (connections, outcome) = rough(hal, &platform(), Weather::default(), &rounds);
    assert!(connections > rounds.len(), "each cut costs a connection");
    // How a port learns of an end, by reading or by writing, is a matter of time; where TLS, valgrind or a sanitizer takes
    // its share of that, it may be the same way each time.
    if hal != Hal::Tcp || valgrind() || sanitizer().is_some() {
        return;
    }
    for (end, reason) in [("FIN", "closed by the server"), ("RST", "-2")] {
        let line = format!("mqtt: connection lost: {reason}");
        assert!(outcome.stderr.contains(&line), "no {end} came; {outcome}");
    }
}

#[test]
fn nothing_accepted_is_lost_by_restarts_over_tcp() {
    restarts(Hal::Tcp);
}

#[test]
fn nothing_accepted_is_lost_by_restarts_over_mbedtls() {
    restarts(Hal::MbedTls);
}

#[test]
fn nothing_accepted_is_lost_by_restarts_over_rustls() {
    restarts(Hal::Rustls);
}

fn restarts(hal: Hal) {
    const WARM_UP: u32 = 2;
    let count = match () {
        () if long() => 100,
        // What valgrind and sanitizers look for shows in a few.
        () if valgrind() || sanitizer().is_some() => 3,
        () => 10,
    };

    let cloud = platform();
    let mut program = Run::new(
        &Program::test("restarts", hal),
        &lamp(),
        &Peer::from(&cloud),
    )
    // glibc counts what it keeps for the next allocation of a thread as in use; now it keeps nothing.
    .env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
    .start();
    program.step("fill", || {
        let deaf = Faults {
            no_puback: true,
            ..Faults::default()
        };
        misbehave(&cloud, deaf);
    });
    program.step("empty", || cloud.clear_faults());
    program.step("warm up", || (0..WARM_UP).for_each(|n| restart(&cloud, n)));
    program.step("restart", || (0..count).for_each(|n| restart(&cloud, n)));
    let outcome = program.finish();
    outcome.expect_success();

    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for message in messages(&cloud, Direction::Up, &own("update")) {
        *arrived.entry(message.text().to_owned()).or_default() += 1;
    }
    let accepted: Vec<(usize, usize)> = numbers(&outcome, "accepted ");
    assert_eq!(accepted.len(), 3, "{outcome}");
    let mut sum = 0;
    for (thread, messages) in accepted {
        for message in 0..messages {
            let text = format!("{thread} {message:06}");
            assert!(arrived.contains_key(&text), "{text} is lost");
        }
        assert!(
            messages > count as usize,
            "thread {thread} went on all the while"
        );
        sum += messages;
    }
    let copies: usize = arrived.values().sum();
    let [(warm, hot)] = numbers(&outcome, "memory ")[..] else {
        panic!("it tells what memory it uses; {outcome}");
    };
    assert!(hot <= warm, "{warm} bytes became {hot}");
    println!(
        "{hal:?}, {count} restarts: {sum} messages accepted, none lost, {} copies; {warm} bytes, then {hot}",
        copies - arrived.len()
    );
}

/// The two numbers in each line that begins with `start`.
fn numbers(outcome: &Outcome, start: &str) -> Vec<(usize, usize)> {
    let lines = outcome.lines.iter();
    let pairs = lines.filter_map(|line| line.strip_prefix(start)?.split_once(' '));
    pairs
        .map(|(a, b)| (a.parse().expect("a number"), b.parse().expect("a number")))
        .collect()
}

/// Restarts the platform, and lets messages pass for a moment when the lamp is back.
fn restart(cloud: &Cloud, number: u32) {
    let mark = cloud.transcript().mark();
    cloud
        .restart(Duration::from_millis(u64::from(number * 137 % 400)))
        .expect("the port is still free");
    let back = cloud
        .transcript()
        .wait_since(mark, patience(), |entry| {
            entry.is(Direction::Up, PacketKind::Connect)
        })
        .expect("the lamp connects again");
    let pause = Duration::from_millis(u64::from(50 + number * 61 % 200));
    let published = cloud
        .transcript()
        .wait_since(back.seq, patience(), |entry| {
            entry.message_on(Direction::Up, &own("update")).is_some()
        });
    published.expect("the lamp publishes again");
    std::thread::sleep(pause);
}

#[test]
fn false_servers_are_refused_and_named() {
    for hal in [Hal::MbedTls, Hal::Rustls] {
        let cloud = platform();
        let spec = CertificateSpec::platform();
        let good = cloud.authority().issue(&spec).expect("OpenSSL signs");
        let by_authority = |spec: CertificateSpec| cloud.authority().issue(&spec);
        let other = Authority::generate("another one").expect("OpenSSL makes keys");
        let later = CertificateSpec {
            from_days: 1,
            ..spec.clone()
        };
        let elsewhere = CertificateSpec::new(["*.iot-as-mqtt.elsewhere.example"]);
        let bad = [
            (
                "expired",
                by_authority(spec.clone().expired()),
                "has expired",
            ),
            ("not yet valid", by_authority(later), "is not valid yet"),
            ("wrong name", by_authority(elsewhere), "is for another name"),
            ("unknown CA", other.issue(&spec), "comes from an unknown CA"),
            ("self-signed", self_signed(&spec), "is self-signed"),
        ];
        let serve = |certificate| {
            cloud
                .set_certificate(certificate)
                .expect("OpenSSL takes it")
        };

        let mut program = start("refused", hal, &cloud);
        for (name, certificate, _) in &bad {
            let certificate = certificate.as_ref().expect("OpenSSL signs");
            program.step(name, || serve(certificate));
        }
        let connects = || {
            let entries = cloud.transcript().entries();
            let connects = entries
                .iter()
                .filter(|entry| entry.is(Direction::Up, PacketKind::Connect));
            connects.count()
        };
        program.step("good", || {
            assert_eq!(connects(), 0, "no signature goes to a false server");
            serve(&good);
        });
        program.step("impostor", || {
            wait(&cloud, "CONNECT", |entry| {
                entry.is(Direction::Up, PacketKind::Connect)
            });
            serve(bad[3].1.as_ref().expect("OpenSSL signs"));
            cloud.kick(&lamp().id).expect("the lamp is online");
        });
        program.step("good again", || {
            assert_eq!(connects(), 1, "no signature goes to a false server");
            serve(&good);
        });
        let outcome = program.finish();
        outcome.expect_success();

        let told = outcome.lines.iter().map(String::as_str);
        let told: Vec<_> = told
            .chain(outcome.stderr.lines())
            .filter(|line| line.starts_with("HAL: TLS: the certificate of "))
            .collect();
        assert!(
            told.len() > bad.len(),
            "the impostor is named, too; {outcome}"
        );
        for ((_, _, reason), line) in bad.iter().zip(&told) {
            assert!(line.contains(reason), "{line:?} does not say {reason:?}");
        }
        for line in &told[bad.len()..] {
            assert!(line.contains(bad[3].2), "{line:?}");
        }
    }
}
