//! Builds what a demo runs, as the README says.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use crate::generated::root;

/// Names what is missing, before a compiler's error does.
pub(super) fn check_tools() -> Result<()> {
    let cc = compiler();
    let tools: [(&str, &[&str], &str); 3] = [
        (&cc, &["--version"], "a C compiler: package gcc"),
        ("make", &["--version"], "package make"),
        (
            "pkg-config",
            &["--exists", "openssl"],
            "OpenSSL for the platform: packages libssl-dev and pkg-config",
        ),
    ];
    let missing: Vec<_> = tools
        .iter()
        .filter(|(tool, arguments, _)| {
            let output = Command::new(tool).args(*arguments).output();
            !output.is_ok_and(|output| output.status.success())
        })
        .map(|(tool, arguments, what)| format!("  {tool} {} ({what})", arguments.join(" ")))
        .collect();
    ensure!(
        missing.is_empty(),
        "these commands have to work first (the packages are Debian's):\n{}",
        missing.join("\n")
    );
    Ok(())
}

fn compiler() -> String {
    env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// What a demo runs.
pub(super) struct Built {
    pub(super) sample: PathBuf,
    pub(super) platform: PathBuf,
}

impl Built {
    /// Builds the platform and a sample, which is a `what`.
    pub(super) fn build(sample: &str, what: &str) -> Result<Self> {
        let library = cargo(
            "libiot_sdk.a, with TLS inside",
            &[
                // As a staticlib alone: with the rlib cargo would leave out link-time optimisation.
                "rustc",
                "--release",
                "--package=iotkit-capi",
                "--lib",
                "--crate-type=staticlib",
                "--features=tls-rustls",
            ],
            "/libiot_sdk.a",
        )?;
        let target = library
            .parent()
            .and_then(Path::parent)
            .context("libiot_sdk.a is not in a target folder")?;
        let ports = target.join("ports");
        let samples = target.join("c_samples");
        make(
            "libiot_platform.a, the HAL for Linux",
            "ports",
            &[&format!("BUILD={}", ports.display()), "platform"],
        )?;
        make(
            &format!("{sample}, {what}"),
            "c_samples",
            &[
                &format!("BUILD={}", samples.display()),
                &format!(
                    "IOTKIT_LIBS={} {}",
                    library.display(),
                    ports.join("libiot_platform.a").display()
                ),
                sample,
            ],
        )?;
        let platform = cargo(
            "iotkit-cloud, the platform",
            &["build", "--package=iotkit-cloud", "--bin=iotkit-cloud"],
            "/iotkit-cloud",
        )?;
        Ok(Self {
            sample: samples.join(sample),
            platform,
        })
    }
}

/// Runs cargo and returns the file it made whose path ends with `file`.
fn cargo(what: &str, arguments: &[&str], file: &str) -> Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"]);
    let messages = build(what, &mut command)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .flat_map(|artifact| artifact.filenames)
        .find(|name| name.to_string_lossy().ends_with(file))
        .with_context(|| format!("cargo did not say where {file} is"))
}

/// A message of cargo about what it made.
#[derive(Deserialize)]
struct Artifact {
    filenames: Vec<PathBuf>,
}

fn make(what: &str, folder: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("make");
    command
        .arg("-C")
        .arg(folder)
        .arg(format!("CC={}", compiler()))
        .args(arguments);
    build(what, &mut command).map(drop)
}

/// Runs a build tool, with a line of progress that shows its own last line; returns its stdout.
fn build(what: &str, command: &mut Command) -> Result<String> {
    let bar = ProgressBar::new_spinner().with_message(String::new());
    bar.set_style(ProgressStyle::with_template(
        "  {spinner} {prefix}  {elapsed}  {wide_msg:.dim}",
    )?);
    bar.set_prefix(format!("{what:<38}"));
    bar.enable_steady_tick(Duration::from_millis(100));

    let mut child = command
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let mut stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = BufReader::new(child.stderr.take().context("stderr is piped")?);
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let mut told = Vec::new();
    for line in stderr.lines() {
        let line = line.context("reading what the tool says")?;
        bar.set_message(line.trim().to_owned());
        told.push(line);
    }
    let status = child.wait()?;
    let text = reader.join().map_err(|_| anyhow!("reading failed"))??;

    bar.finish_and_clear();
    if !status.success() {
        bail!("building {what} failed:\n{text}{}", told.join("\n"));
    }
    println!(
        "  {} {what:<38}  {:.1} s",
        style("✓").green(),
        bar.elapsed().as_secs_f64()
    );
    Ok(text)
}
