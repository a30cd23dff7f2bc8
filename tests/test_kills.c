/* Kill storms: processes are killed at random moments of a put, a get or a critical section,
   again and again, and nothing hangs, nothing committed is lost or doubled, nothing leaks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "harness.h"
#include "spork.h"
#include "support_backings.h"
#include "support_native.h"

enum { LANES = 2, ITEM_MOST = 20000, PATIENCE_MS = 20000 };

/* 500 kills in all over the three methods of POSIX, 50 on Windows. */
static int kills(void) {
    return spork_has_start_method(SPORK_METHOD_FORK) ? 167 : 50;
}

static void needs_processes(void) {
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("a thread cannot be killed");
    }
}

/* The moments are random, and come again with the same seed. */
static uint64_t state;

static void seed_random(void) {
    const char *given = getenv("SPORK_TEST_SEED");
    state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)spork_now_ms();
    printf("# seed: SPORK_TEST_SEED=%" PRIu64 "\n", state);
}

static unsigned next_random(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33);
}

static void start(spork_process **process, spork_call call) {
    if (spork_process_start(process, call, NULL) != 0) {
        fail_msg("start: %s", spork_error_detail());
    }
}

static void kill_and_free(spork_process *process) {
    assert_int_equal(spork_process_kill(process), 0);
    assert_int_equal(spork_process_join(process, PATIENCE_MS, NULL), 0);
    assert_int_equal(spork_process_free(process), 0);
}

static spork_queue *new_queue(int64_t maxsize) {
    spork_queue *queue = NULL;
    assert_int_equal(
        spork_queue_new(&queue,
                        &(spork_queue_options){.maxsize = maxsize, .backing = backing}),
        0);
    return queue;
}

static int sleep_long(void) {
    spork_sleep_ms(PATIENCE_MS);
    return 1;
}
SPORK_TASK(int, sleep_long);

/* Before a storm: what the first start leaves open in this process is open then. Returns its
   count of descriptors. */
static int begin_storm(void) {
    spork_process *process;
    needs_processes();
    seed_random();
    start(&process, sleep_long_call());
    kill_and_free(process);
    return native_descriptor_count();
}

/* After it, with everything freed. What sleeping needs is opened when somebody first sleeps,
   and when the first sleeper is rung: few, however many were killed. */
static void end_storm(int descriptors) {
    enum { FOR_SLEEPING = 2 };
    assert_int_equal(arena->handles_live, 0);
    assert_in_range(native_descriptor_count(), 0, descriptors + FOR_SLEEPING);
}

/* ---- producers ---- */

struct item {
    int64_t lane, number;
    unsigned char filling[ITEM_MOST];
};

static size_t fill(struct item *item, int64_t lane, int64_t number) {
    size_t filling = (size_t)(number * 37 % (number % 5 == 0 ? ITEM_MOST : 150));
    item->lane = lane;
    item->number = number;
    memset(item->filling, (int)(unsigned char)(lane + number), filling);
    return offsetof(struct item, filling) + filling;
}

/* Puts numbered items, and says of each that its put has returned. */
static int produce(spork_queue *queue, spork_queue *returned, int64_t lane, int64_t from) {
    static struct item item;
    for (int64_t number = from;; number++) {
        size_t size = fill(&item, lane, number);
        if (spork_queue_put_bytes(queue, &item, size, SPORK_FOREVER) != 0 ||
            spork_queue_put_bytes(returned, &item, offsetof(struct item, filling),
                                  SPORK_FOREVER) != 0) {
            return 1;
        }
    }
}
SPORK_TASK(int, produce, spork_queue *, spork_queue *, int64_t, int64_t);

struct account {
    int64_t next[LANES];     /* the number that is to come */
    int64_t returned[LANES]; /* one more than the last put that returned */
};

static bool take(spork_queue *queue, struct account *account, int64_t timeout_ms) {
    static struct item item;
    static struct item expected;
    size_t size = 0;
    int error = spork_queue_get_bytes(queue, &item, sizeof item, &size, timeout_ms);
    if (error == SPORK_EEMPTY) {
        return false;
    }
    if (error != 0) {
        fail_msg("get: %s", spork_error_detail());
    }
    assert_in_range(item.lane, 0, LANES - 1);
    assert_int_equal(item.number, account->next[item.lane]);
    assert_int_equal(size, fill(&expected, item.lane, item.number));
    assert_memory_equal(&item, &expected, size);
    account->next[item.lane]++;
    return true;
}

static void note_returned(spork_queue *returned, struct account *account) {
    struct item item;
    size_t size;
    while (spork_queue_get_bytes(returned, &item, offsetof(struct item, filling), &size,
                                 0) == 0) {
        account->returned[item.lane] = item.number + 1;
    }
}

