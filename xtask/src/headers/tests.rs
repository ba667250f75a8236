use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use syn::{punctuated::Punctuated, token::Comma};

use super::*;

/// The header for a Rust file, without banner and guard.
fn render(header: &Header, rust: &str) -> String {
    let text = header.render(rust).expect("a header");
    let (_, text) = text.split_once("#define SAMPLE_H\n\n").expect("a guard");
    let text = text.strip_suffix("#endif /* SAMPLE_H */\n");
    text.expect("the end of the guard").trim_end().to_owned()
}

fn sample(rust: &str) -> String {
    render(&header(""), rust)
}

/// An entry of `headers.toml`, with these lines in it.
fn header(lines: &str) -> Header {
    let text = format!("path = \"exports/sample.h\"\nrust = \"v2/sample.rs\"\n{lines}");
    toml::from_str(&text).expect("an entry")
}

/// Functions as they stand in a header.
fn in_c(functions: &str) -> String {
    let start = "#ifdef __cplusplus\nextern \"C\" {\n#endif /* __cplusplus */\n\n";
    let end = "\n\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif /* __cplusplus */";
    format!("{start}{functions}{end}")
}

#[test]
fn a_header_says_where_it_comes_from_and_is_read_once() {
    let header =
        header("system = [\"stdint.h\"]\ninclude = [\"other.h\"]\nbefore = \"B\"\nafter = \"A\"");
    let text = header
        .render("/// One.\npub const ONE: i32 = 1;")
        .expect("a header");
    assert_eq!(
        text,
        "/* SPDX-License-Identifier: Apache-2.0 */\n\
         /* Generated from capi/src/v2/sample.rs: change that, then run `cargo xtask headers`. */\n\
         \n#ifndef SAMPLE_H\n#define SAMPLE_H\n\
         \n#include <stdint.h>\n\
         \n#include \"other.h\"\n\
         \nB\n\
         \n/** One. */\n#define ONE 1\n\
         \nA\n\
         \n#endif /* SAMPLE_H */\n"
    );
}

#[test]
fn a_negative_constant_can_stand_in_an_expression() {
    assert_eq!(
        sample("/// None.\npub const NONE: c_int = -1;"),
        "/** None. */\n#define NONE (-1)"
    );
}

#[test]
fn a_text_constant_is_quoted_for_c() {
    assert_eq!(
        sample("/// A \"format\".\npub const FORMAT: &CStr = c\"/sys/%s\\n\";"),
        "/** A \"format\". */\n#define FORMAT \"/sys/%s\\n\""
    );
}

#[test]
fn a_firmware_may_define_an_overridable_constant_itself() {
    assert_eq!(
        render(
            &header("overridable = true"),
            "/// In ms.\npub const TIMEOUT: c_int = 5000;"
        ),
        "/** In ms. */\n#ifndef TIMEOUT\n#define TIMEOUT 5000\n#endif"
    );
}

#[test]
fn a_function_looks_the_same_whether_it_is_implemented_or_not() {
    let declared = "unsafe extern \"C\" {
        /// Adds.
        ///
        /// @param a  a number
        pub fn add(a: c_int, b: *const c_char) -> c_int;
    }";
    let implemented = "
        /// Adds.
        ///
        /// @param a  a number
        #[unsafe(no_mangle)]
        pub unsafe extern \"C\" fn add(a: c_int, b: *const c_char) -> c_int {
            let _: &str = \"a body, with types that C does not have\";
            a
        }";
    let header =
        in_c("/**\n * Adds.\n *\n * @param a  a number\n */\nint add(int a, const char *b);");
    assert_eq!(sample(declared), header);
    assert_eq!(sample(implemented), header);
}

#[test]
fn a_function_that_is_not_public_or_not_for_c_is_left_out() {
    let rust = "
        /// For the shim.
        #[unsafe(no_mangle)]
        extern \"C\" fn shim() {}
        /// For Rust.
        pub fn rust(text: &str) {}
        /// For C.
        #[unsafe(no_mangle)]
        pub extern \"C\" fn c() {}";
    assert_eq!(sample(rust), in_c("/** For C. */\nvoid c(void);"));
}

