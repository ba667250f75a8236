//! Connections between the port and the server: bytes take time, and more can happen to them.

use std::{collections::VecDeque, fmt::Write as _};

use crate::{
    broker::Peer,
    stats::Fault,
    world::{Event, Phase, World},
};

/// A connection, from the port's side and from the server's.
pub(crate) struct Conn {
    pub(crate) tls: bool,
    /// The client that has opened it.
    pub(crate) client: usize,
    /// The port has its handle.
    pub(crate) open: bool,
    /// Bytes on their way to the port, with their arrival.
    inbound: VecDeque<(u64, Vec<u8>, usize)>,
    inbound_last: u64,
    outbound_last: u64,
    /// Nothing moves until then.
    pub(crate) stalled_until: u64,
    /// Whatever is sent, either way, is lost.
    pub(crate) half_open: bool,
    /// When the port sees its end, and whether as a reset.
    pub(crate) ended: Option<(u64, bool)>,
    pub(crate) reading: bool,
    pub(crate) writing: bool,
    /// The network has done something to it that takes time.
    pub(crate) troubled: bool,
    pub(crate) peer: Peer,
    /// To the web server: what it has of a request.
    pub(crate) request: Option<Vec<u8>>,
}

impl Conn {
    pub(crate) fn new(client: usize, tls: bool, now: u64) -> Self {
        Self {
            tls,
            client,
            open: true,
            inbound: VecDeque::new(),
            inbound_last: 0,
            outbound_last: 0,
            stalled_until: 0,
            half_open: false,
            ended: None,
            reading: false,
            writing: false,
            troubled: false,
            peer: Peer::new(now),
            request: None,
        }
    }

    /// When a reader may find something new: bytes, or the end.
    pub(crate) fn next_change(&self) -> u64 {
        let bytes = self.inbound.front().map_or(u64::MAX, |(at, ..)| *at);
        let end = self.ended.map_or(u64::MAX, |(at, _)| at);
        bytes.min(end)
    }

    /// Whether the port sees its end now: `Some(true)` for a reset, which overtakes bytes.
    pub(crate) fn end(&self, now: u64) -> Option<bool> {
        let (at, reset) = self.ended?;
        let unread = self.inbound.front().is_some_and(|(at, ..)| *at <= now);
        (at <= now && (reset || !unread)).then_some(reset)
    }

    /// Moves what has arrived to `place`; says how much.
    pub(crate) fn take(&mut self, place: &mut [u8], now: u64) -> usize {
        let mut count = 0;
        while count < place.len()
            && let Some((at, bytes, from)) = self.inbound.front_mut()
            && *at <= now
        {
            let part = (bytes.len() - *from).min(place.len() - count);
            place[count..count + part].copy_from_slice(&bytes[*from..*from + part]);
            count += part;
            *from += part;
            if *from == bytes.len() {
                self.inbound.pop_front();
            }
        }
        count
    }

    /// The server has closed it, or the network has.
    pub(crate) fn finish(&mut self, at: u64, reset: bool) {
        if self.ended.is_none() {
            let at = if reset { at } else { at.max(self.inbound_last) };
            self.ended = Some((at, reset));
            self.troubled = true;
        }
    }
}

impl World {
    /// The server sends bytes, which may come late, in pieces, or not at all.
    pub(crate) fn server_sends(&mut self, index: usize, bytes: &[u8]) {
        let conn = &self.conns[index];
        if conn.peer.gone || conn.half_open || conn.ended.is_some() {
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let in_pieces = rest.len() > 1 && self.fault(Fault::Pieces, self.plan.rates.pieces);
            let len = if in_pieces {
                self.rng.usize(1..rest.len())
            } else {
                rest.len()
            };
            let (piece, more) = rest.split_at(len);
            rest = more;
            let mut delay = self.rng.u64(..40);
            if self.fault(Fault::Late, self.plan.rates.late) {
                delay += self.rng.u64(..8000);
                self.conns[index].troubled = true;
            }
            let now = self.now;
            let conn = &mut self.conns[index];
            let at = (now + delay).max(conn.inbound_last).max(conn.stalled_until);
            conn.inbound_last = at;
            conn.inbound.push_back((at, piece.to_vec(), 0));
        }
        self.misfortune(index);
    }

    /// The port sends bytes; they arrive, unless the connection ends before.
    pub(crate) fn client_sends(&mut self, index: usize, bytes: &[u8]) {
        let mut delay = self.rng.u64(..40);
        if self.fault(Fault::Late, self.plan.rates.late) {
            delay += self.rng.u64(..8000);
            self.conns[index].troubled = true;
        }
        if self.conns[index].ended.is_some() {
            return; // what was sent before may be cut, so nothing follows it
        }
        let mut bytes = bytes;
        if self.fault(Fault::Reset, self.plan.rates.cut) {
            bytes = &bytes[..self.rng.usize(..bytes.len() + 1)];
            let at = self.now + delay;
            self.conns[index].finish(at, true);
        }
        let now = self.now;
        let conn = &mut self.conns[index];
        if conn.half_open {
            return;
        }
        let at = (now + delay)
            .max(conn.outbound_last)
            .max(conn.stalled_until);
        conn.outbound_last = at;
        if !bytes.is_empty() {
            self.schedule(at, Event::Arrive(index, bytes.to_vec()));
        }
        self.misfortune(index);
    }

    /// What may happen to a connection in use.
    fn misfortune(&mut self, index: usize) {
        if self.phase != Phase::Storm {
            return;
        }
        let now = self.now;
        if self.fault(Fault::Stall, self.plan.rates.stall) {
            let until = now + (100 << self.rng.u32(..10));
            let conn = &mut self.conns[index];
            conn.stalled_until = conn.stalled_until.max(until);
            conn.troubled = true;
        }
        if self.fault(Fault::Reset, self.plan.rates.cut) {
            let at = now + self.rng.u64(..200);
            self.conns[index].finish(at, true);
        }
        if self.fault(Fault::HalfOpen, self.plan.rates.half_open >> 4) {
            let conn = &mut self.conns[index];
            conn.half_open = true;
            conn.troubled = true;
        }
        if self.fault(Fault::Close, self.plan.rates.close) {
            let reset = self.rng.bool();
            self.server_closes(index, reset);
        }
    }

    /// The server ends a connection.
    pub(crate) fn server_closes(&mut self, index: usize, reset: bool) {
        if self.conns[index].peer.gone {
            return;
        }
        self.note(|line| _ = write!(line, "    server closes #{index} reset={reset}"));
        let now = self.now;
        let conn = &mut self.conns[index];
        conn.peer.gone = true;
        if !conn.half_open {
            conn.finish(now + 1, reset);
        }
        self.disconnected(index);
    }

    /// The server learns that the client has closed.
    pub(crate) fn hung_up(&mut self, index: usize) {
        if !self.conns[index].peer.gone {
            self.conns[index].peer.gone = true;
            self.disconnected(index);
        }
    }

    /// When the server may learn that the client has closed: behind everything it has sent.
    pub(crate) fn hangup_at(&mut self, index: usize) -> Option<u64> {
        let conn = &self.conns[index];
        (!conn.half_open).then(|| (self.now + 1).max(conn.outbound_last))
    }
}
