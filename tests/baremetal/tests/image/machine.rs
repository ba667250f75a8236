//! The emulated machine, and the image that it runs.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::modem::Modem;

const TARGET: &str = "thumbv7em-none-eabihf";

/// How long anything may take. The emulator's clock is this machine's, also when it is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds archive and image.
pub(crate) fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let target = target.join("baremetal");
    run(Command::new("cargo").current_dir(&root).args([
        "rustc",
        "--quiet",
        "--profile=small",
        "--package=iotkit-capi",
        "--lib",
        "--crate-type=staticlib",
        "--no-default-features",
        "--features=mqtt",
        "--target",
        TARGET,
        "--target-dir",
        target.to_str().expect("a path in UTF-8"),
    ]));
    let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
    let archive = target.join(TARGET).join("small/libiot_sdk.a");
    let out = target.join("image");
    run(Command::new("make")
        .arg("--silent")
        .arg("-C")
        .arg(root.join("tests/baremetal"))
        .args([setting("LIB", &archive), setting("OUT", &out)])
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS"));
    out.join("firmware.elf")
}

fn run(command: &mut Command) {
    let status = command.status();
    let status = status.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(status.success(), "{command:?} failed");
}

/// A machine that runs; it ends with this.
pub(crate) struct Machine {
    emulator: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Machine {
    pub(crate) fn start(image: &Path, modem: &Modem) -> Self {
        let [data, commands] = modem.lines();
        let mut emulator = Command::new("qemu-system-arm")
            .args(["-M", "mps2-an386", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-serial", "stdio"])
            .args(["-serial", &format!("tcp:{data},nodelay=on")])
            .args(["-serial", &format!("tcp:{commands},nodelay=on")])
            .arg("-kernel")
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("qemu-system-arm is there: apt-get install qemu-system-arm");
        let console = emulator.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(console).lines();
            lines
                .map_while(Result::ok)
                .all(|line| sender.send(line).is_ok())
        });
        Self {
            emulator,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits until the firmware says something that begins so.
    #[track_caller]
    pub(crate) fn wait_line(&mut self, start: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let line = line.trim_end().to_owned();
                    self.said.push(line.clone());
                    if line.starts_with(start) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line {start:?} came: {:#?}", self.said);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!(
                        "no line {start:?} came, the machine ended: {:#?}",
                        self.said
                    );
                }
            }
        }
    }

    /// Waits until the firmware has ended by itself, and well.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.emulator.try_wait().expect("it is a child") {
                assert!(status.success(), "{status}: {:#?}", self.said);
                // A lock taken twice, a text that is too long.
                let complaint = self.said.iter().find(|line| line.starts_with("HAL: "));
                assert_eq!(complaint, None, "{:#?}", self.said);
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the firmware does not end: {:#?}", self.said);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}
