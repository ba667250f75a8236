//! `HAL_*`: what a port does, well or badly, and whether the library keeps to its side.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    fmt::Write as _,
    ptr, slice,
};

use crate::{
    library::Hal,
    net::Conn,
    stats::Fault,
    web,
    world::{Event, Mutex, Phase, Wait, World, maybe_switch, suspend, world},
};

/// The table that the library is given.
pub(crate) const HAL: Hal = Hal {
    malloc,
    free,
    mutex_create,
    mutex_destroy,
    mutex_lock,
    mutex_unlock,
    uptime,
    sleep,
    seed,
    random,
    print,
    vendor,
    establish,
    destroy,
    write,
    read,
};

/// The kinds of calls, for the comparison of two runs.
mod kind {
    pub(super) const MALLOC: u64 = 1;
    pub(super) const LOCK: u64 = 2;
    pub(super) const UPTIME: u64 = 3;
    pub(super) const SLEEP: u64 = 4;
    pub(super) const RANDOM: u64 = 5;
    pub(super) const ESTABLISH: u64 = 6;
    pub(super) const DESTROY: u64 = 7;
    pub(super) const WRITE: u64 = 8;
    pub(super) const READ: u64 = 9;
}

/// Ends a HAL call that began at `start`. A thread that has seen a violation stays in it for ever.
fn leave(start: u64) {
    let violated = world(|world| {
        let passed = world.now - start;
        if let Some(frame) = world.frame() {
            frame.longest = frame.longest.max(passed);
        }
        world.violation.is_some()
    });
    if violated {
        suspend(Wait::Never);
    }
}

/// Ends a HAL call that takes no time. A thread that has seen a violation stays in it for ever.
fn leave_at_once(violated: bool) {
    if violated {
        suspend(Wait::Never);
    }
}

extern "C" fn malloc(size: u32) -> *mut c_void {
    let block = world(|world| {
        world.called(kind::MALLOC);
        world.must(size > 0, "HAL contract", || "HAL_Malloc(0)".to_owned());
        let number = world.heap.attempt();
        let fails = world.fail_allocation == Some(number)
            || world.now < world.famine_until
            || world.fault(Fault::NoMemory, world.plan.rates.no_memory >> 3);
        world.note(|line| {
            _ = write!(line, "  malloc({size}) no. {number}");
            if fails {
                line.push_str(" fails");
            }
        });
        if fails {
            return ptr::null_mut();
        }
        let block = world.heap.allocate(size as usize);
        let (blocks, bytes) = world.heap.in_use();
        world.must(block.is_some(), "heap below its bound", || {
            format!("{size} bytes more than {bytes} in {blocks} blocks")
        });
        block.unwrap_or(ptr::null_mut())
    });
    leave_at_once(world(|world| world.violation.is_some()));
    block
}

extern "C" fn free(block: *mut c_void) {
    world(|world| {
        if let Err(what) = world.heap.free(block) {
            world.violated("no use after free", || what);
        }
    });
    leave_at_once(world(|world| world.violation.is_some()));
}

extern "C" fn mutex_create() -> *mut c_void {
    world(|world| {
        if world.fault(Fault::NoMutex, world.plan.rates.no_mutex) {
            return ptr::null_mut();
        }
        world.mutexes.push(Mutex::default());
        ptr::without_provenance_mut(world.mutexes.len() << 4)
    })
}

/// The index of a mutex, if it is one.
fn mutex(world: &mut World, handle: *mut c_void) -> Option<usize> {
    let index = (handle.addr() >> 4).wrapping_sub(1);
    let good = handle.addr() & 15 == 0
        && world
            .mutexes
            .get(index)
            .is_some_and(|mutex| !mutex.destroyed);
    world.must(good, "HAL contract", || "not a mutex".to_owned());
    good.then_some(index)
}

extern "C" fn mutex_destroy(handle: *mut c_void) {
    world(|world| {
        if let Some(index) = mutex(world, handle) {
            let owner = world.mutexes[index].owner;
            world.must(owner.is_none(), "HAL contract", || {
                "a mutex is destroyed while it is held".to_owned()
            });
            world.mutexes[index].destroyed = true;
        }
    });
    leave_at_once(world(|world| world.violation.is_some()));
}

