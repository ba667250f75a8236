//! `cargo xtask abi`: the interface of V2.10, kept.
//!
//! - The headers hold every fact of `tests/abi/v2.10.json` (`tests/abi/abi_check.py`), for each of three ABIs.
//! - Each header compiles alone, as the first thing a file includes, in C99 and C++11 without a warning, with none, each
//!   and all of the macros that a firmware may define. So does `tests/abi/macros.c`, which uses their macros.
//! - The archive defines every function but those that `docs/compatibility.md` calls declared only.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{archive, generated::root, headers, matrix};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The archive to look at, for this machine; built if none is given
    #[arg(long)]
    lib: Option<PathBuf>,
}

/// An ABI, and who compiles for it.
struct Abi {
    /// What `v2.10.json` calls it.
    name: &'static str,
    c: Compiler,
    cpp: Compiler,
}

struct Compiler {
    command: &'static str,
    /// The Debian packages that bring it.
    package: &'static str,
    /// The language.
    flags: [&'static str; 3],
}

const ABIS: [Abi; 3] = [
    Abi {
        name: "x86_64",
        c: Compiler::c("gcc", "gcc"),
        cpp: Compiler::cpp("g++", "g++"),
    },
    Abi {
        name: "arm32",
        c: Compiler::c("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"),
        cpp: Compiler::cpp("arm-linux-gnueabihf-g++", "g++-arm-linux-gnueabihf"),
    },
    Abi {
        name: "arm_bare",
        c: Compiler::c(
            "arm-none-eabi-gcc",
            "gcc-arm-none-eabi libnewlib-arm-none-eabi",
        ),
        cpp: Compiler::cpp(
            "arm-none-eabi-g++",
            "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
        ),
    },
];

impl Compiler {
    const fn c(command: &'static str, package: &'static str) -> Self {
        let flags = ["-std=c99", "-x", "c"];
        Self {
            command,
            package,
            flags,
        }
    }

    const fn cpp(command: &'static str, package: &'static str) -> Self {
        let flags = ["-std=c++11", "-x", "c++"];
        Self {
            command,
            package,
            flags,
        }
    }

    /// What the compiler has to say about a text; nothing if it is content.
    fn complaints(&self, text: &str, macros: &[&str]) -> Result<String> {
        let mut child = Command::new(self.command)
            .current_dir(root())
            .args(self.flags)
            .args(["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(["-I", headers::FOLDER])
            .args(macros.iter().map(|name| format!("-D{name}")))
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.command))?;
        child
            .stdin
            .take()
            .context("no pipe")?
            .write_all(text.as_bytes())
            .with_context(|| format!("writing to {}", self.command))?;
        let output = child.wait_with_output();
        let output = output.with_context(|| format!("waiting for {}", self.command))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            output.status.success() || !said.is_empty(),
            "{} failed without a word",
            self.command
        );
        Ok(said)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    compilers_are_there()?;
    let mut failures = 0;
    for abi in &ABIS {
        failures += facts_with(abi.name, abi.c.command)?;
    }
    failures += compile()?;
    failures += match &args.lib {
        Some(lib) => archive(lib)?,
        None => {
            let options = [&["--release"], &archive::ALL_FUNCTIONS[..]].concat();
            archive(&archive::build(&options)?)?
        }
    };
    ensure!(failures == 0, "{failures} differences from V2.10");
    Ok(())
}

/// Nothing is left out because a compiler is missing.
fn compilers_are_there() -> Result<()> {
    let mut needed: Vec<_> = ABIS
        .iter()
        .flat_map(|abi| [&abi.c, &abi.cpp])
        .map(|compiler| (compiler.command, compiler.package))
        .collect();
    needed.extend([("python3", "python3"), ("nm", "binutils")]);
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|(command, _)| Command::new(command).arg("--version").output().is_err())
        .collect();
    let commands: Vec<_> = missing.iter().map(|(command, _)| *command).collect();
    let packages: BTreeSet<_> = missing
        .iter()
        .flat_map(|(_, package)| package.split(' '))
        .collect();
    let packages: Vec<_> = packages.into_iter().collect();
    ensure!(
        missing.is_empty(),
        "{}: not found. On Debian: apt-get install {}",
        commands.join(", "),
        packages.join(" ")
    );
    Ok(())
}

/// Holds the headers to the facts, and counts the failures.
pub(crate) fn facts_with(name: &str, compiler: &str) -> Result<usize> {
    let (failures, summary) = abi_check(name, compiler, None)?;
    for failure in &failures {
        eprintln!("{name}: {failure}");
    }
    println!("{name}, {compiler}: {summary}");
    Ok(failures.len())
}

