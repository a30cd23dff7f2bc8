/* Tests that go wrong in every way the runner has to notice; tests/test_runner.py looks at
   what it says about them. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
static void sleep(unsigned seconds) {
    Sleep(seconds * 1000);
}
#else
#include <sys/wait.h>
#include <unistd.h>
#endif

TEST(it_passes) {
    const char *method = getenv("SPORK_START_METHOD");
    assert_non_null(method);
}

TEST_ONCE(it_passes_once) {
    assert_null(getenv("SPORK_START_METHOD"));
}

TEST_ONCE(it_fails) {
    int answer = 41;
    assert_int_equal(answer, 42);
}

TEST_ONCE_SLOW(it_hangs, 1) {
    printf("last words, without an end of line");
    fflush(stdout);
    for (;;) {
        sleep(1);
    }
}

TEST_ONCE(it_crashes) {
    volatile int *nowhere = NULL;
    *nowhere = 1;
}

TEST_ONCE(it_aborts) {
    abort();
}

TEST_ONCE(it_skips) {
    SKIP("there are only %d moons", 2);
}

TEST_ONCE(it_exits_in_its_middle) {
    exit(0);
}

TEST_ONCE(it_is_not_started_by_wine) {
    fprintf(stderr, "wine client error:0: recvmsg: Connection reset by peer\n");
    exit(1);
}

TEST_ONCE(it_prints_a_report_of_a_sanitizer) {
    fprintf(stderr, "WARNING: ThreadSanitizer: data race (pid=1)\n");
}

#ifdef _WIN32

/* A process that goes on for this long, in a group of its own or in the test's. */
static void leave_a_child(unsigned seconds, bool on_its_own) {
    char command[1000];
    char path[900];
    assert_true(GetModuleFileNameA(NULL, path, sizeof path) < sizeof path);
    snprintf(command, sizeof command, "\"%s\" --sleep %u", path, seconds);
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    DWORD flags = on_its_own ? CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS : 0;
    assert_true(CreateProcessA(NULL, command, NULL, NULL, FALSE, flags, NULL, NULL,
                               &start, &child));
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
}

#else

/* A process that goes on for this long, in a session of its own or in the test's. */
static void leave_a_child(unsigned seconds, bool on_its_own) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (on_its_own) {
            setsid();
        }
        sleep(seconds);
        _exit(0);
    }
}

#endif

TEST_ONCE(it_leaves_a_child) {
    leave_a_child(60, false);
}

TEST_ONCE(it_leaves_a_child_on_its_own) {
    leave_a_child(60, true);
}

TEST_ONCE(it_leaves_a_child_that_ends_soon) {
    leave_a_child(1, false);
}

/* In its temporary directory; TEMP is what Windows calls it. */
TEST_ONCE(it_leaves_a_file) {
    char path[1000];
    const char *directory = getenv("TMPDIR");
#ifdef _WIN32
    directory = getenv("TEMP");
#endif
    assert_non_null(directory);
    snprintf(path, sizeof path, "%s/spork-left", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

#ifndef _WIN32

/* The child must not go on as if it were the test: its failure is an exit code. */
TEST_ONCE(a_forked_child_fails) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        assert_string_equal("in the child", "of the test");
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

#endif

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--sleep") == 0) {
        sleep((unsigned)strtoul(argv[2], NULL, 10));
        return 0;
    }
    return spork_init(argc, argv) == 0 ? harness_main(argc, argv) : harness_no_init();
}
