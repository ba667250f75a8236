//! A path and, behind a line break, a text that may be JSON: accepted when serde_json does, read the same, and searched
//! like it.
#![no_main]

use iotkit::wire::json::{DEPTH_MAX, Value, find};
use iotkit_fuzz::json::{self, Found};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let path = parts.next().unwrap_or_default();
    let text = parts.next().unwrap_or_default();

    let found = find(text, path);
    if let Some(found) = found {
        assert_inside(found, text);
    }
    let ours = Value::parse(text);
    // Brackets in strings count, too: an upper bound is enough.
    let depth = text
        .iter()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count();
    if depth > DEPTH_MAX as usize {
        return;
    }
    let theirs = serde_json::from_slice::<IgnoredAny>(text);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{theirs:?}");
    let Ok(ours) = ours else {
        return;
    };
    walk(ours, text);
    if let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(text) {
        assert!(same(ours, &theirs), "{ours:?} is not {theirs:?}");
    }
    if let (Ok(text), Ok(path)) = (str::from_utf8(text), str::from_utf8(path)) {
        let walked = ours.at(path);
        match json::find(text, path) {
            Found::NotJson => {} // half a surrogate pair, which is U+FFFD for us
            Found::Nothing => assert_eq!((found, walked), (None, None)),
            Found::Value(raw) => {
                assert_eq!(found.map(written), Some(raw));
                assert_eq!(walked, found);
            }
        }
    }
});

/// Looks at everything there is.
fn walk(value: Value<'_>, text: &[u8]) {
    assert_inside(value, text);
    if let Some(string) = value.as_str() {
        let decoded: Vec<_> = string.decoded().collect();
        assert!(string.is(&decoded) && decoded.len() <= string.raw().len());
    }
    value.items().for_each(|item| walk(item, text));
    value.members().for_each(|(name, member)| {
        assert!(name.is(&name.decoded().collect::<Vec<_>>()));
        walk(member, text);
    });
}

fn assert_inside(value: Value<'_>, text: &[u8]) {
    let raw = value.raw().as_ptr_range();
    let text = text.as_ptr_range();
    let inside = text.start <= raw.start && raw.end <= text.end;
    assert!(inside || matches!(value, Value::Bool(_) | Value::Null));
}

/// The value as it is written, its quotes included.
fn written(value: Value<'_>) -> String {
    let raw = String::from_utf8_lossy(value.raw());
    match value {
        Value::String(_) => format!("\"{raw}\""),
        _ => raw.into_owned(),
    }
}

/// Whether `ours` says the same as `theirs`; of several members of one name, serde_json keeps the last.
fn same(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Json;

    match (ours, theirs) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == *b,
        (Value::Number(raw), Json::Number(b)) => {
            // Integers that serde_json holds as such; `-0` is a fraction to it.
            let is_integer = !raw.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
            !is_integer || b.as_i64().is_none() || ours.as_i64() == b.as_i64()
        }
        (Value::String(a), Json::String(b)) => a.is(b.as_bytes()) && a.decoded().eq(b.bytes()),
        (Value::Array(_), Json::Array(b)) => {
            ours.items().count() == b.len() && ours.items().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(_), Json::Object(b)) => b.iter().all(|(key, b)| {
            let last = ours
                .members()
                .filter(|(name, _)| name.is(key.as_bytes()))
                .last();
            last.is_some_and(|(_, a)| same(a, b))
        }),
        _ => false,
    }
}
