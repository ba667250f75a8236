//! The web server that devices use: authentication and messages over HTTPS, registration, and files to fetch.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    codec::{MAX_PAYLOAD, Publish, QoS},
    connection::{self, Stream},
    device::DeviceId,
    firmware::File,
    server::Server,
    sign::{SignMethod, signed_text},
    transcript::What,
};

/// How downloads misbehave. The default is not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DownloadFaults {
    /// For so many responses, then it is over; for all if `None`.
    pub times: Option<u32>,
    /// The connection is closed after so many bytes of the body.
    pub cut_at: Option<usize>,
    /// The connection is closed after so many bytes of the body on average, at another byte each time.
    pub cut_about: Option<usize>,
    /// After so many bytes of the body nothing is sent for `stall_ms`.
    pub stall_at: Option<usize>,
    /// How long a stall lasts, in milliseconds.
    pub stall_ms: u64,
    /// This is added to the announced length; no more is sent than is announced.
    pub length_off: i64,
    /// No length is announced: the body comes in chunks.
    pub chunked: bool,
    /// So many redirections come before the file.
    pub redirects: u32,
    /// A page with this status comes instead of the file.
    pub status: Option<u16>,
    /// The body comes at so many bytes per second.
    pub bytes_per_second: Option<usize>,
    /// This byte of the file is another.
    pub corrupt_at: Option<usize>,
    /// `Range` is ignored.
    pub no_range: bool,
    /// Each response has another `ETag`.
    pub new_etag: bool,
    /// `Content-Range` begins so many bytes off.
    pub range_off: i64,
}

/// How answers to `/auth`, `/auth/devicename` and `/topic` misbehave, one after the other; then they are as they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum AnswerFault {
    /// This `code`, and nothing is done.
    Code(i64),
    /// This body, and nothing is done.
    Body(String),
    /// This status, with the body that would have come.
    Status(u16),
    /// The connection is closed instead.
    Close,
    /// The answer comes after so many milliseconds.
    DelayMs(u64),
}

/// What the web server remembers.
#[derive(Debug, Default)]
pub(crate) struct Web {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Who has a token, and whether it still holds.
    tokens: HashMap<String, (DeviceId, bool)>,
    downloads: DownloadFaults,
    answers: std::collections::VecDeque<AnswerFault>,
    /// Counts responses, for faults that change from one to the next.
    responses: u32,
    messages: u64,
}

impl Web {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while locked")
    }

    pub(crate) fn set_downloads(&self, faults: DownloadFaults) {
        self.lock().downloads = faults;
    }

    pub(crate) fn push_answer(&self, fault: AnswerFault) {
        self.lock().answers.push_back(fault);
    }

    /// Tokens that were given out hold no longer.
    pub(crate) fn expire_tokens(&self) {
        self.lock()
            .tokens
            .values_mut()
            .for_each(|(_, holds)| *holds = false);
    }

    /// The faults of the next download, and which one it is.
    fn next_download(&self) -> (DownloadFaults, u32) {
        let mut inner = self.lock();
        inner.responses += 1;
        let count = inner.responses;
        match inner.downloads.times {
            None => {}
            Some(0) => inner.downloads = DownloadFaults::default(),
            Some(left) => inner.downloads.times = Some(left - 1),
        }
        (inner.downloads.clone(), count)
    }
}

/// Accepts connections and does their handshakes, many at a time.
pub(crate) struct Listener {
    opened: mpsc::Receiver<(Box<dyn Stream>, SocketAddr)>,
    address: SocketAddr,
}

impl Listener {
    pub(crate) fn new(server: Arc<Server>, listener: TcpListener, address: SocketAddr) -> Self {
        let (sender, opened) = mpsc::channel(16);
        tokio::spawn(async move {
            let mut handshakes = JoinSet::new();
            loop {
                let (stream, peer) = tokio::select! {
                    () = server.stop.cancelled() => return,
                    Some(_) = handshakes.join_next() => continue,
                    accepted = listener.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            tracing::warn!(%error, "accept");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            continue;
                        }
                    },
                };
                handshakes.spawn(open(Arc::clone(&server), stream, peer, sender.clone()));
            }
        });
        Self { opened, address }
    }
}

async fn open(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    to: mpsc::Sender<(Box<dyn Stream>, SocketAddr)>,
) {
    let limit = server.broker.limits.connect_time;
    let opening = connection::open(server.tls_context(), stream);
    match tokio::time::timeout(limit, opening).await {
        Ok(Ok((stream, _))) => {
            // Nobody is left to serve it when the platform stops.
            let _ = to.send((stream, peer)).await;
        }
        Ok(Err(error)) => server.broker.transcript.add(
            0,
            None,
            What::Note {
                text: format!("web: {peer}: {error}"),
            },
        ),
        Err(_) => tracing::debug!(%peer, "no handshake in time"),
    }
}

