/* Pipes: two ends; what is sent at one is received at the other, message by message.

   Each end is a handle and travels. Who holds an end is counted in the family's process
   table, so end-of-file is exact: nobody has to close "the other end" by hand, and a process
   that is killed lets go of its ends. An end may be used by several processes and threads;
   a message goes to one of them, whole. Messages never merge; an empty one is one.

   A process that made both ends can talk to itself, until one of them has been held by another
   process. From then on its own hold of "the other end" no longer counts for it: when the
   other process is gone, sends are SPORK_EPIPE and receives SPORK_EEOF.

   On Windows a pipe is a named pipe, unless the ring is asked for. With a named pipe, an end
   that is sent needs its sender alive until it has arrived (else it is SPORK_EPEERDIED), a
   receiver that is killed between taking a message from the system and keeping it in shared
   memory takes that message along, and the objects whose handles are in messages that nobody
   will receive, since all holders of the pipe were killed, go when the family does. With the
   ring, which is what a pipe is on POSIX, none of this is so, and a message needs no call of
   the system while both ends are awake. */
#ifndef SPORK_PIPE_H
#define SPORK_PIPE_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/value.h"

typedef enum spork_pipe_backing {
    SPORK_PIPE_DEFAULT, /* rings on POSIX, a named pipe on Windows */
    SPORK_PIPE_RING,    /* a ring each way, in shared memory; everywhere */
    SPORK_PIPE_NAMED    /* a named pipe; Windows */
} spork_pipe_backing;

typedef struct spork_pipe_options {
    bool one_way; /* the first end only receives, the second only sends */
    spork_pipe_backing backing;
} spork_pipe_options;

SPORK_BEGIN

/* Makes both ends; each is to be freed with spork_pipe_free.
   Errors: SPORK_EINVAL, SPORK_ENOTSUP (the backing), SPORK_ENOGUARD (before spork_init),
   SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT (threads, processes or objects of the family),
   SPORK_ESYSTEM. */
SPORK_API int spork_pipe_new(spork_pipe **first, spork_pipe **second,
                             const spork_pipe_options *options);

/* Lets go of an end. NULL is fine. Not for an end that was borrowed from a task's argument
   or from a value: spork_pipe_close lets go of that before its task ends. */
SPORK_API void spork_pipe_free(spork_pipe *end);

/* This process lets go of the end at once, but the object stays, unusable (SPORK_ECLOSED),
   until it is freed. Errors: SPORK_EINVAL, SPORK_ECLOSED. */
SPORK_API int spork_pipe_close(spork_pipe *end);

/* Sends a value or size bytes, waiting for room until the time-out (room is about 64
   messages). What was sent survives the sender.
   Errors: SPORK_EPIPE (nobody holds the other end), SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK,
   SPORK_ESTATE (this end only receives), SPORK_ECLOSED, SPORK_ESTALE, SPORK_ENOSPACE,
   SPORK_ENOMEM, SPORK_EINVAL, and what encoding said. Nothing was sent then. */
SPORK_API int spork_pipe_send(spork_pipe *end, spork_value message, int64_t timeout_ms);
SPORK_API int spork_pipe_send_bytes(spork_pipe *end, const void *data, size_t size,
                                    int64_t timeout_ms);

/* Receives the next message; *message is to be freed with spork_value_free.
   Errors: SPORK_EEOF (nothing is left, and nobody holds the other end), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_ESTATE (this end only sends), SPORK_ECLOSED, SPORK_ESTALE,
   SPORK_EMALFORMED (it was taken), SPORK_ENOMEM, SPORK_EINVAL. */
SPORK_API int spork_pipe_recv(spork_pipe *end, spork_value *message, int64_t timeout_ms);
/* Receives into buffer and writes the size to *size. Errors: as above, and SPORK_ETOOSHORT
   (*size is what is needed; the message is kept), SPORK_ETYPE (a value other than bytes; it
   is kept). */
SPORK_API int spork_pipe_recv_bytes(spork_pipe *end, void *buffer, size_t capacity,
                                    size_t *size, int64_t timeout_ms);

/* Waits until a receive would not have to wait: there is a message, or end-of-file (0).
   Errors: SPORK_ETIMEDOUT, SPORK_EWOULDBLOCK, SPORK_ESTATE, SPORK_ECLOSED, SPORK_EINVAL. */
SPORK_API int spork_pipe_poll(spork_pipe *end, int64_t timeout_ms);

SPORK_API bool spork_pipe_readable(const spork_pipe *end);
SPORK_API bool spork_pipe_writable(const spork_pipe *end);

SPORK_END

#endif
