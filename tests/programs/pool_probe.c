/* For tests/test_pool_many.c and test_pool_signals.c: a program that ends while it has a pool, in
   the way that its argument says: return, exit, close (and return), idle (with nothing to do),
   parents (return; the workers are no daemons), stay (until it is killed), linger (the same, with
   nothing to do), wait (the same, in a map), or handle (waits in a map, and has a handler of its
   own for interrupts). The last two are a group of processes. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support_signals.h"

enum { WORKERS = 2, QUEUED = 100, BUSY_MS = 100 * 1000 };

static int sleep_long(spork_semaphore *begun, int64_t duration_ms) {
    spork_semaphore_release(begun, 1);
    spork_sleep_ms(duration_ms);
    return 0;
}
SPORK_TASK(int, sleep_long, spork_semaphore *, int64_t);

#define NEED(call)                                                    \
    do {                                                              \
        int error_ = (call);                                          \
        if (error_ != 0) {                                            \
            printf("fault: %s: %s\n", #call, spork_error_detail());   \
            return 1;                                                 \
        }                                                             \
    } while (0)

static int give_work(spork_pool *pool) {
    static sleep_long_arguments items[QUEUED];
    spork_semaphore *begun;
    NEED(spork_semaphore_new(&begun, &(spork_semaphore_options){.value = 0}));
    for (int i = 0; i < QUEUED; i++) {
        items[i] = (sleep_long_arguments){begun, BUSY_MS};
        NEED(spork_pool_apply_async(NULL, pool, sleep_long_call(begun, BUSY_MS), NULL));
    }
    NEED(sleep_long_starmap_async(NULL, pool, items, QUEUED, NULL, NULL));
    for (int i = 0; i < WORKERS; i++) {
        NEED(spork_semaphore_acquire(begun, SPORK_FOREVER));
    }
    return 0;
}

/* Where the handler is inherited, the task notices itself that it was interrupted. */
static int sleep_until_interrupted(spork_semaphore *begun) {
    spork_semaphore_release(begun, 1);
    for (int i = 0; i < BUSY_MS && !signals_were_interrupted(); i++) {
        spork_sleep_ms(1);
    }
    return spork_task_fail(SPORK_ECANCELLED, "interrupted");
}
SPORK_TASK(int, sleep_until_interrupted, spork_semaphore *);

static int give_back(int number) {
    return number;
}
SPORK_TASK(int, give_back, int);

/* Says how its map ended, and that the pool is as good as new. */
static int wait_with_a_handler(spork_pool *pool) {
    spork_semaphore *begun;
    spork_future *map;
    int result = 0;
    NEED(spork_semaphore_new(&begun, &(spork_semaphore_options){.value = 0}));
    spork_semaphore *const items[WORKERS] = {begun, begun};
    NEED(sleep_until_interrupted_map_async(&map, pool, items, WORKERS, NULL, NULL));
    for (int i = 0; i < WORKERS; i++) {
        NEED(spork_semaphore_acquire(begun, SPORK_FOREVER));
    }
    printf("ready\n");
    fflush(stdout);
    int error = spork_future_get(map, NULL, SPORK_FOREVER);
    printf("ended %s: %s\n", spork_error_name(error), spork_error_detail());
    spork_future_free(map);
    spork_semaphore_free(begun);
    NEED(give_back_apply(pool, &result, 6));
    NEED(spork_pool_free(pool));
    return result;
}

static int wait_in_a_map(spork_pool *pool) {
    spork_semaphore *begun;
    NEED(spork_semaphore_new(&begun, &(spork_semaphore_options){.value = 0}));
    const sleep_long_arguments items[] = {{begun, BUSY_MS}, {begun, BUSY_MS}, {begun, BUSY_MS}};
    int error = sleep_long_starmap(pool, items, 3, NULL);
    printf("ended %s: %s\n", spork_error_name(error), spork_error_detail());
    return 7;
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    int64_t pids[WORKERS];
    size_t count = 0;
    spork_pool *pool;
    NEED(spork_init(argc, argv));
    bool is_waiting = strcmp(how, "wait") == 0 || strcmp(how, "handle") == 0;
    bool is_idle = strcmp(how, "idle") == 0 || strcmp(how, "linger") == 0;
    if (is_waiting && !signals_lead_group()) {
        printf("fault: no group\n");
        return 1;
    }
    if (strcmp(how, "handle") == 0) {
        signals_note_interrupts();
    }
    const spork_daemon daemon =
        strcmp(how, "parents") == 0 ? SPORK_DAEMON_NO : SPORK_DAEMON_DEFAULT;
    NEED(spork_pool_new(&pool, &(spork_pool_options){.workers = WORKERS, .daemon = daemon}));
    if (!is_idle && strcmp(how, "handle") != 0) {
        NEED(give_work(pool));
    }
    NEED(spork_pool_pids(pool, pids, WORKERS, &count));
    for (size_t i = 0; i < count; i++) {
        printf("worker %" PRId64 "\n", pids[i]);
    }
    if (strcmp(how, "handle") == 0) {
        return wait_with_a_handler(pool);
    }
    if (strcmp(how, "close") == 0) {
        NEED(spork_pool_close(pool));
    }
    printf("ready\n");
    fflush(stdout);
    if (is_waiting) {
        return wait_in_a_map(pool);
    }
    if (strcmp(how, "stay") == 0 || strcmp(how, "linger") == 0) {
        spork_sleep_ms(BUSY_MS);
    }
    if (strcmp(how, "exit") == 0) {
        exit(3);
    }
    return strcmp(how, "idle") == 0 ? 0 : strcmp(how, "close") == 0 ? 5 : 4;
}
