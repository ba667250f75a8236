//! The samples and the test programs, against the local platform and mosquitto.

mod clients;
mod cmp;
mod common;
mod faults;
mod http;
mod messages;
mod network;
mod ota;
mod samples;
mod secrets;
mod selftest;
