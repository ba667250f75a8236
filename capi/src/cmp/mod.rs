//! CMP behind the C interface: one connection for the process, and who is told what.
//!
//! No lock is held while anything is sent, waited for or told.
#![cfg_attr(
    feature = "cmp-threads",
    allow(
        dead_code,
        reason = "nothing runs in that variant, which is not offered"
    )
)]

extern crate alloc;

pub(crate) mod ota;

use alloc::vec::Vec;
use core::{
    ffi::{c_char, c_int, c_void},
    mem::MaybeUninit,
    num::NonZeroU16,
    ptr,
};

use iotkit::{
    client::Growth,
    hal::Lock,
    log::{Level, Value},
    mqtt::Config,
    services::{
        cmp::{
            Asked, Incoming, Outgoing, Question, Refused, Registry, Shape, TOPIC_MAX, Topic, Tree,
        },
        ota::Device,
    },
    wire::mqtt::QoS,
};

use crate::{
    device::{self, Candidate, Refused as NoInfo},
    entry::fill_field,
    hal::{self, Mutex, Server, sys},
    handle::{Guard, NoObject, Place, Table},
    log,
    mqtt::{self, CLIENTS, Client, Handler, Lent, Platform},
    v2::{
        iot_export_cmp::{
            IOTX_CMP_EVENT_TYPES::{self, *},
            iotx_cmp_event_msg_t, iotx_cmp_event_result_t, iotx_cmp_message_info_t,
            iotx_cmp_message_types_t, iotx_cmp_send_peer_t, iotx_cmp_uri_types_t,
        },
        iot_export_mqtt::{iotx_mqtt_event_msg_pt, iotx_mqtt_event_type_t},
    },
};

/// The one there may be.
static CMP: Table<Cmp, 1> = Table::new();

/// Of both buffers.
static GROWTH: Growth<Lent> = Growth {
    room: 4 * 1024..40 * 1024,
    grow: Lent::grow,
    free: Lent::free,
};

/// How long after an attempt to connect the next one is due, in ms.
const PAUSE: u32 = 1000;

/// What the process has of CMP.
pub(crate) struct Cmp {
    device: Device,
    peer: iotx_cmp_send_peer_t,
    state: Mutex<State>,
}

struct State {
    link: Link,
    ended: bool,
    listeners: Vec<Listener>,
    registry: Registry<Taker>,
    last_id: u16,
    updates: ota::Updates,
}

/// Where the connection stands. Once it has come about, the MQTT client looks after it.
#[derive(Clone, Copy)]
enum Link {
    /// There was none yet; the last attempt ended then.
    Down {
        since: u32,
    },
    /// A call is at it.
    Connecting,
    Up(Pointer),
}

/// What is only passed on: a handle, or what an application wants to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer(pub(crate) *mut c_void);

// SAFETY: it is not followed here; whose it is, is told on any thread that uses CMP.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

type EventFunction = unsafe extern "C" fn(*mut c_void, *mut iotx_cmp_event_msg_t, *mut c_void);
type MessageFunction =
    unsafe extern "C" fn(*mut iotx_cmp_send_peer_t, *mut iotx_cmp_message_info_t, *mut c_void);

/// Who is told of events.
#[derive(Clone, Copy)]
pub(crate) struct Listener {
    /// Nobody, after [`leave`].
    pub(crate) function: Option<EventFunction>,
    pub(crate) user_data: Pointer,
}

/// Who takes messages.
#[derive(Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) function: Option<MessageFunction>,
    pub(crate) user_data: Pointer,
}

/// A call failed; what there is to say is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

impl From<NoObject> for Failed {
    fn from(_: NoObject) -> Self {
        Self
    }
}

/// The only one, if there is one.
pub(crate) fn get() -> Result<Guard<Cmp>, Failed> {
    Ok(CMP.get(CMP.only())?)
}

/// `IOT_CMP_Init`: begins, or adds somebody who is told of events.
pub(crate) fn init(listener: Listener) -> Result<(), Failed> {
    if let Ok(cmp) = get() {
        return cmp.join(listener);
    }
    let slot = CMP
        .reserve()
        .ok_or_else(|| complain("IOT_CMP_Init: another thread begins or ends it"))?;
    let place = Place::take().ok_or_else(no_memory)?;
    let cmp = Cmp::begin(listener)?;
    let handle = slot.fill(place.fill(cmp));
    let cmp = CMP.get(handle)?;
    cmp.connect(handle);
    Ok(())
}

