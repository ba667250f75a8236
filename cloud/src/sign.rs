//! How a device proves who it is: client id extras, user name, signature (Alink; MQTT connection).

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};

use crate::device::{DeviceId, Secret};

/// Longest `{id}` in front of the extras.
const MAX_ID: usize = 64;

/// Longest client id with its extras.
const MAX_CLIENT_ID: usize = 1024;

/// A hash that connection signatures may be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignMethod {
    /// `hmacmd5`; what the platform assumes when a client names none.
    HmacMd5,
    /// `hmacsha1`; what V2.10 firmware uses.
    HmacSha1,
    /// `hmacsha256`.
    HmacSha256,
}

impl SignMethod {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "hmacmd5" => Some(Self::HmacMd5),
            "hmacsha1" => Some(Self::HmacSha1),
            "hmacsha256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    /// The method's name in client ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmacmd5",
            Self::HmacSha1 => "hmacsha1",
            Self::HmacSha256 => "hmacsha256",
        }
    }

    /// Signs `text` with `secret`: the MAC in lower-case hexadecimal.
    pub fn sign(self, secret: &str, text: &str) -> String {
        match self {
            Self::HmacMd5 => hex::encode(
                mac::<Hmac<md5::Md5>>(secret.as_bytes(), text)
                    .finalize()
                    .into_bytes(),
            ),
            Self::HmacSha1 => hex::encode(
                mac::<Hmac<sha1::Sha1>>(secret.as_bytes(), text)
                    .finalize()
                    .into_bytes(),
            ),
            Self::HmacSha256 => hex::encode(
                mac::<Hmac<sha2::Sha256>>(secret.as_bytes(), text)
                    .finalize()
                    .into_bytes(),
            ),
        }
    }

    /// Compares in constant time.
    pub(crate) fn verify(self, secret: &Secret, text: &str, signature: &[u8]) -> bool {
        match self {
            Self::HmacMd5 => mac::<Hmac<md5::Md5>>(secret.bytes(), text)
                .verify_slice(signature)
                .is_ok(),
            Self::HmacSha1 => mac::<Hmac<sha1::Sha1>>(secret.bytes(), text)
                .verify_slice(signature)
                .is_ok(),
            Self::HmacSha256 => mac::<Hmac<sha2::Sha256>>(secret.bytes(), text)
                .verify_slice(signature)
                .is_ok(),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

/// What a device says of itself in the MQTT client id: `{id}|name=value,...|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientId {
    pub(crate) id: String,
    extras: BTreeMap<String, String>,
}

impl ClientId {
    /// Takes a client id apart; white space around names and values does not count. `None`: to be refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CLIENT_ID {
            return None;
        }
        let (id, rest) = text.split_once('|')?;
        let extras = rest.trim_end().strip_suffix('|')?;
        let id = id.trim();
        if id.is_empty() || id.chars().count() > MAX_ID {
            return None;
        }
        let pairs = extras.split(',').filter_map(|pair| pair.split_once('='));
        let extras = pairs
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self {
            id: id.to_owned(),
            extras,
        })
    }

    pub(crate) fn extra(&self, name: &str) -> Option<&str> {
        self.extras.get(name).map(String::as_str)
    }

    fn is_on(&self, name: &str) -> bool {
        self.extra(name) == Some("1")
    }

    /// `ext=1`: the device understands extended RRPC topics.
    pub(crate) fn wants_ext(&self) -> bool {
        self.is_on("ext")
    }

    /// `_ss=1`: the platform is to subscribe the system topics.
    pub(crate) fn wants_system_topics(&self) -> bool {
        self.is_on("_ss")
    }
}

/// Reads the user name `{device name}&{product key}`.
pub(crate) fn parse_username(username: &str) -> Option<DeviceId> {
    let (device_name, product_key) = username.trim().split_once('&')?;
    let id = DeviceId::new(product_key.trim(), device_name.trim());
    (!id.product_key.is_empty() && !id.device_name.is_empty()).then_some(id)
}

/// Whether `password` is the signature of these parameters with the device's secret.
pub(crate) fn is_signed(
    client: &ClientId,
    device: &DeviceId,
    secret: &Secret,
    password: &[u8],
) -> bool {
    let method = client
        .extra("signmethod")
        .map_or(Some(SignMethod::HmacMd5), SignMethod::parse);
    let signature = hex::decode(password.trim_ascii());
    match (method, signature) {
        (Some(method), Ok(signature)) => {
            let text = signed_text(&client.id, device, client.extra("timestamp"));
            method.verify(secret, &text, &signature)
        }
        _ => false,
    }
}

