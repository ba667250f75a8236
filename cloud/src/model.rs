//! The thing model (TSL) of a product, as far as the platform checks against it what devices report.

use serde_json::Value;

/// What a model says of a reported value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// The model has no such property, event or output.
    Unknown,
    /// The value is not what the model asks for; the code that says so (Alink, section 5.2).
    Bad(i64),
}

/// A product's model; without one everything is good.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a>(pub(crate) Option<&'a Value>);

impl Model<'_> {
    /// Judges a property's value.
    pub(crate) fn property(&self, name: &str, value: &Value) -> Verdict {
        self.0.map_or(Verdict::Good, |tsl| {
            member(tsl.get("properties"), name, value)
        })
    }

    /// Judges an event's output parameters; an event or output the model does not name is let through.
    pub(crate) fn event(&self, name: &str, outputs: &Value) -> Verdict {
        let Some(event) = self.0.and_then(|tsl| find(tsl.get("events"), name)) else {
            return Verdict::Good;
        };
        let values = outputs.as_object().into_iter().flatten();
        values
            .map(|(name, value)| member(event.get("outputData"), name, value))
            .find(|verdict| matches!(verdict, Verdict::Bad(_)))
            .unwrap_or(Verdict::Good)
    }
}

/// The element of a list of `{"identifier":...}` that has this name.
fn find<'a>(list: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    list?
        .as_array()?
        .iter()
        .find(|item| item.get("identifier").and_then(Value::as_str) == Some(name))
}

fn member(list: Option<&Value>, name: &str, value: &Value) -> Verdict {
    match find(list, name).and_then(|item| item.get("dataType")) {
        None => Verdict::Unknown,
        Some(data_type) => check(data_type, value).map_or_else(Verdict::Bad, |()| Verdict::Good),
    }
}

/// Holds a value against `{"type":...,"specs":...}` (TSL, sections 1.5 and 5.1).
fn check(data_type: &Value, value: &Value) -> Result<(), i64> {
    let specs = &data_type["specs"];
    let (good, code) = match data_type["type"].as_str().unwrap_or_default() {
        "int" => {
            let number = value.as_i64().and_then(|value| i32::try_from(value).ok());
            (
                number.is_some_and(|value| in_range(specs, value.into())),
                6306,
            )
        }
        "float" => (
            value.as_f64().is_some_and(|value| in_range(specs, value)),
            6307,
        ),
        "double" => (
            value.as_f64().is_some_and(|value| in_range(specs, value)),
            6322,
        ),
        "bool" => (matches!(value.as_i64(), Some(0 | 1)), 6308),
        "enum" => {
            let key = value.as_i64().map(|key| key.to_string());
            (key.is_some_and(|key| specs.get(key).is_some()), 6309)
        }
        "text" => {
            let limit = number(&specs["length"]).unwrap_or(f64::INFINITY);
            (
                value
                    .as_str()
                    .is_some_and(|text| text.len() as f64 <= limit),
                6310,
            )
        }
        "date" => (is_date(value), 6311),
        "struct" => return check_struct(specs, value),
        "array" => return check_array(specs, value),
        _ => (true, 0), // a type of a later platform
    };
    if good { Ok(()) } else { Err(code) }
}

fn check_struct(members: &Value, value: &Value) -> Result<(), i64> {
    const CODE: i64 = 6312;
    for (name, value) in value.as_object().ok_or(CODE)? {
        match member(Some(members), name, value) {
            Verdict::Good => {}
            Verdict::Unknown => return Err(CODE),
            Verdict::Bad(code) => return Err(code),
        }
    }
    Ok(())
}

fn check_array(specs: &Value, value: &Value) -> Result<(), i64> {
    const CODE: i64 = 6315;
    let items = value.as_array().ok_or(CODE)?;
    if number(&specs["size"]).is_some_and(|size| items.len() as f64 > size) {
        return Err(CODE);
    }
    items
        .iter()
        .try_for_each(|item| check(&specs["item"], item))
}

