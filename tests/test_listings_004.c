/* The listings of document 004 that need no pool. */
#include "listings.h"
#include "support_program.h"

#include <stdio.h>

/* ---- Listing 004:33. ---- */

static int process(spork_queue *lines, int index) {
    return put_int(lines, index);
}
SPORK_TASK(int, process, spork_queue *, int);

TEST(five_processes_print_a_line_each) {
    enum { COUNT = 5 };
    spork_queue *lines = new_queue(0);
    spork_process *children[COUNT];
    bool seen[COUNT] = {false};
    for (int i = 0; i < COUNT; i++) {
        children[i] = start(process_call(lines, i));
    }
    for (int i = 0; i < COUNT; i++) {
        join(children[i], 0);
    }
    for (int i = 0; i < COUNT; i++) {
        int64_t index = next_int(lines);
        assert_in_range(index, 0, COUNT - 1);
        assert_false(seen[index]);
        seen[index] = true;
    }
    assert_true(spork_queue_empty(lines));
    spork_queue_free(lines);
}

/* ---- Listing 004:61. ---- */

static int wait_for(spork_semaphore *gate) {
    return spork_semaphore_acquire(gate, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for, spork_semaphore *);

TEST(the_active_children_are_those_that_run) {
    enum { COUNT = 5 };
    spork_semaphore *gate = new_semaphore(0);
    spork_process *children[COUNT];
    spork_process *active[COUNT + 1];
    size_t count = 99;
    assert_true(spork_cpu_count() >= 1);
    for (int i = 0; i < COUNT; i++) {
        children[i] = start(wait_for_call(gate));
    }
    assert_ok(spork_active_children(active, COUNT + 1, &count));
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "Process-%d", i + 1);
        assert_ptr_equal(active[i], children[i]);
        assert_string_equal(spork_process_name(active[i]), name);
        assert_true(spork_process_pid(active[i]) > 0);
    }
    assert_ok(spork_semaphore_release(gate, COUNT));
    for (int i = 0; i < COUNT; i++) {
        assert_ok(spork_process_join(children[i], SOON_MS, NULL));
    }
    assert_ok(spork_active_children(active, COUNT + 1, &count));
    assert_int_equal(count, 0);
    for (int i = 0; i < COUNT; i++) {
        join(children[i], 0);
    }
    spork_semaphore_free(gate);
}

/* ---- Listing 004:105. ---- */

struct counter {
    int loops;
};

static int count_loops(struct counter self) {
    int count = 0;
    while (count < self.loops) {
        spork_sleep_ms(20);
        count++;
    }
    return count;
}
SPORK_PROCESS_KIND(counter, struct counter, count_loops);

static void count_in_three(spork_daemon daemon) {
    const spork_process_options options = {.daemon = daemon};
    spork_process *counters[3];
    for (int i = 0; i < 3; i++) {
        struct counter state = {.loops = i + 2};
        assert_ok(counter_start(&counters[i], state, &options));
        assert_int_equal(spork_process_daemon(counters[i]), daemon == SPORK_DAEMON_YES);
    }
    for (int i = 0; i < 3; i++) {
        join(counters[i], i + 2);
    }
}

TEST(each_of_a_kind_counts_as_far_as_its_state_says) {
    count_in_three(SPORK_DAEMON_DEFAULT);
}

/* ---- Listing 004:186. ---- */

TEST(daemons_that_are_joined_come_to_their_end) {
    count_in_three(SPORK_DAEMON_YES);
}

/* ---- Listing 004:147. ---- */

TEST(daemons_that_are_not_joined_end_with_their_parent) {
    char output[1024];
    int64_t begin = spork_now_ms();
    assert_int_equal(support_run("daemons_listing", "", output, sizeof output), 0);
    assert_string_equal(output, "Main Process ended\n");
    assert_true(spork_now_ms() - begin < SOON_MS); /* Their first line would come then. */
}

/* ---- Listing 004:234. ---- */

TEST(join_returns_after_its_time_out_and_leaves_the_child_alive) {
    enum { WHILE_MS = 200 };
    const spork_process_options options = {.daemon = SPORK_DAEMON_YES};
    spork_semaphore *gate = new_semaphore(0);
    spork_process *child = NULL;
    int exit_code = 77;
    assert_ok(spork_process_start(&child, wait_for_call(gate), &options));
    int64_t begin = spork_now_ms();
    assert_int_equal(spork_process_join(child, WHILE_MS, &exit_code), SPORK_ETIMEDOUT);
    assert_true(spork_now_ms() - begin >= WHILE_MS);
    assert_true(spork_process_alive(child));
    assert_int_equal(exit_code, 77);
    assert_int_equal(spork_process_free(child), SPORK_EBUSY);
    assert_ok(spork_semaphore_release(gate, 1));
    join(child, 0);
    spork_semaphore_free(gate);
}

/* ---- Listing 004:277. ---- */

