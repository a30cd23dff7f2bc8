/* Futures: got, asked, waited for, alone and with others, in the order in which they are done. */
#include "support_pool.h"

static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

static int fail_with(int error) {
    return spork_task_fail(error, "it failed with %d", error);
}
SPORK_TASK(int, fail_with, int);

/* ---- one ---- */

TEST(get_gives_up_when_its_time_has_run_out_and_not_before) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_future *future = give(pool, wait_for_event_call(go));
    const spork_value *result = NULL;
    int number = 5;
    FAILS(SPORK_EWOULDBLOCK, spork_future_get(future, &result, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_future_get(future, &result, 50));
    assert_true(spork_now_ms() - begin >= 50);
    FAILS(SPORK_EINVAL, spork_future_get(future, &result, -2));
    FAILS(SPORK_EWOULDBLOCK, wait_for_event_get((wait_for_event_future){future}, &number, 0));
    assert_null(result);
    assert_int_equal(number, 5);
    assert_false(spork_future_ready(future));
    assert_false(spork_future_successful(future));
    FAILS(SPORK_EBUSY, spork_future_error(future));
    FAILS(SPORK_EBUSY, spork_future_exit_code(future, &number));
    assert_string_equal(spork_future_words(future), "");
    OK(spork_event_set(go));
    OK(spork_future_get(future, &result, SPORK_FOREVER));
    assert_non_null(result);
    spork_future_free(future);
    free_pool(pool);
    spork_event_free(go);
}

TEST(a_result_is_got_again_and_is_the_futures) {
    spork_pool *pool = new_pool(1);
    spork_future *future = give(pool, square_call(12));
    const spork_value *first = NULL;
    const spork_value *second = NULL;
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    OK(spork_future_get(future, &first, 0));
    OK(spork_future_get(future, &second, PATIENCE_MS));
    assert_ptr_equal(first, second);
    assert_int_equal(first->as.integer, 144);
    assert_true(spork_future_ready(future));
    assert_true(spork_future_successful(future));
    assert_int_equal(spork_future_error(future), 0);
    assert_string_equal(spork_future_words(future), "");
    FAILS(SPORK_EINVAL, spork_future_get(future, NULL, -2));
    spork_future_free(future);
    free_pool(pool);
}

static void sees_failure(spork_future *future, int error, const char *words) {
    const spork_value *result = NULL;
    FAILS(error, spork_future_get(future, &result, PATIENCE_MS));
    assert_non_null(strstr(spork_error_detail(), words));
    FAILS(error, spork_future_get(future, &result, 0));
    assert_null(result);
    assert_true(spork_future_ready(future));
    assert_false(spork_future_successful(future));
    assert_int_equal(spork_future_error(future), error);
    assert_non_null(strstr(spork_future_words(future), words));
}

static int leave(int how) {
    if (how == 0) {
        native_process_kill(native_pid());
    }
    exit(how);
}
SPORK_TASK(int, leave, int);

