/* Waiting for many things: what is ready, what is told after a time-out, deaths on the way. */
#include <time.h>

#include "arena.h"
#include "support_children.h"
#include "support_native.h"

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static spork_semaphore *new_semaphore(void) {
    spork_semaphore *semaphore = NULL;
    OK(spork_semaphore_new(&semaphore, &(spork_semaphore_options){.value = 0}));
    return semaphore;
}

static int64_t objects(void) {
    return (int64_t)atomic_load(&arena->handles_live);
}

/* White box: waits until so many threads of the family sleep at many things. */
static bool wait_for_sleepers(int count) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    for (int found = 0; found < count; spork_sleep_ms(1)) {
        found = 0;
        for (size_t i = 0; i < ARENA_THREADS / 64; i++) {
            found += __builtin_popcountll(atomic_load(&arena->asleep_many[i]));
        }
        if (spork_now_ms() > limit) {
            return false;
        }
    }
    return true;
}

static int wait_for_word(spork_queue *words) {
    char byte;
    size_t size;
    EXPECT(spork_queue_get_bytes(words, &byte, 1, &size, SPORK_FOREVER) == 0);
    return 0;
}
SPORK_TASK(int, wait_for_word, spork_queue *);

static void say(spork_queue *words) {
    OK(spork_queue_put_bytes(words, "x", 1, 0));
}

static void take(spork_queue *words) {
    char byte;
    size_t size;
    OK(spork_queue_get_bytes(words, &byte, 1, &size, 0));
}

static void ready_is(const spork_waitable *things, size_t count, const char *expected) {
    for (size_t i = 0; i < count; i++) {
        if (things[i].ready != (expected[i] == 'r')) {
            fail_msg("thing %zu is %sready, where '%s' was expected", i,
                     things[i].ready ? "" : "not ", expected);
        }
    }
}

/* ---- arguments and time-outs ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_queue *queue = new_queue();
    spork_waitable things[3] = {spork_on_queue(queue), spork_on_queue(queue)};
    size_t ready = 9;
    FAILS(SPORK_EINVAL, spork_wait(NULL, 1, SPORK_WAIT_ANY, 0, &ready));
    FAILS(SPORK_EINVAL, spork_wait(things, 2, (spork_wait_mode)7, 0, &ready));
    FAILS(SPORK_EINVAL, spork_wait(things, 2, SPORK_WAIT_ANY, -2, &ready));
    FAILS(SPORK_EINVAL,
          spork_wait(things, 3, SPORK_WAIT_ANY, 0, &ready)); /* of no kind */
    assert_non_null(strstr(spork_error_detail(), "thing 2 "));
    things[1] = spork_on_queue(NULL);
    FAILS(SPORK_EINVAL, spork_wait(things, 2, SPORK_WAIT_ANY, 0, &ready));
    assert_non_null(strstr(spork_error_detail(), "thing 1 "));
    const spork_waitable nothing[] = {spork_on_process(NULL), spork_on_pipe(NULL),
                                      spork_on_semaphore(NULL), spork_on_event(NULL),
                                      spork_on_native(-1)};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        things[1] = nothing[i];
        FAILS(SPORK_EINVAL, spork_wait(things, 2, SPORK_WAIT_ANY, 0, &ready));
        assert_non_null(strstr(spork_error_detail(), "thing 1 "));
    }
    intptr_t signal = native_signal_new();
    native_signal_free(signal);
    things[1] = spork_on_native(signal);
    FAILS(SPORK_EINVAL, spork_wait(things, 2, SPORK_WAIT_ANY, 0, &ready));
    assert_int_equal(ready, 9);
    spork_queue_free(queue);
}

