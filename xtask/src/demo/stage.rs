//! Both sides of a demo: a program as the device, and the platform; what they say is shown together, in the order of time.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use console::{Style, Term, style, truncate_str};
use serde::Deserialize;
use tempfile::TempDir;

/// How long anything in the conversation may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the other side's view of a step may take to be written down.
const SETTLE: Duration = Duration::from_millis(200);

/// Both sides, and what they said that is not shown yet.
pub(super) struct Scene<'a> {
    pub(super) platform: Platform<'a>,
    pub(super) device: Device,
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
    Device,
}

impl<'a> Scene<'a> {
    /// Starts the platform, and `program` as its device, called `name`.
    pub(super) fn open(
        platform: &'a Path,
        program: &mut Command,
        name: &'static str,
    ) -> Result<Self> {
        let platform = Platform::start(platform)?;
        let device = Device::start(program, name, &platform)?;
        Ok(Self {
            platform,
            device,
            start: now_ms(),
            pending: Vec::new(),
            titles: 0,
        })
    }

    pub(super) fn title(&mut self, title: &str) {
        self.titles += 1;
        println!("{}", style(format!("{}. {title}", self.titles)).bold());
    }

    /// Waits until the device prints a line that begins so.
    pub(super) fn hear(&mut self, start: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.device.lines.recv_timeout(left) {
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
                    bail!("the {} did not say {start:?} {why}", self.device.name);
                }
            }
        }
    }

    /// Runs one of the platform's commands, as a user does.
    pub(super) fn command(&mut self, arguments: &[&str]) -> Result<String> {
        let quoted: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.pending.push(Said {
            time: now_ms(),
            by: Side::User,
            text: format!("iotkit-cloud {}", quoted.join(" ")),
        });
        self.platform.ask(arguments)
    }

    /// Waits for the end of the device's program, which has to be a good one.
    pub(super) fn end(&mut self) -> Result<()> {
        let status = self.device.end()?;
        self.show()?;
        ensure!(
            status.success(),
            "the {} ended with {status}",
            self.device.name
        );
        Ok(())
    }

    /// Prints what was said since the last time.
    pub(super) fn show(&mut self) -> Result<()> {
        thread::sleep(SETTLE);
        self.pending.extend(self.device.lines.try_iter());
        self.pending.extend(self.platform.recorded()?);
        self.pending.sort_by_key(|said| (said.time, said.by));
        for said in self.pending.drain(..) {
            said.print(self.start, self.device.name);
        }
        println!();
        Ok(())
    }
}

/// As a shell wants it.
fn quoted(argument: &str) -> String {
    if argument.contains(['{', ' ', '"']) {
        format!("'{argument}'")
    } else {
        argument.to_owned()
    }
}

impl Said {
    /// Prints it as one line, cut to the terminal's width.
    fn print(&self, start: u64, device: &str) {
        let (name, colour) = match self.by {
            Side::User => ("you", Style::new().green()),
            Side::Platform => ("platform", Style::new().cyan()),
            Side::Device => (device, Style::new().yellow()),
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
pub(super) struct Platform<'a> {
    program: &'a Path,
    folder: TempDir,
    _child: Process,
    endpoints: Endpoints,
    product_key: String,
    device_name: String,
    secret: String,
    transcript: BufReader<File>,
    /// What it has recorded so far.
    pub(super) entries: Vec<Entry>,
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
    device: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
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
            entries: Vec::new(),
        })
    }

    /// Its device, as its commands want it.
    pub(super) fn device(&self) -> String {
        format!("{}/{}", self.product_key, self.device_name)
    }

    /// Runs one of the platform's commands.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String> {
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
            said.push(Said {
                time: entry.time,
                by: Side::Platform,
                text: entry.text(&self.product_key, &self.device_name),
            });
            self.entries.push(entry);
            line.clear();
        }
        Ok(said)
    }
}

/// A line of `transcript.jsonl`.
#[derive(Deserialize)]
pub(super) struct Entry {
    time: u64,
    what: String,
    pub(super) tls: Option<String>,
    direction: Option<String>,
    packet: Option<String>,
    topic: Option<String>,
    payload: Option<serde_json::Value>,
    why: Option<String>,
    text: Option<String>,
    pub(super) request: Option<String>,
    range: Option<String>,
    pub(super) status: Option<u16>,
}

impl Entry {
    /// Whether the device has published to a topic that ends so.
    pub(super) fn is_up(&self, end: &str) -> bool {
        let topic = self.topic.as_deref().unwrap_or_default();
        self.direction.as_deref() == Some("up") && topic.ends_with(end)
    }

    /// At which byte a request begins, if not at the first.
    pub(super) fn begin(&self) -> Option<usize> {
        let range = self.range.as_deref()?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }

    /// As a line for people: an arrow from or to the device, and its own part of topics as dots.
    fn text(&self, product_key: &str, device_name: &str) -> String {
        if let (Some(request), Some(status)) = (&self.request, self.status) {
            let range = self.range.as_deref().unwrap_or("all of it");
            return format!("{request}, {range}: {status}");
        }
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

/// A program as the platform's device.
pub(super) struct Device {
    name: &'static str,
    child: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<Said>,
}

impl Device {
    fn start(program: &mut Command, name: &'static str, platform: &Platform) -> Result<Self> {
        let mut child = program
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
            .with_context(|| format!("starting the {name}"))?;
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let (sender, lines) = channel();
        thread::spawn(move || {
            for text in stdout.lines().map_while(Result::ok) {
                let said = Said {
                    time: now_ms(),
                    by: Side::Device,
                    text,
                };
                if sender.send(said).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            name,
            child: Process(child),
            stdin,
            lines,
        })
    }

    /// Types a line.
    pub(super) fn say(&mut self, command: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the device has stopped")?;
        writeln!(stdin, "{command}").with_context(|| format!("telling the device {command:?}"))
    }

    /// Waits for its end.
    fn end(&mut self) -> Result<ExitStatus> {
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.0.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "the {} does not end", self.name);
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
