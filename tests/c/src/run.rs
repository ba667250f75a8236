//! A program as a device.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use iotkit_cloud::{Cloud, Credentials, DeviceId, SignMethod};

use crate::{Program, emulated, patience, valgrind};

/// Who a device is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Product key and device name.
    pub id: DeviceId,
    /// The device secret.
    pub secret: String,
}

impl Identity {
    /// An identity; the secret is a made-up one.
    pub fn new(product_key: &str, device_name: &str, secret: &str) -> Self {
        Self {
            id: DeviceId::new(product_key, device_name),
            secret: secret.to_owned(),
        }
    }

    /// What nothing may tell: the device secret, and the password that is signed with it.
    pub fn secrets(&self) -> [String; 2] {
        let credentials = Credentials::new(&self.id, &self.secret, SignMethod::HmacSha1, "");
        [self.secret.clone(), credentials.password]
    }
}

/// What a program connects to.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate to trust, PEM.
    pub ca_file: Option<PathBuf>,
}

impl From<&Cloud> for Peer {
    fn from(cloud: &Cloud) -> Self {
        Self {
            address: cloud.mqtt_address(),
            ca_file: Some(cloud.endpoints().ca_file.clone()),
        }
    }
}

/// A program that is about to run.
pub struct Run {
    command: Command,
    secrets: Vec<String>,
}

impl Run {
    /// `program` as the device `identity`, meeting `peer` wherever it looks for the platform.
    pub fn new(program: &Program, identity: &Identity, peer: &Peer) -> Self {
        let mut command = watched(&program.path);
        command
            .env("PRODUCT_KEY", &identity.id.product_key)
            .env("DEVICE_NAME", &identity.id.device_name)
            .env("DEVICE_SECRET", &identity.secret)
            .env("IOTKIT_RESOLVE", format!("aliyuncs.com={}", peer.address))
            .env(
                "TEST_PATIENCE_MS",
                (patience().as_millis() * 2 / 3).to_string(),
            )
            .env_remove("IOTKIT_CA_FILE")
            .env_remove("SAMPLE_LOG");
        if let Some(ca_file) = &peer.ca_file {
            command.env("IOTKIT_CA_FILE", ca_file);
        }
        Self {
            command,
            secrets: identity.secrets().into(),
        }
    }

    /// Adds the second device of a program that is two.
    pub fn second(mut self, identity: &Identity) -> Self {
        self.command
            .env("DEVICE_NAME_2", &identity.id.device_name)
            .env("DEVICE_SECRET_2", &identity.secret);
        self.secrets.extend(identity.secrets());
        self
    }

    /// Adds arguments.
    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.command.args(args);
        self
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} cannot be started: {error}", self.command));
        let lines = Arc::new(Lines::default());
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let reader = {
            let lines = Arc::clone(&lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                    lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                lines.close();
            })
        };
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What was read until then is all there is to tell.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Running {
            stdin: child.stdin.take(),
            child,
            lines,
            read: 0,
            reader: Some(reader),
            errors: Some(errors),
            secrets: self.secrets,
        }
    }

    /// Runs it to its end, as [`Running::finish`].
    pub fn finish(self) -> Outcome {
        self.start().finish()
    }
}

fn watched(program: &Path) -> Command {
    if let Some(other) = emulated() {
        let mut command = Command::new(other.qemu);
        command.args(["-L", other.root]).arg(program);
        return command;
    }
    if !valgrind() {
        return Command::new(program);
    }
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .args([
            "--errors-for-leak-kinds=definite,indirect",
            "--fair-sched=yes",
            concat!(
                "--suppressions=",
                env!("CARGO_MANIFEST_DIR"),
                "/valgrind.supp"
            ),
        ])
        .arg(program);
    command
}

/// The lines a program has printed.
#[derive(Default)]
struct Lines {
    state: Mutex<Printed>,
    grown: Condvar,
}

#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    closed: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.state.lock().expect("no panic while locked")
    }

    fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.grown.notify_all();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.grown.notify_all();
    }

    /// The line `index`; `None` when the program has closed its output before, or did not print it in time.
    fn wait(&self, index: usize, time: Duration) -> Option<String> {
        let state = self.lock();
        let (state, _) = self
            .grown
            .wait_timeout_while(state, time, |now| now.lines.len() <= index && !now.closed)
            .expect("no panic while locked");
        state.lines.get(index).cloned()
    }
}

