/* Storms: workers are killed at random moments, again and again, while their pool maps, iterates
   and is flooded with calls. Nothing hangs, nothing is lost, done twice or told twice, and
   nothing stays. */
#include "support_memory.h"
#include "support_pool.h"
#include "support_storm.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { LARGE_STORM = 100, SMALL_STORM = 30 }; /* starts are much slower there */
#else
enum { LARGE_STORM = 1000, SMALL_STORM = 100 };
#endif

enum { WORKERS = 4, ITEMS = 100000, FEW = 3000, ON_WINDOWS = 10, LIMIT = 300 };

/* What all of them see. */
struct board {
    _Atomic uint32_t begun;        /* workers */
    _Atomic uint8_t runs[4][ITEMS]; /* of each item, of several things at one time */
};
static struct board *board;

/* The memory is the test's, and stays. */
static int see_board(spork_shared_memory *memory) {
    board = spork_shared_memory_data(memory);
    atomic_fetch_add(&board->begun, 1);
    return 0;
}
SPORK_TASK(int, see_board, spork_shared_memory *);

/* ---- what they do ---- */

static int64_t work(int64_t item) {
    int64_t result = item;
    atomic_fetch_add(&board->runs[item / ITEMS][item % ITEMS], 1);
    for (int i = 0; i < 100; i++) {
        result = (result * 31 + i) % 1000003;
    }
    return result;
}
static int64_t work_again(int64_t item) {
    return work(item);
}
SPORK_TASK(int64_t, work, int64_t);
SPORK_TASK(int64_t, work_again, int64_t);
SPORK_REPEATABLE(work_again, 100000);

static int64_t result_of(int64_t item) {
    int64_t result = item;
    for (int i = 0; i < 100; i++) {
        result = (result * 31 + i) % 1000003;
    }
    return result;
}

/* Results that lie in blocks of their own. */
static spork_value spell(int64_t item) {
    static char text[400];
    atomic_fetch_add(&board->runs[item / ITEMS][item % ITEMS], 1);
    snprintf(text, sizeof text, "%0*" PRId64, (int)(item % 350) + 6, item);
    return spork_str(text);
}
static spork_value spell_again(int64_t item) {
    return spell(item);
}
SPORK_TASK(spork_value, spell, int64_t);
SPORK_TASK(spork_value, spell_again, int64_t);
SPORK_REPEATABLE(spell_again, 100000);

static bool is_spelt(const spork_value *value, int64_t item) {
    const char *text = "";
    return spork_value_get_str(value, &text) == 0 &&
           strlen(text) == (size_t)(item % 350) + 6 && strtoll(text, NULL, 10) == item;
}

/* ---- who kills: a thread that sees this process's variables ---- */

static struct {
    spork_shared_memory *memory;
    spork_pool *pool;
    spork_process *killer;
    int kills, most_ms;
    _Atomic int killed;
    _Atomic bool is_over;
    int64_t lost; /* were told to have lost their worker */
} storm;

static int kill_at_random(uint64_t seed) {
    enum { IN_A_ROW = 4 }; /* without any that begins: else the pool gives up, and may */
    uint32_t begun = 0;
    for (int row = 0; atomic_load(&storm.killed) < storm.kills;) {
        int64_t pids[WORKERS];
        size_t count = 0;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        spork_sleep_ms((int64_t)((seed >> 33) % (uint64_t)storm.most_ms));
        row = begun == atomic_load(&board->begun) ? row : 0;
        begun = atomic_load(&board->begun);
        EXPECT(spork_pool_pids(storm.pool, pids, WORKERS, &count) == 0);
        int64_t victim = count > 0 ? pids[(seed >> 20) % count] : 0;
        if (row < IN_A_ROW && victim != 0 && native_process_runs(victim)) {
            native_process_kill(victim);
            row++;
            atomic_fetch_add(&storm.killed, 1);
        }
    }
    atomic_store(&storm.is_over, true);
    return 0;
}
SPORK_TASK(int, kill_at_random, uint64_t);