extern "C" fn mutex_lock(handle: *mut c_void) {
    let (index, start) = match world(|world| lock(world, handle)) {
        Locking::Taken => return,
        Locking::Wrong => return leave_at_once(true),
        Locking::Later(index, start) => (index, start),
    };
    suspend(Wait::Turn);
    while world(|world| world.mutexes[index].owner.is_some()) {
        suspend(Wait::Mutex(index));
    }
    let violated = world(|world| {
        let gone = world.mutexes[index].destroyed;
        world.must(!gone, "HAL contract", || {
            "a mutex is destroyed while a thread waits for it".to_owned()
        });
        let waited = world.now - start;
        if let Some(frame) = world.frame() {
            frame.locked_out += waited;
        }
        world.take_mutex(index);
        world.violation.is_some()
    });
    leave_at_once(violated);
}

/// What comes of an attempt to take a mutex.
enum Locking {
    Taken,
    /// Somebody else has it, or another thread runs first; it was asked for at this moment.
    Later(usize, u64),
    /// An invariant has failed.
    Wrong,
}

fn lock(world: &mut World, handle: *mut c_void) -> Locking {
    world.called(kind::LOCK);
    let Some(index) = mutex(world, handle) else {
        return Locking::Wrong;
    };
    for at in 0..world.thread().held.len() {
        let outer = world.thread().held[at];
        world.must(outer != index, "no lock taken twice", || {
            "HAL_MutexLock of a mutex that this thread holds".to_owned()
        });
        world.mutexes[index].inner = true;
        let turned = world.order.contains(&(index, outer));
        world.must(!turned, "locks in order", || {
            format!("mutex {index} inside {outer}, which was inside it before")
        });
        world.order.insert((outer, index));
    }
    if world.violation.is_some() {
        return Locking::Wrong;
    }
    if world.mutexes[index].owner.is_some() || world.switches() {
        return Locking::Later(index, world.now);
    }
    world.take_mutex(index);
    Locking::Taken
}

extern "C" fn mutex_unlock(handle: *mut c_void) {
    let (switches, violated) = world(|world| {
        let Some(index) = mutex(world, handle) else {
            return (false, true);
        };
        let (thread, now) = (world.current, world.now);
        let mutex = &mut world.mutexes[index];
        let mine = mutex.owner == Some(thread);
        let passed = now - mutex.since;
        mutex.owner = None;
        world.must(mine, "HAL contract", || {
            "HAL_MutexUnlock by a thread that does not hold it".to_owned()
        });
        world.thread().held.retain(|held| *held != index);
        if let Some(frame) = world.frame() {
            frame.sending = frame.sending.max(passed);
        }
        (world.switches(), world.violation.is_some())
    });
    if switches || violated {
        suspend(Wait::Turn);
    }
}

/// Nothing waits while it holds a lock, but a packet is sent under the outer one.
fn check_locks(world: &mut World, what: &'static str, sending: bool) {
    let held = &world.threads[world.current].held;
    let inner = held.iter().any(|held| world.mutexes[*held].inner);
    let good = held.is_empty() || sending && held.len() == 1 && !inner;
    let count = held.len();
    world.must(good, "no lock held while waiting", || {
        format!("{what} with {count} locks held")
    });
}

extern "C" fn uptime() -> u64 {
    let (uptime, switches) = world(|world| {
        world.called(kind::UPTIME);
        (world.uptime(), world.switches())
    });
    if switches {
        suspend(Wait::Turn);
    }
    uptime
}

extern "C" fn sleep(ms: u32) {
    let start = world(|world| {
        world.called(kind::SLEEP);
        check_locks(world, "HAL_SleepMs", ms <= 10);
        world.now
    });
    let until = world(|world| {
        let mut ms = u64::from(ms);
        if world.fault(Fault::Overstay, world.plan.rates.overstay) {
            ms = if world.rng.bool() { ms * 2 } else { ms / 2 };
        }
        world.now + ms
    });
    suspend(Wait::Until(until));
    leave(start);
}

extern "C" fn seed(seed: u32) {
    world(|world| world.mix(seed.into()));
}

extern "C" fn random(region: u32) -> u32 {
    world(|world| {
        world.called(kind::RANDOM);
        if world.fault(Fault::BadRandom, world.plan.rates.bad_random) {
            return [region, u32::MAX, 0, region.wrapping_sub(1)][world.rng.usize(..4)];
        }
        if region == 0 {
            0
        } else {
            world.rng.u32(..region)
        }
    })
}

unsafe extern "C" fn print(text: *const c_char) {
    // SAFETY: the shim has put a NUL there.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    world(|world| {
        world.note(|line| line.push_str(text.trim_end()));
        if text.contains("panic") {
            world.violated("no panic", || text.trim_end().to_owned());
        }
    });
    leave_at_once(world(|world| world.violation.is_some()));
}

