/* The listings of document 001 that need neither a pool nor a manager. */
#include "listings.h"

#include <inttypes.h>
#include <stdio.h>

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
