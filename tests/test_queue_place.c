/* Queues: items that are written, and read, where they lie. */
#include "support_backings.h"
#include "support_children.h"

/* More than a ring has loans. */
enum { MANY = 100 };

static const size_t sizes[] = {0, 1, 8, 112, 113, 4096, 16384, 16385, 100000, 1 << 20};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static spork_queue *make(int64_t maxsize) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue,
                       &(spork_queue_options){.maxsize = maxsize, .backing = backing}));
    return queue;
}

static spork_queue_item reserve(spork_queue *queue, size_t size, uint64_t number) {
    spork_queue_item item = {0};
    OK(spork_queue_reserve(queue, size, &item));
    assert_non_null(item.data);
    assert_int_equal((uintptr_t)item.data % 64, 0);
    assert_int_equal(item.size, size);
    assert_int_equal(item.room, size);
    fill_pattern(item.data, size, number);
    return item;
}

static void commit(spork_queue *queue, size_t size, uint64_t number) {
    spork_queue_item item = reserve(queue, size, number);
    OK(spork_queue_commit(queue, &item, 0));
    assert_null(item.data);
}

static void borrow(spork_queue *queue, size_t size, uint64_t number) {
    spork_queue_item item = {0};
    OK(spork_queue_borrow(queue, &item, 0));
    assert_int_equal(item.size, size);
    assert_true(is_pattern(item.data, size, number));
    OK(spork_queue_release(queue, &item));
    assert_null(item.data);
}

/* ---- there and back ---- */

static int borrow_all(spork_queue *queue, int rounds) {
    for (int i = 0; i < rounds * SIZES; i++) {
        spork_queue_item item = {0};
        EXPECT(spork_queue_borrow(queue, &item, PATIENCE_MS) == 0);
        EXPECT(item.size == sizes[i % SIZES]);
        EXPECT(is_pattern(item.data, item.size, (uint64_t)i));
        EXPECT(spork_queue_release(queue, &item) == 0);
    }
    return 0;
}
SPORK_TASK(int, borrow_all, spork_queue *, int);

