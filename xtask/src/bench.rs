//! `cargo xtask bench`: what the archive costs, held to `bench/budgets.toml`.
//!
//! Instructions are counted by callgrind and heap by the benches' own HAL (`bench/scripts/run_all.py`), static RAM from
//! the linker's map (`bench/size/map_size.py`). The table is `docs/speed.md`. Its measured figures vary with the
//! compiler, so a check holds those that are measured and those that are stated to the budgets, and the rest of the
//! document to `bench/budgets.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    archive,
    generated::{self, Generated, root},
    headers,
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing: fail if a budget is exceeded or the committed table states other budgets
    #[arg(long)]
    check: bool,
    /// Measure this archive, the original's for example, and only print the table; built if none is given
    #[arg(long, conflicts_with = "check")]
    lib: Option<PathBuf>,
}

/// The table, below the root.
const PATH: &str = "docs/speed.md";

/// The benches of what the library has.
const BENCHES: &str = "bench_connect bench_pub bench_recv bench_ota bench_idle";

/// The name of the library in the results of `run_all.py`.
const NAME: &str = "sdk";

pub(crate) fn run(args: &Args) -> Result<()> {
    tools_are_there()?;
    let budgets = Budgets::read()?;
    let lib = match &args.lib {
        Some(lib) => lib
            .canonicalize()
            .with_context(|| lib.display().to_string())?,
        None => archive::build(&["--release"])?,
    };
    let measured = budgets.measure(&lib)?;
    print!("{}", budgets.table(&measured));

    let missed = budgets.missed(&measured);
    for budget in &missed {
        let known = if budget.is_held(measured.get(&budget.what).copied()) {
            ", which is known"
        } else {
            ""
        };
        eprintln!("over budget{known}: {}", budget.what);
    }
    if !missed.is_empty() {
        eprintln!(
            "callgrind_annotate {}/cg.{NAME}.CASE shows where the instructions go",
            folder()?.join("work").display()
        );
    }

    let document = |figures: &Figures| {
        [Generated {
            path: PATH.into(),
            text: budgets.document(figures),
        }]
    };
    if args.check {
        let exceeded = budgets.exceeded(&measured);
        ensure!(
            exceeded.is_empty(),
            "{} of {} budgets are exceeded",
            exceeded.len(),
            budgets.budget.len()
        );
        let committed = fs::read_to_string(root().join(PATH)).unwrap_or_default();
        let stated = budgets.figures_in(&committed);
        generated::check(&document(&stated), Path::new(PATH), "cargo xtask bench")?;
        if let [budget, ..] = budgets.exceeded(&stated)[..] {
            bail!("{PATH} is outdated, by its figure of: {}", budget.what);
        }
    } else if args.lib.is_none() {
        generated::write(&document(&measured), Path::new(PATH))?;
    }
    Ok(())
}

/// Figures by what was measured.
type Figures = BTreeMap<String, f64>;

/// `budgets.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    budget: Vec<Budget>,
}

