//! Dynamic registration behind the C interface.

extern crate alloc;

use alloc::boxed::Box;

use iotkit::{
    auth::{Identity, sign::Key},
    client::web::Web,
    log::{Level, Value},
    services::register::{self, Answer, RANDOM_LEN},
};

use crate::{
    entry::{Failure, field_text, fill_field},
    hal, log,
    v2::iot_export_ext::iotx_dev_meta_info_t,
    web::{Answered, Field, NotPosted, digits, post},
};

/// How long the answer is waited for, in ms.
const WAIT: u32 = 10_000;
/// Envelope and secret, with air for what a later platform adds.
const ANSWER_MAX: usize = 1024;

/// Gets the secret of a device.
pub(crate) fn register(region: i64, meta: &mut iotx_dev_meta_info_t) -> Result<(), Failure> {
    let mut answer = Answered::new(ANSWER_MAX)?;
    let len = ask(region, meta, &mut answer.0).map_err(|why| {
        log::write(Level::Error, why, Value::None);
        Failure::FAIL_RETURN
    })?;
    let body = answer.0.get(..len).unwrap_or_default();
    let (key, name) = (field_text(&meta.product_key), field_text(&meta.device_name));
    match Answer::parse(body, key, name) {
        Answer::Secret(secret) if secret.len() < meta.device_secret.len() => {
            fill_field(&mut meta.device_secret, secret.iter().copied());
            log::write(Level::Info, "register: done", Value::None);
            Ok(())
        }
        Answer::Refused(code) => {
            log::write(Level::Error, "register: refused, code", Value::Num(code));
            Err(Failure::FAIL_RETURN)
        }
        Answer::Secret(_) | Answer::Unknown => {
            log::write(
                Level::Error,
                "register: the answer is not understood",
                Value::None,
            );
            Err(Failure::FAIL_RETURN)
        }
    }
}

/// How long the answer is. Not inlined: requests take room on the stack.
#[inline(never)]
fn ask(region: i64, meta: &iotx_dev_meta_info_t, into: &mut [u8]) -> Result<usize, &'static str> {
    const NO_MEMORY: &str = "register: no memory";

    let (key, name) = (field_text(&meta.product_key), field_text(&meta.device_name));
    let secret = field_text(&meta.product_secret);
    if key.is_empty() || name.is_empty() || secret.is_empty() {
        return Err("register: product key, product secret or device name is missing");
    }
    if key.len() > Identity::PRODUCT_KEY_MAX || name.len() > Identity::DEVICE_NAME_MAX {
        return Err("register: product key or device name is too long");
    }
    let url = register::url(region.into()).ok_or(NO_MEMORY)?;
    let form = form(key, name, secret)?;
    let length = digits(form.len());
    let fields: [Field<'_>; 3] = [
        ("Connection: ", b"close"),
        ("Content-Length: ", length.as_bytes()),
        ("Content-Type: ", b"application/x-www-form-urlencoded"),
    ];
    let mut web = Web::new(hal::uptime());
    post(&mut web, &url, &fields, &form, into, WAIT, false).map_err(|why| match why {
        NotPosted::NoRequest => NO_MEMORY, // nothing in it is out of place
        NotPosted::NoResponse(_) => "register: no answer",
    })
}

/// The form, signed. Not inlined: what signs takes room on the stack.
#[inline(never)]
fn form(key: &[u8], name: &[u8], secret: &[u8]) -> Result<Box<[u8]>, &'static str> {
    let secret = Key::new(secret).map_err(|_| "register: the product secret is too long")?;
    register::form(key, name, &secret, &random()).ok_or("register: no memory")
}

/// Characters that make one request differ from the next.
fn random() -> [u8; RANDOM_LEN] {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    core::array::from_fn(|_| {
        let number = hal::random(ALPHABET.len() as u32) as usize;
        // A port may say more than it was asked for.
        ALPHABET
            .get(number % ALPHABET.len())
            .copied()
            .unwrap_or(b'0')
    })
}
