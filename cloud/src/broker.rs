//! The platform's memory: devices, their sessions and connections, and what is done with messages both ways.
//!
//! One lock covers the devices; it is held for map and queue work only. Everything here is immediate: sending means
//! putting packets into the queue of the connection's writer, waiting for answers is the caller's ([`Call`]).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{runtime, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    alink::{self, Answer, ReplyMode, ReplyRule, Uplink},
    codec::{self, Connect, MAX_PAYLOAD, MAX_TOPIC, PacketKind, Publish, QoS, Version},
    config::{Config, Limits, Product},
    device::{DeviceData, DeviceId, Secret},
    fault::FaultTable,
    firmware::{Firmware, Store},
    request::{Call, Expected, Request, Rrpc, Waiting},
    session::{Message, Session},
    sign::{self, ClientId, SignMethod},
    topic::{self, Action},
    transcript::{Direction, PacketEntry, Transcript, What, now_ms},
};

/// What a connection's writer is asked to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a packet; the entry is what the transcript says of it.
    Packet(Bytes, PacketEntry),
    /// Send bytes as they are.
    Raw(Bytes),
    /// Write nothing for this long.
    Stall(Duration),
    /// Close after what was queued before.
    Close(String),
}

/// Ends a connection from outside, with a reason for the transcript.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closer {
    token: CancellationToken,
    why: Arc<OnceLock<String>>,
}

impl Closer {
    pub(crate) fn under(parent: &CancellationToken) -> Self {
        Self {
            token: parent.child_token(),
            why: Arc::default(),
        }
    }

    pub(crate) fn close(&self, why: impl Into<String>) {
        // The first reason stays: later ones are its consequences.
        let _ = self.why.set(why.into());
        self.token.cancel();
    }

    pub(crate) async fn closed(&self) {
        self.token.cancelled().await;
    }

    pub(crate) fn why(&self) -> String {
        self.why
            .get()
            .cloned()
            .unwrap_or_else(|| "the platform stopped".to_owned())
    }
}

/// The connection a device is on.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: u64,
    pub(crate) out: mpsc::Sender<Output>,
    pub(crate) closer: Closer,
    pub(crate) peer: String,
    pub(crate) tls: Option<String>,
    pub(crate) info: LinkInfo,
}

/// What CONNECT said.
#[derive(Debug, Clone)]
pub(crate) struct LinkInfo {
    version: Version,
    keep_alive: u16,
    client_id: String,
    ext: bool,
}

struct Device {
    secret: Secret,
    enabled: bool,
    data: DeviceData,
    session: Option<Session>,
    link: Option<Link>,
}

/// A device as the control side sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// Who it is.
    pub device: DeviceId,
    /// Whether it may connect.
    pub enabled: bool,
    /// Its connection, if it is online.
    pub connection: Option<ConnectionView>,
    /// Its session: that of its connection, or the one kept for its return.
    pub session: Option<SessionView>,
    /// What it reported and what is held for it.
    #[serde(flatten)]
    pub data: DeviceData,
}

/// A device's connection as the control side sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// Counts the connections from 1; the same number as in the transcript.
    pub number: u64,
    /// The other side's address.
    pub peer: String,
    /// TLS version and cipher suite; `None` over plain TCP.
    pub tls: Option<String>,
    /// MQTT version.
    pub mqtt: Version,
    /// Keep-alive interval in seconds.
    pub keep_alive: u16,
    /// The MQTT client id.
    pub client_id: String,
}

/// A device's session as the control side sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Whether it is kept when the connection ends.
    pub persistent: bool,
    /// Filters with the QoS granted.
    pub subscriptions: BTreeMap<String, u8>,
    /// QoS 1 messages not yet acknowledged by the device.
    pub waiting: usize,
}

/// Why CONNECT is refused: return code and words.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: u8,
    pub(crate) why: &'static str,
}

impl Refused {
    const IDENTIFIER: u8 = 2;
    const CREDENTIALS: u8 = 4;
    const NOT_AUTHORIZED: u8 = 5;
}

/// Whether a message goes to a device that did not subscribe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    IfSubscribed,
    Always,
}

/// A message to a device, or to many.
#[derive(Debug, Clone)]
pub struct Publication {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) unsubscribed: bool,
}

