/* Futures: the results of what was given to a pool, now or later.

   A future belongs to the process that got it; several of its threads may use it at once, until
   one frees it. It is done when its task has ended, failed or was cancelled, and that has been
   noticed by one of this process's calls: spork has no threads of its own, so it is the calls
   that wait (spork_future_get, spork_future_wait, spork_wait, spork_pool_join ...) and
   spork_pool_poll that see to it. Callbacks run inside of these calls. */
#ifndef SPORK_FUTURE_H
#define SPORK_FUTURE_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/value.h"
#include "spork/wait.h"

/* Futures in the order in which they are done. */
typedef struct spork_as_completed spork_as_completed;

SPORK_BEGIN

/* Waits until it is done. *result, when result is not NULL, is what the task returned: it is
   the future's and stays until that is freed, so it need not be freed. Of a map: nil; its
   results are in its array. May be called again, and by several threads.
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK (a time-out of 0), SPORK_EINVAL, SPORK_ESTATE (it
   is another process's; or a task on a thread of a pool waits for what that pool, or one that
   waits for that pool, has to do: all of its workers could be waiting), and the error with
   which the task failed, as spork_future_error tells it; the detail is that of the task. Of a
   map that is the error of the item with the lowest index among those that failed. */
SPORK_API int spork_future_get(spork_future *future, const spork_value **result,
                               int64_t timeout_ms);

/* Waits until any or all of count futures are done, of whatever pools; *ready, when that is
   not NULL, is how many are. Looks at each of them each time: for many, one after the other,
   see spork_as_completed_new. Errors: as spork_future_get, but for those of the tasks; any of
   none without a time-out is SPORK_EINVAL. */
SPORK_API int spork_future_wait(spork_future *const *futures, size_t count,
                                spork_wait_mode mode, int64_t timeout_ms, size_t *ready);

/* Whether it is done. Does not wait. False for NULL. */
SPORK_API bool spork_future_ready(spork_future *future);
/* Whether it is done and its task has not failed. */
SPORK_API bool spork_future_successful(spork_future *future);
/* How the task ended, once it is done: 0 (well), or
       SPORK_EWORKERDIED  its worker was killed, or crashed, while it ran
       SPORK_EEXITED      it called exit
       SPORK_ECANCELLED   by spork_future_cancel, or by the end of the pool
       SPORK_EBROKEN      the pool had to give up: no worker can be started any more
       SPORK_EMALFORMED ... SPORK_ENOSPACE, SPORK_ENOMEM, SPORK_ESTALE: its arguments or its
                          result could not be carried
       and whatever number the task itself gave to spork_task_fail.
   SPORK_EBUSY: it is not done. SPORK_EINVAL: NULL. */
SPORK_API int spork_future_error(spork_future *future);
/* That in words: which task, what was wrong, how its worker ended. It is the future's. ""
   when nothing failed. */
SPORK_API const char *spork_future_words(spork_future *future);
/* Of a task that ended its worker (SPORK_EWORKERDIED, SPORK_EEXITED): the exit code, or the
   negative number of the signal, as spork_process_exit_code tells it. Errors: SPORK_ESTATE (it
   did not), SPORK_EBUSY (it is not done), SPORK_EINVAL. */
SPORK_API int spork_future_exit_code(spork_future *future, int *exit_code);
/* Of a map: the index of the item whose error this is. Errors: SPORK_ESTATE (nothing failed, or
   it is no map), SPORK_EBUSY, SPORK_EINVAL. */
SPORK_API int spork_future_failed_item(spork_future *future, size_t *index);

/* Cancels: what waits in the queue will not run. What runs is told (spork_task_cancelled) and
   has grace_ms to end; then its worker is killed and replaced. 0: at once; SPORK_FOREVER: it is
   told, and never killed. Of a map: no further item begins. Then the future is done, with
   SPORK_ECANCELLED, and its callback has been called. A task that is told and ends in time ends
   as ever, so it should say spork_task_fail(SPORK_ECANCELLED, ...).
   Errors: SPORK_ESTATE (it was done already, or was in time: its result stands), SPORK_ENOTSUP
   (it runs on a thread, and has not ended in time: it goes on, and has been told; a map will be
   SPORK_ECANCELLED when the items that run have ended), SPORK_EINVAL. */
SPORK_API int spork_future_cancel(spork_future *future, int64_t grace_ms);

/* Lets go of it. What is not done goes on, and its result is dropped. NULL is fine. A future
   may be freed after its pool. */
SPORK_API void spork_future_free(spork_future *future);

/* For spork_wait and doorbells: ready when it is done. */
SPORK_API spork_waitable spork_on_future(spork_future *future);

/* Delivers count futures in the order in which they are done; those that are already come
   first, in their order here. They must live as long as this; each may be in one such at a
   time. One thread at a time may use it. Errors: SPORK_EINVAL (with the index), SPORK_EBUSY (one
   is in another), SPORK_ENOMEM, SPORK_ESTATE (another process's). */
SPORK_API int spork_as_completed_new(spork_as_completed **order, spork_future *const *futures,
                                     size_t count);
/* Waits for the next one. Errors: SPORK_EEOF (all have been delivered), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_EINVAL, SPORK_ESTATE. */
SPORK_API int spork_as_completed_next(spork_as_completed *order, spork_future **future,
                                      int64_t timeout_ms);
/* NULL is fine. The futures stay. */
SPORK_API void spork_as_completed_free(spork_as_completed *order);

SPORK_END

#endif
