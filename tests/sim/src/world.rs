//! One run: virtual time, the threads and whose turn it is, and what went wrong first.
//!
//! Threads are coroutines: exactly one runs, and another may only at a HAL call, where the seed decides. So a seed is
//! one interleaving, and a blocked lock is a wait like any other.

use std::{
    cell::RefCell,
    collections::{BTreeSet, BinaryHeap, VecDeque},
    fmt::Write as _,
    mem,
};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};
use fastrand::Rng;

use crate::{
    app::Model,
    broker::Broker,
    heap::Heap,
    net::Conn,
    plan::Plan,
    stats::{Fault, Stats},
    web::Site,
};

thread_local! {
    static WORLD: RefCell<Option<Box<World>>> = const { RefCell::new(None) };
}

/// Looks at the run. Nothing in `look` may suspend a thread.
pub(crate) fn world<R>(look: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| look(world.as_mut().expect("a run is on")))
}

/// Something that must never be, and was.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// The name of the invariant.
    pub(crate) invariant: &'static str,
    pub(crate) detail: String,
}

/// What a thread is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Its turn.
    Turn,
    Until(u64),
    Mutex(usize),
    /// Something from this connection, or this moment.
    Conn(usize, u64),
    /// Nothing: it has seen a violation.
    Never,
}

/// What a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Construct,
    Destroy,
    Yield,
    Request,
    /// A handler of the application, called by what is below it.
    Handler,
}

/// A call, of the application into the library or back.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) doing: Doing,
    /// Which client it is about.
    pub(crate) client: usize,
    pub(crate) start: u64,
    /// Time in handlers.
    pub(crate) in_handlers: u64,
    /// The longest HAL call, and all waiting for locks.
    pub(crate) longest: u64,
    pub(crate) locked_out: u64,
    /// The longest time with a lock, which is that of sending a packet.
    pub(crate) sending: u64,
    pub(crate) calls: u64,
}

/// A thread of the application.
pub(crate) struct Thread {
    pub(crate) wait: Wait,
    yielder: *const Yielder<(), ()>,
    pub(crate) held: Vec<usize>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) done: bool,
}

/// A lock of the library.
#[derive(Debug, Default)]
pub(crate) struct Mutex {
    pub(crate) owner: Option<usize>,
    pub(crate) since: u64,
    pub(crate) destroyed: bool,
    /// It was taken while another was held.
    pub(crate) inner: bool,
}

/// What happens outside the application's threads.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes of the client reach the server.
    Arrive(usize, Vec<u8>),
    /// The server learns that the client has closed.
    Hangup(usize),
    /// The server sends an answer.
    Reply(usize, Vec<u8>),
    /// The server looks whether the client was silent for too long.
    Silence(usize),
    /// Somebody publishes to this device.
    Traffic(usize),
    /// The port's clock jumps, or memory is short, if the seed says so.
    Weather,
    /// Faults end.
    Heal,
    /// The server asks whether all subscriptions are heard.
    Probe,
    /// Everything must be well by now.
    Judge,
    /// Every call must have ended by now.
    Overdue,
}

struct Timed {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The application works, and there are faults.
    Storm,
    /// No more faults; the application does nothing but yield.
    Healing,
    /// Everything is taken down.
    End,
}

/// One run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) phase: Phase,
    /// Virtual time, in ms since the start.
    pub(crate) now: u64,
    /// What the port's clock says at the start, and has jumped since: forward, back.
    pub(crate) clock: u64,
    pub(crate) jumped: (u64, u64),
    pub(crate) famine_until: u64,
    /// Fail the allocation with this number.
    pub(crate) fail_allocation: Option<u64>,
    pub(crate) threads: Vec<Thread>,
    pub(crate) current: usize,
    events: BinaryHeap<Timed>,
    number: u64,
    pub(crate) heap: Heap,
    pub(crate) mutexes: Vec<Mutex>,
    /// Which lock was taken while which was held.
    pub(crate) order: BTreeSet<(usize, usize)>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) broker: Broker,
    pub(crate) model: Model,
    pub(crate) site: Site,
    pub(crate) stats: Stats,
    pub(crate) violation: Option<Violation>,
    calls_now: u32,
    /// Of everything that has happened.
    digest: u64,
    trace: Option<Trace>,
}

