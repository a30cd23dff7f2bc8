/* The listings of document 002 that need no manager. 002:99 is marked in example 28. */
#include "listings.h"

/* ---- Listing 002:7. ---- */

/* The child's side of the fork; it must not go on with its parent's test. */
static _Noreturn void tell_and_exit(spork_queue *queue) {
    spork_value report =
        SPORK_LIST_OF(spork_int(spork_process_pid(spork_current_process())),
                      spork_int(spork_process_pid(spork_parent_process())));
    exit(spork_queue_put(queue, report, SOON_MS) == 0 ? 0 : 1);
}

TEST_ONCE(after_a_fork_both_sides_go_on) {
    spork_queue *queue = new_queue(0);
    int64_t own = spork_process_pid(spork_current_process());
    int64_t pid = -1;
    int error = spork_fork(&pid, false);
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        assert_int_equal(error, SPORK_ENOTSUP);
        assert_non_null(strstr(spork_error_detail(), "fork"));
        spork_queue_free(queue);
        return;
    }
    assert_ok(error);
    if (pid == 0) {
        tell_and_exit(queue);
    }
    spork_value report;
    assert_ok(spork_queue_get(queue, &report, SOON_MS));
    assert_int_equal(int_at(&report, 0), pid);
    assert_int_equal(int_at(&report, 1), own);
    assert_int_not_equal(pid, own);
    spork_value_free(&report);
    spork_queue_free(queue);
}

/* ---- Listing 002:32. ---- */

static int do_something(int64_t duration_ms) {
    spork_sleep_ms(duration_ms);
    return 3;
}
SPORK_TASK(int, do_something, int64_t);

TEST(a_process_has_no_id_before_its_start_and_one_after) {
    spork_process *process = NULL;
    assert_ok(spork_process_new(&process, do_something_call(50), NULL));
    assert_int_equal(spork_process_pid(process), -1);
    assert_ok(spork_process_launch(process));
    int64_t pid = spork_process_pid(process);
    assert_true(pid > 0);
    assert_ok(spork_process_join(process, SOON_MS, NULL));
    assert_int_equal(spork_process_pid(process), pid);
    join(process, 3);
}

/* ---- Listing 002:59. ---- */

struct worker {
    int64_t duration_ms;
    int result;
};

static int work(struct worker self) {
    spork_sleep_ms(self.duration_ms);
    return self.result;
}
SPORK_PROCESS_KIND(worker, struct worker, work);

TEST(a_kind_of_process_has_its_state_and_its_run) {
    const spork_process_options options = {.name = "a worker"};
    struct worker state = {.duration_ms = 10, .result = 7};
    spork_process *first = NULL;
    spork_process *second = NULL;
    assert_ok(worker_new(&first, state, &options));
    state.result = 8; /* The first one has its own state already. */
    assert_ok(worker_start(&second, state, NULL));
    assert_ok(spork_process_launch(first));
    assert_string_equal(spork_process_name(first), "a worker");
    join(first, 7);
    join(second, 8);
}

/* ---- Listing 002:67. ---- */

TEST(a_result_is_got_when_its_pool_has_been_joined) {
    spork_pool *pool = NULL;
    do_something_future future;
    int result = 0;
    assert_ok(spork_pool_new(&pool, NULL));
    assert_int_equal(spork_pool_workers(pool), spork_cpu_count());
    assert_ok(do_something_apply_async(&future, pool, 50));
    close_and_join(pool);
    assert_ok(do_something_get(future, &result, 0));
    assert_int_equal(result, 3);
    spork_future_free(future.future);
}

/* ---- 002:99 ---- */

static int64_t do_when_told(int64_t number, spork_event *gate) {
    return spork_event_wait(gate, SPORK_FOREVER) == 0 ? number : -1;
}
SPORK_TASK(int64_t, do_when_told, int64_t, spork_event *);

/* 1, 3 and 5, whose ends the test decides, are under way. */
enum { ITEMS = 3 };
struct three {
    do_when_told_arguments items[ITEMS];
    spork_pool *pool;
    spork_imap *imap;
};

static void begin_three(struct three *three, const spork_imap_options *options) {
    int64_t result;
    three->pool = new_pool(ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        three->items[i] = (do_when_told_arguments){2 * i + 1, new_event()};
    }
    assert_ok(do_when_told_imap(&three->imap, three->pool, three->items, ITEMS, options));
    assert_int_equal(do_when_told_next(three->imap, &result, 0), SPORK_EWOULDBLOCK);
}

static void assert_next_of(const struct three *three, int64_t expected) {
    int64_t result = 0;
    assert_ok(do_when_told_next(three->imap, &result, SOON_MS));
    assert_int_equal(result, expected);
}

static void end_three(const struct three *three) {
    int64_t result;
    assert_int_equal(do_when_told_next(three->imap, &result, SOON_MS), SPORK_EEOF);
    spork_imap_free(three->imap);
    close_and_join(three->pool);
    for (int i = 0; i < ITEMS; i++) {
        spork_event_free(three->items[i].x1);
    }
}

