//! The archive: built by cargo, read by nm.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use object::{
    Object, ObjectSymbol,
    read::{File, archive::ArchiveFile},
};

use crate::{generated::root, mutants::target};

/// The options that bring all functions that a macro of V2.10 brings.
pub(crate) const ALL_FUNCTIONS: [&str; 2] =
    ["--features", "service-ota,service-cota,rrpc,deviceinfo"];

/// Builds `libiot_sdk.a` with these options of cargo, and says where it is.
pub(crate) fn build(options: &[&str]) -> Result<PathBuf> {
    build_in(&[], options)
}

/// The same, with these variables in cargo's environment.
pub(crate) fn build_in(environment: &[(&str, &str)], options: &[&str]) -> Result<PathBuf> {
    build_at(&root(), environment, options)
}

/// The same, of the sources in this folder.
pub(crate) fn build_at(
    root: &Path,
    environment: &[(&str, &str)],
    options: &[&str],
) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
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

/// Builds the archive for another target, with these variables in cargo's environment, and leaves to the firmware's toolchain
/// what that has.
pub(crate) fn for_target(
    name: &str,
    profile: &str,
    tls: bool,
    environment: &[(&str, &str)],
) -> Result<PathBuf> {
    let mut options = vec!["--profile", profile, "--target", name];
    let mut folder = target().join("cross").join(name);
    if !tls {
        options.extend(["--no-default-features", "--features", "http,cmp"]);
        folder.push("plain");
    }
    let lib = build_in(environment, &options)?;
    let copy = folder.join("libiot_sdk.a");
    fs::create_dir_all(copy.parent().context("it is in a folder")?)?;
    leave_to_toolchain(&lib, &copy, name)?;
    Ok(copy)
}

/// Copies an archive without the memory functions that Rust brings along: those of a C library are a tenth of theirs in size.
/// On bare metal, all that compilers call unasked is left to the firmware's: libgcc divides it otherwise among its members, and
/// a program that takes some from here and some from there defines a function twice.
pub(crate) fn leave_to_toolchain(lib: &Path, copy: &Path, name: &str) -> Result<()> {
    fs::copy(lib, copy).with_context(|| format!("writing {}", copy.display()))?;
    let data = fs::read(lib).with_context(|| format!("reading {}", lib.display()))?;
    let archive = ArchiveFile::parse(&*data).context("not an archive")?;
    let bare = name.contains("-none-");
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member?;
        let Ok(file) = File::parse(member.data(&*data)?) else {
            continue; // what rustc says of the crate
        };
        let left_out = |symbol: object::Symbol<'_, '_>| {
            let symbol_name = symbol.name().unwrap_or_default();
            // What is Rust's own has mangled names, which begin otherwise.
            let of_compiler = bare && symbol.is_global() && symbol_name.starts_with("__");
            symbol.is_definition() && (of_compiler || is_of_libc(symbol_name))
        };
        let of_compiler = bare && member.name().starts_with(b"compiler_builtins-");
        if of_compiler || file.symbols().any(left_out) {
            members.push(String::from_utf8_lossy(member.name()).into_owned());
        }
    }
    if members.is_empty() {
        return Ok(()); // on 64-bit Linux Rust takes the C library's, too
    }
    let output = Command::new("ar")
        .arg("dD") // without times and owners
        .arg(copy)
        .args(&members)
        .output()
        .context("starting ar")?;
    ensure!(
        output.status.success(),
        "ar: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// What every C library has, and compilers call unasked.
pub(crate) fn is_of_libc(name: &str) -> bool {
    let plain = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"];
    plain.contains(&name) || name.starts_with("__aeabi_mem")
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
