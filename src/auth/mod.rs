//! Who the device is and how it proves it.
//!
//! ```text
//! Identity + HMAC ──> conn_info: host, user name, password, client id of the MQTT connection
//!               └───> mid:       the report of the module's maker, published once per connection
//! ```
//!
//! Everything is computed from arguments into buffers of the caller; nothing is cut to fit.

pub mod conn_info;
mod identity;
pub mod mid;
pub mod sign;

pub use identity::{Error, Identity, Part};
