//! `cargo xtask demo`: a light of `c_samples`, linked as firmware is, meets the local platform over TLS.
//!
//! Everything is built as the README says, and run as a user would: the platform and its commands are the program
//! `iotkit-cloud`. What the light prints and what the platform records are shown together, in the order of time.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use console::{Style, Term, style, truncate_str};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tempfile::TempDir;

use crate::generated::root;

/// How long anything in the conversation may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the other side's view of a step may take to be written down.
const SETTLE: Duration = Duration::from_millis(200);

/// The light's properties as the platform wishes them.
const ORANGE: &str = r#"{"LightSwitch":1,"RGBColor":{"Red":255,"Green":80,"Blue":0}}"#;
const OFF: &str = r#"{"LightSwitch":0}"#;

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<()> {
    let start = Instant::now();
    check_tools()?;
    println!("{}", style("Building").bold());
    let built = Built::build()?;
    println!();
    converse(&built)?;
    how_to_go_on(&built, start.elapsed());
    Ok(())
}

// ----- building -----

/// Names what is missing, before a compiler's error does.
fn check_tools() -> Result<()> {
    let cc = compiler();
    let tools: [(&str, &[&str], &str); 3] = [
        (&cc, &["--version"], "a C compiler: package gcc"),
        ("make", &["--version"], "package make"),
        (
            "pkg-config",
            &["--exists", "openssl"],
            "OpenSSL for the platform: packages libssl-dev and pkg-config",
        ),
    ];
    let missing: Vec<_> = tools
        .iter()
        .filter(|(tool, arguments, _)| {
            let output = Command::new(tool).args(*arguments).output();
            !output.is_ok_and(|output| output.status.success())
        })
        .map(|(tool, arguments, what)| format!("  {tool} {} ({what})", arguments.join(" ")))
        .collect();
    ensure!(
        missing.is_empty(),
        "these commands have to work first (the packages are Debian's):\n{}",
        missing.join("\n")
    );
    Ok(())
}

fn compiler() -> String {
    env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// The programs of the demo.
struct Built {
    light: PathBuf,
    platform: PathBuf,
}

impl Built {
    fn build() -> Result<Self> {
        let library = cargo(
            "libiot_sdk.a, with TLS inside",
            &[
                // As a staticlib alone: with the rlib cargo would leave out link-time optimisation.
                "rustc",
                "--release",
                "--package=iotkit-capi",
                "--lib",
                "--crate-type=staticlib",
                "--features=tls-rustls",
            ],
            "/libiot_sdk.a",
        )?;
        let target = library
            .parent()
            .and_then(Path::parent)
            .context("libiot_sdk.a is not in a target folder")?;
        let ports = target.join("ports");
        let samples = target.join("c_samples");
        make(
            "libiot_platform.a, the HAL for Linux",
            "ports",
            &[&format!("BUILD={}", ports.display()), "platform"],
        )?;
        make(
            "rgb_led, the light",
            "c_samples",
            &[
                &format!("BUILD={}", samples.display()),
                &format!(
                    "IOTKIT_LIBS={} {}",
                    library.display(),
                    ports.join("libiot_platform.a").display()
                ),
                "rgb_led",
            ],
        )?;
        let platform = cargo(
            "iotkit-cloud, the platform",
            &["build", "--package=iotkit-cloud", "--bin=iotkit-cloud"],
            "/iotkit-cloud",
        )?;
        Ok(Self {
            light: samples.join("rgb_led"),
            platform,
        })
    }
}

/// Runs cargo and returns the file it made whose path ends with `file`.
fn cargo(what: &str, arguments: &[&str], file: &str) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"]);
    let messages = build(what, &mut command)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .flat_map(|artifact| artifact.filenames)
        .find(|name| name.to_string_lossy().ends_with(file))
        .with_context(|| format!("cargo did not say where {file} is"))
}

/// A message of cargo about what it made.
#[derive(Deserialize)]
struct Artifact {
    filenames: Vec<PathBuf>,
}

fn make(what: &str, folder: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("make");
    command
        .arg("-C")
        .arg(folder)
        .arg(format!("CC={}", compiler()))
        .args(arguments);
    build(what, &mut command).map(drop)
}

