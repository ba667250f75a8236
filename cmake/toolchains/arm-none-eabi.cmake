# Cross builds for Cortex-M with Debian's gcc-arm-none-eabi; for a Cortex-M4 without its FPU, which needs
# `rustup target add thumbv7em-none-eabi`:
#
#   cmake -B build-m4 -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/arm-none-eabi.cmake -DCMAKE_C_FLAGS=-mcpu=cortex-m4
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_C_FLAGS_INIT -mthumb)
# A program does not link without the linker script of its own.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