TEST_ONCE(what_cannot_become_ready_is_refused_with_its_place) {
    spork_queue *queue = new_queue();
    spork_pipe *receiver;
    spork_pipe *sender;
    spork_process *child;
    OK(spork_pipe_new(&receiver, &sender, &(spork_pipe_options){.one_way = true}));
    OK(spork_process_new(&child, wait_for_word_call(queue), NULL));
    spork_waitable things[] = {spork_on_queue(queue), spork_on_pipe(receiver),
                               spork_on_pipe(sender)};
    FAILS(SPORK_ESTATE, spork_wait(things, 3, SPORK_WAIT_ANY, 0, NULL));
    assert_non_null(strstr(spork_error_detail(), "thing 2 "));
    things[1] = spork_on_process(child);
    FAILS(SPORK_ESTATE, spork_wait(things, 2, SPORK_WAIT_ANY, 0, NULL));
    assert_non_null(strstr(spork_error_detail(), "thing 1 "));
    things[0] = spork_on_process(spork_current_process());
    FAILS(SPORK_ESTATE, spork_wait(things, 1, SPORK_WAIT_ANY, 0, NULL));
    things[0] = spork_on_pipe(receiver);
    OK(spork_pipe_close(receiver));
    FAILS(SPORK_ECLOSED, spork_wait(things, 1, SPORK_WAIT_ANY, 0, NULL));
    OK(spork_process_free(child));
    spork_pipe_free(receiver);
    spork_pipe_free(sender);
    spork_queue_free(queue);
}

TEST_ONCE(waiting_for_none) {
    size_t ready = 9;
    OK(spork_wait(NULL, 0, SPORK_WAIT_ALL, SPORK_FOREVER, &ready));
    assert_int_equal(ready, 0);
    FAILS(SPORK_EINVAL, spork_wait(NULL, 0, SPORK_WAIT_ANY, SPORK_FOREVER, NULL));
    FAILS(SPORK_EWOULDBLOCK, spork_wait(NULL, 0, SPORK_WAIT_ANY, 0, NULL));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_wait(NULL, 0, SPORK_WAIT_ANY, 60, NULL));
    assert_true(spork_now_ms() - begin >= 59);
}

