/* Nothing is left when a family dies, in whatever way: its root killed at any moment, leaving,
   or returning from main. The families are programs of their own (tests/programs/
   family_probe.c), so that their roots can be killed, and are looked at from outside. */
#include "support_children.h"
#include "support_native.h"
#include "support_program.h"
#include "support_traces.h"

enum { MEMBERS = 18, MOST = 512, READY_MS = 60 * 1000, GONE_MS = 10 * 1000, LIMIT = 120 };

struct family {
    struct program *root;
    char folder[1024]; /* its temporary directory */
    int shared_before;
};

/* The thread sanitizer makes a file in TMPDIR while it begins: it stays if it is killed then. */
#ifdef __SANITIZE_THREAD__
static const char folder_variable[] = "NO_TMPDIR";
#else
static const char folder_variable[] = "TMPDIR";
#endif

static struct family found(const char *mode, const char *how, const char *method) {
    struct family family = {.shared_before = native_count_entries("/dev/shm")};
    const char *arguments[] = {mode, how, NULL};
    char variables[4][1200];
    assert_true(native_temporary_directory(family.folder, sizeof family.folder));
    snprintf(variables[0], sizeof variables[0], "%s=%s", folder_variable, family.folder);
    snprintf(variables[1], sizeof variables[1], "TEMP=%s", family.folder);
    snprintf(variables[2], sizeof variables[2], "TMP=%s", family.folder);
    snprintf(variables[3], sizeof variables[3], "SPORK_START_METHOD=%s",
             method == NULL ? "" : method);
    const char *environment[] = {variables[0], variables[1], variables[2],
                                 method == NULL ? NULL : variables[3], NULL};
    const struct program_options options = {.name = "family_probe",
                                            .arguments = arguments,
                                            .environment = environment,
                                            .merged = true};
    family.root = program_start(&options);
    assert_non_null(family.root);
    return family;
}

/* ---- what it says ---- */

struct line {
    char word[32];
    int64_t pid;
    char rest[64];
};

/* The lines with this word, or with any; a line that is just being written is none yet. */
static size_t read_lines(const struct family *family, const char *word,
                         struct line *lines) {
    size_t count = 0;
    const char *at = program_output(family->root);
    for (const char *end = strchr(at, '\n'); end != NULL && count < MOST;
         at = end + 1, end = strchr(at, '\n')) {
        struct line line = {.pid = 0};
        if (sscanf(at, "%31[a-z] %" SCNd64 "%*1[ ]%63[^\n]", line.word, &line.pid,
                   line.rest) >= 2 &&
            (word == NULL || strcmp(word, line.word) == 0)) {
            lines[count++] = line;
        }
    }
    return count;
}

static void await_lines(const struct family *family, const char *word, size_t count) {
    static struct line lines[MOST];
    int64_t limit = spork_now_ms() + READY_MS;
    while (read_lines(family, word, lines) < count) {
        if (spork_now_ms() > limit || read_lines(family, "fault", lines) > 0) {
            fail_msg("no %zu lines of %s: %s", count, word, program_output(family->root));
        }
        spork_sleep_ms(2);
    }
}

static void has_no_faults(const struct family *family) {
    if (support_count(program_output(family->root), "fault ") > 0) {
        fail_msg("%s", program_output(family->root));
    }
}

/* ---- who is left of it ---- */

/* Once seen dead is dead: the system may give the id to another. Returns how many live. */
static size_t strike_out(struct line *lines, size_t count, char *who, size_t size) {
    size_t living = 0;
    size_t used = 0;
    who[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (lines[i].pid != 0 && !native_process_runs(lines[i].pid)) {
            lines[i].pid = 0;
        }
        if (lines[i].pid != 0 && used < size) {
            used += (size_t)snprintf(who + used, size - used, "%" PRId64 " %s %s; ",
                                     lines[i].pid, lines[i].word, lines[i].rest);
            living++;
        }
    }
    return living;
}

