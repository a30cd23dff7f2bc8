/* What a killed process leaves to others: locks, pipes, queues, handles under way. */
#include <string.h>

#include "harness.h"
#include "spork.h"

/* A thread cannot be killed: what such a test asks does not arise there. */
#define NEEDS_PROCESSES()                                              \
    do {                                                               \
        if (spork_get_start_method() == SPORK_METHOD_THREAD) {         \
            SKIP("a thread cannot be killed");                         \
        }                                                              \
    } while (0)

static spork_process *start(spork_call call) {
    spork_process *process = NULL;
    int error = spork_process_start(&process, call, NULL);
    if (error != 0) {
        fail_msg("start: %s: %s", spork_error_name(error), spork_error_detail());
    }
    return process;
}

static void kill_and_free(spork_process *process) {
    assert_int_equal(spork_process_kill(process), 0);
    assert_int_equal(spork_process_join(process, 10000, NULL), 0);
    assert_int_equal(spork_process_free(process), 0);
}

/* ---- locks ---- */

static int hold(spork_lock *lock, spork_pipe *ready) {
    if (spork_lock_acquire(lock, SPORK_FOREVER) != 0 ||
        spork_pipe_send_bytes(ready, "", 0, SPORK_FOREVER) != 0) {
        return 1;
    }
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, hold, spork_lock *, spork_pipe *);

static int wait_for_lock(spork_lock *lock, spork_pipe *told) {
    spork_pipe_send(told, spork_str("waiting"), SPORK_FOREVER);
    int error = spork_lock_acquire(lock, SPORK_FOREVER);
    int again = spork_lock_held(lock) ? 1 : 0;
    spork_pipe_send(told, spork_int(error), SPORK_FOREVER);
    spork_lock_release(lock);
    return again;
}
SPORK_TASK(int, wait_for_lock, spork_lock *, spork_pipe *);

static void receive_anything(spork_pipe *pipe) {
    spork_value value;
    assert_int_equal(spork_pipe_recv(pipe, &value, 20000), 0);
    spork_value_free(&value);
}

