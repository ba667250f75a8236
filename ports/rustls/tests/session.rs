//! Sessions against rustls' own server, over streams that behave badly. What the C border and OpenSSL's server can show
//! is in `ports/tests/test_tls.c`.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use iotkit_port_rustls::{Error, Lost, Session, Stream, Trust, TrustError};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::{
    ServerConfig, ServerConnection, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};

const HOST: &str = "device.tls.example";
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

// --- the stream ---

/// A socket that hands out at most `piece` bytes a call and, while `silent`, says at once that nothing came.
struct Faulty {
    socket: UnixStream,
    piece: usize,
    silent: AtomicBool,
    reads: AtomicUsize,
}

impl Faulty {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            piece: usize::MAX,
            silent: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
        }
    }
}

impl Stream for &Faulty {
    fn read(&self, buf: &mut [u8], timeout: Duration) -> Result<usize, Lost> {
        assert!(!timeout.is_zero());
        self.reads.fetch_add(1, Relaxed);
        if self.silent.load(Relaxed) {
            return Ok(0);
        }
        let deadline = Instant::now() + timeout;
        let len = buf.len().min(self.piece);
        let mut got = 0;
        while got < len {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            match (&self.socket).read(&mut buf[got..len]) {
                Ok(0) if got == 0 => return Err(Lost::Closed),
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Err(Lost::Failed),
            }
        }
        Ok(got)
    }

    fn write(&self, data: &[u8], timeout: Duration) -> Result<usize, Lost> {
        assert!(!timeout.is_zero());
        (&self.socket)
            .write(&data[..data.len().min(self.piece)])
            .map_err(|_| Lost::Failed)
    }
}

// --- the server ---

struct Ca(CertifiedIssuer<'static, KeyPair>);

fn ca() -> Ca {
    ca_named("root")
}

fn ca_named(name: &str) -> Ca {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    Ca(CertifiedIssuer::self_signed(params, key).unwrap())
}

impl Ca {
    fn trust(&self) -> Trust {
        let mut trust = Trust::default();
        trust.add_pem(self.0.pem().as_bytes()).unwrap();
        trust
    }

    /// A certificate for HOST, changed by `change`.
    fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
        Identity { certificate, key }
    }
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

/// What a server does with an established connection.
type Serve = fn(&mut ServerConnection, &mut UnixStream) -> io::Result<()>;

fn start(
    identity: Identity,
    version: &'static SupportedProtocolVersion,
    serve: Serve,
) -> (UnixStream, thread::JoinHandle<io::Result<()>>) {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate], key)
        .unwrap();
    let (device, mut socket) = UnixStream::pair().unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let server = thread::spawn(move || {
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        connection.complete_io(&mut socket)?;
        serve(&mut connection, &mut socket)
    });
    (device, server)
}

/// Sends back what comes, until the peer says goodbye.
fn echo(connection: &mut ServerConnection, socket: &mut UnixStream) -> io::Result<()> {
    let mut stream = rustls::Stream::new(connection, socket);
    let mut buf = [0; 1000];
    loop {
        match stream.read(&mut buf)? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n])?,
        }
    }
}

/// As `echo`, with new keys asked for before each of 20 messages.
fn echo_with_new_keys(
    connection: &mut ServerConnection,
    socket: &mut UnixStream,
) -> io::Result<()> {
    let mut stream = rustls::Stream::new(connection, socket);
    let mut buf = [0; 5];
    for _ in 0..20 {
        stream.conn.refresh_traffic_keys().unwrap();
        stream.flush()?;
        stream.read_exact(&mut buf)?;
        stream.write_all(&buf)?;
    }
    Ok(())
}

/// Says goodbye, and leaves it to the device to close the stream.
fn say_goodbye(connection: &mut ServerConnection, socket: &mut UnixStream) -> io::Result<()> {
    connection.send_close_notify();
    connection.write_tls(socket)?;
    io::copy(socket, &mut io::sink()).map(|_| ())
}

fn exchange(session: &Session<&Faulty>, text: &[u8]) {
    assert_eq!(session.write(text, LONG).unwrap(), text.len());
    let mut buf = vec![0; text.len()];
    assert_eq!(session.read(&mut buf, LONG).unwrap(), text.len());
    assert_eq!(buf, text);
}

// --- sessions ---

#[test]
fn a_stream_may_hand_out_single_bytes() {
    for version in [&TLS12, &TLS13] {
        let ca = ca();
        let (device, server) = start(ca.server(|_| {}), version, echo);
        let stream = Faulty {
            piece: 1,
            ..Faulty::new(device)
        };
        let session = Session::establish(&stream, HOST, ca.trust()).unwrap();
        exchange(&session, b"hello");
        exchange(&session, &[7; 10_000]);
        session.close();
        server.join().unwrap().unwrap();
    }
}

#[test]
fn a_stream_that_answers_at_once_with_nothing_is_not_asked_in_a_loop() {
    let ca = ca();
    let (device, server) = start(ca.server(|_| {}), &TLS13, echo);
    let stream = Faulty::new(device);
    let session = Session::establish(&stream, HOST, ca.trust()).unwrap();

    stream.silent.store(true, Relaxed);
    let before = stream.reads.load(Relaxed);
    let start = Instant::now();
    assert_eq!(session.read(&mut [0; 4], SHORT).unwrap(), 0);
    assert!(start.elapsed() >= SHORT);
    assert!(stream.reads.load(Relaxed) - before <= 21);

    stream.silent.store(false, Relaxed);
    exchange(&session, b"hello");
    session.close();
    server.join().unwrap().unwrap();
}

