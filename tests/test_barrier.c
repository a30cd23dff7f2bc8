/* Barriers: rounds in lockstep, and all that breaks them. */
#include "arena.h"
#include "support/deaths.h"
#include "support_storm.h"

static spork_barrier *barrier_of(int64_t parties) {
    spork_barrier *barrier = NULL;
    OK(spork_barrier_new(&barrier, &(spork_barrier_options){.parties = parties}));
    return barrier;
}

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static spork_semaphore *new_counter(void) {
    spork_semaphore *counter = NULL;
    OK(spork_semaphore_new(&counter, &(spork_semaphore_options){.value = 0}));
    return counter;
}

static void expect_nothing_left(void) {
    assert_int_equal(atomic_load(&arena->handles_live), 0);
}

static void wait_for_waiters(spork_barrier *barrier, int64_t count) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (spork_barrier_waiting(barrier) < count) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
}

/* Tells what wait said, and the index. */
static int wait_and_tell(spork_barrier *barrier, spork_queue *told, int64_t timeout_ms) {
    int64_t index = -1;
    int error = spork_barrier_wait(barrier, timeout_ms, &index);
    EXPECT(spork_queue_put(told, SPORK_LIST_OF(spork_int(error), spork_int(index)), 0) == 0);
    return 0;
}
SPORK_TASK(int, wait_and_tell, spork_barrier *, spork_queue *, int64_t);

static void expect_told(spork_queue *told, int expected, int64_t *index) {
    spork_value list;
    int64_t error;
    int64_t ignored;
    OK(spork_queue_get(told, &list, PATIENCE_MS));
    OK(spork_value_get_int(spork_value_at(&list, 0), &error));
    OK(spork_value_get_int(spork_value_at(&list, 1), index == NULL ? &ignored : index));
    spork_value_free(&list);
    assert_int_equal(error, expected);
}

/* ---- one process ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    spork_barrier *barrier = NULL;
    FAILS(SPORK_EINVAL, spork_barrier_new(&barrier, NULL));
    FAILS(SPORK_EINVAL, spork_barrier_new(&barrier, &(spork_barrier_options){.parties = 0}));
    FAILS(SPORK_EINVAL, spork_barrier_new(&barrier, &(spork_barrier_options){.parties = -1}));
    FAILS(SPORK_EINVAL, spork_barrier_new(NULL, &(spork_barrier_options){.parties = 1}));
    FAILS(SPORK_EINVAL, spork_barrier_new(&barrier, &(spork_barrier_options){
                                                        .parties = 1, .timeout_ms = -1}));
    FAILS(SPORK_EINVAL, spork_barrier_wait(NULL, 0, NULL));
    FAILS(SPORK_EINVAL, spork_barrier_abort(NULL));
    FAILS(SPORK_EINVAL, spork_barrier_reset(NULL));
    assert_false(spork_barrier_broken(NULL));
    assert_int_equal(spork_barrier_parties(NULL), -1);
    assert_int_equal(spork_barrier_waiting(NULL), -1);
    spork_barrier_free(NULL);
    barrier = barrier_of(7);
    assert_int_equal(spork_barrier_parties(barrier), 7);
    assert_int_equal(spork_barrier_waiting(barrier), 0);
    FAILS(SPORK_EINVAL, spork_barrier_wait(barrier, -3, NULL));
    assert_false(spork_barrier_broken(barrier));
    spork_barrier_free(barrier);
}

TEST_ONCE(a_barrier_of_one_never_waits) {
    spork_barrier *barrier = barrier_of(1);
    for (int i = 0; i < 100; i++) {
        int64_t index = -1;
        OK(spork_barrier_wait(barrier, i % 2 == 0 ? 0 : SPORK_FOREVER, &index));
        assert_int_equal(index, 0);
    }
    OK(spork_barrier_wait(barrier, 0, NULL));
    spork_barrier_free(barrier);
}

TEST_ONCE(whose_time_runs_out_breaks_the_barrier_until_it_is_reset) {
    spork_barrier *barrier = NULL;
    OK(spork_barrier_new(&barrier,
                         &(spork_barrier_options){.parties = 2, .timeout_ms = 60}));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_barrier_wait(barrier, 120, NULL));
    assert_true(spork_now_ms() - begin >= 119 && spork_now_ms() - begin < 700);
    assert_true(spork_barrier_broken(barrier));
    FAILS(SPORK_EBROKEN, spork_barrier_wait(barrier, SPORK_FOREVER, NULL));
    OK(spork_barrier_reset(barrier));
    assert_false(spork_barrier_broken(barrier));
    FAILS(SPORK_EWOULDBLOCK, spork_barrier_wait(barrier, 0, NULL));
    FAILS(SPORK_EBROKEN, spork_barrier_wait(barrier, 0, NULL));
    OK(spork_barrier_reset(barrier));
    begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_barrier_wait(barrier, SPORK_BARRIER_DEFAULT, NULL));
    assert_true(spork_now_ms() - begin >= 59 && spork_now_ms() - begin < 700);
    spork_barrier_free(barrier);
    expect_nothing_left();
}

/* ---- rounds ---- */

