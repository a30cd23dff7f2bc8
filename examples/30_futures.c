/* Futures as they are done: a failure, a result, an exit; and one that is cancelled. */
#include <spork.h>
#include <stdio.h>

enum { COUNT = 4, TOO_SHORT = 1 }; /* Numbers of the program's own are above 0. */

static int64_t doze(int64_t duration_ms) {
    for (int64_t slept = 0; slept < duration_ms; slept += 10) {
        if (spork_task_cancelled()) {
            return spork_task_fail(SPORK_ECANCELLED, "woken up");
        }
        spork_sleep_ms(10);
    }
    if (duration_ms == 1200) {
        exit(3);
    }
    return duration_ms > 10 ? duration_ms : spork_task_fail(TOO_SHORT, "too short");
}
SPORK_TASK(int64_t, doze, int64_t);

static void show(spork_future *future) {
    int64_t slept;
    int exit_code;
    if (spork_future_exit_code(future, &exit_code) == 0) {
        printf("it ended its worker with %d\n", exit_code);
    } else if (doze_get((doze_future){future}, &slept, 0) == 0) {
        printf("it slept for %d ms\n", (int)slept);
    } else {
        printf("error %d: %s\n", spork_future_error(future), spork_future_words(future));
    }
}

int main(int argc, char **argv) {
    const int64_t durations[COUNT] = {1000 * 1000, 1200, 600, 10};
    spork_future *futures[COUNT];
    spork_future *done;
    spork_as_completed *order;
    spork_pool *pool;
    if (spork_init(argc, argv) != 0 ||
        spork_pool_new(&pool, &(spork_pool_options){.workers = COUNT}) != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        return EXIT_FAILURE;
    }
    for (int i = 0; i < COUNT; i++) {
        spork_pool_apply_async(&futures[i], pool, doze_call(durations[i]), NULL);
    }
    spork_as_completed_new(&order, futures + 1, COUNT - 1);
    while (spork_as_completed_next(order, &done, SPORK_FOREVER) == 0) {
        show(done);
    }
    spork_future_cancel(futures[0], 5000); /* It has 5 s to end by itself. */
    show(futures[0]);
    spork_as_completed_free(order);
    for (int i = 0; i < COUNT; i++) {
        spork_future_free(futures[i]);
    }
    spork_pool_free(pool);
    return 0;
}
