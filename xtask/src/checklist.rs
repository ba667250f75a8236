//! `cargo xtask checklist`: whether each edge case of tests/checklist.md has its tests, and whether the tests that
//! docs/security.md refers to are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::generated::root;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show every item with its tests
    #[arg(long)]
    list: bool,
}

/// Where Rust tests lie that may name an item.
const TESTS: [&str; 5] = ["tests", "capi/tests", "cloud/tests", "src", "xtask/tests"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let text = read(Path::new("tests/checklist.md"))?;
    let items = parse(&text)?;
    let mut wrong = Vec::new();
    for item in &items {
        for test in &item.tests {
            if let Err(error) = test.look_up() {
                wrong.push(format!("{}: {test}: {error}", item.id));
            }
        }
    }
    wrong.extend(unlisted(&items)?);
    wrong.extend(missing_below_claims(Path::new("docs/security.md"))?);

    for item in &items {
        match &item.open {
            Some(reason) => println!("open: {} {} ({reason})", item.id, item.text),
            None if args.list => println!("{} {}", item.id, item.text),
            None => {}
        }
        if args.list {
            item.tests.iter().for_each(|test| println!("  {test}"));
        }
    }
    let open = items.iter().filter(|item| item.open.is_some()).count();
    let tests: BTreeSet<_> = items.iter().flat_map(|item| &item.tests).collect();
    println!(
        "{} items: {} covered by {} tests, {open} open",
        items.len(),
        items.len() - open,
        tests.len()
    );
    wrong.iter().for_each(|wrong| eprintln!("{wrong}"));
    ensure!(wrong.is_empty(), "not all tests are as they are listed");
    Ok(())
}

/// An edge case.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    id: Id,
    text: String,
    tests: Vec<Test>,
    /// Why it has no test yet.
    open: Option<String>,
}

/// `mqtt-15.7`: which list it is of, and its number there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    list: String,
    number: u32,
}

impl Id {
    fn parse(text: &str) -> Option<Self> {
        let (list, number) = text.rsplit_once('.')?;
        let (name, section) = list.rsplit_once('-')?;
        let is_list = name.bytes().all(|byte| byte.is_ascii_lowercase())
            && !name.is_empty()
            && section.parse::<u32>().is_ok();
        Some(Self {
            list: list.to_owned(),
            number: number.parse().ok()?,
        })
        .filter(|_| is_list)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.list, self.number)
    }
}

/// A test: a function in a file, or a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    file: PathBuf,
    function: Option<String>,
}

impl Test {
    fn parse(text: &str) -> Self {
        match text.split_once("::") {
            Some((file, function)) => Self {
                file: file.into(),
                function: Some(function.to_owned()),
            },
            None => Self {
                file: text.into(),
                function: None,
            },
        }
    }

