/* Deaths in the midst of a family, seen by those who live on: of a process with descendants,
   and of a copy that the host forked. */
#include "arena.h"
#include "support_children.h"
#include "support_native.h"
#include "support_traces.h"

enum { GONE_MS = 10 * 1000, BUSY_MS = 100 * 1000, LIMIT = 90 };

static spork_queue *new_queue(void) {
    spork_queue *queue;
    OK(spork_queue_new(&queue, NULL));
    return queue;
}

static spork_lock *new_lock(void) {
    spork_lock *lock;
    OK(spork_lock_new(&lock, NULL));
    return lock;
}

static int64_t next_int(spork_queue *queue) {
    spork_value item;
    int64_t number = 0;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

static int tell(spork_queue *told, int64_t number) {
    return spork_queue_put(told, spork_int(number), PATIENCE_MS);
}

static void is_killed(spork_process *child) {
    int code = 0;
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, native_is_windows() ? -15 : -9);
    OK(spork_process_free(child));
}

/* ---- those who wait for something, and say what became of it ---- */

static int wait_for_lock(spork_lock *lock, spork_queue *begun, spork_queue *told) {
    EXPECT(tell(begun, 0) == 0);
    int error = spork_lock_acquire(lock, SPORK_FOREVER);
    EXPECT(tell(told, error) == 0);
    EXPECT(spork_lock_release(lock) == 0);
    return 0;
}
SPORK_TASK(int, wait_for_lock, spork_lock *, spork_queue *, spork_queue *);

static int wait_for_message(spork_pipe *pipe, spork_queue *begun, spork_queue *told) {
    spork_value value;
    EXPECT(tell(begun, 0) == 0);
    return tell(told, spork_pipe_recv(pipe, &value, SPORK_FOREVER));
}
SPORK_TASK(int, wait_for_message, spork_pipe *, spork_queue *, spork_queue *);

static int wait_for_work(spork_queue *jobs, spork_queue *begun, spork_queue *told) {
    EXPECT(tell(begun, 0) == 0);
    return tell(told, spork_queue_join(jobs, SPORK_FOREVER));
}
SPORK_TASK(int, wait_for_work, spork_queue *, spork_queue *, spork_queue *);

static int echo(spork_queue *in, spork_queue *out, spork_lock *lock) {
    for (;;) {
        spork_value value;
        EXPECT(spork_queue_get(in, &value, PATIENCE_MS) == 0);
        int error = spork_lock_acquire(lock, PATIENCE_MS);
        EXPECT(error == 0 && spork_lock_release(lock) == 0);
        EXPECT(spork_queue_put(out, value, PATIENCE_MS) == 0);
        bool over = value.kind == SPORK_NIL;
        spork_value_free(&value);
        if (over) {
            return 0;
        }
    }
}
SPORK_TASK(int, echo, spork_queue *, spork_queue *, spork_lock *);

/* ---- a family in the family ---- */

/* The things that one of them takes with it to the grave. */
static int take_everything(spork_lock *lock, spork_queue *jobs, spork_pipe *pipe,
                           spork_queue *told, spork_queue *empty) {
    spork_value value;
    (void)pipe;
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    EXPECT(spork_queue_get(jobs, &value, PATIENCE_MS) == 0);
    EXPECT(tell(told, native_pid()) == 0);
    EXPECT(spork_queue_get(empty, &value, BUSY_MS) == 0);
    return 0;
}
SPORK_TASK(int, take_everything, spork_lock *, spork_queue *, spork_pipe *, spork_queue *,
           spork_queue *);

/* Tells who it is before its descendants do, and is busy outside of spork. */
static int have_descendants(int depth, spork_lock *lock, spork_queue *jobs,
                            spork_pipe *pipe, spork_queue *told, spork_queue *empty);
SPORK_TASK(int, have_descendants, int, spork_lock *, spork_queue *, spork_pipe *,
           spork_queue *, spork_queue *);

static int have_descendants(int depth, spork_lock *lock, spork_queue *jobs,
                            spork_pipe *pipe, spork_queue *told, spork_queue *empty) {
    spork_process *child;
    spork_call call =
        depth > 0 ? have_descendants_call(depth - 1, lock, jobs, pipe, told, empty)
                  : take_everything_call(lock, jobs, pipe, told, empty);
    EXPECT(tell(told, native_pid()) == 0);
    EXPECT(spork_process_start(&child, call, NULL) == 0);
    spork_sleep_ms(BUSY_MS);
    return 0;
}

enum { DEPTH = 2, GENERATIONS = DEPTH + 2 }; /* the last of them takes everything */

struct branch {
    spork_lock *lock;
    spork_queue *jobs, *told, *empty;
    spork_pipe *here, *there;
    spork_process *middle;
    int64_t pids[GENERATIONS]; /* of the middle process first */
};

