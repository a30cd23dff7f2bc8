/* Locks and semaphores with names: between programs that are no family. */
#include "support_named.h"

static spork_lock *named_lock(const char *name, bool recursive) {
    spork_lock *lock = NULL;
    OK(spork_lock_new(&lock, &(spork_lock_options){.name = name, .recursive = recursive}));
    return lock;
}

static spork_lock *open_lock(const char *name) {
    spork_lock *lock = NULL;
    OK(spork_lock_open(&lock, name));
    return lock;
}

static spork_semaphore *named_semaphore(const char *name, int64_t value, bool bounded) {
    spork_semaphore *semaphore = NULL;
    const spork_semaphore_options options = {.name = name, .value = value, .bounded = bounded};
    OK(spork_semaphore_new(&semaphore, &options));
    return semaphore;
}

static spork_process *start_thread(spork_call call) {
    spork_process *thread = NULL;
    OK(spork_process_start(&thread, call,
                           &(spork_process_options){.method = SPORK_METHOD_THREAD}));
    return thread;
}

/* ---- names ---- */

TEST_ONCE(wrong_arguments_are_errors_not_crashes) {
    const char *name = new_name();
    spork_lock *lock = NULL;
    spork_semaphore *semaphore = NULL;
    FAILS(SPORK_EINVAL, spork_lock_new(NULL, &(spork_lock_options){.name = name}));
    FAILS(SPORK_EINVAL, spork_lock_new(&lock, &(spork_lock_options){.name = "a b"}));
    FAILS(SPORK_EINVAL, spork_lock_new(&lock, &(spork_lock_options){.persist = true}));
    FAILS(SPORK_EINVAL, spork_lock_open(&lock, NULL));
    FAILS(SPORK_EINVAL, spork_lock_open(NULL, name));
    FAILS(SPORK_EINVAL, spork_lock_open(&lock, "/a"));
    FAILS(SPORK_EINVAL, spork_lock_unlink(NULL));
    FAILS(SPORK_EINVAL, spork_lock_unlink_persistent(""));
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&lock, name));
    OK(spork_lock_new(&lock, NULL));
    FAILS(SPORK_ESTATE, spork_lock_unlink(lock));
    spork_lock_free(lock);

    spork_semaphore_options options = {.name = name, .value = -1};
    FAILS(SPORK_EINVAL, spork_semaphore_new(&semaphore, &options));
    options.value = 1;
    FAILS(SPORK_EINVAL, spork_semaphore_new(NULL, &options));
    options.name = "a/b";
    FAILS(SPORK_EINVAL, spork_semaphore_new(&semaphore, &options));
    FAILS(SPORK_EINVAL,
          spork_semaphore_new(&semaphore, &(spork_semaphore_options){.persist = true}));
    FAILS(SPORK_EINVAL, spork_semaphore_open(&semaphore, NULL));
    FAILS(SPORK_EINVAL, spork_semaphore_open(NULL, name));
    FAILS(SPORK_EINVAL, spork_semaphore_unlink(NULL));
    FAILS(SPORK_EINVAL, spork_semaphore_unlink_persistent(".../"));
    FAILS(SPORK_ENOTFOUND, spork_semaphore_open(&semaphore, name));
    OK(spork_semaphore_new(&semaphore, NULL));
    FAILS(SPORK_ESTATE, spork_semaphore_unlink(semaphore));
    spork_semaphore_free(semaphore);
}

