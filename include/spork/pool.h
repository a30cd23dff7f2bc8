/* Pools: workers, processes or threads, that run many tasks.

       static int64_t square(int64_t number) { return number * number; }
       SPORK_TASK(int64_t, square, int64_t);

       spork_pool *pool;
       spork_pool_new(&pool, NULL);
       square_map(pool, numbers, count, squares);             results in place, in order
       square_apply(pool, &nine, 3);                          one, waited for
       square_future later;
       square_apply_async(&later, pool, 4);                   one, got later
       square_get(later, &sixteen, SPORK_FOREVER);

   The typed calls are made by SPORK_TASK; task.h lists them. Those here serve any task.

   Workers take their tasks from shared memory by themselves, so they stay busy while their
   parent computes. All else happens in the calls of the process that made the pool, since spork
   has no threads of its own: results are noticed, callbacks run, and workers that ended are
   replaced inside of the calls that wait, that give something to the pool, and of
   spork_pool_poll.

   When a worker is killed, the task that it ran fails with SPORK_EWORKERDIED, or runs again
   where it was declared SPORK_REPEATABLE. Nothing else is lost, and the worker is replaced. When
   all workers die before the first of them could begin, when later as many as there are and
   eight more do so in a row, or when an initializer fails, the pool is broken: all that was
   given to it ends with SPORK_EBROKEN, and so does what is given to it from then on; the detail
   says why.

   A pool belongs to the process that made it and does not travel; several threads may use it at
   once. Workers are daemons unless asked otherwise, so their tasks cannot start processes. */
#ifndef SPORK_POOL_H
#define SPORK_POOL_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/future.h"
#include "spork/process.h"
#include "spork/progress.h"
#include "spork/task.h"
#include "spork/wait.h"

enum { SPORK_POOL_WORKERS_MAX = 1000 };

/* Zeroed, or NULL in its place, means the defaults. */
typedef struct spork_pool_options {
    int workers;                    /* 0: as many as there are usable processors */
    spork_start_method method;
    const spork_call *initializer;  /* what each worker runs first; a result that is not 0, or a
                                       failure, breaks the pool. Up to 8 handles in it */
    int64_t max_tasks;              /* after so many a worker is replaced; 0: never. Each item
                                       of a map counts */
    const char *name;               /* of the workers, "name-1" ...; NULL: "PoolWorker-1" ... */
    spork_daemon daemon;            /* default: yes. No: tasks may have children */
    bool force_fork;                /* see spork_process_options */
    int64_t start_timeout_ms;       /* the same */
} spork_pool_options;

/* Called with a future that is done, in the thread that noticed. It may give tasks to the pool,
   wait, and, in an apply without a future of its caller's, use it until it returns. */
typedef void spork_future_callback(void *context, spork_future *future);

struct spork_apply_options {
    spork_future_callback *callback;       /* it went well */
    spork_future_callback *error_callback; /* it failed, or was cancelled */
    void *context;
};

struct spork_map_options {
    size_t chunk_size; /* items that a worker takes at one time, or a multiple of it when they
                          are quick; 0: 1 */
    int *errors;       /* count numbers, as of spork_future_error: how each item ended; all the
                          same when the map ended as a whole. NULL: not wanted */
    spork_future_callback *callback;
    spork_future_callback *error_callback;
    void *context;
    spork_progress_callback *progress; /* called by ..._map_with and spork_future_get */
    void *progress_context;
};

struct spork_imap_options {
    size_t look_ahead; /* items that are given to the workers, but not taken by next, at one
                          time; 0: four for each worker */
    bool unordered;    /* results as they come, not in the order of the input */
};

/* Where the input of an imap comes from: writes the next call to *call, and what it borrows has
   to live until the next time. 0; SPORK_EEOF: there is no more; any other number: an error of
   the input, which spork_imap_next delivers when all results before it were. Called by
   spork_imap_next, in its thread. */
typedef int spork_producer(void *context, spork_call *call);

SPORK_BEGIN

/* ---- the pool ---- */

/* Starts the workers, and returns when all of them have reached spork_init. Initializers go on
   meanwhile: what is wrong with one is told by the first call that waits, or gives something.
   Errors: SPORK_EINVAL, those of spork_process_new and spork_process_launch; no worker is left
   then. */
SPORK_API int spork_pool_new(spork_pool **pool, const spork_pool_options *options);

/* Takes no more: from now on SPORK_ECLOSED. Workers end when all has been done. */
SPORK_API int spork_pool_close(spork_pool *pool);
/* Ends it now: what is not done is SPORK_ECANCELLED, workers are killed. On threads: tasks that
   run are told (spork_task_cancelled) and go to their end, without a future. */
