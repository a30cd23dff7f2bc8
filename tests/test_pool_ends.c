/* Pools that end in the middle of things, whose owners end, and tasks that are cancelled while
   they run: at once, and without harm to anybody else. */
#include "support_memory.h"
#include "support_pool.h"
#include "support_storm.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { ENDS = 15, RACES = 60 };
#else
enum { ENDS = 50, RACES = 200 };
#endif

enum { WORKERS = 3, ON_WINDOWS = 8, END_MS = 3000, LIMIT = 120 };

static int64_t triple(int64_t number) {
    return number * 3;
}
SPORK_TASK(int64_t, triple, int64_t);

static int64_t nap(int64_t duration_ms) {
    spork_sleep_ms(duration_ms);
    return duration_ms;
}
SPORK_TASK(int64_t, nap, int64_t);
SPORK_REPEATABLE(nap, 3);

static int64_t length(spork_bytes bytes) {
    return (int64_t)bytes.size;
}
SPORK_TASK(int64_t, length, spork_bytes);

static spork_value give_text(int64_t size) {
    static _Thread_local char text[100000];
    memset(text, 'x', sizeof text - 1);
    text[(size_t)size % sizeof text] = '\0';
    return spork_str(text);
}
SPORK_TASK(spork_value, give_text, int64_t);

static int rounds_of(int rounds) {
    return native_is_windows() ? rounds / ON_WINDOWS : rounds;
}

/* ---- in the middle of everything ---- */

enum { ITEMS = 20000, FUTURES = 40, MAPS = 2 };

/* Everything that a pool can have to do. */
struct middle {
    spork_pool *pool;
    spork_future *futures[FUTURES];
    spork_future *maps[MAPS];
    spork_imap *imap;
    int64_t in[ITEMS], out[ITEMS];
    spork_value texts[ITEMS / 20];
};
static struct middle middle;

static void kill_one(spork_pool *pool) {
    int64_t pids[WORKERS];
    size_t count = 0;
    OK(spork_pool_pids(pool, pids, WORKERS, &count));
    if (count > 0 && !on_threads()) {
        native_process_kill(pids[storm_random((int)count)]);
    }
}

static void fill(int64_t max_tasks) {
    static const unsigned char large[100000];
    middle.pool = new_pool_with(
        (spork_pool_options){.workers = WORKERS, .max_tasks = max_tasks, .force_fork = true});
    memset(middle.texts, 0, sizeof middle.texts);
    OK(triple_apply(middle.pool, NULL, 1)); /* a death before anybody was ready may break it */
    for (int i = 0; i < ITEMS; i++) {
        middle.in[i] = i;
    }
    for (int i = 0; i < FUTURES; i++) {
        size_t size = i % 2 == 0 ? 10 : sizeof large;
        spork_call call = i % 4 == 3   ? nap_call(1)
                          : i % 4 == 2 ? give_text_call((int64_t)i * 1000)
                                       : length_call((spork_bytes){large, size});
        middle.futures[i] = give(middle.pool, call);
    }
    OK(triple_map_async(&middle.maps[0], middle.pool, middle.in, ITEMS, middle.out, NULL));
    OK(give_text_map_async(&middle.maps[1], middle.pool, middle.in, ITEMS / 20, middle.texts,
                           NULL));
    OK(nap_imap(&middle.imap, middle.pool, middle.in, 3, NULL));
    int64_t result;
    int error = nap_next(middle.imap, &result, 0);
    assert_true(error == 0 || error == SPORK_EWOULDBLOCK);
}

static void check_future(spork_future *future, bool may_be_cancelled) {
    int error = spork_future_error(future);
    assert_true(spork_future_ready(future));
    if (error != 0 && error != SPORK_EWORKERDIED &&
        !(may_be_cancelled && error == SPORK_ECANCELLED)) {
        fail_msg("ended with %s: %s", spork_error_name(error), spork_future_words(future));
    }
    assert_true((error == 0) == spork_future_successful(future));
    assert_true((error == 0) == (spork_future_words(future)[0] == '\0'));
    spork_future_free(future);
}

static void check_all(bool may_be_cancelled) {
    for (int i = 0; i < FUTURES; i++) {
        check_future(middle.futures[i], may_be_cancelled);
    }
    for (int i = 0; i < MAPS; i++) {
        check_future(middle.maps[i], may_be_cancelled);
    }
    for (int i = 0; i < ITEMS / 20; i++) {
        spork_value_free(&middle.texts[i]);
    }
}

static void end_in_the_middle(void (*end)(void), int64_t max_tasks) {
    storm_state = (uint64_t)spork_now_ms();
    note_memory();
    for (int round = 0; round < rounds_of(ENDS); round++) {
        fill(max_tasks);
        if (storm_random(2) == 0) {
            kill_one(middle.pool);
        }
        spork_sleep_ms(storm_random(12));
        if (storm_random(3) == 0) {
            kill_one(middle.pool);
        }
        int64_t begin = spork_now_ms();
        end();
        assert_in_range(spork_now_ms() - begin, 0, END_MS);
    }
    assert_memory_is_back();
}

