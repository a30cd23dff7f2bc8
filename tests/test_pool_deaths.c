/* What a worker's death leaves to its pool: the task that it ran is told, or runs again, and
   nothing else is lost; a pool whose workers cannot live says so. */
#include "support_memory.h"
#include "support_pool.h"
#include "support_storm.h"

enum { WORKERS = 2, TOLD_MS = 1000 };

static int64_t triple(int64_t number) {
    return number * 3;
}
SPORK_TASK(int64_t, triple, int64_t);

static int64_t own_pid(void) {
    return spork_process_pid(spork_current_process());
}

/* Says who it is, and stays. */
static int64_t say_and_stay(spork_queue *out) {
    char text[128];
    snprintf(text, sizeof text, "%" PRId64 " %s", own_pid(),
             spork_process_name(spork_current_process()));
    spork_queue_put(out, spork_str(text), SPORK_FOREVER);
    spork_sleep_ms(PATIENCE_MS);
    return 0;
}
SPORK_TASK(int64_t, say_and_stay, spork_queue *);

struct victim {
    int64_t pid;
    char name[64];
};

static struct victim next_victim(spork_queue *out) {
    struct victim victim;
    spork_value value;
    const char *text = "";
    OK(spork_queue_get(out, &value, PATIENCE_MS));
    OK(spork_value_get_str(&value, &text));
    assert_int_equal(sscanf(text, "%" SCNd64 " %63s", &victim.pid, victim.name), 2);
    spork_value_free(&value);
    return victim;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static int kill_code(void) {
    return native_is_windows() ? 9 : -9;
}

static void must_contain(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
}

static void maps_well(spork_pool *pool) {
    enum { ITEMS = 200 };
    int64_t in[ITEMS];
    int64_t out[ITEMS] = {0};
    for (int i = 0; i < ITEMS; i++) {
        in[i] = i + 1;
    }
    OK(triple_map(pool, in, ITEMS, out));
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(out[i], 3 * (i + 1));
    }
}

/* It has as many workers as it should have, soon. */
static void is_full(spork_pool *pool, size_t workers) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    size_t count = 0;
    while (count < workers) {
        assert_true(spork_now_ms() < limit);
        OK(spork_pool_poll(pool, NULL));
        OK(spork_pool_pids(pool, NULL, 0, &count));
        spork_sleep_ms(1);
    }
    assert_int_equal(count, workers);
}

/* Those who are killed before they were ready would break it. */
static void is_ready(spork_pool *pool, size_t workers) {
    is_full(pool, workers);
    OK(triple_apply(pool, NULL, 1));
}

/* ---- killed ---- */

TEST(a_killed_worker_is_its_tasks_error_within_a_second_and_costs_no_other_task) {
    enum { OTHERS = 50 };
    needs_a_process_to_kill();
    spork_queue *out = new_queue();
    spork_pool *pool = new_pool(WORKERS);
    spork_future *others[OTHERS];
    spork_future *task = give(pool, say_and_stay_call(out));
    for (int i = 0; i < OTHERS; i++) {
        others[i] = give(pool, triple_call(i));
    }
    struct victim victim = next_victim(out);
    int code = 0;
    int64_t killed = spork_now_ms();
    native_process_kill(victim.pid);
    FAILS(SPORK_EWORKERDIED, spork_future_get(task, NULL, PATIENCE_MS));
    assert_in_range(spork_now_ms() - killed, 0, TOLD_MS);
    assert_int_equal(spork_future_error(task), SPORK_EWORKERDIED);
    OK(spork_future_exit_code(task, &code));
    assert_int_equal(code, kill_code());
    assert_string_equal(spork_future_words(task), spork_error_detail());
    must_contain(spork_future_words(task), victim.name);
    must_contain(spork_future_words(task), "say_and_stay");
    must_contain(spork_future_words(task), native_is_windows() ? "exit code 9" : "SIGKILL");
    for (int i = 0; i < OTHERS; i++) {
        assert_int_equal(int_of(others[i]), 3 * i);
        spork_future_free(others[i]);
    }
    is_full(pool, WORKERS);
    maps_well(pool);
    spork_future_free(task);
    close_and_join(pool);
    free_pool(pool);
    spork_queue_free(out);
}

