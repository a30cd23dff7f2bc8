/* Handles travel: as arguments, through queues and pipes, in lists; and live as long as
   somebody holds them, or they are under way. */
#include "arena.h"
#include "support_children.h"

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static int64_t objects(void) {
    return arena == NULL ? 0 : (int64_t)atomic_load(&arena->handles_live);
}
static int64_t bytes(void) {
    return arena == NULL ? 0 : (int64_t)atomic_load(&arena->live_bytes);
}

static int do_nothing(void) {
    return 0;
}
SPORK_TASK(int, do_nothing);

/* The bytes in use with no object: a forkserver, once it runs, has a few of its own. */
static int64_t bytes_of_the_method(void) {
    finish(start(do_nothing_call()));
    return bytes();
}

/* ---- every kind, every way ---- */

struct kit {
    spork_queue *queue;
    spork_pipe *ends[2];
    spork_lock *lock;
    spork_semaphore *semaphore;
};

static void make_kit(struct kit *kit) {
    kit->queue = new_queue();
    OK(spork_pipe_new(&kit->ends[0], &kit->ends[1], NULL));
    OK(spork_lock_new(&kit->lock, NULL));
    OK(spork_semaphore_new(&kit->semaphore, &(spork_semaphore_options){.value = 0}));
    OK(spork_lock_acquire(kit->lock, 0));
}

static void free_kit(struct kit *kit) {
    spork_queue_free(kit->queue);
    spork_pipe_free(kit->ends[0]);
    spork_pipe_free(kit->ends[1]);
    spork_lock_free(kit->lock);
    spork_semaphore_free(kit->semaphore);
}

/* What a child does with each of them, so that its parent sees it. */
static int use(spork_queue *queue, spork_pipe *end, spork_lock *lock,
               spork_semaphore *semaphore) {
    EXPECT(spork_queue_put(queue, spork_str("queue"), 0) == 0);
    EXPECT(spork_pipe_send(end, spork_str("pipe"), 0) == 0);
    EXPECT(spork_lock_held(lock) && spork_lock_release(lock) == 0);
    EXPECT(spork_semaphore_release(semaphore, 3) == 0);
    return 0;
}
SPORK_TASK(int, use, spork_queue *, spork_pipe *, spork_lock *, spork_semaphore *);

static void expect_used(struct kit *kit) {
    spork_value value;
    OK(spork_queue_get(kit->queue, &value, PATIENCE_MS));
    spork_value_free(&value);
    OK(spork_pipe_recv(kit->ends[0], &value, PATIENCE_MS));
    spork_value_free(&value);
    OK(spork_lock_acquire(kit->lock, PATIENCE_MS));
    assert_int_equal(spork_semaphore_count(kit->semaphore), 3);
    free_kit(kit);
}

TEST(a_handle_of_each_kind_travels_as_an_argument) {
    struct kit kit;
    make_kit(&kit);
    finish(start(use_call(kit.queue, kit.ends[1], kit.lock, kit.semaphore)));
    expect_used(&kit);
    assert_int_equal(objects(), 0);
}

static int use_list(const spork_value *list) {
    struct kit kit;
    EXPECT(spork_value_get_queue(spork_value_at(list, 0), &kit.queue) == 0);
    EXPECT(spork_value_get_pipe(spork_value_at(list, 1), &kit.ends[1]) == 0);
    EXPECT(spork_value_get_lock(spork_value_at(spork_value_at(list, 2), 0), &kit.lock) == 0);
    EXPECT(spork_value_get_semaphore(spork_value_find(spork_value_at(list, 3), "semaphore"),
                                     &kit.semaphore) == 0);
    return use(kit.queue, kit.ends[1], kit.lock, kit.semaphore);
}

static int use_value(spork_value list) {
    return use_list(&list);
}
SPORK_TASK(int, use_value, spork_value);

static int use_from_queue(spork_queue *from) {
    spork_value list;
    EXPECT(spork_queue_get(from, &list, PATIENCE_MS) == 0);
    int result = use_list(&list);
    spork_value_free(&list);
    return result;
}
SPORK_TASK(int, use_from_queue, spork_queue *);

