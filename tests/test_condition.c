/* Conditions: who is woken, what becomes of the lock, and of the notifications of the dead. */
#include "arena.h"
#include "sleep.h"
#include "support/deaths.h"
#include "support_native.h"
#include "support_workers.h"

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static spork_condition *new_condition(void) {
    spork_condition *condition = NULL;
    OK(spork_condition_new(&condition, NULL));
    return condition;
}

static int64_t objects(void) {
    return (int64_t)atomic_load(&arena->handles_live);
}

/* Waits until exactly so many wait that have not been notified. */
static bool wait_for_waiting(spork_condition *condition, int64_t count) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (spork_condition_waiting(condition) != count) {
        if (spork_now_ms() > limit) {
            return false;
        }
        spork_sleep_ms(1);
    }
    return true;
}

static int64_t next_int(spork_queue *queue) {
    spork_value item;
    int64_t number = 0;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

static void notify(spork_condition *condition, int64_t count) {
    OK(spork_condition_acquire(condition, PATIENCE_MS));
    OK(spork_condition_notify(condition, count));
    OK(spork_condition_release(condition));
}

/* ---- who is woken ---- */

/* Waits once, and tells its number. */
static int wait_and_tell(spork_condition *condition, spork_queue *told, int64_t number) {
    EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    EXPECT(spork_condition_wait(condition, CROWD_MS) == 0);
    EXPECT(spork_queue_put(told, spork_int(number), 0) == 0);
    EXPECT(spork_condition_release(condition) == 0);
    return 0;
}
SPORK_TASK(int, wait_and_tell, spork_condition *, spork_queue *, int64_t);

enum { SIX = 6 };

static void start_waiters(spork_process **children, int count, spork_condition *condition,
                          spork_queue *told) {
    for (int i = 0; i < count; i++) {
        children[i] = start(wait_and_tell_call(condition, told, i));
        assert_true(wait_for_waiting(condition, i + 1));
    }
}

TEST(of_six_a_notification_of_two_wakes_two_and_one_of_four_the_rest) {
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[SIX];
    start_waiters(children, SIX, condition, told);
    notify(condition, 2);
    assert_int_equal(spork_condition_waiting(condition), 4);
    assert_true(wait_for_items(told, 2));
    assert_int_equal(next_int(told) + next_int(told), 0 + 1); /* they waited longest */
    notify(condition, 4);
    assert_true(wait_for_items(told, 4));
    assert_int_equal(spork_condition_waiting(condition), 0);
    for (int i = 0; i < SIX; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_queue_size(told), 4);
    notify(condition, 3);
    /* On none: it is not kept for who waits later. */
    OK(spork_condition_acquire(condition, 0));
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait(condition, 30));
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
    spork_queue_free(told);
}

TEST(who_waits_longest_is_woken_first) {
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[SIX];
    start_waiters(children, SIX, condition, told);
    for (int i = 0; i < SIX; i++) {
        notify(condition, 1);
        assert_int_equal(next_int(told), i);
        assert_int_equal(spork_condition_waiting(condition), SIX - 1 - i);
        finish(children[i]);
    }
    spork_condition_free(condition);
    spork_queue_free(told);
}

TEST_SLOW(all_of_forty_are_notified_at_once, 60) {
    enum { FORTY = 40 };
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[FORTY];
    for (int i = 0; i < FORTY; i++) {
        children[i] = start(wait_and_tell_call(condition, told, i));
    }
    assert_true(wait_for_waiting(condition, FORTY));
    OK(spork_condition_acquire(condition, PATIENCE_MS));
    OK(spork_condition_notify_all(condition));
    assert_int_equal(spork_condition_waiting(condition), 0);
    assert_int_equal(spork_queue_size(told), 0); /* the lock is not theirs yet */
    OK(spork_condition_release(condition));
    for (int i = 0; i < FORTY; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_queue_size(told), FORTY);
    spork_condition_free(condition);
    spork_queue_free(told);
}

/* ---- errors and time-outs ---- */