static void all_are_killed(bool busy) {
    enum { ROUNDS = 5, FOUR = 4 };
    needs_a_process_to_kill();
    spork_queue *out = new_queue();
    spork_pool *pool = new_pool(FOUR);
    is_ready(pool, FOUR);
    for (int round = 0; round < ROUNDS; round++) {
        spork_future *tasks[FOUR];
        int64_t pids[FOUR];
        size_t count = 0;
        for (int i = 0; i < FOUR && busy; i++) {
            tasks[i] = give(pool, say_and_stay_call(out));
        }
        for (int i = 0; i < FOUR && busy; i++) {
            next_victim(out);
        }
        OK(spork_pool_pids(pool, pids, FOUR, &count));
        assert_int_equal(count, FOUR);
        for (int i = 0; i < FOUR; i++) {
            native_process_kill(pids[i]);
        }
        int64_t killed = spork_now_ms();
        for (int i = 0; i < FOUR && busy; i++) {
            FAILS(SPORK_EWORKERDIED, spork_future_get(tasks[i], NULL, PATIENCE_MS));
            assert_in_range(spork_now_ms() - killed, 0, FOUR * TOLD_MS);
            spork_future_free(tasks[i]);
        }
        for (int i = 0; i < FOUR; i++) {
            ends_soon(pids[i]); /* or it may be counted once more */
        }
        maps_well(pool);
        is_ready(pool, FOUR);
    }
    free_pool(pool);
    spork_queue_free(out);
}

TEST(a_pool_whose_workers_are_all_killed_while_they_are_busy_gets_new_ones) {
    all_are_killed(true);
}

TEST(so_does_one_whose_workers_are_all_killed_while_they_are_idle) {
    all_are_killed(false);
}

/* ---- the ways in which a task ends its worker ---- */

enum how { BY_NOTHING, BY_EXIT, BY_ABORT, BY_EXIT_NOW, BY_CRASH, BY_KILL, WAYS };

static void end_here(int64_t how) {
    if (how == BY_EXIT) {
        exit(3);
    } else if (how == BY_ABORT) {
        abort();
    } else if (how == BY_EXIT_NOW) {
        native_exit_now(4);
    } else if (how == BY_CRASH) {
        native_crash();
    } else if (how == BY_KILL) {
        native_process_kill(own_pid());
        spork_sleep_ms(PATIENCE_MS);
    }
}

static int error_of(int64_t how) {
    return how == BY_NOTHING ? 0 : how == BY_EXIT ? SPORK_EEXITED : SPORK_EWORKERDIED;
}

static int code_of(int64_t how) {
    static const int posix[WAYS] = {0, 3, -6, 4, -11, -9};
    static const int windows[WAYS] = {0, 3, 3, 4, (int)0xC0000005, 9};
    return native_is_windows() ? windows[how] : posix[how];
}

static int64_t end_by(int64_t how) {
    end_here(how);
    return 70 + how;
}
SPORK_TASK(int64_t, end_by, int64_t);

TEST(a_call_that_ends_its_worker_in_whatever_way_is_told_how) {
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    for (int64_t how = BY_EXIT; how < WAYS; how++) {
        int code = 0;
        spork_future *task = give(pool, end_by_call(how));
        FAILS(error_of(how), spork_future_get(task, NULL, PATIENCE_MS));
        assert_int_equal(spork_future_error(task), error_of(how));
        assert_false(spork_future_successful(task));
        OK(spork_future_exit_code(task, &code));
        assert_int_equal(code, code_of(how));
        must_contain(spork_future_words(task), "end_by");
        must_contain(spork_future_words(task), "PoolWorker-");
        spork_future_free(task);
        FAILS(error_of(how), end_by_apply(pool, NULL, how));
        maps_well(pool);
    }
    is_full(pool, WORKERS);
    close_and_join(pool);
    free_pool(pool);
}

