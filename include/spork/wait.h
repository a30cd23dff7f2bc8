/* Waiting for any or all of many things at once.

       spork_waitable things[] = {spork_on_process(child), spork_on_queue(queue)};
       spork_wait(things, 2, SPORK_WAIT_ANY, 1000, NULL);
       if (things[1].ready) { ... }

   Waiting only looks: it takes no item, and no token of a semaphore. When several wait for the
   same thing, each is told, and one of them will get it: follow with a call that does not
   wait, and be ready for it to come too late.

   A thing is ready when
       a process    has ended;
       a queue      has something in it, or is closed and empty: a get would not wait;
       a pipe       has a message, or is at end-of-file: a receive would not wait;
       a semaphore  is above 0 (not a named one: SPORK_ENOTSUP);
       an event     is set;
       a future     is done, and a pool has something for spork_pool_poll to do (see future.h and
                    pool.h);
       a native     of the host is: a descriptor can be read, or is at its end or in error
                    (POSIX); a HANDLE is signalled (Windows; an auto-reset event or a
                    semaphore is consumed by being told ready, as by WaitForMultipleObjects). */
#ifndef SPORK_WAIT_H
#define SPORK_WAIT_H

#include "spork/base.h"
#include "spork/error.h"

/* Made by the functions below; ready is for reading. */
typedef struct spork_waitable {
    bool ready;
    uint8_t kind_;
    uint8_t reserved_[6];
    union {
        void *object_;
        intptr_t native_;
    } as;
} spork_waitable;

typedef enum spork_wait_mode {
    SPORK_WAIT_ANY, /* one of them is ready */
    SPORK_WAIT_ALL  /* all of them are, at one look */
} spork_wait_mode;

/* Something for an event loop: see spork_doorbell_new. It belongs to the process that made it,
   and does not travel. One thread at a time may use it. */
typedef struct spork_doorbell spork_doorbell;

SPORK_BEGIN

/* They borrow: what they are made of has to outlive the wait. */
SPORK_API spork_waitable spork_on_process(spork_process *process);
SPORK_API spork_waitable spork_on_queue(spork_queue *queue);
SPORK_API spork_waitable spork_on_pipe(spork_pipe *end);
SPORK_API spork_waitable spork_on_semaphore(spork_semaphore *semaphore);
SPORK_API spork_waitable spork_on_event(spork_event *event);
SPORK_API spork_waitable spork_on_native(intptr_t native);

/* Waits until any, or all, of count things are ready, and writes ready of each of them as it
   was at the last look, and how many are to *ready, when that is not NULL. There is no limit
   to count but memory. Waiting for all of none is over at once; for any of none it is
   SPORK_EINVAL without a time-out, else just that time.
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK (ready is written for these as well),
   SPORK_EINVAL (with the index of what is wrong), SPORK_ESTATE (a process that was not
   started, an end of a pipe that only sends), SPORK_ENOTSUP, SPORK_ECLOSED, SPORK_ESTALE,
   SPORK_ENOMEM. */
SPORK_API int spork_wait(spork_waitable *things, size_t count, spork_wait_mode mode,
                         int64_t timeout_ms, size_t *ready);

/* ---- for event loops ---- */

/* Makes a doorbell for count things (1 or more; natives of the host are SPORK_EINVAL: the loop
   has them already). It copies the array; what it is made of has to outlive it.
   Errors: as spork_wait, and SPORK_ELIMIT, SPORK_ENOSPACE, SPORK_ESYSTEM. */
SPORK_API int spork_doorbell_new(spork_doorbell **doorbell, const spork_waitable *things,
                                 size_t count);
/* NULL is fine. */
SPORK_API void spork_doorbell_free(spork_doorbell *doorbell);

/* What the loop polls: a descriptor that becomes readable (POSIX), or a HANDLE that becomes
   signalled (Windows, a semaphore: a wait that succeeds takes the signal). It belongs to the
   doorbell: do not read or close it. Errors: SPORK_EINVAL. */
SPORK_API int spork_doorbell_native(spork_doorbell *doorbell, intptr_t *native);

/* Answers the bell: looks at all the things, writes ready of each into things (as many as it
   was made for; NULL: only counts) and how many are to *ready. Does not wait. The native stays
   ready, or becomes so again, as long as one of them is; so answer it until none is, or take
   what is ready first. Call it once before the first poll, too.
   Errors: as spork_wait. */
SPORK_API int spork_doorbell_answer(spork_doorbell *doorbell, spork_waitable *things,
                                    size_t *ready);

SPORK_END

#endif