TEST_ONCE(flags_and_count_are_written_after_a_time_out_too) {
    enum { COUNT = 4 };
    spork_queue *queues[COUNT];
    spork_waitable things[COUNT];
    size_t ready = 9;
    for (int i = 0; i < COUNT; i++) {
        queues[i] = new_queue();
        things[i] = spork_on_queue(queues[i]);
        things[i].ready = true;
    }
    FAILS(SPORK_EWOULDBLOCK, spork_wait(things, COUNT, SPORK_WAIT_ANY, 0, &ready));
    assert_int_equal(ready, 0);
    ready_is(things, COUNT, "....");
    say(queues[1]);
    say(queues[3]);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, COUNT, SPORK_WAIT_ALL, 100, &ready));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 99 && took < 700);
    assert_int_equal(ready, 2);
    ready_is(things, COUNT, ".r.r");
    OK(spork_wait(things, COUNT, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
    assert_int_equal(ready, 2);
    ready_is(things, COUNT, ".r.r");
    take(queues[1]);
    OK(spork_wait(things, COUNT, SPORK_WAIT_ANY, 0, &ready));
    assert_int_equal(ready, 1);
    ready_is(things, COUNT, "...r");
    for (int i = 0; i < 3; i++) {
        say(queues[i]);
    }
    OK(spork_wait(things, COUNT, SPORK_WAIT_ALL, 0, NULL));
    ready_is(things, COUNT, "rrrr");
    for (int i = 0; i < COUNT; i++) {
        spork_queue_free(queues[i]);
    }
    assert_int_equal(objects(), 0);
}

/* ---- each kind of thing ---- */

enum { END, PUT, SEND, RELEASE, CLOSE };

/* Does what it is told to, once somebody waits. */
static int do_one_thing(spork_queue *deeds, spork_queue *queue, spork_pipe *end,
                        spork_semaphore *semaphore, spork_queue *closed) {
    for (;;) {
        spork_value item;
        int64_t deed = 0;
        EXPECT(spork_queue_get(deeds, &item, PATIENCE_MS) == 0);
        EXPECT(spork_value_get_int(&item, &deed) == 0);
        EXPECT(wait_for_sleepers(1));
        switch (deed) {
        case END:
            return 0;
        case PUT:
            EXPECT(spork_queue_put_bytes(queue, "x", 1, 0) == 0);
            break;
        case SEND:
            EXPECT(spork_pipe_send_bytes(end, "", 0, 0) == 0);
            break;
        case RELEASE:
            EXPECT(spork_semaphore_release(semaphore, 1) == 0);
            break;
        default:
            EXPECT(spork_queue_close(closed) == 0);
        }
    }
}
SPORK_TASK(int, do_one_thing, spork_queue *, spork_queue *, spork_pipe *,
           spork_semaphore *, spork_queue *);

TEST(each_kind_of_thing_ends_a_wait_when_it_becomes_ready) {
    enum { THINGS = 6 };
    static const struct {
        int deed;
        const char *ready;
    } steps[] = {{PUT, "..r..."},
                 {SEND, "..rr.."},
                 {RELEASE, "..rrr."},
                 {CLOSE, ".rrrr."},
                 {END, "rrrrr."}};
    spork_queue *deeds = new_queue();
    spork_queue *queue = new_queue();
    spork_queue *closed = new_queue();
    spork_semaphore *semaphore = new_semaphore();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *child =
        start(do_one_thing_call(deeds, queue, there, semaphore, closed));
    intptr_t signal = native_signal_new();
    const spork_waitable all[THINGS] = {
        spork_on_process(child), spork_on_queue(closed),        spork_on_queue(queue),
        spork_on_pipe(here),     spork_on_semaphore(semaphore), spork_on_native(signal)};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        spork_waitable things[THINGS];
        spork_waitable open[THINGS];
        size_t ready = 0;
        size_t count = 0;
        memcpy(things, all, sizeof things);
        for (size_t k = 0; k < THINGS; k++) {
            if (i == 0 || steps[i - 1].ready[k] == '.') {
                open[count++] = all[k];
            }
        }
        FAILS(SPORK_EWOULDBLOCK, spork_wait(open, count, SPORK_WAIT_ANY, 0, NULL));
        OK(spork_queue_put(deeds, spork_int(steps[i].deed), 0));
        OK(spork_wait(open, count, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
        assert_int_equal(ready, 1);
        FAILS(SPORK_EWOULDBLOCK, spork_wait(things, THINGS, SPORK_WAIT_ALL, 0, &ready));
        assert_int_equal(ready, i + 1);
        ready_is(things, THINGS, steps[i].ready);
    }
    spork_waitable things[THINGS];
    memcpy(things, all, sizeof things);
    native_signal_set(signal);
    OK(spork_wait(things, THINGS, SPORK_WAIT_ALL, SPORK_FOREVER, NULL));
    /* Nothing was taken by all that looking, but a HANDLE's signal. */
    take(queue);
    size_t size;
    OK(spork_pipe_recv_bytes(here, NULL, 0, &size, 0));
    OK(spork_semaphore_acquire(semaphore, 0));
    finish(child);
    native_signal_free(signal);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_semaphore_free(semaphore);
    spork_queue_free(deeds);
    spork_queue_free(queue);
    spork_queue_free(closed);
    assert_int_equal(objects(), 0);
}

static int signal_later(int64_t signal) {
    EXPECT(wait_for_sleepers(1));
    native_signal_set((intptr_t)signal);
    return 0;
}
SPORK_TASK(int, signal_later, int64_t);

/* What it waits for is a native of this process. */
static spork_process *start_thread(spork_call call) {
    spork_process *thread = NULL;
    OK(spork_process_start(&thread, call,
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    return thread;
}

TEST_ONCE(a_native_of_the_host_ends_a_wait_and_is_told_once_for_each_signal_on_windows) {
    spork_queue *queue = new_queue();
    intptr_t signal = native_signal_new();
    spork_waitable things[] = {spork_on_queue(queue), spork_on_native(signal)};
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, 2, SPORK_WAIT_ANY, 30, NULL));
    spork_process *thread = start_thread(signal_later_call(signal));
    OK(spork_wait(things, 2, SPORK_WAIT_ANY, SPORK_FOREVER, NULL));
    ready_is(things, 2, ".r");
    finish(thread);
    int again = spork_wait(things, 2, SPORK_WAIT_ANY, 0, NULL);
    assert_int_equal(again, native_signal_is_consumed() ? SPORK_EWOULDBLOCK : 0);
    /* Ready before the wait. */
    native_signal_set(signal);
    OK(spork_wait(things, 2, SPORK_WAIT_ANY, SPORK_FOREVER, NULL));
    ready_is(things, 2, ".r");
    native_signal_free(signal);
    spork_queue_free(queue);
}

static int put_later(spork_queue *queue, int64_t delay_ms) {
    spork_sleep_ms(delay_ms);
    EXPECT(spork_queue_put_bytes(queue, "x", 1, 0) == 0);
    return 0;
}
SPORK_TASK(int, put_later, spork_queue *, int64_t);

TEST_ONCE(a_native_that_is_ready_is_not_asked_again_and_again_while_others_are_awaited) {
    spork_queue *queue = new_queue();
    intptr_t signal = native_signal_new();
    spork_waitable things[] = {spork_on_native(signal), spork_on_queue(queue)};
    native_signal_set(signal);
    spork_process *thread = start_thread(put_later_call(queue, 500));
    clock_t begin = clock();
    OK(spork_wait(things, 2, SPORK_WAIT_ALL, SPORK_FOREVER, NULL));
    /* Of the processor, where clock tells of that: a sleep takes next to nothing. */
    assert_true(native_is_windows() || clock() - begin < CLOCKS_PER_SEC / 5);
    ready_is(things, 2, "rr");
    finish(thread);
    native_signal_free(signal);
    spork_queue_free(queue);
}

/* ---- many ---- */

enum { MANY = 500 };

TEST_ONCE_SLOW(of_five_hundred_queues_the_one_with_something_in_it_is_told_and_no_other,
               60) {
    static spork_queue *queues[MANY];
    static spork_waitable things[MANY];
    size_t ready = 0;
    for (int i = 0; i < MANY; i++) {
        OK(spork_queue_new(&queues[i], &(spork_queue_options){.backing = SPORK_QUEUE_RING,
                                                              .maxsize = 2}));
        things[i] = spork_on_queue(queues[i]);
    }
    for (int step = 0; step < 3; step++) {
        static const int chosen[] = {0, 77, MANY - 1};
        FAILS(SPORK_EWOULDBLOCK, spork_wait(things, MANY, SPORK_WAIT_ANY, 0, &ready));
        spork_process *thread = start_thread(put_later_call(queues[chosen[step]], 20));
        OK(spork_wait(things, MANY, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
        assert_int_equal(ready, 1);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(things[i].ready, i == chosen[step]);
        }
        take(queues[chosen[step]]);
        finish(thread);
    }
    for (int i = 1; i < MANY; i++) {
        say(queues[i]);
    }
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, MANY, SPORK_WAIT_ALL, 20, &ready));
    assert_int_equal(ready, MANY - 1);
    spork_process *thread = start_thread(put_later_call(queues[0], 20));
    OK(spork_wait(things, MANY, SPORK_WAIT_ALL, SPORK_FOREVER, &ready));
    assert_int_equal(ready, MANY);
    finish(thread);
    for (int i = 0; i < MANY; i++) {
        spork_queue_free(queues[i]);
    }
}

static int release_one(spork_semaphore *semaphore) {
    EXPECT(wait_for_sleepers(1));
    EXPECT(spork_semaphore_release(semaphore, 1) == 0);
    return 0;
}
SPORK_TASK(int, release_one, spork_semaphore *);

TEST_SLOW(of_five_hundred_semaphores_the_one_that_was_released_is_told, 60) {
    static spork_semaphore *semaphores[MANY];
    static spork_waitable things[MANY];
    size_t ready = 0;
    for (int i = 0; i < MANY; i++) {
        semaphores[i] = new_semaphore();
        things[i] = spork_on_semaphore(semaphores[i]);
    }
    for (int chosen = 3; chosen < MANY; chosen += 150) {
        spork_process *child = start(release_one_call(semaphores[chosen]));
        OK(spork_wait(things, MANY, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
        assert_int_equal(ready, 1);
        assert_true(things[chosen].ready);
        OK(spork_semaphore_acquire(semaphores[chosen], 0));
        finish(child);
    }
    for (int i = 0; i < MANY; i++) {
        spork_semaphore_free(semaphores[i]);
    }
}

TEST_SLOW(of_a_hundred_and_ten_processes_those_that_ended_are_told_and_no_others, 120) {
    enum { CHILDREN = 110 };
    spork_queue *words = new_queue();
    spork_process *children[CHILDREN];
    spork_waitable things[CHILDREN];
    size_t ready = 0;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(wait_for_word_call(words));
        things[i] = spork_on_process(children[i]);
    }
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, CHILDREN, SPORK_WAIT_ANY, 30, &ready));
    assert_int_equal(ready, 0);
    if (spork_get_start_method() != SPORK_METHOD_THREAD) {
        /* Not among the first: whom a wait cannot keep in one list. */
        OK(spork_process_kill(children[CHILDREN - 1]));
        OK(spork_wait(things, CHILDREN, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
        assert_int_equal(ready, 1);
        assert_true(things[CHILDREN - 1].ready);
    } else {
        say(words);
        OK(spork_wait(things, CHILDREN, SPORK_WAIT_ANY, SPORK_FOREVER, &ready));
        assert_int_equal(ready, 1);
    }
    for (int i = 0; i < CHILDREN - 1; i++) {
        say(words);
    }
    OK(spork_wait(things, CHILDREN, SPORK_WAIT_ALL, SPORK_FOREVER, &ready));
    assert_int_equal(ready, CHILDREN);
    for (int i = 0; i < CHILDREN; i++) {
        OK(spork_process_join(children[i], 0, NULL));
        OK(spork_process_free(children[i]));
    }
    spork_queue_free(words);
}

static int signal_some(int64_t first, int64_t second) {
    EXPECT(wait_for_sleepers(1));
    native_signal_set((intptr_t)first);
    native_signal_set((intptr_t)second);
    return 0;
}
SPORK_TASK(int, signal_some, int64_t, int64_t);

TEST_ONCE_SLOW(of_many_natives_those_with_a_signal_are_told_and_no_signal_is_lost, 60) {
    int count = native_is_windows() ? 150 : MANY;
    static intptr_t signals[MANY];
    static spork_waitable things[MANY];
    int told[MANY] = {0};
    size_t ready = 0;
    for (int i = 0; i < count; i++) {
        signals[i] = native_signal_new();
        assert_int_not_equal(signals[i], -1);
        things[i] = spork_on_native(signals[i]);
    }
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, (size_t)count, SPORK_WAIT_ANY, 30, &ready));
    spork_process *thread =
        start_thread(signal_some_call(signals[5], signals[count - 1]));
    /* Both are told, together or one after the other. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (told[5] == 0 || told[count - 1] == 0) {
        assert_true(spork_now_ms() < limit);
        OK(spork_wait(things, (size_t)count, SPORK_WAIT_ANY, PATIENCE_MS, &ready));
        assert_in_range(ready, 1, 2);
        for (int i = 0; i < count; i++) {
            told[i] += things[i].ready;
            assert_true(!things[i].ready || i == 5 || i == count - 1);
        }
    }
    finish(thread);
    assert_true(!native_signal_is_consumed() || (told[5] == 1 && told[count - 1] == 1));
    /* After the wait nobody takes the signals away from the host. */
    for (int i = 0; i < count; i++) {
        native_signal_set(signals[i]);
    }
    OK(spork_wait(things, (size_t)count, SPORK_WAIT_ALL, SPORK_FOREVER, &ready));
    assert_int_equal(ready, count);
    for (int i = 0; i < count; i++) {
        native_signal_free(signals[i]);
    }
}

