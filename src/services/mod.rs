//! What the platform offers on top of a protocol.

pub mod cmp;
pub mod guider;
pub mod ota;
pub mod register;
pub mod web;
