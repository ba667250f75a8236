/* Checks of a test program, and its steps in common with the test that runs it.
 *
 * A failed check is told and counted, and the program goes on; check_end() gives the exit status. Any thread. */
#ifndef CHECK_H
#define CHECK_H

/* That a condition holds. */
#define CHECK(condition) check_that((condition) != 0, #condition, __FILE__, __LINE__)

/* That an integer has a value. */
#define CHECK_INT(actual, expected) check_int((long)(actual), (long)(expected), #actual, __FILE__, __LINE__)

/* The same, told with a text that says which of many cases it was. */
#define CHECK_CASE(name, actual, expected) check_int((long)(actual), (long)(expected), (name), __FILE__, __LINE__)

void check_that(int holds, const char *what, const char *file, int line);
void check_int(long actual, long expected, const char *what, const char *file, int line);

/* Tells the test that the program is at `name`, and waits until the test has done its part. */
void check_step(const char *name);

/* Checks that the library has given back all memory and every mutex, and tells how many checks passed and failed.
 * Returns the exit status of the program: 0 if all passed. */
int check_end(void);

#endif
