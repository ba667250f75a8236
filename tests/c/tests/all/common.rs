//! A platform with two made-up devices.

use std::time::Duration;

use iotkit_c_tests::{Hal, Identity, Peer, Program, Run, Running, emulated, patience, valgrind};
use iotkit_cloud::{Cloud, Config, Direction, Entry, FaultScope, Faults, PacketEntry};

/// Made up, like all here.
const PRODUCT_KEY: &str = "a1ProdKey01";

pub(crate) fn lamp() -> Identity {
    Identity::new(PRODUCT_KEY, "dev-0001", "SECRETsecret0123456789abcdefABCD")
}

pub(crate) fn fan() -> Identity {
    Identity::new(PRODUCT_KEY, "dev-0002", "secretSECRET9876543210abcdefABCD")
}

/// A topic of the lamp: `/{pk}/{dn}/{rest}`.
pub(crate) fn own(rest: &str) -> String {
    format!("/{PRODUCT_KEY}/dev-0001/{rest}")
}

/// A system topic of the lamp: `/sys/{pk}/{dn}/{rest}`.
pub(crate) fn sys(rest: &str) -> String {
    format!("/sys{}", own(rest))
}

pub(crate) fn configured() -> Config {
    Config::default()
        .device(&lamp().id, &lamp().secret)
        .device(&fan().id, &fan().secret)
}

pub(crate) fn platform() -> Cloud {
    Cloud::start(configured()).expect("the platform starts")
}

/// The transports of a test that is about what lies above them: under valgrind, where all takes long, one is enough.
pub(crate) fn transports() -> &'static [Hal] {
    if valgrind() && emulated().is_none() {
        &[Hal::MbedTls]
    } else {
        every()
    }
}

/// All transports there are: elsewhere, only plain TCP.
pub(crate) fn every() -> &'static [Hal] {
    if emulated().is_some() {
        &[Hal::Tcp]
    } else {
        &Hal::ALL
    }
}

/// Plain TCP, and TLS of a port.
pub(crate) fn both() -> &'static [Hal] {
    &every()[..every().len().min(2)]
}

/// Starts a test program as the lamp.
pub(crate) fn start(name: &str, hal: Hal, peer: impl Into<Peer>) -> Running {
    Run::new(&Program::test(name, hal), &lamp(), &peer.into()).start()
}

/// Runs a test program, all of whose checks have to pass, as the lamp.
#[track_caller]
pub(crate) fn run(name: &str, hal: Hal, peer: impl Into<Peer>) {
    start(name, hal, peer).finish().expect_success();
}

/// Makes the lamp's connections misbehave, from now on.
pub(crate) fn misbehave(cloud: &Cloud, faults: Faults) {
    cloud.set_faults(FaultScope::All, faults);
}

/// The messages that passed, in order.
pub(crate) fn messages(cloud: &Cloud, direction: Direction, topic: &str) -> Vec<PacketEntry> {
    let entries = cloud.transcript().entries();
    let messages = entries
        .iter()
        .filter_map(|entry| entry.message_on(direction, topic));
    messages.cloned().collect()
}

/// Waits until something has passed.
#[track_caller]
pub(crate) fn wait(cloud: &Cloud, what: &str, wanted: impl FnMut(&Entry) -> bool) -> Entry {
    let log = cloud.transcript();
    let found = log.wait(patience(), wanted);
    found.unwrap_or_else(|| panic!("no {what}: {:#?}", log.entries()))
}

/// How long a server is away: the client tries again one second after it has noticed.
pub(crate) const DOWNTIME: Duration = Duration::from_millis(300);
