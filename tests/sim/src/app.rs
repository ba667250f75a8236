//! The application: threads that call the library, handlers that call it back, and what they may expect of it.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt::Write as _,
    ptr, slice,
    sync::OnceLock,
};

use mqttbytes::{matches, v4::Publish};

use crate::{
    http,
    library::{Api, EventMessage, Params, TopicInfo},
    ota::{self, Updates},
    plan::{Plan, Rates},
    world::{Doing, Frame, Phase, Wait, World, suspend, world},
};

/// The library under test.
pub(crate) static API: OnceLock<Api> = OnceLock::new();

pub(crate) const HOST: &CStr = c"sim.iot-as-mqtt.cn-shanghai.aliyuncs.com";
pub(crate) const PORT: u16 = 1883;
pub(crate) const USERNAME: &str = "device&product";
/// Made up.
pub(crate) const PASSWORD: &str = "0123456789abcdef0123456789abcdef01234567";
const ROOT: &CStr = c"-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n";

const FILTERS: [&str; 8] = [
    "/a/b",
    "/a/+",
    "/a/#",
    "/a/b/c/d",
    "/+/b/#",
    "/sys/product/device/thing/service/property/set",
    "/deep/+/topic/+",
    "/long/12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];
pub(crate) const TOPICS: [&str; 8] = [
    "/a/b",
    "/a/c",
    "/a/b/c/d",
    "/x/b/y",
    "/sys/product/device/thing/service/property/set",
    "/deep/1/topic/2",
    "/long/12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "/a",
];
/// Where the application publishes to.
const UPWARD: [&str; 3] = [
    "/up/a",
    "/sys/product/device/thing/event/property/post",
    "/up/b/c/d/e/f/g/h",
];

/// What stands in a buffer that is the application's again.
const GIVEN_BACK: u8 = 0x5c;
/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 20;

/// What a device is called.
pub(crate) fn client_id(device: usize) -> String {
    format!("device{device}|securemode=3,signmethod=hmacsha1|")
}

/// Results of the library.
mod code {
    use std::ffi::c_int;

    pub(super) const NULL_VALUE: c_int = -2;
    pub(super) const FAIL: c_int = -1;
    pub(super) const NETWORK: c_int = -14;
    pub(super) const PUBLISH_PACKET: c_int = -21;
    pub(super) const STATE: c_int = -27;
    pub(super) const TOPIC_FORMAT: c_int = -41;
    pub(super) const PUSH_TO_LIST: c_int = -42;
}

/// Events of the library.
mod event {
    use std::ffi::c_int;

    pub(super) const DISCONNECT: c_int = 1;
    pub(super) const RECONNECT: c_int = 2;
    pub(super) const SUBSCRIBED: c_int = 3;
    pub(super) const SUBSCRIBE_NACK: c_int = 5;
    pub(super) const UNSUBSCRIBED: c_int = 6;
    pub(super) const UNSUBSCRIBE_TIMEOUT: c_int = 7;
    pub(super) const PUBLISHED: c_int = 9;
    pub(super) const MESSAGE: c_int = 12;
    pub(super) const OVERFLOW: c_int = 13;
}

/// What the application knows, and what it may expect.
pub(crate) struct Model {
    pub(crate) clients: Vec<Client>,
    devices: Vec<Device>,
    pub(crate) updates: Vec<Updates>,
    pub(crate) http: http::Http,
    subscriptions: Vec<Subscription>,
    publications: Vec<Publication>,
    /// Ids that were given out to messages.
    ids: u32,
}

#[derive(Clone, Copy, Default)]
struct Device {
    client: Option<usize>,
    /// A thread is constructing one.
    making: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Making,
    Live,
    Ending,
    Gone,
}

/// A client, from `IOT_MQTT_Construct` to the end of the run.
pub(crate) struct Client {
    pub(crate) device: usize,
    handle: usize,
    state: State,
    strings: Vec<Vec<u8>>,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
    /// Of what the application was told last.
    told_connected: bool,
    reconnect_disabled: bool,
    /// It was given to `IOT_OTA_Init`, which makes requests of its own.
    pub(crate) has_updates: bool,
    /// Threads in `IOT_MQTT_Yield`, handlers apart.
    attending: u32,
    /// Until when there was none; `u64::MAX`: there is none now.
    pub(crate) unattended_at: u64,
    requests: Vec<Request>,
    /// Requests that have not returned yet.
    calling: usize,
    /// Events about requests that have not returned yet.
    early: Vec<(c_int, u16)>,
    /// Requests that were not sent: there may have been an event about each, in another thread, before it failed.
    not_sent: usize,
    overflows: u64,
    oversized: u64,
}

impl Client {
    pub(crate) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(crate) fn handle(&self) -> usize {
        self.handle
    }
}

/// Something that waits for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    id: u16,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Subscribe(usize),
    /// Of the filter with this index.
    Unsubscribe(usize),
    Publish(usize),
}

/// A filter with a handler, of one client.
struct Subscription {
    client: usize,
    filter: usize,
    handler: u8,
    /// When it was granted, unless it has ended.
    since: Option<u64>,
    /// Whether it is live is not for the application to know.
    doubtful: bool,
    /// The application was told of its end.
    ended: bool,
    ids: Vec<u16>,
}

struct Publication {
    client: usize,
    topic: &'static str,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    /// The library has taken it.
    accepted: bool,
    arrived: u32,
}

impl Model {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            clients: Vec::new(),
            devices: vec![Device::default(); plan.devices],
            updates: vec![Updates::default(); plan.devices],
            http: http::Http::default(),
            subscriptions: Vec::new(),
            publications: Vec::new(),
            ids: 0,
        }
    }

    /// How many ids were given out.
    pub(crate) fn ids(&self) -> u32 {
        self.ids
    }
}

