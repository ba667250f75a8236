//! What the platform answers to a device's Alink messages. No I/O: a message and what is known of the device in, the
//! answer out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    config::RemoteConfig,
    device::{DeviceData, DeviceId, Event},
    model::{Model, Verdict},
};

/// At most this many properties or tags in a message (Alink, sections 3.3 and 3.10).
const MAX_ENTRIES: usize = 200;

/// How many tags a device can have.
const TAGS_KEPT: usize = 1000;

/// How the platform replies to a device's messages: well, or in a way a test wants to see survived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyMode {
    /// As it should be.
    #[default]
    Normal,
    /// No reply.
    Silent,
    /// As it should be, but after this many milliseconds.
    DelayedMs(u64),
    /// This code, and data `{}`.
    Code(i64),
    /// A reply that breaks off in the middle of its JSON.
    Malformed,
    /// As it should be, but without `data`.
    NoData,
    /// This text; `{id}` in it stands for the request's id.
    Text(String),
}

/// Which replies a [`ReplyMode`] is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReplyRule {
    /// Only those to this device.
    pub device: Option<DeviceId>,
    /// Only those to this method (`thing.event.property.post`; `ntp`).
    pub method: Option<String>,
    /// How to reply.
    pub mode: ReplyMode,
}

impl ReplyRule {
    pub(crate) fn applies(&self, device: &DeviceId, method: &str) -> bool {
        self.device.as_ref().is_none_or(|wanted| wanted == device)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
    }
}

/// A reply, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) topic: String,
    /// What a [`ReplyRule`] knows it by.
    pub(crate) method: String,
    pub(crate) id: String,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Envelope { code: i64, data: Value },
    Ntp(Value),
}

impl Answer {
    /// The payload that `mode` makes of it; `None`: nothing is sent.
    pub(crate) fn payload(&self, mode: &ReplyMode) -> Option<String> {
        match mode {
            ReplyMode::Normal | ReplyMode::DelayedMs(_) => Some(self.text()),
            ReplyMode::Silent => None,
            ReplyMode::Code(code) => {
                let body = Body::Envelope {
                    code: *code,
                    data: json!({}),
                };
                Some(
                    Self {
                        body,
                        ..self.clone()
                    }
                    .text(),
                )
            }
            ReplyMode::Malformed => {
                let mut text = self.text();
                text.truncate(text.find(r#""id""#).unwrap_or(text.len() / 2));
                Some(text)
            }
            ReplyMode::NoData => {
                let mut value: Value = serde_json::from_str(&self.text()).unwrap_or_default();
                if let Some(object) = value.as_object_mut() {
                    object.remove("data");
                }
                Some(value.to_string())
            }
            ReplyMode::Text(text) => Some(text.replace("{id}", &self.id)),
        }
    }

    fn text(&self) -> String {
        match &self.body {
            Body::Envelope { code: 200, data } => format!(
                r#"{{"code":200,"data":{data},"id":{},"message":"success","method":{},"version":"1.0"}}"#,
                json!(self.id),
                json!(self.method)
            ),
            Body::Envelope { code, data } => format!(
                r#"{{"code":{code},"data":{data},"id":{},"localizedMsg":"","message":{},"method":{},"version":"1.0"}}"#,
                json!(self.id),
                json!(meaning(*code)),
                json!(self.method)
            ),
            Body::Ntp(value) => value.to_string(),
        }
    }
}

/// What a code says to people (Alink, section 5).
fn meaning(code: i64) -> &'static str {
    match code {
        460 => "request parameter error",
        5159 => "no model is stored for the product",
        6100 => "no such device",
        6106 => "more than 200 entries",
        6300 => "method missing",
        6301 => "params is neither an object nor a list",
        6304 => "params missing",
        6306 => "an int is not within its specs",
        6307 => "a float is not within its specs",
        6308 => "a bool is neither 0 nor 1",
        6309 => "an enum has no such value",
        6310 => "a text is not within its specs",
        6311 => "a date is not milliseconds as text",
        6312 => "a struct is not as the model has it",
        6315 => "an array is not as the model has it",
        6322 => "a double is not within its specs",
        6710 => "no configuration is stored",
        _ => "error",
    }
}

/// A message of a device, and what is needed to answer it.
pub(crate) struct Uplink<'a> {
    pub(crate) device: &'a DeviceId,
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    /// The product's thing model.
    pub(crate) tsl: Option<&'a Value>,
    /// The product's remote configuration.
    pub(crate) config: Option<&'a RemoteConfig>,
    /// Milliseconds since 1970.
    pub(crate) now: u64,
}