unsafe extern "C" fn vendor(id: *mut c_char, module: c_int) -> c_int {
    let len = world(|world| match world.rng.u8(..8) {
        0 if world.phase == Phase::Storm => 64, // fills the buffer, without a NUL
        1..4 => 8,
        _ => 0,
    });
    for at in 0..len {
        let byte = if module == 0 { b'p' } else { b'm' };
        // SAFETY: the library's buffers have room for 64 characters and a NUL.
        unsafe { id.add(at).write(byte.cast_signed()) };
    }
    len as c_int
}

unsafe extern "C" fn establish(
    host: *const c_char,
    port: u16,
    root: *const c_char,
    root_len: usize,
) -> usize {
    // SAFETY: the library hands over the strings that it was given, or what it has kept instead, which is the question.
    let (host, root) = unsafe {
        let root = (!root.is_null()).then(|| CStr::from_ptr(root).to_bytes());
        (CStr::from_ptr(host).to_bytes(), root)
    };
    let start = world(|world| {
        world.called(kind::ESTABLISH);
        check_locks(world, "HAL_*_Establish", false);
        let server = (crate::app::HOST.to_bytes(), crate::app::PORT);
        let tls = (host, port) == web::MESSAGES || world.plan.tls;
        let good = [server, web::FILES, web::MESSAGES].contains(&(host, port))
            && root.is_some() == tls
            && root.is_none_or(|root| root_len == root.len() + 1);
        world.must(good, "connects as configured", || {
            format!("{}:{port}", String::from_utf8_lossy(host))
        });
        world.now
    });
    let (until, refused) = world(|world| {
        let mut ms = 5 + world.rng.u64(..100);
        if world.fault(Fault::SlowOpen, world.plan.rates.slow_open) {
            ms += world.rng.u64(..10_000);
        }
        (
            world.now + ms,
            world.fault(Fault::Refuse, world.plan.rates.refuse),
        )
    });
    suspend(Wait::Until(until));
    let handle = world(|world| {
        if refused {
            world.note(|line| line.push_str("  establish: refused"));
            return 0;
        }
        let client = world.frame().map_or(0, |frame| frame.client);
        let mut conn = Conn::new(client, root.is_some(), world.now);
        conn.half_open = world.fault(Fault::HalfOpen, world.plan.rates.half_open);
        conn.troubled = conn.half_open;
        let web = [web::FILES, web::MESSAGES].contains(&(host, port));
        conn.request = web.then(Vec::new);
        world.conns.push(conn);
        world.stats.connections += 1;
        let index = world.conns.len() - 1;
        world.note(|line| _ = write!(line, "  establish: #{index} for client {client}"));
        if !web {
            world.schedule(world.now + 5_000, Event::Silence(index));
        }
        handle(index)
    });
    leave(start);
    handle
}

/// Handles have the top bit set, as an address may have.
fn handle(index: usize) -> usize {
    1 << 63 | (index + 1)
}

/// The index of a connection that the port has, if the handle is one.
fn conn(world: &mut World, fd: usize, tls: c_int) -> Option<usize> {
    let index = (fd & !(1 << 63)).wrapping_sub(1);
    let good = world
        .conns
        .get(index)
        .is_some_and(|conn| conn.open && conn.tls == (tls != 0) && fd == handle(index));
    world.must(good, "HAL contract", || {
        format!("{fd:#x} is not an open connection")
    });
    good.then_some(index)
}

extern "C" fn destroy(fd: usize, tls: c_int) -> i32 {
    world(|world| {
        world.called(kind::DESTROY);
        check_locks(world, "HAL_*_Destroy", false);
        let Some(index) = conn(world, fd, tls) else {
            return;
        };
        let busy = world.conns[index].reading || world.conns[index].writing;
        world.must(!busy, "HAL contract", || {
            "a connection is closed while a thread reads or writes".to_owned()
        });
        world.note(|line| _ = write!(line, "  close #{index}"));
        world.conns[index].open = false;
        if let Some(at) = world.hangup_at(index) {
            world.schedule(at, Event::Hangup(index));
        }
    });
    leave_at_once(world(|world| world.violation.is_some()));
    0
}

