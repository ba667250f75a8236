/* Memory, mutexes, time, random numbers, text. */
#include "check.h"
#include "net.h"

#include "iot_import.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 20000

static void memory_is_aligned_for_any_type(void)
{
    uint32_t size;

    for (size = 1; size < 200; size += 7) {
        void *block = HAL_Malloc(size);

        CHECK(block != NULL);
        CHECK_EQUAL((uintptr_t)block % _Alignof(max_align_t), 0);
        memset(block, 0xA5, size);
        HAL_Free(block);
    }
}

static void freeing_null_is_harmless(void)
{
    HAL_Free(NULL);
    HAL_MutexDestroy(NULL);
    HAL_MutexLock(NULL);
    HAL_MutexUnlock(NULL);
    CHECK(HAL_UptimeMs() > 0);
}

struct shared {
    void *mutex;
    volatile int counter; /* volatile: the increments below are not to be merged */
};

static void *count(void *argument)
{
    struct shared *shared = argument;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        HAL_MutexLock(shared->mutex);
        shared->counter = shared->counter + 1;
        HAL_MutexUnlock(shared->mutex);
    }
    return NULL;
}

static void a_mutex_admits_one_thread_at_a_time(void)
{
    struct shared shared = { HAL_MutexCreate(), 0 };
    pthread_t threads[THREADS];
    int i;

    CHECK(shared.mutex != NULL);
    for (i = 0; i < THREADS; i++) {
        threads[i] = net_thread(count, &shared);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQUAL(shared.counter, THREADS * ROUNDS);
    HAL_MutexDestroy(shared.mutex);
}

static void uptime_counts_milliseconds_and_never_goes_back(void)
{
    struct timespec pause = { 0, 50000000 };
    uint64_t before = HAL_UptimeMs();
    uint64_t last = before;
    int i;

    for (i = 0; i < 1000; i++) {
        uint64_t now = HAL_UptimeMs();

        CHECK(now >= last);
        last = now;
    }
    nanosleep(&pause, NULL);
    CHECK(HAL_UptimeMs() - last >= 49);
    CHECK(HAL_UptimeMs() - before < 2000);
}

static void sleep_lasts_as_long_as_asked(void)
{
    int64_t start = clock_ms();

    HAL_SleepMs(0);
    CHECK(took_about(start, 0));
    start = clock_ms();
    HAL_SleepMs(120);
    CHECK(took_about(start, 120));
    start = clock_ms();
    HAL_SleepMs(1050); /* seconds and a carry of the fraction */
    CHECK(took_about(start, 1050));
}

static void sleep_is_not_cut_by_signals(void)
{
    int64_t start = clock_ms();

    net_signals_begin();
    HAL_SleepMs(150);
    net_signals_end();
    CHECK(took_about(start, 150));
}

static void random_numbers_stay_in_their_region(void)
{
    int seen[10] = { 0 };
    int i;

    HAL_Srandom(12345);
    for (i = 0; i < 10000; i++) {
        uint32_t n = HAL_Random(10);

        CHECK(n < 10);
        if (n < 10) {
            seen[n]++;
        }
        CHECK_EQUAL(HAL_Random(1), 0);
        CHECK_EQUAL(HAL_Random(0), 0);
        CHECK(HAL_Random(UINT32_MAX) < UINT32_MAX);
    }
    for (i = 0; i < 10; i++) {
        CHECK(seen[i] > 800 && seen[i] < 1200); /* 1000 expected, 30 its deviation */
    }
}

static void a_seed_names_its_sequence(void)
{
    uint32_t first, second;

    HAL_Srandom(1);
    first = HAL_Random(UINT32_MAX);
    CHECK(HAL_Random(UINT32_MAX) != first);
    HAL_Srandom(2);
    second = HAL_Random(UINT32_MAX);
    CHECK(second != first);
    HAL_Srandom(1);
    CHECK_EQUAL(HAL_Random(UINT32_MAX), first);
}

static void snprintf_returns_the_length_the_whole_text_has(void)
{
    char text[8];

    CHECK_EQUAL(HAL_Snprintf(text, sizeof(text), "%s %d", "ab", 42), 5);
    CHECK(strcmp(text, "ab 42") == 0);
    CHECK_EQUAL(HAL_Snprintf(text, sizeof(text), "%02x-%u-%p", 10, 1234567u, (void *)text) > 9, 1);
    CHECK(strcmp(text, "0a-1234") == 0);
    CHECK_EQUAL(HAL_Snprintf(NULL, 0, "%.*s", 3, "abcdef"), 3);
    text[0] = 'x';
    CHECK(HAL_Snprintf(text, -1, "abc") < 0);
    CHECK_EQUAL(text[0], 'x');
}

#define PRINT_ROUNDS 200
#define PRINT_WIDTH 900 /* more than fits a small buffer */

static void *print_lines(void *argument)
{
    char line[PRINT_WIDTH + 1];
    int i;

    memset(line, *(const char *)argument, PRINT_WIDTH);
    line[PRINT_WIDTH] = '\0';
    for (i = 0; i < PRINT_ROUNDS; i++) {
        HAL_Printf("%s%c", line, '\n');
    }
    return NULL;
}

/* Threads print at once, standard output being a file for that time. */
static void printed_lines_are_whole_and_out_at_once(void)
{
    static const char marks[] = { 'a', 'b', 'c', 'd' };
    static char line[PRINT_WIDTH + 3];
    FILE *file = tmpfile();
    int kept, i, lines = 0, wrong = 0;
    pthread_t threads[THREADS];

    if (file == NULL) {
        net_die("tmpfile");
    }
    fflush(stdout);
    kept = dup(1);
    dup2(fileno(file), 1);
    for (i = 0; i < THREADS; i++) {
        threads[i] = net_thread(print_lines, (void *)&marks[i]);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    dup2(kept, 1);
    close(kept);

    rewind(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        lines++;
        wrong += strlen(line) != PRINT_WIDTH + 1 || strspn(line, (char[]){ line[0], '\0' }) != PRINT_WIDTH;
    }
    fclose(file);
    CHECK_EQUAL(lines, THREADS * PRINT_ROUNDS);
    CHECK_EQUAL(wrong, 0);
}

int main(void)
{
    RUN(memory_is_aligned_for_any_type);
    RUN(freeing_null_is_harmless);
    RUN(a_mutex_admits_one_thread_at_a_time);
    RUN(uptime_counts_milliseconds_and_never_goes_back);
    RUN(sleep_lasts_as_long_as_asked);
    RUN(sleep_is_not_cut_by_signals);
    RUN(random_numbers_stay_in_their_region);
    RUN(a_seed_names_its_sequence);
    RUN(snprintf_returns_the_length_the_whole_text_has);
    RUN(printed_lines_are_whole_and_out_at_once);
    return finish();
}
