//! Updates behind the C interface: announced to an MQTT client, fetched over the HAL.

extern crate alloc;

use alloc::{boxed::Box, ffi::CString};
use core::{
    ffi::{CStr, c_void},
    mem::transmute,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use iotkit::{
    client::{
        Error,
        fetch::{Fetch, Fetched},
    },
    hal::Lock,
    log::{Level, Value},
    services::ota::{
        Announcement, Bad, Device, Failure, Incoming, Ota, Outgoing, Payload, Phase, progress,
        reply,
    },
};

use crate::{
    hal::{self, Conn, Hal, Mutex},
    handle::{Place, Table},
    log,
    mqtt::{self, CLIENTS, Handler},
    v2::{
        iot_export_mqtt::iotx_mqtt_event_msg_pt,
        iot_export_ota::IOT_OTA_Err_t::{self, *},
    },
};

/// All updates; eight at once, one for each client.
pub(crate) static UPDATES: Table<Update, 8> = Table::new();

/// The updates of one device.
pub(crate) struct Update {
    device: Device,
    channel: Channel,
    state: Mutex<State>,
}

struct State {
    ota: Ota<Box<Fetch<Conn>>>,
    last_error: IOT_OTA_Err_t,
    /// What is announced is told, once it can be fetched.
    is_told: bool,
}

/// Is told what is announced, and where it is.
pub(crate) type Announced = fn(&Announcement, &CStr);

/// Who is told, as a pointer: CMP, or `NULL` in a program without it.
static ANNOUNCED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

fn told() -> Option<Announced> {
    let announced = ANNOUNCED.load(Ordering::Relaxed);
    // SAFETY: it is `NULL`, or a function of this type.
    unsafe { transmute::<*mut c_void, Option<Announced>>(announced) }
}

/// The handle of the MQTT client that announcements come from. It may be gone.
#[derive(Clone, Copy)]
struct Channel(*mut c_void);

// SAFETY: a handle is a number.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

/// Whom to tell of an announcement.
type Told = (Announced, (Announcement, CString));

/// What a download has come to in one call.
pub(crate) enum Step {
    /// So many bytes are there.
    Bytes(usize),
    Failed,
    /// Nothing is being fetched.
    Idle,
}

impl Update {
    /// Subscribes a device to its announcements; the handle of its updates.
    pub(crate) fn start(
        product_key: &[u8],
        device_name: &[u8],
        channel: *mut c_void,
    ) -> Result<*mut c_void, &'static str> {
        let client = CLIENTS
            .get(channel)
            .map_err(|_| "ota: the channel is no MQTT client")?;
        let slot = UPDATES
            .reserve()
            .ok_or("ota: as many as there may be are in use")?;
        let device = Device::new(product_key, device_name)
            .map_err(|_| "ota: product key or device name is too long")?;
        let update = Self {
            device: device.clone(),
            channel: Channel(channel),
            state: Mutex::new(State {
                ota: Ota::new(),
                last_error: IOT_OTAE_NONE,
                is_told: false,
            })
            .ok_or("ota: the port has no mutex left")?,
        };
        let place = Place::take().ok_or("ota: no memory")?;
        let handle = slot.fill(place.fill(update));
        for topic in Incoming::ALL {
            let filter = topic.topic(&device);
            let subscribed = client.subscribe(filter.as_bytes(), topic.qos(), handler(handle));
            if subscribed.is_err() && topic == Incoming::Upgrade {
                end(handle);
                return Err("ota: subscribing to announcements failed");
            }
        }
        Ok(handle)
    }

    /// Whether an image is being fetched, and so on.
    pub(crate) fn phase(&self) -> Phase {
        self.state.with(|state| state.ota.phase())
    }

    pub(crate) fn last_error(&self) -> IOT_OTA_Err_t {
        self.state.with(|state| state.last_error)
    }

    pub(crate) fn set_last_error(&self, error: IOT_OTA_Err_t) {
        self.state.with(|state| state.last_error = error);
    }

    /// From now on `announced`, which is the same for all, is told what is announced. It may fetch it before it returns.
    #[cfg(feature = "cmp")]
    pub(crate) fn tell(&self, announced: Announced) {
        ANNOUNCED.store(announced as *mut c_void, Ordering::Relaxed);
        self.state.with(|state| state.is_told = true);
    }

    /// Looks at what was announced and what has come of it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Ota<Box<Fetch<Conn>>>) -> R) -> R {
        self.state.with(|state| look(&state.ota))
    }

    /// Publishes to the platform. Not inlined: it takes room that callers are not to have for long.
    #[inline(never)]
    pub(crate) fn publish(&self, to: Outgoing, payload: &[u8]) -> Result<(), Error> {
        let client = CLIENTS
            .get(self.channel.0)
            .map_err(|_| Error::NotConnected)?;
        let topic = to.topic(&self.device);
        client
            .publish(topic.as_bytes(), payload, to.qos(), false)
            .map(|_| ())
    }

    /// Fetches what comes next of the image, into `buf`, for `timeout` ms.
    pub(crate) fn fetch(&self, buf: &mut [u8], timeout: u32) -> Step {
        /// How long another thread that is at it is waited for, in ms.
        const GLANCE: u32 = 10;

        let fetching = self
            .state
            .with(|state| (state.ota.phase() == Phase::Fetching).then(|| state.ota.take_notice()));
        let Some(begins) = fetching else {
            self.set_last_error(IOT_OTAE_INVALID_STATE);
            return Step::Idle;
        };
        let mut left = timeout;
        if begins {
            let start = hal::uptime();
            self.notice();
            let passed = hal::uptime().wrapping_sub(start);
            left = timeout.saturating_sub(passed);
            if passed > 0 && left == 0 {
                return Step::Bytes(0);
            }
        }
        let Some(mut fetch) = self.state.with(|state| state.ota.take_download()) else {
            hal::sleep(left.clamp(1, GLANCE));
            return Step::Bytes(0);
        };
        let outcome = fetch.run(&Hal, buf, left);
        let fetched = fetch.fetched();
        match outcome {
            Fetched::Some(count) => {
                self.state.with(|state| state.ota.paused(fetch, fetched));
                Step::Bytes(count)
            }
            Fetched::All(Ok(count)) => {
                let failure = self.state.with(|state| {
                    state.ota.ended(fetched, Ok(fetch.digest()));
                    state.ota.failure()
                });
                match failure {
                    None => log::write(
                        Level::Info,
                        "ota: fetched, bytes",
                        Value::Num(fetched.into()),
                    ),
                    Some(failure) => log_failure(failure),
                }
                Step::Bytes(count)
            }
            Fetched::All(Err(failure)) => {
                self.state.with(|state| {
                    state.ota.ended(fetched, Err(failure));
                    state.last_error = IOT_OTAE_FETCH_FAILED;
                });
                log_failure(failure);
                Step::Failed
            }
        }
    }

    /// Tells the platform that a download begins. Not inlined, as above.
    #[inline(never)]
    fn notice(&self) {
        let mut notice = Payload::new();
        // Whether the platform has heard of it does not matter to the download.
        let _ = progress(&mut notice, 0, b"Enter in downloading state")
            .map(|()| self.publish(Outgoing::Progress, notice.as_bytes()));
    }

    /// Takes an announcement, or turns it down.
    fn announced(&self, topic: Incoming, payload: &[u8]) -> Result<Option<Told>, Bad> {
        let (announcement, url) = Announcement::parse(topic, payload)?;
        let size = announcement.size;
        let fetch = begin(&announcement, url).ok_or(Bad::NoMemory)?;
        // A second reading: the texts of the first may be replaced while this is told.
        let told = match told().filter(|_| self.state.with(|state| state.is_told)) {
            Some(announced) => Some((announced, Announcement::parse(topic, payload)?)),
            None => None,
        };
        self.state
            .with(|state| state.ota.announced(announcement, fetch))?;
        log::write(
            Level::Info,
            "ota: announced, bytes",
            Value::Num(size.into()),
        );
        Ok(told)
    }

    /// Answers a configuration that was pushed. Not inlined, as above.
    #[inline(never)]
    fn reply(&self, payload: &[u8], accepted: bool) {
        let mut answer = Payload::new();
        if reply(&mut answer, payload, accepted).is_ok()
            && self
                .publish(Outgoing::PushReply, answer.as_bytes())
                .is_err()
        {
            log::write(Level::Warning, "ota: reply not sent", Value::None);
        }
    }

    /// A message has arrived on one of the topics.
    fn heard(&self, topic: &[u8], payload: &[u8]) {
        let Some(incoming) = Incoming::ALL
            .into_iter()
            .find(|incoming| incoming.topic(&self.device).as_bytes() == topic)
        else {
            return;
        };
        let accepted = self.announced(incoming, payload);
        if let Err(bad) = &accepted {
            log_bad(*bad);
        }
        if incoming == Incoming::ConfigPush {
            self.reply(payload, accepted.is_ok());
        }
        if let Ok(Some((tell, (announcement, url)))) = accepted {
            tell(&announcement, &url);
        }
    }
}

