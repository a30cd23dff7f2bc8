/* Locks: exclusion, and what becomes of one whose holder ends. */
#include "support_children.h"

static spork_lock *new_lock(void) {
    spork_lock *lock = NULL;
    OK(spork_lock_new(&lock, NULL));
    return lock;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

TEST_ONCE(a_lock_that_is_held_refuses_until_it_is_released) {
    spork_lock *lock = new_lock();
    assert_false(spork_lock_held(lock));
    OK(spork_lock_acquire(lock, 0));
    assert_true(spork_lock_held(lock));
    FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_lock_acquire(lock, 120));
    assert_true(spork_now_ms() - begin >= 119 && spork_now_ms() - begin < 700);
    OK(spork_lock_release(lock));
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
    OK(spork_lock_acquire(lock, SPORK_FOREVER));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_lock *lock = new_lock();
    FAILS(SPORK_EINVAL, spork_lock_new(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_lock_acquire(NULL, 0));
    FAILS(SPORK_EINVAL, spork_lock_acquire(lock, -2));
    FAILS(SPORK_EINVAL, spork_lock_release(NULL));
    assert_false(spork_lock_held(NULL));
    spork_lock_free(NULL);
    spork_lock_free(lock);
}

/* A queue with one item stands for a number that is read, changed and written back: without
   exclusion somebody finds it empty. */
static int add_often(spork_lock *lock, spork_queue *number, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        int64_t value;
        size_t size;
        EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
        EXPECT(spork_queue_get_bytes(number, &value, sizeof value, &size, 0) == 0);
        value++;
        EXPECT(spork_queue_put_bytes(number, &value, sizeof value, 0) == 0);
        EXPECT(spork_lock_release(lock) == 0);
    }
    return 0;
}
SPORK_TASK(int, add_often, spork_lock *, spork_queue *, int64_t);

TEST_SLOW(never_are_two_inside_at_once, 60) {
    enum { CHILDREN = 4, TIMES = 3000 };
    spork_lock *lock = new_lock();
    spork_queue *number = new_queue();
    spork_process *children[CHILDREN];
    int64_t value = 0;
    size_t size;
    OK(spork_queue_put_bytes(number, &value, sizeof value, 0));
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(add_often_call(lock, number, TIMES));
    }
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    OK(spork_queue_get_bytes(number, &value, sizeof value, &size, 0));
    assert_int_equal(value, CHILDREN * TIMES);
    spork_lock_free(lock);
    spork_queue_free(number);
}

static int release_it(spork_lock *lock) {
    EXPECT(spork_lock_release(lock) == 0);
    return 0;
}
SPORK_TASK(int, release_it, spork_lock *);

TEST(another_may_release_it) {
    spork_lock *lock = new_lock();
    OK(spork_lock_acquire(lock, 0));
    finish(start(release_it_call(lock)));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
}

/* ---- holders that end ---- */

static int acquire_and_wait(spork_lock *lock, spork_queue *ready, spork_queue *never) {
    spork_value value;
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    return spork_queue_get(never, &value, SPORK_FOREVER);
}
SPORK_TASK(int, acquire_and_wait, spork_lock *, spork_queue *, spork_queue *);

TEST(the_next_after_a_killed_holder_is_told_within_100_ms_and_owns_it) {
    needs_a_process_to_kill();
    spork_lock *lock = new_lock();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    for (int round = 0; round < 5; round++) {
        spork_process *child = start(acquire_and_wait_call(lock, ready, never));
        assert_true(wait_for_items(ready, round + 1));
        FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
        OK(spork_process_kill(child));
        int64_t begin = spork_now_ms();
        FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
        assert_true(spork_now_ms() - begin < 100);
        assert_true(spork_lock_held(lock));
        FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
        OK(spork_lock_release(lock));
        OK(spork_process_join(child, PATIENCE_MS, NULL));
        OK(spork_process_free(child));
    }
    spork_lock_free(lock);
    spork_queue_free(ready);
    spork_queue_free(never);
}

