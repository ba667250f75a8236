//! Drives a download over a platform.

use alloc::ffi::CString;

use super::{SEND_WAIT, rest, why};
use crate::{
    hal::{Broken, Dial, System},
    log::{Level, Value},
    services::ota::{Announcement, Digest, Download, Failure, Want},
    time::{Clock, Instant},
};

/// A download, and its connection while there is one.
#[derive(Debug)]
pub struct Fetch<C> {
    download: Download,
    conn: Option<C>,
    clock: Clock,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// So many bytes more are there, perhaps none. It goes on.
    Some(usize),
    /// It is over: the last so many bytes are there, or it has failed.
    All(Result<usize, Failure>),
}

impl<C: Copy> Fetch<C> {
    /// The download of what was announced, at its beginning.
    pub fn new(announcement: &Announcement, url: CString, uptime: u32) -> Self {
        let clock = Clock::new(uptime);
        Self {
            download: announcement.download(url, clock.now()),
            conn: None,
            clock,
        }
    }

    /// How many bytes were handed out.
    pub const fn fetched(&self) -> u32 {
        self.download.fetched()
    }

    /// Fetches what comes next, until `buf` is full, the image is there or `timeout` ms have passed; longer by one call into
    /// the platform at most.
    pub fn run<P: System + Dial<Conn = C>>(
        &mut self,
        platform: &P,
        buf: &mut [u8],
        timeout: u32,
    ) -> Fetched {
        let until = self.clock.read(platform.uptime()).after(timeout);
        let mut filled = 0;
        let mut acted = false;
        loop {
            let uptime = platform.uptime();
            let now = self.clock.read(uptime);
            let room = buf.get_mut(filled..).unwrap_or_default();
            let want = self.download.want(room.len(), now);
            let left = until.until(now);
            match want {
                Want::Close => {
                    self.close(platform);
                    self.download.closed(now);
                    continue;
                }
                Want::Over(Ok(())) => return Fetched::All(Ok(filled)),
                Want::Over(Err(failure)) if filled == 0 => return Fetched::All(Err(failure)),
                // What is there is handed out before anything that may take long.
                Want::Over(_) | Want::Dial(_) | Want::Wait(_) if filled > 0 => {
                    return Fetched::Some(filled);
                }
                _ if room.is_empty() || left == 0 && acted => return Fetched::Some(filled),
                _ => {}
            }
            acted = true;
            let left = left.max(1);
            match (want, self.conn) {
                (Want::Dial(url), _) => match platform.dial(url.tls, url.host, url.port) {
                    Ok(conn) => {
                        self.conn = Some(conn);
                        self.download.opened();
                    }
                    Err(_) => {
                        platform.log(Level::Warning, "ota: no connection", Value::None);
                        self.download.lost(Failure::NoConnection, now);
                    }
                },
                (Want::Write(bytes), Some(conn)) => {
                    let wait = left.min(SEND_WAIT);
                    match platform.write(conn, bytes, wait) {
                        Ok(0) => self.download.silent(rest(platform, uptime, wait)),
                        Ok(count) => self.download.sent(count),
                        Err(broken) => self.lost(platform, broken, now),
                    }
                }
                (Want::Read { len, wait }, Some(conn)) => {
                    let wait = left.min(wait);
                    let place = room.get_mut(..len).unwrap_or_default();
                    match platform.read(conn, place, wait) {
                        Ok(0) => self.download.silent(rest(platform, uptime, wait)),
                        Ok(count) => {
                            let came = place.get_mut(..count).unwrap_or_default();
                            filled += self.download.received(came);
                        }
                        Err(broken) => self.lost(platform, broken, now),
                    }
                }
                (Want::Wait(wait), _) => platform.sleep(wait.min(left)),
                (_, None) | (Want::Close | Want::Over(_), _) => {
                    self.download.lost(Failure::Closed, now);
                }
            }
        }
    }

    /// Closes the connection, if there is one.
    pub fn close<P: Dial<Conn = C>>(&mut self, platform: &P) {
        if let Some(conn) = self.conn.take() {
            platform.close(conn);
        }
    }

    /// The digest of what was fetched.
    pub const fn digest(&mut self) -> &mut Digest {
        self.download.digest()
    }

    fn lost<P: System>(&mut self, platform: &P, broken: Broken, now: Instant) {
        platform.log(Level::Info, "ota: connection lost:", why(broken));
        self.download.lost(Failure::Closed, now);
    }
}
