/* Events: who waits, who goes on, and that a set is never lost. */
#include "handle.h"
#include "support_storm.h"

static spork_event *new_event(void) {
    spork_event *event = NULL;
    OK(spork_event_new(&event, NULL));
    return event;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

TEST_ONCE(an_event_is_clear_at_first_and_is_what_it_was_made_last) {
    spork_event *event = new_event();
    assert_false(spork_event_is_set(event));
    FAILS(SPORK_EWOULDBLOCK, spork_event_wait(event, 0));
    OK(spork_event_set(event));
    OK(spork_event_set(event));
    assert_true(spork_event_is_set(event));
    OK(spork_event_wait(event, 0));
    OK(spork_event_wait(event, SPORK_FOREVER));
    OK(spork_event_clear(event));
    OK(spork_event_clear(event));
    assert_false(spork_event_is_set(event));
    FAILS(SPORK_EWOULDBLOCK, spork_event_wait(event, 0));
    spork_event_free(event);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
    assert_int_equal(atomic_load(&arena->live_bytes), 0);
}

TEST_ONCE(a_wait_gives_up_after_its_time_out_not_early_and_not_much_late) {
    spork_event *event = new_event();
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_event_wait(event, 120));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 119 && took < 700);
    spork_event_free(event);
}

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_event *event = new_event();
    FAILS(SPORK_EINVAL, spork_event_new(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_event_set(NULL));
    FAILS(SPORK_EINVAL, spork_event_clear(NULL));
    FAILS(SPORK_EINVAL, spork_event_wait(NULL, 0));
    FAILS(SPORK_EINVAL, spork_event_wait(event, -2));
    assert_false(spork_event_is_set(NULL));
    spork_event_free(NULL);
    spork_event_free(event);
}

static int wait_and_tell(spork_event *event, spork_queue *told) {
    EXPECT(spork_queue_put(told, spork_int(0), 0) == 0);
    EXPECT(spork_event_wait(event, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(told, spork_int(1), 0) == 0);
    return 0;
}
SPORK_TASK(int, wait_and_tell, spork_event *, spork_queue *);

TEST(a_set_lets_all_go_that_wait) {
    enum { WAITERS = 6 };
    spork_event *event = new_event();
    spork_queue *told = new_queue();
    spork_process *children[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        children[i] = start(wait_and_tell_call(event, told));
    }
    assert_true(wait_for_items(told, WAITERS));
    spork_sleep_ms(30);
    assert_int_equal(spork_queue_size(told), WAITERS);
    OK(spork_event_set(event));
    for (int i = 0; i < WAITERS; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_queue_size(told), 2 * WAITERS);
    spork_event_free(event);
    spork_queue_free(told);
}

/* White box: a thread that is armed at the event has begun to wait. */
static int threads_asleep_at(spork_event *event) {
    uint64_t body = arena_offset(((struct handle *)(void *)event)->body);
    int count = 0;
    for (uint64_t i = 0; i < atomic_load(&arena->threads_used); i++) {
        uint64_t watching = atomic_load(&arena->threads[i].watching);
        count += watching >= body && watching < body + 64;
    }
    return count;
}

TEST(those_who_wait_go_on_though_the_event_is_cleared_at_once) {
    enum { WAITERS = 4 };
    spork_event *event = new_event();
    spork_queue *told = new_queue();
    spork_process *children[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        children[i] = start(wait_and_tell_call(event, told));
    }
    assert_true(wait_for_items(told, WAITERS));
    /* They do nothing else any more; between two looks nobody is armed for a moment. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (threads_asleep_at(event) < WAITERS && spork_now_ms() < limit) {
        spork_sleep_ms(1);
    }
    OK(spork_event_set(event));
    OK(spork_event_clear(event));
    for (int i = 0; i < WAITERS; i++) {
        finish(children[i]);
    }
    FAILS(SPORK_EWOULDBLOCK, spork_event_wait(event, 0));
    spork_event_free(event);
    spork_queue_free(told);
}

/* Two events, and each side waits for the other's: a set that got lost is a hang. */
static int answer_often(spork_event *ask, spork_event *answer, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_event_wait(ask, PATIENCE_MS) == 0);
        EXPECT(spork_event_clear(ask) == 0);
        EXPECT(spork_event_set(answer) == 0);
    }
    return 0;
}
SPORK_TASK(int, answer_often, spork_event *, spork_event *, int64_t);