fn in_range(specs: &Value, value: f64) -> bool {
    number(&specs["min"]).is_none_or(|min| value >= min)
        && number(&specs["max"]).is_none_or(|max| value <= max)
}

/// Limits are decimal strings; some tools write them as numbers.
fn number(limit: &Value) -> Option<f64> {
    limit
        .as_f64()
        .or_else(|| limit.as_str().and_then(|text| text.parse().ok()))
}

/// Milliseconds since 1970; V2.10 leaves the quotes away inside a struct.
fn is_date(value: &Value) -> bool {
    value.is_u64()
        || value
            .as_str()
            .is_some_and(|text| text.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tsl() -> Value {
        let of = |kind: &str, specs: Value| json!({"type": kind, "specs": specs});
        let property =
            |name: &str, data_type: Value| json!({"identifier": name, "dataType": data_type});
        json!({
            "properties": [
                property("i", of("int", json!({"min": "-1", "max": "5"}))),
                property("f", of("float", json!({"min": "0", "max": "1"}))),
                property("d", of("double", json!({"min": 0, "max": 1}))),
                property("b", of("bool", json!({"0": "off", "1": "on"}))),
                property("e", of("enum", json!({"0": "a", "7": "b"}))),
                property("t", of("text", json!({"length": "4"}))),
                property("when", of("date", json!({}))),
                property("s", of("struct", json!([property("x", of("int", json!({"min": "0", "max": "9"})))]))),
                property("a", json!({"type": "array", "specs": {"size": "2", "item": {"type": "int"}}})),
            ],
            "events": [{"identifier": "Fault", "outputData": [property("Code", of("enum", json!({"1": "x"})))]}],
        })
    }

    #[test]
    fn each_type_has_its_domain_and_its_code() {
        let tsl = tsl();
        let model = Model(Some(&tsl));
        for (name, good, bad, code) in [
            (
                "i",
                json!([-1, 5]),
                json!([-2, 6, 1.5, "1", 1_u64 << 40, null]),
                6306,
            ),
            ("f", json!([0, 0.5, 1.0]), json!([1.1, "0.5", -1]), 6307),
            ("d", json!([0, 0.5]), json!([1.1, true]), 6322),
            ("b", json!([0, 1]), json!([2, true, "1"]), 6308),
            ("e", json!([0, 7]), json!([1, "7"]), 6309),
            (
                "t",
                json!(["", "four", "äö"]),
                json!(["fiver", "äöx", 4]),
                6310,
            ),
            (
                "when",
                json!(["1528000000000", 1_528_000_000_000_u64]),
                json!(["soon", "", -1, 1.5]),
                6311,
            ),
            ("s", json!([{}, {"x": 9}]), json!([1, {"y": 1}]), 6312),
            ("s", json!([]), json!([{"x": 10}]), 6306),
            ("a", json!([[], [1, 2]]), json!([1, [1, 2, 3]]), 6315),
            ("a", json!([]), json!([["x"]]), 6306),
        ] {
            for value in good.as_array().unwrap() {
                assert_eq!(model.property(name, value), Verdict::Good, "{name} {value}");
            }
            for value in bad.as_array().unwrap() {
                assert_eq!(
                    model.property(name, value),
                    Verdict::Bad(code),
                    "{name} {value}"
                );
            }
        }
        assert_eq!(model.property("none", &json!(1)), Verdict::Unknown);
        assert_eq!(
            model.event("Fault", &json!({"Code": 1, "more": 2})),
            Verdict::Good
        );
        assert_eq!(
            model.event("Fault", &json!({"Code": 2})),
            Verdict::Bad(6309)
        );
        assert_eq!(model.event("Other", &json!({"Code": 2})), Verdict::Good);
        assert_eq!(Model(None).property("none", &json!(1)), Verdict::Good);
    }
}
