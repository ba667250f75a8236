//! Builds and runs C programs.
