/* A pool's workers: what they run first, how long they stay, what they may do. */
#include "support_pool.h"

/* ---- initializers ---- */

/* What the initializer left in this worker. */
static _Thread_local int64_t my_number;

static int64_t number_myself(spork_array *counts, int64_t offset) {
    my_number = offset + count_up(counts, 0);
    return 0;
}
SPORK_TASK(int64_t, number_myself, spork_array *, int64_t);

static int64_t tell_my_number(spork_barrier *all) {
    int64_t index;
    return spork_barrier_wait(all, PATIENCE_MS, &index) == 0 ? my_number : -1;
}
SPORK_TASK(int64_t, tell_my_number, spork_barrier *);

TEST(an_initializer_runs_once_in_each_worker_before_any_task) {
    enum { WORKERS = 3, ROUNDS = 3 };
    spork_array *counts = new_counts(1);
    spork_barrier *all;
    const spork_call call = number_myself_call(counts, 100);
    OK(spork_barrier_new(&all, &(spork_barrier_options){.parties = WORKERS}));
    spork_pool *pool =
        new_pool_with((spork_pool_options){.workers = WORKERS, .initializer = &call});
    for (int round = 0; round < ROUNDS; round++) {
        spork_future *futures[WORKERS];
        int64_t sum = 0;
        for (int i = 0; i < WORKERS; i++) {
            futures[i] = give(pool, tell_my_number_call(all));
        }
        for (int i = 0; i < WORKERS; i++) {
            int64_t number = int_of(futures[i]);
            assert_true(number >= 100 && number < 100 + WORKERS);
            sum += (int64_t)1 << (8 * (number - 100));
            spork_future_free(futures[i]);
        }
        assert_int_equal(sum, 0x010101); /* each of the three numbers, once */
    }
    assert_int_equal(count_of(counts, 0), WORKERS);
    free_pool(pool);
    spork_array_free(counts);
    spork_barrier_free(all);
}

static int64_t tell_whether_initialized(void) {
    return my_number;
}
SPORK_TASK(int64_t, tell_whether_initialized);

TEST(workers_that_come_later_run_the_initializer_too) {
    enum { TASKS = 8 };
    spork_array *counts = new_counts(1);
    const spork_call call = number_myself_call(counts, 1);
    spork_pool *pool = new_pool_with(
        (spork_pool_options){.workers = 1, .initializer = &call, .max_tasks = 2});
    spork_array_free(counts); /* the pool holds it */
    for (int64_t i = 0; i < TASKS; i++) {
        int64_t number = 0;
        OK(tell_whether_initialized_apply(pool, &number));
        assert_int_equal(number, 1 + i / 2);
    }
    free_pool(pool);
}

static int fail_to_begin(spork_array *counts, int how) {
    count_up(counts, 0);
    if (how == 1) {
        return 5;
    }
    if (how == 2) {
        return spork_task_fail(9, "the licence has %s", "run out");
    }
    exit(6);
}
SPORK_TASK(int, fail_to_begin, spork_array *, int);

static int touch(spork_array *counts) {
    return count_up(counts, 1) >= 0 ? 0 : 1;
}
SPORK_TASK(int, touch, spork_array *);

static void breaks_the_pool(int how, const char *words) {
    enum { WORKERS = 3 };
    spork_array *counts = new_counts(2);
    const spork_call call = fail_to_begin_call(counts, how);
    spork_pool *pool =
        new_pool_with((spork_pool_options){.workers = WORKERS, .initializer = &call});
    spork_future *future = NULL;
    int error = spork_pool_apply_async(&future, pool, touch_call(counts), NULL);
    if (error == 0) {
        FAILS(SPORK_EBROKEN, spork_future_get(future, NULL, PATIENCE_MS));
        assert_non_null(strstr(spork_future_words(future), words));
        spork_future_free(future);
    }
    for (int i = 0; i < 5; i++) {
        FAILS(SPORK_EBROKEN, touch_apply(pool, NULL, counts));
        assert_non_null(strstr(spork_error_detail(), words));
        OK(spork_pool_poll(pool, NULL));
    }
    FAILS(SPORK_EBROKEN, touch_map(pool, &counts, 1, NULL));
    OK(spork_pool_close(pool));
    OK(spork_pool_join(pool, PATIENCE_MS));
    int64_t starts = count_of(counts, 0);
    assert_true(starts >= 1 && starts <= WORKERS);
    assert_int_equal(count_of(counts, 1), 0);
    free_pool(pool);
    assert_int_equal(count_of(counts, 0), starts);
    spork_array_free(counts);
}