TEST(items_of_a_map_that_end_their_workers_fail_alone_and_the_lowest_is_told) {
    enum { ITEMS = 60, FIRST = 7 };
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    for (size_t chunk = 1; chunk <= 16; chunk *= 4) {
        int64_t in[ITEMS] = {0};
        int64_t out[ITEMS];
        int errors[ITEMS];
        int code = 0;
        size_t index = 0;
        spork_future *map;
        for (int i = 0; i < ITEMS; i++) {
            out[i] = -5;
            errors[i] = -5;
        }
        for (int how = BY_EXIT; how < WAYS; how++) {
            in[how == BY_EXIT ? FIRST : 10 + 9 * how] = how;
        }
        in[ITEMS - 1] = BY_KILL;
        OK(end_by_map_async(&map, pool, in, ITEMS, out,
                            &(spork_map_options){.chunk_size = chunk, .errors = errors}));
        FAILS(SPORK_EEXITED, spork_future_get(map, NULL, PATIENCE_MS));
        OK(spork_future_failed_item(map, &index));
        assert_int_equal(index, FIRST);
        OK(spork_future_exit_code(map, &code));
        assert_int_equal(code, 3);
        must_contain(spork_future_words(map), "item 7: ");
        must_contain(spork_future_words(map), "end_by");
        for (int i = 0; i < ITEMS; i++) {
            assert_int_equal(errors[i], error_of(in[i]));
            assert_int_equal(out[i], in[i] == BY_NOTHING ? 70 : -5);
        }
        spork_future_free(map);
    }
    maps_well(pool);
    close_and_join(pool);
    free_pool(pool);
}

TEST(an_iteration_tells_which_calls_ended_their_workers_and_goes_on) {
    enum { ITEMS = 40 };
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    for (int unordered = 0; unordered < 2; unordered++) {
        int64_t in[ITEMS] = {0};
        bool seen[ITEMS] = {false};
        spork_imap *imap;
        for (int how = BY_EXIT; how < WAYS; how++) {
            in[7 * how] = how;
        }
        OK(end_by_imap(&imap, pool, in, ITEMS,
                       &(spork_imap_options){.unordered = unordered == 1}));
        for (size_t i = 0; i < ITEMS; i++) {
            int64_t result = 0;
            int error = end_by_next(imap, &result, PATIENCE_MS);
            size_t index = spork_imap_index(imap);
            assert_true(index < ITEMS && (unordered == 1 || index == i) && !seen[index]);
            seen[index] = true;
            assert_int_equal(error, error_of(in[index]));
            assert_true(error != 0 || result == 70);
        }
        FAILS(SPORK_EEOF, end_by_next(imap, NULL, PATIENCE_MS));
        spork_imap_free(imap);
    }
    close_and_join(pool);
    free_pool(pool);
}

/* ---- once more ---- */

/* Ends its worker as often as it is told to, and counts how often it has begun. */
static int64_t end_at_first(spork_array *counts, int64_t index, int64_t times) {
    int64_t before = count_up(counts, (size_t)index);
    end_here(before < times ? BY_EXIT + before % (WAYS - 1) : BY_NOTHING);
    return 100 + index;
}
SPORK_TASK(int64_t, end_at_first, spork_array *, int64_t, int64_t);
SPORK_REPEATABLE(end_at_first, 3);

TEST(a_repeatable_task_runs_again_up_to_its_limit) {
    enum { LIMIT = 3, TASKS = LIMIT + 2 };
    needs_a_process_to_kill();
    spork_array *counts = new_counts(TASKS);
    spork_pool *pool = new_pool(WORKERS);
    spork_future *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = give(pool, end_at_first_call(counts, i, i));
    }
    for (int i = 0; i < TASKS; i++) {
        if (i <= LIMIT) {
            assert_int_equal(int_of(tasks[i]), 100 + i);
        } else {
            FAILS(error_of(BY_EXIT + LIMIT), spork_future_get(tasks[i], NULL, PATIENCE_MS));
            must_contain(spork_future_words(tasks[i]), "end_at_first");
        }
        assert_int_equal(count_of(counts, (size_t)i), i <= LIMIT ? i + 1 : LIMIT + 1);
        spork_future_free(tasks[i]);
    }
    maps_well(pool);
    free_pool(pool);
    spork_array_free(counts);
}

