//! Messages in an envelope: whatever arrives, the texts lie in it one behind the other, and what serde_json takes for an
//! object has the members that were found. What a device sends is understood by serde_json and by the device.
#![no_main]

use iotkit::services::cmp::{Incoming, Outgoing, Shape};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};

fuzz_target!(|payload: &[u8]| {
    for (shape, members) in [
        (Shape::Raw, &[][..]),
        (Shape::Request, &["id", "method", "params"]),
        (Shape::Response, &["id", "code", "data"]),
    ] {
        let Ok(incoming) = Incoming::parse(shape, payload) else {
            continue;
        };
        let texts = [Some(incoming.parameter), incoming.method];
        for text in texts.into_iter().flatten() {
            assert!(text.start <= text.end && text.end <= payload.len());
            // A NUL goes behind it, where no text begins.
            assert!(shape == Shape::Raw || text.end < payload.len());
        }
        if let Ok(Value::Object(object)) = serde_json::from_slice(payload) {
            assert!(members.iter().all(|name| object.contains_key(*name)));
        }
    }
    if let Ok(params) = serde_json::from_slice::<&RawValue>(payload) {
        let params = params.get();
        let request = Outgoing::Request {
            id: payload.len() as i32,
            method: b"m",
            params: params.as_bytes(),
        };
        let sent = request.payload().expect("memory");
        assert!(serde_json::from_slice::<&RawValue>(&sent).is_ok());
        let incoming = Incoming::parse(Shape::Request, &sent).expect("a request");
        let text = &sent[incoming.parameter];
        let quotes = usize::from(params.starts_with('"'));
        assert_eq!(text, &params.as_bytes()[quotes..params.len() - quotes]);
        assert_eq!(incoming.id, payload.len() as i32);
    }
});
