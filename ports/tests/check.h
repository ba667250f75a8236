/* The frame of the contract tests: each test is a function whose name states the behaviour.
 *
 *     int main(void) { RUN(read_fills_the_buffer_across_pieces); return finish(); }
 *
 * prints a line for each test; run.sh adds them up. A failed CHECK tells what and where, and the
 * test goes on, so that it cleans up behind itself. */
#ifndef PORT_TESTS_CHECK_H
#define PORT_TESTS_CHECK_H

#include <stdint.h>

#define CHECK(condition) check(!!(condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
    check_equal((long long)(actual), (long long)(expected), #actual, __FILE__, __LINE__)

/* Runs one test. A test that takes longer than a minute ends the program. */
#define RUN(test) run(test, #test)

void check(int holds, const char *what, const char *file, int line);
void check_equal(long long actual, long long expected, const char *what, const char *file, int line);
void run(void (*test)(void), const char *name);

/* Says that the test running now has nothing to run on here, and why. */
void skip(const char *why);

/* Returns the exit status for main. */
int finish(void);

/* Milliseconds on a clock of the tests' own, not the port's. */
int64_t clock_ms(void);

/* Whether `since` lies between `ms` and, generous to valgrind, `ms` + 800 milliseconds back. */
int took_about(int64_t since, int64_t ms);

#endif
