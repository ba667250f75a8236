//! `cargo xtask dist`: all that a firmware needs of the library, a tarball for each target, in target/dist.
//!
//! In it are the headers, the archive, the sources of ports and samples, documents, licences, what the archive is made of
//! (`sbom.cdx.json`, CycloneDX), and the SHA-256 of each file. The same sources make the same bytes, in whatever folder they
//! lie: the names of folders are kept out of the archive, and the tarball has no times, owners or orders of this machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::{
    archive,
    cross::{self, Target},
    generated::root,
    mutants::{copy_folder, target},
};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only targets whose name contains this
    target: Option<String>,
    /// Pack each twice, from a copy of the sources in another folder, too, and fail if a byte differs
    #[arg(long)]
    check: bool,
}

/// What of the sources is packed, at the same place, so that the makefiles find what they need.
const SOURCES: [&str; 6] = [
    "LICENSE",
    "SConscript",
    "c_samples",
    "docs",
    "include/v2",
    "ports",
];

/// But for this, which is not C, and inside the archive or not at all.
const NOT: &str = "ports/rustls";

/// 1980-01-01: of an earlier time, unpackers warn.
const TIME: u64 = 315_532_800;

pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = cross::targets(args.target.as_deref())?;
    let folder = target().join("dist");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for target_of in &targets {
        let name = format!("iotkit-{}-{}", env!("CARGO_PKG_VERSION"), target_of.name);
        let package = pack(&name, &root(), &target(), target_of)?;
        let path = folder.join(format!("{name}.tar.gz"));
        fs::write(&path, &package).with_context(|| format!("writing {}", path.display()))?;
        let sum = format!("{}  {name}.tar.gz\n", sha256(&package));
        fs::write(folder.join(format!("{name}.tar.gz.sha256")), &sum)?;
        print!("{sum}");
        if args.check {
            check(&name, target_of, &package)?;
        }
    }
    println!("{} passed, 0 failed", targets.len());
    Ok(())
}

/// Holds a package to what another folder makes of the same sources, and to its own sums.
fn check(name: &str, target: &Target, package: &[u8]) -> Result<()> {
    let elsewhere = TempDir::new().context("making a temporary folder")?;
    let copy = elsewhere.path().join("another name");
    fs::create_dir(&copy)?;
    for entry in fs::read_dir(root()).context("reading the sources")? {
        let entry = entry?;
        let (from, to) = (entry.path(), copy.join(entry.file_name()));
        match entry.file_name().to_str() {
            Some("target" | ".git") => {}
            _ if from.is_dir() => copy_folder(&from, &to)?,
            _ => _ = fs::copy(&from, &to)?,
        }
    }
    let again = pack(name, &copy, &elsewhere.path().join("target"), target)?;
    let differs = package.iter().zip(&again).position(|(one, two)| one != two);
    ensure!(
        package == again,
        "{name}: {} and {} bytes, different from byte {differs:?} on",
        package.len(),
        again.len()
    );

    tar::Archive::new(flate2::read::GzDecoder::new(package)).unpack(elsewhere.path())?;
    let sums = Command::new("sha256sum")
        .current_dir(elsewhere.path().join(name))
        .args(["--check", "--quiet", "--strict", SUMS])
        .status()
        .context("starting sha256sum")?;
    ensure!(
        sums.success(),
        "{name}: the sums are not those of the files"
    );
    Ok(())
}

const SUMS: &str = "SHA256SUMS";

/// The bytes of a package of the sources in `root`, built below `target`.
fn pack(name: &str, root: &Path, target_dir: &Path, target: &Target) -> Result<Vec<u8>> {
    let root = root.canonicalize().context("where the sources lie")?;
    let rust = Rust::ask()?;
    let linked = Linked::read(&root, target.name)?;
    let lib = archive(&root, target_dir, target, &rust, &linked)?;

    let mut files = Files::default();
    for source in SOURCES {
        files.add(&root, Path::new(source))?;
    }
    for (id, package) in linked.foreign() {
        files.add_licences(id, package)?;
    }
    let sbom = serde_json::to_string_pretty(&linked.sbom(&rust, target, &lib))? + "\n";
    files.0.insert("sbom.cdx.json".into(), (0o644, sbom.into()));
    files.0.insert("lib/libiot_sdk.a".into(), (0o644, lib));
    let sum =
        |(path, (_, bytes)): (&String, &(u32, Vec<u8>))| format!("{}  {path}\n", sha256(bytes));
    let sums: String = files.0.iter().map(sum).collect();
    files.0.insert(SUMS.into(), (0o644, sums.into()));
    files.tarball(name)
}

