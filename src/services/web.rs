//! Messages over HTTPS: what a device says to authenticate, and what the platform answers (reference: http.md, 3).

use crate::{
    auth::sign::{Key, Method},
    text::{Full, Text},
    wire::json::{self, Value},
};

/// Where devices send their messages.
pub const SERVER: &str = "https://iot-as-http.cn-shanghai.aliyuncs.com";

/// The longest token, in bytes.
pub const TOKEN_MAX: usize = 192;

/// Room for a login with the longest names.
pub type Login = Text<384>;

/// Puts together what a device sends to `/auth`, signed with its secret.
pub fn login<M: Method>(
    to: &mut Login,
    client_id: &[u8],
    product_key: &[u8],
    device_name: &[u8],
    secret: &Key,
) -> Result<(), Full> {
    let signature = M::sign(
        secret,
        &[
            b"clientId",
            client_id,
            b"deviceName",
            device_name,
            b"productKey",
            product_key,
        ],
    );
    to.push_all(&[br#"{"version":"default", "clientId":""#])?;
    to.push(json::escaped(client_id))?;
    to.push_all(&[
        br#"","signmethod":""#,
        M::NAME.as_bytes(),
        br#"","sign":""#,
        signature.as_bytes(),
        br#"","productKey":""#,
    ])?;
    to.push(json::escaped(product_key))?;
    to.push_all(&[br#"","deviceName":""#])?;
    to.push(json::escaped(device_name))?;
    to.push_all(&[br#""}"#])
}

/// What the platform has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// What was asked for; `info` has the rest.
    Success(Value<'a>),
    /// The token has expired.
    Expired,
    /// The platform's code for why not.
    Refused(i64),
    /// It is not understood.
    Unknown,
}

impl<'a> Answer<'a> {
    /// The platform's code for a token that has expired.
    const EXPIRED: i64 = 20_001;

    /// Reads a response's body.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Self {
        let Ok(body) = Value::parse(body) else {
            return Self::Unknown;
        };
        let (code, message) = (body.get("code"), body.get("message"));
        match (code.and_then(Value::as_i64), message, body.get("info")) {
            (Some(0), Some(_), Some(info)) => Self::Success(info),
            (Some(0) | None, ..) => Self::Unknown,
            (Some(Self::EXPIRED), ..) => Self::Expired,
            (Some(code), ..) => Self::Refused(code),
        }
    }

    /// The token that was asked for, if it may be sent in a header.
    #[must_use]
    pub fn token(self) -> Option<&'a [u8]> {
        let Self::Success(info) = self else {
            return None;
        };
        let token = info.get("token")?.as_str()?.raw();
        let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'\\';
        (!token.is_empty() && token.len() <= TOKEN_MAX && token.iter().all(plain)).then_some(token)
    }

    /// Whether a message was taken.
    #[must_use]
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Success(info) if info.get("messageId").is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sign::{HmacSha1, HmacSha256};

    /// The vector of the reference, http.md 3.1.
    #[test]
    fn a_login_is_signed() {
        let secret = Key::new(b"0123456789abcdef0123456789abcdef").expect("short enough");
        let mut text = Login::new();
        let filled = login::<HmacSha1>(&mut text, b"dev01.cid", b"a1Bc2De3Fg4", b"dev01", &secret);
        assert_eq!(filled, Ok(()));
        assert_eq!(
            text.as_bytes(),
            br#"{"version":"default", "clientId":"dev01.cid","signmethod":"hmacsha1","sign":"811aa7cc9c1d735a544eddc11860dfc489aa67a7","productKey":"a1Bc2De3Fg4","deviceName":"dev01"}"#
        );
    }

    #[test]
    fn the_longest_names_have_room() {
        let secret = Key::new(&[b's'; 64]).expect("short enough");
        let mut text = Login::new();
        let filled = login::<HmacSha256>(&mut text, &[b'i'; 64], &[b'p'; 20], &[b'd'; 32], &secret);
        assert_eq!(filled, Ok(()));
    }

    #[test]
    fn answers_are_understood_or_not() {
        let parse = |text: &'static str| Answer::parse(text.as_bytes());
        let good = parse(
            r#"{"code":0,"message":"success","info":{"token":"t-1","messageId":892687470447040512}}"#,
        );
        assert_eq!(good.token(), Some(&b"t-1"[..]));
        assert!(good.is_taken());
        assert_eq!(
            parse(r#"{"code":20001,"message":"token is expired"}"#),
            Answer::Expired
        );
        for code in [
            10_000, 10_001, 20_000, 20_002, 20_003, 20_004, 30_001, 40_000,
        ] {
            let text = std::format!(r#"{{"code":{code},"message":"m","info":{{}}}}"#);
            assert_eq!(Answer::parse(text.as_bytes()), Answer::Refused(code));
        }
        for text in [
            "",
            "<html>",
            "{}",
            r#"{"code":0}"#,
            r#"{"code":0,"message":"m"}"#,
            r#"{"code":0,"info":{"token":"t"}}"#,
            r#"{"code":"0","message":"m","info":{"token":"t"}}"#,
            r#"{"code":0,"message":"success","info":{"token":"t"#,
        ] {
            assert_eq!(parse(text), Answer::Unknown, "{text}");
        }
    }

    #[test]
    fn a_token_may_be_sent_in_a_header() {
        let token = |token: &str| {
            let text = std::format!(r#"{{"code":0,"message":"m","info":{{"token":"{token}"}}}}"#);
            Answer::parse(text.as_bytes()).token().is_some()
        };
        assert!(token(&"t".repeat(192)));
        assert!(!token(&"t".repeat(193)));
        assert!(!token(""));
        assert!(!token(r"a\r\nX: y"));
        assert!(!token("a b"));
        assert!(!token("\u{e9}"));
    }

    extern crate std;
}
