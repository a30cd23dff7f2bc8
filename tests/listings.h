/* What the tests of the listings (tests/test_listings_*.c) share: each of them is a
   program out of a tutorial on multiprocessing, with assertions where that prints. */
#ifndef TESTS_LISTINGS_H
#define TESTS_LISTINGS_H

#include "harness.h"

#include <spork.h>
#include <string.h>

#define assert_ok(call) assert_int_equal((call), SPORK_OK)

/* Long enough for whatever has to happen; the runner's limit is above it. */
enum { SOON_MS = 20 * 1000 };

/* Threads share what processes do not: globals, the process id. */
static inline bool on_threads(void) {
    return spork_get_start_method() == SPORK_METHOD_THREAD;
}

/* Whether a child begins as a copy of its parent, with all that it had made. */
static inline bool on_copies(void) {
    return on_threads() || spork_get_start_method() == SPORK_METHOD_FORK;
}

static inline spork_process *start(spork_call call) {
    spork_process *process = NULL;
    assert_ok(spork_process_start(&process, call, NULL));
    return process;
}

static inline void join(spork_process *process, int expected) {
    int exit_code = -1000;
    assert_ok(spork_process_join(process, SOON_MS, &exit_code));
    assert_int_equal(exit_code, expected);
    assert_ok(spork_process_free(process));
}

static inline spork_queue *new_queue(int64_t maxsize) {
    const spork_queue_options options = {.maxsize = maxsize};
    spork_queue *queue = NULL;
    assert_ok(spork_queue_new(&queue, &options));
    return queue;
}

static inline spork_semaphore *new_semaphore(int64_t value) {
    const spork_semaphore_options options = {.value = value};
    spork_semaphore *semaphore = NULL;
    assert_ok(spork_semaphore_new(&semaphore, &options));
    return semaphore;
}

static inline spork_event *new_event(void) {
    spork_event *event = NULL;
    assert_ok(spork_event_new(&event, NULL));
    return event;
}

static inline spork_pool *new_pool(int workers) {
    const spork_pool_options options = {.workers = workers};
    spork_pool *pool = NULL;
    assert_ok(spork_pool_new(&pool, &options));
    return pool;
}

/* What a program with a pool ends with. */
static inline void close_and_join(spork_pool *pool) {
    assert_ok(spork_pool_close(pool));
    assert_ok(spork_pool_join(pool, SOON_MS));
    assert_ok(spork_pool_free(pool));
}

static inline int64_t own_pid(void) {
    return spork_process_pid(spork_current_process());
}

/* The value as Python prints it. */
static inline void assert_prints(const spork_value *value, const char *expected) {
    char text[256];
    spork_value_format(value, text, sizeof text);
    assert_string_equal(text, expected);
}

/* The next item of a queue is this one, as Python prints it. */
static inline void assert_next(spork_queue *queue, const char *expected) {
    spork_value item;
    assert_ok(spork_queue_get(queue, &item, SOON_MS));
    assert_prints(&item, expected);
    spork_value_free(&item);
}

static inline int64_t next_int(spork_queue *queue) {
    spork_value item;
    int64_t number = 0;
    assert_ok(spork_queue_get(queue, &item, SOON_MS));
    assert_ok(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

static inline int64_t int_at(const spork_value *list, size_t index) {
    int64_t number = 0;
    const spork_value *item = spork_value_at(list, index);
    assert_non_null(item);
    assert_ok(spork_value_get_int(item, &number));
    return number;
}

/* For tasks: an int into a queue. */
static inline int put_int(spork_queue *queue, int64_t number) {
    return spork_queue_put(queue, spork_int(number), SPORK_FOREVER);
}

#endif
