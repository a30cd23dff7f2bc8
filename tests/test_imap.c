/* Iterators over the results of a pool: their order, how far they look ahead, their ends. */
#include "support_pool.h"

static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

static void numbers_from_0(int64_t *in, size_t count) {
    for (size_t i = 0; i < count; i++) {
        in[i] = (int64_t)i;
    }
}

/* ---- order ---- */

static void squares_in_order(spork_pool *pool, size_t count, size_t look_ahead) {
    int64_t in[300] = {0};
    spork_imap *imap = NULL;
    int64_t got = -1;
    numbers_from_0(in, count);
    OK(square_imap(&imap, pool, in, count, &(spork_imap_options){.look_ahead = look_ahead}));
    for (size_t i = 0; i < count; i++) {
        OK(square_next(imap, &got, PATIENCE_MS));
        assert_int_equal(got, i * i);
        assert_int_equal(spork_imap_index(imap), i);
    }
    FAILS(SPORK_EEOF, square_next(imap, &got, PATIENCE_MS));
    assert_true(spork_imap_over(imap));
    FAILS(SPORK_EEOF, square_next(imap, &got, SPORK_FOREVER));
    FAILS(SPORK_EEOF, square_next(imap, &got, 0));
    spork_imap_free(imap);
}

TEST(results_come_in_the_order_of_the_input) {
    spork_pool *pool = new_pool(3);
    squares_in_order(pool, 0, 0);
    squares_in_order(pool, 1, 0);
    squares_in_order(pool, 300, 0);
    squares_in_order(pool, 300, 1);
    squares_in_order(pool, 300, 7);
    squares_in_order(pool, 300, 1000);
    free_pool(pool);
}

static int64_t sleep_ms(int64_t ms) {
    spork_sleep_ms(ms);
    return ms;
}
SPORK_TASK(int64_t, sleep_ms, int64_t);

TEST(who_is_quick_waits_for_who_is_slow_if_the_order_is_that_of_the_input) {
    static const int64_t in[] = {80, 1, 1, 30, 1, 1};
    spork_pool *pool = new_pool(3);
    spork_imap *imap = NULL;
    OK(sleep_ms_imap(&imap, pool, in, 6, NULL));
    for (int i = 0; i < 6; i++) {
        int64_t got = 0;
        OK(sleep_ms_next(imap, &got, PATIENCE_MS));
        assert_int_equal(got, in[i]);
    }
    spork_imap_free(imap);
    free_pool(pool);
}

/* Ends when the test has counted up to its turn. */
static int64_t end_in_turn(spork_array *counter, int64_t turn) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    int64_t now = 0;
    while (spork_array_add(counter, 0, 0, &now) == 0 && now <= turn) {
        if (spork_now_ms() > limit) {
            return spork_task_fail(1, "turn %lld never came", (long long)turn);
        }
        spork_sleep_ms(1);
    }
    return turn;
}
SPORK_TASK(int64_t, end_in_turn, spork_array *, int64_t);

enum { TURNS = 4 };
static const int64_t turns[TURNS] = {2, 0, 3, 1};

/* An iterator over one result in each turn, all of them begun. */
static spork_imap *take_turns(spork_pool *pool, spork_array *counter,
                              end_in_turn_arguments *in) {
    spork_imap *imap = NULL;
    for (int i = 0; i < TURNS; i++) {
        in[i] = (end_in_turn_arguments){counter, turns[i]};
    }
    OK(end_in_turn_imap(&imap, pool, in, TURNS, &(spork_imap_options){.unordered = true}));
    FAILS(SPORK_EWOULDBLOCK, end_in_turn_next(imap, NULL, 0));
    assert_int_equal(spork_pool_pending(pool), TURNS);
    return imap;
}

