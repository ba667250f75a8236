//! What the library allocates, and what it does if it gets nothing.
//!
//! In a test process Rust's memory comes from the C library, not from `HAL_Malloc`. So `malloc` and `free` are defined
//! here, in front of glibc's. They look only at what a thread does [`inside`] the library: a call begins there, and the
//! HAL and the application's handlers are [`outside`] again. Miri has its own `malloc`, which nothing stands in front
//! of: it sees what is lost at the end of a program, and no allocation fails.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed},
};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// How often the library has asked for memory.
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// Blocks that it has not given back.
static LIVE: AtomicIsize = AtomicIsize::new(0);
/// The number (from 1) of the request that fails.
static FAILS: AtomicUsize = AtomicUsize::new(usize::MAX);
/// So do all after it.
static FOR_GOOD: AtomicBool = AtomicBool::new(false);

/// Which requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    None,
    /// The one with this number, counted from 1.
    Only(usize),
    /// All from this number on.
    From(usize),
}

/// Forgets everything, for a new test.
pub(crate) fn reset() {
    LIVE.store(0, Relaxed);
    count_anew(Fails::None);
}

/// Counts requests from here on.
pub(crate) fn count_anew(fails: Fails) {
    ASKED.store(0, Relaxed);
    let (at, for_good) = match fails {
        Fails::None => (usize::MAX, false),
        Fails::Only(at) => (at, false),
        Fails::From(at) => (at, true),
    };
    FAILS.store(at, Relaxed);
    FOR_GOOD.store(for_good, Relaxed);
}

/// How often the library has asked for memory since then.
pub(crate) fn asked() -> usize {
    ASKED.load(Relaxed)
}

/// Blocks that the library has not given back.
pub(crate) fn live() -> isize {
    LIVE.load(Relaxed)
}

/// Runs a call of the library.
pub(crate) fn inside<R>(call: impl FnOnce() -> R) -> R {
    let _back = Place::enter(true);
    call()
}

/// Runs what belongs to the tests within a call of the library.
pub(crate) fn outside<R>(action: impl FnOnce() -> R) -> R {
    let _back = Place::outside();
    action()
}

/// Where the thread was before.
pub(crate) struct Place(bool);

impl Place {
    /// Outside, until this is dropped.
    pub(crate) fn outside() -> Self {
        Self::enter(false)
    }

    fn enter(inside: bool) -> Self {
        Self(INSIDE.replace(inside))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

#[cfg(not(miri))]
mod in_front {
    use std::{ffi::c_void, ptr};

    use super::*;

    /// At the end of a thread there is nothing to look at any more.
    fn is_inside() -> bool {
        INSIDE.try_with(Cell::get).unwrap_or(false)
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
        unsafe extern "C" {
            fn __libc_malloc(size: usize) -> *mut c_void;
        }
        if is_inside() {
            let number = ASKED.fetch_add(1, Relaxed) + 1;
            let fails = FAILS.load(Relaxed);
            if number == fails || number > fails && FOR_GOOD.load(Relaxed) {
                return ptr::null_mut();
            }
            LIVE.fetch_add(1, Relaxed);
        }
        // SAFETY: any size may be asked for.
        unsafe { __libc_malloc(size) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn free(block: *mut c_void) {
        unsafe extern "C" {
            fn __libc_free(block: *mut c_void);
        }
        if is_inside() && !block.is_null() {
            LIVE.fetch_sub(1, Relaxed);
        }
        // SAFETY: the caller gives it up.
        unsafe { __libc_free(block) }
    }
}
