//! Handles: what C code holds instead of a pointer.
//!
//! A handle names a slot of a table and the object that was put there; it is never followed. So a handle that is
//! `NULL`, made up, or of an object that is gone is recognised, even if its slot is in use again (a million times over).
//!
//! The state of a slot is one word:
//!
//! ```text
//!  31      12     11      10   9         0
//! ┌──────────┬───────┬───────┬────────────┐
//! │generation│ taken │ alive │ users      │
//! └──────────┴───────┴───────┴────────────┘
//! ```
//!
//! Whoever looks an object up is one of its users until the [`Guard`] is dropped. An object that is not alive any more
//! is dropped by its last user.

extern crate alloc;

use alloc::boxed::Box;
use core::{
    alloc::Layout,
    ffi::c_void,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU32, Ordering},
};

const USERS: u32 = 0x3ff;
const ALIVE: u32 = 1 << 10;
const TAKEN: u32 = 1 << 11;
const GENERATION: u32 = 12;

/// The objects of one kind, at most `N`.
pub(crate) struct Table<T, const N: usize> {
    slots: [Slot<T>; N],
}

struct Slot<T> {
    state: AtomicU32,
    object: AtomicPtr<T>,
}

/// There is no such object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoObject;

impl<T: Send + Sync, const N: usize> Table<T, N> {
    /// No objects.
    pub(crate) const fn new() -> Self {
        Self {
            slots: [const {
                Slot {
                    state: AtomicU32::new(0),
                    object: AtomicPtr::new(ptr::null_mut()),
                }
            }; N],
        }
    }

    /// Sets a slot aside for an object.
    pub(crate) fn reserve(&'static self) -> Option<Reservation<T>> {
        self.slots.iter().zip(0..).find_map(|(slot, index)| {
            let free = |state| (state & TAKEN == 0).then_some(state | TAKEN);
            slot.change(free).ok()?;
            Some(Reservation { slot, index })
        })
    }

    /// The handle of the object in the first slot: of the only one, where there may be one.
    pub(crate) fn only(&'static self) -> *mut c_void {
        let generation = |slot: &Slot<T>| slot.state.load(Ordering::Relaxed) >> GENERATION;
        emit(0, self.slots.first().map_or(0, generation))
    }

    /// The object with this handle, if it is alive.
    pub(crate) fn get(&'static self, handle: *mut c_void) -> Result<Guard<T>, NoObject> {
        self.claim(handle, 0)
    }

    /// Ends the object with this handle: from now on nobody finds it.
    pub(crate) fn end(&'static self, handle: *mut c_void) -> Result<Guard<T>, NoObject> {
        self.claim(handle, ALIVE)
    }

    /// Makes the caller a user of an object, and clears some bits of its state.
    fn claim(&'static self, handle: *mut c_void, clear: u32) -> Result<Guard<T>, NoObject> {
        let (index, generation) = parse(handle).ok_or(NoObject)?;
        let slot = self.slots.get(index).ok_or(NoObject)?;
        let claimed = slot.change(|state| {
            let good =
                state >> GENERATION == generation && state & ALIVE != 0 && state & USERS != USERS;
            good.then(|| (state + 1) & !clear)
        });
        claimed.map(|_| Guard { slot })
    }
}

impl<T> Slot<T> {
    /// Changes the state as `change` says, unless it says `None`.
    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> Result<u32, NoObject> {
        self.state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, change)
            .map_err(|_| NoObject)
    }
}

/// A slot that is set aside.
pub(crate) struct Reservation<T: 'static> {
    slot: &'static Slot<T>,
    index: usize,
}

impl<T> Reservation<T> {
    /// Puts an object there; its handle.
    pub(crate) fn fill(self, object: Box<T>) -> *mut c_void {
        let slot = self.slot;
        slot.object.store(Box::into_raw(object), Ordering::Relaxed);
        let generation = slot.state.fetch_or(ALIVE, Ordering::Release) >> GENERATION;
        let handle = emit(self.index, generation);
        core::mem::forget(self);
        handle
    }
}

impl<T> Drop for Reservation<T> {
    fn drop(&mut self) {
        self.slot.state.fetch_and(!TAKEN, Ordering::Release);
    }
}

/// A live object, or one that somebody else has ended meanwhile.
pub(crate) struct Guard<T: 'static> {
    slot: &'static Slot<T>,
}

impl<T> Guard<T> {
    /// Whether nobody else uses the object.
    pub(crate) fn is_alone(&self) -> bool {
        self.slot.state.load(Ordering::Acquire) & USERS == 1
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the object was there before the slot came alive, and stays until its last user, of which this is
        // one, is gone.
        unsafe { &*self.slot.object.load(Ordering::Relaxed) }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(1, Ordering::AcqRel);
        if before & USERS != 1 || before & ALIVE != 0 {
            return;
        }
        let object = self.slot.object.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: it came from a box; nobody uses it, and nobody can find it, since it is not alive.
        drop(unsafe { Box::from_raw(object) });
        let generation = (before >> GENERATION).wrapping_add(1);
        self.slot
            .state
            .store(generation << GENERATION, Ordering::Release);
    }
}

