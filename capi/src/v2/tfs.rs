//! `tfs.h`: what applications use of the ID2 library's header when that library is not there.

/// Length of an ID2.
pub const TFS_ID2_LEN: usize = 24;