/// The parts of an envelope (Alink, section 1.1). `version` is not asked for; the id may be a number.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    params: Option<Value>,
    sys: Option<Sys>,
}

#[derive(Deserialize)]
struct Sys {
    ack: Option<i64>,
}

impl Envelope<'_> {
    /// The id as text: a string's content, a number as it was written.
    fn id(&self) -> String {
        let raw = self.id.map_or("", RawValue::get);
        serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
    }
}

/// The id of a reply that a device sent, as text.
pub(crate) fn reply_id(payload: &[u8]) -> Option<String> {
    let envelope: Envelope<'_> = serde_json::from_slice(payload).ok()?;
    envelope.id.is_some().then(|| envelope.id())
}

/// Takes in a device's message and says what to answer. `Err` tells why it is not understood (nothing is answered).
pub(crate) fn take(
    uplink: &Uplink<'_>,
    data: &mut DeviceData,
) -> Result<Option<Answer>, &'static str> {
    let ntp = uplink.device.fill("/ext/ntp/{pk}/{dn}/request");
    if uplink.topic == ntp {
        return answer_ntp(uplink).map(Some);
    }
    let Some(path) = uplink.topic.strip_prefix(&uplink.device.sys("")) else {
        return Ok(None);
    };
    let Some(handler) = Handler::of(path) else {
        return Ok(None);
    };

    let envelope: Envelope<'_> =
        serde_json::from_slice(uplink.payload).map_err(|_| "not an Alink message")?;
    if matches!(handler, Handler::Status) {
        data.status = envelope.params;
        return Ok(None);
    }
    if envelope.id.is_none() {
        return Err("an Alink message without id");
    }
    let done = check(&envelope, &handler)
        .map_err(Refusal::from)
        .and_then(|params| handler.run(params, uplink, data));
    let (code, reply) = match done {
        Ok(reply) => (200, reply),
        Err(Refusal { code, data }) => (code, data),
    };
    if envelope.sys.as_ref().is_some_and(|sys| sys.ack == Some(0)) {
        return Ok(None);
    }
    Ok(Some(Answer {
        topic: format!("{}_reply", uplink.topic),
        method: path.replace('/', "."),
        id: envelope.id(),
        body: Body::Envelope { code, data: reply },
    }))
}

/// Why a request is not fulfilled: code and data of the reply.
struct Refusal {
    code: i64,
    data: Value,
}

impl From<i64> for Refusal {
    fn from(code: i64) -> Self {
        let data = json!({});
        Self { code, data }
    }
}

/// Method and params as the platform insists on them.
fn check<'a>(envelope: &'a Envelope<'_>, handler: &Handler<'_>) -> Result<&'a Value, i64> {
    if envelope.method.as_ref().is_none_or(String::is_empty) {
        return Err(6300);
    }
    match &envelope.params {
        None => Err(6304),
        Some(Value::Object(params)) if params.len() > MAX_ENTRIES => Err(6106),
        Some(Value::Array(params)) if params.len() > MAX_ENTRIES => Err(match handler {
            Handler::TagsUpdate | Handler::TagsDelete | Handler::TagsGet => 460,
            _ => 6106,
        }),
        Some(params @ (Value::Object(_) | Value::Array(_))) => Ok(params),
        Some(_) => Err(6301),
    }
}

/// What a topic below `/sys/{pk}/{dn}/` is about (numbers: rows of Alink, section 2).
enum Handler<'a> {
    PropertyPost,       // 1
    EventPost(&'a str), // 2
    BatchPost,          // 3
    PackPost,           // 4
    HistoryPost,        // 5
    TagsUpdate,         // 13
    TagsDelete,         // 14
    TagsGet,            // 15
    DesiredGet,         // 16
    DesiredDelete,      // 17
    Model,              // 18
    Config,             // 37
    LogConfig,          // 39
    Log,                // 40
    Reset,              // 41
    Status,             // 43
}

