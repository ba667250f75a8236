//! One connection of a device, from its first byte to its end.
//!
//! Two tasks share it, so that a device that sends without reading cannot block what is read from it: the reader
//! (this module's `read`) understands packets and acts on the [`Broker`]; the writer (`write`) sends what is queued
//! and is where most faults happen.

use std::{
    io,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use openssl::ssl::{Ssl, SslContext};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_openssl::SslStream;

use crate::{
    broker::{Broker, Closer, Link, Output, Refused, connack_entry},
    codec::{
        self, Connect, Frame, MAX_CONNECT, MAX_PACKET, Packet, PacketKind, Publish, QoS, Version,
    },
    device::DeviceId,
    fault::{ConnAckFault, Faults},
    transcript::{Direction, PacketEntry, What},
};

/// Packets that may wait for a device; more than two full windows of QoS 1 messages.
const OUTPUT_QUEUE: usize = 1024;

/// First byte of a TLS record that carries a handshake; no MQTT packet of a client begins so.
const TLS_HANDSHAKE: u8 = 0x16;

/// How many bytes of what is not MQTT the transcript keeps; fewer of a CONNECT and before one, as a password may follow.
const MALFORMED_KEPT: usize = 256;
const MALFORMED_CONNECT_KEPT: usize = 12;

/// What both tasks know of their connection.
struct Context {
    broker: Arc<Broker>,
    number: u64,
    /// Faults given to this connection for life.
    own: Option<Faults>,
    /// Set by the first CONNECT that names a device, accepted or not.
    device: OnceLock<DeviceId>,
    closer: Closer,
}

impl Context {
    fn faults(&self) -> Faults {
        self.broker
            .faults
            .current(self.own.as_ref(), self.device.get())
    }

    fn record(&self, what: What) {
        if let What::Packet(packet) = &what {
            tracing::debug!(
                connection = self.number,
                device = self.device.get().map(tracing::field::display),
                direction = ?packet.direction,
                topic = packet.topic,
                qos = packet.qos,
                id = packet.id,
                length = packet.payload.as_ref().map(Bytes::len),
                "{:?}",
                packet.kind
            );
        }
        self.broker
            .transcript
            .add(self.number, self.device.get(), what);
    }

    /// Must come before the socket is closed: who sees it closed finds the device offline.
    fn logout(&self) {
        if let Some(device) = self.device.get() {
            self.broker.logout(device, self.number);
        }
    }

    fn note(&self, text: impl Into<String>) {
        let text = text.into();
        tracing::info!(
            connection = self.number,
            device = self.device.get().map(tracing::field::display),
            "{text}"
        );
        self.record(What::Note { text });
    }
}

/// A stream that is ready for MQTT, and how it is protected.
pub(crate) type Opened = (Box<dyn Stream>, Option<String>);

/// Serves a connection of `peer` to its end, which `closer` may bring about; `opening` makes a stream of it.
pub(crate) async fn serve(
    broker: Arc<Broker>,
    peer: String,
    opening: impl Future<Output = io::Result<Opened>>,
    number: u64,
    closer: Closer,
) {
    let own = broker.faults.take_next();
    let context = Arc::new(Context {
        broker,
        number,
        own,
        device: OnceLock::new(),
        closer: closer.clone(),
    });

    let mut running = pin!(run(Arc::clone(&context), peer, opening));
    let why = tokio::select! {
        biased;
        () = closer.closed() => closer.why(),
        why = &mut running => why,
    };
    context.logout(); // before `running`, and with it the socket, is dropped
    tracing::info!(
        connection = number,
        device = context.device.get().map(tracing::field::display),
        why,
        "closed"
    );
    context.record(What::Closed { why });
    closer.close("ended"); // ends the writer, if it is still there
}

/// Until the connection ends by itself; says why.
async fn run(
    context: Arc<Context>,
    peer: String,
    opening: impl Future<Output = io::Result<Opened>>,
) -> String {
    if context.faults().close_on_accept {
        return "fault: closed on accept".to_owned();
    }
    let deadline = Instant::now() + context.broker.limits.connect_time;
    let opened = timeout_at(deadline, opening).await;
    let (stream, cipher) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return format!("{peer}: {error}"),
        Err(_) => return format!("{peer}: silent, or TLS handshake too slow"),
    };
    tracing::info!(connection = context.number, peer, tls = cipher, "opened");
    context.record(What::Opened {
        peer: peer.clone(),
        tls: cipher.clone(),
    });

    let (read_half, write_half) = tokio::io::split(stream);
    let (out, queue) = mpsc::channel(OUTPUT_QUEUE);
    let mut writer = tokio::spawn(
        Writer {
            context: Arc::clone(&context),
            sink: write_half,
            sent: 0,
        }
        .run(queue),
    );
    let reader = Reader {
        context: Arc::clone(&context),
        stream: read_half,
        buffer: BytesMut::new(),
        out,
        received: 0,
        stalled: false,
    };

    let mut reading = pin!(reader.run(deadline, peer, cipher));
    tokio::select! {
        why = &mut reading => {
            // The reader's end of the queue is gone with it: the writer sends the rest and ends.
            match timeout(LAST_WORDS, &mut writer).await {
                Ok(Ok(Some(first))) => first,
                _ => why,
            }
        }
        ended = &mut writer => {
            context.logout();
            ended.ok().flatten().unwrap_or_else(|| "writer ended".to_owned())
        }
    }
}

