/* Processes: made, started, joined, ended, freed, and asked about. */
#include "support_children.h"
#include "support_native.h"
#include "support_program.h"

static bool on_threads(void) {
    return spork_get_start_method() == SPORK_METHOD_THREAD;
}

static int return_code(int code) {
    return code;
}
SPORK_TASK(int, return_code, int);

static int sleep_for(int64_t duration_ms) {
    spork_sleep_ms(duration_ms);
    return 0;
}
SPORK_TASK(int, sleep_for, int64_t);

/* Runs until it is told to end. */
static int wait_for_word(spork_pipe *pipe, int code) {
    spork_value word;
    EXPECT(spork_pipe_recv(pipe, &word, SPORK_FOREVER) == 0);
    spork_value_free(&word);
    return code;
}
SPORK_TASK(int, wait_for_word, spork_pipe *, int);

/* A child that runs as long as it is wanted to. */
struct waiting {
    spork_process *child;
    spork_pipe *here;
    spork_pipe *there;
};

static struct waiting start_waiting(int code) {
    struct waiting waiting;
    OK(spork_pipe_new(&waiting.here, &waiting.there, NULL));
    waiting.child = start(wait_for_word_call(waiting.there, code));
    return waiting;
}

static void let_end(struct waiting *waiting) {
    OK(spork_pipe_send(waiting->here, spork_nil(), PATIENCE_MS));
}

static void free_waiting(struct waiting *waiting) {
    OK(spork_process_free(waiting->child));
    spork_pipe_free(waiting->here);
    spork_pipe_free(waiting->there);
}

/* ---- exit codes ---- */

TEST(exit_codes_come_back_as_they_are) {
    static const int codes[] = {8, 0, 1, 255};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        int joined = -1000;
        int asked = -1000;
        spork_process *child = start(return_code_call(codes[i]));
        OK(spork_process_join(child, PATIENCE_MS, &joined));
        OK(spork_process_exit_code(child, &asked));
        assert_int_equal(joined, codes[i]);
        assert_int_equal(asked, codes[i]);
        OK(spork_process_free(child));
    }
}

static int call_exit(int code) {
    exit(code);
}
SPORK_TASK(int, call_exit, int);

TEST(a_task_that_calls_exit_ends_with_that_code) {
    int code = -1000;
    if (on_threads()) {
        SKIP("exit ends the whole program, threads and all");
    }
    spork_process *child = start(call_exit_call(3));
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, 3);
    OK(spork_process_free(child));
}

static int call_exit_now(int code) {
    native_exit_now(code);
    return 0;
}
SPORK_TASK(int, call_exit_now, int);

TEST(a_task_that_leaves_without_exit_handlers_ends_with_that_code) {
    int code = -1000;
    if (on_threads()) {
        SKIP("it would end the whole program");
    }
    spork_process *child = start(call_exit_now_call(4));
    OK(spork_process_join(child, PATIENCE_MS, &code));
    assert_int_equal(code, 4);
    OK(spork_process_free(child));
}

static int call_abort(void) {
    abort();
}
SPORK_TASK(int, call_abort);

TEST(a_task_that_aborts_ends_by_that_signal) {
    int code = -1000;
    char text[64];
    if (on_threads()) {
        SKIP("abort ends the whole program");
    }
    spork_process *child = start(call_abort_call());
    OK(spork_process_join(child, PATIENCE_MS, &code));
    spork_process_describe(child, text, sizeof text);
    /* The C library of Windows makes an exit of it. */
    assert_int_equal(code, native_is_windows() ? 3 : -6);
    assert_string_equal(text, native_is_windows() ? "stopped[3]" : "stopped[SIGABRT]");
    OK(spork_process_free(child));
}

TEST(the_exit_code_of_a_child_that_runs_is_not_known) {
    int code = -1000;
    struct waiting waiting = start_waiting(5);
    FAILS(SPORK_EBUSY, spork_process_exit_code(waiting.child, &code));
    assert_int_equal(code, -1000);
    let_end(&waiting);
    OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
    OK(spork_process_exit_code(waiting.child, &code));
    assert_int_equal(code, 5);
    free_waiting(&waiting);
}

/* ---- ending ---- */

