//! Messages over HTTPS behind the C interface: one device in a process, used by one thread at a time.

extern crate alloc;

use alloc::boxed::Box;
use core::{
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use iotkit::{
    auth::{mid::MidReport, sign::Key},
    client::web::{NoResponse, Web},
    http,
    log::{Level, Value},
    services::web::{Answer, Login, SERVER, TOKEN_MAX, login},
    wire::http::concat,
};
use zeroize::Zeroize;

use crate::{
    claim::Claimable,
    device::{self, Candidate, SignMethod},
    entry::{Failure, field_bytes, field_text, fill_field},
    hal::{self, Conn, Hal},
    handle::Place,
    log,
    v2::{
        iot_export::iotx_device_info_t,
        iot_export_errno::IOT_RETURN_CODES::*,
        iot_export_http::{iotx_http_pt, iotx_http_t},
    },
    web::{Answered, Field, NotPosted, digits, post},
};

/// What the application's handle points at, and all that is behind it.
#[repr(C)]
pub(crate) struct Http {
    /// Comes first: applications read it.
    shown: iotx_http_t,
    /// As in `IOT_HTTP_Init`; `shown` points at them.
    device: iotx_device_info_t,
    token: [c_char; TOKEN_MAX + 1],
    token_len: usize,
    web: Web<Conn>,
    keep: bool,
}

/// The one there is.
static LIVE: AtomicPtr<Http> = AtomicPtr::new(ptr::null_mut());
/// Claimed by the call that is at [`LIVE`].
static BUSY: Claimable = Claimable::new();

/// How long a login and what follows it may take to be answered, in ms.
const AUTH_WAIT: u32 = 5000;

/// Makes the one there may be; `None` if there is one, or no memory.
pub(crate) fn start(
    device: &iotx_device_info_t,
    keep_alive: c_int,
    timeout_ms: c_int,
) -> Option<iotx_http_pt> {
    let _claim = BUSY.claim()?;
    if !LIVE.load(Ordering::Acquire).is_null() {
        log::write(Level::Error, "http: there is one already", Value::None);
        return None;
    }
    let mut device = *device;
    let fields: [&mut [c_char]; 4] = [
        &mut device.product_key,
        &mut device.device_name,
        &mut device.device_id,
        &mut device.device_secret,
    ];
    fields
        .into_iter()
        .filter_map(|field| field.last_mut())
        .for_each(|last| *last = 0);
    // SAFETY: they are texts, which end within their fields now.
    let candidate = unsafe {
        Candidate::new(
            device.product_key.as_ptr(),
            device.device_name.as_ptr(),
            device.device_secret.as_ptr(),
        )
    };
    // A device that cannot be signed for is turned down when that is tried.
    let _ = candidate.and_then(|candidate| candidate.set());
    let place = Place::take()?;
    let it = place.fill(Http {
        shown: iotx_http_t {
            p_auth_token: ptr::null_mut(),
            auth_token_len: TOKEN_MAX as u32 + 1,
            is_authed: 0,
            version: ptr::null(),
            signmethod: ptr::null(),
            sign: ptr::null(),
            p_devinfo: ptr::null_mut(),
            timestamp: ptr::null(),
            httpc: ptr::null_mut(),
            keep_alive,
            timeout_ms,
        },
        device,
        token: [0; TOKEN_MAX + 1],
        token_len: 0,
        web: Web::new(hal::uptime()),
        keep: keep_alive != 0,
    });
    let it = Box::into_raw(it);
    // SAFETY: it was just made, and nobody else knows of it.
    unsafe {
        (*it).shown.p_auth_token = (&raw mut (*it).token).cast();
        (*it).shown.p_devinfo = &raw mut (*it).device;
        (*it).shown.httpc = (&raw mut (*it).web).cast();
    }
    LIVE.store(it, Ordering::Release);
    Some(it.cast())
}

/// Uses the one with this handle; `None` if there is none such, or another thread is at it.
pub(crate) fn with<R>(handle: *mut c_void, body: impl FnOnce(&mut Http) -> R) -> Option<R> {
    let _claim = BUSY.claim()?;
    let it = LIVE.load(Ordering::Acquire);
    if it.is_null() || handle != it.cast() {
        return None;
    }
    // SAFETY: it lives until `end`, which needs the claim; C code reads it, but only between two calls.
    Some(body(unsafe { &mut *it }))
}

/// Ends the one with this handle, if there is one; waits for a call on another thread.
pub(crate) fn end(handle: *mut c_void) {
    /// How often to look whether that has ended, in ms.
    const STEP: u32 = 10;

    let it = LIVE.load(Ordering::Acquire);
    if it.is_null() || handle != it.cast() {
        return;
    }
    let _claim = loop {
        match BUSY.claim() {
            Some(claim) => break claim,
            None => hal::sleep(STEP),
        }
    };
    if LIVE
        .compare_exchange(it, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed)
        .is_err()
    {
        return;
    }
    // SAFETY: it came from a box; nobody finds it any more, and nobody is at it.
    let mut it = unsafe { Box::from_raw(it) };
    it.web.close(&Hal);
    it.token.zeroize();
    it.device.device_secret.zeroize();
}

impl Http {
    pub(crate) fn is_authed(&self) -> bool {
        self.token_len > 0
    }

    pub(crate) fn disconnect(&mut self) {
        self.web.close(&Hal);
    }

    /// Gets a token, and reports the module's maker with it.
    pub(crate) fn authenticate(&mut self) -> Result<(), Failure> {
        self.log_in()?;
        if self.report_module().is_err() {
            // That concerns nobody but the platform.
            log::write(Level::Warning, "http: module not reported", Value::None);
        }
        Ok(())
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        /// Envelope and token, with air.
        const ANSWER_MAX: usize = 1024;

        self.forget_token();
        let mut answer = Answered::new(ANSWER_MAX)?;
        let len = self.say_who(&mut answer.0)?;
        let answer = Answer::parse(answer.0.get(..len).unwrap_or_default());
        let Some(token) = answer.token() else {
            log_answer("http: not authenticated, code", answer);
            return Err(FAIL_RETURN);
        };
        fill_field(&mut self.token, token.iter().copied());
        self.token_len = token.len();
        self.shown.is_authed = 1;
        log::write(Level::Info, "http: authenticated", Value::None);
        Ok(())
    }

    /// Sends the login; how long the answer is. Not inlined: what is put together for it is not to lie on the stack for
    /// longer.
    #[inline(never)]
    fn say_who(&mut self, answer: &mut [u8]) -> Result<usize, Failure> {
        let mut body = Login::new();
        sign_login(&mut body, &self.device)?;
        let length = digits(body.as_bytes().len());
        let fields: [Field<'_>; 3] = [
            ("Connection: ", b"Keep-Alive"),
            ("Content-Length: ", length.as_bytes()),
            ("Content-Type: ", b"application/json"),
        ];
        let url = url(b"/auth")?;
        let sent = post(
            &mut self.web,
            &url,
            &fields,
            body.as_bytes(),
            answer,
            AUTH_WAIT,
            self.keep,
        );
        sent.map_err(number)
    }

    /// Not inlined, as above.
    #[inline(never)]
    fn report_module(&mut self) -> Result<(), Failure> {
        let mut report = MidReport::default();
        if !device::mid_report(&mut report) {
            return Ok(());
        }
        // With its NUL, as an application would send it.
        let payload = concat([report.payload(), b"\0"].into_iter()).map_err(|_| FAIL_RETURN)?;
        let path = concat([b"/topic", report.topic().as_bytes()].into_iter());
        let path = path.map_err(|_| FAIL_RETURN)?;
        let mut answer = Answered::new(256)?;
        let len = self.post(&path, &payload, &mut answer.0, AUTH_WAIT)?;
        let answer = answer.0.get(..len).unwrap_or_default();
        if Answer::parse(answer).is_taken() {
            Ok(())
        } else {
            Err(FAIL_RETURN)
        }
    }

    /// Sends a message; if the token has expired, once more with another. Its answer is put into `into`, as far as there
    /// is room, whatever it says.
    pub(crate) fn send(
        &mut self,
        path: &[u8],
        payload: &[u8],
        into: &mut [u8],
        wait: u32,
    ) -> Result<usize, Failure> {
        let mut len = self.post(path, payload, into, wait)?;
        if Answer::parse(into.get(..len).unwrap_or_default()) == Answer::Expired {
            log::write(Level::Info, "http: the token has expired", Value::None);
            self.authenticate()?;
            len = self.post(path, payload, into, wait)?;
        }
        Ok(len)
    }

    fn post(
        &mut self,
        path: &[u8],
        payload: &[u8],
        into: &mut [u8],
        wait: u32,
    ) -> Result<usize, Failure> {
        let token = field_bytes(&self.token);
        let token = token.get(..self.token_len).unwrap_or_default();
        let length = digits(payload.len());
        let fields: [Field<'_>; 4] = [
            ("Connection: ", b"Keep-Alive"),
            ("password:", token),
            ("Content-Length: ", length.as_bytes()),
            ("Content-Type: ", b"application/octet-stream"),
        ];
        let sent = post(
            &mut self.web,
            &url(path)?,
            &fields,
            payload,
            into,
            wait,
            self.keep,
        );
        sent.map_err(number)
    }

    fn forget_token(&mut self) {
        self.token.zeroize();
        self.token_len = 0;
        self.shown.is_authed = 0;
    }
}

/// Not inlined, as above: what signs takes room, too.
#[inline(never)]
fn sign_login(to: &mut Login, device: &iotx_device_info_t) -> Result<(), Failure> {
    let secret = Key::new(field_text(&device.device_secret)).map_err(|_| FAIL_RETURN)?;
    login::<SignMethod>(
        to,
        field_text(&device.device_id),
        field_text(&device.product_key),
        field_text(&device.device_name),
        &secret,
    )
    .map_err(|_| FAIL_RETURN)
}

/// A path of the platform's server.
fn url(path: &[u8]) -> Result<Box<[u8]>, Failure> {
    concat([SERVER.as_bytes(), path].into_iter()).map_err(|_| FAIL_RETURN)
}

/// The number for why a request came to nothing.
fn number(why: NotPosted) -> Failure {
    match why {
        NotPosted::NoRequest => FAIL_RETURN,
        NotPosted::NoResponse(why) => match why {
            NoResponse::NotSent | NoResponse::Late => FAIL_RETURN,
            NoResponse::Lost | NoResponse::Bad(http::Error::Closed) => ERROR_HTTP_CONN,
            NoResponse::Bad(http::Error::Malformed) => ERROR_HTTP_UNRESOLVED_DNS,
            NoResponse::Bad(http::Error::TooLong) => ERROR_HTTP_PARSE,
            NoResponse::Bad(http::Error::NoMemory) => FAIL_RETURN,
        },
    }
}

/// Says why the platform has not done what it was asked.
pub(crate) fn log_answer(text: &'static str, answer: Answer<'_>) {
    let value = match answer {
        Answer::Refused(code) => Value::Num(code),
        Answer::Expired => Value::Text(b"20001, the token has expired"),
        Answer::Success(_) | Answer::Unknown => Value::Text(b"none: the answer is not understood"),
    };
    log::write(Level::Warning, text, value);
}
