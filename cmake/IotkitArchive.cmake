# iotkit::iot_sdk: libiot_sdk.a, built by cargo.

find_program(IOTKIT_CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
if(NOT IOTKIT_CARGO)
  message(FATAL_ERROR "iotkit: cargo was not found. Install Rust (https://rustup.rs), or set IOTKIT_CARGO.")
endif()

# What the C compiler is given: what a toolchain file, the command line or the project around this one says.
get_directory_property(flags COMPILE_OPTIONS)
string(GENEX_STRIP "${flags}" flags)
separate_arguments(given UNIX_COMMAND "${CMAKE_C_FLAGS}")
list(PREPEND flags ${given})
if(CMAKE_C_COMPILER_TARGET)
  list(APPEND flags "--target=${CMAKE_C_COMPILER_TARGET}")
endif()
if(CMAKE_SYSROOT)
  list(APPEND flags "--sysroot=${CMAKE_SYSROOT}")
endif()
set(triple "${IOTKIT_RUST_TARGET}")
if(CMAKE_CROSSCOMPILING AND NOT triple)
  include(IotkitRustTarget)
  iotkit_rust_target(triple "${CMAKE_C_COMPILER}" ${flags})
  if(NOT triple)
    message(FATAL_ERROR
      "iotkit: which Rust target is '${CMAKE_SYSTEM_NAME}' on '${CMAKE_SYSTEM_PROCESSOR}'? ${triple_reason}. "
      "Set IOTKIT_RUST_TARGET to a triple of `rustc --print target-list`, such as thumbv7em-none-eabihf.")
  endif()
  message(STATUS "iotkit: Rust target ${triple}")
endif()

set(features ${IOTKIT_PARTS} ${IOTKIT_FEATURES})
# An archive with TLS inside has symbols, and a standard library, that one without has not: they keep apart.
set(kind "")
if(IOTKIT_TLS STREQUAL "rustls")
  if(FEATURE_MQTT_DIRECT_NOTLS)
    message(FATAL_ERROR "iotkit: FEATURE_MQTT_DIRECT_NOTLS is ON, but IOTKIT_TLS is rustls, not none.")
  endif()
  list(APPEND features tls-rustls)
  set(kind /iotkit-rustls)
endif()
list(REMOVE_DUPLICATES features)
string(REPLACE ";" "," features "${features}")

set(arguments rustc --locked --package iotkit-capi --lib --crate-type staticlib --profile ${IOTKIT_PROFILE}
  --no-default-features --features "${features}" --target-dir "${IOTKIT_CARGO_TARGET_DIR}")
set(folder "${IOTKIT_CARGO_TARGET_DIR}")
set(environment "")
if(triple)
  list(APPEND arguments --target ${triple})
  string(APPEND folder "/${triple}")
  # The C parts of the archive, with the compiler of this build and its flags; crate `cc` reads these names. What it would
  # choose for the target itself could contradict them: a core, to compilers, is not just its architecture.
  string(REPLACE "-" "_" suffix ${triple})
  set(level -O2)
  if(IOTKIT_PROFILE STREQUAL "small")
    set(level -Os)
  endif()
  list(PREPEND flags ${level} -ffunction-sections -fdata-sections)
  if(hosted)
    list(PREPEND flags -fPIC)
  endif()
  string(REPLACE ";" " " flags "${flags}")
  set(environment ${CMAKE_COMMAND} -E env CRATE_CC_NO_DEFAULTS=1
    "CC_${suffix}=${CMAKE_C_COMPILER}" "AR_${suffix}=${CMAKE_AR}" "CFLAGS_${suffix}=${flags}")
endif()
if(IOTKIT_PROFILE STREQUAL "dev") # cargo's own exception
  string(APPEND folder "/debug")
else()
  string(APPEND folder "/${IOTKIT_PROFILE}")
endif()
set(IOTKIT_ARCHIVE "${CMAKE_CURRENT_BINARY_DIR}/lib${kind}/libiot_sdk.a")

# Cargo's folder may be shared with builds of other features, which it puts in the same place, so this build keeps a copy.
set(keep "${CMAKE_COMMAND}" -E copy_if_different "${folder}/libiot_sdk.a" "${IOTKIT_ARCHIVE}")
if(NOT hosted AND CMAKE_NM)
  set(keep "${CMAKE_COMMAND}" "-DFROM=${folder}/libiot_sdk.a" "-DTO=${IOTKIT_ARCHIVE}" "-DNM=${CMAKE_NM}" "-DAR=${CMAKE_AR}"
    -P "${CMAKE_CURRENT_LIST_DIR}/leave_to_toolchain.cmake")
endif()

# Runs each time: what is out of date, cargo knows.
add_custom_target(iotkit_cargo ALL
  COMMAND ${environment} "${IOTKIT_CARGO}" ${arguments}
  COMMAND ${keep}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  BYPRODUCTS "${IOTKIT_ARCHIVE}"
  COMMENT "Building libiot_sdk.a with cargo (${IOTKIT_PROFILE}; ${features})"
  USES_TERMINAL VERBATIM)

# What a firmware's macros decided in V2.10 is decided by the archive's features, and its headers must agree.
set(macro_of_id2 MQTT_ID2_AUTH)
set(macro_of_service-ota SERVICE_OTA_ENABLED)
set(macro_of_service-cota SERVICE_COTA_ENABLED)
set(macro_of_rrpc RRPC_ENABLED)
set(macro_of_deviceinfo DEVICEINFO_ENABLED)
set(macro_of_gateway GATEWAY_SUPPORT)
set(macro_of_rrpc-new RRPC_NEW)
set(macro_of_cmp-threads CMP_SUPPORT_MULTI_THREAD)
foreach(feature IN LISTS IOTKIT_FEATURES)
  if(DEFINED macro_of_${feature})
    list(APPEND IOTKIT_DEFINITIONS ${macro_of_${feature}})
  endif()
endforeach()
list(REMOVE_DUPLICATES IOTKIT_DEFINITIONS)

set(IOTKIT_ARCHIVE_NEEDS "")
if(IOTKIT_TLS STREQUAL "rustls") # Rust's standard library comes with it
  find_package(Threads REQUIRED)
  set(IOTKIT_ARCHIVE_NEEDS Threads::Threads ${CMAKE_DL_LIBS} m)
endif()

# Imported, so that it keeps its place before the ports on the link line.
add_library(iotkit::iot_sdk STATIC IMPORTED GLOBAL)
add_dependencies(iotkit::iot_sdk iotkit_cargo)
set_target_properties(iotkit::iot_sdk PROPERTIES
  IMPORTED_LOCATION "${IOTKIT_ARCHIVE}"
  INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include/v2"
  INTERFACE_COMPILE_DEFINITIONS "${IOTKIT_DEFINITIONS}"
  INTERFACE_LINK_LIBRARIES "${IOTKIT_HAL_TARGET};${IOTKIT_ARCHIVE_NEEDS}")