static void terminate_it(void) {
    OK(spork_pool_terminate(middle.pool));
    check_all(true);
    spork_imap_free(middle.imap);
    OK(spork_pool_join(middle.pool, PATIENCE_MS));
    free_pool(middle.pool);
}

TEST_SLOW(a_pool_is_terminated_in_the_middle_of_everything_again_and_again, LIMIT) {
    end_in_the_middle(terminate_it, 0);
}
TEST_SLOW(so_is_one_whose_workers_may_do_three_tasks, LIMIT) {
    end_in_the_middle(terminate_it, 3);
}

static void free_it(void) {
    spork_imap_free(middle.imap);
    free_pool(middle.pool);
    check_all(true);
}

TEST_SLOW(a_pool_is_freed_in_the_middle_of_everything_again_and_again, LIMIT) {
    end_in_the_middle(free_it, 0);
}

/* ---- closed while its workers are killed ---- */

static _Atomic bool is_over;

static int kill_workers(int64_t kills) {
    for (int64_t i = 0; i < kills && !atomic_load(&is_over); i++) {
        int64_t pids[WORKERS];
        size_t count = 0;
        EXPECT(spork_pool_pids(middle.pool, pids, WORKERS, &count) == 0);
        if (count > 0) {
            native_process_kill(pids[(size_t)i % count]);
        }
        spork_sleep_ms(10 + i % 7 * (native_is_windows() ? 60 : 6));
    }
    return 0;
}
SPORK_TASK(int, kill_workers, int64_t);

TEST_SLOW(a_pool_that_was_closed_is_joined_although_its_workers_are_killed_meanwhile, LIMIT) {
    enum { ROUNDS = 6, KILLS = 8 };
    needs_a_process_to_kill();
    needs_forks_beside_threads();
    storm_state = (uint64_t)spork_now_ms();
    note_memory();
    for (int round = 0; round < (native_is_windows() ? 2 : ROUNDS); round++) {
        spork_process *killer;
        fill(round % 2 == 0 ? 0 : 1000);
        spork_imap_free(middle.imap);
        atomic_store(&is_over, false);
        OK(spork_process_start(&killer, kill_workers_call(KILLS),
                               &(spork_process_options){.method = SPORK_METHOD_THREAD}));
        close_and_join(middle.pool);
        atomic_store(&is_over, true);
        finish(killer);
        check_all(false);
        free_pool(middle.pool);
    }
    assert_memory_is_back();
}

/* ---- the owner is killed ---- */

/* A child that has a pool: tells who works for it. Busy: each has a call, and more wait. */
static int own_a_pool(spork_queue *out, bool busy) {
    enum { QUEUED = 50 };
    static const unsigned char large[300000];
    static int64_t naps[QUEUED];
    spork_pool *pool;
    int64_t pids[WORKERS];
    size_t count = 0;
    EXPECT(spork_pool_new(&pool, &(spork_pool_options){.workers = WORKERS}) == 0);
    for (int i = 0; i < QUEUED && busy; i++) {
        naps[i] = PATIENCE_MS;
        EXPECT(spork_pool_apply_async(NULL, pool, give_text_call(i), NULL) == 0);
        EXPECT(spork_pool_apply_async(NULL, pool, nap_call(PATIENCE_MS), NULL) == 0);
        EXPECT(spork_pool_apply_async(NULL, pool,
                                      length_call((spork_bytes){large, sizeof large}),
                                      NULL) == 0);
    }
    EXPECT(!busy || nap_map_async(NULL, pool, naps, QUEUED, NULL, NULL) == 0);
    EXPECT(spork_pool_pids(pool, pids, WORKERS, &count) == 0 && count == WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        EXPECT(spork_queue_put(out, spork_int(pids[i]), PATIENCE_MS) == 0);
    }
    spork_sleep_ms(PATIENCE_MS);
    return 1;
}
SPORK_TASK(int, own_a_pool, spork_queue *, bool);

static void the_owner_is_killed(bool busy) {
    enum { GONE_MS = 1000 };
    needs_a_process_to_kill();
    note_memory();
    for (int round = 0; round < rounds_of(16); round++) {
        spork_queue *out;
        int64_t pids[WORKERS];
        OK(spork_queue_new(&out, NULL));
        spork_process *owner = start(own_a_pool_call(out, busy));
        for (int i = 0; i < WORKERS; i++) {
            spork_value value;
            OK(spork_queue_get(out, &value, PATIENCE_MS));
            OK(spork_value_get_int(&value, &pids[i]));
        }
        spork_sleep_ms(round);
        int64_t killed = spork_now_ms();
        kill_and_free(owner);
        for (int i = 0; i < WORKERS; i++) {
            while (native_process_runs(pids[i])) {
                assert_in_range(spork_now_ms() - killed, 0, GONE_MS);
                spork_sleep_ms(1);
            }
        }
        spork_queue_free(out);
    }
    /* Nobody is their parent any more: they are buried by the second look of who sleeps. */
    spork_event *event;
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    do {
        OK(spork_event_new(&event, NULL));
        FAILS(SPORK_ETIMEDOUT, spork_event_wait(event, 300));
        spork_event_free(event);
    } while (live_bytes() != memory_at_first && spork_now_ms() < limit);
    assert_memory_is_back();
}