impl<'a> Handler<'a> {
    fn of(path: &'a str) -> Option<Self> {
        Some(match path.strip_prefix("thing/")? {
            "event/property/post" => Self::PropertyPost,
            "event/property/batch/post" => Self::BatchPost,
            "event/property/pack/post" => Self::PackPost,
            "event/property/history/post" => Self::HistoryPost,
            "deviceinfo/update" => Self::TagsUpdate,
            "deviceinfo/delete" => Self::TagsDelete,
            "deviceinfo/get" => Self::TagsGet,
            "property/desired/get" => Self::DesiredGet,
            "property/desired/delete" => Self::DesiredDelete,
            "dsltemplate/get" => Self::Model,
            "config/get" => Self::Config,
            "config/log/get" => Self::LogConfig,
            "log/post" => Self::Log,
            "reset" => Self::Reset,
            "status/update" => Self::Status,
            other => {
                let event = other.strip_prefix("event/")?.strip_suffix("/post")?;
                if event.is_empty() || event.contains('/') {
                    return None;
                }
                Self::EventPost(event)
            }
        })
    }

    /// The reply's data.
    fn run(
        &self,
        params: &Value,
        uplink: &Uplink<'_>,
        data: &mut DeviceData,
    ) -> Result<Value, Refusal> {
        Ok(match self {
            Self::PropertyPost => {
                let mut batch = Batch::default();
                batch.add_properties(object(params)?, uplink.now);
                return batch.store(uplink, data);
            }
            Self::EventPost(event) => {
                let mut batch = Batch::default();
                batch.add_event(event, params, uplink.now);
                return batch.store(uplink, data);
            }
            Self::BatchPost | Self::PackPost => {
                let mut batch = Batch::default();
                batch.add_pack(object(params)?, uplink.now);
                return batch.store(uplink, data);
            }
            Self::HistoryPost => return post_history(list(params)?, uplink, data),
            Self::TagsUpdate => update_tags(list(params)?, data)?,
            Self::TagsDelete => delete_tags(list(params)?, data)?,
            Self::TagsGet => get_tags(list(params)?, data),
            Self::DesiredGet => get_desired(list(params)?, data)?,
            Self::DesiredDelete => delete_desired(object(params)?, data),
            Self::Model => uplink.tsl.cloned().ok_or(5159)?,
            Self::Config => get_config(object(params)?, uplink)?,
            Self::LogConfig => json!({"getType": "content", "content": {"mode": 0}}),
            Self::Log | Self::Reset | Self::Status => json!({}),
        })
    }
}

fn object(params: &Value) -> Result<&Map<String, Value>, i64> {
    params.as_object().ok_or(460)
}

fn list(params: &Value) -> Result<&Vec<Value>, i64> {
    params.as_array().ok_or(460)
}

/// A value, or `{"value":v,"time":t}`.
fn timed(value: &Value, now: u64) -> (Value, u64) {
    if let Some(object) = value.as_object()
        && let Some(inner) = object.get("value")
        && object.keys().all(|key| key == "value" || key == "time")
    {
        (
            inner.clone(),
            object.get("time").and_then(Value::as_u64).unwrap_or(now),
        )
    } else {
        (value.clone(), now)
    }
}

/// What a message reports: first all of it is checked, then all of it is kept.
#[derive(Default)]
struct Batch {
    properties: Vec<(String, Value, u64)>,
    events: Vec<Event>,
}

impl Batch {
    fn add_properties(&mut self, values: &Map<String, Value>, now: u64) {
        for (name, value) in values {
            let (value, time) = timed(value, now);
            self.properties.push((name.clone(), value, time));
        }
    }

    /// V2.10 sends the output parameters bare, the platform's own form wraps them.
    fn add_event(&mut self, name: &str, outputs: &Value, now: u64) {
        let (value, time) = timed(outputs, now);
        self.events.push(Event {
            name: name.to_owned(),
            value,
            time,
        });
    }

    /// Pack (single values) and batch (lists of values); the last of a list is the newest.
    fn add_pack(&mut self, params: &Map<String, Value>, now: u64) {
        let section = |name: &str| {
            let values = params.get(name).and_then(Value::as_object);
            values.into_iter().flatten()
        };
        for (name, values) in section("properties") {
            for value in one_or_more(values) {
                let (value, time) = timed(value, now);
                self.properties.push((name.clone(), value, time));
            }
        }
        for (name, values) in section("events") {
            for outputs in one_or_more(values) {
                self.add_event(name, outputs, now);
            }
        }
    }

