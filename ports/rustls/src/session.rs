//! One TLS session over one stream, for a reader and a writer at a time.

use std::{
    io::{Read as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, client::Resumption, crypto::ring, pki_types::ServerName,
};

use crate::{
    Error, Lost, Stream, Trust,
    record::{self, Records},
    timer::Timer,
    verify::Verifier,
};

/// A small controller needs seconds for its part.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// For a last alert, which the peer can do without.
const GOODBYE: Duration = Duration::from_millis(500);

/// How often a waiting reader tries to move output that got stuck.
const HELP: Duration = Duration::from_millis(100);

/// Plaintext of one record that is sent.
const CHUNK: usize = 4096;

/// A TLS session, established and verified. Shared by the thread that reads and the one that writes.
///
/// rustls has one state for both directions, which `tls` covers; nobody waits for the stream with it locked. Bytes go
/// out in the order rustls made them: they are taken from it and sent under `output`, which a reader only tries to
/// lock. Locks are taken in the order of the fields.
#[derive(Debug)]
pub struct Session<S> {
    stream: S,
    input: Mutex<Input>,
    output: Mutex<Output>,
    tls: Mutex<Tls>,
}

#[derive(Debug)]
struct Tls {
    connection: ClientConnection,
    /// What reading returns from now on, once the plaintext that came before is taken.
    read_end: Option<Error>,
    /// What writing returns from now on.
    write_end: Option<Error>,
}

/// What arrives on its way to rustls.
#[derive(Debug)]
struct Input {
    records: Records,
    buffer: [u8; record::CHUNK],
}

/// What rustls has made of plaintext, and is not sent yet.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl<S: Stream> Session<S> {
    /// Performs the handshake with the server of that name, within 15 s.
    pub fn establish(stream: S, host: &str, trust: Trust) -> Result<Self, Error> {
        let session = Self {
            stream,
            input: Mutex::new(Input {
                records: Records::new(),
                buffer: [0; record::CHUNK],
            }),
            output: Mutex::default(),
            tls: Mutex::new(Tls {
                connection: connection(host, trust)?,
                read_end: None,
                write_end: None,
            }),
        };
        session.handshake()?;
        Ok(session)
    }

    /// Fills `buf`, or as much of it as comes within `timeout`, counted over the whole call; a timeout of zero takes
    /// what has arrived already. 0: nothing came. What came wins over how the session ended: the next call tells that.
    pub fn read(&self, buf: &mut [u8], timeout: Duration) -> Result<usize, Error> {
        let timer = Timer::start(timeout);
        let mut input = lock(&self.input);
        let mut got = 0;
        let mut more = true;
        loop {
            let end = lock(&self.tls).take(buf, &mut got);
            if got == buf.len() {
                return Ok(got);
            }
            if let Some(end) = end {
                return if got > 0 { Ok(got) } else { Err(end) };
            }
            let stuck = !self.help_writer();
            if !more && timer.is_over() {
                return Ok(got);
            }
            match self.receive(&mut input, &timer, stuck) {
                Ok(all) => more = all,
                Err(error) => {
                    self.help_writer(); // rustls may have an alert to send
                    lock(&self.tls).end(error);
                }
            }
        }
    }

    /// Sends `data`, or as much of it as goes out within `timeout`. 0: nothing was taken. Bytes that were taken but
    /// not sent in time go out with the next `write` or `read`.
    pub fn write(&self, data: &[u8], timeout: Duration) -> Result<usize, Error> {
        let timer = Timer::start(timeout);
        let mut output = lock(&self.output);
        let mut rest = data;
        // A record is begun only when those before it are gone.
        let end = loop {
            match self.flush(&mut output, &timer) {
                Ok(true) if !rest.is_empty() => {}
                Ok(_) => break None,
                Err(end) => break Some(end),
            }
            match lock(&self.tls).encrypt(rest) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(end) => break Some(end),
            }
        };
        match end {
            Some(end) if rest.len() == data.len() => Err(end),
            _ => Ok(data.len() - rest.len()),
        }
    }

    /// Says goodbye, for half a second at most. Dropping the session closes the stream.
    pub fn close(&self) {
        let mut output = lock(&self.output);
        lock(&self.tls).connection.send_close_notify();
        // The peer can do without it.
        let _ = self.flush(&mut output, &Timer::start(GOODBYE));
    }

    fn handshake(&self) -> Result<(), Error> {
        let timer = Timer::start(HANDSHAKE);
        let mut input = lock(&self.input);
        let mut output = lock(&self.output);
        loop {
            if !self.flush(&mut output, &timer)? {
                return Err(Error::TimedOut);
            }
            if !lock(&self.tls).connection.is_handshaking() {
                return Ok(());
            }
            if timer.is_over() {
                return Err(Error::TimedOut);
            }
            if let Err(error) = self.receive(&mut input, &timer, false) {
                // The server may like to know, but need not.
                let _ = self.flush(&mut output, &Timer::start(Duration::ZERO));
                return Err(error);
            }
        }
    }

    /// Waits for the bytes that rustls misses next and passes them on. Returns whether all of them came, so that more
    /// may have arrived already.
    fn receive(&self, input: &mut Input, timer: &Timer, stuck: bool) -> Result<bool, Error> {
        let missing = input.records.missing();
        let room = input.buffer.get_mut(..missing).unwrap_or_default();
        let timeout = timer.timeout();
        let got = self
            .stream
            .read(room, if stuck { timeout.min(HELP) } else { timeout })?;
        // A stream cannot have read more than it was offered.
        let bytes = room.get(..got).ok_or(Lost::Failed)?;
        timer.pause_if_early(got);
        input.records.advance(bytes);
        lock(&self.tls).feed(bytes)?;
        Ok(got == missing)
    }

    /// Sends what rustls has to send. Returns whether all of it is gone; if not, the time is over.
    fn flush(&self, output: &mut Output, timer: &Timer) -> Result<bool, Error> {
        let mut tried = false;
        while lock(&self.tls).fill(output)? {
            if tried && timer.is_over() {
                return Ok(false);
            }
            tried = true;
            let rest = output.bytes.get(output.sent..).unwrap_or_default();
            match self.stream.write(rest, timer.timeout()) {
                Ok(sent) if sent <= rest.len() => {
                    timer.pause_if_early(sent);
                    output.sent += sent;
                }
                failed => {
                    let end = Error::Lost(failed.err().unwrap_or(Lost::Failed));
                    lock(&self.tls).write_end = Some(end.clone());
                    return Err(end);
                }
            }
        }
        Ok(true)
    }

    /// Moves output that no writer is busy with: alerts, and what a writer had no time for. Returns whether there is
    /// nothing left that the reader would have to move.
    fn help_writer(&self) -> bool {
        match self.output.try_lock() {
            // How writing ended is for the writer.
            Ok(mut output) => self
                .flush(&mut output, &Timer::start(Duration::ZERO))
                .unwrap_or(true),
            Err(_) => true,
        }
    }
}