/// The parameters in alphabetical order, name and value, without anything between.
pub(crate) fn signed_text(client_id: &str, device: &DeviceId, timestamp: Option<&str>) -> String {
    let mut text = format!(
        "clientId{client_id}deviceName{}productKey{}",
        device.device_name, device.product_key
    );
    if let Some(timestamp) = timestamp {
        text.push_str("timestamp");
        text.push_str(timestamp);
    }
    text
}

/// What a device presents in CONNECT.
///
/// ```
/// use iotkit_cloud::{Credentials, DeviceId, SignMethod};
/// // made up, as everything here
/// let device = DeviceId::new("a1ProdKey01", "dev-0001");
/// let c = Credentials::new(&device, "SECRETsecret0123456789abcdefABCD", SignMethod::HmacSha1, "securemode=3");
/// assert_eq!(c.username, "dev-0001&a1ProdKey01");
/// assert_eq!(c.password, "fc911b652506c3c93a659790ff343589bb0b5e8e");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The MQTT client id with its extras.
    pub client_id: String,
    /// The MQTT user name.
    pub username: String,
    /// The MQTT password: the signature.
    pub password: String,
}

impl Credentials {
    /// Signs as V2.10 firmware does: client id `{pk}.{dn}`, time stamp 2524608000000; `extras` are added to the
    /// client id's list as they are (`securemode=2,ext=1`).
    pub fn new(device: &DeviceId, secret: &str, method: SignMethod, extras: &str) -> Self {
        const TIMESTAMP: &str = "2524608000000";
        let id = format!("{}.{}", device.product_key, device.device_name);
        let password = method.sign(secret, &signed_text(&id, device, Some(TIMESTAMP)));
        let comma = if extras.is_empty() { "" } else { "," };
        Self {
            client_id: format!(
                "{id}|timestamp={TIMESTAMP},signmethod={}{comma}{extras}|",
                method.name()
            ),
            username: format!("{}&{}", device.device_name, device.product_key),
            password,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made up, as in the reference's worked example.
    const SECRET: &str = "SECRETsecret0123456789abcdefABCD";

    fn verify(client_id: &str, password: &str) -> bool {
        let client = ClientId::parse(client_id).unwrap();
        let device = parse_username("dev-0001&a1ProdKey01").unwrap();
        is_signed(&client, &device, &Secret::from(SECRET), password.as_bytes())
    }

    #[test]
    fn the_worked_example_verifies() {
        let id = "a1ProdKey01.dev-0001|securemode=3,timestamp=2524608000000,signmethod=hmacsha1,gw=0,ext=0,\
                  partner_id=PID1,module_id=MID1|";
        assert!(verify(id, "fc911b652506c3c93a659790ff343589bb0b5e8e"));
        assert!(verify(id, "FC911B652506c3c93a659790ff343589bb0b5e8e"));
        assert!(!verify(id, "fc911b652506c3c93a659790ff343589bb0b5e8f"));
        assert!(!verify(id, "fc911b652506c3c93a659790ff343589bb0b5e"));
        assert!(!verify(id, ""));
        assert!(!verify(id, "not hexadecimal"));
        let md5 = "a1ProdKey01.dev-0001|timestamp=2524608000000,signmethod=hmacmd5|";
        assert!(verify(md5, "f90ca1206ef37599bd3f7206e0efb3c7"));
        assert!(verify(
            "a1ProdKey01.dev-0001|timestamp=2524608000000|",
            "f90ca1206ef37599bd3f7206e0efb3c7"
        ));
    }

    #[test]
    fn parameters_are_trimmed_and_the_timestamp_is_optional() {
        let id = " a1ProdKey01.dev-0001 | securemode = 3 , signmethod=HmacSha1, timestamp= 2524608000000 |";
        assert!(verify(id, " fc911b652506c3c93a659790ff343589bb0b5e8e "));

        let text = "clientIdxdeviceNamedev-0001productKeya1ProdKey01";
        let password = SignMethod::HmacSha256.sign(SECRET, text);
        assert!(verify("x|securemode=2,signmethod=hmacsha256|", &password));
        assert!(!verify(
            "x|securemode=2,signmethod=hmacsha256,timestamp=1|",
            &password
        ));
        assert!(!verify("x|securemode=2,signmethod=plain|", &password));
    }

    #[test]
    fn client_ids_without_a_name_or_list_are_refused() {
        for id in [
            "",
            "|",
            "|a=b|",
            "abc",
            "abc|a=b",
            &format!("{}|a=b|", "x".repeat(65)),
        ] {
            assert_eq!(ClientId::parse(id), None, "{id}");
        }
        assert!(ClientId::parse(&format!("{}|a=b|", "x".repeat(64))).is_some());
        let parsed = ClientId::parse("abc|_ss=1,ext=1,lan=C|").unwrap();
        assert!(parsed.wants_ext() && parsed.wants_system_topics());
    }
}