    fn look_up(&self) -> Result<()> {
        let text = read(&self.file)?;
        let is_rust_test = self
            .file
            .extension()
            .is_some_and(|extension| extension == "rs");
        match &self.function {
            Some(function) if is_rust_test => ensure!(
                rust_tests(&text).any(|test| test.name == *function),
                "there is no such test"
            ),
            // The frame of the ports' tests.
            Some(function) => ensure!(text.contains(&format!("RUN({function});")), "it is not run"),
            None => {}
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match &self.function {
            Some(function) => write!(f, "::{function}"),
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let at = || format!("tests/checklist.md:{number}: {line}");
        if let Some(item) = line.strip_prefix("- **") {
            let (id, text) = item.split_once("** ").with_context(at)?;
            let id = Id::parse(id).with_context(at)?;
            let last = items.iter().rev().find(|item| item.id.list == id.list);
            ensure!(
                id.number == last.map_or(0, |item| item.id.number) + 1,
                "{}: not the next number",
                at()
            );
            items.push(Item {
                id,
                text: text.to_owned(),
                tests: Vec::new(),
                open: None,
            });
        } else if let Some(entry) = line.strip_prefix("  - ") {
            let item = items.last_mut().with_context(at)?;
            match entry.strip_prefix("open: ") {
                Some(reason) => item.open = Some(reason.to_owned()),
                None => item.tests.push(Test::parse(entry)),
            }
        }
    }
    ensure!(!items.is_empty(), "tests/checklist.md has no items");
    for Item {
        id, tests, open, ..
    } in &items
    {
        match (tests.is_empty(), open) {
            (true, None) => bail!("{id} has no test, and no reason why"),
            (false, Some(_)) => bail!("{id} has tests: it is not open"),
            _ => {}
        }
    }
    Ok(items)
}

/// What is not there of the tests that a document names below what it claims.
fn missing_below_claims(document: &Path) -> Result<Vec<String>> {
    let text = read(document)?;
    let named = text.lines().filter_map(|line| line.strip_prefix("  - "));
    let tests: Vec<_> = named.map(Test::parse).collect();
    ensure!(!tests.is_empty(), "{} names no test", document.display());
    Ok(tests
        .iter()
        .filter_map(|test| {
            let error = test.look_up().err()?;
            Some(format!("{}: {test}: {error}", document.display()))
        })
        .collect())
}

/// Tests whose comments name items that do not list them.
fn unlisted(items: &[Item]) -> Result<Vec<String>> {
    let listed: BTreeMap<_, _> = items.iter().map(|item| (&item.id, &item.tests)).collect();
    let mut wrong = Vec::new();
    for file in TESTS.iter().map(|folder| rust_files(Path::new(folder))) {
        for file in file? {
            let text = read(&file)?;
            for test in rust_tests(&text) {
                let named = Test {
                    file: file.clone(),
                    function: Some(test.name.to_owned()),
                };
                for id in test.items {
                    if !listed.get(&id).is_some_and(|tests| tests.contains(&named)) {
                        wrong.push(format!("{named} names {id}, which does not list it"));
                    }
                }
            }
        }
    }
    Ok(wrong)
}

/// A test function, and the items that its comment names.
struct RustTest<'a> {
    name: &'a str,
    items: Vec<Id>,
}

/// The test functions of a file: each has `#[test]` in front of it, and its comment in front of that.
fn rust_tests(text: &str) -> impl Iterator<Item = RustTest<'_>> {
    let mut comment = Vec::new();
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("///") {
            let words = text.split(|c: char| c.is_whitespace() || ",;:".contains(c));
            comment.extend(words.filter_map(|word| Id::parse(word.trim_end_matches('.'))));
        } else if line == "#[test]" {
            is_test = true;
        } else if !line.starts_with("#[") {
            let items = std::mem::take(&mut comment);
            if std::mem::take(&mut is_test) {
                let name = line.strip_prefix("fn ")?.split('(').next()?;
                return Some(RustTest { name, items });
            }
        }
        None
    })
}

/// The Rust files below a folder of the checkout, as paths below its root.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let full = root().join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("reading {}", full.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_tests_or_a_reason() {
        let items = parse(
            "# Title\n\n- **mqtt-15.1** One, and another\n  - tests/a.rs::b\n  - tests/c.c\n\
             - **mqtt-15.2** Two\n  - open: comes later\n- **hal-19.1** Three\n  - tests/d.rs::e\n",
        )
        .expect("a good list");
        assert_eq!(items.len(), 3);
        assert_eq!(items[0].id.to_string(), "mqtt-15.1");
        assert_eq!(items[0].text, "One, and another");
        let tests: Vec<_> = items[0].tests.iter().map(Test::to_string).collect();
        assert_eq!(tests, ["tests/a.rs::b", "tests/c.c"]);
        assert_eq!(items[1].open.as_deref(), Some("comes later"));
    }

    #[test]
    fn bad_lists_are_refused() {
        for text in [
            "",
            "- **mqtt-15.1** No test\n",
            "- **mqtt-15.1** Both\n  - tests/a.rs::b\n  - open: why\n",
            "- **mqtt-15.2** Not the first\n  - open: why\n",
            "- **mqtt-15.1** One\n  - open: why\n- **mqtt-15.3** Not the next\n  - open: why\n",
            "- **mqtt** No number\n  - open: why\n",
            "  - tests/a.rs::of_no_item\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_test_is_found_with_the_items_that_it_names() {
        let text = "
            /// mqtt-15.7, hal-19.11: something. mqtt-15.8.
            #[test]
            #[cfg(unix)]
            fn a_test() {}

            /// mqtt-15.9: no test.
            fn a_helper() {}

            proptest! {
                #[test]
                fn with_arguments(a in any::<u8>()) {}
            }";
        let tests: Vec<_> = rust_tests(text).collect();
        assert_eq!(tests.len(), 2);
        assert_eq!(tests[0].name, "a_test");
        let items: Vec<_> = tests[0].items.iter().map(Id::to_string).collect();
        assert_eq!(items, ["mqtt-15.7", "hal-19.11", "mqtt-15.8"]);
        assert_eq!((tests[1].name, tests[1].items.len()), ("with_arguments", 0));
    }
}
