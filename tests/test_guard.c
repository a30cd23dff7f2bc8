/* The main guard: what happens to a program that has none, or comes to it too late, and that
   the marks by which a child knows itself are seen by nobody. */
#include "support_children.h"
#include "support_native.h"
#include "support_program.h"

enum { SECONDS_MS = 20 * 1000, TEXT = 4096 };

/* What there is to tell of a run of a program of tests/programs. */
struct outcome {
    int exit_code;
    int runs; /* of its main, if it counts them */
    int64_t duration_ms;
    char output[TEXT];
    char errors[TEXT];
};

static struct outcome run(const char *name, const char *const *arguments) {
    char path[1024];
    char variable[1100];
    struct outcome outcome = {.exit_code = -1000};
    support_temporary("test-runs", path, sizeof path);
    snprintf(variable, sizeof variable, "TEST_RUNS=%s", path);
    const char *environment[] = {variable, NULL};
    const struct program_options options = {
        .name = name, .arguments = arguments, .environment = environment};
    int64_t begin = spork_now_ms();
    struct program *program = program_start(&options);
    assert_non_null(program);
    assert_true(program_wait(program, SECONDS_MS, &outcome.exit_code));
    outcome.duration_ms = spork_now_ms() - begin;
    snprintf(outcome.output, TEXT, "%s", program_output(program));
    snprintf(outcome.errors, TEXT, "%s", program_errors(program));
    program_free(program);
    FILE *file = fopen(path, "r");
    for (int next = file == NULL ? EOF : fgetc(file); next != EOF; next = fgetc(file)) {
        outcome.runs += next == '\n';
    }
    if (file != NULL) {
        fclose(file);
        remove(path);
    }
    printf("exit code %d, %d runs, output: %serrors: %s\n", outcome.exit_code, outcome.runs,
           outcome.output, outcome.errors);
    return outcome;
}

static struct outcome probe(const char *mode) {
    const char *arguments[] = {mode, NULL};
    return run("guard_probe", arguments);
}

static bool runs_the_program_anew(void) {
    spork_start_method method = spork_get_start_method();
    return method == SPORK_METHOD_SPAWN || method == SPORK_METHOD_FORKSERVER;
}

#define NEEDS_A_MAIN_OF_THE_CHILD()                                          \
    do {                                                                     \
        if (!runs_the_program_anew()) {                                      \
            SKIP("a child by %s never runs main",                            \
                 spork_start_method_name(spork_get_start_method()));         \
        }                                                                    \
    } while (0)

#define assert_contains(text, part)                        \
    do {                                                   \
        if (strstr((text), (part)) == NULL) {              \
            fail_msg("\"%s\" is not in: %s", part, text);  \
        }                                                  \
    } while (0)

/* The child has said what is missing, and where it goes. */
static void assert_says_what_to_add(const char *errors) {
    assert_contains(errors, "spork_init(argc, argv)");
    assert_contains(errors, "int main(int argc, char **argv)");
    assert_contains(errors, "first line");
}

/* ---- without the guard ---- */

TEST(a_program_with_the_guard_runs_its_child) {
    struct outcome outcome = probe("good");
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.errors, "");
    assert_int_equal(outcome.runs, runs_the_program_anew() ? 2 : 1);
}

TEST(a_start_before_spork_init_is_refused_and_starts_nothing) {
    struct outcome outcome = probe("never");
    assert_int_equal(outcome.exit_code, 1);
    assert_contains(outcome.output, "SPORK_ENOGUARD");
    assert_contains(outcome.output, "spork_init(argc, argv)");
    assert_int_equal(outcome.runs, 1);
}

TEST(a_start_after_the_guard_works_though_one_before_it_was_refused) {
    struct outcome outcome = probe("early");
    assert_contains(outcome.output, "SPORK_ENOGUARD");
    if (runs_the_program_anew()) {
        /* The child's main does it again, and may not. */
        assert_int_equal(outcome.exit_code, 1);
        assert_int_equal(outcome.runs, 2);
        assert_says_what_to_add(outcome.errors);
    } else {
        assert_int_equal(outcome.exit_code, 0);
        assert_int_equal(outcome.runs, 1);
    }
}

static void assert_no_guard(const struct outcome *outcome) {
    assert_int_equal(outcome->exit_code, 1);
    assert_contains(outcome->output, "SPORK_ENOGUARD");
    assert_contains(outcome->output, "spork_init");
    assert_int_equal(outcome->runs, 2);
    assert_in_range(outcome->duration_ms, 0, 8000);
}

TEST(a_child_whose_main_returns_before_the_guard_is_an_error_of_start) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("returns");
    assert_no_guard(&outcome);
    assert_says_what_to_add(outcome.errors);
}

