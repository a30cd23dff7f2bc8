/* Rank 7: the list of tasks that the constructors made. */
#ifndef SRC_TASK_REGISTRY_H
#define SRC_TASK_REGISTRY_H

#include "spork/task.h"

const spork_task *task_first(void);

#endif
