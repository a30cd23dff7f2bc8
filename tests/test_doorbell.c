/* Doorbells: what a host's event loop polls. The native is asked past spork, as a loop does. */
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

static void say(spork_queue *words) {
    OK(spork_queue_put_bytes(words, "x", 1, 0));
}

static void take(spork_queue *words) {
    char byte;
    size_t size;
    OK(spork_queue_get_bytes(words, &byte, 1, &size, 0));
}

static int wait_for_word(spork_queue *words) {
    char byte;
    size_t size;
    EXPECT(spork_queue_get_bytes(words, &byte, 1, &size, SPORK_FOREVER) == 0);
    return 0;
}
SPORK_TASK(int, wait_for_word, spork_queue *);

static spork_process *start_thread(spork_call call) {
    spork_process *thread = NULL;
    OK(spork_process_start(&thread, call,
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    return thread;
}

/* A doorbell, answered once, as before the first poll. */
struct bell {
    spork_doorbell *doorbell;
    intptr_t native;
    spork_waitable *things;
    size_t ready;
};

static void answer(struct bell *bell) {
    bell->ready = 999;
    OK(spork_doorbell_answer(bell->doorbell, bell->things, &bell->ready));
}

static struct bell hang_up(spork_waitable *things, size_t count) {
    struct bell bell = {.things = things};
    OK(spork_doorbell_new(&bell.doorbell, things, count));
    OK(spork_doorbell_native(bell.doorbell, &bell.native));
    answer(&bell);
    return bell;
}

/* Asking takes the signal on Windows. */
static bool rings(const struct bell *bell, int64_t timeout_ms) {
    return native_sentinel_ready(bell->native, timeout_ms);
}

/* As a loop would: until the bell rings and something is ready. */
static void await(struct bell *bell) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    do {
        assert_true(rings(bell, PATIENCE_MS));
        answer(bell);
        assert_true(spork_now_ms() < limit);
    } while (bell->ready == 0);
}

/* Once what rang for nothing (a child says hello) is over. */
static void is_silent(struct bell *bell) {
    for (int i = 0; i < 10; i++) {
        if (!rings(bell, 20)) {
            return;
        }
        answer(bell);
        assert_int_equal(bell->ready, 0);
    }
    fail_msg("it rings and rings, and nothing is ready");
}

/* ---- the rules ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_doorbell *doorbell = NULL;
    spork_queue *queue = new_queue();
    spork_process *child = NULL;
    spork_pipe *receiver;
    spork_pipe *sender;
    intptr_t native = 0;
    intptr_t signal = native_signal_new();
    spork_waitable things[] = {spork_on_queue(queue), spork_on_native(signal)};
    int before = native_descriptor_count();
    FAILS(SPORK_EINVAL, spork_doorbell_new(NULL, things, 1));
    FAILS(SPORK_EINVAL, spork_doorbell_new(&doorbell, NULL, 1));
    FAILS(SPORK_EINVAL, spork_doorbell_new(&doorbell, things, 0));
    FAILS(SPORK_EINVAL, spork_doorbell_new(&doorbell, things, 2));
    things[1] = spork_on_queue(NULL);
    FAILS(SPORK_EINVAL, spork_doorbell_new(&doorbell, things, 2));
    assert_non_null(strstr(spork_error_detail(), "thing 1 "));
    OK(spork_process_new(&child, wait_for_word_call(queue), NULL));
    things[1] = spork_on_process(child);
    FAILS(SPORK_ESTATE, spork_doorbell_new(&doorbell, things, 2));
    OK(spork_pipe_new(&receiver, &sender, &(spork_pipe_options){.one_way = true}));
    things[1] = spork_on_pipe(sender);
    FAILS(SPORK_ESTATE, spork_doorbell_new(&doorbell, things, 2));
    assert_non_null(strstr(spork_error_detail(), "thing 1 "));
    assert_null(doorbell);
    spork_pipe_free(receiver);
    spork_pipe_free(sender);
    OK(spork_process_free(child));
    FAILS(SPORK_EINVAL, spork_doorbell_native(NULL, &native));
    FAILS(SPORK_EINVAL, spork_doorbell_answer(NULL, things, NULL));
    OK(spork_doorbell_new(&doorbell, things, 1));
    FAILS(SPORK_EINVAL, spork_doorbell_native(doorbell, NULL));
    OK(spork_doorbell_answer(doorbell, NULL, NULL));
    spork_doorbell_free(doorbell);
    spork_doorbell_free(NULL);
    assert_true(native_descriptor_count() <= before + (native_is_windows() ? 8 : 1));
    native_signal_free(signal);
    spork_queue_free(queue);
}

TEST_ONCE(the_native_is_ready_as_long_as_one_of_the_things_is_and_was_answered_so) {
    spork_queue *queue = new_queue();
    spork_semaphore *semaphore = new_semaphore();
    spork_waitable things[] = {spork_on_queue(queue), spork_on_semaphore(semaphore)};
    struct bell bell = hang_up(things, 2);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    say(queue);
    assert_true(rings(&bell, PATIENCE_MS));
    /* Not answered: a descriptor stays readable, a HANDLE's signal was taken. */
    assert_true(rings(&bell, 0) != native_signal_is_consumed());
    for (int i = 0; i < 3; i++) {
        answer(&bell);
        assert_int_equal(bell.ready, 1);
        assert_true(things[0].ready && !things[1].ready);
        assert_true(rings(&bell, 0));
    }
    OK(spork_semaphore_release(semaphore, 1));
    answer(&bell);
    assert_int_equal(bell.ready, 2);
    take(queue);
    answer(&bell);
    assert_int_equal(bell.ready, 1);
    assert_true(!things[0].ready && things[1].ready);
    assert_true(rings(&bell, 0));
    OK(spork_semaphore_acquire(semaphore, 0));
    answer(&bell);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    OK(spork_queue_close(queue));
    await(&bell);
    assert_true(things[0].ready && !things[1].ready);
    spork_doorbell_free(bell.doorbell);
    spork_queue_free(queue);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(what_was_ready_before_is_told_by_the_first_answer) {
    spork_queue *queue = new_queue();
    spork_waitable thing = spork_on_queue(queue);
    say(queue);
    struct bell bell = hang_up(&thing, 1);
    assert_int_equal(bell.ready, 1);
    assert_true(rings(&bell, 0));
    spork_doorbell_free(bell.doorbell);
    spork_queue_free(queue);
}

TEST_ONCE(two_doorbells_ring_for_the_same_thing_and_each_for_its_own) {
    spork_queue *both = new_queue();
    spork_queue *own = new_queue();
    spork_waitable left_things[] = {spork_on_queue(both)};
    spork_waitable right_things[] = {spork_on_queue(own), spork_on_queue(both)};
    struct bell left = hang_up(left_things, 1);
    struct bell right = hang_up(right_things, 2);
    say(own);
    await(&right);
    is_silent(&left);
    take(own);
    answer(&right);
    say(both);
    await(&left);
    await(&right);
    assert_true(!right_things[0].ready && right_things[1].ready);
    spork_doorbell_free(left.doorbell);
    take(both);
    answer(&right);
    is_silent(&right);
    say(both);
    await(&right);
    spork_doorbell_free(right.doorbell);
    spork_queue_free(both);
    spork_queue_free(own);
}

static int put_one(spork_queue *queue) {
    EXPECT(spork_queue_put_bytes(queue, "x", 1, 0) == 0);
    return 0;
}
SPORK_TASK(int, put_one, spork_queue *);

TEST_SLOW(of_five_hundred_things_it_rings_for_each_and_tells_which, 60) {
    enum { THINGS = 500 };
    static spork_queue *queues[THINGS];
    static spork_semaphore *semaphores[THINGS];
    static spork_waitable things[THINGS];
    for (int i = 0; i < THINGS; i++) {
        if (i % 2 == 0) {
            OK(spork_queue_new(
                &queues[i],
                &(spork_queue_options){.backing = SPORK_QUEUE_RING, .maxsize = 2}));
            things[i] = spork_on_queue(queues[i]);
        } else {
            semaphores[i] = new_semaphore();
            things[i] = spork_on_semaphore(semaphores[i]);
        }
    }
    struct bell bell = hang_up(things, THINGS);
    for (int i = 0; i < THINGS; i += 166) {
        is_silent(&bell);
        spork_process *child = start(put_one_call(queues[i]));
        await(&bell);
        assert_int_equal(bell.ready, 1);
        assert_true(things[i].ready);
        finish(child);
        take(queues[i]);
        OK(spork_semaphore_release(semaphores[i + 1], 1));
        await(&bell);
        assert_int_equal(bell.ready, 1);
        assert_true(things[i + 1].ready);
        OK(spork_semaphore_acquire(semaphores[i + 1], 0));
        answer(&bell);
        assert_int_equal(bell.ready, 0);
    }
    spork_doorbell_free(bell.doorbell);
    for (int i = 0; i < THINGS; i++) {
        spork_queue_free(queues[i]);
        spork_semaphore_free(semaphores[i]);
    }
    assert_int_equal(arena->handles_live, 0);
}

/* ---- deaths ---- */

static int hold_the_end(spork_pipe *end, spork_queue *ready) {
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    spork_sleep_ms(100000);
    return spork_pipe_close(end);
}
SPORK_TASK(int, hold_the_end, spork_pipe *, spork_queue *);

TEST(the_end_of_a_process_rings) {
    spork_queue *words = new_queue();
    spork_queue *other = new_queue();
    spork_process *child = start(wait_for_word_call(words));
    spork_waitable things[] = {spork_on_queue(other), spork_on_process(child)};
    struct bell bell = hang_up(things, 2);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    say(words);
    await(&bell);
    assert_true(!things[0].ready && things[1].ready);
    finish(child);
    spork_doorbell_free(bell.doorbell);
    spork_queue_free(words);
    spork_queue_free(other);
}

TEST(the_death_of_a_pipes_last_peer_rings) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    spork_waitable thing = spork_on_pipe(here);
    struct bell bell = hang_up(&thing, 1);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    native_process_kill(spork_process_pid(child));
    await(&bell);
    size_t size;
    FAILS(SPORK_EEOF, spork_pipe_recv_bytes(here, NULL, 0, &size, 0));
    kill_and_free(child);
    spork_doorbell_free(bell.doorbell);
    spork_pipe_free(here);
    spork_queue_free(ready);
}

