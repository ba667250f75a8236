//! The JSON reader against serde_json, and where the two differ on purpose.

use iotkit::wire::json::{DEPTH_MAX, Malformed, Value, find};
use proptest::prelude::*;
use serde::de::IgnoredAny;

/// Any document that serde_json can hold, not too deep.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Text that is JSON more often than chance would have it.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "00e9", "\\ud83d", "\\ude00", "0", "-",
        "1", ".", "e", "E+", "true", "false", "null", " ", "\n", "\"a\"", "\"a\":1", "\u{1}", "x",
        "é",
    ]);
    let scraps =
        prop::collection::vec(scrap, 0..24).prop_map(|scraps| scraps.concat().into_bytes());
    let damaged =
        (document(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(json, at, byte)| {
            let mut text = json.to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            text
        });
    prop_oneof![scraps, damaged, prop::collection::vec(any::<u8>(), 0..64)]
}

/// Whether `ours` says the same as `theirs`, all the way down.
fn same(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Json;

    match (ours, theirs) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == *b,
        (Value::Number(raw), Json::Number(b)) => {
            raw == b.to_string().as_bytes() && (b.is_f64() || ours.as_i64() == b.as_i64())
        }
        (Value::String(a), Json::String(b)) => {
            a.is(b.as_bytes()) && a.decoded().collect::<Vec<_>>() == b.as_bytes()
        }
        (Value::Array(_), Json::Array(b)) => {
            ours.items().count() == b.len() && ours.items().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(_), Json::Object(b)) => {
            ours.members().count() == b.len()
                && ours
                    .members()
                    .zip(b)
                    .all(|((name, a), (key, b))| name.is(key.as_bytes()) && same(a, b))
                && b.iter()
                    .all(|(key, b)| ours.get(key).is_some_and(|a| same(a, b)))
        }
        _ => false,
    }
}

fn depth(text: &[u8]) -> usize {
    // Brackets in strings count, too: only an upper bound is needed.
    text.iter()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count()
}

proptest! {
    #[test]
    fn whatever_serde_json_writes_is_read_the_same(json in document()) {
        for text in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
            let value = Value::parse(text.as_bytes());
            prop_assert!(value.is_ok_and(|value| same(value, &json)), "{text}");
        }
    }

    #[test]
    fn what_is_json_is_decided_as_serde_json_does(text in nearly_json()) {
        let theirs = serde_json::from_slice::<IgnoredAny>(&text).is_ok();
        prop_assume!(depth(&text) <= DEPTH_MAX as usize);
        prop_assert_eq!(Value::parse(&text).is_ok(), theirs, "{}", text.escape_ascii());
    }

    #[test]
    fn a_search_in_anything_ends_within_the_text(text in nearly_json(), path in "[a.\\u{1}-é]*") {
        if let Some(found) = find(&text, path.as_bytes()) {
            let raw = found.raw().as_ptr_range();
            let inside = text.as_ptr_range().start <= raw.start && raw.end <= text.as_ptr_range().end;
            prop_assert!(inside || matches!(found, Value::Bool(_) | Value::Null));
        }
    }

    #[test]
    fn a_search_finds_what_a_walk_finds(json in document(), inner in document()) {
        let json = serde_json::json!({"x": json, "data": {"": 1, "name": inner}});
        let text = json.to_string();
        let found = find(text.as_bytes(), b"data.name");
        prop_assert!(found.is_some_and(|found| same(found, &json["data"]["name"])));
        prop_assert_eq!(Value::parse(text.as_bytes()).unwrap().at("data.name"), found);
    }
}