static int use_from_pipe(spork_pipe *from) {
    spork_value list;
    EXPECT(spork_pipe_recv(from, &list, PATIENCE_MS) == 0);
    int result = use_list(&list);
    spork_value_free(&list);
    return result;
}
SPORK_TASK(int, use_from_pipe, spork_pipe *);

enum way { AS_VALUE, THROUGH_QUEUE, THROUGH_PIPE };

static void travel(enum way way) {
    struct kit kit;
    make_kit(&kit);
    spork_value lock = spork_lock_value(kit.lock);
    spork_value pair[2] = {spork_str("semaphore"), spork_semaphore_value(kit.semaphore)};
    spork_value list = SPORK_LIST_OF(spork_queue_value(kit.queue), spork_pipe_value(kit.ends[1]),
                                     spork_list(&lock, 1), spork_map(pair, 1));
    if (way == AS_VALUE) {
        finish(start(use_value_call(list)));
    } else if (way == THROUGH_QUEUE) {
        spork_queue *queue = new_queue();
        OK(spork_queue_put(queue, list, 0));
        finish(start(use_from_queue_call(queue)));
        spork_queue_free(queue);
    } else {
        spork_pipe *ends[2];
        OK(spork_pipe_new(&ends[0], &ends[1], NULL));
        OK(spork_pipe_send(ends[0], list, 0));
        finish(start(use_from_pipe_call(ends[1])));
        spork_pipe_free(ends[0]);
        spork_pipe_free(ends[1]);
    }
    expect_used(&kit);
    assert_int_equal(objects(), 0);
}

TEST(handles_travel_in_nested_lists_and_maps_of_an_argument) {
    travel(AS_VALUE);
}
TEST(handles_travel_through_a_queue) {
    travel(THROUGH_QUEUE);
}
TEST(handles_travel_through_a_pipe) {
    travel(THROUGH_PIPE);
}

/* ---- lifetime ---- */

static int make_and_send(spork_queue *out) {
    spork_queue *made = NULL;
    EXPECT(spork_queue_new(&made, NULL) == 0);
    EXPECT(spork_queue_put(made, spork_str("inside"), 0) == 0);
    EXPECT(spork_queue_put(out, spork_queue_value(made), 0) == 0);
    spork_queue_free(made);
    return 0;
}
SPORK_TASK(int, make_and_send, spork_queue *);

TEST(an_object_under_way_outlives_its_maker) {
    int64_t before = bytes_of_the_method();
    spork_queue *queue = new_queue();
    spork_value value;
    spork_value item;
    spork_queue *made = NULL;
    finish(start(make_and_send_call(queue)));
    assert_int_equal(objects(), 2);
    OK(spork_queue_get(queue, &value, 0));
    OK(spork_value_get_queue(&value, &made));
    OK(spork_queue_get(made, &item, 0));
    spork_value_free(&item);
    assert_int_equal(objects(), 2);
    spork_value_free(&value);
    assert_int_equal(objects(), 1);
    spork_queue_free(queue);
    assert_int_equal(objects(), 0);
    assert_int_equal(bytes(), before);
}

TEST_ONCE(what_is_never_received_goes_with_the_queue_that_it_is_in) {
    spork_queue *outer = new_queue();
    spork_queue *inner = new_queue();
    unsigned char large[5000] = {0};
    OK(spork_queue_put_bytes(inner, large, sizeof large, 0));
    OK(spork_queue_put(outer, spork_queue_value(inner), 0));
    OK(spork_queue_put(outer, spork_queue_value(inner), 0));
    spork_queue_free(inner);
    assert_int_equal(objects(), 2);
    spork_queue_free(outer);
    assert_int_equal(objects(), 0);
    assert_int_equal(bytes(), 0);
}