QUEUE_TEST(items_of_every_size_are_read_where_another_process_wrote_them) {
    enum { ROUNDS = 8 };
    spork_queue *queue = make(4);
    spork_process *child = start(borrow_all_call(queue, ROUNDS));
    for (int i = 0; i < ROUNDS * SIZES; i++) {
        spork_queue_item item = reserve(queue, sizes[i % SIZES], (uint64_t)i);
        OK(spork_queue_commit(queue, &item, PATIENCE_MS));
    }
    finish(child);
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

/* Each of several writers and readers works both in place and by copies. */
enum { ROOM = 20000 };

static int write_both_ways(spork_queue *queue, int count) {
    unsigned char data[ROOM];
    for (int i = 0; i < count; i++) {
        uint64_t number = (uint64_t)i * 37;
        size_t size = (size_t)(number * 61 % ROOM);
        if (i % 3 == 0) {
            fill_pattern(data, size, size);
            EXPECT(spork_queue_put_bytes(queue, data, size, PATIENCE_MS) == 0);
            continue;
        }
        spork_queue_item item = {0};
        EXPECT(spork_queue_reserve(queue, ROOM, &item) == 0);
        fill_pattern(item.data, size, size);
        item.size = size;
        EXPECT(spork_queue_commit(queue, &item, PATIENCE_MS) == 0);
    }
    return 0;
}
SPORK_TASK(int, write_both_ways, spork_queue *, int);

static int read_both_ways(spork_queue *queue, int count) {
    unsigned char data[ROOM];
    spork_queue_item held = {0};
    size_t size;
    for (int i = 0; i < count; i++) {
        if (i % 4 == 0) {
            EXPECT(spork_queue_get_bytes(queue, data, sizeof data, &size, PATIENCE_MS) == 0);
            EXPECT(is_pattern(data, size, size));
            continue;
        }
        spork_queue_item item = {0};
        EXPECT(spork_queue_borrow(queue, &item, PATIENCE_MS) == 0);
        EXPECT(is_pattern(item.data, item.size, item.size));
        /* The one before is still what it was. */
        EXPECT(is_pattern(held.data, held.size, held.size));
        EXPECT(spork_queue_release(queue, &held) == 0);
        held = item;
    }
    return spork_queue_release(queue, &held);
}
SPORK_TASK(int, read_both_ways, spork_queue *, int);

QUEUE_TEST_SLOW(several_writers_and_readers_in_place_and_by_copies_lose_and_mix_up_nothing, 60) {
    enum { EACH = 3, COUNT = 400 };
    spork_process *children[2 * EACH];
    spork_queue *queue = make(16);
    for (int i = 0; i < EACH; i++) {
        children[2 * i] = start(write_both_ways_call(queue, COUNT));
        children[2 * i + 1] = start(read_both_ways_call(queue, COUNT));
    }
    for (int i = 0; i < 2 * EACH; i++) {
        finish(children[i]);
    }
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_was_committed_is_got_as_bytes_and_as_a_value) {
    static unsigned char data[1 << 20];
    spork_queue *queue = make(0);
    size_t size;
    for (int i = 0; i < SIZES; i++) {
        spork_value value;
        commit(queue, sizes[i], 1);
        commit(queue, sizes[i], 2);
        OK(spork_queue_get_bytes(queue, data, sizeof data, &size, 0));
        assert_int_equal(size, sizes[i]);
        assert_true(is_pattern(data, size, 1));
        OK(spork_queue_get(queue, &value, 0));
        assert_int_equal(value.kind, SPORK_BYTES);
        assert_int_equal(value.size, sizes[i]);
        assert_true(is_pattern(value.as.data, value.size, 2));
        spork_value_free(&value);
    }
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_was_put_by_copying_is_borrowed) {
    static unsigned char data[1 << 20];
    spork_queue *queue = make(0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SIZES; i++) {
            fill_pattern(data, sizes[i], (uint64_t)i);
            OK(spork_queue_put_bytes(queue, data, sizes[i], 0));
            OK(spork_queue_put(queue, spork_bytes_value(data, sizes[i]), 0));
        }
        for (int i = 0; i < SIZES; i++) {
            borrow(queue, sizes[i], (uint64_t)i);
            borrow(queue, sizes[i], (uint64_t)i);
        }
    }
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(less_than_was_reserved_can_be_committed) {
    spork_queue *queue = make(0);
    for (int i = 0; i < SIZES; i++) {
        spork_queue_item item = reserve(queue, sizes[i], 3);
        item.size = sizes[i] / 2;
        OK(spork_queue_commit(queue, &item, 0));
        borrow(queue, sizes[i] / 2, 3);
    }
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_is_held_is_in_nobodys_way_and_the_order_is_that_of_commits) {
    spork_queue *queue = make(2);
    spork_queue_item first = reserve(queue, 5000, 1);
    spork_queue_item second = reserve(queue, 100, 2);
    spork_queue_item got = {0};
    assert_true(spork_queue_empty(queue));
    OK(spork_queue_commit(queue, &second, 0));
    commit(queue, 70, 3);
    assert_true(spork_queue_full(queue));
    OK(spork_queue_borrow(queue, &got, 0));
    assert_true(got.size == 100 && is_pattern(got.data, 100, 2));
    /* A borrowed item has no place in the queue. */
    assert_int_equal(spork_queue_size(queue), 1);
    OK(spork_queue_commit(queue, &first, 0));
    borrow(queue, 70, 3);
    for (int i = 0; i < 10; i++) {
        commit(queue, 60, 4);
        borrow(queue, i == 0 ? 5000 : 60, i == 0 ? 1 : 4);
    }
    assert_true(is_pattern(got.data, 100, 2));
    OK(spork_queue_release(queue, &got));
    borrow(queue, 60, 4);
    FAILS(SPORK_EEMPTY, spork_queue_borrow(queue, &got, 0));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(a_borrowed_item_can_be_changed_and_committed_again) {
    spork_queue *queue = make(0);
    for (int i = 0; i < SIZES; i++) {
        spork_queue_item item = {0};
        commit(queue, sizes[i], 1);
        for (uint64_t round = 2; round < 5; round++) {
            OK(spork_queue_borrow(queue, &item, 0));
            fill_pattern(item.data, item.size, round);
            OK(spork_queue_commit(queue, &item, 0));
        }
        borrow(queue, sizes[i], 4);
    }
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_was_reserved_and_released_is_not_put) {
    spork_queue *queue = make(0);
    for (int i = 0; i < SIZES; i++) {
        spork_queue_item item = reserve(queue, sizes[i], 1);
        OK(spork_queue_release(queue, &item));
        OK(spork_queue_release(queue, &item)); /* it holds nothing */
    }
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(a_hundred_items_can_be_held_at_once_on_either_side) {
    spork_queue *queue = make(0);
    spork_queue_item items[MANY];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            items[i] = reserve(queue, 3000 + (size_t)i, (uint64_t)i);
        }
        for (int i = 0; i < MANY; i++) {
            assert_true(is_pattern(items[i].data, items[i].size, (uint64_t)i));
            OK(spork_queue_commit(queue, &items[i], 0));
        }
        for (int i = 0; i < MANY; i++) {
            OK(spork_queue_borrow(queue, &items[i], 0));
        }
        assert_true(spork_queue_empty(queue));
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(items[i].size, 3000 + i);
            assert_true(is_pattern(items[i].data, items[i].size, (uint64_t)i));
            OK(spork_queue_release(queue, &items[i]));
        }
    }
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(borrowed_items_count_for_join) {
    spork_queue *queue = make(0);
    spork_queue_item item = {0};
    commit(queue, 500, 1);
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(queue, 20));
    OK(spork_queue_borrow(queue, &item, 0));
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(queue, 20));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, PATIENCE_MS));
    OK(spork_queue_release(queue, &item));
    spork_queue_free(queue);
}

