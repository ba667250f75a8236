//! MQTT 3.1 and 3.1.1 as a broker reads and writes it.
//!
//! `mqttbytes` parses and builds most packets. Its own are: CONNECT (mqttbytes refuses MQIsdp), reserved flags and
//! bits, packet id zero, empty lists and topic rules, none of which mqttbytes 0.6 checks. Nothing here comes from the
//! device engine, so that one misreading cannot hide another.

use bytes::{BufMut, Bytes, BytesMut};
use mqttbytes::v4;
pub(crate) use mqttbytes::{QoS, v4::Publish};

use crate::topic;

/// Largest payload the platform takes or delivers, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// Largest topic accepted; with the payload it bounds what is buffered for one packet.
pub(crate) const MAX_TOPIC: usize = 1024;

/// Largest packet of a peer that has not yet proved who it is.
pub(crate) const MAX_CONNECT: usize = 4 * 1024;

/// Largest packet of a known device: topic, two lengths, packet id and payload.
pub(crate) const MAX_PACKET: usize = MAX_PAYLOAD + MAX_TOPIC + 4;

/// What makes a packet unreadable or forbidden; the connection it came on is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("{0}")]
    Rule(&'static str),
    #[error("packet of {0} bytes is larger than allowed here")]
    TooLarge(usize),
    #[error("{0:?}")]
    Format(mqttbytes::Error),
}

impl From<mqttbytes::Error> for Malformed {
    fn from(error: mqttbytes::Error) -> Self {
        match error {
            mqttbytes::Error::PayloadSizeLimitExceeded(size) => Self::TooLarge(size),
            other => Self::Format(other),
        }
    }
}

/// The protocol version a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Version {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    #[serde(rename = "3.1")]
    V31,
    /// MQTT 3.1.1: protocol name `MQTT`, level 4.
    #[serde(rename = "3.1.1")]
    V311,
}

/// The kind of an MQTT control packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names are the specification's")]
pub enum PacketKind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
}

impl PacketKind {
    /// Reads the upper half of a packet's first byte.
    pub(crate) fn of(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            _ => return None,
        })
    }
}

/// One packet as it came from the wire, whole but not yet understood.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    header: mqttbytes::FixedHeader,
    /// Offset of the first byte after the fixed header.
    body: usize,
    pub(crate) bytes: Bytes,
}

