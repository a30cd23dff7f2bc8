/* Maps of which items fail, maps that are told of: errors, callbacks, progress, their ends. */
#include "support_pool.h"

enum { UNTOUCHED = -77777 };

/* Numbers that end in 3 or 7 fail, each with an error of its own. */
static int64_t pick(int64_t number, spork_array *counts) {
    count_up(counts, 0);
    if (number % 10 == 7) {
        return spork_task_fail((int)number, "%lld is not wanted", (long long)number);
    }
    if (number % 10 == 3) {
        return spork_task_fail(SPORK_ENOTFOUND, "no %lld", (long long)number);
    }
    return 3 * number;
}
SPORK_TASK(int64_t, pick, int64_t, spork_array *);

static int64_t pick_flat(int64_t number) {
    if (number % 10 == 7) {
        return spork_task_fail((int)number, "%lld is not wanted", (long long)number);
    }
    return number % 10 == 3 ? spork_task_fail(SPORK_ENOTFOUND, "no %lld", (long long)number)
                            : 3 * number;
}
SPORK_TASK(int64_t, pick_flat, int64_t);

static spork_value pick_value(int64_t number, const char *text) {
    if (number % 10 == 7) {
        spork_task_fail((int)number, "%lld is not wanted", (long long)number);
    }
    if (number % 10 == 3) {
        return spork_str("\xFF"); /* cannot be carried */
    }
    return spork_str(text);
}
SPORK_TASK(spork_value, pick_value, int64_t, const char *);

enum { COUNT = 100 };

static int error_of(int64_t number) {
    return number % 10 == 7 ? (int)number : number % 10 == 3 ? SPORK_ENOTFOUND : 0;
}

static void results_and_errors_are_right(const int64_t *out, const int *errors) {
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(errors[i], error_of(i));
        assert_int_equal(out[i], error_of(i) != 0 ? UNTOUCHED : 3 * i);
    }
}

static void fails_at_three(int error, const char *detail) {
    assert_int_equal(error, SPORK_ENOTFOUND);
    assert_non_null(strstr(detail, "no 3"));
    assert_non_null(strstr(detail, "item 3"));
}

TEST(the_lowest_item_that_failed_is_told_and_the_others_have_run) {
    static const size_t chunks[] = {0, 1, 7, 1000};
    pick_arguments in[COUNT];
    int64_t out[COUNT];
    int errors[COUNT];
    spork_pool *pool = new_pool(3);
    for (size_t chunk = 0; chunk < sizeof chunks / sizeof chunks[0]; chunk++) {
        spork_array *counts = new_counts(1);
        for (int64_t i = 0; i < COUNT; i++) {
            in[i] = (pick_arguments){i, counts};
            out[i] = UNTOUCHED;
            errors[i] = 12345;
        }
        const spork_map_options options = {.chunk_size = chunks[chunk], .errors = errors};
        int error = pick_starmap_with(pool, in, COUNT, out, &options);
        fails_at_three(error, spork_error_detail());
        assert_int_equal(count_of(counts, 0), COUNT);
        results_and_errors_are_right(out, errors);
        spork_array_free(counts);
    }
    free_pool(pool);
}

TEST(what_failed_leaves_its_result_untouched_in_flat_maps_too) {
    int64_t in[COUNT];
    int64_t out[COUNT];
    int errors[COUNT];
    spork_pool *pool = new_pool(3);
    spork_array *shared = new_counts(COUNT);
    int64_t *shared_out = SPORK_ITEMS(shared, int64_t);
    for (int64_t i = 0; i < COUNT; i++) {
        in[i] = i;
        out[i] = UNTOUCHED;
        shared_out[i] = UNTOUCHED;
    }
    const spork_map_options options = {.errors = errors};
    fails_at_three(pick_flat_map_with(pool, in, COUNT, out, &options), spork_error_detail());
    results_and_errors_are_right(out, errors);
    fails_at_three(pick_flat_map_with(pool, in, COUNT, shared_out, &options),
                   spork_error_detail());
    results_and_errors_are_right(shared_out, errors);
    fails_at_three(pick_flat_map(pool, in, COUNT, NULL), spork_error_detail());
    spork_array_free(shared);
    free_pool(pool);
}

