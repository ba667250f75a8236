//! The Alink platform on one machine: what a device of V2.10 meets in the cloud, for demos and tests.
//!
//! [`Cloud::start`] starts one in this process. It runs on threads of its own; every method blocks at most for the
//! time its documentation says, so a plain `#[test]` uses it as it is. Dropping the handle ends all that it started.
//!
//! ```
//! use std::time::Duration;
//! use iotkit_cloud::{Cloud, Config, DeviceId, Direction, PacketKind};
//! use serde_json::json;
//!
//! let light = DeviceId::new("a1ProdKey01", "dev-0001");
//! let cloud = Cloud::start(Config::default().device(&light, "made-up-secret"))?;
//! println!("a device connects to {}, by TLS or plain TCP, and trusts\n{}", cloud.mqtt_address(), cloud.ca_pem()?);
//!
//! // Nobody is connected here: with a device, this is how its light is turned on and its answer read.
//! match cloud.set_properties(&light, json!({"LightSwitch": 1})) {
//!     Ok(call) => println!("answer: {}", call.wait()?.json()),
//!     Err(error) => println!("{error}"),
//! }
//! // What passed, in order; `wait` blocks until something has.
//! let log = cloud.transcript();
//! let connected = log.wait(Duration::from_millis(10), |entry| entry.is(Direction::Down, PacketKind::ConnAck));
//! assert!(connected.is_none());
//! # Ok::<(), iotkit_cloud::Error>(())
//! ```
//!
//! How the parts hang together:
//!
//! ```text
//! cli ──HTTP──▶ control ─▶ Cloud (this file)
//!                            │
//!        server: listener    ▼
//!           └▶ connection ▶ broker: devices, sessions, deliveries ─▶ alink (replies), request (questions)
//!                 │             └▶ session, sign, topic                └▶ model (the product's)
//!                 └▶ codec, tls, fault, transcript
//! ```
//!
//! [`SelftestPeer`] stands beside it: it is no platform, but what the self-test of a port talks to.

mod alink;
mod broker;
pub mod cli;
mod codec;
mod config;
mod connection;
mod control;
mod device;
mod error;
mod fault;
mod firmware;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod model;
mod request;
mod selftest;
mod server;
mod session;
mod sign;
mod tls;
mod topic;
mod transcript;
mod web;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Runtime;

pub use crate::{
    alink::{ReplyMode, ReplyRule},
    broker::{ConnectionView, DeviceView, Publication, SessionView},
    codec::{MAX_PAYLOAD, PacketKind, Version},
    config::{Config, ConfigDigest, Device, Limits, Product, RemoteConfig},
    device::{Desired, DeviceData, DeviceId, Event, Reported, Secret},
    error::Error,
    fault::{ConnAckFault, FaultScope, Faults, Stall},
    firmware::{Firmware, Upgrade, UpgradeState},
    request::{Call, REPLY_TIMEOUT, Reply, Request, Rrpc},
    selftest::SelftestPeer,
    server::Endpoints,
    sign::{Credentials, SignMethod},
    tls::{Authority, Certificate, CertificateSpec, self_signed},
    topic::{Rights, TopicClass},
    transcript::{Direction, Entry, PacketEntry, Transcript, What},
    web::{AnswerFault, DownloadFaults},
};
use crate::{server::Server, transcript::TranscriptFile};

/// How long tasks may take to end when a platform stops.
const STOP: Duration = Duration::from_secs(3);

/// A running platform. Must not be used from inside an async runtime: its methods block.
pub struct Cloud {
    server: Arc<Server>,
    /// Present until the platform stops.
    runtime: Option<Runtime>,
    /// Present until the platform stops.
    transcript_file: Option<TranscriptFile>,
}

