/* Locks: mutual exclusion between processes and threads, safe against the death of a holder.

   A lock is a handle: it travels as an argument, and through queues and pipes.

   A plain lock (Python's Lock) is not recursive: a thread that acquires what it holds waits
   for itself until the time-out. Any thread of the family may release it.
   A recursive one (Python's RLock) may be acquired again by the thread that holds it, and is
   open when that thread has released it as often; nobody else can release it. */
#ifndef SPORK_LOCK_H
#define SPORK_LOCK_H

#include "spork/base.h"
#include "spork/error.h"

/* Zeroed, or NULL in its place, means a plain lock. */
typedef struct spork_lock_options {
    bool recursive;
} spork_lock_options;

SPORK_BEGIN

/* Errors: SPORK_EINVAL, SPORK_ENOGUARD (before spork_init), SPORK_ENOMEM, SPORK_ENOSPACE,
   SPORK_ELIMIT (threads, processes or objects of the family), SPORK_ESYSTEM. */
SPORK_API int spork_lock_new(spork_lock **lock, const spork_lock_options *options);
/* spork_lock_new with the option recursive. */
SPORK_API int spork_rlock_new(spork_lock **lock);
/* Lets go of the object; a lock that is held stays held. NULL is fine. */
SPORK_API void spork_lock_free(spork_lock *lock);

/* Waits until the lock is the caller's.
   Errors: SPORK_EOWNERDIED (it IS the caller's now; the thread or process that held it ended
   without releasing it, so what it guards may be half changed), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_lock_acquire(spork_lock *lock, int64_t timeout_ms);
/* Errors: SPORK_ENOTHELD (nobody holds it; or it is recursive, and another thread holds it),
   SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_lock_release(spork_lock *lock);
/* Whether anybody alive holds it at this moment. False for NULL. */
SPORK_API bool spork_lock_held(spork_lock *lock);
SPORK_API bool spork_lock_recursive(spork_lock *lock);

SPORK_END

#endif
