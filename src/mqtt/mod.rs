//! MQTT 3.1.1 as a state machine: fed with packets and time, asked for what to send and what to tell.
//!
//! [`Machine`] is the state of one client: the connection, and the session that outlives it. It does no I/O and has no
//! clock. [`Receiver`] puts packets together from pieces. Whoever drives them (`client`)
//!
//! - says when a transport is open ([`Machine::opened`]) or gone ([`Machine::lost`], [`Machine::closed`]),
//! - hands over each packet ([`Machine::handle_packet`]), and the time ([`Machine::handle_timeout`]),
//! - then sends what [`Machine::poll_output`] gives and tells what [`Machine::poll_event`] gives, until there is none.
//!
//! ```text
//!           opened            CONNECT sent            CONNACK
//! Waiting ─────────> Opened ───────────────> Asking ───────────> Connected
//!    ▲                  │                      │                     │
//!    │                  └──────────lost────────┴─────────lost────────┤
//!    │                                  ▼                            │
//!    └────────────closed────────────── Lost <────────────────────────┘
//!                                        └──closed, no reconnecting──> Closed
//! ```

mod in_flight;
mod machine;
mod receiver;
mod subscriptions;
pub mod topic;

pub use machine::{Config, Error, Event, Link, Loss, Machine, Message, Output, Received};
pub use receiver::{Progress, Receiver};
pub use subscriptions::Search;

/// There is no memory, or as many messages or requests wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full;
