/* What is open: a child has its standard streams, what was passed to it and what spork needs,
   nothing of the host's. What starting and freeing leave open: test_descriptors_left.c. */
#include "support_children.h"
#include "support_native.h"

#include "platform.h"

enum { PATH_SIZE = 1024, HOST_FILES = 8 };

static void needs_processes(void) {
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("threads share what their process has open");
    }
}

/* ---- the host's files ---- */

struct host {
    char directory[PATH_SIZE];
    char path[PATH_SIZE + 16];
    intptr_t files[HOST_FILES];
    int count;
};

static void host_begin(struct host *host) {
    *host = (struct host){.count = 0};
    assert_true(native_temporary_directory(host->directory, sizeof host->directory));
    snprintf(host->path, sizeof host->path, "%s/file", host->directory);
}

static intptr_t host_open(struct host *host, int number) {
    intptr_t file = native_open_inheritable_at(host->path, number);
    assert_int_not_equal(file, -1);
    assert_true(host->count < HOST_FILES);
    host->files[host->count++] = file;
    return file;
}

static void host_end(struct host *host) {
    for (int i = 0; i < host->count; i++) {
        native_close(host->files[i]);
    }
    assert_int_equal(remove(host->path), 0);
    assert_true(native_remove_directory(host->directory));
}

/* ---- what a child says ---- */

struct report {
    struct native_census census;
    int streams;
    int of_host; /* how often the host's file is open */
};

/* First of all, before the task itself makes spork open anything. */
static bool make_report(struct report *report, const char *path) {
    report->of_host = path[0] == '\0' ? 0 : native_count_open(path);
    report->streams = native_open_streams();
    return native_take_census(&report->census);
}

static int tell(spork_queue *out, const char *path) {
    struct report report;
    EXPECT(make_report(&report, path));
    EXPECT(spork_queue_put_bytes(out, &report, sizeof report, PATIENCE_MS) == 0);
    return 0;
}
SPORK_TASK(int, tell, spork_queue *, const char *);

