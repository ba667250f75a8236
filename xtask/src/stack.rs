//! `cargo xtask stack`: how much stack the archive needs on a Cortex-M4, by the frames that the compiler states and the
//! calls between them.
//!
//! `-Z emit-stack-sizes` puts the frame of each function into `.stack_sizes`, and relocations tell who calls whom. A
//! function whose address is taken counts as called by whoever takes it: that is more than happens, never less. What is
//! written in C or assembler, in the archive or outside (`HAL_*`, `memcpy`, the application's handlers), states no frame
//! and comes on top.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SectionKind, SymbolIndex,
    SymbolKind,
    read::{File, Section, archive::ArchiveFile},
};

use crate::archive;

/// Arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many of the largest frames to show
    #[arg(long, default_value_t = 12, value_name = "N")]
    frames: usize,
}

const TARGET: &str = "thumbv7em-none-eabihf";

/// The most that a function may take that a call of `IOT_MQTT_*` leads to, in bytes.
const MQTT_LIMIT: u64 = 512;

/// The most that any other may take, above all those that sign.
const LIMIT: u64 = 768;

/// What the functions that sign have in their names, whoever calls them.
const SIGNING: [&str; 4] = ["iotkit::auth::", "hmac::", "sha1::", "md5::"];

/// Whose deepest calls are shown.
const ROOTS: [&str; 11] = [
    "IOT_SetupConnInfo",
    "IOT_MQTT_Construct",
    "IOT_MQTT_Yield",
    "IOT_MQTT_Publish",
    "IOT_MQTT_Subscribe",
    "IOT_MQTT_Unsubscribe",
    "IOT_MQTT_Destroy",
    "IOT_OTA_Init",
    "IOT_OTA_FetchYield",
    "IOT_HTTP_DeviceNameAuth",
    "IOT_HTTP_SendMessage",
];

pub(crate) fn run(args: &Args) -> Result<()> {
    target_is_there()?;
    let flags = format!("target.{TARGET}.rustflags=['-Zemit-stack-sizes']");
    let lib = archive::build_in(
        // A stable compiler takes -Z with this; the code is the same.
        &[("RUSTC_BOOTSTRAP", "1")],
        &["--profile", "small", "--target", TARGET, "--config", &flags],
    )?;
    let calls = Calls::of_archive(&lib)?;
    calls.show(args.frames)?;

    let above = calls.above_limit();
    for (function, limit) in &above {
        eprintln!(
            "above its limit of {limit} bytes: {} with {}",
            function.brief(),
            function.size()
        );
    }
    ensure!(above.is_empty(), "{} frames are too large", above.len());
    Ok(())
}

fn target_is_there() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("starting rustc")?;
    let folder = String::from_utf8(output.stdout).context("rustc wrote no UTF-8")?;
    ensure!(
        output.status.success() && Path::new(folder.trim()).is_dir(),
        "Rust's libraries for {TARGET} are missing: rustup target add {TARGET}"
    );
    Ok(())
}

/// The functions of an archive, and what they call.
#[derive(Default)]
struct Calls {
    functions: Vec<Function>,
    /// Where a symbol is in `functions`: of all members, or of one (by its position) alone.
    places: BTreeMap<(Option<usize>, String), usize>,
}

struct Function {
    /// Without the hashes that the compiler adds.
    name: String,
    /// In bytes; `None` if the function states none.
    frame: Option<u64>,
    /// Places in `Calls::functions`.
    calls: BTreeSet<usize>,
}

impl Function {
    fn size(&self) -> u64 {
        self.frame.unwrap_or(0)
    }

    /// The name without its type arguments.
    fn brief(&self) -> String {
        let mut brief = String::new();
        let mut depth = 0;
        let mut last = ' ';
        for c in self.name.chars() {
            match c {
                // Elsewhere it opens `<Type as Trait>::function`.
                '<' if depth > 0 || last.is_alphanumeric() || last == ':' => depth += 1,
                '>' if depth > 0 && last != '-' => depth -= 1,
                _ if depth == 0 => brief.push(c),
                _ => {}
            }
            last = c;
        }
        brief.trim_end_matches("::").to_owned()
    }

    fn signs(&self) -> bool {
        SIGNING.iter().any(|part| self.name.contains(part))
    }
}

