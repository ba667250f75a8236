//! Which filters an application has subscribed to, whose handler is called for each, and what the server has been
//! asked.
//!
//! ```text
//!            SUBACK            connection without its old session
//! Requested ────────> Active ────────────────────────────────────> Stale
//!     │ refused         ▲                                            │ SUBSCRIBE
//!     │ timed out       │ SUBACK                                     ▼
//!     ▼                 └──────────────────────────────────────── Renewing ──refused──> Refused
//!   forgotten
//! ```
//!
//! Everything after `Requested` is live: messages are delivered to it. Live entries end by an UNSUBACK, or by a refusal
//! when they are renewed.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU16;

use super::{Full, topic};
use crate::{
    time::Instant,
    wire::mqtt::{QoS, SubAck},
};

/// The subscriptions of a client.
#[derive(Debug)]
pub(super) struct Subscriptions<H> {
    /// In the order of their numbers.
    entries: Vec<Entry<H>>,
    removals: Vec<Removal>,
    /// The number of the next entry.
    next: u32,
    /// How many requests of the application wait for an answer of the server.
    requests: usize,
    /// How many entries wait for the answer to their renewal.
    renewals: usize,
    /// A handler is called once for a message.
    once: bool,
}

#[derive(Debug)]
struct Entry<H> {
    number: u32,
    filter: Box<[u8]>,
    wildcard: bool,
    handler: H,
    qos: QoS,
    /// Of the SUBSCRIBE that the application asked for.
    id: NonZeroU16,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Requested { at: Instant },
    Active,
    Stale,
    Renewing { id: NonZeroU16, at: Instant },
    Refused,
}

/// An UNSUBSCRIBE that the server has not answered.
#[derive(Debug)]
struct Removal {
    filter: Box<[u8]>,
    id: NonZeroU16,
    at: Instant,
}

/// How far a search for those who want a message has come. Subscriptions may come and go between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Nobody was asked yet.
    Start,
    /// The subscription with this number is the next, unless it has ended meanwhile.
    From(u32),
    /// Everybody was asked.
    End,
}

/// What a SUBACK came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A request was granted.
    Granted,
    /// A request was refused.
    Refused,
    /// It was about a renewal.
    Renewal,
    /// Nobody has asked.
    Stray,
}

/// A request that the server has not answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    Subscribe(NonZeroU16),
    Unsubscribe(NonZeroU16),
}

impl<H: Copy + PartialEq> Subscriptions<H> {
    /// How many requests may wait for an answer, and how many subscriptions there may be.
    pub(super) const REQUESTS_MAX: usize = 256;
    pub(super) const ENTRIES_MAX: usize = 16_384;

    pub(super) const fn new(once: bool) -> Self {
        Self {
            once,
            entries: Vec::new(),
            removals: Vec::new(),
            next: 1,
            requests: 0,
            renewals: 0,
        }
    }

    /// Takes note that the application asks for a subscription.
    pub(super) fn request(
        &mut self,
        filter: &[u8],
        handler: H,
        qos: QoS,
        id: NonZeroU16,
        now: Instant,
    ) -> Result<(), Full> {
        if self.requests >= Self::REQUESTS_MAX || self.entries.len() >= Self::ENTRIES_MAX {
            return Err(Full);
        }
        let filter = copy(filter)?;
        self.entries.try_reserve(1).map_err(|_| Full)?;
        self.entries.push(Entry {
            number: self.next,
            wildcard: topic::has_wildcard(&filter),
            filter,
            handler,
            qos,
            id,
            state: State::Requested { at: now },
        });
        // Numbers are not used twice: at one subscription a second, this lasts 136 years.
        self.next = self.next.wrapping_add(1);
        self.requests += 1;
        Ok(())
    }

    /// Takes note that the application asks for the end of a filter's subscriptions.
    pub(super) fn request_removal(
        &mut self,
        filter: &[u8],
        id: NonZeroU16,
        now: Instant,
    ) -> Result<(), Full> {
        if self.requests >= Self::REQUESTS_MAX {
            return Err(Full);
        }
        let filter = copy(filter)?;
        self.removals.try_reserve(1).map_err(|_| Full)?;
        self.removals.push(Removal {
            filter,
            id,
            at: now,
        });
        self.requests += 1;
        Ok(())
    }

    /// Forgets a request that was not sent.
    pub(super) fn withdraw(&mut self, id: NonZeroU16) {
        let requested =
            |entry: &Entry<H>| entry.id == id && matches!(entry.state, State::Requested { .. });
        if let Some(index) = self.entries.iter().position(requested) {
            self.entries.remove(index);
            self.requests -= 1;
        } else {
            self.take_removal(id);
        }
    }

