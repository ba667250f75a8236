//! The C interface.
#![no_std]
// A part that is left out may leave some behind that nobody else needs. The whole is held to having none.
#![cfg_attr(
    not(all(feature = "http", feature = "cmp")),
    allow(dead_code, unused_imports)
)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod claim;
#[cfg(feature = "cmp")]
mod cmp;
mod device;
mod entry;
mod guider;
pub mod hal;
#[cfg(any(feature = "mqtt", feature = "http"))]
mod handle;
#[cfg(feature = "http")]
mod http;
mod log;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "ota")]
mod ota;
#[cfg(feature = "http")]
mod register;
mod root_ca;
mod rt;
#[cfg(feature = "cmp")]
mod service;
#[cfg(feature = "tls-rustls")]
pub mod tls_rustls;
pub mod v2;
mod web;
