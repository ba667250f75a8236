//! Updates: what is announced, and how an image is fetched from a server that is played here, on a virtual clock.

mod download;
mod message;
mod world;
