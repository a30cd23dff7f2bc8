/* White box: a pool, when a worker dies at any point of a call, a visit to a map, or a range
   that another one had left. The real workers are stopped; copies of the test's process take
   their seats, and die; what the owner does then happens in copies, too. */
#include "pool_owner.h"
#include "pool_worker.h"
#include "support/deaths.h"
#include "support_children.h"
#include "support_native.h"
#include "support_traces.h"

/* Seats: of one who is stuck in an item or has died there, of the victim, and of who comes after
   both. */
enum { STUCK, VICTIM, HEIR, SEATS };
enum { MOST = 64, RESULT_SMALL = 8, RESULT_LARGE = 300 };

static spork_pool *the_pool;
static spork_shared_memory *memory;
/* In the family's memory, so that they are what they were when an image is put back. */
static struct {
    int runs[MOST];
    int stuck;      /* this one, the first time, stops its process */
} *seen;

static struct {
    spork_future *futures[MOST];
    int count;      /* of calls, numbered from 0 on; 0: it is a map */
    int items;
    int64_t out[MOST];
    spork_value values[MOST];
    int errors[MOST];
    bool repeatable;
    int may_fail;   /* items: the victim's, and that of the one who is stuck; of a repeatable
                       task only one in which both have died */
} work;

/* ---- tasks ---- */

static void note_run(int64_t number) {
    seen->runs[number]++;
    if (seen->stuck == (int)number + 1) {
        seen->stuck = 0;
        native_process_pause(native_pid());
    }
}

static spork_value text_for(int64_t number) {
    static char text[RESULT_LARGE + 1];
    size_t size = number % 2 == 0 ? RESULT_SMALL : RESULT_LARGE;
    memset(text, (int)('a' + number), size);
    text[size] = '\0';
    return spork_str(text);
}

static spork_value call_me(int64_t number, spork_shared_memory *counts) {
    seen = spork_shared_memory_data(counts);
    note_run(number);
    if (number % 4 == 3) {
        spork_task_fail(1000 + (int)number, "%d is one of those that fail, in many words, which "
                        "lie in a block", (int)number);
    }
    return text_for(number);
}
SPORK_TASK(spork_value, call_me, int64_t, spork_shared_memory *);

static spork_value call_me_again(int64_t number, spork_shared_memory *counts) {
    return call_me(number, counts);
}
SPORK_TASK(spork_value, call_me_again, int64_t, spork_shared_memory *);
SPORK_REPEATABLE(call_me_again, 1);

static int64_t flat(int64_t number) {
    note_run(number);
    return number * 3 + 1;
}
SPORK_TASK(int64_t, flat, int64_t);

static int64_t flat_again(int64_t number) {
    return flat(number);
}
SPORK_TASK(int64_t, flat_again, int64_t);
SPORK_REPEATABLE(flat_again, 1);

static spork_value text_of(int64_t number) {
    note_run(number);
    return text_for(number);
}
SPORK_TASK(spork_value, text_of, int64_t);

static spork_value text_again(int64_t number) {
    return text_of(number);
}
SPORK_TASK(spork_value, text_again, int64_t);
SPORK_REPEATABLE(text_again, 1);

/* A handle in the result. */
static spork_value queue_of(int64_t number) {
    spork_queue *queue = NULL;
    note_run(number);
    if (spork_queue_new(&queue, NULL) != 0) {
        return spork_nil();
    }
    return spork_queue_value(queue);
}
SPORK_TASK(spork_value, queue_of, int64_t);

static spork_value queue_again(int64_t number) {
    return queue_of(number);
}
SPORK_TASK(spork_value, queue_again, int64_t);
SPORK_REPEATABLE(queue_again, 1);

/* ---- workers in copies ---- */

static int take_a_seat(void) {
    int error;
    struct self *self = family_enter(&error);
    return self == NULL ? 1 : handle_hold_for(self, &the_pool->handle, family_self());
}

/* Until there is nothing more to do: the pool is closed. */
static int sit_in(uint32_t seat) {
    spork_call call = pool_work_call_of(the_pool, seat);
    spork_value result = spork_nil();
    return call.task->run(call.arguments, &result);
}

static int be_the_victim(void) {
    return sit_in(VICTIM);
}

/* ---- what the owner does ---- */

static void end_of_seat(struct self *self, uint32_t seat) {
    struct pool_end end = {.seat = seat, .name = "X", .exit_code = -9, .is_known = true};
    plat_mutex_lock(&the_pool->owner->mutex);
    pool_recover(self, the_pool->owner, &end);
    plat_mutex_unlock(&the_pool->owner->mutex);
}