static bool say_yes(void *calls) {
    ++*(int *)calls;
    return true;
}
static bool say_no(void *calls) {
    ++*(int *)calls;
    return false;
}
static bool say_yes_later(void *calls) {
    return ++*(int *)calls > 1;
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    int calls = 0;
    spork_condition *condition = new_condition();
    FAILS(SPORK_EINVAL, spork_condition_new(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_condition_acquire(NULL, 0));
    FAILS(SPORK_EINVAL, spork_condition_release(NULL));
    FAILS(SPORK_EINVAL, spork_condition_wait(NULL, 0));
    FAILS(SPORK_EINVAL, spork_condition_wait_for(NULL, say_yes, &calls, 0));
    FAILS(SPORK_EINVAL, spork_condition_notify(NULL, 1));
    FAILS(SPORK_EINVAL, spork_condition_notify_all(NULL));
    assert_int_equal(spork_condition_waiting(NULL), -1);
    assert_null(spork_condition_lock(NULL));
    spork_condition_free(NULL);
    OK(spork_condition_acquire(condition, 0));
    FAILS(SPORK_EINVAL, spork_condition_wait(condition, -2));
    FAILS(SPORK_EINVAL, spork_condition_wait_for(condition, NULL, NULL, 0));
    FAILS(SPORK_EINVAL, spork_condition_wait_for(condition, say_no, &calls, -2));
    FAILS(SPORK_EINVAL, spork_condition_notify(condition, 0));
    FAILS(SPORK_EINVAL, spork_condition_notify(condition, -1));
    OK(spork_condition_release(condition));
    assert_int_equal(calls, 0);
    spork_condition_free(condition);
}

static int notify_without_the_lock(spork_condition *condition) {
    EXPECT(spork_condition_wait(condition, 0) == SPORK_ENOTHELD);
    EXPECT(spork_condition_notify(condition, 1) == SPORK_ENOTHELD);
    EXPECT(spork_condition_notify_all(condition) == SPORK_ENOTHELD);
    return 0;
}
SPORK_TASK(int, notify_without_the_lock, spork_condition *);

TEST(waiting_and_notifying_take_the_lock_and_it_must_be_this_threads) {
    int calls = 0;
    spork_condition *condition = new_condition();
    FAILS(SPORK_ENOTHELD, spork_condition_wait(condition, 0));
    FAILS(SPORK_ENOTHELD, spork_condition_wait_for(condition, say_yes, &calls, 0));
    FAILS(SPORK_ENOTHELD, spork_condition_notify(condition, 1));
    FAILS(SPORK_ENOTHELD, spork_condition_notify_all(condition));
    FAILS(SPORK_ENOTHELD, spork_condition_release(condition));
    assert_int_equal(calls, 0);
    OK(spork_condition_acquire(condition, 0));
    finish(start(notify_without_the_lock_call(condition)));
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
}

TEST_ONCE(a_wait_gives_up_not_early_and_has_the_lock_then) {
    spork_condition *condition = new_condition();
    OK(spork_condition_acquire(condition, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_condition_wait(condition, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait(condition, 120));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 119 && took < 700);
    assert_int_equal(spork_condition_waiting(condition), 0);
    OK(spork_condition_notify(condition, 1));
    OK(spork_condition_release(condition));
    FAILS(SPORK_ENOTHELD, spork_condition_release(condition));
    spork_condition_free(condition);
}

static int hold_for(spork_condition *condition, spork_queue *ready, int64_t duration_ms) {
    EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    spork_sleep_ms(duration_ms);
    EXPECT(spork_condition_release(condition) == 0);
    return 0;
}
SPORK_TASK(int, hold_for, spork_condition *, spork_queue *, int64_t);

static int wait_briefly(spork_condition *condition, spork_queue *ready, int64_t timeout_ms) {
    EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    EXPECT(spork_condition_wait(condition, timeout_ms) == SPORK_ETIMEDOUT);
    EXPECT(spork_condition_notify_all(condition) == 0);
    EXPECT(spork_condition_release(condition) == 0);
    return 0;
}
SPORK_TASK(int, wait_briefly, spork_condition *, spork_queue *, int64_t);

TEST(a_wait_that_timed_out_comes_back_with_the_lock_however_long_that_takes) {
    spork_condition *condition = new_condition();
    spork_queue *ready = new_queue();
    spork_process *waiter = start(wait_briefly_call(condition, ready, 100));
    assert_true(wait_for_items(ready, 1));
    spork_process *holder = start(hold_for_call(condition, ready, 400));
    finish(waiter);
    finish(holder);
    OK(spork_condition_acquire(condition, 0));
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
    spork_queue_free(ready);
}

TEST_ONCE(a_predicate_that_is_true_at_once_does_not_wait) {
    int calls = 0;
    spork_condition *condition = new_condition();
    OK(spork_condition_acquire(condition, 0));
    OK(spork_condition_wait_for(condition, say_yes, &calls, 0));
    OK(spork_condition_wait_for(condition, say_yes, &calls, SPORK_FOREVER));
    assert_int_equal(calls, 2);
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
}

TEST_ONCE(waiting_for_a_predicate_times_out_not_early_and_only_when_it_is_still_false) {
    int calls = 0;
    spork_condition *condition = new_condition();
    OK(spork_condition_acquire(condition, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_condition_wait_for(condition, say_no, &calls, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait_for(condition, say_no, &calls, 120));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 119 && took < 700);
    calls = 0;
    begin = spork_now_ms();
    OK(spork_condition_wait_for(condition, say_yes_later, &calls, 60));
    assert_true(spork_now_ms() - begin >= 59);
    assert_int_equal(calls, 2);
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
}

static int notify_often(spork_condition *condition, spork_queue *stop) {
    while (spork_queue_empty(stop)) {
        EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
        EXPECT(spork_condition_notify(condition, 1) == 0);
        EXPECT(spork_condition_release(condition) == 0);
        spork_sleep_ms(5);
    }
    return 0;
}
SPORK_TASK(int, notify_often, spork_condition *, spork_queue *);

static bool count_to_five(void *calls) {
    return ++*(int *)calls == 5;
}

TEST(the_time_out_of_wait_for_is_for_all_of_it_not_for_each_notification) {
    int calls = 0;
    spork_condition *condition = new_condition();
    spork_queue *stop = new_queue();
    spork_process *child = start(notify_often_call(condition, stop));
    OK(spork_condition_acquire(condition, PATIENCE_MS));
    OK(spork_condition_wait_for(condition, count_to_five, &calls, PATIENCE_MS));
    assert_int_equal(calls, 5);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait_for(condition, say_no, &calls, 200));
    assert_true(spork_now_ms() - begin >= 199);
    assert_true(calls > 7);
    OK(spork_condition_release(condition));
    OK(spork_queue_put(stop, spork_nil(), 0));
    finish(child);
    spork_condition_free(condition);
    spork_queue_free(stop);
}

/* ---- the lock ---- */

/* While the other waits, all of the lock is open; it comes back as deep as it was. */
static int use_the_lock_and_notify(spork_condition *condition, spork_lock *lock) {
    EXPECT(wait_for_waiting(condition, 1));
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    EXPECT(spork_condition_notify(condition, 1) == 0);
    EXPECT(spork_lock_held(spork_condition_lock(condition)));
    EXPECT(spork_lock_release(lock) == 0);
    return 0;
}
SPORK_TASK(int, use_the_lock_and_notify, spork_condition *, spork_lock *);

static void wait_at_depth(spork_condition *condition, int depth) {
    spork_lock *lock = spork_condition_lock(condition);
    for (int i = 0; i < depth; i++) {
        OK(spork_lock_acquire(lock, 0));
    }
    spork_process *child = start(use_the_lock_and_notify_call(condition, lock));
    OK(spork_condition_wait(condition, PATIENCE_MS));
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait(condition, 10));
    finish(child);
    for (int i = 0; i < depth; i++) {
        assert_true(spork_lock_held(lock));
        OK(spork_condition_release(condition));
    }
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_ENOTHELD, spork_condition_release(condition));
}