/* steps counts who has come to a round: behind round i it is at least all of them i + 1 times,
   and nobody can be further than the next round. */
static int keep_step(spork_barrier *barrier, spork_semaphore *steps, spork_semaphore *leaders,
                     spork_semaphore *indices, int64_t rounds) {
    int64_t parties = spork_barrier_parties(barrier);
    for (int64_t i = 0; i < rounds; i++) {
        int64_t index = -1;
        EXPECT(spork_semaphore_release(steps, 1) == 0);
        EXPECT(spork_barrier_wait(barrier, PATIENCE_MS, &index) == 0);
        int64_t count = spork_semaphore_count(steps);
        EXPECT(count >= parties * (i + 1) && count < parties * (i + 2));
        EXPECT(index >= 0 && index < parties);
        EXPECT(index != 0 || spork_semaphore_release(leaders, 1) == 0);
        EXPECT(index == 0 || spork_semaphore_release(indices, index) == 0);
    }
    return 0;
}
SPORK_TASK(int, keep_step, spork_barrier *, spork_semaphore *, spork_semaphore *,
           spork_semaphore *, int64_t);

TEST_SLOW(five_keep_step_a_thousand_times_with_one_leader_each, 90) {
    enum { PARTIES = 5, ROUNDS = 1000 };
    spork_barrier *barrier = barrier_of(PARTIES);
    spork_semaphore *steps = new_counter();
    spork_semaphore *leaders = new_counter();
    spork_semaphore *indices = new_counter();
    spork_process *children[PARTIES];
    for (int i = 0; i < PARTIES; i++) {
        children[i] = start(keep_step_call(barrier, steps, leaders, indices, ROUNDS));
    }
    for (int i = 0; i < PARTIES; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_semaphore_count(steps), PARTIES * ROUNDS);
    assert_int_equal(spork_semaphore_count(leaders), ROUNDS);
    assert_int_equal(spork_semaphore_count(indices), (1 + 2 + 3 + 4) * ROUNDS);
    assert_int_equal(spork_barrier_waiting(barrier), 0);
    assert_false(spork_barrier_broken(barrier));
    spork_barrier_free(barrier);
    spork_semaphore_free(steps);
    spork_semaphore_free(leaders);
    spork_semaphore_free(indices);
    expect_nothing_left();
}

TEST(the_index_is_the_order_of_arrival) {
    spork_barrier *barrier = barrier_of(4);
    spork_queue *told = new_queue();
    spork_process *children[3];
    bool seen[4] = {false};
    int64_t index = -1;
    for (int i = 0; i < 3; i++) {
        children[i] = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
        wait_for_waiters(barrier, i + 1);
    }
    OK(spork_barrier_wait(barrier, 0, &index));
    assert_int_equal(index, 3);
    for (int i = 0; i < 3; i++) {
        expect_told(told, 0, &index);
        assert_true(index >= 0 && index < 3 && !seen[index]);
        seen[index] = true;
    }
    for (int i = 0; i < 3; i++) {
        finish(children[i]);
    }
    spork_barrier_free(barrier);
    spork_queue_free(told);
}

/* Waits until the barrier is broken, and counts how often it was at which place. */
static int come_often(spork_barrier *barrier, spork_semaphore *first, spork_semaphore *second,
                      spork_semaphore *third) {
    spork_semaphore *places[] = {first, second, third};
    for (;;) {
        int64_t index = -1;
        int error = spork_barrier_wait(barrier, PATIENCE_MS, &index);
        if (error == SPORK_EBROKEN) {
            return 0;
        }
        EXPECT(error == 0 && index >= 0 && index < 3);
        EXPECT(spork_semaphore_release(places[index], 1) == 0);
    }
}
SPORK_TASK(int, come_often, spork_barrier *, spork_semaphore *, spork_semaphore *,
           spork_semaphore *);

