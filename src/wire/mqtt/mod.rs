//! MQTT 3.1.1 packets (OASIS standard, 29 October 2014), as far as a client sends or receives them.
//!
//! [`Packet::parse`] reads what a server may send, borrowing from the input; the functions of [`emit`] write what a
//! client may send. Section numbers are those of the standard.

pub mod emit;
mod length;
mod packet;
mod plain;

pub use length::{REMAINING_MAX, Remaining};
pub use packet::{ConnAck, Malformed, Packet, Publish, Refusal, SubAck};
pub use plain::is_plain;

/// How often a message may arrive (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum QoS {
    /// Sent and forgotten.
    AtMostOnce = 0,
    /// Repeated until acknowledged.
    AtLeastOnce = 1,
    /// Delivered once, by a handshake of four packets.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level of a two-bit field; 3 is forbidden (section 3.3.1.2).
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// Packet types in the upper half of a packet's first byte (section 2.2.1).
pub mod kind {
    /// Client requests to connect.
    pub const CONNECT: u8 = 1;
    /// Answer to CONNECT.
    pub const CONNACK: u8 = 2;
    /// A message.
    pub const PUBLISH: u8 = 3;
    /// Acknowledges a message with QoS 1.
    pub const PUBACK: u8 = 4;
    /// First answer to a message with QoS 2.
    pub const PUBREC: u8 = 5;
    /// Answer to PUBREC.
    pub const PUBREL: u8 = 6;
    /// Answer to PUBREL.
    pub const PUBCOMP: u8 = 7;
    /// Asks for messages.
    pub const SUBSCRIBE: u8 = 8;
    /// Answer to SUBSCRIBE.
    pub const SUBACK: u8 = 9;
    /// Asks for no more messages.
    pub const UNSUBSCRIBE: u8 = 10;
    /// Answer to UNSUBSCRIBE.
    pub const UNSUBACK: u8 = 11;
    /// Asks whether the other side is there.
    pub const PINGREQ: u8 = 12;
    /// Answer to PINGREQ.
    pub const PINGRESP: u8 = 13;
    /// Ends a connection.
    pub const DISCONNECT: u8 = 14;
}

/// The bit of PUBLISH's first byte that marks a repetition (section 3.3.1.1).
pub const DUP: u8 = 0x08;

/// The bit of PUBLISH's first byte that keeps a message for new subscribers (section 3.3.1.3).
pub const RETAIN: u8 = 0x01;
