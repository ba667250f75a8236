//! A turn: what one call of `IOT_MQTT_Yield` does in its time.
//!
//! The turn asks the state for the next [`Step`], under the lock, and takes it, without: nothing of the application and
//! nothing that waits runs under a lock, and another thread may do anything between two steps.

use super::{
    Account, Client, Error, GLANCE, State,
    inbox::{Buffer, Desk, Unavailable},
};
use crate::{
    hal::{Lock, System, Transport},
    log::{Level, Value},
    mqtt::{Event, Link, Loss, Message, Progress, Received, Search},
    time::Instant,
};

/// Whoever is told what happens. No lock is held meanwhile: the client may be used.
pub trait Listener<H> {
    /// Something has happened.
    fn event(&mut self, event: Event);

    /// A message has arrived.
    fn message(&mut self, delivery: Delivery<'_, H>);
}

/// A message that has arrived, for one of those who want it.
pub struct Delivery<'a, H> {
    /// Who wants it; `None`: nobody has subscribed to it.
    pub handler: Option<H>,
    /// The buffer it lies in. Whoever handles the message may write to it; and destroy the client, after which the
    /// bytes are the application's. So they are lent here, but not held.
    pub buffer: &'a mut dyn AsMut<[u8]>,
    /// What it is, and where in the buffer topic and payload lie. A NUL is behind the payload, if there is room.
    pub message: Message,
}

/// What a turn knows between its steps.
struct Turn<B> {
    timeout: u32,
    /// It ends as soon as it is clear whether there is a connection.
    connecting: bool,
    /// When it ends, once the clock was read.
    until: Option<Instant>,
    /// It has done something that takes time: once that is up, it ends.
    acted: bool,
    /// It has sent since it last waited.
    flushed: bool,
    desk: Desk<B>,
    /// What came of reading, and was not taken in yet.
    heard: Option<Heard>,
    /// When reading began, by the platform's clock, and for how long.
    asked: (u32, u32),
    parcel: Option<Parcel>,
    answer: Option<Answer>,
    no_buffer: bool,
}

