//! `lite-log.h`: the log, for applications that write into it.

use core::ffi::{c_char, c_int};

unsafe extern "C" {
    /// Writes a line to the log, if the log is open and `level` is at most its level. Call it through
    /// `log_emerg(...)` to `log_debug(...)`, which add the place of the call.
    ///
    /// @param f      name of the calling function
    /// @param l      line of the call
    /// @param level  0 (emergency) to 5 (debug), as `IOT_LogLevel`
    /// @param fmt    a format as for `printf`
    pub fn LITE_syslog(f: *const c_char, l: c_int, level: c_int, fmt: *const c_char, ...);
}