QUEUE_TEST_SLOW(killed_producers_lose_double_and_tear_nothing, 120) {
    int descriptors = begin_storm();
    spork_queue *queue = new_queue(50);
    spork_queue *returned = new_queue(0);
    spork_process *producers[LANES];
    struct account account = {{0}, {0}};
    for (int64_t lane = 0; lane < LANES; lane++) {
        start(&producers[lane], produce_call(queue, returned, lane, 0));
    }
    for (int round = 0; round < kills(); round++) {
        int64_t until = spork_now_ms() + next_random() % 12;
        do {
            assert_true(take(queue, &account, PATIENCE_MS));
            note_returned(returned, &account);
        } while (spork_now_ms() < until);
        /* All of them end, so that the queue can be emptied and the account closed. */
        int victim = (int)(next_random() % LANES);
        kill_and_free(producers[victim]);
        kill_and_free(producers[1 - victim]);
        while (take(queue, &account, 0)) {
        }
        note_returned(returned, &account);
        for (int64_t lane = 0; lane < LANES; lane++) {
            assert_true(account.returned[lane] <= account.next[lane]);
            start(&producers[lane],
                  produce_call(queue, returned, lane, account.next[lane]));
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        kill_and_free(producers[lane]);
    }
    spork_queue_free(queue);
    spork_queue_free(returned);
    end_storm(descriptors);
}

/* ---- consumers ---- */

/* Gets numbers, and passes them on. Killed between the two it takes one along. */
static int consume(spork_queue *queue, spork_queue *out) {
    spork_value value;
    for (;;) {
        if (spork_queue_get(queue, &value, SPORK_FOREVER) != 0 ||
            spork_queue_put(out, value, SPORK_FOREVER) != 0) {
            return 1;
        }
        spork_value_free(&value);
    }
}
SPORK_TASK(int, consume, spork_queue *, spork_queue *);

QUEUE_TEST_SLOW(killed_consumers_take_at_most_the_item_in_their_hands_along, 120) {
    enum { CONSUMERS = 2, ITEMS = 200 };
    int descriptors = begin_storm();
    spork_queue *queue = new_queue(0);
    spork_queue *out = new_queue(0);
    spork_process *consumers[CONSUMERS];
    int64_t missing = 0;
    int64_t doubled = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        start(&consumers[i], consume_call(queue, out));
    }
    for (int round = 0; round < kills(); round++) {
        int seen[ITEMS] = {0};
        for (int64_t i = 0; i < ITEMS; i++) {
            assert_int_equal(spork_queue_put(queue, spork_int(i), PATIENCE_MS), 0);
            if (i == (int64_t)(next_random() % ITEMS)) {
                spork_sleep_ms(1);
            }
        }
        int victim = (int)(next_random() % CONSUMERS);
        kill_and_free(consumers[victim]);
        start(&consumers[victim], consume_call(queue, out));
        /* What is left of the round: until the queue is empty and nothing more comes. */
        spork_value value;
        while (!spork_queue_empty(queue) || !spork_queue_empty(out)) {
            int64_t number = -1;
            if (spork_queue_get(out, &value, 100) == 0) {
                assert_int_equal(spork_value_get_int(&value, &number), 0);
                seen[number]++;
            }
        }
        while (spork_queue_get(out, &value, 20) == 0) {
            int64_t number = -1;
            assert_int_equal(spork_value_get_int(&value, &number), 0);
            seen[number]++;
        }
        for (int i = 0; i < ITEMS; i++) {
            missing += seen[i] == 0;
            doubled += seen[i] > 1;
        }
    }
    assert_in_range(missing, 0, kills());
    /* Passed on, and killed before get had committed: not in this order, so never. */
    assert_int_equal(doubled, 0);
    for (int i = 0; i < CONSUMERS; i++) {
        kill_and_free(consumers[i]);
    }
    spork_queue_free(queue);
    spork_queue_free(out);
    end_storm(descriptors);
}

/* ---- lock holders ---- */

static int hold_often(spork_lock *lock, spork_semaphore *inside, spork_queue *progress) {
    for (int64_t i = 0;; i++) {
        int error = spork_lock_acquire(lock, SPORK_FOREVER);
        if (error == SPORK_EOWNERDIED) {
            /* What the dead may have left: it was inside, or was not yet, or no more. */
            spork_semaphore_acquire(inside, 0);
        } else if (error != 0) {
            return 1;
        }
        if (spork_semaphore_release(inside, 1) != 0 || spork_semaphore_count(inside) != 1 ||
            spork_semaphore_acquire(inside, 0) != 0) {
            return 2;
        }
        if (spork_lock_release(lock) != 0) {
            return 3;
        }
        if (i % 50 == 0) {
            spork_queue_put(progress, spork_int(i), 0);
        }
    }
}
SPORK_TASK(int, hold_often, spork_lock *, spork_semaphore *, spork_queue *);

TEST_SLOW(killed_lock_holders_leave_a_lock_that_works, 120) {
    enum { HOLDERS = 3 };
    int descriptors = begin_storm();
    spork_lock *lock;
    spork_semaphore *inside;
    spork_queue *progress = new_queue(10);
    spork_process *holders[HOLDERS];
    assert_int_equal(spork_lock_new(&lock, NULL), 0);
    assert_int_equal(spork_semaphore_new(&inside, &(spork_semaphore_options){.value = 0}), 0);
    for (int i = 0; i < HOLDERS; i++) {
        start(&holders[i], hold_often_call(lock, inside, progress));
    }
    for (int round = 0; round < kills(); round++) {
        spork_value value;
        spork_sleep_ms(next_random() % 5);
        int victim = (int)(next_random() % HOLDERS);
        assert_true(spork_process_alive(holders[victim]));
        kill_and_free(holders[victim]);
        while (spork_queue_get(progress, &value, 0) == 0) {
        }
        assert_int_equal(spork_queue_get(progress, &value, PATIENCE_MS), 0);
        start(&holders[victim], hold_often_call(lock, inside, progress));
    }
    for (int i = 0; i < HOLDERS; i++) {
        assert_true(spork_process_alive(holders[i]));
        kill_and_free(holders[i]);
    }
    int error = spork_lock_acquire(lock, PATIENCE_MS);
    assert_true(error == 0 || error == SPORK_EOWNERDIED);
    spork_lock_free(lock);
    spork_semaphore_free(inside);
    spork_queue_free(progress);
    end_storm(descriptors);
}

TEST_MAIN
