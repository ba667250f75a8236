//! The control API: HTTP and JSON, one route for each thing a user of [`Cloud`](crate::Cloud) can do while it runs.
//! docs/cloud.md describes it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, Path, Query, Request as HttpRequest, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{
    Error,
    alink::ReplyRule,
    broker::{Broker, Publication},
    config::ConfigDigest,
    device::DeviceId,
    fault::{FaultScope, Faults},
    request::{REPLY_TIMEOUT, Reply, Request, Rrpc},
    server::Server,
    web::DownloadFaults,
};

/// The largest firmware that is taken, in bytes.
const LARGEST_FILE: usize = 256 * 1024 * 1024;

/// Serves the control API until the platform stops.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener) {
    let stop = server.stop.clone();
    let serving =
        axum::serve(listener, router(server)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the control API ended");
    }
}

/// The routes.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let device = Router::new()
        .route("/", get(show_device))
        .route("/property/set", post(set_properties))
        .route("/service/{service}", post(invoke))
        .route("/request", post(request))
        .route("/rrpc", post(rrpc))
        .route("/publish", post(publish))
        .route("/desired", put(set_desired))
        .route("/enabled", put(set_enabled))
        .route("/kick", post(kick))
        .route("/raw", post(send_raw))
        .route("/forget-session", post(forget_session))
        .route("/upgrade", post(upgrade))
        .route("/config", post(push_config));
    Router::new()
        .route("/v1/endpoints", get(endpoints))
        .route("/v1/devices", get(devices))
        .nest("/v1/devices/{product_key}/{device_name}", device)
        .route("/v1/broadcast/{product_key}", post(broadcast))
        .route("/v1/firmware", get(firmware).post(add_firmware))
        .route("/v1/upgrades", get(upgrades))
        .route(
            "/v1/download-faults",
            put(set_download_faults).delete(clear_download_faults),
        )
        .route("/v1/log", get(log))
        .route("/v1/faults", put(set_faults).delete(clear_faults))
        .route("/v1/replies", post(set_reply).delete(clear_replies))
        .route("/v1/restart", post(restart))
        .layer(DefaultBodyLimit::max(LARGEST_FILE))
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no such route"))
        .layer(middleware::from_fn(refuse_browsers))
        .with_state(server)
}

/// A web page that the user happens to visit must not command the platform: browsers name the page's origin, or, where
/// they take the platform for the page's own server, that server's name.
async fn refuse_browsers(request: HttpRequest, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).map(HeaderValue::to_str);
    let foreign = match host {
        Some(Ok(host)) => !is_address(host),
        Some(Err(_)) => true,
        None => false, // HTTP/1.0: no browser
    };
    if foreign || headers.contains_key(header::ORIGIN) {
        return Failure::new(StatusCode::FORBIDDEN, "not for web pages").into_response();
    }
    next.run(request).await
}

/// Whether a `Host` is this machine's name for itself or an address, which no web site can make point elsewhere.
fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name == "localhost" || address.unwrap_or(name).parse::<IpAddr>().is_ok()
}

type Shared = State<Arc<Server>>;
type Parsed<T> = Result<Json<T>, JsonRejection>;
type Answer<T = Value> = Result<Json<T>, Failure>;

/// What goes wrong, as status and `{"code":...,"message":...}`.
struct Failure {
    status: StatusCode,
    code: Option<i64>,
    message: String,
}

impl Failure {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            message: message.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::UnknownDevice(_) | Error::UnknownProduct(_) | Error::UnknownFirmware(_) => {
                StatusCode::NOT_FOUND
            }
            Error::Offline | Error::NotSubscribed(_) | Error::NoExt => StatusCode::CONFLICT,
            Error::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Topic(_) | Error::Config(_) => StatusCode::BAD_REQUEST,
            Error::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Error::File { .. } | Error::Listen { .. } | Error::OpenSsl(_) | Error::Runtime(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self {
            status,
            code: error.code(),
            message: error.to_string(),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (
            self.status,
            Json(json!({"code": self.code, "message": self.message})),
        )
            .into_response()
    }
}

fn broker(server: &Shared) -> &Broker {
    &server.broker
}

fn done() -> Answer {
    Ok(Json(json!({})))
}

/// The device that the path names.
struct Device(DeviceId);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Device {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Names {
            product_key: String,
            device_name: String,
        }
        let Path(names) = Path::<Names>::from_request_parts(parts, state).await?;
        Ok(Self(DeviceId::new(names.product_key, names.device_name)))
    }
}

/// Bytes in JSON: text, or `{"hex":"..."}` where they are not UTF-8.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Payload {
    Text(String),
    Hex { hex: String },
}

