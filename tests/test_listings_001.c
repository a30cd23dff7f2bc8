/* The listings of document 001 that need no manager. 001:109 is marked in example 27. */
#include "listings.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Listing 001:15. ---- */

static int64_t halve(int64_t number) {
    spork_sleep_ms(5);
    return number % 2 != 0 ? spork_task_fail(1, "%d is odd", (int)number) : number / 2;
}
SPORK_TASK(int64_t, halve, int64_t);

static int wait_for_gate(spork_event *gate) {
    return spork_event_wait(gate, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for_gate, spork_event *);

/* Process: run (the task), start, join with a time-out, name, is_alive, daemon, pid, exitcode,
   terminate. Terminated: 000:131. */
TEST(a_process_has_all_that_the_list_names) {
    const spork_process_options options = {.name = "a child", .daemon = SPORK_DAEMON_YES};
    spork_event *gate = new_event();
    spork_process *child = NULL;
    int exit_code = -1000;
    assert_ok(spork_process_start(&child, wait_for_gate_call(gate), &options));
    assert_string_equal(spork_process_name(child), "a child");
    assert_true(spork_process_daemon(child));
    assert_true(spork_process_pid(child) > 0);
    assert_int_equal(spork_process_join(child, 20, NULL), SPORK_ETIMEDOUT);
    assert_true(spork_process_alive(child));
    assert_int_equal(spork_process_exit_code(child, &exit_code), SPORK_EBUSY);
    assert_ok(spork_event_set(gate));
    assert_ok(spork_process_join(child, SOON_MS, NULL));
    assert_false(spork_process_alive(child));
    assert_ok(spork_process_exit_code(child, &exit_code));
    assert_int_equal(exit_code, 0);
    assert_int_equal(spork_process_terminate(child),
                     on_threads() ? SPORK_ENOTSUP : SPORK_OK);
    assert_ok(spork_process_free(child));
    spork_event_free(gate);
}

static void remember(void *context, spork_future *future) {
    *(bool *)context = true;
    assert_true(spork_future_successful(future));
}

/* Pool: map and map_async. apply, apply_async, close, terminate, join: 000:361. */
TEST(map_has_the_results_in_order_at_once_or_later) {
    enum { COUNT = 5 };
    const int64_t numbers[COUNT] = {10, 8, 6, 4, 2};
    int64_t halves[COUNT] = {0};
    int64_t later[COUNT] = {0};
    bool called = false;
    const spork_map_options options = {
        .chunk_size = 2, .callback = remember, .context = &called};
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    assert_ok(halve_map(pool, numbers, COUNT, halves));
    assert_ok(halve_map_async(&future, pool, numbers, COUNT, later, &options));
    assert_ok(spork_future_get(future, NULL, SOON_MS));
    assert_true(called);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(halves[i], 5 - i);
        assert_int_equal(later[i], 5 - i);
    }
    spork_future_free(future);
    close_and_join(pool);
}

TEST(imap_delivers_one_by_one_and_imap_unordered_in_any_order) {
    enum { COUNT = 5 };
    const spork_imap_options any_order = {.unordered = true};
    const int64_t numbers[COUNT] = {2, 4, 6, 8, 10};
    spork_pool *pool = new_pool(2);
    spork_imap *imap = NULL;
    int64_t half = 0;
    int64_t sum = 0;
    assert_ok(halve_imap(&imap, pool, numbers, COUNT, NULL));
    for (int i = 0; i < COUNT; i++) {
        assert_ok(halve_next(imap, &half, SOON_MS));
        assert_int_equal(half, i + 1);
    }
    assert_int_equal(halve_next(imap, &half, SOON_MS), SPORK_EEOF);
    spork_imap_free(imap);
    assert_ok(halve_imap(&imap, pool, numbers, COUNT, &any_order));
    while (halve_next(imap, &half, SOON_MS) == 0) {
        assert_int_equal(half, numbers[spork_imap_index(imap)] / 2);
        sum += half;
    }
    assert_true(spork_imap_over(imap));
    assert_int_equal(sum, 1 + 2 + 3 + 4 + 5);
    spork_imap_free(imap);
    close_and_join(pool);
}

/* What apply_async and map_async result in: get with a time-out, wait, ready, successful. */
TEST(a_future_is_waited_for_and_asked_whether_it_is_ready_and_went_well) {
    spork_pool *pool = new_pool(1);
    spork_event *gate = new_event();
    wait_for_gate_future waits;
    halve_future fails;
    int result = -1;
    size_t ready = 2;
    assert_ok(wait_for_gate_apply_async(&waits, pool, gate));
    assert_ok(halve_apply_async(&fails, pool, 1));
    spork_future *const futures[] = {waits.future, fails.future};
    assert_int_equal(wait_for_gate_get(waits, &result, 20), SPORK_ETIMEDOUT);
    assert_int_equal(spork_future_wait(futures, 1, SPORK_WAIT_ALL, 20, &ready),
                     SPORK_ETIMEDOUT);
    assert_int_equal(ready, 0);
    assert_false(spork_future_ready(waits.future));
    assert_int_equal(spork_future_error(waits.future), SPORK_EBUSY);
    assert_ok(spork_event_set(gate));
    assert_ok(spork_future_wait(futures, 2, SPORK_WAIT_ALL, SOON_MS, &ready));
    assert_int_equal(ready, 2);
    assert_true(spork_future_ready(waits.future));
    assert_true(spork_future_successful(waits.future));
    assert_ok(wait_for_gate_get(waits, &result, SPORK_FOREVER));
    assert_int_equal(result, 0);
    assert_true(spork_future_ready(fails.future));
    assert_false(spork_future_successful(fails.future));
    spork_future_free(waits.future);
    spork_future_free(fails.future);
    close_and_join(pool);
    spork_event_free(gate);
}

