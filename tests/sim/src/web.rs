//! A web server with images for the device, and their announcements. Requests are read by httparse.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use crate::{
    stats::Fault,
    world::{Phase, World},
};

/// Where images are, and where messages go.
pub(crate) const FILES: (&[u8], u16) = (b"files.sim", 8080);
pub(crate) const MESSAGES: (&[u8], u16) = (b"iot-as-http.cn-shanghai.aliyuncs.com", 443);

const FIRMWARE: &str = "/ota/device/upgrade/product/device";
const CONFIG: &str = "/sys/product/device/thing/config/push";

/// What the server has.
#[derive(Default)]
pub(crate) struct Site {
    pub(crate) images: Vec<Image>,
    /// Messages of the device, and whether each was taken.
    pub(crate) posts: Vec<(Vec<u8>, bool)>,
    /// The token that is good, and how many there were.
    token: Option<usize>,
    tokens: usize,
}

/// Something to fetch. Its number is its place; its size, no other has.
pub(crate) struct Image {
    pub(crate) config: bool,
    pub(crate) size: usize,
    /// How often another was put in its place; the first one was announced.
    pub(crate) version: u32,
    /// How many of its bytes were spoilt on their way.
    pub(crate) spoilt: usize,
}

/// The byte of an image at a place; no two versions have the same.
pub(crate) fn byte(number: usize, version: u32, at: usize) -> u8 {
    (at * 31 + at / 251 + number * 7 + version as usize * 101) as u8
}

impl World {
    /// The platform announces an image that the server has from now on, if the device listens.
    pub(crate) fn announce(&mut self, device: usize) {
        let config = self.rng.u8(..4) == 0;
        let topic = if config { CONFIG } else { FIRMWARE };
        let Some(granted) = self.granted(device, topic) else {
            return;
        };
        let number = self.site.images.len();
        let most = 3000 << self.rng.u8(..3);
        let mut size = 1 + self.rng.usize(..most);
        while self.site.images.iter().any(|image| image.size == size) {
            size += 1;
        }
        self.site.images.push(Image {
            config,
            size,
            version: 0,
            spoilt: 0,
        });
        let content: Vec<_> = (0..size).map(|at| byte(number, 0, at)).collect();
        let sign = Md5::digest(&content)
            .iter()
            .fold(String::new(), |mut text, byte| {
                _ = write!(text, "{byte:02x}");
                text
            });
        let scheme = if self.plan.tls { "https" } else { "http" };
        let url = format!("{scheme}://files.sim:8080/{number}");
        let payload = if config {
            format!(
                r#"{{"id":"{number}","params":{{"configId":"c{number}","configSize":{size},"sign":"{sign}","signMethod":"Md5","url":"{url}","getType":"file"}}}}"#
            )
        } else {
            format!(
                r#"{{"message":"success","data":{{"version":"v{number}","url":"{url}","size":{size},"md5":"{sign}"}}}}"#
            )
        };
        let index = self.queue(device, topic, payload.into(), granted.min(1));
        self.send_message(device, index);
    }

    /// Bytes of a request have arrived.
    pub(crate) fn ask(&mut self, conn: usize, bytes: &[u8]) {
        let Some(received) = &mut self.conns[conn].request else {
            return;
        };
        received.extend_from_slice(bytes);
        let text = received.clone();
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut request = httparse::Request::new(&mut headers);
        let len = match request.parse(&text) {
            Ok(httparse::Status::Partial) => return,
            Ok(httparse::Status::Complete(len)) => len,
            Err(error) => {
                return self.violated("requests are well-formed", || format!("{error} on #{conn}"));
            }
        };
        let field = |name: &str| {
            let header = request.headers.iter().find(|header| header.name == name);
            header.map(|header| String::from_utf8_lossy(header.value).into_owned())
        };
        if request.method == Some("POST") {
            let body = field("Content-Length").and_then(|len| len.parse::<usize>().ok());
            let Some(body) = body else {
                return self.violated("requests are well-formed", || {
                    String::from_utf8_lossy(&text).into_owned()
                });
            };
            if text.len() < len + body {
                return;
            }
            let path = request.path.unwrap_or_default().to_owned();
            let token = field("password");
            self.conns[conn].request = Some(text[len + body..].to_vec());
            return self.posted(conn, &path, token.as_deref(), &text[len..len + body]);
        }
        let number = request
            .path
            .and_then(|path| path.trim_start_matches("/moved").get(1..)?.parse().ok())
            .filter(|number| *number < self.site.images.len());
        let good = len == text.len()
            && request.method == Some("GET")
            && field("Host").is_some_and(|host| host == "files.sim:8080");
        let Some(number) = number.filter(|_| good) else {
            return self.violated("requests are well-formed", || {
                String::from_utf8_lossy(&text).into_owned()
            });
        };
        let range = field("Range").map(|range| {
            let first = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            first.parse::<usize>().ok()
        });
        if range == Some(None) {
            return self.violated("requests are well-formed", || format!("{range:?}"));
        }
        self.conns[conn].request = Some(Vec::new());
        self.serve(conn, number, range.flatten(), field("If-Range"));
    }