impl Payload {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex {
                hex: hex::encode(bytes),
            },
        }
    }

    fn into_bytes(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Hex { hex } => hex::decode(hex)
                .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, format!("hex: {error}"))),
        }
    }
}

/// What a device answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Replied {
    /// The message id.
    pub(crate) id: String,
    /// The answer's payload.
    pub(crate) payload: Payload,
}

impl From<Reply> for Replied {
    fn from(reply: Reply) -> Self {
        Self {
            payload: Payload::of(&reply.payload),
            id: reply.id,
        }
    }
}

/// The body of a question; `method` only where the route does not name it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Ask {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// `{}` if there are none.
    pub(crate) params: Option<Value>,
    /// By RRPC.
    pub(crate) sync: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
}

impl Ask {
    async fn of(self, method: String, server: &Shared, device: &DeviceId) -> Answer<Replied> {
        let params = self.params.unwrap_or_else(|| json!({}));
        let request = Request::new(method, params).timeout(timeout(self.timeout_ms));
        let request = Request {
            id: self.id,
            ..request
        };
        let call = if self.sync {
            broker(server).request_sync(device, &request)?
        } else {
            broker(server).request(device, &request)?
        };
        Ok(Json(call.finished().await?.into()))
    }
}

fn timeout(ms: Option<u64>) -> Duration {
    ms.map_or(REPLY_TIMEOUT, Duration::from_millis)
}

async fn endpoints(server: Shared) -> Response {
    Json(server.endpoints.clone()).into_response()
}

async fn devices(server: Shared) -> Response {
    Json(broker(&server).views()).into_response()
}

async fn show_device(server: Shared, Device(device): Device) -> Result<Response, Failure> {
    Ok(Json(broker(&server).view(&device)?).into_response())
}

async fn set_properties(
    server: Shared,
    Device(device): Device,
    ask: Parsed<Ask>,
) -> Answer<Replied> {
    ask?.0
        .of("thing.service.property.set".to_owned(), &server, &device)
        .await
}

async fn invoke(
    server: Shared,
    Path((_, _, service)): Path<(String, String, String)>,
    Device(device): Device,
    ask: Parsed<Ask>,
) -> Answer<Replied> {
    ask?.0
        .of(format!("thing.service.{service}"), &server, &device)
        .await
}

async fn request(server: Shared, Device(device): Device, ask: Parsed<Ask>) -> Answer<Replied> {
    let Json(mut ask) = ask?;
    let method = ask
        .method
        .take()
        .ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "method is missing"))?;
    ask.of(method, &server, &device).await
}

/// The body of a synchronous call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AskRrpc {
    pub(crate) payload: Payload,
    /// Uses the extended family with this topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    #[serde(default)]
    pub(crate) unsubscribed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
}

async fn rrpc(server: Shared, Device(device): Device, ask: Parsed<AskRrpc>) -> Answer<Replied> {
    let Json(ask) = ask?;
    let rrpc = Rrpc::new(ask.payload.into_bytes()?).timeout(timeout(ask.timeout_ms));
    let rrpc = Rrpc {
        topic: ask.topic,
        unsubscribed: ask.unsubscribed,
        ..rrpc
    };
    let call = broker(&server).rrpc(&device, &rrpc)?;
    Ok(Json(call.finished().await?.into()))
}

/// The body of a plain message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Payload,
    #[serde(default = "one")]
    pub(crate) qos: u8,
    #[serde(default)]
    pub(crate) unsubscribed: bool,
}

fn one() -> u8 {
    1
}

async fn publish(server: Shared, Device(device): Device, message: Parsed<Message>) -> Answer {
    let Json(message) = message?;
    let publication = Publication::new(message.topic, message.payload.into_bytes()?);
    let publication = match message.qos {
        0 => publication.at_most_once(),
        1 => publication,
        _ => return Err(Failure::new(StatusCode::BAD_REQUEST, "qos is 0 or 1")),
    };
    broker(&server).publish(
        &device,
        Publication {
            unsubscribed: message.unsubscribed,
            ..publication
        },
    )?;
    done()
}

/// The body of a broadcast: with a name to subscribers, without one to all that are online.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broadcast {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) payload: Payload,
}

async fn broadcast(
    server: Shared,
    Path(product_key): Path<String>,
    body: Parsed<Broadcast>,
) -> Answer {
    let Json(body) = body?;
    let payload = Bytes::from(body.payload.into_bytes()?);
    let reached = match body.name {
        Some(name) => broker(&server).broadcast(&product_key, &name, payload)?,
        None => broker(&server).broadcast_all(&product_key, payload)?,
    };
    Ok(Json(json!({"devices": reached})))
}

