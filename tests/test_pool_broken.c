/* Pools whose workers cannot live: they are broken after a limited number of starts, and say so;
   whoever waits, or comes later, is told why, and their ends are prompt. */
#include "support_memory.h"
#include "support_pool.h"
#include "support_storm.h"

enum { WORKERS = 3, PROMPT_MS = 3000 };

static int64_t triple(int64_t number) {
    return number * 3;
}
SPORK_TASK(int64_t, triple, int64_t);

static int64_t touch(spork_array *counts) {
    return count_up(counts, 1);
}
SPORK_TASK(int64_t, touch, spork_array *);

enum how { BY_EXIT, BY_ABORT, BY_EXIT_NOW, BY_CRASH, BY_KILL, BY_SLEEPING, WAYS };

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
        native_process_kill(spork_process_pid(spork_current_process()));
    }
    spork_sleep_ms(10 * PATIENCE_MS);
}

/* The first `good` of them begin well. */
static int begin_badly(spork_array *counts, int64_t how, int64_t good) {
    if (count_up(counts, 0) >= good) {
        end_here(how);
    }
    return 0;
}
SPORK_TASK(int, begin_badly, spork_array *, int64_t, int64_t);

static spork_pool *new_bad_pool(spork_array *counts, int64_t how, int64_t good) {
    const spork_call call = begin_badly_call(counts, how, good);
    /* Some of these tests have a second thread, which holds no lock that a worker would need. */
    return new_pool_with((spork_pool_options){
        .workers = WORKERS, .initializer = &call, .force_fork = true});
}

static void says_why(const char *words) {
    bool was_late = strstr(words, "PoolWorker-") != NULL && strstr(words, "before it was ready");
    if (strstr(words, "the pool is broken: ") == NULL ||
        (!was_late && strstr(words, "before its task began") == NULL)) {
        fail_msg("this is not why: \"%s\"", words);
    }
}

/* Every way of giving it something says that it is broken; its ends do not wait. */
static void is_broken_to_the_end(spork_pool *pool, spork_array *counts) {
    spork_future *future;
    spork_imap *imap;
    const int64_t in[3] = {1, 2, 3};
    int64_t out[3] = {0};
    int64_t begin = spork_now_ms();
    size_t count = 1;
    FAILS(SPORK_EBROKEN, touch_apply(pool, NULL, counts));
    says_why(spork_error_detail());
    FAILS(SPORK_EBROKEN, spork_pool_apply_async(&future, pool, touch_call(counts), NULL));
    says_why(spork_error_detail());
    FAILS(SPORK_EBROKEN, triple_map(pool, in, 3, out));
    says_why(spork_error_detail());
    OK(triple_imap(&imap, pool, in, 3, NULL));
    FAILS(SPORK_EBROKEN, triple_next(imap, out, PATIENCE_MS));
    spork_imap_free(imap);
    assert_int_equal(spork_pool_pending(pool), 0);
    OK(spork_pool_close(pool));
    OK(spork_pool_join(pool, PATIENCE_MS));
    OK(spork_pool_pids(pool, NULL, 0, &count));
    assert_int_equal(count, 0);
    OK(spork_pool_terminate(pool));
    OK(spork_pool_join(pool, 0));
    free_pool(pool);
    assert_in_range(spork_now_ms() - begin, 0, PROMPT_MS);
}

static void never_begins(int64_t how) {
    needs_a_process_to_kill();
    note_memory();
    spork_array *counts = new_counts(2);
    spork_pool *pool = new_bad_pool(counts, how, 0);
    spork_future *future = NULL;
    if (spork_pool_apply_async(&future, pool, touch_call(counts), NULL) == 0) {
        FAILS(SPORK_EBROKEN, spork_future_get(future, NULL, PATIENCE_MS));
        says_why(spork_future_words(future));
        assert_int_equal(spork_future_error(future), SPORK_EBROKEN);
        FAILS(SPORK_ESTATE, spork_future_exit_code(future, &(int){0}));
        spork_future_free(future);
    }
    is_broken_to_the_end(pool, counts);
    assert_in_range(count_of(counts, 0), 1, WORKERS);
    assert_int_equal(count_of(counts, 1), 0);
    spork_array_free(counts);
    assert_memory_is_back();
}

TEST(an_initializer_that_calls_exit_breaks_the_pool_after_one_start_a_worker) {
    never_begins(BY_EXIT);
}
TEST(so_does_one_that_aborts) {
    never_begins(BY_ABORT);
}
TEST(so_does_one_that_ends_its_process_without_a_word) {
    never_begins(BY_EXIT_NOW);
}
TEST(so_does_one_that_crashes) {
    never_begins(BY_CRASH);
}
TEST(so_does_one_that_kills_its_process) {
    never_begins(BY_KILL);
}

/* ---- killed again and again ---- */

/* What a helper thread works with: it sees this process's variables. */
static spork_pool *victims;
static _Atomic bool is_over;

static int kill_all_again_and_again(void) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (!atomic_load(&is_over) && spork_now_ms() < limit) {
        int64_t pids[WORKERS];
        size_t count = 0;
        EXPECT(spork_pool_pids(victims, pids, WORKERS, &count) == 0);
        for (size_t i = 0; i < count; i++) {
            native_process_kill(pids[i]);
        }
        spork_sleep_ms(1);
    }
    return 0;
}
SPORK_TASK(int, kill_all_again_and_again);