    /// Forgets the entries with this handler, whatever the server thinks of them.
    pub(super) fn forget(&mut self, handler: H) {
        let (requests, renewals) = (&mut self.requests, &mut self.renewals);
        self.entries.retain(|entry| {
            let goes = entry.handler == handler;
            if goes {
                match entry.state {
                    State::Requested { .. } => *requests -= 1,
                    State::Renewing { .. } => *renewals -= 1,
                    State::Active | State::Stale | State::Refused => {}
                }
            }
            !goes
        });
    }

    /// The server has answered a SUBSCRIBE.
    pub(super) fn answered(&mut self, id: NonZeroU16, code: u8) -> Answer {
        let refused = code == SubAck::REFUSED;
        let requested =
            |entry: &Entry<H>| entry.id == id && matches!(entry.state, State::Requested { .. });
        if let Some(index) = self.entries.iter().position(requested) {
            self.requests -= 1;
            if refused {
                self.entries.remove(index);
                return Answer::Refused;
            }
            self.activate(index);
            return Answer::Granted;
        }

        let mut answer = Answer::Stray;
        for entry in &mut self.entries {
            if matches!(entry.state, State::Renewing { id: asked, .. } if asked == id) {
                entry.state = if refused {
                    State::Refused
                } else {
                    State::Active
                };
                self.renewals -= 1;
                answer = Answer::Renewal;
            }
        }
        answer
    }

    /// A request becomes a subscription, unless there is the same one already: then that gets its QoS and its id.
    fn activate(&mut self, index: usize) {
        let Some(granted) = self.entries.get(index) else {
            return;
        };
        let (id, qos) = (granted.id, granted.qos);
        let twin = self.entries.iter().position(|entry| {
            entry.is_live() && entry.handler == granted.handler && entry.filter == granted.filter
        });
        let Some(twin) = twin else {
            if let Some(granted) = self.entries.get_mut(index) {
                granted.state = State::Active;
            }
            return;
        };
        if let Some(twin) = self.entries.get_mut(twin) {
            twin.id = id;
            twin.qos = qos;
            if twin.state == State::Stale {
                twin.state = State::Active; // asked for again before it was renewed
            }
        }
        self.entries.remove(index);
    }

    /// The server has answered an UNSUBSCRIBE: the filter's subscriptions end. Says whether anybody has asked.
    pub(super) fn removed(&mut self, id: NonZeroU16) -> bool {
        let Some(removal) = self.take_removal(id) else {
            return false;
        };
        let mut renewing = 0;
        self.entries.retain(|entry| {
            let ends = entry.is_live() && entry.filter == removal.filter;
            renewing += usize::from(ends && matches!(entry.state, State::Renewing { .. }));
            !ends
        });
        self.renewals -= renewing;
        true
    }

    fn take_removal(&mut self, id: NonZeroU16) -> Option<Removal> {
        let index = self.removals.iter().position(|removal| removal.id == id)?;
        self.requests -= 1;
        Some(self.removals.remove(index))
    }

    /// The next request that has waited for `age` ms, which is forgotten.
    pub(super) fn poll_expired(&mut self, age: u32, now: Instant) -> Option<Expired> {
        let old = |at: Instant| at.after(age).reached(now);
        let expired = |entry: &Entry<H>| matches!(entry.state, State::Requested { at } if old(at));
        if let Some(index) = self.entries.iter().position(expired) {
            self.requests -= 1;
            return Some(Expired::Subscribe(self.entries.remove(index).id));
        }
        let id = self.removals.iter().find(|removal| old(removal.at))?.id;
        self.take_removal(id);
        Some(Expired::Unsubscribe(id))
    }

    /// A request that has expired is told only once there is a connection: until then its moment follows `now`, or it would
    /// count as to come after 2^31 ms.
    pub(super) fn stay_expired(&mut self, age: u32, now: Instant) {
        let stay = |at: &mut Instant| {
            if at.after(age).reached(now) {
                *at = now.before(age);
            }
        };
        for entry in &mut self.entries {
            if let State::Requested { at } = &mut entry.state {
                stay(at);
            }
        }
        self.removals
            .iter_mut()
            .for_each(|removal| stay(&mut removal.at));
    }

