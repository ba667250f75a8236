//! `LITE_json_value_of`, as a C program calls it, with a key and, behind a NUL, a text: the value serde finds, in memory
//! of its own.
#![no_main]

use std::{
    alloc::{Layout, alloc, dealloc},
    ffi::{CStr, CString, c_void},
    ptr,
};

use iot_sdk::v2::lite_utils::{LITE_free_internal, LITE_json_value_of};
use iotkit_fuzz::json::{self, Found};
use libfuzzer_sys::fuzz_target;

/// As deep as the library reads.
const DEPTH_MAX: usize = 32;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|byte| *byte == 0);
    let mut text = || CString::new(parts.next().unwrap_or_default()).expect("no NUL");
    let (key, source) = (text(), text());

    // SAFETY: both are strings; the function has no use for a third.
    let found = unsafe { LITE_json_value_of(key.as_ptr().cast_mut(), source.as_ptr().cast_mut()) };
    let value = (!found.is_null()).then(|| {
        // SAFETY: it is a string, which is not freed yet.
        unsafe { CStr::from_ptr(found) }.to_bytes().to_vec()
    });
    // SAFETY: it came from the function, or is `NULL`, and is not used after.
    unsafe { LITE_free_internal(found.cast()) };

    let depth = source
        .to_bytes()
        .iter()
        .filter(|byte| matches!(byte, b'{' | b'['));
    if let (Ok(key), Ok(source)) = (key.to_str(), source.to_str())
        && depth.count() <= DEPTH_MAX
    {
        let expected = match json::find(source, key) {
            Found::NotJson => return, // a value before what is wrong may be found
            Found::Nothing => None,
            Found::Value(raw) if raw == "null" || raw == "\"\"" => None,
            Found::Value(raw) => Some(unquoted(&raw).to_owned()),
        };
        assert_eq!(value, expected.map(String::into_bytes));
    }
});

/// A string without its quotes, anything else as it is.
fn unquoted(raw: &str) -> &str {
    raw.strip_prefix('"')
        .and_then(|raw| raw.strip_suffix('"'))
        .unwrap_or(raw)
}

/// In front of each block lies its size.
const AHEAD: usize = 16;

/// The port's part, in memory that AddressSanitizer watches.
#[unsafe(no_mangle)]
extern "C" fn HAL_Malloc(size: u32) -> *mut c_void {
    let Some(layout) = layout(size as usize) else {
        return ptr::null_mut();
    };
    // SAFETY: the size is not 0, and there is room in front for one.
    unsafe {
        let block = alloc(layout);
        block.cast::<usize>().write(size as usize);
        block.add(AHEAD).cast()
    }
}

/// # Safety
///
/// `block` is `NULL`, or came from `HAL_Malloc` and was not yet freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: `HAL_Malloc` has allocated it so, by the contract.
    unsafe {
        let block = block.cast::<u8>().sub(AHEAD);
        let size = block.cast::<usize>().read();
        dealloc(block, layout(size).expect("it was allocated"));
    }
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(AHEAD)?, AHEAD).ok()
}