/// The failures of `abi_check.py`, a line each, and its closing line.
fn abi_check(name: &str, compiler: &str, lib: Option<&Path>) -> Result<(Vec<String>, String)> {
    let mut command = Command::new("python3");
    command
        .current_dir(root())
        .arg("tests/abi/abi_check.py")
        .args([
            "--facts",
            "tests/abi/v2.10.json",
            "--include",
            headers::FOLDER,
        ])
        .args(["--target", name, "--cc", compiler]);
    if let Some(lib) = lib {
        command.arg("--lib").arg(lib);
    }
    let output = command.output().context("starting python3")?;
    let said = String::from_utf8(output.stdout).context("abi_check.py wrote no UTF-8")?;
    let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
    match lines.pop() {
        Some(summary) if summary.ends_with(&format!(", {} failed", lines.len())) => {
            Ok((lines, summary))
        }
        _ => bail!("abi_check.py: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Compiles each header alone, and the use of their macros, and counts what does not compile.
fn compile() -> Result<usize> {
    let (mut texts, mut conditions) = (Vec::new(), BTreeSet::new());
    for header in headers::table()? {
        let path = Path::new(headers::FOLDER).join(&header.path);
        let text = fs::read_to_string(root().join(&path));
        conditions.extend(asked_for(
            &text.with_context(|| format!("reading {}", path.display()))?,
        ));
        // ISO C forbids a file without a declaration, which some headers would be.
        texts.push(format!(
            "#include \"{}\"\nextern int declared;\n",
            header.path
        ));
    }
    let macros = root().join("tests/abi/macros.c");
    texts.push(
        fs::read_to_string(&macros).with_context(|| format!("reading {}", macros.display()))?,
    );

    let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
    let mut sets = vec![Vec::new(), conditions.clone()];
    sets.extend(conditions.iter().map(|name| vec![*name]));

    let mut jobs = Vec::new();
    for abi in &ABIS {
        for compiler in [&abi.c, &abi.cpp] {
            for text in &texts {
                jobs.extend(sets.iter().map(|set| (compiler, text, set)));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(BTreeSet::new());
    let worker = || -> Result<()> {
        while let Some((compiler, text, set)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let said = compiler.complaints(text, set)?;
            if !said.is_empty() {
                let what = text.lines().next().unwrap_or_default();
                let mut complaint = String::new();
                writeln!(
                    complaint,
                    "{} {} {what} {set:?}",
                    compiler.command, compiler.flags[0]
                )?;
                complaints
                    .lock()
                    .expect("no worker panics")
                    .insert(complaint + &said);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;

    let complaints = complaints.into_inner().expect("no worker panics");
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    println!(
        "headers alone: {} of {} compile ({} files, {} compilers, {} sets of macros)",
        jobs.len() - complaints.len(),
        jobs.len(),
        texts.len(),
        ABIS.len() * 2,
        sets.len(),
    );
    Ok(complaints.len())
}

/// The macros that a header asks for: a firmware may define them.
fn asked_for(header: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    let asks = header.lines().filter(|line| line.starts_with("#if"));
    let mut names = BTreeSet::new();
    for line in asks {
        names.extend(line.strip_prefix("#ifdef ").map(name));
        names.extend(line.split("defined(").skip(1).map(name));
    }
    names.remove("__cplusplus");
    names
}

/// Looks for every function in the archive, and counts the differences from what `docs/compatibility.md` says.
fn archive(lib: &Path) -> Result<usize> {
    let lib = lib
        .canonicalize()
        .with_context(|| lib.display().to_string())?;
    let told = matrix::declared_only()?;
    let (failures, summary) = abi_check(ABIS[0].name, ABIS[0].c.command, Some(&lib))?;
    let missing = failures
        .iter()
        .filter_map(|failure| missing_symbol(failure));
    let untold: Vec<_> = missing.filter(|name| !told.contains(*name)).collect();
    let defined = archive::symbols(&lib)?;
    let outdated: Vec<_> = told.intersection(&defined).collect();
    for name in &untold {
        eprintln!("{name}: not defined by {}", lib.display());
    }
    for name in &outdated {
        eprintln!(
            "{name}: is there; run `cargo xtask matrix`, so that {} says so",
            matrix::PATH
        );
    }
    println!(
        "{}: {summary}; {} may, as only declared",
        lib.display(),
        told.len()
    );
    Ok(untold.len() + outdated.len())
}

/// The function's name, in a line of `abi_check.py` that says that the archive has none.
fn missing_symbol(failure: &str) -> Option<&str> {
    failure
        .strip_prefix("symbol ")?
        .strip_suffix(": not defined by the library")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_that_a_header_asks_for_are_found() {
        let header = "
#ifndef GUARD_H
#ifdef __cplusplus
#ifdef WHOLE
#if defined(FIRST) || !defined(SECOND_2)
#ifndef OVERRIDABLE
#define NOT_ASKED_FOR defined(NEITHER)
";
        let names = asked_for(header);
        assert_eq!(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            ["FIRST", "SECOND_2", "WHOLE"]
        );
    }

    #[test]
    fn a_compiler_complains_about_a_header_that_needs_another() {
        let gcc = &ABIS[0].c;
        let alone = "size_t f(void);\n";
        assert!(
            gcc.complaints(alone, &[])
                .expect("gcc runs")
                .contains("size_t")
        );
        let with_macro =
            "#ifdef NAMED\n#include <stddef.h>\nsize_t f(void);\n#endif\nextern int x;\n";
        assert_eq!(
            gcc.complaints(with_macro, &["NAMED"]).expect("gcc runs"),
            ""
        );
    }

    #[test]
    fn the_function_that_an_archive_lacks_is_found() {
        let line = "symbol IOT_CMP_Send: not defined by the library";
        assert_eq!(missing_symbol(line), Some("IOT_CMP_Send"));
        assert_eq!(
            missing_symbol("record a size: expected sizeof(a) == 4"),
            None
        );
    }
}
