/* Rank 10: waiting, for kinds of things that are no handles and stand on ranks above. */
#ifndef SRC_WAIT_H
#define SRC_WAIT_H

#include "family.h"
#include "spork/wait.h"

/* What ready returns when something has to be done first that a thread cannot do while it is
   armed (start a process, call the host): serve is called then, and the thing looked at anew. */
enum { WAIT_SERVE = 1 };

struct wait_kind {
    /* Whether it can be waited for here, and where. Errors: SPORK_EINVAL, SPORK_ESTATE. */
    int (*waiters)(void *object, struct waiters **waiters);
    /* 0, SPORK_EWOULDBLOCK, WAIT_SERVE or an error, as an attempt. */
    int (*ready)(void *object, struct watch *watch);
    void (*serve)(void *object);
};

/* Their numbers in a spork_waitable, above those of handles. */
enum wait_number { WAIT_ON_FUTURE = 192, WAIT_ON_POOL, WAIT_ON_PLACE, WAIT_NUMBERS_END };
void wait_register(enum wait_number number, const struct wait_kind *kind);
spork_waitable wait_on(enum wait_number number, void *object);

#endif
