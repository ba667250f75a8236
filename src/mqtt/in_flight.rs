//! Copies of QoS 1 messages that the server has not acknowledged, in the order in which they were published.
//!
//! All copies lie in one piece of memory. It is allocated for the first of them and grows to the most that were ever
//! waiting at once, so that in steady state publishing allocates nothing.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::Full;
use crate::{time::Instant, wire::mqtt::emit};

/// Messages that wait for their acknowledgement.
#[derive(Debug)]
pub(super) struct InFlight {
    slots: Vec<Slot>,
    packets: Vec<u8>,
}

#[derive(Debug)]
struct Slot {
    id: NonZeroU16,
    len: usize,
    sent_at: Instant,
    /// To be sent again.
    again: bool,
}

impl InFlight {
    /// How many messages may wait.
    pub(super) const WINDOW: usize = 20;

    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            packets: Vec::new(),
        }
    }

    /// Keeps a copy of a PUBLISH packet.
    pub(super) fn push(&mut self, id: NonZeroU16, packet: &[u8], now: Instant) -> Result<(), Full> {
        if self.slots.len() >= Self::WINDOW {
            return Err(Full);
        }
        self.slots.try_reserve(1).map_err(|_| Full)?;
        self.packets.try_reserve(packet.len()).map_err(|_| Full)?;
        self.packets.extend_from_slice(packet);
        self.slots.push(Slot {
            id,
            len: packet.len(),
            sent_at: now,
            again: false,
        });
        Ok(())
    }

    /// Forgets a message; says whether it was there.
    pub(super) fn remove(&mut self, id: NonZeroU16) -> bool {
        let mut start = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            let end = start + slot.len;
            if slot.id == id {
                self.packets.drain(start..end);
                self.slots.remove(index);
                return true;
            }
            start = end;
        }
        false
    }

    /// Whether a message with this id waits.
    pub(super) fn contains(&self, id: NonZeroU16) -> bool {
        self.slots.iter().any(|slot| slot.id == id)
    }

    /// On a new connection everything is sent again.
    pub(super) fn repeat_all(&mut self) {
        for slot in &mut self.slots {
            slot.again = true;
        }
    }

    /// Marks what was sent `age` ms ago or earlier to be sent again; says when the next falls due, and whether there
    /// is anything to send.
    pub(super) fn repeat_older(&mut self, age: u32, now: Instant) -> (Option<Instant>, bool) {
        let mut next: Option<Instant> = None;
        let mut any = false;
        for slot in &mut self.slots {
            let due = slot.sent_at.after(age);
            if !slot.again && due.reached(now) {
                slot.again = true;
            }
            if slot.again {
                any = true;
            } else {
                next = Some(next.map_or(due, |next| next.earlier(due)));
            }
        }
        (next, any)
    }

    /// Copies the first message that is to be sent again to `buf`, marked as a repetition; says how long it is.
    /// Without anything to send, or room for it, there is none.
    pub(super) fn poll(&mut self, buf: &mut [u8], now: Instant) -> Option<usize> {
        let mut start = 0;
        for slot in &mut self.slots {
            let end = start + slot.len;
            if slot.again {
                let packet = self.packets.get(start..end)?;
                let place = buf.get_mut(..packet.len())?;
                place.copy_from_slice(packet);
                emit::Publish::set_dup(place);
                slot.again = false;
                slot.sent_at = now;
                return Some(slot.len);
            }
            start = end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).expect("not 0")
    }

    const START: Instant = Instant::from_millis(0);

    #[test]
    fn the_window_is_twenty() {
        let mut store = InFlight::new();
        for number in 1..=20 {
            assert_eq!(store.push(id(number), &[0x32, 0], START), Ok(()));
        }
        assert_eq!(store.push(id(21), &[0x32, 0], START), Err(Full));
        assert!(store.remove(id(7)) && !store.remove(id(7)));
        assert_eq!(store.push(id(21), &[0x32, 0], START), Ok(()));
        assert!(store.contains(id(21)) && !store.contains(id(7)));
    }

    #[test]
    fn what_is_due_is_sent_again_in_order_with_dup() {
        let mut store = InFlight::new();
        let mut buf = [0; 8];
        for (number, packet) in [(1, &[0x32, 1][..]), (2, &[0x33, 2, 2]), (3, &[0x32, 3])] {
            let sent_at = START.after(u32::from(number) * 100);
            store.push(id(number), packet, sent_at).expect("room");
        }
        let (next, any) = store.repeat_older(1000, START.after(1000));
        assert_eq!((next, any), (Some(START.after(1100)), false));

        let now = START.after(1200);
        let (next, any) = store.repeat_older(1000, now);
        assert_eq!((next, any), (Some(START.after(1300)), true));
        assert_eq!(store.poll(&mut buf, now), Some(2));
        assert_eq!(buf[..2], [0x3a, 1]);
        assert_eq!(store.poll(&mut buf, now), Some(3));
        assert_eq!(buf[..3], [0x3b, 2, 2]);
        assert_eq!(store.poll(&mut buf, now), None);

        store.remove(id(2));
        store.repeat_all();
        assert_eq!(store.poll(&mut buf, now), Some(2));
        assert_eq!(buf[1], 1);
        assert_eq!(store.poll(&mut buf, now), Some(2));
        assert_eq!(buf[1], 3);
    }

    #[test]
    fn memory_is_kept_for_the_next_message() {
        let mut store = InFlight::new();
        store.push(id(1), &[7; 100], START).expect("room");
        store.push(id(2), &[7; 100], START).expect("room");
        store.remove(id(1));
        store.remove(id(2));
        let before = (store.slots.capacity(), store.packets.capacity());
        for number in 1..100 {
            store.push(id(number), &[7; 100], START).expect("room");
            store
                .push(id(number + 100), &[7; 100], START)
                .expect("room");
            store.remove(id(number));
            store.remove(id(number + 100));
        }
        assert_eq!((store.slots.capacity(), store.packets.capacity()), before);
    }
}
