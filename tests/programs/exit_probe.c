/* For tests/test_process.c: a task on a thread calls exit while the program has another child,
   started as the argument says. That child ends well only if it is waited for. */
#include <spork.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_CODE = 3 };

static spork_semaphore *leaving;

static int end_later(spork_semaphore *go) {
    if (spork_semaphore_acquire(go, SPORK_FOREVER) != 0) {
        return 1;
    }
    spork_sleep_ms(300); /* a parent that does not wait is gone by then */
    printf("the child ended\n");
    fflush(stdout);
    return 0;
}
SPORK_TASK(int, end_later, spork_semaphore *);

static int leave(void) {
    exit(EXIT_CODE);
}
SPORK_TASK(int, leave);

static int join_child(spork_call call, const spork_process_options *options) {
    spork_process *child;
    int code = -1;
    if (spork_process_start(&child, call, options) != 0 ||
        spork_process_join(child, SPORK_FOREVER, &code) != 0) {
        printf("%s\n", spork_error_detail());
    }
    return code;
}

static const spork_process_options on_a_thread = {.method = SPORK_METHOD_THREAD};

/* Waits for a child of its own, which never comes back. */
static int join_who_leaves(void) {
    return join_child(leave_call(), &on_a_thread);
}
SPORK_TASK(int, join_who_leaves);

/* Runs when exit has begun, before spork's own handler. */
static void let_go(void) {
    spork_semaphore_release(leaving, 1);
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    const spork_semaphore_options none = {0};
    spork_process_options options = {.method = SPORK_METHOD_SPAWN};
    spork_process *other;
    if (spork_init(argc, argv) != 0 || spork_semaphore_new(&leaving, &none) != 0) {
        return 1;
    }
    if (strcmp(mode, "daemon") == 0) {
        options.daemon = SPORK_DAEMON_YES;
    } else {
        atexit(let_go);
    }
    if (strcmp(mode, "thread") == 0) {
        options.method = SPORK_METHOD_THREAD;
    }
    if (spork_process_start(&other, end_later_call(leaving), &options) != 0) {
        printf("%s\n", spork_error_detail());
        return 1;
    }
    join_child(strcmp(mode, "nested") == 0 ? join_who_leaves_call() : leave_call(),
               &on_a_thread);
    printf("the thread has come back\n");
    return 1;
}