TEST(an_initializer_that_returns_a_failure_breaks_the_pool_after_one_start_a_worker) {
    breaks_the_pool(1, "5");
}

TEST(an_initializer_that_fails_with_words_breaks_the_pool_with_them) {
    breaks_the_pool(2, "the licence has run out");
}

TEST(an_initializer_that_calls_exit_breaks_the_pool_after_one_start_a_worker) {
    needs_processes();
    breaks_the_pool(3, "6");
}

TEST(an_initializer_that_cannot_be_found_or_carried_makes_no_pool) {
    spork_pool *pool = NULL;
    const spork_call none = spork_no_call();
    spork_call call = number_myself_call(NULL, 1);
    FAILS(SPORK_EINVAL,
          spork_pool_new(&pool, &(spork_pool_options){.workers = 2, .initializer = &call}));
    assert_null(pool);
    int error =
        spork_pool_new(&pool, &(spork_pool_options){.workers = 2, .initializer = &none});
    assert_true(error == 0 || error == SPORK_EINVAL);
    if (error == 0) {
        free_pool(pool);
    }
}

/* ---- as many tasks as a worker may ---- */

static spork_value tell_name(int64_t ignored) {
    (void)ignored;
    return spork_str(spork_process_name(spork_current_process()));
}
SPORK_TASK(spork_value, tell_name, int64_t);

static int number_of(const spork_value *name) {
    const char *text = "";
    OK(spork_value_get_str(name, &text));
    assert_int_equal(strncmp(text, "PoolWorker-", 11), 0);
    return atoi(text + 11);
}

TEST(of_workers_that_may_run_one_task_ten_run_ten) {
    enum { TASKS = 10 };
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 3, .max_tasks = 1});
    spork_future *futures[TASKS];
    int seen[TASKS + 4] = {0};
    for (int64_t i = 0; i < TASKS; i++) {
        futures[i] = give(pool, tell_name_call(i));
    }
    for (int i = 0; i < TASKS; i++) {
        const spork_value *name;
        OK(spork_future_get(futures[i], &name, PATIENCE_MS));
        int number = number_of(name);
        assert_true(number >= 1 && number <= TASKS + 3);
        assert_int_equal(seen[number]++, 0);
        spork_future_free(futures[i]);
    }
    free_pool(pool);
}

/* Counts what each worker did; no more than most. */
static void each_worker_does_at_most(const spork_value *names, int count, int most) {
    enum { NUMBERS = 200 };
    int tasks[NUMBERS] = {0};
    int workers = 0;
    for (int i = 0; i < count; i++) {
        int number = number_of(&names[i]);
        assert_in_range(number, 1, NUMBERS - 1);
        workers += tasks[number]++ == 0;
        assert_true(tasks[number] <= most);
    }
    assert_true(workers >= count / most);
}

enum { HUNDRED = 100, TEN = 10 };

TEST(workers_that_may_run_ten_tasks_change_and_lose_nothing) {
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 4, .max_tasks = TEN});
    spork_value names[HUNDRED];
    spork_future *futures[HUNDRED];
    for (int64_t i = 0; i < HUNDRED; i++) {
        futures[i] = give(pool, tell_name_call(i));
    }
    for (int i = 0; i < HUNDRED; i++) {
        const spork_value *name;
        OK(spork_future_get(futures[i], &name, PATIENCE_MS));
        OK(spork_value_copy(&names[i], name));
        spork_future_free(futures[i]);
    }
    each_worker_does_at_most(names, HUNDRED, TEN);
    for (int i = 0; i < HUNDRED; i++) {
        spork_value_free(&names[i]);
    }
    close_and_join(pool);
    free_pool(pool);
}

TEST(neither_do_they_in_maps_of_any_chunk) {
    static const size_t chunks[] = {0, 7, 1000};
    static int64_t in[HUNDRED];
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 4, .max_tasks = TEN});
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        spork_value names[HUNDRED] = {{0}};
        const spork_map_options options = {.chunk_size = chunks[i]};
        OK(tell_name_map_with(pool, in, HUNDRED, names, &options));
        each_worker_does_at_most(names, HUNDRED, TEN);
        for (int j = 0; j < HUNDRED; j++) {
            spork_value_free(&names[j]);
        }
    }
    free_pool(pool);
}

