//! A firmware links with exactly the functions of the HAL that its features may need, the table of docs/porting.md: on this
//! machine and on a Cortex-M4, there with GNU's linker and with LLVM's. And nothing in the archive is for these two alone.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use object::{
    Endianness, elf,
    read::{
        archive::ArchiveFile,
        elf::{ElfFile32, FileHeader, SectionHeader, Sym},
    },
};
use serde_json::Value;
use tempfile::TempDir;

const BASE: &[&str] = &[
    "HAL_Malloc",
    "HAL_Free",
    "HAL_Printf",
    "HAL_GetPartnerID",
    "HAL_GetModuleID",
];

/// Beside the base.
const MQTT: &[&str] = &[
    "HAL_UptimeMs",
    "HAL_SleepMs",
    "HAL_Srandom",
    "HAL_Random",
    "HAL_MutexCreate",
    "HAL_MutexDestroy",
    "HAL_MutexLock",
    "HAL_MutexUnlock",
    "HAL_TCP_Establish",
    "HAL_TCP_Destroy",
    "HAL_TCP_Write",
    "HAL_TCP_Read",
];

/// Beside MQTT.
const TLS: &[&str] = &[
    "HAL_SSL_Establish",
    "HAL_SSL_Destroy",
    "HAL_SSL_Write",
    "HAL_SSL_Read",
];

/// Beside the base; and TCP of [`MQTT`], or [`TLS`].
const HTTP: &[&str] = &["HAL_UptimeMs", "HAL_SleepMs", "HAL_Random"];

/// Signs and logs.
const SIGNS: &str = r#"
    void *info;

    IOT_OpenLog("link");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_SetupDomain(0);
    return IOT_SetupConnInfo("key", "name", "secret", &info);
"#;

/// Uses all of MQTT.
const CONNECTS: &str = r#"
    void *info;
    iotx_mqtt_param_t params = {0};
    iotx_mqtt_topic_info_t message = {0};
    void *client;

    IOT_SetupConnInfo("key", "name", "secret", &info);
    client = IOT_MQTT_Construct(&params);
    IOT_MQTT_Subscribe(client, "/a", IOTX_MQTT_QOS1, NULL, NULL);
    IOT_MQTT_Publish(client, "/a", &message);
    IOT_MQTT_Yield(client, 100);
    IOT_MQTT_Unsubscribe(client, "/a");
    IOT_MQTT_CheckStateNormal(client);
    IOT_MQTT_Disable_Reconnect(client);
    IOT_DumpMemoryStats(IOT_LOG_DEBUG);
    return IOT_MQTT_Destroy(&client);
"#;

/// Uses all of HTTP.
const POSTS: &str = r#"
    iotx_http_param_t params = {0};
    iotx_http_message_param_t message = {0};
    void *http = IOT_HTTP_Init(&params);

    IOT_HTTP_DeviceNameAuth(http);
    IOT_HTTP_SendMessage(http, &message);
    IOT_HTTP_Disconnect(http);
    IOT_HTTP_DeInit(&http);
    return 0;
"#;

const GC: &str = "-Wl,--gc-sections";

/// Everything there is.
const WHOLE: &[&str] = &["--features", "service-ota,service-cota,rrpc,deviceinfo"];
const PLAIN: &[&str] = &["--no-default-features", "--features", "mqtt,ota,http"];
const MQTT_ALONE: &[&str] = &["--no-default-features", "--features", "mqtt"];
const MQTT_OVER_TLS: &[&str] = &["--no-default-features", "--features", "mqtt,tls"];
const HTTP_ALONE: &[&str] = &["--no-default-features", "--features", "http"];

/// Who links, and for what.
#[derive(Clone, Copy)]
struct Machine {
    compiler: &'static str,
    options: &'static [&'static str],
    /// Sources and linker script of an image, below the root.
    image: Option<(&'static str, &'static str)>,
    /// For cargo.
    target: &'static [&'static str],
    lld: bool,
}

