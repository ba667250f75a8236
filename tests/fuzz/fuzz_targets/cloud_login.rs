//! CONNECT with any client id and user name, and the password that belongs to them or another: the platform accepts
//! exactly those whose signature is right.
#![no_main]

use iotkit_cloud::SignMethod;
use iotkit_fuzz::platform::{DEVICE_NAME, PRODUCT_KEY, SECRET, connect_as, converse, run};
use libfuzzer_sys::fuzz_target;

/// CONNECT must not be larger; see the platform's limits.
const TEXT_MAX: usize = 1024;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let mut parts = text.splitn(3, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (client_id, username, password) = (part(), part(), part());
    if client_id.is_empty() || client_id.len().max(username.len()).max(password.len()) > TEXT_MAX {
        return;
    }
    let right = password_for(client_id, username);
    // Without one, the right one; the fuzzer cannot find it by itself.
    let password = match &right {
        Some(right) if password.is_empty() => right,
        _ => password,
    };

    let packet = connect_as([client_id, username, password], 60, true);
    let received =
        run(async |platform| converse(&platform, std::iter::once(&packet[..]), true).await);
    let is_right = right
        .as_ref()
        .is_some_and(|right| right.eq_ignore_ascii_case(password.trim_ascii()));
    // Texts have no NUL (MQTT 3.1.1, section 1.5.3).
    let malformed = client_id.contains('\0') || username.contains('\0');
    match received[..] {
        [0x20, 2, 0, code] => assert_eq!(code == 0, is_right && !malformed, "{code}"),
        [] => assert!(malformed),
        _ => panic!("{} is no CONNACK", received.escape_ascii()),
    }
});

/// The signature that these need, if there is one: both name the device, and the client id is
/// `{id}|{name}={value},...|` (Alink, connecting over MQTT). White space around names and values does not count, and
/// of two values of one name the latter does.
fn password_for(client_id: &str, username: &str) -> Option<String> {
    let (device_name, product_key) = username.trim().split_once('&')?;
    if (device_name.trim(), product_key.trim()) != (DEVICE_NAME, PRODUCT_KEY) {
        return None;
    }
    let inner = client_id.trim_end().strip_suffix('|')?;
    let (id, extras) = inner.split_once('|')?;
    let id = id.trim();
    if id.is_empty() || id.chars().count() > 64 {
        return None;
    }
    let extra = |name: &str| {
        let pairs = extras.rsplit(',').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(is, _)| is.trim() == name);
        values.next().map(|(_, value)| value.trim())
    };
    let method = match extra("signmethod").map(str::to_ascii_lowercase).as_deref() {
        None | Some("hmacmd5") => SignMethod::HmacMd5,
        Some("hmacsha1") => SignMethod::HmacSha1,
        Some("hmacsha256") => SignMethod::HmacSha256,
        Some(_) => return None,
    };
    let timestamp = extra("timestamp").map_or_else(String::new, |time| format!("timestamp{time}"));
    let text = format!("clientId{id}deviceName{DEVICE_NAME}productKey{PRODUCT_KEY}{timestamp}");
    Some(method.sign(SECRET, &text))
}