static void ends_a_sleeper(int (*end)(spork_process *), int expected, const char *words) {
    int code = -1000;
    char text[64];
    needs_a_process_to_kill();
    spork_process *child = start(sleep_for_call(100 * 1000));
    int64_t begin = spork_now_ms();
    OK(end(child));
    OK(spork_process_join(child, 10 * 1000, &code));
    assert_in_range(spork_now_ms() - begin, 0, 10 * 1000);
    assert_int_equal(code, expected);
    assert_false(spork_process_alive(child));
    spork_process_describe(child, text, sizeof text);
    assert_string_equal(text, words);
    OK(end(child)); /* again, of one that has ended, is fine */
    OK(spork_process_free(child));
}

TEST(terminate_ends_a_child_that_sleeps_for_100_seconds) {
    ends_a_sleeper(spork_process_terminate, -15, "stopped[SIGTERM]");
}

TEST(kill_ends_a_child_that_sleeps_for_100_seconds) {
    if (native_is_windows()) {
        ends_a_sleeper(spork_process_kill, -15, "stopped[SIGTERM]");
    } else {
        ends_a_sleeper(spork_process_kill, -9, "stopped[SIGKILL]");
    }
}

TEST(interrupt_ends_a_child_that_sleeps_for_100_seconds) {
    ends_a_sleeper(spork_process_interrupt, -2, "stopped[SIGINT]");
}

TEST_ONCE(a_thread_cannot_be_ended_from_outside) {
    OK(spork_set_start_method(SPORK_METHOD_THREAD));
    struct waiting waiting = start_waiting(0);
    FAILS(SPORK_ENOTSUP, spork_process_terminate(waiting.child));
    FAILS(SPORK_ENOTSUP, spork_process_kill(waiting.child));
    FAILS(SPORK_ENOTSUP, spork_process_interrupt(waiting.child));
    let_end(&waiting);
    OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
    free_waiting(&waiting);
}

TEST(a_process_that_was_not_started_can_neither_be_ended_nor_joined) {
    spork_process *child;
    int code = -1000;
    OK(spork_process_new(&child, return_code_call(0), NULL));
    FAILS(SPORK_ESTATE, spork_process_terminate(child));
    FAILS(SPORK_ESTATE, spork_process_kill(child));
    FAILS(SPORK_ESTATE, spork_process_interrupt(child));
    FAILS(SPORK_ESTATE, spork_process_join(child, 0, NULL));
    FAILS(SPORK_ESTATE, spork_process_exit_code(child, &code));
    assert_int_equal(code, -1000);
    OK(spork_process_free(child));
}

/* ---- joining ---- */

TEST(join_with_no_time_returns_at_once) {
    struct waiting waiting = start_waiting(0);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_EWOULDBLOCK, spork_process_join(waiting.child, 0, NULL));
    assert_in_range(spork_now_ms() - begin, 0, 1000);
    let_end(&waiting);
    OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
    OK(spork_process_join(waiting.child, 0, NULL));
    free_waiting(&waiting);
}

TEST(join_times_out_after_the_given_delay_and_the_child_lives_on) {
    int code = -1000;
    struct waiting waiting = start_waiting(7);
    int64_t begin = spork_now_ms();
    FAILS(SPORK_ETIMEDOUT, spork_process_join(waiting.child, 200, &code));
    assert_in_range(spork_now_ms() - begin, 200, 5000);
    assert_int_equal(code, -1000);
    assert_true(spork_process_alive(waiting.child));
    let_end(&waiting);
    OK(spork_process_join(waiting.child, PATIENCE_MS, &code));
    assert_int_equal(code, 7);
    free_waiting(&waiting);
}

TEST(join_refuses_a_negative_time) {
    spork_process *child = start(return_code_call(0));
    FAILS(SPORK_EINVAL, spork_process_join(child, -2, NULL));
    finish(child);
}

TEST(join_can_be_called_again_and_gives_the_same_code) {
    spork_process *child = start(return_code_call(6));
    for (int i = 0; i < 3; i++) {
        int code = -1000;
        OK(spork_process_join(child, i == 0 ? PATIENCE_MS : 0, &code));
        assert_int_equal(code, 6);
    }
    OK(spork_process_free(child));
}

TEST(a_process_cannot_join_itself) {
    FAILS(SPORK_ESTATE, spork_process_join(spork_current_process(), 0, NULL));
    FAILS(SPORK_ESTATE, spork_process_join(spork_current_process(), SPORK_FOREVER, NULL));
}

static int join_self(void) {
    EXPECT(spork_process_join(spork_current_process(), SPORK_FOREVER, NULL) == SPORK_ESTATE);
    EXPECT(spork_process_join(spork_current_process(), 0, NULL) == SPORK_ESTATE);
    return 0;
}
SPORK_TASK(int, join_self);

