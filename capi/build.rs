//! Compiles the functions with variable arguments, `shim/*.c`, for the target; `cc` finds its
//! compiler (`CC_<target>` and `CFLAGS_<target>` say otherwise). The objects become members of the
//! static library.

fn main() {
    println!("cargo::rerun-if-changed=shim");
    cc::Build::new()
        .files([
            "shim/lite_format.c",
            "shim/lite_json.c",
            "shim/lite_malloc.c",
            "shim/lite_syslog.c",
            "shim/object.c",
            "shim/restart.c",
        ])
        .std("c99")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .flag("-Wpedantic")
        .compile("iotkit_shim");
}
