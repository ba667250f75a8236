//! From sources to programs. Each thing is built once a process; cargo and make see to it that nothing is built in vain.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

use crate::{Sanitizer, emulated, sanitizer};

/// Which archive and which TLS a program is linked with; the rest of the HAL is always the Linux port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hal {
    /// An archive without TLS: plain TCP.
    Tcp,
    /// TLS from `ports/mbedtls`.
    MbedTls,
    /// TLS inside the archive, feature `tls-rustls`.
    Rustls,
    /// As [`Self::MbedTls`]; the platform is asked where to connect, feature `guider`.
    Guided,
}

impl Hal {
    /// All transports.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::MbedTls, Self::Rustls];

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::MbedTls => "tls",
            Self::Rustls => "rustls",
            Self::Guided => "guided",
        }
    }

    fn cargo_features(self) -> &'static [&'static str] {
        match self {
            Self::Tcp => &["--no-default-features", "--features", "http,cmp"],
            Self::MbedTls => &[],
            Self::Rustls => &["--features", "tls-rustls"],
            Self::Guided => &["--features", "guider"],
        }
    }

    /// What the linker needs beside the archives. mbedTLS is linked statically, or nothing could stand in front of what it
    /// calls.
    fn system_libraries(self) -> &'static [&'static str] {
        match self {
            Self::Tcp => &["-lpthread", "-lrt"],
            Self::MbedTls | Self::Guided => &[
                "-l:libmbedtls.a",
                "-l:libmbedx509.a",
                "-l:libmbedcrypto.a",
                "-lpthread",
                "-lrt",
            ],
            Self::Rustls => &["-lpthread", "-lrt", "-ldl", "-lm"],
        }
    }

    /// What `programs/support/hal.c` has to stand in front of.
    fn wraps(self) -> (Option<&'static str>, &'static [&'static str]) {
        match self {
            Self::Tcp => (
                Some("-DPLAIN_TCP"),
                &["HAL_TCP_Establish", "HAL_TCP_Read", "HAL_TCP_Write"],
            ),
            Self::MbedTls | Self::Guided => (
                Some("-DTLS_PORT"),
                &[
                    "HAL_SSL_Establish",
                    "HAL_SSL_Read",
                    "HAL_SSL_Write",
                    "calloc",
                ],
            ),
            Self::Rustls => (None, &[]),
        }
    }

    /// The archives in link order: the library, then what it calls.
    fn archives(self) -> Vec<PathBuf> {
        let ports = build_dir().join("ports");
        let settings = [
            setting("BUILD", &ports),
            format!("CFLAGS={}", c_flags().join(" ")),
        ];
        let make_port = |what| make("ports", &[&settings[0], &settings[1], what]);
        make_port("platform");
        let mut archives = vec![self.library()];
        if matches!(self, Self::MbedTls | Self::Guided) {
            make_port("tls");
            archives.push(ports.join("libiot_tls.a"));
        }
        archives.push(ports.join("libiot_platform.a"));
        archives
    }

    fn library(self) -> PathBuf {
        if let Some(folder) = std::env::var_os("IOTKIT_SDK_DIR") {
            return Path::new(&folder).join(self.name()).join("libiot_sdk.a");
        }
        // A folder for each: archives of different features have the same name.
        let target = build_dir().join(self.name());
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root());
        if let Some(sanitizer) = sanitizer() {
            // `--target`, so that build scripts are not instrumented.
            // The project's compiler takes the option as well as a nightly one does, if it is told to.
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTFLAGS", sanitizer.rust_flags())
                .args(["rustc", "--target", SANITIZED_TARGET]);
        } else {
            cargo.arg("rustc");
        }
        if let Some(other) = emulated() {
            cargo.args(["--target", other.target]);
        }
        cargo
            .args(["--quiet", "--release", "--package=iotkit-capi", "--lib"])
            // With the rlib beside it, cargo would leave out link-time optimisation.
            .arg("--crate-type=staticlib")
            .args(self.cargo_features())
            .arg("--target-dir")
            .arg(&target);
        finish(&mut cargo);
        let folder = match emulated() {
            Some(other) => target.join(other.target),
            None if sanitizer().is_some() => target.join(SANITIZED_TARGET),
            None => target,
        };
        folder.join("release/libiot_sdk.a")
    }
}

const SANITIZED_TARGET: &str = "x86_64-unknown-linux-gnu";

/// A program that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub(crate) path: PathBuf,
}

impl Program {
    /// A sample of `c_samples`, built by its Makefile.
    pub fn sample(name: &str, hal: Hal) -> Self {
        once(format!("sample {name} {hal:?}"), || {
            let folder = build_dir().join("c_samples").join(hal.name());
            let archives: Vec<_> = archives(hal)
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            make(
                "c_samples",
                &[
                    &setting("BUILD", &folder),
                    &format!("IOTKIT_LIBS={}", archives.join(" ")),
                    &format!("LIBS={}", hal.system_libraries().join(" ")),
                    &format!("CFLAGS={}", c_flags().join(" ")),
                    name,
                ],
            );
            folder.join(name)
        })
    }

