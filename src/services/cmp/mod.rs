//! Messages by URI instead of by topic, over one connection that the whole process shares (reference: cmp.md).
//!
//! A URI becomes a topic ([`Tree`]), a request or an answer gets an envelope ([`Shape`]), and what arrives goes to the one
//! that is registered for its topic ([`Registry`]).

mod message;
mod registry;
mod uri;

pub use self::{
    message::{Incoming, Outgoing, Shape},
    registry::{Asked, Question, Refused, Registry},
    uri::{TOPIC_MAX, Topic, Tree},
};
