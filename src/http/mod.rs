//! HTTP/1.1 responses, as they come (RFC 9112): no I/O, no clock.

mod response;

pub use response::{Error, Head, Response};
