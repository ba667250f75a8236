//! `cargo xtask fuzz`: the targets in `tests/fuzz`, each for a while.
//!
//! The project's own compiler is enough, told to accept `-Zsanitizer`; libFuzzer comes as source with a crate and is
//! compiled by the C++ compiler. What a target finds lies in the target folder, as do the inputs it came across; with
//! `--minimize` those that lead somewhere new are added to `tests/fuzz/corpus`.

use std::{
    collections::BTreeMap,
    env, fs,
    num::NonZeroUsize,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    generated::root,
    mutants::target as target_folder,
    reliability::{self, Section, Table},
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 20, value_name = "N")]
    seconds: u32,
    /// Only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Afterwards, rebuild tests/fuzz/corpus from all inputs that were come across
    #[arg(long)]
    minimize: bool,
}

/// Where the project is.
const PROJECT: &str = "tests/fuzz";

/// What libFuzzer needs to see where an input leads, and what AddressSanitizer needs.
const FLAGS: [&str; 7] = [
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// The longest input, in bytes.
const INPUT_MAX: u32 = 1024;

/// How many inputs of a target are kept beside those written by hand: a few hundred files in all. Short ones go first;
/// what the others reach is soon found again.
const KEPT_MAX: usize = 40;

/// What one target came to.
struct Outcome {
    target: String,
    executions: u64,
    seconds: u64,
    /// The inputs that were found to fail.
    findings: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let host = host()?;
    let mut targets = build(&host)?;
    if let Some(only) = &args.target {
        let names: Vec<_> = targets.keys().cloned().collect();
        targets.retain(|name, _| name == only);
        ensure!(
            !targets.is_empty(),
            "{only} is none of the targets: {}",
            names.join(", ")
        );
    }

    let start = Instant::now();
    let queue = Mutex::new(targets.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while let Some((name, program)) = next() {
            outcomes.push(Target { name, program }.run(args)?);
        }
        Ok(outcomes)
    };
    // A target keeps one processor busy.
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut outcomes = thread::scope(|scope| -> Result<Vec<Outcome>> {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let mut outcomes = Vec::new();
        for worker in workers {
            let done = worker.join();
            outcomes.extend(done.unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(outcomes)
    })?;
    outcomes.sort_by(|one, other| one.target.cmp(&other.target));
    let executions: u64 = outcomes.iter().map(|outcome| outcome.executions).sum();
    println!(
        "{executions} executions of {} targets in {} s",
        outcomes.len(),
        start.elapsed().as_secs()
    );

    if args.target.is_none() {
        leave(args, &outcomes)?;
    }
    let mut findings = 0;
    for outcome in &outcomes {
        for finding in &outcome.findings {
            findings += 1;
            let program = targets[&outcome.target].display();
            eprintln!("found; to see it again: {program} {}", finding.display());
        }
    }
    ensure!(findings == 0, "{findings} findings");
    Ok(())
}

/// Leaves the figures for docs/reliability.md.
fn leave(args: &Args, outcomes: &[Outcome]) -> Result<()> {
    let row = |target: &str, executions: u64, seconds: u64, findings: usize| {
        let numbers = [executions, seconds, findings as u64].map(|number| number.to_string());
        [&[target.to_owned()][..], &numbers].concat()
    };
    let mut rows: Vec<_> = outcomes
        .iter()
        .map(|it| row(&it.target, it.executions, it.seconds, it.findings.len()))
        .collect();
    rows.push(row(
        "all",
        outcomes.iter().map(|it| it.executions).sum(),
        outcomes.iter().map(|it| it.seconds).sum(),
        outcomes.iter().map(|it| it.findings.len()).sum(),
    ));
    reliability::leave(
        "fuzzing",
        &Section {
            title: "Fuzzing".to_owned(),
            command: format!("cargo xtask fuzz --seconds {}", args.seconds),
            text: vec![
                "Parsers, state machines and the platform are fed with what libFuzzer comes up with, under \
                 AddressSanitizer, and held to a second opinion: mqttbytes, serde_json, the standard read level by level, \
                 a model of what waits for an answer (tests/fuzz)."
                    .to_owned(),
            ],
            tables: vec![Table {
                header: ["target", "executions", "seconds", "findings"]
                    .map(str::to_owned)
                    .to_vec(),
                rows,
            }],
        },
    )
}

/// The machine this runs on, which has AddressSanitizer and a C++ compiler.
fn host() -> Result<String> {
    let rustc = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("rustc").args(arguments).output();
        let output = output.context("starting rustc")?;
        String::from_utf8(output.stdout).context("rustc wrote no UTF-8")
    };
    let version = rustc(&["-vV"])?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc did not name its host")?;

    let libraries = PathBuf::from(rustc(&["--print", "target-libdir"])?.trim());
    let runtime = fs::read_dir(&libraries)
        .with_context(|| libraries.display().to_string())?
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a"));
    ensure!(
        runtime,
        "Rust's AddressSanitizer is missing: {} has no librustc-*_rt.asan.a, which rustup brings for {}",
        libraries.display(),
        "x86_64-unknown-linux-gnu and aarch64-unknown-linux-gnu"
    );
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let found = Command::new(&compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(
        found.is_ok(),
        "the C++ compiler {} is missing; on Debian: apt-get install g++",
        compiler.display()
    );
    Ok(host.to_owned())
}

/// Builds the targets: where each of them lies, by its name.
fn build(host: &str) -> Result<BTreeMap<String, PathBuf>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root().join(PROJECT))
        .args(["build", "--release", "--bins", "--target", host])
        .args(["--message-format", "json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", work_folder().join("target"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("RUSTC_BOOTSTRAP", "1")
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "building the targets failed");
    let messages = String::from_utf8(output.stdout).context("cargo wrote no UTF-8")?;
    let mut targets = BTreeMap::new();
    for message in messages.lines() {
        let message: serde_json::Value =
            serde_json::from_str(message).context("cargo wrote no JSON")?;
        if let (Some(program), Some(name)) = (
            message["executable"].as_str(),
            message["target"]["name"].as_str(),
        ) {
            targets.insert(name.to_owned(), program.into());
        }
    }
    ensure!(!targets.is_empty(), "cargo did not say what it has built");
    Ok(targets)
}

/// A target that is built.
struct Target<'a> {
    name: &'a str,
    program: &'a Path,
}

impl Target<'_> {
    /// Fuzzes it, says what came of that, and keeps what it came across if that is wanted.
    fn run(&self, args: &Args) -> Result<Outcome> {
        let outcome = self.fuzz(args.seconds)?;
        println!(
            "{:14} {:>12} executions in {:4} s, {} findings",
            outcome.target,
            outcome.executions,
            outcome.seconds,
            outcome.findings.len()
        );
        if args.minimize {
            self.minimize()?;
        }
        Ok(outcome)
    }

    /// Runs it for so many seconds, or until it finds something.
    fn fuzz(&self, seconds: u32) -> Result<Outcome> {
        let known = self.known()?;
        let come_across = self.come_across()?;
        let findings = work_folder().join("findings").join(self.name);
        make(&findings)?;
        let before = files(&findings)?;

        let start = Instant::now();
        let output = Command::new(self.program)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_MAX}"))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .arg(format!(
                "-dict={}",
                root().join(PROJECT).join("dictionary").display()
            ))
            .args(["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(&come_across)
            .args(&known)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let log = String::from_utf8_lossy(&output.stderr);
        let executions = log
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let mut found = files(&findings)?;
        found.retain(|file| !before.contains(file));
        // Slow inputs are kept, too, but are nothing to fail for.
        found.retain(|file| !file.to_string_lossy().contains("/slow-unit-"));
        if !output.status.success() {
            eprint!("{log}");
            if found.is_empty() {
                bail!("{} failed, and kept no input", self.name);
            }
        }
        Ok(Outcome {
            target: self.name.to_owned(),
            executions: executions
                .and_then(|number| number.trim().parse().ok())
                .with_context(|| format!("{} did not say how often it ran", self.name))?,
            seconds: start.elapsed().as_secs(),
            findings: found,
        })
    }

    /// Keeps inputs that lead everywhere, few and short, beside those that were written by hand.
    fn minimize(&self) -> Result<()> {
        let [seeds, corpus] = self.known_folders();
        let kept = work_folder().join("kept").join(self.name);
        if kept.exists() {
            fs::remove_dir_all(&kept).with_context(|| kept.display().to_string())?;
        }
        make(&kept)?;
        let by_hand = files(&seeds)?;
        for file in &by_hand {
            fs::copy(file, kept.join(name_of(file)?))
                .with_context(|| file.display().to_string())?;
        }
        let status = Command::new(self.program)
            // By what is reached, not how often.
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .arg(format!("-max_len={INPUT_MAX}"))
            .arg(&kept)
            .args(self.known()?)
            .arg(self.come_across()?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("starting {}", self.program.display()))?;
        ensure!(status.success(), "{} did not minimize", self.name);

        make(&corpus)?;
        for file in files(&corpus)? {
            fs::remove_file(&file).with_context(|| file.display().to_string())?;
        }
        let mut found = Vec::new();
        for file in files(&kept)? {
            if !by_hand.contains(&seeds.join(name_of(&file)?)) {
                found.push((fs::metadata(&file)?.len(), file));
            }
        }
        found.sort();
        for (_, file) in found.iter().take(KEPT_MAX) {
            fs::copy(file, corpus.join(name_of(file)?))
                .with_context(|| file.display().to_string())?;
        }
        Ok(())
    }

    /// Committed inputs: written by hand, and kept because they lead somewhere.
    fn known_folders(&self) -> [PathBuf; 2] {
        ["seeds", "corpus"].map(|kind| root().join(PROJECT).join(kind).join(self.name))
    }

    /// Those of them that there are.
    fn known(&self) -> Result<Vec<PathBuf>> {
        let folders = self.known_folders();
        ensure!(
            folders[0].is_dir(),
            "{} is missing: every target has an input to begin with",
            folders[0].display()
        );
        Ok(folders.into_iter().filter(|it| it.is_dir()).collect())
    }

    /// Where the fuzzer puts inputs that lead somewhere new.
    fn come_across(&self) -> Result<PathBuf> {
        let folder = work_folder().join("corpus").join(self.name);
        make(&folder)?;
        Ok(folder)
    }
}

fn work_folder() -> PathBuf {
    target_folder().join("fuzz")
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let entries: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    entries.with_context(|| folder.display().to_string())
}

fn name_of(file: &Path) -> Result<&std::ffi::OsStr> {
    file.file_name().context("a file has a name")
}