/// Runs a build tool, with a line of progress that shows its own last line; returns its stdout.
fn build(what: &str, command: &mut Command) -> Result<String> {
    let bar = ProgressBar::new_spinner().with_message(String::new());
    bar.set_style(ProgressStyle::with_template(
        "  {spinner} {prefix}  {elapsed}  {wide_msg:.dim}",
    )?);
    bar.set_prefix(format!("{what:<38}"));
    bar.enable_steady_tick(Duration::from_millis(100));

    let mut child = command
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let mut stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = BufReader::new(child.stderr.take().context("stderr is piped")?);
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let mut told = Vec::new();
    for line in stderr.lines() {
        let line = line.context("reading what the tool says")?;
        bar.set_message(line.trim().to_owned());
        told.push(line);
    }
    let status = child.wait()?;
    let text = reader.join().map_err(|_| anyhow!("reading failed"))??;

    bar.finish_and_clear();
    if !status.success() {
        bail!("building {what} failed:\n{text}{}", told.join("\n"));
    }
    println!(
        "  {} {what:<38}  {:.1} s",
        style("✓").green(),
        bar.elapsed().as_secs_f64()
    );
    Ok(text)
}

// ----- the conversation -----

fn converse(built: &Built) -> Result<()> {
    let mut scene = Scene::open(built)?;

    scene.title("The light starts: it connects over TLS and subscribes");
    scene.light.say("start")?;
    scene.hear("connection: subscribed")?;
    scene.show()?;

    scene.title("Its own switch is pressed: it reports that it is on");
    scene.light.say("pub open")?;
    scene.hear("light: on, red 255 green 255 blue 255")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The platform wishes orange: the light obeys, answers and reports");
    scene.wish(ORANGE)?;
    scene.hear("light: on, red 255 green 80 blue 0")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The platform switches it off");
    scene.wish(OFF)?;
    scene.hear("light: off, red 255 green 80 blue 0")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The light stops");
    scene.light.say("stop")?;
    scene.hear("connection: closed")?;
    let status = scene.light.end()?;
    scene.show()?;
    ensure!(status.success(), "the light ended with {status}");
    scene.check()
}

/// Both sides, and what they said that is not shown yet.
struct Scene<'a> {
    platform: Platform<'a>,
    light: Light,
    start: u64,
    pending: Vec<Said>,
    titles: usize,
}

/// What somebody said, and when, in milliseconds since 1970.
struct Said {
    time: u64,
    by: Side,
    text: String,
}

/// In this order where the time is the same: mostly one says what the next one acts upon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    User,
    Platform,
    Light,
}

impl<'a> Scene<'a> {
    fn open(built: &'a Built) -> Result<Self> {
        let platform = Platform::start(&built.platform)?;
        let light = Light::start(&built.light, &platform)?;
        Ok(Self {
            platform,
            light,
            start: now_ms(),
            pending: Vec::new(),
            titles: 0,
        })
    }

    fn title(&mut self, title: &str) {
        self.titles += 1;
        println!("{}", style(format!("{}. {title}", self.titles)).bold());
    }

    /// Waits until the light prints a line that begins so.
    fn hear(&mut self, start: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.light.lines.recv_timeout(left) {
                Ok(said) => {
                    let found = said.text.starts_with(start);
                    self.pending.push(said);
                    if found {
                        return Ok(());
                    }
                }
                Err(why) => {
                    self.show()?;
                    let why = match why {
                        RecvTimeoutError::Timeout => "in time",
                        RecvTimeoutError::Disconnected => "before it ended",
                    };
                    bail!("the light did not say {start:?} {why}");
                }
            }
        }
    }

    /// Sets properties as a user does, and checks the light's answer.
    fn wish(&mut self, properties: &str) -> Result<()> {
        let device = self.platform.device();
        self.pending.push(Said {
            time: now_ms(),
            by: Side::User,
            text: format!("iotkit-cloud set {device} '{properties}'"),
        });
        let output = self.platform.ask(&["set", &device, properties])?;
        let answer: Answer =
            serde_json::from_str(&output).with_context(|| format!("the answer {output:?}"))?;
        ensure!(answer.code == 200, "the light answered {output}");
        Ok(())
    }

    /// Prints what was said since the last time.
    fn show(&mut self) -> Result<()> {
        thread::sleep(SETTLE);
        self.pending.extend(self.light.lines.try_iter());
        self.pending.extend(self.platform.recorded()?);
        self.pending.sort_by_key(|said| (said.time, said.by));
        for said in self.pending.drain(..) {
            said.print(self.start);
        }
        println!();
        Ok(())
    }

    /// That the platform saw what the light said: TLS, all three reports, and the last state.
    fn check(&self) -> Result<()> {
        ensure!(self.platform.tls, "the connection was not encrypted");
        ensure!(
            self.platform.reports == 3,
            "{} reports arrived, not 3",
            self.platform.reports
        );
        let state = self.platform.ask(&["devices", &self.platform.device()])?;
        let state: serde_json::Value = serde_json::from_str(&state)?;
        for (property, value) in [
            ("LightSwitch", serde_json::json!(0)),
            (
                "RGBColor",
                serde_json::json!({"Red": 255, "Green": 80, "Blue": 0}),
            ),
        ] {
            let known = &state["properties"][property]["value"];
            ensure!(
                *known == value,
                "the platform has {known} for {property}, not {value}"
            );
        }
        Ok(())
    }
}