#[test]
fn new_keys_are_taken_up() {
    let ca = ca();
    let (device, server) = start(ca.server(|_| {}), &TLS13, echo_with_new_keys);
    let stream = Faulty::new(device);
    let session = Session::establish(&stream, HOST, ca.trust()).unwrap();
    for _ in 0..20 {
        exchange(&session, b"hello");
    }
    server.join().unwrap().unwrap();
}

/// Claims to have read more than there was room for.
struct Liar;

impl Stream for Liar {
    fn read(&self, buf: &mut [u8], _: Duration) -> Result<usize, Lost> {
        Ok(buf.len() + 1)
    }

    fn write(&self, data: &[u8], _: Duration) -> Result<usize, Lost> {
        Ok(data.len())
    }
}

#[test]
fn a_stream_cannot_have_read_more_than_it_was_offered() {
    let error = Session::establish(Liar, HOST, ca().trust()).err();
    assert!(matches!(error, Some(Error::Lost(Lost::Failed))));
}

#[test]
fn a_goodbye_ends_both_directions_though_the_stream_is_open() {
    for version in [&TLS12, &TLS13] {
        let ca = ca();
        let (device, server) = start(ca.server(|_| {}), version, say_goodbye);
        let stream = Faulty::new(device);
        let session = Session::establish(&stream, HOST, ca.trust()).unwrap();
        let start = Instant::now();
        for _ in 0..2 {
            let error = session.read(&mut [0; 4], LONG).err();
            assert!(matches!(error, Some(Error::Lost(Lost::Closed))));
        }
        let error = session.write(b"hello", LONG).err();
        assert!(matches!(error, Some(Error::Lost(Lost::Closed))));
        assert!(start.elapsed() < LONG / 2);
        drop(session);
        drop(stream);
        server.join().unwrap().unwrap();
    }
}

// --- certificates ---

/// Why a server with that certificate is refused.
fn refusal(identity: Identity, trust: Trust, host: &str) -> (String, Option<&'static str>) {
    let (device, server) = start(identity, &TLS13, echo);
    let stream = Faulty::new(device);
    let error = Session::establish(&stream, host, trust).err();
    drop(stream);
    assert!(server.join().unwrap().is_err());
    error.unwrap().explain(host)
}

#[test]
fn a_refused_certificate_says_what_is_wrong_and_what_to_do() {
    let ca = ca();
    let other = ca_named("other root");

    let (problem, remedy) = refusal(ca.server(|_| {}), other.trust(), HOST);
    assert!(
        problem.contains(HOST) && problem.contains("unknown CA"),
        "{problem}"
    );
    assert!(remedy.unwrap().contains("IOTKIT_CA_FILE"));

    let (problem, remedy) = refusal(ca.server(|_| {}), ca.trust(), "other.example");
    assert!(problem.contains("another name"), "{problem}");
    assert!(remedy.unwrap().contains("IOTKIT_RESOLVE"));

    let nameless = ca.server(|params| params.subject_alt_names.clear());
    let (problem, remedy) = refusal(nameless, ca.trust(), HOST);
    assert!(problem.contains("no subjectAltName"), "{problem}");
    assert!(remedy.unwrap().contains("host name"));

    let for_clients = ca.server(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let (problem, _) = refusal(for_clients, ca.trust(), HOST);
    assert!(problem.contains("not for a TLS server"), "{problem}");

    let a_ca = ca.server(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let (problem, remedy) = refusal(a_ca, ca.trust(), HOST);
    assert!(problem.contains("a CA's, not a server's"), "{problem}");
    assert!(remedy.unwrap().contains("signed by that CA"));

    let namesake = self::ca();
    let (problem, _) = refusal(namesake.server(|_| {}), ca.trust(), HOST);
    assert!(
        problem.contains("not signed by the CA it names"),
        "{problem}"
    );
}

#[test]
fn a_host_that_no_certificate_can_name_is_refused_before_anything_is_sent() {
    let (device, peer) = UnixStream::pair().unwrap();
    let stream = Faulty::new(device);
    let error = Session::establish(&stream, "not a name", ca().trust()).err();
    assert!(matches!(error, Some(Error::Name)));
    let error = Session::establish(&stream, HOST, Trust::default()).err();
    assert!(matches!(error, Some(Error::NoRoot)));
    peer.set_nonblocking(true).unwrap();
    assert!((&peer).read(&mut [0]).is_err());
}

// --- roots ---

#[test]
fn roots_may_have_text_around_them_and_nuls_behind_them() {
    let (one, two) = (ca().0.pem(), ca().0.pem());
    let mut trust = Trust::default();
    trust
        .add_pem(format!("# one\n{one}\n# two\r\n{two}\0\0").as_bytes())
        .unwrap();
    trust.add_pem(one.trim_end().as_bytes()).unwrap();
    trust
        .add_pem(format!("{}\0", one.trim_end()).as_bytes())
        .unwrap();
}

#[test]
fn what_is_no_certificate_is_told() {
    let good = ca().0.pem();
    let broken = good.replacen("MII", "***", 1);
    let mut trust = Trust::default();
    for nothing in ["", "\0", "text", &broken, "-----BEGIN CERTIFICATE-----\n"] {
        assert!(matches!(
            trust.add_pem(nothing.as_bytes()),
            Err(TrustError::NoCertificate)
        ));
    }
    assert!(matches!(
        trust.add_pem(format!("{broken}{good}").as_bytes()),
        Err(TrustError::Unusable(1))
    ));
    let error = trust
        .add_file("/nonexistent/roots.pem".as_ref())
        .unwrap_err();
    assert!(error.to_string().contains("/nonexistent/roots.pem"));
}