    /// Keeps it unless a value contradicts the model; says which properties it does not know.
    fn store(self, uplink: &Uplink<'_>, data: &mut DeviceData) -> Result<Value, Refusal> {
        let model = Model(uplink.tsl);
        let mut ignored = Map::new();
        for (name, value, _) in &self.properties {
            match model.property(name, value) {
                Verdict::Good => {}
                Verdict::Unknown => {
                    ignored.insert(name.clone(), json!("the model has no such property"));
                }
                Verdict::Bad(code) => {
                    let data = json!({name: meaning(code)});
                    return Err(Refusal { code, data });
                }
            }
        }
        for event in &self.events {
            if let Verdict::Bad(code) = model.event(&event.name, &event.value) {
                return Err(code.into());
            }
        }
        for (name, value, time) in self.properties {
            if !ignored.contains_key(&name) && !data.report(&name, value, time) {
                ignored.insert(name, json!("too many properties"));
            }
        }
        self.events
            .into_iter()
            .for_each(|event| data.happened(event));
        Ok(Value::Object(ignored))
    }
}

fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_ref(single),
    }
}

/// A list of batches, each for the device its `identity` names; those of other devices are not this device's to send.
fn post_history(
    entries: &[Value],
    uplink: &Uplink<'_>,
    data: &mut DeviceData,
) -> Result<Value, Refusal> {
    let mut past = Batch::default();
    for entry in entries {
        let batch = object(entry)?;
        if let Some(identity) = batch.get("identity") {
            let is =
                |key: &str, wanted: &str| identity.get(key).and_then(Value::as_str) == Some(wanted);
            if !is("productKey", &uplink.device.product_key)
                || !is("deviceName", &uplink.device.device_name)
            {
                return Err(6100.into());
            }
        }
        past.add_pack(batch, uplink.now);
    }
    // A history holds what is past: what is already known to be newer stays.
    past.properties.retain(|(name, _, time)| {
        data.properties
            .get(name)
            .is_none_or(|known| known.time <= *time)
    });
    past.store(uplink, data)
}

/// The product's configuration, as a file to be fetched (Alink, section 3.15).
fn get_config(params: &Map<String, Value>, uplink: &Uplink<'_>) -> Result<Value, i64> {
    let is = |key: &str, wanted: &str| params.get(key).is_none_or(|value| value == wanted);
    if !is("configScope", "product") || !is("getType", "file") {
        return Err(460);
    }
    uplink.config.map(RemoteConfig::data).ok_or(6710)
}

fn tag_key(tag: &Value) -> Result<&str, i64> {
    let key = tag.get("attrKey").and_then(Value::as_str).ok_or(460)?;
    let well_formed = (1..=30).contains(&key.chars().count())
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if well_formed { Ok(key) } else { Err(460) }
}

/// All or none.
fn update_tags(tags: &[Value], data: &mut DeviceData) -> Result<Value, i64> {
    let mut checked = Vec::with_capacity(tags.len());
    for tag in tags {
        let value = tag.get("attrValue").and_then(Value::as_str).ok_or(460)?;
        if value.chars().count() > 128 {
            return Err(460);
        }
        checked.push((tag_key(tag)?.to_owned(), value.to_owned()));
    }
    let new = |(key, _): &&(String, String)| !data.tags.contains_key(key);
    if data.tags.len() + checked.iter().filter(new).count() > TAGS_KEPT {
        return Err(460);
    }
    data.tags.extend(checked);
    Ok(json!({}))
}

