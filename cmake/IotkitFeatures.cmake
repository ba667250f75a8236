# The features of V2.10's make.settings, under its names: what each means to the archive, and to the headers, which test the
# name without FEATURE_.

set(IOTKIT_PARTS "")       # Cargo features
set(IOTKIT_DEFINITIONS "") # macros of the C code that includes the headers

# iotkit_feature(NAME DEFAULT PART FUNCTION DESCRIPTION): FUNCTION stands for the feature in docs/compatibility.md, which says
# whether the library has it; PART is the Cargo feature that brings it, if there is one.
function(iotkit_feature name default part function description)
  option(${name} "${description}" ${default})
  if(NOT ${name})
    return()
  endif()
  file(STRINGS "${PROJECT_SOURCE_DIR}/docs/compatibility.md" missing REGEX "^\\| `${function}` \\| declared only")
  if(missing)
    message(FATAL_ERROR
      "iotkit: ${name} is ON, but this library does not have that yet: ${function} is declared only "
      "(docs/compatibility.md). Turn it OFF.")
  endif()
  string(REPLACE "FEATURE_" "" definition ${name})
  set(IOTKIT_PARTS ${IOTKIT_PARTS} ${part} PARENT_SCOPE)
  set(IOTKIT_DEFINITIONS ${IOTKIT_DEFINITIONS} ${definition} PARENT_SCOPE)
endfunction()

iotkit_feature(FEATURE_MQTT_COMM_ENABLED ON mqtt IOT_MQTT_Construct "MQTT")
iotkit_feature(FEATURE_MQTT_DIRECT ON "" IOT_SetupConnInfo "Connect without asking the platform over HTTPS where to")
iotkit_feature(FEATURE_MQTT_DIRECT_NOTLS OFF "" IOT_SetupConnInfo "Plain TCP: an archive without TLS")
iotkit_feature(FEATURE_MQTT_ID2_AUTH OFF id2 IOT_SetupConnInfoSecure "Layouts for ID2 security chips")
iotkit_feature(FEATURE_MQTT_SHADOW OFF "" IOT_Shadow_Construct "Device shadow")
iotkit_feature(FEATURE_OTA_ENABLED ${FEATURE_MQTT_COMM_ENABLED} ota IOT_OTA_Init "Firmware and configuration updates over MQTT")
iotkit_feature(FEATURE_HTTP_COMM_ENABLED ON http IOT_HTTP_Init "Messages over HTTPS, dynamic registration")
iotkit_feature(FEATURE_COAP_COMM_ENABLED OFF "" IOT_CoAP_Init "CoAP")
iotkit_feature(FEATURE_COAP_DTLS_SUPPORT OFF "" IOT_CoAP_Init "CoAP over DTLS")
iotkit_feature(FEATURE_SUBDEVICE_ENABLED OFF gateway IOT_Gateway_Construct "Sub-devices behind a gateway")
iotkit_feature(FEATURE_CLOUD_CONN_ENABLED OFF "" IOT_Cloud_Connection_Init "One interface to MQTT, CoAP and HTTP")
iotkit_feature(FEATURE_CMP_ENABLED ${FEATURE_OTA_ENABLED} cmp IOT_CMP_Init "CMP")
iotkit_feature(FEATURE_DM_ENABLED OFF "" linkkit_start "Thing models: dm and linkkit")
iotkit_feature(FEATURE_SERVICE_OTA_ENABLED ${FEATURE_CMP_ENABLED} service-ota get_service_ota_class "Firmware updates in CMP and linkkit")
iotkit_feature(FEATURE_SERVICE_COTA_ENABLED OFF service-cota get_config_ota_class "Remote configuration in linkkit")

# iotkit_requires(NAME OTHER...): as V2.10's build has it
function(iotkit_requires name)
  foreach(other IN LISTS ARGN)
    if(${name} AND NOT ${other})
      message(FATAL_ERROR "iotkit: ${name} requires ${other}.")
    endif()
  endforeach()
endfunction()

iotkit_requires(FEATURE_OTA_ENABLED FEATURE_MQTT_COMM_ENABLED)
iotkit_requires(FEATURE_MQTT_SHADOW FEATURE_MQTT_COMM_ENABLED)
iotkit_requires(FEATURE_MQTT_DIRECT_NOTLS FEATURE_MQTT_DIRECT)
iotkit_requires(FEATURE_COAP_DTLS_SUPPORT FEATURE_COAP_COMM_ENABLED)
iotkit_requires(FEATURE_SUBDEVICE_ENABLED FEATURE_MQTT_COMM_ENABLED)
iotkit_requires(FEATURE_CMP_ENABLED FEATURE_MQTT_COMM_ENABLED FEATURE_OTA_ENABLED)
iotkit_requires(FEATURE_DM_ENABLED FEATURE_CMP_ENABLED)
iotkit_requires(FEATURE_SERVICE_OTA_ENABLED FEATURE_CMP_ENABLED)
iotkit_requires(FEATURE_SERVICE_COTA_ENABLED FEATURE_SERVICE_OTA_ENABLED)

if(NOT FEATURE_MQTT_DIRECT)
  list(APPEND IOTKIT_PARTS guider)
endif()
if(NOT FEATURE_MQTT_DIRECT_NOTLS)
  list(APPEND IOTKIT_PARTS tls)
endif()
