//! The listener and all that is started with it.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use openssl::ssl::SslContext;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    broker::{Broker, Closer},
    config::{Config, ConfigDigest, RemoteConfig},
    connection::{self, Opened},
    device::DeviceId,
    firmware::Store,
    request::{Call, Request},
    tls::{self, Authority, Certificate},
    web::{self, Web},
};

/// Where a running platform is reached; also the content of `endpoints.json` in its data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// MQTT over TLS and plain TCP.
    pub mqtt: SocketAddr,
    /// What devices use of the web: HTTPS, or plain HTTP.
    pub web: SocketAddr,
    /// The control API (HTTP).
    pub control: SocketAddr,
    /// The certificate that devices trust, PEM.
    pub ca_file: PathBuf,
}

impl Endpoints {
    /// Its name in the data folder.
    pub(crate) const FILE: &str = "endpoints.json";

    /// An address on the web server. `localhost` is a name that its certificate has.
    pub(crate) fn web_url(&self, secure: bool, path: &str) -> String {
        let scheme = if secure { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.web.port())
    }

    /// Reads what a platform wrote into its data folder.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when there is none, [`Error::Config`] when it is not understood.
    pub fn read(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(Self::FILE);
        let text =
            std::fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Config(format!("{}: {error}", path.display())))
    }
}

pub(crate) struct Server {
    pub(crate) broker: Arc<Broker>,
    pub(crate) web: Web,
    pub(crate) files: Arc<Store>,
    pub(crate) endpoints: Endpoints,
    pub(crate) data_dir: PathBuf,
    pub(crate) authority: Authority,
    tls: RwLock<SslContext>,
    connections: AtomicU64,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    listening: Mutex<Option<Listening>>,
    /// Removed with the server.
    _temporary: Option<TempDir>,
}

