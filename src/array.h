/* Rank 9: values and arrays. */
#ifndef SRC_ARRAY_H
#define SRC_ARRAY_H

#include "spork/array.h"

/* Makes the kind known; see registry in guard.c. */
void array_register(void);

#endif
