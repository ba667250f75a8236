//! Time as the engine sees it: milliseconds that are handed in, never read from a clock here.

/// A moment, in milliseconds since some start. Moments are compared within 2^31 ms (24 days) of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(u32);

impl Instant {
    /// The moment `ms` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(ms: u32) -> Self {
        Self(ms)
    }

    /// The moment `ms` milliseconds later, at most 2^31 of them.
    #[must_use]
    pub const fn after(self, ms: u32) -> Self {
        Self(self.0.wrapping_add(ms))
    }

    /// The moment `ms` milliseconds earlier, at most 2^31 of them.
    #[must_use]
    pub const fn before(self, ms: u32) -> Self {
        Self(self.0.wrapping_sub(ms))
    }

    /// Whether this moment has come.
    #[must_use]
    pub const fn reached(self, now: Self) -> bool {
        now.0.wrapping_sub(self.0) <= u32::MAX / 2
    }

    /// Milliseconds from `now` until this moment; 0 if it has come.
    #[must_use]
    pub const fn until(self, now: Self) -> u32 {
        if self.reached(now) {
            0
        } else {
            self.0.wrapping_sub(now.0)
        }
    }

    /// The earlier of two moments.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if self.reached(other) { self } else { other }
    }
}

/// Makes moments of what a platform's counter says: the time passed since the last look is added up.
///
/// So a counter may wrap at 2^32 ms; one that jumps back, as that of some ports does when their tick counter wraps,
/// stands still for one look; and threads may look at it in any order.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    counter: u32,
    now: Instant,
    /// The last look that was behind an earlier one, and what that earlier one had said.
    behind: (u32, u32),
}

impl Clock {
    /// A step back of up to so many milliseconds may be a look that came late, of another thread. If the next look goes on
    /// from there, it was none: the counter has jumped.
    const LATE: u32 = 10_000;

    /// Starts with what the counter says.
    #[must_use]
    pub const fn new(counter: u32) -> Self {
        Self {
            counter,
            now: Instant::from_millis(0),
            behind: (counter, counter),
        }
    }

    /// The moment of the last look.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The moment at which the counter says `counter`.
    pub const fn read(&mut self, counter: u32) -> Instant {
        let passed = counter.wrapping_sub(self.counter);
        if passed <= u32::MAX / 2 {
            self.counter = counter;
            self.now = self.now.after(passed);
        } else if passed < Self::LATE.wrapping_neg() {
            self.counter = counter;
        } else {
            self.look_back(counter);
        }
        self.now
    }

    /// A look that is behind the last one, by little.
    #[cold]
    #[inline(never)]
    const fn look_back(&mut self, counter: u32) {
        let (before, since) = self.behind;
        let passed = counter.wrapping_sub(before);
        if since == self.counter && passed > 0 && passed <= Self::LATE {
            self.now = self.now.after(passed);
            self.counter = counter;
        } else {
            self.behind = (counter, self.counter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_compare_across_the_wrap() {
        let before = Instant::from_millis(u32::MAX - 9);
        let after = before.after(20);
        assert_eq!(after, Instant::from_millis(10));
        assert!(before.reached(after) && !after.reached(before));
        assert!(before.reached(before));
        assert_eq!((after.until(before), before.until(after)), (20, 0));
        assert_eq!(before.earlier(after), before);
        assert_eq!(after.earlier(before), before);
    }

    #[test]
    fn a_clock_follows_a_counter_that_wraps() {
        let mut clock = Clock::new(u32::MAX - 1);
        let start = clock.read(u32::MAX - 1);
        assert_eq!(clock.read(3), start.after(5));
        assert_eq!(clock.read(3), start.after(5), "standing still");
        assert_eq!(clock.read(1003), start.after(1005), "a step forward");
    }

    #[test]
    fn a_late_look_does_not_count_time_twice() {
        let mut clock = Clock::new(0);
        let start = clock.read(5000);
        clock.read(14_000);
        assert_eq!(clock.read(5001), start.after(9000));
        assert_eq!(clock.read(14_010), start.after(9010));
    }

    /// However short the jump: a Yield is not to last longer by it.
    #[test]
    fn a_counter_that_jumps_back_a_little_goes_on_from_there() {
        let mut clock = Clock::new(10_000);
        let start = clock.read(10_000);
        assert_eq!(clock.read(7_695), start, "perhaps a late look");
        assert_eq!(clock.read(7_695), start, "standing still");
        assert_eq!(
            clock.read(7_800),
            start.after(105),
            "no: it goes on from there"
        );
        assert_eq!(clock.read(7_900), start.after(205));
    }

    #[test]
    fn a_counter_that_jumps_back_goes_on_from_there() {
        let mut clock = Clock::new(0);
        let start = clock.read(2_000_000_000);
        assert_eq!(clock.read(7), start);
        assert_eq!(clock.read(107), start.after(100));
    }
}