async fn set_desired(
    server: Shared,
    Device(device): Device,
    body: Parsed<Map<String, Value>>,
) -> Answer {
    broker(&server).desire(&device, body?.0)?;
    done()
}

async fn set_enabled(server: Shared, Device(device): Device, enabled: Parsed<bool>) -> Answer {
    broker(&server).set_enabled(&device, enabled?.0)?;
    done()
}

async fn kick(server: Shared, Device(device): Device) -> Answer {
    broker(&server).kick(&device)?;
    done()
}

async fn send_raw(server: Shared, Device(device): Device, payload: Parsed<Payload>) -> Answer {
    broker(&server).send_raw(&device, payload?.0.into_bytes()?.into())?;
    done()
}

async fn forget_session(server: Shared, Device(device): Device) -> Answer {
    broker(&server).forget_session(&device)?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirmwareQuery {
    version: String,
}

/// The body is the image.
async fn add_firmware(
    server: Shared,
    query: Result<Query<FirmwareQuery>, QueryRejection>,
    body: Bytes,
) -> Result<Response, Failure> {
    let Query(query) = query?;
    if query.version.is_empty() || query.version.len() > 64 || body.is_empty() {
        let message = "a version has 1 to 64 characters, and an image at least one byte";
        return Err(Failure::new(StatusCode::BAD_REQUEST, message));
    }
    Ok(Json(server.files.add(&query.version, body)?).into_response())
}

async fn firmware(server: Shared) -> Response {
    Json(server.files.list()).into_response()
}

/// The body of a wish that a device has a firmware.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Push {
    pub(crate) version: String,
    /// Where the image is, if it is not on the platform's own web server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

async fn upgrade(server: Shared, Device(device): Device, push: Parsed<Push>) -> Answer {
    let Json(push) = push?;
    server.upgrade(&device, &push.version, push.url.as_deref())?;
    done()
}

/// How far all devices are.
async fn upgrades(server: Shared) -> Response {
    let devices = broker(&server).views();
    let list: Vec<_> = devices
        .into_iter()
        .map(|view| {
            let upgrade = server.files.upgrade(&view.device);
            let state = upgrade.state.as_ref().map(ToString::to_string);
            json!({
                "device": view.device, "running": upgrade.running, "target": upgrade.target, "state": state,
            })
        })
        .collect();
    Json(list).into_response()
}

/// The body is the configuration; waits for the device's answer.
async fn push_config(server: Shared, Device(device): Device, body: Bytes) -> Answer<Replied> {
    let call = server.push_config(&device, body, ConfigDigest::Sha256, true)?;
    Ok(Json(call.finished().await?.into()))
}

async fn set_download_faults(server: Shared, faults: Parsed<DownloadFaults>) -> Answer {
    server.web.set_downloads(faults?.0);
    done()
}

async fn clear_download_faults(server: Shared) -> Answer {
    server.web.set_downloads(DownloadFaults::default());
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    since: Option<u64>,
    #[serde(default = "thousand")]
    limit: usize,
    device: Option<DeviceId>,
}

fn thousand() -> usize {
    1000
}

/// At most `limit` entries, oldest first: from entry `since` on, or the latest.
async fn log(
    server: Shared,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query?;
    let mut entries = server.broker.transcript.since(query.since.unwrap_or(0));
    entries.retain(|entry| query.device.is_none() || entry.device == query.device);
    let beyond = entries.len().saturating_sub(query.limit);
    if query.since.is_none() {
        entries.drain(..beyond);
    } else {
        entries.truncate(query.limit);
    }
    Ok(Json(entries).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultScript {
    scope: FaultScope,
    faults: Faults,
}

async fn set_faults(server: Shared, script: Parsed<FaultScript>) -> Answer {
    let Json(script) = script?;
    broker(&server).faults.set(script.scope, script.faults);
    done()
}

async fn clear_faults(server: Shared) -> Answer {
    broker(&server).faults.clear();
    done()
}

async fn set_reply(server: Shared, rule: Parsed<ReplyRule>) -> Answer {
    broker(&server).set_reply(rule?.0);
    done()
}

async fn clear_replies(server: Shared) -> Answer {
    broker(&server).clear_replies();
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Restart {
    downtime_ms: u64,
}

async fn restart(server: Shared, body: Parsed<Restart>) -> Answer {
    let downtime = Duration::from_millis(body?.0.downtime_ms);
    server.pause().await;
    tokio::time::sleep(downtime).await;
    server.resume().await?;
    done()
}