/* ---- errors ---- */

QUEUE_TEST_ONCE(a_full_queue_leaves_the_item_with_who_has_it) {
    spork_queue *queue = make(1);
    spork_queue_item item = reserve(queue, 5000, 2);
    commit(queue, 10, 1);
    FAILS(SPORK_EFULL, spork_queue_commit(queue, &item, 0));
    FAILS(SPORK_EFULL, spork_queue_commit(queue, &item, 20));
    assert_true(item.size == 5000 && is_pattern(item.data, 5000, 2));
    borrow(queue, 10, 1);
    OK(spork_queue_commit(queue, &item, 0));
    borrow(queue, 5000, 2);
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(a_closed_queue_refuses_commits_and_lets_what_is_left_be_borrowed) {
    spork_queue *queue = make(0);
    spork_queue_item item = reserve(queue, 5000, 2);
    spork_queue_item other = {0};
    commit(queue, 200, 1);
    OK(spork_queue_close(queue));
    FAILS(SPORK_ECLOSED, spork_queue_commit(queue, &item, 0));
    OK(spork_queue_release(queue, &item));
    borrow(queue, 200, 1);
    FAILS(SPORK_ECLOSED, spork_queue_borrow(queue, &other, PATIENCE_MS));
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(borrowing_from_an_empty_queue_waits_and_says_so) {
    spork_queue *queue = make(0);
    spork_queue_item item = {0};
    FAILS(SPORK_EEMPTY, spork_queue_borrow(queue, &item, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_EEMPTY, spork_queue_borrow(queue, &item, 50));
    assert_true(spork_now_ms() - begin >= 49);
    assert_null(item.data);
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(a_value_cannot_be_borrowed_and_is_kept) {
    spork_queue *queue = make(0);
    spork_queue_item item = {0};
    spork_value value;
    OK(spork_queue_put(queue, spork_int(42), 0));
    FAILS(SPORK_ETYPE, spork_queue_borrow(queue, &item, 0));
    OK(spork_queue_get(queue, &value, 0));
    assert_int_equal(value.as.integer, 42);
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(what_is_not_held_is_refused_and_stays_whole) {
    spork_queue *queue = make(0);
    spork_queue *other = make(0);
    spork_queue_item item = reserve(queue, 300, 1);
    spork_queue_item copy = item;
    spork_queue_item none = {0};
    char local[64] = {0};
    FAILS(SPORK_EINVAL, spork_queue_reserve(NULL, 1, &none));
    FAILS(SPORK_EINVAL, spork_queue_reserve(queue, 1, NULL));
    FAILS(SPORK_EINVAL, spork_queue_reserve(queue, 1, &item)); /* in use */
    FAILS(SPORK_EINVAL, spork_queue_borrow(queue, &item, 0));
    FAILS(SPORK_EINVAL, spork_queue_borrow(queue, NULL, 0));
    FAILS(SPORK_EINVAL, spork_queue_borrow(queue, &none, -7));
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, NULL, 0));
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &none, 0));
    FAILS(SPORK_EINVAL, spork_queue_commit(NULL, &item, 0));
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &item, -7));
    FAILS(SPORK_EINVAL, spork_queue_release(queue, NULL));
    FAILS(SPORK_EINVAL, spork_queue_release(NULL, &item));
    copy.size = 301;
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
    copy.size = copy.room = (size_t)1 << 40;
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
    copy = item;
    copy.data = (char *)item.data + 64;
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
    copy.data = local;
    FAILS(SPORK_EINVAL, spork_queue_release(queue, &copy));
    copy.ticket = 0;
    FAILS(SPORK_EINVAL, spork_queue_release(queue, &copy));
    for (unsigned bit = 0; bit < 64; bit++) {
        copy = item;
        copy.ticket ^= (uint64_t)1 << bit;
        if (copy.ticket != 0) {
            FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
        }
    }
    if (item.ticket != 0) {
        FAILS(SPORK_EINVAL, spork_queue_commit(other, &item, 0));
        FAILS(SPORK_EINVAL, spork_queue_release(other, &item));
    }
    assert_true(spork_queue_empty(queue) && spork_queue_empty(other));
    copy = item;
    OK(spork_queue_commit(queue, &item, 0));
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
    FAILS(SPORK_EINVAL, spork_queue_release(queue, &copy));
    OK(spork_queue_borrow(queue, &item, 0));
    assert_true(item.size == 300 && is_pattern(item.data, 300, 1));
    copy = item;
    OK(spork_queue_release(queue, &item));
    FAILS(SPORK_EINVAL, spork_queue_release(queue, &copy));
    FAILS(SPORK_EINVAL, spork_queue_commit(queue, &copy, 0));
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
    spork_queue_free(other);
}