/// Handles are odd, which the address of an object is not, and not 0.
fn emit(index: usize, generation: u32) -> *mut c_void {
    ptr::without_provenance_mut((generation as usize) << 9 | index << 1 | 1)
}

fn parse(handle: *mut c_void) -> Option<(usize, u32)> {
    let handle = handle.addr();
    let generation = u32::try_from(handle >> 9).ok()?;
    (handle & 1 == 1).then_some((handle >> 1 & 0xff, generation))
}

/// A place on the heap for a value. It is taken first, and the value is made then: so a large one is moved once.
pub(crate) struct Place<T>(NonNull<T>);

impl<T> Place<T> {
    /// `None` if there is no memory.
    pub(crate) fn take() -> Option<Self> {
        const { assert!(size_of::<T>() != 0) };
        // SAFETY: the layout is not empty.
        let place = unsafe { alloc::alloc::alloc(Layout::new::<T>()) };
        NonNull::new(place.cast()).map(Self)
    }

    /// Puts the value there.
    pub(crate) fn fill(self, value: T) -> Box<T> {
        let place = ManuallyDrop::new(self).0.as_ptr();
        // SAFETY: the block is as large and as aligned as the value needs, and nobody else has it.
        unsafe {
            place.write(value);
            Box::from_raw(place)
        }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and is empty.
        unsafe { alloc::alloc::dealloc(self.0.as_ptr().cast(), Layout::new::<T>()) }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    fn boxed<T>(value: T) -> Box<T> {
        Place::take().expect("memory").fill(value)
    }

    #[test]
    fn an_object_is_found_until_it_is_ended() {
        static TABLE: Table<u32, 2> = Table::new();
        let handle = TABLE.reserve().expect("a slot").fill(boxed(7));
        assert_eq!(TABLE.get(handle).map(|object| *object).ok(), Some(7));
        drop(TABLE.end(handle));
        assert!(TABLE.get(handle).is_err() && TABLE.end(handle).is_err());
    }

    #[test]
    fn made_up_handles_find_nothing() {
        static TABLE: Table<u32, 2> = Table::new();
        let handle = TABLE.reserve().expect("a slot").fill(boxed(7));
        let local = 5_u32;
        for address in [
            0,
            2,
            usize::MAX,
            handle.addr() + 1,
            handle.addr() + 2,
            handle.addr() + 512,
            (&raw const local).addr(),
        ] {
            assert!(TABLE.get(ptr::without_provenance_mut(address)).is_err());
        }
        drop(TABLE.end(handle));
    }

    #[test]
    fn a_slot_in_use_again_has_another_handle() {
        static TABLE: Table<u32, 1> = Table::new();
        let first = TABLE.reserve().expect("a slot").fill(boxed(1));
        assert!(TABLE.reserve().is_none(), "the table is full");
        drop(TABLE.end(first));
        let second = TABLE.reserve().expect("a slot").fill(boxed(2));
        assert_ne!(first, second);
        assert!(TABLE.get(first).is_err());
        assert_eq!(TABLE.get(second).map(|object| *object).ok(), Some(2));
        drop(TABLE.end(second));
        drop(TABLE.reserve());
        assert!(TABLE.reserve().is_some(), "a reservation may be given up");
    }

    #[test]
    fn the_last_user_drops_an_object() {
        static TABLE: Table<Arc<()>, 1> = Table::new();
        let watched = Arc::new(());
        let handle = TABLE
            .reserve()
            .expect("a slot")
            .fill(boxed(Arc::clone(&watched)));
        let user = TABLE.get(handle).expect("alive");
        let ended = TABLE.end(handle).expect("alive");
        assert!(!ended.is_alone());
        drop(ended);
        assert_eq!(Arc::strong_count(&watched), 2, "still in use");
        assert!(user.is_alone());
        drop(user);
        assert_eq!(Arc::strong_count(&watched), 1);
    }

    #[test]
    fn threads_come_and_go_while_an_object_ends() {
        static TABLE: Table<Arc<()>, 4> = Table::new();
        let watched = Arc::new(());
        for _ in 0..200 {
            let handle = TABLE
                .reserve()
                .expect("a slot")
                .fill(boxed(Arc::clone(&watched)));
            let address = handle.addr();
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(move || {
                        let handle = ptr::without_provenance_mut(address);
                        while let Ok(object) = TABLE.get(handle) {
                            assert!(Arc::strong_count(&object) > 1);
                        }
                    });
                }
                drop(TABLE.end(handle));
            });
            assert_eq!(Arc::strong_count(&watched), 1);
        }
    }
}
