//! `cargo xtask cross`: the archive for the targets that firmware runs on.
//!
//! For each: it is built, as `target/cross/TARGET/libiot_sdk.a`; the headers hold the facts of V2.10 with the target's own
//! compiler; and nothing is undefined in the archive but `HAL_*` and what the toolchain of every firmware has: the memory
//! functions of its C library, and on bare metal the functions of its compiler.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use object::{
    Object, ObjectSymbol,
    read::{File, archive::ArchiveFile},
};

use crate::{abi, archive};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only targets whose name contains this
    target: Option<String>,
    /// Without TLS, as `target/cross/TARGET/plain/libiot_sdk.a`: for firmware that has no `HAL_SSL_*`
    #[arg(long)]
    plain: bool,
}

/// A target, and what its C compiler is.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) profile: &'static str,
    /// Which facts of `v2.10.json` are its.
    facts: &'static str,
    /// The compiler, and its options.
    cc: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
}

impl Target {
    const fn bare_arm(name: &'static str) -> Self {
        Self {
            name,
            profile: "small",
            facts: "arm_bare",
            cc: "arm-none-eabi-gcc",
            package: "gcc-arm-none-eabi",
        }
    }

    /// What tells cargo of the compiler.
    pub(crate) fn environment(&self) -> [(String, &'static str); 2] {
        let (compiler, options) = self.cc.split_once(' ').unwrap_or((self.cc, ""));
        let of_target = |name: &str| format!("{name}_{}", self.name.replace('-', "_"));
        [(of_target("CC"), compiler), (of_target("CFLAGS"), options)]
    }
}

/// Those whose names contain the text, with all that they need there.
pub(crate) fn targets(text: Option<&str>) -> Result<Vec<&'static Target>> {
    let wanted = |target: &&Target| text.is_none_or(|text| target.name.contains(text));
    let targets: Vec<_> = TARGETS.iter().filter(wanted).collect();
    ensure!(!targets.is_empty(), "no target has that in its name");
    everything_is_there(&targets)?;
    Ok(targets)
}

/// A target without atomic swaps, such as thumbv6m, is none: clients are found and ended by them.
const TARGETS: [Target; 8] = [
    Target::bare_arm("thumbv7em-none-eabihf"),
    Target::bare_arm("thumbv7em-none-eabi"),
    Target::bare_arm("thumbv7m-none-eabi"),
    Target::bare_arm("armv7a-none-eabi"),
    Target {
        name: "riscv32imac-unknown-none-elf",
        profile: "small",
        facts: "arm32",
        cc: "riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 --specs=picolibc.specs",
        package: "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    },
    Target {
        name: "armv7-unknown-linux-gnueabihf",
        profile: "release",
        facts: "arm32",
        cc: "arm-linux-gnueabihf-gcc",
        package: "gcc-arm-linux-gnueabihf",
    },
    Target {
        name: "aarch64-unknown-linux-gnu",
        profile: "release",
        facts: "x86_64",
        cc: "aarch64-linux-gnu-gcc",
        package: "gcc-aarch64-linux-gnu",
    },
    Target {
        name: "x86_64-unknown-linux-gnu",
        profile: "release",
        facts: "x86_64",
        cc: "gcc",
        package: "gcc",
    },
];

/// What else the C library and the compiler's own have: on Linux for Arm, where 64 bits ask what the CPU has.
const ON_LINUX: [&str; 5] = [
    "abort",
    "__aeabi_unwind_cpp_pr0",
    "__aeabi_unwind_cpp_pr1",
    "getauxval",
    "exit",
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = targets(args.target.as_deref())?;
    for target in &targets {
        let environment = target.environment();
        let environment = environment
            .each_ref()
            .map(|(name, value)| (&**name, *value));
        let tls = !args.plain;
        let lib = archive::for_target(target.name, target.profile, tls, &environment)?;
        let strange = undefined(&lib, &of_toolchain(target)?)?;
        ensure!(
            strange.is_empty(),
            "{}: undefined in the archive: {strange:?}",
            target.name
        );
        let facts = abi::facts_with(target.facts, target.cc)?;
        ensure!(facts == 0, "{}: {facts} differences", target.name);
        println!(
            "{}, {}: HAL_* apart, nothing is undefined",
            target.name, target.profile
        );
    }
    println!("{} passed, 0 failed", targets.len());
    Ok(())
}

/// What the compiler brings, and on Linux the C library.
fn of_toolchain(target: &Target) -> Result<BTreeSet<String>> {
    if target.profile == "release" {
        return Ok(ON_LINUX.map(str::to_owned).into());
    }
    let mut words = target.cc.split(' ');
    let output = Command::new(words.next().context("there is a compiler")?)
        .args(words)
        .arg("-print-libgcc-file-name")
        .output()
        .context("starting the compiler")?;
    let path = String::from_utf8(output.stdout).context("a path is text")?;
    Ok(symbols(Path::new(path.trim()))?.1)
}

/// What the archive leaves to others, and should not.
fn undefined(lib: &Path, of_toolchain: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let (mut wanted, there) = symbols(lib)?;
    ensure!(there.contains("IOT_OpenLog"), "the archive defines nothing");
    wanted.retain(|name| {
        let elsewhere =
            name.starts_with("HAL_") || archive::is_of_libc(name) || of_toolchain.contains(name);
        !there.contains(name) && !elsewhere && !name.is_empty()
    });
    Ok(wanted)
}

/// What an archive wants, and what it defines.
fn symbols(lib: &Path) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let data = fs::read(lib).with_context(|| format!("reading {}", lib.display()))?;
    let archive = ArchiveFile::parse(&*data).context("not an archive")?;
    let (mut wanted, mut there) = (BTreeSet::new(), BTreeSet::new());
    for member in archive.members() {
        let bytes = member?.data(&*data)?;
        let Ok(file) = File::parse(bytes) else {
            continue; // what rustc says of the crate
        };
        for symbol in file.symbols().filter(ObjectSymbol::is_global) {
            let name = symbol.name().context("a symbol's name is text")?.to_owned();
            if symbol.is_undefined() {
                wanted.insert(name);
            } else {
                there.insert(name);
            }
        }
    }
    Ok((wanted, there))
}

/// Compilers and Rust's libraries for the targets.
fn everything_is_there(targets: &[&Target]) -> Result<()> {
    let missing: BTreeSet<_> = targets
        .iter()
        .filter(|target| {
            let compiler = target.cc.split(' ').next().unwrap_or_default();
            Command::new(compiler).arg("--version").output().is_err()
        })
        .map(|target| target.package)
        .collect();
    ensure!(
        missing.is_empty(),
        "compilers are missing; on Debian: apt-get install {}",
        missing.into_iter().collect::<Vec<_>>().join(" ")
    );
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()
        .context("starting rustup")?;
    let installed = String::from_utf8_lossy(&installed.stdout).into_owned();
    let missing: Vec<_> = targets
        .iter()
        .map(|target| target.name)
        .filter(|name| !installed.lines().any(|line| line == *name))
        .collect();
    ensure!(
        missing.is_empty(),
        "targets are missing: rustup target add {}",
        missing.join(" ")
    );
    Ok(())
}