TEST_ONCE_SLOW(the_signals_of_natives_are_the_hosts_again_after_a_wait, 60) {
    enum { NATIVES = 100 };
    intptr_t signals[NATIVES];
    spork_waitable things[NATIVES];
    for (int i = 0; i < NATIVES; i++) {
        signals[i] = native_signal_new();
        things[i] = spork_on_native(signals[i]);
    }
    FAILS(SPORK_ETIMEDOUT, spork_wait(things, NATIVES, SPORK_WAIT_ANY, 20, NULL));
    for (int i = 0; i < NATIVES; i++) {
        native_signal_set(signals[i]);
    }
    spork_sleep_ms(50); /* for who might still take them */
    for (int i = 0; i < NATIVES; i++) {
        assert_true(native_sentinel_ready(signals[i], 0));
        native_signal_free(signals[i]);
    }
}

/* ---- several who wait ---- */

/* Waits until the queue is ready, takes what it can, and tells whether it got something. */
static int wait_and_take(spork_queue *queue, spork_semaphore *never, spork_queue *told) {
    spork_waitable things[] = {spork_on_queue(queue), spork_on_semaphore(never)};
    char byte;
    size_t size;
    EXPECT(spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL) == 0);
    EXPECT(things[0].ready && !things[1].ready);
    int error = spork_queue_get_bytes(queue, &byte, 1, &size, 0);
    EXPECT(error == 0 || error == SPORK_EEMPTY || error == SPORK_EWOULDBLOCK);
    EXPECT(spork_queue_put(told, spork_bool(error == 0), 0) == 0);
    return 0;
}
SPORK_TASK(int, wait_and_take, spork_queue *, spork_semaphore *, spork_queue *);

