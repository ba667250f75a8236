//! Bytes and the values they stand for: no state, no I/O.

pub mod http;
pub mod json;
pub mod mqtt;
