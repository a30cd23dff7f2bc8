/* The list of tests, and the run of one of them. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spork/error.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#endif

enum { EXIT_PASSED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

static struct harness_test *tests;
static struct harness_test *current;
static const char *program = "";
static bool skipped;

/* Kept in the order of the file: constructors run backwards on some platforms. */
void harness_add(struct harness_test *test) {
    struct harness_test **link = &tests;
    while (*link != NULL && (*link)->line < test->line) {
        link = &(*link)->next;
    }
    test->next = *link;
    *link = test;
}

void harness_skip(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("SKIP: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    skipped = true;
    _skip(file, line);
    abort(); /* _skip jumps out of the test; the compiler does not know. */
}

const char *harness_program(void) {
    return program;
}

int harness_no_init(void) {
    fprintf(stderr, "spork_init failed: %s\n", spork_error_detail());
    return EXIT_FAILED;
}

static long own_process(void) {
#ifdef _WIN32
    return (long)GetCurrentProcessId();
#else
    return (long)getpid();
#endif
}

/* Output must be complete when the runner kills a test that hangs, and must not be in a
   buffer when a test forks. The C library of Windows takes line buffering for full. */
static void set_up_output(void) {
#ifdef _WIN32
    setvbuf(stdout, NULL, _IONBF, 0);
    /* A crash must end the program, not open a window. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
#else
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
#endif
}

/* exit(0) in the middle of a test is not a success. In a forked child it is that child's own
   business. */
static long runner;

static void notice_early_exit(void) {
    if (runner != 0 && own_process() == runner) {
        fprintf(stderr, "%s: exit was called before the test's end\n", current->name);
        fflush(NULL);
        _Exit(EXIT_FAILED);
    }
}

static void run_current(void **state) {
    (void)state;
    current->run();
}

static int run(struct harness_test *test) {
    current = test;
    runner = own_process();
    atexit(notice_early_exit);
    const struct CMUnitTest unit = {test->name, run_current, NULL, NULL, NULL};
    int failed = _cmocka_run_group_tests(test->name, &unit, 1, NULL, NULL);
    bool in_child = own_process() != runner;
    runner = 0;
    if (in_child) {
        /* An assertion failed in a forked child, and cmocka jumped out of the child's task:
           this is that child, and its parent's tests are not its own. */
        fflush(NULL);
        _Exit(EXIT_FAILED);
    }
    if (failed != 0) {
        return EXIT_FAILED;
    }
    return skipped ? EXIT_SKIPPED : EXIT_PASSED;
}

static int run_by_name(const char *name) {
    for (struct harness_test *test = tests; test != NULL; test = test->next) {
        if (strcmp(test->name, name) == 0) {
            return run(test);
        }
    }
    fprintf(stderr, "no test of this name: %s\n", name);
    return EXIT_USAGE;
}

static int list(void) {
    for (const struct harness_test *test = tests; test != NULL; test = test->next) {
        printf("%s\t%s\t%d\n", test->name, test->each_method ? "each" : "once",
               test->limit_seconds);
    }
    return EXIT_PASSED;
}

int harness_main(int argc, char **argv) {
    set_up_output();
    program = argc > 0 ? argv[0] : "";
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    if (argc == 3 && strcmp(argv[1], "--run") == 0) {
        return run_by_name(argv[2]);
    }
    fprintf(stderr,
            "usage: %s --list | --run NAME\n"
            "tests/run.py runs all tests of such programs.\n",
            argc > 0 ? argv[0] : "test");
    return EXIT_USAGE;
}