TEST_SLOW(more_threads_than_parties_make_whole_rounds_and_each_is_told_of_its_own, 60) {
    enum { CHILDREN = 7, PARTIES = 3 };
    spork_barrier *barrier = barrier_of(PARTIES);
    spork_semaphore *places[PARTIES];
    spork_process *children[CHILDREN];
    for (int i = 0; i < PARTIES; i++) {
        places[i] = new_counter();
    }
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(come_often_call(barrier, places[0], places[1], places[2]));
    }
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    while (spork_semaphore_count(places[0]) < 500) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    OK(spork_barrier_abort(barrier));
    for (int i = 0; i < CHILDREN; i++) {
        finish(children[i]);
    }
    for (int i = 1; i < PARTIES; i++) {
        assert_int_equal(spork_semaphore_count(places[i]), spork_semaphore_count(places[0]));
    }
    for (int i = 0; i < PARTIES; i++) {
        spork_semaphore_free(places[i]);
    }
    spork_barrier_free(barrier);
    expect_nothing_left();
}

static int wait_at_what_comes(spork_queue *from) {
    spork_value list;
    spork_barrier *barrier = NULL;
    EXPECT(spork_queue_get(from, &list, PATIENCE_MS) == 0);
    EXPECT(spork_value_get_barrier(spork_value_at(&list, 0), &barrier) == 0);
    EXPECT(spork_barrier_wait(barrier, PATIENCE_MS, NULL) == 0);
    spork_value_free(&list);
    return 0;
}
SPORK_TASK(int, wait_at_what_comes, spork_queue *);

TEST(a_barrier_travels_through_a_queue) {
    spork_barrier *barrier = barrier_of(2);
    spork_queue *queue = new_queue();
    spork_process *child = start(wait_at_what_comes_call(queue));
    OK(spork_queue_put(queue, SPORK_LIST_OF(spork_barrier_value(barrier)), 0));
    OK(spork_barrier_wait(barrier, PATIENCE_MS, NULL));
    finish(child);
    spork_barrier_free(barrier);
    spork_queue_free(queue);
    expect_nothing_left();
}

/* ---- breaking ---- */

enum { WAITERS = 3 };
struct crowd {
    spork_barrier *barrier;
    spork_queue *told;
    spork_process *children[WAITERS];
};

static void gather(struct crowd *crowd, int64_t timeout_of_first) {
    crowd->barrier = barrier_of(WAITERS + 1);
    crowd->told = new_queue();
    for (int i = 0; i < WAITERS; i++) {
        int64_t timeout = i == WAITERS - 1 ? timeout_of_first : PATIENCE_MS;
        crowd->children[i] = start(wait_and_tell_call(crowd->barrier, crowd->told, timeout));
        if (timeout == PATIENCE_MS) {
            wait_for_waiters(crowd->barrier, i + 1);
        }
    }
}

static void disperse(struct crowd *crowd) {
    for (int i = 0; i < WAITERS; i++) {
        finish(crowd->children[i]);
    }
    spork_barrier_free(crowd->barrier);
    spork_queue_free(crowd->told);
    expect_nothing_left();
}

TEST(abort_breaks_those_who_wait_and_reset_makes_the_barrier_usable) {
    struct crowd crowd;
    gather(&crowd, PATIENCE_MS);
    OK(spork_barrier_abort(crowd.barrier));
    for (int i = 0; i < WAITERS; i++) {
        expect_told(crowd.told, SPORK_EBROKEN, NULL);
    }
    assert_true(spork_barrier_broken(crowd.barrier));
    assert_int_equal(spork_barrier_waiting(crowd.barrier), 0);
    FAILS(SPORK_EBROKEN, spork_barrier_wait(crowd.barrier, PATIENCE_MS, NULL));
    OK(spork_barrier_abort(crowd.barrier));
    OK(spork_barrier_reset(crowd.barrier));
    for (int i = 0; i < WAITERS; i++) {
        finish(crowd.children[i]);
        crowd.children[i] = start(wait_and_tell_call(crowd.barrier, crowd.told, PATIENCE_MS));
    }
    OK(spork_barrier_wait(crowd.barrier, PATIENCE_MS, NULL));
    for (int i = 0; i < WAITERS; i++) {
        expect_told(crowd.told, 0, NULL);
    }
    disperse(&crowd);
}

