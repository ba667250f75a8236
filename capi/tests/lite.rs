//! `utils_hmac_*`, and what of `lite-utils.h` applications use.
#![cfg_attr(miri, feature(c_variadic))]

mod common;

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use common::hal::Hal;
use iot_sdk::v2::utils_hmac::{utils_hmac_md5, utils_hmac_sha1};

type Sign = unsafe extern "C" fn(*const c_char, c_int, *mut c_char, *const c_char, c_int);

/// The 64 bytes of a caller's buffer, of which unwritten ones are dots.
fn signed(sign: Sign, msg: &[u8], key: &[u8]) -> String {
    let mut digest = [b'.'; 64];
    // SAFETY: the lengths are those of the buffers.
    unsafe {
        sign(
            msg.as_ptr().cast(),
            msg.len() as c_int,
            digest.as_mut_ptr().cast(),
            key.as_ptr().cast(),
            key.len() as c_int,
        );
    }
    String::from_utf8(digest.to_vec()).unwrap()
}

/// RFC 2202, test case 2.
#[test]
fn signatures_are_lower_case_hex_without_a_nul() {
    let text = b"what do ya want for nothing?";
    assert_eq!(
        signed(utils_hmac_sha1, text, b"Jefe"),
        format!("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79{}", ".".repeat(24))
    );
    assert_eq!(
        signed(utils_hmac_md5, text, b"Jefe"),
        format!("750c783e6ab0b503eaa86e310a5db738{}", ".".repeat(32))
    );
}

#[test]
fn a_bad_argument_of_a_signature_leaves_the_buffer_alone() {
    let _hal = Hal::take();
    let untouched = ".".repeat(64);
    for sign in [utils_hmac_sha1 as Sign, utils_hmac_md5] {
        assert_eq!(
            signed(sign, b"x", &[b'k'; 65]),
            untouched,
            "a key of 65 bytes"
        );
        assert_ne!(signed(sign, b"x", &[b'k'; 64]), untouched);
        assert_ne!(signed(sign, b"", b""), untouched);

        let mut digest = [b'.'; 64];
        let to = digest.as_mut_ptr().cast();
        let text = c"text".as_ptr();
        // SAFETY: `NULL`, or as long as said.
        unsafe {
            sign(ptr::null(), 4, to, text, 4);
            sign(text, 4, to, ptr::null(), 4);
            sign(text, 4, ptr::null_mut(), text, 4);
            sign(text, -1, to, text, 4);
            sign(text, 4, to, text, -1);
        }
        assert_eq!(digest, [b'.'; 64]);
    }
}

/// C, which Miri cannot run.
#[cfg(not(miri))]
mod utils {
    use std::ffi::{CStr, CString, c_void};

    use super::*;
    use iot_sdk::v2::lite_utils::{
        LITE_format_string, LITE_free_internal, LITE_json_value_of, LITE_malloc_internal,
    };

    /// What the lookup gives, freed.
    fn value_of(key: &str, src: &str) -> Option<String> {
        let [key, src] = [key, src].map(|text| CString::new(text).unwrap());
        // SAFETY: strings.
        take(unsafe { LITE_json_value_of(key.as_ptr().cast_mut(), src.as_ptr().cast_mut()) })
    }

    fn take(text: *mut c_char) -> Option<String> {
        if text.is_null() {
            return None;
        }
        // SAFETY: a string of the library, freed once.
        unsafe {
            let copy = CStr::from_ptr(text).to_str().unwrap().to_owned();
            LITE_free_internal(text.cast());
            Some(copy)
        }
    }

    #[test]
    fn values_are_copied_as_they_are_written() {
        let hal = Hal::take();
        let src = r#" {"id":"12","code":200,"ok":true,"data":{"a":{"b":-1.5e3},"list":[1, {"x":2}]},
                      "text":"say \"hi\"\n","none":null,"empty":"" } and more"#;
        let value = |key| value_of(key, src);
        assert_eq!(value("id").as_deref(), Some("12"));
        assert_eq!(value("code").as_deref(), Some("200"));
        assert_eq!(value("ok").as_deref(), Some("true"));
        assert_eq!(value("data.a").as_deref(), Some(r#"{"b":-1.5e3}"#));
        assert_eq!(value("data.a.b").as_deref(), Some("-1.5e3"));
        assert_eq!(value("data.list").as_deref(), Some(r#"[1, {"x":2}]"#));
        assert_eq!(value("text").as_deref(), Some(r#"say \"hi\"\n"#));
        for key in ["none", "empty", "nothing", "data.nothing", "id.x", "", "."] {
            assert_eq!(value(key), None, "{key}");
        }
        assert_eq!(hal.live_blocks(), 0);
    }

    #[test]
    fn a_lookup_without_arguments_memory_or_json_gives_nothing() {
        let hal = Hal::take();
        let text = c"{}".as_ptr().cast_mut();
        // SAFETY: `NULL` or strings.
        unsafe {
            assert!(LITE_json_value_of(ptr::null_mut(), text).is_null());
            assert!(LITE_json_value_of(text, ptr::null_mut()).is_null());
        }
        for bad in [
            "",
            "{",
            "[]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"b",
            "{hello world!}",
            "\"a\"",
        ] {
            assert_eq!(value_of("a", bad), None, "{bad}");
        }
        hal.fail_allocations_after(0);
        assert_eq!(value_of("a", r#"{"a":1}"#), None);
    }

    #[test]
    fn memory_comes_from_the_hal_and_goes_back() {
        let hal = Hal::take();
        // SAFETY: every block is freed once.
        unsafe {
            let block =
                LITE_malloc_internal(c"f".as_ptr(), 1, 10, 0x1234 as c_int, c"module".as_ptr());
            block.write_bytes(1, 10);
            assert_eq!(hal.live_blocks(), 1);
            LITE_free_internal(block);
            assert_eq!(hal.live_blocks(), 0);
            LITE_free_internal(ptr::null_mut::<c_void>());

            assert!(LITE_malloc_internal(c"f".as_ptr(), 1, 0).is_null());
            assert!(LITE_malloc_internal(c"f".as_ptr(), 1, -5).is_null());
            hal.fail_allocations_after(0);
            assert!(LITE_malloc_internal(c"f".as_ptr(), 1, 1).is_null());
        }
    }

    #[test]
    fn text_of_any_length_is_formatted() {
        let hal = Hal::take();
        let long = CString::new("x".repeat(3000)).unwrap();
        // SAFETY: the arguments are those of the formats.
        unsafe {
            let text = LITE_format_string(c"%s-%d".as_ptr(), long.as_ptr(), 7 as c_int);
            assert_eq!(take(text), Some(format!("{}-7", "x".repeat(3000))));
            assert_eq!(
                take(LITE_format_string(c"%s".as_ptr(), c"".as_ptr())),
                Some(String::new())
            );
            assert_eq!(take(LITE_format_string(ptr::null())), None);
            assert_eq!(hal.live_blocks(), 0);
            hal.fail_allocations_after(0);
            assert_eq!(take(LITE_format_string(c"x".as_ptr())), None);
        }
    }
}