#[derive(Deserialize)]
struct Budget {
    /// What is measured, in words.
    what: String,
    /// What is measured, as SECTION.CASE.FIGURE; added up.
    figures: Vec<String>,
    unit: String,
    #[serde(flatten)]
    limit: Limit,
    /// For a budget that is known to be missed: what the check holds the figure to meanwhile.
    until_then: Option<f64>,
    /// The figure of V2.10.
    original: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Budgets {
    fn read() -> Result<Self> {
        let path = root().join("bench/budgets.toml");
        let text = fs::read_to_string(path).context("reading bench/budgets.toml")?;
        toml::from_str(&text).context("bench/budgets.toml")
    }

    /// Builds the benches with the archive, and runs the cases that the budgets name.
    fn measure(&self, lib: &Path) -> Result<Figures> {
        let folder = folder()?;
        let bin = folder.join("bin");
        let map = bin.join("static.map");
        make(lib, &bin, &["all"])?;
        make(lib, &bin, &[&map.display().to_string()])?;

        let mut results = self.run_cases(&folder, &bin)?;
        results["static"] = json!({ NAME: { "mqtt": static_ram(lib, &map)? } });
        self.budget
            .iter()
            .map(|budget| Ok((budget.what.clone(), budget.figure(&results)?)))
            .collect()
    }

    /// What `run_all.py` finds.
    fn run_cases(&self, folder: &Path, bin: &Path) -> Result<Value> {
        let figures = self.budget.iter().flat_map(|budget| &budget.figures);
        let cases: BTreeSet<_> = figures
            .filter_map(|figure| figure.split('.').nth(1))
            .collect();
        let cases: Vec<_> = cases.into_iter().collect();
        let out = folder.join("results.json");
        if out.exists() {
            // run_all.py adds to what is there.
            fs::remove_file(&out).with_context(|| format!("removing {}", out.display()))?;
        }
        let mut command = Command::new("python3");
        command
            .current_dir(root())
            .args(["bench/scripts/run_all.py", "--no-time"])
            .args(["--only", &cases.join(",")])
            .args(["--lib", &format!("{NAME}={}", bin.display())])
            .arg("--work")
            .arg(folder.join("work"))
            .arg("--out")
            .arg(&out);
        let status = command.status().context("starting python3")?;
        ensure!(status.success(), "run_all.py failed");
        let text =
            fs::read_to_string(&out).with_context(|| format!("reading {}", out.display()))?;
        serde_json::from_str(&text).with_context(|| out.display().to_string())
    }

    fn missed(&self, figures: &Figures) -> Vec<&Budget> {
        let budgets = self.budget.iter();
        budgets
            .filter(|budget| !budget.is_met(figures.get(&budget.what).copied()))
            .collect()
    }

    /// The budgets that are missed, but for those of which that is known.
    fn exceeded(&self, figures: &Figures) -> Vec<&Budget> {
        let budgets = self.budget.iter();
        budgets
            .filter(|budget| !budget.is_held(figures.get(&budget.what).copied()))
            .collect()
    }

    fn table(&self, figures: &Figures) -> String {
        let mut table = String::from("| What | Measured | Budget | V2.10 |\n|---|--:|--:|--:|\n");
        for budget in &self.budget {
            let figure = figures.get(&budget.what);
            let measured = figure.map_or_else(|| String::from("?"), |&figure| number(figure));
            let missed = match budget.is_met(figure.copied()) {
                true => "",
                false => "; missed",
            };
            let (word, limit) = match budget.limit {
                Limit::AtMost(limit) => ("at most", limit),
                Limit::AtLeast(limit) => ("at least", limit),
            };
            writeln!(
                table,
                "| {} | {measured} | {word} {} {}{missed} | {} |",
                budget.what,
                number(limit),
                budget.unit,
                number(budget.original)
            )
            .expect("a String takes everything");
        }
        table
    }

    fn document(&self, figures: &Figures) -> String {
        format!("{HEAD}\n{}{TAIL}", self.table(figures))
    }

    /// The measured figures that a document states.
    fn figures_in(&self, document: &str) -> Figures {
        let rows = document
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        rows.filter_map(|(what, rest)| {
            let (figure, _) = rest.split_once(" | ")?;
            Some((what.to_owned(), figure.replace(',', "").parse().ok()?))
        })
        .collect()
    }
}

impl Budget {
    /// The sum of the figures.
    fn figure(&self, results: &Value) -> Result<f64> {
        self.figures
            .iter()
            .map(|name| {
                let [section, case, figure] = name.split('.').collect::<Vec<_>>()[..] else {
                    bail!("bench/budgets.toml: {name} is not SECTION.CASE.FIGURE");
                };
                let result = &results[section][NAME][case];
                result[figure]
                    .as_f64()
                    .with_context(|| format!("{name} was not measured: {result}"))
            })
            .sum()
    }

    fn is_met(&self, figure: Option<f64>) -> bool {
        figure.is_some_and(|figure| match self.limit {
            Limit::AtMost(limit) => figure <= limit,
            Limit::AtLeast(limit) => figure >= limit,
        })
    }

    /// Whether it is met, or missed by no more than is known.
    fn is_held(&self, figure: Option<f64>) -> bool {
        let known = figure.zip(self.until_then);
        let within = known.is_some_and(|(figure, held)| match self.limit {
            Limit::AtMost(_) => figure <= held,
            Limit::AtLeast(_) => figure >= held,
        });
        self.is_met(figure) || within
    }
}

/// Nothing is left out because a tool is missing.
fn tools_are_there() -> Result<()> {
    for (tool, package) in [
        ("gcc", "gcc"),
        ("make", "make"),
        ("openssl", "openssl"),
        ("python3", "python3"),
        ("valgrind", "valgrind"),
    ] {
        let found = Command::new(tool).arg("--help").output().is_ok();
        ensure!(
            found,
            "{tool}: not found. On Debian: apt-get install {package}"
        );
    }
    Ok(())
}

/// Where the benches are built and leave their results.
fn folder() -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = root().join(target).join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    folder
        .canonicalize()
        .with_context(|| folder.display().to_string())
}

fn make(lib: &Path, bin: &Path, goals: &[&str]) -> Result<()> {
    let include = root().join(headers::FOLDER).canonicalize();
    let include = include.with_context(|| format!("no {}", headers::FOLDER))?;
    let status = Command::new("make")
        .args(["--silent", "--directory"])
        .arg(root().join("bench"))
        .arg(format!("OUT={}", bin.display()))
        .arg(format!("BENCHES={BENCHES}"))
        .arg(format!("IOTKIT_INCLUDE={}", include.display()))
        .arg(format!("IOTKIT_LIBS={}", lib.display()))
        .args(goals)
        .status()
        .context("starting make")?;
    ensure!(
        status.success(),
        "the benches do not build; they need libmbedtls-dev and valgrind's headers"
    );
    Ok(())
}