TEST_ONCE(a_name_is_of_one_thing_whatever_kind_it_is) {
    const char *name = new_name();
    spork_lock *lock = NULL;
    spork_semaphore *semaphore = NULL;
    spork_shared_memory *memory = NULL;
    const spork_shared_memory_options options = {.name = name};
    lock = named_lock(name, false);
    FAILS(SPORK_EEXISTS,
          spork_semaphore_new(&semaphore, &(spork_semaphore_options){.name = name}));
    FAILS(SPORK_EEXISTS, spork_shared_memory_new(&memory, 10, &options));
    FAILS(SPORK_ENOTFOUND, spork_semaphore_open(&semaphore, name));
    FAILS(SPORK_ENOTFOUND, spork_shared_memory_attach(&memory, name, false));
    spork_lock_free(lock);
    OK(spork_shared_memory_new(&memory, 1000, &options));
    FAILS(SPORK_EEXISTS, spork_lock_new(&lock, &(spork_lock_options){.name = name}));
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&lock, name));
    spork_shared_memory_free(memory);
    semaphore = named_semaphore(name, 1, false);
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&lock, name));
    spork_semaphore_free(semaphore);
    assert_true(count_names(name) <= 0);
}

TEST_ONCE(only_the_maker_unlinks_and_who_has_it_open_keeps_it) {
    const char *name = new_name();
    const char *other_name = new_name();
    spork_lock *lock = named_lock(name, false);
    spork_lock *opened = open_lock(name);
    spork_semaphore *semaphore = named_semaphore(other_name, 2, false);
    spork_semaphore *also = NULL;
    FAILS(SPORK_ESTATE, spork_lock_unlink(opened));
    OK(spork_lock_unlink(lock));
    FAILS(SPORK_ESTATE, spork_lock_unlink(lock));
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&lock, name));
    OK(spork_lock_acquire(lock, 0));
    assert_true(spork_lock_held(opened));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
    OK(spork_lock_acquire(opened, 0));
    OK(spork_lock_release(opened));
    spork_lock_free(opened);

    OK(spork_semaphore_open(&also, other_name));
    FAILS(SPORK_ESTATE, spork_semaphore_unlink(also));
    OK(spork_semaphore_unlink(semaphore));
    FAILS(SPORK_ESTATE, spork_semaphore_unlink(semaphore));
    OK(spork_semaphore_acquire(semaphore, 0));
    spork_semaphore_free(semaphore);
    assert_int_equal(spork_semaphore_count(also), 1);
    FAILS(SPORK_ENOTFOUND, spork_semaphore_open(&semaphore, other_name));
    spork_semaphore_free(also);
}

/* ---- locks ---- */

TEST_ONCE_SLOW(never_are_two_programs_inside_at_once, 60) {
    enum { PROGRAMS = 4, TIMES = 2000 };
    const char *name = new_name();
    struct program *programs[PROGRAMS];
    spork_shared_memory *memory = NULL;
    const spork_shared_memory_options options = {.name = name_of(name, "pair")};
    spork_lock *lock = named_lock(name, false);
    OK(spork_shared_memory_new(&memory, 16, &options));
    for (int i = 0; i < PROGRAMS; i++) {
        programs[i] = probe("add", name, TIMES);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        finish_probe(programs[i], "");
    }
    const int64_t *pair = spork_shared_memory_data(memory);
    assert_int_equal(pair[0], PROGRAMS * TIMES);
    assert_int_equal(pair[1], PROGRAMS * TIMES);
    spork_shared_memory_free(memory);
    spork_lock_free(lock);
}

TEST_ONCE(the_next_after_a_killed_holder_is_told_within_100_ms_and_owns_it) {
    const char *name = new_name();
    spork_lock *lock = named_lock(name, false);
    for (int round = 0; round < 3; round++) {
        struct program *program = ready_probe("hold-lock", name, 0);
        assert_true(spork_lock_held(lock));
        FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
        FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
        program_kill(program);
        int64_t begin = spork_now_ms();
        FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
        assert_true(spork_now_ms() - begin < 100 * (native_is_windows() ? 5 : 1));
        assert_true(spork_lock_held(lock));
        OK(spork_lock_release(lock));
        OK(spork_lock_acquire(lock, 0));
        OK(spork_lock_release(lock));
        program_free(program);
    }
    spork_lock_free(lock);
}