pub(crate) fn api() -> &'static Api {
    API.get().expect("a library is loaded")
}

pub(crate) fn pointer(handle: usize) -> *mut c_void {
    ptr::without_provenance_mut(handle)
}

/// A thread of the application.
pub(crate) fn thread(index: usize) {
    if index == 0 {
        set_up();
    }
    loop {
        match world(|world| world.phase) {
            Phase::Storm => storm(index),
            Phase::Healing => heal(index),
            Phase::End => break,
        }
    }
    if index == 0 {
        take_down();
    }
}

/// What an application does first.
fn set_up() {
    let mut info = ptr::null_mut();
    let level = world(|world| world.plan.log_level);
    // SAFETY: all arguments are strings, or a place for a pointer.
    let rc = unsafe {
        (api().open_log)(c"sim".as_ptr());
        (api().log_level)(level);
        (api().setup)(
            c"product".as_ptr(),
            c"device".as_ptr(),
            c"a made-up secret".as_ptr(),
            &raw mut info,
        )
    };
    world(|world| {
        world.must(rc == 0 && !info.is_null(), "documented results", || {
            format!("IOT_SetupConnInfo: {rc}")
        });
    });
}

/// Leaves the library alone for a while.
fn pause(ms: u64) {
    let until = world(|world| world.now + ms);
    suspend(Wait::Until(until));
}

/// One thing that a thread does while faults happen.
fn storm(index: usize) {
    let device = world(|world| world.rng.usize(..world.plan.devices));
    let Some(client) = client_of(device) else {
        return pause(100);
    };
    if world(|world| world.plan.many_ids) {
        return many_ids(client);
    }
    if world(|world| world.plan.downloads && world.rng.bool()) {
        ota::step(client);
    }
    if world(|world| world.plan.posts && world.rng.u8(..4) == 0) {
        http::step(client);
    }
    let busy = world(|world| world.rng.u32(..65_536) < world.plan.busy);
    if busy || index > 0 && world(|world| world.rng.u8(..4) > 0) {
        act(client, 0);
    } else {
        let ms = world(|world| {
            let most = world.plan.yielding;
            1 + world
                .rng
                .u64(..if index > 0 { most.min(1000) } else { most })
        });
        run(client, ms as c_int);
    }
    let ms = world(|world| {
        let pause = world.plan.pause;
        match index {
            0 if pause > 1000 || world.rng.u8(..4) == 0 => world.rng.u64(..=pause),
            0 => 0,
            _ => 50 + world.rng.u64(..world.plan.storm.min(600_000) / 20),
        }
    });
    if ms > 0 {
        pause(ms);
    }
}

/// Publishes until packet ids have come round.
fn many_ids(client: usize) {
    let ids = world(|world| world.model.ids);
    if ids < 70_000 {
        for _ in 0..WINDOW - 2 {
            publish(client, 1);
        }
        run(client, 20);
        if world(|world| world.rng.u8(..40)) == 0 {
            act(client, 0);
        }
    } else {
        run(client, 10_000);
    }
}

/// What a thread does once the network is well: it yields, and nothing else.
fn heal(index: usize) {
    let (threads, devices) = world(|world| (world.plan.threads, world.plan.devices));
    let mine: Vec<_> = (0..devices)
        .filter(|device| device % threads == index)
        .collect();
    if mine.is_empty() {
        return pause(5_000);
    }
    for device in mine {
        match client_of(device) {
            Some(client) => run(client, 300),
            None => pause(100),
        }
        ota::go_on(device);
    }
    let ms = world(|world| world.rng.u64(..4000));
    pause(ms);
}

/// Destroys what is left, when nobody else calls any more.
fn take_down() {
    while world(|world| world.threads[1..].iter().any(|thread| !thread.done)) {
        pause(100);
    }
    http::finish();
    for device in 0..world(|world| world.plan.devices) {
        ota::finish(device);
        if let Some(client) = world(|world| world.model.devices[device].client) {
            let connected =
                (api().check)(pointer(world(|world| world.model.clients[client].handle)));
            world(|world| {
                let good = connected == 1 || world.model.clients[client].reconnect_disabled;
                world.must(good, "connected when healed", || {
                    format!("IOT_MQTT_CheckStateNormal: {connected}")
                });
            });
            destroy(client);
        }
    }
}

/// The client of a device, made if there is none; `None` if that fails, or another thread is at it.
fn client_of(device: usize) -> Option<usize> {
    let Device { client, making } = world(|world| world.model.devices[device]);
    if client.is_some() || making {
        return client;
    }
    construct(device)
}

/// Runs a call into the library, and holds it to its time.
pub(crate) fn call<R>(
    doing: Doing,
    client: usize,
    limit: impl FnOnce(&Plan) -> u64,
    call: impl FnOnce() -> R,
) -> R {
    world(|world| {
        let start = world.now;
        world.stats.api_calls += 1;
        world.thread().frames.push(Frame {
            doing,
            client,
            start,
            in_handlers: 0,
            longest: 0,
            locked_out: 0,
            sending: 0,
            calls: 0,
        });
    });
    let result = call();
    world(|world| {
        let frame = world.thread().frames.pop().expect("pushed above");
        let passed = world.now - frame.start - frame.in_handlers;
        // One HAL call, or the sending of one packet; and whoever waits for a lock waits for somebody else's.
        let mut limit = limit(&world.plan)
            + frame.longest.max(frame.sending)
            + frame.locked_out
            + world.plan.step
            + 20;
        if world.jumped.1 > 0 {
            limit += 11_000; // the library's clock stands still until the port's has caught up
        }
        world.must(passed <= limit, "calls end in time", || {
            format!("{doing:?} took {passed} ms instead of {limit} ms")
        });
        let calls = frame.calls;
        world.must(
            calls <= 50_000 + 100 * (passed + frame.in_handlers),
            "calls do not spin",
            || format!("{doing:?} made {calls} HAL calls in {passed} ms"),
        );
        let held = world.thread().held.len();
        world.must(held == 0, "every lock is given back", || {
            format!("{held} locks held after {doing:?}")
        });
    });
    if world(|world| world.violation.is_some()) {
        suspend(Wait::Never);
    }
    result
}

