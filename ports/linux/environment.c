/* Settings are the environment's, and what is theirs is covered by one mutex. */
#include "port.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char *iotport_setting(const char *name)
{
    return getenv(name);
}

long iotport_guard(void)
{
    return pthread_mutex_lock(&lock);
}

void iotport_unguard(long before)
{
    (void)before;
    pthread_mutex_unlock(&lock);
}
