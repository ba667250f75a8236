//! Many seeds, in as many processes as there are cores.

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::stats::Stats;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long)]
    seeds: u64,
    /// The first of them
    #[arg(long)]
    seed: u64,
    /// How many processes
    #[arg(long)]
    jobs: u64,
    /// Where to write the result, as JSON
    #[arg(long)]
    result: PathBuf,
    /// How to name the command that replays a seed
    #[arg(long)]
    replay: String,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Started(u64),
    Done(Stats),
    Failed {
        seed: u64,
        invariant: String,
        detail: String,
    },
}

/// What came of all seeds.
#[derive(Serialize)]
struct Summary<'a> {
    first: u64,
    seconds: f64,
    stats: &'a Stats,
    faults: std::collections::BTreeMap<&'static str, u64>,
    failed: Option<Failure>,
}

/// The first seed that failed.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    seed: u64,
    invariant: String,
    detail: String,
}

/// What one of the workers says, or that it has ended.
enum Message {
    Report(usize, Report),
    Ended(usize),
}

/// A run that takes so long, in real time, does not end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(library: &Path, args: &Args) -> Result<()> {
    let start = Instant::now();
    let (sender, messages) = channel();
    let jobs = args.jobs.min(args.seeds).max(1);
    let mut workers = Vec::new();
    for index in 0..jobs {
        workers.push(Worker::start(library, args, index, jobs, &sender)?);
    }
    drop(sender);

    let mut stats = Stats::default();
    let mut failed: Option<Failure> = None;
    let mut said = Instant::now();
    while failed.is_none() && workers.iter().any(|worker| !worker.ended) {
        match messages.recv_timeout(Duration::from_secs(1)) {
            Ok(Message::Report(index, report)) => {
                workers[index].heard = Instant::now();
                match report {
                    Report::Started(seed) => workers[index].seed = Some(seed),
                    Report::Done(done) => {
                        workers[index].seed = None;
                        stats.add(&done);
                    }
                    Report::Failed {
                        seed,
                        invariant,
                        detail,
                    } => {
                        failed = Some(Failure {
                            seed,
                            invariant,
                            detail,
                        });
                    }
                }
            }
            Ok(Message::Ended(index)) => {
                workers[index].ended = true;
                let status = workers[index]
                    .child
                    .wait()
                    .context("waiting for a worker")?;
                if let Some(seed) = workers[index].seed {
                    failed = Some(Failure {
                        seed,
                        invariant: "no crash".to_owned(),
                        detail: format!("the process ended: {status}"),
                    });
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(stuck) = workers
            .iter()
            .find(|worker| !worker.ended && worker.heard.elapsed() > PATIENCE)
        {
            failed = Some(Failure {
                seed: stuck.seed.unwrap_or(args.seed),
                invariant: "every call ends".to_owned(),
                detail: "nothing was heard of it for a minute".to_owned(),
            });
        }
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            println!("{}", progress(&stats, start.elapsed()));
        }
    }
    for worker in &mut workers {
        worker.stop();
    }

    println!("{}", progress(&stats, start.elapsed()));
    for (fault, count) in stats.faults() {
        println!("  {count:>12} {fault}");
    }
    let summary = Summary {
        first: args.seed,
        seconds: start.elapsed().as_secs_f64(),
        stats: &stats,
        faults: stats.faults(),
        failed: failed.clone(),
    };
    let file =
        File::create(&args.result).with_context(|| format!("writing {}", args.result.display()))?;
    serde_json::to_writer_pretty(file, &summary)?;
    let Some(failure) = failed else {
        return Ok(());
    };
    println!("\ntrace of seed {}:", failure.seed);
    print_trace(library, failure.seed)?;
    println!("replay: {} --replay {}", args.replay, failure.seed);
    bail!(
        "seed {}: {}: {}",
        failure.seed,
        failure.invariant,
        failure.detail
    )
}

fn progress(stats: &Stats, passed: Duration) -> String {
    let years = stats.virtual_ms as f64 / 1000.0 / 86_400.0 / 365.25;
    format!(
        "{} seeds, {:.0}/s; {years:.3} virtual years; {} HAL calls, {} connections, {} messages out, {} in, {} images, {} posts",
        stats.seeds,
        stats.seeds as f64 / passed.as_secs_f64(),
        stats.hal_calls,
        stats.connections,
        stats.published,
        stats.delivered,
        stats.images,
        stats.posted
    )
}

/// Runs a seed again, and prints the end of its trace.
fn print_trace(library: &Path, seed: u64) -> Result<()> {
    const LINES: usize = 70;

    let mut child = Command::new(env::current_exe().context("finding this program")?)
        .arg("--library")
        .arg(library)
        .args(["replay", "--seed", &seed.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting a replay")?;
    let output = child.stdout.take().context("a replay has output")?;
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(output).lines() {
        if last.len() == LINES {
            last.pop_front();
        }
        last.push_back(line.context("reading the trace")?);
    }
    child.wait().context("waiting for the replay")?;
    last.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// A process that runs seeds.
struct Worker {
    child: Child,
    seed: Option<u64>,
    heard: Instant,
    ended: bool,
}

impl Worker {
    fn start(
        library: &Path,
        args: &Args,
        index: u64,
        jobs: u64,
        sender: &Sender<Message>,
    ) -> Result<Self> {
        let mut child = Command::new(env::current_exe().context("finding this program")?)
            .arg("--library")
            .arg(library)
            .arg("work")
            .args(["--first", &(args.seed + index).to_string()])
            .args(["--seeds", &(args.seeds - index).to_string()])
            .args(["--stride", &jobs.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a worker")?;
        let output = child.stdout.take().context("a worker has output")?;
        let sender = sender.clone();
        let index = index as usize;
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(report) = serde_json::from_str(&line) else {
                    eprintln!("{line}");
                    continue;
                };
                if sender.send(Message::Report(index, report)).is_err() {
                    return; // nobody listens any more
                }
            }
            let _ = sender.send(Message::Ended(index));
        });
        Ok(Self {
            child,
            seed: None,
            heard: Instant::now(),
            ended: false,
        })
    }

    fn stop(&mut self) {
        if !self.ended {
            // It may have ended by itself meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
