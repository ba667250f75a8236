//! The server: sessions, messages, and whether what the client sends is what it may send. Packets are mqttbytes'.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::{Bytes, BytesMut};
use mqttbytes::{
    Error, matches,
    v4::{
        ConnAck, Connect, ConnectReturnCode, Packet, PingResp, PubAck, PubRel, Publish, SubAck,
        Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe, read,
    },
};

use crate::{
    app::{self, TOPICS},
    plan::Plan,
    stats::Fault,
    world::{Event, Phase, World},
};

/// The largest packet a client may send.
const PACKET_MAX: usize = 1 << 20;

/// What the server knows.
pub(crate) struct Broker {
    pub(crate) sessions: Vec<Session>,
    pub(crate) messages: Vec<Message>,
}

/// What the server keeps for a device.
#[derive(Default)]
pub(crate) struct Session {
    exists: bool,
    /// Counts sessions of this device: what was promised in one ends with it.
    epoch: u32,
    pub(crate) subscriptions: BTreeMap<String, u8>,
    outgoing: Vec<Outgoing>,
    pub(crate) conn: Option<usize>,
    next_id: u16,
    pub(crate) probes: Vec<usize>,
}

/// A message on its way to a client, which has to be acknowledged.
struct Outgoing {
    message: usize,
    id: u16,
    qos: u8,
    /// PUBREC has come.
    released: bool,
}

/// A message from the server.
pub(crate) struct Message {
    pub(crate) device: usize,
    pub(crate) topic: &'static str,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    /// The session it belongs to.
    pub(crate) epoch: u32,
    pub(crate) sent_at: u64,
    pub(crate) acknowledged: bool,
    /// Handlers that were called with it: client, subscription if it was not the default, and when.
    pub(crate) delivered: Vec<(usize, Option<usize>, u64)>,
}

/// The server's side of a connection.
pub(crate) struct Peer {
    received: BytesMut,
    device: Option<usize>,
    /// When CONNACK was sent.
    accepted_at: Option<u64>,
    heard_at: u64,
    pings: u64,
    /// It is closed, for the server.
    pub(crate) gone: bool,
    /// The server has sent nonsense, and says nothing any more.
    muted: bool,
    /// Requests without an answer: packet id, and which message.
    waiting: Vec<(u16, Option<u64>)>,
    /// Ids of messages that were sent on it.
    sent: Vec<u16>,
    requests_at: u64,
    disconnected: bool,
}

impl Peer {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            received: BytesMut::new(),
            device: None,
            accepted_at: None,
            heard_at: now,
            pings: 0,
            gone: false,
            muted: false,
            waiting: Vec::new(),
            sent: Vec::new(),
            requests_at: 0,
            disconnected: false,
        }
    }
}

impl Broker {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            sessions: (0..plan.devices).map(|_| Session::default()).collect(),
            messages: Vec::new(),
        }
    }

    /// Which session of a device it is.
    pub(crate) fn epoch(&self, device: usize) -> u32 {
        self.sessions[device].epoch
    }
}

/// A packet as bytes.
fn packet(write: impl FnOnce(&mut BytesMut) -> Result<usize, Error>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    write(&mut bytes).expect("a packet that can be written");
    bytes.to_vec()
}

impl World {
    fn peer(&mut self, conn: usize) -> &mut Peer {
        &mut self.conns[conn].peer
    }

    /// Bytes of a client have arrived.
    pub(crate) fn arrive(&mut self, conn: usize, bytes: &[u8]) {
        if self.peer(conn).gone {
            return;
        }
        let now = self.now;
        self.peer(conn).heard_at = now;
        self.peer(conn).received.extend_from_slice(bytes);
        loop {
            if self.peer(conn).gone || self.violation.is_some() {
                return;
            }
            match read(&mut self.peer(conn).received, PACKET_MAX) {
                Ok(packet) => self.handle(conn, packet),
                Err(Error::InsufficientBytes(_)) => return,
                Err(error) => {
                    let bytes = self.peer(conn).received.clone();
                    return self.violated("packets are well-formed", || {
                        format!("{error:?} on #{conn}, at {bytes:?}")
                    });
                }
            }
        }
    }

