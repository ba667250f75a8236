#include "check.h"
#include "hal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int passed, failed;

void check_that(int holds, const char *what, const char *file, int line)
{
    pthread_mutex_lock(&lock);
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED %s:%d: %s\n", file, line, what);
        fflush(stdout);
    }
    pthread_mutex_unlock(&lock);
}

void check_int(long actual, long expected, const char *what, const char *file, int line)
{
    char text[400];

    snprintf(text, sizeof(text), "%s is %ld, not %ld", what, actual, expected);
    check_that(actual == expected, text, file, line);
}

void check_step(const char *name)
{
    char line[16];

    printf("step %s\n", name);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        printf("FAILED nobody answered step %s\n", name);
        exit(1);
    }
}

int check_end(void)
{
    CHECK_INT(hal_bytes(), 0);
    CHECK_INT(hal_mutexes(), 0);
    printf("%d checks passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