impl axum::serve::Listener for Listener {
    type Io = Box<dyn Stream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.opened.recv().await {
            Some(opened) => opened,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Serves devices until the platform stops.
pub(crate) async fn serve(server: Arc<Server>, listener: Listener) {
    let stop = server.stop.clone();
    let serving =
        axum::serve(listener, router(server)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the web server ended");
    }
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/auth", post(auth))
        .route("/auth/devicename", post(guide))
        .route("/auth/register/device", post(register))
        .route("/topic/{*topic}", post(topic))
        .fallback(any(download))
        .with_state(server)
}

type Shared = State<Arc<Server>>;

/// A request as the transcript has it, once it is answered.
fn note(
    server: &Server,
    device: Option<&DeviceId>,
    request: &str,
    range: Option<&str>,
    status: u16,
) {
    let what = What::Web {
        request: request.to_owned(),
        range: range.map(str::to_owned),
        status,
    };
    server.broker.transcript.add(0, device, what);
}

/// What `/auth` is asked, as JSON, and `/auth/devicename`, as a form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    product_key: String,
    device_name: String,
    client_id: String,
    sign: String,
    signmethod: String,
    timestamp: Option<String>,
}

/// A code of the platform and what it says to people.
struct Refusal(i64, &'static str);

const BAD_PARAMETER: Refusal = Refusal(10001, "param error");
const NOT_SIGNED: Refusal = Refusal(20000, "auth check error");

async fn auth(State(server): Shared, body: Bytes) -> Response {
    let said: Option<Login> = serde_json::from_slice(&body).ok();
    let device = said
        .as_ref()
        .map(|login| DeviceId::new(&login.product_key, &login.device_name));
    let known = said.as_ref().zip(device.as_ref()).ok_or(BAD_PARAMETER);
    let result = known.and_then(|(login, device)| {
        let method = SignMethod::parse(&login.signmethod).ok_or(BAD_PARAMETER)?;
        let text = signed_text(&login.client_id, device, login.timestamp.as_deref());
        if !server.broker.signed(device, method, &text, &login.sign) {
            return Err(NOT_SIGNED);
        }
        let token = random_hex()?;
        let mut web = server.web.lock();
        web.tokens.insert(token.clone(), (device.clone(), true));
        Ok(json!({"token": token}))
    });
    answer(&server, device.as_ref(), "POST /auth", result).await
}

fn random_hex() -> Result<String, Refusal> {
    let mut random = [0; 32];
    openssl::rand::rand_bytes(&mut random).map_err(|_| Refusal(10000, "common error"))?;
    Ok(hex::encode(random))
}

async fn topic(State(server): Shared, headers: HeaderMap, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let line = format!("POST {path}");
    let name = path.strip_prefix("/topic").unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), MAX_PAYLOAD).await;
    let token = headers.get("password").map(HeaderValue::to_str);
    let sender = match token {
        None => Err(Refusal(20002, "token is null")),
        Some(token) => {
            let web = server.web.lock();
            match token.ok().and_then(|token| web.tokens.get(token)) {
                None => Err(Refusal(20003, "check token error")),
                Some((_, false)) => Err(Refusal(20001, "token is expired")),
                Some((device, true)) => Ok(device.clone()),
            }
        }
    };
    let device = sender.as_ref().ok().cloned();
    let result = sender.and_then(|device| {
        let payload = body.map_err(|_| BAD_PARAMETER)?;
        if !server.broker.may_publish(&device, &name) {
            return Err(Refusal(30001, "publish message error"));
        }
        let publish = Publish {
            topic: name.clone(),
            payload,
            qos: QoS::AtMostOnce,
            dup: false,
            retain: false,
            pkid: 0,
        };
        server.broker.published(&device, 0, &publish);
        let mut web = server.web.lock();
        web.messages += 1;
        // Larger than what a double can hold, as the platform's own are.
        Ok(json!({"messageId": 892_687_470_447_040_000_u64 + web.messages}))
    });
    answer(&server, device.as_ref(), &line, result).await
}

/// Tells a device where to connect (reference: MQTT, 4.5).
async fn guide(State(server): Shared, body: Bytes) -> Response {
    let said: Option<Login> = serde_urlencoded::from_bytes(&body).ok();
    let device = said
        .as_ref()
        .map(|said| DeviceId::new(&said.product_key, &said.device_name));
    let signed = said.as_ref().zip(device.as_ref()).map(|(said, device)| {
        let text = signed_text(&said.client_id, device, said.timestamp.as_deref());
        let method = SignMethod::parse(&said.signmethod);
        method.is_some_and(|method| server.broker.signed(device, method, &text, &said.sign))
    });
    let granted = match (signed, device.as_ref()) {
        (Some(true), Some(device)) => grant(&server, device).ok_or((500, "common error")),
        (Some(_), _) => Err((6288, "not signed, or not to connect")),
        (None, _) => Err((460, "request parameter error")),
    };
    let body = match granted {
        Ok(data) => json!({"code": 200, "data": data, "message": "success"}),
        Err((code, message)) => json!({"code": code, "data": {}, "message": message}),
    };
    say(&server, device.as_ref(), "POST /auth/devicename", body).await
}

