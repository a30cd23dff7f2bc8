/* One call given to a pool: what goes in, what comes out, how it fails, who is told. */
#include <float.h>
#include <math.h>

#include "support_pool.h"

/* ---- results of each type ---- */

static int as_int(int x) { return x; }
SPORK_TASK(int, as_int, int);
static int64_t as_int64(int64_t x) { return x; }
SPORK_TASK(int64_t, as_int64, int64_t);
static uint64_t as_uint64(uint64_t x) { return x; }
SPORK_TASK(uint64_t, as_uint64, uint64_t);
static uint8_t as_uint8(uint8_t x) { return x; }
SPORK_TASK(uint8_t, as_uint8, uint8_t);
static int8_t as_int8(int8_t x) { return x; }
SPORK_TASK(int8_t, as_int8, int8_t);
static uint16_t as_uint16(uint16_t x) { return x; }
SPORK_TASK(uint16_t, as_uint16, uint16_t);
static bool as_bool(bool x) { return x; }
SPORK_TASK(bool, as_bool, bool);
static float as_float(float x) { return x; }
SPORK_TASK(float, as_float, float);
static double as_double(double x) { return x; }
SPORK_TASK(double, as_double, double);

/* Both ways of a type: waited for, and got later. */
#define COMES_BACK(task, R, value)                          \
    do {                                                    \
        R got_ = (R)1;                                      \
        task##_future later_;                               \
        OK(task##_apply(pool, &got_, (R)(value)));          \
        assert_true(got_ == (R)(value));                    \
        OK(task##_apply_async(&later_, pool, (R)(value)));  \
        got_ = (R)1;                                        \
        OK(task##_get(later_, &got_, PATIENCE_MS));         \
        assert_true(got_ == (R)(value));                    \
        spork_future_free(later_.future);                   \
        OK(task##_apply(pool, NULL, (R)(value)));           \
    } while (0)

TEST(numbers_of_each_type_come_back_as_they_went) {
    spork_pool *pool = new_pool(1);
    COMES_BACK(as_int, int, INT32_MAX);
    COMES_BACK(as_int, int, INT32_MIN);
    COMES_BACK(as_int, int, 0);
    COMES_BACK(as_int64, int64_t, INT64_MIN);
    COMES_BACK(as_int64, int64_t, INT64_MAX);
    COMES_BACK(as_uint8, uint8_t, 255);
    COMES_BACK(as_int8, int8_t, -128);
    COMES_BACK(as_uint16, uint16_t, 65535);
    COMES_BACK(as_uint64, uint64_t, 0);
    COMES_BACK(as_uint64, uint64_t, INT64_MAX);
    COMES_BACK(as_bool, bool, true);
    COMES_BACK(as_bool, bool, false);
    COMES_BACK(as_float, float, 0.1f);
    COMES_BACK(as_float, float, FLT_MAX);
    COMES_BACK(as_double, double, 0.1);
    COMES_BACK(as_double, double, -DBL_MAX);
    COMES_BACK(as_double, double, DBL_MIN);
    double infinite = 0;
    OK(as_double_apply(pool, &infinite, (double)INFINITY));
    assert_true(infinite > DBL_MAX);
    double none = 0;
    OK(as_double_apply(pool, &none, (double)NAN));
    assert_true(none != none);
    free_pool(pool);
}

TEST(an_unsigned_number_above_the_largest_int64_comes_back_too) {
    spork_pool *pool = new_pool(1);
    uint64_t got = 0;
    OK(as_uint64_apply(pool, &got, UINT64_MAX));
    assert_true(got == UINT64_MAX);
    free_pool(pool);
}

static spork_value as_value(spork_value x) {
    spork_value copy = spork_nil();
    spork_value_copy(&copy, &x);
    return copy;
}
SPORK_TASK(spork_value, as_value, spork_value);

static void value_comes_back(spork_pool *pool, spork_value value) {
    spork_value got = spork_nil();
    spork_value raw = spork_nil();
    as_value_future later;
    OK(as_value_apply(pool, &got, value));
    assert_true(spork_value_equal(&got, &value));
    OK(spork_pool_apply(pool, as_value_call(value), &raw, PATIENCE_MS));
    assert_true(spork_value_equal(&raw, &value));
    spork_value_free(&raw);
    spork_value_free(&got);
    OK(as_value_apply_async(&later, pool, value));
    for (int i = 0; i < 2; i++) {
        /* It stays the future's, however often it is got. */
        OK(as_value_get(later, &got, PATIENCE_MS));
        assert_true(spork_value_equal(&got, &value));
        spork_value_free(&got);
    }
    spork_future_free(later.future);
    OK(as_value_apply(pool, NULL, value));
}

TEST(values_of_each_kind_come_back_as_they_went) {
    static unsigned char large[300000];
    spork_pool *pool = new_pool(2);
    const spork_value items[] = {spork_int(42), spork_nil(), spork_str("hello"),
                                 spork_float(1.5), spork_bytes_value("\0\1", 2)};
    const spork_value pairs[] = {spork_str("a"), spork_list(items, 5), spork_int(2),
                                 spork_bool(true)};
    fill_pattern(large, sizeof large, 3);
    value_comes_back(pool, spork_nil());
    value_comes_back(pool, spork_bool(true));
    value_comes_back(pool, spork_int(INT64_MIN));
    value_comes_back(pool, spork_float(-0.5));
    value_comes_back(pool, spork_str(""));
    value_comes_back(pool, spork_str("\xC3\xA4rger"));
    value_comes_back(pool, spork_bytes_value("", 0));
    for (size_t size = 1; size <= sizeof large; size = 3 * size + 1) {
        value_comes_back(pool, spork_bytes_value(large, size));
    }
    value_comes_back(pool, spork_bytes_value(large, sizeof large));
    value_comes_back(pool, spork_list(NULL, 0));
    value_comes_back(pool, spork_list(items, 5));
    value_comes_back(pool, spork_map(pairs, 2));
    free_pool(pool);
}

static spork_value lend_words(void) {
    static const spork_value words[] = {{.kind = SPORK_STRING, .size = 2, .as.data = "hm"}};
    return spork_list(words, 1);
}
SPORK_TASK(spork_value, lend_words);

TEST(a_result_that_the_task_only_lent_is_copied) {
    spork_pool *pool = new_pool(1);
    spork_value got;
    char text[20];
    OK(lend_words_apply(pool, &got));
    spork_value_format(&got, text, sizeof text);
    assert_string_equal(text, "['hm']");
    spork_value_free(&got);
    free_pool(pool);
}

/* ---- handles ---- */

static spork_value make_queue(int64_t number) {
    spork_queue *queue = NULL;
    if (spork_queue_new(&queue, NULL) != 0 || spork_queue_put(queue, spork_int(number), 0) != 0) {
        return spork_nil();
    }
    spork_value handle = spork_queue_value(queue);
    spork_value copy = spork_nil();
    if (spork_value_copy(&copy, &handle) != 0) {
        return spork_nil();
    }
    spork_queue_free(queue);
    return copy;
}
SPORK_TASK(spork_value, make_queue, int64_t);

static int64_t take_number(spork_queue *queue) {
    spork_value item;
    int64_t number = -1;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

TEST(a_handle_comes_back_and_its_object_lives_on_without_its_maker) {
    spork_pool *pool = new_pool(1);
    spork_value got = spork_nil();
    spork_queue *queue = NULL;
    OK(make_queue_apply(pool, &got, 17));
    free_pool(pool);
    OK(spork_value_get_queue(&got, &queue));
    assert_int_equal(take_number(queue), 17);
    spork_value_free(&got);
}

static int put_both(spork_queue *first, spork_queue *second, int64_t number) {
    EXPECT(spork_queue_put(first, spork_int(number), 0) == 0);
    EXPECT(spork_queue_put(second, spork_int(-number), 0) == 0);
    return 0;
}
SPORK_TASK(int, put_both, spork_queue *, spork_queue *, int64_t);

TEST(handles_among_the_arguments_are_those_of_the_caller) {
    spork_pool *pool = new_pool(1);
    spork_queue *queue;
    spork_queue *other;
    int result = -1;
    OK(spork_queue_new(&queue, NULL));
    OK(spork_queue_new(&other, NULL));
    OK(put_both_apply(pool, &result, queue, other, 5));
    assert_int_equal(result, 0);
    assert_int_equal(take_number(queue), 5);
    assert_int_equal(take_number(other), -5);
    FAILS(SPORK_EINVAL, put_both_apply(pool, &result, queue, NULL, 6));
    assert_int_equal(spork_queue_size(queue), 0);
    spork_queue_free(queue);
    spork_queue_free(other);
    free_pool(pool);
}

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

TEST(a_task_that_waits_for_its_turn_keeps_the_objects_of_its_arguments) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_event *later = new_event();
    spork_queue *queue;
    spork_queue *told;
    OK(spork_queue_new(&queue, NULL));
    OK(spork_queue_new(&told, NULL));
    spork_future *first = give(pool, wait_for_event_call(go));
    OK(spork_event_set(later));
    spork_future *second = give(pool, wait_for_event_call(later));
    spork_future *third = give(pool, put_both_call(queue, told, 9));
    spork_event_free(later); /* the pool has them still */
    spork_queue_free(queue);
    OK(spork_event_set(go));
    assert_int_equal(int_of(first), 0);
    assert_int_equal(int_of(second), 0);
    assert_int_equal(int_of(third), 0);
    assert_int_equal(take_number(told), -9);
    spork_future_free(first);
    spork_future_free(second);
    spork_future_free(third);
    free_pool(pool);
    spork_event_free(go);
    spork_queue_free(told);
}

/* ---- parameters of each type ---- */

struct place {
    double x, y;
    int32_t id;
    char name[20];
};

static double measure(struct place a, struct place b, const char *text, spork_bytes data,
                      spork_value value, bool negate, float factor, int8_t offset) {
    double sum = a.x + b.y * 10 + a.id + b.id * 100;
    int64_t number = 0;
    sum += text == NULL ? 0.5 : (double)strlen(text) * 1000;
    for (size_t i = 0; i < data.size; i++) {
        sum += ((const unsigned char *)data.data)[i];
    }
    sum += spork_value_get_int(&value, &number) == 0 ? (double)number : 0;
    sum += strcmp(a.name, "here") == 0 && strcmp(b.name, "there") == 0 ? 0 : 1e9;
    return (negate ? -sum : sum) * (double)factor + offset;
}
SPORK_TASK(double, measure, struct place, struct place, const char *, spork_bytes, spork_value,
           bool, float, int8_t);

TEST(eight_parameters_of_eight_types_arrive) {
    spork_pool *pool = new_pool(1);
    const struct place here = {1, 2, 3, "here"};
    const struct place there = {4, 5, 6, "there"};
    const spork_bytes data = {.data = "\x01\xFF", .size = 2};
    double got = 0;
    OK(measure_apply(pool, &got, here, there, "ab", data, spork_int(7), true, 2.0f, -1));
    double sum = 1 + 50 + 3 + 600 + 2000 + 256 + 7;
    assert_true(got == -sum * 2 - 1);
    OK(measure_apply(pool, &got, here, there, NULL, (spork_bytes){0}, spork_nil(), false, 1.0f,
                     127));
    assert_true(got == 1 + 50 + 3 + 600 + 0.5 + 127);
    free_pool(pool);
}

static int64_t length_of(const char *text) {
    return text == NULL ? -1 : (int64_t)strlen(text);
}
SPORK_TASK(int64_t, length_of, const char *);

TEST(a_string_of_any_length_arrives_and_none_stays_none) {
    static char text[200001];
    spork_pool *pool = new_pool(1);
    int64_t length = 0;
    OK(length_of_apply(pool, &length, NULL));
    assert_int_equal(length, -1);
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < sizeof text; i = 2 * i + 1) {
        text[i] = '\0';
        OK(length_of_apply(pool, &length, text));
        assert_int_equal(length, i);
        text[i] = 'x';
    }
    free_pool(pool);
}

TEST(arguments_are_taken_when_they_are_given) {
    char text[] = "abc";
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_future *first = give(pool, wait_for_event_call(go));
    spork_future *second = give(pool, length_of_call(text));
    text[1] = '\0';
    OK(spork_event_set(go));
    assert_int_equal(int_of(second), 3);
    spork_future_free(first);
    spork_future_free(second);
    free_pool(pool);
    spork_event_free(go);
}

TEST(arguments_that_cannot_travel_are_told_at_once) {
    spork_pool *pool = new_pool(1);
    spork_future *future = NULL;
    int64_t length = 0;
    FAILS(SPORK_EMALFORMED, spork_pool_apply_async(&future, pool, length_of_call("\xFF"), NULL));
    assert_null(future);
    FAILS(SPORK_EMALFORMED, length_of_apply(pool, &length, "\xFF"));
    assert_int_equal(spork_pool_pending(pool), 0);
    OK(length_of_apply(pool, &length, "x"));
    assert_int_equal(length, 1);
    free_pool(pool);
}

/* ---- how tasks fail ---- */

static int fail_with(int error, const char *words) {
    return spork_task_fail(error, "%s", words);
}
SPORK_TASK(int, fail_with, int, const char *);

static void fails_with(spork_pool *pool, int error, const char *words) {
    int result = 77;
    spork_future *future = give(pool, fail_with_call(error, words));
    FAILS(error, spork_future_get(future, NULL, PATIENCE_MS));
    assert_string_equal(spork_error_detail(), words);
    assert_int_equal(spork_future_error(future), error);
    assert_string_equal(spork_future_words(future), words);
    assert_true(spork_future_ready(future));
    assert_false(spork_future_successful(future));
    FAILS(SPORK_ESTATE, spork_future_exit_code(future, &result));
    spork_future_free(future);
    FAILS(error, fail_with_apply(pool, &result, error, words));
    assert_int_equal(result, 77);
    assert_string_equal(spork_error_detail(), words);
}

TEST(a_task_fails_with_the_number_and_the_words_that_it_says) {
    char long_words[200];
    spork_pool *pool = new_pool(1);
    memset(long_words, 'w', sizeof long_words - 1);
    long_words[sizeof long_words - 1] = '\0';
    fails_with(pool, SPORK_ENOTFOUND, "no such thing");
    fails_with(pool, 1, "%s is one of mine");
    fails_with(pool, INT32_MAX, "the largest");
    fails_with(pool, INT32_MIN, "the lowest");
    fails_with(pool, SPORK_ECANCELLED, "by itself");
    fails_with(pool, SPORK_EBUSY, "it is not not done");
    fails_with(pool, 7, long_words);
    free_pool(pool);
}

static int fail_twice_and_go_on(void) {
    spork_task_fail(3, "the first");
    if (spork_task_fail(0, "never") != SPORK_EINVAL) {
        return spork_task_fail(99, "0 was taken");
    }
    return spork_task_fail(4, "the %s of %d", "last", 2) == 4 ? 0 : 1;
}
SPORK_TASK(int, fail_twice_and_go_on);

static spork_value fail_beside_a_value(void) {
    spork_task_fail(5, "not wanted");
    return spork_str("a result");
}
SPORK_TASK(spork_value, fail_beside_a_value);

TEST(whatever_it_returns_the_last_failure_counts_and_not_for_the_next_task) {
    spork_pool *pool = new_pool(1);
    spork_value value = spork_int(1);
    int result = 0;
    FAILS(4, fail_twice_and_go_on_apply(pool, &result));
    assert_string_equal(spork_error_detail(), "the last of 2");
    OK(as_int_apply(pool, &result, 12));
    assert_int_equal(result, 12);
    FAILS(5, fail_beside_a_value_apply(pool, &value));
    assert_int_equal(value.kind, SPORK_INT);
    OK(as_int_apply(pool, &result, 13));
    assert_int_equal(result, 13);
    free_pool(pool);
}

TEST_ONCE(where_no_task_runs_a_failure_is_only_the_detail) {
    FAILS(SPORK_EINVAL, spork_task_fail(0, "%s", "x"));
    assert_int_equal(spork_task_fail(12, "twelve %d", 12), 12);
    assert_string_equal(spork_error_detail(), "twelve 12");
    assert_false(spork_task_cancelled());
}

/* Not UTF-8, or lists in lists. */
static spork_value make_bad(int64_t depth) {
    static _Thread_local spork_value lists[2 * SPORK_VALUE_DEPTH];
    if (depth == 0) {
        return spork_str("\xFF\xFE");
    }
    for (int64_t i = 1; i < depth; i++) {
        lists[i] = spork_list(&lists[i - 1], 1);
    }
    return spork_list(&lists[depth - 1], 1);
}
SPORK_TASK(spork_value, make_bad, int64_t);

TEST(a_result_that_cannot_travel_is_its_tasks_error_and_the_pool_goes_on) {
    spork_pool *pool = new_pool(1);
    int64_t before = 0;
    int64_t after = 0;
    size_t count;
    spork_value value = spork_nil();
    OK(spork_pool_pids(pool, &before, 1, &count));
    for (int round = 0; round < 20; round++) {
        FAILS(SPORK_EMALFORMED, make_bad_apply(pool, &value, SPORK_VALUE_DEPTH + 1));
        FAILS(SPORK_EMALFORMED, make_bad_apply(pool, &value, 0));
        assert_non_null(strstr(spork_error_detail(), "result"));
        int result = 0;
        OK(as_int_apply(pool, &result, round));
        assert_int_equal(result, round);
    }
    OK(make_bad_apply(pool, &value, 10));
    spork_value_free(&value);
    OK(spork_pool_pids(pool, &after, 1, &count));
    assert_int_equal(before, after);
    free_pool(pool);
}

TEST(a_future_of_one_task_cannot_be_got_as_anothers) {
    spork_pool *pool = new_pool(1);
    as_int_future later;
    int64_t got = 5;
    OK(as_int_apply_async(&later, pool, 3));
    FAILS(SPORK_ETYPE, as_int64_get((as_int64_future){later.future}, &got, PATIENCE_MS));
    assert_int_equal(got, 5);
    spork_future_free(later.future);
    free_pool(pool);
}

TEST(an_apply_whose_time_runs_out_before_its_task_began_never_runs_it) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_queue *queue;
    spork_value result = spork_int(1);
    OK(spork_queue_new(&queue, NULL));
    spork_future *first = give(pool, wait_for_event_call(go));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_pool_apply(pool, put_both_call(queue, queue, 1), &result, 50));
    assert_true(spork_now_ms() - begin >= 50);
    FAILS(SPORK_EWOULDBLOCK, spork_pool_apply(pool, put_both_call(queue, queue, 1), NULL, 0));
    assert_int_equal(result.kind, SPORK_INT);
    OK(spork_event_set(go));
    assert_int_equal(int_of(first), 0);
    close_and_join(pool);
    assert_int_equal(spork_queue_size(queue), 0);
    spork_future_free(first);
    free_pool(pool);
    spork_event_free(go);
    spork_queue_free(queue);
}

TEST_MAIN
