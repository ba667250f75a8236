//! A lock that watches its use: not taken twice by one thread, and always in the order in which the locks were made.

use std::{
    cell::RefCell,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use iotkit::hal;

thread_local! {
    /// The locks that this thread holds, by their numbers.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// How many locks this thread holds.
pub(crate) fn held() -> usize {
    HELD.with_borrow(Vec::len)
}

pub(crate) struct Lock<T> {
    number: usize,
    value: Mutex<T>,
}

impl<T> hal::Lock<T> for Lock<T> {
    fn new(value: T) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);

        super::locks_left().then(|| Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            value: Mutex::new(value),
        })
    }

    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R {
        let held = HELD.with_borrow(|held| held.last().copied());
        assert!(
            held.is_none_or(|held| held < self.number),
            "a lock was taken twice, or in the wrong order"
        );
        super::memory::uncounted(|| HELD.with_borrow_mut(|held| held.push(self.number)));
        let result = critical(&mut self.value.lock().expect("nobody has panicked"));
        HELD.with_borrow_mut(Vec::pop);
        result
    }
}
