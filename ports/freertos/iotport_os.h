/* FreeRTOS, from 10 on, with the sockets of lwIP, from 2.1 on, for the files of ../rtos.
 *
 * IOTPORT_PRODUCT_KEY and the other texts of ../rtos/rtos.h come from the compiler's command line or
 * from FreeRTOSConfig.h. */
#ifndef IOTKIT_PORT_FREERTOS_OS_H
#define IOTKIT_PORT_FREERTOS_OS_H

#include "FreeRTOS.h"
#include "task.h"

#include "lwip/netdb.h"
#include "lwip/sockets.h"

#if !LWIP_COMPAT_SOCKETS || !LWIP_SOCKET_POLL || !LWIP_DNS
#error "lwipopts.h: LWIP_COMPAT_SOCKETS, LWIP_SOCKET_POLL and LWIP_DNS have to be 1"
#endif

#endif
