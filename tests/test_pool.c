/* Pools: how they are made, named, closed, joined, terminated and freed. */
#include "support_pool.h"

/* ---- making ---- */

TEST_ONCE(options_that_are_wrong_make_no_pool) {
    char name[42];
    spork_pool *pool = NULL;
    memset(name, 'n', sizeof name);
    name[41] = '\0';
    FAILS(SPORK_EINVAL, spork_pool_new(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_pool_new(&pool, &(spork_pool_options){.workers = -1}));
    FAILS(SPORK_EINVAL, spork_pool_new(&pool, &(spork_pool_options){.workers = 1001}));
    FAILS(SPORK_EINVAL, spork_pool_new(&pool, &(spork_pool_options){.workers = 1,
                                                                     .max_tasks = -1}));
    FAILS(SPORK_EINVAL,
          spork_pool_new(&pool, &(spork_pool_options){.workers = 1, .name = name}));
    FAILS(SPORK_EINVAL, spork_pool_new(&pool, &(spork_pool_options){
                                                  .workers = 1, .start_timeout_ms = -1}));
    FAILS(SPORK_EINVAL,
          spork_pool_new(&pool, &(spork_pool_options){.workers = 1,
                                                      .method = (spork_start_method)77}));
    FAILS(SPORK_EINVAL,
          spork_pool_new(&pool, &(spork_pool_options){.workers = 1,
                                                      .daemon = (spork_daemon)77}));
    assert_null(pool);
    assert_int_equal(native_own_children(), 0);
}

TEST_ONCE(a_method_that_the_platform_lacks_makes_no_pool) {
    spork_pool *pool = NULL;
    if (spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("there are all");
    }
    FAILS(SPORK_ENOTSUP, spork_pool_new(&pool, &(spork_pool_options){
                                                   .workers = 1, .method = SPORK_METHOD_FORK}));
    assert_null(pool);
}

static int add_one(int number) {
    return number + 1;
}
SPORK_TASK(int, add_one, int);

TEST_ONCE(calls_without_a_pool_are_errors_not_crashes) {
    spork_pool *pool = NULL;
    spork_future *future = NULL;
    size_t count;
    intptr_t native;
    int64_t pid;
    FAILS(SPORK_EINVAL, spork_pool_close(NULL));
    FAILS(SPORK_EINVAL, spork_pool_terminate(NULL));
    FAILS(SPORK_EINVAL, spork_pool_join(NULL, 0));
    OK(spork_pool_free(NULL));
    assert_int_equal(spork_pool_workers(NULL), 0);
    assert_int_equal(spork_pool_pending(NULL), 0);
    FAILS(SPORK_EINVAL, spork_pool_pids(NULL, &pid, 1, &count));
    FAILS(SPORK_EINVAL, spork_pool_poll(NULL, NULL));
    FAILS(SPORK_EINVAL, spork_pool_native(NULL, &native));
    FAILS(SPORK_EINVAL, spork_pool_apply(NULL, add_one_call(1), NULL, 0));
    FAILS(SPORK_EINVAL, spork_pool_apply_async(&future, NULL, add_one_call(1), NULL));
    pool = new_pool(1);
    FAILS(SPORK_EINVAL, spork_pool_pids(pool, &pid, 1, NULL));
    FAILS(SPORK_EINVAL, spork_pool_pids(pool, NULL, 1, &count));
    FAILS(SPORK_EINVAL, spork_pool_native(pool, NULL));
    FAILS(SPORK_EINVAL, spork_pool_apply(pool, add_one_call(1), NULL, -2));
    FAILS(SPORK_EINVAL, spork_pool_apply(pool, spork_no_call(), NULL, SPORK_FOREVER));
    FAILS(SPORK_EINVAL, spork_pool_apply_async(&future, pool, spork_no_call(), NULL));
    FAILS(SPORK_EINVAL, add_one_apply_async(NULL, pool, 1));
    FAILS(SPORK_EINVAL, spork_pool_join(pool, -2));
    assert_null(future);
    free_pool(pool);
}

TEST(a_pool_has_by_default_a_worker_for_each_processor) {
    int64_t pids[2 * SPORK_POOL_WORKERS_MAX];
    size_t count = 0;
    spork_pool *pool = NULL;
    OK(spork_pool_new(&pool, NULL));
    assert_int_equal(spork_pool_workers(pool), spork_cpu_count());
    OK(spork_pool_pids(pool, pids, 2 * SPORK_POOL_WORKERS_MAX, &count));
    assert_int_equal(count, spork_cpu_count());
    free_pool(pool);
}

/* ---- names ---- */

static spork_value tell_name(void) {
    return spork_str(spork_process_name(spork_current_process()));
}
SPORK_TASK(spork_value, tell_name);

/* Each worker of the pool comes once: none gets on before all are there. */
static spork_value meet_and_tell_name(spork_barrier *all) {
    int64_t index;
    if (spork_barrier_wait(all, PATIENCE_MS, &index) != 0) {
        return spork_nil();
    }
    return tell_name();
}
SPORK_TASK(spork_value, meet_and_tell_name, spork_barrier *);

static bool is_name_of(const spork_value *name, const char *base, int number) {
    char expected[64];
    const char *text = "";
    snprintf(expected, sizeof expected, "%s-%d", base, number);
    return spork_value_get_str(name, &text) == 0 && strcmp(text, expected) == 0;
}

enum { NAMED = 3 };

static void workers_are_called(spork_pool *pool, const char *base) {
    spork_barrier *all;
    spork_future *futures[NAMED];
    int seen[NAMED] = {0};
    OK(spork_barrier_new(&all, &(spork_barrier_options){.parties = NAMED}));
    for (int i = 0; i < NAMED; i++) {
        futures[i] = give(pool, meet_and_tell_name_call(all));
    }
    for (int i = 0; i < NAMED; i++) {
        const spork_value *name = NULL;
        OK(spork_future_get(futures[i], &name, PATIENCE_MS));
        for (int number = 1; number <= NAMED; number++) {
            seen[number - 1] += is_name_of(name, base, number);
        }
    }
    for (int i = 0; i < NAMED; i++) {
        assert_int_equal(seen[i], 1);
        spork_future_free(futures[i]);
    }
    free_pool(pool);
    spork_barrier_free(all);
}

TEST(workers_are_called_pool_worker_and_numbered_from_1_on) {
    workers_are_called(new_pool(NAMED), "PoolWorker");
}

TEST(workers_have_the_name_that_was_given_and_a_number) {
    char name[] = "Zw\xC3\xB6lf";
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = NAMED, .name = name});
    memset(name, 'x', sizeof name - 1); /* it was copied */
    workers_are_called(pool, "Zw\xC3\xB6lf");
}

