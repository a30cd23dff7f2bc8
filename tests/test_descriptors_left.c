/* Starting, failing, killing and freeing leave nothing open in the process that does it, and
   no child. What children have open: test_descriptors.c. */
#include "support_children.h"
#include "support_native.h"

#include "platform.h"

/* Each process that is made costs more where there is no fork and under Wine. */
static int cycles(void) {
    return native_is_windows() ? 50 : 200;
}

/* What this process has open, but for the bells of threads: they come when they are needed
   first, and are kept for the next of a number. */
struct state {
    int open;
    int children;
};

static struct state now(void) {
    enum { MOST_BELLS = 20 };
    int bells = native_bell_count();
    assert_in_range(bells, 0, MOST_BELLS);
    return (struct state){native_descriptor_count() - bells, native_own_children()};
}

static void is_as_before(struct state before) {
    struct state after = now();
    assert_int_equal(after.children, before.children);
    assert_int_equal(after.open, before.open);
}

/* ---- children that were started ---- */

TEST_SLOW(children_that_were_joined_leave_nothing_open, 120) {
    for (int i = 0; i < 3; i++) {
        finish(start(spork_no_call()));
    }
    struct state before = now();
    for (int i = 0; i < cycles(); i++) {
        finish(start(spork_no_call()));
    }
    is_as_before(before);
}

enum { STARTERS = 4 };

struct crowd {
    int rounds;
    _Atomic int failures;
};

/* In a thread of its own: no assertions. */
static void start_again_and_again(void *argument) {
    const spork_process_options options = {.force_fork = true};
    struct crowd *crowd = argument;
    for (int i = 0; i < crowd->rounds; i++) {
        spork_process *child;
        int code = -1;
        int error = spork_process_start(&child, spork_no_call(), &options);
        if (error == 0) {
            error = spork_process_join(child, PATIENCE_MS, &code);
            spork_process_free(child);
        }
        if (error != 0 || code != 0) {
            fprintf(stderr, "round %d: %s, exit code %d: %s\n", i, spork_error_name(error),
                    code, spork_error_detail());
            atomic_fetch_add(&crowd->failures, 1);
        }
    }
}

TEST_SLOW(children_of_four_threads_at_once_leave_nothing_open, 120) {
    struct crowd crowd = {.rounds = cycles() / STARTERS};
    struct plat_thread threads[STARTERS];
    finish(start(spork_no_call()));
    struct state before = now();
    for (int i = 0; i < STARTERS; i++) {
        OK(plat_thread_start(&threads[i], start_again_and_again, &crowd));
    }
    for (int i = 0; i < STARTERS; i++) {
        plat_thread_join(&threads[i]);
    }
    assert_int_equal(crowd.failures, 0);
    is_as_before(before);
}

