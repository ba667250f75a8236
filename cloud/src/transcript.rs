//! What passed between devices and platform, in order: in memory for tests, as JSON lines for people.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::{
    codec::{PacketKind, QoS},
    device::DeviceId,
};

/// How many bytes of topics, payloads and raw packets are kept in memory; the oldest entries go first.
const MEMORY: usize = 64 * 1024 * 1024;

/// What an entry costs beside its texts.
const ENTRY: usize = 256;

/// One thing that happened on a connection.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counts from 0, without gaps.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Counts the connections from 1.
    pub connection: u64,
    /// Known once CONNECT was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

impl Entry {
    /// The packet, if the entry is one.
    pub fn packet(&self) -> Option<&PacketEntry> {
        match &self.what {
            What::Packet(packet) => Some(packet),
            _ => None,
        }
    }

    /// The message, if the entry is a PUBLISH in that direction.
    pub fn message(&self, direction: Direction) -> Option<&PacketEntry> {
        self.packet()
            .filter(|packet| packet.kind == PacketKind::Publish && packet.direction == direction)
    }

    /// The message, if the entry is a PUBLISH in that direction and of that topic.
    pub fn message_on(&self, direction: Direction, topic: &str) -> Option<&PacketEntry> {
        self.message(direction)
            .filter(|packet| packet.topic.as_deref() == Some(topic))
    }

    /// Whether the entry is a packet of that kind in that direction.
    pub fn is(&self, direction: Direction, kind: PacketKind) -> bool {
        self.packet()
            .is_some_and(|packet| packet.kind == kind && packet.direction == direction)
    }

    fn cost(&self) -> usize {
        ENTRY
            + match &self.what {
                What::Packet(packet) => {
                    packet.topic.as_ref().map_or(0, String::len)
                        + packet.payload.as_ref().map_or(0, Bytes::len)
                        + packet.raw.as_ref().map_or(0, Bytes::len)
                }
                What::Malformed { raw, .. } | What::RawSent { raw } => raw.len(),
                What::Opened { .. } | What::Closed { .. } | What::Note { .. } => 0,
            }
    }
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// A connection was accepted, and its TLS handshake is done.
    Opened {
        /// The other side's address.
        peer: String,
        /// TLS version and cipher suite; `None` over plain TCP.
        tls: Option<String>,
    },
    /// A packet passed.
    Packet(PacketEntry),
    /// The device sent something that is not MQTT; the connection is closed.
    Malformed {
        /// The rule it breaks.
        why: String,
        /// The bytes not understood, at most 256.
        #[serde(serialize_with = "as_hex")]
        raw: Bytes,
    },
    /// Bytes sent to the device on request, as they are.
    RawSent {
        /// The bytes.
        #[serde(serialize_with = "as_hex")]
        raw: Bytes,
    },
    /// Something the platform's user may wonder about: a refusal, an ignored will, a message nobody subscribed.
    Note {
        /// What.
        text: String,
    },
    /// The connection ended.
    Closed {
        /// Why, in words.
        why: String,
    },
}

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The device.
    Up,
    /// The platform.
    Down,
}

/// A packet that passed.
#[derive(Debug, Clone, Serialize)]
pub struct PacketEntry {
    /// Who sent it.
    pub direction: Direction,
    /// Its kind.
    #[serde(rename = "packet")]
    pub kind: PacketKind,
    /// PUBLISH: its topic; SUBSCRIBE, UNSUBSCRIBE: the filters, separated by spaces; CONNECT: the client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// PUBLISH: 0 or 1 (2 just before the connection is closed for it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// The packet id where the packet has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
    /// PUBLISH: sent again.
    #[serde(skip_serializing_if = "is_false")]
    pub dup: bool,
    /// PUBLISH: its payload; CONNACK and SUBACK: flags and return codes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub payload: Option<Bytes>,
    /// The whole packet, where the configuration asks for it; a CONNECT's password reads `*`.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_hex_option"
    )]
    pub raw: Option<Bytes>,
}

impl PacketEntry {
    pub(crate) fn new(direction: Direction, kind: PacketKind) -> Self {
        Self {
            direction,
            kind,
            topic: None,
            qos: None,
            id: None,
            dup: false,
            payload: None,
            raw: None,
        }
    }