/// Strings and buffers are used until the client is destroyed: they are kept until the run ends.
fn construct(device: usize) -> Option<usize> {
    let (client, mut params) = world(|world| {
        let client = world.model.clients.len();
        let plan = &world.plan;
        let id = CString::new(client_id(device)).expect("no NUL");
        let text = |text: &str| CString::new(text).expect("no NUL").into_bytes_with_nul();
        world.model.clients.push(Client {
            device,
            handle: 0,
            state: State::Making,
            strings: vec![
                HOST.to_bytes_with_nul().to_vec(),
                id.into_bytes_with_nul(),
                text(USERNAME),
                text(PASSWORD),
            ],
            read_buffer: vec![0; plan.read_buffer as usize],
            write_buffer: vec![0; plan.write_buffer as usize],
            told_connected: true,
            reconnect_disabled: false,
            has_updates: false,
            attending: 0,
            unattended_at: u64::MAX,
            requests: Vec::new(),
            calling: 0,
            early: Vec::new(),
            not_sent: 0,
            overflows: 0,
            oversized: 0,
        });
        world.model.devices[device].making = true;
        let this = &mut world.model.clients[client];
        let text = |index: usize| this.strings[index].as_ptr().cast::<c_char>();
        let params = Params {
            port: PORT,
            host: text(0),
            client_id: text(1),
            username: text(2),
            password: text(3),
            pub_key: if plan.tls { ROOT.as_ptr() } else { ptr::null() },
            clean_session: plan.clean_session.into(),
            request_timeout_ms: plan.request_timeout,
            keepalive_interval_ms: plan.keep_alive,
            pwrite_buf: this.write_buffer.as_mut_ptr().cast(),
            write_buf_size: plan.write_buffer,
            pread_buf: this.read_buffer.as_mut_ptr().cast(),
            read_buf_size: plan.read_buffer,
            handler: Some(on_event),
            context: context(client, None),
        };
        world.note(|line| _ = write!(line, "construct client {client}"));
        (client, params)
    });
    let before = world(|world| (world.heap.in_use(), world.model.clients_alive()));
    let healed = world(|world| world.phase != Phase::Storm);
    let handle = call(
        Doing::Construct,
        client,
        |plan| u64::from(plan.request_timeout) * 3 + 1000,
        // SAFETY: the parameters are what they must be, and stay so.
        || unsafe { (api().construct)(&raw mut params) },
    );
    world(|world| {
        world.note(|line| _ = write!(line, "construct client {client}: {handle:?}"));
        let this = &mut world.model.clients[client];
        let device = &mut world.model.devices[this.device];
        device.making = false;
        if handle.is_null() {
            this.give_back();
            world.must(!healed, "connected when healed", || {
                "IOT_MQTT_Construct failed".to_owned()
            });
            let quiet = before.1 == 0 && world.threads.len() == 1;
            let after = world.heap.in_use();
            world.must(
                !quiet || before.0 == after,
                "a failed Construct leaves nothing",
                || format!("{:?} before, {after:?} after", before.0),
            );
            None
        } else {
            device.client = Some(client);
            this.handle = handle.addr();
            this.state = State::Live;
            Some(client)
        }
    })
}

impl Client {
    /// The library has no more right to anything: whoever uses it all the same finds nonsense.
    fn give_back(&mut self) {
        self.state = State::Gone;
        self.read_buffer.fill(GIVEN_BACK);
        self.write_buffer.fill(GIVEN_BACK);
        for string in &mut self.strings {
            let text = string.len() - 1;
            string[..text].fill(GIVEN_BACK);
        }
    }
}

impl Model {
    fn clients_alive(&self) -> usize {
        self.clients
            .iter()
            .filter(|client| client.state != State::Gone)
            .count()
    }
}

fn destroy(client: usize) {
    let handle = world(|world| {
        let this = &mut world.model.clients[client];
        if this.state == State::Live {
            this.state = State::Ending;
        }
        let device = this.device;
        if world.model.devices[device].client == Some(client) {
            world.model.devices[device].client = None;
        }
        world.note(|line| _ = write!(line, "destroy client {client}"));
        world.model.clients[client].handle
    });
    let mut handle = pointer(handle);
    let rc = call(
        Doing::Destroy,
        client,
        |plan| u64::from(plan.request_timeout) * 2 + 1000,
        // SAFETY: the handle is in a place of its own.
        || unsafe { (api().destroy)(&raw mut handle) },
    );
    world(|world| {
        world.note(|line| _ = write!(line, "destroy client {client}: {rc}"));
        let good = if rc == 0 {
            handle.is_null()
        } else {
            rc == code::NULL_VALUE
        };
        world.must(good, "documented results", || {
            format!("IOT_MQTT_Destroy: {rc}, leaves {handle:?}")
        });
        if rc == 0 {
            world.model.clients[client].give_back();
        }
    });
}