static struct branch start_branch(void) {
    struct branch branch = {.lock = new_lock(),
                            .jobs = new_queue(),
                            .told = new_queue(),
                            .empty = new_queue()};
    OK(spork_pipe_new(&branch.here, &branch.there, NULL));
    OK(spork_queue_put(branch.jobs, spork_nil(), 0));
    branch.middle = start(have_descendants_call(DEPTH, branch.lock, branch.jobs,
                                                branch.there, branch.told, branch.empty));
    for (int i = 0; i < GENERATIONS; i++) {
        branch.pids[i] = next_int(branch.told);
    }
    assert_int_equal(branch.pids[0], spork_process_pid(branch.middle));
    return branch;
}

static void free_branch(struct branch *branch) {
    spork_lock_free(branch->lock);
    spork_queue_free(branch->jobs);
    spork_queue_free(branch->told);
    spork_queue_free(branch->empty);
    spork_pipe_free(branch->here);
    spork_pipe_free(branch->there);
}

static void all_end_soon(const struct branch *branch) {
    for (int i = 0; i < GENERATIONS; i++) {
        ends_soon(branch->pids[i]);
    }
}

TEST_SLOW(the_descendants_of_a_killed_process_end_and_its_siblings_work_on, LIMIT) {
    needs_a_process_to_kill();
    struct branch branch = start_branch();
    spork_queue *out = new_queue();
    spork_lock *free_lock = new_lock();
    spork_process *sibling = start(echo_call(branch.empty, out, free_lock));
    spork_process *late;
    OK(spork_process_kill(branch.middle));
    /* At once, while they are dying, and when they are gone. */
    for (int64_t i = 0; i < 20; i++) {
        OK(tell(out, i));
        assert_int_equal(next_int(out), i);
    }
    all_end_soon(&branch);
    is_killed(branch.middle);
    FAILS(SPORK_EOWNERDIED, spork_lock_acquire(branch.lock, PATIENCE_MS));
    OK(spork_lock_release(branch.lock));
    FAILS(SPORK_EPEERDIED, spork_queue_join(branch.jobs, PATIENCE_MS));
    late = start(echo_call(branch.jobs, out, branch.lock));
    for (int64_t i = 0; i < 100; i++) {
        OK(tell(branch.empty, i));
        assert_int_equal(next_int(out), i);
        OK(tell(branch.jobs, i));
        assert_int_equal(next_int(out), i);
    }
    OK(spork_queue_put(branch.empty, spork_nil(), 0));
    OK(spork_queue_put(branch.jobs, spork_nil(), 0));
    finish(sibling);
    finish(late);
    spork_queue_free(out);
    spork_lock_free(free_lock);
    free_branch(&branch);
}

/* Nobody alive is the parent of who held it, and the root is busy outside of spork. */
TEST_SLOW(who_waits_for_a_descendant_of_a_killed_process_is_told, LIMIT) {
    enum { WAITERS = 3 };
    int64_t errors[WAITERS];
    needs_a_process_to_kill();
    struct branch branch = start_branch();
    spork_queue *begun = new_queue();
    spork_process *waiters[WAITERS];
    spork_queue *told[WAITERS] = {new_queue(), new_queue(), new_queue()};
    waiters[0] = start(wait_for_lock_call(branch.lock, begun, told[0]));
    waiters[1] = start(wait_for_message_call(branch.here, begun, told[1]));
    waiters[2] = start(wait_for_work_call(branch.jobs, begun, told[2]));
    assert_true(wait_for_items(begun, WAITERS));
    spork_pipe_free(branch.there);
    branch.there = NULL;
    spork_sleep_ms(100); /* they sleep by now; if not, they are told all the same */
    int64_t begin = spork_now_ms();
    native_process_kill(branch.pids[0]);
    for (int i = 0; i < WAITERS; i++) {
        assert_true(wait_for_items(told[i], 1));
    }
    assert_in_range(spork_now_ms() - begin, 0, GONE_MS);
    for (int i = 0; i < WAITERS; i++) {
        errors[i] = next_int(told[i]);
        finish(waiters[i]);
        spork_queue_free(told[i]);
    }
    assert_int_equal(errors[0], SPORK_EOWNERDIED);
    assert_int_equal(errors[1], SPORK_EEOF);
    assert_int_equal(errors[2], SPORK_EPEERDIED);
    all_end_soon(&branch);
    OK(spork_process_join(branch.middle, PATIENCE_MS, NULL));
    OK(spork_process_free(branch.middle));
    spork_queue_free(begun);
    free_branch(&branch);
}

/* Nobody waits for any of them, and they have no parent that would notice. */
TEST_SLOW(what_the_descendants_of_a_killed_process_held_is_given_back, LIMIT) {
    spork_value value;
    needs_a_process_to_kill();
    struct branch branch = start_branch();
    spork_queue *quiet = new_queue();
    OK(spork_process_kill(branch.middle));
    all_end_soon(&branch);
    is_killed(branch.middle);
    free_branch(&branch);
    int64_t limit = spork_now_ms() + GONE_MS;
    while (arena->handles_live > 1 && spork_now_ms() < limit) {
        FAILS(SPORK_EEMPTY, spork_queue_get(quiet, &value, 300));
    }
    assert_int_equal(arena->handles_live, 1);
    spork_queue_free(quiet);
}