/// A message that is being delivered from the desk.
struct Parcel {
    message: Message,
    /// Where to look for the next who wants it.
    next: Search,
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
#[derive(Clone, Copy)]
enum Step<C, H> {
    /// Hand the parcel to a handler.
    Deliver(Option<H>),
    Tell(Event),
    Answer(Answer),
    Flush(Instant),
    /// Open the transport, as the one who reads.
    Open,
    /// Close the transport, as the one who reads.
    Shut,
    /// Read, for so many milliseconds.
    Read(C, u32),
    Log(Level, &'static str),
    Lost(Loss),
    Pause(u32),
    /// Look at the clock.
    Again,
    Done,
}

/// What came of reading. The desk has it, until it is taken in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// So far the receiver came.
    Progress(Progress),
    /// Nothing came, for as long as was waited.
    Nothing,
    /// The connection is of no more use.
    Broken,
}

/// The longest wait in one piece, in ms: how soon the end of the client is noticed.
const SLICE: u32 = 500;
/// How long the rest of a packet is waited for before time is looked at again, in ms.
const REST: u32 = 1;

impl<P: System + Transport + Account, B: AsMut<[u8]> + 'static, H: Copy + PartialEq>
    Client<P, B, H>
{
    /// Keeps the connection alive, receives, sends again, reconnects, and tells what happens, for `timeout` ms.
    ///
    /// Takes the whole time, and longer by what `listener` and one call into the platform take. [`Error::NoBuffer`] is the
    /// only failure, after the whole time.
    pub fn run(&self, timeout: u32, listener: &mut impl Listener<H>) -> Result<(), Error> {
        let mut turn = Turn::new(timeout, false);
        self.drive(&mut turn, listener);
        if turn.no_buffer {
            Err(Error::NoBuffer)
        } else {
            Ok(())
        }
    }

    /// Runs until there is a connection, or none is coming; says which.
    pub(super) fn run_until_connected(&self, listener: &mut impl Listener<H>) -> bool {
        let mut turn = Turn::new(2 * self.request_timeout, true);
        self.drive(&mut turn, listener);
        self.is_connected()
    }

    /// Takes one step after another until there is none.
    fn drive(&self, turn: &mut Turn<B>, listener: &mut impl Listener<H>) {
        let mut uptime = self.platform.uptime();
        loop {
            match self.state.with(|state| state.next(turn, uptime)) {
                Step::Read(conn, wait) => {
                    let heard = self.read(conn, wait, &mut turn.desk);
                    turn.heard = Some(heard);
                    if heard == Heard::Progress(Progress::Packet) {
                        continue; // a message is delivered before time is looked at
                    }
                    turn.asked = (uptime, wait);
                }
                Step::Deliver(handler) => {
                    if let (Some(buffer), Some(parcel)) = (&mut turn.desk.buffer, &turn.parcel) {
                        listener.message(Delivery {
                            handler,
                            buffer,
                            message: parcel.message,
                        });
                    }
                }
                Step::Tell(event) => listener.event(event),
                Step::Again => {}
                Step::Done => return,
                step => self.act(step),
            }
            uptime = self.platform.uptime();
        }
    }

    /// Takes a step that is not taken all the time. Not inlined: the loop is shorter without it.
    #[inline(never)]
    fn act(&self, step: Step<P::Conn, H>) {
        match step {
            Step::Answer(Answer { number, packet }) => self.answer(number, packet),
            Step::Flush(until) => self.flush(until),
            Step::Open => self.reopen(),
            Step::Shut => self.shut(),
            Step::Log(level, text) => self.log(level, text, Value::None),
            Step::Lost(loss) => self.log_loss(loss),
            Step::Pause(ms) => self.platform.sleep(ms),
            Step::Read(..) | Step::Deliver(_) | Step::Tell(_) | Step::Again | Step::Done => {}
        }
    }

    /// Reads up to the end of a packet, as far as it is there.
    #[inline(always)]
    fn read(&self, conn: P::Conn, wait: u32, desk: &mut Desk<B>) -> Heard {
        /// Header with the longest length field, then the body.
        const PIECES: usize = 5;

        let Desk { buffer, begun } = desk;
        let buffer = buffer.as_mut().map_or(&mut [][..], Buffer::room);
        let mut wait = wait;
        let mut heard = Heard::Nothing;
        for _ in 0..PIECES {
            let Some(place) = buffer.get_mut(begun.receiver.want()) else {
                break; // what is wanted lies in the buffer
            };
            let count = match self.platform.read(conn, place, wait) {
                Ok(0) => break,
                Ok(count) => count,
                Err(broken) => {
                    self.log_broken("mqtt: connection lost:", broken);
                    return Heard::Broken;
                }
            };
            let progress = begun.receiver.received(count, buffer);
            heard = Heard::Progress(progress);
            if progress != Progress::More {
                break;
            }
            wait = REST;
        }
        heard
    }
}

impl<C: Copy, B: AsMut<[u8]> + 'static, H: Copy + PartialEq> State<C, B, H> {
    /// What a turn does next.
    #[inline(always)]
    fn next(&mut self, turn: &mut Turn<B>, uptime: u32) -> Step<C, H> {
        if let Some(heard) = turn.heard.take()
            && let Some(step) = self.take_in(turn, heard, uptime)
        {
            return step;
        }
        if self.closing || turn.connecting && self.machine.has_settled() {
            let Some(parcel) = &mut turn.parcel else {
                return Step::Done;
            };
            parcel.next = Search::End; // its buffer is given back below
        }
        let now = self.clock.read(uptime);
        let until = *turn.until.get_or_insert(now.after(turn.timeout));
        if let Some(parcel) = &turn.parcel {
            if parcel.next != Search::End
                && let Some(step) = self.deliver(turn)
            {
                return step;
            }
            self.delivered(turn);
            if self.closing {
                return Step::Done;
            }
        }
        if let Some(answer) = turn.answer {
            turn.answer = None;
            return Step::Answer(answer);
        }
        if !self.machine.is_quiet(now)
            && let Some(step) = self.fall_due(turn, now, until)
        {
            return step;
        }
        let left = until.until(now);
        if left == 0 && turn.acted {
            return Step::Done;
        }
        turn.acted = true;
        turn.flushed = false;
        let Some(conn) = self.conn else {
            return Step::Pause(left.clamp(1, GLANCE)); // another call is about to open or shut it
        };
        let left = left.clamp(1, SLICE);
        let wait = left.min(self.machine.poll_timeout(now).max(1));
        match self.inbox.claim(&mut turn.desk) {
            Ok(()) => Step::Read(conn, wait),
            Err(Unavailable::Taken) => Step::Pause(left.min(GLANCE)),
            Err(Unavailable::NoBuffer) => {
                turn.no_buffer = true;
                Step::Pause(left)
            }
        }
    }