QUEUE_TEST_ONCE(an_item_that_cannot_be_is_refused) {
    spork_queue *queue = make(0);
    spork_queue_item item = {0};
    FAILS(SPORK_ENOSPACE, spork_queue_reserve(queue, (size_t)1 << 50, &item));
    FAILS(SPORK_ENOSPACE, spork_queue_reserve(queue, SIZE_MAX, &item));
    assert_null(item.data);
    commit(queue, 100, 1);
    borrow(queue, 100, 1);
    spork_queue_free(queue);
}

/* ---- deaths ---- */

/* Holds as many as a ring has loans, reserved and borrowed, and tells so. */
static int hold_many(spork_queue *queue, spork_event *holding) {
    spork_queue_item items[MANY] = {{0}};
    for (int i = 0; i < MANY; i++) {
        if (i % 2 == 0) {
            EXPECT(spork_queue_reserve(queue, 3000, &items[i]) == 0);
        } else {
            EXPECT(spork_queue_borrow(queue, &items[i], 0) == 0);
        }
    }
    EXPECT(spork_event_set(holding) == 0);
    spork_sleep_ms(10 * PATIENCE_MS);
    return 0;
}
SPORK_TASK(int, hold_many, spork_queue *, spork_event *);

QUEUE_TEST(what_a_killed_process_held_is_lent_again_and_what_it_left_is_there) {
    needs_a_process_to_kill();
    spork_queue *queue = make(0);
    spork_event *holding = NULL;
    spork_queue_item items[MANY];
    OK(spork_event_new(&holding, NULL));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY / 2 + 5; i++) {
            commit(queue, 3000, (uint64_t)i);
        }
        spork_process *child = start(hold_many_call(queue, holding));
        OK(spork_event_wait(holding, PATIENCE_MS));
        kill_and_free(child);
        OK(spork_event_clear(holding));
        /* What it borrowed went with it, as what it got would have. */
        assert_int_equal(spork_queue_size(queue), 5);
        for (int i = 0; i < 5; i++) {
            borrow(queue, 3000, (uint64_t)(MANY / 2 + i));
        }
        for (int i = 0; i < MANY; i++) {
            items[i] = reserve(queue, 3000, (uint64_t)i);
            /* Who holds more than a ring has loans is slower; who does not is not. */
            assert_true(i >= 64 || items[i].ticket != 0 || spork_queue_maxsize(queue) != 0 ||
                        native_is_windows());
        }
        for (int i = 0; i < MANY; i++) {
            assert_true(is_pattern(items[i].data, 3000, (uint64_t)i));
            OK(spork_queue_release(queue, &items[i]));
        }
    }
    spork_event_free(holding);
    spork_queue_free(queue);
}

