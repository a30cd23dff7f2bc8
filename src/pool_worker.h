/* Rank 11: the workers' side of a pool. */
#ifndef SRC_POOL_WORKER_H
#define SRC_POOL_WORKER_H

#include "pool_core.h"

/* What a thread that works for a pool knows. */
struct worker {
    struct self *self;
    spork_pool *pool;
    struct pool_body *body;
    struct pool_seat *seat;
    uint32_t index;            /* of the seat */
    uint64_t left;             /* tasks that it may still begin */
    const spork_task **tasks;  /* by their index in the body; malloc */
    /* Of the task that runs. */
    pool_ticket ticket;
    struct pool_record *record; /* NULL: the initializer */
    struct pool_failure failure; /* error 0: none yet */
};

/* The call that a worker's process or thread runs. */
spork_call pool_work_call_of(const spork_pool *pool, uint32_t seat);
/* The worker that this thread is, or NULL. */
struct worker *pool_worker_here(void);

/* The task of an index. Errors: SPORK_ENOTASK and others, with the detail. */
int worker_task(struct worker *worker, uint32_t index, const spork_task **task);
/* Begins with no failure, and: whether the task has failed. What else went wrong is a failure
   as well: worker_fail keeps an error with this thread's detail. */
void worker_begin(struct worker *worker);
bool worker_failed(const struct worker *worker);
void worker_fail(struct worker *worker, int error);

/* The owner has to look: nobody else will. */
void worker_call_owner(struct worker *worker);

/* pool_worker_map.c: one visit to a map, or a RANGE of it. */
void worker_visit_map(struct worker *worker);
void worker_do_range(struct worker *worker);

#endif
