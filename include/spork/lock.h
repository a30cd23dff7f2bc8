/* Locks: mutual exclusion between processes and threads, safe against the death of a holder.

   A lock is a handle: it travels as an argument, and through queues and pipes.

   A plain lock (Python's Lock) is not recursive: a thread that acquires what it holds waits
   for itself until the time-out. Any thread of the family may release it.
   A recursive one (Python's RLock) may be acquired again by the thread that holds it, and is
   open when that thread has released it as often; nobody else can release it.

   A lock with a name can be opened by programs that are not of the family. It is released by
   the thread that holds it, and by nobody else. Its name, and all of it, is as that of named
   memory: see shared_memory.h. All kinds of objects share one set of names, each user's own. */
#ifndef SPORK_LOCK_H
#define SPORK_LOCK_H

#include "spork/base.h"
#include "spork/error.h"

/* Zeroed, or NULL in its place, means a plain lock. */
typedef struct spork_lock_options {
    bool recursive;
    /* NULL: it has none. Else 1 to 200 bytes out of A-Z a-z 0-9 _ - and dot. */
    const char *name;
    bool persist; /* the name, and the lock, stay until they are unlinked; POSIX */
} spork_lock_options;

SPORK_BEGIN

/* Errors: SPORK_EINVAL, SPORK_ENOGUARD (before spork_init), SPORK_ENOMEM, SPORK_ENOSPACE,
   SPORK_ELIMIT (threads, processes or objects of the family), SPORK_ESYSTEM; with a name also
   SPORK_EEXISTS (it is taken) and SPORK_ENOTSUP (persist on Windows). */
SPORK_API int spork_lock_new(spork_lock **lock, const spork_lock_options *options);
/* spork_lock_new with the option recursive. */
SPORK_API int spork_rlock_new(spork_lock **lock);
/* Opens what another process made under the name; it is recursive if it was made so.
   Errors: SPORK_ENOTFOUND, SPORK_ESYSTEM (it is another user's, or its maker cannot be seen
   from here) and those of spork_lock_new. */
SPORK_API int spork_lock_open(spork_lock **lock, const char *name);
/* Takes the name away at once; who has it open keeps it. Only the process that made it may.
   Errors: SPORK_ESTATE (it has no name, or none any more, or is another's), SPORK_ENOTFOUND
   (somebody else took a persistent name away), SPORK_EINVAL, SPORK_ESYSTEM. */
SPORK_API int spork_lock_unlink(spork_lock *lock);
/* Takes away a persistent name that a program left which is no more. Errors: SPORK_ENOTFOUND,
   SPORK_ENOTSUP (Windows), SPORK_EINVAL, SPORK_ESYSTEM. */
SPORK_API int spork_lock_unlink_persistent(const char *name);
/* Lets go of the object; a lock that is held stays held. In the process that made it under a
   name, and did not ask to persist, the name goes. NULL is fine. */
SPORK_API void spork_lock_free(spork_lock *lock);

/* Waits until the lock is the caller's.
   Errors: SPORK_EOWNERDIED (it IS the caller's now; the thread or process that held it ended
   without releasing it, so what it guards may be half changed), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_lock_acquire(spork_lock *lock, int64_t timeout_ms);
/* Errors: SPORK_ENOTHELD (nobody holds it; or it is recursive, or has a name, and another
   thread holds it),
   SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_lock_release(spork_lock *lock);
/* Whether anybody alive holds it at this moment. False for NULL. */
SPORK_API bool spork_lock_held(spork_lock *lock);
SPORK_API bool spork_lock_recursive(spork_lock *lock);

SPORK_END

#endif