#[test]
fn a_safety_section_becomes_preconditions() {
    let sentence = "
        /// Copies.
        ///
        /// # Safety
        ///
        /// `from` is readable, and `to` is
        /// writable.
        #[unsafe(no_mangle)]
        pub unsafe extern \"C\" fn copy(from: *const c_void, to: *mut c_void) {}";
    assert_eq!(
        sample(sentence),
        in_c(
            "/**\n * Copies.\n *\n * @pre `from` is readable, and `to` is\n *      writable.\n */\n\
             void copy(const void *from, void *to);"
        )
    );
    let list = "
        /// Copies.
        ///
        /// # Safety
        ///
        /// - `from` is readable
        /// - `to` is writable
        #[unsafe(no_mangle)]
        pub unsafe extern \"C\" fn copy(from: *const c_void, to: *mut c_void) {}";
    assert_eq!(
        sample(list),
        in_c(
            "/**\n * Copies.\n *\n * @pre `from` is readable\n * @pre `to` is writable\n */\n\
             void copy(const void *from, void *to);"
        )
    );
}

#[test]
fn an_unused_argument_loses_its_mark_and_a_documented_name_stays() {
    let rust = "
        /// Nothing.
        ///
        /// @param _self  the object
        #[unsafe(no_mangle)]
        pub unsafe extern \"C\" fn nothing(_self: *mut c_void, _option: *mut c_void) {}";
    assert_eq!(
        sample(rust),
        in_c(
            "/**\n * Nothing.\n *\n * @param _self  the object\n */\n\
             void nothing(void *_self, void *option);"
        )
    );
}

#[test]
fn an_enum_that_c_passes_prints_as_the_enum() {
    let rust = "
        /// A level.
        #[repr(C)]
        pub enum level_t {
            /// Low.
            LOW = 0,
        }
        unsafe extern \"C\" {
            /// Sets it.
            pub fn set(level: MaybeUninit<level_t>);
        }";
    let header =
        "/** A level. */\ntypedef enum level_t {\n    /** Low. */\n    LOW = 0,\n} level_t;\n\n";
    assert_eq!(
        sample(rust),
        header.to_owned() + &in_c("/** Sets it. */\nvoid set(enum level_t level);")
    );
}

#[test]
fn a_feature_becomes_the_macro_of_a_firmware() {
    let rust = "unsafe extern \"C\" {
        /// Always.
        pub fn always();
        /// Sometimes.
        #[cfg(all(feature = \"service-ota\", not(feature = \"cmp-threads\")))]
        pub fn sometimes();
    }";
    assert_eq!(
        sample(rust),
        in_c(
            "/** Always. */\nvoid always(void);\n\n\
             #if (defined(SERVICE_OTA_ENABLED) && !defined(CMP_SUPPORT_MULTI_THREAD))\n\
             /** Sometimes. */\nvoid sometimes(void);\n#endif"
        )
    );
}

#[test]
fn members_with_a_condition_end_inside_it_and_stand_together() {
    let rust = "
        /// A class.
        #[repr(C)]
        pub struct class_t {
            /// Size.
            pub size: c_int,
            /// First tag.
            #[cfg(feature = \"deviceinfo\")]
            pub first: c_int,
            /// Second tag.
            #[cfg(feature = \"deviceinfo\")]
            pub second: c_int,
            /// Without.
            #[cfg(not(feature = \"rrpc\"))]
            pub call: c_int,
            /// With.
            #[cfg(feature = \"rrpc\")]
            pub call: *mut c_void,
        }";
    assert_eq!(
        sample(rust),
        "/** A class. */\ntypedef struct class_t {\n    /** Size. */\n    int size;\n\
         #if defined(DEVICEINFO_ENABLED)\n    /** First tag. */\n    int first;\n\
         \x20   /** Second tag. */\n    int second;\n#endif\n\
         #if !defined(RRPC_ENABLED)\n    /** Without. */\n    int call;\n\
         #else\n    /** With. */\n    void *call;\n#endif\n} class_t;"
    );
}

#[test]
fn a_file_with_a_condition_makes_a_header_with_one() {
    assert_eq!(
        sample("#![cfg(feature = \"service-ota\")]\n/// One.\npub const ONE: i32 = 1;"),
        "#ifdef SERVICE_OTA_ENABLED\n\n/** One. */\n#define ONE 1\n\n#endif /* SERVICE_OTA_ENABLED */"
    );
}

