//! `cargo xtask headers`: the C headers, from the Rust files that implement them.
//!
//! One Rust file makes one header; `headers.toml` says which, what it includes, and what C it needs that Rust cannot
//! say. The way of a header:
//!
//! 1. The Rust file is parsed (syn) and brought into the form that cbindgen handles: functions that are declared in an
//!    `extern` block become definitions, so that the header does not change when one is implemented; functions that
//!    are not `pub` are left out; text constants, which cbindgen skips, become `#define` lines.
//! 2. cbindgen writes the declarations with their doc comments, every public type of the file included, in its own
//!    order. `cfg(feature = "...")` becomes `#if defined(...)` by [`FEATURES`].
//! 3. The result is tidied: short comments on one line, a semicolon where C wants it, values that can be used in an
//!    expression. Banner, include guard, includes and the C of `headers.toml` are put around it. `extern "C"` comes
//!    from cbindgen and encloses the functions.
//!
//! Types of other headers are printed by their names, so a file may `use` them freely as long as its entry in
//! `headers.toml` includes their header.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use quote::{format_ident, quote};
use serde::Deserialize;
use syn::{
    Attribute, Expr, ExprLit, FnArg, ForeignItem, Ident, Item, ItemConst, Lit, Meta, Pat,
    Signature, Visibility, parse_quote,
};

use crate::generated::{self, Generated, root};

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing: fail if the committed headers differ
    #[arg(long)]
    check: bool,
}

/// Where the headers are, below the root.
pub(crate) const FOLDER: &str = "include/v2";

/// Which macro of a firmware stands for which Cargo feature of `capi`.
pub(crate) const FEATURES: [(&str, &str); 6] = [
    ("id2", "MQTT_ID2_AUTH"),
    ("service-ota", "SERVICE_OTA_ENABLED"),
    ("service-cota", "SERVICE_COTA_ENABLED"),
    ("rrpc", "RRPC_ENABLED"),
    ("deviceinfo", "DEVICEINFO_ENABLED"),
    ("cmp-threads", "CMP_SUPPORT_MULTI_THREAD"),
];

/// Features that leave out a part of the library, and nothing of the headers.
const PARTS: [&str; 4] = ["mqtt", "ota", "http", "cmp"];

/// Longest line that a comment is joined on.
const LINE: usize = 100;

pub(crate) fn run(args: &Args) -> Result<()> {
    let files = generate()?;
    if args.check {
        generated::check(&files, Path::new(FOLDER), "cargo xtask headers")
    } else {
        generated::write(&files, Path::new(FOLDER))
    }
}

fn generate() -> Result<Vec<Generated>> {
    table()?
        .iter()
        .map(|header| {
            let text = match &header.rust {
                None => header.assemble(None, ""),
                Some(rust) => header.render(&read_rust(rust)?),
            };
            let text = text.with_context(|| header.path.clone())?;
            Ok(Generated {
                path: Path::new(FOLDER).join(&header.path),
                text,
            })
        })
        .collect()
}

/// The entries of `headers.toml`.
pub(crate) fn table() -> Result<Vec<Header>> {
    /// `headers.toml`.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        header: Vec<Header>,
    }

    let text = fs::read_to_string(root().join("xtask/headers.toml"));
    let text = text.context("reading xtask/headers.toml")?;
    let table: Table = toml::from_str(&text).context("xtask/headers.toml")?;
    Ok(table.header)
}

/// An entry of `headers.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The header, below `include/v2`.
    pub(crate) path: String,
    /// The Rust file, below `capi/src`; none if `headers.toml` says all there is.
    pub(crate) rust: Option<String>,
    /// Headers of the C library.
    #[serde(default)]
    system: Vec<String>,
    /// Our headers that the declarations need.
    #[serde(default)]
    include: Vec<String>,
    /// C before the declarations.
    #[serde(default)]
    before: String,
    /// C after the declarations.
    #[serde(default)]
    after: String,
    /// A firmware may define the constants itself.
    #[serde(default)]
    overridable: bool,
}

