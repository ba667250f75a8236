//! What a program without a Rust runtime needs: an allocator that counts, and an end for a panic.
//!
//! With feature `std`, memory comes from the system allocator and a panic ends as the standard
//! library ends it.

use core::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

#[global_allocator]
static HEAP: Counting<Heap> = Counting(Heap);

/// What the library has taken from the heap; the totals start again at 2^32.
#[derive(Debug)]
pub(crate) struct Statistics {
    bytes_allocated: AtomicU32,
    bytes_in_use: AtomicU32,
    bytes_in_use_max: AtomicU32,
    largest: AtomicU32,
    blocks_allocated: AtomicU32,
    blocks_in_use: AtomicU32,
    blocks_in_use_max: AtomicU32,
}

pub(crate) static STATISTICS: Statistics = Statistics {
    bytes_allocated: AtomicU32::new(0),
    bytes_in_use: AtomicU32::new(0),
    bytes_in_use_max: AtomicU32::new(0),
    largest: AtomicU32::new(0),
    blocks_allocated: AtomicU32::new(0),
    blocks_in_use: AtomicU32::new(0),
    blocks_in_use_max: AtomicU32::new(0),
};

impl Statistics {
    /// The counters under upstream's names, in upstream's order.
    pub(crate) fn counters(&self) -> [(&'static str, u32); 9] {
        let bytes = self.bytes_allocated.load(Relaxed);
        let bytes_in_use = self.bytes_in_use.load(Relaxed);
        let blocks = self.blocks_allocated.load(Relaxed);
        let blocks_in_use = self.blocks_in_use.load(Relaxed);
        [
            ("bytes_total_allocated:    ", bytes),
            (
                "bytes_total_freed:        ",
                bytes.wrapping_sub(bytes_in_use),
            ),
            ("bytes_total_in_use:       ", bytes_in_use),
            ("bytes_max_allocated:      ", self.largest.load(Relaxed)),
            (
                "bytes_max_in_use:         ",
                self.bytes_in_use_max.load(Relaxed),
            ),
            ("iterations_allocated:     ", blocks),
            (
                "iterations_freed:         ",
                blocks.wrapping_sub(blocks_in_use),
            ),
            ("iterations_in_use:        ", blocks_in_use),
            (
                "iterations_max_in_use:    ",
                self.blocks_in_use_max.load(Relaxed),
            ),
        ]
    }

    fn took(&self, size: usize) {
        let size = size as u32; // the heap gives no more than that
        self.bytes_allocated.fetch_add(size, Relaxed);
        self.blocks_allocated.fetch_add(1, Relaxed);
        self.largest.fetch_max(size, Relaxed);
        let bytes = self
            .bytes_in_use
            .fetch_add(size, Relaxed)
            .wrapping_add(size);
        self.bytes_in_use_max.fetch_max(bytes, Relaxed);
        let blocks = self.blocks_in_use.fetch_add(1, Relaxed).wrapping_add(1);
        self.blocks_in_use_max.fetch_max(blocks, Relaxed);
    }

    fn gave_back(&self, size: usize) {
        self.bytes_in_use.fetch_sub(size as u32, Relaxed);
        self.blocks_in_use.fetch_sub(1, Relaxed);
    }
}

/// Counts what passes through.
struct Counting<A>(A);

// SAFETY: the inner allocator keeps the contract; counting changes nothing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let block = unsafe { self.0.alloc(layout) };
        if !block.is_null() {
            STATISTICS.took(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        STATISTICS.gave_back(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.dealloc(block, layout) }
    }
}

#[cfg(feature = "std")]
use std::alloc::System as Heap;

#[cfg(not(feature = "std"))]
pub(crate) use self::device::Heap;

#[cfg(not(feature = "std"))]
mod device {
    use core::{
        alloc::{GlobalAlloc, Layout},
        ffi::c_void,
        panic::PanicInfo,
        ptr,
    };

    use crate::{hal::sys, log::Console};

    /// `HAL_Malloc` and `HAL_Free`.
    pub(crate) struct Heap;

    /// What `HAL_Malloc` aligns to on every port.
    const HAL_ALIGN: usize = 8;

    // SAFETY: blocks come from `HAL_Malloc`, which gives each to one owner, at least as large as it was asked for.
    unsafe impl GlobalAlloc for Heap {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if layout.align() <= HAL_ALIGN {
                return malloc(layout.size()).cast();
            }
            // Room to move up to the alignment, and in front of the block for what is to be freed.
            let block = layout
                .size()
                .checked_add(layout.align())
                .map_or(ptr::null_mut(), malloc);
            if block.is_null() {
                return ptr::null_mut();
            }
            let ahead = layout.align() - block.addr() % layout.align();
            // SAFETY: `ahead` is HAL_ALIGN to `align`, so the block begins within what was allocated, `size` bytes
            // before its end at least, and there is room for a pointer in front of it.
            unsafe {
                let aligned = block.byte_add(ahead);
                aligned.cast::<*mut c_void>().sub(1).write(block);
                aligned.cast()
            }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            let start = if layout.align() <= HAL_ALIGN {
                block.cast()
            } else {
                // SAFETY: `alloc` has put it there, for this alignment.
                unsafe { block.cast::<*mut c_void>().sub(1).read() }
            };
            // SAFETY: `start` came from `HAL_Malloc`, and the caller gives it up.
            unsafe { sys::HAL_Free(start) }
        }
    }

    fn malloc(size: usize) -> *mut c_void {
        match u32::try_from(size) {
            // SAFETY: any size may be asked for.
            Ok(size) => unsafe { sys::HAL_Malloc(size) },
            Err(_) => ptr::null_mut(),
        }
    }

    /// A panic is a bug of the library: it says where, whatever the log's level is, and stops.
    #[cfg(not(test))]
    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        let mut console = Console::new();
        console.put(b"[emg] iotkit(0): panic");
        if let Some(place) = info.location() {
            console.put(b" at ");
            console.put(place.file().as_bytes());
            console.put(b":");
            console.put_number(place.line().into());
        }
        console.end_line();
        stop()
    }

    #[cfg(all(not(test), not(target_os = "none")))]
    fn stop() -> ! {
        unsafe extern "C" {
            safe fn abort() -> !;
        }
        abort()
    }

    /// Without an operating system it is for the watchdog to act.
    #[cfg(all(not(test), target_os = "none"))]
    fn stop() -> ! {
        loop {
            core::hint::spin_loop();
        }
    }

    /// The core library as shipped for hosted targets names this symbol in its unwind tables. Nothing unwinds here.
    #[cfg(all(not(test), not(target_os = "none")))]
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}
}
