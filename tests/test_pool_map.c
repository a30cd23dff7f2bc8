/* Maps: a task for each item of an array; results in place and in order. */
#include "support_pool.h"

static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

static int64_t *numbers_up_to(size_t count) {
    int64_t *numbers = malloc((count + 1) * sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (int64_t)i - 5;
    }
    return numbers;
}

enum { UNTOUCHED = -77777 };

static int64_t *new_results(size_t count) {
    int64_t *results = malloc((count + 1) * sizeof *results);
    assert_non_null(results);
    for (size_t i = 0; i <= count; i++) {
        results[i] = UNTOUCHED;
    }
    return results;
}

static void are_squares(const int64_t *in, const int64_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out[i], in[i] * in[i]);
    }
}

/* ---- in place and in order ---- */

static void squares_of(spork_pool *pool, size_t count, size_t chunk) {
    int64_t *in = numbers_up_to(count);
    int64_t *out = new_results(count);
    OK(square_map_with(pool, in, count, out, &(spork_map_options){.chunk_size = chunk}));
    are_squares(in, out, count);
    assert_int_equal(out[count], UNTOUCHED);
    free(in);
    free(out);
}

TEST(results_stand_in_the_order_of_the_items_whatever_count_and_chunk) {
    static const size_t counts[] = {0, 1, 2, 3, 1000, 100000};
    spork_pool *pool = new_pool(3);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const size_t chunks[] = {0, 1, 7, counts[i], counts[i] + 5, SIZE_MAX / 2};
        for (size_t j = 0; j < sizeof chunks / sizeof chunks[0]; j++) {
            squares_of(pool, counts[i], chunks[j]);
        }
    }
    free_pool(pool);
}

TEST(a_hundred_items_by_chunks_of_twenty) {
    spork_pool *pool = new_pool(4);
    for (int round = 0; round < 50; round++) {
        squares_of(pool, 100, 20);
    }
    free_pool(pool);
}

TEST_SLOW(two_million_items_are_all_done, 60) {
    spork_pool *pool = new_pool(2);
    int64_t begin = spork_now_ms();
    squares_of(pool, 2000000, 0);
    printf("# %lld ms\n", (long long)(spork_now_ms() - begin));
    squares_of(pool, 2000000, 1000);
    free_pool(pool);
}

TEST_ONCE(calls_of_maps_that_are_wrong_are_errors) {
    spork_pool *pool = new_pool(1);
    const int64_t in[] = {1};
    int64_t out[] = {UNTOUCHED};
    spork_future *future = NULL;
    FAILS(SPORK_EINVAL, square_map(NULL, in, 1, out));
    FAILS(SPORK_EINVAL, square_map(pool, NULL, 1, out));
    FAILS(SPORK_EINVAL, square_map_async(&future, pool, NULL, 1, out, NULL));
    OK(square_map(pool, NULL, 0, NULL));
    assert_null(future);
    OK(square_map(pool, in, 1, NULL)); /* results that are not wanted */
    free_pool(pool);
}

/* ---- where the arrays are ---- */

static void squares_between(spork_pool *pool, int64_t *in, int64_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        in[i] = (int64_t)i;
        out[i] = UNTOUCHED;
    }
    OK(square_map(pool, in, count, out));
    are_squares(in, out, count);
}

TEST(arrays_in_the_familys_memory_and_others_are_read_and_written) {
    enum { COUNT = 3000, BYTES = COUNT * sizeof(int64_t) };
    static int64_t plain_in[COUNT];
    static int64_t plain_out[COUNT];
    spork_pool *pool = new_pool(2);
    spork_offset blocks[2];
    spork_array *array = new_counts(COUNT);
    OK(spork_shared_alloc(&blocks[0], BYTES));
    OK(spork_shared_alloc(&blocks[1], BYTES));
    int64_t *in = spork_shared_at(blocks[0]);
    int64_t *out = spork_shared_at(blocks[1]);
    squares_between(pool, plain_in, plain_out, COUNT);
    squares_between(pool, in, plain_out, COUNT);
    squares_between(pool, plain_in, out, COUNT);
    squares_between(pool, in, out, COUNT);
    squares_between(pool, in, SPORK_ITEMS(array, int64_t), COUNT);
    OK(square_map(pool, out, 0, out));
    /* In place: each item becomes its square. */
    for (size_t i = 0; i < COUNT; i++) {
        in[i] = (int64_t)i;
        plain_in[i] = (int64_t)i;
    }
    OK(square_map(pool, in, COUNT, in));
    OK(square_map(pool, plain_in, COUNT, plain_in));
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(in[i], i * i);
        assert_int_equal(plain_in[i], i * i);
    }
    OK(spork_shared_free(blocks[0]));
    OK(spork_shared_free(blocks[1]));
    spork_array_free(array);
    free_pool(pool);
}

