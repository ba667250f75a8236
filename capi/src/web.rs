//! Requests to the platform's web services, for whoever makes some.

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};

use iotkit::{
    client::web::{NoResponse, Web},
    text::Text,
    wire::http::{Request, Url},
};
use zeroize::Zeroize;

use crate::{
    entry::Failure,
    hal::{Conn, Hal},
    v2::iot_export_errno::IOT_RETURN_CODES::FAIL_RETURN,
};

/// Room for an answer, on the heap, since stacks are small; wiped when dropped, since it may be a secret.
pub(crate) struct Answered(pub(crate) Box<[u8]>);

impl Answered {
    pub(crate) fn new(len: usize) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| FAIL_RETURN)?;
        bytes.resize(len, 0); // within what was reserved
        Ok(Self(bytes.into_boxed_slice()))
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A field of a request, as [`Request`] has it.
pub(crate) type Field<'a> = (&'static str, &'a [u8]);

/// Why a request came to nothing.
pub(crate) enum NotPosted {
    /// It could not be put together: something in it has no place there, or there is no memory.
    NoRequest,
    /// There is no answer to it.
    NoResponse(NoResponse),
}

/// Sends a request to an HTTPS service; how long the answer is. In a library without TLS it goes to the same port in plain
/// text, as V2.10 has it. Not inlined: what is put together for it is not to lie on the stack
/// for longer.
#[inline(never)]
pub(crate) fn post(
    web: &mut Web<Conn>,
    url: &[u8],
    fields: &[Field<'_>],
    body: &[u8],
    into: &mut [u8],
    wait: u32,
    keep: bool,
) -> Result<usize, NotPosted> {
    let mut url = Url::parse(url).map_err(|_| NotPosted::NoRequest)?;
    url.tls = cfg!(feature = "tls");
    let request = Request {
        method: "POST",
        url,
        fields,
    };
    let mut head = request.emit().map_err(|_| NotPosted::NoRequest)?;
    let result = web.exchange(&Hal, url, [&head, body], into, wait, keep);
    head.zeroize(); // it may have a token
    result.map_err(NotPosted::NoResponse)
}

/// A number in decimal.
pub(crate) fn digits(number: usize) -> Text<20> {
    let mut text = Text::new();
    // There is room for every number.
    let _ = text.push_number(number as i64);
    text
}
