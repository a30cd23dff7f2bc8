/* The host program is left alone: its children, its handling of SIGCHLD, its standard output. */
#include "support_children.h"
#include "support_native.h"

static int end_with(int64_t code) {
    return (int)code;
}
SPORK_TASK(int, end_with, int64_t);

static int wait_for_event(spork_event *event) {
    return spork_event_wait(event, PATIENCE_MS);
}
SPORK_TASK(int, wait_for_event, spork_event *);

/* Starts, joins, waits and looks for children: whatever might reap one too many. */
static void use_processes(int64_t code) {
    size_t count = 0;
    int got = -1;
    spork_process *child = start(end_with_call(code));
    OK(spork_active_children(NULL, 0, &count));
    OK(spork_process_join(child, PATIENCE_MS, &got));
    assert_int_equal(got, (int)code);
    OK(spork_active_children(NULL, 0, &count));
    assert_int_equal(count, 0);
    OK(spork_process_free(child));
}

TEST(children_of_the_hosts_own_are_left_to_it) {
    int64_t pid = 0;
    if (!native_fork_host(&pid, 0, 23)) {
        SKIP("there is no fork on this platform");
    }
    for (int i = 0; i < 3; i++) {
        use_processes(5);
    }
    assert_int_equal(native_reap_host(pid), 23);
}

TEST(a_handler_of_the_hosts_stays_and_is_called) {
    if (!native_count_children()) {
        SKIP("this platform has no signal for the end of a child");
    }
    use_processes(6);
    assert_true(native_children_are_counted());
    if (spork_get_start_method() != SPORK_METHOD_THREAD) {
        assert_true(native_children_counted() > 0);
    }
}

TEST(a_host_that_ignores_its_children_still_learns_their_exit_codes) {
    if (!native_ignore_children()) {
        SKIP("this platform has no signal for the end of a child");
    }
    use_processes(7);
    use_processes(0);
    assert_true(native_children_are_ignored());
}

TEST_ONCE(where_children_are_ignored_the_code_of_a_killed_one_is_an_error_and_not_a_hang) {
    int code = 0;
    if (!native_ignore_children()) {
        SKIP("this platform has no signal for the end of a child");
    }
    spork_event *never = NULL;
    OK(spork_event_new(&never, NULL));
    spork_process *child = start(wait_for_event_call(never));
    OK(spork_process_kill(child));
    FAILS(SPORK_ESYSTEM, spork_process_join(child, PATIENCE_MS, &code));
    OK(spork_process_join(child, PATIENCE_MS, NULL));
    OK(spork_process_free(child));
    spork_event_free(never);
}

TEST_MAIN
