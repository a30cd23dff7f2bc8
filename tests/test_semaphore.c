/* Semaphores: counts, bounds, and who is woken. */
#include "support_workers.h"

static spork_semaphore *semaphore_of(int64_t value, bool bounded) {
    spork_semaphore *semaphore = NULL;
    OK(spork_semaphore_new(&semaphore,
                           &(spork_semaphore_options){.value = value, .bounded = bounded}));
    return semaphore;
}

TEST_ONCE(the_third_try_on_a_semaphore_of_two_fails) {
    spork_semaphore *semaphore = semaphore_of(2, false);
    OK(spork_semaphore_acquire(semaphore, 0));
    OK(spork_semaphore_acquire(semaphore, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_semaphore_acquire(semaphore, 0));
    assert_int_equal(spork_semaphore_count(semaphore), 0);
    OK(spork_semaphore_release(semaphore, 1));
    OK(spork_semaphore_acquire(semaphore, 0));
    spork_semaphore_free(semaphore);
}

TEST_ONCE(without_options_it_is_one_and_unbounded) {
    spork_semaphore *semaphore = NULL;
    OK(spork_semaphore_new(&semaphore, NULL));
    assert_int_equal(spork_semaphore_count(semaphore), 1);
    OK(spork_semaphore_release(semaphore, 5));
    assert_int_equal(spork_semaphore_count(semaphore), 6);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(a_bounded_semaphore_refuses_a_release_too_many_and_stays_as_it_was) {
    spork_semaphore *semaphore = semaphore_of(2, true);
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 1));
    OK(spork_semaphore_acquire(semaphore, 0));
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 2));
    assert_int_equal(spork_semaphore_count(semaphore), 1);
    OK(spork_semaphore_release(semaphore, 1));
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, INT64_MAX));
    assert_int_equal(spork_semaphore_count(semaphore), 2);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(counts_and_values_have_their_limits) {
    spork_semaphore *semaphore = NULL;
    FAILS(SPORK_EINVAL, spork_semaphore_new(NULL, NULL));
    FAILS(SPORK_EINVAL,
          spork_semaphore_new(&semaphore, &(spork_semaphore_options){.value = -1}));
    FAILS(SPORK_EINVAL, spork_semaphore_new(&semaphore, &(spork_semaphore_options){
                                                            .value = (int64_t)INT32_MAX + 1}));
    semaphore = semaphore_of(INT32_MAX, false);
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 1));
    FAILS(SPORK_EINVAL, spork_semaphore_release(semaphore, 0));
    FAILS(SPORK_EINVAL, spork_semaphore_release(semaphore, -1));
    assert_int_equal(spork_semaphore_count(semaphore), INT32_MAX);
    FAILS(SPORK_EINVAL, spork_semaphore_acquire(NULL, 0));
    FAILS(SPORK_EINVAL, spork_semaphore_release(NULL, 1));
    assert_int_equal(spork_semaphore_count(NULL), -1);
    spork_semaphore_free(NULL);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(an_acquire_gives_up_after_its_time_out_not_early_and_not_much_late) {
    spork_semaphore *semaphore = semaphore_of(0, false);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_semaphore_acquire(semaphore, 150));
    int64_t took = spork_now_ms() - begin;
    assert_true(took >= 149 && took < 700);
    FAILS(SPORK_EINVAL, spork_semaphore_acquire(semaphore, -3));
    spork_semaphore_free(semaphore);
}