/// What `map_size.py` reads from the map.
fn static_ram(lib: &Path, map: &Path) -> Result<Value> {
    let output = Command::new("python3")
        .current_dir(root())
        .arg("bench/size/map_size.py")
        .arg(map)
        .arg(lib)
        .args(["--ram", "--beside", "conn_info"])
        .output()
        .context("starting python3")?;
    ensure!(
        output.status.success(),
        "map_size.py: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("map_size.py wrote no JSON")
}

/// With commas between thousands, and no more decimals than say something.
fn number(value: f64) -> String {
    if value.fract() != 0.0 && value.abs() < 10.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const HEAD: &str = "\
# What it costs

Generated by `cargo xtask bench` from a measurement and `bench/budgets.toml`; `cargo xtask bench --check` fails when a
budget is exceeded by more than is known. The last column is the same figure of the original C SDK, iotkit-embedded V2.10,
with `-O2`.
";

const TAIL: &str = "
- **Setting.** x86-64, the `release` profile (`libiot_sdk.a` with its default features), C programs of `bench/` linked
  with it at `-O2`, over plain TCP to a peer on loopback. Figures per message, connection or second.
- **Instructions** are callgrind's: the difference between a short and a long run, divided by the messages in between.
  The library's share is everything outside `HAL_TCP_*`, `HAL_SleepMs` and the bench program itself, so what it calls
  of libc, mutexes, the clock and `HAL_Malloc` is its own. They repeat to within 1 %, and differ a little from one
  compiler to the next.
- **Heap** is what was asked for, through `HAL_Malloc` or past it, and counts the mutexes of the HAL (40 bytes each).
- **Static RAM** is what the linker keeps of the archive's `.data` and `.bss` in a program that uses MQTT alone
  (`--gc-sections`). The connection info, a record whose layout the interface prescribes, is not counted.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets() -> Budgets {
        let text = r#"
            [[budget]]
            what = "publish"
            figures = ["callgrind.pub.ir"]
            unit = "instructions"
            at_most = 1600
            original = 4857

            [[budget]]
            what = "granted"
            figures = ["heap.a.granted", "heap.b.granted"]
            unit = "subscriptions"
            at_least = 50
            original = 30
        "#;
        toml::from_str(text).expect("it is TOML")
    }

    fn figures(publish: f64, granted: f64) -> Figures {
        [("publish".into(), publish), ("granted".into(), granted)].into()
    }

    #[test]
    fn a_budget_is_missed_on_its_own_side() {
        let missed = |publish, granted| budgets().missed(&figures(publish, granted)).len();
        assert_eq!(missed(1600.0, 50.0), 0);
        assert_eq!(missed(1600.5, 50.0), 1);
        assert_eq!(missed(1600.0, 49.0), 1);
        assert_eq!(
            budgets().missed(&Figures::new()).len(),
            2,
            "not measured is not met"
        );
    }

    #[test]
    fn a_shortfall_that_is_known_is_held_to_its_own_figure() {
        let mut budgets = budgets();
        budgets.budget[0].until_then = Some(1700.0);
        let counts = |publish| {
            let figures = figures(publish, 50.0);
            (
                budgets.missed(&figures).len(),
                budgets.exceeded(&figures).len(),
            )
        };
        assert_eq!(counts(1600.0), (0, 0));
        assert_eq!(counts(1700.0), (1, 0));
        assert_eq!(counts(1700.5), (1, 1));
    }

    #[test]
    fn figures_are_added_up_and_none_may_be_missing() {
        let results =
            json!({ "heap": { NAME: { "a": { "granted": 20 }, "b": { "granted": 30 } } } });
        let [publish, granted] = &budgets().budget[..] else {
            panic!("there are two")
        };
        assert_eq!(granted.figure(&results).expect("both are there"), 50.0);
        assert!(publish.figure(&results).is_err());
    }

    #[test]
    fn a_document_states_the_figures_it_was_made_of() {
        let figures = figures(12345.0, 0.25);
        let document = budgets().document(&figures);
        assert!(
            document
                .contains("| publish | 12,345 | at most 1,600 instructions; missed | 4,857 |\n")
        );
        assert_eq!(budgets().figures_in(&document), figures);
    }

    #[test]
    fn the_committed_budgets_can_be_read() {
        let budgets = Budgets::read().expect("bench/budgets.toml is right");
        let names: BTreeSet<_> = budgets.budget.iter().map(|budget| &budget.what).collect();
        assert_eq!(
            names.len(),
            budgets.budget.len(),
            "the names tell them apart"
        );
    }
}