TEST(a_recursive_lock_three_deep_is_all_open_during_the_wait_and_three_deep_afterwards) {
    spork_condition *condition = new_condition();
    assert_true(spork_lock_recursive(spork_condition_lock(condition)));
    wait_at_depth(condition, 3);
    wait_at_depth(condition, 1);
    spork_condition_free(condition);
    assert_int_equal(objects(), 0);
}

TEST(a_lock_that_is_given_plain_or_recursive_is_the_conditions) {
    for (int recursive = 0; recursive < 2; recursive++) {
        spork_lock *lock = NULL;
        spork_condition *condition = NULL;
        OK(spork_lock_new(&lock, &(spork_lock_options){.recursive = recursive != 0}));
        OK(spork_condition_new(&condition, &(spork_condition_options){.lock = lock}));
        OK(spork_lock_acquire(lock, 0));
        assert_true(spork_lock_held(spork_condition_lock(condition)));
        OK(spork_condition_notify(condition, 1));
        OK(spork_condition_release(condition));
        assert_false(spork_lock_held(lock));
        wait_at_depth(condition, recursive != 0 ? 3 : 1);
        spork_lock_free(lock);
        wait_at_depth(condition, 1);
        spork_condition_free(condition);
    }
    assert_int_equal(objects(), 0);
}

