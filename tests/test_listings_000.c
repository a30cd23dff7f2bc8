/* The listings of document 000. 000:143 and 000:389 are examples 06 and 18. */
#include "listings.h"

/* ---- Listing 000:14. ---- */

static int square(spork_queue *lines, int64_t number) {
    return spork_queue_put(lines,
                           SPORK_LIST_OF(spork_str("Square"), spork_int(number * number)),
                           SPORK_FOREVER);
}
SPORK_TASK(int, square, spork_queue *, int64_t);

static int cube(spork_queue *lines, int64_t number) {
    return spork_queue_put(
        lines, SPORK_LIST_OF(spork_str("Cube"), spork_int(number * number * number)),
        SPORK_FOREVER);
}
SPORK_TASK(int, cube, spork_queue *, int64_t);

TEST(square_and_cube_come_in_either_order) {
    spork_queue *lines = new_queue(0);
    spork_process *first = start(square_call(lines, 10));
    spork_process *second = start(cube_call(lines, 10));
    join(first, 0);
    join(second, 0);
    spork_value one;
    spork_value other;
    assert_ok(spork_queue_get_nowait(lines, &one));
    assert_ok(spork_queue_get_nowait(lines, &other));
    bool squared_first = spork_value_compare(&one, &other) > 0;
    assert_prints(squared_first ? &one : &other, "['Square', 100]");
    assert_prints(squared_first ? &other : &one, "['Cube', 1000]");
    spork_value_free(&one);
    spork_value_free(&other);
    assert_true(spork_queue_empty(lines));
    spork_queue_free(lines);
}

/* ---- Listing 000:78. ---- */

static int info(spork_queue *out, const char *name) {
    spork_value report = SPORK_LIST_OF(
        spork_int(spork_process_pid(spork_parent_process())),
        spork_int(spork_process_pid(spork_current_process())), spork_str(name));
    return spork_queue_put(out, report, SPORK_FOREVER);
}
SPORK_TASK(int, info, spork_queue *, const char *);

TEST(a_child_knows_its_own_id_and_that_of_its_parent) {
    spork_queue *out = new_queue(0);
    int64_t own = spork_process_pid(spork_current_process());
    spork_process *child = start(info_call(out, "bob"));
    int64_t pid = spork_process_pid(child);
    spork_value report;
    assert_ok(spork_queue_get(out, &report, SOON_MS));
    assert_true(own > 0);
    assert_null(spork_parent_process());
    assert_int_equal(int_at(&report, 1), pid);
    if (on_threads()) {
        assert_int_equal(pid, own);
    } else {
        assert_int_equal(int_at(&report, 0), own);
        assert_int_not_equal(pid, own);
    }
    assert_prints(spork_value_at(&report, 2), "'bob'");
    spork_value_free(&report);
    join(child, 0);
    spork_queue_free(out);
}

/* ---- Listing 000:119. ---- */

static int say_name(spork_queue *out) {
    const char *name = spork_process_name(spork_current_process());
    return spork_queue_put(out, spork_str(name), SPORK_FOREVER);
}
SPORK_TASK(int, say_name, spork_queue *);

static int have_a_child(spork_queue *out) {
    /* A forked child has a thread of ThreadSanitizer's in it. */
    const spork_process_options options = {.force_fork = true};
    spork_process *child;
    int error = spork_process_start(&child, say_name_call(out), &options);
    if (error == 0) {
        error = spork_process_join(child, SPORK_FOREVER, NULL);
        spork_process_free(child);
    }
    return error;
}
SPORK_TASK(int, have_a_child, spork_queue *);

TEST(default_names_count_up_and_there_is_no_id_before_the_start) {
    spork_queue *out = new_queue(0);
    spork_process *first = NULL;
    spork_process *second = NULL;
    assert_ok(spork_process_new(&first, say_name_call(out), NULL));
    assert_ok(spork_process_new(&second, say_name_call(out), NULL));
    assert_string_equal(spork_process_name(first), "Process-1");
    assert_string_equal(spork_process_name(second), "Process-2");
    assert_int_equal(spork_process_pid(first), -1);
    assert_ok(spork_process_launch(first));
    assert_true(spork_process_pid(first) > 0);
    assert_next(out, "'Process-1'");
    assert_ok(spork_process_launch(second));
    assert_next(out, "'Process-2'");
    join(first, 0);
    join(second, 0);
    spork_queue_free(out);
}