/* ---- Listing 001:56. ---- */

static int64_t fibonacci(int number) {
    return number <= 2 ? 1 : fibonacci(number - 1) + fibonacci(number - 2);
}

static int calculate(int number, spork_queue *results) {
    return put_int(results, fibonacci(number));
}
SPORK_TASK(int, calculate, int, spork_queue *);

/* Without the guard it is the program of listing 003:186. How long both take is told, as the
   listing does; what it gains depends on what else the machine does. */
TEST(two_processes_compute_what_one_computed_in_turn) {
    enum { NUMBER = 27, RESULT = 196418 };
    spork_queue *results = new_queue(0);
    spork_process *workers[2];
    int64_t begin = spork_now_ms();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fibonacci(NUMBER), RESULT);
    }
    int64_t between = spork_now_ms();
    for (int i = 0; i < 2; i++) {
        workers[i] = start(calculate_call(NUMBER, results));
    }
    for (int i = 0; i < 2; i++) {
        join(workers[i], 0);
    }
    int64_t end = spork_now_ms();
    assert_int_equal(next_int(results), RESULT);
    assert_int_equal(next_int(results), RESULT);
    assert_true(spork_queue_empty(results));
    printf("# in turn %" PRId64 " ms, side by side %" PRId64 " ms\n", between - begin,
           end - between);
    spork_queue_free(results);
}

/* ---- Listing 001:116. ---- */

static int compute(int number, spork_queue *results) {
    spork_value pair =
        SPORK_LIST_OF(spork_int(fibonacci(number)),
                      spork_int(spork_process_pid(spork_current_process())));
    return spork_queue_put(results, pair, SPORK_FOREVER);
}
SPORK_TASK(int, compute, int, spork_queue *);

/* The program; the method is the word in which two of it differ. */
static void compute_twice(spork_start_method method) {
    const spork_process_options options = {.method = method};
    int64_t own = spork_process_pid(spork_current_process());
    spork_queue *results = new_queue(0);
    spork_process *workers[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(spork_process_start(&workers[i], compute_call(20, results), &options));
    }
    for (int i = 0; i < 2; i++) {
        spork_value pair;
        assert_ok(spork_queue_get(results, &pair, SOON_MS));
        assert_int_equal(int_at(&pair, 0), 6765);
        bool here = int_at(&pair, 1) == own;
        assert_int_equal(here, method == SPORK_METHOD_THREAD || on_threads());
        spork_value_free(&pair);
    }
    for (int i = 0; i < 2; i++) {
        join(workers[i], 0);
    }
    spork_queue_free(results);
}

TEST(one_word_makes_a_program_of_processes_one_of_threads) {
    compute_twice(SPORK_METHOD_DEFAULT);
    compute_twice(SPORK_METHOD_THREAD);
}

/* ---- 001:109, and 001:116 with it ---- */

SPORK_TASK(int64_t, fibonacci, int);

static int64_t where(int number) {
    return number == 0 ? 0 : own_pid();
}
SPORK_TASK(int64_t, where, int);

/* The program; the method is the word in which two of it differ. */
static void map_by_two(spork_start_method method) {
    enum { COUNT = 4 };
    const spork_pool_options options = {.workers = 2, .method = method};
    const int numbers[COUNT] = {24, 24, 10, 20};
    int64_t results[COUNT];
    int64_t pids[COUNT];
    spork_pool *pool = NULL;
    assert_ok(spork_pool_new(&pool, &options));
    assert_int_equal(spork_pool_workers(pool), 2);
    assert_ok(fibonacci_map(pool, numbers, COUNT, results));
    assert_int_equal(results[0], 46368);
    assert_int_equal(results[1], 46368);
    assert_int_equal(results[2], 55);
    assert_int_equal(results[3], 6765);
    assert_ok(where_map(pool, numbers, COUNT, pids));
    for (int i = 0; i < COUNT; i++) {
        bool here = pids[i] == own_pid();
        assert_int_equal(here, method == SPORK_METHOD_THREAD || on_threads());
    }
    assert_ok(spork_pool_free(pool));
}

TEST(a_pool_of_two_maps_in_order_and_one_word_makes_it_one_of_threads) {
    map_by_two(SPORK_METHOD_DEFAULT);
    map_by_two(SPORK_METHOD_THREAD);
}

/* ---- Listing 001:124. ---- */

static int send_hello(spork_pipe *end) {
    int error = spork_pipe_send(end, SPORK_LIST_OF(spork_str("hello")), SPORK_FOREVER);
    return error == 0 ? spork_pipe_close(end) : error;
}
SPORK_TASK(int, send_hello, spork_pipe *);

TEST(a_list_of_one_comes_through_a_pipe) {
    spork_pipe *ours = NULL;
    spork_pipe *theirs = NULL;
    spork_value message;
    assert_ok(spork_pipe_new(&ours, &theirs, NULL));
    spork_process *child = start(send_hello_call(theirs));
    assert_ok(spork_pipe_recv(ours, &message, SOON_MS));
    assert_prints(&message, "['hello']");
    spork_value_free(&message);
    join(child, 0);
    spork_pipe_free(ours);
    spork_pipe_free(theirs);
}

TEST_MAIN
