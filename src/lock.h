/* Rank 9: locks, for the layers above and for who holds one inside (conditions, arrays). */
#ifndef SRC_LOCK_H
#define SRC_LOCK_H

#include "handle.h"
#include "spork/lock.h"

/* Makes the kind known; see registry in guard.c. */
void lock_register(void);

/* Whether this is a lock that can be used here. Errors: SPORK_EINVAL, SPORK_ESTALE. */
int lock_check(const spork_lock *lock);
/* Whether this thread holds it. */
bool lock_is_mine(const struct self *self, const spork_lock *lock);
/* Of a lock that this thread holds: opens it, however often it was acquired, and takes it
   back as often, without limit. lock_take_back: SPORK_EOWNERDIED (it is this thread's). */
uint64_t lock_open_all(spork_lock *lock);
int lock_take_back(spork_lock *lock, uint64_t depth);

#endif
