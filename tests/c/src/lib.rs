//! Builds and runs C programs: the samples and the programs in `programs/`, linked with the archive as firmware is.
//!
//! ```text
//! build   libiot_sdk.a (cargo), the ports and the samples (make), the test programs (cc)
//! run     a program as a device: its environment, its lines, its steps, its end
//! broker  mosquitto on a free port, with and without TLS
//! nginx   nginx on free ports, with and without TLS
//! ```
//!
//! The environment chooses how the tests run:
//!
//! | variable | effect |
//! |---|---|
//! | `IOTKIT_VALGRIND=1` | programs run under valgrind; an error or a leak fails the program |
//! | `IOTKIT_SANITIZE=address` | C and Rust are compiled with AddressSanitizer, C with UBSan too |
//! | `IOTKIT_SANITIZE=thread` | C and Rust are compiled with ThreadSanitizer: for tests with threads, and not over rustls, whose standard library is not |
//! | `IOTKIT_SDK_DIR` | folder with other archives of this interface: `tcp/libiot_sdk.a`, and `tls/`, `rustls/` as far as used |
//! | `IOTKIT_LONG=1` | the bad network takes minutes: 100 restarts instead of 10, a cut at each of 40 bytes |
//! | `CC` | the C compiler instead of `cc` |
//!
//! Functions here are for tests: they panic, with what the program or the tool said, where a test could not go on.

mod broker;
mod build;
mod nginx;
mod run;
mod server;

use std::time::Duration;

pub use crate::{
    broker::Mosquitto,
    build::{Hal, Program},
    nginx::Nginx,
    run::{Identity, Outcome, Peer, Run, Running},
};

/// Whether the programs run under valgrind.
pub fn valgrind() -> bool {
    std::env::var_os("IOTKIT_VALGRIND").is_some()
}

/// What C and Rust are compiled with to find errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sanitizer {
    /// AddressSanitizer, and in C UBSan too.
    Address,
    /// ThreadSanitizer.
    Thread,
}

/// The sanitizer that programs are compiled with, if any.
///
/// # Panics
///
/// If the environment asks for one that is not known.
pub fn sanitizer() -> Option<Sanitizer> {
    match std::env::var("IOTKIT_SANITIZE").ok()?.as_str() {
        "address" => Some(Sanitizer::Address),
        "thread" => Some(Sanitizer::Thread),
        other => panic!("IOTKIT_SANITIZE={other}: it is address or thread"),
    }
}

/// How long a program, a line or a packet may take: long enough for a loaded machine, and for valgrind.
pub fn patience() -> Duration {
    Duration::from_secs(if valgrind() { 60 } else { 15 })
}