const HOST: Machine = Machine {
    compiler: "cc",
    options: &[],
    image: None,
    target: &["--release"],
    lld: false,
};

const CORTEX_M4: Machine = Machine {
    compiler: "arm-none-eabi-gcc",
    options: &[
        "-mcpu=cortex-m4",
        "-mthumb",
        "--specs=nano.specs",
        "-nostartfiles",
    ],
    image: Some(("bench/size/start.c", "bench/size/m4.ld")),
    target: &["--profile", "small", "--target", "thumbv7em-none-eabi"],
    lld: false,
};

const CORTEX_M4_LLD: Machine = Machine {
    lld: true,
    ..CORTEX_M4
};

const MACHINES: [Machine; 3] = [HOST, CORTEX_M4, CORTEX_M4_LLD];

/// hal-19.1: whatever is in the archive, what a program does not call asks for nothing, if the linker leaves it out.
#[test]
fn signing_needs_no_network_no_time_and_no_locks() {
    for features in [WHOLE, PLAIN] {
        link(HOST, SIGNS, features, &[GC], &[BASE]);
    }
    link(CORTEX_M4, SIGNS, WHOLE, &[GC], &[BASE]);
}

/// hal-19.1: an archive of MQTT needs nothing for other parts, one without TLS none from the HAL, and neither help from the
/// linker.
#[test]
fn an_archive_of_mqtt_needs_what_mqtt_does() {
    link(HOST, CONNECTS, PLAIN, &[], &[BASE, MQTT]);
    link(HOST, CONNECTS, MQTT_OVER_TLS, &[], &[BASE, MQTT, TLS]);
    for machine in MACHINES {
        link(machine, CONNECTS, MQTT_ALONE, &[], &[BASE, MQTT]);
    }
}

/// hal-19.1: the whole archive.
#[test]
fn mqtt_over_tls_needs_nothing_else() {
    for machine in MACHINES {
        link(machine, CONNECTS, WHOLE, &[GC], &[BASE, MQTT, TLS]);
    }
}

/// hal-19.1: an archive of HTTP needs no locks.
#[test]
fn an_archive_of_http_needs_what_http_does() {
    let (_, tcp) = MQTT.split_at(8);
    link(HOST, POSTS, HTTP_ALONE, &[], &[BASE, HTTP, tcp]);
}

/// The checks above can fail.
#[test]
fn a_function_that_is_needed_is_missed() {
    let (_, needed) = MQTT.split_last().expect("there are some");
    for machine in MACHINES {
        let missing = try_link(machine, CONNECTS, MQTT_ALONE, &[], &[BASE, needed]);
        let missing = missing.expect_err("HAL_TCP_Read is needed");
        assert!(missing.contains("HAL_TCP_Read"), "{missing}");
    }
}

/// An archive of MQTT defines nothing of the other parts.
#[test]
fn a_part_that_is_left_out_is_not_there() {
    let said = try_link(HOST, POSTS, MQTT_ALONE, &[], &[BASE, MQTT, TLS]);
    let said = said.expect_err("there is no HTTP");
    assert!(said.contains("IOT_HTTP_Init"), "{said}");
}

/// For armlink and IAR's ilinkarm, which are not here to be asked: there is nothing in the archive that the ELF for the Arm
/// architecture does not have.
#[test]
fn nothing_in_the_archive_is_for_one_linker_alone() {
    let path = archive(CORTEX_M4, WHOLE);
    let data = fs::read(path).expect("it can be read");
    let archive = ArchiveFile::parse(&*data).expect("it is an archive");
    let mut special = BTreeSet::new();
    for member in archive.members() {
        let member = member.expect("there is a member");
        let bytes = member.data(&*data).expect("there is something in it");
        special.extend(specialities(bytes));
    }
    assert!(special.is_empty(), "{special:#?}");
}