TEST(two_conditions_of_one_lock_are_notified_each_for_itself) {
    spork_lock *lock = NULL;
    spork_condition *left = NULL;
    spork_condition *right = NULL;
    spork_queue *told = new_queue();
    OK(spork_lock_new(&lock, NULL));
    OK(spork_condition_new(&left, &(spork_condition_options){.lock = lock}));
    OK(spork_condition_new(&right, &(spork_condition_options){.lock = lock}));
    spork_process *first = start(wait_and_tell_call(left, told, 1));
    assert_true(wait_for_waiting(left, 1));
    spork_process *second = start(wait_and_tell_call(right, told, 2));
    assert_true(wait_for_waiting(right, 1));
    notify(right, 2);
    assert_int_equal(next_int(told), 2);
    finish(second);
    assert_int_equal(spork_condition_waiting(left), 1);
    notify(left, 2);
    assert_int_equal(next_int(told), 1);
    finish(first);
    spork_condition_free(left);
    spork_condition_free(right);
    spork_lock_free(lock);
    spork_queue_free(told);
}

/* ---- travelling ---- */

static int use_what_was_left(spork_condition *condition, spork_queue *told, spork_queue *go) {
    spork_value word;
    EXPECT(spork_queue_put(told, spork_nil(), 0) == 0);
    EXPECT(spork_queue_get(go, &word, PATIENCE_MS) == 0);
    for (int i = 0; i < 2; i++) {
        EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    }
    EXPECT(spork_condition_wait(condition, 20) == SPORK_ETIMEDOUT);
    EXPECT(spork_condition_notify_all(condition) == 0);
    for (int i = 0; i < 2; i++) {
        EXPECT(spork_lock_release(spork_condition_lock(condition)) == 0);
    }
    return 0;
}
SPORK_TASK(int, use_what_was_left, spork_condition *, spork_queue *, spork_queue *);

TEST(a_condition_that_is_sent_takes_its_lock_along_though_its_maker_lets_go_of_both) {
    spork_lock *lock = NULL;
    spork_condition *condition = NULL;
    spork_queue *told = new_queue();
    spork_queue *go = new_queue();
    OK(spork_rlock_new(&lock));
    OK(spork_condition_new(&condition, &(spork_condition_options){.lock = lock}));
    spork_process *child = start(use_what_was_left_call(condition, told, go));
    assert_true(wait_for_items(told, 1));
    spork_condition_free(condition);
    spork_lock_free(lock);
    OK(spork_queue_put(go, spork_nil(), 0));
    finish(child);
    spork_queue_free(told);
    spork_queue_free(go);
    assert_int_equal(objects(), 0);
}

