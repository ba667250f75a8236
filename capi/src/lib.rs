//! The C interface.

pub mod hal;
pub mod v2;