/* Those who said this word, or any (NULL), end in time. */
static void end_soon(const struct family *family, const char *word) {
    static struct line lines[MOST];
    char who[4096];
    size_t count = read_lines(family, word, lines);
    int64_t begin = spork_now_ms();
    assert_true(count > 0);
    while (strike_out(lines, count, who, sizeof who) > 0) {
        if (spork_now_ms() - begin > GONE_MS) {
            fail_msg("still there: %s", who);
        }
        spork_sleep_ms(2);
    }
    printf("%s: %zu lines, gone after %" PRId64 " ms\n", word == NULL ? "all" : word,
           count, spork_now_ms() - begin);
}

static bool all_run(const struct family *family, const char *word, size_t least) {
    static struct line lines[MOST];
    size_t count = read_lines(family, word, lines);
    for (size_t i = 0; i < count; i++) {
        if (!native_process_runs(lines[i].pid)) {
            return false;
        }
    }
    return count >= least;
}

static const char *key_of(const struct family *family) {
    static struct line lines[MOST];
    return read_lines(family, "family", lines) > 0 ? lines[0].rest : NULL;
}

/* Also those who never said a word: they would have the output open. */
static void nobody_writes(const struct family *family) {
    char who[4096];
    int64_t begin = spork_now_ms();
    while (
        native_is_written_by_anyone(program_output_path(family->root), who, sizeof who)) {
        if (spork_now_ms() - begin > GONE_MS) {
            fail_msg("still there: %s", who);
        }
        spork_sleep_ms(2);
    }
    printf("nobody writes after %" PRId64 " ms\n", spork_now_ms() - begin);
}

static void nothing_is_named(const struct family *family) {
    const char *key = key_of(family);
    int64_t limit = spork_now_ms() + GONE_MS;
    while (key != NULL && native_count_names(key) > 0 && spork_now_ms() < limit) {
        spork_sleep_ms(2);
    }
    assert_int_equal(key == NULL ? 0 : native_count_names(key), 0);
    while (native_count_entries("/dev/shm") > family->shared_before &&
           spork_now_ms() < limit) {
        spork_sleep_ms(2);
    }
    assert_true(native_count_entries("/dev/shm") <= family->shared_before);
    assert_int_equal(native_count_entries(family->folder), 0);
}

/* The root has ended or is about to; all that there was of the family goes with it. */
static void nothing_is_left(struct family *family) {
    int code;
    assert_true(program_wait(family->root, GONE_MS, &code));
    nobody_writes(family);
    if (read_lines(family, NULL, (struct line[MOST]){0}) > 0) {
        end_soon(family, NULL);
    }
    nothing_is_named(family);
    has_no_faults(family);
    /* The runner looks for what a sanitizer has to say. */
    printf("%s", program_output(family->root));
    program_free(family->root);
    assert_true(native_remove_directory(family->folder));
}

static bool on_threads(void) {
    return spork_get_start_method() == SPORK_METHOD_THREAD;
}

/* ---- the root is killed, or leaves ---- */

static struct family found_busy(const char *how, const char *method) {
    char who[4096];
    int64_t limit = spork_now_ms() + READY_MS;
    struct family family = found("tree", how, method);
    await_lines(&family, "ready", 1);
    await_lines(&family, "busy", MEMBERS);
    await_lines(&family, "holds", 1);
    /* What is to be gone afterwards can be seen now. */
    assert_true(
        native_is_written_by_anyone(program_output_path(family.root), who, sizeof who));
    while (!on_threads() && native_count_names(key_of(&family)) == 0) {
        assert_true(spork_now_ms() < limit);
        spork_sleep_ms(1);
    }
    spork_sleep_ms(100); /* they sleep by now; if not, they must end all the same */
    assert_true(all_run(&family, "busy", MEMBERS));
    return family;
}