TEST(a_child_that_got_the_pipes_other_end_after_the_last_answer_rings_when_it_dies) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_waitable thing = spork_on_pipe(here);
    struct bell bell = hang_up(&thing, 1);
    assert_int_equal(bell.ready, 0);
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    is_silent(&bell);
    native_process_kill(spork_process_pid(child));
    await(&bell);
    kill_and_free(child);
    spork_doorbell_free(bell.doorbell);
    spork_pipe_free(here);
    spork_queue_free(ready);
}

TEST(a_child_that_dies_before_its_start_was_answered_rings_as_well) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_waitable thing = spork_on_pipe(here);
    struct bell bell = hang_up(&thing, 1);
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    native_process_kill(spork_process_pid(child));
    await(&bell);
    kill_and_free(child);
    spork_doorbell_free(bell.doorbell);
    spork_pipe_free(here);
    spork_queue_free(ready);
}

/* It is no child of who waits: a sibling, who gets the end while the other waits. */
static int answer_the_end(spork_pipe *end, spork_queue *told) {
    spork_waitable thing = spork_on_pipe(end);
    spork_doorbell *doorbell = NULL;
    intptr_t native = 0;
    size_t ready = 0;
    EXPECT(spork_doorbell_new(&doorbell, &thing, 1) == 0);
    EXPECT(spork_doorbell_native(doorbell, &native) == 0);
    EXPECT(spork_doorbell_answer(doorbell, &thing, &ready) == 0 && ready == 0);
    EXPECT(spork_queue_put(told, spork_nil(), 0) == 0);
    while (ready == 0) {
        EXPECT(native_sentinel_ready(native, PATIENCE_MS));
        EXPECT(spork_doorbell_answer(doorbell, &thing, &ready) == 0);
    }
    spork_doorbell_free(doorbell);
    return 0;
}
SPORK_TASK(int, answer_the_end, spork_pipe *, spork_queue *);