TEST_ONCE(asking_whether_a_dead_programs_lock_is_held_does_not_take_the_news_from_the_next) {
    const char *name = new_name();
    spork_lock *lock = named_lock(name, false);
    assert_false(spork_lock_held(lock));
    kill_probe(ready_probe("hold-lock", name, 0));
    for (int i = 0; i < 3; i++) {
        assert_false(spork_lock_held(lock));
    }
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, 0));
    assert_true(spork_lock_held(lock));
    OK(spork_lock_release(lock));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
}

TEST_ONCE(a_lock_whose_maker_was_killed_stays_for_who_has_it_open) {
    const char *name = new_name();
    spork_lock *none = NULL;
    struct program *program = ready_probe("make-lock-and-hold", name, 0);
    spork_lock *lock = open_lock(name);
    FAILS(SPORK_ETIMEDOUT, spork_lock_acquire(lock, 30));
    kill_probe(program);
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&none, name));
    spork_lock *second = named_lock(name, false);
    OK(spork_lock_acquire(second, 0));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(second));
    OK(spork_lock_release(lock));
    spork_lock_free(second);
    spork_lock_free(lock);
}

TEST_ONCE(a_thread_waits_for_itself_until_the_time_out_through_another_handle_too) {
    const char *name = new_name();
    spork_lock *lock = named_lock(name, false);
    spork_lock *same = open_lock(name);
    OK(spork_lock_acquire(lock, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(lock, 0));
    FAILS(SPORK_EWOULDBLOCK, spork_lock_acquire(same, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_lock_acquire(same, 100));
    assert_true(spork_now_ms() - begin >= 99 && spork_now_ms() - begin < 700);
    FAILS(SPORK_EINVAL, spork_lock_acquire(lock, -2));
    OK(spork_lock_release(same));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
    assert_false(spork_lock_recursive(same));
    spork_lock_free(same);
    spork_lock_free(lock);
}

TEST_ONCE(a_recursive_one_is_open_when_it_was_released_as_often_through_any_handle) {
    const char *name = new_name();
    spork_lock *lock = named_lock(name, true);
    spork_lock *same = open_lock(name);
    assert_true(spork_lock_recursive(lock) && spork_lock_recursive(same));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_acquire(same, 0));
    OK(spork_lock_acquire(lock, SPORK_FOREVER));
    OK(spork_lock_release(same));
    OK(spork_lock_release(same));
    assert_true(spork_lock_held(lock));
    OK(spork_lock_release(same));
    assert_false(spork_lock_held(lock));
    FAILS(SPORK_ENOTHELD, spork_lock_release(lock));
    spork_lock_free(same);
    spork_lock_free(lock);
}

static int try_it(spork_lock *lock) {
    EXPECT(spork_lock_acquire(lock, 0) == SPORK_EWOULDBLOCK);
    EXPECT(spork_lock_held(lock));
    EXPECT(spork_lock_release(lock) == SPORK_ENOTHELD);
    return 0;
}
SPORK_TASK(int, try_it, spork_lock *);

static int take_it(spork_lock *lock) {
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    return spork_lock_release(lock);
}
SPORK_TASK(int, take_it, spork_lock *);

TEST(it_travels_as_a_handle_and_only_the_thread_that_holds_it_releases_it) {
    spork_lock *lock = named_lock(new_name(), true);
    OK(spork_lock_acquire(lock, 0));
    finish(start(try_it_call(lock)));
    finish(start_thread(try_it_call(lock)));
    OK(spork_lock_release(lock));
    finish(start(take_it_call(lock)));
    finish(start_thread(take_it_call(lock)));
    spork_lock_free(lock);
}

static int acquire_and_end(spork_lock *lock) {
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, acquire_and_end, spork_lock *);

TEST(a_holder_that_ended_without_releasing_it_counts_as_dead) {
    spork_lock *lock = named_lock(new_name(), false);
    for (int i = 0; i < 2; i++) {
        finish(start(acquire_and_end_call(lock)));
        FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, PATIENCE_MS));
        OK(spork_lock_release(lock));
    }
    OK(spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
}

