/* The listings about pools of documents 000, 003 and 004. Two of them are marked in example 26,
   and 004:619 is example 31. */
#include "listings.h"

/* Tasks that meet at it run at the same time, each by a worker of its own. */
static spork_barrier *new_barrier(int64_t parties) {
    const spork_barrier_options options = {.parties = parties};
    spork_barrier *barrier = NULL;
    assert_ok(spork_barrier_new(&barrier, &options));
    return barrier;
}

/* ---- 000:311 ---- */

enum { TASKS = 8, WORKERS = 3 };

/* The name and the id of who has done it. The first tasks meet, so each is another worker's. */
static spork_value work(int64_t index, spork_barrier *meeting, spork_event *gate) {
    spork_value who = spork_nil();
    if (index < WORKERS) {
        spork_barrier_wait(meeting, SPORK_FOREVER, NULL);
    }
    if (index < WORKERS - 1) {
        spork_event_wait(gate, SPORK_FOREVER);
    }
    spork_sleep_ms(5 * (index % 3));
    spork_value name = spork_str(spork_process_name(spork_current_process()));
    spork_value pid = spork_int(own_pid());
    if (spork_value_append(&who, &name) != 0 || spork_value_append(&who, &pid) != 0) {
        spork_task_fail(SPORK_ENOMEM, "no memory for the worker's name");
    }
    return who;
}
SPORK_TASK(spork_value, work, int64_t, spork_barrier *, spork_event *);

static void assert_is_one_of(int64_t pid, const int64_t *pids, size_t count) {
    size_t at = 0;
    while (at < count && pids[at] != pid) {
        at++;
    }
    assert_true(at < count);
}

/* How many different values there are. */
static size_t count_different(const spork_value *values, size_t count) {
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        while (same < i && spork_value_compare(&values[same], &values[i]) != 0) {
            same++;
        }
        different += same == i;
    }
    return different;
}

TEST(a_worker_takes_a_new_task_as_it_gets_free_and_three_do_eight) {
    spork_pool *pool = new_pool(WORKERS);
    spork_barrier *meeting = new_barrier(WORKERS);
    spork_event *gate = new_event();
    work_future futures[TASKS];
    spork_value who[TASKS];
    int64_t pids[TASKS];
    size_t count = 0;
    for (int i = 0; i < TASKS; i++) {
        assert_ok(work_apply_async(&futures[i], pool, i, meeting, gate));
    }
    assert_ok(spork_pool_close(pool));
    assert_int_equal(spork_pool_join(pool, 0), SPORK_EWOULDBLOCK);
    assert_ok(spork_pool_pids(pool, pids, TASKS, &count));
    assert_int_equal(count, WORKERS);
    /* Two are held up, so the third does all the rest. */
    for (int i = WORKERS - 1; i < TASKS; i++) {
        assert_ok(work_get(futures[i], &who[i], SOON_MS));
        assert_int_equal(spork_value_compare(&who[i], &who[WORKERS - 1]), 0);
    }
    assert_false(spork_future_ready(futures[0].future));
    assert_false(spork_future_ready(futures[1].future));
    assert_ok(spork_event_set(gate));
    assert_ok(spork_pool_join(pool, SOON_MS));
    for (int i = 0; i < TASKS; i++) {
        assert_ok(work_get(futures[i], &who[i], 0));
        assert_is_one_of(int_at(&who[i], 1), pids, count);
    }
    assert_int_equal(count_different(who, TASKS), WORKERS);
    for (int i = 0; i < TASKS; i++) {
        spork_future_free(futures[i].future);
    }
    assert_ok(spork_pool_free(pool));
    spork_event_free(gate);
    spork_barrier_free(meeting);
}

/* ---- Listing 000:361. ---- */

enum { ODD = 7 };

static int64_t halve(int64_t number) {
    spork_sleep_ms(20);
    return number % 2 != 0 ? spork_task_fail(ODD, "%d is odd", (int)number) : number / 2;
}
SPORK_TASK(int64_t, halve, int64_t);