TEST(values_that_failed_or_cannot_be_carried_leave_theirs_untouched) {
    pick_value_arguments in[COUNT];
    spork_value out[COUNT];
    int errors[COUNT];
    spork_pool *pool = new_pool(3);
    for (int64_t i = 0; i < COUNT; i++) {
        in[i] = (pick_value_arguments){i, "fine"};
        out[i] = spork_int(UNTOUCHED);
    }
    const spork_map_options options = {.errors = errors};
    FAILS(SPORK_EMALFORMED, pick_value_starmap_with(pool, in, COUNT, out, &options));
    assert_non_null(strstr(spork_error_detail(), "item 3"));
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t number = 0;
        const char *text = NULL;
        if (error_of(i) != 0) {
            assert_int_equal(errors[i], i % 10 == 3 ? SPORK_EMALFORMED : (int)i);
            OK(spork_value_get_int(&out[i], &number));
            assert_int_equal(number, UNTOUCHED);
        } else {
            assert_int_equal(errors[i], 0);
            OK(spork_value_get_str(&out[i], &text));
            assert_string_equal(text, "fine");
        }
        spork_value_free(&out[i]);
    }
    free_pool(pool);
}

TEST(a_future_of_a_map_tells_which_item_failed_and_how) {
    int64_t in[] = {10, 27, 11, 13, 30};
    int64_t out[] = {0, 0, 0, 0, 0};
    size_t index = 99;
    int code = 0;
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    OK(pick_flat_map_async(&future, pool, in, 5, out, NULL));
    FAILS(27, spork_future_get(future, NULL, PATIENCE_MS));
    assert_non_null(strstr(spork_error_detail(), "27 is not wanted"));
    assert_int_equal(spork_future_error(future), 27);
    assert_non_null(strstr(spork_future_words(future), "27 is not wanted"));
    assert_non_null(strstr(spork_future_words(future), "item 1"));
    OK(spork_future_failed_item(future, &index));
    assert_int_equal(index, 1);
    FAILS(SPORK_EINVAL, spork_future_failed_item(future, NULL));
    FAILS(SPORK_ESTATE, spork_future_exit_code(future, &code));
    assert_false(spork_future_successful(future));
    spork_future_free(future);
    in[1] = 0;
    in[3] = 0;
    OK(pick_flat_map_async(&future, pool, in, 5, out, NULL));
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    FAILS(SPORK_ESTATE, spork_future_failed_item(future, &index));
    assert_string_equal(spork_future_words(future), "");
    spork_future_free(future);
    future = give(pool, pick_flat_call(7));
    FAILS(7, spork_future_get(future, NULL, PATIENCE_MS));
    FAILS(SPORK_ESTATE, spork_future_failed_item(future, &index)); /* no map */
    spork_future_free(future);
    FAILS(SPORK_EINVAL, spork_future_failed_item(NULL, &index));
    free_pool(pool);
}

static int64_t length_of(const char *text) {
    return (int64_t)strlen(text);
}
SPORK_TASK(int64_t, length_of, const char *);

TEST(items_that_cannot_be_carried_are_told_at_once_with_their_index) {
    static const char *const in[] = {"a", "b", "\xFF", "d"};
    int64_t out[] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    FAILS(SPORK_EMALFORMED, length_of_map(pool, (const char **)(uintptr_t)in, 4, out));
    assert_non_null(strstr(spork_error_detail(), "item 2"));
    FAILS(SPORK_EMALFORMED,
          length_of_map_async(&future, pool, (const char **)(uintptr_t)in, 4, out, NULL));
    assert_null(future);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(out[i], UNTOUCHED);
    }
    OK(length_of_map(pool, (const char **)(uintptr_t)in, 2, out));
    free_pool(pool);
}

/* ---- workers that end in a map ---- */

static int64_t end_at_seven(int64_t number, int how) {
    if (number == 7 && how == 1) {
        exit(9);
    }
    if (number == 7 && how == 2) {
        native_process_kill(native_pid());
    }
    return 3 * number;
}
SPORK_TASK(int64_t, end_at_seven, int64_t, int);

/* native_process_kill gives a code on Windows. */
static int killed_code(void) {
    return native_is_windows() ? 9 : -9;
}