/// How long what is queued may still be sent once nothing more is read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What MQTT runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Tells TLS from plain MQTT by the first byte, and does the handshake.
pub(crate) async fn open(tls: SslContext, stream: TcpStream) -> io::Result<Opened> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::Error::other("closed without a word"));
    }
    if first[0] != TLS_HANDSHAKE {
        return Ok((Box::new(stream), None));
    }
    let mut stream = SslStream::new(Ssl::new(&tls)?, stream)?;
    let handshake = Pin::new(&mut stream).accept().await;
    handshake.map_err(|error| io::Error::other(format!("TLS handshake: {error}")))?;
    let cipher = stream
        .ssl()
        .current_cipher()
        .map_or("unknown", |cipher| cipher.name());
    let description = format!("{} {cipher}", stream.ssl().version_str());
    Ok((Box::new(stream), Some(description)))
}

struct Reader {
    context: Arc<Context>,
    stream: ReadHalf<Box<dyn Stream>>,
    buffer: BytesMut,
    out: mpsc::Sender<Output>,
    /// Packets so far.
    received: u32,
    stalled: bool,
}

/// Why reading ends.
type Ended = String;

impl Reader {
    async fn run(mut self, connect_deadline: Instant, peer: String, tls: Option<String>) -> Ended {
        match self.converse(connect_deadline, peer, tls).await {
            Ok(never) => match never {},
            Err(why) => {
                self.context.logout();
                // A full queue belongs to a device that does not read: then there are no last words.
                let _ = self.out.try_send(Output::Close(why.clone()));
                why
            }
        }
    }

    async fn converse(
        &mut self,
        connect_deadline: Instant,
        peer: String,
        tls: Option<String>,
    ) -> Result<std::convert::Infallible, Ended> {
        let frame = self
            .next(connect_deadline, MAX_CONNECT, None, "no CONNECT in time")
            .await?;
        let Packet::Connect(connect) = self.parse(&frame)? else {
            return Err("the first packet is not CONNECT".to_owned());
        };
        let (device, version) = self.connect(&connect, peer, tls).await?;
        // Silence longer than 1.5 keep-alive intervals means that the device is gone (MQTT 3.1.1, 3.1.2.10).
        let patience = Duration::from_millis(u64::from(connect.keep_alive) * 1500);
        loop {
            let frame = self
                .next(
                    Instant::now() + patience,
                    MAX_PACKET,
                    Some(version),
                    "keep-alive ran out",
                )
                .await?;
            let packet = self.parse(&frame)?;
            self.handle(&device, packet).await?;
            self.maybe_stall().await?;
        }
    }

