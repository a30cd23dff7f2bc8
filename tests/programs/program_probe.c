/* For tests/test_guard.c: a program whose file is moved, or replaced, before it starts a
   child: "move TO" renames its file, "replace TO FROM" does so and puts a copy of FROM there.
   "task" lets the program have a task that its child lacks, "other" one that is another task
   there. */
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support_native.h"

static int run(const spork_value *arguments, spork_value *result) {
    (void)arguments;
    *result = spork_int(0);
    return 0;
}
static spork_task hidden = {.name = "hidden", .file = __FILE__, .types = "i", .run = run};
static spork_task hidden_there = {.name = "hidden", .file = __FILE__, .types = "v", .run = run};

static int work(void) {
    return 0;
}
SPORK_TASK(int, work);

/* The first process tells the others by a variable that it is not them. */
static void set_up_tasks(const char *mode) {
    bool first = getenv("TEST_CHILD") == NULL;
    native_set_variable("TEST_CHILD", "1");
    if (first) {
        spork_task_register_(&hidden);
    } else if (strcmp(mode, "other") == 0) {
        spork_task_register_(&hidden_there);
    }
}

static bool change_file(const char *mode, int argc, char **argv) {
    char own[1024];
    snprintf(own, sizeof own, "%s", native_program());
    if (strcmp(mode, "move") == 0) {
        return argc > 2 && native_rename(own, argv[2]);
    }
    if (strcmp(mode, "replace") == 0) {
        return argc > 3 && native_rename(own, argv[2]) && native_copy(argv[3], own);
    }
    return true;
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    spork_process *process = NULL;
    spork_call call = work_call();
    int code = -1;

    set_up_tasks(mode);
    if (spork_init(argc, argv) != 0) {
        return 3;
    }
    if (!change_file(mode, argc, argv)) {
        return 4;
    }
    if (strcmp(mode, "task") == 0 || strcmp(mode, "other") == 0) {
        spork_call_begin_(&call, &hidden);
    }
    int error = spork_process_start(&process, call, NULL);
    if (error != 0) {
        printf("%s: %s\n", spork_error_name(error), spork_error_detail());
        return 1;
    }
    spork_process_join(process, SPORK_FOREVER, &code);
    spork_process_free(process);
    return code;
}
