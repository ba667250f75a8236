/* A stand-in: what the port and the samples use of RT-Thread's kernel, for compiling them without it. */
#ifndef RTTHREAD_H
#define RTTHREAD_H

#include <stddef.h>
#include <stdint.h>

#ifndef RT_VER_NUM
#define RT_VER_NUM 0x40000
#endif
#ifndef RT_ALIGN_SIZE
#define RT_ALIGN_SIZE 4
#endif
#define RT_NAME_MAX 8
#define RT_TICK_PER_SECOND 100
#define RT_THREAD_PRIORITY_MAX 32

#define RT_EOK 0
#define RT_IPC_FLAG_PRIO 1
#define RT_WAITING_FOREVER (-1)

typedef long rt_base_t;
typedef long rt_err_t;
typedef uint8_t rt_uint8_t;
typedef uint32_t rt_uint32_t;
typedef int32_t rt_int32_t;
typedef size_t rt_size_t;
typedef uint32_t rt_tick_t;
typedef struct rt_mutex *rt_mutex_t;
typedef struct rt_thread *rt_thread_t;

void *rt_malloc(rt_size_t size);
void rt_free(void *block);
void *rt_malloc_align(rt_size_t size, rt_size_t align);
void rt_free_align(void *block);

rt_mutex_t rt_mutex_create(const char *name, rt_uint8_t flag);
rt_err_t rt_mutex_delete(rt_mutex_t mutex);
rt_err_t rt_mutex_take(rt_mutex_t mutex, rt_int32_t time);
rt_err_t rt_mutex_release(rt_mutex_t mutex);

rt_tick_t rt_tick_get(void);
rt_err_t rt_thread_delay(rt_tick_t tick);
rt_thread_t rt_thread_create(const char *name, void (*entry)(void *parameter), void *parameter, rt_uint32_t stack_size,
                             rt_uint8_t priority, rt_uint32_t tick);
rt_err_t rt_thread_startup(rt_thread_t thread);
void rt_enter_critical(void);
void rt_exit_critical(void);

void rt_kputs(const char *text);
int rt_snprintf(char *buf, rt_size_t size, const char *format, ...);

#endif
