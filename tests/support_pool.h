/* What the tests of pools and futures share. */
#ifndef TESTS_SUPPORT_POOL_H
#define TESTS_SUPPORT_POOL_H

#include "support_children.h"
#include "support_native.h"

static inline SPORK_UNUSED bool on_threads(void) {
    return spork_get_start_method() == SPORK_METHOD_THREAD;
}

/* For the parts of a test that only hold for workers of which each is a process. */
static inline SPORK_UNUSED void needs_processes(void) {
    if (on_threads()) {
        SKIP("threads are one process");
    }
}

static inline SPORK_UNUSED spork_pool *new_pool_with(spork_pool_options options) {
    spork_pool *pool = NULL;
    OK(spork_pool_new(&pool, &options));
    return pool;
}

static inline SPORK_UNUSED spork_pool *new_pool(int workers) {
    return new_pool_with((spork_pool_options){.workers = workers});
}

static inline SPORK_UNUSED void free_pool(spork_pool *pool) {
    OK(spork_pool_free(pool));
}

/* Ends it by the way of peace. */
static inline SPORK_UNUSED void close_and_join(spork_pool *pool) {
    OK(spork_pool_close(pool));
    OK(spork_pool_join(pool, PATIENCE_MS));
}

static inline SPORK_UNUSED spork_future *give(spork_pool *pool, spork_call call) {
    spork_future *future = NULL;
    OK(spork_pool_apply_async(&future, pool, call, NULL));
    return future;
}

static inline SPORK_UNUSED int64_t int_of(spork_future *future) {
    const spork_value *result = NULL;
    int64_t number = -1;
    OK(spork_future_get(future, &result, PATIENCE_MS));
    OK(spork_value_get_int(result, &number));
    return number;
}

/* ---- what tasks write down for the test: counts that all of them see ---- */

static inline SPORK_UNUSED spork_array *new_counts(size_t count) {
    spork_array *counts = NULL;
    OK(spork_array_new(&counts, SPORK_TYPE(int64_t), sizeof(int64_t), count, NULL));
    return counts;
}

/* Returns what it was before; -1: failed. */
static inline SPORK_UNUSED int64_t count_up(spork_array *counts, size_t index) {
    int64_t before = -1;
    return spork_array_add(counts, index, 1, &before) == 0 ? before : -1;
}

static inline SPORK_UNUSED int64_t count_of(spork_array *counts, size_t index) {
    int64_t number = -1;
    OK(spork_array_add(counts, index, 0, &number));
    return number;
}

/* Until it is at least so much; false when it takes too long. */
static inline SPORK_UNUSED bool wait_for_count(spork_array *counts, size_t index,
                                               int64_t least) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (count_of(counts, index) < least) {
        if (spork_now_ms() > limit) {
            return false;
        }
        spork_sleep_ms(1);
    }
    return true;
}

static inline SPORK_UNUSED spork_event *new_event(void) {
    spork_event *event = NULL;
    OK(spork_event_new(&event, NULL));
    return event;
}

static inline SPORK_UNUSED spork_semaphore *new_semaphore(int64_t value) {
    spork_semaphore *semaphore = NULL;
    OK(spork_semaphore_new(&semaphore, &(spork_semaphore_options){.value = value}));
    return semaphore;
}

#endif
