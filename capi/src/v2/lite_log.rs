//! `lite-log.h`: the log, for applications that write into it.

use core::ffi::{CStr, c_char, c_int};

use iotkit::log::Level;

use crate::log;

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

/// Whether a line of `level` would be printed: `LITE_syslog` asks before it formats.
#[unsafe(no_mangle)]
extern "C" fn iotkit_log_enabled(level: c_int) -> c_int {
    Level::try_from(i64::from(level))
        .is_ok_and(log::enabled)
        .into()
}

/// Prints a line that `LITE_syslog` has formatted, marked as cut unless it is `whole`.
///
/// # Safety
///
/// `function` is `NULL` or a NUL-terminated string, `text` is a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotkit_log_write(
    function: *const c_char,
    line: c_int,
    level: c_int,
    text: *const c_char,
    whole: c_int,
) {
    let Ok(level) = Level::try_from(i64::from(level)) else {
        return;
    };
    let function = if function.is_null() {
        c"?"
    } else {
        // SAFETY: it is a string, by the contract.
        unsafe { CStr::from_ptr(function) }
    };
    // SAFETY: it is a string, by the contract.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    let mark: &[u8] = if whole == 0 { b" ..." } else { b"" };
    log::write_foreign(level, function, line.into(), &[text, mark]);
}
