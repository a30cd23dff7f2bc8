/* Rank 9: shareable lists. */
#ifndef SRC_SHAREABLE_LIST_H
#define SRC_SHAREABLE_LIST_H

#include "spork/shareable_list.h"

/* Makes the kind known; see registry in guard.c. */
void shareable_list_register(void);

#endif
