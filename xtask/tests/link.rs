//! A firmware links with exactly the functions of the HAL that its features may need: the table of docs/porting.md.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use tempfile::TempDir;

const BASE: &[&str] = &[
    "HAL_Malloc",
    "HAL_Free",
    "HAL_Printf",
    "HAL_Snprintf",
    "HAL_Vsnprintf",
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

const GC: &str = "-Wl,--gc-sections";

/// hal-19.1: whatever is in the archive, what a program does not call asks for nothing, if the linker leaves it out.
#[test]
fn signing_needs_no_network_no_time_and_no_locks() {
    for features in [&[][..], &["--no-default-features"]] {
        link(SIGNS, features, &[GC], &[BASE]);
    }
}

/// hal-19.1: an archive without TLS needs none from the HAL, and no help from the linker.
#[test]
fn mqtt_over_tcp_needs_no_tls() {
    link(CONNECTS, &["--no-default-features"], &[], &[BASE, MQTT]);
}

/// hal-19.1: the whole archive.
#[test]
fn mqtt_over_tls_needs_nothing_else() {
    link(CONNECTS, &[], &[], &[BASE, MQTT, TLS]);
    link(CONNECTS, &[], &[GC], &[BASE, MQTT, TLS]);
}

/// The check above can fail.
#[test]
fn a_function_that_is_needed_is_missed() {
    let (_, needed) = MQTT.split_last().expect("there are some");
    let missing = try_link(CONNECTS, &["--no-default-features"], &[], &[BASE, needed]);
    let missing = missing.expect_err("HAL_TCP_Read is needed");
    assert!(missing.contains("HAL_TCP_Read"), "{missing}");
}

/// Links a program with an archive and these functions of the HAL, no others.
#[track_caller]
fn link(body: &str, features: &[&str], options: &[&str], hal: &[&[&str]]) {
    if let Err(said) = try_link(body, features, options, hal) {
        panic!("{features:?} {options:?}: {said}");
    }
}

fn try_link(
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

    let output = Command::new("cc")
        .arg("-I")
        .arg(root().join("include/v2"))
        .args([&program, &functions, &archive(features)])
        .args(options)
        .arg("-o")
        .arg(folder.path().join("program"))
        .output()
        .expect("cc starts");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Builds `libiot_sdk.a`, as it is given to firmwares.
fn archive(features: &[&str]) -> PathBuf {
    // The next build, with other features, puts its own in the same place.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);

    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["rustc", "--quiet", "--release", "--package", "iotkit-capi"])
        .args(["--lib", "--crate-type", "staticlib"])
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
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = kept.join(format!("libiot_sdk{}.a", features.concat()));
    fs::copy(&built, &kept).expect("it can be copied");
    kept
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