TEST(a_name_of_40_bytes_is_whole) {
    char name[41];
    char expected[64];
    spork_value got;
    memset(name, 'n', 40);
    name[40] = '\0';
    snprintf(expected, sizeof expected, "%s-1", name);
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 1, .name = name});
    OK(tell_name_apply(pool, &got));
    const char *text = NULL;
    OK(spork_value_get_str(&got, &text));
    assert_string_equal(text, expected);
    spork_value_free(&got);
    free_pool(pool);
}

/* ---- where tasks run ---- */

static int64_t tell_pid(void) {
    return native_pid();
}
SPORK_TASK(int64_t, tell_pid);

TEST(tasks_run_in_the_processes_whose_ids_the_pool_tells) {
    enum { WORKERS = 3, TASKS = 50 };
    int64_t pids[WORKERS + 1];
    size_t count = 0;
    spork_pool *pool = new_pool(WORKERS);
    OK(spork_pool_pids(pool, NULL, 0, &count));
    assert_int_equal(count, WORKERS);
    count = 0;
    OK(spork_pool_pids(pool, pids, WORKERS + 1, &count));
    assert_int_equal(count, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        assert_true(native_process_runs(pids[i]));
        assert_int_equal(pids[i] == native_pid(), on_threads());
        for (int j = 0; j < i; j++) {
            assert_int_equal(pids[i] == pids[j], on_threads());
        }
    }
    for (int i = 0; i < TASKS; i++) {
        int64_t pid = 0;
        OK(tell_pid_apply(pool, &pid));
        assert_true(pid == pids[0] || pid == pids[1] || pid == pids[2]);
    }
    free_pool(pool);
    for (int i = 0; i < WORKERS && !on_threads(); i++) {
        assert_false(native_process_runs(pids[i]));
    }
}

