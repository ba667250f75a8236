//! The other end of `c_samples/hal_selftest.c`: does to a port's connections what its functions have to bear.
//!
//! It listens on one port number for TCP and UDP. The first line that a connection brings, and the first word of a
//! datagram, name what is wanted; docs/cloud.md has the list. It is meant for one device at a time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    runtime::Runtime,
    time::{sleep, timeout},
};

use crate::Error;

/// No conversation lasts longer: a call that would wait for ever ends, and can be told of.
const LIMIT: Duration = Duration::from_secs(10);

/// The same for a device that writes to a peer which does not read.
const DEAF: Duration = Duration::from_secs(3);

/// When this long nothing came, what a device has sent is what there is.
const QUIET: Duration = Duration::from_secs(1);

/// What comes beyond the bytes that were announced comes within this time.
const EXCESS: Duration = Duration::from_millis(100);

/// The longest line that names a scenario.
const LINE_MAX: usize = 64;

/// The longest datagram.
const DATAGRAM_MAX: usize = 1400;

/// How often a port is looked for that is free for TCP and UDP alike.
const TRIES: usize = 16;

/// A running peer. Must not be used from inside an async runtime. Dropping it ends it.
pub struct SelftestPeer {
    address: SocketAddr,
    /// Present until it ends.
    runtime: Option<Runtime>,
}

