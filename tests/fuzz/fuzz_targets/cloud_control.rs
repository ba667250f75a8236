//! Requests to the local platform's control API, with a device online or not: each is answered in bounded time, the
//! platform blames none of them on itself, and what it says is JSON.
//!
//! An input is a choice and requests, separated by NUL: a letter for the method, the path, a line break, the body.
#![no_main]

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, Uri},
};
use iotkit_fuzz::{
    mqtt::packet,
    platform::{connect, converse, run},
};
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;

/// More requests than this only take time.
const REQUESTS_MAX: usize = 16;

fuzz_target!(|input: &[u8]| {
    let Some((choices, requests)) = input.split_first() else {
        return;
    };
    let requests: Vec<_> = requests
        .split(|byte| *byte == 0)
        .filter_map(request)
        .take(REQUESTS_MAX)
        .collect();
    run(async |platform| {
        let online = choices & 1 != 0;
        let device = async {
            if online {
                // Subscribes to everything it may, and then says nothing.
                let subscribes = packet(0x82, b"\0\x01\0\x0c/sys/pk/dn/#\x01\0\x05/pk/#\x01");
                let stream = [connect(1200, false), subscribes].concat();
                converse(&platform, std::iter::once(&stream[..]), false).await;
            }
        };
        let client = async {
            tokio::task::yield_now().await;
            for request in requests {
                answered(platform.control().oneshot(request).await).await;
            }
        };
        tokio::join!(device, client);
    });
});

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let (method, rest) = bytes.split_first()?;
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let path = Uri::try_from(parts.next()?).ok()?;
    let body = parts.next().unwrap_or_default().to_vec();
    let method = match method {
        b'D' => Method::DELETE,
        b'G' => Method::GET,
        b'P' => Method::POST,
        _ => Method::PUT,
    };
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .ok()
}

async fn answered<E>(answer: Result<axum::response::Response, E>) {
    let Ok(answer) = answer else {
        panic!("there is always an answer");
    };
    let status = answer.status();
    assert!(
        !status.is_server_error() || status == StatusCode::GATEWAY_TIMEOUT,
        "{status}"
    );
    let body = to_bytes(answer.into_body(), usize::MAX)
        .await
        .expect("a body");
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(&body);
    // Which methods a route has is said without a word.
    assert!(json.is_ok() || status == StatusCode::METHOD_NOT_ALLOWED && body.is_empty());
}
