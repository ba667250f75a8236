//! `cargo xtask test`: everything that must hold, step by step, with a count at the end.
//!
//! A step that fails does not keep the others from running. Nothing is skipped because a tool is missing: that is said
//! at the start, with the Debian package that brings it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    generated::root,
    reliability::{self, Section, Table},
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Name the steps, and run none
    #[arg(long)]
    list: bool,
}

/// What must be installed, by the Debian package that brings it.
const TOOLS: [(&str, &str); 18] = [
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
    ("arm-linux-gnueabihf-g++", "g++-arm-linux-gnueabihf"),
    ("arm-none-eabi-gcc", "gcc-arm-none-eabi"),
    ("cc", "gcc"),
    ("cmake", "cmake"),
    ("curl", "curl"),
    ("g++", "g++"),
    ("make", "make"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("pkg-config", "pkg-config"),
    ("python3", "python3"),
    ("qemu-arm-static", "qemu-user-static"),
    (
        "riscv64-unknown-elf-gcc",
        "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    ),
    ("valgrind", "valgrind"),
];

/// A workspace of its own.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

/// Steps in which something watches what the programs do, and what that sees.
const OBSERVED: [(&str, &str); 3] = [
    (
        "test: C programs under valgrind",
        "memory not the program's or not initialised, leaks",
    ),
    (
        "test: C programs with AddressSanitizer",
        "memory not the program's, leaks; C and Rust. UBSan in C",
    ),
    (
        "test: threads with ThreadSanitizer",
        "data races, in C and Rust",
    ),
];

/// Tests of C programs over plain TCP, without those that are about TLS.
const PLAIN: [&str; 11] = [
    "clients::",
    "cmp::",
    "messages::",
    "ota::",
    "samples::",
    "selftest::nothing_is_wrong",
    "selftest::what_was_not_run",
    "http::messages",
    "--skip=strange_certificate",
    "--skip=over_tls",
    "--skip=stranger",
];

/// Without what the self-test of a port says about broken ports: watched, it would say the same, and forty programs at once
/// would be late.
const UNWATCHED: [&str; 2] = ["--", "--skip=each_fault_is_named"];

/// Tests of C programs with threads, as far as all that they run can be compiled with ThreadSanitizer.
const THREADED: [&str; 6] = [
    "nothing_is_lost_between_threads",
    "threads_share_a_client_of_mosquitto",
    "two_clients_do_not_meddle",
    "a_client_ends_cleanly_at_any_moment",
    "nothing_accepted_is_lost_by_restarts_over_tcp",
    "nothing_accepted_is_lost_by_restarts_over_mbedtls",
];

/// Leaves what was observed for docs/reliability.md.
fn leave(observed: &[(&str, usize)]) -> Result<()> {
    let rows = OBSERVED
        .iter()
        .zip(observed)
        .map(|((step, what), (_, passed))| {
            let step = step.trim_start_matches("test: ");
            vec![step.to_owned(), (*what).to_owned(), passed.to_string()]
        })
        .collect();
    reliability::leave(
        "sanitizers",
        &Section {
            title: "Watched programs".to_owned(),
            command: "cargo xtask test".to_owned(),
            text: vec![
                "C programs linked with the archive, against the platform, mosquitto and nginx (tests/c). Nothing was found."
                    .to_owned(),
            ],
            tables: vec![Table {
                header: ["how", "what it sees", "tests"].map(str::to_owned).to_vec(),
                rows,
            }],
        },
    )
}

/// A step: its name, and the command.
struct Step {
    name: &'static str,
    command: Command,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let steps = steps()?
        .into_iter()
        .filter(|step| {
            args.only
                .as_deref()
                .is_none_or(|text| step.name.contains(text))
        })
        .collect::<Vec<_>>();
    ensure!(
        !steps.is_empty(),
        "no step has that in its name; --list names them"
    );
    if args.list {
        steps.iter().for_each(|step| println!("{}", step.name));
        return Ok(());
    }
    tools_are_there()?;

    let mut counts = Counts::default();
    let mut done = Vec::new();
    let mut observed = Vec::new();
    for Step { name, mut command } in steps {
        println!("\n==== {name}");
        let start = Instant::now();
        let before = counts.passed;
        let passed = counts
            .watch(&mut command)
            .with_context(|| format!("starting {:?}", command.get_program()))?;
        done.push((name, passed, start.elapsed()));
        if passed && OBSERVED.iter().any(|(step, _)| *step == name) {
            observed.push((name, counts.passed - before));
        }
    }
    if observed.len() == OBSERVED.len() {
        leave(&observed)?;
    }
    summary(&done, &counts)
}

fn summary(done: &[(&str, bool, Duration)], counts: &Counts) -> Result<()> {
    println!();
    for (name, passed, time) in done {
        let mark = if *passed { "ok    " } else { "FAILED" };
        println!("{mark} {:4} s  {name}", time.as_secs());
    }
    let broken = done.iter().filter(|(_, passed, _)| !passed).count();
    // A step that failed without a failed test counts as one.
    let failed = counts.failed.max(broken);
    println!("\n{} passed, {failed} failed", counts.passed);
    if failed > 0 {
        bail!("{broken} of {} steps failed", done.len());
    }
    Ok(())
}

/// The steps, cheap ones first.
fn steps() -> Result<Vec<Step>> {
    let xtask = std::env::current_exe().context("where xtask lies")?;
    let own = |arguments: &[&str]| command(&xtask, arguments);
    let cargo = |arguments: &[&str]| command(env!("CARGO"), arguments);
    let make = |arguments: &[&str]| command("make", arguments);
    let clippy = |arguments: &[&str]| {
        let mut command = cargo(&["clippy", "--quiet"]);
        command.args(arguments).args(["--", "--deny", "warnings"]);
        command
    };
    let documentation = {
        let mut command = cargo(&["doc", "--quiet", "--no-deps", "--workspace"]);
        command.env("RUSTDOCFLAGS", "--deny warnings");
        command
    };
    let with = |mut command: Command, variable: &str, value: &str| {
        command.env(variable, value);
        command
    };
    // They wait for the network more than for the processor.
    let c_tests = || {
        let tests = cargo(&["test", "--package", "iotkit-c-tests"]);
        with(tests, "RUST_TEST_THREADS", "6")
    };

    Ok([
        ("format", cargo(&["fmt", "--all", "--check"])),
        (
            "lint: engine",
            clippy(&["--package", "iotkit", "--all-targets"]),
        ),
        (
            "lint: C interface, as firmware has it",
            clippy(&["--package", "iotkit-capi", "--lib"]),
        ),
        (
            "lint: C interface without parts and without TLS",
            clippy(&["--package", "iotkit-capi", "--lib", "--no-default-features"]),
        ),
        (
            "lint: C interface of MQTT alone",
            clippy(&[
                "--package",
                "iotkit-capi",
                "--lib",
                "--no-default-features",
                "--features",
                "mqtt",
            ]),
        ),
        (
            "lint: C interface of HTTP alone",
            clippy(&[
                "--package",
                "iotkit-capi",
                "--lib",
                "--no-default-features",
                "--features",
                "http",
            ]),
        ),
        (
            "lint: C interface, with all features and its tests",
            clippy(&[
                "--package",
                "iotkit-capi",
                "--all-targets",
                "--all-features",
            ]),
        ),
        (
            "lint: everything else",
            clippy(&[
                "--workspace",
                "--exclude",
                "iotkit",
                "--exclude",
                "iotkit-capi",
                "--all-targets",
            ]),
        ),
        (
            "lint: the platform as it is fuzzed",
            clippy(&["--package", "iotkit-cloud", "--features", "fuzz"]),
        ),
        (
            "format: fuzzing",
            cargo(&["fmt", "--manifest-path", FUZZ, "--check"]),
        ),
        (
            "lint: fuzzing",
            clippy(&[
                "--manifest-path",
                FUZZ,
                "--target-dir",
                "target/fuzz-lint",
                "--all-targets",
            ]),
        ),
        ("documentation", documentation),
        ("headers are generated", own(&["headers", "--check"])),
        (
            "compatibility matrix is generated",
            own(&["matrix", "--check"]),
        ),
        ("every edge case has a test", own(&["checklist"])),
        ("stack on a Cortex-M4", own(&["stack"])),
        (
            "test: commands and layers",
            cargo(&["test", "--package", "xtask"]),
        ),
        ("test: engine", cargo(&["test", "--package", "iotkit"])),
        (
            "test: C interface",
            cargo(&["test", "--package", "iotkit-capi", "--features", "std"]),
        ),
        (
            "test: rustls port",
            cargo(&["test", "--package", "iotkit-port-rustls"]),
        ),
        (
            "test: platform",
            cargo(&["test", "--package", "iotkit-cloud"]),
        ),
        (
            "test: ports in C",
            make(&["--silent", "-C", "ports", "test"]),
        ),
        (
            "build: ports to real-time systems",
            make(&["--silent", "-C", "ports", "rtos"]),
        ),
        ("test: interface on three ABIs", own(&["abi"])),
        ("test: C programs", c_tests()),
        ("test: C programs under valgrind", {
            let mut command = with(c_tests(), "IOTKIT_VALGRIND", "1");
            command.args(UNWATCHED);
            command
        }),
        ("test: C programs with AddressSanitizer", {
            let mut command = with(c_tests(), "IOTKIT_SANITIZE", "address");
            command.args(UNWATCHED);
            command
        }),
        ("test: threads with ThreadSanitizer", {
            let mut command = with(c_tests(), "IOTKIT_SANITIZE", "thread");
            command.args(["--test", "all", "--"]).args(THREADED);
            command
        }),
        ("build: the targets of firmware", own(&["cross"])),
        (
            "test: packages are the same wherever they are made",
            own(&["dist", "thumbv7em-none-eabihf", "--check"]),
        ),
        (
            "test: a firmware without an operating system",
            cargo(&["test", "--package", "iotkit-baremetal-tests"]),
        ),
        ("test: C programs on 32-bit Arm", {
            let mut command = with(c_tests(), "IOTKIT_EMULATE", "armv7");
            command.args(["--test", "all", "--"]).args(PLAIN);
            command
        }),
        ("test: C programs on 64-bit Arm", {
            let mut command = with(c_tests(), "IOTKIT_EMULATE", "aarch64");
            command.args(["--test", "all", "--"]).args(PLAIN);
            command
        }),
        (
            "test: CMake packages",
            command("sh", &["tests/packaging/cmake.sh"]),
        ),
        (
            "test: what the archive defines",
            command("sh", &["tests/packaging/symbols.sh"]),
        ),
        ("test: broken code is noticed", own(&["mutants"])),
        ("simulation, a slice", own(&["sim", "--seeds", "5000"])),
        ("fuzzing, a slice", own(&["fuzz", "--seconds", "5"])),
        ("budgets", own(&["bench", "--check"])),
        ("size on a Cortex-M4", own(&["size", "--check"])),
        ("demo", own(&["demo"])),
        ("demo of an upgrade", own(&["demo", "ota"])),
    ]
    .into_iter()
    .map(|(name, command)| Step { name, command })
    .collect())
}

fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments);
    command
}

