/* Names that spork makes in the system: short whatever TMPDIR is, and of no process id, which
   is another process's too in the next pid namespace. */
#include <ctype.h>

#include "arena.h"
#include "support_children.h"
#include "support_native.h"
#include "support_program.h"

static int echo(spork_pipe *end, spork_queue *out) {
    spork_value message;
    EXPECT(spork_pipe_recv(end, &message, PATIENCE_MS) == 0);
    EXPECT(spork_queue_put(out, message, PATIENCE_MS) == 0);
    spork_value_free(&message);
    return 0;
}
SPORK_TASK(int, echo, spork_pipe *, spork_queue *);

static void send_and_get_back(void) {
    spork_pipe *ours;
    spork_pipe *theirs;
    spork_queue *queue;
    spork_value item;
    OK(spork_pipe_new(&ours, &theirs, NULL));
    OK(spork_queue_new(&queue, NULL));
    spork_process *child = start(echo_call(theirs, queue));
    spork_pipe_free(theirs);
    OK(spork_pipe_send(ours, spork_int(7), PATIENCE_MS));
    OK(spork_queue_get(queue, &item, PATIENCE_MS));
    assert_int_equal(item.as.integer, 7);
    finish(child);
    spork_pipe_free(ours);
    spork_queue_free(queue);
}

/* ---- the temporary directory ---- */

enum { PATH_SIZE = 512, LONG = 200 };

static void set_temporary(const char *path) {
    native_set_variable("TMPDIR", path);
    native_set_variable("TEMP", path);
    native_set_variable("TMP", path);
}

/* One in the other, until the path is long. */
static void make_long(char path[PATH_SIZE]) {
    do {
        assert_true(native_temporary_directory(path, PATH_SIZE));
        set_temporary(path);
    } while (strlen(path) < LONG);
}

static void remove_down_to(char *path, size_t length) {
    while (strlen(path) >= length && native_remove_directory(path)) {
        *strrchr(path, '/') = '\0';
    }
}

TEST(a_temporary_directory_with_a_path_of_200_characters_does_no_harm) {
    char path[PATH_SIZE];
    char output[4096];
    assert_true(native_temporary_directory(path, PATH_SIZE));
    size_t length = strlen(path);
    set_temporary(path);
    make_long(path);
    send_and_get_back();
    /* And a program that has it from its beginning. */
    assert_int_equal(support_run("guard_listing", "right", output, sizeof output), 0);
    assert_int_equal(support_count(output, "I am process 'hehe'\n"), 1);
    assert_int_equal(native_count_entries(path), 0);
    remove_down_to(path, length);
}

/* ---- process ids ---- */

/* Whether the number stands in the text, and not as a part of a longer word. */
static bool has_number(const char *text, int64_t number) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    for (const char *at = text; (at = strstr(at, digits)) != NULL; at++) {
        bool begins = at == text || !isalnum((unsigned char)at[-1]);
        if (begins && !isalnum((unsigned char)at[length])) {
            return true;
        }
    }
    return false;
}

TEST(no_process_id_stands_in_a_name_that_spork_makes) {
    enum { SMALL = 1000 };
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("threads of one process need no names");
    }
    static char names[1 << 16];
    spork_pipe *ours;
    spork_pipe *theirs;
    spork_queue *queue;
    if (!native_list_names("spork", names, sizeof names)) {
        SKIP("this system does not list its names");
    }
    if (native_pid() < SMALL) {
        SKIP("process ids here are as small as any number in a name");
    }
    OK(spork_pipe_new(&ours, &theirs, NULL));
    OK(spork_queue_new(&queue, NULL));
    spork_process *child = start(echo_call(theirs, queue));
    int64_t pid = spork_process_pid(child);
    /* Who waits for a process can be rung, by a name. */
    FAILS(SPORK_ETIMEDOUT, spork_process_join(child, 50, NULL));
    assert_true(native_list_names(arena->key, names, sizeof names));
    assert_true(strlen(names) > 0);
    assert_false(has_number(names, native_pid()));
    assert_false(pid >= SMALL && has_number(names, pid));
    /* What stands there in its place: 128 random bits, in hexadecimal digits. */
    assert_int_equal(strlen(arena->key), 32);
    OK(spork_pipe_send(ours, spork_int(1), PATIENCE_MS));
    finish(child);
    spork_pipe_free(ours);
    spork_pipe_free(theirs);
    spork_queue_free(queue);
}

TEST_MAIN
