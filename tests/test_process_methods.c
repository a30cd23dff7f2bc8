/* Start methods, options, processors, and forks. */
#include "support_children.h"
#include "support_native.h"

#include "platform.h"

static const spork_start_method methods[] = {SPORK_METHOD_SPAWN, SPORK_METHOD_FORK,
                                             SPORK_METHOD_FORKSERVER, SPORK_METHOD_THREAD};
enum { METHODS = sizeof methods / sizeof methods[0] };

TEST_ONCE(the_platforms_methods_are_those_of_the_documentation) {
    bool forks = !native_is_windows();
    assert_true(spork_has_start_method(SPORK_METHOD_DEFAULT));
    assert_true(spork_has_start_method(SPORK_METHOD_SPAWN));
    assert_true(spork_has_start_method(SPORK_METHOD_THREAD));
    assert_int_equal(spork_has_start_method(SPORK_METHOD_FORK), forks);
    assert_int_equal(spork_has_start_method(SPORK_METHOD_FORKSERVER), forks);
    assert_false(spork_has_start_method((spork_start_method)77));
    assert_string_equal(spork_start_method_name(SPORK_METHOD_DEFAULT), "default");
    assert_string_equal(spork_start_method_name(SPORK_METHOD_SPAWN), "spawn");
    assert_string_equal(spork_start_method_name(SPORK_METHOD_FORK), "fork");
    assert_string_equal(spork_start_method_name(SPORK_METHOD_FORKSERVER), "forkserver");
    assert_string_equal(spork_start_method_name(SPORK_METHOD_THREAD), "thread");
}

/* The process of the task, and the method that its own starts would use. */
static int tell_how(spork_queue *out) {
    EXPECT(spork_queue_put(out, spork_int(native_pid()), PATIENCE_MS) == 0);
    return (int)spork_get_start_method();
}
SPORK_TASK(int, tell_how, spork_queue *);

static void runs_by(const spork_process_options *options, spork_start_method method,
                    spork_start_method inherited) {
    spork_queue *out;
    spork_process *child;
    spork_value pid;
    int64_t id = 0;
    int code = -1;
    OK(spork_queue_new(&out, NULL));
    OK(spork_process_start(&child, tell_how_call(out), options));
    OK(spork_process_join(child, PATIENCE_MS, &code));
    OK(spork_queue_get(out, &pid, PATIENCE_MS));
    OK(spork_value_get_int(&pid, &id));
    assert_int_equal(id == native_pid(), method == SPORK_METHOD_THREAD);
    assert_int_equal(code, inherited);
    OK(spork_process_free(child));
    spork_queue_free(out);
}

TEST_ONCE(spawn_is_the_method_that_nobody_chose) {
    native_set_variable("SPORK_START_METHOD", NULL);
    assert_int_equal(spork_get_start_method(), SPORK_METHOD_SPAWN);
    native_set_variable("SPORK_START_METHOD", "");
    assert_int_equal(spork_get_start_method(), SPORK_METHOD_SPAWN);
    runs_by(NULL, SPORK_METHOD_SPAWN, SPORK_METHOD_SPAWN);
}

static int start_by_default(void) {
    spork_process *child = NULL;
    EXPECT(spork_process_start(&child, spork_no_call(), NULL) == SPORK_EINVAL);
    EXPECT(child == NULL && strstr(spork_error_detail(), "SPORK_START_METHOD") != NULL);
    return 0;
}
SPORK_TASK(int, start_by_default);

TEST_ONCE(a_misspelt_method_in_the_environment_is_an_error_of_the_first_start) {
    const spork_process_options spawned = {.method = SPORK_METHOD_SPAWN};
    static const char *const misspelt[] = {"forck", "Spawn", "default", " fork"};
    spork_process *child = NULL;
    for (size_t i = 0; i < sizeof misspelt / sizeof misspelt[0]; i++) {
        native_set_variable("SPORK_START_METHOD", misspelt[i]);
        FAILS(SPORK_EINVAL, spork_process_start(&child, spork_no_call(), NULL));
        assert_null(child);
        assert_non_null(strstr(spork_error_detail(), "SPORK_START_METHOD"));
        assert_non_null(strstr(spork_error_detail(), misspelt[i]));
        assert_int_equal(spork_get_start_method(), SPORK_METHOD_SPAWN);
    }
    /* Who says how is not asked what the variable says; the child is. */
    OK(spork_process_start(&child, start_by_default_call(), &spawned));
    finish(child);
    OK(spork_set_start_method(SPORK_METHOD_SPAWN));
    finish(start(spork_no_call()));
}

TEST_ONCE(the_environment_chooses_a_method_and_children_inherit_it) {
    for (int i = 0; i < METHODS; i++) {
        native_set_variable("SPORK_START_METHOD", spork_start_method_name(methods[i]));
        if (spork_has_start_method(methods[i])) {
            assert_int_equal(spork_get_start_method(), methods[i]);
            runs_by(NULL, methods[i], methods[i]);
        }
    }
}

