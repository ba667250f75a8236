//! The binary: a platform in a process of its own, and each subcommand against it.

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use common::*;
use iotkit_cloud::Endpoints;
use serde_json::{Value, json};
use tempfile::TempDir;

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotkit-cloud"));
    command
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `iotkit-cloud serve` on free ports.
struct Served {
    process: Child,
    folder: TempDir,
    /// What it printed.
    lines: Vec<String>,
    endpoints: Endpoints,
}

impl Served {
    fn start(folder: TempDir) -> Self {
        let mut process = command(folder.path())
            .args(["serve", "--mqtt", "127.0.0.1:0", "--raw"])
            .spawn()
            .unwrap();
        // As other programs find it: the file with the addresses comes last.
        let until = Instant::now() + PATIENCE;
        while !folder.path().join("endpoints.json").exists() {
            assert!(Instant::now() < until, "the platform does not start");
            thread::sleep(Duration::from_millis(1));
        }
        assert!(folder.path().join("transcript.jsonl").exists());
        let stdout = process.stdout.take().unwrap();
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|text| line.send(text))
        });
        let lines: Vec<String> = (0..5)
            .map(|_| lines.recv_timeout(PATIENCE).expect("five lines"))
            .collect();
        let endpoints = Endpoints::read(folder.path()).unwrap();
        Self {
            process,
            folder,
            lines,
            endpoints,
        }
    }

    /// With a device file of two made-up devices.
    fn with_devices() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[[product]]\nkey = \"a1ProdKey01\"\n\
             [[product.device]]\nname = \"dev-0001\"\nsecret = \"{SECRET}\"\n\
             [[product.device]]\nname = \"dev-0002\"\nsecret = \"{SECRET}\"\nenabled = false\n"
        );
        std::fs::write(folder.path().join("devices.toml"), text).unwrap();
        Self::start(folder)
    }

    fn run(&self, args: &[&str]) -> Output {
        run(command(self.folder.path()).args(args))
    }

    /// What a subcommand prints.
    fn say(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        stdout(&output)
    }

    /// What a subcommand complains about.
    fn complain(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(1), ""),
            "{args:?}"
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// A device that subscribed `filter`.
    fn device(&self, filter: &str) -> Raw {
        let mut raw = Raw::open(self.endpoints.mqtt);
        raw.send(&connect(
            b"\0\x04MQTT\x04",
            &credentials(&lamp(), "securemode=3,ext=1"),
            true,
            60,
        ));
        raw.expect(&[0x20, 2, 0, 0]);
        raw.send(&subscribe(1, filter, 0));
        raw.expect(&[0x90, 3, 0, 1, 0]);
        raw
    }

    /// Asks it to end as Ctrl-C and service managers do; its exit code and its log.
    fn end(mut self) -> (Option<i32>, String, TempDir) {
        let killed = Command::new("kill")
            .arg(self.process.id().to_string())
            .status()
            .unwrap();
        assert!(killed.success());
        let code = exit_code(&mut self.process);
        let mut log = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        (code, log, self.leave())
    }

    /// Ends it without asking; its folder.
    fn kill(mut self) -> TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.leave()
    }

    fn leave(&mut self) -> TempDir {
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for a program's end, for a while.
fn exit_code(process: &mut Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            process.kill().unwrap();
            panic!("the program did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Answers the next message with what `answer` makes of its topic and payload.
fn answering(mut raw: Raw, answer: fn(&str, &str) -> (String, String)) -> JoinHandle<Raw> {
    thread::spawn(move || {
        let (_, body) = raw.packet();
        let (topic, payload) =
            body[2..].split_at(usize::from(u16::from_be_bytes([body[0], body[1]])));
        let (topic, payload) = answer(
            std::str::from_utf8(topic).unwrap(),
            std::str::from_utf8(payload).unwrap(),
        );
        raw.send(&publish(&topic, payload.as_bytes()));
        raw
    })
}

fn echo(topic: &str, payload: &str) -> (String, String) {
    let request: Value = serde_json::from_str(payload).unwrap();
    let reply = json!({"id": request["id"], "code": 200, "data": request["params"]});
    let topic = match topic.split_once("/rrpc/request/") {
        Some((sys, id)) => format!("{sys}/rrpc/response/{id}"),
        None => format!("{topic}_reply"),
    };
    (topic, reply.to_string())
}

#[test]
fn a_first_start_makes_up_what_it_needs_and_the_next_keeps_it() {
    let served = Served::start(tempfile::tempdir().unwrap());
    let folder = served.folder.path();
    assert_eq!(
        served.lines,
        [
            format!("mqtt     {}", served.endpoints.mqtt),
            format!("web      https://{}", served.endpoints.web),
            format!("control  http://{}", served.endpoints.control),
            format!("trust    {}", folder.join("ca.pem").display()),
            format!("devices  {}", folder.join("devices.toml").display()),
        ]
    );
    assert_ne!(served.endpoints.mqtt.port(), 0);
    assert_eq!(served.say(&["devices"]), "a1ProdKey01/dev-0001  offline\n");
    let files = |folder: &Path| {
        ["devices.toml", "ca.pem", "server.pem"]
            .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
    };
    let before = files(folder);

    let (code, log, folder) = served.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!folder.path().join("endpoints.json").exists());
    let served = Served::start(folder);
    assert_eq!(files(served.folder.path()), before);
}

#[test]
fn subcommands_reach_the_device() {
    let served = Served::with_devices();
    let raw = served.device("/sys/a1ProdKey01/dev-0001/#");
    let device = answering(raw, echo);
    let reply: Value =
        serde_json::from_str(&served.say(&["set", "a1ProdKey01/dev-0001", r#"{"a":1}"#])).unwrap();
    assert_eq!(
        (&reply["code"], &reply["data"]),
        (&json!(200), &json!({"a": 1}))
    );
    let device = answering(device.join().unwrap(), echo);
    let reply = served.say(&["invoke", "a1ProdKey01/dev-0001", "Ring", r#"{"Times":2}"#]);
    assert!(reply.contains(r#""data":{"Times":2}"#), "{reply}");
    let device = answering(device.join().unwrap(), echo);
    let reply = served.say(&["invoke", "a1ProdKey01/dev-0001", "Ring", "--sync"]);
    assert!(reply.contains(r#""data":{}"#), "{reply}");

    let shout =
        |topic: &str, payload: &str| (topic.replace("request", "response"), payload.to_uppercase());
    let device = answering(device.join().unwrap(), shout);
    assert_eq!(
        served.say(&["rrpc", "a1ProdKey01/dev-0001", "hello"]),
        "HELLO\n"
    );
    let device = answering(device.join().unwrap(), shout);
    let args = [
        "rrpc",
        "a1ProdKey01/dev-0001",
        "hello",
        "--topic",
        "/my/topic",
        "--unsubscribed",
    ];
    assert_eq!(served.say(&args), "HELLO\n");

    let mut raw = device.join().unwrap();
    let topic = "/a1ProdKey01/dev-0001/user/get";
    let args = [
        "publish",
        "a1ProdKey01/dev-0001",
        topic,
        "x",
        "--qos",
        "0",
        "--unsubscribed",
    ];
    assert_eq!(served.say(&args), "sent\n");
    raw.expect(&publish(topic, b"x"));
    raw.send(&subscribe(1, "/broadcast/a1ProdKey01/#", 0));
    raw.expect(&[0x90, 3, 0, 1, 0]);
    assert_eq!(
        served.say(&["publish", "a1ProdKey01", "news", "y"]),
        "sent to 1 devices\n"
    );
    raw.expect(&publish("/broadcast/a1ProdKey01/news", b"y"));

    let devices = served.say(&["devices"]);
    let address = raw.0.local_addr().unwrap();
    assert_eq!(
        devices,
        format!(
            "a1ProdKey01/dev-0001  online  MQTT 3.1.1, plain TCP, from {address}\na1ProdKey01/dev-0002  disabled\n"
        )
    );
    let device: Value =
        serde_json::from_str(&served.say(&["devices", "a1ProdKey01/dev-0001"])).unwrap();
    assert_eq!(device["connection"]["keepAlive"], 60);

    assert_eq!(served.say(&["kick", "a1ProdKey01/dev-0001"]), "kicked\n");
    raw.expect_closed();
}

#[test]
fn firmware_outlasts_a_platform_that_is_killed() {
    let served = Served::with_devices();
    let image = served.folder.path().join("image");
    std::fs::write(&image, vec![7; 1000]).unwrap();
    let image = image.to_str().unwrap();
    let line = "2.0  1000 bytes  MD5 eb4fc1b20b020225bebfd48686d92517\n";
    let add = ["firmware", "add", image, "--version", "2.0"];
    assert_eq!(served.say(&add), line);
    let device = "a1ProdKey01/dev-0001";
    served.say(&["ota", "push", "--version", "2.0", device]);
    let mut raw = served.device("/ota/device/upgrade/a1ProdKey01/dev-0001");
    raw.send(&publish(
        "/ota/device/inform/a1ProdKey01/dev-0001",
        br#"{"params":{"version":"1.0"}}"#,
    ));
    raw.packet();
    let status = "a1ProdKey01/dev-0001  runs 1.0  is to run 2.0: announced\n\
        a1ProdKey01/dev-0002  runs an unknown version\n";
    assert_eq!(served.say(&["ota", "status"]), status);

    let served = Served::start(served.kill());
    assert_eq!(served.say(&["firmware", "list"]), line);
    assert_eq!(served.say(&["ota", "status"]), status);
}

#[test]
fn failures_are_told_and_end_with_1() {
    let served = Served::with_devices();
    for (args, expected) in [
        (
            &["kick", "a1ProdKey01/dev-0001"][..],
            "iotkit-cloud: the device is offline\n",
        ),
        (
            &["set", "a1ProdKey01/nobody", "{}"],
            "iotkit-cloud: device a1ProdKey01/nobody is not known\n",
        ),
        (
            &["publish", "nothing", "x", "y"],
            "iotkit-cloud: product nothing is not known\n",
        ),
        (
            &["invoke", "a1ProdKey01/dev-0001", "a/+ b", "{}"],
            "iotkit-cloud: \"/sys/a1ProdKey01/dev-0001/thing/service/a/+ b\" is not a topic name\n",
        ),
    ] {
        assert_eq!(served.complain(args), expected);
    }
    assert!(
        served
            .complain(&["set", "a1ProdKey01/dev-0001", "{"])
            .starts_with("iotkit-cloud: \"{\" is not JSON")
    );
    let _raw = served.device("/sys/a1ProdKey01/dev-0001/#");
    let late = served.complain(&["set", "a1ProdKey01/dev-0001", "{}", "--timeout", "100"]);
    assert_eq!(late, "iotkit-cloud: the device did not answer in time\n");

    let usage = served.run(&["kick", "no-slash"]);
    assert_eq!(usage.status.code(), Some(2));
    let nowhere = tempfile::tempdir().unwrap();
    let output = run(command(nowhere.path()).arg("devices"));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("no platform runs with the data folder"),
        "{complaint}"
    );

    let wrong = nowhere.path().join("wrong.toml");
    std::fs::write(&wrong, "[[product]]\nkee = 1\n").unwrap();
    let output = run(command(nowhere.path())
        .arg("serve")
        .arg("--devices")
        .arg(&wrong));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("wrong.toml")
    );
    let taken = served.endpoints.mqtt.to_string();
    let output = run(command(nowhere.path()).args(["serve", "--mqtt", &taken]));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains(&format!("cannot listen on {taken}")),
        "{complaint}"
    );
}

#[test]
fn the_log_is_told_and_followed() {
    let served = Served::with_devices();
    let mut raw = served.device("/sys/a1ProdKey01/dev-0001/#");
    raw.send(&publish("/a1ProdKey01/dev-0001/update", b"{\"a\":1}"));
    raw.send(&[0xc0, 0]);
    raw.expect(&[0xd0, 0]);

    let log = served.say(&["log"]);
    let line = log.lines().find(|line| line.contains("PUBLISH")).unwrap();
    let (clock, rest) = line.split_once(' ').unwrap();
    assert_eq!(clock.len(), "12:34:56.789".len());
    assert_eq!(
        rest,
        "#1 a1ProdKey01/dev-0001 > PUBLISH QoS 0 /a1ProdKey01/dev-0001/update {\"a\":1}"
    );
    assert_eq!(served.say(&["log", "--last", "2"]).lines().count(), 2);
    assert_eq!(served.say(&["log", "--device", "a1ProdKey01/dev-0002"]), "");
    let entries: Vec<Value> = served
        .say(&["log", "--json"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&entries[0]["what"], &entries[0]["seq"]),
        (&json!("opened"), &json!(0))
    );

    let mut follower = command(served.folder.path())
        .args(["log", "--follow", "--last", "1"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("< PINGRESP"));
    for _ in 0..3 {
        raw.send(&[0xc0, 0]);
    }
    let mut pings: Vec<_> = (0..6)
        .map(|_| lines.next().unwrap().unwrap())
        .map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
        .collect();
    pings.sort();
    assert_eq!(pings, [["PINGREQ"; 3], ["PINGRESP"; 3]].concat());
    // Who has seen enough may leave: no complaint, no panic.
    drop(lines);
    raw.send(&[0xc0, 0]);
    assert_eq!(exit_code(&mut follower), Some(0));
    let mut complaint = String::new();
    let mut stderr = follower.stderr.take().unwrap();
    stderr.read_to_string(&mut complaint).unwrap();
    assert_eq!(complaint, "");
}

#[test]
fn logs_are_structured_and_hold_no_secret() {
    let served = Served::with_devices();
    let raw = served.device("/sys/a1ProdKey01/dev-0001/#");
    drop(raw);
    let mut refused = Raw::open(served.endpoints.mqtt);
    refused.send(&connect(
        b"\0\x04MQTT\x04",
        &credentials(&fan(), ""),
        true,
        60,
    ));
    refused.expect(&[0x20, 2, 0, 5]);
    refused.expect_closed();
    let (code, log, folder) = served.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("INFO iotkit_cloud::connection: opened connection=1 peer=\"127.0.0.1:"),
        "{log}"
    );
    let login = "logged in connection=1 device=a1ProdKey01/dev-0001 mqtt=V311 clean_session=true keep_alive=60";
    assert!(log.contains(login), "{log}");
    assert!(log.contains("CONNECT refused with 5: the device is disabled connection=2 device=a1ProdKey01/dev-0002"), "{log}");
    let transcript = std::fs::read_to_string(folder.path().join("transcript.jsonl")).unwrap();
    let last: Value = serde_json::from_str(transcript.lines().last().unwrap()).unwrap();
    assert_eq!(last["what"], "closed");
    for text in [&log, &transcript] {
        assert!(!text.contains(SECRET) && !text.contains(&credentials(&fan(), "").password));
    }
}

#[test]
fn a_peer_for_the_self_test_needs_no_platform() {
    let folder = tempfile::tempdir().unwrap();
    let mut peer = command(folder.path())
        .args(["selftest-peer", "--listen", "127.0.0.1:0"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(peer.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line
        .strip_prefix("selftest  ")
        .expect("it says where it is");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"close 2\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [0, 1]);
    Command::new("kill")
        .arg(peer.id().to_string())
        .status()
        .unwrap();
    assert_eq!(exit_code(&mut peer), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
