/* For tests/test_guard.c: tells what arguments and environment main, a child and a child's
   child have. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support_native.h"

static int main_argc;
static char **main_argv;

/* The hash is over the bytes of all arguments but the first, each with its NUL. */
static void show(const char *who) {
    uint64_t hash = 14695981039346656037u;
    int count = 1;
    const char *argument;
    while ((argument = native_argument(main_argc, main_argv, count)) != NULL) {
        for (size_t i = 0; i <= strlen(argument); i++) {
            hash = (hash ^ (unsigned char)argument[i]) * 1099511628211u;
        }
        count++;
    }
    printf("%s: %d arguments, %" PRIu64 ", environment %" PRIu64 "\n", who, count - 1, hash,
           native_environment_sum());
    fflush(stdout);
}

static int look(int depth);
SPORK_TASK(int, look, int);

static int run(int depth) {
    spork_process *process = NULL;
    int code = -1;
    if (spork_process_start(&process, look_call(depth), NULL) != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        return 1;
    }
    spork_process_join(process, SPORK_FOREVER, &code);
    spork_process_free(process);
    return code;
}

static int look(int depth) {
    show(depth == 1 ? "child" : "grandchild");
    return depth == 1 ? run(2) : 0;
}

int main(int argc, char **argv) {
    main_argc = argc;
    main_argv = argv;
    if (spork_init(argc, argv) != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        return 3;
    }
    show("main");
    return run(1);
}
