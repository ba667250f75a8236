//! Who reads, and into which buffer.
//!
//! Reading is a role that one call at a time has. A message is delivered from the buffer it was read into, so that
//! buffer is lent while the role is free again: whoever takes the role meanwhile, inside a handler or on another thread,
//! gets a spare buffer, at most [`LENT_MAX`] of them.

use alloc::vec::Vec;

use super::Growth;
use crate::mqtt::Receiver;

/// How many buffers may be lent.
const LENT_MAX: u8 = 4;

/// The receiving side of a client.
pub(super) struct Inbox<B: 'static> {
    /// Somebody has the role.
    taken: bool,
    /// Present unless it is read into, or lent.
    buffer: Option<Buffer<B>>,
    /// A packet that has begun to arrive in that buffer.
    begun: Option<Begun>,
    /// The application's buffer, if it was given back while a spare one was in use.
    home: Option<B>,
    /// The size of the application's buffer at first.
    room: usize,
    growth: Option<&'static Growth<B>>,
    /// How many buffers are being delivered from.
    lent: u8,
}

/// What one reads into: a buffer, and the packet that has begun to arrive in it.
///
/// It is moved to the one who has the role, stays there while a message is delivered from the buffer, and comes back.
pub(super) struct Desk<B> {
    pub(super) buffer: Option<Buffer<B>>,
    pub(super) begun: Begun,
}

/// A packet that has begun to arrive, or none.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    pub(super) receiver: Receiver,
    /// How long it has made no progress, in ms.
    silent: u32,
}

/// A buffer for packets.
pub(super) enum Buffer<B> {
    /// The application's.
    Home(B),
    /// One byte longer: a handler may overwrite the byte behind a payload.
    Spare(Vec<u8>),
}

/// Why one cannot read.
pub(super) enum Unavailable {
    /// Another call has the role.
    Taken,
    /// There is no buffer.
    NoBuffer,
}

impl<B: AsMut<[u8]> + 'static> Inbox<B> {
    pub(super) fn new(home: B, room: usize, growth: Option<&'static Growth<B>>) -> Self {
        Self {
            taken: false,
            buffer: Some(Buffer::Home(home)),
            begun: None,
            home: None,
            room,
            growth,
            lent: 0,
        }
    }

    /// Lets the buffer grow to its first size, and says what it has come to.
    #[cold]
    pub(super) fn begin(&mut self, growth: &Growth<B>) -> usize {
        if let Some(Buffer::Home(home)) = &mut self.buffer {
            growth.make_room(home, growth.room.start);
            self.room = home.as_mut().len();
        }
        self.room
    }

    /// Takes the role, without a buffer; says whether it was free.
    pub(super) fn take_role(&mut self) -> bool {
        !core::mem::replace(&mut self.taken, true)
    }

    /// Gives back the role that was taken without a buffer. The connection is another one now: what has begun to
    /// arrive does not go on.
    pub(super) fn give_up_role(&mut self) {
        self.taken = false;
        self.begun = None;
        self.go_home();
    }

    /// Takes the role, and a buffer to an empty desk.
    #[inline(always)]
    pub(super) fn claim(&mut self, desk: &mut Desk<B>) -> Result<(), Unavailable> {
        if self.taken {
            return Err(Unavailable::Taken);
        }
        if self.buffer.is_none() {
            self.buffer = Some(spare(self.room, self.lent).ok_or(Unavailable::NoBuffer)?);
        }
        self.taken = true;
        desk.buffer = self.buffer.take();
        if let Some(begun) = self.begun.take() {
            desk.begun = begun;
        }
        Ok(())
    }

    /// Gives role and buffer back.
    #[inline]
    pub(super) fn put_back(&mut self, desk: &mut Desk<B>) {
        self.taken = false;
        self.buffer = desk.buffer.take();
        if desk.begun.receiver.in_packet() {
            self.begun = Some(desk.begun);
            desk.begun = Begun::NOTHING;
        } else {
            self.go_home();
        }
    }

    /// Gives the role back, but keeps the buffer, in which a whole packet lies.
    #[inline]
    pub(super) fn lend(&mut self, desk: &mut Desk<B>) {
        self.taken = false;
        self.lent += 1;
        desk.begun = Begun::NOTHING;
        self.go_home();
    }

    /// Takes back a buffer that was lent.
    #[inline]
    pub(super) fn give_back(&mut self, desk: &mut Desk<B>) {
        self.lent -= 1;
        if self.buffer.is_none() && !self.taken {
            self.buffer = desk.buffer.take();
        } else if let Some(Buffer::Home(home)) = desk.buffer.take() {
            self.home = Some(home);
            if !self.taken && self.begun.is_none() {
                self.go_home();
            }
        }
    }

    /// A packet has begun that the buffer cannot hold: lets the buffer grow, if it may.
    #[cold]
    pub(super) fn make_room(&self, desk: &mut Desk<B>) {
        let receiver = &mut desk.begun.receiver;
        if let (Some(growth), Some(buffer)) = (self.growth, &mut desk.buffer) {
            buffer.make_room(receiver.too_large_len(), growth);
            receiver.reconsider(buffer.room().len());
        }
    }

    /// Frees the buffer that grew. Nobody reads, and nothing is being delivered.
    pub(super) fn free(&mut self) {
        let home = match (&mut self.buffer, &mut self.home) {
            (_, Some(home)) | (Some(Buffer::Home(home)), None) => home,
            (Some(Buffer::Spare(_)) | None, None) => return,
        };
        if let Some(growth) = self.growth {
            (growth.free)(home);
        }
    }

    /// Between two packets, the application's buffer is used again as soon as it can be.
    fn go_home(&mut self) {
        if self.home.is_some() {
            self.buffer = self.home.take().map(Buffer::Home);
        }
    }
}