TEST(a_stranger_that_got_the_pipes_other_end_after_the_last_answer_rings_when_it_dies) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *told = new_queue();
    spork_pipe *here;
    spork_pipe *there;
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *listener = start(answer_the_end_call(here, told));
    assert_true(wait_for_items(told, 1));
    spork_pipe_free(here);
    spork_process *child = start(hold_the_end_call(there, ready));
    assert_true(wait_for_items(ready, 1));
    spork_pipe_free(there);
    native_process_kill(spork_process_pid(child));
    /* Not by spork, which would notice the death for the other. */
    int64_t pid = spork_process_pid(listener);
    for (int64_t limit = spork_now_ms() + PATIENCE_MS; native_process_runs(pid);) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    finish(listener);
    kill_and_free(child);
    spork_queue_free(ready);
    spork_queue_free(told);
}

/* White box: what a process has done that was killed between a change and its wake-up. */
static int release_silently_and_die(void) {
    for (uint64_t i = 0; i < atomic_load(&arena->handles_used); i++) {
        if (atomic_load(&arena->handles[i].kind) == SPORK_HANDLE_SEMAPHORE) {
            /* The count comes first in its body. */
            arena_word *count = arena_at(atomic_load(&arena->handles[i].body));
            atomic_fetch_add(count, 1);
        }
    }
    native_exit_now(0);
    return 0;
}
SPORK_TASK(int, release_silently_and_die);

