//! What the tests of the C interface share.
#![allow(dead_code)] // each test uses a part

pub(crate) mod hal;
pub(crate) mod memory;
pub(crate) mod packet;