/// The light's answer to a wish.
#[derive(Deserialize)]
struct Answer {
    code: i64,
}

impl Said {
    /// Prints it as one line, cut to the terminal's width.
    fn print(&self, start: u64) {
        let (name, colour) = match self.by {
            Side::User => ("you", Style::new().green()),
            Side::Platform => ("platform", Style::new().cyan()),
            Side::Light => ("light", Style::new().yellow()),
        };
        let time = Duration::from_millis(self.time.saturating_sub(start)).as_secs_f64();
        let line = format!(
            "  {} {} {}",
            style(format!("{time:6.3}")).dim(),
            colour.apply_to(format!("{name:>8}")),
            self.text
        );
        let terminal = Term::stdout();
        let width = match terminal.size_checked() {
            Some((_, columns)) if terminal.is_term() => columns.into(),
            _ => usize::MAX,
        };
        println!("{}", truncate_str(&line, width, "…"));
    }
}

/// A platform with a device that it made up, in a folder that goes with it.
struct Platform<'a> {
    program: &'a Path,
    folder: TempDir,
    _child: Process,
    endpoints: Endpoints,
    product_key: String,
    device_name: String,
    secret: String,
    transcript: BufReader<File>,
    /// Seen in the transcript so far.
    tls: bool,
    reports: usize,
}

/// `endpoints.json` of the platform's folder.
#[derive(Deserialize)]
struct Endpoints {
    mqtt: String,
    ca_file: PathBuf,
}

/// `devices.toml` there.
#[derive(Deserialize)]
struct Devices {
    product: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    key: String,
    device: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    secret: String,
}

impl<'a> Platform<'a> {
    fn start(program: &'a Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let child = Command::new(program)
            .arg("--data")
            .arg(folder.path())
            .args(["serve", "--mqtt", "127.0.0.1:0"])
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting the platform")?;
        let mut child = Process(child);

        let file = folder.path().join("endpoints.json");
        let deadline = Instant::now() + PATIENCE;
        while !file.exists() {
            if let Some(status) = child.0.try_wait()? {
                bail!("the platform ended with {status}");
            }
            ensure!(Instant::now() < deadline, "the platform does not start");
            thread::sleep(Duration::from_millis(20));
        }
        let endpoints = serde_json::from_str(&fs::read_to_string(&file)?)
            .with_context(|| file.display().to_string())?;

        let devices: Devices =
            toml::from_str(&fs::read_to_string(folder.path().join("devices.toml"))?)?;
        let product = devices
            .product
            .into_iter()
            .next()
            .context("the platform made up no product")?;
        let device = product
            .device
            .into_iter()
            .next()
            .context("the platform made up no device")?;
        let transcript = File::open(folder.path().join("transcript.jsonl"))?;
        Ok(Self {
            program,
            _child: child,
            folder,
            endpoints,
            product_key: product.key,
            device_name: device.name,
            secret: device.secret,
            transcript: BufReader::new(transcript),
            tls: false,
            reports: 0,
        })
    }

    fn device(&self) -> String {
        format!("{}/{}", self.product_key, self.device_name)
    }

