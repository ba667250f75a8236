//! A modem with two lines, as `ports/baremetal/modem.c` describes it. Whatever it is to dial, it reaches the platform.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// The modem, to whose lines an emulator connects.
pub(crate) struct Modem {
    commands: SocketAddr,
    data: SocketAddr,
    /// The connection there is.
    link: Link,
}

type Link = Arc<Mutex<Option<TcpStream>>>;

impl Modem {
    pub(crate) fn start(platform: SocketAddr) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let (commands, data) = (listen(), listen());
        let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        let modem = Self {
            commands: address(&commands),
            data: address(&data),
            link: Link::default(),
        };
        let link = Arc::clone(&modem.link);
        // Both end when the emulator does, which closes its lines.
        thread::spawn(move || {
            let (commands, _) = commands.accept().expect("the emulator connects");
            let (data, _) = data.accept().expect("the emulator connects");
            commands.set_nodelay(true).expect("it is open");
            data.set_nodelay(true).expect("it is open");
            let line = data.try_clone().expect("a socket can be shared");
            let up = Arc::clone(&link);
            thread::spawn(move || pass_up(line, &up));
            obey(&commands, &data, platform, &link);
        });
        modem
    }

    /// For the options of an emulator: where its lines of data and of commands are to connect.
    pub(crate) const fn lines(&self) -> [SocketAddr; 2] {
        [self.data, self.commands]
    }

    /// Loses the connection.
    pub(crate) fn cut(&self) {
        let link = take(&self.link).expect("there is a connection");
        link.shutdown(Shutdown::Both).expect("it was open");
    }
}

fn take(link: &Link) -> Option<TcpStream> {
    link.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Does what it is told on the line of commands.
fn obey(commands: &TcpStream, data: &TcpStream, platform: SocketAddr, link: &Link) {
    let say = |word: &[u8]| {
        let mut line = commands;
        let _ = line.write_all(word); // the emulator may have ended
    };
    for line in BufReader::new(commands).lines().map_while(Result::ok) {
        match line.split_at_checked(1) {
            Some(("D", _)) => match TcpStream::connect_timeout(&platform, Duration::from_secs(5)) {
                Ok(connection) => {
                    let (down, shared) = (connection.try_clone(), connection.try_clone());
                    let (down, shared) = (down.expect("shared"), shared.expect("shared"));
                    *link.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared);
                    say(b"C");
                    let (line, words) = (data.try_clone(), commands.try_clone());
                    let (line, words) = (line.expect("shared"), words.expect("shared"));
                    let link = Arc::clone(link);
                    thread::spawn(move || pass_down(down, line, words, &link));
                }
                Err(_) => say(b"N"),
            },
            // Whoever passes data down says that there is no connection any more.
            Some(("H", _)) => {
                if let Some(link) = take(link) {
                    let _ = link.shutdown(Shutdown::Both);
                }
            }
            _ => panic!("a command that there is not: {line}"),
        }
    }
}

/// From the platform to the firmware, and at the end the word that it is over.
fn pass_down(mut from: TcpStream, mut to: TcpStream, mut words: TcpStream, link: &Link) {
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
    take(link);
    let _ = words.write_all(b"N");
}

/// From the firmware to the platform.
fn pass_up(mut from: TcpStream, link: &Link) {
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let link = link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut to) = link.as_ref() {
            let _ = to.write_all(&bytes[..count]); // without a connection it is lost
        }
    }
}