static spork_process *start_killer(spork_pool *pool) {
    spork_process *killer = NULL;
    needs_forks_beside_threads();
    victims = pool;
    atomic_store(&is_over, false);
    OK(spork_process_start(&killer, kill_all_again_and_again_call(),
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    return killer;
}

static void end_killer(spork_process *killer) {
    atomic_store(&is_over, true);
    finish(killer);
}

TEST(workers_that_are_killed_while_their_initializer_sleeps_break_the_pool) {
    needs_a_process_to_kill();
    spork_array *counts = new_counts(2);
    spork_pool *pool = new_bad_pool(counts, BY_SLEEPING, 0);
    assert_true(wait_for_count(counts, 0, WORKERS));
    spork_future *future = give(pool, touch_call(counts));
    const int64_t in[3] = {1, 2, 3};
    int64_t out[3] = {0};
    spork_future *map;
    OK(triple_map_async(&map, pool, in, 3, out, NULL));
    FAILS(SPORK_ETIMEDOUT, spork_future_get(future, NULL, 30));
    spork_process *killer = start_killer(pool);
    FAILS(SPORK_EBROKEN, spork_future_get(future, NULL, PATIENCE_MS));
    says_why(spork_future_words(future));
    FAILS(SPORK_EBROKEN, spork_future_get(map, NULL, PATIENCE_MS));
    says_why(spork_future_words(map));
    end_killer(killer);
    assert_int_equal(count_of(counts, 0), WORKERS);
    spork_future_free(future);
    spork_future_free(map);
    is_broken_to_the_end(pool, counts);
    spork_array_free(counts);
}

/* A pool that did well, whose new workers do not. */
static void no_longer_begins(int64_t how) {
    enum { MOST_STARTS = 3 * WORKERS + 16 };
    needs_a_process_to_kill();
    spork_array *counts = new_counts(2);
    spork_pool *pool = new_bad_pool(counts, how, WORKERS);
    int64_t result = 0;
    int64_t pids[WORKERS];
    size_t count = 0;
    char words[512];
    OK(triple_apply(pool, &result, 14));
    assert_int_equal(result, 42);
    assert_true(wait_for_count(counts, 0, WORKERS));
    spork_process *killer = how == BY_SLEEPING ? start_killer(pool) : NULL;
    OK(spork_pool_pids(pool, pids, WORKERS, &count));
    for (size_t i = 0; i < count; i++) {
        native_process_kill(pids[i]);
    }
    /* What is given now may be done yet by a worker that has just begun, but not for ever. */
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    int error = 0;
    while (error != SPORK_EBROKEN) {
        assert_true(spork_now_ms() < limit);
        error = triple_apply(pool, &result, 1);
        assert_true(error == 0 || error == SPORK_EBROKEN || error == SPORK_EWORKERDIED);
    }
    snprintf(words, sizeof words, "%s", spork_error_detail());
    if (killer != NULL) {
        end_killer(killer);
    }
    says_why(words);
    assert_in_range(count_of(counts, 0), WORKERS, MOST_STARTS);
    is_broken_to_the_end(pool, counts);
    spork_array_free(counts);
}

TEST(a_pool_that_did_well_is_broken_when_its_new_workers_abort) {
    no_longer_begins(BY_ABORT);
}
TEST(so_it_is_when_they_call_exit) {
    no_longer_begins(BY_EXIT);
}
TEST(so_it_is_when_they_are_killed_again_and_again) {
    no_longer_begins(BY_SLEEPING);
}

/* Workers that are killed once they are ready are replaced as often as it takes. */
TEST(a_pool_whose_ready_workers_are_killed_again_and_again_is_not_broken) {
    enum { ROUNDS = 60 };
    needs_a_process_to_kill();
    spork_pool *pool = new_pool(WORKERS);
    for (int round = 0; round < (native_is_windows() ? ROUNDS / 4 : ROUNDS); round++) {
        int64_t pids[WORKERS];
        size_t count = 0;
        int64_t result = 0;
        int error = triple_apply(pool, &result, round);
        assert_true(error == 0 || error == SPORK_EWORKERDIED);
        assert_true(error != 0 || result == 3 * round);
        OK(spork_pool_pids(pool, pids, WORKERS, &count));
        for (size_t i = 0; i < count; i++) {
            native_process_kill(pids[i]);
        }
    }
    int64_t result = 0;
    OK(triple_apply(pool, &result, 5));
    assert_int_equal(result, 15);
    close_and_join(pool);
    free_pool(pool);
}

/* ---- ends of a pool whose workers hang at their begin ---- */

static void ends_promptly(int (*end)(spork_pool *pool)) {
    needs_a_process_to_kill();
    spork_array *counts = new_counts(2);
    spork_pool *pool = new_bad_pool(counts, BY_SLEEPING, 0);
    spork_future *future = give(pool, touch_call(counts));
    int64_t begin = spork_now_ms();
    OK(spork_pool_close(pool));
    FAILS(SPORK_ETIMEDOUT, spork_pool_join(pool, 20));
    OK(end(pool));
    assert_in_range(spork_now_ms() - begin, 0, PROMPT_MS);
    assert_int_equal(spork_future_error(future), SPORK_ECANCELLED);
    spork_future_free(future);
    spork_array_free(counts);
}

static int terminate_join_and_free(spork_pool *pool) {
    OK(spork_pool_terminate(pool));
    OK(spork_pool_join(pool, PATIENCE_MS));
    return spork_pool_free(pool);
}

TEST(a_pool_whose_initializers_never_return_is_freed_at_once) {
    ends_promptly(spork_pool_free);
}
TEST(or_terminated_at_once) {
    ends_promptly(terminate_join_and_free);
}

TEST_MAIN