/// `IOT_CMP_Deinit`.
pub(crate) fn deinit() -> Result<(), Failed> {
    let cmp = CMP.end(CMP.only())?;
    let link = cmp.state.with(|state| {
        state.ended = true;
        state.link
    });
    cmp.end_updates();
    if let Link::Up(client) = link {
        // It is there: nobody else ends it.
        let _ = mqtt::destroy(client.0, || {});
    }
    Ok(())
}

/// Whoever was added with this function and user data is told of nothing more.
pub(crate) fn leave(function: EventFunction, user_data: *mut c_void) {
    let Ok(cmp) = get() else { return };
    cmp.state.with(|state| {
        let address = function as usize;
        let here = |listener: &&mut Listener| {
            listener
                .function
                .is_some_and(|function| function as usize == address)
                && listener.user_data.0 == user_data
        };
        if let Some(listener) = state.listeners.iter_mut().find(here) {
            listener.function = None;
        }
    });
}

impl Cmp {
    /// Asks the HAL who the device is, and signs it. Not inlined: it is built on the stack, which must be free again before
    /// the connection needs it.
    #[inline(never)]
    fn begin(listener: Listener) -> Result<Self, Failed> {
        let mut product_key = [0; 22];
        let mut device_name = [0; 34];
        let mut device_id = [0; 66];
        ask(&mut product_key, sys::HAL_GetProductKey, "product key")?;
        ask(&mut device_name, sys::HAL_GetDeviceName, "device name")?;
        ask(&mut device_id, sys::HAL_GetDeviceID, "device id")?;
        sign(&product_key, &device_name)?;
        let too_long = |_| complain("IOT_CMP_Init: product key or device name is too long");
        let device = Device::new(text(&product_key), text(&device_name)).map_err(too_long)?;
        let mut listeners = Vec::new();
        add(&mut listeners, listener)?;
        let state = State {
            link: Link::Connecting,
            ended: false,
            listeners,
            registry: Registry::new(),
            last_id: 0,
            updates: ota::Updates::NONE,
        };
        Ok(Self {
            device,
            peer: iotx_cmp_send_peer_t {
                product_key,
                device_name,
            },
            state: Mutex::new(state)
                .ok_or_else(|| complain("IOT_CMP_Init: the port has no mutex left"))?,
        })
    }

    /// Adds somebody who is told of events from now on, and of the connection if there is one.
    fn join(&self, listener: Listener) -> Result<(), Failed> {
        let connected = self.state.with(|state| {
            add(&mut state.listeners, listener)?;
            Ok::<_, Failed>(matches!(state.link, Link::Up(_)))
        })?;
        if connected {
            listener.tell(IOTX_CMP_EVENT_CLOUD_CONNECTED, ptr::null_mut());
        }
        Ok(())
    }

    /// Makes the connection, as the one who is at it, and tells everybody.
    fn connect(&self, handle: *mut c_void) {
        let client = start(handle);
        let since = hal::uptime();
        let told = self.state.with(|state| {
            state.link = match client {
                Ok(client) if !state.ended => Link::Up(Pointer(client)),
                _ => Link::Down { since },
            };
            state.listeners.len()
        });
        let Ok(client) = client else { return };
        if self.client_handle().is_ok() {
            self.tell(told, IOTX_CMP_EVENT_CLOUD_CONNECTED, ptr::null_mut());
        } else {
            let _ = mqtt::destroy(client, || {}); // ended meanwhile
        }
    }

    /// `IOT_CMP_Yield`.
    pub(crate) fn run(&self, timeout: c_int) {
        let Ok(timeout) = u32::try_from(timeout) else {
            return;
        };
        if let Ok(handle) = self.client_handle() {
            if let Ok(client) = CLIENTS.get(handle) {
                // It says so if a handler calls this, and there is no memory to read into: the time is over then.
                let _ = mqtt::run(&client, handle, timeout);
            }
            return;
        }
        let now = hal::uptime();
        let rest = self.state.with(|state| match state.link {
            Link::Down { since } => PAUSE.saturating_sub(now.wrapping_sub(since)),
            Link::Connecting | Link::Up(_) => u32::MAX,
        });
        hal::sleep(rest.min(timeout));
        let due = rest <= timeout
            && self.state.with(|state| {
                let due = matches!(state.link, Link::Down { .. }) && !state.ended;
                if due {
                    state.link = Link::Connecting;
                }
                due
            });
        // Credentials that do not come are those of the last attempt.
        if due && device::reauthenticate().is_ok() {
            self.connect(CMP.only());
        } else if due {
            let since = hal::uptime();
            self.state.with(|state| state.link = Link::Down { since });
        }
    }

