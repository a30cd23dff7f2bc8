/* Rank 9: semaphores that have a name, for semaphore.c alone. */
#ifndef SRC_SEMAPHORE_NAMED_H
#define SRC_SEMAPHORE_NAMED_H

#include "named.h"

/* What a process has open of one: malloc. Errors: the platform's. */
int semaphore_named_make(struct plat_semaphore **semaphore, const char *name, int64_t value,
                         int64_t most, bool persist);
int semaphore_named_open(struct plat_semaphore **semaphore, const char *name);
/* NULL is fine. */
void semaphore_named_close(struct plat_semaphore *semaphore);
/* SPORK_EWOULDBLOCK at the deadline, SPORK_ESYSTEM. */
int semaphore_named_acquire(struct plat_semaphore *semaphore, int64_t deadline);
/* Errors: SPORK_EOVERRELEASE. */
int semaphore_named_release(struct plat_semaphore *semaphore, int64_t count);

#endif
