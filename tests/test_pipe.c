/* Pipes: messages, ends, end-of-file, and deaths. */
#include "support_backings.h"
#include "support_children.h"

enum { MEGABYTE = 1 << 20 };

static void make_pipe(spork_pipe *ends[2], bool one_way) {
    OK(spork_pipe_new(&ends[0], &ends[1],
                      &(spork_pipe_options){.one_way = one_way, .backing = pipe_backing}));
}

static void free_pipe(spork_pipe *ends[2]) {
    spork_pipe_free(ends[0]);
    spork_pipe_free(ends[1]);
}

static int receive_int(spork_pipe *end, int64_t *number, int64_t timeout_ms) {
    spork_value value;
    int error = spork_pipe_recv(end, &value, timeout_ms);
    if (error == 0) {
        error = spork_value_get_int(&value, number);
        spork_value_free(&value);
    }
    return error;
}

/* ---- messages ---- */

PIPE_TEST_ONCE(both_ends_of_a_duplex_pipe_send_and_receive) {
    spork_pipe *ends[2];
    char buffer[16];
    size_t size;
    make_pipe(ends, false);
    OK(spork_pipe_send_bytes(ends[0], "there", 5, 0));
    OK(spork_pipe_send_bytes(ends[1], "back", 4, 0));
    OK(spork_pipe_recv_bytes(ends[0], buffer, sizeof buffer, &size, 0));
    assert_true(size == 4 && memcmp(buffer, "back", 4) == 0);
    OK(spork_pipe_recv_bytes(ends[1], buffer, sizeof buffer, &size, 0));
    assert_true(size == 5 && memcmp(buffer, "there", 5) == 0);
    for (int i = 0; i < 2; i++) {
        assert_true(spork_pipe_readable(ends[i]) && spork_pipe_writable(ends[i]));
        FAILS(SPORK_EWOULDBLOCK, spork_pipe_recv_bytes(ends[i], buffer, 16, &size, 0));
    }
    free_pipe(ends);
}

PIPE_TEST_ONCE(of_a_one_way_pipe_the_first_end_receives_and_the_second_sends) {
    spork_pipe *ends[2];
    char byte;
    size_t size;
    spork_value value;
    make_pipe(ends, true);
    assert_true(spork_pipe_readable(ends[0]) && !spork_pipe_writable(ends[0]));
    assert_true(!spork_pipe_readable(ends[1]) && spork_pipe_writable(ends[1]));
    FAILS(SPORK_ESTATE, spork_pipe_send_bytes(ends[0], "x", 1, 0));
    FAILS(SPORK_ESTATE, spork_pipe_send(ends[0], spork_nil(), 0));
    FAILS(SPORK_ESTATE, spork_pipe_recv_bytes(ends[1], &byte, 1, &size, 0));
    FAILS(SPORK_ESTATE, spork_pipe_recv(ends[1], &value, 0));
    FAILS(SPORK_ESTATE, spork_pipe_poll(ends[1], 0));
    OK(spork_pipe_send_bytes(ends[1], "x", 1, 0));
    OK(spork_pipe_recv_bytes(ends[0], &byte, 1, &size, 0));
    free_pipe(ends);
}

PIPE_TEST_ONCE(a_message_of_110_bytes_stays_when_the_buffer_has_40) {
    spork_pipe *ends[2];
    unsigned char data[110];
    unsigned char buffer[110];
    size_t size = 0;
    make_pipe(ends, false);
    fill_pattern(data, sizeof data, 1);
    OK(spork_pipe_send_bytes(ends[0], data, sizeof data, 0));
    OK(spork_pipe_send_bytes(ends[0], "next", 4, 0));
    FAILS(SPORK_ETOOSHORT, spork_pipe_recv_bytes(ends[1], buffer, 40, &size, 0));
    assert_int_equal(size, 110);
    FAILS(SPORK_ETOOSHORT, spork_pipe_recv_bytes(ends[1], buffer, 109, &size, 0));
    OK(spork_pipe_recv_bytes(ends[1], buffer, 110, &size, 0));
    assert_true(size == 110 && is_pattern(buffer, 110, 1));
    OK(spork_pipe_recv_bytes(ends[1], buffer, 110, &size, 0));
    assert_int_equal(size, 4);
    free_pipe(ends);
}

