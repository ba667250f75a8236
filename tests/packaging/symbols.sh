#!/bin/sh
# Which HAL_* functions the archives define: none, so that any port links beside them; with TLS inside, HAL_SSL_* alone.
set -eu
cd "$(dirname "$0")/../.."

BUILD=${BUILD:-target/packaging}

# symbols: what the archive built last defines. nm also remarks on each member without symbols: not wanted here.
symbols() {
    nm --defined-only "$BUILD/cargo/debug/libiot_sdk.a" 2>/dev/null
}

# defined FEATURE...: the HAL_* functions that an archive with those features defines, on one line
defined() {
    cargo build --quiet --locked --package iotkit-capi --target-dir "$BUILD/cargo" "$@" >&2
    symbols | sed -n 's/^[0-9a-f]* [A-Za-z] \(HAL_.*\)/\1/p' | sort | tr '\n' ' '
}

# expect NAME EXPECTED ACTUAL
expect() {
    if [ "$2" != "$3" ]; then
        echo "FAIL $1 defines '$3', not '$2'"
        exit 1
    fi
    echo "pass $1"
}

plain=$(defined)
# nm sees symbols at all: else an empty answer would prove nothing.
symbols | grep -q " T IOT_OpenLog$"
expect "the plain archive" "" "$plain"
expect "the archive with tls-rustls" "HAL_SSL_Destroy HAL_SSL_Establish HAL_SSL_Read HAL_SSL_Write " \
    "$(defined --features tls-rustls)"