/// A listener at work and the connections it brought.
struct Listening {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Sets up a platform; returns the control API's listener, to be served by the caller.
    pub(crate) async fn start(config: Config) -> Result<(Arc<Self>, TcpListener), Error> {
        let (data_dir, temporary) = match &config.data_dir {
            Some(path) => (path.clone(), None),
            None => {
                let folder = tempfile::tempdir()
                    .map_err(|error| Error::file("make", Path::new("folder"), error))?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        std::fs::create_dir_all(&data_dir)
            .map_err(|error| Error::file("make", &data_dir, error))?;
        let ca_file = data_dir.join("ca.pem");
        let (authority, certificate) = if temporary.is_some() {
            let shared = tls::shared()?;
            tls::write(&ca_file, &shared.0.pem()?, 0o644)?;
            shared
        } else {
            tls::load_or_make(&data_dir)?
        };
        let tls = tls::context(config.certificate.as_ref().unwrap_or(&certificate))?;

        let (mqtt_listener, mqtt) = bind(config.mqtt).await?;
        let (web_listener, web) = bind(config.web).await?;
        let (control_listener, control) = bind(config.control).await?;
        let endpoints = Endpoints {
            mqtt,
            web,
            control,
            ca_file,
        };

        let files = Store::open(config.data_dir.clone(), endpoints.web_url(true, ""))?;
        let server = Arc::new(Self {
            data_dir,
            _temporary: temporary,
            ..Self::new(&config, files, endpoints, authority, tls)
        });
        server.listen(mqtt_listener);
        let web_listener = web::Listener::new(Arc::clone(&server), web_listener, web);
        tokio::spawn(web::serve(Arc::clone(&server), web_listener));
        Ok((server, control_listener))
    }

    /// A platform that does not listen, and has no folder. Runs on the current runtime.
    pub(crate) fn new(
        config: &Config,
        files: Store,
        endpoints: Endpoints,
        authority: Authority,
        tls: SslContext,
    ) -> Self {
        let files = Arc::new(files);
        let runtime = tokio::runtime::Handle::current();
        let broker = Broker::new(config, Arc::clone(&files), runtime);
        Self {
            broker: Arc::new(broker),
            web: Web::default(),
            files,
            endpoints,
            data_dir: PathBuf::new(),
            authority,
            tls: RwLock::new(tls),
            connections: AtomicU64::new(0),
            stop: CancellationToken::new(),
            listening: Mutex::new(None),
            _temporary: None,
        }
    }

    /// Pushes a configuration, which the web server serves.
    pub(crate) fn push_config(
        &self,
        device: &DeviceId,
        content: Bytes,
        digest: ConfigDigest,
        secure: bool,
    ) -> Result<Call, Error> {
        let path = self.files.add_file("config", content.clone());
        let config = RemoteConfig::new(self.endpoints.web_url(secure, &path), &content);
        let params = config.data_with(digest, &content);
        self.broker
            .request(device, &Request::new("thing.config.push", params))
    }

    /// The device is to have this version, from `url` or else from the web server.
    pub(crate) fn upgrade(
        &self,
        device: &DeviceId,
        version: &str,
        url: Option<&str>,
    ) -> Result<(), Error> {
        let firmware = self.files.find(version)?;
        self.broker.upgrade(device, firmware, url)
    }

    pub(crate) fn set_certificate(&self, certificate: &Certificate) -> Result<(), Error> {
        *self.tls.write().expect("no panic while locked") = tls::context(certificate)?;
        Ok(())
    }

    pub(crate) fn tls_context(&self) -> SslContext {
        self.tls.read().expect("no panic while locked").clone()
    }

    fn listen(self: &Arc<Self>, listener: TcpListener) {
        let stop = self.stop.child_token();
        let task = tokio::spawn(Arc::clone(self).accept(listener, stop.clone()));
        *self.listening.lock().expect("no panic while locked") = Some(Listening { stop, task });
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task failed");
                    }
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if connections.len() < self.broker.limits.connections => {
                    connections.spawn(self.serve(stream, &stop));
                }
                Ok((_, peer)) => tracing::warn!(%peer, "too many connections"),
                Err(error) => {
                    // Out of file descriptors, for one: give the others time to end.
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn serve(
        &self,
        stream: TcpStream,
        stop: &CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let tls = self.tls_context();
        let peer = stream
            .peer_addr()
            .map_or_else(|_| "unknown".to_owned(), |peer| peer.to_string());
        self.serve_peer(peer, connection::open(tls, stream), stop)
    }

    /// Serves a connection of `peer`; `opening` makes a stream of it.
    pub(crate) fn serve_peer<O: Future<Output = io::Result<Opened>>>(
        &self,
        peer: String,
        opening: O,
        stop: &CancellationToken,
    ) -> impl Future<Output = ()> + use<O> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let broker = Arc::clone(&self.broker);
        connection::serve(broker, peer, opening, number, Closer::under(stop))
    }

    /// Says where the platform is to whoever looks for one in the data folder; the last thing at a start, since who
    /// finds it relies on all the rest.
    pub(crate) fn tell_endpoints(&self) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(&self.endpoints)
            .map_err(|error| Error::Config(error.to_string()))?;
        let path = self.data_dir.join(Endpoints::FILE);
        tls::write(&path, format!("{text}\n"), 0o644)
    }

    /// Whoever looks for a running platform in the data folder is not to find this one any more.
    pub(crate) fn forget_endpoints(&self) {
        // Another one may have started on the same folder meanwhile.
        if Endpoints::read(&self.data_dir).is_ok_and(|written| written == self.endpoints)
            && let Err(error) = std::fs::remove_file(self.data_dir.join(Endpoints::FILE))
        {
            tracing::warn!(%error, "the file with the addresses stays");
        }
    }

    /// Stops listening and drops all connections; sessions stay.
    pub(crate) async fn pause(&self) {
        let listening = self.listening.lock().expect("no panic while locked").take();
        if let Some(Listening { stop, task }) = listening {
            stop.cancel();
            if let Err(error) = task.await {
                tracing::error!(%error, "the listener failed");
            }
        }
    }

    /// Listens again, on the same port.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), Error> {
        if self
            .listening
            .lock()
            .expect("no panic while locked")
            .is_none()
        {
            let (listener, _) = bind(self.endpoints.mqtt).await?;
            self.listen(listener);
        }
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bind = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bind.await
        .map_err(|source| Error::Listen { address, source })
}