TEST_SLOW(an_owner_that_is_killed_takes_its_busy_workers_along_and_leaves_no_memory, LIMIT) {
    the_owner_is_killed(true);
}
TEST_SLOW(so_does_one_whose_workers_are_idle, LIMIT) {
    the_owner_is_killed(false);
}

/* ---- cancelled while they run ---- */

static int64_t say_and_nap(spork_queue *out, int64_t duration_ms) {
    spork_queue_put(out, spork_int(spork_process_pid(spork_current_process())), SPORK_FOREVER);
    spork_sleep_ms(duration_ms);
    return duration_ms;
}
SPORK_TASK(int64_t, say_and_nap, spork_queue *, int64_t);

TEST(a_running_task_that_is_cancelled_with_a_grace_ends_its_worker_and_no_other) {
    enum { GRACE_MS = 100, NAP_MS = 700 };
    needs_a_process_to_kill();
    spork_queue *out;
    int64_t pids[WORKERS];
    spork_future *tasks[WORKERS];
    OK(spork_queue_new(&out, NULL));
    spork_pool *pool = new_pool(WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        spork_value value;
        tasks[i] = give(pool, say_and_nap_call(out, i == 1 ? PATIENCE_MS : NAP_MS));
        OK(spork_queue_get(out, &value, PATIENCE_MS));
        OK(spork_value_get_int(&value, &pids[i]));
    }
    int64_t begin = spork_now_ms();
    OK(spork_future_cancel(tasks[1], GRACE_MS));
    assert_in_range(spork_now_ms() - begin, GRACE_MS - 2, END_MS);
    FAILS(SPORK_ECANCELLED, spork_future_get(tasks[1], NULL, 0));
    assert_int_equal(int_of(tasks[0]), NAP_MS);
    assert_int_equal(int_of(tasks[2]), NAP_MS);
    assert_true(native_process_runs(pids[0]) && native_process_runs(pids[2]));
    while (native_process_runs(pids[1])) {
        assert_in_range(spork_now_ms() - begin, 0, END_MS);
        spork_sleep_ms(1);
    }
    int64_t now[WORKERS];
    size_t count = 0;
    while (count < WORKERS) {
        assert_in_range(spork_now_ms() - begin, 0, PATIENCE_MS);
        OK(spork_pool_poll(pool, NULL));
        OK(spork_pool_pids(pool, now, WORKERS, &count));
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_true(now[i] != pids[1]);
        spork_future_free(tasks[i]);
    }
    free_pool(pool);
    spork_queue_free(out);
}

/* A task that ends when it is let go, and the next one of the same worker. */
struct race {
    _Atomic int begun, go, next;
};

static int64_t end_when_told(spork_shared_memory *memory) {
    struct race *race = spork_shared_memory_data(memory);
    atomic_store(&race->begun, 1);
    while (atomic_load(&race->go) == 0) {
    }
    return 5;
}
static int64_t come_next(spork_shared_memory *memory) {
    struct race *race = spork_shared_memory_data(memory);
    int64_t until = spork_now_ms() + 2;
    atomic_fetch_add(&race->next, 1);
    while (spork_now_ms() < until) {
    }
    return 6;
}
SPORK_TASK(int64_t, end_when_told, spork_shared_memory *);
SPORK_TASK(int64_t, come_next, spork_shared_memory *);

TEST_SLOW(a_kill_that_comes_when_its_task_has_just_ended_does_not_hit_the_next, LIMIT) {
    int in_time = 0;
    needs_a_process_to_kill();
    storm_state = (uint64_t)spork_now_ms();
    spork_shared_memory *memory;
    OK(spork_shared_memory_new(&memory, sizeof(struct race), NULL));
    struct race *race = spork_shared_memory_data(memory);
    spork_pool *pool = new_pool(1);
    for (int round = 0; round < rounds_of(RACES); round++) {
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        atomic_store(&race->begun, 0);
        atomic_store(&race->go, 0);
        atomic_store(&race->next, 0);
        spork_future *first = give(pool, end_when_told_call(memory));
        spork_future *second = give(pool, come_next_call(memory));
        while (atomic_load(&race->begun) == 0) {
            assert_true(spork_now_ms() < limit);
            OK(spork_pool_poll(pool, NULL));
        }
        atomic_store(&race->go, 1);
        for (volatile int i = storm_random(2000); i > 0; i = i - 1) {
        }
        int error = spork_future_cancel(first, 0);
        in_time += error == SPORK_ESTATE;
        assert_true(error == 0 || error == SPORK_ESTATE);
        assert_int_equal(spork_future_error(first), error == 0 ? SPORK_ECANCELLED : 0);
        assert_int_equal(int_of(second), 6);
        assert_int_equal(atomic_load(&race->next), 1);
        spork_future_free(first);
        spork_future_free(second);
    }
    printf("%d ended in time\n", in_time);
    free_pool(pool);
    spork_shared_memory_free(memory);
}

TEST_MAIN