impl Publication {
    /// A QoS 1 message (what the device gets is limited by its subscription).
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        let payload = Bytes::from(payload.into());
        Self {
            topic: topic.into(),
            payload,
            qos: QoS::AtLeastOnce,
            unsubscribed: false,
        }
    }

    /// Sends at QoS 0.
    pub fn at_most_once(self) -> Self {
        Self {
            qos: QoS::AtMostOnce,
            ..self
        }
    }

    /// Sends even if the device did not subscribe.
    pub fn unsubscribed(self) -> Self {
        Self {
            unsubscribed: true,
            ..self
        }
    }
}

pub(crate) struct Broker {
    products: BTreeMap<String, Product>,
    devices: Mutex<BTreeMap<DeviceId, Device>>,
    /// Who may connect without a signature, by the user name: the device, and its password.
    grants: Mutex<HashMap<String, (DeviceId, String)>>,
    replies: RwLock<Vec<ReplyRule>>,
    waiting: Arc<Waiting>,
    request_id: AtomicU32,
    message_id: AtomicU64,
    files: Arc<Store>,
    pub(crate) limits: Limits,
    pub(crate) faults: FaultTable,
    pub(crate) transcript: Transcript,
    pub(crate) raw_transcript: bool,
    runtime: runtime::Handle,
}

impl Broker {
    pub(crate) fn new(config: &Config, files: Arc<Store>, runtime: runtime::Handle) -> Self {
        let mut devices = BTreeMap::new();
        for (key, product) in &config.products {
            for (name, device) in &product.devices {
                let data = DeviceData {
                    tags: device.tags.clone(),
                    ..DeviceData::default()
                };
                let known = Device {
                    secret: device.secret.clone(),
                    enabled: device.enabled,
                    data,
                    session: None,
                    link: None,
                };
                devices.insert(DeviceId::new(key, name), known);
            }
        }
        Self {
            products: config.products.clone(),
            devices: Mutex::new(devices),
            grants: Mutex::default(),
            replies: RwLock::default(),
            waiting: Arc::default(),
            request_id: AtomicU32::new(1),
            message_id: AtomicU64::new(0),
            files,
            limits: config.limits.clone(),
            faults: FaultTable::new(config.faults.clone()),
            transcript: Transcript::new(),
            raw_transcript: config.raw_transcript,
            runtime,
        }
    }