TEST(a_child_cannot_join_itself) {
    finish(start(join_self_call()));
}

TEST(the_current_and_the_parent_process_are_not_ours_to_free) {
    FAILS(SPORK_EINVAL, spork_process_free(spork_current_process()));
    OK(spork_process_free(NULL));
}

/* ---- the sentinel ---- */

TEST(the_sentinel_is_ready_within_a_second_of_the_end_and_not_before) {
    intptr_t sentinel = -1;
    struct waiting waiting = start_waiting(0);
    if (!has_sentinels()) {
        FAILS(SPORK_ENOTSUP, spork_process_sentinel(waiting.child, &sentinel));
    } else {
        OK(spork_process_sentinel(waiting.child, &sentinel));
        assert_false(native_sentinel_ready(sentinel, 50));
    }
    let_end(&waiting);
    if (has_sentinels()) {
        /* The child has to wake and end first. */
        assert_true(native_sentinel_ready(sentinel, 5000));
        assert_true(native_sentinel_ready(sentinel, 0));
    }
    OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
    if (has_sentinels()) {
        assert_true(native_sentinel_ready(sentinel, 0));
    }
    free_waiting(&waiting);
}

TEST(the_sentinel_of_a_killed_child_is_ready_within_a_second) {
    intptr_t sentinel = -1;
    needs_a_process_to_kill();
    if (!has_sentinels()) {
        SKIP("there are no descriptors of processes here");
    }
    spork_process *child = start(sleep_for_call(100 * 1000));
    OK(spork_process_sentinel(child, &sentinel));
    OK(spork_process_kill(child));
    assert_true(native_sentinel_ready(sentinel, 1000));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
}

TEST(there_is_no_sentinel_before_the_start) {
    intptr_t sentinel = -1;
    spork_process *child;
    OK(spork_process_new(&child, return_code_call(0), NULL));
    FAILS(SPORK_ESTATE, spork_process_sentinel(child, &sentinel));
    OK(spork_process_free(child));
}

/* ---- freeing and starting again ---- */

TEST(a_child_that_runs_is_not_freed) {
    struct waiting waiting = start_waiting(0);
    FAILS(SPORK_EBUSY, spork_process_free(waiting.child));
    assert_true(spork_process_alive(waiting.child));
    let_end(&waiting);
    OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
    free_waiting(&waiting);
}

TEST(a_child_that_has_ended_is_freed_without_a_join) {
    struct waiting waiting = start_waiting(0);
    let_end(&waiting);
    for (int64_t limit = spork_now_ms() + PATIENCE_MS;
         spork_process_alive(waiting.child) && spork_now_ms() < limit;) {
        spork_sleep_ms(1);
    }
    free_waiting(&waiting);
}

TEST(a_process_that_was_never_started_is_forgotten) {
    spork_process *child;
    size_t count = 1;
    OK(spork_process_new(&child, return_code_call(0), NULL));
    OK(spork_active_children(NULL, 0, &count));
    assert_int_equal(count, 0);
    OK(spork_process_free(child));
}

TEST(a_process_is_started_once) {
    spork_process *child = start(return_code_call(0));
    FAILS(SPORK_ESTATE, spork_process_launch(child));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    FAILS(SPORK_ESTATE, spork_process_launch(child));
    OK(spork_process_free(child));
}

/* ---- states ---- */

static void is_in_state(spork_process *child, spork_process_state state, const char *words) {
    char text[64];
    assert_int_equal(spork_process_get_state(child), state);
    assert_int_equal(spork_process_describe(child, text, sizeof text), strlen(words));
    assert_string_equal(text, words);
}

TEST(states_are_initial_started_and_stopped_with_the_code) {
    static const struct {
        int code;
        const char *words;
    } ends[] = {{0, "stopped"}, {3, "stopped[3]"}};
    for (size_t i = 0; i < 2; i++) {
        struct waiting waiting;
        OK(spork_pipe_new(&waiting.here, &waiting.there, NULL));
        OK(spork_process_new(&waiting.child, wait_for_word_call(waiting.there, ends[i].code),
                             NULL));
        is_in_state(waiting.child, SPORK_STATE_INITIAL, "initial");
        assert_int_equal(spork_process_pid(waiting.child), -1);
        assert_false(spork_process_alive(waiting.child));
        OK(spork_process_launch(waiting.child));
        is_in_state(waiting.child, SPORK_STATE_STARTED, "started");
        assert_true(spork_process_pid(waiting.child) > 0);
        assert_true(spork_process_alive(waiting.child));
        let_end(&waiting);
        OK(spork_process_join(waiting.child, PATIENCE_MS, NULL));
        is_in_state(waiting.child, SPORK_STATE_STOPPED, ends[i].words);
        assert_false(spork_process_alive(waiting.child));
        free_waiting(&waiting);
    }
}

