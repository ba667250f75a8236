//! What an MQTT connection to the platform says in CONNECT, and where it goes.
//!
//! Everything is known on the device, unless the platform was asked before. The timestamp is a constant, so the same
//! device always gets the same strings.

use super::sign::{Key, Method, Signature};
use super::{Error, Identity, Part};

/// The port of the MQTT service, for TLS and plain TCP alike.
pub const PORT: u16 = 1883;

/// The signed timestamp: 2050-01-01T00:00:00Z in milliseconds, not a clock reading.
pub(crate) const TIMESTAMP: &str = "2524608000000";

/// Where the platform runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Region {
    /// China (Shanghai), the default.
    #[default]
    Shanghai = 0,
    /// Singapore.
    Singapore = 1,
    /// Japan.
    Japan = 2,
    /// US west.
    UsWest = 3,
    /// Germany.
    Germany = 4,
}

impl Region {
    /// The region's MQTT domain; the product key and a dot stand in front of it.
    #[must_use]
    pub const fn mqtt_domain(self) -> &'static str {
        match self {
            Self::Shanghai => "iot-as-mqtt.cn-shanghai.aliyuncs.com",
            Self::Singapore => "iot-as-mqtt.ap-southeast-1.aliyuncs.com",
            Self::Japan => "iot-as-mqtt.ap-northeast-1.aliyuncs.com",
            Self::UsWest => "iot-as-mqtt.us-west-1.aliyuncs.com",
            Self::Germany => "iot-as-mqtt.eu-central-1.aliyuncs.com",
        }
    }
}

/// The number an application gives; one that is not known means the default.
impl From<i64> for Region {
    fn from(number: i64) -> Self {
        match number {
            1 => Self::Singapore,
            2 => Self::Japan,
            3 => Self::UsWest,
            4 => Self::Germany,
            _ => Self::Shanghai,
        }
    }
}

/// How the connection is protected; tells `securemode` to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS, `securemode=2`; -1 if the platform was asked before.
    Tls,
    /// Plain TCP, `securemode=3`; 0 if the platform was asked before.
    Plain,
}

/// Where to connect, and as whom, if the platform was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted<'a> {
    /// The server's name.
    pub host: &'a [u8],
    /// Its port.
    pub port: u16,
    /// The user name.
    pub iot_id: &'a [u8],
    /// The password.
    pub iot_token: &'a [u8],
}

/// Everything the connection info is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The device.
    pub identity: Identity<'a>,
    /// Where to connect.
    pub region: Region,
    /// How to connect.
    pub security: Security,
    /// What the platform has said, if it was asked; else the device signs for itself.
    pub granted: Option<Granted<'a>>,
    /// Whether the device speaks for sub-devices (`gw=`).
    pub gateway: bool,
    /// Whether the device knows the second RRPC topic family (`ext=`).
    pub extended_rrpc: bool,
    /// Who sold the module; nothing is said if empty.
    pub partner_id: &'a [u8],
    /// Which module it is; nothing is said if empty.
    pub module_id: &'a [u8],
}

/// The caller's buffers, each for a text and a NUL.
#[derive(Debug)]
pub struct Fields<'b> {
    /// The server's name. Left alone if only the case of its letters differs: an application may
    /// have changed it in place.
    pub host_name: &'b mut [u8],
    /// The client identifier.
    pub client_id: &'b mut [u8],
    /// The user name.
    pub username: &'b mut [u8],
    /// The password, a signature.
    pub password: &'b mut [u8],
}

