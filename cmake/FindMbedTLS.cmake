# Finds mbedTLS 2.28 or 3.x and defines MbedTLS::mbedtls: from the package that mbedTLS 3 installs, else from the header
# and the libraries alone, which is all that 2.28 has.

if(TARGET MbedTLS::mbedtls)
  set(MbedTLS_FOUND TRUE)
  return()
endif()
if(TARGET mbedtls) # built as a part of this project
  add_library(MbedTLS::mbedtls ALIAS mbedtls)
  set(MbedTLS_FOUND TRUE)
  return()
endif()
find_package(MbedTLS CONFIG QUIET)
if(TARGET MbedTLS::mbedtls)
  return()
endif()

find_path(MbedTLS_INCLUDE_DIR mbedtls/ssl.h)
foreach(part mbedtls mbedx509 mbedcrypto)
  find_library(MbedTLS_${part}_LIBRARY ${part})
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MbedTLS REQUIRED_VARS
  MbedTLS_mbedtls_LIBRARY MbedTLS_mbedx509_LIBRARY MbedTLS_mbedcrypto_LIBRARY MbedTLS_INCLUDE_DIR)
if(MbedTLS_FOUND)
  add_library(MbedTLS::mbedtls UNKNOWN IMPORTED)
  set_target_properties(MbedTLS::mbedtls PROPERTIES
    IMPORTED_LOCATION "${MbedTLS_mbedtls_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MbedTLS_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${MbedTLS_mbedx509_LIBRARY};${MbedTLS_mbedcrypto_LIBRARY}")
endif()