static void begin_storm(int kills, int64_t max_tasks) {
    int least_ms = native_is_windows() ? 150 : 30;
    storm.kills = storm_begin(kills, kills / ON_WINDOWS);
    needs_forks_beside_threads();
    storm.most_ms = kills > 500 ? least_ms : least_ms / 2 * 3;
    note_memory();
    OK(spork_shared_memory_new(&storm.memory, sizeof *board, NULL));
    board = spork_shared_memory_data(storm.memory);
    const spork_call call = see_board_call(storm.memory);
    storm.pool = new_pool_with((spork_pool_options){.workers = WORKERS,
                                                    .initializer = &call,
                                                    .max_tasks = max_tasks,
                                                    .force_fork = true});
    OK(work_apply(storm.pool, NULL, 0)); /* one is ready: a death before that may break it */
    OK(spork_process_start(&storm.killer, kill_at_random_call((uint64_t)storm_random(1 << 30)),
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
}

static bool rages(void) {
    return !atomic_load(&storm.is_over);
}

static void end_storm(void) {
    finish(storm.killer);
    printf("%d kills, %d workers, %d tasks lost theirs\n", atomic_load(&storm.killed),
           (int)atomic_load(&board->begun), (int)storm.lost);
    assert_in_range(storm.lost, 0, storm.kills);
    close_and_join(storm.pool);
    free_pool(storm.pool);
    spork_shared_memory_free(storm.memory);
    assert_memory_is_back();
}

/* ---- how it must have ended ---- */

/* One who was killed may have been before the first line of the task, or behind its last. */
static void check_end(int64_t item, bool repeatable, int error, bool is_right) {
    int runs = atomic_load(&board->runs[item / ITEMS][item % ITEMS]);
    bool is_lost = error == SPORK_EWORKERDIED && !repeatable;
    storm.lost += is_lost;
    if ((error != 0 && !is_lost) || (error == 0 && !is_right) || (error == 0 && runs == 0) ||
        (!repeatable && runs > 1)) {
        fail_msg("item %" PRId64 " was run %d times, and ended with %s, %s", item, runs,
                 spork_error_name(error), is_right ? "right" : "wrong");
    }
}

struct mapped {
    int64_t first; /* item */
    size_t count;
    bool repeatable;
    int64_t in[ITEMS], out[ITEMS];
    int errors[ITEMS];
    spork_future *future;
};

static void prepare(struct mapped *map, int64_t first, size_t count, bool repeatable) {
    map->first = first;
    map->count = count;
    map->repeatable = repeatable;
    for (size_t i = 0; i < count; i++) {
        int64_t item = first + (int64_t)i;
        map->in[i] = item;
        map->out[i] = -1;
        map->errors[i] = -1;
        atomic_store(&board->runs[item / ITEMS][item % ITEMS], 0);
    }
}

static void check_map(const struct mapped *map, int error) {
    int first_error = 0;
    for (size_t i = 0; i < map->count; i++) {
        int64_t item = map->first + (int64_t)i;
        bool is_right = map->errors[i] == 0 ? map->out[i] == result_of(item) : map->out[i] == -1;
        check_end(item, map->repeatable, map->errors[i], is_right);
        first_error = first_error != 0 ? first_error : map->errors[i];
    }
    assert_int_equal(error, first_error);
}

/* ---- maps ---- */

TEST_SLOW(maps_of_100000_items_are_right_but_for_the_items_that_ran_in_1000_killed_workers,
          LIMIT) {
    static struct mapped map;
    static const size_t chunks[] = {0, 7, 100};
    begin_storm(LARGE_STORM, 0);
    int maps = 0;
    for (; rages() || maps < 2; maps++) {
        const spork_map_options options = {.chunk_size = chunks[maps % 3], .errors = map.errors};
        prepare(&map, 0, ITEMS, maps % 2 == 1);
        int error =
            map.repeatable
                ? work_again_map_with(storm.pool, map.in, ITEMS, map.out, &options)
                : work_map_with(storm.pool, map.in, ITEMS, map.out, &options);
        check_map(&map, error);
    }
    printf("%d maps\n", maps);
    end_storm();
}

static void spell_all(bool repeatable, size_t chunk) {
    static struct mapped map;
    static spork_value texts[FEW];
    const spork_map_options options = {.chunk_size = chunk, .errors = map.errors};
    prepare(&map, 0, FEW, repeatable);
    memset(texts, 0, sizeof texts);
    int error = repeatable ? spell_again_map_with(storm.pool, map.in, FEW, texts, &options)
                           : spell_map_with(storm.pool, map.in, FEW, texts, &options);
    for (int i = 0; i < FEW; i++) {
        bool is_right = map.errors[i] == 0 ? is_spelt(&texts[i], i) : texts[i].kind == SPORK_NIL;
        check_end(i, repeatable, map.errors[i], is_right);
        spork_value_free(&texts[i]);
    }
    assert_true(error == 0 || (error == SPORK_EWORKERDIED && !repeatable));
}

TEST_SLOW(so_are_maps_of_texts, LIMIT) {
    begin_storm(SMALL_STORM, 0);
    for (int i = 0; rages() || i < 2; i++) {
        spell_all(i % 2 == 1, (size_t)storm_random(20));
    }
    end_storm();
}

TEST_SLOW(and_maps_by_workers_that_may_do_three_tasks, LIMIT) {
    enum { SOME = 90 };
    static struct mapped map;
    begin_storm(SMALL_STORM, 3);
    for (int i = 0; rages() || i < 2; i++) {
        const spork_map_options options = {.chunk_size = (size_t)storm_random(6),
                                           .errors = map.errors};
        prepare(&map, 0, SOME, i % 2 == 1);
        int error = map.repeatable
                        ? work_again_map_with(storm.pool, map.in, SOME, map.out, &options)
                        : work_map_with(storm.pool, map.in, SOME, map.out, &options);
        check_map(&map, error);
    }
    end_storm();
}

/* ---- calls ---- */

enum { CALLS = 300 };
static int calls = CALLS; /* of a flood */

struct given {
    spork_future *future;
    bool cancelled;
    int called, failed;
};

static void note_good(void *context, spork_future *future) {
    struct given *given = context;
    (void)future;
    given->called++;
}
static void note_bad(void *context, spork_future *future) {
    struct given *given = context;
    (void)future;
    given->failed++;
}

static void flood(struct given *given, int64_t first, bool texts) {
    for (int i = 0; i < calls; i++) {
        int64_t item = first + i;
        const spork_apply_options options = {note_good, note_bad, &given[i]};
        given[i] = (struct given){0};
        atomic_store(&board->runs[item / ITEMS][item % ITEMS], 0);
        OK(spork_pool_apply_async(&given[i].future, storm.pool,
                                  texts        ? spell_call(item)
                                  : i % 3 == 0 ? work_again_call(item)
                                               : work_call(item),
                                  &options));
    }
}

static void cancel_some(struct given *given) {
    for (int i = storm_random(20); i < calls; i += 1 + storm_random(20)) {
        int error = spork_future_cancel(given[i].future, storm_random(3));
        given[i].cancelled = error == 0;
        assert_true(error == 0 || error == SPORK_ESTATE);
        assert_true(spork_future_ready(given[i].future));
    }
}

static void check_calls(struct given *given, int64_t first, bool texts) {
    for (int i = 0; i < calls; i++) {
        const spork_value *result = NULL;
        int64_t number = -1;
        int error = spork_future_get(given[i].future, &result, PATIENCE_MS);
        bool is_right = error == 0 && (texts ? is_spelt(result, first + i)
                                             : spork_value_get_int(result, &number) == 0 &&
                                                   number == result_of(first + i));
        assert_int_equal(given[i].called, error == 0);
        assert_int_equal(given[i].failed, error != 0);
        if (given[i].cancelled) {
            assert_int_equal(error, SPORK_ECANCELLED);
        } else {
            check_end(first + i, !texts && i % 3 == 0, error, is_right);
        }
        spork_future_free(given[i].future);
    }
}

static void storm_of_calls(int64_t max_tasks, bool cancels) {
    static struct given given[CALLS];
    bool is_dear = STORM_IS_DEAR != 0 || !spork_has_start_method(SPORK_METHOD_FORK);
    begin_storm(SMALL_STORM, max_tasks);
    /* Each third call is a start then. */
    calls = max_tasks > 0 && is_dear ? CALLS / 5 : CALLS;
    for (int round = 0; rages() || round < 2; round++) {
        bool texts = round % 2 == 1;
        flood(given, 0, texts);
        if (cancels) {
            cancel_some(given);
        }
        check_calls(given, 0, texts);
    }
    end_storm();
}

TEST_SLOW(each_of_a_flood_of_calls_ends_once, LIMIT) {
    storm_of_calls(0, false);
}
TEST_SLOW(so_they_do_where_workers_may_do_three_tasks, LIMIT) {
    storm_of_calls(3, false);
}
TEST_SLOW(so_they_do_where_some_are_cancelled_and_their_workers_killed_for_it, LIMIT) {
    storm_of_calls(0, true);
}

/* ---- all of it ---- */

static void iterate(int64_t first, bool unordered) {
    enum { MANY = 500 };
    static int64_t in[MANY];
    static bool seen[MANY];
    spork_imap *imap;
    for (int i = 0; i < MANY; i++) {
        in[i] = first + i;
        seen[i] = false;
        atomic_store(&board->runs[in[i] / ITEMS][in[i] % ITEMS], 0);
    }
    OK(work_imap(&imap, storm.pool, in, MANY, &(spork_imap_options){.unordered = unordered}));
    for (size_t i = 0; i < MANY; i++) {
        int64_t result = -1;
        int error = work_next(imap, &result, PATIENCE_MS);
        size_t index = spork_imap_index(imap);
        assert_true(index < MANY && !seen[index] && (unordered || index == i));
        seen[index] = true;
        check_end(in[index], false, error, result == result_of(in[index]));
    }
    FAILS(SPORK_EEOF, work_next(imap, NULL, PATIENCE_MS));
    spork_imap_free(imap);
}

TEST_SLOW(an_iteration_delivers_each_item_once, LIMIT) {
    begin_storm(SMALL_STORM, 0);
    for (int round = 0; rages() || round < 2; round++) {
        iterate(0, round % 2 == 1);
    }
    end_storm();
}

static void start_map(struct mapped *map, int64_t first, size_t count, bool repeatable) {
    const spork_map_options options = {.chunk_size = (size_t)storm_random(50),
                                       .errors = map->errors};
    prepare(map, first, count, repeatable);
    OK(repeatable ? work_again_map_async(&map->future, storm.pool, map->in, count, map->out,
                                         &options)
                  : work_map_async(&map->future, storm.pool, map->in, count, map->out, &options));
}

static void end_map(struct mapped *map) {
    check_map(map, spork_future_get(map->future, NULL, PATIENCE_MS));
    spork_future_free(map->future);
}

TEST_SLOW(several_maps_an_iteration_and_calls_at_one_time_lose_nothing_either, LIMIT) {
    static struct mapped maps[2];
    static struct mapped cancelled;
    static struct given given[CALLS];
    begin_storm(SMALL_STORM, 0);
    for (int round = 0; rages() || round < 2; round++) {
        start_map(&maps[0], 0, ITEMS / 4, round % 2 == 0);
        start_map(&cancelled, ITEMS, ITEMS / 4, true);
        start_map(&maps[1], (int64_t)2 * ITEMS, (size_t)(1 + storm_random(ITEMS / 4)), false);
        flood(given, (int64_t)3 * ITEMS, round % 2 == 0);
        int error = spork_future_cancel(cancelled.future, storm_random(3));
        assert_true(error == 0 || error == SPORK_ESTATE);
        assert_true(spork_future_ready(cancelled.future));
        spork_future_free(cancelled.future);
        iterate((int64_t)3 * ITEMS + CALLS, round % 2 == 1);
        end_map(&maps[1]);
        check_calls(given, (int64_t)3 * ITEMS, round % 2 == 0);
        end_map(&maps[0]);
    }
    end_storm();
}

TEST_MAIN
