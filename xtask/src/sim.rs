//! `cargo xtask sim`: the archive in a simulated world (tests/sim).
//!
//! The archive is linked as a library with nothing but `tests/sim/shim/hal.c`, which hands `HAL_*` on to the simulator. So
//! what runs is what a firmware links, with its own allocator and its own end of a panic.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    archive,
    generated::root,
    mutants::{copy_folder, target},
    reliability::{self, Section, Table},
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many processes to run them in; as many as there are cores
    #[arg(long)]
    jobs: Option<usize>,
    /// Build the archive with debug assertions and overflow checks
    #[arg(long)]
    debug: bool,
    /// Run one seed, and print all that happens
    #[arg(long, value_name = "SEED", conflicts_with_all = ["oom", "mutants"])]
    replay: Option<u64>,
    /// Fail each allocation of so many sessions, one after the other
    #[arg(long, value_name = "SESSIONS", conflicts_with = "mutants")]
    oom: Option<u64>,
    /// Make the bugs of tests/sim/mutants.toml, one at a time, and run seeds until each is caught
    #[arg(long)]
    mutants: bool,
    /// Only the bugs with this in their name
    #[arg(long, requires = "mutants", value_name = "TEXT")]
    only: Option<String>,
}

/// What the simulated application uses: it has no HAL for CMP.
const PARTS: [&str; 3] = ["--no-default-features", "--features", "http,ota,tls"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let simulator = Simulator::build()?;
    if args.mutants {
        return mutants(&simulator, args);
    }
    let archive = if args.debug {
        archive::build(&PARTS)?
    } else {
        archive::build(&[&["--release"][..], &PARTS].concat())?
    };
    let library = simulator.link(&archive, if args.debug { "debug" } else { "release" })?;
    if let Some(seed) = args.replay {
        let seed = seed.to_string();
        return simulator.run(&library, &["replay", "--seed", &seed]);
    }
    if let Some(sessions) = args.oom {
        return simulator.fail_allocations(&library, sessions);
    }
    let result = simulator.folder.join("result.json");
    let debug = if args.debug { " --debug" } else { "" };
    let outcome = simulator.run_seeds(&library, args, &result, &format!("cargo xtask sim{debug}"));
    outcome.and_then(|()| tell(args, &result))
}

/// The program, and where it is.
struct Simulator {
    folder: PathBuf,
    program: PathBuf,
}

impl Simulator {
    fn build() -> Result<Self> {
        let folder = target().join("sim");
        // It is built often and runs for minutes: linking for minutes does not pay.
        let status = Command::new(env!("CARGO"))
            .current_dir(root())
            .args(["build", "--quiet", "--release", "--package", "iotkit-sim"])
            .args(["--config", "profile.release.lto=\"off\""])
            .args(["--config", "profile.release.codegen-units=16"])
            .arg("--target-dir")
            .arg(&folder)
            .status()
            .context("starting cargo")?;
        ensure!(status.success(), "building the simulator failed");
        let program = folder.join("release/iotkit-sim");
        Ok(Self { folder, program })
    }