    pub(crate) fn of_publish(direction: Direction, publish: &crate::codec::Publish) -> Self {
        Self {
            topic: Some(publish.topic.clone()),
            qos: Some(publish.qos as u8),
            id: (publish.qos != QoS::AtMostOnce).then_some(publish.pkid),
            dup: publish.dup,
            payload: Some(publish.payload.clone()),
            ..Self::new(direction, PacketKind::Publish)
        }
    }

    /// The payload as text; empty if there is none or it is not UTF-8.
    pub fn text(&self) -> &str {
        self.payload
            .as_deref()
            .and_then(|payload| std::str::from_utf8(payload).ok())
            .unwrap_or_default()
    }

    /// The payload as JSON; null if it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.payload.as_deref().unwrap_or_default()).unwrap_or_default()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn as_hex<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn as_hex_option<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    as_hex(bytes.as_ref().unwrap_or(&Bytes::new()), serializer)
}

/// Text stays text, what is not UTF-8 becomes `{"hex":"..."}`.
fn as_text<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes = bytes.as_deref().unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_map([("hex", hex::encode(bytes))]),
    }
}

/// The record of all that passed; cheap to clone, all clones are the same record.
#[derive(Clone)]
pub struct Transcript(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    grown: Condvar,
}

struct Inner {
    entries: VecDeque<Entry>,
    next: u64,
    cost: usize,
    file: Option<BufWriter<File>>,
}

impl Transcript {
    /// Starts a record that is also appended to `file`.
    pub(crate) fn new(file: Option<&Path>) -> std::io::Result<Self> {
        let file = file
            .map(|path| File::options().create(true).append(true).open(path))
            .transpose()?;
        let inner = Inner {
            entries: VecDeque::new(),
            next: 0,
            cost: 0,
            file: file.map(BufWriter::new),
        };
        Ok(Self(Arc::new(Shared {
            inner: Mutex::new(inner),
            grown: Condvar::new(),
        })))
    }

    pub(crate) fn add(&self, connection: u64, device: Option<&DeviceId>, what: What) {
        let mut inner = self.lock();
        let entry = Entry {
            seq: inner.next,
            time: now_ms(),
            connection,
            device: device.cloned(),
            what,
        };
        inner.next += 1;
        if let Some(file) = &mut inner.file {
            let written = serde_json::to_writer(&mut *file, &entry)
                .map_err(Into::into)
                .and_then(|()| file.write_all(b"\n"));
            if let Err(error) = written.and_then(|()| file.flush()) {
                tracing::warn!(%error, "the transcript file cannot be written; only memory keeps it from now on");
                inner.file = None;
            }
        }
        inner.cost += entry.cost();
        inner.entries.push_back(entry);
        while inner.cost > MEMORY {
            let Some(oldest) = inner.entries.pop_front() else {
                break;
            };
            inner.cost -= oldest.cost();
        }
        drop(inner);
        self.0.grown.notify_all();
    }

    /// The number of the next entry: a mark to look back to with [`Transcript::since`] and
    /// [`Transcript::wait_since`].
    pub fn mark(&self) -> u64 {
        self.lock().next
    }

    /// All that is kept (the oldest entries go beyond 64 MiB).
    pub fn entries(&self) -> Vec<Entry> {
        self.since(0)
    }

    /// All that is kept from entry `mark` on.
    pub fn since(&self, mark: u64) -> Vec<Entry> {
        self.lock().from(mark).cloned().collect()
    }

    /// Waits for an entry that `wanted` says yes to, looking from the beginning.
    pub fn wait(&self, timeout: Duration, wanted: impl FnMut(&Entry) -> bool) -> Option<Entry> {
        self.wait_since(0, timeout, wanted)
    }

    /// Waits for an entry that `wanted` says yes to, looking from entry `mark` on.
    pub fn wait_since(
        &self,
        mark: u64,
        timeout: Duration,
        mut wanted: impl FnMut(&Entry) -> bool,
    ) -> Option<Entry> {
        let deadline = Instant::now() + timeout;
        let mut seen = mark;
        let mut inner = self.lock();
        loop {
            if let Some(entry) = inner.from(seen).find(|entry| wanted(entry)) {
                return Some(entry.clone());
            }
            seen = inner.next;
            let left = deadline.checked_duration_since(Instant::now())?;
            inner = self
                .0
                .grown
                .wait_timeout(inner, left)
                .expect("no panic while locked")
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().expect("no panic while locked")
    }
}

impl Inner {
    fn from(&self, mark: u64) -> impl Iterator<Item = &Entry> {
        let first = self.next - self.entries.len() as u64;
        let skip = usize::try_from(mark.saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