/// Where the device may connect, and as whom.
fn grant(server: &Server, device: &DeviceId) -> Option<Value> {
    let (name, password) = (random_hex().ok()?, random_hex().ok()?);
    server.broker.grant(&name, device, &password);
    let (host, port) = ("localhost", server.endpoints.mqtt.port());
    Some(json!({
        "iotId": name, "iotToken": password, "resources": {"mqtt": {"host": host, "port": port}},
    }))
}

/// What a device without a secret sends (Alink, 4.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    product_key: String,
    device_name: String,
    random: String,
    sign: String,
    sign_method: String,
}

async fn register(State(server): Shared, body: Bytes) -> Response {
    let said: Option<Registration> = serde_urlencoded::from_bytes(&body).ok();
    let device = said
        .as_ref()
        .map(|said| DeviceId::new(&said.product_key, &said.device_name));
    let code = |code: i64, message: &str, data: Value| {
        axum::Json(json!({"code": code, "data": data, "message": message})).into_response()
    };
    let response = match said.zip(device.as_ref()) {
        None => code(460, "request parameter error", json!({})),
        Some((said, device)) => {
            let text = format!(
                "deviceName{}productKey{}random{}",
                said.device_name, said.product_key, said.random
            );
            let secret = SignMethod::parse(&said.sign_method)
                .and_then(|method| server.broker.register(device, method, &text, &said.sign));
            match secret {
                Some(secret) => code(
                    200,
                    "success",
                    json!({"deviceName": said.device_name, "deviceSecret": secret, "productKey": said.product_key}),
                ),
                None => code(6288, "not signed, or not to be registered", json!({})),
            }
        }
    };
    note(
        &server,
        device.as_ref(),
        "POST /auth/register/device",
        None,
        response.status().as_u16(),
    );
    response
}

/// The envelope of `/auth` and `/topic` (reference: HTTP, section 3).
async fn answer(
    server: &Server,
    device: Option<&DeviceId>,
    line: &str,
    result: Result<Value, Refusal>,
) -> Response {
    let body = match result {
        Ok(info) => json!({"code": 0, "message": "success", "info": info}),
        Err(Refusal(code, message)) => json!({"code": code, "message": message, "info": {}}),
    };
    say(server, device, line, body).await
}

