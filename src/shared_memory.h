/* Rank 9: shared memory, for the layers above. */
#ifndef SRC_SHARED_MEMORY_H
#define SRC_SHARED_MEMORY_H

/* Makes the kind known; see registry in guard.c. */
void shared_memory_register(void);

#endif
