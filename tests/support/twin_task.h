/* What a header should not have: a task, which each file that includes it then has too. */
#ifndef TESTS_SUPPORT_TWIN_TASK_H
#define TESTS_SUPPORT_TWIN_TASK_H

#include "spork/task.h"

static int shared_twin(void) {
    return 3;
}
SPORK_TASK(int, shared_twin);

#endif