impl Header {
    /// The header for a Rust file with this text.
    fn render(&self, rust: &str) -> Result<String> {
        let source = Source::parse(rust)?;
        let file = tempfile::Builder::new().suffix(".rs").tempfile();
        let file = file.context("making a temporary file")?;
        fs::write(&file, &source.rust).context("writing a temporary file")?;

        let mut declarations = Vec::new();
        cbindgen::Builder::new()
            .with_config(config(source.types))
            .with_src(file.path())
            .generate()
            .context("cbindgen")?
            .write(&mut declarations);
        let declarations = String::from_utf8(declarations).context("cbindgen wrote no UTF-8")?;
        let declarations = tidy(&declarations, self.overridable);
        self.assemble(
            source.condition,
            &format!("{}{declarations}", source.defines),
        )
    }

    fn assemble(&self, condition: Option<&str>, declarations: &str) -> Result<String> {
        let name = Path::new(&self.path)
            .file_name()
            .and_then(|name| name.to_str());
        let guard = name
            .context("not a file's name")?
            .replace(['-', '.'], "_")
            .to_uppercase();
        let origin = match &self.rust {
            Some(rust) => format!("capi/src/{rust}"),
            None => "xtask/headers.toml".to_owned(),
        };
        let banner = format!(
            "/* SPDX-License-Identifier: Apache-2.0 */\n\
             /* Generated from {origin}: change that, then run `cargo xtask headers`. */\n"
        );
        let parts = [
            format!("{banner}\n#ifndef {guard}\n#define {guard}"),
            lines(&self.system, |name| format!("#include <{name}>\n")),
            lines(&self.include, |path| format!("#include \"{path}\"\n")),
            condition.map_or_else(String::new, |name| format!("#ifdef {name}")),
            self.before.clone(),
            declarations.to_owned(),
            self.after.clone(),
            condition.map_or_else(String::new, |name| format!("#endif /* {name} */")),
            format!("#endif /* {guard} */"),
        ];
        let parts = parts.iter().map(|part| part.trim());
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        Ok(parts.join("\n\n") + "\n")
    }
}

fn lines(names: &[String], line: impl Fn(&String) -> String) -> String {
    names.iter().map(line).collect()
}

fn config(types: Vec<String>) -> cbindgen::Config {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: true,
        no_includes: true,
        line_length: LINE,
        tab_width: 4,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        style: cbindgen::Style::Both,
        ..cbindgen::Config::default()
    };
    config.export.include = types;
    config.function.sort_by = None;
    config.defines = FEATURES
        .iter()
        .map(|(feature, define)| (format!("feature = {feature}"), (*define).to_owned()))
        .collect();
    config
}

/// What cbindgen wrote, as C99 that a reader and a pedantic compiler like.
fn tidy(text: &str, overridable: bool) -> String {
    let text = text
        // All that is left of a file without functions.
        .replace(EMPTY_EXTERN_C, "")
        .replace("  // __cplusplus", " /* __cplusplus */")
        .replace(" // __cplusplus", " /* __cplusplus */")
        .replace("}  // extern \"C\"", "} /* extern \"C\" */")
        // The semicolon of a member with a condition, which would be a second one without it.
        .replace("\n#endif\n    ;", ";\n#endif");

    let mut tidy = String::new();
    let mut condition = "";
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        if line.trim() == "/**" {
            let mut comment: Vec<_> = rest
                .by_ref()
                .take_while(|line| line.trim() != "*/")
                .collect();
            // What a line for cbindgen leaves.
            while comment.pop_if(|line| line.trim() == "*").is_some() {}
            tidy += &short_comment(line, &comment).unwrap_or_else(|| {
                let body: String = comment.iter().map(|line| format!("{line}\n")).collect();
                format!("{line}\n{body}{}\n", line.replace("/**", " */"))
            });
        } else if line.starts_with("#if ") {
            condition = line;
            tidy += &format!("{line}\n");
        } else if line == "#endif"
            && let Some(next) = rest.next_if(|next| next.starts_with("#if "))
        {
            // Members with the same condition stand together, and those with the opposite one after an `#else`.
            if next == condition.replace("!defined", "defined") && next != condition {
                tidy += "#else\n";
            } else if next != condition {
                tidy += &format!("{line}\n{next}\n");
            }
            condition = next;
        } else if let Some((name, value)) = constant(line) {
            tidy += &define(name, value, overridable);
        } else {
            tidy += &format!("{line}\n");
        }
    }
    tidy
}

