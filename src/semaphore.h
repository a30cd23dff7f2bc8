/* Rank 9: semaphores, for the layers above. */
#ifndef SRC_SEMAPHORE_H
#define SRC_SEMAPHORE_H

#include "spork/semaphore.h"

/* Makes the kind known; see registry in guard.c. */
void semaphore_register(void);

#endif