/// Where the trace goes: to the one who wants to see all of it.
pub(crate) type Trace = fn(&str);

impl World {
    fn new(plan: Plan, rng: Rng, trace: Option<Trace>) -> Self {
        Self {
            phase: Phase::Storm,
            now: 0,
            clock: plan.clock,
            jumped: (0, 0),
            famine_until: 0,
            fail_allocation: None,
            threads: Vec::new(),
            current: 0,
            events: BinaryHeap::new(),
            number: 0,
            heap: Heap::new(&plan),
            mutexes: Vec::new(),
            order: BTreeSet::new(),
            conns: Vec::new(),
            broker: Broker::new(&plan),
            model: Model::new(&plan),
            site: Site::default(),
            stats: Stats::default(),
            violation: None,
            calls_now: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            trace,
            plan,
            rng,
        }
    }

    /// Takes note of a violation; the first one counts, and the run ends.
    pub(crate) fn violated(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let detail = detail();
            self.note(|line| _ = write!(line, "VIOLATED {invariant}: {detail}"));
            self.violation = Some(Violation { invariant, detail });
        }
    }

    /// Holds the run to an invariant.
    pub(crate) fn must(
        &mut self,
        good: bool,
        invariant: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        if !good {
            self.violated(invariant, detail);
        }
    }

    /// Writes a line of the trace, if there is one.
    pub(crate) fn note(&mut self, text: impl FnOnce(&mut String)) {
        if let Some(trace) = self.trace {
            let mut line = format!("{:>10} ", self.now);
            if self.threads.len() > 1 {
                _ = write!(line, "t{} ", self.current);
            }
            text(&mut line);
            trace(&line);
        }
    }

    /// Takes note of something for the comparison of two runs.
    pub(crate) fn mix(&mut self, value: u64) {
        self.digest = (self.digest ^ value ^ self.now.rotate_left(32))
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(5);
    }

    /// Whether a fault happens now.
    pub(crate) fn fault(&mut self, fault: Fault, rate: u32) -> bool {
        let happens = rate > 0 && self.phase == Phase::Storm && self.rng.u32(..65_536) < rate;
        if happens {
            self.stats.injected(fault);
            self.note(|line| _ = write!(line, "    fault: {}", fault.name()));
        }
        happens
    }

    /// What the port's clock says.
    pub(crate) fn uptime(&self) -> u64 {
        let clock = self.clock.wrapping_add(self.now);
        clock - clock % self.plan.step
    }

    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        self.number += 1;
        let number = self.number;
        self.events.push(Timed { at, number, event });
    }

    pub(crate) fn thread(&mut self) -> &mut Thread {
        &mut self.threads[self.current]
    }

    pub(crate) fn frame(&mut self) -> Option<&mut Frame> {
        self.thread().frames.last_mut()
    }

    /// Whether a thread can go on.
    fn is_ready(&self, thread: &Thread) -> bool {
        match thread.wait {
            _ if thread.done => false,
            Wait::Turn => true,
            Wait::Until(at) => at <= self.now,
            Wait::Mutex(mutex) => self.mutexes[mutex].owner.is_none(),
            Wait::Conn(conn, until) => until.min(self.conns[conn].next_change()) <= self.now,
            Wait::Never => false,
        }
    }

    /// When a thread that is not ready will be, as far as that is known.
    fn ready_at(&self, thread: &Thread) -> Option<u64> {
        match thread.wait {
            _ if thread.done => None,
            Wait::Turn => Some(self.now),
            Wait::Until(at) => Some(at),
            Wait::Conn(conn, until) => Some(until.min(self.conns[conn].next_change())),
            Wait::Mutex(_) | Wait::Never => None,
        }
    }

    /// The thread that goes on, after time has passed as far as needed. `None`: the run is over.
    fn next_thread(&mut self) -> Option<usize> {
        /// So many HAL calls at one moment are a loop that does not end.
        const CALLS_MAX: u32 = 400_000;

        loop {
            if self.violation.is_some() {
                return None;
            }
            self.must(self.calls_now < CALLS_MAX, "time passes", || {
                "HAL calls go on and on at one moment".to_owned()
            });
            let ready = |world: &Self, index: usize| world.is_ready(&world.threads[index]);
            let count = (0..self.threads.len())
                .filter(|index| ready(self, *index))
                .count();
            if count > 0 {
                let chosen = if count > 1 {
                    self.rng.usize(..count)
                } else {
                    0
                };
                return (0..self.threads.len())
                    .filter(|index| ready(self, *index))
                    .nth(chosen);
            }
            let threads = self
                .threads
                .iter()
                .filter_map(|thread| self.ready_at(thread))
                .min();
            if self.threads.iter().all(|thread| thread.done) {
                return None;
            }
            let Some(next) = threads else {
                self.violated("no deadlock", || "every thread waits for a lock".to_owned());
                return None;
            };
            let event = self.events.peek().map_or(u64::MAX, |timed| timed.at);
            let at = next.min(event).max(self.now);
            if at > self.now {
                self.now = at;
                self.calls_now = 0;
            }
            while let Some(timed) = self.events.peek()
                && timed.at <= self.now
            {
                let event = self.events.pop().expect("just seen").event;
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(conn, bytes) if self.conns[conn].request.is_some() => {
                self.ask(conn, &bytes);
            }
            Event::Arrive(conn, bytes) => self.arrive(conn, &bytes),
            Event::Hangup(conn) => self.hung_up(conn),
            Event::Reply(conn, bytes) => self.server_sends(conn, &bytes),
            Event::Silence(conn) => self.check_silence(conn),
            Event::Traffic(device) => self.traffic(device),
            Event::Weather => self.weather(),
            Event::Heal => self.heal(),
            Event::Probe => self.probe(),
            Event::Judge => self.judge(),
            Event::Overdue => self.overdue(),
        }
    }

    /// What happens to the device as a whole.
    fn weather(&mut self) {
        if self.phase != Phase::Storm {
            return;
        }
        self.schedule(self.now + WEATHER, Event::Weather);
        // 49.7 days after the start the library's own moments wrap: four leaps bring it close to that.
        let quarter = 1 << 30;
        match self.now / WEATHER {
            1..=3 if self.plan.leap => self.leap(quarter),
            4 if self.plan.leap => {
                let ahead = self.rng.u64(1..self.plan.storm);
                self.leap(quarter - ahead);
            }
            _ => {}
        }
        if self.fault(Fault::ClockJump, self.plan.rates.clock_jump) {
            if self.rng.bool() {
                let ms = 1 << self.rng.u32(3..20);
                self.leap(ms);
            } else {
                let ms = self.uptime().min(1 << self.rng.u32(3..31));
                self.clock = self.clock.wrapping_sub(ms);
                self.jumped.1 += ms;
            }
        }
        if self.fault(Fault::Famine, self.plan.rates.famine) {
            self.famine_until = self.now + (1000 << self.rng.u32(..7));
        }
    }

    /// The port's clock jumps forward.
    fn leap(&mut self, ms: u64) {
        self.note(|line| _ = write!(line, "    clock + {ms}"));
        self.clock = self.clock.wrapping_add(ms);
        self.jumped.0 += ms;
    }

    fn heal(&mut self) {
        self.note(|line| line.push_str("---- the network heals"));
        self.phase = Phase::Healing;
        let bound = u64::from(self.plan.keep_alive) * 3 / 2 + 120_000;
        self.famine_until = 0;
        for conn in &mut self.conns {
            conn.stalled_until = conn.stalled_until.min(self.now);
        }
        self.schedule(self.now + bound - 15_000, Event::Probe);
        self.schedule(self.now + bound, Event::Judge);
        self.schedule(self.now + bound + ENDING, Event::Overdue);
    }

    /// The run should be over.
    fn overdue(&mut self) {
        let threads = self.threads.iter();
        let calls: Vec<_> = threads
            .filter_map(|thread| thread.frames.last())
            .map(|frame| frame.doing)
            .collect();
        self.violated("calls end in time", || format!("{calls:?} goes on"));
    }

    /// Whether another thread runs now.
    pub(crate) fn switches(&mut self) -> bool {
        self.violation.is_some()
            || self.threads.len() > 1
                && self.plan.switch > 0
                && self.rng.u32(..65_536) < self.plan.switch
    }

    /// This thread has a mutex now.
    pub(crate) fn take_mutex(&mut self, index: usize) {
        let (thread, now) = (self.current, self.now);
        let mutex = &mut self.mutexes[index];
        mutex.owner = Some(thread);
        mutex.since = now;
        self.thread().held.push(index);
    }

    /// Counts a HAL call.
    pub(crate) fn called(&mut self, kind: u64) {
        self.calls_now += 1;
        self.stats.hal_calls += 1;
        self.mix(kind);
        if let Some(frame) = self.frame() {
            frame.calls += 1;
        }
    }
}