TEST(so_does_a_repeatable_item_of_a_map_and_no_other_item_with_it) {
    enum { LIMIT = 3, ITEMS = 60 };
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    for (size_t chunk = 1; chunk <= 16; chunk *= 4) {
        spork_array *counts = new_counts(ITEMS);
        end_at_first_arguments in[ITEMS];
        int64_t out[ITEMS] = {0};
        int errors[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            int64_t times = i == 20 ? LIMIT : i == 30 ? LIMIT + 1 : i % 12 == 5 ? 1 : 0;
            in[i] = (end_at_first_arguments){counts, i, times};
        }
        FAILS(error_of(BY_EXIT + LIMIT),
              end_at_first_starmap_with(pool, in, ITEMS, out,
                                        &(spork_map_options){.chunk_size = chunk,
                                                             .errors = errors}));
        for (int i = 0; i < ITEMS; i++) {
            int64_t times = in[i].x2;
            assert_int_equal(errors[i], times > LIMIT ? error_of(BY_EXIT + LIMIT) : 0);
            assert_int_equal(out[i], times > LIMIT ? 0 : 100 + i);
            assert_int_equal(count_of(counts, (size_t)i),
                             times > LIMIT ? LIMIT + 1 : times + 1);
        }
        spork_array_free(counts);
    }
    free_pool(pool);
}

/* ---- while something is on its way ---- */

/* A text that is not where it is said to be: who encodes it crashes. */
static spork_value give_wild(int64_t number) {
    return number == 0 ? spork_nil()
                       : spork_bytes_value((const void *)(uintptr_t)16, (size_t)number);
}
SPORK_TASK(spork_value, give_wild, int64_t);

TEST(a_result_whose_encoding_crashes_is_its_tasks_error) {
    enum { ITEMS = 6 };
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    int64_t in[ITEMS] = {0, 10, 0, 1000000, 0, 0};
    spork_value out[ITEMS] = {{0}};
    int errors[ITEMS];
    FAILS(SPORK_EWORKERDIED, give_wild_apply(pool, NULL, 10));
    must_contain(spork_error_detail(), "give_wild");
    FAILS(SPORK_EWORKERDIED, give_wild_apply(pool, NULL, 1000000));
    FAILS(SPORK_EWORKERDIED, give_wild_map_with(pool, in, ITEMS, out,
                                                &(spork_map_options){.errors = errors}));
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(errors[i], in[i] == 0 ? 0 : SPORK_EWORKERDIED);
    }
    maps_well(pool);
    close_and_join(pool);
    free_pool(pool);
}

enum { LARGE = 100 * 1000 * 1000 };

static int64_t last_of(spork_bytes large) {
    return large.size == LARGE ? ((const unsigned char *)large.data)[LARGE - 1] : -1;
}
SPORK_TASK(int64_t, last_of, spork_bytes);

static spork_value make_large(void) {
    static unsigned char *large;
    if (large == NULL) {
        large = calloc(LARGE, 1);
        if (large != NULL) {
            large[LARGE - 1] = 77;
        }
    }
    return spork_bytes_value(large, LARGE);
}
SPORK_TASK(spork_value, make_large);

static int kill_in_large(spork_pool *pool, spork_call call, int delay_ms) {
    int64_t pid = 0;
    size_t count = 0;
    const spork_value *result = NULL;
    spork_future *task = give(pool, call);
    OK(spork_pool_pids(pool, &pid, 1, &count));
    spork_sleep_ms(delay_ms);
    native_process_kill(pid);
    int error = spork_future_get(task, &result, PATIENCE_MS);
    if (error == 0 && result->kind == SPORK_INT) {
        assert_int_equal(result->as.integer, 77);
    } else if (error == 0) {
        spork_bytes bytes;
        OK(spork_value_get_bytes(result, &bytes));
        assert_int_equal(bytes.size, LARGE);
        assert_int_equal(((const unsigned char *)bytes.data)[LARGE - 1], 77);
    } else {
        assert_int_equal(error, SPORK_EWORKERDIED);
    }
    spork_future_free(task);
    return error;
}

TEST_SLOW(a_worker_killed_while_it_takes_or_gives_100_megabytes_leaks_none_of_them, 120) {
    int rounds = storm_begin(8, 4);
    int deaths = 0;
    note_memory();
    spork_pool *pool = new_pool(1);
    maps_well(pool);
    unsigned char *large = calloc(LARGE, 1);
    assert_non_null(large);
    large[LARGE - 1] = 77;
    for (int round = 0; round < rounds; round++) {
        spork_call call = round % 2 == 0 ? make_large_call()
                                         : last_of_call((spork_bytes){large, LARGE});
        deaths += kill_in_large(pool, call, round * 8 + storm_random(8)) != 0;
        maps_well(pool);
    }
    printf("%d of %d were told that their worker died\n", deaths, rounds);
    assert_true(deaths > 0);
    free(large);
    free_pool(pool);
    assert_memory_is_back();
}

TEST_MAIN
