//! nginx: a web server that is nobody's platform.

use std::{net::SocketAddr, path::Path, process::Command};

use iotkit_cloud::{Authority, CertificateSpec};
use tempfile::TempDir;

use crate::server::{Server, free_address, log, write};

/// A running nginx on loopback that serves one file by HTTP and HTTPS. Dropping it ends it.
pub struct Nginx {
    _folder: TempDir,
    plain: SocketAddr,
    tls: SocketAddr,
    _server: Server,
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
        write(path, "chain.pem", certificate.chain);
        write(path, "key.pem", certificate.key);
        write(path, Self::NAME, content);
        // A port that is free now may be taken when it opens it: hence the tries.
        for _ in 0..5 {
            let (plain, tls) = (free_address(), free_address());
            write(path, "nginx.conf", configuration(path, plain, tls));
            if let Some(server) = start(path, tls) {
                return Self {
                    _folder: folder,
                    plain,
                    tls,
                    _server: server,
                };
            }
        }
        panic!("nginx does not start: {}", log(path));
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

/// Starts it; `None` if it ends instead.
fn start(folder: &Path, address: SocketAddr) -> Option<Server> {
    let mut command = Command::new("nginx");
    command
        .arg("-e")
        .arg(folder.join("log"))
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"));
    Server::start(&mut command, "nginx-light", address)
}
