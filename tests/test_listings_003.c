/* The listings of document 003 that need no pool. */
#include "listings.h"
#include "support_program.h"

/* ---- Listing 003:56. ---- */

static int run(spork_queue *lines, const char *what, const char *kind) {
    spork_value line =
        SPORK_LIST_OF(spork_str(spork_process_name(spork_current_process())),
                      spork_str(what), spork_str(kind));
    return spork_queue_put(lines, line, SPORK_FOREVER);
}
SPORK_TASK(int, run, spork_queue *, const char *, const char *);

TEST(a_process_without_a_name_is_called_process_1) {
    spork_queue *lines = new_queue(0);
    spork_process *process = start(run_call(lines, "我是传入的参数", NULL));
    assert_string_equal(spork_process_name(process), "Process-1");
    assert_next(lines, "['Process-1', '我是传入的参数', None]");
    join(process, 0);
    spork_queue_free(lines);
}

TEST(processes_may_be_given_names_in_any_script) {
    const spork_process_options options[] = {{.name = "自定义子进程1"},
                                             {.name = "自定义子进程2"}};
    spork_queue *lines = new_queue(0);
    spork_process *first = NULL;
    spork_process *second = NULL;
    assert_ok(
        spork_process_start(&first, run_call(lines, "我是子进程1", "男"), &options[0]));
    assert_string_equal(spork_process_name(first), "自定义子进程1");
    assert_next(lines, "['自定义子进程1', '我是子进程1', '男']");
    assert_ok(
        spork_process_start(&second, run_call(lines, "我是子进程2", "女"), &options[1]));
    assert_string_equal(spork_process_name(second), "自定义子进程2");
    assert_next(lines, "['自定义子进程2', '我是子进程2', '女']");
    join(first, 0);
    join(second, 0);
    spork_queue_free(lines);
}

/* ---- Listing 003:110. ---- */

struct custom {
    char name[32];
};

static int check_name(struct custom self) {
    return strcmp(self.name, "类创建进程") == 0 ? 5 : 6;
}
SPORK_PROCESS_KIND(custom, struct custom, check_name);

TEST(a_kind_of_process_runs_its_task_with_its_state) {
    struct custom state = {.name = "类创建进程"};
    spork_process *process = NULL;
    assert_ok(custom_start(&process, state, NULL));
    join(process, 5);
}

TEST(a_process_with_nothing_to_run_ends_with_0) {
    join(start(spork_no_call()), 0);
}

/* ---- Listing 003:186. ---- */

TEST(a_program_without_the_guard_is_told_so_and_starts_nothing) {
    char output[4096];
    int64_t begin = spork_now_ms();
    int exit_code = support_run("guard_listing", "wrong", output, sizeof output);
    assert_int_equal(exit_code, 1);
    assert_non_null(strstr(output, "SPORK_ENOGUARD: "));
    assert_non_null(strstr(output, "spork_init"));
    assert_int_equal(support_count(output, "main begins"), 1);
    assert_int_equal(support_count(output, "hehe"), 0);
    assert_true(spork_now_ms() - begin < SOON_MS);
}

TEST(the_same_program_with_the_guard_runs) {
    char output[4096];
    assert_int_equal(support_run("guard_listing", "right", output, sizeof output), 0);
    assert_int_equal(support_count(output, "I am process 'hehe'\n"), 1);
    assert_int_equal(support_count(output, "the child has ended\n"), 1);
}

/* ---- Listing 003:279. ---- */

static int number = 10;

static int add(spork_queue *lines, int amount) {
    number += amount;
    return put_int(lines, number);
}
SPORK_TASK(int, add, spork_queue *, int);

TEST(globals_are_each_process_s_own) {
    spork_queue *lines = new_queue(0);
    spork_process *first = start(add_call(lines, 1));
    assert_int_equal(next_int(lines), 11);
    join(first, 0);
    spork_process *second = start(add_call(lines, 2));
    /* Threads share them: that is what threads are for. */
    assert_int_equal(next_int(lines), on_threads() ? 13 : 12);
    join(second, 0);
    assert_int_equal(number, on_threads() ? 13 : 10);
    spork_queue_free(lines);
}

/* ---- Listing 003:408. ---- */

static int put_fourth(spork_queue *queue, spork_queue *done) {
    int error = spork_queue_put(queue, spork_str("存入消息4"), SPORK_FOREVER);
    return error == 0 ? put_int(done, 1) : error;
}
SPORK_TASK(int, put_fourth, spork_queue *, spork_queue *);