impl Calls {
    fn of_archive(lib: &Path) -> Result<Self> {
        let data = fs::read(lib).with_context(|| format!("reading {}", lib.display()))?;
        let archive = ArchiveFile::parse(&*data).context("reading the archive")?;
        let mut calls = Self::default();
        for (position, member) in archive.members().enumerate() {
            let member = member.context("reading the archive")?;
            let name = String::from_utf8_lossy(member.name()).into_owned();
            if name.ends_with(".o") {
                let file = member.data(&*data).and_then(File::parse);
                let file = file.with_context(|| name.clone())?;
                Member { position, file }
                    .read_into(&mut calls)
                    .context(name)?;
            }
        }
        for root in ROOTS {
            let place = calls.root(root)?;
            ensure!(
                calls.functions[place].frame.is_some(),
                "{root} states no frame"
            );
        }
        Ok(calls)
    }

    /// The function of a symbol, entered if it is a new one. `scope` is the member for which a local one is local.
    fn place(&mut self, scope: Option<usize>, symbol: &str) -> usize {
        let new = self.functions.len();
        let place = *self.places.entry((scope, symbol.into())).or_insert(new);
        if place == new {
            self.functions.push(Function {
                name: format!("{:#}", rustc_demangle::demangle(symbol)),
                frame: None,
                calls: BTreeSet::new(),
            });
        }
        place
    }

    fn root(&self, name: &str) -> Result<usize> {
        let place = self.places.get(&(None, name.into())).copied();
        place.with_context(|| format!("the archive has no {name}"))
    }

    /// All that a call of one of these leads to, and they themselves.
    fn reached_from(&self, roots: impl Iterator<Item = usize>) -> BTreeSet<usize> {
        let mut left: Vec<_> = roots.collect();
        let mut reached = BTreeSet::new();
        while let Some(place) = left.pop() {
            if reached.insert(place) {
                left.extend(&self.functions[place].calls);
            }
        }
        reached
    }

    /// The frames that are too large, and how large they may be.
    fn above_limit(&self) -> Vec<(&Function, u64)> {
        let entries = self
            .places
            .iter()
            .filter(|((scope, symbol), _)| scope.is_none() && symbol.starts_with("IOT_MQTT_"));
        let on_mqtt_path = self.reached_from(entries.map(|(_, place)| *place));
        let limited = self.functions.iter().enumerate().map(|(place, function)| {
            let mqtt = on_mqtt_path.contains(&place) && !function.signs();
            (function, if mqtt { MQTT_LIMIT } else { LIMIT })
        });
        limited
            .filter(|(function, limit)| function.size() > *limit)
            .collect()
    }

    /// The deepest call of a function, from itself downwards; an error if it may lead to itself, since there is no limit
    /// to that. `known` holds what was found for others.
    fn deepest(&self, place: usize, known: &mut BTreeMap<usize, Deepest>) -> Result<Deepest> {
        match known.get(&place) {
            Some(deepest) if deepest.is_open => bail!(
                "{} may call itself: its stack has no limit",
                self.functions[place].brief()
            ),
            Some(deepest) => return Ok(*deepest),
            None => known.insert(place, Deepest::OPEN),
        };
        let function = &self.functions[place];
        let mut deepest = Deepest {
            total: function.size(),
            next: None,
            is_open: false,
        };
        for callee in &function.calls {
            let total = function.size() + self.deepest(*callee, known)?.total;
            if total > deepest.total {
                deepest.total = total;
                deepest.next = Some(*callee);
            }
        }
        known.insert(place, deepest);
        Ok(deepest)
    }

    fn show(&self, count: usize) -> Result<()> {
        let mut largest: Vec<_> = self.functions.iter().collect();
        largest.sort_by(|a, b| (b.frame, &a.name).cmp(&(a.frame, &b.name)));
        println!("The largest frames for {TARGET}, in bytes:");
        for function in largest.into_iter().take(count) {
            println!("{:6}  {}", function.size(), function.brief());
        }
        println!("\nThe deepest calls, and the frames on the way:");
        let mut known = BTreeMap::new();
        for root in ROOTS {
            let mut place = self.root(root)?;
            let mut deepest = self.deepest(place, &mut known)?;
            println!("{:6}  {root}", deepest.total);
            loop {
                let function = &self.functions[place];
                println!("{:12}  {}", function.size(), function.brief());
                let Some(next) = deepest.next else { break };
                place = next;
                deepest = known[&next];
            }
        }
        Ok(())
    }
}