    /// Links an archive as a library that exports `IOT_*` and needs nothing.
    fn link(&self, archive: &Path, name: &str) -> Result<PathBuf> {
        let exports = self.folder.join("exports");
        fs::write(&exports, "{ global: IOT_*; local: *; };\n")?;
        let library = self.folder.join(format!("{name}.so"));
        let shim = root().join("tests/sim/shim/hal.c");
        let mut script = std::ffi::OsString::from("-Wl,--version-script=");
        script.push(&exports);
        let status = Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O1", "-std=c11", "-Wall", "-Wextra", "-Werror",
            ])
            .arg("-I")
            .arg(root().join("include/v2"))
            .arg("-o")
            .arg(&library)
            .arg(shim)
            .args(["-Wl,--gc-sections", "-Wl,--no-undefined"])
            .arg(script)
            .arg("-Wl,--whole-archive")
            .arg(archive)
            .arg("-Wl,--no-whole-archive")
            .status()
            .context("starting cc")?;
        ensure!(status.success(), "linking {} failed", archive.display());
        Ok(library)
    }

    fn command(&self, library: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--library").arg(library);
        // A failure is told by its trace, not by the simulator's own stack.
        command.env("RUST_BACKTRACE", "0");
        command
    }

    fn run(&self, library: &Path, arguments: &[&str]) -> Result<()> {
        let status = self.command(library).args(arguments).status();
        ensure!(
            status.context("starting the simulator")?.success(),
            "the simulation failed"
        );
        Ok(())
    }

    fn run_seeds(&self, library: &Path, args: &Args, result: &Path, replay: &str) -> Result<()> {
        let jobs = args
            .jobs
            .or_else(|| Some(thread::available_parallelism().ok()?.into()));
        let status = self
            .command(library)
            .args(["run", "--seeds", &args.seeds.to_string()])
            .args(["--seed", &args.seed.to_string()])
            .args(["--jobs", &jobs.unwrap_or(1).to_string()])
            .args(["--replay", replay])
            .arg("--result")
            .arg(result)
            .status()
            .context("starting the simulator")?;
        ensure!(status.success(), "the simulation failed");
        Ok(())
    }

    /// Fails allocations, and leaves the result for the document.
    fn fail_allocations(&self, library: &Path, sessions: u64) -> Result<()> {
        let result = self.folder.join("oom.json");
        let path = result
            .to_str()
            .context("the target folder's name is text")?;
        self.run(
            library,
            &["oom", "--sessions", &sessions.to_string(), "--result", path],
        )?;
        let summary: Value = serde_json::from_str(&fs::read_to_string(&result)?)?;
        let points = count(&summary["points"])?;
        reliability::leave(
            "memory",
            &Section {
                title: "Memory that is not there".to_owned(),
                command: format!("cargo xtask sim --oom {sessions}"),
                text: vec![format!(
                    "In each of {} simulated sessions the first `HAL_Malloc` fails, then the second, and so on until none \
                     is left to fail: {points} runs. A session subscribes, publishes, receives, yields inside handlers, \
                     loses connections and sessions, and destroys and makes clients. Every run keeps all invariants of the \
                     simulation: a documented error or event, nothing leaked, and everything well afterwards.",
                    count(&summary["sessions"])?
                )],
                tables: Vec::new(),
            },
        )
    }
}