/// Builds the archive, with no folder of this machine in it.
fn archive(
    root: &Path,
    target_dir: &Path,
    target: &Target,
    rust: &Rust,
    linked: &Linked,
) -> Result<Vec<u8>> {
    let mut folders = vec![(root.to_owned(), "iotkit".to_owned())];
    for (id, package) in linked.foreign() {
        folders.push((folder_of(package)?, id.clone()));
    }
    // Where its own sources are installed, the compiler names them, else those of the build that it came from.
    let own = rust.sysroot.join("lib/rustlib/src/rust");
    folders.push((own, format!("/rustc/{}", rust.commit)));
    let flags: Vec<_> = folders
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    // In this way, they join those of .cargo/config.toml; $RUSTFLAGS would take their place.
    let flags = format!("target.{}.rustflags={flags:?}", target.name);

    let environment = target.environment();
    let environment = environment
        .each_ref()
        .map(|(name, value)| (&**name, *value));
    let target_dir = target_dir.display().to_string();
    let lib = archive::build_at(
        root,
        &environment,
        &[
            "--locked",
            "--profile",
            target.profile,
            "--target",
            target.name,
            "--target-dir",
            &target_dir,
            "--config",
            &flags,
        ],
    )?;
    let folder = TempDir::new().context("making a temporary folder")?;
    let copy = folder.path().join("libiot_sdk.a");
    archive::leave_to_toolchain(&lib, &copy, target.name)?;
    let bytes = fs::read(&copy).context("reading the archive")?;
    for (from, _) in &folders {
        let from = from.as_os_str().as_encoded_bytes();
        ensure!(
            !bytes.windows(from.len()).any(|window| window == from),
            "{}: {} is in the archive",
            target.name,
            String::from_utf8_lossy(from)
        );
    }
    Ok(bytes)
}

/// The compiler.
struct Rust {
    release: String,
    commit: String,
    sysroot: PathBuf,
}

impl Rust {
    fn ask() -> Result<Self> {
        let ask = |arguments: &[&str]| -> Result<String> {
            let output = Command::new("rustc").args(arguments).output();
            let output = output.context("starting rustc")?;
            String::from_utf8(output.stdout).context("rustc wrote no UTF-8")
        };
        let version = ask(&["--version", "--verbose"])?;
        let line = |start: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(start));
            line.map(str::to_owned)
                .context("rustc does not say what it is")
        };
        Ok(Self {
            release: line("release: ")?,
            commit: line("commit-hash: ")?,
            sysroot: ask(&["--print", "sysroot"])?.trim().into(),
        })
    }
}

/// The packages that are linked into the archive, each by `name@version`.
struct Linked {
    /// As `cargo metadata` has them.
    packages: BTreeMap<String, Value>,
    /// Who needs whom.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// What Cargo.lock holds the sources to.
    checksums: BTreeMap<String, String>,
}

impl Linked {
    fn read(root: &Path, target: &str) -> Result<Self> {
        let cargo = |arguments: &[&str]| -> Result<String> {
            let output = Command::new(env!("CARGO"))
                .current_dir(root)
                .args(arguments)
                .output()
                .context("starting cargo")?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "cargo {}: {said}", arguments[0]);
            String::from_utf8(output.stdout).context("cargo wrote no UTF-8")
        };
        // Metadata has the features of all packages of the workspace at once; the tree those of this one.
        let tree = cargo(&[
            "tree",
            "--locked",
            "--package",
            "iotkit-capi",
            "--edges",
            "normal,no-proc-macro",
            "--target",
            target,
            "--prefix",
            "depth",
            "--no-dedupe",
            "--format",
            "|{p}",
        ])?;
        let needs = edges(&tree).context("cargo tree is not understood")?;

        let metadata = cargo(&["metadata", "--locked", "--format-version", "1"])?;
        let metadata: Value = serde_json::from_str(&metadata).context("cargo wrote no JSON")?;
        let all = metadata["packages"].as_array().into_iter().flatten();
        let packages: BTreeMap<_, _> = all
            .filter_map(|package| {
                let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
                let id = format!("{name}@{version}");
                needs.contains_key(&id).then(|| (id, package.clone()))
            })
            .collect();
        ensure!(
            packages.len() == needs.len(),
            "cargo's tree and its metadata differ"
        );

