/* Rank 11: pools, for who puts the library together. */
#ifndef SRC_POOL_H
#define SRC_POOL_H

/* Makes the kind known, to spork_wait too; see registry in guard.c. */
void pool_register(void);

#endif