TEST(unordered_results_come_as_they_are_completed) {
    spork_pool *pool = new_pool(TURNS);
    spork_array *counter = new_counts(1);
    end_in_turn_arguments in[TURNS];
    spork_imap *imap = take_turns(pool, counter, in);
    for (int64_t turn = 0; turn < TURNS; turn++) {
        int64_t got = -1;
        count_up(counter, 0);
        OK(end_in_turn_next(imap, &got, PATIENCE_MS));
        assert_int_equal(got, turn);
        assert_int_equal(turns[spork_imap_index(imap)], turn);
        assert_int_equal(spork_imap_over(imap), turn == TURNS - 1);
    }
    FAILS(SPORK_EEOF, end_in_turn_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    spork_array_free(counter);
    free_pool(pool);
}

TEST(so_they_do_when_several_were_done_before_one_is_taken) {
    spork_pool *pool = new_pool(TURNS);
    spork_array *counter = new_counts(1);
    end_in_turn_arguments in[TURNS];
    spork_imap *imap = take_turns(pool, counter, in);
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    for (int64_t turn = 0; turn < TURNS; turn++) {
        count_up(counter, 0);
        while (spork_pool_pending(pool) >= TURNS - turn) {
            assert_true(spork_now_ms() < limit);
        }
    }
    for (int64_t turn = 0; turn < TURNS; turn++) {
        int64_t got = -1;
        OK(end_in_turn_next(imap, &got, PATIENCE_MS));
        assert_int_equal(got, turn);
    }
    spork_imap_free(imap);
    spork_array_free(counter);
    free_pool(pool);
}

TEST(each_unordered_result_comes_once_with_its_place) {
    enum { COUNT = 500 };
    int64_t in[COUNT];
    bool seen[COUNT] = {false};
    spork_pool *pool = new_pool(3);
    spork_imap *imap = NULL;
    numbers_from_0(in, COUNT);
    const spork_imap_options options = {.unordered = true, .look_ahead = 11};
    OK(square_imap(&imap, pool, in, COUNT, &options));
    for (int i = 0; i < COUNT; i++) {
        int64_t got = -1;
        OK(square_next(imap, &got, PATIENCE_MS));
        size_t index = spork_imap_index(imap);
        assert_true(index < COUNT && !seen[index]);
        seen[index] = true;
        assert_int_equal(got, index * index);
    }
    FAILS(SPORK_EEOF, square_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    free_pool(pool);
}

/* ---- producers ---- */

struct source {
    int64_t made;
    int64_t end;   /* what comes then is error; negative: never */
    int error;
    const char *words;
};

static int make_square(void *context, spork_call *call) {
    struct source *source = context;
    if (source->made == source->end) {
        return source->words == NULL ? source->error
                                     : spork_task_fail(source->error, "%s", source->words);
    }
    *call = square_call(source->made++);
    return 0;
}

TEST(an_endless_input_is_read_only_so_far_ahead) {
    enum { TAKEN = 50, AHEAD = 6 };
    spork_pool *pool = new_pool(2);
    spork_imap *imap = NULL;
    struct source source = {.end = -1};
    OK(spork_pool_imap(&imap, pool, make_square, &source,
                       &(spork_imap_options){.look_ahead = AHEAD}));
    assert_int_equal(source.made, 0);
    for (int64_t i = 0; i < TAKEN; i++) {
        spork_value got;
        int64_t number = -1;
        OK(spork_imap_next(imap, &got, PATIENCE_MS));
        OK(spork_value_get_int(&got, &number));
        assert_int_equal(number, i * i);
        assert_int_equal(spork_imap_index(imap), i);
        assert_in_range(source.made, i + 1, i + AHEAD);
        assert_false(spork_imap_over(imap));
        spork_value_free(&got);
    }
    int64_t made = source.made;
    spork_imap_free(imap);
    close_and_join(pool);
    assert_int_equal(source.made, made);
    free_pool(pool);
}

TEST(by_default_it_looks_four_for_each_worker_ahead) {
    spork_pool *pool = new_pool(3);
    for (int unordered = 0; unordered <= 1; unordered++) {
        spork_imap *imap = NULL;
        struct source source = {.end = -1};
        OK(spork_pool_imap(&imap, pool, make_square, &source,
                           &(spork_imap_options){.unordered = unordered != 0}));
        OK(spork_imap_next(imap, NULL, PATIENCE_MS));
        assert_int_equal(source.made, 12);
        OK(spork_imap_next(imap, NULL, PATIENCE_MS));
        assert_int_equal(source.made, 13);
        spork_imap_free(imap);
    }
    free_pool(pool);
}

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

struct gates {
    spork_event *go;
    int64_t made;
};

static int make_waiting(void *context, spork_call *call) {
    struct gates *gates = context;
    gates->made++;
    *call = wait_for_event_call(gates->go);
    return 0;
}

TEST(an_iterator_is_freed_in_the_middle_and_close_and_join_return) {
    spork_pool *pool = new_pool(2);
    struct gates gates = {new_event(), 0};
    spork_imap *imap = NULL;
    OK(spork_pool_imap(&imap, pool, make_waiting, &gates,
                       &(spork_imap_options){.look_ahead = 100}));
    FAILS(SPORK_EWOULDBLOCK, spork_imap_next(imap, NULL, 0));
    assert_int_equal(gates.made, 100);
    assert_int_equal(spork_pool_pending(pool), 100);
    spork_imap_free(imap);
    /* What runs goes on, what waits does not begin. */
    assert_in_range(spork_pool_pending(pool), 0, 2);
    OK(spork_event_set(gates.go));
    close_and_join(pool);
    assert_int_equal(gates.made, 100);
    free_pool(pool);
    spork_event_free(gates.go);
}

TEST(an_error_of_the_input_comes_behind_the_results_before_it) {
    spork_pool *pool = new_pool(2);
    for (int unordered = 0; unordered <= 1; unordered++) {
        spork_imap *imap = NULL;
        spork_value got;
        struct source source = {.end = 3, .error = SPORK_ENOTFOUND, .words = "no item 3"};
        OK(spork_pool_imap(&imap, pool, make_square, &source,
                           &(spork_imap_options){.unordered = unordered != 0}));
        for (int i = 0; i < 3; i++) {
            OK(spork_imap_next(imap, &got, PATIENCE_MS));
            spork_value_free(&got);
            assert_false(spork_imap_over(imap));
        }
        FAILS(SPORK_ENOTFOUND, spork_imap_next(imap, &got, PATIENCE_MS));
        assert_non_null(strstr(spork_error_detail(), "no item 3"));
        assert_int_equal(spork_imap_index(imap), 3);
        assert_true(spork_imap_over(imap));
        FAILS(SPORK_EEOF, spork_imap_next(imap, &got, PATIENCE_MS));
        spork_imap_free(imap);
        int64_t number = 0;
        OK(square_apply(pool, &number, 9));
        assert_int_equal(number, 81);
    }
    free_pool(pool);
}

TEST(an_error_of_the_input_may_be_a_number_of_its_own_and_have_no_words) {
    spork_pool *pool = new_pool(1);
    spork_imap *imap = NULL;
    struct source source = {.end = 0, .error = 77};
    OK(spork_pool_imap(&imap, pool, make_square, &source, NULL));
    FAILS(77, spork_imap_next(imap, NULL, PATIENCE_MS));
    assert_int_equal(spork_imap_index(imap), 0);
    FAILS(SPORK_EEOF, spork_imap_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    free_pool(pool);
}

static int make_no_call(void *context, spork_call *call) {
    if (++*(int *)context > 2) {
        return SPORK_EEOF;
    }
    *call = *(int *)context == 1 ? square_call(4) : spork_no_call();
    return 0;
}

TEST(a_call_that_the_pool_refuses_ends_the_input) {
    spork_pool *pool = new_pool(1);
    spork_imap *imap = NULL;
    int calls = 0;
    OK(spork_pool_imap(&imap, pool, make_no_call, &calls, NULL));
    OK(spork_imap_next(imap, NULL, PATIENCE_MS));
    FAILS(SPORK_EINVAL, spork_imap_next(imap, NULL, PATIENCE_MS));
    FAILS(SPORK_EEOF, spork_imap_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    /* The pool is closed in the middle: what it had taken is delivered first. */
    struct source source = {.end = -1};
    OK(spork_pool_imap(&imap, pool, make_square, &source,
                       &(spork_imap_options){.look_ahead = 3}));
    OK(spork_imap_next(imap, NULL, PATIENCE_MS));
    OK(spork_pool_close(pool));
    OK(spork_imap_next(imap, NULL, PATIENCE_MS));
    OK(spork_imap_next(imap, NULL, PATIENCE_MS));
    FAILS(SPORK_ECLOSED, spork_imap_next(imap, NULL, PATIENCE_MS));
    assert_true(spork_imap_over(imap));
    FAILS(SPORK_EEOF, spork_imap_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    free_pool(pool);
}

/* ---- tasks that fail, and time-outs ---- */

static int64_t not_three(int64_t number) {
    return number % 4 == 3 ? spork_task_fail((int)number, "it is %lld", (long long)number)
                           : number;
}
SPORK_TASK(int64_t, not_three, int64_t);

TEST(after_a_task_that_failed_the_iteration_goes_on) {
    enum { COUNT = 40 };
    int64_t in[COUNT];
    spork_pool *pool = new_pool(2);
    numbers_from_0(in, COUNT);
    for (int unordered = 0; unordered <= 1; unordered++) {
        spork_imap *imap = NULL;
        int failed = 0;
        OK(not_three_imap(&imap, pool, in, COUNT,
                          &(spork_imap_options){.unordered = unordered != 0}));
        for (int i = 0; i < COUNT; i++) {
            int64_t got = -5;
            int error = not_three_next(imap, &got, PATIENCE_MS);
            int64_t index = (int64_t)spork_imap_index(imap);
            assert_true(unordered != 0 || index == i);
            assert_int_equal(error, index % 4 == 3 ? index : 0);
            assert_int_equal(got, error == 0 ? index : -5);
            failed += error != 0;
        }
        assert_int_equal(failed, COUNT / 4);
        FAILS(SPORK_EEOF, not_three_next(imap, NULL, PATIENCE_MS));
        spork_imap_free(imap);
    }
    free_pool(pool);
}

TEST(next_gives_up_when_its_time_has_run_out_and_loses_nothing) {
    spork_pool *pool = new_pool(2);
    for (int unordered = 0; unordered <= 1; unordered++) {
        struct gates gates = {new_event(), 0};
        spork_imap *imap = NULL;
        int64_t number = -1;
        spork_value got = spork_int(3);
        OK(spork_pool_imap(&imap, pool, make_waiting, &gates,
                           &(spork_imap_options){.unordered = unordered != 0}));
        FAILS(SPORK_EINVAL, spork_imap_next(imap, &got, -2));
        FAILS(SPORK_EWOULDBLOCK, spork_imap_next(imap, &got, 0));
        int64_t begin = spork_now_ms();
        FAILS(SPORK_ETIMEDOUT, spork_imap_next(imap, &got, 50));
        assert_true(spork_now_ms() - begin >= 50);
        OK(spork_value_get_int(&got, &number));
        assert_int_equal(number, 3);
        assert_int_equal(gates.made, 8);
        OK(spork_event_set(gates.go));
        OK(spork_imap_next(imap, &got, PATIENCE_MS));
        OK(spork_value_get_int(&got, &number));
        assert_int_equal(number, 0);
        spork_imap_free(imap);
        spork_event_free(gates.go);
    }
    free_pool(pool);
}

/* ---- types ---- */

struct point {
    double x, y;
};

static spork_value describe(const char *name, struct point point, int scale) {
    char text[80];
    spork_value copy = spork_nil();
    snprintf(text, sizeof text, "%s %g", name == NULL ? "(none)" : name,
             (point.x + point.y) * scale);
    const spork_value value = spork_str(text);
    spork_value_copy(&copy, &value);
    return copy;
}
SPORK_TASK(spork_value, describe, const char *, struct point, int);

TEST(calls_of_several_parameters_are_taken_from_structs) {
    static const describe_arguments in[] = {
        {"a", {1, 2}, 10}, {NULL, {0.5, 0.25}, 4}, {"\xC3\xB6", {-1, 0}, 1}};
    static const char *const expected[] = {"a 30", "(none) 3", "\xC3\xB6 -1"};
    spork_pool *pool = new_pool(2);
    spork_imap *imap = NULL;
    spork_value got;
    OK(describe_imap(&imap, pool, in, 3, NULL));
    for (int i = 0; i < 3; i++) {
        const char *text = NULL;
        OK(describe_next(imap, &got, PATIENCE_MS));
        OK(spork_value_get_str(&got, &text));
        assert_string_equal(text, expected[i]);
        spork_value_free(&got);
    }
    FAILS(SPORK_EEOF, describe_next(imap, &got, PATIENCE_MS));
    spork_imap_free(imap);
    free_pool(pool);
}

TEST(results_may_be_of_no_interest_and_must_be_of_the_right_type) {
    const int64_t in[] = {3, 4, 5};
    spork_pool *pool = new_pool(1);
    spork_imap *imap = NULL;
    spork_value raw;
    int64_t got = -1;
    OK(square_imap(&imap, pool, in, 3, NULL));
    FAILS(SPORK_ETYPE, not_three_next(imap, &got, PATIENCE_MS));
    assert_int_equal(got, -1);
    OK(square_next(imap, NULL, PATIENCE_MS));
    OK(spork_imap_next(imap, &raw, PATIENCE_MS)); /* any way of asking will do */
    OK(spork_value_get_int(&raw, &got));
    assert_int_equal(got, 16);
    OK(spork_imap_next(imap, NULL, PATIENCE_MS));
    FAILS(SPORK_EEOF, square_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
    free_pool(pool);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    const int64_t in[] = {3};
    spork_pool *pool = new_pool(1);
    spork_imap *imap = NULL;
    struct source source = {.end = 1, .error = SPORK_EEOF};
    FAILS(SPORK_EINVAL, spork_pool_imap(NULL, pool, make_square, &source, NULL));
    FAILS(SPORK_EINVAL, spork_pool_imap(&imap, NULL, make_square, &source, NULL));
    FAILS(SPORK_EINVAL, spork_pool_imap(&imap, pool, NULL, &source, NULL));
    FAILS(SPORK_EINVAL, square_imap(NULL, pool, in, 1, NULL));
    FAILS(SPORK_EINVAL, square_imap(&imap, NULL, in, 1, NULL));
    FAILS(SPORK_EINVAL, square_imap(&imap, pool, NULL, 1, NULL));
    assert_null(imap);
    FAILS(SPORK_EINVAL, spork_imap_next(NULL, NULL, 0));
    FAILS(SPORK_EINVAL, square_next(NULL, NULL, 0));
    assert_int_equal(spork_imap_index(NULL), 0);
    assert_true(spork_imap_over(NULL));
    spork_imap_free(NULL);
    OK(square_imap(&imap, pool, NULL, 0, NULL));
    FAILS(SPORK_EEOF, square_next(imap, NULL, SPORK_FOREVER));
    spork_imap_free(imap);
    free_pool(pool);
}

TEST(two_iterators_share_a_pool) {
    enum { COUNT = 100 };
    int64_t in[COUNT];
    spork_pool *pool = new_pool(2);
    spork_imap *squares = NULL;
    spork_imap *others = NULL;
    numbers_from_0(in, COUNT);
    OK(square_imap(&squares, pool, in, COUNT, NULL));
    OK(not_three_imap(&others, pool, in, COUNT, NULL));
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t got = -1;
        OK(square_next(squares, &got, PATIENCE_MS));
        assert_int_equal(got, i * i);
        assert_int_equal(not_three_next(others, &got, PATIENCE_MS), i % 4 == 3 ? i : 0);
    }
    spork_imap_free(squares);
    spork_imap_free(others);
    free_pool(pool);
}

TEST(an_iterator_is_freed_after_its_pool_was_terminated) {
    spork_pool *pool = new_pool(1);
    spork_imap *imap = NULL;
    struct gates gates = {new_event(), 0};
    OK(spork_pool_imap(&imap, pool, make_waiting, &gates, NULL));
    FAILS(SPORK_EWOULDBLOCK, spork_imap_next(imap, NULL, 0));
    OK(spork_event_set(gates.go));
    OK(spork_pool_terminate(pool));
    int error = 0;
    for (int i = 0; i < 4; i++) {
        error = spork_imap_next(imap, NULL, PATIENCE_MS);
        assert_true(error == SPORK_ECANCELLED || error == 0);
    }
    FAILS(SPORK_ECLOSED, spork_imap_next(imap, NULL, PATIENCE_MS));
    FAILS(SPORK_EEOF, spork_imap_next(imap, NULL, PATIENCE_MS));
    free_pool(pool);
    spork_imap_free(imap);
    spork_event_free(gates.go);
}

TEST_MAIN
