//! What a device signs with, and the signature, are told to nobody but the server.

use std::fs;

use iotkit_c_tests::{Hal, Identity, Peer, Program, Run};
use iotkit_cloud::{Cloud, Config, ConnAckFault, Faults};

use crate::{
    common::{every, lamp, misbehave},
    network::proxy::Proxy,
};

#[test]
fn secrets_are_in_no_log_of_any_level() {
    for &hal in every() {
        let mut config = Config::default().device(&lamp().id, &lamp().secret);
        config.raw_transcript = true;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        config.data_dir = Some(folder.path().to_owned());
        let cloud = Cloud::start(config).expect("the platform starts");
        let proxy = Proxy::start(cloud.mqtt_address());
        let peer = Peer {
            address: proxy.address(),
            ..Peer::from(&cloud)
        };
        let mut program = Run::new(&Program::test("secrets", hal), &lamp(), &peer).start();
        for _ in 0..=DEBUG {
            program.step("refuse", || {
                let faults = Faults {
                    connack: ConnAckFault::Refuse(4), // bad user name or password
                    ..Faults::default()
                };
                misbehave(&cloud, faults);
            });
            program.step("grant", || cloud.clear_faults());
        }
        program.step("lose", || {
            cloud.kick(&lamp().id).expect("the lamp is online");
        });
        let outcome = program.finish(); // which looks for secrets in what the program has said
        outcome.expect_success();

        // There was something to tell.
        let [secret, password] = lamp().secrets();
        if hal == Hal::Tcp {
            assert!(
                contains(&proxy.heard(), password.as_bytes()),
                "the password that is looked for is the one that was sent"
            );
        }
        assert!(!contains(&proxy.heard(), secret.as_bytes()));
        let log: Vec<_> = outcome.stderr.split("---- level ").collect();
        assert_eq!(log.len(), 2 + DEBUG, "a part before the first level");
        let library = |part: &str| part.matches("iotkit(0)").count();
        assert_eq!(library(log[1]), 0, "{outcome}");
        for (level, parts) in log[1..].windows(2).enumerate() {
            assert!(
                library(parts[0]) <= library(parts[1]),
                "level {level} says more than the next"
            );
        }
        assert!(library(log[1 + DEBUG]) > 5, "{outcome}");

        let transcript = format!("{:?}", cloud.transcript().entries());
        cloud.stop(); // the file is whole
        let file = fs::read_to_string(folder.path().join("transcript.jsonl"))
            .expect("the platform writes a transcript");
        assert!(file.contains("CONNECT") && transcript.contains("Connect"));
        for told in [&transcript, &file] {
            assert_untold(told, &lamp());
        }
    }
}

/// `IOT_LOG_DEBUG`, the last level.
const DEBUG: usize = 5;

#[track_caller]
fn assert_untold(text: &str, identity: &Identity) {
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let text = text.to_ascii_lowercase();
    for secret in identity.secrets() {
        let secret = secret.to_ascii_lowercase();
        assert!(!text.contains(&secret), "a secret was told");
        assert!(!text.contains(&hex(&secret)), "a secret was told in bytes");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