    /// The next whole packet.
    async fn next(
        &mut self,
        deadline: Instant,
        limit: usize,
        version: Option<Version>,
        late: &str,
    ) -> Result<Frame, Ended> {
        loop {
            match Frame::split(&mut self.buffer, limit, version) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(malformed) => {
                    let raw = self.buffer.clone().freeze();
                    return Err(self.malformed(&malformed.to_string(), &raw));
                }
            }
            match timeout_at(deadline, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err("closed by the device".to_owned()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(format!("read: {error}")),
                Err(_) => return Err(late.to_owned()),
            }
        }
    }

    fn malformed(&self, why: &str, raw: &Bytes) -> Ended {
        let known = self.context.device.get().is_some();
        let connect = raw.first().copied().and_then(PacketKind::of) == Some(PacketKind::Connect);
        let kept = raw.len().min(if known && !connect {
            MALFORMED_KEPT
        } else {
            MALFORMED_CONNECT_KEPT
        });
        self.context.record(What::Malformed {
            why: why.to_owned(),
            raw: raw.slice(..kept),
        });
        format!("malformed packet: {why}")
    }

    /// Understands a packet, counts it and writes it down.
    fn parse(&mut self, frame: &Frame) -> Result<Packet, Ended> {
        self.received = self.received.saturating_add(1);
        let packet =
            Packet::parse(frame).map_err(|why| self.malformed(&why.to_string(), &frame.bytes))?;
        if let Packet::Connect(connect) = &packet
            && let Some(name) = connect.username.as_deref()
            && let Some(device) = self.context.broker.device_of(name)
        {
            let _ = self.context.device.set(device); // a second CONNECT changes nothing
        }
        let raw = self
            .context
            .broker
            .raw_transcript
            .then(|| without_password(&packet, &frame.bytes));
        let entry = describe(&packet);
        self.context
            .record(What::Packet(PacketEntry { raw, ..entry }));
        if self
            .context
            .faults()
            .close_after_received_packets
            .is_some_and(|limit| self.received >= limit)
        {
            return Err(format!("fault: closed after {} packets", self.received));
        }
        Ok(packet)
    }

    async fn connect(
        &mut self,
        connect: &Connect,
        peer: String,
        tls: Option<String>,
    ) -> Result<(DeviceId, Version), Ended> {
        let faults = self.context.faults();
        match faults.connack {
            ConnAckFault::Refuse(code) => return Err(self.refuse(code, "fault: refused").await),
            ConnAckFault::Silent => return Err(self.ignore().await),
            ConnAckFault::None | ConnAckFault::SplitMs(_) => {}
        }
        let Some(version) = connect.version else {
            return Err(self.refuse(1, "neither MQTT 3.1 nor 3.1.1").await);
        };
        if connect.client_id.is_empty() {
            return Err(self.refuse(2, "empty client id").await);
        }
        let Some(device) = self.context.device.get().cloned() else {
            return Err(self
                .refuse(4, "the user name is not `{device name}&{product key}`")
                .await);
        };
        let link_of = |info| Link {
            connection: self.context.number,
            out: self.out.clone(),
            closer: self.context.closer.clone(),
            peer,
            tls,
            info,
        };
        match self
            .context
            .broker
            .login(connect, &device, faults.forget_session, link_of)
        {
            Ok(()) => {
                tracing::info!(
                    connection = self.context.number,
                    %device,
                    mqtt = ?version,
                    clean_session = connect.clean_session,
                    keep_alive = connect.keep_alive,
                    "logged in"
                );
                self.maybe_stall().await?;
                Ok((device, version))
            }
            Err(Refused { code, why }) => Err(self.refuse(code, why).await),
        }
    }

    async fn refuse(&mut self, code: u8, why: &str) -> Ended {
        self.context
            .note(format!("CONNECT refused with {code}: {why}"));
        let sent = self
            .send(codec::connack(false, code), connack_entry(false, code))
            .await;
        sent.err()
            .unwrap_or_else(|| format!("CONNECT refused with {code}: {why}"))
    }

