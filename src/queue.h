/* Rank 9: queues, for the layers above. */
#ifndef SRC_QUEUE_H
#define SRC_QUEUE_H

#include "spork/queue.h"

/* Makes the kind known; see registry in guard.c. */
void queue_register(void);

#endif
