//! The C interface.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod claim;
mod device;
mod entry;
mod guider;
pub mod hal;
mod handle;
mod http;
mod log;
mod mqtt;
mod ota;
mod register;
mod root_ca;
mod rt;
#[cfg(feature = "tls-rustls")]
pub mod tls_rustls;
pub mod v2;
