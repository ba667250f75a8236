//! Misbehaviour on request: what a network or a broker can do to a device, for its tests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::device::DeviceId;

/// How a connection misbehaves. The default is not at all; set the fields that matter:
///
/// ```
/// use iotkit_cloud::{ConnAckFault, Faults};
/// let refuse = Faults { connack: ConnAckFault::Refuse(3), ..Faults::default() };
/// let deaf = Faults { no_pingresp: true, no_puback: true, ..Faults::default() };
/// # let _ = (refuse, deaf);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Faults {
    /// Close the connection as soon as it is accepted, before TLS.
    pub close_on_accept: bool,
    /// What becomes of CONNACK.
    pub connack: ConnAckFault,
    /// Forget the device's session when it connects: session-present 0 whatever was kept.
    pub forget_session: bool,
    /// Close the connection after this many packets of the device (CONNECT is the first), without handling the last.
    pub close_after_received_packets: Option<u32>,
    /// Close the connection after this many bytes to the device, in the middle of a packet if it so falls.
    pub close_after_sent_bytes: Option<u64>,
    /// Go silent once, in both directions, for a while.
    pub stall: Option<Stall>,
    /// Do not answer PINGREQ.
    pub no_pingresp: bool,
    /// Do not answer SUBSCRIBE (the subscription holds).
    pub no_suback: bool,
    /// Answer every SUBSCRIBE with 0x80.
    pub refuse_subscribe: bool,
    /// Do not answer UNSUBSCRIBE (the subscription ends).
    pub no_unsuback: bool,
    /// Do not acknowledge QoS 1 messages of the device (they are handled).
    pub no_puback: bool,
    /// Send each message to the device twice, at QoS 1 with the same packet id and DUP.
    pub duplicate_publish: bool,
    /// Write one byte at a time.
    pub one_byte_writes: bool,
}

/// What becomes of CONNACK.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnAckFault {
    /// It is sent as it should be.
    #[default]
    None,
    /// CONNECT is refused with this return code, any number.
    Refuse(u8),
    /// It is never sent; the connection stays open and silent.
    Silent,
    /// Its first byte is sent, the rest after this many milliseconds.
    SplitMs(u64),
}

/// A silence: nothing is read, nothing written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stall {
    /// It begins when this many packets of the device (CONNECT is the first) have been handled.
    pub after_packets: u32,
    /// How long it lasts, in milliseconds.
    pub ms: u64,
}

impl Stall {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

/// Whom a fault script is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultScope {
    /// Every connection for which nothing more special is set; takes effect at once.
    All,
    /// The connections of one device; takes effect at once.
    Device(DeviceId),
    /// The next connection that is accepted, for its whole life. Said several times, it is a queue: one connection
    /// each.
    NextConnection,
}

/// The faults in force. The most special one holds alone: they are not added up.
#[derive(Debug, Default)]
pub(crate) struct FaultTable(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    all: Faults,
    devices: BTreeMap<DeviceId, Faults>,
    next: VecDeque<Faults>,
}

impl FaultTable {
    pub(crate) fn new(all: Faults) -> Self {
        Self(Mutex::new(Inner {
            all,
            ..Inner::default()
        }))
    }

    pub(crate) fn set(&self, scope: FaultScope, faults: Faults) {
        let mut inner = self.0.lock().expect("no panic while locked");
        match scope {
            FaultScope::All => inner.all = faults,
            FaultScope::Device(id) => {
                inner.devices.insert(id, faults);
            }
            FaultScope::NextConnection => inner.next.push_back(faults),
        }
    }

    /// Back to good behaviour for every connection that has no faults of its own.
    pub(crate) fn clear(&self) {
        *self.0.lock().expect("no panic while locked") = Inner::default();
    }

    /// What a new connection brings for its whole life.
    pub(crate) fn take_next(&self) -> Option<Faults> {
        self.0
            .lock()
            .expect("no panic while locked")
            .next
            .pop_front()
    }

    pub(crate) fn current(&self, own: Option<&Faults>, device: Option<&DeviceId>) -> Faults {
        if let Some(own) = own {
            return own.clone();
        }
        let inner = self.0.lock().expect("no panic while locked");
        device
            .and_then(|id| inner.devices.get(id))
            .unwrap_or(&inner.all)
            .clone()
    }
}
