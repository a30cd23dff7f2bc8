/* Semaphores: a count that never falls below zero, between processes and threads.

   A semaphore is a handle: it travels as an argument, and through queues and pipes. It has
   no owner: what a dead process had acquired stays acquired (a lock tells instead). */
#ifndef SPORK_SEMAPHORE_H
#define SPORK_SEMAPHORE_H

#include "spork/base.h"
#include "spork/error.h"

typedef struct spork_semaphore_options {
    int64_t value; /* the count at first, from 0 on; see spork_semaphore_new */
    bool bounded;  /* a release above the first count is SPORK_EOVERRELEASE */
} spork_semaphore_options;

SPORK_BEGIN

/* NULL options make a semaphore of 1, unbounded; given ones are taken as they are.
   Errors: SPORK_EINVAL (a negative value or one above 2^31 - 1), SPORK_ENOGUARD (before
   spork_init), SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT (threads, processes or
   objects of the family), SPORK_ESYSTEM. */
SPORK_API int spork_semaphore_new(spork_semaphore **semaphore,
                                  const spork_semaphore_options *options);
SPORK_API void spork_semaphore_free(spork_semaphore *semaphore);

/* Takes one, waiting until the count is above zero.
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_semaphore_acquire(spork_semaphore *semaphore, int64_t timeout_ms);
/* Gives count back (1 or more) and wakes as many waiters. Errors: SPORK_EOVERRELEASE (bounded,
   or above 2^31 - 1; nothing was released), SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_semaphore_release(spork_semaphore *semaphore, int64_t count);
/* The count at this moment; -1 for NULL. */
SPORK_API int64_t spork_semaphore_count(spork_semaphore *semaphore);

SPORK_END

#endif