TEST(a_child_that_calls_exit_before_the_guard_is_an_error_of_start) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("exits");
    assert_no_guard(&outcome);
    assert_says_what_to_add(outcome.errors);
}

TEST(a_child_that_ends_well_before_the_guard_is_an_error_of_start) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("exits-well");
    assert_no_guard(&outcome);
    assert_says_what_to_add(outcome.errors);
}

TEST(a_child_that_starts_something_before_the_guard_has_no_children) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("starts");
    assert_no_guard(&outcome);
    assert_says_what_to_add(outcome.errors);
}

TEST(a_child_that_hangs_before_the_guard_is_ended_after_the_start_timeout) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("hangs");
    assert_no_guard(&outcome);
    assert_true(outcome.duration_ms >= 1000);
}

TEST(a_child_that_leaves_without_exit_handlers_is_an_error_with_its_exit_code) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("leaves");
    assert_int_equal(outcome.exit_code, 1);
    assert_contains(outcome.output, "SPORK_ESTART");
    assert_contains(outcome.output, "exit code 3");
    assert_contains(outcome.output, "spork_init");
    assert_int_equal(outcome.runs, 2);
}

TEST(a_child_that_crashes_before_the_guard_is_an_error_that_says_how) {
    NEEDS_A_MAIN_OF_THE_CHILD();
    struct outcome outcome = probe("crashes");
    assert_int_equal(outcome.exit_code, 1);
    assert_contains(outcome.output, "SPORK_ESTART");
    assert_contains(outcome.output, native_is_windows() ? "-1073741819" : "SIGSEGV");
    assert_int_equal(outcome.runs, 2);
}

TEST_ONCE(headers_of_another_version_are_refused) {
    struct outcome outcome = probe("version");
    assert_contains(outcome.output, "SPORK_EVERSION");
    assert_contains(outcome.output, "SPORK_ENOGUARD");
    assert_int_equal(outcome.exit_code, 1);
    FAILS(SPORK_EVERSION, spork_guard_enter(0, NULL, SPORK_VERSION + 10000, atexit));
    FAILS(SPORK_EVERSION, spork_guard_enter(0, NULL, SPORK_VERSION + 100, atexit));
    OK(spork_guard_enter(0, NULL, SPORK_VERSION, atexit));
}

TEST_ONCE(nothing_can_be_made_before_spork_init) {
    static const char *const kinds[] = {"queue", "pipe", "lock", "rlock", "semaphore", "process"};
    struct outcome outcome = probe("makes");
    assert_int_equal(outcome.exit_code, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s: SPORK_ENOGUARD: ", kinds[i]);
        assert_contains(outcome.output, line);
    }
}

TEST(spork_init_a_second_time_does_nothing) {
    char name[] = "test";
    char *arguments[] = {name, NULL};
    OK(spork_init(1, arguments));
    OK(spork_init(0, NULL));
    finish(start(spork_no_call()));
}

/* ---- no marks ---- */

/* As tests/programs/marks_probe.c does it. */
static uint64_t hash_of(const char *const *arguments) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        for (size_t k = 0; k <= strlen(arguments[i]); k++) {
            hash = (hash ^ (unsigned char)arguments[i][k]) * 1099511628211u;
        }
    }
    return hash;
}

/* main, child and grandchild have just these arguments, and one environment. */
static void assert_arrive(const char *const *arguments, int count) {
    char text[256];
    char expected[512];
    struct outcome outcome = run("marks_probe", arguments);
    assert_int_equal(outcome.exit_code, 0);
    assert_string_equal(outcome.errors, "");
    snprintf(text, sizeof text, ": %d arguments, %" PRIu64 ", environment ", count,
             hash_of(arguments));
    const char *first = strstr(outcome.output, text);
    assert_non_null(first);
    int length = (int)strcspn(first, "\n");
    snprintf(expected, sizeof expected, "main%.*s\nchild%.*s\ngrandchild%.*s\n", length, first,
             length, first, length, first);
    assert_string_equal(outcome.output, expected);
}

TEST(arguments_and_environment_of_children_are_their_parents) {
    const char *arguments[] = {"one", "two", "three", NULL};
    assert_arrive(arguments, 3);
}

TEST(a_child_of_a_program_without_arguments_has_none) {
    const char *arguments[] = {NULL};
    assert_arrive(arguments, 0);
}

TEST(arguments_with_quotes_backslashes_spaces_and_nothing_arrive_byte_for_byte) {
    const char *arguments[] = {"",
                               "a b",
                               "\"",
                               "\"\"",
                               "a\"b",
                               "\\",
                               "\\\\",
                               "\\\"",
                               "a\\\\\"b",
                               "end\\",
                               "a b\\",
                               "a b\\\\",
                               "\\\\server\\share\\",
                               "tab\there",
                               " ",
                               "*.c",
                               "?",
                               "'single'",
                               "%PATH%",
                               "$HOME",
                               "^&|<>",
                               "--option=\"quoted value\"",
                               "",
                               NULL};
    assert_arrive(arguments, 23);
}