    /// Reads on without understanding, until the device gives up.
    async fn ignore(&mut self) -> Ended {
        loop {
            self.buffer.clear();
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return "closed by the device".to_owned(),
                Ok(_) => {}
                Err(error) => return format!("read: {error}"),
            }
        }
    }

    async fn send(&mut self, bytes: Bytes, entry: PacketEntry) -> Result<(), Ended> {
        self.push(Output::Packet(bytes, entry)).await
    }

    async fn push(&mut self, output: Output) -> Result<(), Ended> {
        self.out
            .send(output)
            .await
            .map_err(|_| "writer ended".to_owned())
    }

    async fn handle(&mut self, device: &DeviceId, packet: Packet) -> Result<(), Ended> {
        let down = |kind| PacketEntry::new(Direction::Down, kind);
        match packet {
            Packet::Connect(_) => return Err("a second CONNECT".to_owned()),
            Packet::Publish(publish) => self.published(device, &publish).await?,
            Packet::PubAck(id) => self
                .context
                .broker
                .acknowledged(device, self.context.number, id),
            Packet::Subscribe { id, filters } => {
                let faults = self.context.faults();
                let granted = self.context.broker.subscribe(
                    device,
                    self.context.number,
                    filters,
                    faults.refuse_subscribe,
                );
                if !faults.no_suback {
                    let bytes = codec::suback(id, &granted);
                    let payload = Some(bytes.slice(bytes.len() - granted.len()..));
                    self.send(
                        bytes,
                        PacketEntry {
                            id: Some(id),
                            payload,
                            ..down(PacketKind::SubAck)
                        },
                    )
                    .await?;
                }
            }
            Packet::Unsubscribe { id, filters } => {
                self.context
                    .broker
                    .unsubscribe(device, self.context.number, &filters);
                if !self.context.faults().no_unsuback {
                    let entry = PacketEntry {
                        id: Some(id),
                        ..down(PacketKind::UnsubAck)
                    };
                    self.send(codec::unsuback(id), entry).await?;
                }
            }
            Packet::PingReq => {
                if !self.context.faults().no_pingresp {
                    self.send(codec::pingresp(), down(PacketKind::PingResp))
                        .await?;
                }
            }
            Packet::Disconnect => return Err("DISCONNECT".to_owned()),
        }
        Ok(())
    }

    async fn published(&mut self, device: &DeviceId, publish: &Publish) -> Result<(), Ended> {
        if publish.qos == QoS::ExactlyOnce {
            return Err("QoS 2 is not offered".to_owned());
        }
        if !self.context.broker.may_publish(device, &publish.topic) {
            return Err(format!("no right to publish to {}", publish.topic));
        }
        if publish.retain {
            self.context
                .note(format!("{}: the retain flag is ignored", publish.topic));
        }
        if publish.qos == QoS::AtLeastOnce && !self.context.faults().no_puback {
            let down = PacketEntry::new(Direction::Down, PacketKind::PubAck);
            self.send(
                codec::puback(publish.pkid),
                PacketEntry {
                    id: Some(publish.pkid),
                    ..down
                },
            )
            .await?;
        }
        self.context
            .broker
            .published(device, self.context.number, publish);
        Ok(())
    }

    async fn maybe_stall(&mut self) -> Result<(), Ended> {
        if let Some(stall) = self.context.faults().stall
            && !self.stalled
            && self.received >= stall.after_packets
        {
            self.stalled = true;
            self.push(Output::Stall(stall.duration())).await?;
            tokio::time::sleep(stall.duration()).await;
        }
        Ok(())
    }
}

/// What the transcript says of a device's packet.
fn describe(packet: &Packet) -> PacketEntry {
    let up = |kind| PacketEntry::new(Direction::Up, kind);
    match packet {
        Packet::Connect(connect) => PacketEntry {
            topic: Some(connect.client_id.clone()),
            ..up(PacketKind::Connect)
        },
        Packet::Publish(publish) => PacketEntry::of_publish(Direction::Up, publish),
        Packet::PubAck(id) => PacketEntry {
            id: Some(*id),
            ..up(PacketKind::PubAck)
        },
        Packet::Subscribe { id, filters } => {
            let names: Vec<_> = filters.iter().map(|(filter, _)| filter.as_str()).collect();
            PacketEntry {
                id: Some(*id),
                topic: Some(names.join(" ")),
                ..up(PacketKind::Subscribe)
            }
        }
        Packet::Unsubscribe { id, filters } => PacketEntry {
            id: Some(*id),
            topic: Some(filters.join(" ")),
            ..up(PacketKind::Unsubscribe)
        },
        Packet::PingReq => up(PacketKind::PingReq),
        Packet::Disconnect => up(PacketKind::Disconnect),
    }
}

