/* Programs of tests/programs, which stand beside the test that starts them. They are started
   by the system's own means: spork is what is being tested. */
#ifndef TESTS_SUPPORT_PROGRAM_H
#define TESTS_SUPPORT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program;

struct program_options {
    const char *name;               /* beside the running program; with a '/' or '\\', a path */
    const char *const *arguments;   /* UTF-8, NULL-ended, without the name; NULL: none */
    const char *const *environment; /* "NAME=value", NULL-ended, beside our own; NULL: none */
    bool merged;                    /* what it writes to the standard error is output too */
};

/* Starts it with what it writes going to files. NULL: it could not be started. */
struct program *program_start(const struct program_options *options);
/* Waits for its end and writes its exit code, which is the negative number of the signal that
   ended it on POSIX. False when the time ran out. May be called again. */
bool program_wait(struct program *program, int64_t timeout_ms, int *exit_code);
/* Ends it, and nothing that it has started. */
void program_kill(struct program *program);
int64_t program_pid(const struct program *program);
/* What it has written until now, without carriage returns; valid until the next call. */
const char *program_output(struct program *program);
const char *program_errors(struct program *program);
/* The file that is its standard output, and that of all who inherit it. */
const char *program_output_path(const struct program *program);
/* Ends it if it still runs. NULL is fine. */
void program_free(struct program *program);

/* Runs the program to its end and keeps what it writes, to the standard error too,
   without carriage returns, and at most size bytes with the NUL. Returns its exit code, or
   -1 when it cannot be run or was ended by a signal. arguments are split at blanks. */
int support_run(const char *name, const char *arguments, char *output, size_t size);

/* How often part is in text. */
size_t support_count(const char *text, const char *part);

/* "FOLDER/name-PID", a temporary file of this process's own: nobody has made it yet.
   Returns its length, as snprintf. */
int support_temporary(const char *name, char *path, size_t size);

/* ---- What tests/support/<backend>/program.c supplies; for support_program.c ---- */

struct program_native {
    int64_t pid;
    intptr_t handle;
    bool ended;
    int exit_code;
};
/* argv is NULL-ended and begins with the path. The outputs are paths of files to make; the
   same one twice is one stream. */
bool program_native_start(struct program_native *native, const char *path,
                          const char *const *argv, const char *const *environment,
                          const char *output, const char *errors);
/* Looks, without waiting, whether it has ended. */
bool program_native_ended(struct program_native *native);
void program_native_kill(struct program_native *native);
void program_native_close(struct program_native *native);
/* ".exe" or "". */
const char *program_native_suffix(void);

#endif
