//! `IOT_OpenLog` to `IOT_DumpMemoryStats`, and `LITE_syslog`.
#![cfg_attr(miri, feature(c_variadic))]

mod common;

use std::{ffi::c_int, mem::MaybeUninit, ptr};

use common::hal::Hal;
use iot_sdk::v2::iot_export::{
    IOT_CloseLog, IOT_DumpMemoryStats, IOT_LogLevel, IOT_OpenLog, IOT_SetLogLevel,
    IOT_SetupConnInfoSecure,
};

/// Any number in the place of the enum, as C allows.
fn level(number: c_int) -> MaybeUninit<IOT_LogLevel> {
    let mut level = MaybeUninit::<IOT_LogLevel>::uninit();
    // SAFETY: the enum has the size of an `int` on the hosts these tests run on.
    unsafe { level.as_mut_ptr().cast::<c_int>().write(number) };
    level
}

/// Makes the library log one error.
fn provoke_an_error() {
    // SAFETY: all pointers may be `NULL`.
    unsafe { IOT_SetupConnInfoSecure(ptr::null(), ptr::null(), ptr::null(), ptr::null_mut()) };
}

#[test]
fn a_line_has_a_tag_a_place_and_a_line_end() {
    let hal = Hal::take();
    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"mqtt".as_ptr()) };
    IOT_SetLogLevel(level(2));
    provoke_an_error();
    assert_eq!(
        hal.printed(),
        "[err] iotkit(0): IOT_SetupConnInfoSecure: this library is built without ID2; call IOT_SetupConnInfo\r\n"
    );
}

#[test]
fn what_is_printed_depends_on_the_name_and_the_level() {
    let hal = Hal::take();
    let printed = || {
        provoke_an_error();
        !hal.printed().is_empty()
    };
    assert!(!printed(), "closed at first");
    IOT_SetLogLevel(level(5));
    assert!(!printed(), "a level does not open the log");

    // SAFETY: strings, and NULL.
    unsafe {
        IOT_OpenLog(c"name".as_ptr());
        assert!(!printed(), "opening sets the level back");
        IOT_SetLogLevel(level(1));
        assert!(!printed(), "an error is not critical");
        IOT_SetLogLevel(level(2));
        assert!(printed());

        IOT_OpenLog(c"".as_ptr());
        IOT_SetLogLevel(level(5));
        assert!(!printed(), "an empty name leaves it off");

        IOT_OpenLog(ptr::null());
        IOT_SetLogLevel(level(5));
        assert!(printed(), "NULL stands for a name");
    }
    IOT_CloseLog();
    IOT_SetLogLevel(level(5));
    assert!(!printed(), "closed");
}

#[test]
fn a_number_that_is_no_level_changes_nothing() {
    let hal = Hal::take();
    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"x".as_ptr()) };
    IOT_SetLogLevel(level(4));
    for number in [6, -1, c_int::MAX, c_int::MIN] {
        IOT_SetLogLevel(level(number));
        assert_eq!(
            hal.printed(),
            format!("[err] iotkit(0): IOT_SetLogLevel: not a level: {number}\r\n")
        );
    }
    IOT_DumpMemoryStats(level(4));
    assert!(
        hal.printed().contains("bytes_total_in_use"),
        "the level is still 4"
    );
}

