//! `HAL_*` in Rust, so that the library runs in a test process, and under Miri.
//!
//! The library's state is one per process, as is this: [`Hal::take`] gives it to one test at a time
//! and puts both back to how a program begins. At the end of a test nothing may be left: no mutex, no connection, no
//! memory.
//!
//! What breaks the contract of a `HAL_*` panics, and so aborts: nothing unwinds through the library.
#![allow(non_snake_case)] // the HAL's names

pub(crate) mod mutex;
pub(crate) mod net;

use std::{
    alloc::{Layout, alloc, dealloc},
    ffi::{CStr, c_char, c_int, c_void},
    ops::{Deref, DerefMut},
    ptr,
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use iot_sdk::v2::iot_export::{IOT_CloseLog, IOT_SetupDomain};

use super::memory;
use mutex::{Mutexes, held};
use net::Net;

/// What the HAL has seen, and what it is to answer.
struct State {
    pieces: Vec<Vec<u8>>,
    partner_id: (Vec<u8>, c_int),
    module_id: (Vec<u8>, c_int),
    /// Which ids were asked for.
    ids: Vec<&'static str>,
    live_blocks: usize,
    allocations_left: Option<usize>,
    seeds: Vec<u32>,
    random: u32,
    mutexes: Mutexes,
    net: Net,
}

impl State {
    const fn new() -> Self {
        Self {
            pieces: Vec::new(),
            partner_id: (Vec::new(), 0),
            module_id: (Vec::new(), 0),
            ids: Vec::new(),
            live_blocks: 0,
            allocations_left: None,
            seeds: Vec::new(),
            random: 0,
            mutexes: Mutexes::new(),
            net: Net::new(),
        }
    }
}

static STATE: Mutex<State> = Mutex::new(State::new());
static TEST: Mutex<()> = Mutex::new(());

/// The state, and outside the library for as long as one has it.
struct StateGuard {
    state: MutexGuard<'static, State>,
    _outside: memory::Place,
}

impl Deref for StateGuard {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for StateGuard {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

fn state() -> StateGuard {
    let outside = memory::Place::outside();
    StateGuard {
        state: STATE.lock().unwrap_or_else(PoisonError::into_inner),
        _outside: outside,
    }
}

/// The right to use the library, and the controls of its HAL.
pub(crate) struct Hal(MutexGuard<'static, ()>);

impl Hal {
    /// Waits for the tests before this one.
    pub(crate) fn take() -> Self {
        let turn = TEST.lock().unwrap_or_else(PoisonError::into_inner);
        *state() = State::new();
        memory::reset();
        NOW.store(START, Relaxed);
        REAL.store(false, Relaxed);
        IOT_CloseLog();
        IOT_SetupDomain(0);
        Self(turn)
    }

    /// What was printed since the last call.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8(self.pieces().concat()).unwrap()
    }

    /// The arguments of `HAL_Printf` since the last call.
    pub(crate) fn pieces(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut state().pieces)
    }

    /// What `HAL_GetPartnerID` writes, as it is, and returns.
    pub(crate) fn set_partner_id(&self, written: &[u8], returned: c_int) {
        state().partner_id = (written.to_vec(), returned);
    }

    /// What `HAL_GetModuleID` writes, as it is, and returns.
    pub(crate) fn set_module_id(&self, written: &[u8], returned: c_int) {
        state().module_id = (written.to_vec(), returned);
    }

    /// Which ids were asked for since the last call, in this order.
    pub(crate) fn asked_ids(&self) -> Vec<&'static str> {
        std::mem::take(&mut state().ids)
    }

    /// Blocks of `HAL_Malloc` that were not freed.
    pub(crate) fn live_blocks(&self) -> usize {
        state().live_blocks
    }

    /// Lets `HAL_Malloc` fail after so many more blocks.
    pub(crate) fn fail_allocations_after(&self, blocks: usize) {
        state().allocations_left = Some(blocks);
    }

    /// Milliseconds since the test began.
    pub(crate) fn now(&self) -> u64 {
        now() - START
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: u64) {
        pass(ms);
    }

    /// From now on the clock is a real one: with several threads a virtual one runs ahead of those that wait for a core.
    pub(crate) fn use_real_time(&self) {
        REAL.store(true, Relaxed);
    }

    /// What `HAL_Srandom` was given since the last call.
    pub(crate) fn seeds(&self) -> Vec<u32> {
        std::mem::take(&mut state().seeds)
    }

    /// What `HAL_Random` returns, in its range or not.
    pub(crate) fn set_random(&self, number: u32) {
        state().random = number;
    }
}

impl Drop for Hal {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.live_mutexes(), 0, "mutexes are left");
            assert_eq!(self.open_connections(), 0, "connections are left");
            assert_eq!(memory::live(), 0, "memory is left");
        }
        *state() = State::new();
    }
}

