/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from capi/src/v2/iot_export_errno.rs: change that, then run `cargo xtask headers`. */

#ifndef IOT_EXPORT_ERRNO_H
#define IOT_EXPORT_ERRNO_H

/**
 * Platform: the product has no such device. The same number as `ERROR_DSL_PARSE_IDENTIFIER_IS_NULL`, which no Rust
 * enum can hold twice.
 */
#define ERROR_DSL_DEVICE_NOT_EXIST_IN_PRODUCT (-6321)

/**
 * What functions return on failure. Those of the platform are defined for applications that pass its answers on.
 */
typedef enum IOT_RETURN_CODES {
    /** Success. */
    SUCCESS_RETURN = 0,
    /** Failure, for no reason listed here. */
    FAIL_RETURN = -1,
    /** A required argument is `NULL` or empty, or there is no such handle. */
    NULL_VALUE_ERROR = -2,
    /** HTTP: the server closed the connection. */
    ERROR_HTTP_CLOSED = -3,
    /** HTTP: the request failed. */
    ERROR_HTTP = -4,
    /** HTTP: the server broke the protocol. */
    ERROR_HTTP_PRTCL = -5,
    /** HTTP: the host name has no address. */
    ERROR_HTTP_UNRESOLVED_DNS = -6,
    /** HTTP: the URL or the answer cannot be read. */
    ERROR_HTTP_PARSE = -7,
    /** HTTP: connecting failed. */
    ERROR_HTTP_CONN = -8,
    /** A required argument is `NULL`. */
    ERROR_NULL_VALUE = -9,
    /** HTTP: the transfer was broken off. */
    ERROR_HTTP_BREAK = -10,
    /** Nothing is stored. */
    ERROR_NO_PERSISTENCE = -11,
    /** Not supported. */
    ERROR_NO_SUPPORT = -12,
    /** MQTT: an acknowledgement of the wrong type. */
    MQTT_PUBLISH_ACK_TYPE_ERROR = -13,
    /** MQTT: sending or receiving failed; the connection is lost. */
    MQTT_NETWORK_ERROR = -14,
    /** MQTT: malformed UNSUBACK. */
    MQTT_UNSUBSCRIBE_ACK_PACKET_ERROR = -15,
    /** MQTT: malformed PUBREL. */
    MQTT_PUBLISH_REL_PACKET_ERROR = -16,
    /** MQTT: malformed PUBREC. */
    MQTT_PUBLISH_REC_PACKET_ERROR = -17,
    /** MQTT: malformed PUBCOMP. */
    MQTT_PUBLISH_COMP_PACKET_ERROR = -18,
    /** MQTT: malformed PUBACK. */
    MQTT_PUBLISH_ACK_PACKET_ERROR = -19,
    /** MQTT: messages are published with QoS 0 or 1 only. */
    MQTT_PUBLISH_QOS_ERROR = -20,
    /** MQTT: the message does not fit the write buffer. */
    MQTT_PUBLISH_PACKET_ERROR = -21,
    /** MQTT: UNSUBSCRIBE does not fit the write buffer. */
    MQTT_UNSUBSCRIBE_PACKET_ERROR = -22,
    /** MQTT: no such QoS to subscribe with. */
    MQTT_SUBSCRIBE_QOS_ERROR = -23,
    /** MQTT: the server refused a subscription. */
    MQTT_SUBSCRIBE_ACK_FAILURE = -24,
    /** MQTT: malformed SUBACK. */
    MQTT_SUBSCRIBE_ACK_PACKET_ERROR = -25,
    /** MQTT: SUBSCRIBE does not fit the write buffer. */
    MQTT_SUBSCRIBE_PACKET_ERROR = -26,
    /** MQTT: not connected. */
    MQTT_STATE_ERROR = -27,
    /** MQTT: the transport did not connect. */
    MQTT_NETWORK_CONNECT_ERROR = -28,
    /** MQTT: malformed CONNACK. */
    MQTT_CONNECT_ACK_PACKET_ERROR = -29,
    /** MQTT: CONNECT does not fit the write buffer. */
    MQTT_CONNECT_PACKET_ERROR = -30,
    /** MQTT: PINGREQ was not sent. */
    MQTT_PING_PACKET_ERROR = -31,
    /** MQTT: no thread could be made. */
    MQTT_CREATE_THREAD_ERROR = -32,
    /** MQTT: connecting failed. */
    MQTT_CONNECT_ERROR = -33,
    /** MQTT: the server refuses this device (CONNACK 5). */
    MQTT_CONNACK_NOT_AUTHORIZED_ERROR = -34,
    /** MQTT: wrong user name or password (CONNACK 4). */
    MQTT_CONNACK_BAD_USERDATA_ERROR = -35,
    /** MQTT: the server is unavailable (CONNACK 3). */
    MQTT_CONNACK_SERVER_UNAVAILABLE_ERROR = -36,
    /** MQTT: the server refuses the client id (CONNACK 2). */
    MQTT_CONNACK_IDENTIFIER_REJECTED_ERROR = -37,
    /** MQTT: the server does not speak this version (CONNACK 1). */
    MQTT_CONANCK_UNACCEPTABLE_PROTOCOL_VERSION_ERROR = -38,
    /** MQTT: a CONNACK code that the protocol does not know. */
    MQTT_CONNACK_UNKNOWN_ERROR = -39,
    /** Reconnecting took too long. */
    NETWORK_RECONNECT_TIMED_OUT_ERROR = -40,
    /** MQTT: not a valid topic or filter. */
    MQTT_TOPIC_FORMAT_ERROR = -41,
    /** MQTT: too much is unacknowledged, or there is no memory. */
    MQTT_PUSH_TO_LIST_ERROR = -42,
    /** MQTT: an acknowledgement of nothing that was sent. */
    MQTT_SUB_INFO_NOT_FOUND_ERROR = -43,
    /** Network: the host name has no address. */
    ERROR_NET_UNKNOWN_HOST = -300,
    /** Network: not connected. */
    ERROR_NET_CONN = -301,
    /** Network: sending failed. */
    ERROR_NET_SEND = -302,
    /** Network: receiving failed. */
    ERROR_NET_RECV = -303,
    /** Network: listening failed. */
    ERROR_NET_LISTEN = -304,
    /** Network: the local address cannot be used. */
    ERROR_NET_BIND = -305,
    /** Network: connecting failed. */
    ERROR_NET_CONNECT = -306,
    /** Network: no socket. */
    ERROR_NET_SOCKET = -307,
    /** Network: the timeout cannot be set. */
    ERROR_NET_SETOPT_TIMEOUT = -308,
    /** Network: the server's certificate is not trusted. */
    ERROR_CERT_VERIFY_FAIL = -309,
    /** Network: nothing arrived in time. */
    ERROR_NET_TIMEOUT = -310,
    /** The device does not exist. */
    ERROR_DEVICE_NOT_EXSIT = -311,
    /** Not enough memory. */
    ERROR_NO_ENOUGH_MEM = -1013,
    /** An allocation failed. */
    ERROR_MALLOC = -1014,
    /** A certificate has expired. */
    ERROR_CERTIFICATE_EXPIRED = -1015,
    /** No memory. */
    ERROR_NO_MEM = -1016,
    /** Gateway: not enough memory. */
    ERROR_SUBDEV_MEMORY_NOT_ENOUGH = -1479,
    /** Gateway: the sub-device's session is in another state. */
    ERROR_SUBDEV_SESSION_STATE_FAIL = -1480,
    /** Gateway: subscribing or unsubscribing failed. */
    ERROR_SUBDEV_SUB_UNSUB_FAIL = -1481,
    /** Gateway: the sub-device is logged in already. */
    ERROR_SUBDEV_HAS_BEEN_LOGIN = -1482,
    /** Gateway: no such clean-session type. */
    ERROR_SUBDEV_INVALID_CLEAN_SESSION_TYPE = -1483,
    /** Gateway: no session could be made. */
    ERROR_SUBDEV_CREATE_SESSION_FAIL = -1484,
    /** Gateway: the reply cannot be read. */
    ERROR_SUBDEV_REPLY_PARSE_FAIL = -1485,
    /** Gateway: publishing failed. */
    ERROR_SUBDEV_MQTT_PUBLISH_FAIL = -1486,
    /** Gateway: the request could not be built. */
    ERROR_SUBDEV_PACKET_SPLICE_FAIL = -1487,
    /** Gateway: no such way to register. */
    ERROR_SUBDEV_REGISTER_TYPE_NOT_DEF = -1488,
    /** Gateway: the reply lacks a value or has a wrong one. */
    ERROR_SUBDEV_REPLY_VAL_CHECK = -1489,
    /** Gateway: a reply on a topic of something else. */
    ERROR_SUBDEV_REPLY_TOPIC_NOT_MATCH = -1490,
    /** Gateway: the reply was not handled. */
    ERROR_SUBDEV_REPLY_PROC = -1491,
    /** Gateway: the message is too long. */
    ERROR_SUBDEV_MSG_LEN = -1492,
    /** Gateway: the data does not fit. */
    ERROR_SUBDEV_DATA_LEN_OVERFLOW = -1493,
    /** Gateway: the JSON lacks a value. */
    ERROR_SUBDEV_GET_JSON_VAL = -1494,
    /** Gateway: no such kind of reply. */
    ERROR_SUBDEV_REPLY_TYPE_NOT_DEF = -1495,
    /** Gateway: a handler of remote calls is registered already. */
    ERROR_SUBDEV_RRPC_CB_NOT_NULL = -1496,
    /** Gateway: no such sub-device is logged in. */
    ERROR_SUBDEV_SESSION_NOT_FOUND = -1497,
    /** Gateway: no such gateway. */
    ERROR_SUBDEV_INVALID_GATEWAY_HANDLE = -1498,
    /** Gateway: a text argument is `NULL` or empty. */
    ERROR_SUBDEV_STRING_NULL_VALUE = -1499,
    /** Gateway: an argument that must be `NULL` is not. */
    ERROR_SUBDEV_NOT_NULL_VALUE = -1500,
    /** Gateway: a required argument is `NULL`. */
    ERROR_SUBDEV_NULL_VALUE = -1501,
    /** Shadow: not possible in this state. */
    ERROR_SHADOW_INVALID_STATE = -2000,
    /** Shadow: too many requests are unanswered. */
    ERROR_SHADOW_WAIT_LIST_OVERFLOW = -2001,
    /** Shadow: the attribute is registered already. */
    ERROR_SHADOW_ATTR_EXIST = -2002,
    /** Shadow: the attribute is not registered. */
    ERROR_SHADOW_ATTR_NO_EXIST = -2003,
    /** Shadow: the document has no such attribute. */
    ERROR_SHADOW_NO_ATTRIBUTE = -2004,
    /** Shadow: the server refused the update. */
    ERROR_SHADOW_UPDATE_NACK = -2005,
    /** Shadow: the server did not answer the update in time. */
    ERROR_SHADOW_UPDATE_TIMEOUT = -2006,
    /** Shadow: no such data type. */
    ERROR_SHADOW_UNDEF_TYPE = -2007,
    /** Shadow: the document has no method. */
    ERROR_SHADOW_NO_METHOD = -2008,
    /** Platform: the device did not reply in time. */
    ERROR_REPLY_TIMEOUT = -6099,
    /** Platform: no such device. */
    ERROR_DEVICE_NOT_FOUND = -6100,
    /** Platform: the page is too large. */
    ERROR_TOO_LARGE_PAGE_SIZE = -6101,
    /** Platform: counting devices failed. */
    ERROR_DEVICE_COUNT_FAULT = -6102,
    /** Platform: reading a device's details failed. */
    ERROR_DEVICE_DETAIL_FAULT = -6103,
    /** Platform: the list is too long. */
    ERROR_TOO_LARGE_LIST_SIZE = -6104,
    /** Platform: the list is empty. */
    ERROR_LIST_SIZE_CANNOT_BE_ZERO = -6105,
    /** Platform: the map is too large. */
    ERROR_TOO_LARGE_MAP_SIZE = -6106,
    /** Platform: the map is empty. */
    ERROR_MAP_SIZE_CANNOT_BE_ZERO = -6107,
    /** Platform: reading a device's status failed. */
    ERROR_DEVICE_STATUS_FAULT = -6108,
    /** Platform: reading a device's information failed. */
    ERROR_DEVICE_INFO_FAULT = -6109,
    /** Platform: setting properties failed. */
    ERROR_SET_THING_PROPERTIES_ERROR = -6150,
    /** Platform: calling a service failed. */
    ERROR_INVOKE_THING_SERVICE_ERROR = -6151,
    /** Platform: the product has no data conversion script. */
    ERROR_SCRIPT_REL_NOT_EXIST = -6200,
    /** Platform: the conversion script returned nothing. */
    ERROR_SCRIPT_CONVERT_DATA_IS_NULL = -6201,
    /** Platform: the device's product does not exist. */
    ERROR_DEVICE_PRODUCT_NOT_EXIST = -6202,
    /** Platform: no such topic. */
    ERROR_TOPIC_NOT_EXIST = -6203,
    /** Platform: the device is disabled. */
    ERROR_DEVICE_IS_DISABLED = -6204,
    /** Platform: the message was not handled. */
    ERROR_IOT_MESSAGE_ERROR = -6205,
    /** Platform: the product has no such property. */
    ERROR_PRODUCT_PROPERTY_NOT_EXIST = -6206,
    /** Platform: the data has the wrong format. */
    ERROR_DATA_FORMAT_ERROR = -6207,
    /** Platform: the thing is prohibited. */
    ERROR_THING_STATUS_PROHIBITED = -6208,
    /** Platform: the thing is not activated. */
    ERROR_THING_STATUS_NOT_ACTIVE = -6209,
    /** Platform: no such product. */
    ERROR_PRODUCT_NOT_FOUND = -6250,
    /** Platform: the device exists already. */
    ERROR_DEVICE_EXISTS = -6251,
    /** Platform: checking whether the device exists failed. */
    ERROR_JUDGE_DEVICE_EXISTS_ERROR = -6252,
    /** Platform: adding the device failed. */
    ERROR_ADD_DEVICE_FAILED = -6253,
    /** Platform: updating the device failed. */
    ERROR_UPDATE_DEVICE_FAILED = -6254,
    /** Platform: adding a device-group relation failed. */
    ERROR_INSERT_DGR_FAILED = -6255,
    /** Platform: synchronising the device failed. */
    ERROR_SYN_DEVICE_FAILED = -6256,
    /** Platform: the product's domain is not allowed. */
    ERROR_PRODUCT_DOMAIN_ILLEGAL = -6257,
    /** Platform: the tenant id is not allowed. */
    ERROR_TENANID_ILLEGAL = -6258,
    /** Platform: the product's region is not allowed. */
    ERROR_PRODUCT_REGION_ILLEGAL = -6259,
    /** Platform: the product's network type is not allowed. */
    ERROR_PRODUCT_NETTYPE_ILLEGAL = -6260,
    /** Platform: storing the application for devices failed. */
    ERROR_INSERT_DEVICE_APPLY_DETAIL_FAILED = -6261,
    /** Platform: updating the application for devices failed. */
    ERROR_UPDATE_DEVICE_APPLY_STATUS_FAILED = -6262,
    /** Platform: deleting a device-group relation failed. */
    ERROR_DELERE_DGR_FAILED = -6263,
    /** Platform: deleting the device failed. */
    ERROR_DELETE_DEVICE_FAILED = -6264,
    /** Platform: querying a device's details failed. */
    ERROR_QUERY_DEVICE_DETAIL_FAILED = -6265,
    /** Platform: querying the number of devices failed. */
    ERROR_QUERY_DEVICE_COUNT_FAILED = -6266,
    /** Platform: querying the number of active devices failed. */
    ERROR_QUERY_ACTIVE_DEVICE_COUNT_FAILED = -6267,
    /** Platform: adding an application-group relation failed. */
    ERROR_INSERT_AGR_FAILED = -6268,
    /** Platform: querying the application for devices failed. */
    ERROR_QUERY_DEVICE_APPLY_FAILED = -6269,
    /** Platform: querying the product failed. */
    ERROR_QUERY_PRODUCT_FAILED = -6270,
    /** Platform: no such application for devices. */
    ERROR_DEVICE_APPLY_NOT_FOUND = -6271,
    /** Platform: releasing the device's credentials failed. */
    ERROR_RELEASE_TRIAD_FAILED = -6272,
    /** Platform: updating the details of an application for devices failed. */
    ERROR_UPDATE_DAD_STATUS_FAILED = -6273,
    /** Platform: registering a LoRa device failed. */
    ERROR_REG_LORA_DEVICE_FAILED = -6274,
    /** Platform: synchronising the devices applied for failed. */
    ERROR_SYN_APPLY_DEVICE_FAILED = -6275,
    /** Platform: querying device-group relations failed. */
    ERROR_QUERY_DGR_FAILED = -6276,
    /** Platform: checking a device-group relation failed. */
    ERROR_JUDGE_DGR_FAILED = -6277,
    /** Platform: querying application-group relations failed. */
    ERROR_QUERY_AGR_FAILED = -6278,
    /** Platform: checking an application-group relation failed. */
    ERROR_JUDGE_AGR_FAILED = -6279,
    /** Platform: the device name breaks the rules. */
    ERROR_DEVICENAME_NOT_MEET_SPECS = -6280,
    /** Platform: deleting a device applied for failed. */
    ERROR_DELETE_APPLY_DEVICE_FAILED = -6281,
    /** Platform: no device id could be made. */
    ERROR_GEN_DEVICEID_FAILED = -6282,
    /** Platform: the application for devices is not allowed. */
    ERROR_APPLY_ILLEGAL = -6283,
    /** Platform: wrong method for a LoRa device. */
    ERROR_LORA_DEVICE_METHOD_ERROR = -6284,
    /** Platform: the application for devices is not finished. */
    ERROR_APPLY_NOT_READY = -6285,
    /** Thing description: no such method. */
    ERROR_DSL_PARSE_METHOD_NOT_EXIST = -6300,
    /** Thing description: the parameters have the wrong format. */
    ERROR_DSL_PARSE_PARAMS_FORMAT_ERROR = -6301,
    /** Thing description: a parameter is empty. */
    ERROR_DSL_PARSE_PARAMS_VALUE_EMPTY = -6302,
    /** Thing description: the wrong number of parameters. */
    ERROR_DSL_PARSE_PARAMS_NUMBER_ERROR = -6303,
    /** Thing description: a parameter is missing. */
    ERROR_DSL_PARSE_PARAMS_NOT_EXIST = -6304,
    /** Thing description: a parameter has the wrong type. */
    ERROR_DSL_PARSE_PARAMS_TYPE_ERROR = -6305,
    /** Thing description: wrong limits of an int. */
    ERROR_DSL_PARSE_INT_SPECS_ERROR = -6306,
    /** Thing description: wrong limits of a float. */
    ERROR_DSL_PARSE_FLOAT_SPECS_ERROR = -6307,
    /** Thing description: wrong description of a bool. */
    ERROR_DSL_PARSE_BOOL_SPECS_ERROR = -6308,
    /** Thing description: wrong description of an enum. */
    ERROR_DSL_PARSE_ENUM_SPECS_ERROR = -6309,
    /** Thing description: wrong limits of a text. */
    ERROR_DSL_PARSE_STRING_SPECS_ERROR = -6310,
    /** Thing description: wrong description of a date. */
    ERROR_DSL_PARSE_DATE_SPECS_ERROR = -6311,
    /** Thing description: wrong description of a struct. */
    ERROR_DSL_PARSE_STRUCT_SPECS_ERROR = -6312,
    /** Thing description: the service is not available. */
    ERROR_DSL_SERVICE_NOT_AVAILABLE = -6313,
    /** Thing description: a data type cannot be read. */
    ERROR_DSL_PARSE_DATA_TYPE_PARSE_ERROR = -6314,
    /** Thing description: the data does not match the description. */
    ERROR_DATA_NOT_SATISFY_DSL = -6315,
    /** Thing description: a limit is not a number. */
    ERROR_DSL_PARSE_SPECS_NUMBER_FORMAT_ERROR = -6316,
    /** Thing description: the template cannot be read. */
    ERROR_DSL_PARSE_TEMPLATE_ERROR = -6317,
    /** Thing description: handling the description failed. */
    ERROR_DSL_EXCEPTION = -6318,
    /** Thing description: wrong call type of an event. */
    ERROR_DSL_PARSE_EVENT_CALL_TYPE_ERROR = -6319,
    /** Thing description: there are no properties. */
    ERROR_DSL_PARSE_NO_PROPERTY = -6320,
    /** Thing description: an identifier is missing. */
    ERROR_DSL_PARSE_IDENTIFIER_IS_NULL = -6321,
    /** Thing description: wrong limits of a double. */
    ERROR_DSL_PARSE_DOUBLE_SPECS_ERROR = -6322,
    /** Platform: storing an event failed. */
    ERROR_EVENT_PUT_ERROR = -6350,
    /** Platform: storing a service call failed. */
    ERROR_SERVICE_PUT_ERROR = -6351,
    /** Platform: reading a device's events failed. */
    ERROR_DEVICE_GET_EVENT_FAULT = -6352,
    /** Platform: the product has this element already. */
    ERROR_PRODUCT_KEY_ELEMENT_ALREADY_EXIST = -6353,
    /** Platform: the gateway has too many sub-devices. */
    ERROR_TOPO_RELATION_COUNT_EXCEED = -6400,
    /** Platform: not a sub-device of this gateway. */
    ERROR_TOPO_RELATION_NOT_EXIST = -6401,
    /** Platform: a gateway cannot be its own sub-device. */
    ERROR_TOPO_RELATION_CANNOT_ADD_BYSELF = -6402,
    /** Platform: no such Alink method. */
    ERROR_ALINK_METHOD_NOT_EXIST = -6450,
    /** Platform: no such device group. */
    ERROR_DEVICE_GROUP_NOT_FOUND = -6550,
} IOT_RETURN_CODES;

/** What functions return on failure. */
typedef enum IOT_RETURN_CODES iotx_err_t;

#endif /* IOT_EXPORT_ERRNO_H */
