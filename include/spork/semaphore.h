/* Semaphores: a count that never falls below zero, between processes and threads.

   A semaphore is a handle: it travels as an argument, and through queues and pipes. It has
   no owner: what a dead process had acquired stays acquired (a lock tells instead).

   A semaphore with a name can be opened by programs that are not of the family. Its name, and
   all of it, is as that of named memory: see shared_memory.h. All kinds of objects share one
   set of names, each user's own. One that persists is the system's (sem_open's). */
#ifndef SPORK_SEMAPHORE_H
#define SPORK_SEMAPHORE_H

#include "spork/base.h"
#include "spork/error.h"

typedef struct spork_semaphore_options {
    int64_t value; /* the count at first, from 0 on; see spork_semaphore_new */
    bool bounded;  /* a release above the first count is SPORK_EOVERRELEASE */
    /* NULL: it has none. Else 1 to 200 bytes out of A-Z a-z 0-9 _ - and dot. */
    const char *name;
    bool persist; /* the name, and the count, stay until they are unlinked; POSIX, unbounded */
} spork_semaphore_options;

SPORK_BEGIN

/* NULL options make a semaphore of 1, unbounded; given ones are taken as they are.
   Errors: SPORK_EINVAL (a negative value or one above 2^31 - 1), SPORK_ENOGUARD (before
   spork_init), SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT (threads, processes or
   objects of the family), SPORK_ESYSTEM; with a name also SPORK_EEXISTS (it is taken) and
   SPORK_ENOTSUP (persist on Windows, or with bounded). */
SPORK_API int spork_semaphore_new(spork_semaphore **semaphore,
                                  const spork_semaphore_options *options);
/* Opens what another process made under the name, with its count and bound.
   Errors: SPORK_ENOTFOUND, SPORK_ESYSTEM (it is another user's, or its maker cannot be seen
   from here) and those of spork_semaphore_new. */
SPORK_API int spork_semaphore_open(spork_semaphore **semaphore, const char *name);
/* Takes the name away at once; who has it open keeps it. Only the process that made it may.
   Errors: SPORK_ESTATE (it has no name, or none any more, or is another's), SPORK_ENOTFOUND
   (somebody else took a persistent name away), SPORK_EINVAL, SPORK_ESYSTEM. */
SPORK_API int spork_semaphore_unlink(spork_semaphore *semaphore);
/* Takes away a persistent name that a program left which is no more. Errors: SPORK_ENOTFOUND,
   SPORK_ENOTSUP (Windows), SPORK_EINVAL, SPORK_ESYSTEM. */
SPORK_API int spork_semaphore_unlink_persistent(const char *name);
/* In the process that made it under a name, and did not ask to persist, the name goes. NULL is
   fine. */
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