TEST(reset_sends_those_who_wait_away_and_leaves_the_barrier_whole) {
    struct crowd crowd;
    gather(&crowd, PATIENCE_MS);
    OK(spork_barrier_reset(crowd.barrier));
    assert_false(spork_barrier_broken(crowd.barrier));
    assert_int_equal(spork_barrier_waiting(crowd.barrier), 0);
    for (int i = 0; i < WAITERS; i++) {
        expect_told(crowd.told, SPORK_EBROKEN, NULL);
    }
    disperse(&crowd);
}

TEST(one_who_gives_up_breaks_the_others) {
    struct crowd crowd;
    int timed_out = 0;
    gather(&crowd, 150);
    for (int i = 0; i < WAITERS; i++) {
        spork_value list;
        int64_t error;
        OK(spork_queue_get(crowd.told, &list, PATIENCE_MS));
        OK(spork_value_get_int(spork_value_at(&list, 0), &error));
        spork_value_free(&list);
        timed_out += error == SPORK_ETIMEDOUT;
        assert_true(error == SPORK_ETIMEDOUT || error == SPORK_EBROKEN);
    }
    assert_int_equal(timed_out, 1);
    disperse(&crowd);
}

/* ---- deaths ---- */

TEST(a_killed_waiter_breaks_the_others_within_a_second) {
    needs_a_process_to_kill();
    struct crowd crowd;
    gather(&crowd, PATIENCE_MS);
    int64_t begin = spork_now_ms();
    OK(spork_process_kill(crowd.children[1]));
    expect_told(crowd.told, SPORK_EBROKEN, NULL);
    expect_told(crowd.told, SPORK_EBROKEN, NULL);
    assert_true(spork_now_ms() - begin < 1000);
    FAILS(SPORK_EBROKEN, spork_barrier_wait(crowd.barrier, PATIENCE_MS, NULL));
    OK(spork_barrier_reset(crowd.barrier));
    OK(spork_process_join(crowd.children[1], PATIENCE_MS, NULL));
    assert_false(spork_barrier_broken(crowd.barrier));
    OK(spork_process_free(crowd.children[1]));
    crowd.children[1] = start(wait_and_tell_call(crowd.barrier, crowd.told, 0));
    expect_told(crowd.told, SPORK_EWOULDBLOCK, NULL);
    disperse(&crowd);
}

static int hold_and_wait(spork_barrier *barrier, spork_queue *ready, spork_queue *end) {
    spork_value value;
    EXPECT(spork_barrier_parties(barrier) > 0);
    EXPECT(spork_queue_put(ready, spork_nil(), 0) == 0);
    return spork_queue_get(end, &value, SPORK_FOREVER);
}
SPORK_TASK(int, hold_and_wait, spork_barrier *, spork_queue *, spork_queue *);

TEST(a_killed_process_that_only_holds_the_barrier_breaks_it) {
    needs_a_process_to_kill();
    struct crowd crowd;
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    gather(&crowd, PATIENCE_MS);
    spork_process *holder = start(hold_and_wait_call(crowd.barrier, ready, end));
    assert_true(wait_for_items(ready, 1));
    int64_t begin = spork_now_ms();
    OK(spork_process_kill(holder));
    for (int i = 0; i < WAITERS; i++) {
        expect_told(crowd.told, SPORK_EBROKEN, NULL);
    }
    assert_true(spork_now_ms() - begin < 1000);
    kill_and_free(holder);
    spork_queue_free(ready);
    spork_queue_free(end);
    disperse(&crowd);
}

TEST(one_that_is_killed_before_anybody_waits_breaks_the_next_round) {
    needs_a_process_to_kill();
    spork_barrier *barrier = barrier_of(2);
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    spork_process *holder = start(hold_and_wait_call(barrier, ready, end));
    assert_true(wait_for_items(ready, 1));
    OK(spork_process_kill(holder));
    FAILS(SPORK_EBROKEN, spork_barrier_wait(barrier, PATIENCE_MS, NULL));
    kill_and_free(holder);
    spork_barrier_free(barrier);
    spork_queue_free(ready);
    spork_queue_free(end);
    expect_nothing_left();
}