/// `IOT_MQTT_Yield`.
fn run(client: usize, ms: c_int) {
    let (handle, start) = world(|world| {
        world.note(|line| _ = write!(line, "yield({ms}) client {client}"));
        (world.model.clients[client].handle, world.now)
    });
    world(|world| world.attend(client, 1));
    let rc = call(
        Doing::Yield,
        client,
        |_| ms as u64,
        || (api().run)(pointer(handle), ms),
    );
    world(|world| {
        world.attend(client, -1);
        world.note(|line| _ = write!(line, "yield: {rc}"));
        let live = world.model.clients[client].is_live();
        let nested =
            world.threads.iter().any(|thread| thread.frames.len() > 1) || world.threads.len() > 1;
        let good = match rc {
            0 => true,
            code::FAIL => nested && world.plan.may_lack_memory(),
            code::NULL_VALUE => !live,
            _ => false,
        };
        world.must(good, "documented results", || {
            format!("IOT_MQTT_Yield: {rc}")
        });
        let passed = world.now - start;
        // A look from before a jump counts it twice.
        let fair = !live || world.jumped != (0, 0);
        world.must(
            fair || passed + world.plan.step >= ms as u64,
            "Yield takes its time",
            || format!("{passed} ms instead of {ms} ms"),
        );
    });
}

/// Calls something other than Yield; `depth` handlers are below.
fn act(client: usize, depth: usize) {
    match world(|world| world.rng.u8(..40)) {
        0..14 => publish(client, 1),
        14..22 => publish(client, 0),
        22..30 => subscribe(client),
        30..33 => unsubscribe(client),
        33 => nonsense(client),
        34 => {
            let ms = world(|world| world.rng.u64(..3000));
            pause(ms);
        }
        35 => {
            let handle = world(|world| world.model.clients[client].handle);
            let rc = (api().check)(pointer(handle));
            world(|world| {
                let live = world.model.clients[client].is_live();
                let good = matches!(rc, 0 | 1) || rc == code::NULL_VALUE && !live;
                world.must(good, "documented results", || {
                    format!("IOT_MQTT_CheckStateNormal: {rc}")
                });
            });
        }
        36 if depth > 0 || world(|world| world.rng.bool()) => {
            if depth < 3 {
                let ms = world(|world| 1 + world.rng.i32(0..500));
                run(client, ms);
            }
        }
        37 if world(|world| world.plan.destroy > 0 && world.rng.u16(..200) == 0) => {
            let handle = world(|world| {
                world.model.clients[client].reconnect_disabled = true;
                world.model.clients[client].handle
            });
            (api().disable_reconnect)(pointer(handle));
        }
        38 if world(|world| world.plan.downloads) => ota::step(client),
        _ => {
            if world(|world| world.rng.u32(..65_536) < world.plan.destroy) {
                destroy(client);
            }
        }
    }
}

/// Calls that are turned down.
fn nonsense(client: usize) {
    let handle = pointer(world(|world| world.model.clients[client].handle));
    let mut info = TopicInfo {
        packet_id: 0,
        qos: 0,
        dup: 0,
        retain: 0,
        topic_len: 0,
        payload_len: 0,
        topic: ptr::null(),
        payload: ptr::null(),
    };
    let expected;
    // SAFETY: pointers are `NULL` or what they must be.
    let rc = unsafe {
        match world(|world| world.rng.u8(..5)) {
            0 => {
                expected = [code::NULL_VALUE, code::NULL_VALUE];
                (api().publish)(handle, ptr::null(), &raw mut info)
            }
            1 => {
                expected = [code::TOPIC_FORMAT, code::NULL_VALUE];
                (api().publish)(handle, c"/a/+/b".as_ptr(), &raw mut info)
            }
            2 => {
                expected = [code::NULL_VALUE, code::NULL_VALUE];
                (api().publish)(pointer(0x1234_5678), c"/a".as_ptr(), &raw mut info)
            }
            3 => {
                expected = [code::TOPIC_FORMAT, code::NULL_VALUE];
                (api().unsubscribe)(handle, c"a/b".as_ptr())
            }
            _ => {
                expected = [code::NULL_VALUE, code::NULL_VALUE];
                (api().subscribe)(handle, c"/a".as_ptr(), 0, None, ptr::null_mut())
            }
        }
    };
    world(|world| {
        world.must(expected.contains(&rc), "documented results", || {
            format!("{rc} instead of {expected:?}")
        });
    });
}

/// Publishes a message that nobody has published yet, from memory that is overwritten as soon as the call returns.
fn publish(client: usize, qos: u8) {
    let (handle, number, topic, mut payload, retain) = world(|world| {
        let number = world.model.publications.len();
        let topic = UPWARD[world.rng.usize(..UPWARD.len())];
        let around = 2 + 2 + 2 + topic.len() + 2;
        let room = (world.plan.write_buffer as usize - around).min(600);
        let id_len = if qos > 0 { 2 } else { 0 };
        let edge = 127 - 2 - topic.len() - id_len;
        let len = match world.rng.u8(..10) {
            0 => edge,
            1 => edge + 1,
            2 => 8 + world.rng.usize(..room - 8),
            3 if world.plan.write_buffer < 2000 => world.plan.write_buffer as usize,
            _ => 8 + world.rng.usize(..30),
        };
        let mut payload = format!("p{number:07}").into_bytes();
        while payload.len() < len {
            payload.push(b'A' + (payload.len() * 11 + number) as u8 % 26);
        }
        let retain = world.rng.u8(..16) == 0;
        world.model.publications.push(Publication {
            client,
            topic,
            payload: payload.clone(),
            qos,
            retain,
            accepted: false,
            arrived: 0,
        });
        let this = &mut world.model.clients[client];
        this.calling += 1;
        world.note(|line| _ = write!(line, "publish {number} qos={qos} client {client}"));
        let handle = world.model.clients[client].handle;
        (handle, number, topic, payload, retain)
    });
    let mut name = CString::new(topic).expect("no NUL").into_bytes_with_nul();
    let mut info = TopicInfo {
        packet_id: 0,
        qos,
        dup: 0,
        retain: retain.into(),
        topic_len: 0,
        payload_len: payload.len() as u16,
        topic: ptr::null(),
        payload: payload.as_ptr().cast(),
    };
    let rc = call(
        Doing::Request,
        client,
        |plan| plan.request_timeout.into(),
        // SAFETY: topic, message and payload are what they must be, for the call.
        || unsafe { (api().publish)(pointer(handle), name.as_ptr().cast(), &raw mut info) },
    );
    let len = payload.len();
    name.fill(GIVEN_BACK);
    payload.fill(GIVEN_BACK);
    world(|world| {
        world.note(|line| _ = write!(line, "publish {number}: {rc}"));
        world.model.clients[client].calling -= 1;
        let this = &world.model.clients[client];
        let waiting = this
            .requests
            .iter()
            .filter(|request| matches!(request.what, What::Publish(_)))
            .count();
        let fits = len + topic.len() + 8 <= world.plan.write_buffer as usize;
        let good = match rc {
            0 => qos == 0 && fits,
            1..=65_535 => qos == 1 && fits && rc == c_int::from(info.packet_id),
            code::NETWORK | code::STATE => !world.plan.is_calm() || this.state != State::Live,
            code::PUBLISH_PACKET => !fits,
            code::PUSH_TO_LIST => {
                qos == 1
                    && (waiting + this.calling >= WINDOW
                        || this.has_updates
                        || world.plan.may_lack_memory())
            }
            code::NULL_VALUE => this.state != State::Live,
            _ => false,
        };
        let state = this.state;
        world.must(good, "documented results", || {
            format!(
                "IOT_MQTT_Publish of {len} bytes with QoS {qos}: {rc}, {waiting} waiting, {state:?}"
            )
        });
        world.model.clients[client].not_sent += usize::from(rc == code::NETWORK);
        if rc > 0 {
            world.model.publications[number].accepted = true;
            world.model.ids += 1;
            world.requested(client, rc, What::Publish(number));
        }
    });
}