    /// Marks renewals that were sent `age` ms ago to be sent again; says when the next request or renewal falls due,
    /// and whether there is a renewal to send.
    pub(super) fn renew_older(&mut self, age: u32, now: Instant) -> (Option<Instant>, bool) {
        let mut next: Option<Instant> = None;
        let mut earliest = |due: Instant| next = Some(next.map_or(due, |next| next.earlier(due)));
        let mut any = false;
        for entry in &mut self.entries {
            if let State::Renewing { at, .. } = entry.state
                && at.after(age).reached(now)
            {
                entry.state = State::Stale;
                self.renewals -= 1;
            }
            match entry.state {
                State::Requested { at } | State::Renewing { at, .. } => earliest(at.after(age)),
                State::Stale => any = true,
                State::Active | State::Refused => {}
            }
        }
        self.removals
            .iter()
            .for_each(|removal| earliest(removal.at.after(age)));
        (next, any)
    }

    /// A new connection has begun: renewals that were not answered on the last one are due again, and without the old
    /// session all subscriptions are.
    pub(super) fn connected(&mut self, session_present: bool) {
        for entry in &mut self.entries {
            match entry.state {
                State::Renewing { .. } => self.renewals -= 1,
                State::Active if !session_present => {}
                _ => continue,
            }
            entry.state = State::Stale;
        }
    }

    /// Whether there is a renewal to send.
    pub(super) fn any_stale(&self) -> bool {
        self.entries.iter().any(|entry| entry.state == State::Stale)
    }

    /// The next renewal to send, which is taken as sent with packet id `id`: one for all entries of a filter, with the
    /// QoS that was asked for last.
    pub(super) fn poll_renewal(&mut self, id: NonZeroU16, now: Instant) -> Option<(&[u8], QoS)> {
        let first = self
            .entries
            .iter()
            .position(|entry| entry.state == State::Stale)?;
        let (done, rest) = self.entries.split_at_mut_checked(first + 1)?;
        let first = done.last_mut()?;
        let mut qos = first.qos;
        first.state = State::Renewing { id, at: now };
        self.renewals += 1;
        for entry in rest {
            if entry.state == State::Stale && entry.filter == first.filter {
                entry.state = State::Renewing { id, at: now };
                self.renewals += 1;
                qos = entry.qos;
            }
        }
        Some((&first.filter, qos))
    }

    /// The next subscription whose renewal was refused, which is forgotten: its id.
    pub(super) fn poll_refused(&mut self) -> Option<NonZeroU16> {
        let refused = |entry: &Entry<H>| entry.state == State::Refused;
        let index = self.entries.iter().position(refused)?;
        Some(self.entries.remove(index).id)
    }

    /// The handler of the next subscription that matches a topic, and where to go on.
    #[inline(always)]
    pub(super) fn next_match(&self, topic: &[u8], from: Search) -> Option<(H, Search)> {
        let start = match from {
            Search::Start => 0,
            Search::From(number) => self.entries.partition_point(|entry| entry.number < number),
            Search::End => return None,
        };
        let mut matching = self
            .entries
            .get(start..)?
            .iter()
            .filter(|entry| entry.matches(topic) && entry.is_live());
        let handler = matching.next()?.handler;
        let next = matching.next().map(|entry| entry.number);
        let next = next.map_or(Search::End, |number| self.next_other(topic, number));
        Some((handler, next))
    }

    /// From `number` on, passing over those whose handler has another that matches, and that comes before.
    #[cold]
    fn next_other(&self, topic: &[u8], number: u32) -> Search {
        if !self.once {
            return Search::From(number);
        }
        let matches = |entry: &&Entry<H>| entry.matches(topic) && entry.is_live();
        let mut matching = self.entries.iter().filter(matches);
        let other = matching.find(|entry| {
            let before = self.entries.iter().filter(matches);
            entry.number >= number
                && before
                    .take_while(|before| before.number < entry.number)
                    .all(|before| before.handler != entry.handler)
        });
        other.map_or(Search::End, |entry| Search::From(entry.number))
    }

    /// Whether a request with this packet id waits for its answer.
    pub(super) fn contains(&self, id: NonZeroU16) -> bool {
        self.requests + self.renewals > 0
            && (self.removals.iter().any(|removal| removal.id == id)
                || self.entries.iter().any(|entry| match entry.state {
                    State::Requested { .. } => entry.id == id,
                    State::Renewing { id: asked, .. } => asked == id,
                    State::Active | State::Stale | State::Refused => false,
                }))
    }
}

impl<H> Entry<H> {
    #[inline]
    fn matches(&self, topic: &[u8]) -> bool {
        if self.wildcard {
            return topic::matches(&self.filter, topic);
        }
        // What most filters differ in comes first.
        self.filter.len() == topic.len()
            && self.filter.last() == topic.last()
            && *self.filter == *topic
    }

    fn is_live(&self) -> bool {
        !matches!(self.state, State::Requested { .. } | State::Refused)
    }
}

fn copy(bytes: &[u8]) -> Result<Box<[u8]>, Full> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Full)?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}