static int wait_for_ever(spork_pipe *told, spork_queue *never) {
    spork_value item;
    EXPECT(spork_pipe_send(told, spork_nil(), PATIENCE_MS) == 0);
    return spork_queue_get(never, &item, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for_ever, spork_pipe *, spork_queue *);

/* Reading from system pipes costs an event for each of so many, which then is kept. */
static void read_from_many_pipes(void) {
    enum { PIPES = 32 };
    spork_pipe *here[PIPES];
    spork_pipe *there[PIPES];
    spork_value word;
    for (int i = 0; i < PIPES; i++) {
        OK(spork_pipe_new(&here[i], &there[i], NULL));
        OK(spork_pipe_send(here[i], spork_nil(), PATIENCE_MS));
        OK(spork_pipe_recv(there[i], &word, PATIENCE_MS));
        OK(spork_pipe_send(there[i], spork_nil(), PATIENCE_MS));
        OK(spork_pipe_recv(here[i], &word, PATIENCE_MS));
    }
    for (int i = 0; i < PIPES; i++) {
        spork_pipe_free(here[i]);
        spork_pipe_free(there[i]);
    }
}

static void kill_one_in_the_middle(void) {
    spork_pipe *here;
    spork_pipe *there;
    spork_queue *never;
    spork_value word;
    intptr_t sentinel = -1;
    OK(spork_pipe_new(&here, &there, NULL));
    OK(spork_queue_new(&never, NULL));
    spork_process *child = start(wait_for_ever_call(there, never));
    if (has_sentinels()) {
        OK(spork_process_sentinel(child, &sentinel));
    }
    OK(spork_pipe_recv(here, &word, PATIENCE_MS));
    kill_and_free(child);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_queue_free(never);
}

TEST_SLOW(children_that_were_killed_in_the_middle_leave_nothing_open, 120) {
    needs_a_process_to_kill();
    read_from_many_pipes();
    for (int i = 0; i < 3; i++) {
        kill_one_in_the_middle();
    }
    struct state before = now();
    for (int i = 0; i < cycles() / 2; i++) {
        kill_one_in_the_middle();
    }
    is_as_before(before);
}

/* ---- objects ---- */

static void use_and_free_objects(void) {
    const spork_semaphore_options two = {.value = 2};
    spork_queue *queue;
    spork_queue *inner;
    spork_pipe *here;
    spork_pipe *there;
    spork_lock *lock;
    spork_semaphore *semaphore;
    spork_value item;
    OK(spork_queue_new(&queue, NULL));
    OK(spork_queue_new(&inner, NULL));
    OK(spork_pipe_new(&here, &there, NULL));
    OK(spork_lock_new(&lock, NULL));
    OK(spork_semaphore_new(&semaphore, &two));
    OK(spork_queue_put(queue, spork_queue_value(inner), PATIENCE_MS));
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    spork_value_free(&item);
    OK(spork_queue_put(queue, spork_str("left behind"), PATIENCE_MS));
    OK(spork_pipe_send(here, spork_int(1), PATIENCE_MS));
    OK(spork_pipe_recv(there, &item, PATIENCE_MS));
    OK(spork_pipe_send(there, spork_int(2), PATIENCE_MS));
    OK(spork_lock_acquire(lock, PATIENCE_MS));
    OK(spork_lock_release(lock));
    OK(spork_semaphore_acquire(semaphore, PATIENCE_MS));
    spork_queue_free(inner);
    spork_queue_free(queue);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_lock_free(lock);
    spork_semaphore_free(semaphore);
}

TEST_ONCE_SLOW(objects_that_were_freed_leave_nothing_open, 60) {
    read_from_many_pipes();
    use_and_free_objects();
    struct state before = now();
    for (int i = 0; i < 200; i++) {
        use_and_free_objects();
    }
    is_as_before(before);
}

/* ---- failed starts ---- */

static const char DIES_EARLY[] = "TEST_DESCRIPTORS_DIES_EARLY";

/* In this program run anew, when the test has asked for it: it ends before its main. */
static SPORK_BEFORE_MAIN void die_early(void) {
    const char *value = getenv(DIES_EARLY);
    if (value != NULL && value[0] != '\0') {
        native_exit_now(3);
    }
}

TEST_SLOW(children_that_end_before_they_begin_leave_nothing_open, 90) {
    spork_start_method method = spork_get_start_method();
    spork_process *child = NULL;
    if (method != SPORK_METHOD_SPAWN && method != SPORK_METHOD_FORKSERVER) {
        SKIP("only a program that is run anew can end before its main");
    }
    native_set_variable(DIES_EARLY, "1");
    FAILS(SPORK_ESTART, spork_process_start(&child, spork_no_call(), NULL));
    struct state before = now();
    for (int i = 0; i < cycles() / 4; i++) {
        FAILS(SPORK_ESTART, spork_process_start(&child, spork_no_call(), NULL));
        assert_null(child);
    }
    is_as_before(before);
    native_set_variable(DIES_EARLY, NULL);
    finish(start(spork_no_call()));
}

TEST_SLOW(children_that_are_too_slow_to_begin_leave_nothing_open, 90) {
    const spork_process_options hurried = {.start_timeout_ms = 1};
    needs_a_process_to_kill();
    finish(start(spork_no_call()));
    struct state before = now();
    for (int i = 0; i < cycles() / 4; i++) {
        spork_process *child = NULL;
        int error = spork_process_start(&child, spork_no_call(), &hurried);
        if (error == 0) {
            finish(child);
        } else {
            assert_true(error == SPORK_ENOGUARD || error == SPORK_ESTART);
            assert_null(child);
        }
    }
    /* A forkserver that was too slow has been ended: the next start brings one again. */
    finish(start(spork_no_call()));
    is_as_before(before);
}

TEST(a_closed_descriptor_cannot_be_passed_and_no_child_is_left) {
    char directory[1024];
    char path[1040];
    spork_process *child = NULL;
    size_t running = 99;
    needs_a_process_to_kill();
    if (spork_get_start_method() == SPORK_METHOD_FORKSERVER) {
        SKIP("a forkserver cannot hand descriptors on");
    }
    finish(start(spork_no_call()));
    assert_true(native_temporary_directory(directory, sizeof directory));
    snprintf(path, sizeof path, "%s/file", directory);
    const intptr_t inherit[] = {native_open_inheritable_at(path, 30),
                                native_open_inheritable_at(path, 40)};
    const spork_process_options options = {.inherit = inherit, .inherit_count = 2};
    native_close(inherit[1]);
    struct state before = now();
    for (int i = 0; i < 20; i++) {
        FAILS(SPORK_EINVAL, spork_process_start(&child, spork_no_call(), &options));
        assert_null(child);
        assert_non_null(strstr(spork_error_detail(), "cannot be inherited"));
    }
    OK(spork_active_children(NULL, 0, &running));
    assert_int_equal(running, 0);
    is_as_before(before);
    finish(start(spork_no_call()));
    native_close(inherit[0]);
    assert_int_equal(remove(path), 0);
    assert_true(native_remove_directory(directory));
}

enum { MOST_FREE = 12 };

static void needs_a_limit(void) {
    if (!native_limit_descriptors(-1)) {
        SKIP("this platform has no limit of descriptors");
    }
}

TEST_SLOW(a_start_for_which_descriptors_are_lacking_leaves_no_child_and_nothing_open, 60) {
    int failed = 0;
    needs_a_process_to_kill();
    needs_a_limit();
    finish(start(spork_no_call()));
    struct state before = now();
    for (int count = 0; count <= MOST_FREE; count++) {
        spork_process *child = NULL;
        native_limit_descriptors(count);
        int error = spork_process_start(&child, spork_no_call(), NULL);
        native_limit_descriptors(-1);
        if (error == 0) {
            OK(spork_process_join(child, PATIENCE_MS, NULL));
            OK(spork_process_free(child));
        } else {
            assert_null(child);
            failed++;
        }
        is_as_before(before);
    }
    assert_in_range(failed, 1, MOST_FREE);
    finish(start(spork_no_call()));
}

TEST_ONCE(a_family_whose_founding_failed_is_founded_when_descriptors_are_there) {
    struct native_census census;
    spork_queue *queue = NULL;
    int failed = 0;
    int error = -1;
    needs_a_limit();
    for (int count = 0; count <= MOST_FREE && error != 0; count++) {
        native_limit_descriptors(count);
        error = spork_queue_new(&queue, NULL);
        native_limit_descriptors(-1);
        failed += error != 0;
    }
    assert_int_equal(error, 0);
    assert_in_range(failed, 1, MOST_FREE);
    assert_true(native_take_census(&census));
    assert_int_equal(census.of_kind[NATIVE_MEMORY], 1);
    assert_string_equal(spork_process_name(spork_current_process()), "MainProcess");
    finish(start(spork_no_call()));
    spork_queue_free(queue);
}

TEST_MAIN
