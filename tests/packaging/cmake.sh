#!/bin/sh
# Builds and runs a project that uses iotkit in each way there is: the three of CMake, pkg-config, with either TLS port, with a
# HAL of the project's own, and for other machines by a toolchain file. Needs cmake, C compilers, cargo, pkg-config,
# libmbedtls-dev and qemu-user-static. BUILD is where everything goes; PROFILE is cargo's profile.
set -eu
cd "$(dirname "$0")"

BUILD=${BUILD:-../../target/packaging}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)
ROOT=$(cd ../.. && pwd)
options="-DIOTKIT_PROFILE=${PROFILE:-dev} -DIOTKIT_CARGO_TARGET_DIR=$BUILD/cargo"
passed=0

# configure SOURCE NAME OPTION...: to $BUILD/NAME
configure() {
    source=$1
    out=$BUILD/$2
    echo "== $2"
    shift 2
    rm -rf "$out"
    # shellcheck disable=SC2086 # several options
    cmake -S "$source" -B "$out" $options "$@" >"$BUILD/log" 2>&1
}

# build SOURCE NAME OPTION...
build() {
    configure "$@" && cmake --build "$out" >"$BUILD/log" 2>&1 || fail
}

# run PROGRAM...
run() {
    IOTKIT_RESOLVE=aliyuncs.com=127.0.0.1:1 "$@" | tee "$BUILD/log"
    grep -q "^consumer: linked" "$BUILD/log" && pass
}

# consumer NAME OPTION...: configures, builds, runs
consumer() {
    build cmake "$@"
    run "$out/consumer"
}

# install TLS: to $BUILD/moved-TLS; what is installed is enough, wherever it is moved to
install() {
    build "$ROOT" "iotkit-$1" -DIOTKIT_TLS="$1"
    rm -rf "$BUILD/prefix-$1" "$BUILD/moved-$1"
    cmake --install "$out" --prefix "$BUILD/prefix-$1" >"$BUILD/log" 2>&1 || fail
    rm -rf "$out"
    mv "$BUILD/prefix-$1" "$BUILD/moved-$1"
}

# refused TEXT OPTION...: configuring fails and says so, however the lines are broken
refused() {
    text=$1
    shift
    if configure "$ROOT" refused "$@"; then
        echo "FAIL $*: not refused"
        exit 1
    fi
    tr -s ' \n' ' ' <"$BUILD/log" | grep -q "$text" || fail
    pass
}

pass() {
    passed=$((passed + 1))
}

fail() {
    cat "$BUILD/log"
    exit 1
}

cmake -P targets.cmake >"$BUILD/log" 2>&1 || fail
pass

consumer subdirectory -DHOW=subdirectory
consumer subdirectory-mbedtls -DHOW=subdirectory -DIOTKIT_TLS=mbedtls
tar -C "$ROOT" -czf "$BUILD/iotkit.tar.gz" --exclude=./target --exclude=./.git .
consumer fetch -DHOW=fetch -DURL="file://$BUILD/iotkit.tar.gz"
for tls in rustls mbedtls; do
    install $tls
    consumer installed-$tls -DHOW=installed -DCMAKE_PREFIX_PATH="$BUILD/moved-$tls"

    echo "== pkg-config-$tls"
    PKG_CONFIG_PATH=$(dirname "$(find "$BUILD/moved-$tls" -name iotkit.pc)")
    export PKG_CONFIG_PATH
    # shellcheck disable=SC2046 # several options
    cc -Wall -Wextra -Werror $(pkg-config --cflags iotkit) cmake/main.c -o "$BUILD/pkg-config-$tls" \
        $(pkg-config --static --libs iotkit) >"$BUILD/log" 2>&1 || fail
    run "$BUILD/pkg-config-$tls"
done

build own_hal own-hal -DHAL="$(echo "$ROOT"/ports/common/*.c "$ROOT"/ports/linux/*.c | tr ' ' ';')"
run "$out/consumer"

build cmake arm-linux -DHOW=subdirectory -DFEATURE_MQTT_DIRECT_NOTLS=ON \
    -DCMAKE_TOOLCHAIN_FILE="$ROOT/cmake/toolchains/arm-linux-gnueabihf.cmake"
run qemu-arm-static -L /usr/arm-linux-gnueabihf "$out/consumer"

# Its compiler does not take the core beside the architecture.
build "$ROOT" cortex-a7 -DCMAKE_TOOLCHAIN_FILE="$ROOT/cmake/toolchains/arm-none-eabi.cmake" \
    -DCMAKE_C_FLAGS=-mcpu=cortex-a7
pass

image=$ROOT/bench/size
build own_hal cortex-m4 -DHAL="$image/hal_stub.c" -DIMAGE="$image/start.c" -DIOTKIT_PROFILE=small \
    -DIMAGE_OPTIONS="-nostartfiles;--specs=nano.specs;-T;$image/m4.ld" \
    -DCMAKE_TOOLCHAIN_FILE="$ROOT/cmake/toolchains/arm-none-eabi.cmake" -DCMAKE_C_FLAGS=-mcpu=cortex-m4
arm-none-eabi-nm --defined-only "$out/iotkit/lib/libiot_sdk.a" >"$BUILD/log" 2>/dev/null
grep -q " T IOT_MQTT_Construct$" "$BUILD/log" || fail
! grep " memcpy$" "$BUILD/log" || fail        # left to the C library
! grep " IOT_HTTP_Init$" "$BUILD/log" || fail # turned off
pass

refused "FEATURE_CLOUD_CONN_ENABLED is ON, but this library does not have that yet" -DFEATURE_CLOUD_CONN_ENABLED=ON
refused "FEATURE_OTA_ENABLED requires FEATURE_MQTT_COMM_ENABLED" \
    -DFEATURE_MQTT_COMM_ENABLED=OFF -DFEATURE_OTA_ENABLED=ON
refused "Set IOTKIT_RUST_TARGET" -DCMAKE_TOOLCHAIN_FILE="$ROOT/cmake/toolchains/arm-none-eabi.cmake" \
    -DCMAKE_C_FLAGS=-mcpu=cortex-m0
echo "$passed passed, 0 failed"