static void dies_by_the_killing_of_a_root_that(const char *does) {
    struct family family = found_busy(does, NULL);
    program_kill(family.root);
    nothing_is_left(&family);
}

TEST_SLOW(nothing_is_left_of_a_busy_family_whose_root_is_killed_in_a_join, LIMIT) {
    dies_by_the_killing_of_a_root_that("joins");
}

TEST_SLOW(nothing_is_left_of_a_busy_family_whose_root_is_killed_while_it_computes,
          LIMIT) {
    dies_by_the_killing_of_a_root_that("computes");
}

TEST_SLOW(nothing_is_left_of_a_busy_family_whose_root_is_killed_with_a_lock_in_its_hands,
          LIMIT) {
    dies_by_the_killing_of_a_root_that("holds");
}

TEST_SLOW(nothing_is_left_of_a_busy_family_whose_root_leaves_without_a_word, LIMIT) {
    int code = -1;
    struct family family = found("tree", "leaves", NULL);
    assert_true(program_wait(family.root, READY_MS, &code));
    assert_int_equal(code, 5);
    assert_int_equal(support_count(program_output(family.root), "busy "), MEMBERS);
    nothing_is_left(&family);
}

TEST_SLOW(nothing_is_left_of_a_busy_family_whose_root_crashes, LIMIT) {
    int code = 0;
    struct family family = found("tree", "crashes", NULL);
    assert_true(program_wait(family.root, READY_MS, &code));
    assert_true(code < 0);
    assert_int_equal(support_count(program_output(family.root), "busy "), MEMBERS);
    nothing_is_left(&family);
}

TEST_SLOW(families_killed_at_random_moments_leave_nothing, LIMIT) {
    int families = native_is_windows() ? 5 : 20;
    int range_ms = native_is_windows() ? 3000 : 400;
    uint64_t state = (uint64_t)spork_now_ms() | 1;
    for (int i = 0; i < families; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int delay_ms = (int)((state >> 33) % (uint64_t)range_ms);
        struct family family = found("storm", "", NULL);
        spork_sleep_ms(delay_ms);
        printf("family %d, killed after %d ms\n", i, delay_ms);
        has_no_faults(&family);
        program_kill(family.root);
        nothing_is_left(&family);
    }
}

TEST_SLOW(a_child_that_reaches_spork_init_when_its_root_was_killed_ends_there, LIMIT) {
    spork_start_method method = spork_get_start_method();
    if (method != SPORK_METHOD_SPAWN && method != SPORK_METHOD_FORKSERVER) {
        SKIP("a child by %s never runs main", spork_start_method_name(method));
    }
    struct family family = found("late", "", NULL);
    await_lines(&family, "early", 1);
    program_kill(family.root);
    nothing_is_left(&family);
}

/* ---- the root returns from main ---- */

TEST_SLOW(a_root_that_returns_from_main_joins_its_children_and_ends_its_daemons, LIMIT) {
    int code = -1;
    struct family family = found("returning", "", NULL);
    assert_true(program_wait(family.root, READY_MS, &code));
    has_no_faults(&family);
    assert_int_equal(code, 7);
    /* A child, and a grandchild whose parent had returned before. */
    assert_int_equal(support_count(program_output(family.root), "worked "), 2);
    assert_int_equal(support_count(program_output(family.root), "daemon "), 3);
    nothing_is_left(&family);
}

/* ---- detached children ---- */

static void needs_processes(void) {
    if (on_threads()) {
        SKIP("a thread cannot outlive its process");
    }
}

TEST_SLOW(a_detached_child_works_on_when_its_parent_and_its_family_were_killed, LIMIT) {
    needs_processes();
    struct family family = found("detached", "works", NULL);
    await_lines(&family, "middle", 1);
    await_lines(&family, "survivor", 1);
    program_kill(family.root);
    end_soon(&family, "family");
    end_soon(&family, "middle");
    await_lines(&family, "worked", 1);
    has_no_faults(&family);
    nothing_is_left(&family);
}