static int commit_and_stay(spork_queue *queue, spork_event *done) {
    for (uint64_t i = 0; i < MANY; i++) {
        spork_queue_item item = {0};
        EXPECT(spork_queue_reserve(queue, 3000, &item) == 0);
        fill_pattern(item.data, 3000, i);
        EXPECT(spork_queue_commit(queue, &item, 0) == 0);
    }
    EXPECT(spork_event_set(done) == 0);
    spork_sleep_ms(10 * PATIENCE_MS);
    return 0;
}
SPORK_TASK(int, commit_and_stay, spork_queue *, spork_event *);

QUEUE_TEST(what_a_killed_process_had_committed_is_borrowed_by_others) {
    needs_a_process_to_kill();
    spork_queue *queue = make(0);
    spork_event *done = NULL;
    OK(spork_event_new(&done, NULL));
    spork_process *child = start(commit_and_stay_call(queue, done));
    OK(spork_event_wait(done, PATIENCE_MS));
    kill_and_free(child);
    for (uint64_t i = 0; i < MANY; i++) {
        borrow(queue, 3000, i);
    }
    assert_true(spork_queue_empty(queue));
    spork_event_free(done);
    spork_queue_free(queue);
}

static int use_of_another(spork_queue *queue, int64_t data, int64_t ticket) {
    spork_queue_item item = {.data = NULL, .size = 100, .room = 100,
                             .ticket = (uint64_t)ticket};
    memcpy(&item.data, &data, sizeof item.data);
    EXPECT(spork_queue_commit(queue, &item, 0) == SPORK_EINVAL);
    EXPECT(spork_queue_release(queue, &item) == SPORK_EINVAL);
    return 0;
}
SPORK_TASK(int, use_of_another, spork_queue *, int64_t, int64_t);

QUEUE_TEST(another_process_cannot_use_what_this_one_holds) {
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("a thread is no other process");
    }
    spork_queue *queue = make(0);
    spork_queue_item item = reserve(queue, 100, 1);
    int64_t data = 0;
    memcpy(&data, &item.data, sizeof item.data);
    finish(start(use_of_another_call(queue, data, (int64_t)item.ticket)));
    OK(spork_queue_commit(queue, &item, 0));
    borrow(queue, 100, 1);
    spork_queue_free(queue);
}

TEST_MAIN