    fn handle(&mut self, conn: usize, packet: Packet) {
        self.note(|line| {
            _ = match &packet {
                Packet::Publish(message) => write!(
                    line,
                    "    server #{conn} gets PUBLISH id={} qos={:?} dup={} {} bytes on {}",
                    message.pkid,
                    message.qos,
                    message.dup,
                    message.payload.len(),
                    message.topic
                ),
                packet => write!(line, "    server #{conn} gets {packet:?}"),
            }
        });
        self.mix(0x5e17);
        let first = self.peer(conn).device.is_none();
        let connect = matches!(packet, Packet::Connect(_));
        self.must(first == connect, "CONNECT first and once", || {
            format!("{packet:?} on #{conn}")
        });
        let after = self.peer(conn).disconnected;
        self.must(!after, "nothing after DISCONNECT", || {
            format!("{packet:?} on #{conn}")
        });
        let accepted = self.peer(conn).accepted_at.is_some();
        self.must(
            accepted || connect || packet == Packet::Disconnect,
            "nothing before CONNACK",
            || format!("{packet:?} on #{conn}"),
        );
        if self.violation.is_some() {
            return;
        }
        match packet {
            Packet::Connect(connect) => self.connect(conn, &connect),
            Packet::Publish(message) => self.published(conn, &message),
            Packet::PubAck(ack) => self.acknowledged(conn, ack.pkid, 1),
            Packet::PubRec(ack) => self.received(conn, ack.pkid),
            Packet::PubComp(ack) => self.acknowledged(conn, ack.pkid, 2),
            Packet::PubRel(_) => self.violated("packets are well-formed", || {
                "PUBREL, but no message has QoS 2".to_owned()
            }),
            Packet::Subscribe(subscribe) => self.subscribe(conn, &subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(conn, &unsubscribe),
            Packet::PingReq => self.ping(conn),
            Packet::Disconnect => {
                self.peer(conn).disconnected = true;
            }
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => self
                .violated("packets are well-formed", || {
                    format!("a packet of the server: {packet:?}")
                }),
        }
    }

    /// Answers after a while, if at all, perhaps twice; says whether it does.
    fn reply(&mut self, conn: usize, bytes: Vec<u8>, may_be_late: bool) -> bool {
        if self.peer(conn).muted || self.fault(Fault::NoAnswer, self.plan.rates.no_answer) {
            return false;
        }
        let mut at = self.now + self.rng.u64(..20);
        if may_be_late {
            if self.fault(Fault::SlowAnswer, self.plan.rates.slow_answer) {
                at += self.rng.u64(..15_000);
            }
            // Answers to requests keep their order.
            at = at.max(self.peer(conn).requests_at);
            self.peer(conn).requests_at = at;
        }
        if self.fault(Fault::Twice, self.plan.rates.twice) {
            self.schedule(at, Event::Reply(conn, bytes.clone()));
        }
        self.schedule(at, Event::Reply(conn, bytes));
        if self.fault(Fault::Malformed, self.plan.rates.malformed) {
            let nonsense = self.nonsense();
            self.schedule(at, Event::Reply(conn, nonsense));
            self.peer(conn).muted = true;
        }
        true
    }

    /// Bytes that no client may take for a packet.
    fn nonsense(&mut self) -> Vec<u8> {
        let nonsense: [&[u8]; 10] = [
            &[0x00, 0x00],
            &[0xf0, 0x00],
            &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x36, 0x05, 0x00, 0x01, b'/', 0x00, 0x01],
            &[0x40, 0x02, 0x00, 0x00],
            &[0x40, 0x01, 0x00],
            &[0x30, 0x02, 0x00, 0x09],
            &[0x32, 0x05, 0x00, 0x02, b'/', b'a', 0x00],
            &[0x90, 0x02, 0x00, 0x01],
            &[0xd0, 0x01, 0x00],
        ];
        nonsense[self.rng.usize(..nonsense.len())].to_vec()
    }

