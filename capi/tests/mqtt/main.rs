//! `IOT_MQTT_*`.
#![cfg_attr(miri, feature(c_variadic))]

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod construct;
mod destroy;
mod device;
mod events;
