#!/bin/sh
# Builds and runs the consumer project in each way that CMake offers, with both TLS ports. Needs cmake, a C compiler,
# cargo and libmbedtls-dev. BUILD is where everything goes; PROFILE is cargo's profile.
set -eu
cd "$(dirname "$0")"

BUILD=${BUILD:-../../target/packaging}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)
options="-DIOTKIT_PROFILE=${PROFILE:-dev} -DIOTKIT_CARGO_TARGET_DIR=$BUILD/cargo"

# consumer NAME OPTION...: configures, builds, runs
consumer() {
    echo "== $1"
    out=$BUILD/$1
    shift
    rm -rf "$out"
    # shellcheck disable=SC2086 # several options
    cmake -S cmake -B "$out" $options "$@" >"$BUILD/log" 2>&1 || fail
    cmake --build "$out" >"$BUILD/log" 2>&1 || fail
    IOTKIT_RESOLVE=aliyuncs.com=127.0.0.1:1 "$out/consumer" | tee "$BUILD/log"
    grep -q "^consumer: linked" "$BUILD/log"
}

# install TLS: to $BUILD/prefix-TLS
install() {
    echo "== install, $1"
    rm -rf "$BUILD/iotkit-$1" "$BUILD/prefix-$1"
    # shellcheck disable=SC2086 # several options
    cmake -S ../.. -B "$BUILD/iotkit-$1" $options -DIOTKIT_TLS="$1" >"$BUILD/log" 2>&1 || fail
    cmake --build "$BUILD/iotkit-$1" >"$BUILD/log" 2>&1 || fail
    cmake --install "$BUILD/iotkit-$1" --prefix "$BUILD/prefix-$1" >"$BUILD/log" 2>&1 || fail
}

fail() {
    cat "$BUILD/log"
    exit 1
}

consumer subdirectory -DHOW=subdirectory
consumer subdirectory-mbedtls -DHOW=subdirectory -DIOTKIT_TLS=mbedtls
consumer fetch -DHOW=fetch
for tls in rustls mbedtls; do
    install $tls
    # What is installed is enough, wherever it is moved to.
    rm -rf "$BUILD/iotkit-$tls" "$BUILD/moved-$tls"
    mv "$BUILD/prefix-$tls" "$BUILD/moved-$tls"
    consumer installed-$tls -DHOW=installed -DCMAKE_PREFIX_PATH="$BUILD/moved-$tls"
done
echo "all linked"