static int64_t wait_and_square(int64_t number) {
    spork_sleep_ms(30);
    return number * number;
}
SPORK_TASK(int64_t, wait_and_square, int64_t);

TEST(the_items_may_go_as_soon_as_an_asynchronous_map_was_given) {
    enum { COUNT = 8 };
    spork_pool *pool = new_pool(1);
    int64_t *in = numbers_up_to(COUNT);
    int64_t *out = new_results(COUNT);
    spork_future *future = NULL;
    OK(wait_and_square_map_async(&future, pool, in, COUNT, out, NULL));
    memset(in, 0x55, COUNT * sizeof *in);
    free(in);
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], (i - 5) * (i - 5));
    }
    spork_future_free(future);
    free(out);
    free_pool(pool);
}

/* Begins with the first item, and goes on when the test lets it. */
static int64_t wait_for_go(spork_event *go, int64_t number) {
    spork_event_wait(go, PATIENCE_MS);
    return number;
}
SPORK_TASK(int64_t, wait_for_go, spork_event *, int64_t);

TEST(a_future_that_was_freed_lets_go_of_where_the_results_would_have_gone) {
    enum { COUNT = 10 };
    int64_t out[COUNT];
    spork_pool *pool = new_pool(2);
    spork_event *go = new_event();
    wait_for_go_arguments in[COUNT];
    spork_future *future = NULL;
    for (int i = 0; i < COUNT; i++) {
        in[i] = (wait_for_go_arguments){go, i};
        out[i] = UNTOUCHED;
    }
    OK(wait_for_go_starmap_async(&future, pool, in, COUNT, out, NULL));
    spork_future_free(future);
    OK(spork_event_set(go));
    close_and_join(pool);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], UNTOUCHED);
    }
    free_pool(pool);
    spork_event_free(go);
}

/* ---- each type ---- */

static uint8_t low_byte(uint32_t number) { return (uint8_t)number; }
SPORK_TASK(uint8_t, low_byte, uint32_t);
static bool is_odd(int16_t number) { return number % 2 != 0; }
SPORK_TASK(bool, is_odd, int16_t);
static float as_float(double number) { return (float)number; }
SPORK_TASK(float, as_float, double);
static double as_double(bool yes) { return yes ? 0.5 : -0.5; }
SPORK_TASK(double, as_double, bool);

TEST(results_of_each_size_lie_side_by_side) {
    enum { COUNT = 999 };
    static uint32_t words[COUNT];
    static uint8_t bytes[COUNT];
    static int16_t shorts[COUNT];
    static bool bools[COUNT];
    static double doubles[COUNT];
    static float floats[COUNT];
    spork_pool *pool = new_pool(2);
    for (int i = 0; i < COUNT; i++) {
        words[i] = (uint32_t)i * 1000003u;
        shorts[i] = (int16_t)(i - 500);
        doubles[i] = i / 8.0;
    }
    OK(low_byte_map(pool, words, COUNT, bytes));
    OK(is_odd_map(pool, shorts, COUNT, bools));
    OK(as_float_map(pool, doubles, COUNT, floats));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(bytes[i], (uint8_t)words[i]);
        assert_int_equal(bools[i], (i - 500) % 2 != 0);
        assert_true(floats[i] == (float)i / 8);
    }
    OK(as_double_map(pool, bools, COUNT, doubles));
    for (int i = 0; i < COUNT; i++) {
        assert_true(doubles[i] == (bools[i] ? 0.5 : -0.5));
    }
    free_pool(pool);
}

