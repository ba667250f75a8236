//! Licences, duplicates, bans and sources of all dependencies, held to deny.toml: what `cargo deny check` does without a
//! network.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[test]
fn all_dependencies_are_as_deny_toml_allows() {
    let problems = Packages::read(&Policy::read()).problems(&Policy::read());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_not_allowed_is_found() {
    let packages = Packages::read(&Policy::read());
    let problems_with = |change: fn(&mut Policy)| {
        let mut policy = Policy::read();
        change(&mut policy);
        packages.problems(&policy).join("\n")
    };
    let found = |problems: String, part: &str| assert!(problems.contains(part), "{problems}");
    found(
        problems_with(|policy| policy.licenses.allow.retain(|name| name != "Unicode-3.0")),
        "unicode-ident",
    );
    found(
        problems_with(|policy| policy.licenses.exceptions.clear()),
        "cbindgen",
    );
    found(problems_with(|policy| policy.bans.skip.clear()), "syn");
    found(
        problems_with(|policy| {
            policy.bans.skip.push(Skip {
                spec: "hmac@0".into(),
                _reason: String::new(),
            });
        }),
        "hmac@0 is skipped for nothing",
    );
    found(
        problems_with(|policy| policy.bans.deny[0].wrappers.clear()),
        "tokio-openssl",
    );
    found(
        problems_with(|policy| policy.sources.allow_registry.clear()),
        "serde",
    );
}

/// deny.toml, but for the advisories. A setting that is not known here is refused, not overlooked.
#[derive(Deserialize)]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    all_features: bool,
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licenses {
    include_dev: bool,
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    multiple_versions_include_dev: bool,
    wildcards: String,
    allow_wildcard_paths: bool,
    skip: Vec<Skip>,
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    /// `name@version`, of which the version may be a beginning.
    #[serde(rename = "crate")]
    spec: String,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Who may depend on it all the same.
    wrappers: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: BTreeSet<String>,
}

impl Policy {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml can be read");
        let policy: Self = toml::from_str(&text).expect("deny.toml says what is known here");
        // What this file does, and nothing else.
        assert!(policy.graph.all_features);
        assert!(policy.licenses.include_dev);
        assert!(policy.bans.multiple_versions_include_dev);
        assert!(policy.bans.allow_wildcard_paths);
        for verdict in [
            &policy.bans.multiple_versions,
            &policy.bans.wildcards,
            &policy.sources.unknown_registry,
            &policy.sources.unknown_git,
        ] {
            assert_eq!(verdict, "deny");
        }
        policy
    }
}

/// What `cargo metadata` tells.
#[derive(Deserialize)]
struct Packages {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// `None`: a package of the workspace.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

impl Packages {
    fn read(policy: &Policy) -> Self {
        let targets = |option| {
            policy
                .graph
                .targets
                .iter()
                .map(move |target| format!("{option}={target}"))
        };
        let metadata = cargo(
            "metadata",
            ["--format-version=1".to_owned()]
                .into_iter()
                .chain(targets("--filter-platform")),
        );
        let mut packages: Self =
            serde_json::from_str(&metadata).expect("cargo metadata tells what is known here");
        // The metadata has optional packages, too, that no feature turns on.
        let options = ["--workspace", "--prefix=none", "--format={p}"].map(str::to_owned);
        let tree = cargo("tree", options.into_iter().chain(targets("--target")));
        let built: BTreeSet<_> = tree
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.split_once(" v")?;
                Some((name, rest.split(' ').next()?))
            })
            .collect();
        packages
            .packages
            .retain(|package| built.contains(&(&*package.name, &*package.version)));
        packages
    }

    /// All that is not as it should be, in words.
    fn problems(&self, policy: &Policy) -> Vec<String> {
        let foreign = self
            .packages
            .iter()
            .filter(|package| package.source.is_some());
        let mut problems: Vec<_> = self
            .packages
            .iter()
            .filter_map(|package| package.license_problem(&policy.licenses))
            .chain(foreign.filter_map(|package| package.source_problem(&policy.sources)))
            .collect();
        problems.extend(self.duplicates(&policy.bans.skip));
        problems.extend(self.wildcards());
        let bans = policy.bans.deny.iter();
        problems.extend(bans.flat_map(|ban| self.banned(ban)));
        problems
    }

    fn duplicates(&self, skips: &[Skip]) -> Vec<String> {
        let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
        for package in &self.packages {
            versions
                .entry(&package.name)
                .or_default()
                .insert(&package.version);
        }
        versions.retain(|_, versions| versions.len() > 1);
        let mut problems = Vec::new();
        for Skip { spec, .. } in skips {
            let skipped = spec.split_once('@').is_some_and(|(name, beginning)| {
                let beginning = format!("{beginning}.");
                versions.get_mut(&name.to_owned()).is_some_and(|versions| {
                    let before = versions.len();
                    versions.retain(|version| !version.starts_with(&beginning));
                    versions.len() < before
                })
            });
            if !skipped {
                problems.push(format!("{spec} is skipped for nothing"));
            }
        }
        let duplicates = versions
            .into_iter()
            .filter(|(_, versions)| versions.len() > 1);
        problems
            .extend(duplicates.map(|(name, versions)| format!("{name} is there in {versions:?}")));
        problems
    }

    fn wildcards(&self) -> impl Iterator<Item = String> {
        let own = self
            .packages
            .iter()
            .filter(|package| package.source.is_none());
        own.flat_map(|package| {
            let wild = package.dependencies.iter();
            let wild = wild.filter(|dependency| dependency.req == "*" && dependency.path.is_none());
            wild.map(|dependency| format!("{} takes any {}", package.name, dependency.name))
        })
    }

    /// Who depends on a banned package without leave.
    fn banned(&self, ban: &Ban) -> Vec<String> {
        let by_id: BTreeMap<_, _> = self
            .packages
            .iter()
            .map(|package| (&package.id, package))
            .collect();
        let is_banned = |id: &String| {
            by_id
                .get(id)
                .is_some_and(|package| package.name == ban.name)
        };
        let depends = |node: &&Node| node.dependencies.iter().any(is_banned);
        let who = self.resolve.nodes.iter().filter(depends);
        who.filter_map(|node| Some(&by_id.get(&node.id)?.name))
            .filter(|name| !ban.wrappers.contains(*name))
            .map(|name| format!("{name} depends on {}", ban.name))
            .collect()
    }
}

impl Package {
    fn license_problem(&self, licenses: &Licenses) -> Option<String> {
        let Some(license) = &self.license else {
            return Some(format!("{} has no licence", self.name));
        };
        // Old packages write / for OR.
        let expression = match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) => expression,
            Err(error) => return Some(format!("{}: {license}: {error}", self.name)),
        };
        let mut exceptions = licenses.exceptions.iter();
        let exception = exceptions.find(|exception| exception.name == self.name);
        let is_allowed = expression.evaluate(|required| {
            let required = required.to_string();
            licenses.allow.contains(&required)
                || exception.is_some_and(|exception| exception.allow.contains(&required))
        });
        (!is_allowed).then(|| format!("{} has the licence {license}", self.name))
    }

    fn source_problem(&self, sources: &Sources) -> Option<String> {
        let source = self.source.as_deref()?;
        let registry = source.strip_prefix("registry+");
        let is_allowed = registry.is_some_and(|registry| sources.allow_registry.contains(registry));
        (!is_allowed).then(|| format!("{} comes from {source}", self.name))
    }
}

/// What a command of cargo prints about all features.
fn cargo(command: &str, options: impl Iterator<Item = String>) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([command, "--locked", "--all-features"])
        .args(options)
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