TEST(arguments_that_are_not_ascii_arrive_byte_for_byte) {
    const char *arguments[] = {"gr\xC3\xBC\xC3\x9F", "\xE6\x97\xA5\xE6\x9C\xAC",
                               "\xF0\x9F\x8D\xB4 fork", "\xD0\xBF\xD1\x80", NULL};
    assert_arrive(arguments, 4);
}

TEST(arguments_that_are_no_text_arrive_byte_for_byte) {
    const char *arguments[] = {"\xFF\xFE", "\x80", "a\x01z", "line\nbreak", NULL};
    if (native_is_windows()) {
        SKIP("arguments are text on this system");
    }
    assert_arrive(arguments, 4);
}

TEST(five_thousand_arguments_arrive) {
    enum { COUNT = 5000 };
    static char words[COUNT][12];
    static const char *arguments[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
        snprintf(words[i], sizeof words[i], "%d", i);
        arguments[i] = words[i];
    }
    assert_arrive(arguments, COUNT);
}

/* ---- another program, another task ---- */

enum { PATH_SIZE = 800 };
/* A copy of a program in a directory of its own, and where it may be moved to. */
struct copy {
    char directory[PATH_SIZE];
    char program[PATH_SIZE + 16];
    char moved[PATH_SIZE + 16];
};

static void make_copy(struct copy *copy) {
    const char *own = native_program();
    char original[PATH_SIZE];
    const char *name = strrchr(own, native_is_windows() ? '\\' : '/');
    const char separator = native_is_windows() ? '\\' : '/';
    snprintf(original, sizeof original, "%.*sprogram_probe%s", (int)(name - own) + 1, own,
             program_native_suffix());
    assert_true(native_temporary_directory(copy->directory, sizeof copy->directory));
    snprintf(copy->program, sizeof copy->program, "%s%cprobe%s", copy->directory, separator,
             program_native_suffix());
    snprintf(copy->moved, sizeof copy->moved, "%s%cmoved%s", copy->directory, separator,
             program_native_suffix());
    assert_true(native_copy(original, copy->program));
}

static void remove_copy(const struct copy *copy) {
    remove(copy->program);
    remove(copy->moved);
    assert_true(native_remove_directory(copy->directory));
}

static void assert_program_is_missed(const struct outcome *outcome, const char *word) {
    if (runs_the_program_anew()) {
        assert_int_equal(outcome->exit_code, 1);
        assert_contains(outcome->output, "SPORK_EPROGRAM");
        assert_contains(outcome->output, "probe");
        assert_contains(outcome->output, word);
    } else {
        assert_int_equal(outcome->exit_code, 0);
    }
}

TEST(a_program_whose_file_was_moved_is_told_its_path) {
    struct copy copy;
    make_copy(&copy);
    const char *arguments[] = {"move", copy.moved, NULL};
    struct outcome outcome = run(copy.program, arguments);
    assert_program_is_missed(&outcome, native_is_windows() ? "probe.exe" : "moved or removed");
    remove_copy(&copy);
}

TEST(a_program_whose_file_was_replaced_does_not_start_the_other_one) {
    struct copy copy;
    make_copy(&copy);
    const char *arguments[] = {"replace", copy.moved, native_program(), NULL};
    struct outcome outcome = run(copy.program, arguments);
    assert_program_is_missed(&outcome, "replaced");
    remove_copy(&copy);
}

TEST(a_task_that_the_child_lacks_is_named) {
    const char *arguments[] = {"task", NULL};
    struct outcome outcome = run("program_probe", arguments);
    if (runs_the_program_anew()) {
        assert_int_equal(outcome.exit_code, 1);
        assert_contains(outcome.output, "SPORK_ENOTASK");
        assert_contains(outcome.output, "hidden");
        assert_contains(outcome.output, "program_probe.c");
    } else {
        assert_int_equal(outcome.exit_code, 0);
    }
}

TEST(a_task_of_the_same_name_but_other_types_is_not_the_task) {
    const char *arguments[] = {"other", NULL};
    struct outcome outcome = run("program_probe", arguments);
    if (runs_the_program_anew()) {
        assert_int_equal(outcome.exit_code, 1);
        assert_contains(outcome.output, "SPORK_ENOTASK");
        assert_contains(outcome.output, "is another one");
    } else {
        assert_int_equal(outcome.exit_code, 0);
    }
}

TEST_MAIN