fn subscribe(client: usize) {
    let (handle, index, filter, qos) = world(|world| {
        let filter = world.rng.usize(..FILTERS.len());
        let handler = world.rng.u8(..3) / 2;
        let known = world.model.subscriptions.iter().position(|subscription| {
            (
                subscription.client,
                subscription.filter,
                subscription.handler,
            ) == (client, filter, handler)
        });
        let index = known.unwrap_or_else(|| {
            world.model.subscriptions.push(Subscription {
                client,
                filter,
                handler,
                since: None,
                doubtful: false,
                ended: false,
                ids: Vec::new(),
            });
            world.model.subscriptions.len() - 1
        });
        world.model.clients[client].calling += 1;
        let qos = world.rng.i32(0..3);
        world.note(|line| {
            _ = write!(
                line,
                "subscribe {index} {} qos={qos} client {client}",
                FILTERS[filter]
            );
        });
        (world.model.clients[client].handle, index, filter, qos)
    });
    let mut text = CString::new(FILTERS[filter])
        .expect("no NUL")
        .into_bytes_with_nul();
    let rc = call(
        Doing::Request,
        client,
        |plan| plan.request_timeout.into(),
        // SAFETY: the filter is a string for the call, and the handler is one.
        || unsafe {
            (api().subscribe)(
                pointer(handle),
                text.as_ptr().cast(),
                qos,
                Some(on_message),
                context(client, Some(index)),
            )
        },
    );
    text.fill(GIVEN_BACK);
    finish_request(client, rc, "IOT_MQTT_Subscribe", What::Subscribe(index));
}

fn unsubscribe(client: usize) {
    let (handle, filter) = world(|world| {
        let filter = world.rng.usize(..FILTERS.len());
        world.model.clients[client].calling += 1;
        world.doubt(client, FILTERS[filter]);
        world.note(|line| _ = write!(line, "unsubscribe {} client {client}", FILTERS[filter]));
        (world.model.clients[client].handle, filter)
    });
    let mut text = CString::new(FILTERS[filter])
        .expect("no NUL")
        .into_bytes_with_nul();
    let rc = call(
        Doing::Request,
        client,
        |plan| plan.request_timeout.into(),
        // SAFETY: the filter is a string for the call.
        || unsafe { (api().unsubscribe)(pointer(handle), text.as_ptr().cast()) },
    );
    text.fill(GIVEN_BACK);
    finish_request(
        client,
        rc,
        "IOT_MQTT_Unsubscribe",
        What::Unsubscribe(filter),
    );
}

/// Takes note of what SUBSCRIBE or UNSUBSCRIBE has returned.
fn finish_request(client: usize, rc: c_int, name: &'static str, what: What) {
    world(|world| {
        world.note(|line| _ = write!(line, "{name}: {rc}"));
        world.model.clients[client].calling -= 1;
        let state = world.model.clients[client].state;
        let good = match rc {
            1..=65_535 => true,
            code::NETWORK | code::STATE => !world.plan.is_calm() || state != State::Live,
            code::PUSH_TO_LIST => world.plan.may_lack_memory(),
            code::NULL_VALUE => state != State::Live,
            _ => false,
        };
        world.must(good, "documented results", || {
            format!("{name}: {rc}, {state:?}")
        });
        world.model.clients[client].not_sent += usize::from(rc == code::NETWORK);
        if rc > 0 {
            world.requested(client, rc, what);
        }
    });
}

/// What goes with a handler: the client, and the subscription unless it is the default handler.
fn context(client: usize, subscription: Option<usize>) -> *mut c_void {
    ptr::without_provenance_mut((client + 1) << 32 | subscription.map_or(0, |index| index + 1))
}

fn parse_context(context: *mut c_void) -> (usize, Option<usize>) {
    let context = context.addr();
    ((context >> 32) - 1, (context & 0xffff_ffff).checked_sub(1))
}

unsafe extern "C" fn on_message(context: *mut c_void, handle: *mut c_void, msg: *mut EventMessage) {
    // SAFETY: the library passes on what it was given, and a message that is valid for the call.
    unsafe { handled(context, handle, msg) }
}