impl Tls {
    /// Fills `buf` from `got` on with plaintext. Returns how reading ended, if it did.
    fn take(&mut self, buf: &mut [u8], got: &mut usize) -> Option<Error> {
        while let Some(room) = buf.get_mut(*got..).filter(|room| !room.is_empty()) {
            // The errors of this reader say that there is nothing; `feed` has noticed why.
            match self.connection.reader().read(room) {
                Ok(n) if n > 0 => *got += n,
                _ => break,
            }
        }
        self.read_end.clone()
    }

    /// Takes what arrived.
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            // It fails when plaintext waits to be read: callers read before they receive.
            let taken = self.connection.read_tls(&mut bytes);
            if self.connection.process_new_packets()?.peer_has_closed() {
                self.end(Error::Lost(Lost::Closed));
                break;
            }
            if !taken.is_ok_and(|n| n > 0) {
                return Err(Lost::Failed.into());
            }
        }
        Ok(())
    }

    /// Makes a record of some of `data`. Returns of how much.
    fn encrypt(&mut self, data: &[u8]) -> Result<usize, Error> {
        if let Some(end) = &self.write_end {
            return Err(end.clone());
        }
        let chunk = data.get(..CHUNK).unwrap_or(data);
        match self.connection.writer().write(chunk) {
            Ok(taken) if taken > 0 => Ok(taken),
            _ => Err(Lost::Failed.into()),
        }
    }

    /// Moves what there is to send to `output`, once that is empty. Returns whether there is anything.
    fn fill(&mut self, output: &mut Output) -> Result<bool, Error> {
        if let Some(end) = &self.write_end {
            return Err(end.clone());
        }
        if output.sent == output.bytes.len() {
            output.bytes.clear();
            output.sent = 0;
            while self.connection.wants_write() {
                self.connection
                    .write_tls(&mut output.bytes)
                    .map_err(|_| Lost::Failed)?;
            }
        }
        Ok(!output.bytes.is_empty())
    }

    /// The session is over for both directions.
    fn end(&mut self, why: Error) {
        self.write_end.get_or_insert_with(|| why.clone());
        self.read_end.get_or_insert(why);
    }
}

fn connection(host: &str, trust: Trust) -> Result<ClientConnection, Error> {
    if trust.roots.is_empty() {
        return Err(Error::NoRoot);
    }
    let name = ServerName::try_from(host.to_owned())?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(trust.roots, provider.clone())
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // ours is rustls' own, which says more
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled(); // a configuration serves one session
    Ok(ClientConnection::new(Arc::new(config), name)?)
}

/// Nothing that is locked here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
