//! What the tests share: a platform with two made-up devices, and mosquitto's clients as devices.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use iotkit_cloud::{
    Cloud, Config, Credentials, DeviceId, Direction, Entry, PacketKind, SignMethod,
};

/// Long enough for a loaded machine, short enough to notice what never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Made up.
pub(crate) const SECRET: &str = "SECRETsecret0123456789abcdefABCD";

pub(crate) fn lamp() -> DeviceId {
    DeviceId::new("a1ProdKey01", "dev-0001")
}

pub(crate) fn fan() -> DeviceId {
    DeviceId::new("a1ProdKey01", "dev-0002")
}

pub(crate) fn config() -> Config {
    Config::default()
        .device(&lamp(), SECRET)
        .device(&fan(), SECRET)
}

pub(crate) fn start() -> Cloud {
    Cloud::start(config()).unwrap()
}

pub(crate) fn credentials(device: &DeviceId, extras: &str) -> Credentials {
    Credentials::new(device, SECRET, SignMethod::HmacSha1, extras)
}

/// A command line of mosquitto_pub or mosquitto_sub that connects as `device`.
pub(crate) fn mosquitto(program: &str, cloud: &Cloud, credentials: &Credentials) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &cloud.mqtt_address().port().to_string(),
        ])
        .args([
            "-i",
            &credentials.client_id,
            "-u",
            &credentials.username,
            "-P",
            &credentials.password,
        ])
        .args(["-k", "60"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A program that runs beside the test and ends with it.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// What it said, if it ends in time; more than a pipe holds would keep it from ending.
    pub(crate) fn output(mut self) -> Output {
        let child = self.0.as_mut().unwrap();
        let until = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "the program does not end");
            thread::sleep(Duration::from_millis(2));
        }
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    Running::start(command).output()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until the platform has sent that kind of packet to `device`.
pub(crate) fn wait_sent(cloud: &Cloud, device: &DeviceId, kind: PacketKind) -> Entry {
    let log = cloud.transcript();
    let found = log.wait(PATIENCE, |entry| {
        entry.device.as_ref() == Some(device) && entry.is(Direction::Down, kind)
    });
    found.unwrap_or_else(|| panic!("no {kind:?} was sent to {device}: {:#?}", log.entries()))
}

/// A device that is nothing but a socket: packets are written and compared byte by byte.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Connects as `device` with MQTT 3.1.1 and takes CONNACK's two bytes.
    pub(crate) fn login(cloud: &Cloud, credentials: &Credentials, clean: bool) -> (Self, [u8; 2]) {
        let mut raw = Self::open(cloud.mqtt_address());
        raw.send(&connect(b"\0\x04MQTT\x04", credentials, clean, 60));
        let connack = raw.read(4);
        assert_eq!(connack[..2], [0x20, 2], "CONNACK: {connack:02x?}");
        (raw, [connack[2], connack[3]])
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads one packet: its first byte and its body.
    pub(crate) fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.read(1)[0];
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.read(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (first, self.read(length))
    }

    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        assert_eq!(self.read(bytes.len()), bytes);
    }

    /// Asserts that the platform closes the connection without another byte.
    pub(crate) fn expect_closed(&mut self) {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => panic!("not closed, but {:02x}", byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("not closed: {error}"),
        }
    }

    /// Reads until the platform closes the connection, whatever it says before.
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("not closed: {error}, after {rest:02x?}"),
        }
    }

    /// Asserts that nothing comes for a moment, and that the connection stays open.
    pub(crate) fn expect_silence(&mut self, time: Duration) {
        self.0.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            other => panic!("not silent: {other:?} {byte:02x?}"),
        }
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

/// Bytes with their length before them.
pub(crate) fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// Any packet: its first byte, the length of its body, its body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let low = (rest % 128) as u8;
        rest /= 128;
        bytes.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    [bytes, body.to_vec()].concat()
}

/// CONNECT with user name and password; `protocol` is the name field and the level.
pub(crate) fn connect(
    protocol: &[u8],
    credentials: &Credentials,
    clean: bool,
    keep_alive: u16,
) -> Vec<u8> {
    let flags = 0xc0 | u8::from(clean) << 1;
    let body = [
        protocol.to_vec(),
        vec![flags],
        keep_alive.to_be_bytes().to_vec(),
        field(credentials.client_id.as_bytes()),
        field(credentials.username.as_bytes()),
        field(credentials.password.as_bytes()),
    ];
    packet(0x10, &body.concat())
}

pub(crate) fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    packet(
        0x82,
        &[
            id.to_be_bytes().to_vec(),
            field(filter.as_bytes()),
            vec![qos],
        ]
        .concat(),
    )
}

pub(crate) fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(
        0xa2,
        &[id.to_be_bytes().to_vec(), field(filter.as_bytes())].concat(),
    )
}

/// PUBLISH at QoS 0.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(0x30, &[field(topic.as_bytes()), payload.to_vec()].concat())
}

/// PUBLISH at QoS 1.
pub(crate) fn publish1(id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(
        0x32,
        &[
            field(topic.as_bytes()),
            id.to_be_bytes().to_vec(),
            payload.to_vec(),
        ]
        .concat(),
    )
}
