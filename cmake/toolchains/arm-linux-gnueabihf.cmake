# Cross builds for 32-bit Arm Linux with Debian's gcc-arm-linux-gnueabihf, and
# `rustup target add armv7-unknown-linux-gnueabihf`:
#
#   cmake -B build-arm -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/arm-linux-gnueabihf.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
