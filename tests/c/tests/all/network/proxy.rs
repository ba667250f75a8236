//! A bad network: a TCP proxy that is slow, falls silent, or cuts a connection.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use iotkit_cloud::Direction;
use socket2::SockRef;

/// How data travels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// In pieces of how many bytes; `None`: as it comes.
    pub(crate) pieces: Option<usize>,
    /// The time between two pieces.
    pub(crate) pace: Duration,
    /// What happens once, on whatever connection comes to it.
    pub(crate) trouble: Option<Trouble>,
}

#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) what: What,
    /// When so many more bytes have passed in this direction: the next is not passed on.
    pub(crate) after: usize,
    pub(crate) direction: Direction,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// Nothing passes in either direction for so long.
    Silence(Duration),
    /// The connection is closed.
    Close,
    /// The connection is reset: both sides get RST.
    Reset,
}

/// A running proxy on loopback. Dropping it cuts its connections and ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    ended: AtomicBool,
}

struct State {
    weather: Weather,
    silent_until: Instant,
    /// What devices have sent.
    heard: Vec<u8>,
}

impl Proxy {
    /// Starts one in front of `target`, in fine weather.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            target,
            state: Mutex::new(State {
                weather: Weather::default(),
                silent_until: Instant::now(),
                heard: Vec::new(),
            }),
            ended: AtomicBool::new(false),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared))
        };
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.shared.lock().weather = weather;
    }

    /// Whether the trouble of the weather has happened, or there was none.
    pub(crate) fn is_calm(&self) -> bool {
        self.shared.lock().weather.trouble.is_none()
    }

    /// All that devices have sent.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.shared.lock().heard.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the acceptor; if it cannot, the listener has ended by itself.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            // A thread of the proxy that panicked has said so.
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut pumps = Vec::new();
    while let Ok((device, _)) = listener.accept() {
        if shared.ended.load(Ordering::Relaxed) {
            break;
        }
        // While the target is away, connections to it are refused: here they are accepted and closed.
        let Ok(target) = TcpStream::connect(shared.target) else {
            continue;
        };
        let link = Arc::new(Link {
            device,
            target,
            cut: AtomicBool::new(false),
        });
        for stream in [&link.device, &link.target] {
            stream.set_nodelay(true).expect("it is a TCP socket");
            stream
                .set_read_timeout(Some(GLANCE))
                .expect("it is a TCP socket");
        }
        for direction in [Direction::Up, Direction::Down] {
            let (link, shared) = (Arc::clone(&link), Arc::clone(shared));
            pumps.push(std::thread::spawn(move || {
                link.pump(direction, &shared);
            }));
        }
    }
    for pump in pumps {
        // A panic has said so already.
        let _ = pump.join();
    }
}

/// How often to look whether a connection was cut from the other direction.
const GLANCE: Duration = Duration::from_millis(20);

/// A connection through the proxy; closed when both its pumps have ended.
struct Link {
    device: TcpStream,
    target: TcpStream,
    cut: AtomicBool,
}

impl Link {
    /// Passes on what comes in one direction, to its end.
    fn pump(&self, direction: Direction, shared: &Shared) {
        let (mut from, mut to) = match direction {
            Direction::Up => (&self.device, &self.target),
            Direction::Down => (&self.target, &self.device),
        };
        let mut buffer = [0; 4096];
        while !self.cut.load(Ordering::Relaxed) && !shared.ended.load(Ordering::Relaxed) {
            let len = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(_) => {
                    self.cut.store(true, Ordering::Relaxed);
                    break;
                }
            };
            if direction == Direction::Up {
                shared.lock().heard.extend_from_slice(&buffer[..len]);
            }
            let mut left = &buffer[..len];
            while !left.is_empty() {
                let Some(piece) = self.next_piece(left.len(), direction, shared) else {
                    self.cut.store(true, Ordering::Relaxed);
                    return;
                };
                if to.write_all(&left[..piece.len]).is_err() {
                    self.cut.store(true, Ordering::Relaxed);
                    return;
                }
                left = &left[piece.len..];
                std::thread::sleep(piece.pause);
            }
        }
        if !self.cut.load(Ordering::Relaxed) {
            // The other side may be gone.
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// How much of `available` bytes may pass now, and the pause after it; `None` if the connection is to be cut.
    fn next_piece(&self, available: usize, direction: Direction, shared: &Shared) -> Option<Piece> {
        loop {
            let mut state = shared.lock();
            let silence = state.silent_until.saturating_duration_since(Instant::now());
            if !silence.is_zero() {
                drop(state);
                std::thread::sleep(silence);
                continue;
            }
            let pause = state.weather.pace;
            let mut len = available.min(state.weather.pieces.unwrap_or(usize::MAX));
            if let Some(trouble) = &mut state.weather.trouble
                && trouble.direction == direction
            {
                len = len.min(trouble.after);
                trouble.after -= len;
                if len == 0 {
                    let what = trouble.what;
                    state.weather.trouble = None;
                    match what {
                        What::Silence(time) => {
                            state.silent_until = Instant::now() + time;
                            continue;
                        }
                        What::Close => {}
                        What::Reset => self.reset_at_close(),
                    }
                    return None;
                }
            }
            return Some(Piece { len, pause });
        }
    }

    fn reset_at_close(&self) {
        for stream in [&self.device, &self.target] {
            SockRef::from(stream)
                .set_linger(Some(Duration::ZERO))
                .expect("it is a TCP socket");
        }
    }
}

struct Piece {
    len: usize,
    pause: Duration,
}