/// A response, or what a fault makes of it.
async fn say(server: &Server, device: Option<&DeviceId>, line: &str, body: Value) -> Response {
    let fault = server.web.lock().answers.pop_front();
    let mut status = StatusCode::OK;
    let mut text = body.to_string();
    match fault {
        None => {}
        Some(AnswerFault::Code(code)) => {
            text = json!({"code": code, "message": "on request", "info": {}}).to_string();
        }
        Some(AnswerFault::Body(body)) => text = body,
        Some(AnswerFault::Status(number)) => {
            status = StatusCode::from_u16(number).unwrap_or(status)
        }
        Some(AnswerFault::DelayMs(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(AnswerFault::Close) => {
            note(server, device, line, None, 0);
            return broken();
        }
    }
    note(server, device, line, None, status.as_u16());
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A response that breaks off at once.
fn broken() -> Response {
    let nothing = Err::<Bytes, _>(io::Error::other("on request"));
    Body::from_stream(tokio_stream::once(nothing)).into_response()
}

/// A file, or a part of it (RFC 9110, section 14), with the faults that are asked for.
async fn download(State(server): Shared, request: Request) -> Response {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let line = format!("{method} {path}");
    let response = match server.files.file(&path) {
        Some(file) if method == Method::GET || method == Method::HEAD => {
            let (faults, count) = server.web.next_download();
            let hops: u32 = query
                .strip_prefix("hop=")
                .and_then(|hop| hop.parse().ok())
                .unwrap_or(0);
            respond(&file, &headers, &path, &faults, count, hops)
        }
        _ => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    };
    note(&server, None, &line, range, response.status().as_u16());
    response
}

fn respond(
    file: &File,
    headers: &HeaderMap,
    path: &str,
    faults: &DownloadFaults,
    count: u32,
    hops: u32,
) -> Response {
    if let Some(status) = faults.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
        return (status, "<html>this is not the file</html>\n").into_response();
    }
    if hops < faults.redirects {
        let place = format!("{path}?hop={}", hops + 1);
        return (
            StatusCode::FOUND,
            [(header::LOCATION, place)],
            "elsewhere\n",
        )
            .into_response();
    }
    let etag = if faults.new_etag {
        format!("\"changed-{count}\"")
    } else {
        file.etag()
    };
    let modified = httpdate::fmt_http_date(file.modified);
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fresh = text(header::IF_RANGE).is_none_or(|known| known == etag || known == modified);
    let len = file.content.len();
    let asked = text(header::RANGE).filter(|_| fresh && !faults.no_range);
    let part = match asked.map(|range| part(range, len)) {
        None | Some(Part::All) => None,
        Some(Part::Bytes(first, last)) => Some((first, last)),
        Some(Part::Beyond) => {
            let range = format!("bytes */{len}");
            return (
                StatusCode::RANGE_NOT_SATISFIABLE,
                [(header::CONTENT_RANGE, range)],
            )
                .into_response();
        }
    };
    let (first, last) = part.unwrap_or((0, len.saturating_sub(1)));
    let mut content = file.content.slice(first..(last + 1).min(len));
    if let Some(at) = faults.corrupt_at.and_then(|at| at.checked_sub(first))
        && at < content.len()
    {
        let mut bytes = content.to_vec();
        bytes[at] ^= 0x55;
        content = bytes.into();
    }

    let announced = content
        .len()
        .saturating_add_signed(faults.length_off as isize);
    content.truncate(announced);
    let mut response = Response::new(body(content, faults, count));
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::ETAG, etag);
    put(header::LAST_MODIFIED, modified);
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    if !faults.chunked {
        put(header::CONTENT_LENGTH, announced.to_string());
    }
    if let Some((first, last)) = part {
        let first = first.saturating_add_signed(faults.range_off as isize);
        put(header::CONTENT_RANGE, format!("bytes {first}-{last}/{len}"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// Which part a `Range` asks for.
enum Part {
    All,
    Bytes(usize, usize),
    Beyond,
}

/// One range of bytes; what else there may be is served whole, as a server may (RFC 9110, section 14.2).
fn part(range: &str, len: usize) -> Part {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Part::All;
    };
    let number = |text: &str| text.trim().parse::<usize>().ok();
    match (number(first), number(last)) {
        (Some(first), _) if first >= len => Part::Beyond,
        (Some(first), None) if last.is_empty() => Part::Bytes(first, len - 1),
        (Some(first), Some(last)) if first <= last => Part::Bytes(first, last.min(len - 1)),
        (None, Some(0)) if first.is_empty() => Part::Beyond,
        (None, Some(suffix)) if first.is_empty() && len > 0 => {
            Part::Bytes(len.saturating_sub(suffix), len - 1)
        }
        _ => Part::All,
    }
}

/// The body, as it comes: at once, in its time, or broken off.
fn body(content: Bytes, faults: &DownloadFaults, count: u32) -> Body {
    /// How many bytes are sent at once.
    const PIECE: usize = 16 * 1024;
    /// How long what was sent before a cut has to go out.
    const FLUSH: Duration = Duration::from_millis(30);

    let cut_at = faults.cut_at.or_else(|| {
        // Half of it to one and a half times as much, in no order that a device could fall in step with.
        let about = faults.cut_about?;
        let random = count.wrapping_mul(2_654_435_761) >> 8;
        Some(about / 2 + random as usize % about.max(1))
    });
    if cut_at.is_none()
        && faults.stall_at.is_none()
        && faults.bytes_per_second.is_none()
        && !faults.chunked
        && faults.length_off == 0
    {
        return Body::from(content);
    }
    let faults = faults.clone();
    let (sender, pieces) = mpsc::channel::<io::Result<Bytes>>(1);
    tokio::spawn(async move {
        let piece = faults
            .bytes_per_second
            .map_or(PIECE, |rate| (rate / 50).clamp(1, PIECE));
        let mut sent = 0;
        loop {
            if cut_at.is_some_and(|at| sent >= at) {
                // While there is nothing to take, what was taken goes out; an error would drop it.
                tokio::time::sleep(FLUSH).await;
                let _ = sender.send(Err(io::Error::other("cut on request"))).await;
                return;
            }
            if faults.stall_at == Some(sent) {
                tokio::time::sleep(Duration::from_millis(faults.stall_ms)).await;
            }
            if sent == content.len() {
                return;
            }
            let mut end = (sent + piece).min(content.len());
            for stop in [cut_at, faults.stall_at].into_iter().flatten() {
                if stop > sent {
                    end = end.min(stop);
                }
            }
            // Nobody reads any more when this fails.
            if sender.send(Ok(content.slice(sent..end))).await.is_err() {
                return;
            }
            if let Some(rate) = faults.bytes_per_second {
                let took = (end - sent) as f64 / rate.max(1) as f64;
                tokio::time::sleep(Duration::from_secs_f64(took)).await;
            }
            sent = end;
        }
    });
    Body::from_stream(ReceiverStream::new(pieces))
}