static int wait_at_what_comes(spork_queue *queue, spork_queue *told) {
    spork_value item;
    spork_condition *condition = NULL;
    EXPECT(spork_queue_get(queue, &item, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_condition(&item, &condition) == 0);
    int failed = wait_and_tell(condition, told, 7);
    spork_value_free(&item);
    return failed;
}
SPORK_TASK(int, wait_at_what_comes, spork_queue *, spork_queue *);

TEST(a_condition_travels_through_a_queue) {
    spork_condition *condition = new_condition();
    spork_queue *queue = new_queue();
    spork_queue *told = new_queue();
    spork_process *child = start(wait_at_what_comes_call(queue, told));
    OK(spork_queue_put(queue, spork_condition_value(condition), 0));
    assert_true(wait_for_waiting(condition, 1));
    notify(condition, 1);
    assert_int_equal(next_int(told), 7);
    finish(child);
    spork_condition_free(condition);
    spork_queue_free(queue);
    spork_queue_free(told);
    assert_int_equal(objects(), 0);
}

/* ---- threads of one process ---- */

enum { LOOPS = 300, ROOM = 3 };
static struct {
    int64_t items[ROOM];
    int64_t count, put, got, sum;
} store; /* the condition's lock guards it */

static bool there_is_room(void *unused) {
    (void)unused;
    return store.count < ROOM;
}
static bool there_is_something(void *unused) {
    (void)unused;
    return store.count > 0;
}

static int put_numbers(spork_condition *condition, int64_t times) {
    for (int64_t i = 1; i <= times; i++) {
        EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
        EXPECT(spork_condition_wait_for(condition, there_is_room, NULL, PATIENCE_MS) == 0);
        store.items[store.count++] = i;
        EXPECT(spork_condition_notify_all(condition) == 0);
        EXPECT(spork_condition_release(condition) == 0);
    }
    return 0;
}
SPORK_TASK(int, put_numbers, spork_condition *, int64_t);

static int get_numbers(spork_condition *condition, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
        EXPECT(spork_condition_wait_for(condition, there_is_something, NULL, PATIENCE_MS) ==
               0);
        store.sum += store.items[--store.count];
        EXPECT(spork_condition_notify_all(condition) == 0);
        EXPECT(spork_condition_release(condition) == 0);
    }
    return 0;
}
SPORK_TASK(int, get_numbers, spork_condition *, int64_t);

TEST_ONCE_SLOW(threads_pass_numbers_on_over_a_condition, 60) {
    enum { PAIRS = 3 };
    const spork_process_options thread = {.method = SPORK_METHOD_THREAD};
    spork_condition *condition = new_condition();
    spork_process *threads[2 * PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        OK(spork_process_start(&threads[i], put_numbers_call(condition, LOOPS), &thread));
        OK(spork_process_start(&threads[PAIRS + i], get_numbers_call(condition, LOOPS),
                               &thread));
    }
    for (int i = 0; i < 2 * PAIRS; i++) {
        finish(threads[i]);
    }
    assert_int_equal(store.count, 0);
    assert_int_equal(store.sum, PAIRS * LOOPS * (LOOPS + 1) / 2);
    spork_condition_free(condition);
}

/* ---- deaths ---- */

TEST(a_waiter_that_is_killed_before_it_is_notified_eats_no_notification) {
    needs_a_process_to_kill();
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[2];
    for (int joined = 0; joined < 2; joined++) {
        start_waiters(children, 2, condition, told);
        OK(spork_process_kill(children[0]));
        if (joined != 0) {
            OK(spork_process_join(children[0], PATIENCE_MS, NULL));
        }
        /* When it is not joined it may be notified and killed then, which is as good. */
        notify(condition, 1);
        assert_int_equal(next_int(told), 1);
        finish(children[1]);
        OK(spork_process_join(children[0], PATIENCE_MS, NULL));
        OK(spork_process_free(children[0]));
        assert_int_equal(spork_condition_waiting(condition), 0);
    }
    spork_condition_free(condition);
    spork_queue_free(told);
    assert_int_equal(objects(), 0);
}