static int start_one_that_tells(spork_queue *out, const char *path) {
    spork_process *child;
    int code = -1;
    EXPECT(tell(out, path) == 0);
    EXPECT(spork_process_start(&child, tell_call(out, path), NULL) == 0);
    EXPECT(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
    EXPECT(spork_process_free(child) == 0);
    return 0;
}
SPORK_TASK(int, start_one_that_tells, spork_queue *, const char *);

static struct report next_report(spork_queue *queue) {
    struct report report;
    size_t size = 0;
    OK(spork_queue_get_bytes(queue, &report, sizeof report, &size, PATIENCE_MS));
    assert_int_equal(size, sizeof report);
    return report;
}

/* members: how many processes the child may have had to watch. */
static void has_only(const struct report *report, int files, int lifelines, int members) {
    const int *of_kind = report->census.of_kind;
    assert_int_equal(report->streams, 3);
    assert_int_equal(report->of_host, files);
    assert_int_equal(of_kind[NATIVE_FILE], files);
    assert_int_equal(of_kind[NATIVE_MEMORY], native_is_windows() ? 0 : 1);
    assert_int_equal(of_kind[NATIVE_PIPE], native_is_windows() ? 0 : lifelines);
    /* A bell of its own and one to ring others by, if it has come to that. */
    assert_in_range(of_kind[NATIVE_SOCKET], 0, 2);
    assert_in_range(of_kind[NATIVE_PROCESS], 0, members);
    assert_int_equal(of_kind[NATIVE_OTHER], 0);
    assert_int_equal(report->census.inheritable, files);
}

static void has_family_only(spork_queue *queue) {
    struct report report = next_report(queue);
    has_only(&report, 0, 1, 2);
}

/* ---- children ---- */

TEST(a_child_has_its_streams_and_nothing_that_the_host_has_open) {
    struct host host;
    spork_queue *out;
    needs_processes();
    host_begin(&host);
    /* The lowest numbers, those that spork's own have in children, and high ones. */
    host_open(&host, 0);
    host_open(&host, 0);
    host_open(&host, 5);
    host_open(&host, 900);
    OK(spork_queue_new(&out, NULL));
    finish(start(tell_call(out, host.path)));
    has_family_only(out);
    /* By now spork, and a forkserver, have opened theirs. */
    host_open(&host, 0);
    host_open(&host, 10);
    host_open(&host, 20);
    host_open(&host, 1000);
    assert_int_equal(native_count_open(host.path), HOST_FILES);
    finish(start(tell_call(out, host.path)));
    has_family_only(out);
    spork_queue_free(out);
    host_end(&host);
}

TEST(a_grandchild_has_no_more_open_than_a_child) {
    struct host host;
    spork_queue *out;
    needs_processes();
    host_begin(&host);
    host_open(&host, 0);
    OK(spork_queue_new(&out, NULL));
    finish(start(start_one_that_tells_call(out, host.path)));
    has_family_only(out);
    has_family_only(out);
    spork_queue_free(out);
    host_end(&host);
}

TEST(a_detached_child_does_not_hang_on_its_parent) {
    const spork_process_options options = {.detached = true};
    spork_queue *out;
    spork_process *child;
    needs_processes();
    OK(spork_queue_new(&out, NULL));
    OK(spork_process_start(&child, tell_call(out, ""), &options));
    struct report report = next_report(out);
    has_only(&report, 0, 0, 2);
    finish(child);
    spork_queue_free(out);
}

TEST_ONCE(children_of_all_methods_have_the_same_open) {
    struct host host;
    spork_queue *out;
    OK(spork_queue_new(&out, NULL));
    host_begin(&host);
    host_open(&host, 0);
    for (int method = SPORK_METHOD_SPAWN; method < SPORK_METHOD_THREAD; method++) {
        const spork_process_options options = {.method = (spork_start_method)method};
        spork_process *child;
        if (spork_has_start_method(options.method)) {
            OK(spork_process_start(&child, tell_call(out, host.path), &options));
            finish(child);
            has_family_only(out);
        }
    }
    spork_queue_free(out);
    host_end(&host);
}

/* ---- many at once ---- */

enum { STARTERS = 4, MEMBERS = 2 * STARTERS + 2 };

struct crowd {
    struct host host;
    spork_queue *out;
    _Atomic int starting; /* threads that are not done */
    _Atomic int failures;
    _Atomic int opened;
    int rounds;
};

/* In a thread of its own: no assertions. */
static void start_again_and_again(void *argument) {
    const spork_process_options options = {.force_fork = true};
    struct crowd *crowd = argument;
    for (int i = 0; i < crowd->rounds; i++) {
        spork_process *child;
        int code = -1;
        int error =
            spork_process_start(&child, tell_call(crowd->out, crowd->host.path), &options);
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
    atomic_fetch_sub(&crowd->starting, 1);
}

static void open_again_and_again(void *argument) {
    enum { AT_ONCE = 4 };
    struct crowd *crowd = argument;
    while (atomic_load(&crowd->starting) > 0) {
        intptr_t files[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            files[i] = native_open_inheritable_at(crowd->host.path, i % 2 * 200);
            atomic_fetch_add(&crowd->opened, files[i] != -1);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            native_close(files[i]);
        }
    }
}

TEST_SLOW(children_of_four_threads_have_none_of_the_files_that_a_fifth_opens, 90) {
    static struct crowd crowd;
    struct plat_thread threads[STARTERS + 1];
    needs_processes();
    host_begin(&crowd.host);
    host_open(&crowd.host, 0);
    crowd.rounds = native_is_windows() ? 5 : 25;
    crowd.starting = STARTERS;
    OK(spork_queue_new(&crowd.out, NULL));
    OK(plat_thread_start(&threads[STARTERS], open_again_and_again, &crowd));
    for (int i = 0; i < STARTERS; i++) {
        OK(plat_thread_start(&threads[i], start_again_and_again, &crowd));
    }
    for (int i = 0; i <= STARTERS; i++) {
        plat_thread_join(&threads[i]);
    }
    assert_int_equal(crowd.failures, 0);
    assert_true(crowd.opened > crowd.rounds);
    for (int i = 0; i < STARTERS * crowd.rounds; i++) {
        struct report report = next_report(crowd.out);
        has_only(&report, 0, 1, MEMBERS);
    }
    assert_true(spork_queue_empty(crowd.out));
    spork_queue_free(crowd.out);
    host_end(&crowd.host);
}

/* ---- what is passed on purpose ---- */

static void needs_inheritance(void) {
    needs_processes();
    if (spork_get_start_method() == SPORK_METHOD_FORKSERVER) {
        SKIP("a forkserver cannot hand descriptors on");
    }
}

struct numbers {
    int64_t passed[2];
    int64_t kept;
};

static int tell_of_passed(spork_queue *out, const char *path, struct numbers numbers) {
    EXPECT(native_is_file((intptr_t)numbers.passed[0], path));
    EXPECT(native_is_file((intptr_t)numbers.passed[1], path));
    EXPECT(!native_is_file((intptr_t)numbers.kept, path));
    return tell(out, path);
}
SPORK_TASK(int, tell_of_passed, spork_queue *, const char *, struct numbers);

/* Two files at these numbers or above arrive, the second named first and twice; the one
   between them does not. */
static void passes(int first, int between, int second) {
    struct host host;
    spork_queue *out;
    spork_process *child;
    host_begin(&host);
    const intptr_t low = host_open(&host, first);
    const intptr_t kept = host_open(&host, between);
    const intptr_t high = host_open(&host, second);
    const intptr_t inherit[] = {high, low, high};
    const spork_process_options options = {.inherit = inherit, .inherit_count = 3};
    const struct numbers numbers = {{low, high}, kept};
    OK(spork_queue_new(&out, NULL));
    OK(spork_process_start(&child, tell_of_passed_call(out, host.path, numbers), &options));
    finish(child);
    struct report report = next_report(out);
    has_only(&report, 2, 1, 2);
    /* It was for that one child: the next has none. */
    finish(start(tell_call(out, host.path)));
    has_family_only(out);
    assert_int_equal(native_count_open(host.path), 3);
    spork_queue_free(out);
    host_end(&host);
}

TEST(descriptors_passed_on_purpose_arrive_and_their_neighbours_do_not) {
    needs_inheritance();
    passes(5, 6, 7);
}

TEST(descriptors_of_high_numbers_can_be_passed) {
    needs_inheritance();
    passes(11, 500, 1000);
}

TEST(the_first_descriptors_that_a_program_opens_can_be_passed) {
    needs_inheritance();
    passes(0, 0, 0);
}

/* ---- early and late children ---- */

TEST_SLOW(the_last_of_fifty_children_has_no_more_open_than_the_first, 60) {
    enum { COUNT = 50 };
    spork_queue *out;
    needs_processes();
    OK(spork_queue_new(&out, NULL));
    for (int i = 0; i < COUNT; i++) {
        finish(start(tell_call(out, "")));
        has_family_only(out);
    }
    spork_queue_free(out);
}

static int tell_and_wait(spork_queue *out, spork_pipe *until) {
    spork_value word;
    EXPECT(tell(out, "") == 0);
    EXPECT(spork_pipe_recv(until, &word, SPORK_FOREVER) == 0);
    return 0;
}
SPORK_TASK(int, tell_and_wait, spork_queue *, spork_pipe *);

TEST(a_child_with_many_siblings_has_no_more_open_than_one_without) {
    enum { SIBLINGS = 12 };
    spork_process *children[SIBLINGS];
    spork_pipe *here[SIBLINGS];
    spork_pipe *there[SIBLINGS];
    spork_queue *out;
    needs_processes();
    OK(spork_queue_new(&out, NULL));
    for (int i = 0; i < SIBLINGS; i++) {
        OK(spork_pipe_new(&here[i], &there[i], NULL));
        children[i] = start(tell_and_wait_call(out, there[i]));
        has_family_only(out);
    }
    for (int i = 0; i < SIBLINGS; i++) {
        OK(spork_pipe_send(here[i], spork_nil(), PATIENCE_MS));
        finish(children[i]);
        spork_pipe_free(here[i]);
        spork_pipe_free(there[i]);
    }
    spork_queue_free(out);
}

/* ---- without streams ---- */

/* The codes tell where it went wrong: there is nothing to print to. */
static int start_without_streams(spork_queue *out, const char *path) {
    spork_process *child;
    int code = -1;
    native_close_streams();
    if (native_open_streams() != 0 ||
        spork_process_start(&child, tell_call(out, path), NULL) != 0) {
        return 11;
    }
    if (spork_process_join(child, PATIENCE_MS, &code) != 0 || code != 0 ||
        spork_process_free(child) != 0) {
        return 12;
    }
    /* spork has not put anything in their place. */
    return native_open_streams() == 0 ? 0 : 13;
}
SPORK_TASK(int, start_without_streams, spork_queue *, const char *);

TEST(a_child_has_three_streams_though_its_parent_has_none) {
    struct host host;
    spork_queue *out;
    needs_processes();
    host_begin(&host);
    host_open(&host, 0);
    OK(spork_queue_new(&out, NULL));
    finish(start(start_without_streams_call(out, host.path)));
    has_family_only(out);
    spork_queue_free(out);
    host_end(&host);
}

TEST_MAIN
