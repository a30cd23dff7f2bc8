/* Rank 7: the registry of tasks, and calls as they travel to a child. */
#ifndef SRC_TASK_H
#define SRC_TASK_H

#include "handle.h"
#include "spork/task.h"

/* A task by its name, source file and types. Errors: SPORK_ENOTASK, with the name, and with
   what is different when there is one of that name; SPORK_EINVAL when there are two. */
int task_find(const char *name, const char *file, const char *types,
              const spork_task **task);

/* A call as bytes: [name, file, types, [arguments]]; a call of no task is [nil]. The handles
   in it are held for target from now on. *data is malloc'ed. Errors: SPORK_EINVAL (the task is
   not the only one of its name, file and types), those of encoding. */
int task_encode(struct self *self, const spork_call *call, slot_reference target, void **data,
                size_t *size);
/* The same with handles as the caller sends them. */
int task_encode_with(const spork_call *call, const struct codec_handles *handles, void **data,
                     size_t *size);
/* A task's arguments alone, a list. For who tells the task in another way. */
int task_encode_arguments(const spork_call *call, const struct codec_handles *handles,
                          void **data, size_t *size);
/* Writes what a task returned to a C object of its result's type; a spork_value is copied as
   it is. Errors: SPORK_ETYPE, SPORK_ERANGE. */
int task_write_result(const spork_task *task, void *object, const spork_value *result);
/* Whether the task is the only one of its name, file and types. Errors: SPORK_EINVAL. */
int task_check_alone(const spork_task *task);
/* Runs an encoded call in this process. *result is to be freed. Errors: those of task_find,
   SPORK_EMALFORMED, SPORK_ETYPE ("argument 2 of greet: ..."), those of handles. */
int task_decode(const void *data, size_t size, const spork_task **task, spork_value *call);
int task_run(const spork_task *task, const spork_value *call, spork_value *result);

#endif