TEST_ONCE(a_lock_that_is_freed_while_it_is_held_stays_held) {
    const char *name = new_name();
    spork_lock *lock = named_lock(name, false);
    spork_lock *same = open_lock(name);
    spork_lock *another = named_lock(new_name(), false);
    OK(spork_lock_acquire(same, 0));
    OK(spork_lock_acquire(another, 0)); /* beside it in the system's list */
    spork_lock_free(same);
    finish(start_thread(try_it_call(lock)));
    assert_true(spork_lock_held(lock));
    OK(spork_lock_release(another));
    OK(spork_lock_acquire(another, 0));
    OK(spork_lock_release(lock));
    OK(spork_lock_release(another));
    finish(start_thread(take_it_call(lock)));
    OK(spork_lock_acquire(lock, 0));
    spork_lock_free(lock);
    spork_lock_free(another);
    /* The name went with its maker's object, held or not. */
    FAILS(SPORK_ENOTFOUND, spork_lock_open(&lock, name));
}

TEST_ONCE(a_lock_that_nobody_here_has_open_any_more_is_held_until_it_is_opened_and_released) {
    const char *name = new_name();
    struct program *program = ready_probe("make-lock-and-wait", name, 0);
    spork_lock *another = named_lock(new_name(), false);
    spork_lock *lock = open_lock(name);
    OK(spork_lock_acquire(lock, 0));
    spork_lock_free(lock);
    for (int i = 0; i < 3; i++) {
        OK(spork_lock_acquire(another, 0));
        OK(spork_lock_release(another));
    }
    lock = open_lock(name);
    finish(start_thread(try_it_call(lock)));
    OK(spork_lock_release(lock));
    finish(start_thread(take_it_call(lock)));
    spork_lock_free(lock);
    kill_probe(program);
    spork_lock_free(another);
}

TEST_ONCE(a_condition_stands_on_a_named_lock_as_well) {
    spork_lock *lock = named_lock(new_name(), true);
    spork_condition *condition = NULL;
    OK(spork_condition_new(&condition, &(spork_condition_options){.lock = lock}));
    OK(spork_lock_acquire(lock, 0));
    OK(spork_condition_acquire(condition, 0));
    FAILS(SPORK_ETIMEDOUT, spork_condition_wait(condition, 30));
    OK(spork_condition_release(condition));
    assert_true(spork_lock_held(lock));
    OK(spork_lock_release(lock));
    FAILS(SPORK_ENOTHELD, spork_condition_wait(condition, 30));
    spork_condition_free(condition);
    spork_lock_free(lock);
}

/* ---- semaphores ---- */

TEST_ONCE(its_count_and_its_bound_are_the_same_for_all_programs) {
    const char *name = new_name();
    spork_semaphore *semaphore = named_semaphore(name, 3, true);
    struct program *program = probe("take", name, 2);
    wait_for_words(program, "count 3", 1);
    finish_probe(program, "taken\ntaken\n");
    assert_int_equal(spork_semaphore_count(semaphore), 1);
    finish_probe(probe("give", name, 3), "SPORK_EOVERRELEASE");
    finish_probe(probe("give", name, 0), "SPORK_EINVAL");
    assert_int_equal(spork_semaphore_count(semaphore), 1);
    finish_probe(probe("give", name, 2), "SPORK_OK");
    assert_int_equal(spork_semaphore_count(semaphore), 3);
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 1));
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, INT64_MAX));
    for (int i = 0; i < 3; i++) {
        OK(spork_semaphore_acquire(semaphore, 0));
    }
    FAILS(SPORK_EWOULDBLOCK, spork_semaphore_acquire(semaphore, 0));
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_semaphore_acquire(semaphore, 100));
    assert_true(spork_now_ms() - begin >= 99 && spork_now_ms() - begin < 700);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(bounds_are_kept_at_both_ends) {
    spork_semaphore *semaphore = named_semaphore(new_name(), 0, true);
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 1));
    FAILS(SPORK_EWOULDBLOCK, spork_semaphore_acquire(semaphore, 0));
    spork_semaphore_free(semaphore);
    semaphore = named_semaphore(new_name(), INT32_MAX, false);
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, 1));
    assert_int_equal(spork_semaphore_count(semaphore), INT32_MAX);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(a_release_of_so_many_lets_so_many_programs_on_and_a_killed_one_holds_nobody_up) {
    enum { WAITERS = 4 };
    const char *name = new_name();
    spork_semaphore *semaphore = named_semaphore(name, 0, false);
    struct program *programs[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        programs[i] = ready_probe("take", name, 1);
    }
    spork_sleep_ms(50);
    kill_probe(programs[0]);
    OK(spork_semaphore_release(semaphore, WAITERS - 1));
    for (int i = 1; i < WAITERS; i++) {
        finish_probe(programs[i], "taken");
    }
    assert_int_equal(spork_semaphore_count(semaphore), 0);
    spork_semaphore_free(semaphore);
}