static int64_t twice(int64_t number) {
    return 2 * number;
}
SPORK_TASK(int64_t, twice, int64_t);

TEST(nor_in_flat_maps_by_workers_that_may_run_one_task) {
    enum { ITEMS = 12 };
    int64_t in[ITEMS];
    int64_t out[ITEMS];
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 2, .max_tasks = 1});
    spork_future *map = NULL;
    for (int64_t i = 0; i < ITEMS; i++) {
        in[i] = i;
        out[i] = -1;
    }
    OK(twice_map_async(&map, pool, in, ITEMS, out, &(spork_map_options){.chunk_size = 5}));
    spork_future *between = give(pool, twice_call(50));
    assert_int_equal(int_of(between), 100);
    OK(spork_future_get(map, NULL, PATIENCE_MS));
    for (int64_t i = 0; i < ITEMS; i++) {
        assert_int_equal(out[i], 2 * i);
    }
    spork_future_free(map);
    spork_future_free(between);
    free_pool(pool);
}

TEST(a_pool_that_was_closed_still_replaces_workers_for_what_it_was_given) {
    enum { TASKS = 9 };
    spork_pool *pool = new_pool_with((spork_pool_options){.workers = 2, .max_tasks = 2});
    spork_future *futures[TASKS];
    for (int64_t i = 0; i < TASKS; i++) {
        futures[i] = give(pool, twice_call(i));
    }
    close_and_join(pool);
    for (int64_t i = 0; i < TASKS; i++) {
        assert_int_equal(int_of(futures[i]), 2 * i);
        spork_future_free(futures[i]);
    }
    free_pool(pool);
}

/* ---- daemons ---- */

static int start_a_child(void) {
    spork_process *child = NULL;
    int code = -1;
    int error = spork_process_start(&child, spork_no_call(), NULL);
    if (error != 0) {
        return error;
    }
    EXPECT(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
    EXPECT(spork_process_free(child) == 0);
    return 0;
}
SPORK_TASK(int, start_a_child);

TEST(tasks_have_children_only_where_workers_are_no_daemons) {
    spork_pool *pool = new_pool(1);
    int result = 1;
    OK(start_a_child_apply(pool, &result));
    assert_int_equal(result, on_threads() ? 0 : SPORK_EDAEMON);
    free_pool(pool);
    pool = new_pool_with((spork_pool_options){.workers = 1, .daemon = SPORK_DAEMON_NO});
    OK(start_a_child_apply(pool, &result));
    assert_int_equal(result, 0);
    free_pool(pool);
}

static int64_t sum_by_a_pool(int64_t count) {
    int64_t in[50];
    int64_t out[50];
    int64_t sum = 0;
    spork_pool *pool = NULL;
    int error = spork_pool_new(&pool, &(spork_pool_options){.workers = 2});
    if (error != 0) {
        return error;
    }
    for (int64_t i = 0; i < count; i++) {
        in[i] = i;
    }
    EXPECT(twice_map(pool, in, (size_t)count, out) == 0);
    for (int64_t i = 0; i < count; i++) {
        sum += out[i];
    }
    EXPECT(spork_pool_free(pool) == 0);
    return sum;
}
SPORK_TASK(int64_t, sum_by_a_pool, int64_t);

static int check_sum_by_a_pool(void) {
    EXPECT(sum_by_a_pool(50) == 2450);
    return 0;
}
SPORK_TASK(int, check_sum_by_a_pool);

TEST(a_child_process_has_a_pool_of_its_own) {
    finish(start(check_sum_by_a_pool_call()));
}

TEST(a_worker_has_a_pool_of_its_own_if_it_is_no_daemon) {
    int64_t result = 1;
    spork_pool *pool = new_pool(1);
    OK(sum_by_a_pool_apply(pool, &result, 50));
    assert_int_equal(result, on_threads() ? 2450 : SPORK_EDAEMON);
    free_pool(pool);
    pool = new_pool_with((spork_pool_options){.workers = 2, .daemon = SPORK_DAEMON_NO});
    spork_future *futures[2] = {give(pool, sum_by_a_pool_call(50)),
                                give(pool, sum_by_a_pool_call(3))};
    assert_int_equal(int_of(futures[0]), 2450);
    assert_int_equal(int_of(futures[1]), 6);
    spork_future_free(futures[0]);
    spork_future_free(futures[1]);
    free_pool(pool);
}

TEST_MAIN