/* Tells what acquire said, and when. */
static int acquire_and_tell(spork_lock *lock, spork_queue *told) {
    EXPECT(spork_queue_put(told, spork_int(0), 0) == 0);
    int error = spork_lock_acquire(lock, CROWD_MS);
    int64_t now = spork_now_ms();
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    EXPECT(spork_lock_release(lock) == 0);
    EXPECT(spork_queue_put(told, SPORK_LIST_OF(spork_int(error), spork_int(now)), 0) == 0);
    return 0;
}
SPORK_TASK(int, acquire_and_tell, spork_lock *, spork_queue *);

TEST(of_those_who_sleep_at_the_lock_of_a_killed_holder_one_is_told_and_all_get_it) {
    enum { SLEEPERS = 5 };
    needs_a_process_to_kill();
    spork_lock *lock = new_lock();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    spork_queue *told = new_queue();
    spork_process *sleepers[SLEEPERS];
    int owner_died = 0;
    spork_process *child = start(acquire_and_wait_call(lock, ready, never));
    assert_true(wait_for_items(ready, 1));
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = start(acquire_and_tell_call(lock, told));
    }
    assert_true(wait_for_items(told, SLEEPERS));
    spork_sleep_ms(50);
    int64_t begin = spork_now_ms();
    OK(spork_process_kill(child));
    for (int i = 0; i < SLEEPERS; i++) {
        finish(sleepers[i]);
    }
    for (int i = 0; i < 2 * SLEEPERS; i++) {
        spork_value value;
        int64_t error = 0;
        int64_t when = 0;
        OK(spork_queue_get(told, &value, 0));
        if (value.kind == SPORK_LIST) {
            OK(spork_value_get_int(spork_value_at(&value, 0), &error));
            OK(spork_value_get_int(spork_value_at(&value, 1), &when));
            owner_died += error == SPORK_EOWNERDIED;
            /* The first is told within 100 ms; the others follow. */
            assert_true(error == 0 || when - begin < 100);
            assert_true(when - begin < 1000);
        }
        spork_value_free(&value);
    }
    assert_int_equal(owner_died, 1);
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
    spork_lock_free(lock);
    spork_queue_free(ready);
    spork_queue_free(never);
    spork_queue_free(told);
}

static int acquire_and_end(spork_lock *lock) {
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, acquire_and_end, spork_lock *);

TEST(a_holder_that_ended_without_releasing_it_counts_as_dead) {
    spork_lock *lock = new_lock();
    finish(start(acquire_and_end_call(lock)));
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
    OK(spork_lock_release(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
}

TEST_ONCE(a_thread_that_ended_without_releasing_it_counts_as_dead_for_a_sleeper_too) {
    spork_lock *lock = new_lock();
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    spork_process *thread = NULL;
    OK(spork_process_start(&thread, acquire_and_wait_call(lock, ready, end),
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    assert_true(wait_for_items(ready, 1));
    FAILS(SPORK_ETIMEDOUT, spork_lock_acquire(lock, 30));
    OK(spork_queue_put(end, spork_nil(), 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
    assert_true(spork_now_ms() - begin < 1000);
    OK(spork_lock_release(lock));
    finish(thread);
    spork_lock_free(lock);
    spork_queue_free(ready);
    spork_queue_free(end);
}

TEST_SLOW(sixty_four_who_wait_all_get_their_turn, 60) {
    enum { WAITERS = 64 };
    spork_lock *lock = new_lock();
    spork_queue *told = new_queue();
    spork_process *waiters[WAITERS];
    OK(spork_lock_acquire(lock, 0));
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = start(acquire_and_tell_call(lock, told));
    }
    assert_true(wait_for_items(told, WAITERS));
    OK(spork_lock_release(lock));
    for (int i = 0; i < WAITERS; i++) {
        finish(waiters[i]);
    }
    assert_int_equal(spork_queue_size(told), 2 * WAITERS);
    assert_false(spork_lock_held(lock));
    spork_lock_free(lock);
    spork_queue_free(told);
}

TEST_MAIN
