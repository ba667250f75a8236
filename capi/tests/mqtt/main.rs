//! `IOT_MQTT_*`.
#![cfg_attr(miri, feature(c_variadic))]

#[path = "../common/mod.rs"]
mod common;

#[cfg(not(miri))] // its allocations cannot be made to fail
mod allocation;
mod arguments;
mod construct;
mod destroy;
mod device;
mod events;
mod faults;
mod session;
mod threads;