static int count_true(spork_queue *told, int count) {
    int found = 0;
    for (int i = 0; i < count; i++) {
        spork_value value;
        bool is = false;
        OK(spork_queue_get(told, &value, PATIENCE_MS));
        OK(spork_value_get_bool(&value, &is));
        found += is;
    }
    return found;
}

TEST(all_that_wait_for_the_same_thing_are_told_or_others_took_it) {
    enum { WAITERS = 5 };
    spork_queue *queue = new_queue();
    spork_queue *told = new_queue();
    spork_semaphore *never = new_semaphore();
    spork_process *waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = start(wait_and_take_call(queue, never, told));
    }
    assert_true(wait_for_sleepers(WAITERS));
    int got = 0;
    int left = WAITERS;
    /* Each item is for one; who was told and came too late is through as well. */
    while (left > 0) {
        say(queue);
        do {
            got += count_true(told, 1);
            left--;
        } while (left > 0 && spork_queue_size(told) > 0);
    }
    for (int i = 0; i < WAITERS; i++) {
        finish(waiters[i]);
    }
    assert_true(got >= 1 && got <= WAITERS);
    spork_queue_free(queue);
    spork_queue_free(told);
    spork_semaphore_free(never);
}

static int get_one(spork_queue *queue, spork_queue *got) {
    char byte;
    size_t size;
    EXPECT(spork_queue_put(got, spork_nil(), 0) == 0);
    EXPECT(spork_queue_get_bytes(queue, &byte, 1, &size, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(got, spork_nil(), 0) == 0);
    return 0;
}
SPORK_TASK(int, get_one, spork_queue *, spork_queue *);

/* Looks until it is told to end, and never takes anything. */
static int only_look(spork_queue *queue, spork_semaphore *stop) {
    spork_waitable things[] = {spork_on_queue(queue), spork_on_semaphore(stop)};
    do {
        int error = spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL);
        EXPECT(error == 0);
        spork_sleep_ms(things[1].ready ? 0 : 1);
    } while (!things[1].ready);
    return 0;
}
SPORK_TASK(int, only_look, spork_queue *, spork_semaphore *);