TEST(a_waiter_that_is_killed_after_it_was_notified_passes_the_notification_on) {
    needs_a_process_to_kill();
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[3];
    start_waiters(children, 3, condition, told);
    OK(spork_condition_acquire(condition, PATIENCE_MS));
    OK(spork_condition_notify(condition, 1));
    assert_int_equal(spork_condition_waiting(condition), 2);
    /* It cannot go on before the lock is open. */
    kill_and_free(children[0]);
    assert_int_equal(spork_condition_waiting(condition), 1);
    OK(spork_condition_release(condition));
    assert_int_equal(next_int(told), 1);
    finish(children[1]);
    assert_int_equal(spork_condition_waiting(condition), 1);
    notify(condition, 1);
    assert_int_equal(next_int(told), 2);
    finish(children[2]);
    spork_condition_free(condition);
    spork_queue_free(told);
}

/* Notifies so many, says so with the lock held, and never lets go of it. */
static int notify_and_stay(spork_condition *condition, spork_queue *ready, int64_t count) {
    EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    EXPECT(count == 0 || spork_condition_notify(condition, count) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, notify_and_stay, spork_condition *, spork_queue *, int64_t);

/* Tells what the wait said. */
static int wait_and_tell_error(spork_condition *condition, spork_queue *told,
                               int64_t timeout_ms) {
    EXPECT(spork_condition_acquire(condition, PATIENCE_MS) == 0);
    int error = spork_condition_wait(condition, timeout_ms);
    EXPECT(spork_queue_put(told, spork_int(error), 0) == 0);
    EXPECT(spork_condition_release(condition) == 0);
    return 0;
}
SPORK_TASK(int, wait_and_tell_error, spork_condition *, spork_queue *, int64_t);

TEST(when_the_notifier_is_killed_with_the_lock_one_of_the_notified_is_told_and_all_go_on) {
    enum { WAITERS = 3 };
    needs_a_process_to_kill();
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_queue *ready = new_queue();
    spork_process *waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = start(wait_and_tell_error_call(condition, told, PATIENCE_MS));
        assert_true(wait_for_waiting(condition, i + 1));
    }
    spork_process *notifier = start(notify_and_stay_call(condition, ready, 2));
    assert_true(wait_for_items(ready, 1));
    assert_int_equal(spork_condition_waiting(condition), 1);
    kill_and_free(notifier);
    assert_int_equal(next_int(told), SPORK_EOWNERDIED);
    assert_int_equal(next_int(told), 0);
    finish(waiters[0]);
    finish(waiters[1]);
    assert_int_equal(spork_condition_waiting(condition), 1);
    notify(condition, 1);
    assert_int_equal(next_int(told), 0);
    finish(waiters[2]);
    spork_condition_free(condition);
    spork_queue_free(told);
    spork_queue_free(ready);
}

TEST(a_wait_that_times_out_at_the_lock_of_a_killed_process_is_told_of_that) {
    needs_a_process_to_kill();
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_queue *ready = new_queue();
    /* Long enough for the holder to be started, and killed, meanwhile. */
    int64_t time = native_is_windows() ? 6000 : 1000;
    spork_process *waiter = start(wait_and_tell_error_call(condition, told, time));
    spork_process *holder = NULL;
    assert_true(wait_for_waiting(condition, 1));
    holder = start(notify_and_stay_call(condition, ready, 0));
    assert_true(wait_for_items(ready, 1));
    kill_and_free(holder);
    assert_int_equal(next_int(told), SPORK_EOWNERDIED);
    finish(waiter);
    spork_condition_free(condition);
    spork_queue_free(told);
    spork_queue_free(ready);
}

TEST(notifying_never_waits_for_waiters_dead_or_alive) {
    enum { DEAD = 2 };
    needs_a_process_to_kill();
    spork_condition *condition = new_condition();
    spork_queue *told = new_queue();
    spork_process *children[SIX];
    start_waiters(children, SIX, condition, told);
    for (int i = 0; i < DEAD; i++) {
        OK(spork_process_kill(children[2 * i]));
    }
    OK(spork_condition_acquire(condition, PATIENCE_MS));
    int64_t begin = spork_now_ms();
    OK(spork_condition_notify_all(condition));
    assert_true(spork_now_ms() - begin < 500);
    assert_int_equal(spork_condition_waiting(condition), 0);
    OK(spork_condition_release(condition));
    for (int i = 0; i < SIX; i++) {
        int code = 1;
        OK(spork_process_join(children[i], PATIENCE_MS, &code));
        assert_int_equal(code == 0, i != 0 && i != 2);
        OK(spork_process_free(children[i]));
    }
    assert_int_equal(spork_queue_size(told), SIX - DEAD);
    spork_condition_free(condition);
    spork_queue_free(told);
}

