/* Barriers: a number of processes and threads wait for each other, round after round.

   A barrier is a handle: it travels as an argument, and through queues and pipes. It breaks,
   and everybody who waits is told, when a party gives up (its time runs out), when abort is
   called, when the action fails, and when a process that holds the barrier is killed or a
   waiting thread ends: the round could never be complete. Broken, it stays so until reset.
   A process that ends by itself breaks nothing, unless a thread of it waits or runs the
   action; one that leaves past its exit handlers (_exit, a crash) counts as killed. */
#ifndef SPORK_BARRIER_H
#define SPORK_BARRIER_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/task.h"

typedef struct spork_barrier_options {
    int64_t parties; /* 1 or more */
    /* Run once a round by the last that arrives, before anybody goes on; NULL: nothing. Its
       arguments are encoded when the barrier is made, which holds up to 8 handles for it. An
       integer other than 0 as its result (0, false or nil is fine), or none, breaks it. */
    const spork_call *action;
    int64_t timeout_ms; /* for waits with SPORK_BARRIER_DEFAULT; 0: without limit */
} spork_barrier_options;

/* As a time-out: the barrier's own. */
#define SPORK_BARRIER_DEFAULT ((int64_t)-2)

SPORK_BEGIN

/* Errors: SPORK_EINVAL (no parties, more than 8 handles in the action), SPORK_ENOMEM,
   SPORK_ENOSPACE, SPORK_ESTALE, and what encoding the action's arguments said. */
SPORK_API int spork_barrier_new(spork_barrier **barrier, const spork_barrier_options *options);
/* Lets go of the object. NULL is fine. */
SPORK_API void spork_barrier_free(spork_barrier *barrier);

/* Waits until all parties have arrived. *index, when it is not NULL, is 0 to parties - 1 in
   the order of their arrival, so exactly one of a round is 0; the action is parties - 1's.
   Errors: SPORK_EBROKEN (it was broken, or broke, or was reset during the wait),
   SPORK_ETIMEDOUT and SPORK_EWOULDBLOCK (this wait broke it), SPORK_EINVAL, SPORK_ESTALE; in
   who ran it, why the action could not run, or its result if that is one of SPORK_ERRORS. */
SPORK_API int spork_barrier_wait(spork_barrier *barrier, int64_t timeout_ms, int64_t *index);

/* Breaks it. Errors: SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_barrier_abort(spork_barrier *barrier);
/* Makes it whole and empty; who waits gets SPORK_EBROKEN. Errors: SPORK_EINVAL,
   SPORK_ESTALE. */
SPORK_API int spork_barrier_reset(spork_barrier *barrier);

SPORK_API bool spork_barrier_broken(spork_barrier *barrier);
/* As asked at its making; -1 for NULL. */
SPORK_API int64_t spork_barrier_parties(spork_barrier *barrier);
/* How many have arrived in the present round; -1 for NULL. */
SPORK_API int64_t spork_barrier_waiting(spork_barrier *barrier);

SPORK_END

#endif