TEST(a_holder_that_ends_by_itself_breaks_nothing) {
    struct crowd crowd;
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    gather(&crowd, PATIENCE_MS);
    spork_process *holder = start(hold_and_wait_call(crowd.barrier, ready, end));
    OK(spork_queue_put(end, spork_nil(), 0));
    finish(holder);
    assert_false(spork_barrier_broken(crowd.barrier));
    OK(spork_barrier_wait(crowd.barrier, PATIENCE_MS, NULL));
    for (int i = 0; i < WAITERS; i++) {
        expect_told(crowd.told, 0, NULL);
    }
    spork_queue_free(ready);
    spork_queue_free(end);
    disperse(&crowd);
}

static int leave(spork_barrier *barrier, int64_t code) {
    EXPECT(spork_barrier_waiting(barrier) >= 0);
    exit((int)code);
}
SPORK_TASK(int, leave, spork_barrier *, int64_t);

TEST(a_holder_that_calls_exit_breaks_nothing) {
    needs_a_process_to_kill();
    spork_barrier *barrier = barrier_of(1);
    int code = -1;
    spork_process *child = start(leave_call(barrier, 3));
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, 3);
    OK(spork_process_free(child));
    assert_false(spork_barrier_broken(barrier));
    OK(spork_barrier_wait(barrier, 0, NULL));
    spork_barrier_free(barrier);
}

static int leave_a_waiting_thread(spork_barrier *barrier) {
    spork_process *thread = NULL;
    spork_queue *told = NULL;
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    EXPECT(spork_queue_new(&told, NULL) == 0);
    EXPECT(spork_process_start(&thread, wait_and_tell_call(barrier, told, SPORK_FOREVER),
                               &(spork_process_options){.method = SPORK_METHOD_THREAD,
                                                        .daemon = SPORK_DAEMON_YES}) == 0);
    while (spork_barrier_waiting(barrier) == 0) {
        EXPECT(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    return 0;
}
SPORK_TASK(int, leave_a_waiting_thread, spork_barrier *);

TEST(a_process_that_ends_while_its_thread_waits_breaks_the_barrier) {
    needs_a_process_to_kill();
    spork_barrier *barrier = barrier_of(2);
    finish(start(leave_a_waiting_thread_call(barrier)));
    assert_true(spork_barrier_broken(barrier));
    spork_barrier_free(barrier);
}

/* ---- actions ---- */

/* Runs before anybody goes on: nobody has left while it looks. */
static int count_round(spork_semaphore *rounds, spork_semaphore *steps, int64_t parties,
                       const char *words) {
    int64_t round = spork_semaphore_count(rounds) + 1;
    EXPECT(strcmp(words, "all are here") == 0);
    EXPECT(spork_semaphore_count(steps) == parties * round);
    EXPECT(spork_semaphore_release(rounds, 1) == 0);
    return 0;
}
SPORK_TASK(int, count_round, spork_semaphore *, spork_semaphore *, int64_t, const char *);

static int step_often(spork_barrier *barrier, spork_semaphore *rounds, spork_semaphore *steps,
                      int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_semaphore_release(steps, 1) == 0);
        EXPECT(spork_barrier_wait(barrier, PATIENCE_MS, NULL) == 0);
        EXPECT(spork_semaphore_count(rounds) >= i + 1);
    }
    return 0;
}
SPORK_TASK(int, step_often, spork_barrier *, spork_semaphore *, spork_semaphore *, int64_t);

static spork_barrier *barrier_with(int64_t parties, spork_call action) {
    spork_barrier *barrier = NULL;
    OK(spork_barrier_new(&barrier,
                         &(spork_barrier_options){.parties = parties, .action = &action}));
    return barrier;
}

TEST_SLOW(the_action_runs_once_a_round_before_anybody_goes_on, 60) {
    enum { PARTIES = 4, ROUNDS = 200 };
    spork_semaphore *rounds = new_counter();
    spork_semaphore *steps = new_counter();
    spork_process *children[PARTIES];
    spork_barrier *barrier =
        barrier_with(PARTIES, count_round_call(rounds, steps, PARTIES, "all are here"));
    for (int i = 0; i < PARTIES; i++) {
        children[i] = start(step_often_call(barrier, rounds, steps, ROUNDS));
    }
    for (int i = 0; i < PARTIES; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_semaphore_count(rounds), ROUNDS);
    spork_semaphore_free(rounds);
    spork_semaphore_free(steps);
    spork_barrier_free(barrier);
    expect_nothing_left();
}