/// A program that runs. Dropping it ends it.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Arc<Lines>,
    /// How many lines the test has taken.
    read: usize,
    reader: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
    secrets: Vec<String>,
}

impl Running {
    /// Takes lines until one begins with `start`, and returns that one.
    ///
    /// # Panics
    ///
    /// If the program ends, or takes longer than [`patience`], before.
    #[track_caller]
    pub fn wait_line(&mut self, start: &str) -> String {
        let deadline = Instant::now() + patience();
        while let Some(line) = self.lines.wait(
            self.read,
            deadline.saturating_duration_since(Instant::now()),
        ) {
            self.read += 1;
            if line.starts_with(start) {
                return line;
            }
        }
        panic!("no line {start:?} came; {}", self.kill());
    }

    /// Sends a line to the program.
    ///
    /// # Panics
    ///
    /// If it does not read any more.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("only `finish` closes it");
        if let Err(error) = writeln!(stdin, "{line}") {
            panic!("{line:?} cannot be sent: {error}; {}", self.kill());
        }
    }

    /// Waits for step `name` of a test program, does the test's part of it, and lets the program go on.
    ///
    /// # Panics
    ///
    /// If the program comes to another step, or to none.
    #[track_caller]
    pub fn step(&mut self, name: &str, part: impl FnOnce()) {
        let line = self.wait_line("step ");
        assert_eq!(line, format!("step {name}"));
        part();
        self.send_line("go");
    }

    /// Ends a program that goes wrong, and tells what it has said.
    fn kill(&mut self) -> Outcome {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.collect()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it takes longer than [`patience`], or has told a secret.
    #[track_caller]
    pub fn finish(mut self) -> Outcome {
        self.stdin = None;
        let deadline = Instant::now() + patience();
        loop {
            match self.child.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => panic!("it does not end; {}", self.kill()),
                Err(error) => panic!("waiting for it failed: {error}"),
            }
        }
        let outcome = self.collect();
        for secret in &self.secrets {
            let told = outcome.stdout().contains(secret.as_str())
                || outcome.stderr.contains(secret.as_str());
            assert!(!told, "a secret was printed; {outcome}");
        }
        outcome
    }

    fn collect(&mut self) -> Outcome {
        let status = self.child.wait().expect("nobody else waits for it");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it does not panic");
        }
        let stderr = self.errors.take().map_or(String::new(), |errors| {
            errors.join().expect("it does not panic")
        });
        Outcome {
            status,
            lines: self.lines.lock().lines.clone(),
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended and what it said. Shown, it tells the end of what it said.
#[derive(Debug, Clone)]
pub struct Outcome {
    status: ExitStatus,
    /// The lines on stdout.
    pub lines: Vec<String>,
    /// All of stderr: of a test program the library's log, and what valgrind or a sanitizer found.
    pub stderr: String,
}

impl Outcome {
    /// The lines as one text.
    pub fn stdout(&self) -> String {
        self.lines.join("\n")
    }

    /// Checks the exit status.
    ///
    /// # Panics
    ///
    /// With what the program said.
    #[track_caller]
    pub fn expect_status(&self, status: i32) -> &Self {
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// Checks that all went well.
    ///
    /// # Panics
    ///
    /// With what the program said.
    #[track_caller]
    pub fn expect_success(&self) -> &Self {
        self.expect_status(0)
    }

    /// Checks all of stdout, except what the port tells (`HAL: ...`: why a connection failed).
    ///
    /// # Panics
    ///
    /// With what the program said.
    #[track_caller]
    pub fn expect_lines(&self, lines: &[&str]) -> &Self {
        let own = self.lines.iter().filter(|line| !line.starts_with("HAL: "));
        assert_eq!(own.collect::<Vec<_>>(), lines, "{self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TAIL: usize = 60;
        writeln!(f, "the program ended with {}", self.status)?;
        let log: Vec<_> = self.stderr.lines().collect();
        for (name, lines) in [
            ("stdout", self.lines.iter().map(String::as_str).collect()),
            ("stderr", log),
        ] {
            let skip = lines.len().saturating_sub(TAIL);
            writeln!(f, "--- {name}{}", if skip > 0 { ", its end" } else { "" })?;
            for line in &lines[skip..] {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}