static void only_seven_fails(size_t chunk, int how, int expected) {
    end_at_seven_arguments in[COUNT];
    int64_t out[COUNT];
    int errors[COUNT];
    size_t index = 99;
    int code = 12345;
    spork_future *future = NULL;
    spork_pool *pool = new_pool(3);
    for (int64_t i = 0; i < COUNT; i++) {
        in[i] = (end_at_seven_arguments){i, how};
        out[i] = UNTOUCHED;
    }
    const spork_map_options options = {.chunk_size = chunk, .errors = errors};
    OK(end_at_seven_starmap_async(&future, pool, in, COUNT, out, &options));
    FAILS(expected, spork_future_get(future, NULL, PATIENCE_MS));
    OK(spork_future_failed_item(future, &index));
    assert_int_equal(index, 7);
    OK(spork_future_exit_code(future, &code));
    assert_int_equal(code, how == 1 ? 9 : killed_code());
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(errors[i], i == 7 ? expected : 0);
        assert_int_equal(out[i], i == 7 ? UNTOUCHED : 3 * i);
    }
    spork_future_free(future);
    in[7].x1 = 0;
    OK(end_at_seven_starmap(pool, in, COUNT, out));
    assert_int_equal(out[7], 21);
    free_pool(pool);
}

TEST(an_item_that_calls_exit_fails_alone) {
    needs_processes();
    only_seven_fails(0, 1, SPORK_EEXITED);
    only_seven_fails(20, 1, SPORK_EEXITED);
}

TEST(an_item_whose_worker_is_killed_fails_alone) {
    needs_processes();
    only_seven_fails(0, 2, SPORK_EWORKERDIED);
    only_seven_fails(20, 2, SPORK_EWORKERDIED);
}

/* ---- callbacks and progress ---- */

struct seen {
    int good, bad, error;
};

static void note_good(void *context, spork_future *future) {
    struct seen *seen = context;
    const spork_value *nothing = NULL;
    OK(spork_future_get(future, &nothing, 0));
    assert_int_equal(nothing->kind, SPORK_NIL);
    seen->good++;
}
static void note_bad(void *context, spork_future *future) {
    struct seen *seen = context;
    seen->bad++;
    seen->error = spork_future_error(future);
}

TEST(a_map_calls_one_callback_once) {
    const int64_t good[] = {1, 2, 4};
    const int64_t bad[] = {1, 17, 4};
    int64_t out[3];
    struct seen seen = {0};
    const spork_map_options options = {
        .callback = note_good, .error_callback = note_bad, .context = &seen};
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    OK(pick_flat_map_async(&future, pool, good, 3, out, &options));
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    assert_int_equal(seen.good, 1);
    spork_future_free(future);
    FAILS(17, pick_flat_map_with(pool, bad, 3, out, &options));
    assert_int_equal(seen.bad, 1);
    assert_int_equal(seen.error, 17);
    OK(pick_flat_map_async(NULL, pool, good, 3, NULL, &options));
    OK(pick_flat_map_async(NULL, pool, good, 0, NULL, &options)); /* of nothing too */
    close_and_join(pool);
    assert_int_equal(seen.good, 3);
    assert_int_equal(seen.bad, 1);
    free_pool(pool);
    assert_int_equal(seen.good + seen.bad, 4);
}

static int64_t doze(int64_t ms) {
    spork_sleep_ms(ms);
    return ms;
}
SPORK_TASK(int64_t, doze, int64_t);

struct course {
    uint64_t last, total;
    int calls, ends;
    double seconds;
};

static void follow(void *context, const spork_progress *progress) {
    struct course *course = context;
    assert_int_equal(progress->total, course->total);
    assert_true(progress->done <= progress->total);
    assert_true(progress->done >= course->last);
    assert_true(progress->seconds >= course->seconds);
    assert_true(progress->rate >= 0);
    if (course->calls == 0) {
        assert_int_equal(progress->done, 0);
    }
    course->last = progress->done;
    course->seconds = progress->seconds;
    course->calls++;
    course->ends += progress->done == progress->total;
}

TEST(progress_begins_at_nothing_ends_at_all_and_never_goes_back) {
    enum { ITEMS = 60 };
    int64_t in[ITEMS];
    spork_pool *pool = new_pool(2);
    struct course course = {.total = ITEMS};
    const spork_map_options options = {.progress = follow, .progress_context = &course};
    for (int i = 0; i < ITEMS; i++) {
        in[i] = 20;
    }
    int64_t begin = spork_now_ms();
    OK(doze_map_with(pool, in, ITEMS, NULL, &options));
    int64_t duration = spork_now_ms() - begin;
    assert_int_equal(course.last, ITEMS);
    assert_true(course.ends >= 1);
    assert_true(course.calls >= 3);
    assert_true(course.calls <= duration / 100 + 3); /* ten times a second */
    free_pool(pool);
}

