/* Callbacks of a pool's futures: who is called, how often, and by which thread. */
#include "support_pool.h"

static int64_t half(int64_t number) {
    return number % 2 == 0 ? number / 2 : spork_task_fail(8, "%lld is odd", (long long)number);
}
SPORK_TASK(int64_t, half, int64_t);

/* What callbacks saw. The test's thread alone may call them, so nothing is atomic. */
struct seen {
    int good, bad;
    int64_t sum;
    const void *thread;
};

static _Thread_local char thread_mark;

static void count_good(void *context, spork_future *future) {
    struct seen *seen = context;
    const spork_value *result = NULL;
    int64_t number = 0;
    OK(spork_future_get(future, &result, 0));
    OK(spork_value_get_int(result, &number));
    assert_true(spork_future_successful(future));
    seen->good++;
    seen->sum += number;
    seen->thread = &thread_mark;
}

static void count_bad(void *context, spork_future *future) {
    struct seen *seen = context;
    assert_true(spork_future_ready(future));
    assert_true(spork_future_error(future) == 8 ||
                spork_future_error(future) == SPORK_ECANCELLED);
    seen->bad++;
    seen->thread = &thread_mark;
}

static spork_apply_options tell(struct seen *seen) {
    return (spork_apply_options){count_good, count_bad, seen};
}

TEST(each_future_calls_one_callback_once_in_the_thread_that_waits) {
    enum { TASKS = 100 };
    spork_pool *pool = new_pool(3);
    struct seen seen = {0};
    const spork_apply_options options = tell(&seen);
    int64_t sum = 0;
    for (int64_t i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(NULL, pool, half_call(i), &options));
        sum += i % 2 == 0 ? i / 2 : 0;
    }
    close_and_join(pool);
    assert_int_equal(seen.good, TASKS / 2);
    assert_int_equal(seen.bad, TASKS / 2);
    assert_int_equal(seen.sum, sum);
    assert_ptr_equal(seen.thread, &thread_mark);
    OK(spork_pool_poll(pool, NULL));
    free_pool(pool);
    assert_int_equal(seen.good + seen.bad, TASKS);
}

TEST(no_callback_is_called_before_somebody_waits) {
    enum { TASKS = 10 };
    spork_pool *pool = new_pool(2);
    struct seen seen = {0};
    const spork_apply_options options = tell(&seen);
    for (int64_t i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(NULL, pool, half_call(2 * i), &options));
    }
    int before = seen.good; /* apply_async may tell of earlier ones */
    assert_true(before < TASKS);
    spork_sleep_ms(50);
    assert_int_equal(seen.good, before);
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    size_t all = (size_t)before;
    while (seen.good < TASKS) {
        size_t done = 99;
        OK(spork_pool_poll(pool, &done));
        all += done;
        assert_int_equal(all, seen.good);
        assert_true(spork_now_ms() < limit);
    }
    free_pool(pool);
    assert_int_equal(seen.good, TASKS);
    assert_int_equal(seen.bad, 0);
}

TEST(a_future_that_is_kept_has_its_callback_called_before_get_returns) {
    spork_pool *pool = new_pool(1);
    struct seen seen = {0};
    const spork_apply_options options = tell(&seen);
    spork_future *good = NULL;
    spork_future *bad = NULL;
    OK(spork_pool_apply_async(&good, pool, half_call(10), &options));
    assert_int_equal(int_of(good), 5);
    assert_int_equal(seen.good, 1);
    OK(spork_pool_apply_async(&bad, pool, half_call(11), &options));
    FAILS(8, spork_future_get(bad, NULL, PATIENCE_MS));
    assert_string_equal(spork_error_detail(), "11 is odd");
    assert_int_equal(seen.bad, 1);
    spork_future_free(good);
    spork_future_free(bad);
    free_pool(pool);
    assert_int_equal(seen.good + seen.bad, 2);
}

TEST(a_callback_that_was_not_given_is_not_missed) {
    spork_pool *pool = new_pool(1);
    struct seen seen = {0};
    const spork_apply_options only_good = {.callback = count_good, .context = &seen};
    const spork_apply_options only_bad = {.error_callback = count_bad, .context = &seen};
    OK(spork_pool_apply_async(NULL, pool, half_call(1), &only_good));
    OK(spork_pool_apply_async(NULL, pool, half_call(2), &only_bad));
    OK(spork_pool_apply_async(NULL, pool, half_call(4), &only_good));
    OK(spork_pool_apply_async(NULL, pool, half_call(5), &only_bad));
    close_and_join(pool);
    assert_int_equal(seen.good, 1);
    assert_int_equal(seen.bad, 1);
    free_pool(pool);
}

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

TEST(those_who_are_cancelled_are_told_by_the_error_callback) {
    enum { TASKS = 5 };
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    struct seen seen = {0};
    const spork_apply_options options = tell(&seen);
    spork_future *futures[TASKS];
    OK(spork_pool_apply_async(NULL, pool, wait_for_event_call(go), NULL));
    for (int i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(&futures[i], pool, half_call(2), &options));
    }
    OK(spork_future_cancel(futures[3], SPORK_FOREVER));
    assert_int_equal(seen.bad, 1);
    OK(spork_pool_terminate(pool));
    assert_int_equal(seen.bad, TASKS);
    OK(spork_event_set(go));
    free_pool(pool);
    assert_int_equal(seen.bad, TASKS);
    assert_int_equal(seen.good, 0);
    for (int i = 0; i < TASKS; i++) {
        spork_future_free(futures[i]);
    }
    spork_event_free(go);
}

/* A chain: each callback gives the next task, or waits for one. */
struct chain {
    spork_pool *pool;
    int64_t left, deepest;
};

static void give_the_next(void *context, spork_future *future) {
    struct chain *chain = context;
    const spork_apply_options options = {.callback = give_the_next, .context = chain};
    assert_true(spork_future_ready(future));
    if (--chain->left > 0) {
        OK(spork_pool_apply_async(NULL, chain->pool, half_call(2), &options));
    }
}

TEST(a_callback_gives_the_pool_its_next_task) {
    struct chain chain = {.pool = new_pool(2), .left = 200};
    const spork_apply_options options = {.callback = give_the_next, .context = &chain};
    OK(spork_pool_apply_async(NULL, chain.pool, half_call(2), &options));
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (chain.left > 0) {
        spork_waitable pool = spork_on_pool(chain.pool);
        OK(spork_wait(&pool, 1, SPORK_WAIT_ANY, PATIENCE_MS, NULL));
        OK(spork_pool_poll(chain.pool, NULL));
        assert_true(spork_now_ms() < limit);
    }
    free_pool(chain.pool);
}

static void wait_inside(void *context, spork_future *future) {
    struct chain *chain = context;
    int64_t number = 0;
    (void)future;
    FAILS(SPORK_EBUSY, spork_pool_free(chain->pool));
    OK(half_apply(chain->pool, &number, 84));
    assert_int_equal(number, 42);
    chain->left--;
}

TEST(a_callback_waits_for_a_task_but_cannot_free_the_pool) {
    struct chain chain = {.pool = new_pool(1), .left = 3};
    const spork_apply_options options = {.callback = wait_inside, .context = &chain};
    for (int i = 0; i < 3; i++) {
        OK(spork_pool_apply_async(NULL, chain.pool, half_call(2), &options));
    }
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (chain.left > 0) {
        OK(spork_pool_poll(chain.pool, NULL));
        assert_true(spork_now_ms() < limit);
    }
    close_and_join(chain.pool);
    free_pool(chain.pool);
    assert_int_equal(chain.left, 0);
}

TEST_MAIN