static void collect(struct self *self) {
    plat_mutex_lock(&the_pool->owner->mutex);
    pool_collect(self, the_pool->owner);
    pool_free_ending(self, the_pool->owner); /* ranges, */
    pool_free_ending(self, the_pool->owner); /* and the maps that they are of */
    plat_mutex_unlock(&the_pool->owner->mutex);
}

/* Each record is free once, or not at all. */
static int check_free_records(void) {
    const struct pool_owner *owner = the_pool->owner;
    unsigned char times[1024] = {0};
    EXPECT(owner->note_count <= sizeof times);
    for (uint32_t i = 0; i < owner->free_count; i++) {
        EXPECT(times[owner->free_records[i]]++ == 0);
    }
    EXPECT(owner->ending_count == 0);
    EXPECT(owner->free_count == owner->note_count && owner->pending == 0);
    return 0;
}

static int check_run(int number, int error, bool is_right, int failure) {
    int most = work.repeatable ? 2 : 1;
    if (seen->runs[number] > most || (error == failure && seen->runs[number] == 0)) {
        fprintf(stderr, "%d was run %d times, and ended with %s\n", number, seen->runs[number],
                spork_error_name(error));
        return 1;
    }
    if (error == SPORK_EWORKERDIED && work.may_fail > 0) {
        work.may_fail--;
        return 0;
    }
    if (error != failure || !is_right) {
        fprintf(stderr, "%d ended with %s, and %s\n", number, spork_error_name(error),
                is_right ? "a right result" : "none that is right");
        return 1;
    }
    return 0;
}

static int check_calls(void) {
    for (int i = 0; i < work.count; i++) {
        spork_future *future = work.futures[i];
        const char *text = "";
        EXPECT(atomic_load(&future->done));
        int failure = i % 4 == 3 ? 1000 + i : 0;
        bool is_right = failure != 0 || (spork_value_get_str(&future->result, &text) == 0 &&
                        strlen(text) == (i % 2 == 0 ? RESULT_SMALL : RESULT_LARGE));
        if (check_run(i, future->error, is_right, failure) != 0) {
            return 1;
        }
    }
    return 0;
}

static bool item_is_right(int item) {
    const char *text = "";
    spork_queue *queue;
    if (work.futures[0]->task->types[0] == 'i') {
        return work.out[item] == item * 3 + 1;
    }
    if (work.values[item].kind == SPORK_HANDLE) {
        return spork_value_get_queue(&work.values[item], &queue) == 0 &&
               spork_queue_empty(queue);
    }
    return spork_value_get_str(&work.values[item], &text) == 0 && text[0] == 'a' + item &&
           strlen(text) == (item % 2 == 0 ? RESULT_SMALL : RESULT_LARGE);
}

static int check_items(void) {
    EXPECT(atomic_load(&work.futures[0]->done));
    for (int i = 0; i < work.items; i++) {
        if (check_run(i, work.errors[i], item_is_right(i), 0) != 0) {
            return 1;
        }
    }
    return 0;
}

/* In a process that has come after the victim. */
static int go_on(void) {
    int error;
    struct self *self = family_enter(&error);
    EXPECT(self != NULL && take_a_seat() == 0);
    end_of_seat(self, VICTIM);
    EXPECT(sit_in(HEIR) == 0);
    collect(self);
    if (seen->stuck < 0) { /* one is at work yet: nothing may have ended without him */
        EXPECT(!atomic_load(&work.futures[0]->done));
        end_of_seat(self, STUCK);
        EXPECT(sit_in(HEIR) == 0);
        collect(self);
    }
    int result = work.count > 0 ? check_calls() : check_items();
    return result != 0 ? result : check_free_records();
}

/* ---- the test's side ---- */

static void make(int64_t max_tasks) {
    int64_t pids[SEATS];
    size_t count = 0;
    deaths_set_up();
    OK(spork_pool_new(&the_pool,
                      &(spork_pool_options){.workers = SEATS, .max_tasks = max_tasks}));
    OK(spork_shared_memory_new(&memory, sizeof *seen, NULL));
    seen = spork_shared_memory_data(memory);
    for (uint32_t i = 0; i < SEATS; i++) {
        struct pool_seat *seat = pool_seat_at(pool_body_of(the_pool), i);
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        while (atomic_load(&seat->phase) != SEAT_READY) {
            assert_true(spork_now_ms() < limit);
            spork_sleep_ms(1);
        }
    }
    spork_sleep_ms(20); /* they sleep by now; if not, they stop a bit earlier */
    OK(spork_pool_pids(the_pool, pids, SEATS, &count));
    assert_int_equal(count, SEATS);
    for (int i = 0; i < SEATS; i++) {
        assert_true(native_process_pause(pids[i]));
    }
}