TEST_SLOW(a_thousand_sets_there_and_back_are_a_thousand_wakings, 60) {
    enum { TIMES = 1000 };
    spork_event *ask = new_event();
    spork_event *answer = new_event();
    spork_process *child = start(answer_often_call(ask, answer, TIMES));
    for (int i = 0; i < TIMES; i++) {
        OK(spork_event_set(ask));
        OK(spork_event_wait(answer, PATIENCE_MS));
        OK(spork_event_clear(answer));
    }
    finish(child);
    spork_event_free(ask);
    spork_event_free(answer);
}

static int set_what_comes(spork_queue *from) {
    spork_value list;
    spork_event *event = NULL;
    EXPECT(spork_queue_get(from, &list, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_event(spork_value_at(&list, 1), &event) == 0);
    EXPECT(spork_event_set(event) == 0);
    spork_value_free(&list);
    return 0;
}
SPORK_TASK(int, set_what_comes, spork_queue *);

TEST(an_event_travels_through_a_queue) {
    spork_event *event = new_event();
    spork_queue *queue = new_queue();
    spork_process *child = start(set_what_comes_call(queue));
    OK(spork_queue_put(queue, SPORK_LIST_OF(spork_int(1), spork_event_value(event)), 0));
    OK(spork_event_wait(event, PATIENCE_MS));
    finish(child);
    spork_event_free(event);
    spork_queue_free(queue);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

TEST(an_event_can_be_one_of_many_things_to_wait_for) {
    spork_event *events[2] = {new_event(), new_event()};
    spork_queue *queue = new_queue();
    spork_waitable things[] = {spork_on_event(events[0]), spork_on_event(events[1])};
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, 2, SPORK_WAIT_ANY, 20, NULL));
    spork_process *child = start(set_what_comes_call(queue));
    OK(spork_queue_put(queue, SPORK_LIST_OF(spork_int(1), spork_event_value(events[1])), 0));
    OK(spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL));
    assert_true(!things[0].ready && things[1].ready);
    finish(child);
    spork_event_free(events[0]);
    spork_event_free(events[1]);
    spork_queue_free(queue);
}

/* ---- deaths ---- */

static int set_and_wait(spork_event *event, spork_event *never) {
    EXPECT(spork_event_set(event) == 0);
    return spork_event_wait(never, SPORK_FOREVER);
}
SPORK_TASK(int, set_and_wait, spork_event *, spork_event *);

TEST(an_event_stays_set_when_who_set_it_is_killed) {
    needs_a_process_to_kill();
    spork_event *event = new_event();
    spork_event *never = new_event();
    spork_process *child = start(set_and_wait_call(event, never));
    OK(spork_event_wait(event, PATIENCE_MS));
    kill_and_free(child);
    assert_true(spork_event_is_set(event));
    assert_false(spork_event_is_set(never));
    spork_event_free(event);
    spork_event_free(never);
}

static int toggle_and_wait(spork_event *there, spork_event *back, spork_queue *progress) {
    for (int64_t i = 0;; i++) {
        int error = spork_event_wait(there, 5);
        EXPECT(error == 0 || error == SPORK_ETIMEDOUT);
        EXPECT(spork_event_set(back) == 0 && spork_event_clear(there) == 0);
        if (i % 20 == 0) {
            spork_queue_put(progress, spork_int(i), 0);
        }
    }
}
SPORK_TASK(int, toggle_and_wait, spork_event *, spork_event *, spork_queue *);

TEST_SLOW(eight_who_set_clear_and_wait_go_on_while_others_are_killed, 90) {
    enum { CHILDREN = 8 };
    int kills = storm_begin(40, 10);
    spork_event *events[2] = {new_event(), new_event()};
    spork_queue *progress = NULL;
    spork_process *children[CHILDREN];
    OK(spork_queue_new(&progress, &(spork_queue_options){.maxsize = 10}));
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(toggle_and_wait_call(events[i % 2], events[1 - i % 2], progress));
    }
    for (int i = 0; i < kills; i++) {
        spork_value value;
        int victim = storm_random(CHILDREN);
        spork_sleep_ms(storm_random(4));
        assert_true(spork_process_alive(children[victim]));
        kill_and_free(children[victim]);
        while (spork_queue_get(progress, &value, 0) == 0) {
        }
        OK(spork_queue_get(progress, &value, PATIENCE_MS));
        children[victim] =
            start(toggle_and_wait_call(events[victim % 2], events[1 - victim % 2], progress));
    }
    for (int i = 0; i < CHILDREN; i++) {
        assert_true(spork_process_alive(children[i]));
        kill_and_free(children[i]);
    }
    spork_event_free(events[0]);
    spork_event_free(events[1]);
    spork_queue_free(progress);
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

TEST_MAIN