struct point {
    double x, y;
    char mark;
};

static double weigh(struct point point, float factor, uint8_t offset, bool negate) {
    double sum = (point.x + point.y * 10) * (double)factor + offset + point.mark;
    return negate ? -sum : sum;
}
SPORK_TASK(double, weigh, struct point, float, uint8_t, bool);

TEST(a_starmap_takes_structs_of_mixed_types) {
    enum { COUNT = 777 };
    static weigh_arguments in[COUNT];
    static double out[COUNT + 1];
    spork_pool *pool = new_pool(2);
    for (int i = 0; i < COUNT; i++) {
        in[i] = (weigh_arguments){{i, i + 1, (char)(i % 100)}, 2.0f, (uint8_t)i, i % 3 == 0};
    }
    out[COUNT] = 1234;
    OK(weigh_starmap(pool, in, COUNT, out));
    for (int i = 0; i < COUNT; i++) {
        double sum = (i + (i + 1) * 10) * 2.0 + (uint8_t)i + i % 100;
        assert_true(out[i] == (i % 3 == 0 ? -sum : sum));
    }
    assert_true(out[COUNT] == 1234);
    free_pool(pool);
}

static spork_value repeat(const char *text, int times) {
    char all[200] = "";
    spork_value copy = spork_nil();
    if (text == NULL) {
        return copy;
    }
    for (int i = 0; i < times; i++) {
        strncat(all, text, sizeof all - strlen(all) - 1);
    }
    const spork_value value = spork_str(all);
    spork_value_copy(&copy, &value);
    return copy;
}
SPORK_TASK(spork_value, repeat, const char *, int);

TEST(strings_go_in_and_values_come_out) {
    static const repeat_arguments in[] = {{"a", 3}, {NULL, 4}, {"\xC3\xB6x", 2}, {"", 9},
                                          {"b", 150}};
    enum { COUNT = sizeof in / sizeof in[0] };
    char b150[151] = "";
    memset(b150, 'b', 150);
    const char *const expected[COUNT] = {"aaa", NULL, "\xC3\xB6x\xC3\xB6x", "", b150};
    spork_pool *pool = new_pool(2);
    for (int round = 0; round < 20; round++) {
        spork_value out[COUNT];
        OK(repeat_starmap(pool, in, COUNT, out));
        for (int i = 0; i < COUNT; i++) {
            const char *text = NULL;
            if (expected[i] == NULL) {
                assert_int_equal(out[i].kind, SPORK_NIL);
            } else {
                OK(spork_value_get_str(&out[i], &text));
                assert_string_equal(text, expected[i]);
            }
            spork_value_free(&out[i]);
        }
    }
    OK(repeat_starmap(pool, in, COUNT, NULL));
    free_pool(pool);
}

static int64_t length_of(const char *text) {
    return text == NULL ? -1 : (int64_t)strlen(text);
}
SPORK_TASK(int64_t, length_of, const char *);

TEST(an_array_of_strings_has_results_that_are_numbers) {
    enum { COUNT = 1000 };
    static char text[COUNT];
    static const char *in[COUNT];
    static int64_t out[COUNT];
    spork_pool *pool = new_pool(3);
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < COUNT; i++) {
        in[i] = i % 10 == 3 ? NULL : text + i;
    }
    OK(length_of_map_with(pool, in, COUNT, out, &(spork_map_options){.chunk_size = 13}));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], i % 10 == 3 ? -1 : COUNT - 1 - i);
    }
    free_pool(pool);
}

static int put_number(spork_queue *queue, int64_t number) {
    EXPECT(spork_queue_put(queue, spork_int(number), 0) == 0);
    return (int)number;
}
SPORK_TASK(int, put_number, spork_queue *, int64_t);

