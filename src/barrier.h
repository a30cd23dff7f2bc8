/* Rank 9: barriers. */
#ifndef SRC_BARRIER_H
#define SRC_BARRIER_H

#include "spork/barrier.h"

/* Makes the kind known; see registry in guard.c. */
void barrier_register(void);

#endif
