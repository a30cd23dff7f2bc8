/* Rank 9: reader-writer locks. */
#ifndef SRC_RWLOCK_H
#define SRC_RWLOCK_H

#include "spork/rwlock.h"

/* Makes the kind known; see registry in guard.c. */
void rwlock_register(void);

#endif
