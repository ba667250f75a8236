//! The archive: built by cargo, read by nm.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::generated::root;

/// The options that bring all functions that a macro of V2.10 brings.
pub(crate) const ALL_FUNCTIONS: [&str; 2] =
    ["--features", "service-ota,service-cota,rrpc,deviceinfo"];

/// Builds `libiot_sdk.a` with these options of cargo, and says where it is.
pub(crate) fn build(options: &[&str]) -> Result<PathBuf> {
    build_in(&[], options)
}

/// The same, with these variables in cargo's environment.
pub(crate) fn build_in(environment: &[(&str, &str)], options: &[&str]) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .envs(environment.iter().copied())
        .args(["rustc", "--quiet", "--package", "iotkit-capi", "--lib"])
        // As an rlib, too, which is for the package's tests, cargo would leave out link-time optimisation.
        .args(["--crate-type", "staticlib"])
        .args(options)
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "building the archive failed");
    let messages = String::from_utf8(output.stdout).context("cargo wrote no UTF-8")?;
    for message in messages.lines() {
        let message: serde_json::Value =
            serde_json::from_str(message).context("cargo wrote no JSON")?;
        let files = message["filenames"].as_array().into_iter().flatten();
        for file in files.filter_map(|file| file.as_str()) {
            if file.ends_with("/libiot_sdk.a") {
                return Ok(file.into());
            }
        }
    }
    bail!("cargo did not say where libiot_sdk.a is")
}

/// The symbols that an archive of this machine defines.
pub(crate) fn symbols(lib: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("nm")
        .args([
            "--extern-only",
            "--defined-only",
            "--format",
            "just-symbols",
        ])
        .arg(lib)
        .output()
        .context("starting nm")?;
    ensure!(
        output.status.success(),
        "nm: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).context("nm wrote no UTF-8")?;
    Ok(names.lines().map(str::to_owned).collect())
}