const EMPTY_EXTERN_C: &str = "#ifdef __cplusplus
extern \"C\" {
#endif // __cplusplus

#ifdef __cplusplus
}  // extern \"C\"
#endif  // __cplusplus
";

/// A comment that fits on one line, there.
fn short_comment(start: &str, comment: &[&str]) -> Option<String> {
    let [text] = comment else { return None };
    let line = format!("{start} {} */", text.trim().strip_prefix("* ")?);
    (line.len() <= LINE).then(|| line + "\n")
}

fn constant(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("#define ")?.split_once(' ')
}

/// A constant, safe to use in an expression and, where that is wanted, to override.
fn define(name: &str, value: &str, overridable: bool) -> String {
    let line = match value.contains(['-', '<', '|']) && !value.starts_with('(') {
        true => format!("#define {name} ({value})\n"),
        false => format!("#define {name} {value}\n"),
    };
    match overridable {
        true => format!("#ifndef {name}\n{line}#endif\n"),
        false => line,
    }
}

/// The text of a Rust file, given by its path below `capi/src`.
pub(crate) fn read_rust(path: &str) -> Result<String> {
    let path = root().join("capi/src").join(path);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// A Rust file, in the form that cbindgen handles.
pub(crate) struct Source {
    /// The file.
    rust: String,
    /// The macro without which the whole header is empty: the file's own `cfg`.
    condition: Option<&'static str>,
    /// What cbindgen skips, as C.
    defines: String,
    /// Its public types.
    types: Vec<String>,
    /// Its public functions, in order, each once.
    pub(crate) functions: Vec<String>,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut file = syn::parse_file(text).context("not Rust")?;
        let mut source = Self {
            rust: String::new(),
            condition: None,
            defines: String::new(),
            types: Vec::new(),
            functions: Vec::new(),
        };
        for attribute in &file.attrs {
            if attribute.path().is_ident("cfg") {
                source.condition = Some(feature_macro(attribute)?);
            }
        }

        let mut items = Vec::new();
        for item in file.items {
            match item {
                Item::ForeignMod(block) => {
                    for item in block.items {
                        let ForeignItem::Fn(function) = item else {
                            continue;
                        };
                        items.push(source.function(&function.attrs, function.sig));
                    }
                }
                Item::Fn(function) if public(&function.vis) && exported(&function.attrs) => {
                    items.push(source.function(&function.attrs, function.sig));
                }
                Item::Const(item) if public(&item.vis) => match text_constant(&item) {
                    Some(define) => source.defines += &define,
                    None => items.push(Item::Const(item)),
                },
                Item::Enum(item) if public(&item.vis) => {
                    source.types.push(item.ident.to_string());
                    items.push(Item::Enum(item));
                }
                Item::Struct(item) if public(&item.vis) => {
                    source.types.push(item.ident.to_string());
                    items.push(Item::Struct(item));
                }
                Item::Type(item) if public(&item.vis) => {
                    source.types.push(item.ident.to_string());
                    items.push(Item::Type(item));
                }
                _ => {}
            }
        }
        file.items = items;
        source.rust = quote!(#file).to_string();
        // cbindgen would leave such a condition out.
        for rest in source.rust.split("feature = \"").skip(1) {
            macro_of(rest.split('"').next().unwrap_or_default())?;
        }
        Ok(source)
    }

    /// A function as cbindgen takes it up, wherever it is defined.
    fn function(&mut self, attributes: &[Attribute], mut signature: Signature) -> Item {
        let name = signature.ident.to_string();
        if !self.functions.contains(&name) {
            self.functions.push(name);
        }
        signature.abi = Some(parse_quote!(extern "C"));
        signature.unsafety = Some(parse_quote!(unsafe));
        let docs = documentation(attributes);
        for input in &mut signature.inputs {
            if let FnArg::Typed(argument) = input
                && let Pat::Ident(pattern) = &mut *argument.pat
                && let Some(name) = unused(&pattern.ident, &docs)
            {
                pattern.ident = name;
            }
        }
        let conditions = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg") && !of_a_part(attribute));
        parse_quote!(#(#conditions)* #(#[doc = #docs])* #[unsafe(no_mangle)] pub #signature {})
    }
}

/// The macro for `cfg(feature = "...")`.
fn feature_macro(attribute: &Attribute) -> Result<&'static str> {
    macro_of(&feature(attribute)?)
}

/// Whether it is there for a part's sake.
fn of_a_part(attribute: &Attribute) -> bool {
    feature(attribute).is_ok_and(|name| PARTS.contains(&&*name))
}

/// The feature in `cfg(feature = "...")`.
fn feature(attribute: &Attribute) -> Result<String> {
    let pair: syn::MetaNameValue = attribute.parse_args().context("a cfg: not one feature")?;
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        bail!("a cfg: not a text");
    };
    Ok(text.value())
}