static int start_who_dies(spork_queue *words) {
    EXPECT(wait_for_word(words) == 0);
    finish(start(release_silently_and_die_call()));
    return wait_for_word(words);
}
SPORK_TASK(int, start_who_dies, spork_queue *);

TEST(the_burial_of_a_stranger_who_died_before_it_could_ring_rings) {
    needs_a_process_to_kill();
    spork_queue *words = new_queue();
    spork_semaphore *semaphore = new_semaphore();
    spork_waitable thing = spork_on_semaphore(semaphore);
    struct bell bell = hang_up(&thing, 1);
    spork_process *child = start(start_who_dies_call(words));
    is_silent(&bell);
    say(words);
    await(&bell);
    assert_int_equal(spork_semaphore_count(semaphore), 1);
    say(words);
    finish(child);
    spork_doorbell_free(bell.doorbell);
    spork_semaphore_free(semaphore);
    spork_queue_free(words);
}

TEST_SLOW(of_seventy_processes_each_end_rings, 120) {
    enum { CHILDREN = 70 };
    spork_queue *words = new_queue();
    spork_process *children[CHILDREN];
    spork_waitable things[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(wait_for_word_call(words));
        things[i] = spork_on_process(children[i]);
    }
    struct bell bell = hang_up(things, CHILDREN);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    for (size_t ended = 1; ended <= 3; ended++) {
        say(words);
        do {
            await(&bell);
        } while (bell.ready < ended);
        assert_int_equal(bell.ready, ended);
    }
    for (int i = 3; i < CHILDREN; i++) {
        say(words);
    }
    do {
        await(&bell);
    } while (bell.ready < CHILDREN);
    spork_doorbell_free(bell.doorbell);
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    spork_queue_free(words);
}

/* ---- with threads and processes at work ---- */

static int put_often(spork_queue *queue, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_queue_put_bytes(queue, "x", 1, 0) == 0);
        if (i % 64 == 0) {
            spork_sleep_ms(1);
        }
    }
    return 0;
}
SPORK_TASK(int, put_often, spork_queue *, int64_t);

/* One item an answer: what is left over must ring, also when it was put in the middle of the
   answer, and when nothing more is put. */
TEST_SLOW(a_loop_that_takes_one_item_an_answer_gets_all_that_is_put_meanwhile, 60) {
    enum { PUTTERS = 3 };
    int64_t times = native_is_windows() ? 200 : 4000;
    spork_queue *queues[2] = {new_queue(), new_queue()};
    spork_waitable things[] = {spork_on_queue(queues[0]), spork_on_queue(queues[1])};
    spork_process *putters[PUTTERS];
    struct bell bell = hang_up(things, 2);
    for (int i = 0; i < PUTTERS; i++) {
        putters[i] = start(put_often_call(queues[i % 2], times));
    }
    for (int64_t got = 0; got < PUTTERS * times; got++) {
        await(&bell);
        take(queues[things[0].ready ? 0 : 1]);
    }
    answer(&bell);
    assert_int_equal(bell.ready, 0);
    for (int i = 0; i < PUTTERS; i++) {
        finish(putters[i]);
    }
    answer(&bell);
    is_silent(&bell);
    spork_doorbell_free(bell.doorbell);
    spork_queue_free(queues[0]);
    spork_queue_free(queues[1]);
}

static int answer_often(spork_queue *queue, int64_t times) {
    spork_waitable thing = spork_on_queue(queue);
    spork_doorbell *doorbell = NULL;
    intptr_t native = 0;
    size_t ready = 0;
    EXPECT(spork_doorbell_new(&doorbell, &thing, 1) == 0);
    EXPECT(spork_doorbell_native(doorbell, &native) == 0);
    EXPECT(spork_doorbell_answer(doorbell, NULL, NULL) == 0);
    for (int64_t got = 0; got < times;) {
        char byte;
        size_t size;
        EXPECT(native_sentinel_ready(native, PATIENCE_MS));
        EXPECT(spork_doorbell_answer(doorbell, &thing, &ready) == 0);
        got += ready > 0 && spork_queue_get_bytes(queue, &byte, 1, &size, 0) == 0;
    }
    spork_doorbell_free(doorbell);
    return 0;
}
SPORK_TASK(int, answer_often, spork_queue *, int64_t);

