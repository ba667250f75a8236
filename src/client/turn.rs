//! A turn: what one call of `IOT_MQTT_Yield` does in its time.
//!
//! The turn asks the state for the next [`Step`], under the lock, and takes it, without: nothing of the application and
//! nothing that waits runs under a lock, and another thread may do anything between two steps.

use core::ops::Range;

use super::{
    Account, Client, Error, State,
    inbox::{Buffer, Reader, Unavailable},
};
use crate::{
    hal::{Broken, Lock, System, Transport},
    log::{Level, Value},
    mqtt::{Event, Link, Loss, Message, Progress, Received},
    time::Instant,
    wire::mqtt::QoS,
};

/// Something the application is told.
#[derive(Debug)]
pub enum Notice<'a, H> {
    /// Something has happened.
    Event(Event),
    /// A message has arrived.
    Message(Delivery<'a, H>),
}

/// A message that has arrived, for one of those who want it.
#[derive(Debug)]
pub struct Delivery<'a, H> {
    /// Who wants it; `None`: nobody has subscribed to it.
    pub handler: Option<H>,
    /// The buffer it lies in. Whoever handles the message may write to it.
    pub buffer: &'a mut [u8],
    /// Where its topic lies.
    pub topic: Range<usize>,
    /// Where its payload lies. A NUL is behind it, if the buffer has room.
    pub payload: Range<usize>,
    /// How often it may arrive.
    pub qos: QoS,
    /// It may have arrived before.
    pub dup: bool,
    /// It was kept for new subscribers.
    pub retain: bool,
    /// Its id; 0 if its QoS is 0.
    pub id: u16,
}

/// What a turn knows between its steps.
struct Turn<B, H> {
    timeout: u32,
    /// When it ends, once the clock was read.
    until: Option<Instant>,
    /// It has read, or waited, at least once.
    waited: bool,
    /// It has sent since it last waited.
    flushed: bool,
    delivery: Option<Parcel<B, H>>,
    answer: Option<Answer>,
    no_buffer: bool,
}

/// A message that is being delivered.
struct Parcel<B, H> {
    buffer: Buffer<B>,
    message: Message,
    /// The number of the subscription it was delivered to last; 0 for none.
    after: u32,
    handler: Option<H>,
    /// Of the connection it came from.
    number: u32,
}

/// What the server is waiting for.
#[derive(Clone, Copy)]
struct Answer {
    number: u32,
    packet: [u8; 4],
}