TEST(who_only_looks_takes_no_wake_up_from_who_gets) {
    enum { LOOKERS = 3, ROUNDS = 40 };
    spork_queue *queue = new_queue();
    spork_queue *got = new_queue();
    spork_semaphore *stop = new_semaphore();
    spork_process *lookers[LOOKERS];
    for (int i = 0; i < LOOKERS; i++) {
        lookers[i] = start(only_look_call(queue, stop));
    }
    assert_true(wait_for_sleepers(LOOKERS));
    int64_t slowest = 0;
    for (int round = 0; round < (native_is_windows() ? ROUNDS / 4 : ROUNDS); round++) {
        spork_process *getter = start_thread(get_one_call(queue, got));
        assert_true(wait_for_items(got, 1));
        spork_sleep_ms(round % 4);
        int64_t begin = spork_now_ms();
        say(queue);
        assert_true(wait_for_items(got, 2));
        int64_t took = spork_now_ms() - begin;
        slowest = took > slowest ? took : slowest;
        finish(getter);
        spork_value value;
        OK(spork_queue_get(got, &value, 0));
        OK(spork_queue_get(got, &value, 0));
    }
    printf("the slowest get took %d ms\n", (int)slowest);
    OK(spork_semaphore_release(stop, LOOKERS));
    for (int i = 0; i < LOOKERS; i++) {
        finish(lookers[i]);
    }
    spork_queue_free(queue);
    spork_queue_free(got);
    spork_semaphore_free(stop);
}

/* ---- deaths ---- */

static int hold_the_end(spork_pipe *end, spork_queue *ready) {
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    spork_sleep_ms(100000);
    return spork_pipe_close(end);
}
SPORK_TASK(int, hold_the_end, spork_pipe *, spork_queue *);

static int kill_later(int64_t pid) {
    EXPECT(wait_for_sleepers(1));
    native_process_kill(pid);
    return 0;
}
SPORK_TASK(int, kill_later, int64_t);