static int be_there(spork_queue *told) {
    EXPECT(tell(told, native_pid()) == 0);
    spork_sleep_ms(BUSY_MS);
    return 0;
}
SPORK_TASK(int, be_there, spork_queue *);

static int leave(spork_queue *told, bool crashes) {
    spork_process *child;
    EXPECT(spork_process_start(&child, be_there_call(told), NULL) == 0);
    EXPECT(wait_for_items(told, 1));
    if (crashes) {
        native_crash();
    }
    native_exit_now(4);
    return 0;
}
SPORK_TASK(int, leave, spork_queue *, bool);

static void takes_its_child_along(bool crashes, int expected) {
    int code = 0;
    needs_a_process_to_kill();
    spork_queue *told = new_queue();
    spork_process *middle = start(leave_call(told, crashes));
    OK(spork_process_join(middle, PATIENCE_MS, &code));
    assert_int_equal(code, expected);
    ends_soon(next_int(told));
    OK(spork_process_free(middle));
    spork_queue_free(told);
}

TEST_SLOW(a_process_that_leaves_without_exit_handlers_takes_its_children_along, LIMIT) {
    takes_its_child_along(false, 4);
}

TEST_SLOW(a_process_that_crashes_takes_its_children_along, LIMIT) {
    takes_its_child_along(true, native_is_windows() ? (int)0xC0000005 : -11);
}

/* ---- a copy that the host forked ---- */

TEST_SLOW(a_copy_forked_by_the_host_is_a_member_whose_death_is_noticed, LIMIT) {
    int64_t pid = -1;
    if (native_is_windows()) {
        SKIP("this system has no fork");
    }
    needs_a_process_to_kill();
    spork_lock *lock = new_lock();
    spork_queue *jobs = new_queue();
    spork_queue *told = new_queue();
    spork_queue *begun = new_queue();
    OK(tell(jobs, 1));
    fflush(NULL);
    assert_true(native_fork_copy(&pid));
    if (pid == 0) {
        spork_value value;
        bool good = spork_lock_acquire(lock, PATIENCE_MS) == 0 &&
                    spork_queue_get(jobs, &value, PATIENCE_MS) == 0;
        tell(told, good ? native_pid() : 0);
        spork_sleep_ms(BUSY_MS);
        native_exit_now(0);
    }
    assert_int_equal(next_int(told), pid);
    assert_true(spork_lock_held(lock));
    spork_process *waiter = start(wait_for_lock_call(lock, begun, told));
    assert_true(wait_for_items(begun, 1));
    FAILS(SPORK_ETIMEDOUT, spork_queue_join(jobs, 100));
    native_process_kill(pid);
    assert_int_equal(next_int(told), SPORK_EOWNERDIED);
    FAILS(SPORK_EPEERDIED, spork_queue_join(jobs, PATIENCE_MS));
    finish(waiter);
    native_reap_host(pid);
    spork_lock_free(lock);
    spork_queue_free(jobs);
    spork_queue_free(told);
    spork_queue_free(begun);
    assert_int_equal(arena->handles_live, 0);
}

static int member(spork_queue *told, spork_queue *empty) {
    spork_value value;
    EXPECT(tell(told, native_pid()) == 0);
    EXPECT(spork_queue_get(empty, &value, BUSY_MS) == 0);
    return 0;
}
SPORK_TASK(int, member, spork_queue *, spork_queue *);

TEST_SLOW(the_children_of_a_copy_forked_by_the_host_end_with_it_and_others_do_not,
          LIMIT) {
    int64_t pid = -1;
    if (native_is_windows()) {
        SKIP("this system has no fork");
    }
    needs_a_process_to_kill();
    spork_queue *told = new_queue();
    spork_queue *empty = new_queue();
    spork_process *other = start(member_call(told, empty));
    assert_int_equal(next_int(told), spork_process_pid(other));
    fflush(NULL);
    assert_true(native_fork_copy(&pid));
    if (pid == 0) {
        spork_process *child;
        if (spork_process_start(&child, member_call(told, empty), NULL) != 0) {
            fprintf(stderr, "in the copy: %s\n", spork_error_detail());
            tell(told, -1);
        }
        spork_sleep_ms(BUSY_MS);
        native_exit_now(0);
    }
    int64_t tied = next_int(told);
    assert_true(tied > 0 && native_process_runs(tied));
    native_process_kill(pid);
    ends_soon(tied);
    native_reap_host(pid);
    assert_true(spork_process_alive(other));
    OK(spork_queue_put(empty, spork_nil(), 0));
    finish(other);
    spork_queue_free(told);
    spork_queue_free(empty);
}

TEST_MAIN
