/* HAL_Mutex*: RT-Thread's mutexes, with priority inheritance. Any thread, no interrupt. */
#include "../rtos/rtos.h"

#include "iot_import.h"

/* Returns an unlocked mutex for HAL_MutexDestroy(), or NULL when memory is short. The shell's
 * list_mutex shows it as iot0, iot1, ... */
void *HAL_MutexCreate(void)
{
    static unsigned count;
    char name[RT_NAME_MAX + 1];
    long before = iotport_guard();
    unsigned number = count++;

    iotport_unguard(before);
    rt_snprintf(name, sizeof(name), "iot%u", number % 10000);
    return rt_mutex_create(name, RT_IPC_FLAG_PRIO);
}

/* Frees an unlocked mutex; NULL is harmless. */
void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL) {
        rt_mutex_delete(mutex);
    }
}

/* Waits, for ever if need be, until the mutex is the caller's. */
void HAL_MutexLock(void *mutex)
{
    /* A signal to the thread ends a wait without the mutex. */
    while (mutex != NULL && rt_mutex_take(mutex, RT_WAITING_FOREVER) != RT_EOK) {
    }
}

/* Releases a mutex that the calling thread has locked. */
void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        rt_mutex_release(mutex);
    }
}
