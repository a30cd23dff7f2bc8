/* Futures that are cancelled: before they begin, while they run, and too late. */
#include "support_pool.h"

static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

/* Counts that it has begun, and waits for longer than any test. */
static int begin_and_wait(spork_array *counts, spork_event *go) {
    EXPECT(count_up(counts, 0) >= 0);
    return spork_event_wait(go, 10 * PATIENCE_MS);
}
SPORK_TASK(int, begin_and_wait, spork_array *, spork_event *);

/* Counts when it has been told, and fails as it is asked to. */
static int64_t watch(spork_array *counts, int64_t error) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    EXPECT(count_up(counts, 0) >= 0);
    while (!spork_task_cancelled()) {
        EXPECT(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    EXPECT(count_up(counts, 1) >= 0);
    return error == 0 ? 7 : spork_task_fail((int)error, "told, and gone");
}
SPORK_TASK(int64_t, watch, spork_array *, int64_t);

static void is_cancelled(spork_future *future) {
    const spork_value *result = NULL;
    assert_true(spork_future_ready(future));
    assert_int_equal(spork_future_error(future), SPORK_ECANCELLED);
    FAILS(SPORK_ECANCELLED, spork_future_get(future, &result, 0));
    assert_null(result);
    assert_true(spork_future_words(future)[0] != '\0');
    FAILS(SPORK_ESTATE, spork_future_cancel(future, 0));
}

TEST(what_waits_in_the_queue_is_cancelled_at_once_and_never_runs) {
    enum { TASKS = 5 };
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_array *counts = new_counts(1);
    spork_future *first = give(pool, begin_and_wait_call(counts, go));
    spork_future *futures[TASKS];
    assert_true(wait_for_count(counts, 0, 1));
    for (int i = 0; i < TASKS; i++) {
        futures[i] = give(pool, begin_and_wait_call(counts, go));
    }
    assert_int_equal(spork_pool_pending(pool), TASKS + 1);
    for (int i = 0; i < TASKS; i++) {
        OK(spork_future_cancel(futures[i], i % 2 == 0 ? SPORK_FOREVER : 0));
        is_cancelled(futures[i]);
    }
    assert_int_equal(spork_pool_pending(pool), 1);
    OK(spork_event_set(go));
    assert_int_equal(int_of(first), 0);
    close_and_join(pool);
    assert_int_equal(count_of(counts, 0), 1);
    for (int i = 0; i < TASKS; i++) {
        spork_future_free(futures[i]);
    }
    spork_future_free(first);
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

TEST(what_is_done_cannot_be_cancelled_and_keeps_its_result) {
    spork_pool *pool = new_pool(1);
    spork_future *future = give(pool, square_call(6));
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    FAILS(SPORK_ESTATE, spork_future_cancel(future, 0));
    FAILS(SPORK_ESTATE, spork_future_cancel(future, SPORK_FOREVER));
    assert_int_equal(int_of(future), 36);
    spork_future_free(future);
    free_pool(pool);
}

/* It is done, which nobody has noticed yet. */
TEST(what_has_come_to_its_end_unnoticed_is_in_time) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_array *counts = new_counts(1);
    spork_future *future = give(pool, begin_and_wait_call(counts, go));
    assert_true(wait_for_count(counts, 0, 1));
    OK(spork_event_set(go));
    OK(spork_pool_close(pool)); /* without looking */
    size_t left = 1;
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (left > 0 && !on_threads()) {
        /* The worker ends when all is done: its task has, then. */
        OK(spork_pool_pids(pool, NULL, 0, &left));
        assert_true(spork_now_ms() < limit);
    }
    if (!on_threads()) {
        FAILS(SPORK_ESTATE, spork_future_cancel(future, 0));
        assert_int_equal(int_of(future), 0);
    }
    spork_future_free(future);
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

TEST(what_runs_is_ended_with_its_worker_and_others_lose_nothing) {
    enum { OTHERS = 200 };
    needs_processes();
    spork_pool *pool = new_pool(2);
    spork_event *never = new_event();
    spork_array *counts = new_counts(1);
    int64_t before[2];
    int64_t after[2];
    size_t count;
    spork_future *others[OTHERS];
    OK(spork_pool_pids(pool, before, 2, &count));
    for (int round = 0; round < 5; round++) {
        spork_future *future = give(pool, begin_and_wait_call(counts, never));
        for (int64_t i = 0; i < OTHERS; i++) {
            others[i] = give(pool, square_call(i));
        }
        assert_true(wait_for_count(counts, 0, round + 1));
        int64_t begin = spork_now_ms();
        OK(spork_future_cancel(future, 0));
        assert_true(spork_now_ms() - begin < 2000);
        is_cancelled(future);
        spork_future_free(future);
        for (int64_t i = 0; i < OTHERS; i++) {
            assert_int_equal(int_of(others[i]), i * i);
            spork_future_free(others[i]);
        }
    }
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    do {
        OK(spork_pool_poll(pool, NULL));
        OK(spork_pool_pids(pool, after, 2, &count));
        assert_true(spork_now_ms() < limit);
    } while (count < 2);
    assert_true((after[0] != before[0] && after[0] != before[1]) ||
                (after[1] != before[0] && after[1] != before[1]));
    assert_int_equal(count_of(counts, 0), 5);
    free_pool(pool);
    spork_event_free(never);
    spork_array_free(counts);
}

TEST(who_does_not_listen_has_its_grace_and_not_more) {
    needs_processes();
    spork_pool *pool = new_pool(1);
    spork_event *never = new_event();
    spork_array *counts = new_counts(1);
    spork_future *future = give(pool, begin_and_wait_call(counts, never));
    assert_true(wait_for_count(counts, 0, 1));
    int64_t begin = spork_now_ms();
    OK(spork_future_cancel(future, 100));
    int64_t duration = spork_now_ms() - begin;
    assert_in_range(duration, 100, 2000);
    is_cancelled(future);
    spork_future_free(future);
    int64_t number = 0;
    OK(square_apply(pool, &number, 3));
    assert_int_equal(number, 9);
    free_pool(pool);
    spork_event_free(never);
    spork_array_free(counts);
}

TEST(who_is_told_and_fails_in_time_is_cancelled_and_its_worker_stays) {
    spork_pool *pool = new_pool(1);
    spork_array *counts = new_counts(2);
    int64_t before = 0;
    int64_t after = 0;
    size_t count;
    int64_t number = 0;
    OK(spork_pool_pids(pool, &before, 1, &count));
    spork_future *future = give(pool, watch_call(counts, SPORK_ECANCELLED));
    assert_true(wait_for_count(counts, 0, 1));
    OK(spork_future_cancel(future, PATIENCE_MS));
    assert_int_equal(count_of(counts, 1), 1);
    is_cancelled(future);
    assert_string_equal(spork_future_words(future), "told, and gone");
    OK(square_apply(pool, &number, 3)); /* who is not told that it is cancelled */
    assert_int_equal(number, 9);
    OK(spork_pool_pids(pool, &after, 1, &count));
    assert_int_equal(before, after);
    spork_future_free(future);
    free_pool(pool);
    spork_array_free(counts);
}

TEST(who_is_told_and_ends_in_another_way_has_done_so) {
    spork_pool *pool = new_pool(1);
    spork_array *counts = new_counts(2);
    spork_future *future = give(pool, watch_call(counts, 0));
    assert_true(wait_for_count(counts, 0, 1));
    FAILS(SPORK_ESTATE, spork_future_cancel(future, SPORK_FOREVER));
    assert_int_equal(int_of(future), 7);
    spork_future_free(future);
    future = give(pool, watch_call(counts, 55));
    assert_true(wait_for_count(counts, 0, 2));
    FAILS(SPORK_ESTATE, spork_future_cancel(future, PATIENCE_MS));
    assert_int_equal(spork_future_error(future), 55);
    spork_future_free(future);
    free_pool(pool);
    spork_array_free(counts);
}

TEST_ONCE(a_task_on_a_thread_is_told_and_stays_as_it_was) {
    spork_pool *pool =
        new_pool_with((spork_pool_options){.workers = 1, .method = SPORK_METHOD_THREAD});
    spork_event *go = new_event();
    spork_array *counts = new_counts(2);
    spork_future *future = give(pool, begin_and_wait_call(counts, go));
    spork_future *queued = give(pool, square_call(1));
    assert_true(wait_for_count(counts, 0, 1));
    FAILS(SPORK_ENOTSUP, spork_future_cancel(future, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ENOTSUP, spork_future_cancel(future, 50));
    assert_true(spork_now_ms() - begin >= 50);
    assert_false(spork_future_ready(future));
    OK(spork_future_cancel(queued, 0));
    is_cancelled(queued);
    OK(spork_event_set(go));
    assert_int_equal(int_of(future), 0);
    spork_future_free(future);
    spork_future_free(queued);
    /* One who listens ends. */
    future = give(pool, watch_call(counts, SPORK_ECANCELLED));
    assert_true(wait_for_count(counts, 0, 2));
    OK(spork_future_cancel(future, PATIENCE_MS));
    is_cancelled(future);
    spork_future_free(future);
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

/* ---- maps ---- */

static int64_t sleep_and_count(spork_array *counts, int64_t number) {
    count_up(counts, 0);
    spork_sleep_ms(5);
    return number;
}
SPORK_TASK(int64_t, sleep_and_count, spork_array *, int64_t);

TEST(of_a_map_that_is_cancelled_no_further_item_begins) {
    enum { COUNT = 5000 };
    static sleep_and_count_arguments in[COUNT];
    static int64_t out[COUNT];
    spork_pool *pool = new_pool(2);
    for (int unheard = 0; unheard <= 1; unheard++) {
        spork_array *counts = new_counts(1);
        spork_future *future = NULL;
        for (int64_t i = 0; i < COUNT; i++) {
            in[i] = (sleep_and_count_arguments){counts, i};
        }
        OK(sleep_and_count_starmap_async(&future, pool, in, COUNT, out, NULL));
        assert_true(wait_for_count(counts, 0, 10));
        OK(spork_future_cancel(future, unheard != 0 && !on_threads() ? 0 : PATIENCE_MS));
        int64_t begun = count_of(counts, 0);
        is_cancelled(future);
        assert_in_range(begun, 10, COUNT / 2);
        spork_sleep_ms(30);
        assert_int_equal(count_of(counts, 0), begun);
        spork_future_free(future);
        /* And the pool is as it was. */
        int64_t result = 0;
        OK(square_apply(pool, &result, 5));
        assert_int_equal(result, 25);
        for (int i = 0; i < 20; i++) {
            in[i] = (sleep_and_count_arguments){counts, i};
        }
        OK(sleep_and_count_starmap(pool, in, 20, out));
        for (int i = 0; i < 20; i++) {
            assert_int_equal(out[i], i);
        }
        spork_array_free(counts);
    }
    free_pool(pool);
}

TEST(items_of_a_map_that_listen_are_told_that_it_is_cancelled) {
    enum { COUNT = 10 };
    spork_pool *pool = new_pool(2);
    spork_array *counts = new_counts(2);
    watch_arguments in[COUNT];
    int64_t out[COUNT];
    spork_future *future = NULL;
    for (int i = 0; i < COUNT; i++) {
        in[i] = (watch_arguments){counts, 0};
    }
    OK(watch_starmap_async(&future, pool, in, COUNT, out, NULL));
    assert_true(wait_for_count(counts, 0, 2));
    OK(spork_future_cancel(future, PATIENCE_MS));
    is_cancelled(future);
    assert_int_equal(count_of(counts, 0), 2);
    assert_int_equal(count_of(counts, 1), 2);
    spork_future_free(future);
    free_pool(pool);
    spork_array_free(counts);
}

TEST(a_map_that_has_not_begun_is_cancelled_at_once) {
    enum { COUNT = 10 };
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_array *counts = new_counts(1);
    sleep_and_count_arguments in[COUNT];
    int64_t out[COUNT];
    spork_future *map = NULL;
    spork_future *first = give(pool, begin_and_wait_call(counts, go));
    assert_true(wait_for_count(counts, 0, 1));
    for (int i = 0; i < COUNT; i++) {
        in[i] = (sleep_and_count_arguments){counts, i};
    }
    OK(sleep_and_count_starmap_async(&map, pool, in, COUNT, out, NULL));
    int64_t begin = spork_now_ms();
    OK(spork_future_cancel(map, PATIENCE_MS));
    assert_true(spork_now_ms() - begin < 2000);
    is_cancelled(map);
    OK(spork_event_set(go));
    assert_int_equal(int_of(first), 0);
    close_and_join(pool);
    assert_int_equal(count_of(counts, 0), 1);
    spork_future_free(map);
    spork_future_free(first);
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

TEST_MAIN