fn delete_tags(tags: &[Value], data: &mut DeviceData) -> Result<Value, i64> {
    let keys = tags.iter().map(tag_key).collect::<Result<Vec<_>, _>>()?;
    data.tags.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

/// The tags asked for that exist; all of them if none is named.
fn get_tags(keys: &[Value], data: &DeviceData) -> Value {
    let wanted =
        |key: &String| keys.is_empty() || keys.iter().any(|wanted| wanted.as_str() == Some(key));
    let tags = data.tags.iter().filter(|(key, _)| wanted(key));
    tags.map(|(key, value)| json!({"attrKey": key, "attrValue": value}))
        .collect()
}

fn get_desired(names: &[Value], data: &DeviceData) -> Result<Value, i64> {
    let mut found = Map::new();
    for name in names {
        let name = name.as_str().ok_or(460)?;
        if let Some(desired) = data.desired.get(name) {
            found.insert(name.to_owned(), json!(desired));
        }
    }
    Ok(Value::Object(found))
}

/// A wish goes unless the device names an older version of it than the platform has.
fn delete_desired(names: &Map<String, Value>, data: &mut DeviceData) -> Value {
    for (name, condition) in names {
        let seen = condition.get("version").and_then(Value::as_u64);
        if data
            .desired
            .get(name)
            .is_some_and(|desired| seen.is_none_or(|seen| seen >= desired.version))
        {
            data.desired.remove(name);
        }
    }
    json!({})
}

/// Times as text, in milliseconds (Alink, section 3.17).
fn answer_ntp(uplink: &Uplink<'_>) -> Result<Answer, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sent<'a> {
        #[serde(borrow)]
        device_send_time: &'a RawValue,
    }
    let sent: Sent<'_> =
        serde_json::from_slice(uplink.payload).map_err(|_| "not an NTP request")?;
    let raw = sent.device_send_time.get();
    let device_send_time = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    let now = uplink.now.to_string();
    Ok(Answer {
        topic: uplink.device.fill("/ext/ntp/{pk}/{dn}/response"),
        method: "ntp".to_owned(),
        id: device_send_time.clone(),
        body: Body::Ntp(json!({
            "deviceSendTime": device_send_time, "serverRecvTime": now, "serverSendTime": now,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        data: &mut DeviceData,
        path: &str,
        payload: &str,
    ) -> Result<Option<Answer>, &'static str> {
        ask_with(None, None, data, path, payload)
    }

    fn ask_with(
        tsl: Option<&Value>,
        config: Option<&RemoteConfig>,
        data: &mut DeviceData,
        path: &str,
        payload: &str,
    ) -> Result<Option<Answer>, &'static str> {
        let device = DeviceId::new("pk", "dn");
        let uplink = Uplink {
            device: &device,
            topic: &device.sys(path),
            payload: payload.as_bytes(),
            tsl,
            config,
            now: 1_528_000_000_000,
        };
        take(&uplink, data)
    }

    fn reply(data: &mut DeviceData, path: &str, payload: &str) -> Value {
        let answer = ask(data, path, payload).unwrap().unwrap();
        assert_eq!(answer.topic, format!("/sys/pk/dn/{path}_reply"));
        serde_json::from_str(&answer.payload(&ReplyMode::Normal).unwrap()).unwrap()
    }

    #[test]
    fn ids_come_back_verbatim_and_quoted() {
        for (sent, back) in [
            (r#""1""#, "1"),
            (r#""0""#, "0"),
            ("0", "0"),
            ("4294967295", "4294967295"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1.0", "1.0"),
            (r#""not a number""#, "not a number"),
        ] {
            let text =
                format!(r#"{{"id":{sent},"params":{{}},"method":"thing.event.property.post"}}"#);
            let reply = reply(
                &mut DeviceData::default(),
                "thing/event/property/post",
                &text,
            );
            assert_eq!(reply["id"], back);
            assert_eq!(reply["code"], 200);
        }
    }

    #[test]
    fn a_reply_has_the_platforms_field_order() {
        let text =
            r#"{"id":"1","version":"1.0","params":{"a":1},"method":"thing.event.property.post"}"#;
        let answer = ask(
            &mut DeviceData::default(),
            "thing/event/property/post",
            text,
        )
        .unwrap()
        .unwrap();
        let expected = concat!(
            r#"{"code":200,"data":{},"id":"1","message":"success","#,
            r#""method":"thing.event.property.post","version":"1.0"}"#
        );
        assert_eq!(answer.payload(&ReplyMode::Normal).unwrap(), expected);
        assert_eq!(
            answer.payload(&ReplyMode::Malformed).unwrap(),
            r#"{"code":200,"data":{},"#
        );
        assert_eq!(answer.payload(&ReplyMode::Silent), None);
        assert_eq!(
            answer.payload(&ReplyMode::Text("x{id}y".into())).unwrap(),
            "x1y"
        );
        let without: Value =
            serde_json::from_str(&answer.payload(&ReplyMode::NoData).unwrap()).unwrap();
        assert_eq!((without.get("data"), &without["code"]), (None, &json!(200)));
        let refused: Value =
            serde_json::from_str(&answer.payload(&ReplyMode::Code(6306)).unwrap()).unwrap();
        assert_eq!(
            (&refused["code"], &refused["data"]),
            (&json!(6306), &json!({}))
        );
    }

    #[test]
    fn incomplete_envelopes_get_codes_or_nothing() {
        let data = &mut DeviceData::default();
        let path = "thing/event/property/post";
        assert_eq!(reply(data, path, r#"{"id":"1","params":{}}"#)["code"], 6300);
        assert_eq!(
            reply(data, path, r#"{"id":"1","method":"m"}"#)["code"],
            6304
        );
        assert_eq!(
            reply(data, path, r#"{"id":"1","method":"m","params":1}"#)["code"],
            6301
        );
        assert_eq!(
            ask(
                data,
                path,
                r#"{"id":"1","method":"m","params":{},"sys":{"ack":0}}"#
            ),
            Ok(None)
        );
        assert!(ask(data, path, r#"{"method":"m","params":{}}"#).is_err());
        assert!(ask(data, path, "{").is_err());
        assert!(ask(data, path, "").is_err());
        assert_eq!(ask(data, "thing/unknown", "{"), Ok(None));
        assert_eq!(ask(data, "thing/event/a/b/post", "{"), Ok(None));
    }

    #[test]
    fn posts_are_remembered() {
        let data = &mut DeviceData::default();
        let post = r#"{"id":"1","method":"m","params":{"a":3,"b":{"value":"x","time":5},"c":{"value":1,"d":2}}}"#;
        reply(data, "thing/event/property/post", post);
        assert_eq!(data.properties["a"].value, json!(3));
        assert_eq!(
            (&data.properties["b"].value, data.properties["b"].time),
            (&json!("x"), 5)
        );
        assert_eq!(data.properties["c"].value, json!({"value": 1, "d": 2}));

        reply(
            data,
            "thing/event/Fault/post",
            r#"{"id":"2","method":"m","params":{"Code":1}}"#,
        );
        reply(
            data,
            "thing/event/Fault/post",
            r#"{"id":"3","method":"m","params":{"value":{"Code":2},"time":7}}"#,
        );
        let codes: Vec<_> = data
            .events
            .iter()
            .map(|event| event.value["Code"].clone())
            .collect();
        assert_eq!(codes, [1, 2]);

        let batch = r#"{"id":"4","method":"m","params":{"properties":{"a":[{"value":4,"time":1},{"value":5,"time":2}]},
            "events":{"Fault":[{"value":{"Code":3},"time":9}]}}}"#;
        reply(data, "thing/event/property/batch/post", batch);
        assert_eq!(data.properties["a"].value, json!(5));
        assert_eq!(data.events.len(), 3);

        let history = r#"{"id":"5","method":"m","params":[{"identity":{"productKey":"pk","deviceName":"dn"},
            "properties":{"a":[{"value":9,"time":1}],"new":[{"value":1,"time":1}]}}]}"#;
        reply(data, "thing/event/property/history/post", history);
        assert_eq!(
            (&data.properties["a"].value, &data.properties["new"].value),
            (&json!(5), &json!(1))
        );
    }

    #[test]
    fn what_contradicts_the_model_is_refused_as_a_whole() {
        let tsl = json!({
            "properties": [
                {"identifier": "Level", "dataType": {"type": "int", "specs": {"min": "0", "max": "5"}}},
                {"identifier": "Label", "dataType": {"type": "text", "specs": {"length": "4"}}},
            ],
            "events": [{"identifier": "Fault", "outputData": [
                {"identifier": "Code", "dataType": {"type": "enum", "specs": {"1": "broken"}}},
            ]}],
        });
        let data = &mut DeviceData::default();
        let mut post = |path: &str, params: &str| {
            let text = format!(r#"{{"id":"1","method":"m","params":{params}}}"#);
            let answer = ask_with(Some(&tsl), None, data, path, &text)
                .unwrap()
                .unwrap();
            let text = answer.payload(&ReplyMode::Normal).unwrap();
            let reply: Value = serde_json::from_str(&text).unwrap();
            (
                reply["code"].as_i64().unwrap(),
                reply["data"].clone(),
                data.clone(),
            )
        };

        let (code, reply, data) =
            post("thing/event/property/post", r#"{"Label":"four","Level":6}"#);
        assert_eq!(
            (code, reply),
            (6306, json!({"Level": "an int is not within its specs"}))
        );
        assert!(data.properties.is_empty());
        let (code, reply, data) = post(
            "thing/event/property/post",
            r#"{"Level":{"value":5,"time":1},"More":1}"#,
        );
        assert_eq!(
            (code, reply),
            (200, json!({"More": "the model has no such property"}))
        );
        assert_eq!(data.properties.keys().collect::<Vec<_>>(), ["Level"]);

        let (code, _, data) = post("thing/event/Fault/post", r#"{"Code":2}"#);
        assert_eq!((code, data.events.len()), (6309, 0));
        let (code, _, data) = post("thing/event/Fault/post", r#"{"value":{"Code":1},"time":1}"#);
        assert_eq!((code, data.events.len()), (200, 1));
        let batch = r#"{"properties":{"Level":[{"value":1,"time":1},{"value":9,"time":2}]}}"#;
        assert_eq!(post("thing/event/property/batch/post", batch).0, 6306);
    }

    #[test]
    fn what_a_device_can_make_the_platform_keep_is_bounded() {
        let data = &mut DeviceData::default();
        for n in 0..11 {
            let params: Map<_, _> = (0..100).map(|m| (format!("p{n}_{m}"), json!(m))).collect();
            let text = json!({"id": "1", "method": "m", "params": params}).to_string();
            let reply = reply(data, "thing/event/property/post", &text);
            let refused = reply["data"].as_object().unwrap().len();
            assert_eq!(refused, if n < 10 { 0 } else { 100 });
        }
        for n in 0..6 {
            let params: Vec<_> = (0..200)
                .map(|m| json!({"attrKey": format!("t{n}_{m}"), "attrValue": ""}))
                .collect();
            let text = json!({"id": "1", "method": "m", "params": params}).to_string();
            let reply = reply(data, "thing/deviceinfo/update", &text);
            assert_eq!(reply["code"], if n < 5 { 200 } else { 460 });
        }
        let event = r#"{"id":"1","method":"m","params":{}}"#;
        for _ in 0..300 {
            reply(data, "thing/event/E/post", event);
        }
        assert_eq!(
            (data.properties.len(), data.tags.len(), data.events.len()),
            (1000, 1000, 256)
        );
    }

    #[test]
    fn the_configuration_is_told_with_its_six_keys() {
        let config = RemoteConfig::new("https://localhost/c", b"content");
        let ask = |params: &str| {
            let text = format!(
                r#"{{"id" : 0,"version":"1.0","params":{params},"method":"thing.config.get"}}"#
            );
            let data = &mut DeviceData::default();
            let answer = ask_with(None, Some(&config), data, "thing/config/get", &text)
                .unwrap()
                .unwrap();
            serde_json::from_str::<Value>(&answer.payload(&ReplyMode::Normal).unwrap()).unwrap()
        };
        // As V2.10 asks, and without what later SDKs leave away.
        for params in [
            r#"{"configScope":"product","getType":"file","attributeKeys":""}"#,
            r#"{"configScope":"product"}"#,
        ] {
            let reply = ask(params);
            assert_eq!((&reply["code"], &reply["id"]), (&json!(200), &json!("0")));
            let keys: Vec<_> = reply["data"].as_object().unwrap().keys().cloned().collect();
            assert_eq!(
                keys,
                [
                    "configId",
                    "configSize",
                    "sign",
                    "signMethod",
                    "url",
                    "getType"
                ]
            );
            assert_eq!(reply["data"]["configSize"], 7);
        }
        assert_eq!(ask(r#"{"configScope":"device"}"#)["code"], 460);
    }

    #[test]
    fn tags_are_checked_and_kept() {
        let data = &mut DeviceData::default();
        let update = |params: &str| {
            format!(r#"{{"id":"1","method":"thing.deviceinfo.update","params":{params}}}"#)
        };
        let path = "thing/deviceinfo/update";
        assert_eq!(
            reply(
                data,
                path,
                &update(r#"[{"attrKey":"T","attrValue":"36.8"}]"#)
            )["code"],
            200
        );
        for bad in [
            r#"[{"attrKey":"","attrValue":"1"}]"#,
            r#"[{"attrKey":"a b","attrValue":"1"}]"#,
            r#"[{}]"#,
            "{}",
        ] {
            assert_eq!(reply(data, path, &update(bad))["code"], 460, "{bad}");
        }
        let tag = |n: usize, key: usize| format!(r#"{{"attrKey":"{n:0>key$}","attrValue":"v"}}"#);
        let many = |n: usize| {
            format!(
                "[{}]",
                (0..n).map(|n| tag(n, 30)).collect::<Vec<_>>().join(",")
            )
        };
        assert_eq!(reply(data, path, &update(&many(201)))["code"], 460);
        assert_eq!(reply(data, path, &update(&many(200)))["code"], 200);
        assert_eq!(
            reply(data, path, &update(&format!("[{}]", tag(1, 31))))["code"],
            460
        );
        let get = reply(data, "thing/deviceinfo/get", &update(r#"["T","none"]"#));
        assert_eq!(get["data"], json!([{"attrKey": "T", "attrValue": "36.8"}]));
        reply(
            data,
            "thing/deviceinfo/delete",
            &update(r#"[{"attrKey":"T"}]"#),
        );
        assert_eq!(data.tags.len(), 200);
    }

    #[test]
    fn desired_values_go_when_the_device_has_seen_them() {
        let data = &mut DeviceData::default();
        data.desire("power", json!("off"));
        data.desire("power", json!("on"));
        data.desire("speed", json!(1));
        let get = reply(
            data,
            "thing/property/desired/get",
            r#"{"id":"1","method":"m","params":["power","x"]}"#,
        );
        assert_eq!(get["data"], json!({"power": {"value": "on", "version": 2}}));
        let delete = |params: &str| format!(r#"{{"id":"1","method":"m","params":{params}}}"#);
        reply(
            data,
            "thing/property/desired/delete",
            &delete(r#"{"power":{"version":1}}"#),
        );
        assert!(data.desired.contains_key("power"));
        reply(
            data,
            "thing/property/desired/delete",
            &delete(r#"{"power":{"version":2},"speed":{}}"#),
        );
        assert!(data.desired.is_empty());
    }

    #[test]
    fn the_platform_says_what_it_does_not_have() {
        let data = &mut DeviceData::default();
        let text = r#"{"id" : 0,"version":"1.0","params":{"configScope":"product"},"method":"thing.config.get"}"#;
        let reply_to = reply(data, "thing/config/get", text);
        assert_eq!(
            (&reply_to["code"], &reply_to["id"]),
            (&json!(6710), &json!("0"))
        );
        assert_eq!(
            reply(
                data,
                "thing/dsltemplate/get",
                r#"{"id":"1","params":{},"method":"m"}"#
            )["code"],
            5159
        );
        let log =
            r#"{"id":"1","params":{"template":"t","contents":["x"]},"method":"thing.log.post"}"#;
        assert_eq!(reply(data, "thing/log/post", log)["code"], 200);
        let status = r#"{"id":"pk_dn_mid","params":{"_sys_device_mid":"M","_sys_device_pid":"P"}}"#;
        assert_eq!(ask(data, "thing/status/update", status), Ok(None));
        assert_eq!(data.status.as_ref().unwrap()["_sys_device_mid"], "M");
    }

    #[test]
    fn ntp_repeats_the_devices_time() {
        let device = DeviceId::new("pk", "dn");
        let payload = br#"{"deviceSendTime":"1234"}"#;
        let uplink = Uplink {
            device: &device,
            topic: "/ext/ntp/pk/dn/request",
            payload,
            tsl: None,
            config: None,
            now: 77,
        };
        let answer = take(&uplink, &mut DeviceData::default()).unwrap().unwrap();
        assert_eq!(answer.topic, "/ext/ntp/pk/dn/response");
        let text = answer.payload(&ReplyMode::Normal).unwrap();
        assert_eq!(
            text,
            r#"{"deviceSendTime":"1234","serverRecvTime":"77","serverSendTime":"77"}"#
        );
    }
}
