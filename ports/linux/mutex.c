/* HAL_Mutex*: plain POSIX mutexes, not recursive. Any thread. */
#include "iot_import.h"

#include <pthread.h>

/* Returns an unlocked mutex for HAL_MutexDestroy(), or NULL when memory is short. */
void *HAL_MutexCreate(void)
{
    pthread_mutex_t *mutex = HAL_Malloc(sizeof(*mutex));

    if (mutex != NULL && pthread_mutex_init(mutex, NULL) != 0) {
        HAL_Free(mutex);
        mutex = NULL;
    }
    return mutex;
}

/* Frees an unlocked mutex; NULL is harmless. */
void HAL_MutexDestroy(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_destroy(mutex);
        HAL_Free(mutex);
    }
}

/* Waits, for ever if need be, until the mutex is the caller's. */
void HAL_MutexLock(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_lock(mutex);
    }
}

/* Releases a mutex that the calling thread has locked. */
void HAL_MutexUnlock(void *mutex)
{
    if (mutex != NULL) {
        pthread_mutex_unlock(mutex);
    }
}
