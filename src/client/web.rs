//! Requests to a web server, one after the other, over a connection that may be kept between them.

use super::{SEND_WAIT, rest, why};
use crate::{
    hal::{Dial, System},
    http::{self, Response},
    log::{Level, Value},
    time::{Clock, Instant},
    wire::http::Url,
};

/// A connection to one server, while there is one.
#[derive(Debug)]
pub struct Web<C> {
    conn: Option<C>,
    clock: Clock,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResponse {
    /// There is no connection, or it did not take the request.
    NotSent,
    /// It did not come in time.
    Late,
    /// The connection was lost before its end.
    Lost,
    /// What came is no response.
    Bad(http::Error),
}

/// How long is waited at once for bytes that may not come, in ms: a port waits for all that it is asked for.
const SLICE: u32 = 20;
/// What the log says of a connection that is of no more use.
const LOST: &str = "http: connection lost:";
/// How much is asked for at once.
const PIECE: usize = 256;

impl<C: Copy> Web<C> {
    /// No connection yet.
    pub const fn new(uptime: u32) -> Self {
        Self {
            conn: None,
            clock: Clock::new(uptime),
        }
    }

    /// Sends `head` and `body` to the server of `url`, and waits `timeout` ms for the response. Its body is put into
    /// `into`, as far as there is room; says how long it is.
    ///
    /// Blocks for as long as the platform takes to connect, 5 s for sending, and `timeout`. A connection that was kept
    /// and has ended meanwhile is made again. Afterwards it is kept if `keep`, and if the server lets it be.
    pub fn exchange<P: System + Dial<Conn = C>>(
        &mut self,
        platform: &P,
        url: Url<'_>,
        parts: [&[u8]; 2],
        into: &mut [u8],
        timeout: u32,
        keep: bool,
    ) -> Result<usize, NoResponse> {
        let mut result = Err(NoResponse::NotSent);
        if let Some(conn) = self.conn {
            let mut heard = false;
            result = self.converse(platform, conn, parts, into, timeout, &mut heard);
            if heard || !matches!(result, Err(NoResponse::NotSent | NoResponse::Lost)) {
                return self.done(platform, result, keep);
            }
            self.close(platform);
        }
        match platform.dial(url.tls, url.host, url.port) {
            Ok(conn) => {
                self.conn = Some(conn);
                result = self.converse(platform, conn, parts, into, timeout, &mut false);
            }
            Err(_) => platform.log(Level::Warning, "http: no connection", Value::None),
        }
        self.done(platform, result, keep)
    }

    /// Closes the connection, if there is one.
    pub fn close<P: Dial<Conn = C>>(&mut self, platform: &P) {
        if let Some(conn) = self.conn.take() {
            platform.close(conn);
        }
    }

    fn done<P: Dial<Conn = C>>(
        &mut self,
        platform: &P,
        result: Result<(usize, bool), NoResponse>,
        keep: bool,
    ) -> Result<usize, NoResponse> {
        let reusable = result.is_ok_and(|(_, reusable)| reusable);
        if !keep || !reusable {
            self.close(platform);
        }
        result.map(|(len, _)| len)
    }

    /// The length of the body, and whether the connection may be kept. `heard` is set once something has come.
    fn converse<P: System + Dial<Conn = C>>(
        &mut self,
        platform: &P,
        conn: C,
        parts: [&[u8]; 2],
        into: &mut [u8],
        timeout: u32,
        heard: &mut bool,
    ) -> Result<(usize, bool), NoResponse> {
        let until = self.now(platform).after(SEND_WAIT);
        for part in parts {
            self.send(platform, conn, part, until)?;
        }
        let until = self.now(platform).after(timeout);
        let mut response = Response::new();
        let mut len = 0_usize;
        let mut piece = [0; PIECE];
        while !response.is_complete() {
            let uptime = platform.uptime();
            let left = until.until(self.clock.read(uptime));
            let (want, wait) = match response.remaining() {
                Some(remaining) => (remaining as usize, left),
                None => (PIECE, left.min(SLICE)),
            };
            let place = piece.get_mut(..want.clamp(1, PIECE)).unwrap_or_default();
            match platform.read(conn, place, wait.max(1)) {
                Ok(0) if left == 0 => {
                    platform.log(Level::Warning, "http: no response in time", Value::None);
                    return Err(NoResponse::Late);
                }
                Ok(0) => {
                    rest(platform, uptime, wait);
                }
                Ok(count) => {
                    *heard = true;
                    let came = place.get_mut(..count).unwrap_or_default();
                    let count = response.receive(came).map_err(NoResponse::Bad)?;
                    let body = came.get(..count).unwrap_or_default();
                    let room = into.get_mut(len.min(into.len())..).unwrap_or_default();
                    room.iter_mut().zip(body).for_each(|(to, byte)| *to = *byte);
                    len = len.saturating_add(count);
                }
                Err(broken) => {
                    if response.end().is_err() {
                        platform.log(Level::Warning, LOST, why(broken));
                        return Err(NoResponse::Lost);
                    }
                }
            }
        }
        Ok((len, response.is_reusable()))
    }

    fn send<P: System + Dial<Conn = C>>(
        &mut self,
        platform: &P,
        conn: C,
        mut bytes: &[u8],
        until: Instant,
    ) -> Result<(), NoResponse> {
        while !bytes.is_empty() {
            let uptime = platform.uptime();
            let left = until.until(self.clock.read(uptime));
            if left == 0 {
                platform.log(Level::Warning, "http: sending took too long", Value::None);
                return Err(NoResponse::NotSent);
            }
            match platform.write(conn, bytes, left) {
                Ok(0) => {
                    rest(platform, uptime, left);
                }
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(broken) => {
                    platform.log(Level::Warning, LOST, why(broken));
                    return Err(NoResponse::NotSent);
                }
            }
        }
        Ok(())
    }

    fn now<P: System>(&mut self, platform: &P) -> Instant {
        self.clock.read(platform.uptime())
    }
}