/// The deepest call of a function.
#[derive(Clone, Copy)]
struct Deepest {
    /// Its frame and those below, in bytes.
    total: u64,
    /// Whom it calls for that.
    next: Option<usize>,
    /// Not known yet: what it calls is being looked at.
    is_open: bool,
}

impl Deepest {
    const OPEN: Self = Self {
        total: 0,
        next: None,
        is_open: true,
    };
}

/// An object of the archive.
struct Member<'a> {
    /// Tells its local symbols from those of others.
    position: usize,
    file: File<'a>,
}

/// A section, by its number, and a place in it.
type Address = (usize, u64);

impl Member<'_> {
    /// Enters its functions, unless none of them states a frame: then it is not made of Rust.
    fn read_into(&self, calls: &mut Calls) -> Result<()> {
        let frames = self.frames()?;
        if frames.is_empty() {
            return Ok(());
        }
        let functions = self.functions(calls)?;
        for (address, frame) in frames {
            let place = functions.get(&address).context("a frame of no function")?;
            calls.functions[*place].frame = Some(frame);
        }
        let code = |section: &Section<'_, '_>| section.kind() == SectionKind::Text;
        for section in self.file.sections().filter(code) {
            for (offset, relocation) in section.relocations() {
                let before = functions.range(..=(section.index().0, offset)).next_back();
                let (_, caller) = before
                    .filter(|((index, _), _)| *index == section.index().0)
                    .context("code of no function")?;
                let mut callees = BTreeSet::new();
                self.add_reached(
                    relocation.target(),
                    calls,
                    &mut callees,
                    &mut BTreeSet::new(),
                )?;
                calls.functions[*caller].calls.extend(callees);
            }
        }
        Ok(())
    }

    /// What `.stack_sizes` states: for each function its address, by a relocation, and its frame as ULEB128.
    fn frames(&self) -> Result<Vec<(Address, u64)>> {
        let mut frames = Vec::new();
        let stated = |section: &Section<'_, '_>| section.name() == Ok(".stack_sizes");
        for section in self.file.sections().filter(stated) {
            let data = section.data()?;
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    bail!("a frame of something else than a symbol");
                };
                let address = self.address(symbol)?.context("a frame of no section")?;
                let digits = usize::try_from(offset)?
                    .checked_add(size_of::<u32>())
                    .and_then(|start| data.get(start..))
                    .context("a frame without size")?;
                frames.push((address, uleb128(digits)?));
            }
        }
        Ok(frames)
    }

    /// The functions that are defined here, by where they begin.
    fn functions(&self, calls: &mut Calls) -> Result<BTreeMap<Address, usize>> {
        let mut functions = BTreeMap::new();
        let defined = self.file.symbols().filter(|symbol| symbol.is_definition());
        for symbol in defined.filter(|symbol| symbol.kind() == SymbolKind::Text) {
            if let Some(address) = self.address(symbol.index())? {
                functions.insert(address, self.place(symbol.index(), calls)?);
            }
        }
        Ok(functions)
    }

    /// Adds the functions that a relocation refers to: one, or all in the data it refers to (a table of methods).
    fn add_reached(
        &self,
        target: RelocationTarget,
        calls: &mut Calls,
        functions: &mut BTreeSet<usize>,
        seen: &mut BTreeSet<usize>,
    ) -> Result<()> {
        let RelocationTarget::Symbol(symbol) = target else {
            bail!("a reference to something else than a symbol");
        };
        let Some((section, _)) = self.address(symbol)? else {
            functions.insert(self.place(symbol, calls)?); // elsewhere
            return Ok(());
        };
        let section = self.file.section_by_index(SectionIndex(section))?;
        if section.kind() == SectionKind::Text {
            functions.insert(self.place(symbol, calls)?);
        } else if seen.insert(section.index().0) {
            for (_, relocation) in section.relocations() {
                self.add_reached(relocation.target(), calls, functions, seen)?;
            }
        }
        Ok(())
    }

    /// Where a symbol is; `None` if it is elsewhere.
    fn address(&self, symbol: SymbolIndex) -> Result<Option<Address>> {
        let symbol = self.file.symbol_by_index(symbol)?;
        // The lowest bit says that code is Thumb.
        Ok(symbol
            .section_index()
            .map(|index| (index.0, symbol.address() & !1)))
    }

    fn place(&self, symbol: SymbolIndex, calls: &mut Calls) -> Result<usize> {
        let symbol = self.file.symbol_by_index(symbol)?;
        let scope = symbol.is_local().then_some(self.position);
        Ok(calls.place(scope, symbol.name()?))
    }
}