/* ---- a storm ---- */

/* The lock's last holder may have died between its change and its notification. */
static bool go_on(spork_condition *condition, int error) {
    return error == 0 ||
           (error == SPORK_EOWNERDIED && spork_condition_notify_all(condition) == 0);
}

static bool is_full(void *shelf) {
    return spork_queue_size(shelf) >= ROOM;
}
static bool is_not_full(void *shelf) {
    return !is_full(shelf);
}
static bool is_not_empty(void *shelf) {
    return !spork_queue_empty(shelf);
}

/* One more than there is room for: what a dead reader had in its hand goes back, and its place
   may have been taken by then. */
enum { MOST_THINGS = ROOM + 1 };

/* Moves things to or from the shelf. */
static int work_at_the_shelf(spork_condition *condition, spork_queue *shelf,
                             spork_queue *progress, bool puts) {
    char byte = 'x';
    size_t size;
    for (int64_t i = 0;; i++) {
        int error = spork_condition_acquire(condition, PATIENCE_MS);
        EXPECT(go_on(condition, error));
        do {
            error = spork_condition_wait_for(condition, puts ? is_not_full : is_not_empty,
                                             shelf, PATIENCE_MS);
            EXPECT(go_on(condition, error));
        } while (!(puts ? is_not_full : is_not_empty)(shelf));
        EXPECT((puts ? spork_queue_put_bytes(shelf, &byte, 1, 0)
                     : spork_queue_get_bytes(shelf, &byte, 1, &size, 0)) == 0);
        EXPECT(spork_queue_size(shelf) <= MOST_THINGS);
        EXPECT(spork_condition_notify(condition, 1 + i % 3) == 0);
        EXPECT(spork_condition_release(condition) == 0);
        if (i % 20 == 19) {
            EXPECT(spork_queue_put(progress, spork_bool(puts), 0) == 0);
        }
    }
}
SPORK_TASK(int, work_at_the_shelf, spork_condition *, spork_queue *, spork_queue *, bool);

static void see_progress(spork_queue *progress, bool puts) {
    for (int64_t limit = spork_now_ms() + PATIENCE_MS;;) {
        spork_value value;
        bool found = !puts;
        OK(spork_queue_get(progress, &value, PATIENCE_MS));
        OK(spork_value_get_bool(&value, &found));
        if (found == puts) {
            return;
        }
        assert_true(spork_now_ms() < limit);
    }
}

TEST_SLOW(killed_producers_and_consumers_leave_a_condition_that_works, 120) {
    enum { WORKERS = 8 };
    int kills = storm_begin(100, 16);
    spork_condition *condition = new_condition();
    spork_queue *shelf = new_queue();
    spork_queue *progress = new_queue();
    spork_process *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] =
            start_worker(work_at_the_shelf_call(condition, shelf, progress, i % 2 == 0));
    }
    int64_t limit = spork_now_ms() + 8000;
    for (int round = 0; round < kills && spork_now_ms() < limit; round++) {
        spork_value value;
        spork_sleep_ms(storm_random(8));
        int victim = storm_random(WORKERS);
        assert_true(spork_process_alive(workers[victim]));
        kill_and_free(workers[victim]);
        /* As a holder who died may not have notified: whoever comes after him does. */
        assert_true(go_on(condition, spork_condition_acquire(condition, PATIENCE_MS)));
        assert_in_range(spork_queue_size(shelf), 0, MOST_THINGS);
        OK(spork_condition_notify_all(condition));
        OK(spork_condition_release(condition));
        while (spork_queue_get(progress, &value, 0) == 0) {
        }
        see_progress(progress, true);
        see_progress(progress, false);
        workers[victim] =
            start_worker(work_at_the_shelf_call(condition, shelf, progress, victim % 2 == 0));
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_true(spork_process_alive(workers[i]));
        kill_and_free(workers[i]);
    }
    assert_int_equal(spork_condition_waiting(condition), 0);
    int error = spork_condition_acquire(condition, PATIENCE_MS);
    assert_true(error == 0 || error == SPORK_EOWNERDIED);
    OK(spork_condition_release(condition));
    spork_condition_free(condition);
    spork_queue_free(shelf);
    spork_queue_free(progress);
    assert_int_equal(objects(), 0);
}