/// A number of JSON, with commas.
fn count(value: &Value) -> Result<String> {
    let number = value.as_u64().context("a number")?.to_string();
    let mut text = String::new();
    for (index, digit) in number.chars().enumerate() {
        if index > 0 && (number.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    Ok(text)
}

/// Leaves the result of a run for the document.
fn tell(args: &Args, result: &Path) -> Result<()> {
    const YEAR: f64 = 365.25 * 86_400_000.0;

    let result: Value = serde_json::from_str(&fs::read_to_string(result)?)?;
    let stats = &result["stats"];
    let years = stats["virtual_ms"].as_f64().context("a time")? / YEAR;
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let mut totals = vec![
        row("seeds", count(&stats["seeds"])?),
        row("virtual time", format!("{years:.1} years")),
    ];
    for (what, key) in [
        ("calls of the application", "api_calls"),
        ("HAL calls", "hal_calls"),
        ("connections", "connections"),
        ("messages that reached the server", "published"),
        ("messages that reached a handler", "delivered"),
        ("images that were fetched", "images"),
        ("messages that the web server has taken", "posted"),
    ] {
        totals.push(row(what, count(&stats[key])?));
    }
    let faults = result["faults"].as_object().context("faults")?;
    let faults: Vec<_> = faults
        .iter()
        .map(|(name, number)| Ok(row(name, count(number)?)))
        .collect::<Result<_>>()?;
    let table = |first: &str, second: &str, rows| Table {
        header: vec![first.to_owned(), second.to_owned()],
        rows,
    };
    reliability::leave(
        "simulation",
        &Section {
            title: "Simulation".to_owned(),
            command: format!("cargo xtask sim --seed {} --seeds {}", args.seed, args.seeds),
            text: vec![
                "Port, network, server, clock, memory, threads and application are simulated, and one seed decides all of \
                 them (tests/sim). Every invariant held in every run."
                    .to_owned(),
            ],
            tables: vec![
                table("what", "how many", totals),
                table("fault", "times", faults),
            ],
        },
    )
}

#[derive(Deserialize)]
struct Mutants {
    mutant: Vec<Mutant>,
}

/// A bug made on purpose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// What is wrong then.
    what: String,
    file: PathBuf,
    from: String,
    to: String,
}

/// Makes each bug in a copy of the device's packages, and runs seeds until it is caught.
fn mutants(simulator: &Simulator, args: &Args) -> Result<()> {
    let table = fs::read_to_string(root().join("tests/sim/mutants.toml"))
        .context("reading tests/sim/mutants.toml")?;
    let Mutants { mut mutant } = toml::from_str(&table).context("tests/sim/mutants.toml")?;
    if let Some(text) = &args.only {
        mutant.retain(|mutant| mutant.what.contains(&**text));
    }
    ensure!(!mutant.is_empty(), "no bug has that in its name");

    // All of them before any is built: that takes minutes.
    for mutant in &mutant {
        let path = root().join(&mutant.file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("reading {}", mutant.file.display()))?;
        let found = text.matches(&mutant.from).count();
        ensure!(
            found == 1,
            "{}: its text is there {found} times, not once",
            mutant.what
        );
    }
    let copy = copy(&simulator.folder.join("mutant"))?;
    let mut rows = Vec::new();
    let mut missed = Vec::new();
    for mutant in &mutant {
        let file = copy.join(&mutant.file);
        let good = fs::read_to_string(&file)
            .with_context(|| format!("reading {}", mutant.file.display()))?;
        fs::write(&file, good.replace(&mutant.from, &mutant.to))?;
        let archive = build(&copy, &simulator.folder.join("mutant-target"))
            .with_context(|| mutant.what.clone())?;
        fs::write(&file, good)?;
        let library = simulator.link(&archive, "mutant")?;

        let result = simulator.folder.join("mutant.json");
        let output = Command::new(&simulator.program)
            .arg("--library")
            .arg(&library)
            .args(["run", "--seeds", &args.seeds.to_string()])
            .args([
                "--seed",
                &args.seed.to_string(),
                "--jobs",
                "1",
                "--replay",
                "",
            ])
            .arg("--result")
            .arg(&result)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("starting the simulator")?;
        let summary: Value = serde_json::from_str(&fs::read_to_string(&result)?)?;
        let failed = &summary["failed"];
        if output.success() || failed.is_null() {
            println!("MISSED  {}", mutant.what);
            missed.push(&*mutant.what);
            continue;
        }
        let seed = failed["seed"].as_u64().context("a seed")?;
        let invariant = failed["invariant"].as_str().context("an invariant")?;
        let seeds = seed - args.seed + 1;
        println!("caught  {} ({invariant}, {seeds} seeds)", mutant.what);
        rows.push(vec![
            mutant.what.clone(),
            invariant.to_owned(),
            seeds.to_string(),
        ]);
    }
    ensure!(missed.is_empty(), "not caught: {missed:?}");
    println!("{} bugs, each caught", rows.len());
    if args.only.is_some() {
        return Ok(());
    }
    reliability::leave(
        "bugs",
        &Section {
            title: "Bugs on purpose".to_owned(),
            command: format!("cargo xtask sim --mutants --seeds {}", args.seeds),
            text: vec![
                "What the simulation would notice: each of these bugs (tests/sim/mutants.toml) is made in a copy of the \
                 sources, and seeds are run until an invariant fails."
                    .to_owned(),
            ],
            tables: vec![Table {
                header: ["bug", "invariant that fails", "seeds"]
                    .map(str::to_owned)
                    .to_vec(),
                rows,
            }],
        },
    )
}

/// Copies the device's packages to a workspace of their own.
fn copy(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("removing the last copy")?;
    }
    for part in ["src", "capi", "ports/rustls"] {
        copy_folder(&root().join(part), &folder.join(part))?;
    }
    let mut manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml"))?
        .parse()
        .context("Cargo.toml")?;
    let workspace = manifest
        .get_mut("workspace")
        .and_then(toml::Value::as_table_mut)
        .context("Cargo.toml has no workspace")?;
    let members = [".", "capi", "ports/rustls"].map(str::to_owned).to_vec();
    workspace.insert("members".to_owned(), members.into());
    fs::write(folder.join("Cargo.toml"), manifest.to_string())?;
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(folder.to_owned())
}

/// Builds the archive of such a copy.
fn build(folder: &Path, target: &Path) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(folder)
        .args([
            "rustc",
            "--quiet",
            "--offline",
            "--package",
            "iotkit-capi",
            "--lib",
        ])
        .args(PARTS)
        .args(["--crate-type", "staticlib", "--target-dir"])
        .arg(target)
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!(
            "does not compile:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(target.join("debug/libiot_sdk.a"))
}