    /// Does what has fallen due; what is to be done before, or instead of, reading.
    #[inline(never)]
    fn fall_due(&mut self, turn: &mut Turn<B>, now: Instant, until: Instant) -> Option<Step<C, H>> {
        self.machine.handle_timeout(now);
        if let Some(event) = self.machine.poll_event(now) {
            return Some(Step::Tell(event));
        }
        let link = self.machine.link();
        // At once, even if time is up: the application must not go on sending into a dead connection.
        if matches!(link, Link::Lost { .. }) && self.inbox.take_role() {
            turn.acted = true;
            return Some(Step::Shut);
        }
        let left = until.until(now);
        if left == 0 && turn.acted {
            return Some(Step::Done);
        }
        if self.machine.has_output() && !turn.flushed {
            turn.flushed = true;
            turn.acted = true;
            return Some(Step::Flush(until));
        }
        let wait = match link {
            Link::Opened | Link::Asking { .. } | Link::Connected { .. } => return None,
            Link::Closed => SLICE,
            Link::Lost { .. } => GLANCE, // another call is about to shut the connection
            Link::Waiting { at } => match at.until(now) {
                0 if self.inbox.take_role() => {
                    turn.acted = true;
                    return Some(Step::Open);
                }
                0 => GLANCE,
                wait => wait.min(SLICE),
            },
        };
        turn.acted = true;
        turn.flushed = false;
        Some(Step::Pause(left.clamp(1, wait)))
    }

    /// Takes what was read, and the role of reading back. What is to be done about it, if anything.
    #[inline(always)]
    fn take_in(&mut self, turn: &mut Turn<B>, heard: Heard, uptime: u32) -> Option<Step<C, H>> {
        match heard {
            Heard::Nothing => return self.heard_nothing(turn, uptime),
            Heard::Progress(Progress::Packet) if !self.closing => {}
            heard => return self.take_in_rest(turn, heard),
        }
        let Desk { buffer, begun } = &mut turn.desk;
        let buffer = buffer.as_mut().map_or(&mut [][..], Buffer::room);
        let len = begun.receiver.packet_len();
        let packet = buffer.get(..len).unwrap_or_default();
        let header = begun.receiver.header_len();
        let received = self.machine.handle_packet(packet, header, self.clock.now());
        let Ok(Received::Message(message)) = received else {
            begun.end();
            // The clock was not looked at since before it came.
            return self.react(turn, received).or(Some(Step::Again));
        };
        if let Some(behind) = buffer.get_mut(len) {
            *behind = 0;
        }
        self.inbox.lend(&mut turn.desk);
        turn.parcel = Some(Parcel {
            message,
            next: Search::Start,
            number: self.number,
        });
        None // it is delivered next
    }

    /// As [`Self::take_in`], for what is not a whole packet.
    #[inline(never)]
    fn take_in_rest(&mut self, turn: &mut Turn<B>, heard: Heard) -> Option<Step<C, H>> {
        let begun = &mut turn.desk.begun;
        let received = match heard {
            _ if self.closing => Ok(Received::Nothing),
            Heard::Progress(Progress::Skipped) => {
                let answer = begun.receiver.answer();
                begun.end();
                self.machine.handle_skipped(answer)
            }
            Heard::Progress(Progress::Malformed) => Err(Loss::Protocol("a malformed header")),
            Heard::Progress(Progress::TooLarge) => {
                self.inbox.make_room(&mut turn.desk);
                self.machine.handle_progress();
                Ok(Received::Nothing)
            }
            Heard::Progress(Progress::Short | Progress::More | Progress::Packet) => {
                begun.has_progressed();
                self.machine.handle_progress();
                Ok(Received::Nothing)
            }
            Heard::Broken => {
                self.machine.lost();
                Ok(Received::Nothing)
            }
            Heard::Nothing => Ok(Received::Nothing),
        };
        self.react(turn, received)
    }