    /// `IOT_CMP_Register`.
    pub(crate) fn register(
        &self,
        uri: &[u8],
        tree: Tree,
        shape: Shape,
        taker: Taker,
    ) -> Result<(), Failed> {
        let topic = self.topic(tree, uri)?;
        let topic = topic.as_bytes();
        let client = self.client()?;
        let (accepted, asked) = self.state.with(|state| {
            let accepted = state.registry.register(topic, shape, taker);
            (accepted, state.registry.ask(Question::Register, topic))
        });
        match (accepted, asked) {
            (Ok(()), Some(asked)) => {
                let handler = handler(CMP.only());
                let sent = client.subscribe_noted(topic, QoS::AtLeastOnce, handler, |id| {
                    self.sending(asked, id);
                });
                if sent.is_err() {
                    self.not_sent(Question::Register, topic);
                }
                Ok(())
            }
            (Err(Refused::Taken), _) => Err(complain("IOT_CMP_Register: registered already")),
            (accepted, _) => {
                if accepted.is_ok() {
                    self.state.with(|state| state.registry.unregister(topic));
                }
                self.tell_result(IOTX_CMP_EVENT_REGISTER_RESULT, false, topic, None);
                Err(complain(
                    "IOT_CMP_Register: 256 are registered, or no memory",
                ))
            }
        }
    }

    /// `IOT_CMP_Unregister`.
    pub(crate) fn unregister(&self, uri: &[u8], tree: Tree) -> Result<(), Failed> {
        let topic = self.topic(tree, uri)?;
        let topic = topic.as_bytes();
        let client = self.client()?;
        let asked = self
            .state
            .with(|state| state.registry.ask(Question::Unregister, topic))
            .ok_or_else(no_memory)?;
        let sent = client.unsubscribe_noted(topic, |id| self.sending(asked, id));
        let known = self.state.with(|state| state.registry.unregister(topic));
        if sent.is_err() {
            self.not_sent(Question::Unregister, topic);
        }
        known
            .then_some(())
            .ok_or_else(|| complain("IOT_CMP_Unregister: not registered"))
    }

    /// The question goes out now.
    fn sending(&self, asked: Asked, id: NonZeroU16) {
        self.state.with(|state| state.registry.sending(asked, id));
    }

    fn not_sent(&self, question: Question, topic: &[u8]) {
        self.state
            .with(|state| state.registry.failed(question, topic));
        self.tell_result(result_of(question), false, topic, Some(&self.device));
    }

    /// The number of the next message.
    pub(crate) fn next_id(&self) -> c_int {
        self.state.with(|state| {
            state.last_id = state.last_id.checked_add(1).unwrap_or(1);
            state.last_id.into()
        })
    }

    /// `IOT_CMP_Send`, of bytes.
    pub(crate) fn send(
        &self,
        tree: Tree,
        uri: &[u8],
        payload: &[u8],
        acknowledged: bool,
    ) -> Result<(), Failed> {
        let qos = if acknowledged {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        };
        let topic = self.topic(tree, uri)?;
        let topic = topic.as_bytes();
        let sent = self.client().is_ok_and(|client| {
            let sent = client.publish(topic, payload, qos, false);
            sent.is_ok()
        });
        if sent {
            return Ok(());
        }
        self.tell_result(IOTX_CMP_EVENT_SEND_RESULT, false, topic, None);
        Err(complain("IOT_CMP_Send: not sent"))
    }

    /// `IOT_CMP_Send`, of an envelope.
    pub(crate) fn send_envelope(
        &self,
        tree: Tree,
        uri: &[u8],
        envelope: Outgoing<'_>,
        acknowledged: bool,
    ) -> Result<(), Failed> {
        let payload = envelope.payload().ok_or_else(no_memory)?;
        self.send(tree, uri, &payload, acknowledged)
    }