TEST(handles_among_the_arguments_are_held_until_the_map_is_done) {
    enum { COUNT = 60, QUEUES = 20 };
    spork_pool *pool = new_pool(2);
    spork_queue *queues[QUEUES];
    put_number_arguments in[COUNT];
    int out[COUNT];
    spork_future *future = NULL;
    for (int i = 0; i < QUEUES; i++) {
        OK(spork_queue_new(&queues[i], NULL));
    }
    for (int i = 0; i < COUNT; i++) {
        in[i] = (put_number_arguments){queues[i % QUEUES], i};
    }
    OK(put_number_starmap_async(&future, pool, in, COUNT, out, NULL));
    spork_queue_free(queues[QUEUES - 1]);
    OK(spork_future_get(future, NULL, PATIENCE_MS));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], i);
    }
    for (int i = 0; i < QUEUES - 1; i++) {
        assert_int_equal(spork_queue_size(queues[i]), COUNT / QUEUES);
        spork_queue_free(queues[i]);
    }
    spork_future_free(future);
    free_pool(pool);
}

static spork_value make_queue(int64_t number) {
    spork_queue *queue = NULL;
    spork_value copy = spork_nil();
    if (spork_queue_new(&queue, NULL) == 0 && spork_queue_put(queue, spork_int(number), 0) == 0) {
        spork_value handle = spork_queue_value(queue);
        spork_value_copy(&copy, &handle);
        spork_queue_free(queue);
    }
    return copy;
}
SPORK_TASK(spork_value, make_queue, int64_t);

TEST(handles_come_out_of_a_map) {
    enum { COUNT = 20 };
    spork_pool *pool = new_pool(2);
    int64_t in[COUNT];
    spork_value out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        in[i] = i;
    }
    OK(make_queue_map(pool, in, COUNT, out));
    OK(make_queue_map(pool, in, COUNT, NULL));
    free_pool(pool);
    for (int i = 0; i < COUNT; i++) {
        spork_queue *queue = NULL;
        spork_value item;
        int64_t number = -1;
        OK(spork_value_get_queue(&out[i], &queue));
        OK(spork_queue_get(queue, &item, PATIENCE_MS));
        OK(spork_value_get_int(&item, &number));
        assert_int_equal(number, i);
        spork_value_free(&item);
        spork_value_free(&out[i]);
    }
}

/* ---- several ---- */

TEST(several_maps_are_under_way_at_once_and_calls_between_them) {
    enum { MAPS = 8, COUNT = 400 };
    static int64_t out[MAPS][COUNT];
    int64_t *in = numbers_up_to(COUNT);
    spork_pool *pool = new_pool(3);
    spork_future *maps[MAPS];
    spork_future *calls[MAPS];
    for (int i = 0; i < MAPS; i++) {
        const spork_map_options options = {.chunk_size = (size_t)i};
        OK(square_map_async(&maps[i], pool, in, COUNT, out[i], &options));
        calls[i] = give(pool, square_call(i));
    }
    for (int i = MAPS - 1; i >= 0; i--) {
        const spork_value *nothing = NULL;
        int64_t number = -1;
        OK(square_get((square_future){calls[i]}, &number, PATIENCE_MS));
        assert_int_equal(number, i * i);
        OK(spork_future_get(maps[i], &nothing, PATIENCE_MS));
        assert_int_equal(nothing->kind, SPORK_NIL);
        are_squares(in, out[i], COUNT);
        spork_future_free(maps[i]);
        spork_future_free(calls[i]);
    }
    free_pool(pool);
    free(in);
}

TEST(pending_counts_the_items_of_maps) {
    enum { COUNT = 50 };
    static int64_t out[COUNT];
    int64_t *in = numbers_up_to(COUNT);
    spork_pool *pool = new_pool(1);
    spork_future *map = NULL;
    OK(wait_and_square_map_async(&map, pool, in, COUNT, out, NULL));
    spork_future *call = give(pool, square_call(1));
    int64_t most = spork_pool_pending(pool);
    assert_in_range(most, 2, COUNT + 1);
    int64_t last = most;
    OK(spork_future_get(map, NULL, PATIENCE_MS));
    while (spork_pool_pending(pool) > 0) {
        assert_true(spork_pool_pending(pool) <= last);
        last = spork_pool_pending(pool);
        assert_true(last <= 1);
    }
    assert_int_equal(int_of(call), 1);
    spork_future_free(map);
    spork_future_free(call);
    free_pool(pool);
    free(in);
}

TEST_MAIN