unsafe extern "C" fn on_event(context: *mut c_void, handle: *mut c_void, msg: *mut EventMessage) {
    // SAFETY: as above.
    unsafe { handled(context, handle, msg) }
}

/// Both handlers: checks what was told, and may call into the library.
///
/// # Safety
///
/// As the library promises to a handler.
unsafe fn handled(context: *mut c_void, handle: *mut c_void, msg: *mut EventMessage) {
    let (client, subscription) = parse_context(context);
    // SAFETY: the library says so.
    let (event, message) = unsafe { ((*msg).event, (*msg).message) };
    world(|world| {
        let held = world.thread().held.len();
        world.must(held == 0, "no lock held in a handler", || {
            format!("{held} locks held in a handler of event {event}")
        });
        let this = &world.model.clients[client];
        let (state, known) = (this.state, this.handle);
        world.must(
            matches!(state, State::Live | State::Ending),
            "no handler without a client",
            || format!("event {event} for a client that is {state:?}"),
        );
        world.must(
            known == handle.addr(),
            "handlers get what was given",
            || format!("handle {handle:?}"),
        );
        let frame = world.frame().map(|frame| (frame.doing, frame.client));
        world.must(
            frame == Some((Doing::Yield, client)),
            "handlers run in Yield",
            || format!("event {event} in {frame:?}"),
        );
        let start = world.now;
        world.thread().frames.push(Frame {
            doing: Doing::Handler,
            client,
            start,
            in_handlers: 0,
            longest: 0,
            locked_out: 0,
            sending: 0,
            calls: 0,
        });
        world.attend(client, -1);
        world.mix(event as u64);
        world.note(|line| {
            _ = write!(
                line,
                "event {event} {message:?} for {subscription:?} of client {client}"
            );
        });
    });
    if event == event::MESSAGE {
        // SAFETY: the message is valid for the call.
        unsafe { delivered(client, subscription, message.cast()) };
    } else {
        world(|world| {
            world.must(
                subscription.is_none(),
                "handlers get what was given",
                || format!("event {event} at a subscription"),
            );
            world.told(client, event, message);
        });
    }
    if world(|world| world.violation.is_some()) {
        suspend(Wait::Never);
    }
    let depth = world(|world| world.thread().frames.len());
    let calls_back = world(|world| {
        world.phase == Phase::Storm && world.rng.u32(..65_536) < world.plan.reentrant
    });
    if calls_back {
        act(client, depth);
    }
    world(|world| {
        world.attend(client, 1);
        let frame = world.thread().frames.pop().expect("pushed above");
        let passed = world.now - frame.start;
        if let Some(below) = world.frame() {
            below.in_handlers += passed;
        }
    });
}

/// A message has come to a handler.
///
/// # Safety
///
/// `info` is what the library says it is.
unsafe fn delivered(client: usize, subscription: Option<usize>, info: *mut TopicInfo) {
    // SAFETY: topic and payload are as long as the library says.
    let (info, topic, payload) = unsafe {
        let info = &*info;
        let topic = slice::from_raw_parts(info.topic.cast::<u8>(), info.topic_len.into());
        let payload = slice::from_raw_parts(info.payload.cast::<u8>(), info.payload_len.into());
        (info, topic, payload)
    };
    world(|world| {
        world.stats.delivered += 1;
        // After IOT_OTA_Deinit, and in the session of a later client, the server goes on to announce.
        let announced = topic.starts_with(b"/ota/") || topic.ends_with(b"/thing/config/push");
        if announced && subscription.is_none() && world.plan.downloads {
            return;
        }
        let number = number(payload, b'm');
        let sent = number.and_then(|number| world.broker.messages.get(number));
        let Some((number, sent)) = number.zip(sent) else {
            return world.violated("messages arrive as sent", || {
                format!("{} bytes that nobody has sent", payload.len())
            });
        };
        let device = world.model.clients[client].device;
        let good = topic == sent.topic.as_bytes()
            && payload == &*sent.payload
            && info.qos == sent.qos
            && (info.packet_id == 0) == (sent.qos == 0)
            && info.retain == 0
            && sent.device == device;
        let expected = format!("message {number} on {} with QoS {}", sent.topic, sent.qos);
        // A handler that unsubscribes and subscribes again meanwhile is a new one.
        let since = subscription.map_or(Some(0), |index| world.model.subscriptions[index].since);
        let twice = sent.qos == 2
            && sent.epoch == world.broker.epoch(device)
            && sent.delivered.iter().any(|(to, which, at)| {
                (*to, *which) == (client, subscription) && since.is_some_and(|since| since < *at)
            });
        let topic = sent.topic;
        world.note(|line| _ = write!(line, "  it is {expected}"));
        world.must(good, "messages arrive as sent", || expected.clone());
        world.must(!twice, "QoS 2 arrives once", || expected);
        if let Some(index) = subscription {
            let alone = world.threads.len() == 1;
            let this = &world.model.subscriptions[index];
            let filter = FILTERS[this.filter];
            let (mine, ended) = (this.client == client, this.ended);
            world.must(
                mine && matches(topic, filter),
                "messages go to who wants them",
                || format!("{topic} for {filter}"),
            );
            world.must(!(ended && alone), "messages go to who wants them", || {
                format!("{topic} for {filter}, which has ended")
            });
        }
        let now = world.now;
        world.broker.messages[number]
            .delivered
            .push((client, subscription, now));
    });
}

/// The number at the start of a payload.
fn number(payload: &[u8], kind: u8) -> Option<usize> {
    let (first, rest) = payload.split_first()?;
    let digits = std::str::from_utf8(rest.get(..7)?).ok()?;
    if *first == kind {
        digits.parse().ok()
    } else {
        None
    }
}

