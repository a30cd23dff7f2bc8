/* Conditions: wait, while a lock is open, until another process or thread notifies.

   A condition is a handle, and holds its lock: sending the condition is enough. A thread that
   is killed while it waits is passed over; a notification that it had been given goes to
   another waiter. There are no other spurious wake-ups, but wait in a loop, or by
   spork_condition_wait_for: between the notification and the return another thread may have
   had the lock. */
#ifndef SPORK_CONDITION_H
#define SPORK_CONDITION_H

#include "spork/base.h"
#include "spork/error.h"

typedef struct spork_condition_options {
    spork_lock *lock; /* plain or recursive; NULL: a recursive one of its own */
} spork_condition_options;

/* Answers whether the wait is over; called with the lock held, in the thread that waits. */
typedef bool spork_predicate(void *context);

SPORK_BEGIN

/* Errors: SPORK_EINVAL, SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ESTALE. */
SPORK_API int spork_condition_new(spork_condition **condition,
                                  const spork_condition_options *options);
/* Lets go of the object. NULL is fine. */
SPORK_API void spork_condition_free(spork_condition *condition);

/* Its lock: borrowed, it lives as long as the condition's object. NULL for NULL. */
SPORK_API spork_lock *spork_condition_lock(spork_condition *condition);
/* spork_lock_acquire and spork_lock_release of its lock. */
SPORK_API int spork_condition_acquire(spork_condition *condition, int64_t timeout_ms);
SPORK_API int spork_condition_release(spork_condition *condition);

/* Opens the lock (however often it was acquired), waits for a notification until the
   time-out, and acquires the lock again as often, however long that takes. The lock is held
   afterwards, whatever is returned, but for SPORK_ENOTHELD, SPORK_EINVAL and SPORK_ESTALE.
   Errors: SPORK_ENOTHELD (this thread does not hold the lock), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_EOWNERDIED (notified or not: who held the lock died), SPORK_EINVAL,
   SPORK_ESTALE. */
SPORK_API int spork_condition_wait(spork_condition *condition, int64_t timeout_ms);
/* Waits until predicate(context) is true; asks it first. The time-out is for all of it.
   Errors: as spork_condition_wait; SPORK_ETIMEDOUT only when the predicate is still false. */
SPORK_API int spork_condition_wait_for(spork_condition *condition, spork_predicate *predicate,
                                       void *context, int64_t timeout_ms);

/* Wakes up to count (1 or more) of those that wait now, who waited longest first. Never waits
   for them. Errors: SPORK_ENOTHELD (this thread does not hold the lock), SPORK_EINVAL,
   SPORK_ESTALE. */
SPORK_API int spork_condition_notify(spork_condition *condition, int64_t count);
SPORK_API int spork_condition_notify_all(spork_condition *condition);
/* How many wait and have not been notified; -1 for NULL. */
SPORK_API int64_t spork_condition_waiting(spork_condition *condition);

SPORK_END

#endif