TEST_ONCE(the_environment_cannot_choose_a_method_that_the_platform_lacks) {
    if (!native_is_windows()) {
        SKIP("this platform has all methods");
    }
    for (int i = 0; i < METHODS; i++) {
        spork_process *child = NULL;
        if (spork_has_start_method(methods[i])) {
            continue;
        }
        native_set_variable("SPORK_START_METHOD", spork_start_method_name(methods[i]));
        assert_int_equal(spork_get_start_method(), methods[i]);
        FAILS(SPORK_ENOTSUP, spork_process_new(&child, spork_no_call(), NULL));
        FAILS(SPORK_ENOTSUP, spork_process_start(&child, spork_no_call(), NULL));
        assert_null(child);
        assert_non_null(strstr(spork_error_detail(), spork_start_method_name(methods[i])));
    }
}

TEST_ONCE(the_environment_cannot_choose_a_method_that_cannot_do_what_is_asked) {
    const intptr_t list[] = {77};
    const spork_process_options options = {.inherit = list, .inherit_count = 1};
    spork_process *child = NULL;
    native_set_variable("SPORK_START_METHOD", "forkserver");
    FAILS(SPORK_ENOTSUP, spork_process_new(&child, spork_no_call(), &options));
    assert_null(child);
}

TEST_ONCE(the_program_chooses_a_method_against_the_environment) {
    native_set_variable("SPORK_START_METHOD", "spawn");
    for (int i = 0; i < METHODS; i++) {
        if (!spork_has_start_method(methods[i])) {
            FAILS(SPORK_ENOTSUP, spork_set_start_method(methods[i]));
            continue;
        }
        OK(spork_set_start_method(methods[i]));
        assert_int_equal(spork_get_start_method(), methods[i]);
        runs_by(NULL, methods[i], methods[i]);
    }
    OK(spork_set_start_method(SPORK_METHOD_DEFAULT));
    assert_int_equal(spork_get_start_method(), SPORK_METHOD_SPAWN);
    FAILS(SPORK_EINVAL, spork_set_start_method((spork_start_method)77));
    FAILS(SPORK_EINVAL, spork_set_start_method((spork_start_method)-1));
}

TEST(a_process_chooses_its_method_and_its_children_have_the_programs) {
    spork_start_method program = spork_get_start_method();
    for (int i = 0; i < METHODS; i++) {
        const spork_process_options options = {.method = methods[i]};
        if (spork_has_start_method(methods[i])) {
            runs_by(&options, methods[i], program);
        } else {
            spork_process *child = NULL;
            FAILS(SPORK_ENOTSUP, spork_process_start(&child, spork_no_call(), &options));
            assert_null(child);
        }
    }
}

/* ---- options ---- */

TEST(options_that_make_no_sense_are_refused) {
    const intptr_t list[] = {77};
    const spork_process_options wrong[] = {{.method = (spork_start_method)77},
                                           {.method = (spork_start_method)-1},
                                           {.start_timeout_ms = -1},
                                           {.inherit_count = 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        spork_process *child = NULL;
        FAILS(SPORK_EINVAL, spork_process_new(&child, spork_no_call(), &wrong[i]));
        assert_null(child);
    }
    const spork_process_options server = {
        .method = SPORK_METHOD_FORKSERVER, .inherit = list, .inherit_count = 1};
    spork_process *child = NULL;
    FAILS(SPORK_ENOTSUP, spork_process_new(&child, spork_no_call(), &server));
    assert_null(child);
}

TEST_ONCE(there_is_at_least_one_processor) {
    int count = spork_cpu_count();
    assert_in_range(count, 1, 100000);
    assert_int_equal(spork_cpu_count(), count);
}

/* ---- forks ---- */

struct second_thread {
    spork_semaphore *begun;
    spork_semaphore *over;
};

static void wait_to_end(void *argument) {
    struct second_thread *second = argument;
    spork_semaphore_release(second->begun, 1);
    spork_semaphore_acquire(second->over, PATIENCE_MS);
}

static void begin_second(struct second_thread *second, struct plat_thread *thread) {
    const spork_semaphore_options none = {0};
    OK(spork_semaphore_new(&second->begun, &none));
    OK(spork_semaphore_new(&second->over, &none));
    OK(plat_thread_start(thread, wait_to_end, second));
    OK(spork_semaphore_acquire(second->begun, PATIENCE_MS));
}

static void end_second(struct second_thread *second, struct plat_thread *thread) {
    OK(spork_semaphore_release(second->over, 1));
    plat_thread_join(thread);
    spork_semaphore_free(second->begun);
    spork_semaphore_free(second->over);
}

TEST_ONCE(a_fork_beside_another_thread_is_refused_unless_it_is_forced) {
    const spork_process_options by_fork = {.method = SPORK_METHOD_FORK};
    const spork_process_options forced = {.method = SPORK_METHOD_FORK, .force_fork = true};
    struct second_thread second;
    struct plat_thread thread;
    spork_process *child = NULL;
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("this platform has no fork");
    }
    begin_second(&second, &thread);
    FAILS(SPORK_ETHREADS, spork_process_start(&child, spork_no_call(), &by_fork));
    assert_null(child);
    assert_non_null(strstr(spork_error_detail(), "2 threads"));
    OK(spork_process_start(&child, spork_no_call(), &forced));
    finish(child);
    end_second(&second, &thread);
    OK(spork_process_start(&child, spork_no_call(), &by_fork));
    finish(child);
}

