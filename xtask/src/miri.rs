//! `cargo xtask miri`: the engine and the C interface, with `HAL_*` in Rust, under Miri, which sees undefined behaviour
//! that happens to work: pointers without provenance, uninitialised memory, data races, leaks.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{
    generated::root,
    reliability::{self, Section},
    test::Counts,
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only the tests whose name contains this
    filter: Option<String>,
}

/// Options of cargo for each package, and tests that take Miri many minutes for their many bytes.
const PACKAGES: [(&[&str], &[&str]); 2] = [
    (
        &["--package", "iotkit", "--lib"],
        &["only_messages_that_want_an_answer_get_one"],
    ),
    // C is out of Miri's reach: tests that need the archive's own are left out by the package.
    (
        &[
            "--package",
            "iotkit-capi",
            "--features",
            "std",
            "--lib",
            "--tests",
        ],
        &[],
    ),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    miri_is_there()?;
    let mut counts = Counts::default();
    for (options, skipped) in PACKAGES {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(root())
            .env("MIRIFLAGS", "-Zmiri-strict-provenance")
            .args(["+nightly", "miri", "test"])
            .args(options)
            .arg("--")
            .args(&args.filter)
            .args(skipped.iter().flat_map(|test| ["--skip", test]));
        // Of the cargo that runs this: the other one finds its own.
        for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
            cargo.env_remove(variable);
        }
        let passed = counts.watch(&mut cargo).context("starting cargo")?;
        ensure!(passed, "Miri found something, or a test failed");
    }
    if args.filter.is_some() {
        return Ok(());
    }
    reliability::leave(
        "miri",
        &Section {
            title: "Miri".to_owned(),
            command: "cargo xtask miri".to_owned(),
            text: vec![format!(
                "The engine's unit tests and the tests of the C interface, with `HAL_*` in Rust, are interpreted: pointers \
                 without provenance, memory that is not the program's or not initialised, data races and leaks end the \
                 test. {} tests; nothing was found.",
                counts.passed
            )],
            tables: Vec::new(),
        },
    )
}

fn miri_is_there() -> Result<()> {
    let found = Command::new("cargo")
        .args(["+nightly", "miri", "--version"])
        .env_remove("RUSTUP_TOOLCHAIN")
        .output()
        .is_ok_and(|output| output.status.success());
    ensure!(
        found,
        "Miri is missing: rustup toolchain install nightly --component miri,rust-src"
    );
    Ok(())
}