    fn topic(&self, tree: Tree, uri: &[u8]) -> Result<Topic, Failed> {
        tree.topic(&self.device, uri)
            .map_err(|_| complain("IOT_CMP: a URI is too long"))
    }

    fn client_handle(&self) -> Result<*mut c_void, Failed> {
        self.state.with(|state| match state.link {
            Link::Up(client) if !state.ended => Ok(client.0),
            _ => Err(Failed),
        })
    }

    /// The client, if it has ever been connected.
    fn client(&self) -> Result<Guard<Client>, Failed> {
        let handle = self
            .client_handle()
            .map_err(|Failed| complain("IOT_CMP: not connected"))?;
        Ok(CLIENTS.get(handle)?)
    }

    // What happens.

    /// Tells the first `count` listeners.
    fn tell(&self, count: usize, event: IOTX_CMP_EVENT_TYPES, msg: *mut c_void) {
        for index in 0..count {
            let listener = self.state.with(|state| {
                let listener = state.listeners.get(index).copied();
                listener.filter(|_| !state.ended)
            });
            let Some(listener) = listener else { return };
            listener.tell(event, msg);
        }
    }

    fn tell_all(&self, event: IOTX_CMP_EVENT_TYPES, msg: *mut c_void) {
        let count = self.state.with(|state| state.listeners.len());
        self.tell(count, event, msg);
    }

    /// Tells how an operation has ended; with the URI if the device is given, else with the topic.
    fn tell_result(
        &self,
        event: IOTX_CMP_EVENT_TYPES,
        well: bool,
        topic: &[u8],
        device: Option<&Device>,
    ) {
        let (uri_type, uri) = device.map_or((0, topic), |device| {
            let (tree, uri) = Tree::of(topic, device);
            (number_of(tree), uri)
        });
        let mut text = [0; TOPIC_MAX + 1];
        fill_field(&mut text, uri.iter().copied());
        let mut result = iotx_cmp_event_result_t {
            result: if well { 0 } else { -1 },
            URI: text.as_mut_ptr(),
            URI_type: enumerator(uri_type),
        };
        self.tell_all(event, (&raw mut result).cast());
    }

    /// The server has answered a question, or has not.
    fn answered(&self, id: NonZeroU16, well: bool) {
        let asked = self.state.with(|state| state.registry.answered(id, well));
        if let Some(Asked {
            question, topic, ..
        }) = asked
        {
            self.tell_result(result_of(question), well, &topic, Some(&self.device));
        } else if !well && let Some(topic) = self.state.with(|state| state.registry.withdrawn(id)) {
            let event = IOTX_CMP_EVENT_REGISTER_RESULT;
            self.tell_result(event, false, &topic, Some(&self.device));
        }
    }

    /// A message has arrived; the bytes of its payload may be written to meanwhile.
    fn heard(&self, topic: &[u8], payload: &mut [u8]) {
        let taker = self.state.with(|state| state.registry.taker(topic));
        let Some((shape, taker)) = taker else {
            log::write(Level::Info, "cmp: a message that nobody takes", Value::None);
            return;
        };
        let Some(function) = taker.function else {
            log::write(
                Level::Warning,
                "cmp: a message without a function",
                Value::None,
            );
            return;
        };
        let mut uri_text = [0; TOPIC_MAX + 1];
        let (tree, uri) = Tree::of(topic, &self.device);
        if uri.len() >= uri_text.len() {
            log::write(Level::Warning, "cmp: a topic that is too long", Value::None);
            return;
        }
        fill_field(&mut uri_text, uri.iter().copied());
        let incoming = match Incoming::parse(shape, payload) {
            Ok(incoming) => incoming,
            Err(name) => {
                let name = Value::Text(name.as_bytes());
                log::write(
                    Level::Warning,
                    "cmp: a message without, or with a bad,",
                    name,
                );
                return;
            }
        };
        let parameter = payload.as_mut_ptr().wrapping_add(incoming.parameter.start);
        let length = incoming.parameter.len();
        let method = incoming.method.as_ref().map_or(ptr::null_mut(), |method| {
            payload.as_mut_ptr().wrapping_add(method.start)
        });
        let mut peer = self.peer;
        let mut message = iotx_cmp_message_info_t {
            id: incoming.id,
            ack_type: enumerator(0),
            URI: uri_text.as_mut_ptr(),
            URI_type: enumerator(number_of(tree)),
            code: incoming.code,
            method: method.cast(),
            parameter: parameter.cast(),
            parameter_length: u32::try_from(length).unwrap_or(u32::MAX),
            message_type: enumerator(match shape {
                Shape::Raw => iotx_cmp_message_types_t::IOTX_CMP_MESSAGE_RAW as c_int,
                Shape::Request => iotx_cmp_message_types_t::IOTX_CMP_MESSAGE_REQUEST as c_int,
                Shape::Response => iotx_cmp_message_types_t::IOTX_CMP_MESSAGE_RESPONSE as c_int,
            }),
        };
        // A NUL behind each text. Another handler of the message finds it as it was.
        let ends = [
            incoming.method.map(|method| method.end),
            Some(incoming.parameter.end),
        ];
        let ends = ends.map(|end| {
            let byte = payload.get_mut(end?)?; // behind bytes that were sent, the NUL is there
            let before = core::mem::replace(byte, 0);
            Some((end?, before))
        });
        // SAFETY: the application has given the function for this, and with it its promise that it may be called.
        unsafe { function(&raw mut peer, &raw mut message, taker.user_data.0) };
        for (end, before) in ends.into_iter().flatten() {
            if let Some(byte) = payload.get_mut(end) {
                *byte = before;
            }
        }
    }
}

