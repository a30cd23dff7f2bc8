/* Rank 9: pipes, for the layers above. */
#ifndef SRC_PIPE_H
#define SRC_PIPE_H

#include "spork/pipe.h"

/* Makes the kind known; see registry in guard.c. */
void pipe_register(void);

#endif
