//! The project's own commands: `cargo xtask help` lists them.

use anyhow::Result;
use clap::{Parser, Subcommand};

mod abi;
mod archive;
mod bench;
mod checklist;
mod cross;
mod demo;
mod dist;
mod fuzz;
mod generated;
mod headers;
mod matrix;
mod miri;
mod mutants;
mod reliability;
mod sim;
mod size;
mod stack;
mod test;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the flash and RAM of images on a Cortex-M4, and write docs/size.md
    Size(size::Args),
    /// Build the archive for the targets that firmware runs on, and check it
    Cross(cross::Args),
    /// Pack headers, archive, ports, samples and documents for the targets that firmware runs on, into target/dist
    Dist(dist::Args),
    /// Build everything, and show a light of c_samples and the local platform in conversation, or an upgrade
    Demo(demo::Args),
    /// Generate include/v2 from capi/src/v2 and capi/src/hal/sys
    Headers(headers::Args),
    /// Hold the headers and the archive to the interface of V2.10
    Abi(abi::Args),
    /// Generate docs/compatibility.md from the interface of V2.10 and the archive
    Matrix(matrix::Args),
    /// Run everything that must hold: formatting, lints, tests on this machine and its tools, budgets
    Test(test::Args),
    /// Hold tests/checklist.md to the tests that there are, and tell which edge cases are open
    Checklist(checklist::Args),
    /// Run the archive in a simulated world, one seed after the other, or with bugs made on purpose
    Sim(sim::Args),
    /// Run the fuzz targets of tests/fuzz, each for a while
    Fuzz(fuzz::Args),
    /// Generate docs/reliability.md from the results of the commands that it names
    Reliability(reliability::Args),
    /// Break the engine in the ways of tests/mutations.toml, and see whether its tests notice
    Mutants(mutants::Args),
    /// Measure what the archive costs, hold it to bench/budgets.toml, and write docs/speed.md
    Bench(bench::Args),
    /// Run the engine and the C interface under Miri; needs the nightly toolchain
    Miri(miri::Args),
    /// Hold the stack that the archive needs on a Cortex-M4 to its limits
    Stack(stack::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Size(args) => size::run(&args),
        Command::Cross(args) => cross::run(&args),
        Command::Dist(args) => dist::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Headers(args) => headers::run(&args),
        Command::Abi(args) => abi::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Checklist(args) => checklist::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Reliability(args) => reliability::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Miri(args) => miri::run(&args),
        Command::Stack(args) => stack::run(&args),
    }
}
