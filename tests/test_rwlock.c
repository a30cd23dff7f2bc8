/* Reader-writer locks: who may be inside together, who goes first, and what the dead leave. */
#include "handle_table.h"
#include "support/deaths.h"
#include "support_storm.h"

static spork_rwlock *new_rwlock(void) {
    spork_rwlock *rwlock = NULL;
    OK(spork_rwlock_new(&rwlock, NULL));
    return rwlock;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static void expect_nothing_left(void) {
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

/* Open to everybody: nobody reads or writes, and nobody is told of a death. */
static void expect_open(spork_rwlock *rwlock) {
    OK(spork_rwlock_acquire_write(rwlock, 0));
    OK(spork_rwlock_release_write(rwlock));
    OK(spork_rwlock_acquire_read(rwlock, 0));
    OK(spork_rwlock_release_read(rwlock));
    assert_int_equal(spork_rwlock_readers(rwlock), 0);
    assert_false(spork_rwlock_written(rwlock));
}

/* White box: the hold records count who waits to read. */
static void wait_for_waiting_readers(spork_rwlock *rwlock, uint64_t count) {
    const struct handle *handle = (struct handle *)(void *)rwlock;
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    for (;;) {
        uint64_t found = 0;
        struct self *self = sleep_self();
        family_lock(self);
        for (uint64_t at = atomic_load(&table_slot(handle->id)->first); at != 0;) {
            const struct hold *hold = arena_at(at);
            uint64_t waiting = atomic_load(&hold->done);
            found += (waiting & UINT32_MAX) + (waiting >> 32);
            at = atomic_load(&hold->handle_next);
        }
        family_unlock(self);
        if (found >= count) {
            return;
        }
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
}

enum way { TO_READ, TO_WRITE };

static int acquire(spork_rwlock *rwlock, int64_t way, int64_t timeout_ms) {
    return way == TO_READ ? spork_rwlock_acquire_read(rwlock, timeout_ms)
                          : spork_rwlock_acquire_write(rwlock, timeout_ms);
}
static int release(spork_rwlock *rwlock, int64_t way) {
    return way == TO_READ ? spork_rwlock_release_read(rwlock)
                          : spork_rwlock_release_write(rwlock);
}

/* ---- the rules, in one process ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_rwlock *rwlock = new_rwlock();
    FAILS(SPORK_EINVAL, spork_rwlock_new(NULL, NULL));
    for (int way = 0; way < 2; way++) {
        FAILS(SPORK_EINVAL, acquire(NULL, way, 0));
        FAILS(SPORK_EINVAL, acquire(rwlock, way, -2));
        FAILS(SPORK_EINVAL, release(NULL, way));
        FAILS(SPORK_ENOTHELD, release(rwlock, way));
    }
    assert_int_equal(spork_rwlock_readers(NULL), -1);
    assert_false(spork_rwlock_written(NULL));
    spork_rwlock_free(NULL);
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    expect_nothing_left();
    assert_int_equal(atomic_load(&arena->live_bytes), 0);
}

TEST_ONCE(readers_share_and_a_writer_excludes) {
    spork_rwlock *rwlock = new_rwlock();
    OK(spork_rwlock_acquire_read(rwlock, 0));
    OK(spork_rwlock_acquire_read(rwlock, 0));
    assert_int_equal(spork_rwlock_readers(rwlock), 2);
    FAILS(SPORK_EWOULDBLOCK, spork_rwlock_acquire_write(rwlock, 0));
    OK(spork_rwlock_release_read(rwlock));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_rwlock_acquire_write(rwlock, 80));
    assert_true(spork_now_ms() - begin >= 79 && spork_now_ms() - begin < 700);
    /* Who gave up keeps nobody out. */
    OK(spork_rwlock_acquire_read(rwlock, 0));
    OK(spork_rwlock_release_read(rwlock));
    OK(spork_rwlock_release_read(rwlock));
    FAILS(SPORK_ENOTHELD, spork_rwlock_release_read(rwlock));
    OK(spork_rwlock_acquire_write(rwlock, 0));
    assert_true(spork_rwlock_written(rwlock));
    FAILS(SPORK_EWOULDBLOCK, spork_rwlock_acquire_read(rwlock, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_rwlock_acquire_write(rwlock, 0));
    begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_rwlock_acquire_read(rwlock, 80));
    FAILS(SPORK_ETIMEDOUT, spork_rwlock_acquire_write(rwlock, 80));
    assert_true(spork_now_ms() - begin >= 159 && spork_now_ms() - begin < 1400);
    FAILS(SPORK_ENOTHELD, spork_rwlock_release_read(rwlock));
    assert_int_equal(spork_rwlock_readers(rwlock), 0);
    OK(spork_rwlock_release_write(rwlock));
    FAILS(SPORK_ENOTHELD, spork_rwlock_release_write(rwlock));
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
}

/* ---- others ---- */

static int try_both(spork_rwlock *rwlock, int64_t read, int64_t write) {
    EXPECT(spork_rwlock_release_write(rwlock) == SPORK_ENOTHELD);
    EXPECT(spork_rwlock_acquire_read(rwlock, 0) == (int)read);
    EXPECT(read != 0 || spork_rwlock_release_read(rwlock) == 0);
    EXPECT(spork_rwlock_acquire_write(rwlock, 0) == (int)write);
    EXPECT(write != 0 || spork_rwlock_release_write(rwlock) == 0);
    return 0;
}
SPORK_TASK(int, try_both, spork_rwlock *, int64_t, int64_t);

static int release_what_others_read(spork_rwlock *rwlock) {
    EXPECT(spork_rwlock_readers(rwlock) == 1);
    EXPECT(spork_rwlock_release_read(rwlock) == SPORK_ENOTHELD);
    return 0;
}
SPORK_TASK(int, release_what_others_read, spork_rwlock *);

TEST(what_one_holds_another_feels_and_cannot_release) {
    spork_rwlock *rwlock = new_rwlock();
    finish(start(try_both_call(rwlock, 0, 0)));
    OK(spork_rwlock_acquire_write(rwlock, 0));
    finish(start(try_both_call(rwlock, SPORK_EWOULDBLOCK, SPORK_EWOULDBLOCK)));
    OK(spork_rwlock_release_write(rwlock));
    OK(spork_rwlock_acquire_read(rwlock, 0));
    finish(start(try_both_call(rwlock, 0, SPORK_EWOULDBLOCK)));
    if (spork_get_start_method() != SPORK_METHOD_THREAD) {
        finish(start(release_what_others_read_call(rwlock)));
    }
    OK(spork_rwlock_release_read(rwlock));
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    expect_nothing_left();
}

/* Acquires, says so with the number, and holds it until it is told to end. */
static int hold(spork_rwlock *rwlock, int64_t way, spork_queue *order, int64_t number,
                spork_queue *end) {
    spork_value value;
    EXPECT(acquire(rwlock, way, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(order, spork_int(number), 0) == 0);
    EXPECT(end == NULL || spork_queue_get(end, &value, PATIENCE_MS) == 0);
    EXPECT(release(rwlock, way) == 0);
    return 0;
}

static int hold_until(spork_rwlock *rwlock, int64_t way, spork_queue *ready,
                      spork_queue *end) {
    return hold(rwlock, way, ready, 0, end);
}
SPORK_TASK(int, hold_until, spork_rwlock *, int64_t, spork_queue *, spork_queue *);

static int pass(spork_rwlock *rwlock, int64_t way, spork_queue *order, int64_t number) {
    return hold(rwlock, way, order, number, NULL);
}
SPORK_TASK(int, pass, spork_rwlock *, int64_t, spork_queue *, int64_t);

static void expect_next(spork_queue *order, int64_t number) {
    spork_value value;
    int64_t found = -1;
    OK(spork_queue_get(order, &value, PATIENCE_MS));
    OK(spork_value_get_int(&value, &found));
    assert_int_equal(found, number);
}

static void let_end(spork_queue *end, int count) {
    for (int i = 0; i < count; i++) {
        OK(spork_queue_put(end, spork_nil(), 0));
    }
}

TEST(readers_of_several_processes_are_inside_together_and_a_writer_waits_for_the_last) {
    enum { READERS = 4 };
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    spork_queue *order = new_queue();
    spork_process *readers[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = start(hold_until_call(rwlock, TO_READ, ready, end));
    }
    assert_true(wait_for_items(ready, READERS));
    assert_int_equal(spork_rwlock_readers(rwlock), READERS);
    spork_process *writer = start(pass_call(rwlock, TO_WRITE, order, 1));
    let_end(end, READERS - 1);
    spork_sleep_ms(40);
    assert_int_equal(spork_queue_size(order), 0);
    let_end(end, 1);
    expect_next(order, 1);
    finish(writer);
    for (int i = 0; i < READERS; i++) {
        finish(readers[i]);
    }
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    spork_queue_free(ready);
    spork_queue_free(end);
    spork_queue_free(order);
    expect_nothing_left();
}

/* ---- who goes first ---- */

TEST(a_writer_that_waits_keeps_new_readers_out) {
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *order = new_queue();
    OK(spork_rwlock_acquire_read(rwlock, 0));
    spork_process *writer = start(pass_call(rwlock, TO_WRITE, order, 1));
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    int error;
    while ((error = spork_rwlock_acquire_read(rwlock, 0)) == 0) {
        OK(spork_rwlock_release_read(rwlock));
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    assert_int_equal(error, SPORK_EWOULDBLOCK);
    assert_false(spork_rwlock_written(rwlock));
    spork_process *reader = start(pass_call(rwlock, TO_READ, order, 2));
    wait_for_waiting_readers(rwlock, 1);
    OK(spork_rwlock_release_read(rwlock));
    expect_next(order, 1);
    expect_next(order, 2);
    finish(writer);
    finish(reader);
    spork_rwlock_free(rwlock);
    spork_queue_free(order);
}

TEST(readers_that_waited_for_a_writer_go_before_the_next_writer) {
    enum { READERS = 3, ROUNDS = 10 };
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *order = new_queue();
    for (int round = 0; round < ROUNDS; round++) {
        spork_process *children[READERS + 1];
        OK(spork_rwlock_acquire_write(rwlock, PATIENCE_MS));
        children[READERS] = start(pass_call(rwlock, TO_WRITE, order, 2));
        for (int i = 0; i < READERS; i++) {
            children[i] = start(pass_call(rwlock, TO_READ, order, 1));
        }
        wait_for_waiting_readers(rwlock, READERS);
        OK(spork_rwlock_release_write(rwlock));
        for (int i = 0; i < READERS; i++) {
            expect_next(order, 1);
        }
        expect_next(order, 2);
        for (int i = 0; i <= READERS; i++) {
            finish(children[i]);
        }
    }
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    spork_queue_free(order);
}

/* Two of these never leave the lock unread, unless readers are kept out. */
static int read_again_and_again(spork_rwlock *rwlock, spork_event *end) {
    while (!spork_event_is_set(end)) {
        EXPECT(spork_rwlock_acquire_read(rwlock, PATIENCE_MS) == 0);
        spork_sleep_ms(2);
        EXPECT(spork_rwlock_release_read(rwlock) == 0);
    }
    return 0;
}
SPORK_TASK(int, read_again_and_again, spork_rwlock *, spork_event *);

TEST(a_writer_gets_its_turn_among_readers_who_never_stop) {
    enum { READERS = 4 };
    spork_rwlock *rwlock = new_rwlock();
    spork_event *end = NULL;
    spork_process *readers[READERS];
    OK(spork_event_new(&end, NULL));
    for (int i = 0; i < READERS; i++) {
        readers[i] = start(read_again_and_again_call(rwlock, end));
    }
    for (int i = 0; i < 20; i++) {
        OK(spork_rwlock_acquire_write(rwlock, 5000));
        assert_int_equal(spork_rwlock_readers(rwlock), 0);
        OK(spork_rwlock_release_write(rwlock));
    }
    OK(spork_event_set(end));
    for (int i = 0; i < READERS; i++) {
        finish(readers[i]);
    }
    spork_rwlock_free(rwlock);
    spork_event_free(end);
}

static int use_what_comes(spork_queue *from) {
    spork_value list;
    spork_rwlock *rwlock = NULL;
    EXPECT(spork_queue_get(from, &list, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_rwlock(spork_value_at(&list, 0), &rwlock) == 0);
    EXPECT(spork_rwlock_acquire_read(rwlock, PATIENCE_MS) == 0);
    EXPECT(spork_rwlock_release_read(rwlock) == 0);
    spork_value_free(&list);
    return 0;
}
SPORK_TASK(int, use_what_comes, spork_queue *);

TEST(a_rwlock_travels_through_a_queue) {
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *queue = new_queue();
    OK(spork_rwlock_acquire_write(rwlock, 0));
    spork_process *child = start(use_what_comes_call(queue));
    OK(spork_queue_put(queue, SPORK_LIST_OF(spork_rwlock_value(rwlock)), 0));
    wait_for_waiting_readers(rwlock, 1);
    OK(spork_rwlock_release_write(rwlock));
    finish(child);
    spork_rwlock_free(rwlock);
    spork_queue_free(queue);
    expect_nothing_left();
}

/* ---- exclusion ---- */

/* inside is 1 exactly while somebody writes. Who comes to write makes it 0, as a dead writer
   may have left it at 1. */
static int use_often(spork_rwlock *rwlock, spork_semaphore *inside, spork_queue *progress,
                     int64_t times, int64_t readings) {
    for (int64_t i = 0; i < times; i++) {
        int64_t way = i % (readings + 1) == 0 ? TO_WRITE : TO_READ;
        int error = acquire(rwlock, way, PATIENCE_MS);
        EXPECT(error == 0 || error == SPORK_EOWNERDIED);
        if (way == TO_WRITE) {
            spork_semaphore_acquire(inside, 0);
            EXPECT(spork_semaphore_count(inside) == 0);
            EXPECT(spork_rwlock_readers(rwlock) == 0 && spork_rwlock_written(rwlock));
            EXPECT(spork_semaphore_release(inside, 1) == 0);
            EXPECT(spork_semaphore_count(inside) == 1);
            EXPECT(spork_semaphore_acquire(inside, 0) == 0);
        } else {
            int64_t before = spork_semaphore_count(inside);
            EXPECT(spork_rwlock_readers(rwlock) > 0 && !spork_rwlock_written(rwlock));
            EXPECT(spork_semaphore_count(inside) == before);
        }
        EXPECT(release(rwlock, way) == 0);
        if (i % 50 == 0) {
            spork_queue_put(progress, spork_int(i), 0);
        }
    }
    return 0;
}
SPORK_TASK(int, use_often, spork_rwlock *, spork_semaphore *, spork_queue *, int64_t, int64_t);

struct room {
    spork_rwlock *rwlock;
    spork_semaphore *inside;
    spork_queue *progress;
};

static struct room new_room(void) {
    struct room room = {.rwlock = new_rwlock()};
    OK(spork_semaphore_new(&room.inside, &(spork_semaphore_options){.value = 0}));
    OK(spork_queue_new(&room.progress, &(spork_queue_options){.maxsize = 10}));
    return room;
}

static spork_process *start_using(const struct room *room, int64_t times, int64_t readings) {
    return start(use_often_call(room->rwlock, room->inside, room->progress, times, readings));
}

static void free_room(struct room *room) {
    spork_rwlock_free(room->rwlock);
    spork_semaphore_free(room->inside);
    spork_queue_free(room->progress);
    expect_nothing_left();
}

TEST_SLOW(never_is_a_writer_inside_with_anybody, 90) {
    enum { CHILDREN = 5 };
    struct room room = new_room();
    spork_process *children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start_using(&room, 1500, i);
    }
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    expect_open(room.rwlock);
    free_room(&room);
}

/* ---- deaths ---- */

TEST(after_a_killed_writer_the_next_is_told_within_a_second_once_and_has_it) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    for (int round = 0; round < 4; round++) {
        int way = round % 2;
        spork_process *child = start(hold_until_call(rwlock, TO_WRITE, ready, never));
        expect_next(ready, 0);
        assert_true(spork_rwlock_written(rwlock));
        FAILS(SPORK_EWOULDBLOCK, acquire(rwlock, way, 0));
        OK(spork_process_kill(child));
        int64_t begin = spork_now_ms();
        FAILS(SPORK_EOWNERDIED, acquire(rwlock, way, PATIENCE_MS));
        assert_true(spork_now_ms() - begin < 1000);
        assert_true(spork_rwlock_written(rwlock) == (way == TO_WRITE));
        assert_int_equal(spork_rwlock_readers(rwlock), way == TO_READ);
        FAILS(SPORK_EWOULDBLOCK, spork_rwlock_acquire_write(rwlock, 0));
        OK(release(rwlock, way));
        expect_open(rwlock);
        OK(spork_process_join(child, PATIENCE_MS, NULL));
        OK(spork_process_free(child));
    }
    spork_rwlock_free(rwlock);
    spork_queue_free(ready);
    spork_queue_free(never);
}

static int acquire_and_end(spork_rwlock *rwlock, int64_t way) {
    return acquire(rwlock, way, PATIENCE_MS);
}
SPORK_TASK(int, acquire_and_end, spork_rwlock *, int64_t);

TEST(a_writer_that_ended_without_releasing_counts_as_dead_also_as_a_thread) {
    spork_rwlock *rwlock = new_rwlock();
    for (int way = 0; way < 2; way++) {
        finish(start(acquire_and_end_call(rwlock, TO_WRITE)));
        assert_false(spork_rwlock_written(rwlock));
        FAILS(SPORK_EOWNERDIED, acquire(rwlock, way, PATIENCE_MS));
        OK(release(rwlock, way));
        expect_open(rwlock);
    }
    spork_rwlock_free(rwlock);
}

TEST(what_a_process_reads_at_its_end_is_released_by_its_end) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    finish(start(acquire_and_end_call(rwlock, TO_READ)));
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
}

static int read_and_free(spork_rwlock *rwlock, spork_queue *from) {
    spork_value value;
    spork_rwlock *received = NULL;
    (void)rwlock;
    EXPECT(spork_queue_get(from, &value, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_rwlock(&value, &received) == 0);
    EXPECT(spork_rwlock_acquire_read(received, 0) == 0);
    spork_value_free(&value);
    return 0;
}
SPORK_TASK(int, read_and_free, spork_rwlock *, spork_queue *);

TEST(a_thread_that_ends_leaves_what_it_reads_to_its_process) {
    if (spork_get_start_method() != SPORK_METHOD_THREAD) {
        SKIP("about threads");
    }
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *queue = new_queue();
    OK(spork_queue_put(queue, spork_rwlock_value(rwlock), 0));
    finish(start(read_and_free_call(rwlock, queue)));
    assert_int_equal(spork_rwlock_readers(rwlock), 1);
    FAILS(SPORK_ETIMEDOUT, spork_rwlock_acquire_write(rwlock, 20));
    OK(spork_rwlock_release_read(rwlock));
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    spork_queue_free(queue);
}

static int use_up_and_wait(spork_queue *from, spork_queue *ready, spork_queue *end) {
    spork_value value;
    spork_rwlock *rwlock = NULL;
    EXPECT(spork_queue_get(from, &value, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_rwlock(&value, &rwlock) == 0);
    EXPECT(spork_rwlock_acquire_read(rwlock, 0) == 0);
    spork_value_free(&value); /* its last use of it */
    EXPECT(spork_queue_put(ready, spork_int(0), 0) == 0);
    return spork_queue_get(end, &value, PATIENCE_MS);
}
SPORK_TASK(int, use_up_and_wait, spork_queue *, spork_queue *, spork_queue *);

TEST(a_process_that_lets_go_of_the_object_reads_no_more) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *queue = new_queue();
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    OK(spork_queue_put(queue, spork_rwlock_value(rwlock), 0));
    spork_process *child = start(use_up_and_wait_call(queue, ready, end));
    expect_next(ready, 0);
    OK(spork_rwlock_acquire_write(rwlock, PATIENCE_MS));
    let_end(end, 1);
    finish(child);
    OK(spork_rwlock_release_write(rwlock));
    spork_rwlock_free(rwlock);
    spork_queue_free(queue);
    spork_queue_free(ready);
    spork_queue_free(end);
    expect_nothing_left();
}

TEST(a_killed_reader_lets_the_writer_in_that_waits_for_it) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    spork_queue *order = new_queue();
    spork_process *reader = start(hold_until_call(rwlock, TO_READ, ready, never));
    expect_next(ready, 0);
    spork_process *writer = start(pass_call(rwlock, TO_WRITE, order, 1));
    spork_sleep_ms(30);
    assert_int_equal(spork_queue_size(order), 0);
    int64_t begin = spork_now_ms();
    OK(spork_process_kill(reader));
    expect_next(order, 1);
    assert_true(spork_now_ms() - begin < 1000);
    finish(writer);
    kill_and_free(reader);
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    spork_queue_free(ready);
    spork_queue_free(never);
    spork_queue_free(order);
}

TEST(a_reader_that_is_killed_while_it_waits_does_not_keep_the_next_writer_out) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *order = new_queue();
    OK(spork_rwlock_acquire_write(rwlock, 0));
    spork_process *reader = start(pass_call(rwlock, TO_READ, order, 1));
    wait_for_waiting_readers(rwlock, 1);
    spork_process *writer = start(pass_call(rwlock, TO_WRITE, order, 2));
    spork_sleep_ms(20);
    OK(spork_process_kill(reader));
    OK(spork_rwlock_release_write(rwlock));
    expect_next(order, 2);
    finish(writer);
    kill_and_free(reader);
    expect_open(rwlock);
    spork_rwlock_free(rwlock);
    spork_queue_free(order);
}

TEST(a_writer_that_is_killed_while_it_waits_has_written_nothing_and_is_no_news) {
    needs_a_process_to_kill();
    spork_rwlock *rwlock = new_rwlock();
    spork_queue *order = new_queue();
    for (int way = 0; way < 2; way++) {
        OK(spork_rwlock_acquire_read(rwlock, 0));
        spork_process *writer = start(pass_call(rwlock, TO_WRITE, order, 1));
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        while (spork_rwlock_acquire_read(rwlock, 0) == 0) {
            OK(spork_rwlock_release_read(rwlock));
            assert_true(spork_now_ms() < limit);
        }
        spork_process *next = start(pass_call(rwlock, way, order, 2));
        OK(spork_process_kill(writer));
        if (way == TO_READ) {
            expect_next(order, 2);
        }
        OK(spork_rwlock_release_read(rwlock));
        if (way == TO_WRITE) {
            expect_next(order, 2);
        }
        finish(next);
        kill_and_free(writer);
        expect_open(rwlock);
    }
    spork_rwlock_free(rwlock);
    spork_queue_free(order);
}

TEST_SLOW(kills_among_eight_readers_and_writers_leave_a_rwlock_that_works, 120) {
    enum { CHILDREN = 8 };
    int kills = storm_begin(80, 15);
    struct room room = new_room();
    spork_process *children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start_using(&room, INT64_MAX, i % 4);
    }
    for (int i = 0; i < kills; i++) {
        spork_value value;
        int victim = storm_random(CHILDREN);
        spork_sleep_ms(storm_random(5));
        for (int j = 0; j < CHILDREN; j++) {
            assert_true(spork_process_alive(children[j]));
        }
        kill_and_free(children[victim]);
        while (spork_queue_get(room.progress, &value, 0) == 0) {
        }
        OK(spork_queue_get(room.progress, &value, PATIENCE_MS));
        children[victim] = start_using(&room, INT64_MAX, victim % 4);
    }
    for (int i = 0; i < CHILDREN; i++) {
        kill_and_free(children[i]);
    }
    int error = spork_rwlock_acquire_write(room.rwlock, PATIENCE_MS);
    assert_true(error == 0 || error == SPORK_EOWNERDIED);
    OK(spork_rwlock_release_write(room.rwlock));
    expect_open(room.rwlock);
    free_room(&room);
}

