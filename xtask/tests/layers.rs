//! Which module of the engine may name which, and which package which: an arrow that points up does not build.
//!
//! The picture is that of docs/architecture.md: capi -> client -> protocol -> wire, with what everybody needs beside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::Value;

/// The modules of `src/`, each with those that it may name besides itself.
const MODULES: &[(&str, &[&str])] = &[
    // Beside the layers.
    ("text", &[]),
    ("time", &[]),
    ("log", &["text"]),
    ("hal", &["log", "time"]),
    // Bytes and values, without state.
    ("wire", &["text"]),
    // What is signed and how.
    ("auth", &["text", "wire"]),
    // Protocol state: no I/O, no clock, no lock.
    ("mqtt", &["log", "text", "time", "wire"]),
    ("http", &["wire"]),
    // What the platform offers on top of a protocol: no I/O either.
    (
        "services",
        &["auth", "http", "mqtt", "text", "time", "wire"],
    ),
    // The only code that waits or locks.
    (
        "client",
        &[
            "auth", "hal", "http", "log", "mqtt", "services", "text", "time", "wire",
        ],
    ),
];

/// The packages, each with those of the workspace that it may depend on, tests included.
const PACKAGES: &[(&str, &[&str])] = &[
    ("iotkit", &[]),
    ("iotkit-port-rustls", &[]),
    ("iotkit-capi", &["iotkit", "iotkit-port-rustls"]),
    // The peer of the device in tests shares nothing with it.
    ("iotkit-cloud", &[]),
    ("iotkit-c-tests", &["iotkit-cloud"]),
    ("iotkit-baremetal-tests", &["iotkit-cloud"]),
    // Loads the archive as a firmware links it: names none of its crates.
    ("iotkit-sim", &[]),
    ("xtask", &["iotkit-cloud"]),
];

#[test]
fn each_module_names_only_what_is_below_it() {
    let allowed: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let mut wrong = Vec::new();
    let src = root().join("src");
    let files = rust_files(&src);
    assert!(
        files.len() > MODULES.len(),
        "{}: too few files",
        src.display()
    );
    for file in files {
        let place = file
            .strip_prefix(&src)
            .expect("below src")
            .with_extension("");
        let mut module: Vec<_> = place
            .iter()
            .map(|part| part.to_str().expect("UTF-8"))
            .collect();
        if module == ["lib"] {
            continue;
        }
        if module.last() == Some(&"mod") {
            module.pop();
        }
        let Some(may_name) = allowed.get(module[0]) else {
            panic!("src/{}: say in MODULES what it may name", module[0]);
        };
        let text = fs::read_to_string(&file).expect("a readable file");
        for name in modules_named(&text, module.len()) {
            // Names that are no modules: macros and re-exports of lib.rs.
            let known = allowed.contains_key(&*name);
            if known && name != module[0] && !may_name.contains(&&*name) {
                wrong.push(format!("{} names {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_package_depends_only_on_what_is_below_it() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    let allowed: BTreeMap<_, _> = PACKAGES.iter().copied().collect();
    for package in packages {
        let may_need = allowed.get(&*name(package)).unwrap_or_else(|| {
            panic!("{}: say in PACKAGES what it may depend on", name(package));
        });
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        for dependency in dependencies
            .iter()
            .map(name)
            .filter(|name| ours.contains(name))
        {
            assert!(
                may_need.contains(&&*dependency),
                "{} depends on {dependency}",
                name(package)
            );
        }
    }
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let text = "
        //! crate::comment
        use crate::{a::B, c, self as whole};
        use super::beside;
        use super::{super::{d::E, f::{G, H}}, also_beside};
        use super::super::i;
        const X: &str = \"crate::text\";
        fn f() -> crate::j::K { some_macro!(crate::l::M) }
        mod inner {
            use super::super::beside;
            use super::super::super::n::O;
        }";
    let named = modules_named(text, 2);
    let named: Vec<_> = named.iter().map(String::as_str).collect();
    assert_eq!(named, ["a", "c", "d", "f", "i", "j", "l", "n"]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    assert!(
        !files.is_empty(),
        "{}: nothing to look at",
        folder.display()
    );
    files
}

/// The top-level modules that the text of a module names by `crate::` or `super::`, in macros too. `depth` is how deep
/// below the crate the module is.
fn modules_named(text: &str, depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let tokens: TokenStream = text.parse().expect("Rust");
    look(tokens, depth, &mut names);
    names
}

fn look(tokens: TokenStream, depth: usize, names: &mut BTreeSet<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    };
    let mut at = 0;
    while at < tokens.len() {
        match (&tokens[at], word(at).as_deref()) {
            (_, Some("crate")) => behind(&tokens[at + 1..], 0, names),
            (_, Some("super")) => {
                behind(&tokens[at + 1..], depth - 1, names);
                // The rest of a chain of `super` belongs to this one.
                while word(at + 3).as_deref() == Some("super") {
                    at += 3;
                }
            }
            (TokenTree::Group(group), _) => {
                let module = at >= 2
                    && word(at - 2).as_deref() == Some("mod")
                    && group.delimiter() == Delimiter::Brace;
                look(group.stream(), depth + usize::from(module), names);
            }
            _ => {}
        }
        at += 1;
    }
}

/// What tokens that follow a path into the module `depth` below the crate name there.
fn behind(tokens: &[TokenTree], depth: usize, names: &mut BTreeSet<String>) {
    if let [TokenTree::Punct(first), TokenTree::Punct(second), rest @ ..] = tokens
        && (first.as_char(), second.as_char()) == (':', ':')
    {
        path(rest, depth, names);
    }
}

/// What a path or a group of them, from the module `depth` below the crate on, names.
fn path(tokens: &[TokenTree], depth: usize, names: &mut BTreeSet<String>) {
    let comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
    match tokens {
        [TokenTree::Ident(word), rest @ ..] if word == "super" && depth > 0 => {
            behind(rest, depth - 1, names);
        }
        [TokenTree::Ident(word), ..] if depth == 0 && word != "self" => {
            names.insert(word.to_string());
        }
        [TokenTree::Group(group), ..] => {
            let tokens: Vec<_> = group.stream().into_iter().collect();
            tokens
                .split(comma)
                .for_each(|tokens| path(tokens, depth, names));
        }
        _ => {}
    }
}