static int result_in(int64_t number) {
    return (int)number;
}
SPORK_TASK(int, result_in, int64_t);

static double result_in_no_integer(void) {
    return 0.5;
}
SPORK_TASK(double, result_in_no_integer);

static spork_value result_in_nil(void) {
    return spork_nil();
}
SPORK_TASK(spork_value, result_in_nil);

TEST_ONCE(an_action_that_does_nothing_or_results_in_nil_is_fine) {
    spork_barrier *barrier = barrier_with(1, spork_no_call());
    OK(spork_barrier_wait(barrier, 0, NULL));
    spork_barrier_free(barrier);
    barrier = barrier_with(1, result_in_nil_call());
    OK(spork_barrier_wait(barrier, 0, NULL));
    OK(spork_barrier_wait(barrier, 0, NULL));
    spork_barrier_free(barrier);
    expect_nothing_left();
}

TEST_ONCE(an_action_that_fails_breaks_the_barrier_and_who_ran_it_is_told) {
    const struct {
        spork_call action;
        int error;
    } cases[] = {{result_in_call(7), SPORK_EBROKEN},
                 {result_in_call(SPORK_EPIPE), SPORK_EPIPE},
                 {result_in_call(SPORK_EWOULDBLOCK), SPORK_EWOULDBLOCK},
                 {result_in_call(-1000), SPORK_EBROKEN},
                 {result_in_no_integer_call(), SPORK_EBROKEN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spork_barrier *barrier = barrier_with(1, cases[i].action);
        FAILS(cases[i].error, spork_barrier_wait(barrier, PATIENCE_MS, NULL));
        assert_non_null(strstr(spork_error_detail(), "action result_in"));
        assert_true(spork_barrier_broken(barrier));
        FAILS(SPORK_EBROKEN, spork_barrier_wait(barrier, PATIENCE_MS, NULL));
        spork_barrier_free(barrier);
    }
    expect_nothing_left();
}

TEST(an_action_that_fails_breaks_those_who_wait) {
    spork_barrier *barrier = barrier_with(2, result_in_call(1));
    spork_queue *told = new_queue();
    spork_process *child = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
    wait_for_waiters(barrier, 1);
    FAILS(SPORK_EBROKEN, spork_barrier_wait(barrier, PATIENCE_MS, NULL));
    expect_told(told, SPORK_EBROKEN, NULL);
    finish(child);
    spork_barrier_free(barrier);
    spork_queue_free(told);
}

static int count_them(spork_value list) {
    for (size_t i = 0; i < spork_value_count(&list); i++) {
        spork_semaphore *counter = NULL;
        EXPECT(spork_value_get_semaphore(spork_value_at(&list, i), &counter) == 0);
        EXPECT(spork_semaphore_release(counter, 1) == 0);
    }
    return 0;
}
SPORK_TASK(int, count_them, spork_value);

enum { HANDLES = 8 };
static spork_semaphore *counters[HANDLES + 1];

/* A barrier whose action has that many handles, which only it holds. */
static int make_with_handles(spork_barrier **barrier, int count) {
    spork_value values[HANDLES + 1];
    for (int i = 0; i < count; i++) {
        if (spork_semaphore_new(&counters[i], &(spork_semaphore_options){.value = 0}) != 0) {
            return 1;
        }
        values[i] = spork_semaphore_value(counters[i]);
    }
    spork_call action = count_them_call(spork_list(values, (size_t)count));
    return spork_barrier_new(barrier,
                             &(spork_barrier_options){.parties = 1, .action = &action});
}

static void free_counters(int count) {
    for (int i = 0; i < count; i++) {
        spork_semaphore_free(counters[i]);
    }
}

TEST_ONCE(an_action_holds_up_to_eight_handles_as_long_as_the_barrier_lives) {
    spork_barrier *barrier = NULL;
    spork_semaphore *none = NULL;
    OK(make_with_handles(&barrier, HANDLES));
    free_counters(HANDLES - 1);
    assert_int_equal(atomic_load(&arena->handles_live), HANDLES + 1);
    OK(spork_barrier_wait(barrier, 0, NULL));
    OK(spork_barrier_wait(barrier, 0, NULL));
    assert_int_equal(spork_semaphore_count(counters[HANDLES - 1]), 2);
    assert_int_equal(atomic_load(&arena->handles_live), HANDLES + 1);
    spork_barrier_free(barrier);
    spork_semaphore_free(counters[HANDLES - 1]);
    expect_nothing_left();
    FAILS(SPORK_EINVAL, make_with_handles(&barrier, HANDLES + 1));
    free_counters(HANDLES + 1);
    spork_call action = count_round_call(none, none, 1, "");
    FAILS(SPORK_EINVAL, spork_barrier_new(&barrier, &(spork_barrier_options){
                                                        .parties = 1, .action = &action}));
    expect_nothing_left();
    assert_int_equal(atomic_load(&arena->live_bytes), 0);
}

static int say_and_sleep(spork_queue *ready, spork_queue *never) {
    spork_value value;
    spork_queue_put(ready, spork_nil(), 0);
    return spork_queue_get(never, &value, SPORK_FOREVER);
}
SPORK_TASK(int, say_and_sleep, spork_queue *, spork_queue *);

TEST(one_that_is_killed_in_the_action_breaks_those_who_wait) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *never = new_queue();
    spork_queue *told = new_queue();
    spork_barrier *barrier = barrier_with(2, say_and_sleep_call(ready, never));
    spork_process *waiter = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
    wait_for_waiters(barrier, 1);
    spork_process *runner = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
    assert_true(wait_for_items(ready, 1));
    assert_int_equal(spork_barrier_waiting(barrier), 2);
    OK(spork_process_kill(runner));
    expect_told(told, SPORK_EBROKEN, NULL);
    finish(waiter);
    kill_and_free(runner);
    OK(spork_barrier_reset(barrier));
    assert_false(spork_barrier_broken(barrier));
    spork_barrier_free(barrier);
    spork_queue_free(ready);
    spork_queue_free(never);
    spork_queue_free(told);
    expect_nothing_left();
}

