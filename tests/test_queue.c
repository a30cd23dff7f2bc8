/* Queues: bounds, order, sizes, time-outs, closing, and what survives a death. */
#include "support_backings.h"
#include "support_children.h"

static spork_queue *bounded(int64_t maxsize) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(
        &queue, &(spork_queue_options){.maxsize = maxsize, .backing = backing}));
    return queue;
}

static spork_queue *unbounded(void) {
    return bounded(0);
}

static int put_number(spork_queue *queue, int64_t number, int64_t timeout_ms) {
    return spork_queue_put_bytes(queue, &number, sizeof number, timeout_ms);
}

static int get_number(spork_queue *queue, int64_t *number, int64_t timeout_ms) {
    size_t size;
    int error = spork_queue_get_bytes(queue, number, sizeof *number, &size, timeout_ms);
    return error != 0 ? error : size == sizeof *number ? 0 : SPORK_EMALFORMED;
}

/* ---- bounds ---- */

QUEUE_TEST_ONCE(a_queue_of_six_refuses_the_seventh_item_at_once_and_after_the_delay) {
    spork_queue *queue = bounded(6);
    for (int i = 0; i < 6; i++) {
        assert_false(spork_queue_full(queue));
        OK(put_number(queue, i, 0));
    }
    assert_true(spork_queue_full(queue));
    FAILS(SPORK_EFULL, put_number(queue, 6, 0));
    FAILS(SPORK_EFULL, spork_queue_put_nowait(queue, spork_int(6)));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_EFULL, put_number(queue, 6, 100));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 99 && took < 1000);
    assert_int_equal(spork_queue_size(queue), 6);
    assert_int_equal(spork_queue_maxsize(queue), 6);
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(every_bound_is_kept_exactly_however_often_the_queue_goes_round) {
    static const int bounds[] = {1, 2, 3, 5, 6, 7, 63, 64, 65, 100, 1000};
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        spork_queue *queue = bounded(bounds[b]);
        int64_t in = 0;
        int64_t out = 0;
        int64_t got;
        for (int round = 0; round < 5; round++) {
            while (in - out < bounds[b]) {
                OK(put_number(queue, in++, 0));
            }
            FAILS(SPORK_EFULL, put_number(queue, -1, 0));
            int takes = round % 2 == 0 ? bounds[b] : (bounds[b] + 1) / 2;
            for (; takes > 0; takes--) {
                OK(get_number(queue, &got, 0));
                assert_int_equal(got, out++);
            }
        }
        assert_int_equal(spork_queue_size(queue), in - out);
        spork_queue_free(queue);
    }
}