static int take_and_give(spork_semaphore *semaphore) {
    EXPECT(spork_semaphore_acquire(semaphore, PATIENCE_MS) == 0);
    EXPECT(spork_semaphore_release(semaphore, 2) == 0);
    return 0;
}
SPORK_TASK(int, take_and_give, spork_semaphore *);

TEST(a_semaphore_travels_as_a_handle) {
    spork_semaphore *semaphore = named_semaphore(new_name(), 1, false);
    finish(start(take_and_give_call(semaphore)));
    assert_int_equal(spork_semaphore_count(semaphore), 2);
    spork_semaphore_free(semaphore);
}

TEST_ONCE(a_named_semaphore_cannot_be_waited_for_beside_others) {
    spork_semaphore *semaphore = named_semaphore(new_name(), 1, false);
    spork_waitable things[] = {spork_on_semaphore(semaphore)};
    FAILS(SPORK_ENOTSUP, spork_wait(things, 1, SPORK_WAIT_ANY, 0, NULL));
    spork_semaphore_free(semaphore);
}

/* ---- persistence ---- */

TEST_ONCE(what_persists_stays_until_it_is_unlinked_and_tells_of_a_dead_holder) {
    const char *name = new_name();
    spork_lock *lock = NULL;
    spork_semaphore *semaphore = NULL;
    spork_lock_options locks = {.name = name, .persist = true};
    spork_semaphore_options semaphores = {.name = name, .persist = true};
    if (native_is_windows()) {
        FAILS(SPORK_ENOTSUP, spork_lock_new(&lock, &locks));
        FAILS(SPORK_ENOTSUP, spork_semaphore_new(&semaphore, &semaphores));
        FAILS(SPORK_ENOTSUP, spork_lock_unlink_persistent(name));
        FAILS(SPORK_ENOTSUP, spork_semaphore_unlink_persistent(name));
        return;
    }
    semaphores.bounded = true;
    FAILS(SPORK_ENOTSUP, spork_semaphore_new(&semaphore, &semaphores));
    semaphores.bounded = false;
    finish_probe(probe("make-persistent-things", name, 5), "");
    FAILS(SPORK_EEXISTS, spork_lock_new(&lock, &locks));
    FAILS(SPORK_EEXISTS, spork_semaphore_new(&semaphore, &semaphores));
    lock = open_lock(name);
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(lock, 0));
    OK(spork_lock_release(lock));
    FAILS(SPORK_ESTATE, spork_lock_unlink(lock));
    OK(spork_lock_unlink_persistent(name));
    FAILS(SPORK_ENOTFOUND, spork_lock_unlink_persistent(name));
    spork_lock_free(lock);

    semaphores.name = name_of(name, "semaphore");
    FAILS(SPORK_EEXISTS, spork_semaphore_new(&semaphore, &semaphores));
    OK(spork_semaphore_open(&semaphore, semaphores.name));
    assert_int_equal(spork_semaphore_count(semaphore), 5);
    OK(spork_semaphore_release(semaphore, 2));
    OK(spork_semaphore_acquire(semaphore, 0));
    FAILS(SPORK_EOVERRELEASE, spork_semaphore_release(semaphore, INT32_MAX));
    finish_probe(probe("take", semaphores.name, 6), "count 6");
    FAILS(SPORK_EWOULDBLOCK, spork_semaphore_acquire(semaphore, 0));
    FAILS(SPORK_ETIMEDOUT, spork_semaphore_acquire(semaphore, 30));
    FAILS(SPORK_ESTATE, spork_semaphore_unlink(semaphore));
    spork_semaphore_free(semaphore);
    OK(spork_semaphore_unlink_persistent(semaphores.name));
    FAILS(SPORK_ENOTFOUND, spork_semaphore_open(&semaphore, semaphores.name));
    assert_int_equal(count_names(name), 0);
}

