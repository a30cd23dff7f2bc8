/* White box: what pools and futures take from the family's heap comes back with them. */
#include "support_memory.h"
#include "support_pool.h"

enum { LARGE = 200000, TASKS = 30 };

/* Results and arguments that lie in their record, and in blocks of their own. */
static spork_value echo(spork_bytes data, spork_queue *queue, int64_t how) {
    spork_value value = how == 0 ? spork_bytes_value(data.data, data.size)
                                 : spork_queue_value(queue);
    spork_value copy = spork_nil();
    spork_value_copy(&copy, &value);
    if (how == 2) {
        spork_task_fail(8, "%0400d", 5);
    }
    return copy;
}
SPORK_TASK(spork_value, echo, spork_bytes, spork_queue *, int64_t);

static void give_echoes(spork_pool *pool, spork_queue *queue, spork_future **futures) {
    static const unsigned char data[LARGE];
    static const size_t sizes[] = {0, 10, 60, 1000, LARGE};
    for (int64_t i = 0; i < TASKS; i++) {
        const spork_bytes bytes = {.data = data, .size = sizes[i % 5]};
        futures[i] = give(pool, echo_call(bytes, queue, i % 3));
    }
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static void free_all(spork_future **futures) {
    for (int i = 0; i < TASKS; i++) {
        spork_future_free(futures[i]);
    }
}

TEST(a_pool_that_did_nothing_gives_all_back) {
    note_memory();
    free_pool(new_pool(2));
    assert_memory_is_back();
}

TEST(results_that_were_got_give_all_back) {
    note_memory();
    spork_pool *pool = new_pool(2);
    spork_queue *queue = new_queue();
    spork_future *futures[TASKS];
    give_echoes(pool, queue, futures);
    for (int i = 0; i < TASKS; i++) {
        int error = spork_future_get(futures[i], NULL, PATIENCE_MS);
        assert_int_equal(error, i % 3 == 2 ? 8 : 0);
    }
    free_all(futures);
    close_and_join(pool);
    free_pool(pool);
    spork_queue_free(queue);
    assert_memory_is_back();
}

TEST(results_that_nobody_got_give_all_back_with_pool_or_future) {
    note_memory();
    for (int pool_first = 0; pool_first <= 1; pool_first++) {
        spork_pool *pool = new_pool(2);
        spork_queue *queue = new_queue();
        spork_future *futures[TASKS];
        give_echoes(pool, queue, futures);
        spork_queue_free(queue);
        if (pool_first == 0) {
            close_and_join(pool);
            free_all(futures);
            free_pool(pool);
        } else {
            free_pool(pool);
            free_all(futures);
        }
        assert_memory_is_back();
    }
}

TEST(futures_that_were_freed_before_their_tasks_ended_give_all_back) {
    note_memory();
    spork_pool *pool = new_pool(2);
    spork_queue *queue = new_queue();
    spork_future *futures[TASKS];
    give_echoes(pool, queue, futures);
    free_all(futures);
    close_and_join(pool);
    free_pool(pool);
    spork_queue_free(queue);
    assert_memory_is_back();
}

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

TEST(what_was_cancelled_gives_all_back) {
    note_memory();
    spork_pool *pool = new_pool(1);
    spork_queue *queue = new_queue();
    spork_event *go = new_event();
    spork_future *futures[TASKS];
    spork_future *first = give(pool, wait_for_event_call(go));
    give_echoes(pool, queue, futures);
    for (int i = 0; i < TASKS; i += 2) {
        OK(spork_future_cancel(futures[i], 0));
    }
    OK(spork_event_set(go));
    assert_int_equal(int_of(first), 0);
    spork_future_free(first);
    close_and_join(pool);
    free_all(futures);
    free_pool(pool);
    spork_queue_free(queue);
    spork_event_free(go);
    assert_memory_is_back();
}

TEST(what_was_terminated_gives_all_back) {
    note_memory();
    spork_pool *pool = new_pool(2);
    spork_queue *queue = new_queue();
    spork_event *go = new_event();
    spork_future *futures[TASKS];
    spork_future *first = give(pool, wait_for_event_call(go));
    give_echoes(pool, queue, futures);
    OK(spork_pool_terminate(pool));
    OK(spork_event_set(go));
    free_all(futures);
    spork_future_free(first);
    free_pool(pool);
    spork_queue_free(queue);
    spork_event_free(go);
    assert_memory_is_back();
}

static int leave(int code) {
    if (code == 0) {
        native_process_kill(native_pid());
    }
    exit(code);
}
SPORK_TASK(int, leave, int);

TEST(workers_that_were_killed_or_cancelled_give_all_back) {
    needs_processes();
    note_memory();
    spork_pool *pool = new_pool(2);
    spork_event *never = new_event();
    spork_queue *queue = new_queue();
    spork_future *futures[TASKS];
    for (int round = 0; round < 3; round++) {
        spork_future *killed = give(pool, leave_call(0));
        spork_future *left = give(pool, leave_call(7));
        spork_future *ended = give(pool, wait_for_event_call(never));
        give_echoes(pool, queue, futures);
        FAILS(SPORK_EWORKERDIED, spork_future_get(killed, NULL, PATIENCE_MS));
        FAILS(SPORK_EEXITED, spork_future_get(left, NULL, PATIENCE_MS));
        OK(spork_future_cancel(ended, 0));
        free_all(futures);
        spork_future_free(killed);
        spork_future_free(left);
        spork_future_free(ended);
    }
    free_pool(pool);
    spork_event_free(never);
    spork_queue_free(queue);
    assert_memory_is_back();
}

/* ---- maps and iterators ---- */

enum { ITEMS = 40 };

static void fill_items(echo_arguments *in, spork_queue *queue) {
    static const unsigned char data[LARGE];
    for (int64_t i = 0; i < ITEMS; i++) {
        in[i] = (echo_arguments){{.data = data, .size = i % 5 == 0 ? LARGE : 100}, queue, i % 3};
    }
}

TEST(maps_of_values_give_all_back) {
    note_memory();
    echo_arguments in[ITEMS];
    spork_value out[ITEMS];
    int errors[ITEMS];
    spork_queue *queue = new_queue();
    spork_pool *pool = new_pool(2);
    fill_items(in, queue);
    const spork_map_options options = {.errors = errors};
    FAILS(8, echo_starmap_with(pool, in, ITEMS, out, &options));
    for (int i = 0; i < ITEMS; i++) {
        if (errors[i] == 0) {
            spork_value_free(&out[i]);
        }
    }
    FAILS(8, echo_starmap(pool, in, ITEMS, NULL));
    free_pool(pool);
    spork_queue_free(queue);
    assert_memory_is_back();
}

TEST(maps_that_are_let_go_of_cancelled_or_terminated_give_all_back) {
    note_memory();
    for (int how = 0; how < 4; how++) {
        echo_arguments in[ITEMS];
        static spork_value out[ITEMS];
        spork_queue *queue = new_queue();
        spork_pool *pool = new_pool(2);
        spork_future *future = NULL;
        fill_items(in, queue);
        OK(echo_starmap_async(&future, pool, in, ITEMS, out, NULL));
        spork_queue_free(queue);
        if (how == 0) {
            spork_future_free(future);
            close_and_join(pool);
        } else if (how == 1) {
            int error = spork_future_cancel(future, PATIENCE_MS);
            assert_true(error == 0 || error == SPORK_ESTATE);
        } else if (how == 2) {
            OK(spork_pool_terminate(pool));
        }
        free_pool(pool);
        if (how != 0) {
            int error = spork_future_error(future);
            assert_true(error == SPORK_ECANCELLED || error == 8);
            for (int i = 0; i < ITEMS && error == 8; i++) {
                if (i % 3 != 2) {
                    spork_value_free(&out[i]);
                }
            }
            spork_future_free(future);
        }
        assert_memory_is_back();
    }
}

static int64_t leave_at_seven(int64_t number, spork_queue *queue) {
    if (number == 7) {
        native_process_kill(native_pid());
    }
    spork_queue_put(queue, spork_int(number), 0);
    return number;
}
SPORK_TASK(int64_t, leave_at_seven, int64_t, spork_queue *);

TEST(maps_whose_workers_were_killed_give_all_back) {
    needs_processes();
    note_memory();
    for (size_t chunk = 1; chunk <= 20; chunk += 19) {
        leave_at_seven_arguments in[ITEMS];
        int64_t out[ITEMS];
        spork_queue *queue = new_queue();
        spork_pool *pool = new_pool(2);
        for (int64_t i = 0; i < ITEMS; i++) {
            in[i] = (leave_at_seven_arguments){i, queue};
        }
        const spork_map_options options = {.chunk_size = chunk};
        FAILS(SPORK_EWORKERDIED, leave_at_seven_starmap_with(pool, in, ITEMS, out, &options));
        assert_int_equal(spork_queue_size(queue), ITEMS - 1);
        free_pool(pool);
        spork_queue_free(queue);
        assert_memory_is_back();
    }
}

TEST(iterators_give_all_back) {
    note_memory();
    for (int taken = 0; taken <= ITEMS; taken += ITEMS / 2) {
        echo_arguments in[ITEMS];
        spork_queue *queue = new_queue();
        spork_pool *pool = new_pool(2);
        spork_imap *imap = NULL;
        fill_items(in, queue);
        OK(echo_imap(&imap, pool, in, ITEMS, NULL));
        for (int i = 0; i < taken; i++) {
            assert_int_equal(echo_next(imap, NULL, PATIENCE_MS), i % 3 == 2 ? 8 : 0);
        }
        spork_imap_free(imap);
        free_pool(pool);
        spork_queue_free(queue);
        assert_memory_is_back();
    }
}

static int take_queue(spork_queue *queue, int result) {
    return spork_queue_size(queue) == 0 ? result : 1;
}
SPORK_TASK(int, take_queue, spork_queue *, int);

TEST(initializers_and_pools_that_are_broken_give_all_back) {
    note_memory();
    for (int result = 0; result <= 1; result++) {
        spork_queue *queue = new_queue();
        const spork_call call = take_queue_call(queue, result);
        spork_pool *pool =
            new_pool_with((spork_pool_options){.workers = 2, .initializer = &call});
        spork_queue_free(queue);
        queue = new_queue();
        assert_int_equal(take_queue_apply(pool, NULL, queue, 0),
                         result == 0 ? 0 : SPORK_EBROKEN);
        free_pool(pool);
        spork_queue_free(queue);
        assert_memory_is_back();
    }
}

/* Many times, so that what is kept for the next time is no leak. */
TEST(what_a_pool_keeps_for_later_does_not_grow) {
    note_memory();
    spork_pool *pool = new_pool(2);
    spork_queue *queue = new_queue();
    spork_future *futures[TASKS];
    uint64_t kept = 0;
    for (int round = 0; round < 30; round++) {
        give_echoes(pool, queue, futures);
        for (int i = 0; i < TASKS; i++) {
            spork_future_get(futures[i], NULL, PATIENCE_MS);
            assert_true(spork_future_ready(futures[i]));
        }
        free_all(futures);
        OK(spork_pool_poll(pool, NULL));
        if (round == 9) {
            kept = live_bytes();
        }
    }
    assert_in_range(live_bytes(), 0, kept + 2 * LARGE);
    free_pool(pool);
    spork_queue_free(queue);
    assert_memory_is_back();
}

TEST_MAIN