TEST(the_ends_of_workers_are_told_with_their_codes) {
    needs_processes();
    spork_pool *pool = new_pool(2);
    int code = 0;
    spork_future *future = give(pool, leave_call(8));
    sees_failure(future, SPORK_EEXITED, "leave called exit(8)");
    OK(spork_future_exit_code(future, &code));
    assert_int_equal(code, 8);
    FAILS(SPORK_EINVAL, spork_future_exit_code(future, NULL));
    spork_future_free(future);
    future = give(pool, leave_call(0));
    sees_failure(future, SPORK_EWORKERDIED, "leave");
    OK(spork_future_exit_code(future, &code));
    assert_int_equal(code, native_is_windows() ? 9 : -9);
    spork_future_free(future);
    future = give(pool, fail_with_call(6));
    sees_failure(future, 6, "it failed with 6");
    FAILS(SPORK_ESTATE, spork_future_exit_code(future, &code));
    spork_future_free(future);
    free_pool(pool);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_future *future = NULL;
    spork_as_completed *order = NULL;
    size_t ready = 0;
    int code;
    FAILS(SPORK_EINVAL, spork_future_get(NULL, NULL, 0));
    FAILS(SPORK_EINVAL, square_get((square_future){NULL}, NULL, 0));
    FAILS(SPORK_EINVAL, spork_future_error(NULL));
    FAILS(SPORK_EINVAL, spork_future_exit_code(NULL, &code));
    FAILS(SPORK_EINVAL, spork_future_cancel(NULL, 0));
    assert_false(spork_future_ready(NULL));
    assert_false(spork_future_successful(NULL));
    assert_string_equal(spork_future_words(NULL), "");
    spork_future_free(NULL);
    FAILS(SPORK_EINVAL, spork_future_wait(NULL, 1, SPORK_WAIT_ANY, 0, &ready));
    FAILS(SPORK_EINVAL, spork_future_wait(&future, 1, SPORK_WAIT_ANY, 0, &ready));
    FAILS(SPORK_EINVAL, spork_future_wait(NULL, 0, SPORK_WAIT_ANY, SPORK_FOREVER, NULL));
    OK(spork_future_wait(NULL, 0, SPORK_WAIT_ALL, SPORK_FOREVER, &ready));
    assert_int_equal(ready, 0);
    FAILS(SPORK_EINVAL, spork_as_completed_new(NULL, &future, 0));
    FAILS(SPORK_EINVAL, spork_as_completed_new(&order, NULL, 1));
    FAILS(SPORK_EINVAL, spork_as_completed_new(&order, &future, 1));
    assert_non_null(strstr(spork_error_detail(), "0"));
    FAILS(SPORK_EINVAL, spork_as_completed_next(NULL, &future, 0));
    spork_as_completed_free(NULL);
    spork_pool *pool = new_pool(1);
    future = give(pool, square_call(1));
    spork_future *const both[] = {future, NULL};
    FAILS(SPORK_EINVAL, spork_as_completed_new(&order, both, 2));
    assert_non_null(strstr(spork_error_detail(), "1"));
    FAILS(SPORK_EINVAL, spork_future_wait(both, 2, SPORK_WAIT_ALL, 0, NULL));
    FAILS(SPORK_EINVAL, spork_future_cancel(future, -2));
    OK(spork_as_completed_new(&order, both, 1)); /* the one that failed has let go of it */
    FAILS(SPORK_EINVAL, spork_as_completed_next(order, NULL, 0));
    FAILS(SPORK_EINVAL, spork_as_completed_next(order, &future, -2));
    spork_as_completed_free(order);
    spork_future_free(future);
    free_pool(pool);
}

/* ---- several, and other things with them ---- */

TEST(a_wait_for_any_future_and_one_for_all_of_two_pools) {
    enum { COUNT = 4 };
    spork_pool *pools[2] = {new_pool(2), new_pool(2)};
    spork_event *gates[COUNT];
    spork_future *futures[COUNT];
    size_t ready = 99;
    for (int i = 0; i < COUNT; i++) {
        gates[i] = new_event();
        futures[i] = give(pools[i % 2], wait_for_event_call(gates[i]));
    }
    FAILS(SPORK_EWOULDBLOCK, spork_future_wait(futures, COUNT, SPORK_WAIT_ANY, 0, &ready));
    assert_int_equal(ready, 0);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_future_wait(futures, COUNT, SPORK_WAIT_ANY, 50, &ready));
    assert_true(spork_now_ms() - begin >= 50);
    OK(spork_event_set(gates[2]));
    OK(spork_future_wait(futures, COUNT, SPORK_WAIT_ANY, PATIENCE_MS, &ready));
    assert_int_equal(ready, 1);
    assert_true(spork_future_ready(futures[2]));
    OK(spork_event_set(gates[1]));
    OK(spork_event_set(gates[0]));
    FAILS(SPORK_ETIMEDOUT, spork_future_wait(futures, COUNT, SPORK_WAIT_ALL, 100, &ready));
    assert_in_range(ready, 1, 3);
    OK(spork_event_set(gates[3]));
    OK(spork_future_wait(futures, COUNT, SPORK_WAIT_ALL, PATIENCE_MS, &ready));
    assert_int_equal(ready, COUNT);
    OK(spork_future_wait(futures, COUNT, SPORK_WAIT_ALL, 0, NULL));
    free_pool(pools[0]);
    free_pool(pools[1]);
    OK(spork_future_wait(futures, COUNT, SPORK_WAIT_ALL, 0, &ready)); /* and without them */
    assert_int_equal(ready, COUNT);
    for (int i = 0; i < COUNT; i++) {
        spork_future_free(futures[i]);
        spork_event_free(gates[i]);
    }
}

