//! Members of JSON objects, found by serde.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What a search comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The text is no JSON document, or not to the taste of serde_json.
    NotJson,
    /// There is no such value.
    Nothing,
    /// The value, as it is written.
    Value(String),
}

/// The value at the end of `path`, names separated by dots: of several members of one name the first.
#[must_use]
pub fn find(text: &str, path: &str) -> Found {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Found::NotJson;
    }
    let mut value = text.trim_matches([' ', '\t', '\n', '\r']).to_owned();
    for name in path.split('.') {
        if !value.starts_with('{') {
            return Found::Nothing;
        }
        let mut reader = serde_json::Deserializer::from_str(&value);
        match (FirstMember { name }).deserialize(&mut reader) {
            Ok(Some(member)) => value = member.get().to_owned(),
            Ok(None) => return Found::Nothing,
            Err(_) => return Found::NotJson, // a name that is no UTF-8, by its escapes
        }
    }
    Found::Value(value)
}

/// Reads the first member of an object with this name.
struct FirstMember<'a> {
    name: &'a str,
}

impl<'de> DeserializeSeed<'de> for FirstMember<'_> {
    type Value = Option<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FirstMember<'_> {
    type Value = Option<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<String>()? {
            if found.is_none() && name == self.name {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