/* ---- white box: deaths at every point ---- */

static spork_condition *condition_of_all;
static struct self living; /* waits, and lives */

static uint64_t condition_id(void) {
    /* The one condition that there is, as its slot in the table says. */
    for (uint64_t i = 0; i < atomic_load(&arena->handles_used); i++) {
        if (atomic_load(&arena->handles[i].kind) == SPORK_HANDLE_CONDITION) {
            return atomic_load(&arena->handles[i].generation) << 32 | (i + 1);
        }
    }
    return 0;
}

static void let_one_wait(void) {
    condition_of_all = new_condition();
    assert_int_equal(sleep_make_self(&living), 0);
    sleep_waits(&living, condition_id(), sleep_number() << 1);
    assert_int_equal(spork_condition_waiting(condition_of_all), 1);
}

static int be_notified(void) {
    int64_t before = spork_condition_waiting(condition_of_all);
    sleep_waits(sleep_self(), condition_id(), sleep_number() << 1 | 1);
    return before == 1 && spork_condition_waiting(condition_of_all) == 1 ? 0 : 1;
}

static int nothing_more(void) {
    return 0;
}

static int see_the_living_notified(void) {
    EXPECT((atomic_load(&living.slot->token) & 1) != 0);
    EXPECT(spork_condition_waiting(condition_of_all) == 0);
    return 0;
}

TEST_ONCE_SLOW(a_notification_of_a_dead_waiter_goes_on_wherever_its_burier_dies, 60) {
    deaths_set_up();
    let_one_wait();
    die_everywhere(&(struct death){.name = "notified",
                                   .prepare = be_notified,
                                   .work = nothing_more,
                                   .verify = see_the_living_notified,
                                   .burier_stride = 1});
    sleep_drop_self(&living);
    spork_condition_free(condition_of_all);
}

static int wait_notify_and_release(void) {
    EXPECT(spork_condition_acquire(condition_of_all, 0) == 0);
    EXPECT(spork_condition_wait(condition_of_all, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_condition_notify(condition_of_all, 1) == 0);
    return spork_condition_release(condition_of_all);
}

static int take_over(void) {
    int error = spork_condition_acquire(condition_of_all, 0);
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    EXPECT(spork_condition_notify(condition_of_all, 1) == 0);
    EXPECT(spork_condition_waiting(condition_of_all) == 0);
    EXPECT((atomic_load(&living.slot->token) & 1) != 0);
    EXPECT(spork_condition_wait(condition_of_all, 0) == SPORK_EWOULDBLOCK);
    return spork_condition_release(condition_of_all);
}

TEST_ONCE_SLOW(a_death_anywhere_in_a_wait_and_a_notification_harms_nobody, 120) {
    deaths_set_up();
    let_one_wait();
    die_everywhere(&(struct death){.name = "wait and notify",
                                   .work = wait_notify_and_release,
                                   .verify = take_over,
                                   .burier_stride = 11});
    sleep_drop_self(&living);
    spork_condition_free(condition_of_all);
}

static int make_and_free_a_condition(void) {
    spork_lock *lock;
    spork_condition *made[2];
    EXPECT(spork_lock_new(&lock, NULL) == 0);
    EXPECT(spork_condition_new(&made[0], &(spork_condition_options){.lock = lock}) == 0);
    spork_lock_free(lock);
    EXPECT(spork_condition_new(&made[1], NULL) == 0);
    spork_condition_free(made[0]);
    spork_condition_free(made[1]);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_conditions_are_made_and_freed_leaves_nothing, 120) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "conditions made and freed",
                                   .work = make_and_free_a_condition,
                                   .verify = nothing_more,
                                   .burier_stride = 131});
}

TEST_MAIN