TEST(the_child_of_a_child_has_a_name_of_two_numbers) {
    spork_queue *out = new_queue(0);
    spork_process *child = start(have_a_child_call(out));
    /* Threads have no children of their own: theirs are their process's. */
    assert_next(out, on_threads() ? "'Process-2'" : "'Process-1:1'");
    join(child, 0);
    spork_queue_free(out);
}

/* ---- Listing 000:131. ---- */

static int wait_for(spork_semaphore *gate) {
    return spork_semaphore_acquire(gate, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for, spork_semaphore *);

TEST(a_child_is_alive_after_its_start_and_not_after_terminate_and_join) {
    spork_semaphore *gate = new_semaphore(0);
    spork_process *child = start(wait_for_call(gate));
    assert_true(spork_process_alive(child));
    if (on_threads()) {
        assert_int_equal(spork_process_terminate(child), SPORK_ENOTSUP);
        assert_ok(spork_semaphore_release(gate, 1));
    } else {
        assert_ok(spork_process_terminate(child));
    }
    assert_ok(spork_process_join(child, SOON_MS, NULL));
    assert_false(spork_process_alive(child));
    join(child, on_threads() ? 0 : -15);
    spork_semaphore_free(gate);
}

/* ---- Listing 000:176. ---- */

static int put_list(spork_queue *queue) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    return spork_queue_put(queue, list, SPORK_FOREVER);
}
SPORK_TASK(int, put_list, spork_queue *);

TEST(a_list_comes_through_a_queue_as_it_was) {
    spork_queue *queue = new_queue(0);
    spork_process *child = start(put_list_call(queue));
    assert_next(queue, "[42, None, 'hello']");
    join(child, 0);
    spork_queue_free(queue);
}

/* ---- Listing 000:195. ---- */

static int take_after(spork_queue *queue, int64_t delay_ms) {
    spork_value item;
    spork_sleep_ms(delay_ms);
    int error = spork_queue_get(queue, &item, SPORK_FOREVER);
    spork_value_free(&item);
    return error;
}
SPORK_TASK(int, take_after, spork_queue *, int64_t);

static int put_after(spork_queue *queue, int64_t delay_ms) {
    spork_sleep_ms(delay_ms);
    return put_int(queue, 3);
}
SPORK_TASK(int, put_after, spork_queue *, int64_t);

TEST(a_queue_tells_its_size_and_whether_it_is_empty_or_full) {
    spork_queue *queue = new_queue(2);
    assert_int_equal(spork_queue_maxsize(queue), 2);
    assert_int_equal(spork_queue_size(queue), 0);
    assert_true(spork_queue_empty(queue));
    assert_ok(spork_queue_put_nowait(queue, spork_int(1)));
    assert_int_equal(spork_queue_size(queue), 1);
    assert_false(spork_queue_empty(queue));
    assert_false(spork_queue_full(queue));
    assert_ok(spork_queue_put_nowait(queue, spork_int(2)));
    assert_true(spork_queue_full(queue));
    assert_int_equal(spork_queue_put_nowait(queue, spork_int(3)), SPORK_EFULL);
    assert_next(queue, "1");
    assert_next(queue, "2");
    spork_value item;
    assert_int_equal(spork_queue_get_nowait(queue, &item), SPORK_EEMPTY);
    spork_queue_free(queue);
}

TEST(put_and_get_wait_for_the_other_side_as_long_as_they_are_told) {
    enum { SHORT_MS = 100 };
    spork_queue *queue = new_queue(1);
    spork_value item;
    int64_t begin = spork_now_ms();
    assert_int_equal(spork_queue_get(queue, &item, SHORT_MS), SPORK_EEMPTY);
    assert_true(spork_now_ms() - begin >= SHORT_MS);
    assert_ok(spork_queue_put(queue, spork_int(1), SHORT_MS));
    begin = spork_now_ms();
    assert_int_equal(spork_queue_put(queue, spork_int(2), SHORT_MS), SPORK_EFULL);
    assert_true(spork_now_ms() - begin >= SHORT_MS);

    spork_process *reader = start(take_after_call(queue, SHORT_MS));
    assert_ok(spork_queue_put(queue, spork_int(2), SPORK_FOREVER));
    join(reader, 0);
    assert_next(queue, "2");
    spork_process *writer = start(put_after_call(queue, SHORT_MS));
    assert_int_equal(next_int(queue), 3);
    join(writer, 0);
    spork_queue_free(queue);
}

/* ---- Listing 000:227. ---- */