        let lock = fs::read_to_string(root.join("Cargo.lock")).context("reading Cargo.lock")?;
        let lock: toml::Table = toml::from_str(&lock).context("Cargo.lock")?;
        let locked = lock.get("package").and_then(|value| value.as_array());
        let checksums = locked.into_iter().flatten().filter_map(|package| {
            let text = |name: &str| package.get(name)?.as_str();
            let id = format!("{}@{}", text("name")?, text("version")?);
            Some((id, text("checksum")?.to_owned()))
        });
        Ok(Self {
            packages,
            needs,
            checksums: checksums.collect(),
        })
    }

    /// Those from a registry.
    fn foreign(&self) -> impl Iterator<Item = (&String, &Value)> {
        let packages = self.packages.iter();
        packages.filter(|(id, _)| self.checksums.contains_key(*id))
    }

    /// What the archive is made of, as CycloneDX has it: <https://cyclonedx.org/docs/1.5/json/>.
    fn sbom(&self, rust: &Rust, target: &Target, lib: &[u8]) -> Value {
        let rust_id = format!("rust@{}", rust.release);
        let mut components = vec![json!({
            "type": "library",
            "bom-ref": rust_id,
            "name": "rust",
            "version": rust.release,
            "description": "core, alloc and compiler_builtins, which come with the compiler",
            "licenses": [{"expression": "(MIT OR Apache-2.0) AND MIT AND Apache-2.0 WITH LLVM-exception"}],
            "externalReferences": [{"type": "vcs", "url": format!("https://github.com/rust-lang/rust/tree/{}", rust.commit)}],
        })];
        let mut dependencies = vec![json!({"ref": rust_id, "dependsOn": []})];
        let mut main = Value::Null;
        for (id, package) in &self.packages {
            let mut component = json!({
                "type": "library",
                "bom-ref": id,
                "name": package["name"],
                "version": package["version"],
                "description": package["description"],
                "licenses": [{"expression": licence(package)}],
            });
            if let Some(checksum) = self.checksums.get(id) {
                component["purl"] = json!(format!("pkg:cargo/{id}"));
                component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
            }
            if let Some(url) = package["repository"].as_str() {
                component["externalReferences"] = json!([{"type": "vcs", "url": url}]);
            }
            let mut needed: BTreeSet<_> = self.needs.get(id).into_iter().flatten().collect();
            needed.insert(&rust_id);
            dependencies.push(json!({"ref": id, "dependsOn": needed}));
            if package["name"] == "iotkit-capi" {
                component["hashes"] = json!([{"alg": "SHA-256", "content": sha256(lib)}]);
                component["properties"] = json!([
                    {"name": "iotkit:file", "value": "lib/libiot_sdk.a"},
                    {"name": "iotkit:target", "value": target.name},
                    {"name": "iotkit:profile", "value": target.profile},
                ]);
                main = component;
            } else {
                components.push(component);
            }
        }
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": main},
            "components": components,
            "dependencies": dependencies,
        })
    }
}

/// Who needs whom, by the lines of `cargo tree`: `DEPTH|NAME vVERSION (WHERE)`.
fn edges(tree: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let mut needs = BTreeMap::<String, BTreeSet<String>>::new();
    let mut above: Vec<String> = Vec::new();
    for line in tree.lines() {
        let (depth, package) = line.split_once('|')?;
        let mut words = package.split(' ');
        let id = format!("{}@{}", words.next()?, words.next()?.strip_prefix('v')?);
        above.truncate(depth.parse().ok()?);
        if let Some(parent) = above.last() {
            needs.entry(parent.clone()).or_default().insert(id.clone());
        }
        needs.entry(id.clone()).or_default();
        above.push(id);
    }
    Some(needs)
}

/// The expression of SPDX; some packages still write it as it once was.
fn licence(package: &Value) -> String {
    let text = package["license"].as_str().unwrap_or_default();
    text.replace('/', " OR ")
}

/// Where a package's sources lie.
fn folder_of(package: &Value) -> Result<PathBuf> {
    let manifest = package["manifest_path"].as_str().map(Path::new);
    let folder = manifest.and_then(Path::parent);
    Ok(folder.context("a package without a folder")?.to_owned())
}