TEST(a_description_is_cut_to_its_place) {
    char text[5] = "none";
    spork_process *child = start(return_code_call(3));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    assert_int_equal(spork_process_describe(child, NULL, 0), strlen("stopped[3]"));
    assert_int_equal(spork_process_describe(child, text, sizeof text), strlen("stopped[3]"));
    assert_string_equal(text, "stop");
    OK(spork_process_free(child));
}

TEST(nothing_is_asked_of_no_process) {
    intptr_t sentinel;
    FAILS(SPORK_EINVAL, spork_process_join(NULL, 0, NULL));
    FAILS(SPORK_EINVAL, spork_process_terminate(NULL));
    FAILS(SPORK_EINVAL, spork_process_launch(NULL));
    FAILS(SPORK_EINVAL, spork_process_sentinel(NULL, &sentinel));
    FAILS(SPORK_EINVAL, spork_process_start(NULL, spork_no_call(), NULL));
    FAILS(SPORK_EINVAL, spork_process_new(NULL, spork_no_call(), NULL));
    FAILS(SPORK_EINVAL, spork_process_set_name(NULL, "x"));
    assert_false(spork_process_alive(NULL));
    assert_false(spork_process_daemon(NULL));
    assert_int_equal(spork_process_pid(NULL), -1);
    assert_string_equal(spork_process_name(NULL), "");
    assert_int_equal(spork_process_get_state(NULL), SPORK_STATE_INITIAL);
}

/* ---- descriptors that are handed on ---- */

enum { HANDED_ON = 24 };

/* Opened one after the other, so that where descriptors are small numbers they are the first
   ones from 3 on, and have those of the family's own among them. */
struct opened {
    char path[512];
    int64_t count;
    int64_t descriptors[HANDED_ON];
};

static int look_at_opened(spork_bytes bytes, spork_semaphore *good) {
    struct opened opened;
    EXPECT(bytes.size == sizeof opened);
    memcpy(&opened, bytes.data, sizeof opened);
    for (int64_t i = 0; i < opened.count; i++) {
        EXPECT(native_is_file((intptr_t)opened.descriptors[i], opened.path));
    }
    EXPECT(native_count_open(opened.path) >= opened.count);
    /* The family's own have their places too: this child can sleep, and have children. */
    spork_process *child = NULL;
    EXPECT(spork_process_start(&child, return_code_call(0), NULL) == 0);
    EXPECT(spork_process_join(child, PATIENCE_MS, NULL) == 0);
    EXPECT(spork_process_free(child) == 0);
    return spork_semaphore_release(good, 1);
}
SPORK_TASK(int, look_at_opened, spork_bytes, spork_semaphore *);

static struct opened open_some(int64_t count) {
    struct opened opened = {.count = count};
    support_temporary("test-inherit", opened.path, sizeof opened.path);
    for (int64_t i = 0; i < count; i++) {
        opened.descriptors[i] = native_open_inheritable(opened.path);
        assert_int_not_equal(opened.descriptors[i], -1);
    }
    assert_true(native_is_windows() || opened.descriptors[0] == 3);
    return opened;
}

static void hand_on(const struct opened *opened, const spork_process_options *extra) {
    const spork_semaphore_options none = {0};
    spork_process_options options = *extra;
    intptr_t list[HANDED_ON];
    spork_semaphore *good;
    spork_process *child = NULL;
    const spork_bytes bytes = {opened, sizeof *opened};
    for (int64_t i = 0; i < opened->count; i++) {
        list[i] = (intptr_t)opened->descriptors[i];
    }
    options.inherit = list;
    options.inherit_count = (size_t)opened->count;
    OK(spork_semaphore_new(&good, &none));
    if (spork_get_start_method() == SPORK_METHOD_FORKSERVER) {
        FAILS(SPORK_ENOTSUP,
              spork_process_start(&child, look_at_opened_call(bytes, good), &options));
    } else {
        OK(spork_process_start(&child, look_at_opened_call(bytes, good), &options));
        OK(spork_semaphore_acquire(good, PATIENCE_MS));
        finish(child);
    }
    spork_semaphore_free(good);
}