static int download(spork_queue *queue) {
    int error = 0;
    for (int i = 1; i <= 6 && error == 0; i++) {
        error = put_int(queue, i);
    }
    return error == 0 ? spork_queue_close(queue) : error;
}
SPORK_TASK(int, download, spork_queue *);

static int analyse(spork_queue *queue, spork_queue *result) {
    spork_value all = spork_nil();
    spork_value item;
    while (spork_queue_get(queue, &item, SPORK_FOREVER) == 0) {
        spork_value_append(&all, &item);
        spork_value_free(&item);
    }
    int error = spork_queue_put(result, all, SPORK_FOREVER);
    spork_value_free(&all);
    return error;
}
SPORK_TASK(int, analyse, spork_queue *, spork_queue *);

TEST(the_reader_has_everything_in_order_and_ends_when_nothing_is_left) {
    spork_queue *queue = new_queue(0);
    spork_queue *result = new_queue(0);
    spork_process *writer = start(download_call(queue));
    spork_process *reader = start(analyse_call(queue, result));
    assert_next(result, "[1, 2, 3, 4, 5, 6]");
    join(writer, 0);
    join(reader, 0);
    spork_queue_free(queue);
    spork_queue_free(result);
}

/* ---- Listing 000:274. ---- */

static int send_list(spork_pipe *end) {
    spork_value list = SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello"));
    int error = spork_pipe_send(end, list, SPORK_FOREVER);
    return error == 0 ? spork_pipe_close(end) : error;
}
SPORK_TASK(int, send_list, spork_pipe *);

TEST(a_list_comes_through_a_pipe_and_then_the_end_of_file) {
    spork_pipe *ours = NULL;
    spork_pipe *theirs = NULL;
    spork_value message;
    assert_ok(spork_pipe_new(&ours, &theirs, NULL));
    spork_process *child = start(send_list_call(theirs));
    spork_pipe_free(theirs);
    assert_ok(spork_pipe_recv(ours, &message, SOON_MS));
    assert_prints(&message, "[42, None, 'hello']");
    spork_value_free(&message);
    assert_int_equal(spork_pipe_recv(ours, &message, SOON_MS), SPORK_EEOF);
    join(child, 0);
    spork_pipe_free(ours);
}

/* ---- Listing 000:294. ---- */

static int send_back(spork_pipe *end) {
    spork_value message;
    int error = spork_pipe_recv(end, &message, SPORK_FOREVER);
    if (error == 0) {
        error = spork_pipe_send(end, message, SPORK_FOREVER);
        spork_value_free(&message);
    }
    return error;
}
SPORK_TASK(int, send_back, spork_pipe *);

TEST(a_duplex_pipe_goes_both_ways) {
    spork_pipe *ours = NULL;
    spork_pipe *theirs = NULL;
    spork_value message;
    assert_ok(spork_pipe_new(&ours, &theirs, NULL));
    spork_process *child = start(send_back_call(theirs));
    assert_ok(spork_pipe_send(ours, spork_str("there and back"), SOON_MS));
    assert_ok(spork_pipe_recv(ours, &message, SOON_MS));
    assert_prints(&message, "'there and back'");
    spork_value_free(&message);
    join(child, 0);
    spork_pipe_free(ours);
    spork_pipe_free(theirs);
}

TEST(of_a_one_way_pipe_the_first_end_receives_and_the_second_sends) {
    const spork_pipe_options options = {.one_way = true};
    spork_pipe *receiver = NULL;
    spork_pipe *sender = NULL;
    spork_value message;
    assert_ok(spork_pipe_new(&receiver, &sender, &options));
    assert_true(spork_pipe_readable(receiver));
    assert_false(spork_pipe_writable(receiver));
    assert_false(spork_pipe_readable(sender));
    assert_int_equal(spork_pipe_send(receiver, spork_nil(), 0), SPORK_ESTATE);
    assert_int_equal(spork_pipe_recv(sender, &message, 0), SPORK_ESTATE);
    spork_process *child = start(send_list_call(sender));
    spork_pipe_free(sender);
    assert_ok(spork_pipe_recv(receiver, &message, SOON_MS));
    assert_prints(&message, "[42, None, 'hello']");
    spork_value_free(&message);
    join(child, 0);
    assert_int_equal(spork_pipe_recv(receiver, &message, SOON_MS), SPORK_EEOF);
    spork_pipe_free(receiver);
}

TEST_MAIN