TEST(a_persistent_semaphore_travels_and_its_maker_unlinks_it) {
    spork_semaphore *semaphore = NULL;
    const spork_semaphore_options options = {.name = new_name(), .value = 1, .persist = true};
    if (native_is_windows()) {
        SKIP("there are no persistent names here");
    }
    OK(spork_semaphore_new(&semaphore, &options));
    finish(start(take_and_give_call(semaphore)));
    assert_int_equal(spork_semaphore_count(semaphore), 2);
    OK(spork_semaphore_unlink(semaphore));
    FAILS(SPORK_ESTATE, spork_semaphore_unlink(semaphore));
    OK(spork_semaphore_acquire(semaphore, 0));
    spork_semaphore_free(semaphore);
    assert_int_equal(count_names(options.name), 0);
}

/* ---- kills ---- */

/* Eight programs at a lock and a semaphore, one after the other killed wherever it is, and
   another put in its place. */
TEST_ONCE_SLOW(in_a_storm_of_kills_nobody_hangs_and_the_lock_excludes, 120) {
    enum { PROGRAMS = 8 };
    const char *name = new_name();
    struct program *programs[PROGRAMS];
    int rounds = native_is_windows() ? 12 : 120;
    uint32_t random = (uint32_t)native_pid();
    spork_shared_memory *memory = NULL;
    const spork_shared_memory_options options = {.name = name_of(name, "pair")};
    spork_lock *lock = named_lock(name, false);
    OK(spork_shared_memory_new(&memory, 16, &options));
    spork_semaphore *semaphore = named_semaphore(name_of(name, "semaphore"), 0, false);
    for (int i = 0; i < PROGRAMS; i++) {
        programs[i] = ready_probe("storm", name, 0);
    }
    for (int round = 0; round < rounds; round++) {
        random = random * 1664525 + 1013904223;
        int victim = (int)(random >> 16) % PROGRAMS;
        int exit_code;
        spork_sleep_ms((int64_t)(random >> 24) % 8);
        if (program_wait(programs[victim], 0, &exit_code)) {
            fail_msg("one has ended by itself: %s", program_output(programs[victim]));
        }
        kill_probe(programs[victim]);
        programs[victim] = ready_probe("storm", name, 0);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        kill_probe(programs[i]);
    }
    int error = spork_lock_acquire(lock, PATIENCE_MS);
    assert_true(error == 0 || error == SPORK_EOWNERDIED);
    const int64_t *pair = spork_shared_memory_data(memory);
    assert_true(pair[1] > 0 && pair[0] - pair[1] <= 1 && pair[0] - pair[1] >= 0);
    assert_true(spork_semaphore_count(semaphore) >= 0);
    OK(spork_lock_release(lock));
    spork_lock_free(lock);
    spork_semaphore_free(semaphore);
    spork_shared_memory_free(memory);
    assert_true(count_names(name) <= 0);
}

TEST_MAIN