#[test]
fn a_path_leads_into_objects() {
    let text =
        br#" {"code" : 200, "data":{"resources":{"mqtt":{"port":1883}},"id":"a\"b"}, "end":[1]} "#;
    let value = Value::parse(text).unwrap();
    assert_eq!(
        value.at("data.resources.mqtt.port").and_then(Value::as_i64),
        Some(1883)
    );
    assert_eq!(
        value.at("data.resources").map(Value::raw),
        Some(&br#"{"mqtt":{"port":1883}}"#[..])
    );
    assert_eq!(value.at("data.id").map(Value::raw), Some(&br#"a\"b"#[..]));
    assert_eq!(value.at("data.nothing"), None);
    assert_eq!(value.at("code.data"), None);
    assert_eq!(value.at("end.1"), None);
    assert_eq!(value.get("code").and_then(Value::as_str), None);
    assert_eq!(value.get("code").and_then(Value::as_bool), None);
    assert_eq!(value.get("data").and_then(Value::as_i64), None);
}

#[test]
fn a_search_does_not_mind_what_follows() {
    assert_eq!(
        find(br#"{"a":{"b":true},,,"#, b"a.b"),
        Some(Value::Bool(true))
    );
    assert_eq!(find(br#"{"a":1,,"b":2}"#, b"b"), None);
    assert_eq!(find(br#"{"a":1"#, b"a").map(Value::raw), Some(&b"1"[..]));
    assert_eq!(find(br#"{"a":"unfinished"#, b"a"), None);
    assert_eq!(find(b"[1]", b"a"), None);
    assert_eq!(find(b"", b"a"), None);
}

#[test]
fn of_two_members_of_one_name_the_first_counts() {
    let text = br#"{"a":1,"a":2}"#;
    assert_eq!(find(text, b"a").and_then(Value::as_i64), Some(1));
    assert_eq!(
        Value::parse(text).unwrap().get("a").and_then(Value::as_i64),
        Some(1)
    );
}

#[test]
fn escapes_stand_for_characters_in_names_and_values() {
    let text = br#"{"n\u0061me":"\ud83d\ude00 \u00e9\n\/\"\\\b\f\r\t","half":"\ud83d-\ude00-\ud83d\u0041"}"#;
    let value = Value::parse(text).unwrap();
    let string = |name| {
        String::from_utf8(
            value
                .get(name)
                .unwrap()
                .as_str()
                .unwrap()
                .decoded()
                .collect(),
        )
        .unwrap()
    };
    assert_eq!(string("name"), "\u{1f600} é\n/\"\\\u{8}\u{c}\r\t");
    assert_eq!(string("half"), "\u{fffd}-\u{fffd}-\u{fffd}A");
    assert!(
        value
            .get("name")
            .unwrap()
            .as_str()
            .unwrap()
            .is("\u{1f600} é\n/\"\\\u{8}\u{c}\r\t".as_bytes())
    );
    assert_eq!(value.get("n\\u0061me"), None);
}

#[test]
fn bytes_that_are_not_utf_8_pass_through() {
    let value = Value::parse(b"{\"\xc4\xe3\":\"\xba\xc3\"}").unwrap();
    let (name, text) = value.members().next().unwrap();
    assert_eq!(
        (name.raw(), text.raw()),
        (&b"\xc4\xe3"[..], &b"\xba\xc3"[..])
    );
}

#[test]
fn nesting_is_read_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limit = DEPTH_MAX as usize;
    assert!(Value::parse(nested(limit).as_bytes()).is_ok());
    assert_eq!(Value::parse(nested(limit + 1).as_bytes()), Err(Malformed));
    assert_eq!(
        Value::parse("[{\"a\":".repeat(1_000_000).as_bytes()),
        Err(Malformed)
    );

    // Closing and opening again is not deeper.
    let wide = format!("[{}[]]", format!("{},", nested(limit - 1)).repeat(40));
    assert!(Value::parse(wide.as_bytes()).is_ok());
    // The kinds of brackets are kept at every level.
    let mixed = format!(
        "{}1{}",
        "[{\"a\":".repeat(limit / 2),
        "}]".repeat(limit / 2)
    );
    assert!(Value::parse(mixed.as_bytes()).is_ok());
    assert_eq!(
        Value::parse(mixed.replace("}]", "]}").as_bytes()),
        Err(Malformed)
    );
}

#[test]
fn integers_are_read_to_their_limits() {
    let number = |text: &str| Value::parse(text.as_bytes()).unwrap().as_i64();
    assert_eq!(number("9223372036854775807"), Some(i64::MAX));
    assert_eq!(number("-9223372036854775808"), Some(i64::MIN));
    assert_eq!(number("9223372036854775808"), None);
    assert_eq!(number("-9223372036854775809"), None);
    assert_eq!(number("-0"), Some(0));
    assert_eq!(number("1.0"), None);
    assert_eq!(number("1e2"), None);
}
