//! Nothing but a place for `tests/`.
