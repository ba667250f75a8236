/* RT-Thread, from 4.0.0 on, for the files of ../rtos. Needs SAL with POSIX names, and poll(). */
#ifndef IOTKIT_PORT_RTTHREAD_OS_H
#define IOTKIT_PORT_RTTHREAD_OS_H

#include <rtthread.h>

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#if RT_VER_NUM >= 0x40100
#include <poll.h>
#include <sys/ioctl.h>
#else
#include <dfs_poll.h>
#include <rtlibc.h>
#endif

/* What menuconfig was told. */
#ifdef PKG_USING_ALI_IOTKIT_PRODUCT_KEY
#define IOTPORT_PRODUCT_KEY PKG_USING_ALI_IOTKIT_PRODUCT_KEY
#endif
#ifdef PKG_USING_ALI_IOTKIT_DEVICE_NAME
#define IOTPORT_DEVICE_NAME PKG_USING_ALI_IOTKIT_DEVICE_NAME
#endif
#ifdef PKG_USING_ALI_IOTKIT_DEVICE_SECRET
#define IOTPORT_DEVICE_SECRET PKG_USING_ALI_IOTKIT_DEVICE_SECRET
#endif
#ifdef PKG_USING_ALI_IOTKIT_PRODUCT_SECRET
#define IOTPORT_PRODUCT_SECRET PKG_USING_ALI_IOTKIT_PRODUCT_SECRET
#endif
#ifdef PKG_USING_ALI_IOTKIT_FIRMWARE_VERSION
#define IOTPORT_FIRMWARE_VERSION PKG_USING_ALI_IOTKIT_FIRMWARE_VERSION
#endif
#ifdef PKG_USING_ALI_IOTKIT_RESOLVE
#define IOTPORT_RESOLVE PKG_USING_ALI_IOTKIT_RESOLVE
#endif

#endif