impl World {
    /// A thread begins or ends to attend to a client.
    fn attend(&mut self, client: usize, change: i32) {
        let now = self.now;
        let this = &mut self.model.clients[client];
        let before = this.attending;
        this.attending = before.saturating_add_signed(change);
        if before == 0 && this.attending > 0 {
            this.unattended_at = now;
        } else if this.attending == 0 {
            this.unattended_at = u64::MAX;
        }
    }

    /// Whether a handler of a client is running.
    pub(crate) fn in_handler(&self, client: usize) -> bool {
        self.threads.iter().any(|thread| {
            thread
                .frames
                .iter()
                .any(|frame| frame.doing == Doing::Handler && frame.client == client)
        })
    }

    /// Whether a subscription is live is not known any more.
    pub(crate) fn doubt(&mut self, client: usize, filter: &str) {
        for subscription in &mut self.model.subscriptions {
            if subscription.client == client && FILTERS[subscription.filter] == filter {
                subscription.doubtful = true;
            }
        }
    }

    /// A request was accepted under a packet id.
    fn requested(&mut self, client: usize, id: c_int, what: What) {
        let id = id as u16;
        let this = &mut self.model.clients[client];
        let used = this
            .requests
            .iter()
            .find(|request| request.id == id)
            .copied();
        this.requests.push(Request { id, what });
        let early = this.early.iter().position(|(_, early)| *early == id);
        let early = early.map(|index| this.early.remove(index).0);
        self.must(used.is_none(), "packet ids in flight are unique", || {
            format!("{id} for {what:?}, but also for {used:?}")
        });
        if let Some(event) = early {
            self.answered(client, event, id);
        }
    }

    /// An event about a request: takes the request, if it has returned.
    fn answered(&mut self, client: usize, event: c_int, id: u16) {
        let now = self.now;
        let this = &mut self.model.clients[client];
        let fits = |what: What| match what {
            What::Subscribe(_) => (event::SUBSCRIBED..=event::SUBSCRIBE_NACK).contains(&event),
            What::Unsubscribe(_) => {
                matches!(event, event::UNSUBSCRIBED | event::UNSUBSCRIBE_TIMEOUT)
            }
            What::Publish(_) => event == event::PUBLISHED,
        };
        let found = this
            .requests
            .iter()
            .position(|request| request.id == id && fits(request.what));
        let Some(found) = found else {
            // A renewal was refused, or another thread's request has not returned yet.
            let renewed = self.model.subscriptions.iter_mut().find(|subscription| {
                subscription.client == client && subscription.ids.contains(&id)
            });
            if let Some(subscription) = renewed
                && event == event::SUBSCRIBE_NACK
            {
                subscription.since = None;
            } else if self.model.clients[client].calling > 0 {
                self.model.clients[client].early.push((event, id));
            } else if !self.model.clients[client].has_updates {
                self.violated("events answer requests", || {
                    format!("event {event} about id {id}, which is nobody's")
                });
            }
            return;
        };
        let request = this.requests.remove(found);
        match (request.what, event) {
            (What::Subscribe(index), event::SUBSCRIBED) => {
                let filter = self.model.subscriptions[index].filter;
                let ending = self.model.clients[client]
                    .requests
                    .iter()
                    .any(|request| request.what == What::Unsubscribe(filter));
                let subscription = &mut self.model.subscriptions[index];
                subscription.since = Some(now);
                subscription.doubtful = ending;
                subscription.ended = false;
                subscription.ids.push(id);
            }
            (What::Unsubscribe(filter), event::UNSUBSCRIBED) => {
                for subscription in &mut self.model.subscriptions {
                    if subscription.client == client && subscription.filter == filter {
                        subscription.since = None;
                        subscription.ended = true;
                    }
                }
            }
            _ => {}
        }
    }

    /// The application is told of something.
    fn told(&mut self, client: usize, event: c_int, message: *mut c_void) {
        let calm = self.plan.is_calm();
        match event {
            event::DISCONNECT | event::RECONNECT => {
                let connected = event == event::RECONNECT;
                let this = &mut self.model.clients[client];
                let before = std::mem::replace(&mut this.told_connected, connected);
                self.must(before != connected, "losses and returns take turns", || {
                    format!("event {event} twice")
                });
                self.must(!calm, "nothing happens without a reason", || {
                    "a connection is lost although nothing was done to it".to_owned()
                });
            }
            event::SUBSCRIBED..=event::UNSUBSCRIBE_TIMEOUT | event::PUBLISHED => {
                let id = u16::try_from(message.addr()).unwrap_or(0);
                self.answered(client, event, id);
            }
            event::OVERFLOW => self.model.clients[client].overflows += 1,
            _ => self.violated("events answer requests", || {
                format!("event {event} is never raised")
            }),
        }
    }

    /// A message of the application has reached the server: its number.
    pub(crate) fn arrived(&mut self, client: usize, message: &Publish) -> Option<u64> {
        let found = number(&message.payload, b'p');
        let Some((number, known)) =
            found.and_then(|number| Some((number, self.model.publications.get_mut(number)?)))
        else {
            self.must(
                ["/thing/status/update", "/thing/config/push_reply"]
                    .iter()
                    .any(|topic| message.topic.ends_with(topic))
                    || message.topic.starts_with("/ota/device/"),
                "messages leave as given",
                || {
                    format!(
                        "{} bytes on {} that nobody has published",
                        message.payload.len(),
                        message.topic
                    )
                },
            );
            return None;
        };
        let good = known.client == client
            && known.topic == message.topic
            && known.payload == message.payload
            && known.qos == message.qos as u8
            && known.retain == message.retain;
        let again = known.arrived > 0;
        known.arrived += 1;
        let qos = known.qos;
        self.must(good, "messages leave as given", || {
            format!(
                "message {number} on {}, {} bytes",
                message.topic,
                message.payload.len()
            )
        });
        self.must(!(again && qos == 0), "QoS 0 leaves once", || {
            format!("message {number}")
        });
        self.must(!again || message.dup, "a repetition has DUP", || {
            format!("message {number}")
        });
        self.must(!message.dup || qos == 1, "a repetition has DUP", || {
            format!("message {number} with QoS 0 and DUP")
        });
        Some(number as u64)
    }