/* ---- close and join ---- */

static int sleep_and_count(int64_t duration_ms, spork_array *counts) {
    spork_sleep_ms(duration_ms);
    EXPECT(count_up(counts, 0) >= 0);
    return 0;
}
SPORK_TASK(int, sleep_and_count, int64_t, spork_array *);

TEST(a_pool_that_was_closed_takes_nothing_more_and_does_what_it_was_given) {
    enum { TASKS = 12 };
    spork_pool *pool = new_pool(2);
    spork_array *counts = new_counts(1);
    spork_future *future = NULL;
    const int numbers[] = {1};
    int results[] = {0};
    FAILS(SPORK_ESTATE, spork_pool_join(pool, SPORK_FOREVER));
    for (int i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(NULL, pool, sleep_and_count_call(10, counts), NULL));
    }
    OK(spork_pool_close(pool));
    OK(spork_pool_close(pool));
    FAILS(SPORK_ECLOSED, spork_pool_apply_async(&future, pool, add_one_call(1), NULL));
    FAILS(SPORK_ECLOSED, spork_pool_apply(pool, add_one_call(1), NULL, SPORK_FOREVER));
    FAILS(SPORK_ECLOSED, add_one_map(pool, numbers, 1, results));
    FAILS(SPORK_ECLOSED, add_one_map(pool, numbers, 0, results));
    assert_null(future);
    OK(spork_pool_join(pool, PATIENCE_MS));
    assert_int_equal(count_of(counts, 0), TASKS);
    assert_int_equal(spork_pool_pending(pool), 0);
    size_t count = 9;
    OK(spork_pool_pids(pool, NULL, 0, &count));
    assert_int_equal(count, 0);
    OK(spork_pool_join(pool, 0)); /* it stays joined */
    FAILS(SPORK_ECLOSED, spork_pool_apply_async(&future, pool, add_one_call(1), NULL));
    free_pool(pool);
    spork_array_free(counts);
}

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for_event, spork_event *);

TEST(join_gives_up_when_its_time_has_run_out_and_not_before) {
    spork_pool *pool = new_pool(1);
    spork_event *go = new_event();
    spork_future *future = give(pool, wait_for_event_call(go));
    OK(spork_pool_close(pool));
    FAILS(SPORK_EWOULDBLOCK, spork_pool_join(pool, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_pool_join(pool, 50));
    assert_true(spork_now_ms() - begin >= 50);
    OK(spork_event_set(go));
    OK(spork_pool_join(pool, PATIENCE_MS));
    assert_int_equal(int_of(future), 0);
    spork_future_free(future);
    free_pool(pool);
    spork_event_free(go);
}

static spork_value make_bytes(int64_t size, int64_t number) {
    unsigned char *data = malloc((size_t)size);
    spork_value result = spork_nil();
    if (data != NULL) {
        fill_pattern(data, (size_t)size, (uint64_t)number);
        const spork_value borrowed = spork_bytes_value(data, (size_t)size);
        spork_value_copy(&result, &borrowed);
        free(data);
    }
    return result;
}
SPORK_TASK(spork_value, make_bytes, int64_t, int64_t);

TEST(a_pool_is_joined_before_any_of_its_large_results_was_taken) {
    enum { MIB = 1 << 20, TASKS = 8 };
    spork_pool *pool = new_pool(2);
    spork_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        futures[i] = give(pool, make_bytes_call(MIB + i, i));
    }
    close_and_join(pool);
    for (int i = TASKS - 1; i >= 0; i--) {
        const spork_value *result = NULL;
        spork_bytes bytes;
        OK(spork_future_get(futures[i], &result, 0));
        OK(spork_value_get_bytes(result, &bytes));
        assert_int_equal(bytes.size, MIB + i);
        assert_true(is_pattern(bytes.data, bytes.size, (uint64_t)i));
        spork_future_free(futures[i]);
    }
    free_pool(pool);
}