    /// A test program, `programs/{name}.c` with `programs/support`.
    pub fn test(name: &str, hal: Hal) -> Self {
        once(format!("test {name} {hal:?}"), || {
            let folder = build_dir().join("programs").join(hal.name());
            std::fs::create_dir_all(&folder).expect("the target folder can be written");
            let program = folder.join(name);
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
            let (define, wraps) = hal.wraps();
            let mut cc = Command::new(compiler());
            cc.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L"])
                .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
                .args(c_flags())
                .args(define)
                .arg("-I")
                .arg(root().join("include/v2"))
                .arg(sources.join(format!("{name}.c")))
                .args(support().map(|file| sources.join("support").join(file)))
                .args(archives(hal))
                .args(hal.system_libraries())
                .arg("-Wl,--wrap=HAL_SleepMs")
                .args(wraps.iter().map(|name| format!("-Wl,--wrap={name}")))
                .arg("-o")
                .arg(&program);
            finish(&mut cc);
            program
        })
    }

    /// The self-test of a port over the Linux port, which goes wrong as `FAULT` says
    /// (`programs/support/faulty_hal.c`).
    pub fn faulty_selftest() -> Self {
        const WRAPPED: [&str; 17] = [
            "HAL_Malloc",
            "HAL_Free",
            "HAL_UptimeMs",
            "HAL_SleepMs",
            "HAL_Srandom",
            "HAL_Random",
            "HAL_MutexCreate",
            "HAL_GetProductKey",
            "HAL_GetDeviceName",
            "HAL_SetDeviceName",
            "HAL_GetFirmwareVesion",
            "HAL_TCP_Establish",
            "HAL_TCP_Destroy",
            "HAL_TCP_Write",
            "HAL_TCP_Read",
            "HAL_UDP_readTimeout",
            "HAL_UDP_close",
        ];
        selftest("faulty_selftest", "SELFTEST_ALL", |cc| {
            cc.arg(root().join("tests/c/programs/support/faulty_hal.c"))
                .args(archives(Hal::Tcp))
                .args(WRAPPED.map(|name| format!("-Wl,--wrap={name}")));
        })
    }

    /// The self-test of a port over `ports/skeleton`, which has what MQTT needs.
    pub fn skeleton_selftest() -> Self {
        selftest("skeleton_selftest", "SELFTEST_MQTT", |cc| {
            cc.arg(root().join("ports/skeleton/hal.c"));
        })
    }
}

/// Compiles the self-test of a port with these groups of it alone, as a porter does while others are missing.
pub fn compile_selftest(groups: &str) {
    let mut cc = Command::new(compiler());
    selftest_sources(&mut cc, groups);
    finish(cc.arg("-fsyntax-only"));
}

fn selftest_sources(cc: &mut Command, groups: &str) {
    cc.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L"])
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(c_flags())
        .arg(format!("-DSELFTEST_GROUPS={groups}"))
        .arg("-I")
        .arg(root().join("include/v2"))
        .arg(root().join("c_samples/hal_selftest.c"));
}

/// `c_samples/hal_selftest.c` with these groups of it, over the HAL that `link` adds.
fn selftest(name: &str, groups: &str, link: impl FnOnce(&mut Command)) -> Program {
    once(name.to_owned(), || {
        let folder = build_dir().join("programs");
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let program = folder.join(name);
        let mut cc = Command::new(compiler());
        selftest_sources(&mut cc, groups);
        link(&mut cc);
        cc.args(["-lpthread", "-lrt", "-o"]).arg(&program);
        finish(&mut cc);
        program
    })
}

/// Builds what `key` names, once a process, one thing at a time.
fn once(key: String, build: impl FnOnce() -> PathBuf) -> Program {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    // A build that failed has told why: the next one that needs it tells again.
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = built
        .get_or_insert_default()
        .entry(key)
        .or_insert_with(build)
        .clone();
    Program { path }
}

fn archives(hal: Hal) -> &'static [PathBuf] {
    static BUILT: [OnceLock<Vec<PathBuf>>; 4] = [const { OnceLock::new() }; 4];
    BUILT[hal as usize].get_or_init(|| hal.archives())
}

fn compiler() -> String {
    if let Some(other) = emulated() {
        return other.cc.to_owned();
    }
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// The files of `programs/support` that every test program is linked with.
fn support() -> impl Iterator<Item = &'static str> {
    let tsan = sanitizer() == Some(Sanitizer::Thread);
    ["check.c", "device.c", "hal.c"]
        .into_iter()
        .chain(tsan.then_some("tsan.c"))
}

fn c_flags() -> &'static [&'static str] {
    match sanitizer() {
        None => &["-O1", "-g"],
        Some(Sanitizer::Address) => &[
            "-O1",
            "-g",
            "-fno-omit-frame-pointer",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
        ],
        Some(Sanitizer::Thread) => &["-O1", "-g", "-fsanitize=thread"],
    }
}

impl Sanitizer {
    const fn rust_flags(self) -> &'static str {
        match self {
            Self::Address => "-Zsanitizer=address",
            // The compiler's own library is not instrumented, and knows no threads.
            Self::Thread => "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
        }
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where all this is built.
fn build_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    target.join(match (sanitizer(), emulated()) {
        (None, None) => "c-tests",
        (_, Some(other)) => other.folder,
        (Some(Sanitizer::Address), None) => "c-tests-asan",
        (Some(Sanitizer::Thread), None) => "c-tests-tsan",
    })
}

fn setting(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

fn make(folder: &str, arguments: &[&str]) {
    let mut make = Command::new("make");
    make.arg("--silent")
        .arg("-C")
        .arg(root().join(folder))
        .arg(format!("CC={}", compiler()))
        .args(arguments)
        // Settings of a make that may have started the tests are not meant for this one.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS");
    finish(&mut make);
}

/// Runs a tool to its end.
fn finish(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