TEST(imap_has_the_order_of_the_input) {
    struct three three;
    int64_t result;
    begin_three(&three, NULL);
    assert_ok(spork_event_set(three.items[2].x1));
    assert_ok(spork_event_set(three.items[1].x1));
    assert_int_equal(do_when_told_next(three.imap, &result, 50), SPORK_ETIMEDOUT);
    assert_ok(spork_event_set(three.items[0].x1));
    assert_next_of(&three, 1);
    assert_next_of(&three, 3);
    assert_next_of(&three, 5);
    end_three(&three);
}

TEST(imap_unordered_has_the_order_of_the_ends) {
    const spork_imap_options options = {.unordered = true};
    struct three three;
    begin_three(&three, &options);
    assert_ok(spork_event_set(three.items[2].x1));
    assert_next_of(&three, 5);
    assert_ok(spork_event_set(three.items[0].x1));
    assert_next_of(&three, 1);
    assert_ok(spork_event_set(three.items[1].x1));
    assert_next_of(&three, 3);
    end_three(&three);
}

/* ---- Listing 002:127. ---- */

static int produce(spork_queue *queue) {
    int error = spork_queue_put(queue, spork_str("a"), SPORK_FOREVER);
    spork_sleep_ms(50);
    return error;
}
SPORK_TASK(int, produce, spork_queue *);

static int consume(spork_queue *queue, spork_queue *printed) {
    spork_value item;
    spork_sleep_ms(50);
    int error = spork_queue_get(queue, &item, SPORK_FOREVER);
    if (error == 0) {
        error = spork_queue_put(printed, item, SPORK_FOREVER);
        spork_value_free(&item);
    }
    return error;
}
SPORK_TASK(int, consume, spork_queue *, spork_queue *);

static void pass_an_item(const spork_process_options *options) {
    spork_queue *queue = new_queue(10);
    spork_queue *printed = new_queue(0);
    spork_process *producer = NULL;
    spork_process *consumer = NULL;
    assert_ok(spork_process_start(&producer, produce_call(queue), options));
    assert_ok(spork_process_start(&consumer, consume_call(queue, printed), options));
    join(producer, 0);
    join(consumer, 0);
    assert_next(printed, "'a'");
    assert_true(spork_queue_empty(printed));
    spork_queue_free(queue);
    spork_queue_free(printed);
}

TEST(a_consumer_gets_what_its_producer_puts) {
    pass_an_item(NULL);
}

/* ---- Listing 002:160. ---- */

/* Python refuses its own queue here, and wants a manager's. */
TEST(tasks_of_a_pool_get_a_queue_as_others_do) {
    spork_pool *pool = new_pool(2);
    spork_queue *queue = new_queue(10);
    spork_queue *printed = new_queue(0);
    produce_future produced;
    consume_future consumed;
    assert_ok(produce_apply_async(&produced, pool, queue));
    assert_ok(consume_apply_async(&consumed, pool, queue, printed));
    close_and_join(pool);
    assert_ok(produce_get(produced, NULL, 0));
    assert_ok(consume_get(consumed, NULL, 0));
    spork_future_free(produced.future);
    spork_future_free(consumed.future);
    assert_next(printed, "'a'");
    assert_true(spork_queue_empty(printed));
    spork_queue_free(queue);
    spork_queue_free(printed);
}

/* ---- Listing 002:187. ---- */

TEST(queues_of_threads_and_of_processes_are_used_alike) {
    const spork_process_options processes = {.method = SPORK_METHOD_DEFAULT};
    const spork_process_options threads = {.method = SPORK_METHOD_THREAD};
    pass_an_item(&processes);
    pass_an_item(&threads);
}

/* ---- Listing 002:196. ---- */

static int send_name(spork_pipe *end) {
    return spork_pipe_send(end, spork_str("scott"), SPORK_FOREVER);
}
SPORK_TASK(int, send_name, spork_pipe *);

static int receive_name(spork_pipe *end, spork_queue *printed) {
    spork_value message;
    int error = spork_pipe_recv(end, &message, SPORK_FOREVER);
    if (error == 0) {
        error = spork_queue_put(printed, message, SPORK_FOREVER);
        spork_value_free(&message);
    }
    return error;
}
SPORK_TASK(int, receive_name, spork_pipe *, spork_queue *);

TEST(siblings_talk_through_a_pipe_that_their_parent_made) {
    spork_pipe *receiving = NULL;
    spork_pipe *sending = NULL;
    spork_queue *printed = new_queue(0);
    assert_ok(spork_pipe_new(&receiving, &sending, NULL));
    spork_process *producer = start(send_name_call(sending));
    spork_process *consumer = start(receive_name_call(receiving, printed));
    spork_pipe_free(sending);
    spork_pipe_free(receiving);
    join(producer, 0);
    join(consumer, 0);
    assert_next(printed, "'scott'");
    spork_queue_free(printed);
}

TEST_MAIN
