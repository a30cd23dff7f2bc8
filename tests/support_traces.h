/* What a family of processes has left in the system, seen from outside it, and raw forks:
   tests/support/<backend>/traces.c has it. Nothing here needs spork or the harness. */
#ifndef TESTS_SUPPORT_TRACES_H
#define TESTS_SUPPORT_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether any process has the file open for writing: all whose standard output it is do, from
   their first instruction to their last. Writes who, as far as the system tells. */
bool native_is_written_by_anyone(const char *path, char *who, size_t size);
/* How many names of the system hold this text: of shared memory and semaphores, and of
   sockets where spork has them. */
int native_count_names(const char *part);
/* fork(), past spork, for both sides to go on: *pid is 0 in the copy. False: there is none. */
bool native_fork_copy(int64_t *pid);
/* Writes a line to the standard output, whole, whoever else of a family writes there. */
void native_write_line(const char *line);
/* Stops a process where it stands, so that it does nothing more until it is killed. */
bool native_process_pause(int64_t pid);

#endif
