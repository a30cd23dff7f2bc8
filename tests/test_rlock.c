/* Recursive locks: depth, whose they are, and what becomes of one whose holder ends. */
#include "arena.h"
#include "support_storm.h"

static spork_lock *new_rlock(void) {
    spork_lock *lock = NULL;
    OK(spork_rlock_new(&lock));
    return lock;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

TEST_ONCE(a_lock_three_deep_is_open_after_the_third_release_and_the_fourth_fails) {
    spork_lock *lock = new_rlock();
    assert_true(spork_lock_recursive(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_acquire(lock, 50));
    OK(spork_lock_acquire(lock, SPORK_FOREVER));
    for (int i = 0; i < 3; i++) {
        assert_true(spork_lock_held(lock));
        OK(spork_lock_release(lock));
    }
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
    spork_lock_free(lock);
}

TEST_ONCE(the_option_and_the_function_make_the_same_lock) {
    spork_lock *lock = NULL;
    OK(spork_lock_new(&lock, &(spork_lock_options){.recursive = true}));
    assert_true(spork_lock_recursive(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_acquire(lock, 0));
    spork_lock_free(lock);
    OK(spork_lock_new(&lock, &(spork_lock_options){.recursive = false}));
    assert_false(spork_lock_recursive(lock));
    OK(spork_lock_acquire(lock, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
    spork_lock_free(lock);
    FAILS(SPORK_EINVAL, spork_rlock_new(NULL));
    assert_false(spork_lock_recursive(NULL));
}

/* What somebody else may do with a lock that is held elsewhere: nothing. */
static int try_all(spork_lock *lock) {
    int64_t begin = spork_now_ms();
    EXPECT(spork_lock_recursive(lock) && spork_lock_held(lock));
    EXPECT(spork_lock_release(lock) == SPORK_ENOTHELD);
    EXPECT(spork_lock_acquire(lock, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_lock_acquire(lock, 60) == SPORK_ETIMEDOUT);
    EXPECT(spork_now_ms() - begin >= 59 && spork_now_ms() - begin < 5000);
    EXPECT(spork_lock_release(lock) == SPORK_ENOTHELD);
    return 0;
}
SPORK_TASK(int, try_all, spork_lock *);

static int have_it_twice(spork_lock *lock) {
    EXPECT(spork_lock_acquire(lock, 0) == 0 && spork_lock_acquire(lock, 0) == 0);
    EXPECT(spork_lock_release(lock) == 0 && spork_lock_release(lock) == 0);
    EXPECT(spork_lock_release(lock) == SPORK_ENOTHELD);
    return 0;
}
SPORK_TASK(int, have_it_twice, spork_lock *);

TEST(nobody_else_gets_or_releases_it_at_any_depth) {
    spork_lock *lock = new_rlock();
    for (int depth = 1; depth <= 3; depth++) {
        OK(spork_lock_acquire(lock, 0));
        if (depth != 2) {
            finish(start(try_all_call(lock)));
        }
    }
    OK(spork_lock_release(lock));
    OK(spork_lock_release(lock));
    finish(start(try_all_call(lock)));
    OK(spork_lock_release(lock));
    finish(start(have_it_twice_call(lock)));
    spork_lock_free(lock);
}

static int try_what_comes(spork_queue *from) {
    spork_value list;
    spork_lock *lock = NULL;
    EXPECT(spork_queue_get(from, &list, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_lock(spork_value_at(&list, 0), &lock) == 0);
    int result = try_all(lock);
    spork_value_free(&list);
    return result;
}
SPORK_TASK(int, try_what_comes, spork_queue *);

TEST(it_travels_through_a_queue_and_stays_recursive) {
    spork_lock *lock = new_rlock();
    spork_queue *queue = new_queue();
    OK(spork_lock_acquire(lock, 0));
    OK(spork_queue_put(queue, SPORK_LIST_OF(spork_lock_value(lock)), 0));
    finish(start(try_what_comes_call(queue)));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
    spork_queue_free(queue);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

/* ---- holders that end ---- */

static int hold_three_deep(spork_lock *lock, spork_queue *ready, spork_queue *end) {
    spork_value value;
    for (int i = 0; i < 3; i++) {
        EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    }
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    return spork_queue_get(end, &value, SPORK_FOREVER);
}
SPORK_TASK(int, hold_three_deep, spork_lock *, spork_queue *, spork_queue *);

/* The lock is this thread's, and one deep: it has been told of a death. */
static void expect_one_deep(spork_lock *lock) {
    assert_true(spork_lock_held(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    OK(spork_lock_release(lock));
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
}

TEST(after_a_killed_holder_three_deep_the_next_is_told_within_a_second_and_is_one_deep) {
    needs_a_process_to_kill();
    spork_lock *lock = new_rlock();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    for (int round = 0; round < 3; round++) {
        spork_process *child = start(hold_three_deep_call(lock, ready, never));
        assert_true(wait_for_items(ready, round + 1));
        FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
        OK(spork_process_kill(child));
        int64_t begin = spork_now_ms();
        FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
        assert_true(spork_now_ms() - begin < 1000);
        expect_one_deep(lock);
        OK(spork_process_join(child, PATIENCE_MS, NULL));
        OK(spork_process_free(child));
    }
    spork_lock_free(lock);
    spork_queue_free(ready);
    spork_queue_free(never);
}

TEST(after_a_holder_that_ended_three_deep_the_next_is_told_and_is_one_deep) {
    spork_lock *lock = new_rlock();
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    spork_process *child = start(hold_three_deep_call(lock, ready, end));
    assert_true(wait_for_items(ready, 1));
    OK(spork_queue_put(end, spork_nil(), 0));
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
    expect_one_deep(lock);
    finish(child);
    spork_lock_free(lock);
    spork_queue_free(ready);
    spork_queue_free(end);
}

/* ---- exclusion ---- */

static int descend_often(spork_lock *lock, spork_semaphore *inside, spork_queue *progress,
                         int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        int deep = 1 + (int)(i % 3);
        int error = spork_lock_acquire(lock, PATIENCE_MS);
        EXPECT(error == 0 || error == SPORK_EOWNERDIED);
        if (error == SPORK_EOWNERDIED) {
            spork_semaphore_acquire(inside, 0);
        }
        EXPECT(spork_semaphore_release(inside, 1) == 0);
        for (int depth = 1; depth < deep; depth++) {
            EXPECT(spork_lock_acquire(lock, 0) == 0);
        }
        EXPECT(spork_semaphore_count(inside) == 1);
        for (int depth = 1; depth < deep; depth++) {
            EXPECT(spork_lock_release(lock) == 0);
        }
        EXPECT(spork_semaphore_acquire(inside, 0) == 0);
        EXPECT(spork_lock_release(lock) == 0);
        if (i % 50 == 0) {
            spork_queue_put(progress, spork_int(i), 0);
        }
    }
    return 0;
}
SPORK_TASK(int, descend_often, spork_lock *, spork_semaphore *, spork_queue *, int64_t);

struct shaft {
    spork_lock *lock;
    spork_semaphore *inside;
    spork_queue *progress;
};

static struct shaft new_shaft(void) {
    struct shaft shaft = {.lock = new_rlock()};
    OK(spork_semaphore_new(&shaft.inside, &(spork_semaphore_options){.value = 0}));
    OK(spork_queue_new(&shaft.progress, &(spork_queue_options){.maxsize = 10}));
    return shaft;
}

static spork_process *start_descending(const struct shaft *shaft, int64_t times) {
    return start(descend_often_call(shaft->lock, shaft->inside, shaft->progress, times));
}

static void free_shaft(struct shaft *shaft) {
    spork_lock_free(shaft->lock);
    spork_semaphore_free(shaft->inside);
    spork_queue_free(shaft->progress);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

TEST_SLOW(never_are_two_inside_at_once_however_deep, 60) {
    enum { CHILDREN = 4 };
    struct shaft shaft = new_shaft();
    spork_process *children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start_descending(&shaft, 2000);
    }
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    assert_false(spork_lock_held(shaft.lock));
    free_shaft(&shaft);
}

TEST_SLOW(killed_holders_at_any_depth_leave_a_lock_that_works, 90) {
    enum { CHILDREN = 8 };
    int kills = storm_begin(60, 15);
    struct shaft shaft = new_shaft();
    spork_process *children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start_descending(&shaft, INT64_MAX);
    }
    for (int i = 0; i < kills; i++) {
        spork_value value;
        int victim = storm_random(CHILDREN);
        spork_sleep_ms(storm_random(5));
        assert_true(spork_process_alive(children[victim]));
        kill_and_free(children[victim]);
        while (spork_queue_get(shaft.progress, &value, 0) == 0) {
        }
        OK(spork_queue_get(shaft.progress, &value, PATIENCE_MS));
        children[victim] = start_descending(&shaft, INT64_MAX);
    }
    for (int i = 0; i < CHILDREN; i++) {
        assert_true(spork_process_alive(children[i]));
        kill_and_free(children[i]);
    }
    int error = spork_lock_acquire(shaft.lock, PATIENCE_MS);
    assert_true(error == 0 || error == SPORK_EOWNERDIED);
    expect_one_deep(shaft.lock);
    free_shaft(&shaft);
}

TEST_MAIN