/* ---- terminate and free ---- */

TEST(ten_thousand_tasks_that_wait_end_at_once_when_the_pool_is_terminated) {
    enum { TASKS = 10000 };
    static spork_future *futures[TASKS];
    spork_pool *pool = new_pool(2);
    spork_event *go = new_event();
    spork_array *counts = new_counts(1);
    spork_future *running[2];
    for (int i = 0; i < 2; i++) {
        running[i] = give(pool, wait_for_event_call(go));
    }
    for (int i = 0; i < TASKS; i++) {
        futures[i] = give(pool, sleep_and_count_call(0, counts));
    }
    assert_int_equal(spork_pool_pending(pool), TASKS + 2);
    int64_t begin = spork_now_ms();
    OK(spork_pool_terminate(pool));
    assert_int_equal(spork_pool_pending(pool), 0);
    OK(spork_event_set(go)); /* a thread goes to its end */
    OK(spork_pool_join(pool, PATIENCE_MS));
    assert_true(spork_now_ms() - begin < 2000);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(spork_future_error(futures[i]), SPORK_ECANCELLED);
        FAILS(SPORK_ECANCELLED, spork_future_get(futures[i], NULL, 0));
        assert_true(spork_future_words(futures[i])[0] != '\0');
        spork_future_free(futures[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spork_future_error(running[i]), SPORK_ECANCELLED);
        spork_future_free(running[i]);
    }
    assert_int_equal(count_of(counts, 0), 0);
    OK(spork_pool_terminate(pool));
    FAILS(SPORK_ECLOSED, spork_pool_apply_async(NULL, pool, add_one_call(1), NULL));
    free_pool(pool);
    spork_event_free(go);
    spork_array_free(counts);
}

static int work_until_told(spork_event *begun, spork_array *counts) {
    EXPECT(spork_event_set(begun) == 0);
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (!spork_task_cancelled()) {
        EXPECT(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    return count_up(counts, 0) >= 0 ? 0 : 1;
}
SPORK_TASK(int, work_until_told, spork_event *, spork_array *);

TEST(terminate_kills_processes_and_tells_threads) {
    spork_pool *pool = new_pool(1);
    spork_event *begun = new_event();
    spork_array *counts = new_counts(1);
    spork_future *future = give(pool, work_until_told_call(begun, counts));
    OK(spork_event_wait(begun, PATIENCE_MS));
    OK(spork_pool_terminate(pool));
    assert_true(spork_future_ready(future));
    assert_int_equal(spork_future_error(future), SPORK_ECANCELLED);
    OK(spork_pool_join(pool, PATIENCE_MS));
    if (on_threads()) {
        assert_int_equal(count_of(counts, 0), 1);
    }
    spork_future_free(future);
    free_pool(pool);
    spork_event_free(begun);
    spork_array_free(counts);
}

TEST(futures_outlive_their_pool) {
    spork_pool *pool = new_pool(2);
    spork_event *go = new_event();
    const spork_value *result = NULL;
    int64_t number = 0;
    add_one_future done;
    OK(add_one_apply_async(&done, pool, 41));
    OK(spork_future_get(done.future, NULL, PATIENCE_MS));
    spork_future *noticed_late = give(pool, add_one_call(1));
    spork_future *running[2] = {give(pool, wait_for_event_call(go)),
                                give(pool, wait_for_event_call(go))};
    spork_future *queued = give(pool, add_one_call(1));
    assert_int_equal(int_of(noticed_late), 2);
    if (on_threads()) {
        OK(spork_event_set(go)); /* free waits for them */
    }
    free_pool(pool);
    int answer = 0;
    OK(add_one_get(done, &answer, 0));
    assert_int_equal(answer, 42);
    OK(spork_future_get(noticed_late, &result, SPORK_FOREVER));
    OK(spork_value_get_int(result, &number));
    assert_int_equal(number, 2);
    for (int i = 0; i < 2 && !on_threads(); i++) {
        FAILS(SPORK_ECANCELLED, spork_future_get(running[i], NULL, SPORK_FOREVER));
    }
    assert_true(spork_future_ready(queued));
    if (!on_threads()) {
        assert_int_equal(spork_future_error(queued), SPORK_ECANCELLED);
    }
    FAILS(SPORK_ESTATE, spork_future_cancel(done.future, 0));
    spork_future_free(done.future);
    spork_future_free(noticed_late);
    spork_future_free(queued);
    spork_future_free(running[0]);
    spork_future_free(running[1]);
    spork_event_free(go);
}

TEST(what_was_done_but_not_noticed_before_terminate_keeps_its_result) {
    enum { TASKS = 20 };
    spork_pool *pool = new_pool(2);
    spork_array *counts = new_counts(1);
    spork_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        futures[i] = give(pool, sleep_and_count_call(0, counts));
    }
    close_and_join(pool);
    OK(spork_pool_terminate(pool));
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(int_of(futures[i]), 0);
        spork_future_free(futures[i]);
    }
    free_pool(pool);
    spork_array_free(counts);
}

