/* HAL_Mutex*: FreeRTOS' mutexes, with priority inheritance, not recursive. Any task, no interrupt. */
#include "iot_import.h"

#include "FreeRTOS.h"
#include "semphr.h"

/* Returns an unlocked mutex for HAL_MutexDestroy(), or NULL when memory is short. */
void *HAL_MutexCreate(void)
{
    return xSemaphoreCreateMutex();
}

/* Frees an unlocked mutex; NULL is harmless. */
void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL) {
        vSemaphoreDelete((SemaphoreHandle_t)mutex);
    }
}

/* Waits, for ever if need be, until the mutex is the caller's. */
void HAL_MutexLock(void *mutex)
{
    /* Without INCLUDE_vTaskSuspend, portMAX_DELAY has an end. */
    while (mutex != NULL && xSemaphoreTake((SemaphoreHandle_t)mutex, portMAX_DELAY) != pdTRUE) {
    }
}

/* Releases a mutex that the calling task has locked. */
void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        xSemaphoreGive((SemaphoreHandle_t)mutex);
    }
}