impl Frame {
    /// Takes one packet of at most `limit` bytes after its fixed header off `buffer`; `None` until it is complete.
    ///
    /// The first byte is judged as soon as it is there: nobody needs to wait for the rest of nonsense.
    pub(crate) fn split(
        buffer: &mut BytesMut,
        limit: usize,
        version: Option<Version>,
    ) -> Result<Option<Self>, Malformed> {
        let Some(&first) = buffer.first() else {
            return Ok(None);
        };
        check_first_byte(first, version)?;

        let header = match mqttbytes::check(buffer.iter(), limit) {
            Ok(header) => header,
            Err(mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let body = 1
            + buffer
                .iter()
                .skip(1)
                .take_while(|byte| **byte & 0x80 != 0)
                .count()
            + 1;
        let bytes = buffer.split_to(header.frame_length()).freeze();
        Ok(Some(Self {
            header,
            body,
            bytes,
        }))
    }

    fn first(&self) -> u8 {
        self.bytes[0]
    }

    fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// The packet's kind; `Frame::split` let only known ones pass.
    pub(crate) fn kind(&self) -> Option<PacketKind> {
        PacketKind::of(self.first())
    }
}

/// Which flags a device may set in a packet's first byte (MQTT 3.1.1, table 2.2), and which packets it may send.
fn check_first_byte(first: u8, version: Option<Version>) -> Result<(), Malformed> {
    let flags = first & 0x0f;
    // MQTT 3.1 gives SUBSCRIBE and UNSUBSCRIBE a DUP flag (sections 3.8 and 3.10); 3.1.1 took it away.
    let dup = if version == Some(Version::V31) {
        0x08
    } else {
        0
    };
    let allowed = match PacketKind::of(first) {
        Some(PacketKind::Publish) if flags & 0x06 == 0x06 => {
            return Err(Malformed::Rule("PUBLISH at QoS 3"));
        }
        Some(PacketKind::Publish) => return Ok(()),
        Some(PacketKind::Subscribe | PacketKind::Unsubscribe) => flags & !dup == 0x02,
        Some(
            PacketKind::Connect | PacketKind::PubAck | PacketKind::PingReq | PacketKind::Disconnect,
        ) => flags == 0,
        Some(PacketKind::PubRec | PacketKind::PubRel | PacketKind::PubComp) => {
            return Err(Malformed::Rule("QoS 2 is not offered"));
        }
        Some(
            PacketKind::ConnAck | PacketKind::SubAck | PacketKind::UnsubAck | PacketKind::PingResp,
        ) => {
            return Err(Malformed::Rule("a packet only the server may send"));
        }
        None => return Err(Malformed::Rule("packet type 0 or 15")),
    };
    if allowed {
        Ok(())
    } else {
        Err(Malformed::Rule("reserved flags in the first byte"))
    }
}

/// A packet that a device may send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Packet {
    Connect(Connect),
    Publish(Publish),
    PubAck(u16),
    Subscribe {
        id: u16,
        filters: Vec<(String, QoS)>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    PingReq,
    Disconnect,
}

impl Packet {
    pub(crate) fn parse(frame: &Frame) -> Result<Self, Malformed> {
        let read = (frame.header, frame.bytes.clone());
        match frame.kind() {
            Some(PacketKind::Connect) => Connect::parse(frame.body()).map(Self::Connect),
            Some(PacketKind::Publish) => parse_publish(read).map(Self::Publish),
            Some(PacketKind::PubAck) => parse_puback(frame.body()).map(Self::PubAck),
            Some(PacketKind::Subscribe) => parse_subscribe(frame, read),
            Some(PacketKind::Unsubscribe) => parse_unsubscribe(read),
            Some(PacketKind::PingReq) if frame.body().is_empty() => Ok(Self::PingReq),
            Some(PacketKind::Disconnect) if frame.body().is_empty() => Ok(Self::Disconnect),
            _ => Err(Malformed::Rule("PINGREQ or DISCONNECT with a body")),
        }
    }
}

fn parse_publish((header, bytes): (mqttbytes::FixedHeader, Bytes)) -> Result<Publish, Malformed> {
    let publish = Publish::read(header, bytes)?;
    if publish.qos == QoS::AtMostOnce && publish.dup {
        return Err(Malformed::Rule("DUP on a QoS 0 message"));
    }
    if publish.topic.len() > MAX_TOPIC || !topic::is_name(&publish.topic) {
        return Err(Malformed::Rule(
            "PUBLISH to something that is not a topic name",
        ));
    }
    if publish.payload.len() > MAX_PAYLOAD {
        return Err(Malformed::TooLarge(publish.payload.len()));
    }
    Ok(publish)
}

fn parse_puback(body: &[u8]) -> Result<u16, Malformed> {
    match body {
        [0, 0] => Err(Malformed::Rule("packet id 0")),
        &[high, low] => Ok(u16::from_be_bytes([high, low])),
        _ => Err(Malformed::Rule("PUBACK: length is not 2")),
    }
}

fn parse_subscribe(
    frame: &Frame,
    (header, bytes): (mqttbytes::FixedHeader, Bytes),
) -> Result<Packet, Malformed> {
    let packet = v4::Subscribe::read(header, bytes)?;
    let mut filters = Vec::with_capacity(packet.filters.len());
    let mut at = 2;
    for filter in packet.filters {
        at += 2 + filter.path.len();
        // mqttbytes looks at two bits of this byte; the other six are reserved (MQTT 3.1.1, 3.8.3).
        if frame
            .body()
            .get(at)
            .is_none_or(|options| options & 0xfc != 0)
        {
            return Err(Malformed::Rule("SUBSCRIBE: reserved bits beside the QoS"));
        }
        at += 1;
        filters.push((checked_filter(filter.path)?, filter.qos));
    }
    let id = checked_id(packet.pkid)?;
    if filters.is_empty() {
        return Err(Malformed::Rule("SUBSCRIBE without a filter"));
    }
    Ok(Packet::Subscribe { id, filters })
}

fn parse_unsubscribe(
    (header, bytes): (mqttbytes::FixedHeader, Bytes),
) -> Result<Packet, Malformed> {
    let packet = v4::Unsubscribe::read(header, bytes)?;
    let id = checked_id(packet.pkid)?;
    let filters = packet
        .topics
        .into_iter()
        .map(checked_filter)
        .collect::<Result<Vec<_>, _>>()?;
    if filters.is_empty() {
        return Err(Malformed::Rule("UNSUBSCRIBE without a filter"));
    }
    Ok(Packet::Unsubscribe { id, filters })
}

fn checked_id(id: u16) -> Result<u16, Malformed> {
    if id == 0 {
        Err(Malformed::Rule("packet id 0"))
    } else {
        Ok(id)
    }
}

fn checked_filter(filter: String) -> Result<String, Malformed> {
    if filter.len() <= MAX_TOPIC && topic::is_filter(&filter) {
        Ok(filter)
    } else {
        Err(Malformed::Rule("not a topic filter"))
    }
}

/// A device's wish to connect.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    /// `None`: neither 3.1 nor 3.1.1, to be answered with CONNACK 1; nothing after the level was read.
    pub(crate) version: Option<Version>,
    pub(crate) clean_session: bool,
    pub(crate) keep_alive: u16,
    pub(crate) client_id: String,
    pub(crate) will: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Bytes>,
}

// The password opens the connection for as long as its time stamp is accepted: it is not for logs.
impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_session", &self.clean_session)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(Bytes::len))
            .finish()
    }
}

