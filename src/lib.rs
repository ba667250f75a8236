//! The device engine: protocol state, signing and the driver that runs them over a platform.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod auth;
pub mod client;
pub mod hal;
pub mod http;
pub mod log;
pub mod mqtt;
pub mod services;
pub mod text;
pub mod time;
pub mod wire;