/* What a child of spork_fork does in these tests: end, without its parent's exit handlers. */
static void fork_and_reap(bool force) {
    int64_t pid = -1;
    OK(spork_fork(&pid, force));
    if (pid == 0) {
        native_exit_now(9);
    }
    assert_int_equal(native_reap_host(pid), 9);
}

TEST_ONCE(spork_fork_beside_another_thread_is_refused_unless_it_is_forced) {
    struct second_thread second;
    struct plat_thread thread;
    int64_t pid = -1;
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("this platform has no fork");
    }
    begin_second(&second, &thread);
    FAILS(SPORK_ETHREADS, spork_fork(&pid, false));
    assert_int_equal(pid, -1);
    assert_non_null(strstr(spork_error_detail(), "2 threads"));
    fork_and_reap(true);
    end_second(&second, &thread);
    fork_and_reap(false);
}

TEST_ONCE(spork_fork_makes_a_child_of_the_family_that_the_caller_reaps) {
    int64_t pid = -1;
    spork_queue *queue;
    spork_value item;
    OK(spork_queue_new(&queue, NULL));
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        FAILS(SPORK_ENOTSUP, spork_fork(&pid, false));
        assert_int_equal(pid, -1);
        spork_queue_free(queue);
        return;
    }
    FAILS(SPORK_EINVAL, spork_fork(NULL, false));
    int64_t parent = native_pid();
    OK(spork_fork(&pid, false));
    if (pid == 0) {
        bool good = spork_queue_put(queue, spork_int(native_pid()), PATIENCE_MS) == 0 &&
                    spork_process_pid(spork_parent_process()) == parent &&
                    spork_process_pid(spork_current_process()) == native_pid();
        native_exit_now(good ? 5 : 6);
    }
    int64_t told = 0;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &told));
    assert_int_equal(told, pid);
    assert_int_equal(native_reap_host(pid), 5);
    size_t count = 9;
    OK(spork_active_children(NULL, 0, &count));
    assert_int_equal(count, 0);
    spork_queue_free(queue);
}

TEST_ONCE(a_child_of_spork_fork_has_children_of_its_own) {
    int64_t pid = -1;
    if (!spork_has_start_method(SPORK_METHOD_FORK)) {
        SKIP("this platform has no fork");
    }
    finish(start(spork_no_call()));
    OK(spork_fork(&pid, false));
    if (pid == 0) {
        spork_process *child;
        int code = -1;
        bool good = spork_process_start(&child, spork_no_call(), NULL) == 0 &&
                    spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0 &&
                    spork_process_free(child) == 0;
        native_exit_now(good ? 7 : 8);
    }
    assert_int_equal(native_reap_host(pid), 7);
    finish(start(spork_no_call()));
}

/* ---- one representation ---- */

static int pass_on(spork_queue *work, spork_pipe *back, spork_lock *lock, int step);
SPORK_TASK(int, pass_on, spork_queue *, spork_pipe *, spork_lock *, int);

static int pass_on(spork_queue *work, spork_pipe *back, spork_lock *lock, int step) {
    spork_value item;
    EXPECT(spork_queue_get(work, &item, PATIENCE_MS) == 0);
    EXPECT(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    EXPECT(spork_pipe_send(back, item, PATIENCE_MS) == 0);
    EXPECT(spork_lock_release(lock) == 0);
    spork_value_free(&item);
    if (step + 1 < METHODS) {
        spork_process *child;
        int code = -1;
        spork_process_options options = {.method = methods[step + 1], .force_fork = true};
        if (!spork_has_start_method(options.method)) {
            options.method = SPORK_METHOD_SPAWN;
        }
        EXPECT(spork_process_start(&child, pass_on_call(work, back, lock, step + 1), &options) ==
               0);
        EXPECT(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
        EXPECT(spork_process_free(child) == 0);
    }
    return 0;
}

TEST(handles_made_under_one_method_work_in_children_of_all_others) {
    spork_queue *work;
    spork_pipe *here;
    spork_pipe *there;
    spork_lock *lock;
    OK(spork_queue_new(&work, NULL));
    OK(spork_pipe_new(&here, &there, NULL));
    OK(spork_lock_new(&lock, NULL));
    for (int64_t i = 0; i < METHODS; i++) {
        OK(spork_queue_put(work, spork_int(i), PATIENCE_MS));
    }
    finish(start(pass_on_call(work, there, lock, 0)));
    for (int64_t i = 0; i < METHODS; i++) {
        spork_value item;
        int64_t number = -1;
        OK(spork_pipe_recv(here, &item, PATIENCE_MS));
        OK(spork_value_get_int(&item, &number));
        assert_int_equal(number, i);
        spork_value_free(&item);
    }
    spork_queue_free(work);
    spork_pipe_free(here);
    spork_pipe_free(there);
    spork_lock_free(lock);
}

TEST_MAIN
