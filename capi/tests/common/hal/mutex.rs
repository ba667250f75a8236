//! `HAL_Mutex*` that notice every misuse. A destroyed mutex is kept until the end of the test, to recognise it.

use std::{
    cell::Cell,
    ffi::c_void,
    ptr,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, ThreadId},
};

use super::{Hal, state};

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// How many mutexes this thread holds.
pub(crate) fn held() -> usize {
    HELD.get()
}

struct Strict {
    alive: AtomicBool,
    holder: Mutex<Option<ThreadId>>,
    free: Condvar,
}

impl Strict {
    /// # Safety
    ///
    /// The library got it from [`HAL_MutexCreate`] in this test.
    unsafe fn get<'a>(mutex: *mut c_void) -> &'a Self {
        assert!(!mutex.is_null(), "NULL is used as a mutex");
        // SAFETY: it is kept until the end of the test.
        let mutex = unsafe { &*mutex.cast::<Self>() };
        assert!(mutex.alive.load(Relaxed), "a destroyed mutex is used");
        mutex
    }
}

/// The mutexes of a test.
pub(super) struct Mutexes {
    all: Vec<*mut Strict>,
    live: usize,
    left: Option<usize>,
}

// SAFETY: what the pointers point to may be used by any thread.
unsafe impl Send for Mutexes {}

impl Mutexes {
    pub(super) const fn new() -> Self {
        Self {
            all: Vec::new(),
            live: 0,
            left: None,
        }
    }
}

impl Drop for Mutexes {
    fn drop(&mut self) {
        for mutex in self.all.drain(..) {
            // SAFETY: it came from a box, and the test that used it is over.
            drop(unsafe { Box::from_raw(mutex) });
        }
    }
}

impl Hal {
    /// Mutexes that were created and not destroyed.
    pub(crate) fn live_mutexes(&self) -> usize {
        state().mutexes.live
    }

    /// Lets `HAL_MutexCreate` fail after so many more mutexes; `None`: not any more.
    pub(crate) fn fail_mutexes_after(&self, mutexes: Option<usize>) {
        state().mutexes.left = mutexes;
    }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_MutexCreate() -> *mut c_void {
    let mutexes = &mut state().mutexes;
    match &mut mutexes.left {
        Some(0) => return ptr::null_mut(),
        Some(left) => *left -= 1,
        None => {}
    }
    let mutex = Box::into_raw(Box::new(Strict {
        alive: AtomicBool::new(true),
        holder: Mutex::new(None),
        free: Condvar::new(),
    }));
    mutexes.live += 1;
    mutexes.all.push(mutex);
    mutex.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexDestroy(mutex: *mut c_void) {
    let mut state = state();
    // SAFETY: the library has it from here.
    let mutex = unsafe { Strict::get(mutex) };
    let holder = mutex.holder.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*holder, None, "a mutex is destroyed while it is held");
    mutex.alive.store(false, Relaxed);
    state.mutexes.live -= 1;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexLock(mutex: *mut c_void) {
    // SAFETY: the library has it from here.
    let mutex = unsafe { Strict::get(mutex) };
    let me = thread::current().id();
    let mut holder = mutex.holder.lock().unwrap_or_else(PoisonError::into_inner);
    assert_ne!(*holder, Some(me), "a mutex is locked by who holds it");
    while holder.is_some() {
        holder = mutex
            .free
            .wait(holder)
            .unwrap_or_else(PoisonError::into_inner);
    }
    *holder = Some(me);
    HELD.set(HELD.get() + 1);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexUnlock(mutex: *mut c_void) {
    // SAFETY: the library has it from here.
    let mutex = unsafe { Strict::get(mutex) };
    let mut holder = mutex.holder.lock().unwrap_or_else(PoisonError::into_inner);
    let me = Some(thread::current().id());
    assert_eq!(*holder, me, "a mutex is unlocked by who does not hold it");
    *holder = None;
    HELD.set(HELD.get() - 1);
    mutex.free.notify_one();
}
