/* What tests ask of the system itself, past spork: tests/support/<backend>/ has it, and the
   programs of tests/programs/ may use it too. Nothing here needs spork or the harness. */
#ifndef TESTS_SUPPORT_NATIVE_H
#define TESTS_SUPPORT_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the headers promise different things for Windows. */
bool native_is_windows(void);

/* ---- processes ---- */

int64_t native_pid(void);
/* The file that this process runs, as UTF-8; kept in a buffer of its own. */
const char *native_program(void);
/* Whether a process of this id runs; one that has ended and was not reaped does not. */
bool native_process_runs(int64_t pid);
/* Ends it without a chance to say anything. */
void native_process_kill(int64_t pid);
/* Whether a sentinel becomes ready within the time. */
bool native_sentinel_ready(intptr_t sentinel, int64_t timeout_ms);
/* How many children this process has, by the system's count; on POSIX also those that have
   ended and were not reaped. */
int native_own_children(void);
/* This process, at once, without exit handlers. */
void native_exit_now(int exit_code);
/* By a bad pointer: what a task with a bug does. */
void native_crash(void);

/* ---- arguments and environment ---- */

/* The argument of main at index as UTF-8 (as its bytes, on POSIX), NULL behind the last. */
const char *native_argument(int argc, char **argv, int index);
/* NULL as the value removes it. */
void native_set_variable(const char *name, const char *value);
/* The same for two environments that hold the same variables, in whatever order. */
uint64_t native_environment_sum(void);

/* ---- descriptors and HANDLEs ---- */

/* How many this process has open. */
int native_descriptor_count(void);
/* Opens the file so that every child would inherit it that is not kept from it. -1: failed. */
intptr_t native_open_inheritable(const char *path);
void native_close(intptr_t descriptor);
/* Whether it is open and is this file. */
bool native_is_file(intptr_t descriptor, const char *path);
/* How many of this process's descriptors are open on this file. */
int native_count_open(const char *path);
/* The same at this number, or at the next free one above it, where numbers can be chosen. */
intptr_t native_open_inheritable_at(const char *path, int number);
/* Closes the three standard streams, below the C library. */
void native_close_streams(void);
/* Closes all others. False where that cannot be done. */
bool native_close_all_but_streams(void);
/* How many of the three are open. */
int native_open_streams(void);

/* What a process has open beside its standard streams, by kind: all of it on POSIX; on Windows
   the HANDLEs marked inheritable, as those are that came from the parent. */
enum native_kind {
    NATIVE_FILE,
    NATIVE_MEMORY, /* spork's */
    NATIVE_PIPE,
    NATIVE_SOCKET,
    NATIVE_PROCESS,
    NATIVE_OTHER,
    NATIVE_KINDS
};
struct native_census {
    int of_kind[NATIVE_KINDS];
    int inheritable; /* of these, by a program that this process would run */
};
/* False when it cannot be told. */
bool native_take_census(struct native_census *census);
/* How many of them can be what spork's threads wake each other by: sockets, semaphores. */
int native_bell_count(void);
/* From now on only so many descriptors more can be opened; -1: as many as before. False where
   there is no such limit. */
bool native_limit_descriptors(int more);

/* Something of the host that can be waited for, and that is made ready: an event descriptor,
   or a HANDLE of an auto-reset event. */
intptr_t native_signal_new(void);
void native_signal_set(intptr_t signal);
void native_signal_free(intptr_t signal);
/* Whether it is an auto-reset event: told ready once for each time that it was set. */
bool native_signal_is_consumed(void);

/* ---- files ---- */

/* Files of this process and its children cannot become larger than this; where the family's
   memory counts as one, it is as small if it is not there yet. False where there is no such
   limit. */
bool native_limit_files(uint64_t size);

/* Makes a directory of a name that nobody has, into path. */
bool native_temporary_directory(char *path, size_t size);
/* Entries of it, without the two dots; -1 when it cannot be read. */
int native_count_entries(const char *directory);
bool native_remove_directory(const char *directory);
bool native_exists(const char *path);
/* Copies a program, executable bits and all. */
bool native_copy(const char *from, const char *to);
bool native_rename(const char *from, const char *to);
/* Opens a file for reading so that nobody else can open it; POSIX has no such thing, where it
   is just open. -1: failed. */
intptr_t native_open_alone(const char *path);

/* ---- names that the system shows to everybody ---- */

/* The names of sockets and shared memory that contain part, a line each. False where the
   system does not list them. */
bool native_list_names(const char *part, char *text, size_t size);

/* ---- the host's own processes: false where the system has no fork ---- */

/* Forks a child that exits with the code after that long. */
bool native_fork_host(int64_t *pid, int64_t sleep_ms, int exit_code);
/* Reaps it; the exit code, or -1 when somebody else has. */
int native_reap_host(int64_t pid);
/* How SIGCHLD is handled in this process from now on. */
bool native_ignore_children(void);
bool native_count_children(void);
/* Whether that is still so. */
bool native_children_are_ignored(void);
bool native_children_are_counted(void);
/* How often the handler that native_count_children installed was called. */
int native_children_counted(void);

#endif