QUEUE_TEST_ONCE(an_unbounded_queue_holds_a_backlog_of_100000_items_in_order) {
    enum { ITEMS = 100000 };
    spork_queue *queue = unbounded();
    int64_t got;
    assert_int_equal(spork_queue_maxsize(queue), 0);
    for (int64_t i = 0; i < ITEMS; i++) {
        OK(put_number(queue, i, 0));
    }
    assert_int_equal(spork_queue_size(queue), ITEMS);
    assert_false(spork_queue_full(queue));
    for (int64_t i = 0; i < ITEMS; i++) {
        OK(get_number(queue, &got, 0));
        assert_int_equal(got, i);
        if (i % 10000 == 0) {
            assert_int_equal(spork_queue_size(queue), ITEMS - i - 1);
        }
    }
    FAILS(SPORK_EEMPTY, get_number(queue, &got, 0));
    /* And it works on from there. */
    OK(put_number(queue, 7, 0));
    OK(get_number(queue, &got, 0));
    assert_int_equal(got, 7);
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(a_bound_of_zero_or_less_is_none) {
    spork_queue *queue = bounded(-5);
    for (int i = 0; i < 500; i++) {
        OK(put_number(queue, i, 0));
    }
    assert_int_equal(spork_queue_maxsize(queue), 0);
    spork_queue_free(queue);
}

/* ---- exactness ---- */

QUEUE_TEST_ONCE(size_empty_and_full_are_exact_right_after_each_call) {
    spork_queue *queue = bounded(2);
    int64_t got;
    assert_true(spork_queue_empty(queue));
    assert_int_equal(spork_queue_size(queue), 0);
    OK(put_number(queue, 1, 0));
    assert_int_equal(spork_queue_size(queue), 1);
    assert_false(spork_queue_empty(queue));
    assert_false(spork_queue_full(queue));
    OK(put_number(queue, 2, 0));
    assert_int_equal(spork_queue_size(queue), 2);
    assert_true(spork_queue_full(queue));
    OK(get_number(queue, &got, 0));
    assert_int_equal(spork_queue_size(queue), 1);
    assert_false(spork_queue_full(queue));
    OK(get_number(queue, &got, 0));
    assert_int_equal(spork_queue_size(queue), 0);
    assert_true(spork_queue_empty(queue));
    FAILS(SPORK_EEMPTY, get_number(queue, &got, 0));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_was_put_can_be_got_at_once_each_of_20000_times) {
    spork_queue *queue = unbounded();
    int64_t got;
    for (int64_t i = 0; i < 20000; i++) {
        OK(put_number(queue, i, 0));
        assert_false(spork_queue_empty(queue));
        OK(get_number(queue, &got, 0));
        assert_int_equal(got, i);
        assert_true(spork_queue_empty(queue));
    }
    spork_queue_free(queue);
}

static int put_three(spork_queue *queue) {
    for (int64_t i = 0; i < 3; i++) {
        EXPECT(put_number(queue, i, 0) == 0);
    }
    return 0;
}
SPORK_TASK(int, put_three, spork_queue *);

QUEUE_TEST(the_size_is_exact_after_another_process_has_put) {
    spork_queue *queue = unbounded();
    int64_t got;
    finish(start(put_three_call(queue)));
    assert_int_equal(spork_queue_size(queue), 3);
    for (int64_t i = 0; i < 3; i++) {
        OK(get_number(queue, &got, 0));
        assert_int_equal(got, i);
    }
    assert_int_equal(spork_queue_size(queue), 0);
    spork_queue_free(queue);
}

/* ---- items of every size ---- */

static const size_t sizes[] = {0,    1,     7,     8,     95,    96,      97,      111,
                               112,  113,   127,   128,   129,   4095,    4096,    61439,
                               61440, 61441, 65536, 65537, 262144, 1 << 20, (1 << 20) + 1,
                               16 << 20};
enum { SIZES = sizeof sizes / sizeof sizes[0], LARGEST = 16 << 20 };

static int check_and_send_back(spork_queue *in, spork_queue *out) {
    unsigned char *buffer = malloc(LARGEST);
    EXPECT(buffer != NULL);
    for (size_t i = 0; i < SIZES; i++) {
        size_t size = 0;
        EXPECT(spork_queue_get_bytes(in, buffer, LARGEST, &size, PATIENCE_MS) == 0);
        EXPECT(size == sizes[i] && is_pattern(buffer, size, i));
        fill_pattern(buffer, size, i + 100);
        EXPECT(spork_queue_put_bytes(out, buffer, size, PATIENCE_MS) == 0);
    }
    free(buffer);
    return 0;
}
SPORK_TASK(int, check_and_send_back, spork_queue *, spork_queue *);

QUEUE_TEST_SLOW(items_of_every_size_from_0_bytes_to_16_megabytes_arrive_byte_for_byte, 60) {
    spork_queue *there = unbounded();
    spork_queue *back = bounded(3);
    unsigned char *buffer = malloc(LARGEST);
    spork_process *child = start(check_and_send_back_call(there, back));
    assert_non_null(buffer);
    for (size_t i = 0; i < SIZES; i++) {
        fill_pattern(buffer, sizes[i], i);
        OK(spork_queue_put_bytes(there, buffer, sizes[i], PATIENCE_MS));
    }
    for (size_t i = 0; i < SIZES; i++) {
        size_t size = 0;
        OK(spork_queue_get_bytes(back, buffer, LARGEST, &size, PATIENCE_MS));
        assert_int_equal(size, sizes[i]);
        assert_true(is_pattern(buffer, size, i + 100));
    }
    finish(child);
    free(buffer);
    spork_queue_free(there);
    spork_queue_free(back);
}

QUEUE_TEST_ONCE(the_room_in_place_can_be_chosen) {
    static const size_t rooms[] = {1, 8, 48, 49, 1000, 5000};
    unsigned char data[6000];
    for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
        spork_queue *queue = NULL;
        OK(spork_queue_new(&queue,
                           &(spork_queue_options){
                                       .maxsize = 4, .backing = backing, .item_size = rooms[r]}));
        for (size_t size = rooms[r] - 1; size <= rooms[r] + 65; size += 3) {
            size_t got = 0;
            fill_pattern(data, size, size);
            OK(spork_queue_put_bytes(queue, data, size, 0));
            memset(data, 0, sizeof data);
            OK(spork_queue_get_bytes(queue, data, sizeof data, &got, 0));
            assert_true(got == size && is_pattern(data, size, size));
        }
        spork_queue_free(queue);
    }
}