/// What is to be done next.
enum Step<C, B> {
    /// Hand the parcel to its handler.
    Deliver,
    Tell(Event),
    Answer(Answer),
    Flush(Instant),
    Open(Reader<B>),
    Shut(Reader<B>),
    Read {
        reader: Reader<B>,
        conn: C,
        wait: u32,
    },
    Log(Level, &'static str),
    Lost(Loss),
    Pause(u32),
    Again,
    Done,
}

/// What came of reading.
enum Outcome {
    Progress(Progress),
    /// Nothing came, within so many milliseconds.
    Nothing(u32),
    Broken(Broken),
    Malformed(&'static str),
}

/// The longest wait in one piece, in ms: how soon the end of the client is noticed.
const SLICE: u32 = 500;
/// How often a call whose turn it is not looks whether it is, in ms; a transport that does not wait is asked as often.
const GLANCE: u32 = 10;
/// How long the rest of a packet is waited for before time is looked at again, in ms.
const REST: u32 = 1;

impl<P: System + Transport + Account, B: AsMut<[u8]>, H: Copy + PartialEq> Client<P, B, H> {
    /// Keeps the connection alive, receives, sends again, reconnects, and tells what happens, for `timeout` ms.
    ///
    /// Takes the whole time, and longer by what `tell` and one call into the platform take. [`Error::NoBuffer`] is the
    /// only failure, after the whole time.
    pub fn run(&self, timeout: u32, tell: &mut impl FnMut(Notice<'_, H>)) -> Result<(), Error> {
        let mut turn = Turn::new(timeout);
        while self.step(&mut turn, tell) {}
        if turn.no_buffer {
            Err(Error::NoBuffer)
        } else {
            Ok(())
        }
    }

    /// Runs until there is a connection, or none is coming; says which. Tells nothing.
    pub(super) fn run_until_connected(&self) -> bool {
        let mut turn = Turn::new(2 * self.request_timeout);
        loop {
            let more = self.step(&mut turn, &mut |_| {});
            let link = self.state.with(|state| {
                if state.machine.is_connected() {
                    return Some(true);
                }
                match state.machine.link() {
                    Link::Lost { .. } | Link::Waiting { .. } | Link::Closed => Some(false),
                    Link::Opened | Link::Asking { .. } | Link::Connected { .. } => None,
                }
            });
            match link {
                Some(connected) => return connected,
                None if !more => return false,
                None => {}
            }
        }
    }

    /// Takes the next step; `false` if there is none.
    fn step(&self, turn: &mut Turn<B, H>, tell: &mut impl FnMut(Notice<'_, H>)) -> bool {
        let uptime = self.platform.uptime();
        let step = self.state.with(|state| state.next(turn, uptime));
        let step = match step {
            Step::Read { reader, conn, wait } => self.read(reader, conn, wait, uptime, turn),
            step => step,
        };
        match step {
            Step::Deliver => {
                if let Some(parcel) = &mut turn.delivery {
                    tell(Notice::Message(parcel.open()));
                }
            }
            Step::Tell(event) => tell(Notice::Event(event)),
            Step::Answer(Answer { number, packet }) => self.answer(number, packet),
            Step::Flush(until) => self.flush(until),
            Step::Open(reader) => self.reopen(reader),
            Step::Shut(reader) => self.shut(reader),
            Step::Log(level, text) => self.log(level, text, Value::None),
            Step::Lost(loss) => self.log_loss(loss),
            Step::Pause(ms) => self.platform.sleep(ms),
            Step::Again | Step::Read { .. } => {}
            Step::Done => return false,
        }
        true
    }

    /// Reads up to the end of a packet, as far as it is there.
    fn read(
        &self,
        mut reader: Reader<B>,
        conn: P::Conn,
        wait: u32,
        since: u32,
        turn: &mut Turn<B, H>,
    ) -> Step<P::Conn, B> {
        /// Header with the longest length field, then the body.
        const PIECES: usize = 5;

        let mut wait_now = wait;
        let mut outcome = Outcome::Progress(Progress::Partial);
        for _ in 0..PIECES {
            let (receiver, buffer) = reader.parts();
            let want = receiver.want(buffer.len());
            let wanted = want.len();
            let place = buffer.get_mut(want).unwrap_or_default();
            outcome = match self.platform.read(conn, place, wait_now) {
                Ok(0) => {
                    let passed = self.platform.uptime().wrapping_sub(since);
                    Outcome::Nothing(passed)
                }
                Ok(count) => match receiver.received(count, buffer) {
                    Ok(Progress::Partial) if count == wanted => {
                        wait_now = REST;
                        continue;
                    }
                    Ok(progress) => Outcome::Progress(progress),
                    Err(malformed) => Outcome::Malformed(malformed.0),
                },
                Err(broken) => Outcome::Broken(broken),
            };
            break;
        }
        match outcome {
            Outcome::Broken(broken) => self.log_broken("mqtt: connection lost:", broken),
            Outcome::Nothing(passed) => reader.silent = reader.silent.saturating_add(passed),
            Outcome::Progress(_) | Outcome::Malformed(_) => reader.silent = 0,
        }
        self.state
            .with(|state| state.received(turn, reader, outcome, wait))
    }
}

impl<C: Copy, B: AsMut<[u8]>, H: Copy + PartialEq> State<C, B, H> {
    /// What a turn does next.
    fn next(&mut self, turn: &mut Turn<B, H>, uptime: u32) -> Step<C, B> {
        if self.closing {
            return Step::Done;
        }
        let now = self.clock.read(uptime);
        let until = *turn.until.get_or_insert(now.after(turn.timeout));
        if let Some(parcel) = turn.delivery.take()
            && let Some(step) = self.deliver(turn, parcel)
        {
            return step;
        }
        if let Some(answer) = turn.answer.take() {
            return Step::Answer(answer);
        }
        self.machine.handle_timeout(now);
        if let Some(event) = self.machine.poll_event(now) {
            return Step::Tell(event);
        }
        if self.machine.has_output() && !turn.flushed {
            turn.flushed = true;
            return Step::Flush(until);
        }
        let left = until.until(now);
        if left == 0 && turn.waited {
            return Step::Done;
        }
        turn.waited = true;
        turn.flushed = false;
        let left = left.clamp(1, SLICE);
        match (self.machine.link(), self.conn) {
            (Link::Closed, _) => Step::Pause(left),
            (Link::Waiting { at }, _) => match at.until(now) {
                0 => self.claim(turn, left, Step::Open),
                wait => Step::Pause(left.min(wait)),
            },
            (Link::Opened | Link::Asking { .. } | Link::Connected { .. }, Some(conn)) => {
                let wait = left.min(self.machine.poll_timeout(now).max(1));
                self.claim(turn, left, |reader| Step::Read { reader, conn, wait })
            }
            (Link::Lost { .. }, _)
            | (Link::Opened | Link::Asking { .. } | Link::Connected { .. }, None) => {
                self.claim(turn, left, Step::Shut)
            }
        }
    }

    /// A step for the one who reads; without that role, a pause.
    fn claim(
        &mut self,
        turn: &mut Turn<B, H>,
        left: u32,
        step: impl FnOnce(Reader<B>) -> Step<C, B>,
    ) -> Step<C, B> {
        match self.inbox.claim() {
            Ok(reader) => step(reader),
            Err(Unavailable::Taken) => Step::Pause(left.min(GLANCE)),
            Err(Unavailable::NoBuffer) => {
                turn.no_buffer = true;
                Step::Pause(left)
            }
        }
    }

    /// Takes what was read, and the role of reading back.
    fn received(
        &mut self,
        turn: &mut Turn<B, H>,
        mut reader: Reader<B>,
        outcome: Outcome,
        wait: u32,
    ) -> Step<C, B> {
        if self.closing {
            self.inbox.put_back(reader);
            return Step::Done;
        }
        let now = self.clock.now();
        let received = match outcome {
            Outcome::Progress(Progress::Packet { header, len }) => {
                let (_, buffer) = reader.parts();
                let (packet, behind) = buffer.split_at_mut_checked(len).unwrap_or_default();
                let received = self.machine.handle_packet(packet, header, now);
                if let (Some(behind), Ok(Received::Message(_))) = (behind.first_mut(), &received) {
                    *behind = 0;
                }
                received
            }
            Outcome::Progress(Progress::Skipped { answer }) => self.machine.handle_skipped(answer),
            Outcome::Progress(Progress::Partial) => Ok(Received::Nothing),
            Outcome::Malformed(what) => Err(Loss::Protocol(what)),
            Outcome::Broken(_) => {
                self.machine.lost();
                Ok(Received::Nothing)
            }
            Outcome::Nothing(passed) => {
                let now = self.clock.now().after(passed);
                let stuck =
                    reader.receiver.in_packet() && reader.silent >= self.machine.request_timeout();
                let silence = self.machine.handle_silence(now);
                self.inbox.put_back(reader);
                return match silence {
                    _ if stuck => self.lose(Loss::Protocol("a packet does not end")),
                    Err(loss) => self.lose(loss),
                    // A transport that does not wait must not keep this thread busy.
                    Ok(()) if passed + 1 < wait.min(GLANCE) => Step::Pause(GLANCE - passed),
                    Ok(()) => Step::Again,
                };
            }
        };
        if let Ok(Received::Message(message)) = received {
            let Some(buffer) = self.inbox.lend(reader) else {
                return Step::Again; // a reader has a buffer
            };
            let parcel = Parcel {
                buffer,
                message,
                after: 0,
                handler: None,
                number: self.number,
            };
            return self.deliver(turn, parcel).unwrap_or(Step::Again);
        }
        self.inbox.put_back(reader);
        match received {
            Ok(Received::Nothing | Received::Message(_)) => Step::Again,
            Ok(Received::Stray(text)) => Step::Log(Level::Debug, text),
            Ok(Received::Event(event)) => Step::Tell(event),
            Ok(Received::Answer(packet)) => Step::Answer(Answer {
                number: self.number,
                packet,
            }),
            Ok(Received::TooLarge(packet)) => {
                let number = self.number;
                turn.answer = packet.map(|packet| Answer { number, packet });
                Step::Tell(Event::Overflow)
            }
            Err(loss) => self.lose(loss),
        }
    }

    fn lose(&mut self, loss: Loss) -> Step<C, B> {
        self.machine.lost();
        Step::Lost(loss)
    }

    /// Hands a message to the next who wants it, to the default if nobody does; otherwise it is done.
    fn deliver(&mut self, turn: &mut Turn<B, H>, mut parcel: Parcel<B, H>) -> Option<Step<C, B>> {
        let topic = parcel.message.topic.clone();
        let topic = parcel.buffer.bytes().get(topic).unwrap_or_default();
        match self.machine.next_match(topic, parcel.after) {
            Some((number, handler)) => {
                parcel.after = number;
                parcel.handler = Some(handler);
            }
            None if parcel.after == 0 => {
                parcel.after = u32::MAX; // of no subscription: none is behind it
                parcel.handler = None;
            }
            None => {
                turn.answer = parcel.message.answer.map(|packet| Answer {
                    number: parcel.number,
                    packet,
                });
                self.inbox.give_back(parcel.buffer);
                return None;
            }
        }
        turn.delivery = Some(parcel);
        Some(Step::Deliver)
    }
}

impl<B, H> Turn<B, H> {
    const fn new(timeout: u32) -> Self {
        Self {
            timeout,
            until: None,
            waited: false,
            flushed: false,
            delivery: None,
            answer: None,
            no_buffer: false,
        }
    }
}

impl<B: AsMut<[u8]>, H: Copy> Parcel<B, H> {
    fn open(&mut self) -> Delivery<'_, H> {
        Delivery {
            handler: self.handler,
            buffer: self.buffer.bytes(),
            topic: self.message.topic.clone(),
            payload: self.message.payload.clone(),
            qos: self.message.qos,
            dup: self.message.dup,
            retain: self.message.retain,
            id: self.message.id.map_or(0, core::num::NonZeroU16::get),
        }
    }
}