impl Connect {
    /// Reads what follows the fixed header (MQTT 3.1 section 3.1, MQTT 3.1.1 section 3.1).
    fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(body);
        let name = fields.binary()?;
        let level = fields.byte()?;
        let version = match (name, level) {
            (b"MQTT", 4) => Some(Version::V311),
            (b"MQIsdp", 3) => Some(Version::V31),
            (b"MQTT" | b"MQIsdp", _) => None,
            _ => return Err(Malformed::Rule("CONNECT: protocol name")),
        };
        let mut connect = Self {
            version,
            clean_session: false,
            keep_alive: 0,
            client_id: String::new(),
            will: false,
            username: None,
            password: None,
        };
        if version.is_none() {
            return Ok(connect);
        }

        let flags = fields.byte()?;
        check_connect_flags(flags, version)?;
        connect.clean_session = flags & 0x02 != 0;
        connect.will = flags & 0x04 != 0;
        connect.keep_alive = fields.number()?;
        connect.client_id = fields.text()?;
        if connect.will {
            fields.text()?;
            fields.binary()?;
        }
        if flags & 0x80 != 0 {
            connect.username = Some(fields.text()?);
        }
        if flags & 0x40 != 0 {
            connect.password = Some(Bytes::copy_from_slice(fields.binary()?));
        }
        if fields.0.is_empty() {
            Ok(connect)
        } else {
            Err(Malformed::Rule("CONNECT: bytes after the last field"))
        }
    }
}

fn check_connect_flags(flags: u8, version: Option<Version>) -> Result<(), Malformed> {
    let will = flags & 0x04 != 0;
    let will_qos = (flags >> 3) & 0x03;
    // MQTT 3.1 leaves this bit unused (section 3.1), 3.1.1 has the server look at it.
    if flags & 0x01 != 0 && version == Some(Version::V311) {
        return Err(Malformed::Rule("CONNECT: reserved flag"));
    }
    if will_qos == 3 || (!will && flags & 0x38 != 0) {
        return Err(Malformed::Rule("CONNECT: will flags"));
    }
    if flags & 0xc0 == 0x40 {
        return Err(Malformed::Rule("CONNECT: password without user name"));
    }
    Ok(())
}

/// Reads fields off the front of a slice.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    const SHORT: Malformed = Malformed::Rule("CONNECT: a field goes beyond the packet");

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.number()?);
        let (field, rest) = self.0.split_at_checked(length).ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(field)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        match std::str::from_utf8(self.binary()?) {
            Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
            _ => Err(Malformed::Rule(
                "CONNECT: a text is not UTF-8 or holds U+0000",
            )),
        }
    }
}

/// CONNACK with any return code, also those no server sends (mqttbytes knows 0 to 5 only).
pub(crate) fn connack(session_present: bool, code: u8) -> Bytes {
    Bytes::copy_from_slice(&[0x20, 2, u8::from(session_present), code])
}

pub(crate) fn puback(id: u16) -> Bytes {
    let [high, low] = id.to_be_bytes();
    Bytes::copy_from_slice(&[0x40, 2, high, low])
}

/// SUBACK; `None` stands for 0x80, the refusal.
pub(crate) fn suback(id: u16, granted: &[Option<QoS>]) -> Bytes {
    let mut body = BytesMut::with_capacity(2 + granted.len());
    body.put_u16(id);
    body.extend(granted.iter().map(|qos| qos.map_or(0x80, |qos| qos as u8)));
    frame(0x90, &body)
}

pub(crate) fn unsuback(id: u16) -> Bytes {
    let [high, low] = id.to_be_bytes();
    Bytes::copy_from_slice(&[0xb0, 2, high, low])
}

pub(crate) fn pingresp() -> Bytes {
    Bytes::from_static(&[0xd0, 0])
}

/// PUBLISH; the packet id must not be zero above QoS 0.
pub(crate) fn publish(publish: &Publish) -> Result<Bytes, mqttbytes::Error> {
    let mut bytes = BytesMut::new();
    publish.write(&mut bytes)?;
    Ok(bytes.freeze())
}

fn frame(first: u8, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(body.len() + 5);
    bytes.put_u8(first);
    let mut rest = body.len();
    loop {
        let low = (rest % 128) as u8;
        rest /= 128;
        bytes.put_u8(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes.freeze()
}

#[cfg(test)]
mod tests;