    /// Runs one of the platform's commands.
    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(self.program)
            .arg("--data")
            .arg(self.folder.path())
            .args(arguments)
            .output()?;
        ensure!(
            status.success(),
            "iotkit-cloud {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&stderr)
        );
        Ok(String::from_utf8(stdout)?)
    }

    /// What it has recorded since the last time.
    fn recorded(&mut self) -> Result<Vec<Said>> {
        let mut said = Vec::new();
        let mut line = String::new();
        while self.transcript.read_line(&mut line)? > 0 {
            if !line.ends_with('\n') {
                // Half a line: it is whole the next time.
                let length = i64::try_from(line.len())?;
                self.transcript.seek_relative(-length)?;
                break;
            }
            let entry: Entry = serde_json::from_str(&line)
                .with_context(|| format!("the platform recorded {line:?}"))?;
            self.tls |= entry.tls.is_some();
            self.reports += usize::from(entry.is_report());
            said.push(Said {
                time: entry.time,
                by: Side::Platform,
                text: entry.text(&self.product_key, &self.device_name),
            });
            line.clear();
        }
        Ok(said)
    }
}

/// A line of `transcript.jsonl`.
#[derive(Deserialize)]
struct Entry {
    time: u64,
    what: String,
    tls: Option<String>,
    direction: Option<String>,
    packet: Option<String>,
    topic: Option<String>,
    payload: Option<serde_json::Value>,
    why: Option<String>,
    text: Option<String>,
}

impl Entry {
    fn is_report(&self) -> bool {
        let topic = self.topic.as_deref().unwrap_or_default();
        self.direction.as_deref() == Some("up") && topic.ends_with("/thing/event/property/post")
    }

    /// As a line for people: an arrow from or to the device, and its own part of topics as dots.
    fn text(&self, product_key: &str, device_name: &str) -> String {
        let Some(packet) = &self.packet else {
            let more = [&self.tls, &self.why, &self.text].into_iter().flatten();
            return more.fold(format!("connection {}", self.what), |text, more| {
                text + ", " + more
            });
        };
        let arrow = if self.direction.as_deref() == Some("up") {
            "▶"
        } else {
            "◀"
        };
        let mut text = format!("{arrow} {packet}");
        if packet == "CONNECT" {
            return text; // its client id is long, and tells nothing here
        }
        if let Some(topic) = &self.topic {
            text += " ";
            text += &topic.replace(&format!("/{product_key}/{device_name}/"), "/…/");
        }
        if let (Some(serde_json::Value::String(payload)), "PUBLISH") =
            (&self.payload, packet.as_str())
        {
            text += " ";
            text += payload;
        }
        text
    }
}

/// The sample `rgb_led`, as the platform's device.
struct Light {
    child: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<Said>,
}

impl Light {
    fn start(program: &Path, platform: &Platform) -> Result<Self> {
        let mut child = Command::new(program)
            .env("PRODUCT_KEY", &platform.product_key)
            .env("DEVICE_NAME", &platform.device_name)
            .env("DEVICE_SECRET", &platform.secret)
            .env(
                "IOTKIT_RESOLVE",
                format!("aliyuncs.com={}", platform.endpoints.mqtt),
            )
            .env("IOTKIT_CA_FILE", &platform.endpoints.ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the light")?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let (sender, lines) = channel();
        thread::spawn(move || {
            for text in stdout.lines().map_while(Result::ok) {
                let said = Said {
                    time: now_ms(),
                    by: Side::Light,
                    text,
                };
                if sender.send(said).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child: Process(child),
            stdin,
            lines,
        })
    }

    fn say(&mut self, command: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the light has stopped")?;
        writeln!(stdin, "{command}").with_context(|| format!("telling the light {command:?}"))
    }

    /// Waits for its end.
    fn end(&mut self) -> Result<ExitStatus> {
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.0.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "the light does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A program that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn how_to_go_on(built: &Built, time: Duration) {
    let heading = |text: &str| println!("{}", style(text).bold());
    println!(
        "{} in {:.0} s: an unchanged V2.10 program, this library, and no account.\n",
        style("Done").green().bold(),
        time.as_secs_f64()
    );
    heading("Go on by hand");
    println!(
        "  cargo run -p iotkit-cloud -- serve     the platform; it prints the device it made up"
    );
    println!(
        "  {:<38} the light; c_samples/README.md says how they meet",
        short(&built.light)
    );
    println!("  cargo run -p iotkit-cloud -- --help    what the platform can do with a device");
    heading("Use it in a firmware");
    println!("  README.md                              the link line, the HAL it needs, CMake");
    println!("  cargo xtask test                       what is promised, tested");
}

/// A path as seen from the current folder, if it lies below.
fn short(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