fn uleb128(digits: &[u8]) -> Result<u64> {
    let mut value = 0;
    for (position, digit) in digits.iter().enumerate().take(9) {
        value |= u64::from(digit & 0x7f) << (7 * position);
        if digit & 0x80 == 0 {
            return Ok(value);
        }
    }
    bail!("a number without end")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions by name, frame and whom they call.
    fn calls(functions: &[(&str, u64, &[&str])]) -> Calls {
        let mut calls = Calls::default();
        for (name, frame, callees) in functions {
            let callees = callees.iter().map(|name| calls.place(None, name)).collect();
            let place = calls.place(None, name);
            calls.functions[place].frame = Some(*frame);
            calls.functions[place].calls = callees;
        }
        calls
    }

    fn above(functions: &[(&str, u64, &[&str])]) -> Vec<(String, u64)> {
        let calls = calls(functions);
        let above = calls.above_limit().into_iter();
        above
            .map(|(function, limit)| (function.name.clone(), limit))
            .collect()
    }

    #[test]
    fn a_frame_has_the_limit_of_those_who_call_it() {
        let at_their_limits: [(&str, u64, &[&str]); 4] = [
            (
                "IOT_MQTT_Yield",
                MQTT_LIMIT,
                &["drive", "iotkit::auth::sign"],
            ),
            ("IOT_SetupConnInfo", LIMIT, &["iotkit::auth::sign"]),
            ("drive", MQTT_LIMIT, &[]),
            ("iotkit::auth::sign", LIMIT, &[]),
        ];
        assert_eq!(above(&at_their_limits), []);
        let beyond = at_their_limits.map(|(name, frame, callees)| (name, frame + 8, callees));
        assert_eq!(
            above(&beyond),
            [
                ("drive".into(), MQTT_LIMIT),
                ("iotkit::auth::sign".into(), LIMIT),
                ("IOT_MQTT_Yield".into(), MQTT_LIMIT),
                ("IOT_SetupConnInfo".into(), LIMIT),
            ]
        );
    }

    #[test]
    fn the_deepest_call_goes_through_the_largest_sum() {
        let calls = calls(&[
            ("root", 8, &["wide", "long"]),
            ("wide", 40, &[]),
            ("long", 16, &["leaf", "HAL_Malloc"]),
            ("leaf", 32, &[]),
        ]);
        let mut known = BTreeMap::new();
        let root = calls.root("root").expect("it is there");
        let deepest = calls.deepest(root, &mut known).expect("there is an end");
        assert_eq!(deepest.total, 8 + 16 + 32);
        assert_eq!(deepest.next, calls.root("long").ok());
    }

    #[test]
    fn a_function_that_may_call_itself_is_refused() {
        let calls = calls(&[("root", 8, &["back"]), ("back", 8, &["root"])]);
        let root = calls.root("root").expect("it is there");
        assert!(calls.deepest(root, &mut BTreeMap::new()).is_err());
    }

    #[test]
    fn names_lose_their_type_arguments() {
        let brief = |name: &str| {
            let function = Function {
                name: name.into(),
                frame: None,
                calls: BTreeSet::new(),
            };
            function.brief()
        };
        assert_eq!(brief("IOT_MQTT_Yield"), "IOT_MQTT_Yield");
        assert_eq!(
            brief("<a::Client<b::Platform, Lent<u8>>>::drive::<fn(u8) -> b::App>"),
            "<a::Client>::drive"
        );
        assert_eq!(
            brief("<<a::Refused>::logged as FnOnce<(a::Refused,)>>::call_once"),
            "<<a::Refused>::logged as FnOnce>::call_once"
        );
    }

    #[test]
    fn sizes_have_seven_bits_a_byte() {
        assert_eq!(uleb128(&[0x08, 0xff]).ok(), Some(8));
        assert_eq!(uleb128(&[0x80, 0x08]).ok(), Some(1024));
        assert!(uleb128(&[0x80]).is_err());
    }
}
