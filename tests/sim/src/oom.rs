//! Fails the first allocation of a session, then the second, and so on until none fails.

use std::{
    collections::VecDeque,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use serde::Serialize;

use crate::{
    plan::{Plan, Rates},
    world,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many sessions
    #[arg(long)]
    sessions: u64,
    /// Where to write the result, as JSON
    #[arg(long)]
    result: PathBuf,
    /// Fail this allocation of the last session alone, and print all that happens
    #[arg(long)]
    allocation: Option<u64>,
}

#[derive(Serialize)]
struct Summary {
    sessions: u64,
    points: u64,
}

pub(crate) fn run(library: &Path, args: &Args) -> Result<()> {
    let mut stacks = VecDeque::new();
    if let Some(failing) = args.allocation {
        let (plan, rng) = of_session(args.sessions - 1);
        world::run(plan, rng, Some(failing), Some(crate::print), &mut stacks);
        return Ok(());
    }
    let mut points = 0;
    for session in 0..args.sessions {
        for failing in 1.. {
            let (plan, rng) = of_session(session);
            let outcome = world::run(plan, rng, Some(failing), None, &mut stacks);
            if let Some(violation) = outcome.violation {
                replay(library, session, failing)?;
                bail!(
                    "session {session}, allocation {failing}: {}: {}",
                    violation.invariant,
                    violation.detail
                );
            }
            if outcome.allocations < failing {
                break;
            }
            points += 1;
        }
    }
    println!(
        "{points} allocations failed, one at a time, in {} sessions",
        args.sessions
    );
    let summary = Summary {
        sessions: args.sessions,
        points,
    };
    serde_json::to_writer_pretty(std::fs::File::create(&args.result)?, &summary)?;
    Ok(())
}

/// Prints a failure, in a process of its own: in this one the library is in the middle of something.
fn replay(library: &Path, session: u64, allocation: u64) -> Result<()> {
    let (sessions, allocation) = ((session + 1).to_string(), allocation.to_string());
    Command::new(env::current_exe().context("finding this program")?)
        .arg("--library")
        .arg(library)
        .args(["oom", "--sessions", &sessions, "--result", "/dev/null"])
        .args(["--allocation", &allocation])
        .status()
        .context("starting this program")?;
    Ok(())
}

/// A session with everything in it, and no fault but the one allocation: some minutes of requests, messages both
/// ways, handlers that wait for replies, connections that end, clients that are destroyed and made again.
fn of_session(session: u64) -> (Plan, Rng) {
    let mut rng = Rng::with_seed(session);
    let mut plan = Plan::new(&mut rng);
    plan.threads = 1 + (session % 2) as usize;
    plan.devices = 1;
    plan.storm = 4 * 60_000;
    plan.pause = 50;
    plan.yielding = 2000;
    plan.traffic = 2000;
    plan.busy = 20_000;
    plan.reentrant = 10_000;
    plan.destroy = 1000;
    plan.many_ids = false;
    plan.write_buffer = 1024;
    plan.read_buffer = 1024;
    plan.downloads = true;
    plan.posts = true;
    plan.impatient = false;
    plan.out_of_memory = true;
    plan.rates = Rates {
        close: 300,
        session_lost: 20_000,
        ..Rates::default()
    };
    (plan, rng)
}
