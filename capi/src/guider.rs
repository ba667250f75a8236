//! Asking the platform over HTTPS where to connect, and as whom, before MQTT does (feature `guider`).

extern crate alloc;

use alloc::boxed::Box;

use iotkit::{
    auth::{
        Identity,
        conn_info::{Granted, Region},
        sign::Key,
    },
    client::web::Web,
    log::{Level, Value},
    services::guider::{self, Answer},
};

use crate::{
    device::SignMethod,
    hal, log,
    web::{Answered, Field, digits, post},
};

/// How long the answer is waited for, in ms.
const WAIT: u32 = 10_000;
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 1024;

/// What the platform has granted.
pub(crate) struct Permit {
    answer: Answered,
    len: usize,
}

impl Permit {
    /// Asks for a device; `None` if the platform does not grant it, and the log says why. Blocks for connecting, 5 s for
    /// sending and 10 s for the answer.
    pub(crate) fn ask(device: &Identity<'_>, region: Region) -> Option<Self> {
        let permit = Self::fetch(device, region)
            .inspect_err(|why| log::write(Level::Error, why, Value::None))
            .ok()?;
        match Answer::parse(permit.body()) {
            Answer::Granted(_) => return Some(permit),
            Answer::Refused(code) => {
                log::write(Level::Error, "guider: refused, code", Value::Num(code));
            }
            Answer::Unknown => log::write(
                Level::Error,
                "guider: the answer is not understood",
                Value::None,
            ),
        }
        None
    }

    /// What it says.
    pub(crate) fn granted(&self) -> Option<Granted<'_>> {
        match Answer::parse(self.body()) {
            Answer::Granted(granted) => Some(granted),
            Answer::Refused(_) | Answer::Unknown => None,
        }
    }

    fn body(&self) -> &[u8] {
        self.answer.0.get(..self.len).unwrap_or_default()
    }

    /// Not inlined: requests take room on the stack.
    #[inline(never)]
    fn fetch(device: &Identity<'_>, region: Region) -> Result<Self, &'static str> {
        const NO_MEMORY: &str = "guider: no memory";

        let mut answer = Answered::new(ANSWER_MAX).map_err(|_| NO_MEMORY)?;
        let url = guider::url(region, cfg!(feature = "tls")).ok_or(NO_MEMORY)?;
        let form = form(device).ok_or(NO_MEMORY)?;
        let length = digits(form.len());
        let fields: [Field<'_>; 3] = [
            (
                "Accept: ",
                b"text/xml,text/javascript,text/html,application/json",
            ),
            ("Content-Length: ", length.as_bytes()),
            (
                "Content-Type: ",
                b"application/x-www-form-urlencoded;charset=utf-8",
            ),
        ];
        let mut web = Web::new(hal::uptime());
        let into = &mut answer.0;
        let sent = post(&mut web, &url, &fields, &form, into, WAIT, false);
        let len = sent.map_err(|_| "guider: no answer")?;
        Ok(Self { answer, len })
    }
}

/// Not inlined: what signs takes room on the stack.
#[inline(never)]
fn form(device: &Identity<'_>) -> Option<Box<[u8]>> {
    // `Identity` has checked that it is short enough.
    let secret = Key::new(device.device_secret().as_bytes()).ok()?;
    guider::form::<SignMethod>(device, &secret)
}
