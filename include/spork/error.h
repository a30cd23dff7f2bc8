/* Errors: one list for number, name and sentence. Functions return 0 or one of these. */
#ifndef SPORK_ERROR_H
#define SPORK_ERROR_H

#include "spork/export.h"

#define SPORK_ERRORS(X)                                                                   \
    X(EINVAL, -1, "an argument is not valid")                                             \
    X(ENOMEM, -2, "out of memory")                                                        \
    X(ENOSPACE, -3, "out of shared memory")                                               \
    X(ETIMEDOUT, -4, "the time ran out")                                                  \
    X(EWOULDBLOCK, -5, "it would have had to wait")                                       \
    X(EFULL, -6, "the queue is full")                                                     \
    X(EEMPTY, -7, "the queue is empty")                                                   \
    X(ECLOSED, -8, "it has been closed")                                                  \
    X(EEOF, -9, "end of file: nobody holds the other end")                                \
    X(EPIPE, -10, "nobody is left to receive this")                                       \
    X(EOWNERDIED, -11, "the previous owner died; the lock is now yours")                  \
    X(EPEERDIED, -12, "the process that this waited for died")                            \
    X(ENOGUARD, -13, "spork_init was not reached")                                        \
    X(ENOTASK, -14, "the child does not have this task")                                  \
    X(EPROGRAM, -15, "the program's file was moved, replaced or cannot be run")           \
    X(ESTART, -16, "the child ended before its task began")                               \
    X(ENOTSUP, -17, "not supported here")                                                 \
    X(ETOOSHORT, -18, "the buffer is too short; the message was kept")                    \
    X(ETYPE, -19, "the value is of another type")                                         \
    X(ERANGE, -20, "the number does not fit")                                             \
    X(EMALFORMED, -21, "the bytes are not a well-formed value")                           \
    X(ESTALE, -22, "the object behind this handle is gone")                               \
    X(ENOTHELD, -23, "it is not held, so it cannot be released")                          \
    X(EOVERRELEASE, -24, "released more often than acquired")                             \
    X(EBUSY, -25, "it is still in use")                                                   \
    X(ETHREADS, -26, "a fork while there are other threads was refused")                  \
    X(ESTATE, -27, "this cannot be done in its present state")                            \
    X(EDAEMON, -28, "a daemon process may not have children")                             \
    X(ELIMIT, -29, "a limit of the family was reached")                                   \
    X(EVERSION, -30, "headers and library, or parent and child, are of different versions") \
    X(ESYSTEM, -31, "the operating system refused")                                       \
    X(EEXISTS, -32, "there is something of that name already")                            \
    X(ENOTFOUND, -33, "there is nothing of that name")                                    \
    X(EBROKEN, -34, "it is broken: who had to go on with it is gone")                     \
    X(EWORKERDIED, -35, "the worker died while it ran this task")                         \
    X(EEXITED, -36, "the task called exit")                                               \
    X(ECANCELLED, -37, "it was cancelled")

enum {
    SPORK_OK = 0,
#define SPORK_ERROR_NUMBER_(name, number, sentence) SPORK_##name = number,
    SPORK_ERRORS(SPORK_ERROR_NUMBER_)
#undef SPORK_ERROR_NUMBER_
        SPORK_ERROR_LAST_ = -37
};

SPORK_BEGIN

/* "SPORK_EINVAL" for SPORK_EINVAL, "SPORK_OK" for 0, "SPORK_E?" for a number not listed. */
SPORK_API const char *spork_error_name(int error);

/* The sentence of the list above; for 0 "no error". Never NULL. */
SPORK_API const char *spork_error_sentence(int error);

/* This thread's last failure in words: what was asked, what was wrong, and the system's own
   code where there was one ("CreateProcessW: file not found (2): x.exe"). Valid until this
   thread's next failing spork call; "" when none has failed yet. */
SPORK_API const char *spork_error_detail(void);

SPORK_END

#endif
