/* There is no copying of processes here, so no stepping either: the storms of kills test what
   a death leaves, and the code that is stepped through elsewhere is the same. */
#include "support/step.h"

const char *step_obstacle(void) {
    return "a process cannot be copied on this platform";
}

void *step_shared_memory(size_t size) {
    (void)size;
    return NULL;
}

int step_run_copy(int (*work)(void), int64_t limit_ms) {
    (void)work;
    (void)limit_ms;
    return -1;
}

bool step_begin(struct stepped *stepped, int (*prepare)(void), int (*work)(void)) {
    (void)stepped;
    (void)prepare;
    (void)work;
    return false;
}

bool step_next(struct stepped *stepped) {
    (void)stepped;
    return false;
}

void step_kill(struct stepped *stepped) {
    (void)stepped;
}

int step_finish(struct stepped *stepped, int64_t limit_ms) {
    (void)stepped;
    (void)limit_ms;
    return -1;
}