TEST_ONCE(a_queue_that_is_in_itself_stays_until_it_is_taken_out) {
    spork_queue *queue = new_queue();
    spork_value value;
    OK(spork_queue_put(queue, spork_queue_value(queue), 0));
    OK(spork_queue_get(queue, &value, 0));
    spork_queue_free(queue);
    assert_int_equal(objects(), 1);
    spork_value_free(&value);
    assert_int_equal(objects(), 0);
}

TEST_ONCE(a_value_that_is_copied_holds_on_its_own) {
    spork_queue *queue = new_queue();
    spork_value borrowed = spork_queue_value(queue);
    spork_value copy;
    spork_queue *same = NULL;
    OK(spork_value_copy(&copy, &borrowed));
    spork_queue_free(queue);
    assert_int_equal(objects(), 1);
    OK(spork_value_get_queue(&copy, &same));
    OK(spork_queue_put(same, spork_int(1), 0));
    spork_value_free(&copy);
    assert_int_equal(objects(), 0);
}

static int send_and_wait(spork_queue *out, spork_queue *never) {
    spork_value value;
    EXPECT(make_and_send(out) == 0);
    return spork_queue_get(never, &value, SPORK_FOREVER);
}
SPORK_TASK(int, send_and_wait, spork_queue *, spork_queue *);

TEST(a_handle_that_was_sent_survives_the_killing_of_its_sender) {
    needs_a_process_to_kill();
    spork_queue *queue = new_queue();
    spork_queue *never = new_queue();
    spork_value value;
    spork_value item;
    spork_queue *made = NULL;
    spork_process *child = start(send_and_wait_call(queue, never));
    assert_true(wait_for_items(queue, 1));
    kill_and_free(child);
    OK(spork_queue_get(queue, &value, 0));
    OK(spork_value_get_queue(&value, &made));
    OK(spork_queue_get(made, &item, 0));
    spork_value_free(&item);
    spork_value_free(&value);
    spork_queue_free(queue);
    spork_queue_free(never);
    assert_int_equal(objects(), 0);
}

/* The lock under way in an unread message. Where pipes are the system's (see pipe.h) what is
   in the system's hands goes with the family only, so there it is a queue's message. */
static int put_away(struct kit *kit) {
    return spork_has_start_method(SPORK_METHOD_FORK)
               ? spork_pipe_send(kit->ends[1], spork_lock_value(kit->lock), 0)
               : spork_queue_put(kit->queue, spork_lock_value(kit->lock), 0);
}

static int hold_many_and_wait(spork_queue *ready, spork_queue *never) {
    spork_value value;
    for (int i = 0; i < 20; i++) {
        struct kit kit;
        EXPECT(spork_queue_new(&kit.queue, NULL) == 0);
        EXPECT(spork_pipe_new(&kit.ends[0], &kit.ends[1], NULL) == 0);
        EXPECT(spork_lock_new(&kit.lock, NULL) == 0);
        EXPECT(spork_queue_put(kit.queue, spork_pipe_value(kit.ends[0]), 0) == 0);
        EXPECT(put_away(&kit) == 0);
    }
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    return spork_queue_get(never, &value, SPORK_FOREVER);
}
SPORK_TASK(int, hold_many_and_wait, spork_queue *, spork_queue *);

TEST(all_that_a_killed_process_alone_held_is_gone_with_it) {
    needs_a_process_to_kill();
    int64_t nothing = bytes_of_the_method();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    int64_t before = bytes();
    for (int round = 0; round < 3; round++) {
        spork_process *child = start(hold_many_and_wait_call(ready, never));
        spork_value value;
        OK(spork_queue_get(ready, &value, PATIENCE_MS));
        assert_true(objects() > 60);
        kill_and_free(child);
        assert_int_equal(objects(), 2);
        assert_int_equal(bytes(), before);
    }
    spork_queue_free(ready);
    spork_queue_free(never);
    assert_int_equal(bytes(), nothing);
}

