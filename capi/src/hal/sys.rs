//! The only declaration of `HAL_*`, one file for each of the headers that carry them.
//!
//! A program that links the library defines the functions its features need; `docs/porting.md` says which. The
//! comments are the contract with a port, and end up in the headers.
//!
//! What holds for all of them: they are called from any thread that calls the library, and from its event handlers.
//! Texts are NUL-terminated, times are in milliseconds.
#![allow(non_camel_case_types, non_snake_case)] // upstream's names

mod iot_import;
mod iot_import_dtls;
mod iot_import_product;
mod itls;

pub use self::{iot_import::*, iot_import_dtls::*, iot_import_product::*, itls::*};