impl SelftestPeer {
    /// Listens on this address, for TCP and UDP; port 0 takes one that is free for both.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] when the port is taken.
    pub fn start(address: SocketAddr) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("selftest-peer")
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let (address, tcp, udp, refusing) = runtime
            .block_on(listen(address))
            .map_err(|source| Error::Listen { address, source })?;
        runtime.spawn(serve_connections(tcp, refusing));
        runtime.spawn(serve_datagrams(udp));
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SelftestPeer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A port where connections are refused: it is taken, and nobody listens.
struct Refusing {
    _socket: TcpSocket,
    port: u16,
}

impl Refusing {
    fn take(beside: SocketAddr) -> io::Result<Self> {
        let socket = if beside.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.bind(SocketAddr::new(beside.ip(), 0))?;
        let port = socket.local_addr()?.port();
        Ok(Self {
            _socket: socket,
            port,
        })
    }
}

async fn listen(
    wanted: SocketAddr,
) -> io::Result<(SocketAddr, TcpListener, UdpSocket, Arc<Refusing>)> {
    let mut tries = TRIES;
    loop {
        let tcp = TcpListener::bind(wanted).await?;
        let address = tcp.local_addr()?;
        match UdpSocket::bind(address).await {
            Ok(udp) => return Ok((address, tcp, udp, Arc::new(Refusing::take(address)?))),
            Err(_) if wanted.port() == 0 && tries > 0 => tries -= 1,
            Err(error) => return Err(error),
        }
    }
}

async fn serve_connections(listener: TcpListener, refusing: Arc<Refusing>) {
    let silent = Arc::new(AtomicUsize::new(0));
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (silent, refusing) = (Arc::clone(&silent), Arc::clone(&refusing));
                tokio::spawn(async move {
                    match timeout(LIMIT, converse(stream, from, &silent, &refusing)).await {
                        Ok(Ok(())) => {}
                        // A device may leave in the middle: that is its business.
                        Ok(Err(error)) => tracing::debug!(%from, %error, "the connection ended"),
                        Err(_) => tracing::warn!(%from, "closed: it lasted too long"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(EXCESS).await; // out of descriptors: some come back
            }
        }
    }
}

/// What a connection's first line can ask for.
#[derive(Debug, PartialEq, Eq)]
enum Scenario {
    Echo,
    Silent,
    Count,
    Deaf,
    Refused,
    Reset,
    Stopwatch,
    Pieces { count: usize, every: Duration },
    Close { after: usize },
    Take { count: usize },
}

impl Scenario {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let mut number = || words.next()?.parse::<u32>().ok();
        let scenario = match name {
            "echo" => Self::Echo,
            "silent" => Self::Silent,
            "count" => Self::Count,
            "deaf" => Self::Deaf,
            "refused" => Self::Refused,
            "reset" => Self::Reset,
            "stopwatch" => Self::Stopwatch,
            "pieces" => Self::Pieces {
                count: number()? as usize,
                every: Duration::from_millis(number()?.into()),
            },
            "close" => Self::Close {
                after: number()? as usize,
            },
            "take" => Self::Take {
                count: number()? as usize,
            },
            _ => return None,
        };
        words.next().is_none().then_some(scenario)
    }
}

/// One connection, from its first line to its end.
async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    silent: &AtomicUsize,
    refusing: &Refusing,
) -> io::Result<()> {
    stream.set_nodelay(true)?; // pieces are to arrive as pieces
    let line = first_line(&mut stream).await?;
    let Some(scenario) = Scenario::parse(&line) else {
        tracing::warn!(%from, ?line, "closed: the line names no scenario");
        return Ok(());
    };
    tracing::info!(%from, "{line}");
    match scenario {
        Scenario::Echo => {
            let (mut from_device, mut to_device) = stream.split();
            tokio::io::copy(&mut from_device, &mut to_device).await?;
        }
        Scenario::Silent => {
            let _counted = Counted::new(silent);
            until_closed(&mut stream).await?;
        }
        Scenario::Count => {
            let count = silent.load(Ordering::Relaxed);
            stream.write_all(digits(count).as_bytes()).await?;
        }
        Scenario::Deaf => sleep(DEAF).await,
        Scenario::Refused => {
            let port = digits(refusing.port.into());
            stream.write_all(port.as_bytes()).await?;
        }
        Scenario::Reset => stream.set_zero_linger()?,
        Scenario::Stopwatch => {
            let mut since = Instant::now();
            while let Ok(_press) = stream.read_u8().await {
                let now = Instant::now();
                let passed = now.duration_since(since).as_millis() as usize;
                since = now;
                stream.write_all(digits(passed).as_bytes()).await?;
            }
        }
        Scenario::Pieces { count, every } => {
            for byte in (0..count).map(pattern) {
                stream.write_u8(byte).await?;
                sleep(every).await;
            }
            until_closed(&mut stream).await?;
        }
        Scenario::Close { after } => {
            let bytes: Vec<u8> = (0..after).map(pattern).collect();
            stream.write_all(&bytes).await?;
        }
        Scenario::Take { count } => {
            let (came, right) = take(&mut stream, count).await?;
            let answer = digits(came) + &digits(right);
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}

/// Counts a connection for as long as it is there.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The line without its end. Byte by byte: what follows it belongs to the scenario.
async fn first_line(stream: &mut TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    while line.len() < LINE_MAX {
        match stream.read_u8().await? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 256];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Reads what comes of `count` bytes; says how many came, and how many of them were right before the first wrong one.
async fn take(stream: &mut TcpStream, count: usize) -> io::Result<(usize, usize)> {
    let (mut came, mut right) = (0, 0);
    let mut bytes = [0; 4096];
    loop {
        let patience = if came < count { QUIET } else { EXCESS };
        let Ok(read) = timeout(patience, stream.read(&mut bytes)).await else {
            break;
        };
        let read = read?;
        if read == 0 {
            break;
        }
        for &byte in &bytes[..read] {
            if right == came && byte == pattern(came) {
                right += 1;
            }
            came += 1;
        }
    }
    Ok((came, right))
}

/// The byte at a place of all that is sent: repeats after 251, which no buffer's size is a multiple of.
fn pattern(index: usize) -> u8 {
    (index % 251) as u8
}

/// A number as answers have it: eight digits, so that a device knows how much to read.
fn digits(number: usize) -> String {
    format!("{number:08}")
}

async fn serve_datagrams(socket: UdpSocket) {
    let mut datagram = [0; DATAGRAM_MAX];
    loop {
        let done = async {
            let (len, from) = socket.recv_from(&mut datagram).await?;
            if let Some(answer) = answer(&datagram[..len]) {
                socket.send_to(&answer, from).await?;
            }
            io::Result::Ok(())
        };
        if let Err(error) = done.await {
            // Above all: an earlier answer met a port that is closed by now.
            tracing::debug!(%error, "a datagram");
        }
    }
}

/// What a datagram is answered with, if at all.
fn answer(datagram: &[u8]) -> Option<Vec<u8>> {
    if datagram.starts_with(b"echo ") {
        return Some(datagram.to_vec());
    }
    let size = datagram.strip_prefix(b"send ")?;
    let size: usize = std::str::from_utf8(size).ok()?.trim_end().parse().ok()?;
    (size <= DATAGRAM_MAX).then(|| (0..size).map(pattern).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_scenario_whole_or_not_at_all() {
        let pieces = Scenario::Pieces {
            count: 24,
            every: Duration::from_millis(30),
        };
        assert_eq!(Scenario::parse("pieces 24 30\r"), Some(pieces));
        assert_eq!(
            Scenario::parse("close 0"),
            Some(Scenario::Close { after: 0 })
        );
        for line in [
            "",
            "pieces 24",
            "pieces 24 30 1",
            "echo 1",
            "take -1",
            "GET / HTTP/1.1",
        ] {
            assert_eq!(Scenario::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_datagram_is_answered_or_ignored() {
        assert_eq!(answer(b"echo \0\xff"), Some(b"echo \0\xff".to_vec()));
        assert_eq!(answer(b"send 3"), Some(vec![0, 1, 2]));
        assert_eq!(answer(b"send 0"), Some(Vec::new()));
        assert_eq!(answer(b"send 1400").map(|bytes| bytes[1399]), Some(144));
        for ignored in [&b"silent"[..], b"send 1401", b"send", b"\xff", b""] {
            assert_eq!(answer(ignored), None);
        }
    }
}
