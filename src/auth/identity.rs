//! The three strings the console shows for a device.

use core::fmt;

/// Product key, device name and device secret, checked for the platform's limits.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    product_key: &'a str,
    device_name: &'a str,
    device_secret: &'a str,
}

impl<'a> Identity<'a> {
    /// The longest product key.
    pub const PRODUCT_KEY_MAX: usize = 20;
    /// The longest device name.
    pub const DEVICE_NAME_MAX: usize = 32;
    /// The longest device secret.
    pub const DEVICE_SECRET_MAX: usize = 64;

    /// Accepts strings that are neither empty nor over-long.
    pub fn new(
        product_key: &'a str,
        device_name: &'a str,
        device_secret: &'a str,
    ) -> Result<Self, Error> {
        fits(product_key, Self::PRODUCT_KEY_MAX, Part::ProductKey)?;
        fits(device_name, Self::DEVICE_NAME_MAX, Part::DeviceName)?;
        fits(device_secret, Self::DEVICE_SECRET_MAX, Part::DeviceSecret)?;
        Ok(Self {
            product_key,
            device_name,
            device_secret,
        })
    }

    /// The product key.
    #[must_use]
    pub fn product_key(&self) -> &'a str {
        self.product_key
    }

    /// The device name.
    #[must_use]
    pub fn device_name(&self) -> &'a str {
        self.device_name
    }

    /// The device secret: not for a log.
    #[must_use]
    pub fn device_secret(&self) -> &'a str {
        self.device_secret
    }
}

/// A secret shows as its length.
impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("product_key", &self.product_key)
            .field("device_name", &self.device_name)
            .field(
                "device_secret",
                &format_args!("{} bytes", self.device_secret.len()),
            )
            .finish()
    }
}

/// Why an identity or what is built from it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The part is an empty string.
    Empty(Part),
    /// The part is longer than the platform or the C structure allows.
    TooLong(Part),
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The product key, at most 20 bytes.
    ProductKey,
    /// The device name, at most 32 bytes.
    DeviceName,
    /// The device secret, at most 64 bytes.
    DeviceSecret,
    /// The name of the server.
    HostName,
    /// The user name of CONNECT.
    Username,
    /// The password of CONNECT.
    Password,
    /// The client identifier of CONNECT, which also holds the ids of partner and module.
    ClientId,
}

impl Part {
    /// The name for a log line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProductKey => "product key",
            Self::DeviceName => "device name",
            Self::DeviceSecret => "device secret",
            Self::HostName => "host name",
            Self::Username => "user name",
            Self::Password => "password",
            Self::ClientId => "client id",
        }
    }
}

fn fits(text: &str, max: usize, part: Part) -> Result<(), Error> {
    match text.len() {
        0 => Err(Error::Empty(part)),
        len if len > max => Err(Error::TooLong(part)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    #[test]
    fn maximal_lengths_are_accepted_and_one_more_is_not() {
        let [pk, dn, ds] = [20, 32, 64].map(|len| "x".repeat(len));
        assert!(Identity::new(&pk, &dn, &ds).is_ok());

        let [long_pk, long_dn, long_ds] = [21, 33, 65].map(|len| "x".repeat(len));
        let refused = |pk, dn, ds| Identity::new(pk, dn, ds).err();
        assert_eq!(
            refused(&long_pk, &dn, &ds),
            Some(Error::TooLong(Part::ProductKey))
        );
        assert_eq!(
            refused(&pk, &long_dn, &ds),
            Some(Error::TooLong(Part::DeviceName))
        );
        assert_eq!(
            refused(&pk, &dn, &long_ds),
            Some(Error::TooLong(Part::DeviceSecret))
        );
        assert_eq!(refused("", &dn, &ds), Some(Error::Empty(Part::ProductKey)));
        assert_eq!(refused(&pk, "", &ds), Some(Error::Empty(Part::DeviceName)));
        assert_eq!(
            refused(&pk, &dn, ""),
            Some(Error::Empty(Part::DeviceSecret))
        );
    }

    #[test]
    fn the_debug_output_hides_the_secret() {
        let identity = Identity::new("pk", "dn", "made-up secret").expect("valid");
        let shown = format!("{identity:?}");
        assert!(
            !shown.contains("made-up") && shown.contains("14 bytes"),
            "{shown}"
        );
    }
}