static int wait_and_end(spork_event *event) {
    return wait_for_event(event);
}
SPORK_TASK(int, wait_and_end, spork_event *);

TEST(futures_stand_in_a_wait_beside_queues_and_processes) {
    spork_pool *pool = new_pool(1);
    spork_event *gates[2] = {new_event(), new_event()};
    spork_queue *queue;
    OK(spork_queue_new(&queue, NULL));
    spork_process *child = start(wait_and_end_call(gates[0]));
    spork_future *future = give(pool, wait_for_event_call(gates[1]));
    spork_waitable things[] = {spork_on_queue(queue), spork_on_future(future),
                               spork_on_process(child)};
    size_t ready = 9;
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, 3, SPORK_WAIT_ANY, 30, &ready));
    OK(spork_event_set(gates[1]));
    OK(spork_wait(things, 3, SPORK_WAIT_ANY, PATIENCE_MS, &ready));
    assert_int_equal(ready, 1);
    assert_true(things[1].ready && !things[0].ready && !things[2].ready);
    OK(spork_queue_put(queue, spork_int(1), 0));
    OK(spork_event_set(gates[0]));
    OK(spork_wait(things, 3, SPORK_WAIT_ALL, PATIENCE_MS, &ready));
    assert_int_equal(ready, 3);
    things[1] = spork_on_future(NULL);
    FAILS(SPORK_EINVAL, spork_wait(things, 3, SPORK_WAIT_ANY, PATIENCE_MS, &ready));
    assert_non_null(strstr(spork_error_detail(), "1"));
    finish(child);
    spork_future_free(future);
    free_pool(pool);
    spork_queue_free(queue);
    spork_event_free(gates[0]);
    spork_event_free(gates[1]);
}

/* ---- in the order in which they are done ---- */

TEST(each_of_two_pools_futures_is_delivered_once_as_it_is_done) {
    enum { COUNT = 6 };
    static const int turns[COUNT] = {4, 1, 5, 0, 3, 2}; /* who ends when */
    spork_pool *pools[2] = {new_pool(3), new_pool(3)};
    spork_event *gates[COUNT];
    spork_future *futures[COUNT];
    spork_as_completed *order = NULL;
    spork_as_completed *other = NULL;
    spork_future *future = NULL;
    for (int i = 0; i < COUNT; i++) {
        gates[i] = new_event();
        futures[i] = give(pools[i % 2], wait_for_event_call(gates[i]));
    }
    OK(spork_as_completed_new(&order, futures, COUNT));
    FAILS(SPORK_EBUSY, spork_as_completed_new(&other, futures + 3, 1));
    assert_null(other);
    FAILS(SPORK_EWOULDBLOCK, spork_as_completed_next(order, &future, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_as_completed_next(order, &future, 50));
    assert_true(spork_now_ms() - begin >= 50);
    assert_null(future);
    for (int turn = 0; turn < COUNT; turn++) {
        OK(spork_event_set(gates[turns[turn]]));
        OK(spork_as_completed_next(order, &future, PATIENCE_MS));
        assert_ptr_equal(future, futures[turns[turn]]);
        assert_true(spork_future_successful(future));
    }
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, SPORK_FOREVER));
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, 0));
    FAILS(SPORK_EBUSY, spork_as_completed_new(&other, futures + 3, 1)); /* still in it */
    spork_as_completed_free(order);
    OK(spork_as_completed_new(&other, futures + 3, 2));
    OK(spork_as_completed_next(other, &future, 0));
    assert_ptr_equal(future, futures[3]);
    OK(spork_as_completed_next(other, &future, 0));
    assert_ptr_equal(future, futures[4]);
    FAILS(SPORK_EEOF, spork_as_completed_next(other, &future, 0));
    spork_as_completed_free(other);
    for (int i = 0; i < COUNT; i++) {
        spork_future_free(futures[i]);
        spork_event_free(gates[i]);
    }
    free_pool(pools[0]);
    free_pool(pools[1]);
}