    /// Takes the role of reading back. What is to be done about what came.
    #[inline(always)]
    fn react(
        &mut self,
        turn: &mut Turn<B>,
        received: Result<Received, Loss>,
    ) -> Option<Step<C, H>> {
        self.inbox.put_back(&mut turn.desk);
        let number = self.number;
        match received {
            Ok(Received::Nothing | Received::Message(_)) => None,
            Ok(Received::Stray(text)) => Some(Step::Log(Level::Debug, text)),
            Ok(Received::Event(event)) => Some(Step::Tell(event)),
            Ok(Received::Answer(packet)) => Some(Step::Answer(Answer { number, packet })),
            Ok(Received::TooLarge(packet)) => {
                turn.answer = packet.map(|packet| Answer { number, packet });
                Some(Step::Tell(Event::Overflow))
            }
            Err(loss) => Some(self.lose(loss)),
        }
    }

    /// Takes the role of reading back after nothing has come.
    #[inline(always)]
    fn heard_nothing(&mut self, turn: &mut Turn<B>, uptime: u32) -> Option<Step<C, H>> {
        let now = self.clock.read(uptime);
        let over = turn.until.is_some_and(|until| until.reached(now));
        if over && self.machine.is_quiet(now) && !turn.desk.begun.receiver.in_packet() {
            self.inbox.put_back(&mut turn.desk);
            return Some(Step::Done); // as nearly always
        }
        self.stay_silent(turn, uptime)
    }

    /// As [`Self::heard_nothing`]: whether something should have come, and whether the transport has waited for it.
    #[inline(never)]
    fn stay_silent(&mut self, turn: &mut Turn<B>, uptime: u32) -> Option<Step<C, H>> {
        let (since, wait) = turn.asked;
        let passed = uptime.wrapping_sub(since);
        let counted = passed.max(wait.min(GLANCE)); // with the pause that follows
        let patience = self.machine.request_timeout();
        let stuck = turn.desk.begun.is_stuck(counted, patience);
        self.inbox.put_back(&mut turn.desk);
        if stuck {
            return Some(self.lose(Loss::Protocol("a packet does not end")));
        }
        if let Err(loss) = self.machine.handle_silence(self.clock.now()) {
            return Some(self.lose(loss));
        }
        // A transport that does not wait must not keep this thread busy.
        match wait.min(GLANCE).saturating_sub(passed) {
            0 => None,
            early => Some(Step::Pause(early)),
        }
    }

    fn lose(&mut self, loss: Loss) -> Step<C, H> {
        self.machine.lost();
        Step::Lost(loss)
    }

    /// Hands the turn's message to the next who wants it, to the default if nobody does.
    #[inline(always)]
    fn deliver(&mut self, turn: &mut Turn<B>) -> Option<Step<C, H>> {
        let parcel = turn.parcel.as_mut()?;
        let buffer = turn.desk.buffer.as_mut()?.as_mut();
        let topic = buffer.get(parcel.message.topic()).unwrap_or_default();
        let found = self.machine.next_match(topic, parcel.next);
        let first = parcel.next == Search::Start;
        match found {
            Some((handler, next)) => {
                parcel.next = next;
                Some(Step::Deliver(Some(handler)))
            }
            None => {
                parcel.next = Search::End;
                first.then_some(Step::Deliver(None))
            }
        }
    }

    /// Everybody has had the turn's message: it is answered, and its buffer is free.
    #[inline]
    fn delivered(&mut self, turn: &mut Turn<B>) {
        if let Some(Parcel {
            message, number, ..
        }) = turn.parcel.take()
        {
            turn.answer = message.answer().map(|packet| Answer { number, packet });
            self.inbox.give_back(&mut turn.desk);
        }
    }
}

impl<B> Turn<B> {
    const fn new(timeout: u32, connecting: bool) -> Self {
        Self {
            timeout,
            connecting,
            until: None,
            acted: false,
            flushed: false,
            desk: Desk::EMPTY,
            heard: None,
            asked: (0, 0),
            parcel: None,
            answer: None,
            no_buffer: false,
        }
    }
}
