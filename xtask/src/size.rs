//! `cargo xtask size`: flash and static RAM of an image on a Cortex-M4, measured and written to docs/size.md.
//!
//! The programs, the HAL's stand-in and the linker script are `bench/size`; what is linked is the archive of the profile
//! `small` without the memory functions that a C library has, as `cargo xtask cross` leaves it.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSymbol, SymbolKind, read::File};

use crate::{
    archive,
    generated::{self, Generated, root},
    headers,
    mutants::target,
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail if an image has grown by more than 2 %, and write nothing
    #[arg(long)]
    check: bool,
}

/// The document, below the root.
const PATH: &str = "docs/size.md";

const TARGET: &str = "thumbv7em-none-eabi";

/// How many functions and constants are named.
const LARGEST: usize = 10;

/// An image, and what it is held to: bytes of flash, and what the original takes (its README's figures, with TLS).
struct Image {
    name: &'static str,
    what: &'static str,
    budget: u64,
    original: u64,
}

const IMAGES: [Image; 2] = [
    Image {
        name: "mqtt",
        what: "MQTT",
        budget: 28 * 1024,
        original: 38_208,
    },
    Image {
        name: "mqtt_ota",
        what: "MQTT and OTA",
        budget: 42 * 1024,
        original: 57_392,
    },
];

/// What the library may have of static RAM, and what the original has.
const RAM_BUDGET: u64 = 1700;
const RAM_ORIGINAL: u64 = 1697;

/// Bytes of an image.
struct Measured {
    flash: u64,
    library_flash: u64,
    library_ram: u64,
    largest: Vec<(u64, String)>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let lib = archive::for_target(TARGET, "small", true, &[])?;
    let folder = target().join("size");
    let measured = IMAGES
        .iter()
        .map(|image| measure(image, &lib, &folder))
        .collect::<Result<Vec<_>>>()?;
    let text = document(&measured);
    print!("{text}");
    if args.check {
        let committed = fs::read_to_string(root().join(PATH)).unwrap_or_default();
        return check(&committed, &measured);
    }
    let path = Path::new(PATH);
    let file = Generated {
        path: path.to_owned(),
        text,
    };
    generated::write(&[file], path)
}

fn measure(image: &Image, lib: &Path, folder: &Path) -> Result<Measured> {
    let include = root().join(headers::FOLDER);
    let include: Vec<_> = ["", "exports", "imports"]
        .iter()
        .map(|part| include.join(part).display().to_string())
        .collect();
    let elf = folder.join(image.name).with_extension("elf");
    // The archive may be another one, and as old.
    let _ = fs::remove_file(&elf);
    let output = Command::new("make")
        .args(["--silent", "-C"])
        .arg(root().join("bench/size"))
        .arg(format!("IOTKIT_INCLUDE={}", include.join(" ")))
        .arg(format!("IOTKIT_LIBS={}", lib.display()))
        .arg(format!("OUT={}", folder.display()))
        .arg(&elf)
        .env_remove("MAKEFLAGS")
        .output()
        .context("starting make")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{}: {}",
        image.name,
        String::from_utf8_lossy(&output.stderr)
    );
    // `map_size.py`: origin, text, rodata, data, bss, flash, ram
    let row = |origin: &str| -> Result<Vec<u64>> {
        let line = said.lines().find(|line| line.starts_with(origin));
        let line = line.with_context(|| format!("no line {origin:?} in {said}"))?;
        let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        Ok(numbers.collect())
    };
    let (library, libc, app) = (row("library")?, row("libc/gcc")?, row("app+hal")?);
    let [.., library_flash, library_ram] = library[..] else {
        bail!("map_size.py: {said}")
    };
    let flash = |row: &[u64]| row.iter().rev().nth(1).copied().unwrap_or_default();
    Ok(Measured {
        flash: library_flash + flash(&libc) + flash(&app),
        library_flash,
        library_ram,
        largest: largest(&elf)?,
    })
}

/// The largest functions and constants of an image.
fn largest(elf: &Path) -> Result<Vec<(u64, String)>> {
    let data = fs::read(elf).with_context(|| format!("reading {}", elf.display()))?;
    let file = File::parse(&*data).context("not an image")?;
    let mut sizes: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| {
            let name = rustc_demangle::demangle(symbol.name().ok()?);
            Some((symbol.size(), format!("{name:#}")))
        })
        .collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    sizes.truncate(LARGEST);
    Ok(sizes)
}

fn document(measured: &[Measured]) -> String {
    let mut text = "# What it takes on a Cortex-M4

Generated by `cargo xtask size`; `cargo xtask size --check` fails when an image has grown by more than 2 %. An image is a
program of `bench/size` with stand-ins for the HAL, linked with newlib-nano and without what it does not use; TLS itself is
behind the HAL. The last column is the same figure of the original C SDK, iotkit-embedded V2.10, compiled with `-Os`. RAM
is static: 1,164 bytes of it are the connection info, which applications have a pointer to.

| Image | flash | budget | V2.10 | library's part | library's RAM | budget | V2.10 |
|---|--:|--:|--:|--:|--:|--:|--:|
"
    .to_owned();
    for (image, it) in IMAGES.iter().zip(measured) {
        let missed = |value, budget| if value > budget { "; missed" } else { "" };
        _ = writeln!(
            text,
            "| {} | {} | {}{} | {} | {} | {} | {}{} | {} |",
            image.what,
            it.flash,
            image.budget,
            missed(it.flash, image.budget),
            image.original,
            it.library_flash,
            it.library_ram,
            RAM_BUDGET,
            missed(it.library_ram, RAM_BUDGET),
            RAM_ORIGINAL,
        );
    }
    for (image, it) in IMAGES.iter().zip(measured) {
        _ = write!(
            text,
            "\n## The largest functions: {}\n\n| bytes | function |\n|--:|---|\n",
            image.what
        );
        for (size, name) in &it.largest {
            _ = writeln!(text, "| {size} | `{name}` |");
        }
    }
    text
}

/// Fails if an image is larger than the document has it, by more than compilers of one version differ.
fn check(committed: &str, measured: &[Measured]) -> Result<()> {
    for (image, it) in IMAGES.iter().zip(measured) {
        let start = format!("| {} | ", image.what);
        let line = committed.lines().find_map(|line| line.strip_prefix(&start));
        let known = line.and_then(|line| line.split(' ').next()?.parse::<u64>().ok());
        let known = known.with_context(|| format!("{PATH} has no row {:?}", image.what))?;
        ensure!(
            it.flash * 100 <= known * 102,
            "{}: {} bytes of flash instead of {known}; if that is worth it: cargo xtask size",
            image.what,
            it.flash
        );
    }
    println!("{} passed, 0 failed", measured.len());
    Ok(())
}
