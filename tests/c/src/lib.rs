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
//! | `IOTKIT_EMULATE=armv7`, `aarch64` | programs are compiled for that Linux and run by qemu, over plain TCP: for tests that name no transport |
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
    build::{Hal, Program, compile_selftest},
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

/// Another Linux, whose programs qemu runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Emulated {
    /// What rustc calls it.
    pub(crate) target: &'static str,
    /// Where its programs are built.
    pub(crate) folder: &'static str,
    pub(crate) cc: &'static str,
    /// Runs its programs.
    pub(crate) qemu: &'static str,
    /// Where its C library is.
    pub(crate) root: &'static str,
}

/// What programs are compiled for, if not for this machine.
///
/// # Panics
///
/// If the environment asks for one that is not known.
pub fn emulated() -> Option<&'static Emulated> {
    const ARMV7: Emulated = Emulated {
        target: "armv7-unknown-linux-gnueabihf",
        folder: "c-tests-armv7",
        cc: "arm-linux-gnueabihf-gcc",
        qemu: "qemu-arm-static",
        root: "/usr/arm-linux-gnueabihf",
    };
    const AARCH64: Emulated = Emulated {
        target: "aarch64-unknown-linux-gnu",
        folder: "c-tests-aarch64",
        cc: "aarch64-linux-gnu-gcc",
        qemu: "qemu-aarch64-static",
        root: "/usr/aarch64-linux-gnu",
    };

    match std::env::var("IOTKIT_EMULATE").ok()?.as_str() {
        "armv7" => Some(&ARMV7),
        "aarch64" => Some(&AARCH64),
        other => panic!("IOTKIT_EMULATE={other}: it is armv7 or aarch64"),
    }
}

/// How long a program, a line or a packet may take: long enough for a loaded machine, and for valgrind.
pub fn patience() -> Duration {
    let slow = valgrind() || emulated().is_some();
    Duration::from_secs(if slow { 60 } else { 15 })
}
