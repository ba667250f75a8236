# iotkit::iot_sdk: libiot_sdk.a, built by cargo.

find_program(IOTKIT_CARGO cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
if(NOT IOTKIT_CARGO)
  message(FATAL_ERROR "iotkit: cargo was not found. Install Rust (https://rustup.rs), or set IOTKIT_CARGO.")
endif()
if(CMAKE_CROSSCOMPILING AND NOT IOTKIT_RUST_TARGET)
  message(FATAL_ERROR "iotkit: set IOTKIT_RUST_TARGET to the Rust target triple for ${CMAKE_SYSTEM_PROCESSOR}.")
endif()

set(features ${IOTKIT_FEATURES})
if(IOTKIT_TLS STREQUAL "rustls")
  list(APPEND features tls-rustls)
endif()
string(REPLACE ";" "," features "${features}")

set(arguments build --locked --package iotkit-capi --profile ${IOTKIT_PROFILE} --target-dir "${IOTKIT_CARGO_TARGET_DIR}")
set(folder "${IOTKIT_CARGO_TARGET_DIR}")
set(environment "")
if(features)
  list(APPEND arguments --features ${features})
endif()
if(IOTKIT_RUST_TARGET)
  list(APPEND arguments --target ${IOTKIT_RUST_TARGET})
  string(APPEND folder "/${IOTKIT_RUST_TARGET}")
  # The C parts of the archive, with the compiler of this build; crate `cc` reads these names.
  string(REPLACE "-" "_" suffix ${IOTKIT_RUST_TARGET})
  set(environment ${CMAKE_COMMAND} -E env "CC_${suffix}=${CMAKE_C_COMPILER}" "AR_${suffix}=${CMAKE_AR}")
endif()
if(IOTKIT_PROFILE STREQUAL "dev") # cargo's own exception
  set(IOTKIT_ARCHIVE "${folder}/debug/libiot_sdk.a")
else()
  set(IOTKIT_ARCHIVE "${folder}/${IOTKIT_PROFILE}/libiot_sdk.a")
endif()

# Runs each time: what is out of date, cargo knows.
add_custom_target(iotkit_cargo ALL
  COMMAND ${environment} "${IOTKIT_CARGO}" ${arguments}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  BYPRODUCTS "${IOTKIT_ARCHIVE}"
  COMMENT "Building libiot_sdk.a with cargo (${IOTKIT_PROFILE})"
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
set(IOTKIT_DEFINITIONS "")
foreach(feature IN LISTS IOTKIT_FEATURES)
  if(DEFINED macro_of_${feature})
    list(APPEND IOTKIT_DEFINITIONS ${macro_of_${feature}})
  endif()
endforeach()

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
  INTERFACE_LINK_LIBRARIES "${IOTKIT_ARCHIVE_NEEDS}")