#[test]
fn what_is_for_one_linker_alone_is_found() {
    let found = |text: &str, what: &str| {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let (source, object) = (folder.path().join("a.c"), folder.path().join("a.o"));
        fs::write(&source, text).expect("it can be written");
        let done = Command::new(CORTEX_M4.compiler)
            .args(["-mcpu=cortex-m4", "-mthumb", "-fPIC", "-c", "-o"])
            .args([&object, &source])
            .status();
        assert!(done.expect("the compiler starts").success());
        let special = specialities(&fs::read(object).expect("it can be read"));
        assert!(special.contains(what), "{special:#?}");
    };
    found(
        "__attribute__((weak)) int f(void); int g(void) { return f(); }",
        "weak symbol f",
    );
    found(
        "extern int v; int g(void) { return v; }",
        "relocation of type 26", // R_ARM_GOT_BREL
    );
    found(
        "__asm__(\".section .text.f,\\\"axG\\\",%progbits,f,comdat\");",
        "section .group of type 17",
    );
    found(
        "__attribute__((constructor)) void f(void) {}",
        "section .init_array of type 14",
    );
}

/// What is in an object of an archive, if it is one, beyond the common ground of linkers for Arm.
fn specialities(bytes: &[u8]) -> BTreeSet<String> {
    const SECTIONS: [elf::SectionType; 8] = [
        elf::SHT_NULL,
        elf::SHT_PROGBITS,
        elf::SHT_SYMTAB,
        elf::SHT_STRTAB,
        elf::SHT_NOBITS,
        elf::SHT_REL,
        elf::SHT_ARM_EXIDX,
        elf::SHT_ARM_ATTRIBUTES,
    ];
    const FLAGS: u64 = elf::SHF_ALLOC.0
        | elf::SHF_WRITE.0
        | elf::SHF_EXECINSTR.0
        | elf::SHF_MERGE.0
        | elf::SHF_STRINGS.0
        | elf::SHF_INFO_LINK.0
        | elf::SHF_LINK_ORDER.0;
    const SYMBOLS: [elf::SymbolType; 5] = [
        elf::STT_NOTYPE,
        elf::STT_OBJECT,
        elf::STT_FUNC,
        elf::STT_SECTION,
        elf::STT_FILE,
    ];
    /// Of code and data that stand at fixed addresses.
    const RELOCATIONS: [elf::RelocationType; 8] = [
        elf::R_ARM_NONE,
        elf::R_ARM_ABS32,
        elf::R_ARM_REL32,
        elf::R_ARM_PREL31,
        elf::R_ARM_THM_PC22, // R_ARM_THM_CALL
        elf::R_ARM_THM_JUMP24,
        elf::R_ARM_THM_MOVW_ABS_NC,
        elf::R_ARM_THM_MOVT_ABS,
    ];

    let Ok(file) = ElfFile32::<Endianness>::parse(bytes) else {
        return BTreeSet::new(); // what rustc says of the crate
    };
    let mut special = BTreeSet::new();
    let endian = file.endian();
    let sections = file
        .elf_header()
        .sections(endian, bytes)
        .expect("there are sections");
    for section in sections.iter() {
        let name = sections.section_name(endian, section).expect("a name");
        let name = String::from_utf8_lossy(name);
        let (kind, flags) = (section.sh_type(endian), section.sh_flags(endian));
        // Rust's intermediate code, which linkers drop: no part of an image.
        let dropped = flags == elf::SHF_EXCLUDE;
        if !SECTIONS.contains(&kind) {
            special.insert(format!("section {name} of type {kind}"));
        }
        if flags.0 & !FLAGS != 0 && !dropped {
            special.insert(format!("section {name} with flags {flags:#x}"));
        }
        let relocations = section.rel(endian, bytes).expect("they can be read");
        for relocation in relocations.map_or(&[][..], |(list, _)| list) {
            let kind = relocation.r_type(endian);
            if !RELOCATIONS.contains(&kind) {
                special.insert(format!("relocation of type {kind}"));
            }
        }
    }
    for symbol in file.elf_symbol_table().symbols() {
        let name = symbol.name(endian, file.elf_symbol_table().strings());
        let name = String::from_utf8_lossy(name.expect("a name"));
        if !SYMBOLS.contains(&symbol.st_type()) {
            special.insert(format!("symbol {name} of type {}", symbol.st_type()));
        }
        match symbol.st_bind() {
            elf::STB_LOCAL | elf::STB_GLOBAL => {}
            // What Rust brings along of compilers' and C's libraries: theirs will do as well.
            elf::STB_WEAK
                if symbol.st_visibility() == elf::STV_HIDDEN && !symbol.is_undefined(endian) => {}
            elf::STB_WEAK => _ = special.insert(format!("weak symbol {name}")),
            other => _ = special.insert(format!("symbol {name} of binding {other}")),
        }
    }
    special
}