    /// The platform has stopped: nobody will answer.
    pub(crate) fn end(&self) {
        self.waiting.end();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Device>> {
        self.devices.lock().expect("no panic while locked")
    }

    fn note(&self, connection: u64, device: Option<&DeviceId>, text: impl Into<String>) {
        self.transcript
            .add(connection, device, What::Note { text: text.into() });
    }

    // ----- connecting -----

    /// Lets a device connect with this user name and password.
    pub(crate) fn grant(&self, username: &str, device: &DeviceId, password: &str) {
        let grant = (device.clone(), password.to_owned());
        let mut grants = self.grants.lock().expect("no panic while locked");
        grants.insert(username.to_owned(), grant);
    }

    /// Who says to be the user of this name.
    pub(crate) fn device_of(&self, username: &str) -> Option<DeviceId> {
        let grants = self.grants.lock().expect("no panic while locked");
        let granted = grants.get(username).map(|(device, _)| device.clone());
        granted.or_else(|| sign::parse_username(username))
    }

    fn is_granted(&self, connect: &Connect) -> bool {
        let grants = self.grants.lock().expect("no panic while locked");
        let name = connect.username.as_deref().unwrap_or_default();
        let given = connect.password.as_deref().unwrap_or_default();
        grants.get(name).is_some_and(|(_, password)| {
            password.len() == given.len() && openssl::memcmp::eq(password.as_bytes(), given)
        })
    }

    /// Judges CONNECT. Who the device says it is was read from the user name before.
    fn authenticate(&self, connect: &Connect, device: &DeviceId) -> Result<ClientId, Refused> {
        let client = ClientId::parse(&connect.client_id).ok_or(Refused {
            code: Refused::IDENTIFIER,
            why: "client id is not `{id}|name=value,...|`",
        })?;
        let devices = self.lock();
        let known = devices.get(device).ok_or(Refused {
            code: Refused::CREDENTIALS,
            why: "no such product or device",
        })?;
        let password = connect.password.as_deref().unwrap_or_default();
        if !self.is_granted(connect) && !sign::is_signed(&client, device, &known.secret, password) {
            return Err(Refused {
                code: Refused::CREDENTIALS,
                why: "the signature is wrong",
            });
        }
        if !known.enabled {
            return Err(Refused {
                code: Refused::NOT_AUTHORIZED,
                why: "the device is disabled",
            });
        }
        if !self.limits.keep_alive.contains(&connect.keep_alive) {
            return Err(Refused {
                code: Refused::NOT_AUTHORIZED,
                why: "keep-alive out of range",
            });
        }
        Ok(client)
    }

    /// Lets a device in: CONNACK and what waits for it are queued on `link.out` before anything else can be.
    /// `link_of` is called once the device has proved who it is.
    pub(crate) fn login(
        &self,
        connect: &Connect,
        device: &DeviceId,
        forget_session: bool,
        link_of: impl FnOnce(LinkInfo) -> Link,
    ) -> Result<(), Refused> {
        let client = self.authenticate(connect, device)?;
        let version = connect.version.ok_or(Refused {
            code: 1,
            why: "neither MQTT 3.1 nor 3.1.1",
        })?;
        let link = link_of(LinkInfo {
            version,
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.clone(),
            ext: client.wants_ext(),
        });
        if connect.will {
            self.note(link.connection, Some(device), "the will is ignored");
        }

        let mut devices = self.lock();
        let Some(known) = devices.get_mut(device) else {
            return Err(Refused {
                code: Refused::CREDENTIALS,
                why: "no such product or device",
            });
        };
        if let Some(old) = known.link.take() {
            old.closer.close("kicked: the device logged in again");
        }
        let persistent = !connect.clean_session;
        let kept = known
            .session
            .take()
            .filter(|session| persistent && session.persistent && !forget_session);
        let session_present = kept.is_some() && version == Version::V311; // 3.1 has no such flag
        let mut session = kept.unwrap_or_else(|| Session::new(persistent));
        if client.wants_system_topics() {
            for filter in topic::system_filters(device) {
                session.subscribe(filter, QoS::AtLeastOnce);
            }
        }

        send(
            &link,
            codec::connack(session_present, 0),
            connack_entry(session_present, 0),
        );
        for publish in session.resend() {
            send_publish(&link, &publish);
        }
        pump(&mut session, &link, self.limits.window);
        known.session = Some(session);
        known.link = Some(link);
        Ok(())
    }

    /// A connection has ended; another one may have taken the device over meanwhile.
    pub(crate) fn logout(&self, device: &DeviceId, connection: u64) {
        let mut devices = self.lock();
        if let Some(known) = devices.get_mut(device)
            && known
                .link
                .as_ref()
                .is_some_and(|link| link.connection == connection)
        {
            known.link = None;
            known.session.take_if(|session| !session.persistent);
        }
    }

    // ----- what a device sends -----

    /// The grant for each filter of a SUBSCRIBE; `None`: no right.
    pub(crate) fn subscribe(
        &self,
        device: &DeviceId,
        connection: u64,
        filters: Vec<(String, QoS)>,
        refuse: bool,
    ) -> Vec<Option<QoS>> {
        let classes = self.classes(device);
        let mut devices = self.lock();
        let Some((session, link)) = on_connection(&mut devices, device, connection) else {
            return vec![None; filters.len()];
        };
        let ext = link.info.ext;
        let grant = |(filter, qos): (String, QoS)| {
            if refuse
                || !topic::allowed(device, classes, ext, Action::Subscribe, &filter)
                || !session.has_room_for(&filter, self.limits.subscriptions)
            {
                return None;
            }
            let granted = if qos == QoS::AtMostOnce {
                qos
            } else {
                QoS::AtLeastOnce
            }; // no QoS 2
            session.subscribe(filter, granted);
            Some(granted)
        };
        filters.into_iter().map(grant).collect()
    }

    pub(crate) fn unsubscribe(&self, device: &DeviceId, connection: u64, filters: &[String]) {
        let mut devices = self.lock();
        if let Some((session, _)) = on_connection(&mut devices, device, connection) {
            filters
                .iter()
                .for_each(|filter| session.unsubscribe(filter));
        }
    }

    /// The device has taken over a QoS 1 message: the next one may go.
    pub(crate) fn acknowledged(&self, device: &DeviceId, connection: u64, id: u16) {
        let mut devices = self.lock();
        let Some((session, link)) = on_connection(&mut devices, device, connection) else {
            return;
        };
        if session.acknowledge(id) {
            pump(session, link, self.limits.window);
        } else {
            drop(devices);
            self.note(
                connection,
                Some(device),
                format!("PUBACK {id}: no such message is under way"),
            );
        }
    }

    /// Whether the device may publish to `name`.
    pub(crate) fn may_publish(&self, device: &DeviceId, name: &str) -> bool {
        let ext = self
            .lock()
            .get(device)
            .and_then(|known| known.link.as_ref())
            .is_some_and(|link| link.info.ext);
        topic::allowed(device, self.classes(device), ext, Action::Publish, name)
    }

    /// Does what a message of a device asks for.
    pub(crate) fn published(
        self: &Arc<Self>,
        device: &DeviceId,
        connection: u64,
        publish: &Publish,
    ) {
        if self.take_reply(device, publish) {
            return;
        }
        if let Some(kind) = publish.topic.strip_prefix("/ota/device/") {
            let kind = kind.split('/').next().unwrap_or_default();
            self.update_reported(device, connection, kind, &publish.payload);
            return;
        }
        if topic::is_routed(device, &publish.topic) {
            self.route(device, publish);
            return;
        }
        let product = self.products.get(&device.product_key);
        let uplink = Uplink {
            device,
            topic: &publish.topic,
            payload: &publish.payload,
            tsl: product.and_then(|product| product.tsl.as_ref()),
            config: product.and_then(|product| product.config.as_ref()),
            now: now_ms(),
        };
        let answer = match self.lock().get_mut(device) {
            Some(known) => alink::take(&uplink, &mut known.data),
            None => return,
        };
        match answer {
            Ok(Some(answer)) => self.answer(device, connection, answer),
            Ok(None) => {}
            Err(why) => self.note(
                connection,
                Some(device),
                format!("{}: {why}", publish.topic),
            ),
        }
    }

    /// A device says something about its firmware (reference: OTA, 4.1).
    fn update_reported(&self, device: &DeviceId, connection: u64, kind: &str, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap_or_default();
        let params = &message["params"];
        match (kind, params["version"].as_str()) {
            ("inform", Some(version)) => {
                self.files.runs(device, version);
                self.announce(device);
            }
            ("request", Some(version)) => {
                self.files.runs(device, version);
                let data = self.files.wanted(device, version);
                let is_new = data.is_some();
                let topic = device.fill("/ota/device/request/{pk}/{dn}");
                if self.tell_update(device, topic, data.unwrap_or_else(|| json!({}))) && is_new {
                    self.files.announced(device);
                }
            }
            ("progress", _) => {
                // A number as text; a bare number would do as well.
                let step = match &params["step"] {
                    Value::String(step) => step.parse().ok(),
                    step => step.as_i64(),
                };
                let description = params["desc"].as_str().unwrap_or_default();
                if let Some(step) = step {
                    self.files.progressed(device, step, description);
                } else {
                    self.note(connection, Some(device), "progress without step");
                }
            }
            _ => self.note(
                connection,
                Some(device),
                format!("/ota/device/{kind}: not understood"),
            ),
        }
    }

    /// Tells a device of the firmware it is to have, if it can be told now.
    pub(crate) fn announce(&self, device: &DeviceId) {
        if let Some(data) = self.files.due(device)
            && self.tell_update(device, device.fill("/ota/device/upgrade/{pk}/{dn}"), data)
        {
            self.files.announced(device);
        }
    }

    /// Whether the message is on its way.
    fn tell_update(&self, device: &DeviceId, topic: String, data: Value) -> bool {
        let text = json!({"code": "1000", "data": data, "id": now_ms(), "message": "success"});
        self.publish(device, Publication::new(topic, text.to_string()))
            .is_ok()
    }

    /// The device is to have this firmware, from `url` if that is elsewhere; it is told as soon as it can be.
    pub(crate) fn upgrade(
        &self,
        device: &DeviceId,
        firmware: Firmware,
        url: Option<&str>,
    ) -> Result<(), Error> {
        if !self.lock().contains_key(device) {
            return Err(Error::UnknownDevice(device.clone()));
        }
        self.files.plan(device, firmware, url)?;
        self.announce(device);
        Ok(())
    }

    /// Whether `sign` is this device's signature of a text, and the device may connect.
    pub(crate) fn signed(
        &self,
        device: &DeviceId,
        method: SignMethod,
        text: &str,
        sign: &str,
    ) -> bool {
        let devices = self.lock();
        let known = devices.get(device).filter(|known| known.enabled);
        let sign = hex::decode(sign).unwrap_or_default();
        known.is_some_and(|known| method.verify(&known.secret, text, &sign))
    }

    /// The secret of a device whose product's secret has signed the text.
    pub(crate) fn register(
        &self,
        device: &DeviceId,
        method: SignMethod,
        text: &str,
        sign: &str,
    ) -> Option<String> {
        let product = self.products.get(&device.product_key)?;
        let sign = hex::decode(sign).ok()?;
        if !method.verify(product.secret.as_ref()?, text, &sign) {
            return None;
        }
        let devices = self.lock();
        let known = devices.get(device).filter(|known| known.enabled)?;
        Some(known.secret.reveal().to_owned())
    }

    /// Whether the message answers a question of ours.
    fn take_reply(&self, device: &DeviceId, publish: &Publish) -> bool {
        let by_topic = Expected {
            device: device.clone(),
            topic: publish.topic.clone(),
            id: None,
        };
        if self.waiting.answer(&by_topic, &publish.payload) {
            return true;
        }
        let id = publish
            .topic
            .ends_with("_reply")
            .then(|| alink::reply_id(&publish.payload))
            .flatten();
        id.is_some()
            && self
                .waiting
                .answer(&Expected { id, ..by_topic }, &publish.payload)
    }

    /// Hands a custom message to its subscribers: to the sender itself, and a broadcast to all of its product.
    fn route(&self, sender: &DeviceId, publish: &Publish) {
        let message = Message {
            topic: publish.topic.clone(),
            payload: publish.payload.clone(),
            qos: publish.qos,
        };
        let broadcast = topic::covers(&sender.fill("/broadcast/{pk}/#"), &publish.topic);
        let mut devices = self.lock();
        let receivers = devices.iter_mut().filter(|(id, _)| {
            if broadcast {
                id.product_key == sender.product_key
            } else {
                *id == sender
            }
        });
        for (id, known) in receivers {
            if let Err(error) =
                deliver(known, message.clone(), Delivery::IfSubscribed, &self.limits)
            {
                tracing::debug!(device = %id, topic = publish.topic, %error, "message not routed");
            }
        }
    }

    fn answer(self: &Arc<Self>, device: &DeviceId, connection: u64, answer: Answer) {
        let mode = {
            let rules = self.replies.read().expect("no panic while locked");
            let rule = rules
                .iter()
                .rev()
                .find(|rule| rule.applies(device, &answer.method));
            rule.map(|rule| rule.mode.clone()).unwrap_or_default()
        };
        let Some(payload) = answer.payload(&mode) else {
            return;
        };
        let message = Message {
            topic: answer.topic,
            payload: Bytes::from(payload),
            qos: QoS::AtMostOnce,
        };
        if let ReplyMode::DelayedMs(delay) = mode {
            let (broker, device) = (Arc::clone(self), device.clone());
            self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                broker.send_answer(&device, connection, message);
            });
        } else {
            self.send_answer(device, connection, message);
        }
    }

    /// A device that does not listen to replies does not get them.
    fn send_answer(&self, device: &DeviceId, connection: u64, message: Message) {
        let name = message.topic.clone();
        let mut devices = self.lock();
        let Some(known) = devices.get_mut(device) else {
            return;
        };
        if let Err(error) = deliver(known, message, Delivery::IfSubscribed, &self.limits) {
            drop(devices);
            tracing::debug!(%device, topic = name, %error, "reply not sent");
            self.note(
                connection,
                Some(device),
                format!("{name}: reply not sent: {error}"),
            );
        }
    }

    // ----- what the cloud side asks for -----

    pub(crate) fn set_reply(&self, rule: ReplyRule) {
        let mut rules = self.replies.write().expect("no panic while locked");
        rules.retain(|old| old.device != rule.device || old.method != rule.method);
        rules.push(rule);
    }

    pub(crate) fn clear_replies(&self) {
        self.replies.write().expect("no panic while locked").clear();
    }

    /// Sends a message to one device.
    pub(crate) fn publish(&self, device: &DeviceId, publication: Publication) -> Result<(), Error> {
        let Publication {
            topic,
            payload,
            qos,
            unsubscribed,
        } = publication;
        let delivery = if unsubscribed {
            Delivery::Always
        } else {
            Delivery::IfSubscribed
        };
        self.deliver(
            device,
            Message {
                topic,
                payload,
                qos,
            },
            delivery,
        )
    }

    /// Sends `/broadcast/{pk}/{name}` to the devices of a product that subscribed; says to how many.
    pub(crate) fn broadcast(
        &self,
        product_key: &str,
        name: &str,
        payload: Bytes,
    ) -> Result<usize, Error> {
        let name = format!("/broadcast/{product_key}/{name}");
        self.to_product(product_key, Delivery::IfSubscribed, payload, |_| {
            name.clone()
        })
    }

    /// Sends `/sys/{pk}/{dn}/broadcast/request/{id}` to all devices of a product that are online; says to how many.
    pub(crate) fn broadcast_all(&self, product_key: &str, payload: Bytes) -> Result<usize, Error> {
        let id = self.next_message_id();
        self.to_product(product_key, Delivery::Always, payload, |device| {
            device.sys(&format!("broadcast/request/{id}"))
        })
    }

    fn to_product(
        &self,
        product_key: &str,
        delivery: Delivery,
        payload: Bytes,
        topic_of: impl Fn(&DeviceId) -> String,
    ) -> Result<usize, Error> {
        if !self.products.contains_key(product_key) {
            return Err(Error::UnknownProduct(product_key.to_owned()));
        }
        let mut reached = 0;
        for (id, known) in self
            .lock()
            .iter_mut()
            .filter(|(id, _)| id.product_key == product_key)
        {
            let message = Message {
                topic: topic_of(id),
                payload: payload.clone(),
                qos: QoS::AtMostOnce,
            };
            check(&message, MAX_BROADCAST)?;
            reached += usize::from(deliver(known, message, delivery, &self.limits).is_ok());
        }
        Ok(reached)
    }

    /// Asks a device something over Alink.
    pub(crate) fn request(&self, device: &DeviceId, request: &Request) -> Result<Call, Error> {
        let id = request
            .id
            .clone()
            .unwrap_or_else(|| self.request_id.fetch_add(1, Ordering::Relaxed).to_string());
        let topic = device.sys(&request.method.replace('.', "/"));
        let expected = Expected {
            device: device.clone(),
            topic: format!("{topic}_reply"),
            id: Some(id.clone()),
        };
        let payload = Bytes::from(request.payload(&id));
        let call = Call::start(&self.waiting, id, expected, request.timeout);
        self.deliver(
            device,
            Message {
                topic,
                payload,
                qos: QoS::AtLeastOnce,
            },
            Delivery::IfSubscribed,
        )?;
        Ok(call)
    }

    /// Calls a service of a device synchronously: the envelope of [`Broker::request`] by RRPC.
    pub(crate) fn request_sync(&self, device: &DeviceId, request: &Request) -> Result<Call, Error> {
        let id = request
            .id
            .clone()
            .unwrap_or_else(|| self.request_id.fetch_add(1, Ordering::Relaxed).to_string());
        self.rrpc(
            device,
            &Rrpc::new(request.payload(&id)).timeout(request.timeout),
        )
    }

    pub(crate) fn rrpc(&self, device: &DeviceId, rrpc: &Rrpc) -> Result<Call, Error> {
        let id = self.next_message_id();
        let (ask, reply) = match &rrpc.topic {
            Some(topic) => {
                let online = self
                    .lock()
                    .get(device)
                    .and_then(|known| known.link.as_ref())
                    .map(|link| link.info.ext);
                if online == Some(false) {
                    return Err(Error::NoExt);
                }
                let topic = format!("/ext/rrpc/{id}/{}", topic.trim_start_matches('/'));
                (topic.clone(), topic)
            }
            None => (
                device.sys(&format!("rrpc/request/{id}")),
                device.sys(&format!("rrpc/response/{id}")),
            ),
        };
        let expected = Expected {
            device: device.clone(),
            topic: reply,
            id: None,
        };
        let call = Call::start(&self.waiting, id, expected, rrpc.timeout);
        let message = Message {
            topic: ask,
            payload: rrpc.payload.clone(),
            qos: QoS::AtMostOnce,
        };
        let delivery = if rrpc.unsubscribed {
            Delivery::Always
        } else {
            Delivery::IfSubscribed
        };
        self.deliver(device, message, delivery)?;
        Ok(call)
    }

    /// 19 digits, as the platform's are: nanoseconds since 1970, made unique.
    fn next_message_id(&self) -> String {
        let now = now_ms().saturating_mul(1_000_000);
        let last = self
            .message_id
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(now.max(last + 1))
            });
        let last = last.unwrap_or_else(|last| last);
        now.max(last + 1).to_string()
    }

    fn deliver(
        &self,
        device: &DeviceId,
        message: Message,
        delivery: Delivery,
    ) -> Result<(), Error> {
        check(&message, MAX_PAYLOAD)?;
        let mut devices = self.lock();
        let known = devices
            .get_mut(device)
            .ok_or_else(|| Error::UnknownDevice(device.clone()))?;
        deliver(known, message, delivery, &self.limits)
    }

    /// Closes a device's connection.
    pub(crate) fn kick(&self, device: &DeviceId) -> Result<(), Error> {
        self.with_link(device, |link| link.closer.close("kicked on request"))
    }

    /// Sends bytes to a device as they are.
    pub(crate) fn send_raw(&self, device: &DeviceId, bytes: Bytes) -> Result<(), Error> {
        self.with_link(device, |link| {
            if link.out.try_send(Output::Raw(bytes)).is_err() {
                link.closer.close(SLOW);
            }
        })
    }

    fn with_link(&self, device: &DeviceId, act: impl FnOnce(&Link)) -> Result<(), Error> {
        let devices = self.lock();
        let known = devices
            .get(device)
            .ok_or_else(|| Error::UnknownDevice(device.clone()))?;
        act(known.link.as_ref().ok_or(Error::Offline)?);
        Ok(())
    }

    fn with_device<T>(
        &self,
        device: &DeviceId,
        act: impl FnOnce(&mut Device) -> T,
    ) -> Result<T, Error> {
        let mut devices = self.lock();
        devices
            .get_mut(device)
            .map(act)
            .ok_or_else(|| Error::UnknownDevice(device.clone()))
    }

    /// Forgets subscriptions and queued messages of a device; of one that is online, when its connection ends.
    pub(crate) fn forget_session(&self, device: &DeviceId) -> Result<(), Error> {
        self.with_device(device, |known| match (&known.link, &mut known.session) {
            (Some(_), Some(session)) => session.persistent = false,
            _ => known.session = None,
        })
    }

    pub(crate) fn set_enabled(&self, device: &DeviceId, enabled: bool) -> Result<(), Error> {
        self.with_device(device, |known| {
            known.enabled = enabled;
            if let Some(link) = known.link.as_ref().filter(|_| !enabled) {
                link.closer.close("the device was disabled");
            }
        })
    }

    pub(crate) fn desire(
        &self,
        device: &DeviceId,
        properties: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), Error> {
        self.with_device(device, |known| {
            properties
                .into_iter()
                .for_each(|(name, value)| known.data.desire(&name, value));
        })
    }

    pub(crate) fn view(&self, device: &DeviceId) -> Result<DeviceView, Error> {
        self.with_device(device, |known| known.view(device))
    }

    pub(crate) fn views(&self) -> Vec<DeviceView> {
        self.lock()
            .iter()
            .map(|(id, known)| known.view(id))
            .collect()
    }

    fn classes(&self, device: &DeviceId) -> &[topic::TopicClass] {
        self.products
            .get(&device.product_key)
            .map_or(&[], |product| &product.topics)
    }
}

