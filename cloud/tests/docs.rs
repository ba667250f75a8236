//! docs/cloud.md tells what is there: its examples work, and nothing is missing.

mod common;

use std::{fs, path::Path, process::Command};

use common::*;
use iotkit_cloud::{Config, DownloadFaults, Faults};
use serde_json::{Value, json};

fn docs() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cloud.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(docs: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = docs.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_device_file_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("devices.toml");
    let example = blocks(&docs(), "toml").concat();
    fs::write(&file, example).unwrap();
    fs::write(folder.path().join("light.json"), "{}").unwrap();
    fs::write(folder.path().join("settings.bin"), "x").unwrap();
    let config = Config::default().with_device_file(&file).unwrap();
    let product = &config.products["a1ProdKey01"];
    assert!(product.secret.is_some() && product.tsl.is_some() && product.config.is_some());
    assert_eq!(
        (product.topics.len(), product.devices["dev-0001"].tags.len()),
        (1, 1)
    );
}

#[test]
fn scripts_and_rules_are_accepted() {
    let cloud = start();
    let examples = blocks(&docs(), "json");
    assert_eq!(examples.len(), 3);
    for example in examples {
        let value: Value = serde_json::from_str(&example).unwrap();
        let (method, path) = if value.get("scope").is_some() {
            ("PUT", "faults")
        } else {
            ("POST", "replies")
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/v1/{path}", cloud.control_address()))
            .header("content-type", "application/json")
            .body(value.to_string())
            .unwrap();
        let response = ureq::Agent::new_with_defaults().run(request).unwrap();
        assert_eq!(response.status(), 200, "{example}");
    }
}

#[test]
fn every_fault_subcommand_and_option_is_named() {
    let docs = docs();
    let faults = json!(Faults::default());
    let downloads = json!(DownloadFaults::default());
    let all = [&faults, &downloads];
    for fault in all
        .iter()
        .flat_map(|faults| faults.as_object().unwrap().keys())
    {
        assert!(docs.contains(&format!("`{fault}`")), "fault {fault}");
    }
    let help = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iotkit-cloud"));
        stdout(&command.args(args).arg("--help").output().unwrap())
    };
    let all = help(&[]);
    let subcommands = all
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let names: Vec<_> = subcommands
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "serve",
            "devices",
            "set",
            "invoke",
            "rrpc",
            "publish",
            "firmware",
            "ota",
            "push-config",
            "kick",
            "log",
            "selftest-peer",
            "help"
        ]
    );
    for name in names.iter().filter(|name| **name != "help") {
        let row: String = docs
            .lines()
            .filter(|line| line.starts_with(&format!("| `{name}")))
            .collect();
        assert!(!row.is_empty(), "subcommand {name}");
        let text = help(&[name]);
        let options = text
            .split_whitespace()
            .filter(|word| word.starts_with("--"));
        for option in options.filter(|option| !matches!(*option, "--help" | "--data")) {
            assert!(row.contains(option), "{name} {option}");
        }
    }
    assert!(docs.contains("`--data FOLDER`"));
}
