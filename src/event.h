/* Rank 9: events. */
#ifndef SRC_EVENT_H
#define SRC_EVENT_H

#include "spork/event.h"

/* Makes the kind known; see registry in guard.c. */
void event_register(void);

#endif
