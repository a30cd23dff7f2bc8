/* Pools used by several threads at once, by tasks, by other pools' tasks; two pools at once. */
#include <stdatomic.h>

#include "support_pool.h"

static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

static spork_pool *new_thread_pool(int workers) {
    return new_pool_with(
        (spork_pool_options){.workers = workers, .method = SPORK_METHOD_THREAD});
}

static spork_process *start_thread(spork_call call) {
    spork_process *thread = NULL;
    OK(spork_process_start(&thread, call,
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    return thread;
}

TEST(two_pools_work_at_once) {
    enum { TASKS = 100 };
    spork_pool *pools[2] = {new_pool(2), new_pool_with((spork_pool_options){
                                             .workers = 1, .name = "other", .max_tasks = 30})};
    spork_future *futures[2 * TASKS];
    for (int64_t i = 0; i < 2 * TASKS; i++) {
        futures[i] = give(pools[i % 2], square_call(i));
    }
    free_pool(new_pool(1)); /* one that comes and goes meanwhile */
    for (int64_t i = 2 * TASKS - 1; i >= 0; i--) {
        assert_int_equal(int_of(futures[i]), i * i);
        spork_future_free(futures[i]);
    }
    free_pool(pools[0]);
    int64_t number = 0;
    OK(square_apply(pools[1], &number, 4));
    assert_int_equal(number, 16);
    free_pool(pools[1]);
}

/* ---- several threads ---- */

/* What the threads of a test use; they see its variables. */
static spork_pool *own_pool;
static spork_pool *other_pool;
static spork_future *shared_future;
static _Atomic int called_back;

static void note_call(void *context, spork_future *done) {
    (void)context;
    if (spork_future_successful(done)) {
        atomic_fetch_add(&called_back, 1);
    }
}

static int use_pool(int64_t number) {
    enum { ROUNDS = 40, ITEMS = 30 };
    const spork_apply_options options = {.callback = note_call};
    for (int64_t round = 0; round < ROUNDS; round++) {
        int64_t in[ITEMS];
        int64_t out[ITEMS];
        int64_t got = 0;
        square_future later;
        spork_imap *imap;
        for (int64_t i = 0; i < ITEMS; i++) {
            in[i] = number + round * i;
        }
        EXPECT(square_apply_async(&later, own_pool, number) == 0);
        EXPECT(spork_pool_apply_async(NULL, own_pool, square_call(1), &options) == 0);
        EXPECT(square_apply(own_pool, &got, round) == 0 && got == round * round);
        EXPECT(square_map(own_pool, in, ITEMS, out) == 0);
        EXPECT(square_imap(&imap, own_pool, in, ITEMS, NULL) == 0);
        for (int i = 0; i < ITEMS; i++) {
            EXPECT(out[i] == in[i] * in[i]);
            EXPECT(square_next(imap, &got, PATIENCE_MS) == 0 && got == out[i]);
        }
        spork_imap_free(imap);
        EXPECT(square_get(later, &got, PATIENCE_MS) == 0 && got == number * number);
        spork_future_free(later.future);
        EXPECT(spork_pool_poll(own_pool, NULL) == 0);
    }
    return 0;
}
SPORK_TASK(int, use_pool, int64_t);

TEST_SLOW(four_threads_of_a_process_share_a_pool, 60) {
    enum { THREADS = 4 };
    spork_process *threads[THREADS];
    own_pool = new_pool(3);
    for (int64_t i = 0; i < THREADS; i++) {
        threads[i] = start_thread(use_pool_call(i));
    }
    OK(use_pool(100) == 0 ? 0 : SPORK_ESTATE);
    for (int i = 0; i < THREADS; i++) {
        finish(threads[i]);
    }
    close_and_join(own_pool);
    free_pool(own_pool);
    assert_int_equal(atomic_load(&called_back), (THREADS + 1) * 40);
}

static int poll_until_done(void) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    size_t done = 0;
    while (spork_pool_pending(own_pool) > 0) {
        EXPECT(spork_pool_poll(own_pool, &done) == 0);
        EXPECT(spork_now_ms() < limit);
    }
    return 0;
}
SPORK_TASK(int, poll_until_done);

TEST(several_threads_poll_a_pool_that_has_a_native) {
    enum { THREADS = 3, TASKS = 3000 };
    spork_process *threads[THREADS];
    const spork_apply_options options = {.callback = note_call};
    intptr_t native;
    own_pool = new_pool(2);
    OK(spork_pool_native(own_pool, &native));
    for (int i = 0; i < TASKS; i++) {
        OK(spork_pool_apply_async(NULL, own_pool, square_call(i), &options));
    }
    for (int i = 0; i < THREADS; i++) {
        threads[i] = start_thread(poll_until_done_call());
    }
    for (int i = 0; i < THREADS; i++) {
        finish(threads[i]);
    }
    free_pool(own_pool);
    assert_int_equal(atomic_load(&called_back), TASKS);
}

static int get_shared(void) {
    const spork_value *result = NULL;
    int64_t number = 0;
    EXPECT(spork_future_get(shared_future, &result, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_int(result, &number) == 0 && number == 0);
    return 0;
}
SPORK_TASK(int, get_shared);

TEST(several_threads_wait_for_one_future) {
    enum { THREADS = 3 };
    spork_process *threads[THREADS];
    spork_event *go = new_event();
    own_pool = new_pool(1);
    shared_future = give(own_pool, wait_for_event_call(go));
    for (int i = 0; i < THREADS; i++) {
        threads[i] = start_thread(get_shared_call());
    }
    FAILS(SPORK_ETIMEDOUT, spork_future_get(shared_future, NULL, 30));
    OK(spork_event_set(go));
    for (int i = 0; i < THREADS; i++) {
        finish(threads[i]);
    }
    assert_int_equal(int_of(shared_future), 0);
    spork_future_free(shared_future);
    free_pool(own_pool);
    spork_event_free(go);
}

struct stay {
    spork_event *inside, *leave;
};

static void stay_inside(void *context, spork_future *done) {
    const struct stay *stay = context;
    (void)done;
    OK(spork_event_set(stay->inside));
    OK(spork_event_wait(stay->leave, PATIENCE_MS));
}

TEST(a_pool_in_which_another_thread_waits_cannot_be_freed) {
    struct stay stay = {new_event(), new_event()};
    spork_event *go = new_event();
    const spork_apply_options options = {.callback = stay_inside, .context = &stay};
    own_pool = new_pool(1);
    OK(spork_pool_apply_async(&shared_future, own_pool, wait_for_event_call(go), &options));
    spork_process *thread = start_thread(get_shared_call());
    OK(spork_event_set(go));
    OK(spork_event_wait(stay.inside, PATIENCE_MS));
    FAILS(SPORK_EBUSY, spork_pool_free(own_pool));
    int64_t number = 0;
    OK(square_apply(own_pool, &number, 5)); /* it is as it was */
    assert_int_equal(number, 25);
    OK(spork_event_set(stay.leave));
    finish(thread);
    spork_future_free(shared_future);
    free_pool(own_pool);
    spork_event_free(go);
    spork_event_free(stay.inside);
    spork_event_free(stay.leave);
}

/* ---- tasks on threads that wait for pools ---- */

/* All ways of waiting for a pool, from a task that must not. */
static int wait_in_each_way(void) {
    const int64_t in[] = {1, 2};
    int64_t out[2];
    spork_future *given = NULL;
    spork_as_completed *order = NULL;
    spork_imap *imap = NULL;
    EXPECT(square_apply(own_pool, NULL, 1) == SPORK_ESTATE);
    EXPECT(square_map(own_pool, in, 2, out) == SPORK_ESTATE);
    /* What does not wait may be done. */
    EXPECT(spork_pool_apply_async(&given, own_pool, square_call(5), NULL) == 0);
    EXPECT(spork_future_get(given, NULL, 0) == SPORK_EWOULDBLOCK);
    EXPECT(!spork_future_ready(given));
    EXPECT(spork_pool_poll(own_pool, NULL) == 0);
    EXPECT(spork_future_get(given, NULL, SPORK_FOREVER) == SPORK_ESTATE);
    EXPECT(spork_future_get(given, NULL, 10) == SPORK_ESTATE);
    EXPECT(spork_future_wait(&given, 1, SPORK_WAIT_ALL, SPORK_FOREVER, NULL) == SPORK_ESTATE);
    EXPECT(spork_as_completed_new(&order, &given, 1) == SPORK_ESTATE);
    spork_waitable thing = spork_on_pool(own_pool);
    EXPECT(spork_wait(&thing, 1, SPORK_WAIT_ANY, SPORK_FOREVER, NULL) == SPORK_ESTATE);
    EXPECT(square_imap(&imap, own_pool, in, 2, NULL) == 0);
    EXPECT(square_next(imap, NULL, SPORK_FOREVER) == SPORK_ESTATE);
    spork_imap_free(imap);
    EXPECT(spork_pool_join(own_pool, SPORK_FOREVER) == SPORK_ESTATE);
    EXPECT(spork_pool_free(own_pool) == SPORK_EBUSY);
    spork_future_free(given);
    return 0;
}
SPORK_TASK(int, wait_in_each_way);

TEST_ONCE(a_task_on_a_thread_cannot_wait_for_its_own_pool) {
    int result = -1;
    int64_t number = 0;
    own_pool = new_thread_pool(1);
    OK(wait_in_each_way_apply(own_pool, &result));
    assert_int_equal(result, 0);
    OK(square_apply(own_pool, &number, 6));
    assert_int_equal(number, 36);
    close_and_join(own_pool);
    free_pool(own_pool);
}

static int64_t square_by_pool(int64_t number) {
    int64_t got = 0;
    int error = square_apply(own_pool, &got, number);
    return error == 0 ? got : error;
}
SPORK_TASK(int64_t, square_by_pool, int64_t);
static int64_t square_by_other_pool(int64_t number) {
    int64_t got = 0;
    int error = square_apply(other_pool, &got, number);
    return error == 0 ? got : error;
}
SPORK_TASK(int64_t, square_by_other_pool, int64_t);

TEST_ONCE(of_two_pools_of_threads_only_one_waits_for_the_other) {
    int64_t got = 0;
    own_pool = new_thread_pool(1);
    other_pool = new_thread_pool(2);
    for (int i = 0; i < 3; i++) {
        OK(square_by_pool_apply(other_pool, &got, 7));
        assert_int_equal(got, 49);
        OK(square_by_other_pool_apply(own_pool, &got, 7));
        assert_int_equal(got, SPORK_ESTATE);
    }
    /* What one that is gone did is forgotten. */
    free_pool(other_pool);
    other_pool = new_thread_pool(1);
    OK(square_by_other_pool_apply(own_pool, &got, 8));
    assert_int_equal(got, 64);
    OK(square_by_pool_apply(other_pool, &got, 8));
    assert_int_equal(got, SPORK_ESTATE);
    free_pool(own_pool);
    free_pool(other_pool);
}

static spork_pool *third_pool;

static int64_t square_by_third_pool(int64_t number) {
    int64_t got = 0;
    int error = square_apply(third_pool, &got, number);
    return error == 0 ? got : error;
}
SPORK_TASK(int64_t, square_by_third_pool, int64_t);

TEST_ONCE(nor_do_three_wait_in_a_circle) {
    int64_t got = 0;
    own_pool = new_thread_pool(1);
    other_pool = new_thread_pool(1);
    third_pool = new_thread_pool(1);
    OK(square_by_other_pool_apply(own_pool, &got, 2));
    assert_int_equal(got, 4);
    OK(square_by_third_pool_apply(other_pool, &got, 2));
    assert_int_equal(got, 4);
    OK(square_by_pool_apply(third_pool, &got, 2));
    assert_int_equal(got, SPORK_ESTATE);
    OK(square_by_third_pool_apply(own_pool, &got, 3));
    assert_int_equal(got, 9);
    free_pool(own_pool);
    free_pool(other_pool);
    free_pool(third_pool);
}

TEST(a_task_on_a_thread_waits_for_a_pool_of_processes) {
    enum { COUNT = 40 };
    needs_processes();
    int64_t in[COUNT];
    int64_t out[COUNT];
    own_pool = new_pool(2);
    other_pool = new_thread_pool(3);
    for (int64_t i = 0; i < COUNT; i++) {
        in[i] = i;
    }
    OK(square_by_pool_map(other_pool, in, COUNT, out));
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(out[i], i * i);
    }
    free_pool(other_pool);
    free_pool(own_pool);
}

TEST_ONCE(pools_of_threads_have_a_limit_and_it_is_told) {
    enum { MOST = 64 };
    spork_pool *pools[MOST + 1] = {NULL};
    int made = 0;
    int error = 0;
    while (made <= MOST && error == 0) {
        error = spork_pool_new(&pools[made], &(spork_pool_options){
                                                 .workers = 1, .method = SPORK_METHOD_THREAD});
        made += error == 0;
    }
    assert_int_equal(error, SPORK_ELIMIT);
    assert_int_equal(made, MOST);
    free_pool(pools[10]);
    pools[10] = new_thread_pool(1);
    int64_t got = 0;
    OK(square_apply(pools[10], &got, 3));
    assert_int_equal(got, 9);
    for (int i = 0; i < made; i++) {
        free_pool(pools[i]);
    }
}

TEST_MAIN
