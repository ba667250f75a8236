//! An allocator that counts what a thread asks for, and fails when it is told to.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static ALLOCATOR: Watched = Watched;

struct Watched;

/// What is known of the thread's allocations.
#[derive(Clone, Copy)]
struct Watch {
    on: bool,
    /// How many have been asked for.
    count: usize,
    /// How many were not given back.
    live: isize,
    /// The number of the only one that fails, or of the first if all after it do.
    fails: Option<usize>,
    for_good: bool,
}

thread_local! {
    static WATCH: Cell<Watch> = const { Cell::new(Watch::OFF) };
}

impl Watch {
    const OFF: Self = Self {
        on: false,
        count: 0,
        live: 0,
        fails: None,
        for_good: false,
    };

    /// Counts an allocation; says whether it may be had.
    fn allocation(&mut self, block: isize) -> bool {
        self.count += 1;
        let granted = match self.fails {
            Some(at) if self.for_good => self.count < at,
            Some(at) => self.count != at,
            None => true,
        };
        self.live += if granted { block } else { 0 };
        granted
    }
}

/// Lets `change` look at an allocation of this thread, if they are watched.
fn watch<R>(change: impl FnOnce(&mut Watch) -> R) -> Option<R> {
    // At the end of a thread there is nothing to watch any more.
    WATCH
        .try_with(|cell| {
            let mut watch = cell.get();
            let result = watch.on.then(|| change(&mut watch));
            cell.set(watch);
            result
        })
        .ok()
        .flatten()
}

// SAFETY: everything is passed on to the system's allocator, or refused.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if watch(|watch| watch.allocation(1)) == Some(false) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one demanded.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        watch(|watch| watch.live -= 1);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if watch(|watch| watch.allocation(0)) == Some(false) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What some calls of the engine have allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// How often memory was asked for.
    pub(crate) asked: usize,
    /// Blocks that were not given back.
    pub(crate) live: isize,
}

impl Meter {
    /// Counts what the engine allocates in a call; the script's own allocations there do not count.
    pub(crate) fn of<R>(&mut self, call: impl FnOnce() -> R) -> R {
        self.watched(Watch::OFF, call)
    }

    fn watched<R>(&mut self, watch: Watch, call: impl FnOnce() -> R) -> R {
        WATCH.set(Watch { on: true, ..watch });
        let result = call();
        let Watch { count, live, .. } = WATCH.replace(Watch::OFF);
        self.asked += count;
        self.live += live;
        result
    }
}

/// Makes a call in which the allocation number `at` (from 1) fails; whether there was one.
pub(crate) fn failing<R>(at: usize, call: impl FnOnce() -> R) -> (R, bool) {
    let mut meter = Meter::default();
    let fails = Some(at);
    let result = meter.watched(
        Watch {
            fails,
            ..Watch::OFF
        },
        call,
    );
    (result, meter.asked >= at)
}

/// Makes a call in which no allocation succeeds.
pub(crate) fn without<R>(call: impl FnOnce() -> R) -> R {
    let watch = Watch {
        fails: Some(1),
        for_good: true,
        ..Watch::OFF
    };
    Meter::default().watched(watch, call)
}

/// Runs a part of the script, whose allocations are not the engine's.
pub(crate) fn uncounted<R>(part: impl FnOnce() -> R) -> R {
    let on = set(false);
    let result = part();
    set(on);
    result
}

fn set(on: bool) -> bool {
    let watch = WATCH.get();
    WATCH.set(Watch { on, ..watch });
    watch.on
}
