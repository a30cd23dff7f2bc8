/* Cancelling while workers die: it ends within its grace, whatever stands in the queue, and a
   kill hits nobody who has gone on to another task. */
#include "support_children.h"
#include "support_native.h"

static int64_t sleep_for(int64_t duration_ms) {
    spork_sleep_ms(duration_ms);
    return duration_ms;
}
SPORK_TASK(int64_t, sleep_for, int64_t);

/* Runs on, whoever tells it to end. */
static int64_t say_and_sleep(spork_queue *out, int64_t duration_ms) {
    spork_queue_put(out, spork_int(spork_process_pid(spork_current_process())), SPORK_FOREVER);
    spork_sleep_ms(duration_ms);
    return duration_ms;
}
SPORK_TASK(int64_t, say_and_sleep, spork_queue *, int64_t);
SPORK_REPEATABLE(say_and_sleep, 5);

static int64_t get_number(spork_queue *queue) {
    spork_value value;
    int64_t number = -1;
    OK(spork_queue_get(queue, &value, PATIENCE_MS));
    OK(spork_value_get_int(&value, &number));
    return number;
}

static spork_pool *new_pool(int workers) {
    spork_pool *made = NULL;
    OK(spork_pool_new(&made, &(spork_pool_options){.workers = workers}));
    return made;
}

enum { GRACE_MS = 300, LONG_MS = 8000, SOON_MS = 3000 };

TEST(what_waits_to_run_again_is_cancelled_within_its_grace) {
    needs_a_process_to_kill();
    spork_queue *out;
    spork_future *victim;
    spork_future *longer;
    OK(spork_queue_new(&out, NULL));
    spork_pool *staff = new_pool(1);
    OK(spork_pool_apply_async(&victim, staff, say_and_sleep_call(out, LONG_MS), NULL));
    OK(spork_pool_apply_async(&longer, staff, sleep_for_call(LONG_MS), NULL));
    native_process_kill(get_number(out));
    int64_t before = spork_now_ms();
    OK(spork_future_cancel(victim, GRACE_MS));
    assert_in_range(spork_now_ms() - before, 0, SOON_MS);
    assert_int_equal(spork_future_error(victim), SPORK_ECANCELLED);
    spork_future_free(victim);
    spork_future_free(longer);
    OK(spork_pool_free(staff));
    spork_queue_free(out);
}

/* A map of which a dead worker's items wait behind tasks that take long. */
static int64_t say_pid(spork_queue *out) {
    spork_queue_put(out, spork_int(spork_process_pid(spork_current_process())), SPORK_FOREVER);
    spork_sleep_ms(LONG_MS);
    return 0;
}
SPORK_TASK(int64_t, say_pid, spork_queue *);

TEST(a_map_whose_items_wait_behind_long_tasks_is_cancelled_within_its_grace) {
    needs_a_process_to_kill();
    enum { ITEMS = 4 };
    spork_queue *out;
    spork_queue *in[ITEMS];
    spork_future *map;
    spork_future *longer;
    int64_t results[ITEMS];
    OK(spork_queue_new(&out, NULL));
    for (int i = 0; i < ITEMS; i++) {
        in[i] = out;
    }
    spork_pool *staff = new_pool(1);
    OK(say_pid_map_async(&map, staff, in, ITEMS, results,
                         &(spork_map_options){.chunk_size = ITEMS}));
    OK(spork_pool_apply_async(&longer, staff, sleep_for_call(LONG_MS), NULL));
    native_process_kill(get_number(out));
    int64_t limit = spork_now_ms() + 500;
    while (spork_now_ms() < limit) { /* it is replaced, and another one is at the long task */
        OK(spork_pool_poll(staff, NULL));
        spork_sleep_ms(5);
    }
    int64_t before = spork_now_ms();
    OK(spork_future_cancel(map, GRACE_MS));
    assert_in_range(spork_now_ms() - before, 0, SOON_MS);
    assert_int_equal(spork_future_error(map), SPORK_ECANCELLED);
    spork_future_free(map);
    spork_future_free(longer);
    OK(spork_pool_free(staff));
    spork_queue_free(out);
}

TEST_MAIN