    /// Answers a request for an image, or for what is left of it.
    fn serve(&mut self, conn: usize, number: usize, range: Option<usize>, known: Option<String>) {
        let rate = self.plan.rates.web;
        if self.fault(Fault::NoAnswer, self.plan.rates.no_answer) {
            return;
        }
        if self.fault(Fault::WebChanged, rate >> 4) {
            self.site.images[number].version += 1;
        }
        let (size, version) = {
            let image = &self.site.images[number];
            (image.size, image.version)
        };
        let tag = format!("\"{number}-{version}\"");
        let fresh = known.is_none_or(|known| known == tag);
        let ignored = range.is_some() && self.fault(Fault::WebNoRange, rate);
        let first = range.filter(|_| fresh && !ignored);
        if self.fault(Fault::WebRefuses, rate >> 4) {
            let status = [404, 403, 500, 503][self.rng.usize(..4)];
            let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 5\r\n\r\nsorry");
            self.server_sends(conn, head.as_bytes());
            return;
        }
        if self.fault(Fault::WebRedirects, rate >> 1) {
            let head = format!(
                "HTTP/1.1 302 Found\r\nLocation: /moved/{number}\r\nContent-Length: 0\r\n\r\n"
            );
            self.server_sends(conn, head.as_bytes());
            return;
        }
        let start = first.unwrap_or(0);
        if start >= size {
            let head = format!(
                "HTTP/1.1 416 No\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n"
            );
            self.server_sends(conn, head.as_bytes());
            return;
        }
        let mut body: Vec<_> = (start..size).map(|at| byte(number, version, at)).collect();
        if self.fault(Fault::WebSpoils, rate >> 4) {
            let at = self.rng.usize(..body.len());
            body[at] ^= 0x40;
            self.site.images[number].spoilt += 1;
        }
        let mut head = match first {
            None => format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\n"),
            Some(first) => format!(
                "HTTP/1.1 206 Partial Content\r\nETag: {tag}\r\nContent-Range: bytes {first}-{}/{size}\r\n",
                size - 1
            ),
        };
        let mut closes = self.rng.bool();
        let body = match self.rng.u8(..4) {
            0 => {
                head.push_str("Transfer-Encoding: chunked\r\n\r\n");
                self.chunks(&body)
            }
            1 => {
                head.push_str("\r\n");
                closes = true;
                body
            }
            _ => {
                _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
                body
            }
        };
        let mut answer = [head.as_bytes(), &body].concat();
        if self.fault(Fault::WebStops, rate >> 1) {
            answer.truncate(self.rng.usize(..answer.len()));
            closes = true;
        }
        self.note(|line| {
            _ = write!(
                line,
                "    server #{conn} sends image {number} from {start}, {} bytes",
                answer.len()
            );
        });
        self.server_sends(conn, &answer);
        if closes {
            self.server_closes(conn, false);
        }
    }

    /// Answers a login or a message.
    fn posted(&mut self, conn: usize, path: &str, token: Option<&str>, body: &[u8]) {
        let rate = self.plan.rates.web;
        if self.fault(Fault::NoAnswer, self.plan.rates.no_answer) {
            return;
        }
        if self.fault(Fault::WebExpires, rate >> 3) {
            self.site.token = None;
        }
        let known = token.and_then(|token| token.strip_prefix("token-")?.parse::<usize>().ok());
        let answer = if self.fault(Fault::WebRefuses, rate >> 4) {
            r#"{"code":40000,"message":"too many"}"#.to_owned()
        } else if path == "/auth" {
            let number = self.site.tokens;
            self.site.tokens += 1;
            self.site.token = Some(number);
            format!(r#"{{"code":0,"message":"success","info":{{"token":"token-{number}"}}}}"#)
        } else if known.is_none_or(|known| known >= self.site.tokens) {
            return self.violated("requests are well-formed", || {
                format!("{path} with token {token:?}")
            });
        } else if known != self.site.token {
            r#"{"code":20001,"message":"token is expired"}"#.to_owned()
        } else {
            if !path.ends_with("/thing/status/update") {
                self.taken(path, body);
            }
            r#"{"code":0,"message":"success","info":{"messageId":7}}"#.to_owned()
        };
        let mut text = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        let closes = self.fault(Fault::WebStops, rate >> 1);
        if closes {
            text.truncate(self.rng.usize(..text.len()));
        }
        self.server_sends(conn, text.as_bytes());
        if closes || self.rng.u8(..4) == 0 {
            self.server_closes(conn, false);
        }
    }

    /// A message of the device.
    fn taken(&mut self, path: &str, body: &[u8]) {
        let known = self.site.posts.iter().position(|(post, _)| post == body);
        let good = path == "/topic/product/device/update";
        let Some(known) = known.filter(|_| good) else {
            return self.violated("messages leave as given", || {
                format!("{} bytes to {path}", body.len())
            });
        };
        self.site.posts[known].1 = true;
        self.stats.posted += 1;
    }

    fn chunks(&mut self, body: &[u8]) -> Vec<u8> {
        let mut chunks = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, more) = rest.split_at(1 + self.rng.usize(..rest.len()));
            rest = more;
            chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        chunks
    }

    /// Whether an image is announced now.
    pub(crate) fn has_news(&mut self) -> bool {
        self.plan.downloads && self.phase == Phase::Storm && self.rng.u8(..3) == 0
    }
}
