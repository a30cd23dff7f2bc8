/* Rank 9: locks that have a name, for lock.c alone. */
#ifndef SRC_LOCK_NAMED_H
#define SRC_LOCK_NAMED_H

#include "named.h"

/* What a process has open of one. */
struct lock_named;

/* Errors: the platform's for named memory. */
int lock_named_make(struct lock_named **lock, const char *name, bool recursive, bool persist);
int lock_named_open(struct lock_named **lock, const char *name);
struct plat_named *lock_named_memory(struct lock_named *lock);
/* A thread that holds it goes on holding it. by_maker: a name that does not persist goes. NULL
   is fine. */
void lock_named_close(struct lock_named *lock, bool by_maker);
/* In a forked child, before anything else here. */
void lock_named_forked(void);

/* As their namesakes in lock.c; acquire: SPORK_EWOULDBLOCK at the deadline. */
int lock_named_acquire(struct lock_named *lock, int64_t deadline);
int lock_named_release(struct lock_named *lock);
bool lock_named_held(struct lock_named *lock);
bool lock_named_recursive(const struct lock_named *lock);
bool lock_named_is_mine(const struct lock_named *lock);
uint64_t lock_named_open_all(struct lock_named *lock);
int lock_named_take_back(struct lock_named *lock, uint64_t depth);

#endif
