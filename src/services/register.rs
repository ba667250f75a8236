//! Dynamic registration: a device that knows its product's secret asks for its own (Alink, 4.1, in the form of later SDKs).

use alloc::boxed::Box;

use crate::{
    auth::{
        conn_info::Region,
        sign::{HmacSha256, Key, Method},
    },
    wire::{
        http::{concat, escaped},
        json::Value,
    },
};

/// How many random characters a request has.
pub const RANDOM_LEN: usize = 15;

/// The URL to send to: of the region's authentication service.
#[must_use]
pub fn url(region: Region) -> Option<Box<[u8]>> {
    let domain = region.mqtt_domain().strip_prefix("iot-as-mqtt")?;
    let parts = [
        &b"https://iot-auth"[..],
        domain.as_bytes(),
        b"/auth/register/device",
    ];
    concat(parts.into_iter()).ok()
}

/// The form to send, signed with the product's secret; `None` if there is no memory.
#[must_use]
pub fn form(
    product_key: &[u8],
    device_name: &[u8],
    product_secret: &Key,
    random: &[u8; RANDOM_LEN],
) -> Option<Box<[u8]>> {
    let sign = HmacSha256::sign(
        product_secret,
        &[
            b"deviceName",
            device_name,
            b"productKey",
            product_key,
            b"random",
            random,
        ],
    );
    let (product_key, device_name) = (escaped(product_key)?, escaped(device_name)?);
    let parts = [
        &b"productKey="[..],
        &product_key,
        b"&deviceName=",
        &device_name,
        b"&random=",
        random,
        b"&sign=",
        sign.as_bytes(),
        b"&signMethod=",
        HmacSha256::NAME.as_bytes(),
    ];
    concat(parts.into_iter()).ok()
}

/// What the platform has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The device's secret.
    Secret(&'a [u8]),
    /// The platform's code for why not.
    Refused(i64),
    /// It is not understood, or about another device.
    Unknown,
}

impl<'a> Answer<'a> {
    /// Reads the body of the response to a request for this device.
    #[must_use]
    pub fn parse(body: &'a [u8], product_key: &[u8], device_name: &[u8]) -> Self {
        let Ok(body) = Value::parse(body) else {
            return Self::Unknown;
        };
        let code = body.get("code").and_then(Value::as_i64);
        let data = |name| body.get("data")?.get(name)?.as_str();
        let is = |name, known: &[u8]| data(name).is_some_and(|said| said.is(known));
        match (code, data("deviceSecret")) {
            (Some(200), Some(secret))
                if is("productKey", product_key) && is("deviceName", device_name) =>
            {
                let secret = secret.raw();
                if secret.is_empty() || secret.contains(&b'\\') {
                    return Self::Unknown;
                }
                Self::Secret(secret)
            }
            (Some(200) | None, _) => Self::Unknown,
            (Some(code), _) => Self::Refused(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_signed_with_the_products_secret() {
        let secret = Key::new(b"made-up-product-secret").expect("short enough");
        let form = form(b"a1ProdKey01", b"dev 1", &secret, b"8Ygb7ULYh53B6OA").expect("memory");
        // The signature is OpenSSL's: of "deviceNamedev 1productKeya1ProdKey01random8Ygb7ULYh53B6OA".
        let expected: &[u8] = b"productKey=a1ProdKey01&deviceName=dev%201&random=8Ygb7ULYh53B6OA&sign=23f47e4be8cc55bc93f44abda02b79ed7a931d4189550ad252b3b50d11156c6a&signMethod=hmacsha256";
        assert_eq!(&*form, expected);
    }

    #[test]
    fn each_region_has_its_own_service() {
        for (region, expected) in [
            (
                Region::Shanghai,
                &b"https://iot-auth.cn-shanghai.aliyuncs.com/auth/register/device"[..],
            ),
            (
                Region::Germany,
                b"https://iot-auth.eu-central-1.aliyuncs.com/auth/register/device",
            ),
        ] {
            assert_eq!(url(region).as_deref(), Some(expected));
        }
    }

    #[test]
    fn only_an_answer_about_this_device_has_its_secret() {
        let answer = |text: &'static str| Answer::parse(text.as_bytes(), b"pk", b"dn");
        let good = r#"{"code":200,"data":{"deviceName":"dn","deviceSecret":"s-1","productKey":"pk"},"message":"success"}"#;
        assert_eq!(answer(good), Answer::Secret(b"s-1"));
        assert_eq!(answer(r#"{"code":6288,"data":{}}"#), Answer::Refused(6288));
        for text in [
            "",
            "<html>",
            r#"{"code":200}"#,
            r#"{"data":{"deviceName":"dn","deviceSecret":"s","productKey":"pk"}}"#,
            r#"{"code":200,"data":{"deviceName":"dn2","deviceSecret":"s","productKey":"pk"}}"#,
            r#"{"code":200,"data":{"deviceName":"dn","deviceSecret":"","productKey":"pk"}}"#,
            r#"{"code":200,"data":{"deviceName":"dn","deviceSecret":"s\n","productKey":"pk"}}"#,
            r#"{"code":200,"data":{"deviceName":"dn","productKey":"pk"}}"#,
        ] {
            assert_eq!(answer(text), Answer::Unknown, "{text}");
        }
    }
}