TEST_SLOW(a_detached_child_that_is_killed_takes_its_own_children_along, LIMIT) {
    static struct line lines[MOST];
    needs_processes();
    struct family family = found("detached", "lingers", NULL);
    await_lines(&family, "survivor", 1);
    await_lines(&family, "middle", 1);
    program_kill(family.root);
    await_lines(&family, "tied", 1);
    assert_true(all_run(&family, "survivor", 1));
    assert_true(all_run(&family, "tied", 1));
    assert_int_equal(read_lines(&family, "survivor", lines), 1);
    native_process_kill(lines[0].pid);
    nothing_is_left(&family);
}

TEST_SLOW(a_root_does_not_wait_for_a_detached_child_when_it_returns_from_main, LIMIT) {
    int code = -1;
    needs_processes();
    struct family family = found("detached", "returns", NULL);
    assert_true(program_wait(family.root, READY_MS, &code));
    assert_int_equal(code, 7);
    /* It came to this only because the root had ended. */
    await_lines(&family, "worked", 1);
    nothing_is_left(&family);
}

/* ---- copies that the host made ---- */

static void needs_copies(void) {
    if (native_is_windows()) {
        SKIP("this system has no fork");
    }
    needs_processes();
}

static void kill_copies(const struct family *family) {
    static struct line lines[MOST];
    size_t count = read_lines(family, "copy", lines);
    for (size_t i = 0; i < count; i++) {
        native_process_kill(lines[i].pid);
    }
}

/* The copies go to and fro between them for as long as both live and queues and lock work. */
TEST_SLOW(copies_forked_by_the_host_keep_no_killed_family_alive_and_work_on_without_it,
          LIMIT) {
    static struct line lines[MOST];
    needs_copies();
    struct family family = found("copied", "works", NULL);
    await_lines(&family, "middle", 1);
    await_lines(&family, "tied", 1);
    await_lines(&family, "copy", 4);
    program_kill(family.root);
    end_soon(&family, "family");
    end_soon(&family, "middle");
    end_soon(&family, "tied");
    assert_true(all_run(&family, "copy", 4));
    await_lines(&family, "copy", read_lines(&family, "copy", lines) + 4);
    kill_copies(&family);
    nothing_is_left(&family);
}

TEST_SLOW(a_copy_forked_by_the_host_does_not_keep_its_root_from_returning_from_main,
          LIMIT) {
    int code = -1;
    needs_copies();
    struct family family = found("copied", "returns", NULL);
    assert_true(program_wait(family.root, READY_MS, &code));
    assert_int_equal(code, 7);
    await_lines(&family, "copy", 2);
    assert_true(all_run(&family, "copy", 2));
    kill_copies(&family);
    nothing_is_left(&family);
}

/* ---- the forkserver ---- */

TEST_ONCE_SLOW(a_killed_forkserver_takes_nobody_along_and_its_family_ends_with_its_root,
               LIMIT) {
    static struct line lines[MOST];
    if (!spork_has_start_method(SPORK_METHOD_FORKSERVER)) {
        SKIP("this system has no fork");
    }
    struct family family = found_busy("joins", "forkserver");
    size_t helpers = read_lines(&family, "helper", lines);
    assert_true(helpers > 1); /* each process that starts children has one */
    assert_true(all_run(&family, "helper", 2));
    for (size_t i = 0; i < helpers; i += 2) {
        native_process_kill(lines[i].pid);
    }
    for (size_t i = 0; i < helpers; i += 2) {
        int64_t limit = spork_now_ms() + GONE_MS;
        while (native_process_runs(lines[i].pid) && spork_now_ms() < limit) {
            spork_sleep_ms(1);
        }
        assert_false(native_process_runs(lines[i].pid));
    }
    assert_true(all_run(&family, "busy", MEMBERS));
    program_kill(family.root);
    nothing_is_left(&family);
}

TEST_MAIN
