//! What passed between devices and platform, in order: in memory for tests, as JSON lines for people.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::{
    codec::{PacketKind, QoS},
    device::DeviceId,
};

/// How many bytes of texts, payloads and raw packets are kept in memory; the oldest entries go first.
const MEMORY: usize = 64 * 1024 * 1024;

/// A file longer than this many bytes is put aside; the one put aside before goes.
const FILE: u64 = 64 * 1024 * 1024;

/// How many entries a reader takes out at a time.
const BATCH: usize = 256;

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
                What::Malformed { raw, why } => raw.len() + why.len(),
                What::RawSent { raw } => raw.len(),
                What::Opened { .. } => 0,
                What::Web { request, .. } => request.len(),
                What::Closed { why: text } | What::Note { text } => text.len(),
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
    /// A request to the web server was answered.
    Web {
        /// Method and path.
        request: String,
        /// The part that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<String>,
        /// The status; 0: the connection was closed instead.
        status: u16,
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
    /// Nothing is added any more.
    ended: bool,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            inner: Mutex::new(Inner {
                entries: VecDeque::new(),
                next: 0,
                cost: 0,
                ended: false,
            }),
            grown: Condvar::new(),
        }))
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

    /// Waits for an entry that `wanted` says yes to, looking from entry `mark` on. `wanted` sees each entry once, and
    /// may use the transcript and the platform.
    pub fn wait_since(
        &self,
        mark: u64,
        timeout: Duration,
        mut wanted: impl FnMut(&Entry) -> bool,
    ) -> Option<Entry> {
        let deadline = Instant::now().checked_add(timeout);
        let left = || deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let mut seen = mark;
        let mut end = None; // of the record, when the time was over
        loop {
            let news = self.news(seen, left());
            seen = news.last()?.seq + 1;
            if let Some(found) = news.into_iter().find(&mut wanted) {
                return Some(found);
            }
            if left().is_some_and(|left| left.is_zero())
                && seen >= *end.get_or_insert_with(|| self.mark())
            {
                return None;
            }
        }
    }

    /// The next entries from `seen` on; none when the time is over or the record has ended.
    fn news(&self, seen: u64, timeout: Option<Duration>) -> Vec<Entry> {
        let nothing_new = |inner: &mut Inner| inner.next <= seen && !inner.ended;
        let inner = self.lock();
        let inner = match timeout {
            Some(timeout) => {
                let waited = self.0.grown.wait_timeout_while(inner, timeout, nothing_new);
                waited.expect("no panic while locked").0
            }
            None => {
                let waited = self.0.grown.wait_while(inner, nothing_new);
                waited.expect("no panic while locked")
            }
        };
        inner.from(seen).take(BATCH).cloned().collect()
    }

    fn end(&self) {
        self.lock().ended = true;
        self.0.grown.notify_all();
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

/// Copies a record to a file, one JSON object a line, on a thread of its own: whoever adds to the record does not wait
/// for the disk. Dropping this writes what is left.
pub(crate) struct TranscriptFile {
    transcript: Transcript,
    thread: Option<JoinHandle<()>>,
}

impl TranscriptFile {
    /// Appends to the file `path`.
    pub(crate) fn follow(transcript: Transcript, path: &Path) -> io::Result<Self> {
        let mut file = Lines::open(path)?;
        let thread = std::thread::Builder::new()
            .name("iotkit-transcript".to_owned())
            .spawn({
                let transcript = transcript.clone();
                move || {
                    if let Err(error) = file.copy(&transcript) {
                        tracing::warn!(%error, "the transcript file cannot be written; only memory keeps it from now on");
                    }
                }
            })?;
        Ok(Self {
            transcript,
            thread: Some(thread),
        })
    }
}

impl Drop for TranscriptFile {
    fn drop(&mut self) {
        self.transcript.end();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the transcript's thread failed");
        }
    }
}

struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            length: file.metadata()?.len(),
            file: BufWriter::new(file),
        })
    }

    /// Until the record has ended.
    fn copy(&mut self, transcript: &Transcript) -> io::Result<()> {
        let mut seen = 0;
        loop {
            let news = transcript.news(seen, None);
            let Some(last) = news.last() else {
                return Ok(());
            };
            seen = last.seq + 1;
            for entry in &news {
                self.write(entry)?;
            }
            self.file.flush()?;
        }
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        if self.length > FILE {
            self.file.flush()?;
            fs::rename(&self.path, self.path.with_extension("old.jsonl"))?;
            *self = Self::open(&self.path)?;
        }
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.length += line.len() as u64;
        self.file.write_all(&line)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(transcript: &Transcript, text: &str) {
        let text = text.to_owned();
        transcript.add(1, None, What::Note { text });
    }

    #[test]
    fn waiting_sees_what_is_there_and_what_comes() {
        let transcript = Transcript::new();
        note(&transcript, "first");
        assert!(
            transcript
                .wait(Duration::ZERO, |entry| entry.seq == 0)
                .is_some()
        );
        assert!(
            transcript
                .wait(Duration::from_millis(5), |entry| entry.seq == 1)
                .is_none()
        );

        let waiting = std::thread::spawn({
            let transcript = transcript.clone();
            // Longer than a clock can tell; the closure may look at the record itself.
            move || {
                transcript.wait_since(1, Duration::MAX, |entry| {
                    entry.seq == 600 && transcript.mark() > 600
                })
            }
        });
        for _ in 0..600 {
            note(&transcript, "next");
        }
        assert_eq!(waiting.join().unwrap().unwrap().seq, 600);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let transcript = Transcript::new();
        let text = "x".repeat(1024 * 1024);
        for _ in 0..70 {
            note(&transcript, &text);
        }
        let entries = transcript.entries();
        assert_eq!((entries.len(), entries[62].seq), (63, 69));
        assert_eq!(transcript.since(68).len(), 2);
        assert!(transcript.since(70).is_empty());
    }

    #[test]
    fn the_file_holds_all_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transcript.jsonl");
        for _ in 0..2 {
            let transcript = Transcript::new();
            let file = TranscriptFile::follow(transcript.clone(), &path).unwrap();
            for _ in 0..1000 {
                note(&transcript, "line");
            }
            drop(file);
        }
        let text = fs::read_to_string(&path).unwrap();
        let numbers: Vec<_> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers, (0..1000).chain(0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_long_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transcript.jsonl");
        File::create(&path).unwrap().set_len(FILE + 1).unwrap(); // sparse
        let transcript = Transcript::new();
        let file = TranscriptFile::follow(transcript.clone(), &path).unwrap();
        note(&transcript, "line");
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        let aside = fs::metadata(folder.path().join("transcript.old.jsonl")).unwrap();
        assert_eq!(aside.len(), FILE + 1);
    }
}