TEST(the_lock_of_a_killed_process_is_the_next_ones_who_is_told) {
    NEEDS_PROCESSES();
    spork_lock *lock;
    spork_pipe *here;
    spork_pipe *there;
    assert_int_equal(spork_lock_new(&lock, NULL), 0);
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    spork_process *holder = start(hold_call(lock, there));
    receive_anything(here);
    assert_true(spork_lock_held(lock));
    assert_int_equal(spork_lock_acquire(lock, 0), SPORK_EWOULDBLOCK);
    kill_and_free(holder);
    assert_false(spork_lock_held(lock));
    assert_int_equal(spork_lock_acquire(lock, 100), SPORK_EOWNERDIED);
    assert_true(spork_lock_held(lock));
    assert_int_equal(spork_lock_release(lock), 0);
    assert_int_equal(spork_lock_acquire(lock, 0), 0);
    assert_int_equal(spork_lock_release(lock), 0);
    spork_lock_free(lock);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

TEST(a_sleeper_at_a_lock_wakes_when_its_holder_is_killed_and_owns_it) {
    NEEDS_PROCESSES();
    spork_lock *lock;
    spork_pipe *here;
    spork_pipe *there;
    spork_value value;
    int64_t error;
    int code = -1;
    assert_int_equal(spork_lock_new(&lock, NULL), 0);
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    spork_process *holder = start(hold_call(lock, there));
    receive_anything(here);
    spork_process *waiter = start(wait_for_lock_call(lock, there));
    receive_anything(here);
    spork_sleep_ms(100); /* it sleeps by now; if not, it finds the dead owner all the same */
    int64_t before = spork_now_ms();
    assert_int_equal(spork_process_kill(holder), 0);
    assert_int_equal(spork_pipe_recv(here, &value, 20000), 0);
    assert_in_range(spork_now_ms() - before, 0, 5000);
    assert_int_equal(spork_value_get_int(&value, &error), 0);
    assert_int_equal(error, SPORK_EOWNERDIED);
    assert_int_equal(spork_process_join(waiter, 20000, &code), 0);
    assert_int_equal(code, 1);
    kill_and_free(holder);
    spork_process_free(waiter);
    spork_lock_free(lock);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

/* ---- pipes ---- */

static int say_and_sleep(spork_pipe *pipe, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (spork_pipe_send(pipe, spork_int(i), SPORK_FOREVER) != 0) {
            return 1;
        }
    }
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, say_and_sleep, spork_pipe *, int64_t);

TEST(what_a_killed_process_sent_is_received_then_end_of_file) {
    NEEDS_PROCESSES();
    enum { COUNT = 20 };
    spork_pipe *here;
    spork_pipe *there;
    spork_value value;
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    spork_process *child = start(say_and_sleep_call(there, COUNT));
    /* The first of them is in; the others may be. This process keeps `there` as well. */
    assert_int_equal(spork_pipe_poll(here, 20000), 0);
    spork_sleep_ms(300);
    assert_int_equal(spork_process_kill(child), 0);
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t number = -1;
        assert_int_equal(spork_pipe_recv(here, &value, 20000), 0);
        assert_int_equal(spork_value_get_int(&value, &number), 0);
        assert_int_equal(number, i);
    }
    assert_int_equal(spork_pipe_recv(here, &value, 20000), SPORK_EEOF);
    assert_int_equal(spork_pipe_poll(here, 0), 0);
    assert_int_equal(spork_pipe_send(here, spork_int(1), 20000), SPORK_EPIPE);
    kill_and_free(child);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

static int expect_end(spork_pipe *pipe, spork_pipe *told) {
    spork_value value;
    spork_pipe_send(told, spork_str("here"), SPORK_FOREVER);
    int error = spork_pipe_recv(pipe, &value, SPORK_FOREVER);
    spork_pipe_send(told, spork_int(error), SPORK_FOREVER);
    return 0;
}
SPORK_TASK(int, expect_end, spork_pipe *, spork_pipe *);

static int hold_end(spork_pipe *pipe, spork_pipe *told) {
    (void)pipe;
    spork_pipe_send(told, spork_str("here"), SPORK_FOREVER);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, hold_end, spork_pipe *, spork_pipe *);

TEST(a_sibling_learns_of_a_killed_siblings_end_while_the_parent_is_busy_elsewhere) {
    NEEDS_PROCESSES();
    spork_pipe *left;
    spork_pipe *right;
    spork_pipe *here;
    spork_pipe *there;
    spork_value value;
    int64_t error;
    assert_int_equal(spork_pipe_new(&left, &right, NULL), 0);
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    spork_process *reader = start(expect_end_call(left, there));
    receive_anything(here);
    spork_process *victim = start(hold_end_call(right, there));
    receive_anything(here);
    spork_pipe_free(left);
    spork_pipe_free(right);
    assert_int_equal(spork_process_kill(victim), 0);
    int64_t until = spork_now_ms() + 1500; /* outside of spork */
    while (spork_now_ms() < until) {
    }
    assert_int_equal(spork_pipe_recv(here, &value, 0), 0);
    assert_int_equal(spork_value_get_int(&value, &error), 0);
    assert_int_equal(error, SPORK_EEOF);
    assert_int_equal(spork_process_join(reader, 20000, NULL), 0);
    spork_process_free(reader);
    kill_and_free(victim);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

/* ---- queues ---- */

static int get_and_sleep(spork_queue *queue, spork_pipe *told) {
    spork_value value;
    int error = spork_queue_get(queue, &value, SPORK_FOREVER);
    spork_value_free(&value);
    spork_pipe_send(told, spork_int(error), SPORK_FOREVER);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, get_and_sleep, spork_queue *, spork_pipe *);

TEST(join_tells_that_an_item_was_got_by_a_process_that_died) {
    NEEDS_PROCESSES();
    spork_queue *queue;
    spork_pipe *here;
    spork_pipe *there;
    assert_int_equal(spork_queue_new(&queue, NULL), 0);
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    assert_int_equal(spork_queue_put(queue, spork_int(1), 0), 0);
    spork_process *child = start(get_and_sleep_call(queue, there));
    receive_anything(here);
    assert_int_equal(spork_queue_join(queue, 50), SPORK_ETIMEDOUT);
    assert_int_equal(spork_process_kill(child), 0);
    assert_int_equal(spork_queue_join(queue, 20000), SPORK_EPEERDIED);
    assert_int_equal(spork_queue_join(queue, 0), 0);
    kill_and_free(child);
    spork_queue_free(queue);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

static int put_large_and_sleep(spork_queue *queue, spork_pipe *told) {
    static char data[1000000];
    memset(data, 'x', sizeof data);
    int error = spork_queue_put_bytes(queue, data, sizeof data, SPORK_FOREVER);
    spork_pipe_send(told, spork_int(error), SPORK_FOREVER);
    spork_sleep_ms(100000);
    return 0;
}
SPORK_TASK(int, put_large_and_sleep, spork_queue *, spork_pipe *);

TEST(a_large_put_that_returned_survives_its_killed_producer) {
    NEEDS_PROCESSES();
    static char data[1000000];
    size_t size = 0;
    spork_queue *queue;
    spork_pipe *here;
    spork_pipe *there;
    assert_int_equal(spork_queue_new(&queue, NULL), 0);
    assert_int_equal(spork_pipe_new(&here, &there, NULL), 0);
    spork_process *child = start(put_large_and_sleep_call(queue, there));
    receive_anything(here);
    kill_and_free(child);
    assert_int_equal(spork_queue_size(queue), 1);
    assert_int_equal(spork_queue_get_bytes(queue, data, sizeof data, &size, 0), 0);
    assert_int_equal(size, sizeof data);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 'x') {
            fail_msg("byte %zu is %d", i, data[i]);
        }
    }
    assert_int_equal(spork_queue_get_bytes(queue, data, sizeof data, &size, 0), SPORK_EEMPTY);
    spork_queue_free(queue);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

static int send_a_queue(spork_queue *out) {
    spork_queue *inner;
    if (spork_queue_new(&inner, NULL) != 0 ||
        spork_queue_put(inner, spork_str("inside"), 0) != 0) {
        return 1;
    }
    int error = spork_queue_put(out, spork_queue_value(inner), SPORK_FOREVER);
    spork_queue_free(inner);
    return error != 0;
}
SPORK_TASK(int, send_a_queue, spork_queue *);

TEST(a_queue_lives_while_it_is_under_way_though_its_maker_has_ended) {
    spork_queue *out;
    spork_queue *inner;
    spork_value value;
    spork_value item;
    const char *text;
    int code = -1;
    assert_int_equal(spork_queue_new(&out, NULL), 0);
    spork_process *child = start(send_a_queue_call(out));
    assert_int_equal(spork_process_join(child, 20000, &code), 0);
    assert_int_equal(code, 0);
    spork_process_free(child);
    assert_int_equal(spork_queue_get(out, &value, 0), 0);
    assert_int_equal(spork_value_get_queue(&value, &inner), 0);
    assert_int_equal(spork_queue_get(inner, &item, 0), 0);
    assert_int_equal(spork_value_get_str(&item, &text), 0);
    assert_string_equal(text, "inside");
    spork_value_free(&item);
    spork_value_free(&value);
    spork_queue_free(out);
}

TEST_MAIN
