//! Servers from Debian's packages, as a test has them.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::patience;

/// A server that runs. Dropping it ends it.
pub(crate) struct Server(Child);

impl Server {
    /// Starts a program of a Debian package and waits until it listens; `None` if it ends instead.
    pub(crate) fn start(command: &mut Command, package: &str, address: SocketAddr) -> Option<Self> {
        // Debian has it where only root's PATH leads.
        let path = std::env::var("PATH").unwrap_or_default();
        let child = command
            .env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.get_program().display();
                panic!("{program} (package {package}) cannot be started: {error}")
            });
        let mut server = Self(child);
        let deadline = Instant::now() + patience();
        while Instant::now() < deadline {
            if !matches!(server.0.try_wait(), Ok(None)) {
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where nobody listens now. Somebody may when a server opens it: who asks must be ready to ask again.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
}

/// Writes a file of a server.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).expect("the temporary folder can be written");
}

/// What a server has told in its file `log`.
pub(crate) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
