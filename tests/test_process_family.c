/* Who a process is to others: names, parents and children, daemons, start methods. */
#include "support_children.h"
#include "support_native.h"

static bool on_threads(void) {
    return spork_get_start_method() == SPORK_METHOD_THREAD;
}

static int wait_for_word(spork_pipe *pipe) {
    spork_value word;
    EXPECT(spork_pipe_recv(pipe, &word, SPORK_FOREVER) == 0);
    spork_value_free(&word);
    return 0;
}
SPORK_TASK(int, wait_for_word, spork_pipe *);

static int64_t next_int(spork_queue *queue) {
    spork_value item;
    int64_t number = 0;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_int(&item, &number));
    spork_value_free(&item);
    return number;
}

/* ---- names ---- */

static int tell_name(spork_queue *out) {
    return spork_queue_put(out, spork_str(spork_process_name(spork_current_process())),
                           PATIENCE_MS);
}
SPORK_TASK(int, tell_name, spork_queue *);

static int start_and_tell_names(spork_queue *out) {
    EXPECT(tell_name(out) == 0);
    for (int i = 0; i < 2; i++) {
        spork_process *child;
        int code = -1;
        EXPECT(spork_process_start(&child, tell_name_call(out), NULL) == 0);
        EXPECT(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
        EXPECT(spork_process_free(child) == 0);
    }
    return 0;
}
SPORK_TASK(int, start_and_tell_names, spork_queue *);

static void is_next_text(spork_queue *queue, const char *expected) {
    spork_value item;
    const char *text = NULL;
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    OK(spork_value_get_str(&item, &text));
    assert_string_equal(text, expected);
    spork_value_free(&item);
}

TEST(default_names_count_up_and_those_of_grandchildren_tell_their_parents) {
    spork_queue *names;
    spork_process *child;
    OK(spork_queue_new(&names, NULL));
    assert_string_equal(spork_process_name(spork_current_process()), "MainProcess");
    OK(spork_process_new(&child, start_and_tell_names_call(names), NULL));
    assert_string_equal(spork_process_name(child), "Process-1");
    OK(spork_process_launch(child));
    finish(child);
    is_next_text(names, "Process-1");
    /* Threads belong to the one process that there is. */
    is_next_text(names, on_threads() ? "Process-2" : "Process-1:1");
    is_next_text(names, on_threads() ? "Process-3" : "Process-1:2");
    OK(spork_process_new(&child, tell_name_call(names), NULL));
    assert_string_equal(spork_process_name(child), on_threads() ? "Process-4" : "Process-2");
    OK(spork_process_free(child));
    spork_queue_free(names);
}

TEST(a_name_given_is_the_childs_own) {
    const spork_process_options options = {.name = "w\xC3\xB6rker"};
    spork_queue *names;
    spork_process *child;
    OK(spork_queue_new(&names, NULL));
    OK(spork_process_start(&child, tell_name_call(names), &options));
    assert_string_equal(spork_process_name(child), "w\xC3\xB6rker");
    is_next_text(names, "w\xC3\xB6rker");
    finish(child);
    spork_queue_free(names);
}

TEST(a_process_is_renamed_before_it_starts_and_never_after) {
    char longest[65];
    spork_queue *names;
    spork_process *child;
    memset(longest, 'n', sizeof longest);
    longest[64] = '\0';
    OK(spork_queue_new(&names, NULL));
    OK(spork_process_new(&child, tell_name_call(names), NULL));
    FAILS(SPORK_EINVAL, spork_process_set_name(child, longest));
    FAILS(SPORK_EINVAL, spork_process_set_name(child, NULL));
    assert_string_equal(spork_process_name(child), "Process-1");
    OK(spork_process_set_name(child, longest + 1));
    OK(spork_process_launch(child));
    FAILS(SPORK_ESTATE, spork_process_set_name(child, "late"));
    is_next_text(names, longest + 1);
    finish(child);
    spork_queue_free(names);

    const spork_process_options options = {.name = longest};
    FAILS(SPORK_EINVAL, spork_process_new(&child, spork_no_call(), &options));
}

/* ---- parents and children ---- */

/* A binary tree: each process but the lowest starts two. */
static int grow(spork_queue *ids, int depth);
SPORK_TASK(int, grow, spork_queue *, int);

static int grow(spork_queue *ids, int depth) {
    EXPECT(spork_queue_put(ids, spork_int(native_pid()), PATIENCE_MS) == 0);
    for (int i = 0; i < 2 && depth > 0; i++) {
        spork_process *child;
        int code = -1;
        EXPECT(spork_process_start(&child, grow_call(ids, depth - 1), NULL) == 0);
        EXPECT(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
        EXPECT(spork_process_free(child) == 0);
    }
    return 0;
}

TEST(a_recursion_of_starts_two_deep_yields_seven_processes) {
    enum { COUNT = 7 };
    int64_t seen[COUNT];
    spork_queue *ids;
    OK(spork_queue_new(&ids, NULL));
    finish(start(grow_call(ids, 2)));
    assert_int_equal(spork_queue_size(ids), COUNT);
    for (int i = 0; i < COUNT; i++) {
        seen[i] = next_int(ids);
        for (int k = 0; k < i && !on_threads(); k++) {
            assert_int_not_equal(seen[i], seen[k]);
        }
    }
    spork_queue_free(ids);
}

static int tell_ids(spork_queue *out) {
    spork_process *parent = spork_parent_process();
    EXPECT(parent != NULL && spork_process_alive(parent));
    EXPECT(spork_process_join(parent, 0, NULL) == SPORK_EWOULDBLOCK);
    EXPECT(spork_queue_put(out, spork_int(native_pid()), PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(out, spork_int(spork_process_pid(spork_current_process())),
                           PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(out, spork_int(spork_process_pid(parent)), PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(out, spork_str(spork_process_name(parent)), PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, tell_ids, spork_queue *);

TEST(parent_and_child_agree_on_their_process_ids) {
    spork_queue *out;
    if (on_threads()) {
        SKIP("a thread has the process of its starter, and no parent");
    }
    OK(spork_queue_new(&out, NULL));
    assert_null(spork_parent_process());
    assert_int_equal(spork_process_pid(spork_current_process()), native_pid());
    spork_process *child = start(tell_ids_call(out));
    assert_int_equal(next_int(out), spork_process_pid(child));
    assert_int_equal(next_int(out), spork_process_pid(child));
    assert_int_equal(next_int(out), native_pid());
    is_next_text(out, "MainProcess");
    finish(child);
    spork_queue_free(out);
}

TEST(a_thread_has_the_process_id_of_its_starter) {
    spork_process *child;
    const spork_process_options options = {.method = SPORK_METHOD_THREAD};
    OK(spork_process_start(&child, spork_no_call(), &options));
    assert_int_equal(spork_process_pid(child), native_pid());
    finish(child);
}

/* Tells that its parent is alive, waits for its end, and tells that it is not. */
static int watch_parent(spork_queue *out) {
    spork_process *parent = spork_parent_process();
    EXPECT(spork_queue_put(out, spork_int(spork_process_alive(parent)), PATIENCE_MS) == 0);
    int error = spork_process_join(parent, PATIENCE_MS, NULL);
    EXPECT(spork_queue_put(out, spork_int(error), PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(out, spork_int(spork_process_alive(parent)), PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, watch_parent, spork_queue *);

/* Its child may outlive it: a tied one would go with it. */
static int leave_a_child(spork_queue *out, spork_pipe *word) {
    const spork_process_options options = {.detached = true};
    spork_process *child;
    EXPECT(spork_process_start(&child, watch_parent_call(out), &options) == 0);
    EXPECT(spork_process_free(child) == 0);
    return wait_for_word(word);
}
SPORK_TASK(int, leave_a_child, spork_queue *, spork_pipe *);

TEST(a_grandchild_sees_its_parent_alive_and_then_not) {
    spork_queue *out;
    spork_pipe *here;
    spork_pipe *there;
    if (on_threads()) {
        SKIP("threads have no parent that could end before them");
    }
    OK(spork_queue_new(&out, NULL));
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *child = start(leave_a_child_call(out, there));
    assert_int_equal(next_int(out), true);
    OK(spork_pipe_send(here, spork_nil(), PATIENCE_MS));
    assert_int_equal(next_int(out), 0);
    assert_int_equal(next_int(out), false);
    finish(child);
    spork_queue_free(out);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

TEST(active_children_are_those_that_run_in_the_order_of_their_start) {
    enum { COUNT = 5 };
    spork_process *children[COUNT];
    spork_process *active[COUNT];
    spork_pipe *here[COUNT];
    spork_pipe *there[COUNT];
    size_t count = 99;
    FAILS(SPORK_EINVAL, spork_active_children(active, COUNT, NULL));
    FAILS(SPORK_EINVAL, spork_active_children(NULL, COUNT, &count));
    for (int i = 0; i < COUNT; i++) {
        OK(spork_pipe_new(&here[i], &there[i], NULL));
        children[i] = start(wait_for_word_call(there[i]));
    }
    OK(spork_active_children(active, COUNT, &count));
    assert_int_equal(count, COUNT);
    assert_memory_equal(active, children, sizeof active);
    OK(spork_pipe_send(here[1], spork_nil(), PATIENCE_MS));
    OK(spork_process_join(children[1], PATIENCE_MS, NULL));
    active[3] = NULL;
    OK(spork_active_children(active, 3, &count));
    assert_int_equal(count, COUNT - 1);
    assert_ptr_equal(active[0], children[0]);
    assert_ptr_equal(active[1], children[2]);
    assert_ptr_equal(active[2], children[3]);
    assert_null(active[3]);
    for (int i = 0; i < COUNT; i++) {
        if (i != 1) {
            OK(spork_pipe_send(here[i], spork_nil(), PATIENCE_MS));
        }
        finish(children[i]);
        spork_pipe_free(here[i]);
        spork_pipe_free(there[i]);
    }
    OK(spork_active_children(active, COUNT, &count));
    assert_int_equal(count, 0);
}

static int count_children(void) {
    size_t count = 99;
    EXPECT(spork_active_children(NULL, 0, &count) == 0);
    return (int)count;
}
SPORK_TASK(int, count_children);

TEST(a_child_has_none_of_its_parents_children) {
    spork_pipe *here;
    spork_pipe *there;
    if (on_threads()) {
        SKIP("threads share their process's children");
    }
    OK(spork_pipe_new(&here, &there, NULL));
    spork_process *sibling = start(wait_for_word_call(there));
    finish(start(count_children_call()));
    OK(spork_pipe_send(here, spork_nil(), PATIENCE_MS));
    finish(sibling);
    spork_pipe_free(here);
    spork_pipe_free(there);
}

/* ---- daemons ---- */

/* 1: the start was refused for that reason, and so was the making. */
static int start_something(void) {
    spork_process *child = NULL;
    bool daemon = spork_process_daemon(spork_current_process());
    int made = spork_process_new(&child, spork_no_call(), NULL);
    int started = made == SPORK_EDAEMON
                      ? spork_process_start(&child, spork_no_call(), NULL)
                      : spork_process_launch(child);
    if (daemon) {
        EXPECT(started == SPORK_EDAEMON && child == NULL);
        return 10;
    }
    EXPECT(started == 0 && spork_process_join(child, PATIENCE_MS, NULL) == 0);
    return 20 + spork_process_free(child);
}
SPORK_TASK(int, start_something);

TEST(a_daemon_may_not_have_children) {
    static const struct {
        spork_daemon daemon;
        int code;
    } cases[] = {
        {SPORK_DAEMON_DEFAULT, 20}, {SPORK_DAEMON_NO, 20}, {SPORK_DAEMON_YES, 10}};
    if (on_threads()) {
        SKIP("threads end with their process, daemons or not");
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const spork_process_options options = {.daemon = cases[i].daemon};
        spork_process *child;
        int code = -1;
        OK(spork_process_start(&child, start_something_call(), &options));
        assert_int_equal(spork_process_daemon(child), cases[i].daemon == SPORK_DAEMON_YES);
        OK(spork_process_join(child, PATIENCE_MS, &code));
        assert_int_equal(code, cases[i].code);
        OK(spork_process_free(child));
    }
}

TEST_MAIN
