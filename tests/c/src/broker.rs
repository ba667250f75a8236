//! mosquitto: a broker that is nobody's platform, with all of MQTT 3.1.1.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use iotkit_cloud::{Authority, CertificateSpec};
use tempfile::TempDir;

use crate::{
    Peer,
    server::{Server, free_address, log, write},
};

/// A running mosquitto on loopback; anybody may do anything. Dropping it ends it.
pub struct Mosquitto {
    folder: TempDir,
    address: SocketAddr,
    tls: bool,
    /// There is none while it is gone.
    server: Option<Server>,
}

impl Mosquitto {
    /// Starts one that speaks plain MQTT.
    pub fn tcp() -> Self {
        Self::start(false)
    }

    /// Starts one that speaks MQTT over TLS, with a certificate for the platform's host names.
    pub fn tls() -> Self {
        Self::start(true)
    }

    fn start(tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if tls {
            make_certificates(folder.path());
        }
        // mosquitto takes no port 0, and a port that is free now may be taken when it opens it: hence the tries.
        for _ in 0..5 {
            let address = free_address();
            write(
                folder.path(),
                "mosquitto.conf",
                configuration(folder.path(), address, tls),
            );
            if let Some(server) = start(folder.path(), address) {
                return Self {
                    folder,
                    address,
                    tls,
                    server: Some(server),
                };
            }
        }
        panic!("mosquitto does not start: {}", log(folder.path()));
    }

    /// Where it is and what to trust.
    pub fn peer(&self) -> Peer {
        Peer {
            address: self.address,
            ca_file: self.tls.then(|| self.folder.path().join("ca.pem")),
        }
    }

    /// Is gone for `downtime`, then back on the same port, without any session.
    pub fn restart(&mut self, downtime: Duration) {
        self.server = None;
        std::thread::sleep(downtime);
        self.server = start(self.folder.path(), self.address);
        assert!(
            self.server.is_some(),
            "mosquitto does not come back: {}",
            log(self.folder.path())
        );
    }

    /// Publishes a message, with mosquitto_pub, and waits until the broker has it. Over plain TCP only.
    pub fn publish(&self, topic: &str, qos: u8, payload: &str) {
        assert!(!self.tls, "mosquitto_pub is used without TLS here");
        let status = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()])
            .args(["-t", topic, "-q", &qos.to_string(), "-m", payload])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "mosquitto_pub (package mosquitto-clients) failed"
        );
    }
}

fn configuration(folder: &Path, address: SocketAddr, tls: bool) -> String {
    let folder = folder.display();
    let mut text = format!(
        "listener {} {}\nallow_anonymous true\nallow_duplicate_messages false\nset_tcp_nodelay true\n",
        address.port(),
        address.ip()
    );
    // As root it would become a user who cannot read this folder.
    text += "user root\n";
    text += &format!("log_dest file {folder}/log\n");
    if tls {
        text += &format!("certfile {folder}/chain.pem\nkeyfile {folder}/key.pem\n");
    }
    text
}

/// Starts it; `None` if it ends instead.
fn start(folder: &Path, address: SocketAddr) -> Option<Server> {
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(folder.join("mosquitto.conf"));
    Server::start(&mut command, "mosquitto", address)
}

fn make_certificates(folder: &Path) {
    let authority = Authority::generate("mosquitto's").expect("OpenSSL makes an authority");
    let certificate = authority
        .issue(&CertificateSpec {
            names: vec!["*.iot-as-mqtt.cn-shanghai.aliyuncs.com".to_owned()],
            from_days: -1,
            until_days: 30,
        })
        .expect("OpenSSL makes a certificate");
    write(
        folder,
        "ca.pem",
        authority.pem().expect("it is a certificate"),
    );
    write(folder, "chain.pem", &certificate.chain);
    write(folder, "key.pem", &certificate.key);
}
