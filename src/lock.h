/* Rank 9: locks, for the layers above. */
#ifndef SRC_LOCK_H
#define SRC_LOCK_H

#include "spork/lock.h"

/* Makes the kind known; see registry in guard.c. */
void lock_register(void);

#endif
