/* Queues between many: order, nothing lost or doubled, task_done and join. */
#include "support_backings.h"
#include "support_children.h"

static spork_queue *new_queue(int64_t maxsize) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(
        &queue, &(spork_queue_options){.maxsize = maxsize, .backing = backing}));
    return queue;
}

static int put_number(spork_queue *queue, int64_t number, int64_t timeout_ms) {
    return spork_queue_put_bytes(queue, &number, sizeof number, timeout_ms);
}

static int get_number(spork_queue *queue, int64_t *number, int64_t timeout_ms) {
    size_t size;
    return spork_queue_get_bytes(queue, number, sizeof *number, &size, timeout_ms);
}

/* ---- order, and each item once ---- */

enum { WRITERS = 4, READERS = 4, EACH = 2500, LARGEST_ITEM = 300 };

struct item {
    int64_t writer, number;
    unsigned char rest[LARGEST_ITEM];
};

static size_t item_size(int64_t number) {
    return offsetof(struct item, rest) + (size_t)(number * 37 % LARGEST_ITEM);
}

static int write_items(spork_queue *queue, int64_t writer, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        struct item item = {.writer = writer, .number = i};
        size_t size = item_size(i);
        fill_pattern(item.rest, size - offsetof(struct item, rest), (uint64_t)(writer + i));
        EXPECT(spork_queue_put_bytes(queue, &item, size, PATIENCE_MS) == 0);
    }
    return 0;
}
SPORK_TASK(int, write_items, spork_queue *, int64_t, int64_t);

/* Reads to the end, checks each item and the order of each writer's; then reports all that it
   has seen: one bit for each. */
static int read_items(spork_queue *queue, spork_queue *report) {
    static const size_t bits = WRITERS * EACH;
    unsigned char *seen = calloc(bits / 8 + 1, 1);
    int64_t last[WRITERS] = {-1, -1, -1, -1};
    struct item item;
    size_t size;
    int error;
    EXPECT(seen != NULL);
    while ((error = spork_queue_get_bytes(queue, &item, sizeof item, &size, PATIENCE_MS)) == 0) {
        EXPECT(item.writer >= 0 && item.writer < WRITERS && item.number < EACH);
        EXPECT(size == item_size(item.number));
        EXPECT(is_pattern(item.rest, size - offsetof(struct item, rest),
                          (uint64_t)(item.writer + item.number)));
        EXPECT(item.number > last[item.writer]);
        last[item.writer] = item.number;
        int64_t bit = item.writer * EACH + item.number;
        EXPECT((seen[bit / 8] >> (bit % 8) & 1) == 0);
        seen[bit / 8] = (unsigned char)(seen[bit / 8] | 1 << (bit % 8));
    }
    EXPECT(error == SPORK_ECLOSED);
    EXPECT(spork_queue_put_bytes(report, seen, bits / 8 + 1, PATIENCE_MS) == 0);
    free(seen);
    return 0;
}
SPORK_TASK(int, read_items, spork_queue *, spork_queue *);

static void run_writers_and_readers(int64_t maxsize, int readers) {
    enum { BYTES = WRITERS * EACH / 8 + 1 };
    static unsigned char all[BYTES];
    static unsigned char seen[BYTES];
    spork_queue *queue = new_queue(maxsize);
    spork_queue *report = new_queue(0);
    spork_process *children[WRITERS + READERS];
    size_t size;
    memset(all, 0, sizeof all);
    for (int i = 0; i < readers; i++) {
        children[WRITERS + i] = start(read_items_call(queue, report));
    }
    for (int i = 0; i < WRITERS; i++) {
        children[i] = start(write_items_call(queue, i, EACH));
    }
    for (int i = 0; i < WRITERS; i++) {
        finish(children[i]);
    }
    OK(spork_queue_close(queue));
    for (int i = 0; i < readers; i++) {
        OK(spork_queue_get_bytes(report, seen, sizeof seen, &size, PATIENCE_MS));
        for (int byte = 0; byte < BYTES; byte++) {
            assert_int_equal(all[byte] & seen[byte], 0);
            all[byte] |= seen[byte];
        }
        finish(children[WRITERS + i]);
    }
    for (int bit = 0; bit < WRITERS * EACH; bit++) {
        assert_true((all[bit / 8] >> (bit % 8) & 1) != 0);
    }
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
    spork_queue_free(report);
}