static void hand_on_and_close(int64_t count, const spork_process_options *options) {
    struct opened opened = open_some(count);
    hand_on(&opened, options);
    for (int64_t i = 0; i < count; i++) {
        native_close((intptr_t)opened.descriptors[i]);
    }
    remove(opened.path);
}

TEST(what_a_program_opens_first_can_be_handed_on) {
    const spork_process_options defaults = {0};
    hand_on_and_close(1, &defaults);
    hand_on_and_close(2, &defaults);
}

TEST(descriptors_are_handed_on_whatever_their_numbers_are) {
    const spork_process_options defaults = {0};
    /* The family's are open when these come, and lie in between. */
    finish(start(return_code_call(0)));
    hand_on_and_close(HANDED_ON, &defaults);
}

TEST(a_detached_child_has_what_is_handed_on_to_it) {
    const spork_process_options detached = {.detached = true};
    hand_on_and_close(3, &detached);
}

TEST(what_is_not_open_and_what_is_a_standard_stream_cannot_be_handed_on) {
    spork_process *child = NULL;
    if (on_threads() || spork_get_start_method() == SPORK_METHOD_FORKSERVER) {
        SKIP("a thread has all descriptors, and forkserver hands on none");
    }
    for (intptr_t number = native_is_windows() ? 3 : 0; number <= 3; number++) {
        const spork_process_options options = {.inherit = &number, .inherit_count = 1};
        FAILS(SPORK_EINVAL, spork_process_start(&child, return_code_call(0), &options));
        assert_null(child);
    }
    assert_non_null(strstr(spork_error_detail(), "3"));
}

TEST_ONCE(a_program_that_has_closed_the_familys_memory_is_told_so) {
    spork_process *child = NULL;
    finish(start(return_code_call(0))); /* there is room in the memory now */
    OK(spork_process_new(&child, return_code_call(0), NULL));
    if (!native_close_all_but_streams()) {
        OK(spork_process_free(child));
        SKIP("HANDLEs cannot be closed all at once");
    }
    FAILS(SPORK_ESYSTEM, spork_process_launch(child));
    assert_non_null(strstr(spork_error_detail(), "was closed"));
    OK(spork_process_free(child));
}

/* ---- exit on a thread ---- */

static void leaves_by_a_thread(const char *mode, const char *expected) {
    const char *arguments[] = {mode, NULL};
    const struct program_options options = {.name = "exit_probe", .arguments = arguments};
    int code = -1000;
    struct program *program = program_start(&options);
    assert_non_null(program);
    assert_true(program_wait(program, PATIENCE_MS, &code));
    assert_string_equal(program_output(program), expected);
    assert_string_equal(program_errors(program), "");
    assert_int_equal(code, 3);
    program_free(program);
}

TEST_ONCE(exit_in_a_task_on_a_thread_joins_the_other_children) {
    leaves_by_a_thread("process", "the child ended\n");
}

TEST_ONCE(exit_in_a_task_on_a_thread_joins_the_other_threads) {
    leaves_by_a_thread("thread", "the child ended\n");
}

TEST_ONCE(exit_in_a_task_on_a_thread_ends_daemons) {
    leaves_by_a_thread("daemon", "");
}

TEST_ONCE(exit_in_a_task_on_a_thread_does_not_wait_for_who_waits_for_it) {
    leaves_by_a_thread("nested", "the child ended\n");
}

/* ---- several threads and one child ---- */

static spork_process *shared_child; /* by threads, which have the same memory */

static int join_the_shared_child(int64_t number) {
    int joined = -1;
    int asked = -1;
    while (number % 2 != 0 && spork_process_alive(shared_child)) {
        spork_sleep_ms(0);
    }
    EXPECT(spork_process_join(shared_child, PATIENCE_MS, &joined) == 0);
    EXPECT(spork_process_exit_code(shared_child, &asked) == 0);
    EXPECT(joined == 9 && asked == 9 && !spork_process_alive(shared_child));
    return 0;
}
SPORK_TASK(int, join_the_shared_child, int64_t);

TEST_SLOW(threads_that_join_one_child_all_see_the_same_end, 60) {
    enum { THREADS = 6, ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        spork_process *threads[THREADS];
        shared_child = start(return_code_call(9));
        for (int i = 0; i < THREADS; i++) {
            OK(spork_process_start(
                &threads[i], join_the_shared_child_call(i),
                &(spork_process_options){.method = SPORK_METHOD_THREAD}));
        }
        for (int i = 0; i < THREADS; i++) {
            finish(threads[i]);
        }
        OK(spork_process_free(shared_child));
    }
}

TEST_MAIN
