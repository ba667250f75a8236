//! TLS sessions.