static int acquire_and_tell(spork_semaphore *semaphore, spork_queue *told) {
    EXPECT(spork_queue_put(told, spork_int(0), 0) == 0);
    EXPECT(spork_semaphore_acquire(semaphore, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(told, spork_int(1), 0) == 0);
    return 0;
}
SPORK_TASK(int, acquire_and_tell, spork_semaphore *, spork_queue *);

TEST(a_release_of_so_many_wakes_so_many) {
    enum { WAITERS = 6 };
    spork_semaphore *semaphore = semaphore_of(0, false);
    spork_queue *told = NULL;
    spork_process *children[WAITERS];
    OK(spork_queue_new(&told, NULL));
    for (int i = 0; i < WAITERS; i++) {
        children[i] = start(acquire_and_tell_call(semaphore, told));
    }
    assert_true(wait_for_items(told, WAITERS));
    spork_sleep_ms(50);
    int released = 0;
    for (int count = 1; count <= 3; count++) {
        OK(spork_semaphore_release(semaphore, count));
        released += count;
        assert_true(wait_for_items(told, WAITERS + released));
        spork_sleep_ms(20);
        assert_int_equal(spork_queue_size(told), WAITERS + released);
        assert_int_equal(spork_semaphore_count(semaphore), 0);
    }
    for (int i = 0; i < WAITERS; i++) {
        finish(children[i]);
    }
    spork_queue_free(told);
    spork_semaphore_free(semaphore);
}

/* No more than two at a time are inside; `inside` counts them. */
static int enter_often(spork_semaphore *room, spork_semaphore *inside, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        EXPECT(spork_semaphore_acquire(room, PATIENCE_MS) == 0);
        EXPECT(spork_semaphore_release(inside, 1) == 0);
        EXPECT(spork_semaphore_count(inside) <= 2);
        EXPECT(spork_semaphore_acquire(inside, 0) == 0);
        EXPECT(spork_semaphore_release(room, 1) == 0);
    }
    return 0;
}
SPORK_TASK(int, enter_often, spork_semaphore *, spork_semaphore *, int64_t);

TEST(never_more_are_inside_than_the_semaphore_lets_in) {
    spork_semaphore *room = semaphore_of(2, true);
    spork_semaphore *inside = semaphore_of(0, false);
    spork_process *children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = start(enter_often_call(room, inside, 3000));
    }
    for (int i = 0; i < 4; i++) {
        finish(children[i]);
    }
    assert_int_equal(spork_semaphore_count(room), 2);
    assert_int_equal(spork_semaphore_count(inside), 0);
    spork_semaphore_free(room);
    spork_semaphore_free(inside);
}

/* ---- a storm ---- */

enum { TOKENS = 4 };
static spork_semaphore *storm_semaphore;
static spork_array *storm_turns;
static int64_t storm_seen, storm_released;

static int take_turns(spork_semaphore *semaphore, spork_array *turns) {
    for (;;) {
        EXPECT(spork_semaphore_acquire(semaphore, PATIENCE_MS) == 0);
        EXPECT(spork_array_add(turns, 0, 1, NULL) == 0);
        EXPECT(spork_semaphore_release(semaphore, 1) == 0);
    }
}
SPORK_TASK(int, take_turns, spork_semaphore *, spork_array *);

static spork_call take_turns_with_others(int number) {
    (void)number;
    return take_turns_call(storm_semaphore, storm_turns);
}

/* A semaphore has no owner: what the dead had taken stays taken, and somebody has to give it
   back when none is left. */
static bool somebody_took_a_turn(void) {
    int64_t now = *SPORK_ITEMS(storm_turns, int64_t);
    bool progress = now != storm_seen;
    if (!progress && spork_semaphore_count(storm_semaphore) == 0) {
        OK(spork_semaphore_release(storm_semaphore, 1));
        storm_released++;
    }
    storm_seen = now;
    return progress;
}

TEST_SLOW(eight_who_take_turns_go_on_while_others_are_killed, 90) {
    OK(spork_semaphore_new(&storm_semaphore, &(spork_semaphore_options){.value = TOKENS}));
    OK(SPORK_VALUE_NEW(&storm_turns, int64_t, &(spork_array_options){.raw = true}));
    storm_seen = storm_released = 0;
    int killed = storm(take_turns_with_others, somebody_took_a_turn);
    int64_t count = spork_semaphore_count(storm_semaphore);
    assert_in_range(count, 0, TOKENS + storm_released);
    assert_true(count >= TOKENS + storm_released - killed);
    OK(spork_semaphore_release(storm_semaphore, 1));
    OK(spork_semaphore_acquire(storm_semaphore, 0));
    spork_array_free(storm_turns);
    spork_semaphore_free(storm_semaphore);
}

TEST_MAIN
