#include "check.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LATE_MS 800
#define TEST_SECONDS 60

static int failures;
static int failed_here;
static const char *skipped;

void check(int holds, const char *what, const char *file, int line)
{
    if (!holds) {
        printf("  %s:%d: %s does not hold\n", file, line, what);
        failed_here++;
    }
}

void check_equal(long long actual, long long expected, const char *what, const char *file, int line)
{
    if (actual != expected) {
        printf("  %s:%d: %s is %lld, not %lld\n", file, line, what, actual, expected);
        failed_here++;
    }
}

void run(void (*test)(void), const char *name)
{
    failed_here = 0;
    skipped = NULL;
    alarm(TEST_SECONDS); /* its signal ends the program: run.sh counts that as a failure */
    test();
    alarm(0);
    if (skipped != NULL && failed_here == 0) {
        printf("skip %s: %s\n", name, skipped);
    } else {
        printf("%s %s\n", failed_here == 0 ? "pass" : "FAIL", name);
    }
    fflush(stdout);
    failures += failed_here > 0;
}

void skip(const char *why)
{
    skipped = why;
}

int finish(void)
{
    return failures > 0;
}

int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int took_about(int64_t since, int64_t ms)
{
    int64_t took = clock_ms() - since;

    if (took < ms - 1 || took > ms + LATE_MS) { /* two clocks' rounding: 1 ms */
        printf("  took %lld ms, not about %lld\n", (long long)took, (long long)ms);
        return 0;
    }
    return 1;
}
