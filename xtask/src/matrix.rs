//! `cargo xtask matrix`: `docs/compatibility.md`, each function of V2.10 and what became of it.
//!
//! The functions are those that the headers declare, the archive says which of them are there, and
//! `xtask/differences.toml` in which ways one that is there does something else than V2.10, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    archive,
    generated::{self, Generated, root},
    headers::{self, Source},
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing: fail if the committed table differs
    #[arg(long)]
    check: bool,
    /// The archive to look at, with every feature of V2.10; built if none is given
    #[arg(long)]
    lib: Option<PathBuf>,
}

/// The table, below the root.
pub(crate) const PATH: &str = "docs/compatibility.md";

pub(crate) fn run(args: &Args) -> Result<()> {
    let lib = match &args.lib {
        Some(lib) => lib.clone(),
        None => archive::build(&archive::ALL_FUNCTIONS)?,
    };
    let text = render(
        &declared()?,
        &archive::symbols(&lib)?,
        &Differences::read()?,
    )?;
    let files = [Generated {
        path: PATH.into(),
        text,
    }];
    if args.check {
        generated::check(&files, Path::new(PATH), "cargo xtask matrix")
    } else {
        generated::write(&files, Path::new(PATH))
    }
}

/// The functions that the committed table calls declared only.
pub(crate) fn declared_only() -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(root().join(PATH)).with_context(|| format!("reading {PATH}"))?;
    Ok(declared_only_in(&text))
}

fn declared_only_in(table: &str) -> BTreeSet<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split_once("` | "));
    let declared = cells.filter(|(_, rest)| rest.starts_with(DECLARED_ONLY));
    declared.map(|(name, _)| name.to_owned()).collect()
}

const DECLARED_ONLY: &str = "declared only";

/// The library's functions, header by header, in the headers' order.
struct Declared {
    header: String,
    functions: Vec<String>,
}

/// What the headers declare, but for `HAL_*`, which are the port's.
fn declared() -> Result<Vec<Declared>> {
    let mut declared = Vec::new();
    for header in headers::table()? {
        let Some(rust) = header.rust.filter(|rust| rust.starts_with("v2/")) else {
            continue;
        };
        let source = Source::parse(&headers::read_rust(&rust)?).context(rust)?;
        if !source.functions.is_empty() {
            declared.push(Declared {
                header: header.path,
                functions: source.functions,
            });
        }
    }
    Ok(declared)
}

/// `differences.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    /// What holds for the library as a whole.
    general: Vec<String>,
    /// What concerns single functions.
    difference: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    functions: Vec<String>,
    /// What is different and why, in a sentence or two.
    text: String,
}

impl Differences {
    fn read() -> Result<Self> {
        let path = root().join("xtask/differences.toml");
        let text = fs::read_to_string(path).context("reading xtask/differences.toml")?;
        toml::from_str(&text).context("xtask/differences.toml")
    }

    /// The texts for each function.
    fn by_function(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut texts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for difference in &self.difference {
            for function in &difference.functions {
                texts
                    .entry(&**function)
                    .or_default()
                    .push(difference.text.trim());
            }
        }
        texts
    }
}

fn render(
    declared: &[Declared],
    symbols: &BTreeSet<String>,
    differences: &Differences,
) -> Result<String> {
    let mut texts = differences.by_function();
    let (mut all, mut there, mut tables) = (0, 0, String::new());
    for Declared { header, functions } in declared {
        tables += &format!(
            "\n## {header}\n\n| Function | State | Different from V2.10 |\n|---|---|---|\n"
        );
        for function in functions {
            let (state, text) = match (symbols.contains(function), texts.remove(&**function)) {
                // What differences.toml says of it is for later.
                (false, _) => (DECLARED_ONLY, String::new()),
                (true, None) => ("implemented", String::new()),
                (true, Some(texts)) => ("different", texts.join(" ")),
            };
            all += 1;
            there += usize::from(state != DECLARED_ONLY);
            tables += &format!("| `{function}` | {state} | {text} |\n");
        }
    }
    let strangers: Vec<_> = texts.into_keys().collect();
    ensure!(
        strangers.is_empty(),
        "differences.toml: no header declares {}",
        strangers.join(", ")
    );

    let general: String = differences
        .general
        .iter()
        .map(|text| format!("- {}\n", text.trim().replace('\n', "\n  ")))
        .collect();
    Ok(format!(
        "{INTRODUCTION}\n{there} of {all} functions are there.\n\n## Everywhere\n\n{general}{tables}"
    ))
}

const INTRODUCTION: &str = "\
<!-- Generated by `cargo xtask matrix` from the headers, the archive and xtask/differences.toml. -->

# Compatibility with V2.10

Every header of V2.10 is there under its name, with the same prototypes, layouts and values on 64-bit hosts, 32-bit Arm
Linux and bare-metal Arm (`cargo xtask abi`). This table says what is behind them:

- **implemented**: does what V2.10 does.
- **different**: does what V2.10 does, but for what the last column says. An application that relied on V2.10's documented
  behaviour does not notice; it stops crashing, hanging or losing data.
- **declared only**: the header declares it, the archive does not define it. A program that needs it does not link; one
  that does not never notices.

The `HAL_*` functions are the application's, as ever: their prototypes are V2.10's, and the headers say what the library
expects of them.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn table(symbols: &[&str], differences: &str) -> Result<String> {
        let declared = [Declared {
            header: "sample.h".to_owned(),
            functions: vec!["first".to_owned(), "second".to_owned()],
        }];
        let symbols = symbols.iter().map(|name| (*name).to_owned()).collect();
        let differences = toml::from_str(differences).expect("differences");
        let text = render(&declared, &symbols, &differences)?;
        let (_, table) = text.split_once("## sample.h\n").expect("a table");
        Ok(table.to_owned())
    }

    const DIFFERENCES: &str = "
        general = []
        [[difference]]
        functions = [\"first\", \"second\"]
        text = \"Never waits.\"
        [[difference]]
        functions = [\"first\"]
        text = \"Copies its argument.\"";

    #[test]
    fn a_function_is_implemented_different_or_declared_only() {
        let head = "\n| Function | State | Different from V2.10 |\n|---|---|---|\n";
        assert_eq!(
            table(&["first"], "general = []\ndifference = []").expect("a table"),
            head.to_owned() + "| `first` | implemented |  |\n| `second` | declared only |  |\n"
        );
        assert_eq!(
            table(&["first", "other"], DIFFERENCES).expect("a table"),
            head.to_owned()
                + "| `first` | different | Never waits. Copies its argument. |\n\
                   | `second` | declared only |  |\n"
        );
    }

    #[test]
    fn a_difference_of_a_function_that_no_header_declares_is_refused() {
        let misspelt = DIFFERENCES.replace("second", "secund");
        let error = table(&["first"], &misspelt).expect_err("a stranger");
        assert!(error.to_string().contains("secund"), "{error}");
    }

    #[test]
    fn what_is_declared_only_can_be_read_back() {
        let text = "| `a` | implemented |  |\n| `b` | declared only |  |\n| `c` | different | declared only |\n";
        assert_eq!(declared_only_in(text), BTreeSet::from(["b".to_owned()]));
    }
}