static int try_all(spork_pool *pool) {
    spork_future *future = NULL;
    size_t count;
    EXPECT(spork_pool_close(pool) == SPORK_ESTATE);
    EXPECT(spork_pool_join(pool, 0) == SPORK_ESTATE);
    EXPECT(spork_pool_terminate(pool) == SPORK_ESTATE);
    EXPECT(spork_pool_poll(pool, NULL) == SPORK_ESTATE);
    EXPECT(spork_pool_pids(pool, NULL, 0, &count) == SPORK_ESTATE);
    EXPECT(spork_pool_apply_async(&future, pool, add_one_call(1), NULL) == SPORK_ESTATE);
    EXPECT(spork_pool_apply(pool, add_one_call(1), NULL, 0) == SPORK_ESTATE);
    EXPECT(spork_pool_free(pool) == SPORK_ESTATE);
    return 0;
}

static spork_pool *inherited_pool;
static spork_future *inherited_future;

static int use_what_is_the_parents(void) {
    EXPECT(try_all(inherited_pool) == 0);
    EXPECT(spork_future_get(inherited_future, NULL, 0) == SPORK_ESTATE);
    EXPECT(spork_future_error(inherited_future) == SPORK_ESTATE);
    EXPECT(!spork_future_ready(inherited_future));
    EXPECT(spork_future_cancel(inherited_future, 0) == SPORK_ESTATE);
    spork_as_completed *order = NULL;
    EXPECT(spork_as_completed_new(&order, &inherited_future, 1) == SPORK_ESTATE);
    spork_future_free(inherited_future); /* its copy */
    return 0;
}
SPORK_TASK(int, use_what_is_the_parents);

TEST_ONCE(a_forked_child_cannot_use_its_parents_pool_and_futures) {
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("no fork on this platform");
    }
    const spork_process_options by_fork = {.method = SPORK_METHOD_FORK};
    spork_process *child = NULL;
    inherited_pool = new_pool(1);
    inherited_future = give(inherited_pool, add_one_call(1));
    OK(spork_process_start(&child, use_what_is_the_parents_call(), &by_fork));
    finish(child);
    assert_int_equal(int_of(inherited_future), 2);
    int result = 0;
    OK(add_one_apply(inherited_pool, &result, 2));
    assert_int_equal(result, 3);
    spork_future_free(inherited_future);
    free_pool(inherited_pool);
}

TEST_MAIN