QUEUE_TEST_ONCE(a_buffer_that_is_too_short_leaves_the_item_where_it_was) {
    spork_queue *queue = unbounded();
    char buffer[200];
    size_t size = 0;
    OK(spork_queue_put_bytes(queue, "first item", 10, 0));
    OK(spork_queue_put_bytes(queue, "second", 6, 0));
    for (int i = 0; i < 3; i++) {
        FAILS(SPORK_ETOOSHORT, spork_queue_get_bytes(queue, buffer, 9, &size, 0));
        assert_int_equal(size, 10);
        assert_int_equal(spork_queue_size(queue), 2);
        assert_false(spork_queue_empty(queue));
    }
    FAILS(SPORK_ETOOSHORT, spork_queue_get_bytes(queue, NULL, 0, &size, 0));
    OK(spork_queue_get_bytes(queue, buffer, 10, &size, 0));
    assert_memory_equal(buffer, "first item", 10);
    OK(spork_queue_get_bytes(queue, buffer, sizeof buffer, &size, 0));
    assert_int_equal(size, 6);
    assert_memory_equal(buffer, "second", 6);
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

/* ---- time-outs and wake-ups ---- */

QUEUE_TEST_ONCE(a_get_gives_up_after_its_time_out_not_early_and_not_much_late) {
    spork_queue *queue = unbounded();
    int64_t got;
    for (int64_t timeout = 1; timeout <= 400; timeout = timeout * 3 + 1) {
        int64_t begin = spork_now_ms();
        FAILS(SPORK_EEMPTY, get_number(queue, &got, timeout));
        int64_t took = spork_now_ms() - begin;
        assert_true(took >= timeout - 1);
        assert_true(took < timeout + 500);
    }
    spork_queue_free(queue);
}

TEST_ONCE(a_negative_time_out_other_than_forever_is_refused) {
    spork_queue *queue = unbounded();
    int64_t got;
    FAILS(SPORK_EINVAL, put_number(queue, 1, -2));
    FAILS(SPORK_EINVAL, get_number(queue, &got, -2));
    FAILS(SPORK_EINVAL, spork_queue_join(queue, -7));
    assert_int_equal(spork_queue_size(queue), 0);
    spork_queue_free(queue);
}

static int echo_numbers(spork_queue *in, spork_queue *out, int64_t rounds) {
    int64_t got;
    for (int64_t i = 0; i < rounds; i++) {
        EXPECT(get_number(in, &got, PATIENCE_MS) == 0 && got == i);
        spork_sleep_ms(i % 4 == 0 ? 5 : 0);
        EXPECT(put_number(out, got, PATIENCE_MS) == 0);
    }
    return 0;
}
SPORK_TASK(int, echo_numbers, spork_queue *, spork_queue *, int64_t);

QUEUE_TEST(a_reader_that_sleeps_is_woken_by_the_put_of_another) {
    enum { ROUNDS = 200 };
    spork_queue *there = unbounded();
    spork_queue *back = bounded(1);
    spork_process *child = start(echo_numbers_call(there, back, ROUNDS));
    int64_t begin = spork_now_ms();
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t got;
        OK(put_number(there, i, PATIENCE_MS));
        OK(get_number(back, &got, PATIENCE_MS));
        assert_int_equal(got, i);
    }
    /* A wake-up that is lost costs 200 ms; the child itself sleeps for 250 ms. */
    assert_true(spork_now_ms() - begin < 3000);
    finish(child);
    spork_queue_free(there);
    spork_queue_free(back);
}