impl Cloud {
    /// Starts a platform: certificates are made or read, both ports are open when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] when a port is taken, [`Error::File`] for the data folder, [`Error::Config`] for a damaged
    /// firmware in it, [`Error::OpenSsl`] for a bad certificate.
    pub fn start(config: Config) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("iotkit-cloud")
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let (server, control) = runtime.block_on(Server::start(config))?;
        let path = server.data_dir.join("transcript.jsonl");
        let transcript_file = TranscriptFile::follow(server.broker.transcript.clone(), &path)
            .map_err(|error| Error::file("write", &path, error))?;
        runtime.spawn(control::serve(Arc::clone(&server), control));
        server.tell_endpoints()?;
        Ok(Self {
            server,
            runtime: Some(runtime),
            transcript_file: Some(transcript_file),
        })
    }

    /// Stops the platform and waits for it; dropping does the same.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.server.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            // Lets connections write the end of their transcript.
            runtime.block_on(async {
                let _ = tokio::time::timeout(STOP, self.server.pause()).await;
            });
            runtime.shutdown_timeout(STOP);
            self.server.broker.end();
            self.server.forget_endpoints();
        }
        self.transcript_file = None;
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => {
                unreachable!("only `end` takes the runtime, and nothing can be called after it")
            }
        }
    }

    // ----- where it is -----

    /// Where devices connect, by TLS or plain TCP.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.server.endpoints.mqtt
    }

    /// Where the control API listens (HTTP).
    pub fn control_address(&self) -> SocketAddr {
        self.server.endpoints.control
    }

    /// Where devices reach the web server, by HTTPS or plain HTTP.
    pub fn web_address(&self) -> SocketAddr {
        self.server.endpoints.web
    }

    /// All addresses and the file with the certificate to trust.
    pub fn endpoints(&self) -> &Endpoints {
        &self.server.endpoints
    }

    /// The folder with `ca.pem`, `transcript.jsonl` and `endpoints.json`; one that was configured keeps firmware, too.
    pub fn data_dir(&self) -> &Path {
        &self.server.data_dir
    }

    /// The certificate of the platform's authority, PEM: what a device trusts.
    ///
    /// # Errors
    ///
    /// What OpenSSL says.
    pub fn ca_pem(&self) -> Result<String, Error> {
        self.server.authority.pem()
    }

    /// The platform's authority, to make other certificates with.
    pub fn authority(&self) -> &Authority {
        &self.server.authority
    }

    /// Serves another certificate to connections from now on: an expired one, one with wrong names.
    ///
    /// # Errors
    ///
    /// [`Error::OpenSsl`] when it makes no sense or the key is not its own.
    pub fn set_certificate(&self, certificate: &Certificate) -> Result<(), Error> {
        self.server.set_certificate(certificate)
    }

    /// What passed so far and will pass.
    pub fn transcript(&self) -> Transcript {
        self.server.broker.transcript.clone()
    }

    // ----- devices -----

    /// All devices, in order of their names.
    pub fn devices(&self) -> Vec<DeviceView> {
        self.server.broker.views()
    }

    /// One device: whether it is online, its session, what it reported.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`].
    pub fn device(&self, device: &DeviceId) -> Result<DeviceView, Error> {
        self.server.broker.view(device)
    }

    /// Enables or disables a device; a disabled one is disconnected and refused.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`].
    pub fn set_enabled(&self, device: &DeviceId, enabled: bool) -> Result<(), Error> {
        self.server.broker.set_enabled(device, enabled)
    }

    /// Wishes properties to have values; the device asks for them when it likes (`thing/property/desired/get`).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`]; [`Error::Config`] if `properties` is not an object.
    pub fn set_desired(&self, device: &DeviceId, properties: Value) -> Result<(), Error> {
        let Value::Object(properties) = properties else {
            return Err(Error::Config("desired properties are an object".to_owned()));
        };
        self.server.broker.desire(device, properties)
    }

    // ----- messages and questions to devices -----

    /// Sets properties (`thing.service.property.set`); waits at most 8 s for the answer. For other times and ids see
    /// [`Cloud::request`].
    ///
    /// # Errors
    ///
    /// As [`Cloud::request`].
    pub fn set_properties(&self, device: &DeviceId, params: Value) -> Result<Call, Error> {
        self.request(device, &Request::new("thing.service.property.set", params))
    }

    /// Calls a service asynchronously (`thing.service.{service}`): question and answer are ordinary messages.
    ///
    /// # Errors
    ///
    /// As [`Cloud::request`].
    pub fn invoke(&self, device: &DeviceId, service: &str, params: Value) -> Result<Call, Error> {
        self.request(
            device,
            &Request::new(format!("thing.service.{service}"), params),
        )
    }

    /// Calls a service synchronously: the same envelope by RRPC.
    ///
    /// # Errors
    ///
    /// As [`Cloud::rrpc`].
    pub fn invoke_sync(
        &self,
        device: &DeviceId,
        service: &str,
        params: Value,
    ) -> Result<Call, Error> {
        self.request_sync(
            device,
            &Request::new(format!("thing.service.{service}"), params),
        )
    }

    /// Asks a device anything over Alink, at QoS 1: of a device that is offline but has a session, the question
    /// waits. [`Call::wait`] on the result gives the answer.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::Offline`], [`Error::NotSubscribed`], [`Error::QueueFull`],
    /// [`Error::TooLarge`].
    pub fn request(&self, device: &DeviceId, request: &Request) -> Result<Call, Error> {
        self.server.broker.request(device, request)
    }

    /// Asks a device anything over Alink by RRPC.
    ///
    /// # Errors
    ///
    /// As [`Cloud::rrpc`].
    pub fn request_sync(&self, device: &DeviceId, request: &Request) -> Result<Call, Error> {
        self.server.broker.request_sync(device, request)
    }

    /// Calls a device synchronously, by either family of RRPC topics, at QoS 0.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::Offline`], [`Error::NotSubscribed`], [`Error::NoExt`],
    /// [`Error::TooLarge`], [`Error::Topic`].
    pub fn rrpc(&self, device: &DeviceId, rrpc: &Rrpc) -> Result<Call, Error> {
        self.server.broker.rrpc(device, rrpc)
    }

    /// Sends a message to a device, on any topic.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::Offline`], [`Error::NotSubscribed`], [`Error::QueueFull`],
    /// [`Error::TooLarge`], [`Error::Topic`].
    pub fn publish(&self, device: &DeviceId, publication: Publication) -> Result<(), Error> {
        self.server.broker.publish(device, publication)
    }

    /// Sends `/broadcast/{product key}/{name}` to the product's devices that subscribed it; says how many they are.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProduct`].
    pub fn broadcast(
        &self,
        product_key: &str,
        name: &str,
        payload: impl Into<Vec<u8>>,
    ) -> Result<usize, Error> {
        self.server
            .broker
            .broadcast(product_key, name, Bytes::from(payload.into()))
    }

    /// Sends `/sys/{pk}/{dn}/broadcast/request/{id}` to all devices of a product that are online, subscribed or not;
    /// says how many they are.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProduct`].
    pub fn broadcast_all(
        &self,
        product_key: &str,
        payload: impl Into<Vec<u8>>,
    ) -> Result<usize, Error> {
        self.server
            .broker
            .broadcast_all(product_key, Bytes::from(payload.into()))
    }

    // ----- firmware and configuration -----

    /// Adds a firmware image, or replaces the one of this version. A platform with a data folder keeps it there, as it
    /// does with how far devices' upgrades are.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it cannot be written.
    pub fn add_firmware(
        &self,
        version: &str,
        content: impl Into<Vec<u8>>,
    ) -> Result<Firmware, Error> {
        let content = Bytes::from(content.into());
        self.server.files.add(version, content)
    }

    /// All firmware images, in order of their versions.
    pub fn firmware(&self) -> Vec<Firmware> {
        self.server.files.list()
    }

    /// The address of a path on the platform's web server, by HTTPS or plain HTTP.
    pub fn web_url(&self, secure: bool, path: &str) -> String {
        self.server.endpoints.web_url(secure, path)
    }

    /// The device is to have this version, from the platform's own web server by HTTPS; it is told at once, or when it
    /// reports its version.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::UnknownFirmware`]; [`Error::File`] when it cannot be written down.
    pub fn upgrade(&self, device: &DeviceId, version: &str) -> Result<(), Error> {
        self.server.upgrade(device, version, None)
    }

    /// As [`Cloud::upgrade`], but the device fetches the image from `url`.
    ///
    /// # Errors
    ///
    /// As [`Cloud::upgrade`].
    pub fn upgrade_from(&self, device: &DeviceId, version: &str, url: &str) -> Result<(), Error> {
        self.server.upgrade(device, version, Some(url))
    }

    /// How far a device's upgrade is.
    pub fn upgrade_status(&self, device: &DeviceId) -> Upgrade {
        self.server.files.upgrade(device)
    }

    /// Pushes a configuration to a device (`thing.config.push`), which the platform's web server serves and `method`,
    /// SHA-256 or MD5, is the digest of; by HTTPS, or by plain HTTP unless `secure`.
    ///
    /// # Errors
    ///
    /// As [`Cloud::request`].
    pub fn push_config(
        &self,
        device: &DeviceId,
        content: impl Into<Vec<u8>>,
        method: ConfigDigest,
        secure: bool,
    ) -> Result<Call, Error> {
        self.server
            .push_config(device, Bytes::from(content.into()), method, secure)
    }

    /// Makes downloads misbehave; the default ends it.
    pub fn set_download_faults(&self, faults: DownloadFaults) {
        self.server.web.set_downloads(faults);
    }

    /// The next answer to `/auth` or `/topic` misbehaves. Said several times, it is a queue: one answer each.
    pub fn fault_answer(&self, fault: AnswerFault) {
        self.server.web.push_answer(fault);
    }

    /// Tokens that `/auth` has given out hold no longer.
    pub fn expire_tokens(&self) {
        self.server.web.expire_tokens();
    }

    // ----- trouble on request -----

    /// Closes a device's connection.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::Offline`].
    pub fn kick(&self, device: &DeviceId) -> Result<(), Error> {
        self.server.broker.kick(device)
    }

    /// Sends bytes to a device as they are, between two packets.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`], [`Error::Offline`].
    pub fn send_raw(&self, device: &DeviceId, bytes: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.server
            .broker
            .send_raw(device, Bytes::from(bytes.into()))
    }

    /// Forgets a device's subscriptions and waiting messages; if it is online, when its connection ends.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownDevice`].
    pub fn forget_session(&self, device: &DeviceId) -> Result<(), Error> {
        self.server.broker.forget_session(device)
    }

    /// Makes connections misbehave; [`Faults::default`] ends it for that scope.
    pub fn set_faults(&self, scope: FaultScope, faults: Faults) {
        self.server.broker.faults.set(scope, faults);
    }

    /// Ends all misbehaviour, except of connections that brought theirs ([`FaultScope::NextConnection`]).
    pub fn clear_faults(&self) {
        self.server.broker.faults.clear();
    }

    /// Changes how devices' messages are replied to; of several rules that apply, the latest holds.
    pub fn set_reply(&self, rule: ReplyRule) {
        self.server.broker.set_reply(rule);
    }

    /// Replies to all as it should be again.
    pub fn clear_replies(&self) {
        self.server.broker.clear_replies();
    }

    /// Stops listening and drops all connections; connecting is refused, sessions are kept.
    pub fn pause(&self) {
        self.block_on(self.server.pause());
    }

    /// Listens again on the same port, after [`Cloud::pause`].
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] when somebody else took the port.
    pub fn resume(&self) -> Result<(), Error> {
        self.block_on(self.server.resume())
    }

    /// Is gone for `downtime`, then back on the same port with the sessions it kept. Blocks for that time.
    ///
    /// # Errors
    ///
    /// As [`Cloud::resume`].
    pub fn restart(&self, downtime: Duration) -> Result<(), Error> {
        self.pause();
        std::thread::sleep(downtime);
        self.resume()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.end();
    }
}
