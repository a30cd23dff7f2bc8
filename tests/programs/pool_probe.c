/* For tests/test_pool_many.c: a program that ends while it has a pool, in the way that its
   argument says: return, exit, close (and return), idle (with nothing to do), or stay (until it
   is killed). */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

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

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    int64_t pids[WORKERS];
    size_t count = 0;
    spork_pool *pool;
    NEED(spork_init(argc, argv));
    NEED(spork_pool_new(&pool, &(spork_pool_options){.workers = WORKERS}));
    if (strcmp(how, "idle") != 0) {
        NEED(give_work(pool));
    }
    NEED(spork_pool_pids(pool, pids, WORKERS, &count));
    for (size_t i = 0; i < count; i++) {
        printf("worker %" PRId64 "\n", pids[i]);
    }
    if (strcmp(how, "close") == 0) {
        NEED(spork_pool_close(pool));
    }
    printf("ready\n");
    fflush(stdout);
    if (strcmp(how, "stay") == 0) {
        spork_sleep_ms(BUSY_MS);
    }
    if (strcmp(how, "exit") == 0) {
        exit(3);
    }
    return strcmp(how, "idle") == 0 ? 0 : strcmp(how, "close") == 0 ? 5 : 4;
}
