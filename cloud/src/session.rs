//! What the platform keeps for a device between packets, and with `cleanSession` 0 between connections:
//! subscriptions and the QoS 1 messages that it has not acknowledged.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{
    codec::{Publish, QoS},
    topic,
};

/// A message on its way to a device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
}

impl Message {
    pub(crate) fn publish(&self, id: u16, dup: bool) -> Publish {
        Publish {
            dup,
            qos: self.qos,
            retain: false,
            topic: self.topic.clone(),
            pkid: id,
            payload: self.payload.clone(),
        }
    }
}

/// More messages cannot be told apart by their ids.
const MAX_WINDOW: usize = u16::MAX as usize - 1;

#[derive(Debug)]
pub(crate) struct Session {
    /// Outlives its connection (`cleanSession` 0).
    pub(crate) persistent: bool,
    subscriptions: BTreeMap<String, QoS>,
    /// Accepted, not yet sent.
    queue: VecDeque<Message>,
    /// Sent, not yet acknowledged, in the order of sending.
    inflight: VecDeque<(u16, Message)>,
    last_id: u16,
}

/// More QoS 1 messages wait for the device than the platform keeps.
#[derive(Debug)]
pub(crate) struct QueueFull;

impl Session {
    pub(crate) fn new(persistent: bool) -> Self {
        Self {
            persistent,
            subscriptions: BTreeMap::new(),
            queue: VecDeque::new(),
            inflight: VecDeque::new(),
            last_id: 0,
        }
    }

    pub(crate) fn subscribe(&mut self, filter: String, qos: QoS) {
        self.subscriptions.insert(filter, qos);
    }

    /// Whether `filter` is there already, or the device may have one more.
    pub(crate) fn has_room_for(&self, filter: &str, limit: usize) -> bool {
        self.subscriptions.contains_key(filter) || self.subscriptions.len() < limit
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.remove(filter);
    }

    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = (&str, QoS)> {
        self.subscriptions
            .iter()
            .map(|(filter, qos)| (filter.as_str(), *qos))
    }

    /// The highest QoS that the matching subscriptions grant; a message is delivered once however many match.
    pub(crate) fn granted(&self, name: &str) -> Option<QoS> {
        let matching = self
            .subscriptions
            .iter()
            .filter(|(filter, _)| topic::matches(filter, name));
        matching.map(|(_, qos)| *qos).max_by_key(|qos| *qos as u8)
    }

    /// Accepts a QoS 1 message; at most `limit` wait, those under way included.
    pub(crate) fn enqueue(&mut self, message: Message, limit: usize) -> Result<(), QueueFull> {
        if self.waiting() >= limit {
            return Err(QueueFull);
        }
        self.queue.push_back(message);
        Ok(())
    }

    /// How many QoS 1 messages are not yet acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + self.inflight.len()
    }

    /// The next queued message to send, while fewer than `window` are under way.
    pub(crate) fn next_to_send(&mut self, window: usize) -> Option<Publish> {
        if self.inflight.len() >= window.min(MAX_WINDOW) {
            return None;
        }
        let message = self.queue.pop_front()?;
        let id = self.next_id();
        let publish = message.publish(id, false);
        self.inflight.push_back((id, message));
        Some(publish)
    }

    /// The device has taken over message `id`; false if no such message is under way.
    pub(crate) fn acknowledge(&mut self, id: u16) -> bool {
        let before = self.inflight.len();
        self.inflight.retain(|(used, _)| *used != id);
        self.inflight.len() < before
    }

    /// What was sent on an earlier connection and never acknowledged (MQTT 3.1.1, 4.4).
    pub(crate) fn resend(&self) -> Vec<Publish> {
        self.inflight
            .iter()
            .map(|(id, message)| message.publish(*id, true))
            .collect()
    }

    /// An id no message under way has; `MAX_WINDOW` leaves one.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.inflight.iter().all(|(used, _)| *used != self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &'static [u8]) -> Message {
        Message {
            topic: "t".into(),
            payload: Bytes::from_static(payload),
            qos: QoS::AtLeastOnce,
        }
    }

    #[test]
    fn messages_wait_for_a_place_in_the_window() {
        let mut session = Session::new(true);
        for _ in 0..3 {
            session.enqueue(message(b"x"), 3).unwrap();
        }
        assert!(session.enqueue(message(b"x"), 3).is_err());

        assert_eq!(session.next_to_send(2).unwrap().pkid, 1);
        assert_eq!(session.next_to_send(2).unwrap().pkid, 2);
        assert!(session.next_to_send(2).is_none());
        assert!(session.acknowledge(1) && !session.acknowledge(1));
        assert_eq!(session.next_to_send(2).unwrap().pkid, 3);
        let again: Vec<_> = session
            .resend()
            .iter()
            .map(|publish| (publish.pkid, publish.dup))
            .collect();
        assert_eq!(again, [(2, true), (3, true)]);
    }

    #[test]
    fn ids_wrap_past_zero_and_past_those_in_use() {
        let mut session = Session::new(true);
        session.enqueue(message(b"x"), 9).unwrap();
        session.next_to_send(9).unwrap();
        session.last_id = u16::MAX;
        session.enqueue(message(b"y"), 9).unwrap();
        assert_eq!(session.next_to_send(9).unwrap().pkid, 2);
    }

    #[test]
    fn the_best_matching_subscription_counts() {
        let mut session = Session::new(false);
        session.subscribe("/a/#".into(), QoS::AtMostOnce);
        session.subscribe("/a/+".into(), QoS::AtLeastOnce);
        assert_eq!(session.granted("/a/b"), Some(QoS::AtLeastOnce));
        assert_eq!(session.granted("/a/b/c"), Some(QoS::AtMostOnce));
        assert_eq!(session.granted("/b"), None);
        session.unsubscribe("/a/+");
        assert_eq!(session.granted("/a/b"), Some(QoS::AtMostOnce));
    }
}