static void give_calls(int count, bool repeatable) {
    for (int i = 0; i < count; i++) {
        OK(spork_pool_apply_async(&work.futures[i], the_pool,
                                  repeatable ? call_me_again_call(i, memory)
                                             : call_me_call(i, memory),
                                  NULL));
    }
    work.count = count;
    work.repeatable = repeatable;
    work.may_fail = repeatable ? 0 : 1;
}

static void give_map(int count, size_t chunk, const spork_task *task, bool repeatable) {
    static int64_t in[MOST];
    for (int i = 0; i < count; i++) {
        in[i] = i;
    }
    OK(spork_pool_map_async_(&work.futures[0], the_pool, task, in, (size_t)count,
                             task->types[0] == 'v' ? (void *)work.values : work.out,
                             &(spork_map_options){.chunk_size = chunk, .errors = work.errors}));
    work.items = count;
    work.repeatable = repeatable;
    work.may_fail = repeatable ? 0 : 1;
}

/* Somebody has run as far as into this item, and stands there. */
static int64_t start_stuck(int item) {
    int64_t pid;
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    seen->stuck = item + 1;
    assert_true(native_fork_copy(&pid));
    if (pid == 0) {
        native_exit_now(take_a_seat() == 0 ? sit_in(STUCK) : 1);
    }
    while (*(volatile int *)&seen->stuck != 0) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    seen->stuck = -1;
    work.may_fail++;
    return pid;
}

static void end_stuck(int64_t pid) {
    native_process_kill(pid);
    native_reap_host(pid);
}

static void die_everywhere_in(const char *name) {
    atomic_store(&pool_body_of(the_pool)->closing, POOL_CLOSED);
    die_everywhere(&(struct death){
        .name = name,
        .prepare = take_a_seat,
        .work = be_the_victim,
        .verify = go_on,
        /* The points of what repeats are those of what does not: how they end differs. */
        .victim_stride = work.repeatable ? 4 : 1});
}

static void die_everywhere_in_calls(const char *name, int count, bool repeatable) {
    make(0);
    give_calls(count, repeatable);
    die_everywhere_in(name);
}

TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_call_loses_no_other_one, 120) {
    die_everywhere_in_calls("calls", 5, false);
}

TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_repeatable_call_loses_nothing, 120) {
    die_everywhere_in_calls("repeatable calls", 5, true);
}

static void die_everywhere_in_map(const char *name, int count, const spork_task *task,
                                  bool repeatable, int64_t max_tasks) {
    make(max_tasks);
    give_map(count, 2, task, repeatable);
    die_everywhere_in(name);
}

TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_map_loses_one_item_at_most, 120) {
    die_everywhere_in_map("a map", 9, &flat_task, false, 0);
}
TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_map_of_a_repeatable_task_loses_nothing, 120) {
    die_everywhere_in_map("a repeatable map", 9, &flat_again_task, true, 0);
}
TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_map_of_values_loses_one_item_at_most, 120) {
    die_everywhere_in_map("a map of values", 9, &text_of_task, false, 0);
}
TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_repeatable_map_of_values_loses_nothing, 120) {
    die_everywhere_in_map("a repeatable map of values", 9, &text_again_task, true, 0);
}

TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_map_of_handles_loses_one_item_at_most, 120) {
    die_everywhere_in_map("a map of handles", 2, &queue_of_task, false, 0);
}
TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_a_repeatable_map_of_handles_loses_nothing, 120) {
    die_everywhere_in_map("a repeatable map of handles", 2, &queue_again_task, true, 0);
}

/* Another one is in the middle of an item meanwhile: the victim finds no more, leaves the map,
   and comes to it once more. */
TEST_ONCE_SLOW(a_death_beside_one_who_is_at_work_does_nothing_twice_and_ends_nothing_early, 120) {
    make(0);
    give_map(9, 3, &flat_task, false);
    int64_t stuck = start_stuck(1);
    die_everywhere_in("a map, beside another");
    end_stuck(stuck);
}

/* Another one had died in the middle: what it had claimed are ranges. */
static void die_everywhere_in_ranges(const char *name, const spork_task *task, bool repeatable,
                                     int64_t max_tasks) {
    int error;
    make(max_tasks);
    give_map(9, 4, task, repeatable);
    end_stuck(start_stuck(1));
    bury_all_dead();
    end_of_seat(family_enter(&error), STUCK);
    seen->stuck = 0;
    die_everywhere_in(name);
}

TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_what_another_has_left_loses_one_item, 120) {
    die_everywhere_in_ranges("ranges", &flat_task, false, 0);
}
TEST_ONCE_SLOW(a_worker_that_dies_anywhere_in_what_a_repeatable_one_has_left_loses_one, 120) {
    die_everywhere_in_ranges("repeatable ranges", &flat_again_task, true, 0);
}

TEST_MAIN