/// The macro that stands for a feature.
fn macro_of(feature: &str) -> Result<&'static str> {
    let known = FEATURES.iter().find(|(known, _)| *known == feature);
    let (_, define) = known.with_context(|| format!("feature {feature} has no macro"))?;
    Ok(define)
}

fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether C can call the function.
fn exported(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("unsafe")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("no_mangle"))
    })
}

/// The name of an argument without the mark of one that the body does not use. Some of upstream's names begin with an
/// underscore, too; those are documented.
fn unused(name: &Ident, docs: &[String]) -> Option<Ident> {
    let marked = name.to_string();
    let plain = marked.strip_prefix('_')?;
    let documented = docs
        .iter()
        .any(|line| line.contains(&format!("@param {marked} ")));
    (!documented).then(|| format_ident!("{plain}"))
}

/// The lines of a doc comment, with the section that says what is safe as preconditions.
fn documentation(attributes: &[Attribute]) -> Vec<String> {
    let lines: Vec<_> = attributes.iter().filter_map(doc_line).collect();
    let Some(at) = lines.iter().position(|line| line.trim() == "# Safety") else {
        return lines;
    };
    let mut docs = lines[..at].to_vec();
    for (number, line) in lines[at + 1..]
        .iter()
        .filter(|line| !line.trim().is_empty())
        .enumerate()
    {
        let text = line.trim();
        docs.push(match text.strip_prefix("- ") {
            Some(item) => format!(" @pre {item}"),
            None if number == 0 => format!(" @pre {text}"),
            None => format!("      {text}"),
        });
    }
    docs
}

/// `pub const NAME: &CStr = c"text";` as a `#define`.
fn text_constant(constant: &ItemConst) -> Option<String> {
    let Expr::Lit(ExprLit {
        lit: Lit::CStr(text),
        ..
    }) = &*constant.expr
    else {
        return None;
    };
    let name = &constant.ident;
    let docs: String = documentation(&constant.attrs)
        .iter()
        .map(|line| format!(" *{line}\n"))
        .collect();
    let comment = tidy(&format!("/**\n{docs} */\n"), false);
    Some(format!(
        "{comment}#define {name} {:?}\n\n",
        text.value().to_str().ok()?
    ))
}

/// The text of a doc comment's line.
fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    pair.path.is_ident("doc").then(|| text.value())
}

#[cfg(test)]
mod tests;
