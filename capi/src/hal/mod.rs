//! The hardware abstraction: what the application brings.

pub mod sys;