SPORK_API int spork_pool_terminate(spork_pool *pool);
/* Waits until all has been done and the workers have ended. Errors: SPORK_ESTATE (neither closed
   nor terminated), SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, SPORK_EINVAL. */
SPORK_API int spork_pool_join(spork_pool *pool, int64_t timeout_ms);
/* Terminates it, waits for its workers (a task on a thread is waited for without limit) and
   frees it. NULL is fine. Errors: SPORK_EBUSY (called by a callback, or by a task on a thread, of
   this pool, or while another thread waits in it), SPORK_ESTATE (another process's). */
SPORK_API int spork_pool_free(spork_pool *pool);

/* How many workers it is to have; 0 for NULL. */
SPORK_API int spork_pool_workers(const spork_pool *pool);
/* The ids of the workers that run: up to capacity to pids, and how many there are to *count.
   On threads: this process's id, as often. Errors: SPORK_EINVAL, SPORK_ESTATE. */
SPORK_API int spork_pool_pids(spork_pool *pool, int64_t *pids, size_t capacity, size_t *count);
/* Tasks, and items of maps, that have been given to it and are not done; it looks first. */
SPORK_API int64_t spork_pool_pending(spork_pool *pool);

/* Does what there is to do without waiting: notices results, runs callbacks, replaces workers.
   *done, when not NULL, is how many futures became done. Errors: SPORK_EINVAL, SPORK_ESTATE. */
SPORK_API int spork_pool_poll(spork_pool *pool, size_t *done);
/* What an event loop polls: see spork_doorbell_native. Ready when spork_pool_poll has something
   to do, which also makes it quiet again. It belongs to the pool. What only time brings to light,
   a new worker that hangs before spork_init, does not make it ready: poll now and then, too.
   Errors: SPORK_EINVAL, those of
   spork_doorbell_new. */
SPORK_API int spork_pool_native(spork_pool *pool, intptr_t *native);
/* For spork_wait and doorbells: ready when spork_pool_poll would have something to do. */
SPORK_API spork_waitable spork_on_pool(spork_pool *pool);

/* ---- giving it something ---- */

/* Runs one call and waits for it; *result, when not NULL, is to be freed. When the time runs out
   the task is cancelled if it has not begun, else its result will be dropped. Errors: those of
   spork_pool_apply_async and spork_future_get. */
SPORK_API int spork_pool_apply(spork_pool *pool, spork_call call, spork_value *result,
                               int64_t timeout_ms);
/* Gives it one call. future NULL: only the callbacks are told. The arguments are encoded now.
   Errors: SPORK_ECLOSED, SPORK_EBROKEN, SPORK_EINVAL (a call of no task too), SPORK_ESTATE,
   SPORK_ELIMIT (more than 1,024 different tasks), SPORK_ENOSPACE, SPORK_ENOMEM, what encoding
   said. */
SPORK_API int spork_pool_apply_async(spork_future **future, spork_pool *pool, spork_call call,
                                     const spork_apply_options *options);

/* ---- iterators ---- */

/* Results one by one, while only look_ahead calls are under way: the input may be without end.
   next waits for the next result (to be freed; NULL: not wanted), or tells the error of the task
   or of the producer; after a task's the iteration goes on, after the producer's it is over.
   One thread at a time may use it. Errors of next: SPORK_EEOF (all were delivered),
   SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, and those of spork_pool_apply_async, which come like one
   of the producer's. */
SPORK_API int spork_pool_imap(spork_imap **imap, spork_pool *pool, spork_producer *producer,
                              void *context, const spork_imap_options *options);
SPORK_API int spork_imap_next(spork_imap *imap, spork_value *result, int64_t timeout_ms);
/* The place in the input, from 0 on, of what next delivered last. */
SPORK_API size_t spork_imap_index(const spork_imap *imap);
/* Whether all has been delivered: next would be SPORK_EEOF. */
SPORK_API bool spork_imap_over(const spork_imap *imap);
/* What has not begun is cancelled. NULL is fine. */
SPORK_API void spork_imap_free(spork_imap *imap);

/* ---- inside of a task that a pool runs ---- */

/* Fails the task: whatever it returns, its future has this error (a number that is not 0, one
   of SPORK_E... or of one's own), with these words. Returns error. The last one counts. Where no
   pool's task runs it only sets the detail. Errors: SPORK_EINVAL, when error is 0. */
SPORK_API int spork_task_fail(int error, const char *format, ...) SPORK_PRINTF(2, 3);
/* Whether it has been cancelled: what it would return is not wanted any more. */
SPORK_API bool spork_task_cancelled(void);

SPORK_END

#endif