static void assert_state(spork_process *child, const char *expected) {
    char text[64];
    spork_process_describe(child, text, sizeof text);
    assert_string_equal(text, expected);
}

TEST(terminate_leads_from_started_to_stopped_by_sigterm) {
    if (on_threads()) {
        SKIP("a thread cannot be ended from outside");
    }
    spork_semaphore *gate = new_semaphore(0);
    spork_process *child = NULL;
    char text[64];
    assert_ok(spork_process_new(&child, wait_for_call(gate), NULL));
    assert_state(child, "initial");
    assert_false(spork_process_alive(child));
    assert_ok(spork_process_launch(child));
    assert_state(child, "started");
    assert_true(spork_process_alive(child));
    assert_ok(spork_process_terminate(child));
    spork_process_describe(child, text, sizeof text);
    assert_true(strcmp(text, "started") == 0 || strcmp(text, "stopped[SIGTERM]") == 0);
    assert_ok(spork_process_join(child, SOON_MS, NULL));
    assert_state(child, "stopped[SIGTERM]");
    assert_false(spork_process_alive(child));
    join(child, -15);
    spork_semaphore_free(gate);
}

/* ---- Listing 004:325. ---- */

enum { WRITERS = 5, LINES = 2000 };

static int write_line(FILE *file, int writer, int line) {
    fprintf(file, "Writer: %d ", writer);
    fflush(file);
    fprintf(file, "LoopCount: %d\n", line);
    return fflush(file);
}

