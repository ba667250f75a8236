//! The device engine: protocol state, signing and the driver that runs them over a platform.
#![no_std]
#![forbid(unsafe_code)]

pub mod auth;
pub mod log;
pub mod text;
pub mod wire;
