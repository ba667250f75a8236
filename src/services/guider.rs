//! Authentication over HTTPS before MQTT: the platform says where to connect, and with which credentials (reference:
//! mqtt.md, 4.5).

use alloc::boxed::Box;

use crate::{
    auth::{
        Identity,
        conn_info::{Granted, Region, TIMESTAMP, sign},
        sign::{Key, Method},
    },
    wire::{
        http::{concat, escaped},
        json::Value,
    },
};

/// The URL to ask, of the region's authentication service; `None` if there is no memory.
#[must_use]
pub fn url(region: Region, tls: bool) -> Option<Box<[u8]>> {
    let domain = region.mqtt_domain().strip_prefix("iot-as-mqtt")?;
    let scheme: &[u8] = if tls { b"https" } else { b"http" };
    let parts = [
        scheme,
        b"://iot-auth",
        domain.as_bytes(),
        b"/auth/devicename",
    ];
    concat(parts.into_iter()).ok()
}

/// The form to send, signed with the device's secret; `None` if there is no memory.
#[must_use]
pub fn form<M: Method>(device: &Identity<'_>, secret: &Key) -> Option<Box<[u8]>> {
    let sign = sign::<M>(device, secret);
    let product_key = escaped(device.product_key().as_bytes())?;
    let device_name = escaped(device.device_name().as_bytes())?;
    let parts = [
        &b"productKey="[..],
        &product_key,
        b"&deviceName=",
        &device_name,
        b"&signmethod=",
        M::NAME.as_bytes(),
        b"&sign=",
        sign.as_bytes(),
        b"&version=default&clientId=",
        &product_key,
        b".",
        &device_name,
        b"&timestamp=",
        TIMESTAMP.as_bytes(),
        b"&resources=mqtt",
    ];
    concat(parts.into_iter()).ok()
}

/// What the platform has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The device may connect.
    Granted(Granted<'a>),
    /// The platform's code for why not.
    Refused(i64),
    /// It is not understood.
    Unknown,
}

impl<'a> Answer<'a> {
    /// Reads a response's body.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Self {
        let Ok(body) = Value::parse(body) else {
            return Self::Unknown;
        };
        match body.get("code").and_then(Value::as_i64) {
            Some(200) => Self::granted(body).map_or(Self::Unknown, Self::Granted),
            Some(code) => Self::Refused(code),
            None => Self::Unknown,
        }
    }

    fn granted(body: Value<'a>) -> Option<Granted<'a>> {
        // None of them needs an escape, and what has a NUL in it would end early.
        let text = |path| {
            let text = body.at(path)?.as_str()?.raw();
            (!text.is_empty() && !text.contains(&b'\\')).then_some(text)
        };
        let port = body.at("data.resources.mqtt.port")?.as_i64()?;
        Some(Granted {
            host: text("data.resources.mqtt.host")?,
            port: u16::try_from(port).ok().filter(|port| *port > 0)?,
            iot_id: text("data.iotId")?,
            iot_token: text("data.iotToken")?,
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::auth::sign::HmacSha1;

    /// The vector of the reference, mqtt.md 4.4.
    #[test]
    fn a_form_is_signed_as_a_connection_is() {
        let secret = "SECRETsecret0123456789abcdefABCD"; // made up
        let device = Identity::new("a1ProdKey01", "dev-0001", secret).expect("good names");
        let key = Key::new(secret.as_bytes()).expect("short enough");
        let form = form::<HmacSha1>(&device, &key).expect("memory");
        let expected: &[u8] = b"productKey=a1ProdKey01&deviceName=dev-0001&signmethod=hmacsha1&sign=fc911b652506c3c93a659790ff343589bb0b5e8e&version=default&clientId=a1ProdKey01.dev-0001&timestamp=2524608000000&resources=mqtt";
        assert_eq!(&*form, expected);
    }

    #[test]
    fn each_region_is_asked_at_its_own() {
        let url = |region, tls| url(region, tls).expect("memory");
        assert_eq!(
            &*url(Region::Shanghai, true),
            b"https://iot-auth.cn-shanghai.aliyuncs.com/auth/devicename"
        );
        assert_eq!(
            &*url(Region::Germany, false),
            b"http://iot-auth.eu-central-1.aliyuncs.com/auth/devicename"
        );
    }

    #[test]
    fn an_answer_grants_or_refuses_or_is_not_understood() {
        let good = br#"{"code":200,"data":{"iotId":"ID-1","iotToken":"TK-1","resources":{"mqtt":{"host":"mq.example.com","port":1883}}},"message":"success"}"#;
        let granted = Granted {
            host: b"mq.example.com",
            port: 1883,
            iot_id: b"ID-1",
            iot_token: b"TK-1",
        };
        assert_eq!(Answer::parse(good), Answer::Granted(granted));
        assert_eq!(
            Answer::parse(br#"{"code":6288,"message":"no"}"#),
            Answer::Refused(6288)
        );
        let text = std::str::from_utf8(good).expect("text");
        for (from, to) in [
            ("\"code\":200,", ""),
            ("200", "\"200\""),
            ("iotId", "id"),
            ("TK-1", ""),
            ("TK-1", "a\\u0000b"),
            ("1883", "0"),
            ("1883", "65536"),
            ("1883", "\"1883\""),
            ("mqtt", "amqp"),
            ("}", ""),
        ] {
            let bad = text.replace(from, to);
            assert_eq!(Answer::parse(bad.as_bytes()), Answer::Unknown, "{bad}");
        }
    }
}