QUEUE_TEST_SLOW(what_each_of_four_writers_put_comes_out_in_its_order, 60) {
    run_writers_and_readers(0, 1);
}

QUEUE_TEST_SLOW(of_four_writers_and_four_readers_no_item_is_lost_or_doubled, 60) {
    run_writers_and_readers(0, READERS);
}

QUEUE_TEST_SLOW(neither_is_one_lost_or_doubled_where_there_is_little_room, 60) {
    run_writers_and_readers(5, READERS);
}

QUEUE_TEST_SLOW(nor_where_there_is_room_for_one, 60) {
    run_writers_and_readers(1, 2);
}

/* ---- task_done and join ---- */

static int work_off(spork_queue *queue, int64_t work_ms) {
    int64_t number;
    int error;
    while ((error = get_number(queue, &number, SPORK_FOREVER)) == 0) {
        spork_sleep_ms(work_ms);
        EXPECT(spork_queue_task_done(queue) == 0);
    }
    EXPECT(error == SPORK_ECLOSED);
    return 0;
}
SPORK_TASK(int, work_off, spork_queue *, int64_t);

QUEUE_TEST(join_waits_until_four_workers_are_done_with_ten_items) {
    enum { ITEMS = 10, WORK_MS = 40 };
    spork_queue *queue = new_queue(0);
    spork_process *workers[4];
    OK(spork_queue_join(queue, 0));
    for (int i = 0; i < 4; i++) {
        workers[i] = start(work_off_call(queue, WORK_MS));
    }
    int64_t begin = spork_now_ms();
    for (int i = 0; i < ITEMS; i++) {
        OK(put_number(queue, i, 0));
    }
    FAILS(SPORK_EWOULDBLOCK, spork_queue_join(queue, 0));
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(queue, 10));
    OK(spork_queue_join(queue, PATIENCE_MS));
    /* Ten items for four workers take three rounds. */
    assert_true(spork_now_ms() - begin >= 3 * WORK_MS - 2);
    assert_true(spork_queue_empty(queue));
    FAILS(SPORK_EOVERRELEASE, spork_queue_task_done(queue));
    /* And once more, with the same workers. */
    OK(put_number(queue, 1, 0));
    OK(spork_queue_join(queue, PATIENCE_MS));
    OK(spork_queue_close(queue));
    for (int i = 0; i < 4; i++) {
        finish(workers[i]);
    }
    spork_queue_free(queue);
}

QUEUE_TEST_ONCE(task_done_without_an_item_is_an_over_release) {
    spork_queue *queue = new_queue(3);
    int64_t number;
    FAILS(SPORK_EOVERRELEASE, spork_queue_task_done(queue));
    OK(put_number(queue, 1, 0));
    OK(get_number(queue, &number, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_queue_join(queue, 0));
    OK(spork_queue_task_done(queue));
    FAILS(SPORK_EOVERRELEASE, spork_queue_task_done(queue));
    OK(spork_queue_join(queue, SPORK_FOREVER));
    spork_queue_free(queue);
}

static int get_and_wait(spork_queue *queue, spork_queue *ready, spork_queue *never) {
    int64_t number;
    EXPECT(get_number(queue, &number, PATIENCE_MS) == 0);
    EXPECT(put_number(ready, number, 0) == 0);
    return get_number(never, &number, SPORK_FOREVER);
}
SPORK_TASK(int, get_and_wait, spork_queue *, spork_queue *, spork_queue *);

QUEUE_TEST(join_tells_when_a_worker_was_killed_with_an_item) {
    needs_a_process_to_kill();
    spork_queue *queue = new_queue(0);
    spork_queue *ready = new_queue(0);
    spork_queue *never = new_queue(0);
    int64_t number;
    spork_process *worker = start(get_and_wait_call(queue, ready, never));
    OK(put_number(queue, 1, 0));
    assert_true(wait_for_items(ready, 1));
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(queue, 50));
    kill_and_free(worker);
    FAILS(SPORK_EPEERDIED, spork_queue_join(queue, SPORK_FOREVER));
    /* That item is settled now; the count goes on. */
    OK(spork_queue_join(queue, 0));
    OK(put_number(queue, 2, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_queue_join(queue, 0));
    OK(get_number(queue, &number, 0));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, 0));
    spork_queue_free(queue);
    spork_queue_free(ready);
    spork_queue_free(never);
}