PIPE_TEST_ONCE(an_empty_message_is_a_message_and_none_are_merged) {
    spork_pipe *ends[2];
    char buffer[16];
    size_t size = 1;
    make_pipe(ends, false);
    OK(spork_pipe_send_bytes(ends[0], NULL, 0, 0));
    OK(spork_pipe_send_bytes(ends[0], "a", 1, 0));
    OK(spork_pipe_send_bytes(ends[0], "", 0, 0));
    OK(spork_pipe_send_bytes(ends[0], "bc", 2, 0));
    OK(spork_pipe_poll(ends[1], 0));
    for (size_t i = 0; i < 4; i++) {
        static const size_t sizes[] = {0, 1, 0, 2};
        OK(spork_pipe_recv_bytes(ends[1], buffer, sizeof buffer, &size, 0));
        assert_int_equal(size, sizes[i]);
    }
    FAILS(SPORK_EWOULDBLOCK, spork_pipe_recv_bytes(ends[1], buffer, 1, &size, 0));
    free_pipe(ends);
}

PIPE_TEST_ONCE(asking_for_bytes_where_there_is_a_value_keeps_it) {
    spork_pipe *ends[2];
    char buffer[16];
    size_t size;
    int64_t number = 0;
    make_pipe(ends, false);
    OK(spork_pipe_send(ends[0], spork_int(77), 0));
    FAILS(SPORK_ETYPE, spork_pipe_recv_bytes(ends[1], buffer, 16, &size, 0));
    OK(receive_int(ends[1], &number, 0));
    assert_int_equal(number, 77);
    free_pipe(ends);
}

static int echo_once(spork_pipe *end, int64_t capacity) {
    unsigned char *buffer = malloc((size_t)capacity);
    size_t size;
    EXPECT(buffer != NULL);
    EXPECT(spork_pipe_recv_bytes(end, buffer, (size_t)capacity, &size, PATIENCE_MS) == 0);
    EXPECT(spork_pipe_send_bytes(end, buffer, size, PATIENCE_MS) == 0);
    free(buffer);
    return 0;
}
SPORK_TASK(int, echo_once, spork_pipe *, int64_t);

PIPE_TEST_SLOW(sixteen_megabytes_come_back_as_they_went, 60) {
    enum { SIZE = 16 * MEGABYTE };
    spork_pipe *ends[2];
    unsigned char *data = malloc(SIZE);
    size_t size = 0;
    assert_non_null(data);
    make_pipe(ends, false);
    fill_pattern(data, SIZE, 9);
    spork_process *child = start(echo_once_call(ends[1], SIZE));
    OK(spork_pipe_send_bytes(ends[0], data, SIZE, PATIENCE_MS));
    memset(data, 0, SIZE);
    OK(spork_pipe_recv_bytes(ends[0], data, SIZE, &size, PATIENCE_MS));
    assert_true(size == SIZE && is_pattern(data, SIZE, 9));
    finish(child);
    free(data);
    free_pipe(ends);
}

/* ---- waiting ---- */