unsafe extern "C" fn write(
    fd: usize,
    tls: c_int,
    buf: *const c_char,
    len: u32,
    timeout: u32,
) -> i32 {
    let start = world(|world| world.now);
    let Some(index) = world(|world| {
        world.called(kind::WRITE);
        check_locks(world, "HAL_*_Write", true);
        world.must(len > 0 && timeout > 0, "HAL contract", || {
            format!("HAL_*_Write of {len} bytes in {timeout} ms")
        });
        let index = conn(world, fd, tls)?;
        let busy = std::mem::replace(&mut world.conns[index].writing, true);
        world.must(!busy, "HAL contract", || {
            "two threads write to one connection".to_owned()
        });
        world.check_buffer(buf.addr(), len as usize);
        Some(index)
    }) else {
        leave(start);
        return -1;
    };
    maybe_switch();
    let deadline = start + u64::from(timeout);
    let stalled = world(|world| world.conns[index].stalled_until);
    let late = world(|world| {
        let mut until = world.now + world.rng.u64(..3);
        if world.fault(Fault::Overstay, world.plan.rates.overstay) {
            until += world.rng.u64(..2000);
        }
        until
    });
    // What is sent while the network stands still fills a buffer; when that is full, the port waits.
    let until = if stalled > start && world(|world| world.rng.bool()) {
        late.max(stalled.min(deadline))
    } else {
        late
    };
    suspend(Wait::Until(until));
    // SAFETY: the caller lends the bytes for the call.
    let bytes = unsafe { slice::from_raw_parts(buf.cast::<u8>(), len as usize) };
    let count = world(|world| {
        let now = world.now;
        world.conns[index].writing = false;
        if world.conns[index].ended.is_some_and(|(at, _)| at <= now) {
            return [-1, -2, -100, i32::MIN][world.rng.usize(..4)];
        }
        if world.fault(Fault::Beyond, world.plan.rates.beyond) {
            world.client_sends(index, bytes);
            return [len as i32 + 1, i32::MAX, i32::MIN, -77][world.rng.usize(..4)];
        }
        if world.fault(Fault::ZeroWrite, world.plan.rates.zero_write)
            || until > start + 10 && until == stalled.min(deadline) && stalled > now
        {
            return 0;
        }
        let mut count = bytes.len();
        if count > 1 && world.fault(Fault::ShortWrite, world.plan.rates.short_write) {
            count = world.rng.usize(1..count);
        }
        world.client_sends(index, &bytes[..count]);
        count as i32
    });
    world(|world| {
        world.note(|line| _ = write!(line, "  write #{index} {len} ({timeout} ms) = {count}"));
        world.mix(count as u64);
    });
    leave(start);
    count
}

unsafe extern "C" fn read(fd: usize, tls: c_int, buf: *mut c_char, len: u32, timeout: u32) -> i32 {
    let start = world(|world| world.now);
    let Some(index) = world(|world| {
        world.called(kind::READ);
        check_locks(world, "HAL_*_Read", false);
        world.must(len > 0 && timeout > 0, "HAL contract", || {
            format!("HAL_*_Read of {len} bytes in {timeout} ms")
        });
        let index = conn(world, fd, tls)?;
        let busy = std::mem::replace(&mut world.conns[index].reading, true);
        world.must(!busy, "HAL contract", || {
            "two threads read from one connection".to_owned()
        });
        Some(index)
    }) else {
        leave(start);
        return -1;
    };
    maybe_switch();
    let mut deadline = start + u64::from(timeout);
    let mut got = 0;
    let count = loop {
        let outcome = world(|world| {
            world.check_buffer(buf.addr(), len as usize);
            let now = world.now;
            if got == 0 && world.fault(Fault::Beyond, world.plan.rates.beyond >> 3) {
                return Some([len as i32 + 1, i32::MAX, i32::MIN, -77][world.rng.usize(..4)]);
            }
            // SAFETY: the caller lends the bytes for the call.
            let place = unsafe { slice::from_raw_parts_mut(buf.cast::<u8>(), len as usize) };
            got += world.conns[index].take(&mut place[got..], now);
            if got == place.len() {
                return Some(len as i32);
            }
            if let Some(reset) = world.conns[index].end(now) {
                let nothing = if reset {
                    [-2, -1, -100, -1]
                } else {
                    [-1, -1, -1, 0]
                };
                return Some(match got {
                    0 => nothing[world.rng.usize(..4)],
                    got => got as i32,
                });
            }
            if now >= deadline || world.plan.impatient {
                return Some(got as i32);
            }
            None
        });
        if let Some(count) = outcome {
            break count;
        }
        world(|world| {
            if world.fault(Fault::Overstay, world.plan.rates.overstay >> 4) {
                deadline += world.rng.u64(..2000);
            }
        });
        suspend(Wait::Conn(index, deadline));
    };
    world(|world| {
        world.conns[index].reading = false;
        if count != 0 {
            world.note(|line| _ = write!(line, "  read #{index} {len} ({timeout} ms) = {count}"));
        }
        world.mix(count as u64);
    });
    leave(start);
    count
}