/// Links a program with an archive and these functions of the HAL, no others.
#[track_caller]
fn link(machine: Machine, body: &str, features: &[&str], options: &[&str], hal: &[&[&str]]) {
    if let Err(said) = try_link(machine, body, features, options, hal) {
        panic!("{} {features:?} {options:?}: {said}", machine.compiler);
    }
}

fn try_link(
    machine: Machine,
    body: &str,
    features: &[&str],
    options: &[&str],
    hal: &[&[&str]],
) -> Result<(), String> {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let program = folder.path().join("program.c");
    let text = format!(
        "#include <stdlib.h>\n#include \"iot_import.h\"\n#include \"iot_export.h\"\n\n\
         int main(void)\n{{{body}}}\n"
    );
    fs::write(&program, text).expect("it can be written");
    // For the linker a function is a name.
    let functions = folder.path().join("hal.c");
    let text: String = hal
        .iter()
        .flat_map(|names| names.iter())
        .map(|name| format!("void {name}(void);\nvoid {name}(void) {{}}\n"))
        .collect();
    fs::write(&functions, text).expect("it can be written");

    let mut command = Command::new(machine.compiler);
    command
        .arg("-I")
        .arg(root().join("include/v2"))
        .args(machine.options)
        .args([&program, &functions])
        .arg(archive(machine, features))
        .args(options)
        .arg("-o")
        .arg(folder.path().join("program"));
    if let Some((source, script)) = machine.image {
        command.arg(root().join(source));
        command.arg("-T").arg(root().join(script));
    }
    if machine.lld {
        command.arg("-fuse-ld=lld").arg("-B").arg(lld());
    }
    let output = command.output().expect("the compiler starts");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The folder with LLVM's linker, which comes with Rust.
fn lld() -> PathBuf {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .expect("rustc starts");
    let libraries = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    let folder = Path::new(libraries.trim()).with_file_name("bin/gcc-ld");
    assert!(folder.join("ld.lld").exists(), "{}", folder.display());
    folder
}

/// Builds `libiot_sdk.a`, as it is given to firmwares.
fn archive(machine: Machine, features: &[&str]) -> PathBuf {
    // The next build, with other features, puts its own in the same place.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);

    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = [machine.target, features].concat().concat();
    let kept = kept.join(format!("libiot_sdk{name}.a"));
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["rustc", "--quiet", "--package", "iotkit-capi"])
        .args(["--lib", "--crate-type", "staticlib"])
        .args(machine.target)
        .args(features)
        .args(["--message-format", "json-render-diagnostics"])
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let built = messages
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("cargo writes JSON"))
        .filter_map(|message| Some(message["filenames"].as_array()?.clone()))
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.ends_with("libiot_sdk.a"))
        .expect("cargo says where the archive is");
    // Another test may be linking with the last one.
    let new = kept.with_extension("new");
    fs::copy(&built, &new).expect("it can be copied");
    fs::rename(&new, &kept).expect("it can be put in place");
    kept
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