#[test]
fn a_part_that_may_be_left_out_is_declared_all_the_same() {
    let function = "#[unsafe(no_mangle)] pub extern \"C\" fn f() {}";
    assert_eq!(
        sample(&format!("#[cfg(feature = \"http\")] {function}")),
        sample(function)
    );
}

#[test]
fn a_feature_without_a_macro_is_refused() {
    for rust in [
        "#![cfg(feature = \"gateway\")]\npub const ONE: i32 = 1;",
        "unsafe extern \"C\" { #[cfg(all(feature = \"rrpc\", feature = \"gateway\"))] pub fn f(); }",
        "#[repr(C)] pub struct s_t { #[cfg(not(feature = \"gateway\"))] pub member: c_int }",
    ] {
        let error = header("")
            .render(rust)
            .expect_err("no macro stands for this feature");
        assert!(format!("{error:#}").contains("gateway"), "{error:#}");
    }
}

/// The macros that a `cfg` asks for, as v2.10.json writes them.
fn macros(condition: &Meta) -> BTreeSet<String> {
    match condition {
        Meta::NameValue(pair) => {
            let Expr::Lit(ExprLit {
                lit: Lit::Str(feature),
                ..
            }) = &pair.value
            else {
                panic!("a feature is a text");
            };
            let mut features = FEATURES.iter();
            let known = features.find(|(known, _)| *known == feature.value());
            BTreeSet::from([known.expect("a feature with a macro").1.to_owned()])
        }
        Meta::List(list) if list.path.is_ident("not") => {
            let inner = list.parse_args().expect("not() holds one condition");
            macros(&inner)
                .into_iter()
                .map(|name| format!("!{name}"))
                .collect()
        }
        Meta::List(list) => {
            assert!(list.path.is_ident("all"), "only all() and not()");
            let inner = list.parse_args_with(Punctuated::<Meta, Comma>::parse_terminated);
            inner.expect("conditions").iter().flat_map(macros).collect()
        }
        Meta::Path(_) => panic!("only features"),
    }
}

fn conditions(attributes: &[Attribute]) -> BTreeSet<String> {
    let conditions = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg") && !of_a_part(attribute));
    let conditions = conditions.map(|attribute| attribute.parse_args().expect("a condition"));
    conditions
        .flat_map(|condition| macros(&condition))
        .collect()
}

/// `abi_check.py` looks with all macros defined: this looks at what each function needs of them.
#[test]
fn each_function_is_there_under_the_macros_of_v2_10() {
    let mut ours = BTreeMap::<String, Vec<BTreeSet<String>>>::new();
    for rust in table()
        .expect("headers.toml")
        .into_iter()
        .filter_map(|header| header.rust)
    {
        let file = syn::parse_file(&read_rust(&rust).expect("a file")).expect("Rust");
        let whole = conditions(&file.attrs);
        let mut add = |name: &Ident, attributes: &[Attribute]| {
            let needed: BTreeSet<_> = conditions(attributes).union(&whole).cloned().collect();
            ours.entry(name.to_string()).or_default().push(needed);
        };
        for item in &file.items {
            match item {
                Item::Fn(function) if public(&function.vis) => {
                    add(&function.sig.ident, &function.attrs)
                }
                Item::ForeignMod(block) => block.items.iter().for_each(|item| match item {
                    ForeignItem::Fn(function) => add(&function.sig.ident, &function.attrs),
                    _ => panic!("{rust} declares something else than functions"),
                }),
                _ => {}
            }
        }
    }

    let facts = fs::read_to_string(root().join("tests/abi/v2.10.json")).expect("the facts");
    let facts: Value = serde_json::from_str(&facts).expect("JSON");
    let functions = facts["functions"].as_object().expect("functions");
    assert!(functions.len() > 150, "{}", functions.len());
    for (name, fact) in functions {
        let needed = fact["only_if"].as_array().into_iter().flatten();
        let needed: BTreeSet<_> = needed
            .map(|name| name.as_str().expect("a macro").to_owned())
            .collect();
        match ours.get(name).map(Vec::as_slice) {
            None => panic!("{name} is not declared"),
            Some([ours]) => assert_eq!(*ours, needed, "{name}"),
            // Two forms of one function, with and without a macro.
            Some(forms) => {
                assert_eq!(forms.len(), 2, "{name}");
                assert!(
                    needed.is_empty() && forms[0].is_disjoint(&forms[1]),
                    "{name}: {forms:?}"
                );
            }
        }
    }
}