    fn connect(&mut self, conn: usize, connect: &Connect) {
        let client = self.conns[conn].client;
        let device = self.model.clients[client].device;
        let login = connect
            .login
            .as_ref()
            .map(|login| (&*login.username, &*login.password));
        let plan = &self.plan;
        let good = connect.client_id == app::client_id(device)
            && login == Some((app::USERNAME, app::PASSWORD))
            && u32::from(connect.keep_alive) == plan.keep_alive / 1000
            && connect.clean_session == plan.clean_session
            && connect.last_will.is_none();
        self.must(good, "connects as configured", || format!("{connect:?}"));
        self.peer(conn).device = Some(device);
        if self.fault(Fault::Refused, self.plan.rates.refused) {
            let code = match self.rng.u8(..4) {
                0 => ConnectReturnCode::BadClientId,
                1 => ConnectReturnCode::ServiceUnavailable,
                2 => ConnectReturnCode::BadUserNamePassword,
                _ => ConnectReturnCode::NotAuthorized,
            };
            self.server_sends(conn, &packet(|b| ConnAck::new(code, false).write(b)));
            return self.server_closes(conn, false);
        }
        if let Some(old) = self.broker.sessions[device].conn {
            self.server_closes(old, true);
        }
        // Not for a CONNECT that arrives when its client has long given up and made another connection: what comes of
        // that session is for no client to know.
        let lost =
            self.conns[conn].open && self.fault(Fault::SessionLost, self.plan.rates.session_lost);
        let session = &mut self.broker.sessions[device];
        if connect.clean_session || lost {
            session.exists = false;
            session.epoch += 1;
            session.subscriptions.clear();
            session.outgoing.clear();
        }
        let present = session.exists;
        session.exists = true;
        session.conn = Some(conn);
        self.peer(conn).accepted_at = Some(self.now);
        let silent = self.fault(Fault::NoAnswer, self.plan.rates.no_answer);
        if silent {
            return;
        }
        let mut at = self.now + self.rng.u64(..20);
        if self.fault(Fault::SlowAnswer, self.plan.rates.slow_answer) {
            at += self.rng.u64(..u64::from(self.plan.request_timeout) * 2);
        }
        let accepted = ConnAck::new(ConnectReturnCode::Success, present);
        self.peer(conn).accepted_at = Some(at);
        self.schedule(at, Event::Reply(conn, packet(|b| accepted.write(b))));
        // What the last connection did not settle.
        for index in 0..self.broker.sessions[device].outgoing.len() {
            let Outgoing {
                message,
                id,
                qos,
                released,
            } = self.broker.sessions[device].outgoing[index];
            let bytes = if released {
                packet(|b| PubRel::new(id).write(b))
            } else {
                self.message_bytes(message, id, qos, true)
            };
            self.peer(conn).sent.push(id);
            self.schedule(at + 1, Event::Reply(conn, bytes));
        }
    }

    fn published(&mut self, conn: usize, message: &Publish) {
        let (id, qos) = (message.pkid, message.qos as u8);
        let (client, device) = (self.conns[conn].client, self.peer(conn).device);
        let number = self.arrived(client, message);
        self.stats.published += 1;
        if qos == 0 || device.is_none() {
            return;
        }
        let taken = self
            .peer(conn)
            .waiting
            .iter()
            .any(|(other, what)| *other == id && *what != number);
        self.must(!taken, "packet ids in flight are unique", || {
            format!("PUBLISH {id} on #{conn}, which something else has")
        });
        self.peer(conn).waiting.push((id, number));
        let held = number == Some(1) && self.model.ids() < 68_000;
        if self.plan.many_ids && held && self.phase == Phase::Storm {
            return; // its id stays in use while the others come round
        }
        if self.reply(conn, packet(|b| PubAck::new(id).write(b)), false) {
            self.peer(conn).waiting.retain(|(other, _)| *other != id);
        }
    }

    fn subscribe(&mut self, conn: usize, subscribe: &Subscribe) {
        let id = subscribe.pkid;
        let [filter] = &*subscribe.filters else {
            return self.violated("packets are well-formed", || format!("{subscribe:?}"));
        };
        let Some(device) = self.peer(conn).device else {
            return;
        };
        let answer = if self.fault(Fault::Refused, self.plan.rates.refused) {
            let client = self.conns[conn].client;
            self.doubt(client, &filter.path);
            SubscribeReasonCode::Failure
        } else {
            let granted = filter.qos;
            self.broker.sessions[device]
                .subscriptions
                .insert(filter.path.clone(), granted as u8);
            SubscribeReasonCode::Success(granted)
        };
        let bytes = packet(|b| SubAck::new(id, vec![answer]).write(b));
        self.reply(conn, bytes, true);
    }

    fn unsubscribe(&mut self, conn: usize, unsubscribe: &Unsubscribe) {
        let id = unsubscribe.pkid;
        if let Some(device) = self.peer(conn).device {
            for filter in &unsubscribe.topics {
                self.broker.sessions[device].subscriptions.remove(filter);
            }
        }
        let bytes = packet(|b| UnsubAck::new(id).write(b));
        self.reply(conn, bytes, true);
    }

