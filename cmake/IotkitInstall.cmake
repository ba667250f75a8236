# `cmake --install`: headers, archives, and the package for find_package(iotkit).

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/iotkit")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/v2/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/iotkit")
install(FILES "${IOTKIT_ARCHIVE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")

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

set(include_dir "${CMAKE_INSTALL_INCLUDEDIR}/iotkit")
set(archive "${CMAKE_INSTALL_LIBDIR}/libiot_sdk.a")
configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/iotkitConfig.cmake.in" "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" PATH_VARS include_dir archive)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/iotkitConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/iotkitConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindMbedTLS.cmake"
  DESTINATION "${package_dir}")
