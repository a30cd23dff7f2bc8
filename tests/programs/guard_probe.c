/* For tests/test_guard.c: a program whose main goes wrong in a child before it reaches
   spork_init, in the way that its argument says. Each run of main adds a line to the file
   that TEST_RUNS names, so that the test can count them; the first is the parent's. */
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support_native.h"

static int work(void) {
    return 0;
}
SPORK_TASK(int, work);

static int count_runs(void) {
    int runs = 0;
    const char *path = getenv("TEST_RUNS");
    FILE *file = path == NULL ? NULL : fopen(path, "a+");
    if (file == NULL) {
        return -1;
    }
    fprintf(file, "main\n");
    rewind(file);
    for (int next = fgetc(file); next != EOF; next = fgetc(file)) {
        runs += next == '\n';
    }
    fclose(file);
    return runs;
}

static int start(const spork_process_options *options) {
    spork_process *process = NULL;
    int error = spork_process_start(&process, work_call(), options);
    if (error != 0) {
        printf("%s: %s\n", spork_error_name(error), spork_error_detail());
        fflush(stdout);
        return 1;
    }
    int code = -1;
    spork_process_join(process, SPORK_FOREVER, &code);
    spork_process_free(process);
    return code;
}

static void tell(const char *kind, int error) {
    printf("%s: %s: %s\n", kind, spork_error_name(error), spork_error_detail());
}

/* None of it can be made yet. */
static void make_all(void) {
    spork_queue *queue;
    spork_pipe *ends[2];
    spork_lock *lock;
    spork_semaphore *semaphore;
    spork_process *process;
    tell("queue", spork_queue_new(&queue, NULL));
    tell("pipe", spork_pipe_new(&ends[0], &ends[1], NULL));
    tell("lock", spork_lock_new(&lock, NULL));
    tell("rlock", spork_rlock_new(&lock));
    tell("semaphore", spork_semaphore_new(&semaphore, NULL));
    tell("process", spork_process_new(&process, work_call(), NULL));
}

/* What a re-executed main does in place of spork_init; it goes on if it returns. */
static void go_wrong(const char *mode) {
    if (strcmp(mode, "exits") == 0) {
        exit(3);
    }
    if (strcmp(mode, "exits-well") == 0) {
        exit(0);
    }
    if (strcmp(mode, "leaves") == 0) {
        native_exit_now(3);
    }
    if (strcmp(mode, "starts") == 0) {
        exit(start(NULL));
    }
    if (strcmp(mode, "hangs") == 0) {
        spork_sleep_ms(100 * 1000);
    }
    if (strcmp(mode, "crashes") == 0) {
        native_crash();
    }
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "good";
    bool first = count_runs() == 1;
    spork_process_options options = {0};

    if (strcmp(mode, "never") == 0) {
        return start(NULL);
    }
    if (strcmp(mode, "makes") == 0) {
        make_all();
        return spork_init(argc, argv);
    }
    if (strcmp(mode, "version") == 0) {
        tell("guard", spork_guard_enter(argc, argv, SPORK_VERSION + 10000, atexit));
        return start(NULL);
    }
    if (!first) {
        if (strcmp(mode, "returns") == 0) {
            return 3;
        }
        go_wrong(mode);
    }
    if (strcmp(mode, "early") == 0 && start(NULL) == 0) {
        return 4;
    }
    if (spork_init(argc, argv) != 0) {
        return 5;
    }
    if (strcmp(mode, "hangs") == 0) {
        options.start_timeout_ms = 1000;
    }
    return start(&options);
}
