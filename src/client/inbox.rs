//! Who reads, and into which buffer.
//!
//! Reading is a role that one call at a time has. Its [`Reader`] lies here while nobody has it. A message is delivered
//! from the buffer it was read into, so that buffer is lent while the role is free again: whoever takes the role
//! meanwhile, inside a handler or on another thread, gets a spare buffer, at most [`Inbox::LENT_MAX`] of them.

use alloc::vec::Vec;

use crate::mqtt::Receiver;

/// The receiving side of a client.
pub(super) struct Inbox<B> {
    /// Present while nobody reads.
    reader: Option<Reader<B>>,
    /// The application's buffer, while a spare one is in use although it is back.
    home: Option<B>,
    /// The size of the application's buffer.
    room: usize,
    /// How many buffers are being delivered from.
    lent: u8,
}

/// The role of reading.
pub(super) struct Reader<B> {
    pub(super) receiver: Receiver,
    /// How long a packet that has begun has made no progress, in ms.
    pub(super) silent: u32,
    buffer: Option<Buffer<B>>,
}

/// A buffer for packets.
pub(super) enum Buffer<B> {
    /// The application's.
    Home(B),
    /// One byte longer: a handler may overwrite the byte behind a payload.
    Spare(Vec<u8>),
}

/// Why the role cannot be had.
pub(super) enum Unavailable {
    /// Another call reads.
    Taken,
    /// There is no buffer.
    NoBuffer,
}

impl<B: AsMut<[u8]>> Inbox<B> {
    /// How many messages may be in delivery at once.
    const LENT_MAX: u8 = 4;

    pub(super) fn new(home: B, room: usize) -> Self {
        Self {
            reader: Some(Reader {
                receiver: Receiver::new(),
                silent: 0,
                buffer: Some(Buffer::Home(home)),
            }),
            home: None,
            room,
            lent: 0,
        }
    }

    /// Takes the role, and a buffer.
    pub(super) fn claim(&mut self) -> Result<Reader<B>, Unavailable> {
        let mut reader = self.reader.take().ok_or(Unavailable::Taken)?;
        if !reader.receiver.in_packet()
            && let Some(home) = self.home.take()
        {
            reader.buffer = Some(Buffer::Home(home));
        }
        if reader.buffer.is_none() {
            reader.buffer = self.spare();
        }
        if reader.buffer.is_none() {
            self.reader = Some(reader);
            return Err(Unavailable::NoBuffer);
        }
        Ok(reader)
    }

    fn spare(&self) -> Option<Buffer<B>> {
        if self.lent > Self::LENT_MAX {
            return None;
        }
        let mut spare = Vec::new();
        spare.try_reserve_exact(self.room + 1).ok()?;
        spare.resize(self.room + 1, 0);
        Some(Buffer::Spare(spare))
    }

    /// Takes the role for good, without needing a buffer.
    pub(super) fn take_role(&mut self) -> Option<Reader<B>> {
        self.reader.take()
    }

    /// Gives the role back.
    pub(super) fn put_back(&mut self, reader: Reader<B>) {
        self.reader = Some(reader);
    }

    /// Gives the role back, but keeps the buffer.
    pub(super) fn lend(&mut self, mut reader: Reader<B>) -> Option<Buffer<B>> {
        let buffer = reader.buffer.take();
        self.lent += u8::from(buffer.is_some());
        self.reader = Some(reader);
        buffer
    }

    /// Takes back a buffer that was lent.
    pub(super) fn give_back(&mut self, buffer: Buffer<B>) {
        self.lent -= 1;
        let Buffer::Home(home) = buffer else { return };
        match &mut self.reader {
            Some(reader) if reader.buffer.is_none() => reader.buffer = Some(Buffer::Home(home)),
            _ => self.home = Some(home),
        }
    }
}

impl<B: AsMut<[u8]>> Reader<B> {
    /// The receiver, and the bytes it receives into.
    pub(super) fn parts(&mut self) -> (&mut Receiver, &mut [u8]) {
        let bytes = match &mut self.buffer {
            Some(Buffer::Home(home)) => home.as_mut(),
            Some(Buffer::Spare(spare)) => spare.split_last_mut().map_or(&mut [][..], |(_, b)| b),
            None => &mut [],
        };
        (&mut self.receiver, bytes)
    }

    /// Forgets the part of a packet that has arrived.
    pub(super) fn start_over(&mut self) {
        self.receiver = Receiver::new();
        self.silent = 0;
    }
}

impl<B: AsMut<[u8]>> Buffer<B> {
    /// All its bytes.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Home(home) => home.as_mut(),
            Self::Spare(spare) => spare,
        }
    }
}