/// The download of what was announced. Not inlined: it is moved to the heap, and lies on the stack only until then.
#[inline(never)]
fn begin(announcement: &Announcement, url: CString) -> Option<Box<Fetch<Conn>>> {
    let place = Place::take()?;
    Some(place.fill(Fetch::new(announcement, url, hal::uptime())))
}

/// Closes what is open.
impl Drop for Update {
    fn drop(&mut self) {
        if let Some(mut fetch) = self.state.with(|state| state.ota.take_download()) {
            fetch.close(&Hal);
        }
    }
}

/// Ends the updates of a device: what arrives for them from now on is nobody's. The platform goes on queueing
/// announcements for a persistent session, since it is told nothing.
pub(crate) fn end(handle: *mut c_void) -> bool {
    let Ok(update) = UPDATES.end(handle) else {
        return false;
    };
    if let Ok(client) = CLIENTS.get(update.channel.0) {
        client.forget(handler(handle));
    }
    true
}

fn handler(handle: *mut c_void) -> Handler {
    Handler {
        function: Some(arrived),
        context: handle,
    }
}

/// # Safety
///
/// As for every handler: `msg` is a message of the MQTT client.
unsafe extern "C" fn arrived(
    context: *mut c_void,
    _client: *mut c_void,
    msg: iotx_mqtt_event_msg_pt,
) {
    let Ok(update) = UPDATES.get(context) else {
        return;
    };
    // SAFETY: it is an event, by the contract.
    if let Some((topic, payload)) = unsafe { mqtt::message(msg) } {
        update.heard(topic, payload);
    }
}

