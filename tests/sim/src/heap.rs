//! `HAL_Malloc`: blocks with a fence around them, aligned to 8 and no better, that stay poisoned for a while when freed.

use std::{
    alloc::{Layout, alloc, dealloc},
    collections::{HashMap, VecDeque},
    ffi::c_void,
    ptr,
};

use crate::plan::Plan;

/// Space in front of a block and behind it.
const FRONT: usize = 24;
const BACK: usize = 16;
const FENCE: u8 = 0xf9;
const FRESH: u8 = 0xa5;
const FREED: u8 = 0xdd;
/// How many freed blocks are watched.
const WATCHED: usize = 64;

/// The heap of one run.
pub(crate) struct Heap {
    blocks: HashMap<usize, usize>,
    freed: VecDeque<(usize, usize)>,
    bytes: usize,
    bound: usize,
    allocations: u64,
}

impl Heap {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            blocks: HashMap::new(),
            freed: VecDeque::new(),
            bytes: 0,
            bound: Self::bound(plan),
            allocations: 0,
        }
    }

    /// What the library may have at most, for the requests that the application of the simulator makes: for each client 4
    /// KiB, 20 unacknowledged messages, while they are moved to a larger place in both, five buffers to read into, and
    /// 400 subscriptions or requests; 4 KiB more for updates, and 8 KiB for messages to the web server.
    fn bound(plan: &Plan) -> usize {
        let client = 4096
            + 3 * 20 * plan.write_buffer.min(700) as usize
            + 5 * (plan.read_buffer as usize + 1)
            + 400 * 160;
        let updates = if plan.downloads { 4096 } else { 0 };
        let posts = if plan.posts { 8192 } else { 0 };
        plan.devices * (client + updates) + posts
    }

    /// How many allocations there were, failed ones included.
    pub(crate) fn allocations(&self) -> u64 {
        self.allocations
    }

    /// Counts an attempt to allocate: its number, from 1.
    pub(crate) fn attempt(&mut self) -> u64 {
        self.allocations += 1;
        self.allocations
    }

    /// Blocks and bytes in use.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        (self.blocks.len(), self.bytes)
    }

    /// Allocates; `None` if that is more than the stated bound.
    pub(crate) fn allocate(&mut self, size: usize) -> Option<*mut c_void> {
        if self.bytes + size > self.bound {
            return None;
        }
        // SAFETY: the layout is not empty, and everything written lies within it.
        let block = unsafe {
            let whole = alloc(layout(size));
            assert!(!whole.is_null(), "memory for the simulator");
            ptr::write_bytes(whole, FENCE, FRONT + size + BACK);
            let block = whole.add(FRONT);
            ptr::write_bytes(block, FRESH, size);
            block
        };
        self.bytes += size;
        self.blocks.insert(block.addr(), size);
        Some(block.cast())
    }

    /// Frees; an error says what was done to the block, or to another one.
    pub(crate) fn free(&mut self, block: *mut c_void) -> Result<(), String> {
        let size = self
            .blocks
            .remove(&block.addr())
            .ok_or("HAL_Free of something that is not allocated")?;
        self.bytes -= size;
        let block = block.cast::<u8>();
        // SAFETY: the block is one of this heap, with its fences, and not freed yet.
        let intact = unsafe {
            let front = (0..FRONT).all(|at| block.sub(FRONT).add(at).read() == FENCE);
            let back = (0..BACK).all(|at| block.add(size + at).read() == FENCE);
            ptr::write_bytes(block, FREED, size);
            front && back
        };
        self.freed.push_back((block.expose_provenance(), size));
        if !intact {
            return Err(format!("written beside a block of {size} bytes"));
        }
        if self.freed.len() > WATCHED {
            self.retire()?;
        }
        Ok(())
    }

    /// Looks at all freed blocks that are still watched.
    pub(crate) fn check_freed(&mut self) -> Result<(), String> {
        while !self.freed.is_empty() {
            self.retire()?;
        }
        Ok(())
    }

    /// Gives the block that was freed first back to the system, if nobody has written to it.
    fn retire(&mut self) -> Result<(), String> {
        let Some((block, size)) = self.freed.pop_front() else {
            return Ok(());
        };
        let block = ptr::with_exposed_provenance_mut::<u8>(block);
        // SAFETY: the block came from `allocate`, and is given back once.
        let untouched = unsafe {
            let untouched = (0..size).all(|at| block.add(at).read() == FREED);
            dealloc(block.sub(FRONT), layout(size));
            untouched
        };
        if untouched {
            Ok(())
        } else {
            Err(format!(
                "a block of {size} bytes was written to after it was freed"
            ))
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // What is left was reported, if it is the library's fault.
        let _ = self.check_freed();
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(FRONT + size + BACK, 16).expect("a size of 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap() -> Heap {
        Heap {
            blocks: HashMap::new(),
            freed: VecDeque::new(),
            bytes: 0,
            bound: 100,
            allocations: 0,
        }
    }

    #[test]
    fn blocks_are_counted_and_bounded() {
        let mut heap = heap();
        let first = heap.allocate(60).expect("below the bound");
        assert!(heap.allocate(60).is_none(), "above it");
        assert_eq!(heap.in_use(), (1, 60));
        assert_eq!(first.addr() % 16, 8, "aligned to 8 and no better");
        heap.free(first).expect("a good block");
        assert_eq!(heap.in_use(), (0, 0));
        assert!(heap.free(first).is_err(), "freed twice");
    }

    #[test]
    fn a_write_beside_a_block_is_noticed() {
        for at in [-1, 10] {
            let mut heap = heap();
            let block = heap.allocate(10).expect("below the bound");
            // SAFETY: the fence belongs to the heap, so the byte is there.
            unsafe { block.cast::<u8>().offset(at).write(0) };
            assert!(heap.free(block).is_err());
        }
    }

    #[test]
    fn a_write_after_free_is_noticed() {
        let mut heap = heap();
        let block = heap.allocate(10).expect("below the bound");
        heap.free(block).expect("a good block");
        // SAFETY: the heap keeps the block for a while, to see this.
        unsafe { block.cast::<u8>().write(0) };
        assert!(heap.check_freed().is_err());
    }
}