PIPE_TEST_ONCE(a_send_into_a_full_pipe_waits_until_its_time_out) {
    spork_pipe *ends[2];
    char byte;
    size_t size;
    int sent = 0;
    make_pipe(ends, false);
    while (sent < 100000 && spork_pipe_send_bytes(ends[0], "x", 1, 0) == 0) {
        sent++;
    }
    assert_true(sent >= 32 && sent < 100000);
    FAILS(SPORK_EWOULDBLOCK, spork_pipe_send_bytes(ends[0], "y", 1, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_pipe_send_bytes(ends[0], "y", 1, 100));
    assert_true(spork_now_ms() - begin >= 99 && spork_now_ms() - begin < 1000);
    for (int i = 0; i < sent; i++) {
        OK(spork_pipe_recv_bytes(ends[1], &byte, 1, &size, PATIENCE_MS));
        assert_int_equal(byte, 'x');
    }
    OK(spork_pipe_send_bytes(ends[0], "z", 1, PATIENCE_MS));
    OK(spork_pipe_recv_bytes(ends[1], &byte, 1, &size, PATIENCE_MS));
    assert_int_equal(byte, 'z');
    free_pipe(ends);
}

PIPE_TEST_ONCE(a_poll_and_a_receive_give_up_after_their_time_out) {
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    FAILS(SPORK_EWOULDBLOCK, spork_pipe_poll(ends[0], 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_pipe_poll(ends[0], 60));
    FAILS(SPORK_ETIMEDOUT, receive_int(ends[0], &number, 60));
    assert_true(spork_now_ms() - begin >= 118 && spork_now_ms() - begin < 1000);
    FAILS(SPORK_EINVAL, spork_pipe_poll(ends[0], -2));
    OK(spork_pipe_send(ends[1], spork_int(1), 0));
    OK(spork_pipe_poll(ends[0], SPORK_FOREVER));
    OK(spork_pipe_poll(ends[0], 0));
    OK(receive_int(ends[0], &number, 0));
    free_pipe(ends);
}

static int send_numbers(spork_pipe *end, int64_t sender, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        EXPECT(spork_pipe_send(end, spork_int(sender * 100000 + i), PATIENCE_MS) == 0);
    }
    return 0;
}
SPORK_TASK(int, send_numbers, spork_pipe *, int64_t, int64_t);

PIPE_TEST(many_may_send_at_one_end_each_in_its_order) {
    enum { SENDERS = 4, EACH = 1000 };
    spork_pipe *ends[2];
    spork_process *children[SENDERS];
    int64_t next[SENDERS] = {0};
    make_pipe(ends, true);
    for (int i = 0; i < SENDERS; i++) {
        children[i] = start(send_numbers_call(ends[1], i, EACH));
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        int64_t number;
        OK(receive_int(ends[0], &number, PATIENCE_MS));
        assert_int_equal(number % 100000, next[number / 100000]);
        next[number / 100000]++;
    }
    for (int i = 0; i < SENDERS; i++) {
        finish(children[i]);
    }
    free_pipe(ends);
}

/* ---- the ends ---- */

enum { SENDERS = 4, SENT_BY_EACH = 10 };

static int send_ten(spork_pipe *end) {
    for (int64_t i = 0; i < SENT_BY_EACH; i++) {
        EXPECT(spork_pipe_send(end, spork_int(i), PATIENCE_MS) == 0);
        spork_sleep_ms(i % 3);
    }
    return 0;
}
SPORK_TASK(int, send_ten, spork_pipe *);

/* Takes what can be had without waiting: each in its order, then end-of-file. Whether there
   was anything. */
static bool take_what_is_there(spork_pipe *end, int64_t *next, int *ended) {
    int64_t number = -1;
    int error = spork_pipe_poll(end, 0);
    if (error == SPORK_EWOULDBLOCK) {
        return false;
    }
    OK(error);
    error = receive_int(end, &number, 0);
    if (error == SPORK_EEOF) {
        assert_int_equal(*next, SENT_BY_EACH);
        (*ended)++;
        *next = -1;
        return true;
    }
    OK(error);
    assert_int_equal(number, *next);
    (*next)++;
    return true;
}

PIPE_TEST(who_polls_the_pipes_of_four_children_sees_all_ten_messages_of_each) {
    spork_pipe *ends[SENDERS][2];
    spork_process *children[SENDERS];
    int64_t next[SENDERS] = {0};
    int ended = 0;
    for (int i = 0; i < SENDERS; i++) {
        make_pipe(ends[i], true);
        children[i] = start(send_ten_call(ends[i][1]));
        spork_pipe_free(ends[i][1]);
    }
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (ended < SENDERS) {
        bool any = false;
        for (int i = 0; i < SENDERS; i++) {
            any |= next[i] >= 0 && take_what_is_there(ends[i][0], &next[i], &ended);
        }
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(any ? 0 : 1);
    }
    for (int i = 0; i < SENDERS; i++) {
        finish(children[i]);
        spork_pipe_free(ends[i][0]);
    }
}

PIPE_TEST_ONCE(what_was_sent_before_the_end_was_freed_is_received_then_end_of_file) {
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    OK(spork_pipe_send(ends[1], spork_int(1), 0));
    OK(spork_pipe_send(ends[1], spork_int(2), 0));
    spork_pipe_free(ends[1]);
    OK(spork_pipe_poll(ends[0], 0));
    OK(receive_int(ends[0], &number, 0));
    OK(receive_int(ends[0], &number, SPORK_FOREVER));
    assert_int_equal(number, 2);
    OK(spork_pipe_poll(ends[0], 0));
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, 0));
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, SPORK_FOREVER));
    FAILS(SPORK_EPIPE, spork_pipe_send(ends[0], spork_int(3), SPORK_FOREVER));
    spork_pipe_free(ends[0]);
}

