/* For tests of crash safety: copies of this process that are run to their end, or moved on one
   machine instruction at a time and killed between any two. One file a platform. */
#ifndef TESTS_SUPPORT_STEP_H
#define TESTS_SUPPORT_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this platform and this build can do it: NULL, or why not. */
const char *step_obstacle(void);

/* Zeroed memory that this process and its copies share. */
void *step_shared_memory(size_t size);

/* Runs work in a copy of this process. Its result, 0 to 127; -1: it crashed; -2: it
   took longer than limit_ms and was killed. */
int step_run_copy(int (*work)(void), int64_t limit_ms);

struct stepped {
    int64_t pid;
    uintptr_t address; /* of the next instruction */
};
/* Copies this process; the copy runs prepare (which may be NULL) and stops before work. False:
   it cannot be. */
bool step_begin(struct stepped *stepped, int (*prepare)(void), int (*work)(void));
/* One instruction more; false when work is over, and the copy stopped behind it. */
bool step_next(struct stepped *stepped);
/* Ends it with SIGKILL where it stands. */
void step_kill(struct stepped *stepped);
/* Lets it run freely to the end of work; its result as of step_run_copy. */
int step_finish(struct stepped *stepped, int64_t limit_ms);

#endif