static int call_exit(spork_queue *ready) {
    spork_queue_put(ready, spork_nil(), 0);
    exit(0);
}
SPORK_TASK(int, call_exit, spork_queue *);

TEST(one_that_leaves_in_the_action_breaks_those_who_wait) {
    needs_a_process_to_kill();
    spork_queue *ready = new_queue();
    spork_queue *told = new_queue();
    spork_barrier *barrier = barrier_with(2, call_exit_call(ready));
    spork_process *waiter = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
    wait_for_waiters(barrier, 1);
    finish(start(wait_and_tell_call(barrier, told, PATIENCE_MS)));
    assert_int_equal(spork_queue_size(ready), 1);
    expect_told(told, SPORK_EBROKEN, NULL);
    finish(waiter);
    assert_true(spork_barrier_broken(barrier));
    spork_barrier_free(barrier);
    spork_queue_free(ready);
    spork_queue_free(told);
}

TEST(abort_and_reset_reach_a_round_whose_action_runs) {
    spork_queue *ready = new_queue();
    spork_queue *end = new_queue();
    spork_queue *told = new_queue();
    spork_barrier *barrier = barrier_with(2, say_and_sleep_call(ready, end));
    for (int way = 0; way < 2; way++) {
        spork_process *children[2];
        spork_value value;
        for (int i = 0; i < 2; i++) {
            children[i] = start(wait_and_tell_call(barrier, told, PATIENCE_MS));
        }
        OK(spork_queue_get(ready, &value, PATIENCE_MS));
        OK(way == 0 ? spork_barrier_abort(barrier) : spork_barrier_reset(barrier));
        expect_told(told, SPORK_EBROKEN, NULL);
        assert_true(spork_barrier_broken(barrier) == (way == 0));
        OK(spork_queue_put(end, spork_nil(), 0));
        expect_told(told, SPORK_EBROKEN, NULL);
        assert_true(spork_barrier_broken(barrier) == (way == 0));
        finish(children[0]);
        finish(children[1]);
        OK(spork_barrier_reset(barrier));
    }
    spork_barrier_free(barrier);
    spork_queue_free(ready);
    spork_queue_free(end);
    spork_queue_free(told);
    expect_nothing_left();
}

/* ---- storms ---- */

static int march(spork_barrier *barrier, spork_semaphore *go, spork_queue *told) {
    for (;;) {
        int error = spork_barrier_wait(barrier, PATIENCE_MS, NULL);
        if (error == 0) {
            continue;
        }
        EXPECT(error == SPORK_EBROKEN);
        EXPECT(spork_queue_put(told, spork_nil(), 0) == 0);
        EXPECT(spork_semaphore_acquire(go, PATIENCE_MS) == 0);
    }
}
SPORK_TASK(int, march, spork_barrier *, spork_semaphore *, spork_queue *);

