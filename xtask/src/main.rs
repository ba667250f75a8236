//! The project's own commands: `cargo xtask help` lists them.

use anyhow::Result;
use clap::{Parser, Subcommand};

mod abi;
mod archive;
mod bench;
mod generated;
mod headers;
mod matrix;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate include/v2 from capi/src/v2 and capi/src/hal/sys
    Headers(headers::Args),
    /// Hold the headers, and with --lib the archive, to the interface of V2.10
    Abi(abi::Args),
    /// Generate docs/compatibility.md from the interface of V2.10 and the archive
    Matrix(matrix::Args),
    /// Measure what the archive costs, hold it to bench/budgets.toml, and write docs/speed.md
    Bench(bench::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Headers(args) => headers::run(&args),
        Command::Abi(args) => abi::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}