#[test]
fn memory_statistics_are_nine_lines_between_two_rules() {
    let hal = Hal::take();
    IOT_SetLogLevel(level(3));
    IOT_DumpMemoryStats(level(4));
    assert_eq!(hal.printed(), "", "less important than what is wanted");

    IOT_DumpMemoryStats(level(3)); // the log need not be open
    let printed = hal.printed();
    let lines: Vec<_> = printed.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 11, "{printed}");
    assert_eq!([lines[0], lines[10]], ["-".repeat(51), "-".repeat(51)]);
    let value = |name: &str| -> u32 {
        let line = lines
            .iter()
            .find(|line| line.starts_with(&format!(". {name}:")))
            .unwrap();
        line[line.find(':').unwrap() + 1..].trim().parse().unwrap()
    };
    assert_eq!(
        value("bytes_total_allocated"),
        value("bytes_total_freed") + value("bytes_total_in_use")
    );
    assert_eq!(
        value("iterations_allocated"),
        value("iterations_freed") + value("iterations_in_use")
    );
    assert!(value("bytes_total_in_use") <= value("bytes_max_in_use"));
    assert!(value("iterations_in_use") <= value("iterations_max_in_use"));
    assert!(value("bytes_max_allocated") <= value("bytes_max_in_use"));
    for name in ["bytes_max_allocated", "iterations_max_in_use"] {
        assert_ne!(value(name), 0, "{name}: the test itself allocates");
    }

    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"x".as_ptr()) };
    IOT_SetLogLevel(level(5));
    IOT_DumpMemoryStats(level(-1));
    let printed = hal.printed();
    assert!(printed.starts_with("[wrn] "), "{printed}");
    assert_eq!(printed.lines().count(), 12, "taken as debug: {printed}");
}

#[test]
fn blocks_in_use_are_counted_until_they_are_freed() {
    let hal = Hal::take();
    IOT_SetLogLevel(level(5));
    let in_use = || -> i64 {
        IOT_DumpMemoryStats(level(0));
        let printed = hal.printed();
        let line = printed
            .lines()
            .find(|line| line.contains("bytes_total_in_use"))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = in_use();
    // Far more than the test runner takes or frees meanwhile.
    let block = vec![0_u8; 50_000_000];
    let with_block = in_use();
    assert!(with_block - before > 49_000_000, "{before} -> {with_block}");
    drop(block);
    assert!(with_block - in_use() > 49_000_000);
}

/// C, which Miri cannot run.
#[cfg(not(miri))]
mod syslog {
    use super::*;
    use iot_sdk::v2::lite_log::LITE_syslog;

    #[test]
    fn an_application_logs_with_its_own_place() {
        let hal = Hal::take();
        // SAFETY: the arguments are those of the format.
        unsafe {
            LITE_syslog(c"f".as_ptr(), 1, 0, c"closed".as_ptr());
            IOT_OpenLog(c"app".as_ptr());
            IOT_SetLogLevel(level(4));
            LITE_syslog(
                c"main".as_ptr(),
                42,
                4,
                c"%s is %d".as_ptr(),
                c"x".as_ptr(),
                -7 as c_int,
            );
            LITE_syslog(c"main".as_ptr(), 43, 5, c"more than wanted".as_ptr());
            LITE_syslog(c"main".as_ptr(), 44, -1, c"no level".as_ptr());
            LITE_syslog(c"main".as_ptr(), 45, 6, c"no level".as_ptr());
            LITE_syslog(ptr::null(), -1, 0, c"nowhere".as_ptr());
        }
        assert_eq!(
            hal.printed(),
            "[inf] main(42): x is -7\r\n[emg] ?(-1): nowhere\r\n"
        );
    }

    #[test]
    fn long_text_is_cut_marked_and_printed_in_pieces() {
        let hal = Hal::take();
        let text = |len: usize| {
            let text = std::ffi::CString::new("x".repeat(len)).unwrap();
            // SAFETY: the arguments are those of the format.
            unsafe { LITE_syslog(c"f".as_ptr(), 1, 0, c"%s".as_ptr(), text.as_ptr()) };
            let pieces = hal.pieces();
            assert!(pieces.iter().all(|piece| piece.len() <= 126));
            String::from_utf8(pieces.concat()).unwrap()
        };
        // SAFETY: a string.
        unsafe { IOT_OpenLog(c"app".as_ptr()) };
        assert_eq!(text(511), format!("[emg] f(1): {}\r\n", "x".repeat(511)));
        let cut = format!("[emg] f(1): {} ...\r\n", "x".repeat(512));
        assert_eq!(text(512), cut);
        assert_eq!(text(5000), cut);
        assert_eq!(text(0), "[emg] f(1): \r\n");
    }
}