TEST(an_end_of_a_pipe_under_way_keeps_end_of_file_away) {
    spork_queue *queue = new_queue();
    spork_pipe *ends[2];
    spork_value value;
    spork_value received;
    OK(spork_pipe_new(&ends[0], &ends[1], NULL));
    OK(spork_queue_put(queue, spork_pipe_value(ends[1]), 0));
    spork_pipe_free(ends[1]);
    FAILS(SPORK_ETIMEDOUT, spork_pipe_recv(ends[0], &value, 50));
    OK(spork_queue_get(queue, &received, 0));
    OK(spork_value_get_pipe(&received, &ends[1]));
    FAILS(SPORK_ETIMEDOUT, spork_pipe_recv(ends[0], &value, 50));
    OK(spork_pipe_send(ends[1], spork_int(4), 0));
    OK(spork_pipe_recv(ends[0], &value, 0));
    spork_value_free(&received);
    FAILS(SPORK_EEOF, spork_pipe_recv(ends[0], &value, PATIENCE_MS));
    spork_pipe_free(ends[0]);
    spork_queue_free(queue);
}

TEST(an_end_that_is_lost_with_a_queue_is_end_of_file) {
    spork_queue *queue = new_queue();
    spork_pipe *ends[2];
    spork_value value;
    OK(spork_pipe_new(&ends[0], &ends[1], NULL));
    OK(spork_queue_put(queue, spork_pipe_value(ends[1]), 0));
    spork_pipe_free(ends[1]);
    spork_queue_free(queue);
    FAILS(SPORK_EEOF, spork_pipe_recv(ends[0], &value, PATIENCE_MS));
    spork_pipe_free(ends[0]);
    assert_int_equal(objects(), 0);
}

/* ---- stale ones ---- */

static spork_queue *inherited;

static int use_what_is_gone(spork_queue *ready, spork_queue *go) {
    spork_value value;
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    EXPECT(spork_queue_get(go, &value, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(inherited, spork_nil(), 0) == SPORK_ESTALE);
    EXPECT(spork_queue_get(inherited, &value, 0) == SPORK_ESTALE);
    EXPECT(spork_queue_put(ready, spork_queue_value(inherited), 0) == SPORK_ESTALE);
    EXPECT(spork_queue_size(inherited) == 0);
    return 0;
}
SPORK_TASK(int, use_what_is_gone, spork_queue *, spork_queue *);

TEST_ONCE(a_forked_copy_of_a_handle_whose_object_is_gone_is_an_error_not_a_crash) {
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("there is no fork on this platform");
    }
    spork_queue *ready = new_queue();
    spork_queue *go = new_queue();
    spork_process *child = NULL;
    inherited = new_queue();
    OK(spork_process_start(&child, use_what_is_gone_call(ready, go),
                           &(spork_process_options){.method = SPORK_METHOD_FORK}));
    assert_true(wait_for_items(ready, 1));
    spork_queue_free(inherited);
    /* Its place is taken by another, which must not be mistaken for it. */
    spork_queue *another = new_queue();
    OK(spork_queue_put(go, spork_nil(), 0));
    finish(child);
    assert_true(spork_queue_empty(another));
    spork_queue_free(another);
    spork_queue_free(ready);
    spork_queue_free(go);
}

static int use_inherited(spork_queue *ready) {
    EXPECT(spork_queue_put(inherited, spork_int(6), 0) == 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    return 0;
}
SPORK_TASK(int, use_inherited, spork_queue *);

TEST_ONCE(a_forked_copy_of_a_handle_can_be_used_while_the_object_lives) {
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("there is no fork on this platform");
    }
    spork_queue *ready = new_queue();
    spork_process *child = NULL;
    inherited = new_queue();
    OK(spork_process_start(&child, use_inherited_call(ready),
                           &(spork_process_options){.method = SPORK_METHOD_FORK}));
    finish(child);
    assert_int_equal(spork_queue_size(inherited), 1);
    spork_queue_free(inherited);
    spork_queue_free(ready);
    assert_int_equal(objects(), 0);
    assert_int_equal(bytes(), 0);
}

TEST_MAIN
