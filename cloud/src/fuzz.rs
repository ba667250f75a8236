//! A platform without sockets, for the fuzz targets in `tests/fuzz`: what it sends and answers depends on its input alone.
//!
//! It runs on the caller's runtime, whose clock may be paused.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use axum::Router;
use openssl::ssl::SslContext;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Config, Endpoints, Error, connection::Stream, control, firmware::Store, server::Server, tls,
};

/// A platform that nobody can reach but through this handle.
pub struct Platform {
    server: Arc<Server>,
}

impl Platform {
    /// Sets up a platform on the current runtime; all platforms of a process share one authority.
    ///
    /// # Errors
    ///
    /// [`Error::OpenSsl`] when that cannot be made.
    pub fn new(config: &Config) -> Result<Self, Error> {
        static TLS: OnceLock<SslContext> = OnceLock::new();

        let (authority, certificate) = tls::shared()?;
        let tls = match TLS.get() {
            Some(tls) => tls.clone(),
            None => {
                let tls = tls::context(&certificate)?;
                TLS.get_or_init(|| tls).clone()
            }
        };
        let endpoints = Endpoints {
            mqtt: config.mqtt,
            web: config.web,
            control: config.control,
            ca_file: PathBuf::new(),
        };
        let files = Store::open(None, endpoints.web_url(true, ""))?;
        let server = Server::new(config, files, endpoints, authority, tls);
        Ok(Self {
            server: Arc::new(server),
        })
    }

    /// Serves a connection of a device to its end.
    pub fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let opening = async { Ok((Box::new(stream) as Box<dyn Stream>, None)) };
        self.server
            .serve_peer("a device".to_owned(), opening, &self.server.stop)
    }

    /// The control API.
    pub fn control(&self) -> Router {
        control::router(Arc::clone(&self.server))
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.stop.cancel();
    }
}