/* The rounds' action; killed in here, too. */
static int count_one(spork_semaphore *rounds) {
    return spork_semaphore_release(rounds, 1);
}
SPORK_TASK(int, count_one, spork_semaphore *);

TEST_SLOW(each_kill_among_eight_breaks_the_barrier_and_reset_mends_it, 120) {
    enum { PARTIES = 8 };
    int kills = storm_begin(40, 8);
    spork_semaphore *rounds = new_counter();
    spork_semaphore *go = new_counter();
    spork_queue *told = new_queue();
    spork_barrier *barrier = barrier_with(PARTIES, count_one_call(rounds));
    spork_process *children[PARTIES];
    for (int i = 0; i < PARTIES; i++) {
        children[i] = start(march_call(barrier, go, told));
    }
    for (int i = 0; i < kills; i++) {
        int victim = storm_random(PARTIES);
        spork_value value;
        int64_t before = spork_semaphore_count(rounds);
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        while (spork_semaphore_count(rounds) < before + 3) {
            assert_true(spork_now_ms() < limit);
            spork_sleep_ms(1);
        }
        spork_sleep_ms(storm_random(3));
        kill_and_free(children[victim]);
        for (int j = 0; j < PARTIES - 1; j++) {
            OK(spork_queue_get(told, &value, PATIENCE_MS));
        }
        assert_true(spork_barrier_broken(barrier));
        OK(spork_barrier_reset(barrier));
        children[victim] = start(march_call(barrier, go, told));
        OK(spork_semaphore_release(go, PARTIES - 1));
    }
    for (int i = 0; i < PARTIES; i++) {
        assert_true(spork_process_alive(children[i]));
    }
    for (int i = 0; i < PARTIES; i++) {
        kill_and_free(children[i]);
    }
    spork_barrier_free(barrier);
    spork_semaphore_free(rounds);
    spork_semaphore_free(go);
    spork_queue_free(told);
    expect_nothing_left();
}

/* ---- white box: deaths at every point ---- */

static spork_barrier *alone;
static spork_barrier *pair;

static int nothing_more(void) {
    return 0;
}

static int make_run_and_free(void) {
    spork_barrier *barrier = NULL;
    EXPECT(make_with_handles(&barrier, 2) == 0);
    EXPECT(spork_barrier_wait(barrier, 0, NULL) == 0);
    free_counters(2);
    spork_barrier_free(barrier);
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_barrier_is_made_used_and_freed_leaves_nothing, 90) {
    deaths_set_up();
    die_everywhere(&(struct death){.name = "barrier made, used and freed",
                                   .work = make_run_and_free,
                                   .verify = nothing_more,
                                   .burier_stride = 211});
}

static int wait_break_and_mend(void) {
    EXPECT(spork_barrier_wait(alone, 0, NULL) == 0);
    EXPECT(spork_barrier_wait(pair, 0, NULL) == SPORK_EWOULDBLOCK);
    EXPECT(spork_barrier_reset(pair) == 0);
    EXPECT(spork_barrier_abort(pair) == 0);
    EXPECT(spork_barrier_reset(pair) == 0);
    return 0;
}

/* Who was killed had both: they are broken, empty, and can be mended. */
static int expect_broken(void) {
    spork_barrier *both[] = {alone, pair};
    for (int i = 0; i < 2; i++) {
        EXPECT(spork_barrier_waiting(both[i]) == 0);
        EXPECT(spork_barrier_reset(both[i]) == 0);
        EXPECT(!spork_barrier_broken(both[i]));
        EXPECT(spork_barrier_wait(both[i], 0, NULL) == (i == 0 ? 0 : SPORK_EWOULDBLOCK));
    }
    return 0;
}

TEST_ONCE_SLOW(a_death_anywhere_while_a_barrier_is_used_leaves_one_that_can_be_mended, 90) {
    deaths_set_up();
    alone = barrier_with(1, result_in_call(0));
    pair = barrier_of(2);
    die_everywhere(&(struct death){.name = "barrier",
                                   .work = wait_break_and_mend,
                                   .verify = expect_broken,
                                   .burier_stride = 37});
    spork_barrier_free(alone);
    spork_barrier_free(pair);
}

TEST_MAIN