/* ---- closing ---- */

QUEUE_TEST_ONCE(a_closed_queue_takes_nothing_more_and_gives_what_is_left) {
    spork_queue *queue = bounded(3);
    int64_t got;
    OK(put_number(queue, 1, 0));
    OK(put_number(queue, 2, 0));
    OK(spork_queue_close(queue));
    OK(spork_queue_close(queue));
    FAILS(SPORK_ECLOSED, put_number(queue, 3, 0));
    FAILS(SPORK_ECLOSED, put_number(queue, 3, PATIENCE_MS));
    OK(get_number(queue, &got, 0));
    assert_int_equal(got, 1);
    OK(get_number(queue, &got, SPORK_FOREVER));
    assert_int_equal(got, 2);
    FAILS(SPORK_ECLOSED, get_number(queue, &got, 0));
    FAILS(SPORK_ECLOSED, get_number(queue, &got, SPORK_FOREVER));
    spork_queue_free(queue);
}

static int get_until_closed(spork_queue *queue, spork_queue *ready) {
    int64_t got;
    EXPECT(put_number(ready, 1, 0) == 0);
    EXPECT(get_number(queue, &got, SPORK_FOREVER) == SPORK_ECLOSED);
    return 0;
}
SPORK_TASK(int, get_until_closed, spork_queue *, spork_queue *);

static int put_until_closed(spork_queue *queue, spork_queue *ready) {
    EXPECT(put_number(ready, 1, 0) == 0);
    EXPECT(put_number(queue, 2, SPORK_FOREVER) == SPORK_ECLOSED);
    return 0;
}
SPORK_TASK(int, put_until_closed, spork_queue *, spork_queue *);

QUEUE_TEST(closing_wakes_all_who_wait_for_items_or_room) {
    spork_queue *empty = unbounded();
    spork_queue *full = bounded(1);
    spork_queue *ready = unbounded();
    spork_process *children[6];
    OK(put_number(full, 1, 0));
    for (int i = 0; i < 6; i++) {
        children[i] = start(i < 3 ? get_until_closed_call(empty, ready)
                                  : put_until_closed_call(full, ready));
    }
    assert_true(wait_for_items(ready, 6));
    spork_sleep_ms(50);
    OK(spork_queue_close(empty));
    OK(spork_queue_close(full));
    for (int i = 0; i < 6; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_queue_size(full), 1);
    spork_queue_free(empty);
    spork_queue_free(full);
    spork_queue_free(ready);
}

/* ---- deaths ---- */

static int put_and_wait(spork_queue *queue, spork_queue *never) {
    int64_t got;
    unsigned char *large = malloc(1 << 20);
    EXPECT(large != NULL);
    fill_pattern(large, 1 << 20, 3);
    EXPECT(put_number(queue, 1, 0) == 0 && put_number(queue, 2, 0) == 0);
    EXPECT(spork_queue_put_bytes(queue, large, 1 << 20, 0) == 0);
    free(large);
    EXPECT(put_number(queue, 4, 0) == 0);
    return get_number(never, &got, SPORK_FOREVER);
}
SPORK_TASK(int, put_and_wait, spork_queue *, spork_queue *);

QUEUE_TEST(a_put_that_returned_survives_the_killing_of_its_producer) {
    needs_a_process_to_kill();
    spork_queue *queue = unbounded();
    spork_queue *never = unbounded();
    unsigned char *large = malloc(1 << 20);
    int64_t got;
    size_t size;
    spork_process *child = start(put_and_wait_call(queue, never));
    assert_true(wait_for_items(queue, 4));
    kill_and_free(child);
    assert_int_equal(spork_queue_size(queue), 4);
    OK(get_number(queue, &got, 0));
    assert_int_equal(got, 1);
    OK(get_number(queue, &got, 0));
    assert_int_equal(got, 2);
    OK(spork_queue_get_bytes(queue, large, 1 << 20, &size, 0));
    assert_true(size == 1 << 20 && is_pattern(large, size, 3));
    OK(get_number(queue, &got, 0));
    assert_int_equal(got, 4);
    free(large);
    spork_queue_free(queue);
    spork_queue_free(never);
}