TEST(those_that_are_done_already_come_first_in_their_order) {
    enum { COUNT = 5 };
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_future *futures[COUNT];
    spork_as_completed *order = NULL;
    spork_future *future = NULL;
    futures[3] = give(pool, fail_with_call(5));
    futures[1] = give(pool, square_call(1));
    futures[4] = give(pool, square_call(1));
    FAILS(5, spork_future_get(futures[3], NULL, PATIENCE_MS));
    OK(spork_future_get(futures[1], NULL, PATIENCE_MS));
    OK(spork_future_get(futures[4], NULL, PATIENCE_MS));
    futures[0] = give(pool, wait_for_event_call(go));
    futures[2] = give(pool, square_call(2));
    OK(spork_as_completed_new(&order, futures, COUNT));
    static const int expected[COUNT] = {1, 3, 4, 0, 2};
    for (int i = 0; i < COUNT; i++) {
        if (i == 3) {
            FAILS(SPORK_EWOULDBLOCK, spork_as_completed_next(order, &future, 0));
            OK(spork_event_set(go));
        }
        OK(spork_as_completed_next(order, &future, PATIENCE_MS));
        assert_ptr_equal(future, futures[expected[i]]);
    }
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, PATIENCE_MS));
    spork_as_completed_free(order);
    for (int i = 0; i < COUNT; i++) {
        spork_future_free(futures[i]);
    }
    free_pool(pool);
    spork_event_free(go);
}

TEST(an_order_of_nothing_is_at_its_end_and_one_twice_in_it_is_busy) {
    spork_pool *pool = new_pool(1);
    spork_as_completed *order = NULL;
    spork_future *future = NULL;
    OK(spork_as_completed_new(&order, NULL, 0));
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, SPORK_FOREVER));
    spork_as_completed_free(order);
    order = NULL;
    future = give(pool, square_call(1));
    spork_future *const twice[] = {future, future};
    FAILS(SPORK_EBUSY, spork_as_completed_new(&order, twice, 2));
    assert_null(order);
    OK(spork_as_completed_new(&order, twice, 1));
    spork_as_completed_free(order); /* before it was delivered */
    assert_int_equal(int_of(future), 1);
    spork_future_free(future);
    free_pool(pool);
}

TEST(an_order_delivers_what_the_end_of_the_pool_cancelled) {
    enum { COUNT = 4 };
    spork_pool *pools[2] = {new_pool(1), new_pool(1)};
    spork_event *go = new_event();
    spork_future *futures[COUNT];
    spork_as_completed *order = NULL;
    spork_future *future = NULL;
    bool seen[COUNT] = {false};
    for (int i = 0; i < COUNT; i++) {
        futures[i] = give(pools[i % 2], wait_for_event_call(go));
    }
    OK(spork_as_completed_new(&order, futures, COUNT));
    OK(spork_pool_terminate(pools[0]));
    OK(spork_event_set(go));
    free_pool(pools[0]);
    for (int i = 0; i < COUNT; i++) {
        OK(spork_as_completed_next(order, &future, PATIENCE_MS));
        for (int j = 0; j < COUNT; j++) {
            if (future == futures[j]) {
                assert_false(seen[j]);
                seen[j] = true;
                assert_int_equal(spork_future_error(future), j % 2 == 0 ? SPORK_ECANCELLED : 0);
            }
        }
    }
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, PATIENCE_MS));
    free_pool(pools[1]);
    spork_as_completed_free(order);
    for (int i = 0; i < COUNT; i++) {
        assert_true(seen[i]);
        spork_future_free(futures[i]);
    }
    spork_event_free(go);
}

