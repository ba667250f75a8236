# `cmake --install`: headers, archives, and the packages for find_package(iotkit) and pkg-config.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/iotkit")
set(include_dir "${CMAKE_INSTALL_INCLUDEDIR}/iotkit")
set(archive_dir "${CMAKE_INSTALL_LIBDIR}${kind}")
set(archive "${archive_dir}/libiot_sdk.a")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/v2/" DESTINATION "${include_dir}")
install(FILES "${IOTKIT_ARCHIVE}" DESTINATION "${archive_dir}")

set(ports "")
foreach(port iot_tls iot_platform)
  if(TARGET ${port})
    list(APPEND ports ${port})
  endif()
endforeach()
set(IOTKIT_HAS_PORTS OFF)
if(ports)
  set(IOTKIT_HAS_PORTS ON)
  install(TARGETS ${ports} EXPORT iotkit ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT iotkit NAMESPACE iotkit:: FILE iotkitPorts.cmake DESTINATION "${package_dir}")
endif()

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/iotkitConfig.cmake.in" "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" PATH_VARS include_dir archive)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/iotkitConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindMbedTLS.cmake"
  DESTINATION "${package_dir}")

# For pkg-config: in link order, what is installed here, and behind it what that needs of the system.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH prefix_from_pc "/${pc_dir}" "/")
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
set(pc_definitions "")
foreach(definition IN LISTS IOTKIT_DEFINITIONS)
  string(APPEND pc_definitions " -D${definition}")
endforeach()
set(pc_libs "-L\${libdir} -liot_sdk")
if(kind)
  set(pc_libs "-L\${libdir}${kind} ${pc_libs}")
endif()
set(pc_libs_private "")
if(IOTKIT_TLS STREQUAL "mbedtls")
  string(APPEND pc_libs " -liot_tls")
  string(APPEND pc_libs_private " -lmbedtls -lmbedx509 -lmbedcrypto")
endif()
if(IOTKIT_PLATFORM)
  string(APPEND pc_libs " -liot_platform")
  string(APPEND pc_libs_private " -lpthread")
endif()
if(IOTKIT_TLS STREQUAL "rustls")
  string(APPEND pc_libs_private " -ldl -lm")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/iotkit.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/iotkit.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/iotkit.pc" DESTINATION "${pc_dir}")
