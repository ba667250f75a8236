//! What device and platform say to each other about updates (reference: ota.md, 4.2 to 4.4).

use alloc::{ffi::CString, vec::Vec};

use super::{Kind, digest::Digest, download::Download, topic::Incoming};
use crate::{
    text::{Full, Text},
    time::Instant,
    wire::{
        http::Url,
        json::{self, Value},
    },
};

/// An image that the platform has announced. Its texts end with a NUL, for those who show them to C code.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// What it is.
    pub image: Image,
    /// How many bytes it has; not 0.
    pub size: u32,
    /// Its digest in hex, as it was written.
    pub sign: CString,
}

/// What is announced.
#[derive(Clone, Debug)]
pub enum Image {
    /// Firmware, whose digest is an MD5.
    Firmware {
        /// Its version.
        version: CString,
    },
    /// A remote configuration.
    Config {
        /// Its id.
        id: CString,
        /// What its digest is: `Md5` or `Sha256`, unless the platform has learnt another.
        sign_method: CString,
        /// How it is to be had: `file`.
        get_type: CString,
    },
}

/// Why a message announces nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is an answer that says that there is nothing new.
    Nothing,
    /// It is not JSON, or not an object.
    Malformed,
    /// The platform says in it that something has failed.
    Refused,
    /// This member is missing, empty, or not what it must be.
    Member(&'static str),
    /// Another image is being fetched.
    Busy,
    /// There is no memory for it.
    NoMemory,
}

impl Announcement {
    /// Reads a message: what is announced, and the URL where it is.
    pub fn parse(topic: Incoming, payload: &[u8]) -> Result<(Self, CString), Bad> {
        let message = Value::parse(payload).map_err(|_| Bad::Malformed)?;
        match topic {
            Incoming::Upgrade => Self::firmware(message),
            Incoming::Request => Self::firmware(message).map_err(|bad| {
                if message.at("data.url").is_none() {
                    Bad::Nothing
                } else {
                    bad
                }
            }),
            Incoming::ConfigReply => {
                let code = message.get("code").ok_or(Bad::Member("code"))?;
                if code.raw() != b"200" {
                    return Err(Bad::Refused);
                }
                Self::config(message.get("data").ok_or(Bad::Member("data"))?)
            }
            Incoming::ConfigPush => {
                Self::config(message.get("params").ok_or(Bad::Member("params"))?)
            }
        }
    }

    fn firmware(message: Value<'_>) -> Result<(Self, CString), Bad> {
        /// An MD5 in hex.
        const MD5_MAX: usize = 32;

        let said = message.get("message").and_then(Value::as_str);
        if !said.is_some_and(|said| said.is(b"success")) {
            return Err(Bad::Refused);
        }
        let data = message.get("data").ok_or(Bad::Member("data"))?;
        let sign = text(data, "md5")?;
        if sign.count_bytes() > MD5_MAX {
            return Err(Bad::Member("md5"));
        }
        let it = Self {
            image: Image::Firmware {
                version: text(data, "version")?,
            },
            size: size(data, "size")?,
            sign,
        };
        Ok((it, url(data)?))
    }

    fn config(data: Value<'_>) -> Result<(Self, CString), Bad> {
        let it = Self {
            image: Image::Config {
                id: text(data, "configId")?,
                sign_method: text(data, "signMethod")?,
                get_type: text(data, "getType")?,
            },
            size: size(data, "configSize")?,
            sign: text(data, "sign")?,
        };
        Ok((it, url(data)?))
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.image {
            Image::Firmware { .. } => Kind::Firmware,
            Image::Config { .. } => Kind::Config,
        }
    }

    /// Its download from `url`, at the beginning.
    #[must_use]
    pub fn download(&self, url: CString, now: Instant) -> Download {
        let digest = match &self.image {
            Image::Firmware { .. } => Digest::md5(),
            Image::Config { sign_method, .. } => Digest::named(sign_method.as_bytes()),
        };
        Download::new(url, self.size, digest, now)
    }
}

