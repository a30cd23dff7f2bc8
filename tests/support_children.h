/* What the tests of queues, pipes and locks share: calls that must succeed or fail in a
   certain way, and children that must do well, or are killed. */
#ifndef TESTS_SUPPORT_CHILDREN_H
#define TESTS_SUPPORT_CHILDREN_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "harness.h"
#include "support_native.h"
#include <spork.h>

/* Nothing in these tests may take longer than this. */
#define PATIENCE_MS ((int64_t)20000)
/* The first of a crowd waits for all that it takes to start the last. */
#define CROWD_MS (4 * PATIENCE_MS)

static inline SPORK_UNUSED void must_be(int expected, int got, const char *call,
                                        const char *file, int line) {
    if (got != expected) {
        fprintf(stderr, "%s:%d: %s is %s, not %s (%s)\n", file, line, call,
                spork_error_name(got), spork_error_name(expected), spork_error_detail());
        _assert_int_equal((uintmax_t)got, (uintmax_t)expected, file, line);
    }
}
/* So that what stands there afterwards is the next failure's. */
static inline SPORK_UNUSED void forget_detail(void) {
    error_set(0, "%s", "");
}
static inline SPORK_UNUSED void must_fail(int expected, int got, const char *call,
                                          const char *file, int line) {
    must_be(expected, got, call, file, line);
    if (spork_error_detail()[0] == '\0') {
        fprintf(stderr, "%s:%d: %s is %s, and no word of it\n", file, line, call,
                spork_error_name(got));
        _fail(file, line);
    }
}
/* In a test: the call returns 0, or this error, and says in words what was wrong. */
#define OK(call) must_be(0, (call), #call, __FILE__, __LINE__)
#define FAILS(error, call) \
    must_fail((error), (forget_detail(), (call)), #call, __FILE__, __LINE__)

/* In a task, which has no assertions of its own: leaves it with a failure. */
#define EXPECT(condition)                                                            \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "%s:%d: in a child: not so: %s (%s)\n", __FILE__, __LINE__, \
                    #condition, spork_error_detail());                               \
            return 1;                                                                \
        }                                                                            \
    } while (0)

static inline SPORK_UNUSED spork_process *start(spork_call call) {
    spork_process *child = NULL;
    OK(spork_process_start(&child, call, NULL));
    return child;
}

/* Joins a child that must end well. */
static inline SPORK_UNUSED void finish(spork_process *child) {
    int code = -1;
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, 0);
    OK(spork_process_free(child));
}

static inline SPORK_UNUSED void kill_and_free(spork_process *child) {
    OK(spork_process_kill(child));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
}

/* Some tests are about what is left by a process that is killed. */
static inline SPORK_UNUSED void needs_a_process_to_kill(void) {
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("a thread cannot be killed");
    }
}

/* size bytes that tell their number, so that a mixed-up or torn message is noticed. */
static inline SPORK_UNUSED void fill_pattern(unsigned char *data, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++) {
        data[i] = (unsigned char)(number * 31 + i * 7 + (i >> 8));
    }
}
static inline SPORK_UNUSED bool is_pattern(const unsigned char *data, size_t size,
                                           uint64_t number) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != (unsigned char)(number * 31 + i * 7 + (i >> 8))) {
            return false;
        }
    }
    return true;
}

/* Waits until there are count items in a queue: for tests that need a child to have got so
   far. False when it takes too long. */
static inline SPORK_UNUSED bool wait_for_items(spork_queue *queue, int64_t count) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (spork_queue_size(queue) < count) {
        if (spork_now_ms() > limit) {
            return false;
        }
        spork_sleep_ms(1);
    }
    return true;
}

/* Whether children have sentinels: threads have none, nor has what runs as without pidfds. */
static inline SPORK_UNUSED bool has_sentinels(void) {
    const char *without = getenv("SPORK_WITHOUT");
    return spork_get_start_method() != SPORK_METHOD_THREAD &&
           (without == NULL || strstr(without, "pidfd") == NULL);
}

/* Waits until a process that was killed is one no more. */
static inline SPORK_UNUSED void ends_soon(int64_t pid) {
    enum { SOON_MS = 10 * 1000 };
    int64_t begin = spork_now_ms();
    while (native_process_runs(pid)) {
        if (spork_now_ms() - begin > SOON_MS) {
            fail_msg("process %" PRId64 " still runs", pid);
        }
        spork_sleep_ms(1);
    }
    printf("process %" PRId64 " was gone after %" PRId64 " ms\n", pid,
           spork_now_ms() - begin);
}

#endif