TEST(progress_of_an_asynchronous_map_is_told_by_who_waits_for_it) {
    const int64_t in[] = {100, 100, 100};
    spork_pool *pool = new_pool(1);
    struct course course = {.total = 3};
    const spork_map_options options = {.progress = follow, .progress_context = &course};
    spork_future *future = NULL;
    OK(doze_map_async(&future, pool, in, 3, NULL, &options));
    assert_int_equal(course.calls, 0);
    FAILS(SPORK_ETIMEDOUT, spork_future_get(future, NULL, 20));
    assert_true(course.calls >= 1);
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    assert_int_equal(course.last, 3);
    assert_int_equal(course.ends >= 1, 1);
    spork_future_free(future);
    free_pool(pool);
}

/* ---- ends of pools ---- */

TEST(close_and_join_wait_for_a_map_and_a_closed_pool_takes_none) {
    int64_t in[COUNT];
    int64_t out[COUNT];
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    spork_future *late = NULL;
    for (int i = 0; i < COUNT; i++) {
        in[i] = 1;
        out[i] = UNTOUCHED;
    }
    OK(doze_map_async(&future, pool, in, COUNT, out, NULL));
    OK(spork_pool_close(pool));
    FAILS(SPORK_ECLOSED, doze_map(pool, in, COUNT, out));
    FAILS(SPORK_ECLOSED, doze_map_async(&late, pool, in, COUNT, out, NULL));
    assert_null(late);
    OK(spork_pool_join(pool, PATIENCE_MS));
    OK(spork_future_get(future, NULL, 0));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], 1);
    }
    spork_future_free(future);
    free_pool(pool);
}

TEST(terminate_ends_a_map_in_the_middle) {
    enum { MANY = 10000 };
    static int64_t in[MANY];
    static int64_t out[MANY];
    static int errors[MANY];
    spork_pool *pool = new_pool(2);
    spork_future *future = NULL;
    size_t index;
    for (int i = 0; i < MANY; i++) {
        in[i] = 5;
    }
    const spork_map_options options = {.errors = errors};
    OK(doze_map_async(&future, pool, in, MANY, out, &options));
    FAILS(SPORK_ETIMEDOUT, spork_future_get(future, NULL, 30));
    int64_t begin = spork_now_ms();
    OK(spork_pool_terminate(pool));
    assert_int_equal(spork_future_error(future), SPORK_ECANCELLED);
    FAILS(SPORK_ESTATE, spork_future_failed_item(future, &index));
    OK(spork_pool_join(pool, PATIENCE_MS));
    assert_true(spork_now_ms() - begin < 2000);
    spork_future_free(future);
    free_pool(pool);
}

/* Begins, and ends when the test lets it. */
static int64_t begin_and_wait(spork_array *counts, spork_event *go) {
    count_up(counts, 0);
    spork_event_wait(go, PATIENCE_MS);
    return count_up(counts, 1);
}
SPORK_TASK(int64_t, begin_and_wait, spork_array *, spork_event *);

struct ending {
    spork_pool *pool;
    spork_array *counts;
};

static void terminate_when_begun(void *context, const spork_progress *progress) {
    const struct ending *ending = context;
    if (progress->done < progress->total) {
        assert_true(wait_for_count(ending->counts, 0, 2));
        OK(spork_pool_terminate(ending->pool));
    }
}

TEST(what_a_map_was_given_is_the_callers_again_when_the_map_was_terminated) {
    enum { ITEMS = 6 };
    spork_array *counts = new_counts(2);
    spork_event *go = new_event();
    spork_pool *pool = new_pool(2);
    struct ending ending = {pool, counts};
    begin_and_wait_arguments in[ITEMS];
    int64_t out[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        in[i] = (begin_and_wait_arguments){counts, go};
    }
    const spork_map_options options = {.progress = terminate_when_begun,
                                       .progress_context = &ending};
    FAILS(SPORK_ECANCELLED, begin_and_wait_starmap_with(pool, in, ITEMS, out, &options));
    for (int i = 0; i < ITEMS; i++) {
        out[i] = UNTOUCHED;
    }
    OK(spork_event_set(go));
    OK(spork_pool_join(pool, PATIENCE_MS));
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(out[i], UNTOUCHED);
    }
    assert_int_equal(count_of(counts, 0), 2); /* no other item has begun */
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

TEST_MAIN