impl Device {
    fn view(&self, id: &DeviceId) -> DeviceView {
        DeviceView {
            device: id.clone(),
            enabled: self.enabled,
            connection: self.link.as_ref().map(|link| ConnectionView {
                number: link.connection,
                peer: link.peer.clone(),
                tls: link.tls.clone(),
                mqtt: link.info.version,
                keep_alive: link.info.keep_alive,
                client_id: link.info.client_id.clone(),
            }),
            session: self.session.as_ref().map(|session| SessionView {
                persistent: session.persistent,
                subscriptions: session
                    .subscriptions()
                    .map(|(filter, qos)| (filter.to_owned(), qos as u8))
                    .collect(),
                waiting: session.waiting(),
            }),
            data: self.data.clone(),
        }
    }
}

/// A device's session, if the device is still on that connection: another one may have taken it over.
fn on_connection<'a>(
    devices: &'a mut BTreeMap<DeviceId, Device>,
    device: &DeviceId,
    connection: u64,
) -> Option<(&'a mut Session, &'a Link)> {
    let known = devices.get_mut(device)?;
    let link = known
        .link
        .as_ref()
        .filter(|link| link.connection == connection)?;
    Some((known.session.as_mut()?, link))
}

/// Largest payload of a broadcast, in bytes (Alink, section 3.23).
const MAX_BROADCAST: usize = 64 * 1024;

