/* What the tests of names share: names that no other test has, and programs that know them. */
#ifndef TESTS_SUPPORT_NAMED_H
#define TESTS_SUPPORT_NAMED_H

#include "support_children.h"
#include "support_native.h"
#include "support_program.h"

/* A name for this test alone, whatever runs beside it; kept until it has been asked for eight
   more. */
static inline SPORK_UNUSED const char *new_name(void) {
    static char names[8][64];
    static unsigned count;
    char *name = names[count % 8];
    snprintf(name, sizeof names[0], "test-%" PRId64 "_%u.n", native_pid(), count);
    count++;
    return name;
}

/* Another name that begins with this one. */
static inline SPORK_UNUSED const char *name_of(const char *name, const char *ending) {
    static char text[128];
    snprintf(text, sizeof text, "%s.%s", name, ending);
    return text;
}

/* How many names the system has that contain part; -1 where it does not tell. */
static inline SPORK_UNUSED int count_names(const char *part) {
    static char text[64 * 1024];
    return native_list_names(part, text, sizeof text) ? (int)support_count(text, "\n") : -1;
}

static inline SPORK_UNUSED struct program *probe(const char *what, const char *name,
                                                 int64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    const char *arguments[] = {what, name, text, NULL};
    struct program *program = program_start(&(struct program_options){
        .name = "named_probe", .arguments = arguments, .merged = true});
    assert_non_null(program);
    return program;
}

/* Waits until it has written the words so often. */
static inline SPORK_UNUSED void wait_for_words(struct program *program, const char *words,
                                               size_t times) {
    int64_t limit = spork_now_ms() + PATIENCE_MS;
    int exit_code;
    while (support_count(program_output(program), words) < times) {
        if (spork_now_ms() > limit || (program_wait(program, 0, &exit_code) &&
                                       support_count(program_output(program), words) < times)) {
            fail_msg("\"%s\" was not written, but:\n%s", words, program_output(program));
        }
        spork_sleep_ms(2);
    }
}

static inline SPORK_UNUSED struct program *ready_probe(const char *what, const char *name,
                                                       int64_t number) {
    struct program *program = probe(what, name, number);
    wait_for_words(program, "ready", 1);
    return program;
}

static inline SPORK_UNUSED void kill_probe(struct program *program) {
    int exit_code;
    program_kill(program);
    assert_true(program_wait(program, PATIENCE_MS, &exit_code));
    program_free(program);
}

/* Waits for its end, which must be a good one, having written these words. */
static inline SPORK_UNUSED void finish_probe(struct program *program, const char *words) {
    int exit_code = -1;
    assert_true(program_wait(program, PATIENCE_MS, &exit_code));
    if (exit_code != 0 || strstr(program_output(program), words) == NULL) {
        fail_msg("exit code %d, and not \"%s\", but:\n%s", exit_code, words,
                 program_output(program));
    }
    program_free(program);
}

#endif