static spork_queue *queue_of_three(void) {
    spork_queue *queue = new_queue(3);
    assert_ok(spork_queue_put(queue, spork_str("存入消息1"), SPORK_FOREVER));
    assert_ok(spork_queue_put(queue, spork_str("存入消息2"), SPORK_FOREVER));
    assert_ok(spork_queue_put(queue, spork_str("存入消息3"), SPORK_FOREVER));
    return queue;
}

TEST(the_fourth_put_into_a_queue_of_three_waits_for_room) {
    enum { WHILE_MS = 150 };
    spork_queue *queue = queue_of_three();
    spork_queue *done = new_queue(0);
    spork_process *child = start(put_fourth_call(queue, done));
    spork_value item;
    assert_int_equal(spork_queue_get(done, &item, WHILE_MS), SPORK_EEMPTY);
    assert_int_equal(spork_queue_size(queue), 3);
    assert_next(queue, "'存入消息1'");
    assert_int_equal(next_int(done), 1);
    assert_next(queue, "'存入消息2'");
    assert_next(queue, "'存入消息3'");
    assert_next(queue, "'存入消息4'");
    join(child, 0);
    spork_queue_free(queue);
    spork_queue_free(done);
}

TEST_ONCE(the_fourth_put_with_a_time_out_says_full) {
    enum { WHILE_MS = 100 };
    spork_queue *queue = queue_of_three();
    int64_t begin = spork_now_ms();
    assert_int_equal(spork_queue_put(queue, spork_str("存入消息4"), WHILE_MS),
                     SPORK_EFULL);
    assert_true(spork_now_ms() - begin >= WHILE_MS);
    assert_int_equal(spork_queue_size(queue), 3);
    spork_queue_free(queue);
}

/* ---- Listing 003:431. ---- */

TEST_ONCE(messages_are_read_in_the_order_in_which_they_were_put) {
    spork_queue *queue = queue_of_three();
    assert_next(queue, "'存入消息1'");
    assert_next(queue, "'存入消息2'");
    assert_next(queue, "'存入消息3'");
    assert_true(spork_queue_empty(queue));
    spork_queue_free(queue);
}

TEST_ONCE(reading_an_empty_queue_without_waiting_says_empty) {
    spork_queue *queue = new_queue(3);
    spork_value item;
    assert_int_equal(spork_queue_get(queue, &item, 0), SPORK_EEMPTY);
    spork_queue_free(queue);
}

TEST_ONCE(reading_an_empty_queue_waits_as_long_as_it_is_told) {
    enum { WHILE_MS = 300 };
    spork_queue *queue = new_queue(3);
    spork_value item;
    int64_t begin = spork_now_ms();
    assert_int_equal(spork_queue_get(queue, &item, WHILE_MS), SPORK_EEMPTY);
    int64_t waited = spork_now_ms() - begin;
    assert_true(waited >= WHILE_MS);
    assert_true(waited < SOON_MS);
    spork_queue_free(queue);
}

/* ---- Listing 003:464. ---- */

TEST_ONCE(what_was_put_can_be_got_at_once) {
    enum { ROUNDS = 2000 };
    spork_queue *queue = new_queue(3);
    spork_value item;
    for (int i = 0; i < ROUNDS; i++) {
        assert_ok(spork_queue_put(queue, spork_int(i), SPORK_FOREVER));
        assert_false(spork_queue_empty(queue));
        assert_int_equal(spork_queue_size(queue), 1);
        assert_ok(spork_queue_get_nowait(queue, &item));
        assert_int_equal(item.as.integer, i);
        assert_true(spork_queue_empty(queue));
    }
    spork_queue_free(queue);
}

/* ---- Listing 003:485. ---- */

TEST_ONCE(get_nowait_of_an_empty_queue_says_empty_at_once) {
    spork_queue *queue = new_queue(3);
    spork_value item = spork_int(5);
    int64_t begin = spork_now_ms();
    assert_int_equal(spork_queue_get_nowait(queue, &item), SPORK_EEMPTY);
    assert_true(spork_now_ms() - begin < 1000);
    assert_int_equal(item.as.integer, 5);
    spork_queue_free(queue);
}

/* ---- Listing 003:500. ---- */

TEST_ONCE(empty_is_false_at_once_after_a_put) {
    spork_queue *queue = new_queue(3);
    assert_true(spork_queue_empty(queue));
    assert_ok(spork_queue_put(queue, spork_str("1"), SPORK_FOREVER));
    assert_false(spork_queue_empty(queue));
    spork_queue_free(queue);
}