static int wait_for_gate(spork_event *gate) {
    return spork_event_wait(gate, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for_gate, spork_event *);

TEST(apply_waits_for_the_result) {
    spork_pool *pool = new_pool(2);
    int64_t half = 0;
    int64_t begin = spork_now_ms();
    assert_ok(halve_apply(pool, &half, 42));
    assert_true(spork_now_ms() - begin >= 20);
    assert_int_equal(half, 21);
    assert_int_equal(halve_apply(pool, &half, 43), ODD);
    assert_int_equal(half, 21);
    close_and_join(pool);
}

struct told {
    int64_t results, failures, sum;
};

static void add_result(void *context, spork_future *future) {
    struct told *told = context;
    const spork_value *result = NULL;
    int64_t number = 0;
    assert_ok(spork_future_get(future, &result, 0));
    assert_ok(spork_value_get_int(result, &number));
    told->results++;
    told->sum += number;
}

static void count_failure(void *context, spork_future *future) {
    struct told *told = context;
    assert_int_equal(spork_future_error(future), ODD);
    assert_non_null(strstr(spork_future_words(future), "is odd"));
    told->failures++;
}

TEST(apply_async_tells_callbacks_what_came_of_it) {
    struct told told = {0};
    const spork_apply_options options = {add_result, count_failure, &told};
    spork_pool *pool = new_pool(2);
    for (int i = 0; i < 6; i++) {
        assert_ok(spork_pool_apply_async(NULL, pool, halve_call(i), &options));
    }
    close_and_join(pool);
    assert_int_equal(told.results, 3);
    assert_int_equal(told.failures, 3);
    assert_int_equal(told.sum, 0 + 1 + 2);
}

TEST(after_close_nothing_is_taken_but_all_that_was_is_done) {
    spork_pool *pool = new_pool(1);
    halve_future futures[4];
    int64_t half = 0;
    size_t workers = 1;
    for (int i = 0; i < 4; i++) {
        assert_ok(halve_apply_async(&futures[i], pool, 2 * i));
    }
    assert_ok(spork_pool_close(pool));
    assert_int_equal(halve_apply(pool, &half, 2), SPORK_ECLOSED);
    assert_int_equal(spork_pool_apply_async(NULL, pool, halve_call(2), NULL),
                     SPORK_ECLOSED);
    assert_ok(spork_pool_join(pool, SOON_MS));
    for (int i = 0; i < 4; i++) {
        assert_ok(halve_get(futures[i], &half, 0));
        assert_int_equal(half, i);
        spork_future_free(futures[i].future);
    }
    assert_ok(spork_pool_pids(pool, NULL, 0, &workers));
    assert_int_equal(workers, 0);
    assert_ok(spork_pool_free(pool));
}

TEST(terminate_does_not_wait_for_what_is_not_done) {
    spork_pool *pool = new_pool(2);
    spork_event *gate = new_event();
    wait_for_gate_future futures[5];
    size_t workers = 1;
    for (int i = 0; i < 5; i++) {
        assert_ok(wait_for_gate_apply_async(&futures[i], pool, gate));
    }
    assert_ok(spork_pool_terminate(pool));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(spork_future_error(futures[i].future), SPORK_ECANCELLED);
        spork_future_free(futures[i].future);
    }
    if (on_threads()) {
        assert_ok(spork_event_set(gate)); /* Nothing ends a thread but its task. */
    }
    assert_ok(spork_pool_join(pool, SOON_MS));
    assert_ok(spork_pool_pids(pool, NULL, 0, &workers));
    assert_int_equal(workers, 0);
    assert_ok(spork_pool_free(pool));
    spork_event_free(gate);
}

TEST(to_join_before_close_is_an_error) {
    spork_pool *pool = new_pool(1);
    assert_int_equal(spork_pool_join(pool, SPORK_FOREVER), SPORK_ESTATE);
    assert_non_null(strstr(spork_error_detail(), "closed"));
    close_and_join(pool);
}

/* ---- 003:317 ---- */

static int say(spork_queue *lines, spork_barrier *meeting, const char *line) {
    int error = spork_barrier_wait(meeting, SPORK_FOREVER, NULL);
    return error == 0 ? spork_queue_put(lines, spork_str(line), SPORK_FOREVER) : error;
}