TEST(a_thousand_futures_are_delivered_each_once) {
    enum { COUNT = 1000 };
    static spork_future *futures[COUNT];
    spork_pool *pool = new_pool(3);
    spork_as_completed *order = NULL;
    spork_future *future = NULL;
    int64_t sum = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        futures[i] = give(pool, square_call(i));
    }
    OK(spork_as_completed_new(&order, futures, COUNT));
    for (int64_t i = 0; i < COUNT; i++) {
        OK(spork_as_completed_next(order, &future, PATIENCE_MS));
        sum += int_of(future);
        spork_future_cancel(future, 0); /* does nothing to it */
    }
    FAILS(SPORK_EEOF, spork_as_completed_next(order, &future, PATIENCE_MS));
    assert_int_equal(sum, (int64_t)COUNT * (COUNT - 1) * (2 * COUNT - 1) / 6);
    spork_as_completed_free(order);
    for (int i = 0; i < COUNT; i++) {
        spork_future_free(futures[i]);
    }
    free_pool(pool);
}

/* ---- for event loops ---- */

/* Until the bell rings and something was done. */
static size_t poll_once(spork_pool *pool, intptr_t native) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    size_t done = 0;
    while (done == 0) {
        assert_true(native_sentinel_ready(native, PATIENCE_MS));
        OK(spork_pool_poll(pool, &done));
        assert_true(spork_now_ms() < limit);
    }
    return done;
}

TEST(an_event_loop_polls_the_pools_native) {
    enum { TASKS = 20 };
    spork_pool *pool = new_pool(2);
    spork_event *go = new_event();
    intptr_t native = 0;
    intptr_t again = 0;
    size_t done = 99;
    OK(spork_pool_native(pool, &native));
    OK(spork_pool_native(pool, &again));
    assert_int_equal(native, again);
    OK(spork_pool_poll(pool, &done));
    assert_int_equal(done, 0);
    spork_future *future = give(pool, wait_for_event_call(go));
    /* What rings for nothing is over soon. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (native_sentinel_ready(native, 30)) {
        OK(spork_pool_poll(pool, &done));
        assert_int_equal(done, 0);
        assert_true(spork_now_ms() < limit);
    }
    OK(spork_event_set(go));
    assert_int_equal(poll_once(pool, native), 1);
    assert_true(spork_future_ready(future));
    spork_future_free(future);
    for (int64_t i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(NULL, pool, square_call(i), NULL));
    }
    size_t all = 0;
    while (all < TASKS) {
        /* Giving some of them has noticed others. */
        if (spork_pool_pending(pool) == 0) {
            break;
        }
        all += poll_once(pool, native);
    }
    assert_int_equal(spork_pool_pending(pool), 0);
    free_pool(pool);
    spork_event_free(go);
}

TEST(a_pool_is_ready_in_a_wait_when_there_is_something_to_poll) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    size_t done = 0;
    size_t ready = 0;
    OK(spork_pool_apply_async(NULL, pool, wait_for_event_call(go), NULL));
    spork_waitable thing = spork_on_pool(pool);
    /* Workers that have begun are something, too. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    int error;
    while ((error = spork_wait(&thing, 1, SPORK_WAIT_ANY, 30, NULL)) == 0) {
        OK(spork_pool_poll(pool, &done));
        assert_int_equal(done, 0);
        assert_true(spork_now_ms() < limit);
    }
    assert_int_equal(error, SPORK_ETIMEDOUT);
    OK(spork_event_set(go));
    while (done == 0) {
        OK(spork_wait(&thing, 1, SPORK_WAIT_ANY, PATIENCE_MS, &ready));
        assert_int_equal(ready, 1);
        assert_true(thing.ready);
        OK(spork_pool_poll(pool, &done));
        assert_true(spork_now_ms() < limit);
    }
    assert_int_equal(done, 1);
    thing = spork_on_pool(NULL);
    FAILS(SPORK_EINVAL, spork_wait(&thing, 1, SPORK_WAIT_ANY, 0, NULL));
    free_pool(pool);
    spork_event_free(go);
}

TEST_MAIN