/// A text that must be there and not be empty.
fn text(object: Value<'_>, name: &'static str) -> Result<CString, Bad> {
    let string = object
        .get(name)
        .and_then(Value::as_str)
        .ok_or(Bad::Member(name))?;
    let len = string.decoded().count();
    let mut text = Vec::new();
    text.try_reserve_exact(len + 1).map_err(|_| Bad::NoMemory)?;
    text.extend(string.decoded());
    text.push(0);
    if len == 0 {
        return Err(Bad::Member(name));
    }
    // Turned down if there is a NUL inside.
    CString::from_vec_with_nul(text).map_err(|_| Bad::Member(name))
}

fn url(object: Value<'_>) -> Result<CString, Bad> {
    let url = text(object, "url")?;
    Url::parse(url.as_bytes()).map_err(|_| Bad::Member("url"))?;
    Ok(url)
}

/// A number of bytes, which may stand in quotes. An image of none would never be there.
fn size(object: Value<'_>, name: &'static str) -> Result<u32, Bad> {
    let digits = match object.get(name) {
        Some(Value::Number(digits)) => digits,
        Some(Value::String(string)) => string.raw(),
        _ => &[],
    };
    Value::Number(digits)
        .as_i64()
        .and_then(|size| u32::try_from(size).ok())
        .filter(|size| *size > 0)
        .ok_or(Bad::Member(name))
}

/// What a device says. It is put together where it is to be: it is large for some stacks.
pub type Payload = Text<255>;

/// The longest version, in bytes.
pub const VERSION_MAX: usize = 32;

/// `{"id":0,"params":{"version":"..."}}`: to [`Outgoing::Inform`](super::Outgoing) and `Request`.
pub fn inform(to: &mut Payload, version: &[u8]) -> Result<(), Full> {
    if version.is_empty() || version.len() > VERSION_MAX {
        return Err(Full);
    }
    to.push_all(&[br#"{"id":0,"params":{"version":""#])?;
    to.push(json::escaped(version))?;
    to.push_all(&[br#""}}"#])
}

/// `{"id":0,"params":{"step":"...","desc":"..."}}`: to [`Outgoing::Progress`](super::Outgoing).
pub fn progress(to: &mut Payload, step: i8, description: &[u8]) -> Result<(), Full> {
    to.push_all(&[br#"{"id":0,"params":{"step":""#])?;
    to.push_number(step.into())?;
    to.push_all(&[br#"","desc":""#])?;
    to.push(json::escaped(description))?;
    to.push_all(&[br#""}}"#])
}

/// What is asked for on [`Outgoing::ConfigGet`](super::Outgoing).
pub fn config_query(
    to: &mut Payload,
    scope: &[u8],
    get_type: &[u8],
    keys: &[u8],
) -> Result<(), Full> {
    to.push_all(&[br#"{"id" : 0,"version":"1.0","params":{"configScope":""#])?;
    to.push(json::escaped(scope))?;
    to.push_all(&[br#"","getType":""#])?;
    to.push(json::escaped(get_type))?;
    to.push_all(&[br#"","attributeKeys":""#])?;
    to.push(json::escaped(keys))?;
    to.push_all(&[br#""},"method":"thing.config.get"}"#])
}

/// `{"id":...,"code":...,"data":{}}`: the answer to a message on [`Incoming::ConfigPush`]; [`Full`] if that has no id that
/// could be answered.
pub fn reply(to: &mut Payload, payload: &[u8], accepted: bool) -> Result<(), Full> {
    let id = json::find(payload, b"id").ok_or(Full)?;
    let quote: &[u8] = match id {
        Value::String(_) => b"\"",
        Value::Number(_) => b"",
        _ => return Err(Full),
    };
    let code: &[u8] = if accepted { b"200" } else { b"400" };
    to.push_all(&[br#"{"id":"#, quote, id.raw(), quote])?;
    to.push_all(&[br#","code":"#, code, br#","data":{}}"#])
}