/// The password is CONNECT's last field: its bytes become asterisks.
fn without_password(packet: &Packet, bytes: &Bytes) -> Bytes {
    let Packet::Connect(Connect {
        password: Some(password),
        ..
    }) = packet
    else {
        return bytes.clone();
    };
    let mut masked = bytes.to_vec();
    let from = masked.len() - password.len();
    masked[from..].fill(b'*');
    masked.into()
}

struct Writer {
    context: Arc<Context>,
    sink: WriteHalf<Box<dyn Stream>>,
    /// Bytes so far.
    sent: u64,
}

impl Writer {
    /// Sends what is queued until the connection ends; says why if the reason is the writer's.
    async fn run(mut self, mut queue: mpsc::Receiver<Output>) -> Option<Ended> {
        let closer = self.context.closer.clone();
        let ended = tokio::select! {
            biased;
            () = closer.closed() => return None,
            ended = self.send_all(&mut queue) => ended,
        };
        match ended {
            Ok(why) => {
                // Says good-bye, over TLS with close_notify; the device may be gone already.
                let _ = timeout(LAST_WORDS, self.sink.shutdown()).await;
                why
            }
            Err(why) => Some(why),
        }
    }

    async fn send_all(
        &mut self,
        queue: &mut mpsc::Receiver<Output>,
    ) -> Result<Option<Ended>, Ended> {
        while let Some(output) = queue.recv().await {
            match output {
                Output::Packet(bytes, entry) => self.send(bytes, entry).await?,
                Output::Raw(raw) => {
                    let faults = self.context.faults();
                    self.context.record(What::RawSent { raw: raw.clone() });
                    self.write(&raw, &faults).await?;
                }
                Output::Stall(duration) => tokio::time::sleep(duration).await,
                Output::Close(why) => return Ok(Some(why)),
            }
        }
        Ok(None)
    }

    async fn send(&mut self, bytes: Bytes, entry: PacketEntry) -> Result<(), Ended> {
        let faults = self.context.faults();
        let kind = entry.kind;
        let raw = self.context.broker.raw_transcript.then(|| bytes.clone());
        let entry = PacketEntry { raw, ..entry };
        self.context.record(What::Packet(entry.clone()));
        match faults.connack {
            ConnAckFault::SplitMs(pause) if kind == PacketKind::ConnAck => {
                self.write(&bytes[..1], &faults).await?;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                self.write(&bytes[1..], &faults).await?;
            }
            _ => self.write(&bytes, &faults).await?,
        }
        if faults.duplicate_publish && kind == PacketKind::Publish {
            let mut again = bytes.to_vec();
            let dup = entry.qos == Some(1);
            again[0] |= u8::from(dup) << 3;
            let raw = self
                .context
                .broker
                .raw_transcript
                .then(|| Bytes::copy_from_slice(&again));
            self.context
                .record(What::Packet(PacketEntry { dup, raw, ..entry }));
            self.write(&again, &faults).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8], faults: &Faults) -> Result<(), Ended> {
        let left = faults
            .close_after_sent_bytes
            .map(|limit| limit.saturating_sub(self.sent));
        let cut = left
            .and_then(|left| usize::try_from(left).ok())
            .filter(|left| *left <= bytes.len());
        let bytes = &bytes[..cut.unwrap_or(bytes.len())];

        let size = if faults.one_byte_writes {
            1
        } else {
            bytes.len().max(1)
        };
        for piece in bytes.chunks(size) {
            let written = timeout(self.context.broker.limits.write_time, async {
                self.sink.write_all(piece).await?;
                self.sink.flush().await
            });
            match written.await {
                Ok(Ok(())) => self.sent += piece.len() as u64,
                Ok(Err(error)) => return Err(format!("write: {error}")),
                Err(_) => return Err("the device does not read what is sent to it".to_owned()),
            }
        }
        if cut.is_some() {
            return Err(format!("fault: closed after {} bytes", self.sent));
        }
        Ok(())
    }
}
