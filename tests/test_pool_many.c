/* Many tasks, many workers, and the end of a program that has a pool. */
#include "support_pool.h"
#include "support_program.h"

/* Mixes the bits, so that a result in the wrong place is noticed. */
static uint64_t mix(uint64_t number) {
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return number ^ number >> 31;
}
static int64_t scramble(int64_t number) {
    return (int64_t)(mix((uint64_t)number) >> 1);
}
SPORK_TASK(int64_t, scramble, int64_t);

enum { VERY_MANY = 131072 };

TEST_SLOW(each_of_131072_tasks_has_its_own_result, 60) {
    static spork_future *futures[VERY_MANY];
    spork_pool *pool = new_pool(2);
    int64_t begin = spork_now_ms();
    for (int64_t i = 0; i < VERY_MANY; i++) {
        futures[i] = give(pool, scramble_call(i));
    }
    printf("# given after %lld ms\n", (long long)(spork_now_ms() - begin));
    for (int64_t i = 0; i < VERY_MANY; i++) {
        assert_int_equal(int_of(futures[i]), scramble(i));
    }
    printf("# got after %lld ms\n", (long long)(spork_now_ms() - begin));
    assert_int_equal(spork_pool_pending(pool), 0);
    for (int i = 0; i < VERY_MANY; i++) {
        spork_future_free(futures[i]);
    }
    close_and_join(pool);
    free_pool(pool);
}

static void sum_up(void *context, spork_future *future) {
    const spork_value *result = NULL;
    int64_t number = 0;
    OK(spork_future_get(future, &result, 0));
    OK(spork_value_get_int(result, &number));
    *(uint64_t *)context += (uint64_t)number;
}

TEST_SLOW(and_so_they_have_when_only_their_callbacks_are_told, 60) {
    spork_pool *pool = new_pool(2);
    uint64_t sum = 0;
    uint64_t expected = 0;
    const spork_apply_options options = {.callback = sum_up, .context = &sum};
    for (int64_t i = 0; i < VERY_MANY; i++) {
        OK(spork_pool_apply_async(NULL, pool, scramble_call(i), &options));
        expected += (uint64_t)scramble(i);
    }
    close_and_join(pool);
    assert_true(sum == expected);
    free_pool(pool);
}

static int meet_all(spork_barrier *all, int64_t number) {
    int64_t index;
    return spork_barrier_wait(all, 3 * PATIENCE_MS, &index) == 0 ? (int)number : -1;
}
SPORK_TASK(int, meet_all, spork_barrier *, int64_t);

/* On Windows a process costs so much that the test is of half as many: still more than the 64
   objects that a wait takes there. */
TEST_SLOW(a_pool_of_200_workers_maps_all_of_them_at_once, 120) {
    enum { MOST = 200 };
    static meet_all_arguments in[MOST];
    static int out[MOST];
    int workers = native_is_windows() ? MOST / 2 : MOST;
    spork_barrier *all;
    spork_barrier_options options = {.parties = workers};
    OK(spork_barrier_new(&all, &options));
    spork_pool *pool = new_pool_with(
        (spork_pool_options){.workers = workers, .start_timeout_ms = 3 * PATIENCE_MS});
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < workers; i++) {
            in[i] = (meet_all_arguments){all, i};
            out[i] = -5;
        }
        OK(meet_all_starmap(pool, in, (size_t)workers, out));
        for (int i = 0; i < workers; i++) {
            assert_int_equal(out[i], i);
        }
    }
    free_pool(pool);
    spork_barrier_free(all);
}

/* ---- the end of the program ---- */

enum { MOST_PIDS = 8, EXIT_MS = 1000 };

/* The thread sanitizer would sleep for a second at the end of a program that has threads, and
   wants them to be joined. */
static const char sanitizer[] = "TSAN_OPTIONS=report_thread_leaks=0:atexit_sleep_ms=0";

/* Reads "worker PID" lines until "ready". */
static int await_ready(struct program *program, int64_t *pids) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (strstr(program_output(program), "ready") == NULL) {
        if (spork_now_ms() > limit) {
            fail_msg("it is not ready, but:\n%s", program_output(program));
        }
        spork_sleep_ms(1);
    }
    int count = 0;
    const char *at = program_output(program);
    while (count < MOST_PIDS && (at = strstr(at, "worker ")) != NULL) {
        count += sscanf(at, "worker %" SCNd64, &pids[count]) == 1;
        at++;
    }
    return count;
}

static void leaves_nobody(const char *how, int expected) {
    const char *method = spork_start_method_name(spork_get_start_method());
    const char *arguments[] = {how, NULL};
    char variable[64];
    int64_t pids[MOST_PIDS];
    int code = -1;
    snprintf(variable, sizeof variable, "SPORK_START_METHOD=%s", method);
    const char *environment[] = {variable, sanitizer, NULL};
    struct program *program = program_start(&(struct program_options){
        .name = "pool_probe", .arguments = arguments, .environment = environment,
        .merged = true});
    assert_non_null(program);
    int count = await_ready(program, pids);
    assert_int_equal(count, 2);
    int64_t begin = spork_now_ms();
    if (strcmp(how, "stay") == 0) {
        program_kill(program);
    }
    assert_true(program_wait(program, PATIENCE_MS, &code));
    int64_t left = begin + EXIT_MS - spork_now_ms();
    assert_true(left > 0);
    if (strcmp(how, "stay") != 0) {
        assert_int_equal(code, expected);
    }
    for (int i = 0; i < count && !on_threads(); i++) {
        while (native_process_runs(pids[i])) {
            assert_true(spork_now_ms() < begin + EXIT_MS);
            spork_sleep_ms(1);
        }
    }
    program_free(program);
}

TEST(a_program_that_returns_with_a_busy_pool_ends_at_once_and_leaves_no_worker) {
    leaves_nobody("return", 4);
}

TEST(so_does_one_that_calls_exit) {
    leaves_nobody("exit", 3);
}

TEST(so_does_one_whose_pool_is_idle) {
    leaves_nobody("idle", 0);
}

TEST(so_does_one_that_closed_its_pool_and_did_not_wait_for_it) {
    leaves_nobody("close", 5);
}

TEST(so_does_one_whose_workers_are_no_daemons) {
    needs_processes(); /* a thread that is no daemon is waited for */
    leaves_nobody("parents", 4);
}

TEST(so_does_one_that_is_killed) {
    leaves_nobody("stay", 0);
}

TEST_MAIN