    /// A subscription that should have had a message which was acknowledged, and did not.
    pub(crate) fn who_missed(&mut self, client: usize, index: usize) -> Option<usize> {
        let message = &self.broker.messages[index];
        if message.payload.len() + message.topic.len() + 8 > self.plan.read_buffer as usize {
            let this = &mut self.model.clients[client];
            this.oversized += 1;
            let (told, count) = (this.overflows, this.oversized);
            self.must(told >= count, "large messages are reported", || {
                format!("{told} events for {count} messages")
            });
            return None;
        }
        self.model
            .subscriptions
            .iter()
            .enumerate()
            .find(|(number, subscription)| {
                subscription.client == client
                    && !subscription.doubtful
                    && subscription
                        .since
                        .is_some_and(|since| since < message.sent_at)
                    && matches(message.topic, FILTERS[subscription.filter])
                    && !message
                        .delivered
                        .iter()
                        .any(|(to, which, _)| (*to, *which) == (client, Some(*number)))
            })
            .map(|(number, _)| number)
    }

    /// The library uses a buffer: it must not be one that was given back.
    pub(crate) fn check_buffer(&mut self, start: usize, len: usize) {
        let used = |buffer: &Vec<u8>| {
            let own = buffer.as_ptr().addr();
            start < own + buffer.len() && own < start + len
        };
        let bad = self.model.clients.iter().any(|client| {
            client.state == State::Gone && (used(&client.read_buffer) || used(&client.write_buffer))
        });
        self.must(!bad, "buffers are given back", || {
            "a buffer is used after IOT_MQTT_Destroy".to_owned()
        });
    }

    /// Time is up: everything must be well.
    pub(crate) fn judge(&mut self) {
        self.note(|line| line.push_str("---- everything must be well now"));
        for device in 0..self.plan.devices {
            let client = self.model.devices[device].client;
            let Some(client) = client else {
                self.violated("connected when healed", || {
                    format!("device {device} has no client")
                });
                continue;
            };
            if self.model.clients[client].reconnect_disabled {
                continue;
            }
            self.judge_client(device, client);
        }
        self.phase = Phase::End;
    }

    fn judge_client(&mut self, device: usize, client: usize) {
        let session = &self.broker.sessions[device];
        let connected = session.conn.is_some_and(|conn| {
            let conn = &self.conns[conn];
            conn.client == client && conn.open && conn.ended.is_none()
        });
        self.must(connected, "connected when healed", || {
            format!("client {client} is not")
        });
        if self.violation.is_some() {
            return;
        }
        let lost = self.model.publications.iter().position(|publication| {
            publication.client == client && publication.accepted && publication.arrived == 0
        });
        if let Some(lost) = lost {
            self.violated("QoS 1 reaches the server", || {
                format!("message {lost} has not")
            });
        }
        let waiting = self.model.clients[client].requests.first().copied();
        if let Some(request) = waiting {
            self.violated("requests are answered", || {
                format!("no event about {request:?}")
            });
        }
        let this = &self.model.clients[client];
        let (early, not_sent) = (this.early.clone(), this.not_sent);
        let others = this.has_updates;
        self.must(
            others || early.len() <= not_sent,
            "events answer requests",
            || format!("{early:?} about requests that were never made"),
        );
        let session = &self.broker.sessions[device];
        let deaf = self.model.subscriptions.iter().find(|subscription| {
            subscription.client == client
                && subscription.since.is_some()
                && !subscription.doubtful
                && !session
                    .subscriptions
                    .contains_key(FILTERS[subscription.filter])
        });
        if let Some(deaf) = deaf {
            let filter = FILTERS[deaf.filter];
            self.violated("subscriptions are active when healed", || {
                format!("{filter} is not")
            });
        }
        let unheard = self.broker.sessions[device]
            .probes
            .iter()
            .find(|probe| {
                let message = &self.broker.messages[**probe];
                // Without memory for its id, one with QoS 2 is left to the next connection.
                let excused = self.plan.out_of_memory && message.qos == 2;
                !excused && !message.acknowledged && message.delivered.is_empty()
            })
            .copied();
        if let Some(unheard) = unheard {
            self.violated("messages are heard when healed", || {
                format!("message {unheard} was not")
            });
        }
    }

    /// Buffers that were given back are as they were.
    pub(crate) fn check_given_back(&mut self) {
        let touched = self.model.clients.iter().position(|client| {
            let intact = |buffer: &Vec<u8>| buffer.iter().all(|byte| *byte == GIVEN_BACK);
            client.state == State::Gone
                && !(intact(&client.read_buffer) && intact(&client.write_buffer))
        });
        if let Some(client) = touched {
            self.violated("buffers are given back", || {
                format!("a buffer of client {client} was written to after IOT_MQTT_Destroy")
            });
        }
    }
}

impl Plan {
    pub(crate) fn may_lack_memory(&self) -> bool {
        self.rates.no_memory > 0 || self.rates.famine > 0 || self.out_of_memory
    }

    /// Nothing bad is done, and the application yields often enough.
    pub(crate) fn is_calm(&self) -> bool {
        let calm = self.rates == Rates::default() && !self.leap && !self.out_of_memory;
        // Of two clients one may be left alone for some turns.
        calm && self.pause <= 2000 && (self.devices == 1 || self.yielding <= 1000)
    }
}
