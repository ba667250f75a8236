//! `HAL_Mutex*` around a value.

use core::{cell::UnsafeCell, ffi::c_void, ptr::NonNull};

use iotkit::hal::Lock;

use super::sys;

/// A value that one thread at a time has access to.
pub(crate) struct Mutex<T> {
    mutex: NonNull<c_void>,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex may be used by any thread, and gives out the value to one at a time.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Option<Self> {
        // SAFETY: there is nothing to keep to.
        let mutex = NonNull::new(unsafe { sys::HAL_MutexCreate() })?;
        Some(Self {
            mutex,
            value: UnsafeCell::new(value),
        })
    }

    fn with<R>(&self, critical: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the mutex exists until `drop`. The engine does not take a lock it holds, and a panic aborts, so
        // every lock is followed by its unlock, and nobody else has the value between them.
        unsafe {
            sys::HAL_MutexLock(self.mutex.as_ptr());
            let result = critical(&mut *self.value.get());
            sys::HAL_MutexUnlock(self.mutex.as_ptr());
            result
        }
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        // SAFETY: whoever drops it is the only one who knows of it, so nobody holds the mutex.
        unsafe { sys::HAL_MutexDestroy(self.mutex.as_ptr()) }
    }
}
