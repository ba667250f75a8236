# iotkit::iot_platform and iotkit::tls: the HAL functions, written in C.

# port(NAME EXPORTED FOLDER...): a static library, iotkit::EXPORTED, of the C files in folders of ports/.
function(iotkit_port name exported)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/ports/" OUTPUT_VARIABLE patterns)
  list(TRANSFORM patterns APPEND "/*.c")
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  add_library(${name} STATIC ${sources})
  add_library(iotkit::${exported} ALIAS ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${exported} C_STANDARD 11 C_EXTENSIONS OFF)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include/v2")
  target_compile_definitions(${name} PRIVATE _POSIX_C_SOURCE=200809L)
  target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections)
endfunction()

if(IOTKIT_TLS STREQUAL "mbedtls")
  find_package(MbedTLS REQUIRED)
  iotkit_port(iot_tls tls mbedtls)
  target_link_libraries(iot_tls PUBLIC MbedTLS::mbedtls)
elseif(IOTKIT_TLS STREQUAL "rustls")
  add_library(iot_tls INTERFACE) # iotkit::iot_sdk has it inside
  add_library(iotkit::tls ALIAS iot_tls)
  set_target_properties(iot_tls PROPERTIES EXPORT_NAME tls)
elseif(NOT IOTKIT_TLS STREQUAL "none")
  message(FATAL_ERROR "iotkit: IOTKIT_TLS is '${IOTKIT_TLS}', not rustls, mbedtls or none.")
endif()

if(IOTKIT_PLATFORM)
  find_package(Threads REQUIRED)
  iotkit_port(iot_platform iot_platform common linux)
  target_link_libraries(iot_platform PUBLIC Threads::Threads)
endif()
