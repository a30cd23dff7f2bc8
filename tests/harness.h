/* Tests as sentences, on cmocka. A test file is

       #include "harness.h"

       TEST(a_full_queue_times_out_after_the_given_delay) {
           ...
           assert_int_equal(error, SPORK_ETIMEDOUT);
       }

       TEST_MAIN

   tests/run.py starts the program once for each test and each start method, so that a test
   has a process to itself: it may leave children, crash, or hang, and the runner says so. */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spork/export.h"
#include "spork/guard.h"

struct harness_test {
    const char *name;
    void (*run)(void);
    int line;
    bool each_method;
    int limit_seconds;
    struct harness_test *next;
};

/* Called before main, by the macros below. */
void harness_add(struct harness_test *test);

/* --list prints "name<TAB>once|each<TAB>seconds" lines; --run NAME runs that one test here.
   Returns the exit code: 0 passed, 77 skipped, 1 failed, 2 not understood. */
int harness_main(int argc, char **argv);

/* The path that this test program was started with: helpers stand beside it. Not in children
   that were started anew, which never come to harness_main. */
const char *harness_program(void);

/* Says why, and leaves the test. */
void harness_skip(const char *file, int line, const char *format, ...) SPORK_PRINTF(3, 4)
    __attribute__((noreturn));

#define HARNESS_DEFAULT_LIMIT 30

#define HARNESS_TEST_(sentence, each, seconds)                                   \
    static void sentence(void);                                                  \
    static struct harness_test sentence##_test = {#sentence, sentence, __LINE__, \
                                                  each,      seconds,  NULL};    \
    static SPORK_BEFORE_MAIN void sentence##_add(void) {                         \
        harness_add(&sentence##_test);                                           \
    }                                                                            \
    static void sentence(void)

/* A test that runs once under every start method that the platform has. The method is in the
   environment (SPORK_START_METHOD), so a default start uses it. */
#define TEST(sentence) HARNESS_TEST_(sentence, true, HARNESS_DEFAULT_LIMIT)

/* A test that runs once, for what no start method can change. */
#define TEST_ONCE(sentence) HARNESS_TEST_(sentence, false, HARNESS_DEFAULT_LIMIT)

/* The same with another time limit than 30 seconds. */
#define TEST_SLOW(sentence, seconds) HARNESS_TEST_(sentence, true, seconds)
#define TEST_ONCE_SLOW(sentence, seconds) HARNESS_TEST_(sentence, false, seconds)

/* Ends the test as skipped: SKIP("no fork on this platform"), or with a format. */
#define SKIP(...) harness_skip(__FILE__, __LINE__, __VA_ARGS__)

/* The guard comes first: a child that spawn made is this program too, and turns into the
   child there, whatever its argv says. */
#define TEST_MAIN                          \
    int main(int argc, char **argv) {      \
        if (spork_init(argc, argv) != 0) { \
            return harness_no_init();      \
        }                                  \
        return harness_main(argc, argv);   \
    }

/* Says why spork_init failed; returns the exit code of a failed test. */
int harness_no_init(void);

#endif