TEST(a_pipe_whose_last_peer_is_killed_is_at_its_end) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *queue = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    spork_waitable things[] = {spork_on_queue(queue), spork_on_pipe(here)};
    FAILS(SPORK_EWOULDBLOCK, spork_wait(things, 2, SPORK_WAIT_ANY, 0, NULL));
    spork_process *thread = start_thread(kill_later_call(spork_process_pid(child)));
    int64_t begin = spork_now_ms();
    OK(spork_wait(things, 2, SPORK_WAIT_ANY, SPORK_FOREVER, NULL));
    assert_true(spork_now_ms() - begin < 5000);
    ready_is(things, 2, ".r");
    size_t size;
    FAILS(SPORK_EEOF, spork_pipe_recv_bytes(here, NULL, 0, &size, 0));
    finish(thread);
    kill_and_free(child);
    spork_pipe_free(here);
    spork_queue_free(ready);
    spork_queue_free(queue);
}

/* Of the many who hold an end each, one is dead and nobody has noticed: a look must. */
TEST_SLOW(a_look_that_does_not_wait_notices_a_death_among_many, 120) {
    enum { PIPES = 50 };
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_process *children[PIPES];
    spork_pipe *here[PIPES];
    spork_waitable things[PIPES];
    for (int i = 0; i < PIPES; i++) {
        spork_pipe *there;
        OK(spork_pipe_new(&here[i], &there, NULL));
        children[i] = start(hold_the_end_call(there, ready));
        spork_pipe_free(there);
        things[i] = spork_on_pipe(here[i]);
    }
    assert_true(wait_for_items(ready, PIPES));
    /* Past spork, which would bury it at once. */
    intptr_t sentinel = 0;
    OK(spork_process_sentinel(children[PIPES - 1], &sentinel));
    native_process_kill(spork_process_pid(children[PIPES - 1]));
    assert_true(native_sentinel_ready(sentinel, PATIENCE_MS));
    size_t count = 0;
    OK(spork_wait(things, PIPES, SPORK_WAIT_ANY, 0, &count));
    assert_int_equal(count, 1);
    assert_true(things[PIPES - 1].ready);
    for (int i = 0; i < PIPES; i++) {
        kill_and_free(children[i]);
        spork_pipe_free(here[i]);
    }
    spork_queue_free(ready);
}

/* In a thread: starts, while the other waits, a child whose death matters to that one. */
static int start_and_kill(spork_pipe *end, spork_queue *ready) {
    spork_process *child = NULL;
    /* Not a thread, which is what a task on a thread would start else. */
    EXPECT(wait_for_sleepers(1));
    EXPECT(spork_process_start(&child, hold_the_end_call(end, ready), NULL) == 0);
    EXPECT(wait_for_items(ready, 1));
    EXPECT(spork_pipe_close(end) == 0);
    EXPECT(wait_for_sleepers(1));
    EXPECT(spork_process_kill(child) == 0);
    EXPECT(spork_process_join(child, PATIENCE_MS, NULL) == 0);
    return spork_process_free(child);
}
SPORK_TASK(int, start_and_kill, spork_pipe *, spork_queue *);

TEST(a_child_that_another_thread_starts_and_kills_during_the_wait_ends_it) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *queue = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    if (spork_get_start_method() == SPORK_METHOD_FORK) {
        SKIP("a fork while there are threads is refused");
    }
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *thread = start_thread(start_and_kill_call(there, ready));
    spork_waitable things[] = {spork_on_queue(queue), spork_on_pipe(here)};
    OK(spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL));
    ready_is(things, 2, ".r");
    finish(thread);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_queue_free(ready);
    spork_queue_free(queue);
}

/* Waits for end-of-file at its end, together with something that never comes. */
static int wait_for_the_end(spork_pipe *end, spork_semaphore *never, spork_queue *told) {
    spork_waitable things[] = {spork_on_semaphore(never), spork_on_pipe(end)};
    EXPECT(spork_queue_put(told, spork_nil(), 0) == 0);
    EXPECT(spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL) == 0);
    EXPECT(!things[0].ready && things[1].ready);
    size_t size;
    EXPECT(spork_pipe_recv_bytes(end, NULL, 0, &size, 0) == SPORK_EEOF);
    return 0;
}
SPORK_TASK(int, wait_for_the_end, spork_pipe *, spork_semaphore *, spork_queue *);

TEST(a_pipes_end_that_goes_to_a_new_process_during_the_wait_dies_with_it) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *told = new_queue();
    spork_semaphore *never = new_semaphore();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *waiter = start(wait_for_the_end_call(here, never, told));
    spork_pipe_free(here);
    assert_true(wait_for_items(told, 1));
    assert_true(wait_for_sleepers(1));
    /* The waiter is no relative of the next holder but a sibling, who has not met it. */
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    assert_true(wait_for_sleepers(1));
    assert_true(spork_process_alive(waiter));
    native_process_kill(spork_process_pid(child));
    finish(waiter);
    kill_and_free(child);
    spork_queue_free(ready);
    spork_queue_free(told);
    spork_semaphore_free(never);
    assert_int_equal(objects(), 0);
}