/// Files by their paths in the package: mode and bytes.
#[derive(Default)]
struct Files(BTreeMap<String, (u32, Vec<u8>)>);

impl Files {
    /// Adds a file of the sources, or all of a folder.
    fn add(&mut self, root: &Path, path: &Path) -> Result<()> {
        if path == Path::new(NOT) {
            return Ok(());
        }
        let full = root.join(path);
        let context = || format!("reading {}", full.display());
        if full.is_dir() {
            for entry in fs::read_dir(&full).with_context(context)? {
                self.add(root, &path.join(entry?.file_name()))?;
            }
            return Ok(());
        }
        let executable = fs::metadata(&full)?.permissions().mode() & 0o100 != 0;
        let mode = if executable { 0o755 } else { 0o644 };
        let name = path.to_str().context("a file's name is text")?.to_owned();
        let bytes = fs::read(&full).with_context(context)?;
        self.0.insert(name, (mode, bytes));
        Ok(())
    }

    /// Adds what a package says of its licence: those who pass it on must do so, too.
    fn add_licences(&mut self, id: &str, package: &Value) -> Result<()> {
        for entry in fs::read_dir(folder_of(package)?)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_one = ["LICENSE", "COPYING", "COPYRIGHT", "NOTICE"]
                .iter()
                .any(|start| name.to_uppercase().starts_with(start));
            if is_one && entry.path().is_file() {
                let bytes = fs::read(entry.path())?;
                self.0
                    .insert(format!("licenses/{id}/{name}"), (0o644, bytes));
            }
        }
        Ok(())
    }

    fn tarball(&self, name: &str) -> Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, (mode, bytes)) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(*mode);
            header.set_mtime(TIME);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, format!("{name}/{path}"), &**bytes)?;
        }
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        gzip.write_all(&tar.into_inner()?)?;
        Ok(gzip.finish()?)
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_known_and_nothing_else() {
        let root = root().canonicalize().expect("there is a folder");
        let linked = Linked::read(&root, "thumbv7em-none-eabi").expect("cargo knows");
        let rust = Rust::ask().expect("rustc knows");
        let [target, ..] = cross::targets(Some("x86_64")).expect("it is there")[..] else {
            panic!("no target");
        };
        let sbom = linked.sbom(&rust, target, b"archive");
        let components = sbom["components"].as_array().expect("a list");
        let named = |name: &str| {
            components
                .iter()
                .find(|component| component["name"] == name)
        };

        let sha1 = named("sha1").expect("signs connections");
        let checksum = sha1["hashes"][0]["content"].as_str().expect("a text");
        assert_eq!(checksum.len(), 64);
        assert!(named("iotkit").expect("the engine")["hashes"].is_null());
        for name in ["cc", "rustls", "std", "clap", "proptest"] {
            assert!(named(name).is_none(), "{name} is not linked");
        }
        let main = &sbom["metadata"]["component"];
        assert_eq!(main["hashes"][0]["content"], sha256(b"archive"));
        let dependencies = sbom["dependencies"].as_array().expect("a list");
        let of_main = dependencies.iter().find(|of| of["ref"] == main["bom-ref"]);
        let of_main = of_main.expect("it has some")["dependsOn"].to_string();
        assert!(of_main.contains("iotkit@"), "{of_main}");
        assert!(!of_main.contains("sha1@"), "the engine needs it: {of_main}");
    }

    #[test]
    fn a_tarball_has_nothing_of_this_machine() {
        let mut files = Files::default();
        let script = ("a/run.sh".to_owned(), (0o755, b"#!".to_vec()));
        let text = ("a/b".to_owned(), (0o644, Vec::new()));
        files.0.extend([script, text]);
        let tarball = files.tarball("name").expect("it is made");
        assert_eq!(tarball[4..8], [0; 4], "gzip has no time");
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*tarball));
        let entries = tar.entries().expect("it is a tarball").map(|entry| {
            let entry = entry.expect("there is one");
            let header = entry.header();
            assert_eq!(header.mtime().expect("a time"), TIME);
            assert_eq!(header.uid().expect("an owner"), 0);
            let path = entry.path().expect("a path").display().to_string();
            (path, header.mode().expect("a mode"))
        });
        let expected = [("name/a/b", 0o644), ("name/a/run.sh", 0o755)];
        assert_eq!(
            entries.collect::<Vec<_>>(),
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }
}
