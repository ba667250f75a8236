//! Runs the archive over a simulated port, network and server, and an application that checks what it is told.
//!
//! `cargo xtask sim` builds the archive, relinks it as a library, and starts this program, which starts itself again
//! for each core: a run that ends the process takes only that one along. One seed decides everything.

mod app;
mod broker;
mod hal;
mod heap;
mod http;
mod library;
mod net;
mod oom;
mod ota;
mod plan;
mod stats;
mod web;
mod workers;
mod world;

use std::{
    collections::VecDeque,
    io::{Write as _, stdout},
    path::PathBuf,
};

use anyhow::{Result, anyhow};
use clap::{Parser, Subcommand};
use corosensei::stack::DefaultStack;
use fastrand::Rng;

use crate::{
    plan::Plan,
    workers::Report,
    world::{Outcome, Trace},
};

#[derive(Parser)]
#[command(about = "Runs the archive in a simulated world; `cargo xtask sim` is how to start it")]
struct Cli {
    /// The archive, relinked as a library
    #[arg(long)]
    library: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run many seeds, in several processes
    Run(workers::Args),
    /// Run seeds in this process, and tell the one who has started it
    Work {
        #[arg(long)]
        first: u64,
        #[arg(long)]
        seeds: u64,
        #[arg(long)]
        stride: u64,
    },
    /// Run one seed, and print all that happens
    Replay {
        #[arg(long)]
        seed: u64,
    },
    /// Fail each allocation of some sessions, one after the other
    Oom(oom::Args),
}

fn main() -> Result<()> {
    let Cli { library, command } = Cli::parse();
    if let Command::Run(args) = command {
        return workers::run(&library, &args);
    }
    let api = library::Api::load(&library, &hal::HAL)?;
    app::API
        .set(api)
        .map_err(|_| anyhow!("a library is loaded already"))?;
    match command {
        Command::Run(_) => unreachable!("done above"),
        Command::Work {
            first,
            seeds,
            stride,
        } => work(first, seeds, stride),
        Command::Replay { seed } => {
            let outcome = run(seed, Some(print), &mut VecDeque::new());
            let ms = outcome.stats.virtual_ms;
            println!("seed {seed}: {ms} ms of virtual time");
            match outcome.violation {
                None => Ok(()),
                Some(violation) => Err(anyhow!("{}: {}", violation.invariant, violation.detail)),
            }
        }
        Command::Oom(args) => oom::run(&library, &args),
    }
}

fn print(line: &str) {
    println!("{line}");
}

/// The run that a seed stands for.
fn run(seed: u64, trace: Option<Trace>, stacks: &mut VecDeque<DefaultStack>) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::new(&mut rng);
    world::run(plan, rng, None, trace, stacks)
}

/// Runs every `stride`-th seed, and reports as lines of JSON.
fn work(first: u64, seeds: u64, stride: u64) -> Result<()> {
    /// How often a seed is run twice, to see that the same happens.
    const TWICE: u64 = 64;

    let mut stacks = VecDeque::new();
    let tell = |report: &Report| -> Result<()> {
        let mut line = serde_json::to_string(report)?;
        line.push('\n');
        Ok(stdout().lock().write_all(line.as_bytes())?)
    };
    for seed in (first..first + seeds).step_by(stride as usize) {
        tell(&Report::Started(seed))?;
        let outcome = run(seed, None, &mut stacks);
        let mut violation = outcome.violation;
        if violation.is_none() && seed % TWICE == 0 {
            let again = run(seed, None, &mut stacks);
            if again.digest != outcome.digest {
                violation = Some(world::Violation {
                    invariant: "a seed decides everything",
                    detail: "two runs of it differ".to_owned(),
                });
            }
        }
        tell(&Report::Done(outcome.stats))?;
        if let Some(violation) = violation {
            tell(&Report::Failed {
                seed,
                invariant: violation.invariant.to_owned(),
                detail: violation.detail,
            })?;
            return Ok(());
        }
    }
    Ok(())
}