static int first_kind(spork_queue *lines, spork_barrier *meeting) {
    int error = say(lines, meeting, "123");
    spork_sleep_ms(50);
    return error;
}
SPORK_TASK(int, first_kind, spork_queue *, spork_barrier *);

static int second_kind(spork_queue *lines, spork_barrier *meeting) {
    int error = say(lines, meeting, "abc");
    spork_sleep_ms(30);
    return error;
}
SPORK_TASK(int, second_kind, spork_queue *, spork_barrier *);

/* The next five lines, by how many of them are of the first kind. */
static int count_first_kind(spork_queue *lines) {
    int count = 0;
    for (int i = 0; i < 5; i++) {
        spork_value line;
        const char *text = NULL;
        assert_ok(spork_queue_get(lines, &line, SOON_MS));
        assert_ok(spork_value_get_str(&line, &text));
        count += strcmp(text, "123") == 0;
        spork_value_free(&line);
    }
    return count;
}

TEST(five_workers_do_ten_tasks_of_two_kinds_in_two_rounds) {
    spork_pool *pool = new_pool(5);
    spork_queue *lines = new_queue(0);
    spork_barrier *meeting = new_barrier(5);
    for (int i = 0; i < 5; i++) {
        assert_ok(
            spork_pool_apply_async(NULL, pool, first_kind_call(lines, meeting), NULL));
        assert_ok(
            spork_pool_apply_async(NULL, pool, second_kind_call(lines, meeting), NULL));
    }
    assert_int_equal(count_first_kind(lines), 3);
    assert_int_equal(count_first_kind(lines), 2);
    close_and_join(pool);
    assert_true(spork_queue_empty(lines));
    spork_queue_free(lines);
    spork_barrier_free(meeting);
}

/* ---- Listing 004:575. ---- */

static int start_and_end(spork_queue *lines, spork_semaphore *ends, int64_t index) {
    int error = spork_queue_put(
        lines, SPORK_LIST_OF(spork_str("Start process:"), spork_int(index)),
        SPORK_FOREVER);
    if (error == 0) {
        error = spork_semaphore_acquire(ends, SPORK_FOREVER);
    }
    return error != 0
               ? error
               : spork_queue_put(
                     lines, SPORK_LIST_OF(spork_str("End process"), spork_int(index)),
                     SPORK_FOREVER);
}
SPORK_TASK(int, start_and_end, spork_queue *, spork_semaphore *, int64_t);

/* The index in the next line, which has to begin with these words. */
static int64_t next_index(spork_queue *lines, const char *words) {
    spork_value line;
    const char *text = NULL;
    assert_ok(spork_queue_get(lines, &line, SOON_MS));
    assert_ok(spork_value_get_str(spork_value_at(&line, 0), &text));
    assert_string_equal(text, words);
    int64_t index = int_at(&line, 1);
    spork_value_free(&line);
    return index;
}

TEST(the_fourth_task_of_three_workers_starts_when_one_has_ended) {
    spork_pool *pool = new_pool(3);
    spork_queue *lines = new_queue(0);
    spork_semaphore *ends = new_semaphore(0);
    for (int i = 0; i < 4; i++) {
        assert_ok(
            spork_pool_apply_async(NULL, pool, start_and_end_call(lines, ends, i), NULL));
    }
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        sum += next_index(lines, "Start process:");
    }
    assert_int_equal(sum, 0 + 1 + 2);
    spork_sleep_ms(30);
    assert_true(spork_queue_empty(lines));
    assert_ok(spork_semaphore_release(ends, 1));
    sum = next_index(lines, "End process");
    assert_int_equal(next_index(lines, "Start process:"), 3);
    assert_ok(spork_semaphore_release(ends, 3));
    close_and_join(pool);
    for (int i = 0; i < 3; i++) {
        sum += next_index(lines, "End process");
    }
    assert_int_equal(sum, 0 + 1 + 2 + 3);
    assert_true(spork_queue_empty(lines));
    spork_queue_free(lines);
    spork_semaphore_free(ends);
}

TEST_MAIN
