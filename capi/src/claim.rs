//! The right of one thread to use something, where a lock of the HAL is not to be had: in statics.

use core::sync::atomic::{AtomicBool, Ordering};

/// What one thread at a time may claim.
pub(crate) struct Claimable(AtomicBool);

impl Claimable {
    /// Nobody has claimed it.
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// `None` if somebody has.
    pub(crate) fn claim(&'static self) -> Option<Claim> {
        // `then`, not `then_some`: a claim that is made gives up the right when it is dropped.
        (!self.0.swap(true, Ordering::Acquire)).then(|| Claim(self))
    }
}

/// The right, given up when dropped.
pub(crate) struct Claim(&'static Claimable);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}