    fn ping(&mut self, conn: usize) {
        let since = self.now - self.peer(conn).accepted_at.unwrap_or(self.now);
        self.peer(conn).pings += 1;
        let pings = self.peer(conn).pings;
        // One that fell due may be sent when the application yields again: they need not be evenly apart.
        let due = since / u64::from(self.plan.keep_alive) + 1;
        let fair = self.jumped.0 == 0;
        self.must(!fair || pings <= due, "one ping per keep-alive", || {
            format!("PINGREQ no. {pings} on #{conn} after {since} ms")
        });
        self.reply(conn, packet(|b| PingResp.write(b)), false);
    }

    /// PUBACK or PUBCOMP: the client has the message, and so have its handlers.
    fn acknowledged(&mut self, conn: usize, id: u16, qos: u8) {
        let known = self.peer(conn).sent.contains(&id);
        self.must(known, "acknowledges what was sent", || {
            format!("id {id} on #{conn}")
        });
        let Some(device) = self.peer(conn).device else {
            return;
        };
        let session = &mut self.broker.sessions[device];
        let found = session
            .outgoing
            .iter()
            .position(|outgoing| outgoing.id == id && outgoing.qos == qos);
        if let Some(found) = found {
            let message = session.outgoing.remove(found).message;
            if qos == 1 {
                self.check_delivered(conn, message);
            }
        }
    }

    /// PUBREC: the client has the message.
    fn received(&mut self, conn: usize, id: u16) {
        let Some(device) = self.peer(conn).device else {
            return;
        };
        let session = &mut self.broker.sessions[device];
        let found = session
            .outgoing
            .iter_mut()
            .find(|outgoing| outgoing.id == id && outgoing.qos == 2);
        if let Some(outgoing) = found {
            let again = std::mem::replace(&mut outgoing.released, true);
            let (message, client) = (outgoing.message, self.conns[conn].client);
            // The answer to a second copy may overtake the delivery of the first, in whose handler it arrives.
            if again || self.in_handler(client) {
                self.broker.messages[message].acknowledged = true;
            } else {
                self.check_delivered(conn, message);
            }
            self.reply(conn, packet(|b| PubRel::new(id).write(b)), false);
        }
    }

    /// The client has acknowledged a message: every handler that wants it must have it.
    fn check_delivered(&mut self, conn: usize, index: usize) {
        self.broker.messages[index].acknowledged = true;
        let client = self.conns[conn].client;
        let missed = self.who_missed(client, index);
        if let Some(subscription) = missed {
            self.violated("acknowledged is delivered", || {
                format!("message {index} was not given to subscription {subscription}")
            });
        }
    }

    fn message_bytes(&self, index: usize, id: u16, qos: u8, dup: bool) -> Vec<u8> {
        let message = &self.broker.messages[index];
        let quality = mqttbytes::qos(qos).expect("0 to 2");
        let mut publish = Publish::from_bytes(message.topic, quality, message.payload.clone());
        publish.pkid = id;
        publish.dup = dup;
        packet(|b| publish.write(b))
    }

    /// Somebody publishes something to this device.
    pub(crate) fn traffic(&mut self, device: usize) {
        if self.phase == Phase::End {
            return;
        }
        let next = self.now + 1 + self.rng.u64(..2 * self.plan.traffic);
        self.schedule(next, Event::Traffic(device));
        if self.has_news() {
            return self.announce(device);
        }
        let topic = TOPICS[self.rng.usize(..TOPICS.len())];
        let most = self.rng.u8(..3);
        let granted = self.granted(device, topic);
        if granted.is_none() && self.rng.u8(..8) > 0 {
            return;
        }
        let qos = granted.map_or(most, |granted| most.min(granted));
        // What goes around the payload in a packet, at most.
        let around = 2 + 2 + 2 + topic.len() + 2;
        let room = self.plan.read_buffer as usize - around;
        let len = if self.fault(Fault::Oversize, self.plan.rates.oversize) {
            room + 10 + self.rng.usize(..400)
        } else {
            // The length of a packet takes one byte up to 127, two from 128 on.
            let id_len = if qos > 0 { 2 } else { 0 };
            let edge = 127 - 2 - topic.len() - id_len;
            let len = match self.rng.u8(..8) {
                0 => edge,
                1 => edge + 1,
                2 => self.rng.usize(8..room + 1),
                _ => self.rng.usize(8..30),
            };
            len.min(room)
        };
        let index = self.new_message(device, topic, len, qos);
        self.send_message(device, index);
    }