fn tools_are_there() -> Result<()> {
    let missing = TOOLS
        .iter()
        .filter(|(tool, _)| {
            let run = Command::new(tool)
                .arg("--version")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            run.is_err()
        })
        .map(|(_, package)| *package)
        .collect::<Vec<_>>();
    ensure!(
        missing.is_empty(),
        "tools are missing; on Debian: apt-get install {}",
        missing.join(" ")
    );
    Ok(())
}

/// How many tests have run, by what test runners print.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    failed: usize,
}

impl Counts {
    /// Runs a command, shows what it prints, and counts; says whether it succeeded.
    pub(crate) fn watch(&mut self, command: &mut Command) -> Result<bool> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        for text in BufReader::new(output).lines() {
            let text = text?;
            println!("{text}");
            if let Some((passed, failed)) = counts(&text) {
                self.passed += passed;
                self.failed += failed;
            }
        }
        Ok(child.wait()?.success())
    }
}

/// What a test runner's closing line says: cargo's, or the plain one of everything else.
fn counts(line: &str) -> Option<(usize, usize)> {
    let line = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line,
    };
    let (passed, rest) = line.split_once(" passed")?;
    let (failed, _) = rest
        .trim_start_matches([',', ';', ' '])
        .split_once(" failed")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn closing_lines_are_counted() {
        let cargo = "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(counts(cargo), Some((40, 0)));
        assert_eq!(
            counts("test result: FAILED. 1 passed; 2 failed; 0 ignored"),
            Some((1, 2))
        );
        assert_eq!(counts("63 passed, 4 failed"), Some((63, 4)));
        assert_eq!(counts("pass 3 passed arguments"), None);
        assert_eq!(counts("all passed"), None);
    }
}