impl Listener {
    fn tell(self, event: IOTX_CMP_EVENT_TYPES, msg: *mut c_void) {
        let Some(function) = self.function else {
            return;
        };
        let mut told = iotx_cmp_event_msg_t {
            event_id: event as u8, // the largest is 31
            msg,
        };
        // SAFETY: the application has given the function for this, and with it its promise that it may be called.
        unsafe { function(CMP.only(), &raw mut told, self.user_data.0) }
    }
}

/// Adds a listener, in the place of one that has left if there is one.
fn add(listeners: &mut Vec<Listener>, listener: Listener) -> Result<(), Failed> {
    if listener.function.is_none() {
        return Ok(());
    }
    if let Some(left) = listeners.iter_mut().find(|left| left.function.is_none()) {
        *left = listener;
        return Ok(());
    }
    listeners.try_reserve(1).map_err(|_| no_memory())?;
    listeners.push(listener);
    Ok(())
}

/// Connects a client as the connection info says.
fn start(handle: *mut c_void) -> Result<*mut c_void, Failed> {
    let info = device::conn_info();
    // SAFETY: the record lives as long as the program, its fields are strings, and they are renewed in place while no
    // client reads them.
    let platform = unsafe {
        Platform {
            server: Server::new(
                (&raw const (*info).host_name).cast(),
                (*info).port,
                (*info).pub_key,
            ),
            client_id: mqtt::Text::new((&raw const (*info).client_id).cast()),
            username: mqtt::Text::new((&raw const (*info).username).cast()),
            password: mqtt::Text::new((&raw const (*info).password).cast()),
            events: handler(handle),
        }
    };
    let config = Config {
        request_timeout: 2000,
        keep_alive: 60_000,
        clean_session: false,
        payload_max: u16::MAX.into(),
        once: true,
    };
    // SAFETY: as above.
    let password = unsafe { mqtt::Text::new((&raw const (*info).password).cast()) };
    let (none, grows) = (Lent::NONE, Some(&GROWTH));
    mqtt::start(password.bytes(), platform, config, grows, none, Lent::NONE).map_err(|failure| {
        let code = Value::Num(failure as i64);
        log::write(Level::Warning, "cmp: not connected, code", code);
        Failed
    })
}

/// Signs the device, with its secret. Not inlined, as above.
#[inline(never)]
fn sign(product_key: &[c_char], device_name: &[c_char]) -> Result<(), Failed> {
    let mut device_secret = zeroize::Zeroizing::new([0; 66]);
    ask(
        &mut *device_secret,
        sys::HAL_GetDeviceSecret,
        "device secret",
    )?;
    // SAFETY: they are strings.
    unsafe {
        Candidate::new(
            product_key.as_ptr(),
            device_name.as_ptr(),
            device_secret.as_ptr(),
        )
    }
    .and_then(|device| device.set_up())
    .map_err(NoInfo::logged)
    .map_err(|_| Failed)
}