/* ---- white box: deaths at every point ---- */

static spork_rwlock *everywhere;
static spork_rwlock *left_written;

static int read_and_write(void) {
    EXPECT(spork_rwlock_acquire_read(everywhere, 0) == 0);
    EXPECT(spork_rwlock_acquire_write(everywhere, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_rwlock_release_read(everywhere) == 0);
    EXPECT(spork_rwlock_acquire_write(everywhere, 0) == 0);
    EXPECT(spork_rwlock_release_write(everywhere) == 0);
    return 0;
}

/* Told of a death at most once; then it is as new. */
static int expect_usable(spork_rwlock *rwlock) {
    int error = spork_rwlock_acquire_write(rwlock, PATIENCE_MS);
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    EXPECT(spork_rwlock_release_write(rwlock) == 0);
    EXPECT(spork_rwlock_acquire_write(rwlock, 0) == 0);
    EXPECT(spork_rwlock_release_write(rwlock) == 0);
    EXPECT(spork_rwlock_acquire_read(rwlock, 0) == 0);
    EXPECT(spork_rwlock_readers(rwlock) == 1);
    EXPECT(spork_rwlock_release_read(rwlock) == 0);
    return 0;
}

static int everywhere_is_usable(void) {
    return expect_usable(everywhere);
}

/* Before anybody has noticed the death. */
static int early_try(void) {
    int error = spork_rwlock_acquire_read(everywhere, PATIENCE_MS);
    EXPECT(error == 0 || error == SPORK_EOWNERDIED);
    EXPECT(spork_rwlock_release_read(everywhere) == 0);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_it_is_read_and_written_leaves_a_rwlock_that_works, 90) {
    deaths_set_up();
    everywhere = new_rwlock();
    die_everywhere(&(struct death){.name = "rwlock",
                                   .work = read_and_write,
                                   .early = early_try,
                                   .verify = everywhere_is_usable,
                                   .burier_stride = 29});
    spork_rwlock_free(everywhere);
}

/* The news of a dead writer is the next one's, who dies with it, and so on. */
static int take_over_to_write(void) {
    EXPECT(spork_rwlock_acquire_write(left_written, PATIENCE_MS) == SPORK_EOWNERDIED);
    EXPECT(spork_rwlock_release_write(left_written) == 0);
    return 0;
}

static int take_over_to_read(void) {
    EXPECT(spork_rwlock_acquire_read(left_written, PATIENCE_MS) == SPORK_EOWNERDIED);
    EXPECT(spork_rwlock_release_read(left_written) == 0);
    return 0;
}

static int left_is_usable(void) {
    return expect_usable(left_written);
}

static int write_and_end(spork_rwlock *rwlock) {
    return spork_rwlock_acquire_write(rwlock, PATIENCE_MS);
}
SPORK_TASK(int, write_and_end, spork_rwlock *);

TEST_ONCE_SLOW(a_death_anywhere_in_a_take_over_leaves_a_rwlock_that_works, 90) {
    deaths_set_up();
    left_written = new_rwlock();
    finish(start(write_and_end_call(left_written)));
    die_everywhere(&(struct death){.name = "rwlock taken over to write",
                                   .work = take_over_to_write,
                                   .verify = left_is_usable,
                                   .burier_stride = 31});
    die_everywhere(&(struct death){.name = "rwlock taken over to read",
                                   .work = take_over_to_read,
                                   .verify = left_is_usable,
                                   .burier_stride = 31});
    spork_rwlock_free(left_written);
}

TEST_MAIN