static int put_a_megabyte(spork_queue *queue) {
    unsigned char *large = malloc(1 << 20);
    EXPECT(large != NULL);
    fill_pattern(large, 1 << 20, 8);
    EXPECT(spork_queue_put_bytes(queue, large, 1 << 20, 0) == 0);
    free(large);
    return 0;
}
SPORK_TASK(int, put_a_megabyte, spork_queue *);

QUEUE_TEST(a_child_that_put_a_megabyte_can_be_joined_before_anybody_gets_it) {
    spork_queue *queue = unbounded();
    unsigned char *large = malloc(1 << 20);
    size_t size;
    finish(start(put_a_megabyte_call(queue)));
    OK(spork_queue_get_bytes(queue, large, 1 << 20, &size, 0));
    assert_true(size == 1 << 20 && is_pattern(large, size, 8));
    free(large);
    spork_queue_free(queue);
}

/* ---- wrong use ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_queue *queue = unbounded();
    spork_value item;
    size_t size;
    FAILS(SPORK_EINVAL, spork_queue_new(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_queue_put_bytes(NULL, "x", 1, 0));
    FAILS(SPORK_EINVAL, spork_queue_put_bytes(queue, NULL, 1, 0));
    FAILS(SPORK_EINVAL, spork_queue_get_bytes(queue, NULL, 1, &size, 0));
    FAILS(SPORK_EINVAL, spork_queue_get_bytes(queue, &item, 1, NULL, 0));
    FAILS(SPORK_EINVAL, spork_queue_get(queue, NULL, 0));
    FAILS(SPORK_EINVAL, spork_queue_get(NULL, &item, 0));
    FAILS(SPORK_EINVAL, spork_queue_join(NULL, 0));
    FAILS(SPORK_EINVAL, spork_queue_task_done(NULL));
    FAILS(SPORK_EINVAL, spork_queue_close(NULL));
    assert_int_equal(spork_queue_size(NULL), 0);
    assert_true(spork_queue_empty(NULL));
    assert_false(spork_queue_full(NULL));
    assert_int_equal(spork_queue_maxsize(NULL), 0);
    spork_queue_free(NULL);
    spork_queue_free(queue);
}

/* Without options as well: it is what all users get. */
TEST_ONCE(the_default_backing_needs_no_options_and_others_are_what_the_platform_has) {
    static const spork_queue_options ring = {.backing = SPORK_QUEUE_RING};
    static const spork_queue_options mailslot = {.backing = SPORK_QUEUE_MAILSLOT};
    static const spork_queue_options unknown = {.backing = (spork_queue_backing)77};
    spork_queue *queue = NULL;
    int64_t got;
    if (!native_is_windows()) {
        FAILS(SPORK_ENOTSUP, spork_queue_new(&queue, &mailslot));
        assert_non_null(strstr(spork_error_detail(), "mailslot"));
    }
    FAILS(SPORK_EINVAL, spork_queue_new(&queue, &unknown));
    assert_null(queue);
    const spork_queue_options *good[] = {NULL, &ring, native_is_windows() ? &mailslot : NULL};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        OK(spork_queue_new(&queue, good[i]));
        OK(put_number(queue, 5, 0));
        OK(get_number(queue, &got, 0));
        assert_int_equal(got, 5);
        spork_queue_free(queue);
        queue = NULL;
    }
}

TEST_ONCE(a_bound_that_cannot_fit_into_memory_is_refused) {
    spork_queue *queue = NULL;
    FAILS(SPORK_ENOSPACE,
          spork_queue_new(&queue, &(spork_queue_options){.maxsize = INT64_MAX,
                                                         .backing = SPORK_QUEUE_RING}));
    FAILS(SPORK_ENOSPACE,
          spork_queue_new(&queue, &(spork_queue_options){.maxsize = (int64_t)1 << 40,
                                                         .backing = SPORK_QUEUE_RING}));
    assert_null(queue);
}

TEST_MAIN
