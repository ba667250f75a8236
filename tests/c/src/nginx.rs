//! nginx: a web server that is nobody's platform.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use iotkit_cloud::{Authority, CertificateSpec};
use tempfile::TempDir;

use crate::{broker::free_address, patience};

/// A running nginx on loopback that serves one file by HTTP and HTTPS. Dropping it ends it.
pub struct Nginx {
    _folder: TempDir,
    plain: SocketAddr,
    tls: SocketAddr,
    child: Child,
}

impl Nginx {
    /// The name of the file.
    const NAME: &str = "firmware.bin";

    /// Starts one with this file, and a certificate of `authority`.
    pub fn start(authority: &Authority, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path();
        let certificate = authority
            .issue(&CertificateSpec::new(["localhost"]))
            .expect("OpenSSL makes a certificate");
        write(path, "chain.pem", certificate.chain.as_bytes());
        write(path, "key.pem", certificate.key.as_bytes());
        write(path, Self::NAME, content);
        // A port that is free now may be taken when it opens it: hence the tries.
        for _ in 0..5 {
            let (plain, tls) = (free_address(), free_address());
            write(
                path,
                "nginx.conf",
                configuration(path, plain, tls).as_bytes(),
            );
            if let Some(child) = spawn(path, tls) {
                return Self {
                    _folder: folder,
                    plain,
                    tls,
                    child,
                };
            }
        }
        let log = fs::read_to_string(path.join("log")).unwrap_or_default();
        panic!("nginx does not start: {log}");
    }

    /// Where the file is.
    pub fn url(&self, secure: bool) -> String {
        let (scheme, address) = if secure {
            ("https", self.tls)
        } else {
            ("http", self.plain)
        };
        format!("{scheme}://localhost:{}/{}", address.port(), Self::NAME)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, plain: SocketAddr, tls: SocketAddr) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/log;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}root {folder};\n\
         server {{ listen {plain}; }}\n\
         server {{ listen {tls} ssl; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem; }}\n}}\n"
    )
}

/// Starts it and waits until it listens; `None` if it ends instead.
fn spawn(folder: &Path, address: SocketAddr) -> Option<Child> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut child = Command::new("nginx")
        .arg("-e")
        .arg(folder.join("log"))
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        // Debian has it where only root's PATH leads.
        .env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("nginx (package nginx-light) cannot be started: {error}"));
    let deadline = Instant::now() + patience();
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        if TcpStream::connect(address).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    fs::write(folder.join(name), content).expect("the temporary folder can be written");
}
