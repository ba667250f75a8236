//! The V2.10 interface: one file for each of its headers, functions in the header's order.
//!
//! The headers in `include/v2` are generated from these files (`cargo xtask headers`), doc comments included, so the
//! comments are written for readers of C. A function that is not implemented stands in an `unsafe extern "C"` block:
//! the header declares it, the archive does not define it, and a program that needs it fails to link. To implement
//! one, turn its declaration into a `#[unsafe(no_mangle)] pub unsafe extern "C" fn` at the same place.
//!
//! Types are declared once for both languages, with these rules:
//!
//! - A C enum that arrives from the application has the type `MaybeUninit<Enum>`: it prints as the enum in the header,
//!   and holds any number a caller may have written. Read it with [`number`].
//! - A C type that Rust has no name for (`size_t`, `va_list`) is in [`ctypes`], which makes no header.
//! - `[T; N + 1]` would become an opaque struct in the header, so array lengths are literals or plain constants.
//! - `cfg(feature = "...")` becomes `#if defined(...)`; `FEATURES` in `xtask/src/headers.rs` says which macro. At the
//!   head of a file it empties the whole header.
//! - The features that leave out a part of the library (`PARTS` there) have no macro: what they leave out is declared all
//!   the same, like a function that is not implemented.
//! - Only what is `pub` appears in the header, functions if they are exported, too. Their `# Safety` section becomes
//!   `@pre`.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)] // upstream's names, typos and all

use core::{ffi::c_int, mem::MaybeUninit};

/// Holds a `#[repr(C)]` struct to the layout C has for it on 64-bit targets: its size, and the offset of every field.
/// (`cargo xtask abi` checks the generated headers on 32-bit targets too.)
macro_rules! layout {
    ($name:ident = $size:literal { $($field:ident: $offset:literal),+ $(,)? }) => {
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            assert!(size_of::<$name>() == $size, stringify!($name));
            $(assert!(core::mem::offset_of!($name, $field) == $offset, stringify!($name.$field));)+
            // Exhaustive: a field that is missing above does not compile.
            #[allow(dead_code, deprecated)]
            fn every_field_is_listed($name { $($field: _),+ }: $name) {}
        };
    };
}
pub(crate) use layout;

pub mod class_interface;
pub mod ctypes;
pub mod iot_export;
pub mod iot_export_cloud_connection;
#[cfg(feature = "cmp")]
pub mod iot_export_cmp;
pub mod iot_export_coap;
pub mod iot_export_cota;
pub mod iot_export_dm;
pub mod iot_export_errno;
pub mod iot_export_ext;
pub mod iot_export_fota;
#[cfg(feature = "http")]
pub mod iot_export_http;
#[cfg(feature = "mqtt")]
pub mod iot_export_mqtt;
#[cfg(feature = "ota")]
pub mod iot_export_ota;
#[cfg(feature = "mqtt")]
pub mod iot_export_shadow;
#[cfg(feature = "mqtt")]
pub mod iot_export_subdev;
pub mod iot_import_config;
pub mod linkkit_export;
pub mod lite_log;
pub mod lite_queue;
pub mod lite_system;
pub mod lite_utils;
pub mod tfs;
pub mod utils_hmac;

/// The number in an enum that came from C, whether the enum knows it or not.
///
/// On bare-metal Arm an enum is as small as its values allow, elsewhere it is an `int`. A small one is read as signed,
/// so that negative enumerators keep their value.
///
/// # Safety
///
/// `value` is what a C caller passed or stored, so all its bytes are initialised.
pub unsafe fn number<E: Copy>(value: MaybeUninit<E>) -> c_int {
    let raw = value.as_ptr();
    // SAFETY: by the contract the bytes are there, and an integer of their number may hold any of them.
    unsafe {
        match size_of::<E>() {
            1 => raw.cast::<i8>().read().into(),
            2 => raw.cast::<i16>().read().into(),
            _ => raw.cast::<c_int>().read(),
        }
    }
}