/// Stops this thread until what it waits for has come. A thread of a run that has failed never goes on.
pub(crate) fn suspend(wait: Wait) {
    let yielder = world(|world| {
        let wait = if world.violation.is_some() {
            Wait::Never
        } else {
            wait
        };
        let thread = world.thread();
        thread.wait = wait;
        thread.yielder
    });
    // SAFETY: the coroutine that runs now has put its yielder there, which lives as long as it runs.
    unsafe { (*yielder).suspend(()) };
}

/// Lets another thread run, if the seed says so.
pub(crate) fn maybe_switch() {
    if world(World::switches) {
        suspend(Wait::Turn);
    }
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) stats: Stats,
    pub(crate) digest: u64,
    pub(crate) allocations: u64,
}

/// How often the weather is looked at, in ms.
const WEATHER: u64 = 5_000;
/// How long the application takes to end when all is said, at most, in ms.
const ENDING: u64 = 600_000;

const STACK: usize = 256 * 1024;

/// Runs the application under a plan.
pub(crate) fn run(
    plan: Plan,
    rng: Rng,
    fail_allocation: Option<u64>,
    trace: Option<Trace>,
    stacks: &mut VecDeque<DefaultStack>,
) -> Outcome {
    let threads = plan.threads;
    let mut new = World::new(plan, rng, trace);
    new.fail_allocation = fail_allocation;
    new.note(|_| ());
    let plan = new.plan.clone();
    new.note(|line| _ = write!(line, "{plan:?}"));
    for device in 0..new.plan.devices {
        new.schedule(new.plan.traffic, Event::Traffic(device));
    }
    new.schedule(WEATHER, Event::Weather);
    new.schedule(new.plan.storm, Event::Heal);
    for _ in 0..threads {
        new.threads.push(Thread {
            wait: Wait::Turn,
            yielder: std::ptr::null(),
            held: Vec::new(),
            frames: Vec::new(),
            done: false,
        });
    }
    WORLD.set(Some(Box::new(new)));

    let mut coroutines: Vec<_> = (0..threads)
        .map(|index| {
            let stack = stacks
                .pop_front()
                .unwrap_or_else(|| DefaultStack::new(STACK).expect("memory for a stack"));
            Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
                world(|world| world.threads[index].yielder = yielder);
                crate::app::thread(index);
            })
        })
        .collect();
    while let Some(index) = world(World::next_thread) {
        world(|world| world.current = index);
        if let CoroutineResult::Return(()) = coroutines[index].resume(()) {
            world(|world| world.threads[index].done = true);
        }
    }
    let mut world = WORLD.take().expect("a run is on");
    if world.violation.is_none() {
        world.finish();
    }
    for coroutine in coroutines {
        if coroutine.done() {
            stacks.push_back(coroutine.into_stack());
        } else {
            mem::forget(coroutine); // the library is in the middle of something; the process ends
        }
    }
    world.stats.seeds = 1;
    world.stats.virtual_ms = world.now;
    Outcome {
        violation: world.violation,
        allocations: world.heap.allocations(),
        stats: world.stats,
        digest: world.digest,
    }
}

impl World {
    /// Nothing may be left when every client is destroyed.
    fn finish(&mut self) {
        self.check_given_back();
        let (blocks, bytes) = self.heap.in_use();
        self.must(blocks == 0, "no leak", || {
            format!("{blocks} blocks, {bytes} bytes left")
        });
        let mutexes = self.mutexes.iter().filter(|m| !m.destroyed).count();
        self.must(mutexes == 0, "no leak", || {
            format!("{mutexes} mutexes left")
        });
        let open = self.conns.iter().filter(|conn| conn.open).count();
        self.must(open == 0, "no leak", || format!("{open} connections left"));
        if let Err(what) = self.heap.check_freed() {
            self.violated("no use after free", || what);
        }
    }
}