PIPE_TEST_ONCE(a_closed_end_is_of_no_use_and_gone_for_the_other) {
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    OK(spork_pipe_close(ends[1]));
    FAILS(SPORK_ECLOSED, spork_pipe_close(ends[1]));
    FAILS(SPORK_ECLOSED, spork_pipe_send(ends[1], spork_int(1), 0));
    FAILS(SPORK_ECLOSED, receive_int(ends[1], &number, 0));
    FAILS(SPORK_ECLOSED, spork_pipe_poll(ends[1], 0));
    assert_false(spork_pipe_readable(ends[1]));
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, SPORK_FOREVER));
    free_pipe(ends);
}

static int send_two_and_end(spork_pipe *end) {
    return spork_pipe_send(end, spork_int(1), 0) != 0 ||
           spork_pipe_send(end, spork_int(2), 0) != 0;
}
SPORK_TASK(int, send_two_and_end, spork_pipe *);

PIPE_TEST(the_end_of_a_child_is_end_of_file_though_the_parent_still_has_both_ends) {
    needs_a_process_to_kill();
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    spork_process *child = start(send_two_and_end_call(ends[1]));
    OK(receive_int(ends[0], &number, PATIENCE_MS));
    OK(receive_int(ends[0], &number, PATIENCE_MS));
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, PATIENCE_MS));
    FAILS(SPORK_EPIPE, spork_pipe_send(ends[0], spork_int(3), PATIENCE_MS));
    finish(child);
    free_pipe(ends);
}

PIPE_TEST(it_is_end_of_file_too_when_the_child_was_joined_before_anybody_looked) {
    needs_a_process_to_kill();
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    finish(start(send_two_and_end_call(ends[1])));
    OK(receive_int(ends[0], &number, 0));
    OK(receive_int(ends[0], &number, 0));
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, 2000));
    free_pipe(ends);
}

static int say_and_wait(spork_pipe *end) {
    int64_t number;
    EXPECT(spork_pipe_send(end, spork_int(1), 0) == 0);
    return receive_int(end, &number, SPORK_FOREVER);
}
SPORK_TASK(int, say_and_wait, spork_pipe *);

