//! The binary's command line: `serve` is the platform, `selftest-peer` is none, the other subcommands talk to a running
//! platform.

use std::{
    ffi::OsString,
    fmt::Display,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use ureq::{RequestBuilder, typestate::WithBody};

use crate::{
    Cloud, Config, DeviceId, Endpoints, Firmware, REPLY_TIMEOUT, SelftestPeer,
    control::{Ask, AskRrpc, Broadcast, Message, Payload, Push, Replied},
};

/// The Alink platform on one machine, for demos and tests.
#[derive(Parser)]
#[command(name = "iotkit-cloud", version)]
struct Cli {
    /// Folder of certificates, device file, firmware, transcript and chosen addresses.
    #[arg(long, global = true, default_value = "iotkit-cloud-data")]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the platform until Ctrl-C.
    Serve(Serve),
    /// Shows the devices, or all that is known of one.
    Devices {
        /// Only this one: product-key/device-name.
        device: Option<DeviceId>,
    },
    /// Sets properties of a device and waits for its answer.
    Set {
        /// product-key/device-name
        device: DeviceId,
        /// The properties, as a JSON object.
        params: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Calls a service of a device and waits for its answer.
    Invoke {
        /// product-key/device-name
        device: DeviceId,
        /// The service's identifier.
        service: String,
        /// Its parameters, as a JSON object.
        #[arg(default_value = "{}")]
        params: String,
        /// By RRPC instead of ordinary messages.
        #[arg(long)]
        sync: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Calls a device synchronously with any text, and prints what it answers.
    Rrpc {
        /// product-key/device-name
        device: DeviceId,
        /// What to send.
        payload: String,
        /// Uses the topic family /ext/rrpc/{id}/TOPIC instead of /sys/{pk}/{dn}/rrpc/request/{id}.
        #[arg(long)]
        topic: Option<String>,
        /// Even if the device did not subscribe.
        #[arg(long)]
        unsubscribed: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Sends a message to a device, or as a broadcast to the devices of a product.
    Publish {
        /// product-key/device-name; for a broadcast the product key alone.
        to: String,
        /// The topic; for a broadcast what follows /broadcast/{product-key}/.
        topic: String,
        /// What to send.
        payload: String,
        /// 0 or 1.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=1))]
        qos: u8,
        /// Even if the device did not subscribe (not for a broadcast).
        #[arg(long)]
        unsubscribed: bool,
    },
    /// Keeps firmware images for upgrades.
    #[command(subcommand)]
    Firmware(FirmwareCommand),
    /// Upgrades devices, and shows how far they are.
    #[command(subcommand)]
    Ota(OtaCommand),
    /// Pushes a configuration file to a device and prints its answer.
    PushConfig {
        /// product-key/device-name
        device: DeviceId,
        /// The file.
        file: PathBuf,
    },
    /// Closes a device's connection.
    Kick {
        /// product-key/device-name
        device: DeviceId,
    },
    /// Prints what passed between devices and platform.
    Log {
        /// Only of this device: product-key/device-name.
        #[arg(long)]
        device: Option<DeviceId>,
        /// How many of the latest entries.
        #[arg(long, default_value_t = 1000)]
        last: usize,
        /// Goes on until Ctrl-C.
        #[arg(long, short)]
        follow: bool,
        /// One JSON object a line instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Runs the other end of c_samples/hal_selftest, which tests a port on its board, until Ctrl-C. It is no platform.
    SelftestPeer {
        /// Where it listens, for TCP and UDP; port 0 takes a free one. A board needs an address of the network.
        #[arg(long, default_value = "127.0.0.1:7007")]
        listen: SocketAddr,
    },
}

#[derive(Subcommand)]
enum FirmwareCommand {
    /// Adds an image, or replaces the one of this version.
    Add {
        /// The image.
        file: PathBuf,
        /// Its version.
        #[arg(long)]
        version: String,
    },
    /// Shows the images.
    List,
}

#[derive(Subcommand)]
enum OtaCommand {
    /// Announces an image to devices: at once, or when they report their version.
    Push {
        /// The version, of an image that was added.
        #[arg(long)]
        version: String,
        /// product-key/device-name, any number of them.
        #[arg(required_unless_present = "all")]
        devices: Vec<DeviceId>,
        /// All devices.
        #[arg(long, conflicts_with = "devices")]
        all: bool,
    },
    /// Shows which version each device runs and is to run.
    Status,
    /// Makes the web server misbehave in downloads.
    Faults {
        /// How, as in docs/cloud.md: a JSON object; {} is not at all.
        faults: String,
    },
}

#[derive(Args)]
struct Serve {
    /// The device file; without one, `devices.toml` in the data folder, made up if it is not there.
    #[arg(long)]
    devices: Option<PathBuf>,
    /// Where devices connect, by TLS or plain TCP; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:1883")]
    mqtt: SocketAddr,
    /// Where devices find the web server (authentication, messages, firmware), by HTTPS or plain HTTP.
    #[arg(long, default_value = "127.0.0.1:0")]
    web: SocketAddr,
    /// Where the control API listens. Whoever reaches it commands the platform.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Keep the bytes of each packet in the transcript.
    #[arg(long)]
    raw: bool,
}

#[derive(Args)]
struct Wait {
    /// How long to wait for the answer, in milliseconds.
    #[arg(long = "timeout", default_value_t = 8000)]
    timeout_ms: u64,
}

/// Runs the command line to its end.
///
/// # Errors
///
/// What is to be told to the user.
pub fn run(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let cli = Cli::parse_from(args);
    let done = match cli.command {
        Command::Serve(serve) => serve.run(&cli.data),
        Command::SelftestPeer { listen } => selftest_peer(listen),
        command => Client::find(&cli.data).and_then(|client| command.run(&client)),
    };
    match done {
        // `iotkit-cloud log | head`: who has seen enough may leave.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a line; `println!` would panic where nobody reads it.
fn say(line: impl Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

impl Serve {
    fn run(self, data: &Path) -> anyhow::Result<()> {
        log_to_stderr();
        let file = match self.devices {
            Some(file) => file,
            None => made_up_devices(data)?,
        };
        let config = Config {
            mqtt: self.mqtt,
            web: self.web,
            control: self.control,
            data_dir: Some(data.to_owned()),
            raw_transcript: self.raw,
            ..Config::default()
        };
        let signals = Signals::catch()?;
        let cloud = Cloud::start(config.with_device_file(&file)?)?;

        say(format_args!("mqtt     {}", cloud.mqtt_address()))?;
        say(format_args!("web      https://{}", cloud.web_address()))?;
        say(format_args!("control  http://{}", cloud.control_address()))?;
        say(format_args!(
            "trust    {}",
            cloud.endpoints().ca_file.display()
        ))?;
        say(format_args!("devices  {}", file.display()))?;
        signals.wait();
        cloud.stop();
        Ok(())
    }
}

fn selftest_peer(listen: SocketAddr) -> anyhow::Result<()> {
    log_to_stderr();
    let signals = Signals::catch()?;
    let peer = SelftestPeer::start(listen)?;
    say(format_args!("selftest  {}", peer.address()))?;
    signals.wait();
    Ok(())
}

fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("iotkit_cloud=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// The data folder's device file; at the first start one with a made-up device.
fn made_up_devices(data: &Path) -> anyhow::Result<PathBuf> {
    let file = data.join("devices.toml");
    if !file.exists() {
        std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let mut random = [0; 16];
        openssl::rand::rand_bytes(&mut random)?;
        let text = format!(
            "# The devices of the local platform. The one below is made up; add your own.\n\n\
             [[product]]\nkey = \"a1ProdKey01\"\n\n\
             [[product.device]]\nname = \"dev-0001\"\nsecret = \"{}\"\n",
            hex::encode(random)
        );
        crate::tls::write(&file, &text, 0o600)?;
    }
    Ok(file)
}

/// The ways in which a user or a service manager ends a program: Ctrl-C and SIGTERM.
struct Signals {
    runtime: tokio::runtime::Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on they do not end the process by themselves.
    fn catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        Ok(Self {
            runtime,
            interrupt,
            terminate,
        })
    }

    fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
        });
    }
}

impl Command {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        match self {
            Self::Serve(_) | Self::SelftestPeer { .. } => {
                unreachable!("`run` keeps them to itself")
            }
            Self::Devices { device: None } => {
                let devices: Vec<Value> = client.get("/v1/devices")?;
                devices.iter().map(device_line).try_for_each(say)
            }
            Self::Devices {
                device: Some(device),
            } => {
                let device: Value = client.get(&device_path(&device, ""))?;
                say(serde_json::to_string_pretty(&device)?)
            }
            Self::Set {
                device,
                params,
                wait,
            } => {
                let ask = Ask {
                    params: Some(parse(&params)?),
                    timeout_ms: Some(wait.timeout_ms),
                    ..Ask::default()
                };
                client.ask(&device_path(&device, "/property/set"), &ask, wait)
            }
            Self::Invoke {
                device,
                service,
                params,
                sync,
                wait,
            } => {
                let ask = Ask {
                    params: Some(parse(&params)?),
                    sync,
                    timeout_ms: Some(wait.timeout_ms),
                    ..Ask::default()
                };
                let path = format!("/service/{}", level(&service));
                client.ask(&device_path(&device, &path), &ask, wait)
            }
            Self::Rrpc {
                device,
                payload,
                topic,
                unsubscribed,
                wait,
            } => {
                let payload = Payload::Text(payload);
                let ask = AskRrpc {
                    payload,
                    topic,
                    unsubscribed,
                    timeout_ms: Some(wait.timeout_ms),
                };
                client.ask(&device_path(&device, "/rrpc"), &ask, wait)
            }
            Self::Publish {
                to,
                topic,
                payload,
                qos,
                unsubscribed,
            } => {
                let payload = Payload::Text(payload);
                if to.contains('/') {
                    let device: DeviceId = to.parse().map_err(|error: String| anyhow!(error))?;
                    let message = Message {
                        topic,
                        payload,
                        qos,
                        unsubscribed,
                    };
                    client.post::<Value>(&device_path(&device, "/publish"), &message, SHORT)?;
                    say("sent")
                } else {
                    let broadcast = Broadcast {
                        name: Some(topic),
                        payload,
                    };
                    let path = format!("/v1/broadcast/{}", level(&to));
                    let reached: Value = client.post(&path, &broadcast, SHORT)?;
                    say(format_args!("sent to {} devices", reached["devices"]))
                }
            }
            Self::Firmware(FirmwareCommand::Add { file, version }) => {
                let content = std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let path = format!("/v1/firmware?version={}", level(&version));
                say(firmware_line(&client.post_bytes(&path, &content, UPLOAD)?))
            }
            Self::Firmware(FirmwareCommand::List) => {
                let images: Vec<Firmware> = client.get("/v1/firmware")?;
                images.iter().map(firmware_line).try_for_each(say)
            }
            Self::Ota(OtaCommand::Push {
                version,
                devices,
                all,
            }) => {
                let devices = if all { client.devices()? } else { devices };
                for device in devices {
                    let push = Push {
                        version: version.clone(),
                        url: None,
                    };
                    client.post::<Value>(&device_path(&device, "/upgrade"), &push, SHORT)?;
                    say(format_args!("{device}  is to run {version}"))?;
                }
                Ok(())
            }
            Self::Ota(OtaCommand::Status) => {
                let upgrades: Vec<Value> = client.get("/v1/upgrades")?;
                upgrades.iter().map(upgrade_line).try_for_each(say)
            }
            Self::Ota(OtaCommand::Faults { faults }) => {
                client.put("/v1/download-faults", &parse(&faults)?)?;
                say("set")
            }
            Self::PushConfig { device, file } => {
                let content = std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let wait = REPLY_TIMEOUT + SHORT;
                let path = device_path(&device, "/config");
                show(client.post_bytes::<Replied>(&path, &content, wait)?)
            }
            Self::Kick { device } => {
                client.post::<Value>(&device_path(&device, "/kick"), &json!(null), SHORT)?;
                say("kicked")
            }
            Self::Log {
                device,
                last,
                follow,
                json,
            } => {
                let line = if json { Value::to_string } else { log_line };
                print_log(client, device.as_ref(), last, follow, line)
            }
        }
    }
}

fn parse(params: &str) -> anyhow::Result<Value> {
    serde_json::from_str(params).with_context(|| format!("{params:?} is not JSON"))
}

fn device_path(device: &DeviceId, rest: &str) -> String {
    let (product_key, device_name) = (level(&device.product_key), level(&device.device_name));
    format!("/v1/devices/{product_key}/{device_name}{rest}")
}

/// A name as one level of a URL's path, or a value of its query.
fn level(name: &str) -> impl Display {
    utf8_percent_encode(name, NON_ALPHANUMERIC)
}

/// `a1ProdKey01/dev-0001  online   MQTT 3.1.1, TLSv1.3 ..., from 127.0.0.1:4711`
fn device_line(device: &Value) -> String {
    let name = device["device"].as_str().unwrap_or_default();
    let connection = &device["connection"];
    if connection.is_null() {
        let state = if device["enabled"] == json!(false) {
            "disabled"
        } else {
            "offline"
        };
        return format!("{name}  {state}");
    }
    let text = |key: &str| connection[key].as_str().unwrap_or("plain TCP");
    format!(
        "{name}  online  MQTT {}, {}, from {}",
        text("mqtt"),
        text("tls"),
        text("peer")
    )
}

/// `1.2.0  432945 bytes  MD5 93230c3bde425a9d7984a594ac55ea1e`
fn firmware_line(image: &Firmware) -> String {
    format!("{}  {} bytes  MD5 {}", image.version, image.size, image.md5)
}

/// `a1ProdKey01/dev-0001  runs 1.0.0  is to run 1.2.0: upgrading, 40 %`
fn upgrade_line(upgrade: &Value) -> String {
    let text = |key: &str| upgrade[key].as_str();
    let mut line = format!(
        "{}  runs {}",
        text("device").unwrap_or_default(),
        text("running").unwrap_or("an unknown version")
    );
    if let (Some(target), Some(state)) = (text("target"), text("state")) {
        line += &format!("  is to run {target}: {state}");
    }
    line
}

/// How often `log --follow` looks for news.
const FOLLOW: Duration = Duration::from_millis(200);

fn print_log(
    client: &Client,
    device: Option<&DeviceId>,
    last: usize,
    follow: bool,
    line: fn(&Value) -> String,
) -> anyhow::Result<()> {
    let filter = device
        .map(|device| format!("&device={}", level(&device.to_string())))
        .unwrap_or_default();
    let mut query = format!("limit={last}");
    loop {
        let entries: Vec<Value> = client.get(&format!("/v1/log?{query}{filter}"))?;
        entries.iter().map(line).try_for_each(say)?;
        if let Some(last) = entries.last().and_then(|entry| entry["seq"].as_u64()) {
            query = format!("since={}", last + 1);
        }
        if !follow {
            return Ok(());
        }
        std::thread::sleep(FOLLOW);
    }
}

/// `12:34:56.789 #1 a1ProdKey01/dev-0001 > PUBLISH /sys/... {"id":...}`; `>` is the device's, `<` the platform's.
fn log_line(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let mut line = format!(
        "{} #{}",
        clock(entry["time"].as_u64().unwrap_or_default()),
        entry["connection"]
    );
    let mut add = |part: &str| {
        if !part.is_empty() {
            line.push(' ');
            line.push_str(part);
        }
    };
    add(text("device"));
    match text("what") {
        "packet" => {
            add(if text("direction") == "up" { ">" } else { "<" });
            add(text("packet"));
            if let Some(id) = entry["id"].as_u64() {
                add(&format!("id {id}"));
            }
            if let Some(qos) = entry["qos"].as_u64() {
                add(&format!("QoS {qos}"));
            }
            if entry["dup"] == json!(true) {
                add("DUP");
            }
            add(text("topic"));
            match &entry["payload"] {
                Value::String(payload)
                    if payload
                        .chars()
                        .any(|c| c.is_control() && !c.is_whitespace()) =>
                {
                    add(&format!("{payload:?}"));
                }
                Value::String(payload) => add(payload),
                Value::Object(payload) => add(payload["hex"].as_str().unwrap_or_default()),
                _ => {}
            }
        }
        "opened" => {
            add("opened by");
            add(text("peer"));
            add(entry["tls"].as_str().unwrap_or("over plain TCP"));
        }
        "malformed" => {
            add("malformed:");
            add(text("why"));
            add(text("raw"));
        }
        "raw-sent" => {
            add("< raw bytes");
            add(text("raw"));
        }
        "web" => {
            add(text("request"));
            add(text("range"));
            add(&entry["status"].to_string());
        }
        "note" => {
            add("note:");
            add(text("text"));
        }
        _ => {
            add("closed:");
            add(text("why"));
        }
    }
    line
}

/// The time of day in UTC.
fn clock(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!(
        "{:02}:{:02}:{:02}.{ms:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// For what the platform does at once.
const SHORT: Duration = Duration::from_secs(5);

/// For an image of any size: it is hashed and written.
const UPLOAD: Duration = Duration::from_secs(60);

/// Talks to a running platform.
struct Client {
    address: SocketAddr,
    agent: ureq::Agent,
}

impl Client {
    fn find(data: &Path) -> anyhow::Result<Self> {
        let endpoints = Endpoints::read(data).with_context(|| {
            format!(
                "no platform runs with the data folder {}: start `iotkit-cloud serve`",
                data.display()
            )
        })?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self {
            address: endpoints.control,
            agent: config.into(),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let sent = self
            .agent
            .get(self.url(path))
            .config()
            .timeout_global(Some(SHORT))
            .build()
            .call();
        self.read(sent)
    }

    fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let sent = self
            .agent
            .put(self.url(path))
            .config()
            .timeout_global(Some(SHORT))
            .build()
            .send_json(body);
        self.read(sent)
    }

    fn posting(&self, path: &str, timeout: Duration) -> RequestBuilder<WithBody> {
        self.agent
            .post(self.url(path))
            .config()
            .timeout_global(Some(timeout))
            .build()
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> anyhow::Result<T> {
        let request = self.posting(path, timeout);
        self.read(request.send_json(body))
    }

    fn read<T: DeserializeOwned>(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<T> {
        let mut response =
            sent.with_context(|| format!("the platform at {} does not answer", self.address))?;
        if response.status().is_success() {
            return response
                .body_mut()
                .read_json()
                .context("the platform's answer is not understood");
        }
        let failure: Value = response.body_mut().read_json().unwrap_or_default();
        bail!(
            "{}",
            failure["message"]
                .as_str()
                .unwrap_or("the platform refused")
        );
    }

    /// All devices.
    fn devices(&self) -> anyhow::Result<Vec<DeviceId>> {
        let devices: Vec<Value> = self.get("/v1/devices")?;
        let names = devices.iter().map(|device| device["device"].as_str());
        names
            .map(|name| {
                let name = name.unwrap_or_default();
                name.parse().map_err(|error: String| anyhow!(error))
            })
            .collect()
    }

    fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &[u8],
        timeout: Duration,
    ) -> anyhow::Result<T> {
        let request = self.posting(path, timeout);
        self.read(request.send(body))
    }

    /// Asks a device through the platform and prints its answer.
    fn ask(&self, path: &str, body: &impl Serialize, wait: Wait) -> anyhow::Result<()> {
        let replied: Replied =
            self.post(path, body, Duration::from_millis(wait.timeout_ms) + SHORT)?;
        show(replied)
    }
}

/// Prints what a device answered.
fn show(replied: Replied) -> anyhow::Result<()> {
    match replied.payload {
        Payload::Text(text) => say(text),
        Payload::Hex { hex } => say(hex),
    }
}