static int wait_for_parent(spork_queue *told, spork_semaphore *never) {
    spork_waitable things[] = {spork_on_semaphore(never),
                               spork_on_process(spork_parent_process())};
    EXPECT(spork_wait(things, 2, SPORK_WAIT_ANY, 0, NULL) == SPORK_EWOULDBLOCK);
    EXPECT(spork_queue_put(told, spork_nil(), 0) == 0);
    EXPECT(spork_wait(things, 2, SPORK_WAIT_ANY, PATIENCE_MS, NULL) == 0);
    EXPECT(!things[0].ready && things[1].ready);
    return spork_queue_put(told, spork_nil(), 0);
}
SPORK_TASK(int, wait_for_parent, spork_queue *, spork_semaphore *);

static int leave_a_child(spork_queue *told, spork_semaphore *never) {
    spork_process *child;
    EXPECT(spork_process_start(&child, wait_for_parent_call(told, never),
                               &(spork_process_options){.detached = true}) == 0);
    EXPECT(wait_for_items(told, 1));
    EXPECT(wait_for_sleepers(1));
    native_exit_now(0);
    return 0;
}
SPORK_TASK(int, leave_a_child, spork_queue *, spork_semaphore *);

TEST(the_end_of_the_parent_ends_a_wait) {
    needs_a_process_to_kill();
    spork_queue *told = new_queue();
    spork_semaphore *never = new_semaphore();
    spork_process *child = start(leave_a_child_call(told, never));
    assert_true(wait_for_items(told, 2));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
    spork_queue_free(told);
    spork_semaphore_free(never);
}

/* ---- a storm ---- */

static int put_and_release(spork_queue *queue, spork_semaphore *semaphore,
                           int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_queue_put_bytes(queue, "x", 1, 0) == 0);
        EXPECT(spork_semaphore_release(semaphore, 1) == 0);
    }
    return 0;
}
SPORK_TASK(int, put_and_release, spork_queue *, spork_semaphore *, int64_t);

TEST_SLOW(nothing_that_becomes_ready_while_others_are_taken_is_overlooked, 60) {
    enum { PUTTERS = 3 };
    int64_t times = native_is_windows() ? 300 : 3000;
    spork_queue *queues[PUTTERS];
    spork_semaphore *semaphore = new_semaphore();
    spork_process *children[PUTTERS];
    spork_waitable things[PUTTERS + 1];
    int64_t items = 0;
    int64_t tokens = 0;
    for (int i = 0; i < PUTTERS; i++) {
        queues[i] = new_queue();
        children[i] = start(put_and_release_call(queues[i], semaphore, times));
    }
    for (;;) {
        size_t count = 0;
        for (int i = 0; i < PUTTERS; i++) {
            things[count++] = spork_on_queue(queues[i]);
        }
        things[count++] = spork_on_semaphore(semaphore);
        if (items == PUTTERS * times && tokens == items) {
            break;
        }
        OK(spork_wait(things, count, SPORK_WAIT_ANY, PATIENCE_MS, NULL));
        for (int i = 0; i < PUTTERS; i++) {
            char byte;
            size_t size;
            if (things[i].ready) {
                OK(spork_queue_get_bytes(queues[i], &byte, 1, &size, 0));
                items++;
            }
        }
        if (things[PUTTERS].ready) {
            OK(spork_semaphore_acquire(semaphore, 0));
            tokens++;
        }
    }
    FAILS(SPORK_EWOULDBLOCK, spork_wait(things, PUTTERS + 1, SPORK_WAIT_ANY, 0, NULL));
    for (int i = 0; i < PUTTERS; i++) {
        things[i] = spork_on_process(children[i]);
    }
    OK(spork_wait(things, PUTTERS, SPORK_WAIT_ALL, PATIENCE_MS, NULL));
    for (int i = 0; i < PUTTERS; i++) {
        finish(children[i]);
        spork_queue_free(queues[i]);
    }
    spork_semaphore_free(semaphore);
    assert_int_equal(objects(), 0);
}

TEST_MAIN
