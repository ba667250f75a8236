//! `cargo xtask mutants`: whether the tests notice that the engine is broken.
//!
//! tests/mutations.toml says how it is broken, and which test notices. All happens in a copy of the engine's package,
//! below the target folder.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::generated::root;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Break only what this test notices, or this item of tests/checklist.md is about
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Deserialize)]
struct Mutations {
    mutation: Vec<Mutation>,
}

/// A way to break the engine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    /// The item of tests/checklist.md that it is about.
    item: String,
    /// What is wrong then.
    what: String,
    file: PathBuf,
    from: String,
    to: String,
    /// The test in tests/engine that notices.
    test: String,
}

impl Mutation {
    fn is_about(&self, text: &str) -> bool {
        self.item == text || self.test.contains(text)
    }

    /// The file, broken.
    fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.from).count();
        ensure!(
            found == 1,
            "{}: {found} times in {}, not once",
            self.from.trim(),
            self.file.display()
        );
        Ok(text.replace(&self.from, &self.to))
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let table = root().join("tests/mutations.toml");
    let table = fs::read_to_string(&table).context("reading tests/mutations.toml")?;
    let Mutations { mut mutation } = toml::from_str(&table).context("tests/mutations.toml")?;
    if let Some(text) = &args.only {
        mutation.retain(|mutation| mutation.is_about(text));
    }
    ensure!(!mutation.is_empty(), "no mutation is about that");

    let copy = Copy::new()?;
    let mut outdated = 0;
    for mutation in &mutation {
        if let Err(error) = copy.broken(mutation) {
            eprintln!("{error}");
            outdated += 1;
        }
    }
    ensure!(outdated == 0, "{outdated} mutations do not apply any more");
    let tests: Vec<_> = mutation.iter().map(|mutation| &*mutation.test).collect();
    let output = copy.test(&tests)?;
    ensure!(
        output.status.success(),
        "the engine fails without being broken:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );

    let mut caught = 0;
    for mutation in &mutation {
        let noticed = copy.notices(mutation)?;
        caught += usize::from(noticed);
        let mark = if noticed { "caught" } else { "MISSED" };
        println!(
            "{mark}  {}: {} ({})",
            mutation.item, mutation.what, mutation.test
        );
    }
    let items: BTreeSet<_> = mutation.iter().map(|mutation| &mutation.item).collect();
    println!(
        "{caught} of {} mutations caught, about {} items of tests/checklist.md",
        mutation.len(),
        items.len()
    );
    ensure!(caught == mutation.len(), "not every mutation is caught");
    Ok(())
}

/// A copy of the engine's package, a workspace of its own.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn new() -> Result<Self> {
        let folder = target().join("mutants/package");
        if folder.exists() {
            fs::remove_dir_all(&folder).context("removing the last copy")?;
        }
        for part in ["src", "tests/engine"] {
            copy_folder(&root().join(part), &folder.join(part))?;
        }
        let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
        fs::write(folder.join("Cargo.toml"), alone(&manifest)?)?;
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self { folder })
    }

    /// What a mutation makes of its file.
    fn broken(&self, mutation: &Mutation) -> Result<String> {
        let text = fs::read_to_string(self.folder.join(&mutation.file))
            .with_context(|| format!("reading {}", mutation.file.display()))?;
        mutation.apply(&text)
    }

    /// Whether the test fails when the engine is broken.
    fn notices(&self, mutation: &Mutation) -> Result<bool> {
        let file = self.folder.join(&mutation.file);
        let good = fs::read_to_string(&file)?;
        fs::write(&file, self.broken(mutation)?)?;
        let built = self.cargo(&["--no-run"])?;
        if !built.status.success() {
            bail!(
                "{}: does not compile:\n{}",
                mutation.what,
                String::from_utf8_lossy(&built.stderr)
            );
        }
        let output = self.test(&[&mutation.test])?;
        fs::write(&file, good)?;
        Ok(!output.status.success())
    }

    /// Runs these tests; each must exist.
    fn test(&self, names: &[&str]) -> Result<Output> {
        let mut unique = names.to_vec();
        unique.sort_unstable();
        unique.dedup();
        let output = self.cargo(&[&["--", "--exact"], &unique[..]].concat())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let wanted = format!("running {} test", unique.len());
        ensure!(
            said.contains(&wanted),
            "not all of {unique:?} exist:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output)
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Output> {
        Command::new(env!("CARGO"))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target().join("mutants/target"))
            .args(["test", "--quiet", "--offline", "--test", "engine"])
            .args(arguments)
            .output()
            .context("starting cargo")
    }
}

/// The manifest of a workspace that has no other members.
fn alone(manifest: &str) -> Result<String> {
    let mut manifest: toml::Table = manifest.parse().context("Cargo.toml")?;
    let workspace = manifest
        .get_mut("workspace")
        .and_then(toml::Value::as_table_mut)
        .context("Cargo.toml has no workspace")?;
    for members in ["members", "default-members"] {
        workspace.insert(members.to_owned(), vec![".".to_owned()].into());
    }
    Ok(manifest.to_string())
}

/// Where cargo builds to.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Copies all files of a folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to).with_context(|| format!("writing {}", to.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutation(from: &str, to: &str) -> Mutation {
        Mutation {
            item: "mqtt-15.1".to_owned(),
            what: "nothing".to_owned(),
            file: "src/lib.rs".into(),
            from: from.to_owned(),
            to: to.to_owned(),
            test: "module::test".to_owned(),
        }
    }

    #[test]
    fn what_is_replaced_must_be_there_once() {
        let broken = mutation("b", "x").apply("a b c").expect("it is there");
        assert_eq!(broken, "a x c");
        assert!(mutation("d", "x").apply("a b c").is_err());
        assert!(mutation("b", "x").apply("a b b").is_err());
    }

    #[test]
    fn a_copy_has_no_other_members() {
        let manifest = "[workspace]\nmembers = [\".\", \"capi\"]\n[package]\nname = \"a\"\n";
        let manifest: toml::Table = alone(manifest).expect("a manifest").parse().expect("TOML");
        assert_eq!(
            manifest["workspace"]["members"].as_array().map(Vec::len),
            Some(1)
        );
        assert_eq!(manifest["package"]["name"].as_str(), Some("a"));
    }
}
