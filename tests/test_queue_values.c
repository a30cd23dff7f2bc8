/* Values as items of a queue. */
#include "support_children.h"

static spork_queue *unbounded(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

/* One of each kind, and some nested in another. */
static spork_value sample(int which) {
    static const spork_value empty_map = {.kind = SPORK_MAP};
    static spork_value items[4];
    static spork_value pairs[4];
    items[0] = spork_int(42);
    items[1] = spork_nil();
    items[2] = spork_str("hello");
    items[3] = spork_float(0.1);
    pairs[0] = spork_str("list");
    pairs[1] = spork_list(items, 4);
    pairs[2] = spork_int(INT64_MIN);
    pairs[3] = spork_bytes_value("\0\xff", 2);
    switch (which) {
    case 0: return spork_nil();
    case 1: return spork_bool(true);
    case 2: return spork_int(INT64_MIN);
    case 3: return spork_int(INT64_MAX);
    case 4: return spork_float(-1.5e300);
    case 5: return spork_str("");
    case 6: return spork_str("gr\xc3\xbc\xc3\x9f dich, \xe4\xb8\x96\xe7\x95\x8c");
    case 7: return spork_bytes_value("", 0);
    case 8: return spork_bytes_value("a\0b", 3);
    case 9: return spork_list(NULL, 0);
    case 10: return spork_list(items, 3);
    case 11: return empty_map;
    default: return spork_map(pairs, 2);
    }
}
enum { SAMPLES = 13 };

static int check_samples(spork_queue *in, spork_queue *out) {
    for (int i = 0; i < SAMPLES; i++) {
        spork_value value;
        spork_value expected = sample(i);
        EXPECT(spork_queue_get(in, &value, PATIENCE_MS) == 0);
        EXPECT(value.kind == expected.kind && spork_value_equal(&value, &expected));
        EXPECT(spork_queue_put(out, value, PATIENCE_MS) == 0);
        spork_value_free(&value);
    }
    return 0;
}
SPORK_TASK(int, check_samples, spork_queue *, spork_queue *);

TEST(values_of_every_kind_arrive_as_they_were) {
    spork_queue *there = unbounded();
    spork_queue *back = unbounded();
    spork_process *child = start(check_samples_call(there, back));
    for (int i = 0; i < SAMPLES; i++) {
        OK(spork_queue_put(there, sample(i), 0));
    }
    for (int i = 0; i < SAMPLES; i++) {
        spork_value value;
        spork_value expected = sample(i);
        OK(spork_queue_get(back, &value, PATIENCE_MS));
        assert_int_equal(value.kind, expected.kind);
        assert_true(spork_value_equal(&value, &expected));
        spork_value_free(&value);
    }
    finish(child);
    spork_queue_free(there);
    spork_queue_free(back);
}

static int put_the_list(spork_queue *queue) {
    return spork_queue_put(queue, SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello")),
                           SPORK_FOREVER);
}
SPORK_TASK(int, put_the_list, spork_queue *);

TEST(the_list_of_the_tutorial_prints_as_it_does_there) {
    spork_queue *queue = unbounded();
    spork_value value;
    char text[64];
    spork_process *child = start(put_the_list_call(queue));
    OK(spork_queue_get(queue, &value, SPORK_FOREVER));
    spork_value_format(&value, text, sizeof text);
    assert_string_equal(text, "[42, None, 'hello']");
    spork_value_free(&value);
    finish(child);
    spork_queue_free(queue);
}

TEST_ONCE(bytes_and_a_value_of_bytes_are_the_same_item) {
    spork_queue *queue = unbounded();
    spork_value value;
    spork_bytes bytes;
    char buffer[8];
    size_t size;
    OK(spork_queue_put_bytes(queue, "abc", 3, 0));
    OK(spork_queue_get_nowait(queue, &value));
    OK(spork_value_get_bytes(&value, &bytes));
    assert_int_equal(bytes.size, 3);
    assert_memory_equal(bytes.data, "abc", 3);
    spork_value_free(&value);
    OK(spork_queue_put_nowait(queue, spork_bytes_value("xyz", 3)));
    OK(spork_queue_get_bytes(queue, buffer, sizeof buffer, &size, 0));
    assert_int_equal(size, 3);
    assert_memory_equal(buffer, "xyz", 3);
    spork_queue_free(queue);
}

TEST_ONCE(asking_for_bytes_where_there_is_a_value_keeps_it_in_its_place) {
    spork_queue *queue = unbounded();
    spork_value value;
    char buffer[100];
    size_t size;
    OK(spork_queue_put_nowait(queue, spork_str("first")));
    OK(spork_queue_put_bytes(queue, "second", 6, 0));
    FAILS(SPORK_ETYPE, spork_queue_get_bytes(queue, buffer, sizeof buffer, &size, 0));
    FAILS(SPORK_ETYPE, spork_queue_get_bytes(queue, buffer, sizeof buffer, &size, 10));
    assert_int_equal(spork_queue_size(queue), 2);
    OK(spork_queue_get_nowait(queue, &value));
    assert_int_equal(value.kind, SPORK_STRING);
    spork_value_free(&value);
    OK(spork_queue_get_bytes(queue, buffer, sizeof buffer, &size, 0));
    assert_int_equal(size, 6);
    spork_queue_free(queue);
}

TEST_ONCE(a_value_that_cannot_be_encoded_is_not_put) {
    spork_queue *queue = unbounded();
    spork_value deep = spork_nil();
    spork_value layers[SPORK_VALUE_DEPTH + 2];
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        layers[i] = deep;
        deep = spork_list(&layers[i], 1);
    }
    FAILS(SPORK_EMALFORMED, spork_queue_put_nowait(queue, deep));
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

TEST_ONCE(a_list_of_a_hundred_thousand_numbers_is_one_item) {
    enum { COUNT = 100000 };
    spork_queue *queue = unbounded();
    spork_value *items = calloc(COUNT, sizeof *items);
    spork_value value;
    assert_non_null(items);
    for (int i = 0; i < COUNT; i++) {
        items[i] = spork_int(i * (int64_t)i);
    }
    OK(spork_queue_put_nowait(queue, spork_list(items, COUNT)));
    assert_int_equal(spork_queue_size(queue), 1);
    OK(spork_queue_get_nowait(queue, &value));
    spork_value expected = spork_list(items, COUNT);
    assert_true(spork_value_equal(&value, &expected));
    spork_value_free(&value);
    free(items);
    spork_queue_free(queue);
}

TEST_MAIN