/// A test begins half a minute before the counter, of which the library uses 32 bits, wraps.
const START: u64 = (1 << 32) - 30_000;

/// The time of the virtual clock.
static NOW: AtomicU64 = AtomicU64::new(START);

/// Time is that of the world.
static REAL: AtomicBool = AtomicBool::new(false);

fn now() -> u64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

    let passed = if REAL.load(Relaxed) {
        u64::try_from(BEGIN.elapsed().as_millis()).expect("a short test")
    } else {
        0
    };
    NOW.load(Relaxed) + passed
}

fn pass(ms: u64) {
    if REAL.load(Relaxed) {
        thread::sleep(Duration::from_millis(ms));
    } else {
        NOW.fetch_add(ms, Relaxed);
    }
}

/// Lets other threads run, if there are any: then time is real.
fn dwell() {
    if REAL.load(Relaxed) {
        thread::yield_now();
    }
}

/// Waits until `then`, or for a moment in which other threads may change what is waited for.
fn wait(then: u64) {
    let ms = then.saturating_sub(now());
    pass(if REAL.load(Relaxed) { ms.min(1) } else { ms });
}

#[unsafe(no_mangle)]
extern "C" fn HAL_UptimeMs() -> u64 {
    now()
}

#[unsafe(no_mangle)]
extern "C" fn HAL_SleepMs(ms: u32) {
    // Whoever sends holds the lock for it, and rests if nothing is taken.
    assert!(held() == 0 || held() == 1 && ms <= 10, "asleep with a lock");
    pass(ms.into());
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Srandom(seed: u32) {
    state().seeds.push(seed);
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Random(_region: u32) -> u32 {
    state().random
}

/// In front of each block: its size, for `dealloc`.
const HEADER: usize = 16;

#[unsafe(no_mangle)]
extern "C" fn HAL_Malloc(size: u32) -> *mut c_void {
    let mut state = state();
    match &mut state.allocations_left {
        Some(0) => return ptr::null_mut(),
        Some(left) => *left -= 1,
        None => {}
    }
    assert_ne!(size, 0, "a block of no size was asked for");
    state.live_blocks += 1;

    let layout = Layout::from_size_align(HEADER + size as usize, HEADER).unwrap();
    // SAFETY: the layout is not empty; the header lies in front of what is given out.
    unsafe {
        let block = alloc(layout);
        block.write_bytes(0xa5, layout.size());
        block.cast::<usize>().write(layout.size());
        block.add(HEADER).cast()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Free(block: *mut c_void) {
    assert!(!block.is_null(), "NULL was freed");
    state().live_blocks -= 1;
    // SAFETY: `HAL_Malloc` gave it out, with a header in front.
    unsafe {
        let start = block.cast::<u8>().sub(HEADER);
        let size = start.cast::<usize>().read();
        dealloc(start, Layout::from_size_align(size, HEADER).unwrap());
    }
}

/// The library prints with `"%s"` and one text only; for that, this signature is as good as one
/// with variable arguments, which stable Rust cannot define.
#[cfg(not(miri))]
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Printf(format: *const c_char, text: *const c_char) {
    // SAFETY: both are strings.
    unsafe { print(format, text) };
}

#[cfg(miri)]
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Printf(format: *const c_char, mut arguments: ...) {
    // SAFETY: both are strings.
    unsafe { print(format, arguments.next_arg::<*const c_char>()) };
}

unsafe fn print(format: *const c_char, text: *const c_char) {
    // SAFETY: both are strings.
    let (format, text) = unsafe { (CStr::from_ptr(format), CStr::from_ptr(text)) };
    assert_eq!(format, c"%s");
    state().pieces.push(text.to_bytes().to_vec());
}

/// `va_list` is passed as a pointer on the hosts these tests run on.
#[cfg(not(miri))]
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Vsnprintf(
    to: *mut c_char,
    len: c_int,
    format: *const c_char,
    arguments: *mut c_void,
) -> c_int {
    unsafe extern "C" {
        fn vsnprintf(
            to: *mut c_char,
            len: usize,
            format: *const c_char,
            arguments: *mut c_void,
        ) -> c_int;
    }
    // SAFETY: the contract is the same.
    unsafe { vsnprintf(to, len.try_into().unwrap(), format, arguments) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_GetPartnerID(to: *mut c_char) -> c_int {
    let mut state = state();
    state.ids.push("partner");
    let (written, returned) = &state.partner_id;
    // SAFETY: `to` has room for what the contract allows, which the tests keep to.
    unsafe { to.copy_from(written.as_ptr().cast(), written.len()) };
    *returned
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_GetModuleID(to: *mut c_char) -> c_int {
    let mut state = state();
    state.ids.push("module");
    let (written, returned) = &state.module_id;
    // SAFETY: as above.
    unsafe { to.copy_from(written.as_ptr().cast(), written.len()) };
    *returned
}
