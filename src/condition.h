/* Rank 9: conditions, for the layers above. */
#ifndef SRC_CONDITION_H
#define SRC_CONDITION_H

#include "spork/condition.h"

/* Makes the kind known; see registry in guard.c. */
void condition_register(void);

#endif