static int join_and_tell(spork_queue *queue, spork_queue *told) {
    EXPECT(put_number(told, 0, 0) == 0);
    EXPECT(spork_queue_join(queue, PATIENCE_MS) == SPORK_EPEERDIED);
    EXPECT(put_number(told, 1, 0) == 0);
    return 0;
}
SPORK_TASK(int, join_and_tell, spork_queue *, spork_queue *);

QUEUE_TEST(a_sibling_that_joins_learns_of_it_though_the_parent_looks_elsewhere) {
    needs_a_process_to_kill();
    spork_queue *queue = new_queue(0);
    spork_queue *ready = new_queue(0);
    spork_queue *never = new_queue(0);
    spork_queue *told = new_queue(0);
    spork_process *worker = start(get_and_wait_call(queue, ready, never));
    OK(put_number(queue, 1, 0));
    assert_true(wait_for_items(ready, 1));
    spork_process *joiner = start(join_and_tell_call(queue, told));
    assert_true(wait_for_items(told, 1));
    spork_sleep_ms(100);
    OK(spork_process_kill(worker));
    /* From here to the end of the wait this process calls nothing that waits in the family. */
    int64_t begin = spork_now_ms();
    while (spork_queue_size(told) < 2 && spork_now_ms() - begin < 3000) {
        spork_sleep_ms(5);
    }
    assert_true(spork_now_ms() - begin < 1000);
    OK(spork_process_join(worker, PATIENCE_MS, NULL));
    OK(spork_process_free(worker));
    finish(joiner);
    spork_queue_free(queue);
    spork_queue_free(ready);
    spork_queue_free(never);
    spork_queue_free(told);
}

static int hand_on(spork_queue *queue, spork_queue *results) {
    int64_t number;
    EXPECT(get_number(queue, &number, PATIENCE_MS) == 0);
    EXPECT(put_number(results, number, 0) == 0);
    return 0;
}
SPORK_TASK(int, hand_on, spork_queue *, spork_queue *);

static int hand_on_and_wait(spork_queue *queue, spork_queue *results, spork_queue *end) {
    int64_t number;
    EXPECT(hand_on(queue, results) == 0);
    EXPECT(get_number(end, &number, PATIENCE_MS) == SPORK_ECLOSED);
    return 0;
}
SPORK_TASK(int, hand_on_and_wait, spork_queue *, spork_queue *, spork_queue *);

QUEUE_TEST(another_process_may_say_that_an_item_is_done) {
    spork_queue *queue = new_queue(0);
    spork_queue *results = new_queue(0);
    spork_queue *end = new_queue(0);
    int64_t number;
    OK(put_number(queue, 5, 0));
    spork_process *child = start(hand_on_and_wait_call(queue, results, end));
    OK(get_number(results, &number, PATIENCE_MS));
    FAILS(SPORK_EWOULDBLOCK, spork_queue_join(queue, 0));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, 0));
    OK(spork_queue_close(end));
    finish(child);
    /* That the getter ended without having said so itself changes nothing. */
    OK(spork_queue_join(queue, 0));
    OK(put_number(queue, 6, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_queue_join(queue, 0));
    spork_queue_free(queue);
    spork_queue_free(results);
    spork_queue_free(end);
}

QUEUE_TEST(an_item_is_done_by_another_even_when_its_getter_has_ended) {
    spork_queue *queue = new_queue(0);
    spork_queue *results = new_queue(0);
    int64_t number;
    OK(put_number(queue, 5, 0));
    finish(start(hand_on_call(queue, results)));
    OK(get_number(results, &number, 0));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, 0));
    OK(put_number(queue, 6, 0));
    OK(get_number(queue, &number, 0));
    OK(spork_queue_task_done(queue));
    OK(spork_queue_join(queue, 0));
    FAILS(SPORK_EOVERRELEASE, spork_queue_task_done(queue));
    spork_queue_free(queue);
    spork_queue_free(results);
}

TEST_MAIN