static int write_lines(spork_lock *lock, const char *path, int writer) {
    FILE *file = fopen(path, "ab");
    int error = file == NULL ? SPORK_ESYSTEM : 0;
    for (int line = 0; line < LINES && error == 0; line++) {
        error = spork_lock_acquire(lock, SPORK_FOREVER);
        if (error == 0) {
            error = write_line(file, writer, line);
            int released = spork_lock_release(lock);
            error = error != 0 ? error : released;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return error;
}
SPORK_TASK(int, write_lines, spork_lock *, const char *, int);

/* Every line is whole, and each writer's lines are in order. */
static void assert_whole_lines(const char *path) {
    char line[128];
    int next[WRITERS] = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (int i = 0; i < WRITERS * LINES; i++) {
        char expected[128];
        int writer = -1;
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(sscanf(line, "Writer: %d", &writer), 1);
        assert_in_range(writer, 0, WRITERS - 1);
        snprintf(expected, sizeof expected, "Writer: %d LoopCount: %d\n", writer,
                 next[writer]++);
        assert_string_equal(line, expected);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

TEST_SLOW(with_a_lock_no_line_of_ten_thousand_is_broken, 60) {
    char path[512];
    spork_lock *lock = NULL;
    spork_process *writers[WRITERS];
    support_temporary("listing-lines", path, sizeof path);
    remove(path);
    assert_ok(spork_lock_new(&lock, NULL));
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = start(write_lines_call(lock, path, i));
    }
    for (int i = 0; i < WRITERS; i++) {
        int exit_code = -1;
        assert_ok(spork_process_join(writers[i], SPORK_FOREVER, &exit_code));
        assert_int_equal(exit_code, 0);
        assert_ok(spork_process_free(writers[i]));
    }
    assert_whole_lines(path);
    assert_int_equal(remove(path), 0);
    spork_lock_free(lock);
}

/* ---- Listing 004:453. ---- */

enum { ITEMS = 8, ROOM = 2 };

/* What the listing keeps in globals. */
struct shop {
    spork_queue *buffer;
    spork_semaphore *empty;
    spork_semaphore *full;
    spork_lock *lock;
    spork_queue *lines;
};

/* One step of either: takes of one semaphore, gives to the other, and works under the
   lock, where the lines are in the order of the steps. */
static int step(const struct shop *shop, bool produces, int number) {
    int error =
        spork_semaphore_acquire(produces ? shop->empty : shop->full, SPORK_FOREVER);
    if (error == 0) {
        error = spork_lock_acquire(shop->lock, SPORK_FOREVER);
    }
    if (error != 0) {
        return error;
    }
    spork_value item = spork_int(number);
    error = produces ? spork_queue_put(shop->buffer, item, SPORK_FOREVER)
                     : spork_queue_get(shop->buffer, &item, SPORK_FOREVER);
    if (error == 0) {
        spork_value line = SPORK_LIST_OF(spork_bool(produces), item);
        error = spork_queue_put(shop->lines, line, SPORK_FOREVER);
    }
    spork_sleep_ms(5);
    spork_lock_release(shop->lock);
    spork_semaphore_release(produces ? shop->full : shop->empty, 1);
    return error;
}

static int work(bool produces, spork_queue *buffer, spork_semaphore *empty,
                spork_semaphore *full, spork_lock *lock, spork_queue *lines) {
    const struct shop shop = {buffer, empty, full, lock, lines};
    int error = 0;
    for (int i = 0; i < ITEMS && error == 0; i++) {
        error = step(&shop, produces, i);
    }
    return error;
}
SPORK_TASK(int, work, bool, spork_queue *, spork_semaphore *, spork_semaphore *,
           spork_lock *, spork_queue *);

TEST(a_producer_is_at_most_two_items_ahead_of_its_consumer) {
    struct shop shop = {new_queue(10), new_semaphore(ROOM), new_semaphore(0), NULL,
                        new_queue(0)};
    assert_ok(spork_lock_new(&shop.lock, NULL));
    spork_process *consumer = start(
        work_call(false, shop.buffer, shop.empty, shop.full, shop.lock, shop.lines));
    spork_process *producer =
        start(work_call(true, shop.buffer, shop.empty, shop.full, shop.lock, shop.lines));
    join(producer, 0);
    join(consumer, 0);
    int64_t put = 0;
    int64_t got = 0;
    for (int i = 0; i < 2 * ITEMS; i++) {
        spork_value line;
        bool produces = false;
        assert_ok(spork_queue_get_nowait(shop.lines, &line));
        assert_ok(spork_value_get_bool(spork_value_at(&line, 0), &produces));
        assert_int_equal(int_at(&line, 1), produces ? put++ : got++);
        assert_in_range(put - got, 0, ROOM);
        spork_value_free(&line);
    }
    assert_int_equal(put, ITEMS);
    assert_int_equal(got, ITEMS);
    spork_queue_free(shop.buffer);
    spork_queue_free(shop.lines);
    spork_semaphore_free(shop.empty);
    spork_semaphore_free(shop.full);
    spork_lock_free(shop.lock);
}

/* ---- Listing 004:389. ---- */

static spork_queue *global_buffer;

/* What the listing does in Python: the child takes what it uses from a global. */
static int use_global(spork_queue *lines) {
    int error = spork_queue_put(global_buffer, spork_int(1), 1000);
    return spork_queue_put(
        lines, SPORK_LIST_OF(spork_int(error), spork_str(spork_error_detail())),
        SPORK_FOREVER);
}
SPORK_TASK(int, use_global, spork_queue *);

TEST(a_handle_in_a_global_that_the_child_does_not_have_is_a_clear_error) {
    spork_queue *lines = new_queue(0);
    spork_value line;
    const char *detail = NULL;
    global_buffer = new_queue(10);
    spork_process *child = start(use_global_call(lines));
    assert_ok(spork_queue_get(lines, &line, SOON_MS));
    assert_ok(spork_value_get_str(spork_value_at(&line, 1), &detail));
    if (on_copies()) {
        assert_int_equal(int_at(&line, 0), SPORK_OK);
        assert_int_equal(next_int(global_buffer), 1);
    } else {
        assert_int_equal(int_at(&line, 0), SPORK_EINVAL);
        assert_non_null(strstr(detail, "global variable"));
        assert_non_null(strstr(detail, "argument"));
    }
    spork_value_free(&line);
    join(child, 0);
    spork_queue_free(global_buffer);
    spork_queue_free(lines);
}

/* ---- Listing 004:522. ---- */

static int receive(spork_pipe *end, spork_queue *lines, const char *who) {
    spork_value words;
    int error = spork_pipe_recv(end, &words, SPORK_FOREVER);
    if (error == 0) {
        error =
            spork_queue_put(lines, SPORK_LIST_OF(spork_str(who), words), SPORK_FOREVER);
        spork_value_free(&words);
    }
    return error;
}

static int consume(spork_pipe *end, spork_queue *lines) {
    int error = spork_pipe_send(end, spork_str("Consumer Words"), SPORK_FOREVER);
    return error == 0 ? receive(end, lines, "Consumer Received") : error;
}
SPORK_TASK(int, consume, spork_pipe *, spork_queue *);

static int produce(spork_pipe *end, spork_queue *lines) {
    int error = receive(end, lines, "Producer Received");
    return error == 0 ? spork_pipe_send(end, spork_str("Producer Words"), SPORK_FOREVER)
                      : error;
}
SPORK_TASK(int, produce, spork_pipe *, spork_queue *);

TEST(two_children_talk_both_ways_through_one_pipe) {
    spork_pipe *first = NULL;
    spork_pipe *second = NULL;
    spork_queue *lines = new_queue(0);
    assert_ok(spork_pipe_new(&first, &second, NULL));
    spork_process *producer = start(produce_call(first, lines));
    spork_process *consumer = start(consume_call(second, lines));
    join(producer, 0);
    join(consumer, 0);
    /* The consumer gets an answer only after the producer has got the question. */
    assert_next(lines, "['Producer Received', 'Consumer Words']");
    assert_next(lines, "['Consumer Received', 'Producer Words']");
    spork_pipe_free(first);
    spork_pipe_free(second);
    spork_queue_free(lines);
}

TEST_MAIN