impl Fields<'_> {
    /// Brings all fields up to date, writing only those that differ: another thread may be reading
    /// what stays the same. If one does not fit, none is written.
    pub fn update<M: Method>(&mut self, setup: &Setup<'_>) -> Result<(), Error> {
        let id = setup.identity;
        let (pk, dn) = (id.product_key().as_bytes(), id.device_name().as_bytes());

        let labelled =
            |label: &'static [u8], value: &[u8]| if value.is_empty() { &[] } else { label };

        let signature;
        let (host_name, username, password): ([&[u8]; 3], [&[u8]; 3], &[u8]) = match setup.granted {
            None => {
                // `Identity` has checked it; a key of 64 bytes is the longest.
                let key = Key::new(id.device_secret().as_bytes())
                    .map_err(|_| Error::TooLong(Part::DeviceSecret))?;
                signature = sign::<M>(&id, &key);
                (
                    [pk, b".", setup.region.mqtt_domain().as_bytes()],
                    [dn, b"&", pk],
                    signature.as_bytes(),
                )
            }
            Some(it) => ([it.host, b"", b""], [it.iot_id, b"", b""], it.iot_token),
        };
        let (host_name, username): (&[&[u8]], &[&[u8]]) = (&host_name, &username);
        let password: &[&[u8]] = &[password];
        let client_id: &[&[u8]] = &[
            pk,
            b".",
            dn,
            match (setup.security, setup.granted) {
                (Security::Tls, None) => b"|securemode=2,timestamp=",
                (Security::Plain, None) => b"|securemode=3,timestamp=",
                (Security::Tls, Some(_)) => b"|securemode=-1,timestamp=",
                (Security::Plain, Some(_)) => b"|securemode=0,timestamp=",
            },
            TIMESTAMP.as_bytes(),
            b",signmethod=",
            M::NAME.as_bytes(),
            if setup.gateway { b",gw=1" } else { b",gw=0" },
            if setup.extended_rrpc {
                b",ext=1"
            } else {
                b",ext=0"
            },
            labelled(b",partner_id=", setup.partner_id),
            setup.partner_id,
            labelled(b",module_id=", setup.module_id),
            setup.module_id,
            b"|",
        ];

        fits(host_name, self.host_name, Part::HostName)?;
        fits(client_id, self.client_id, Part::ClientId)?;
        fits(username, self.username, Part::Username)?;
        fits(password, self.password, Part::Password)?;

        if !holds(self.host_name, host_name, u8::eq_ignore_ascii_case) {
            write(self.host_name, host_name);
        }
        for (field, parts) in [
            (&mut *self.client_id, client_id),
            (&mut *self.username, username),
            (&mut *self.password, password),
        ] {
            if !holds(field, parts, u8::eq) {
                write(field, parts);
            }
        }
        Ok(())
    }
}

/// The device's signature for a connection (reference: mqtt.md, 4.4).
pub(crate) fn sign<M: Method>(device: &Identity<'_>, secret: &Key) -> Signature {
    let product_key = device.product_key().as_bytes();
    let device_name = device.device_name().as_bytes();
    M::sign(
        secret,
        &[
            b"clientId",
            product_key,
            b".",
            device_name,
            b"deviceName",
            device_name,
            b"productKey",
            product_key,
            b"timestamp",
            TIMESTAMP.as_bytes(),
        ],
    )
}

/// The parts in one go, up to the first `||`: the platform's separator cannot be part of a value.
fn text(parts: &[&[u8]]) -> impl Iterator<Item = u8> {
    let mut bytes = parts.iter().copied().flatten().copied().peekable();
    core::iter::from_fn(move || {
        let byte = bytes.next()?;
        (byte != b'|' || bytes.peek() != Some(&b'|')).then_some(byte)
    })
}

fn fits(parts: &[&[u8]], field: &[u8], part: Part) -> Result<(), Error> {
    if text(parts).count() < field.len() {
        Ok(())
    } else {
        Err(Error::TooLong(part))
    }
}

/// Whether `field` holds the text of `parts` and its NUL.
fn holds(field: &[u8], parts: &[&[u8]], same: impl Fn(&u8, &u8) -> bool) -> bool {
    let mut expected = text(parts).chain([0]);
    field
        .iter()
        .zip(&mut expected)
        .all(|(is, should)| same(is, &should))
}

/// Overwrites the whole field, so that nothing of a longer one before stays behind.
fn write(field: &mut [u8], parts: &[&[u8]]) {
    let padded = text(parts).chain(core::iter::repeat(0));
    field
        .iter_mut()
        .zip(padded)
        .for_each(|(slot, byte)| *slot = byte);
}