/// Asks the HAL for a text, which must not be empty.
fn ask(
    buffer: &mut [c_char],
    get: unsafe extern "C" fn(*mut c_char) -> c_int,
    what: &'static str,
) -> Result<(), Failed> {
    // SAFETY: the getters of the HAL write what the field of the device record holds, and a NUL.
    let returned = unsafe { get(buffer.as_mut_ptr()) };
    if let Some(last) = buffer.last_mut() {
        *last = 0;
    }
    if returned <= 0 || text(buffer).is_empty() {
        let what = Value::Text(what.as_bytes());
        log::write(Level::Error, "IOT_CMP_Init: the HAL has no", what);
        return Err(Failed);
    }
    Ok(())
}

fn text(buffer: &[c_char]) -> &[u8] {
    crate::entry::field_text(buffer)
}

fn handler(handle: *mut c_void) -> Handler {
    Handler {
        function: Some(arrived),
        context: handle,
    }
}

/// # Safety
///
/// As for every handler: `msg` is an event of the MQTT client.
unsafe extern "C" fn arrived(
    context: *mut c_void,
    _client: *mut c_void,
    msg: iotx_mqtt_event_msg_pt,
) {
    use iotx_mqtt_event_type_t::*;

    let Ok(cmp) = CMP.get(context) else { return };
    // SAFETY: it is an event, by the contract.
    let event = unsafe { *msg };
    // What goes with the events that have an id.
    let id = u16::try_from(event.msg.addr())
        .ok()
        .and_then(NonZeroU16::new);
    match (event.event_type, id) {
        (IOTX_MQTT_EVENT_DISCONNECT, _) => {
            cmp.tell_all(IOTX_CMP_EVENT_CLOUD_DISCONNECT, ptr::null_mut());
        }
        (IOTX_MQTT_EVENT_RECONNECT, _) => {
            cmp.tell_all(IOTX_CMP_EVENT_CLOUD_RECONNECT, ptr::null_mut());
        }
        (IOTX_MQTT_EVENT_SUBCRIBE_SUCCESS | IOTX_MQTT_EVENT_UNSUBCRIBE_SUCCESS, Some(id)) => {
            cmp.answered(id, true);
        }
        (
            IOTX_MQTT_EVENT_SUBCRIBE_TIMEOUT
            | IOTX_MQTT_EVENT_SUBCRIBE_NACK
            | IOTX_MQTT_EVENT_UNSUBCRIBE_TIMEOUT
            | IOTX_MQTT_EVENT_UNSUBCRIBE_NACK,
            Some(id),
        ) => cmp.answered(id, false),
        (IOTX_MQTT_EVENT_PUBLISH_RECVEIVED, _) => {
            // SAFETY: as above.
            if let Some((topic, payload)) = unsafe { mqtt::message(msg) } {
                cmp.heard(topic, payload);
            }
        }
        _ => {}
    }
}

const fn result_of(question: Question) -> IOTX_CMP_EVENT_TYPES {
    match question {
        Question::Register => IOTX_CMP_EVENT_REGISTER_RESULT,
        Question::Unregister => IOTX_CMP_EVENT_UNREGISTER_RESULT,
    }
}

const fn number_of(tree: Tree) -> c_int {
    match tree {
        Tree::Sys => iotx_cmp_uri_types_t::IOTX_CMP_URI_SYS as c_int,
        Tree::Ext => iotx_cmp_uri_types_t::IOTX_CMP_URI_EXT as c_int,
        Tree::Whole => iotx_cmp_uri_types_t::IOTX_CMP_URI_UNDEFINE as c_int,
    }
}

/// An enum for C that holds a number, small as those of CMP are.
fn enumerator<E: Copy>(number: c_int) -> MaybeUninit<E> {
    let mut value = MaybeUninit::<E>::zeroed();
    let at = value.as_mut_ptr();
    // SAFETY: there is room for as many bytes as the enum has.
    unsafe {
        match size_of::<E>() {
            1 => at.cast::<i8>().write(number as i8),
            2 => at.cast::<i16>().write(number as i16),
            _ => at.cast::<c_int>().write(number),
        }
    }
    value
}

fn complain(text: &'static str) -> Failed {
    log::write(Level::Error, text, Value::None);
    Failed
}

pub(crate) fn sends_nothing() {
    let text = "IOT_CMP_Send_Sync: sends nothing; call IOT_CMP_Send";
    log::write(Level::Warning, text, Value::None);
}

fn no_memory() -> Failed {
    complain("IOT_CMP: no memory")
}