    /// With which QoS a topic is subscribed to, at most.
    pub(crate) fn granted(&self, device: usize, topic: &str) -> Option<u8> {
        self.broker.sessions[device]
            .subscriptions
            .iter()
            .filter(|(filter, _)| matches(topic, filter))
            .map(|(_, qos)| *qos)
            .max()
    }

    fn new_message(&mut self, device: usize, topic: &'static str, len: usize, qos: u8) -> usize {
        let index = self.broker.messages.len();
        let mut payload = format!("m{index:07}").into_bytes();
        while payload.len() < len {
            payload.push(b'a' + (payload.len() * 7 + index) as u8 % 26);
        }
        self.queue(device, topic, payload.into(), qos)
    }

    /// A message to a device: its number.
    pub(crate) fn queue(
        &mut self,
        device: usize,
        topic: &'static str,
        payload: Bytes,
        qos: u8,
    ) -> usize {
        let index = self.broker.messages.len();
        let epoch = self.broker.sessions[device].epoch;
        self.broker.messages.push(Message {
            device,
            topic,
            payload,
            qos,
            epoch,
            sent_at: self.now,
            acknowledged: false,
            delivered: Vec::new(),
        });
        index
    }

    pub(crate) fn send_message(&mut self, device: usize, index: usize) {
        const WAITING_MAX: usize = 24;

        let qos = self.broker.messages[index].qos;
        let session = &mut self.broker.sessions[device];
        let id = if qos > 0 {
            if session.outgoing.len() >= WAITING_MAX {
                return;
            }
            session.next_id = session.next_id.checked_add(1).unwrap_or(1);
            let id = session.next_id;
            session.outgoing.push(Outgoing {
                message: index,
                id,
                qos,
                released: false,
            });
            id
        } else {
            0
        };
        let Some(conn) = session.conn else {
            return;
        };
        let now = self.now;
        let ready = self
            .peer(conn)
            .accepted_at
            .is_some_and(|accepted| accepted < now);
        if !ready || self.peer(conn).muted {
            return; // with QoS 1 and 2, it is sent on the next connection
        }
        let bytes = self.message_bytes(index, id, qos, false);
        self.note(|line| {
            _ = write!(
                line,
                "    server #{conn} sends message {index} id={id} qos={qos} {} bytes",
                bytes.len()
            );
        });
        self.peer(conn).sent.push(id);
        self.server_sends(conn, &bytes);
        if qos > 0 && self.fault(Fault::Twice, self.plan.rates.twice) {
            let again = self.message_bytes(index, id, qos, true);
            self.server_sends(conn, &again);
        }
        if self.fault(Fault::Kick, self.plan.rates.close >> 2) {
            self.server_closes(conn, true);
        }
    }

    /// A connection is no longer the device's.
    pub(crate) fn disconnected(&mut self, conn: usize) {
        let Some(device) = self.peer(conn).device else {
            return;
        };
        let session = &mut self.broker.sessions[device];
        if session.conn == Some(conn) {
            session.conn = None;
        }
    }

    /// A server closes a connection that was silent for one and a half times the keep-alive.
    pub(crate) fn check_silence(&mut self, conn: usize) {
        let peer = &self.conns[conn].peer;
        if peer.gone {
            return;
        }
        let limit = u64::from(self.plan.keep_alive) * 3 / 2;
        let due = peer.heard_at + limit;
        if self.now < due {
            return self.schedule(due, Event::Silence(conn));
        }
        let conn_state = &self.conns[conn];
        let client = &self.model.clients[conn_state.client];
        let attended = client.is_live() && client.unattended_at < peer.heard_at;
        let blamed = attended && !conn_state.troubled && self.jumped == (0, 0) && !peer.muted;
        self.must(!blamed, "keep-alive is kept", || {
            format!("nothing came on #{conn} for {limit} ms")
        });
        self.server_closes(conn, false);
    }

    /// Sends a message for each subscription, to see who hears it.
    pub(crate) fn probe(&mut self) {
        for device in 0..self.plan.devices {
            let session = &self.broker.sessions[device];
            if session.conn.is_none() {
                continue; // the judge will say so
            }
            let filters: Vec<_> = session.subscriptions.keys().cloned().collect();
            for filter in filters {
                let Some(topic) = TOPICS.iter().find(|topic| matches(topic, &filter)) else {
                    continue;
                };
                let qos = self.granted(device, topic).unwrap_or(0);
                let index = self.new_message(device, topic, 20, qos);
                self.send_message(device, index);
                self.broker.sessions[device].probes.push(index);
            }
        }
    }
}