static int start_and_join(int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        spork_process *child = NULL;
        EXPECT(spork_process_start(&child, spork_no_call(), NULL) == 0);
        EXPECT(spork_process_join(child, PATIENCE_MS, NULL) == 0);
        EXPECT(spork_process_free(child) == 0);
    }
    return 0;
}
SPORK_TASK(int, start_and_join, int64_t);

TEST_ONCE_SLOW(threads_with_doorbells_of_their_own_get_along_with_starts_and_waits, 60) {
    enum { THREADS = 2 };
    int64_t times = native_is_windows() ? 100 : 2000;
    spork_queue *queues[THREADS];
    spork_process *threads[2 * THREADS + 1];
    for (int i = 0; i < THREADS; i++) {
        queues[i] = new_queue();
        threads[2 * i] = start_thread(answer_often_call(queues[i], times));
        threads[2 * i + 1] = start_thread(put_often_call(queues[i], times));
    }
    threads[2 * THREADS] =
        start_thread(start_and_join_call(native_is_windows() ? 3 : 20));
    for (int i = 0; i < 2 * THREADS + 1; i++) {
        finish(threads[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        spork_queue_free(queues[i]);
    }
}

/* ---- what is left ---- */

static int tell_and_wait_for_word(spork_queue *told, spork_queue *words) {
    EXPECT(spork_queue_put_bytes(told, "x", 1, PATIENCE_MS) == 0);
    return wait_for_word(words);
}
SPORK_TASK(int, tell_and_wait_for_word, spork_queue *, spork_queue *);

/* What is open, but for the bells of threads, which come when one sleeps first and are kept. */
static int open_now(void) {
    int bells = native_bell_count();
    return native_descriptor_count() - bells;
}

TEST(two_hundred_doorbells_one_after_the_other_leave_nothing_open) {
    enum { TIMES = 200 };
    spork_queue *told = new_queue();
    spork_queue *words = new_queue();
    spork_process *child = start(tell_and_wait_for_word_call(told, words));
    spork_waitable things[] = {spork_on_process(child), spork_on_queue(words)};
    int before = 0;
    OK(wait_for_word(told)); /* the child, if it is a thread, has opened what it needs */
    for (int i = 0; i <= TIMES; i++) {
        if (i == 1) {
            before = open_now(); /* the first may open what is kept */
        }
        struct bell bell = hang_up(&things[0], 1);
        answer(&bell);
        assert_int_equal(bell.ready, 0);
        spork_doorbell_free(bell.doorbell);
    }
    assert_true(open_now() <= before);
    assert_true(arena->threads_used < 64); /* their slots are used again */
    say(words);
    finish(child);
    spork_queue_free(words);
    spork_queue_free(told);
}

TEST_ONCE(a_forked_child_cannot_use_its_parents_doorbell_and_does_it_no_harm) {
    int64_t pid = -1;
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("there is no fork on this platform");
    }
    spork_queue *queue = new_queue();
    spork_waitable thing = spork_on_queue(queue);
    struct bell bell = hang_up(&thing, 1);
    OK(spork_fork(&pid, true));
    if (pid == 0) {
        intptr_t native;
        bool good = spork_doorbell_answer(bell.doorbell, &thing, NULL) == SPORK_ESTATE &&
                    spork_doorbell_native(bell.doorbell, &native) == SPORK_ESTATE;
        spork_doorbell_free(bell.doorbell);
        spork_doorbell *own = NULL;
        good = good && spork_doorbell_new(&own, &thing, 1) == 0 &&
               spork_doorbell_answer(own, NULL, NULL) == 0;
        spork_doorbell_free(own);
        native_exit_now(good ? 5 : 6);
    }
    assert_int_equal(native_reap_host(pid), 5);
    answer(&bell);
    assert_int_equal(bell.ready, 0);
    is_silent(&bell);
    say(queue);
    await(&bell);
    spork_doorbell_free(bell.doorbell);
    spork_queue_free(queue);
}

TEST_MAIN