PIPE_TEST(the_killing_of_a_child_is_end_of_file_and_a_broken_pipe) {
    needs_a_process_to_kill();
    spork_pipe *ends[2];
    int64_t number;
    make_pipe(ends, false);
    spork_process *child = start(say_and_wait_call(ends[1]));
    OK(receive_int(ends[0], &number, PATIENCE_MS));
    OK(spork_process_kill(child));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_EEOF, receive_int(ends[0], &number, PATIENCE_MS));
    assert_true(spork_now_ms() - begin < 1000);
    OK(spork_pipe_poll(ends[0], 0));
    FAILS(SPORK_EPIPE, spork_pipe_send(ends[0], spork_int(3), PATIENCE_MS));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
    free_pipe(ends);
}

/* Reports how long it took from the last message to end-of-file. */
static int read_to_end(spork_pipe *end, spork_queue *report) {
    int64_t number;
    int64_t last = spork_now_ms();
    int error;
    while ((error = receive_int(end, &number, PATIENCE_MS)) == 0) {
        EXPECT(spork_queue_put(report, spork_int(-1), 0) == 0);
        last = spork_now_ms();
    }
    EXPECT(error == SPORK_EEOF);
    EXPECT(spork_queue_put(report, spork_int(spork_now_ms() - last), 0) == 0);
    return 0;
}
SPORK_TASK(int, read_to_end, spork_pipe *, spork_queue *);

PIPE_TEST(a_sibling_sees_the_end_of_a_killed_one_while_the_parent_is_busy_elsewhere) {
    needs_a_process_to_kill();
    spork_pipe *ends[2];
    spork_queue *report = NULL;
    OK(spork_queue_new(&report, NULL));
    make_pipe(ends, false);
    spork_process *reader = start(read_to_end_call(ends[0], report));
    spork_process *writer = start(say_and_wait_call(ends[1]));
    free_pipe(ends);
    assert_true(wait_for_items(report, 1));
    OK(spork_process_kill(writer));
    /* Nothing here waits in the family, or looks after the dead. */
    int64_t begin = spork_now_ms();
    while (spork_queue_size(report) < 2 && spork_now_ms() - begin < 5000) {
        spork_sleep_ms(2);
    }
    assert_true(spork_now_ms() - begin < 1000);
    OK(spork_process_join(writer, PATIENCE_MS, NULL));
    OK(spork_process_free(writer));
    finish(reader);
    spork_queue_free(report);
}

PIPE_TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_pipe *ends[2];
    spork_value value;
    size_t size;
    FAILS(SPORK_EINVAL, spork_pipe_new(NULL, &ends[1], NULL));
    FAILS(SPORK_EINVAL, spork_pipe_new(&ends[0], NULL, NULL));
    FAILS(SPORK_EINVAL, spork_pipe_new(&ends[0], &ends[1], &(spork_pipe_options){.backing = 3}));
    const spork_pipe_options named = {.backing = SPORK_PIPE_NAMED};
    if (native_is_windows()) {
        OK(spork_pipe_new(&ends[0], &ends[1], &named));
        free_pipe(ends);
    } else {
        FAILS(SPORK_ENOTSUP, spork_pipe_new(&ends[0], &ends[1], &named));
    }
    make_pipe(ends, false);
    FAILS(SPORK_EINVAL, spork_pipe_send_bytes(NULL, "x", 1, 0));
    FAILS(SPORK_EINVAL, spork_pipe_send_bytes(ends[0], NULL, 1, 0));
    FAILS(SPORK_EINVAL, spork_pipe_recv(ends[0], NULL, 0));
    FAILS(SPORK_EINVAL, spork_pipe_recv(NULL, &value, 0));
    FAILS(SPORK_EINVAL, spork_pipe_recv_bytes(ends[0], NULL, 1, &size, 0));
    FAILS(SPORK_EINVAL, spork_pipe_recv_bytes(ends[0], &size, 1, NULL, 0));
    FAILS(SPORK_EINVAL, spork_pipe_poll(NULL, 0));
    FAILS(SPORK_EINVAL, spork_pipe_close(NULL));
    assert_false(spork_pipe_readable(NULL) || spork_pipe_writable(NULL));
    spork_pipe_free(NULL);
    free_pipe(ends);
}

TEST_MAIN