/* ---- Listing 003:524. ---- */

TEST_ONCE(a_queue_is_full_at_its_size_and_not_before) {
    spork_queue *queue = new_queue(3);
    assert_ok(spork_queue_put(queue, spork_int(1), SPORK_FOREVER));
    assert_ok(spork_queue_put(queue, spork_int(2), SPORK_FOREVER));
    assert_false(spork_queue_full(queue));
    assert_ok(spork_queue_put(queue, spork_int(3), SPORK_FOREVER));
    assert_true(spork_queue_full(queue));
    spork_queue_free(queue);
}

/* ---- Listing 003:553. ---- */

static int write_items(spork_queue *queue, int count) {
    int error = 0;
    for (int i = 0; i < count && error == 0; i++) {
        error = put_int(queue, i);
    }
    return error;
}
SPORK_TASK(int, write_items, spork_queue *, int);

/* The writer has ended, so what is empty stays empty. */
static int read_items(spork_queue *queue, spork_queue *read) {
    spork_value item;
    int error = 0;
    while (error == 0 && spork_queue_get_nowait(queue, &item) == 0) {
        error = spork_queue_put(read, item, SPORK_FOREVER);
        spork_value_free(&item);
    }
    return error;
}
SPORK_TASK(int, read_items, spork_queue *, spork_queue *);

static void read_by_two(int count) {
    spork_queue *queue = new_queue(0);
    spork_queue *read = new_queue(0);
    join(start(write_items_call(queue, count)), 0);
    assert_int_equal(spork_queue_size(queue), count);
    spork_process *first = start(read_items_call(queue, read));
    spork_process *second = start(read_items_call(queue, read));
    join(first, 0);
    join(second, 0);
    assert_true(spork_queue_empty(queue));
    assert_int_equal(spork_queue_size(read), count);
    char *seen = test_calloc((size_t)count, 1);
    for (int i = 0; i < count; i++) {
        int64_t item = next_int(read);
        assert_in_range(item, 0, count - 1);
        assert_int_equal(seen[item], 0);
        seen[item] = 1;
    }
    test_free(seen);
    spork_queue_free(queue);
    spork_queue_free(read);
}

TEST(two_readers_get_each_item_once) {
    read_by_two(6);
    read_by_two(2000);
}

/* ---- Listing 003:609. ---- */

static int relay(int reader, spork_queue *from, spork_queue *to, spork_queue *lines) {
    spork_value item;
    int error = 0;
    while (error == 0 && spork_queue_get(from, &item, SPORK_FOREVER) == 0) {
        error =
            spork_queue_put(lines, SPORK_LIST_OF(spork_int(reader), item), SPORK_FOREVER);
        if (error == 0) {
            error = spork_queue_put(to, item, SPORK_FOREVER);
        }
        spork_value_free(&item);
    }
    return error == 0 ? spork_queue_close(to) : error;
}
SPORK_TASK(int, relay, int, spork_queue *, spork_queue *, spork_queue *);

TEST(both_readers_see_everything_when_the_first_hands_it_on) {
    enum { ITEMS = 6 };
    spork_queue *first = new_queue(0);
    spork_queue *second = new_queue(0);
    spork_queue *rest = new_queue(0);
    spork_queue *lines = new_queue(0);
    join(start(write_items_call(first, ITEMS)), 0);
    assert_ok(spork_queue_close(first));
    spork_process *readers[] = {start(relay_call(1, first, second, lines)),
                                start(relay_call(2, second, rest, lines))};
    join(readers[0], 0);
    join(readers[1], 0);
    assert_int_equal(spork_queue_size(lines), 2 * ITEMS);
    int64_t next[3] = {0, 0, 0};
    for (int i = 0; i < 2 * ITEMS; i++) {
        spork_value line;
        assert_ok(spork_queue_get_nowait(lines, &line));
        int64_t reader = int_at(&line, 0);
        assert_in_range(reader, 1, 2);
        assert_int_equal(int_at(&line, 1), next[reader]++);
        spork_value_free(&line);
    }
    assert_int_equal(next[1], ITEMS);
    assert_int_equal(next[2], ITEMS);
    spork_queue_free(first);
    spork_queue_free(second);
    spork_queue_free(rest);
    spork_queue_free(lines);
}

TEST_MAIN