/// Whether a message may be sent at all.
fn check(message: &Message, max_payload: usize) -> Result<(), Error> {
    if message.topic.len() > MAX_TOPIC || !topic::is_name(&message.topic) {
        return Err(Error::Topic(message.topic.clone()));
    }
    if message.payload.len() > max_payload {
        return Err(Error::TooLarge(message.payload.len()));
    }
    Ok(())
}

const SLOW: &str = "the device does not read what is sent to it";

/// Sends a message to a device, or keeps it for it: QoS 1 with a session waits, everything else needs a connection.
fn deliver(
    known: &mut Device,
    mut message: Message,
    delivery: Delivery,
    limits: &Limits,
) -> Result<(), Error> {
    let Some(session) = &mut known.session else {
        return Err(Error::Offline);
    };
    // Without `ext=1` the platform does not deliver extended RRPC, subscribed or not (Alink, section 3.8).
    if topic::covers("/ext/rrpc/#", &message.topic)
        && known.link.as_ref().is_some_and(|link| !link.info.ext)
    {
        return Err(Error::NoExt);
    }
    match (session.granted(&message.topic), delivery) {
        (Some(QoS::AtMostOnce), _) => message.qos = QoS::AtMostOnce,
        (Some(_), _) | (None, Delivery::Always) => {}
        (None, Delivery::IfSubscribed) => return Err(Error::NotSubscribed(message.topic)),
    }
    if message.qos == QoS::AtMostOnce {
        let link = known.link.as_ref().ok_or(Error::Offline)?;
        send_publish(link, &message.publish(0, false));
        return Ok(());
    }
    session
        .enqueue(message, limits.queue)
        .map_err(|_| Error::QueueFull)?;
    if let Some(link) = &known.link {
        pump(session, link, limits.window);
    }
    Ok(())
}

/// Moves queued QoS 1 messages to the connection while the window has room.
fn pump(session: &mut Session, link: &Link, window: usize) {
    while let Some(publish) = session.next_to_send(window) {
        send_publish(link, &publish);
    }
}

fn send_publish(link: &Link, publish: &Publish) {
    match codec::publish(publish) {
        Ok(bytes) => send(
            link,
            bytes,
            PacketEntry::of_publish(Direction::Down, publish),
        ),
        Err(error) => tracing::error!(%error, topic = publish.topic, "a message cannot be encoded"),
    }
}

/// A device that lets a thousand packets wait is beyond help; its session stays.
fn send(link: &Link, bytes: Bytes, entry: PacketEntry) {
    if link.out.try_send(Output::Packet(bytes, entry)).is_err() {
        link.closer.close(SLOW);
    }
}

pub(crate) fn connack_entry(session_present: bool, code: u8) -> PacketEntry {
    let payload = Bytes::copy_from_slice(&[u8::from(session_present), code]);
    PacketEntry {
        payload: Some(payload),
        ..PacketEntry::new(Direction::Down, PacketKind::ConnAck)
    }
}