/// A buffer beside the application's, unless too many are being delivered from, or there is no memory.
#[cold]
fn spare<B>(room: usize, lent: u8) -> Option<Buffer<B>> {
    if lent > LENT_MAX {
        return None;
    }
    let mut spare = Vec::new();
    spare.try_reserve_exact(room + 1).ok()?;
    spare.resize(room + 1, 0);
    Some(Buffer::Spare(spare))
}

impl<B> Desk<B> {
    pub(super) const EMPTY: Self = Self {
        buffer: None,
        begun: Begun::NOTHING,
    };
}

impl Begun {
    const NOTHING: Self = Self {
        receiver: Receiver::new(),
        silent: 0,
    };

    /// Takes note that a packet has ended, in whatever way.
    pub(super) const fn end(&mut self) {
        *self = Self::NOTHING;
    }

    /// Takes note that something has come.
    pub(super) const fn has_progressed(&mut self) {
        self.silent = 0;
    }

    /// Takes note that nothing has come for `passed` ms; whether a packet has made no progress for `patience` ms.
    pub(super) const fn is_stuck(&mut self, passed: u32, patience: u32) -> bool {
        if !self.receiver.in_packet() {
            return false;
        }
        self.silent = self.silent.saturating_add(passed);
        self.silent >= patience
    }
}

/// All its bytes.
impl<B: AsMut<[u8]> + 'static> AsMut<[u8]> for Buffer<B> {
    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Home(home) => home.as_mut(),
            Self::Spare(spare) => spare,
        }
    }
}

impl<B: AsMut<[u8]> + 'static> Buffer<B> {
    /// Those that are read into.
    pub(super) fn room(&mut self) -> &mut [u8] {
        match self {
            Self::Home(home) => home.as_mut(),
            Self::Spare(spare) => spare.split_last_mut().map_or(&mut [][..], |(_, b)| b),
        }
    }

    /// Makes room for a packet of `len` bytes, as far as it may grow.
    fn make_room(&mut self, len: usize, growth: &Growth<B>) {
        match self {
            Self::Home(home) => growth.make_room(home, len),
            Self::Spare(spare) => {
                let more = (len + 1).saturating_sub(spare.len());
                if len <= growth.room.end && spare.try_reserve_exact(more).is_ok() {
                    spare.resize(len + 1, 0);
                }
            }
        }
    }
}