fn log_bad(bad: Bad) {
    let (level, text, value) = match bad {
        Bad::Nothing => (Level::Debug, "ota: nothing new", Value::None),
        Bad::Malformed => (Level::Warning, "ota: announcement is not JSON", Value::None),
        Bad::Refused => (
            Level::Warning,
            "ota: the platform reports a failure",
            Value::None,
        ),
        Bad::Member(name) => (
            Level::Warning,
            "ota: announcement without, or with a bad,",
            Value::Text(name.as_bytes()),
        ),
        Bad::Busy => (
            Level::Warning,
            "ota: announcement dropped: another image is being fetched",
            Value::None,
        ),
        Bad::NoMemory => (
            Level::Error,
            "ota: no memory for an announcement",
            Value::None,
        ),
    };
    log::write(level, text, value);
}

fn log_failure(failure: Failure) {
    let (text, value) = match failure {
        Failure::NoConnection => ("ota: failed: no connection", Value::None),
        Failure::Closed => (
            "ota: failed: connections end before the image does",
            Value::None,
        ),
        Failure::Silent => ("ota: failed: the server is silent", Value::None),
        Failure::Status(status) => ("ota: failed: HTTP status", Value::Num(status.into())),
        Failure::Response => (
            "ota: failed: the answer is not the image asked for",
            Value::None,
        ),
        Failure::Redirect => (
            "ota: failed: redirected too often, or to no place to go",
            Value::None,
        ),
        Failure::Size => (
            "ota: failed: the image is shorter than announced",
            Value::None,
        ),
        Failure::Changed => (
            "ota: failed: the image has changed on the server",
            Value::None,
        ),
        Failure::NoMemory => ("ota: failed: no memory", Value::None),
        Failure::Digest => ("ota: failed: wrong digest", Value::None),
    };
    log::write(Level::Error, text, value);
}
