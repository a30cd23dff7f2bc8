/* What every other public header stands on: time-outs, bytes, and the names of the types. */
#ifndef SPORK_BASE_H
#define SPORK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spork/export.h"

/* Time-outs are milliseconds in an int64_t: SPORK_FOREVER waits without end (but never for
   the dead: see each call's errors), 0 tries once, and any other negative number is
   SPORK_EINVAL. */
#define SPORK_FOREVER ((int64_t)-1)

/* A view of size bytes. It owns nothing. */
typedef struct spork_bytes {
    const void *data;
    size_t size;
} spork_bytes;

/* Handles: each names an object of the family (a program and all that it started), can be an
   argument of a task and an item of a spork_value, and means the same object there. */
typedef struct spork_queue spork_queue;
typedef struct spork_pipe spork_pipe;
typedef struct spork_lock spork_lock;
typedef struct spork_semaphore spork_semaphore;

/* A child, seen by who started it. Not a handle: it does not travel. */
typedef struct spork_process spork_process;

SPORK_BEGIN

/* Frees what a spork call returned as "free it with spork_free". NULL is fine. */
SPORK_API void spork_free(void *memory);

/* A monotonic clock in milliseconds, the same in every process of the machine. */
SPORK_API int64_t spork_now_ms(void);

/* Puts the calling thread to sleep for this many milliseconds; 0 and less return at once. */
SPORK_API void spork_sleep_ms(int64_t duration_ms);

/* The processors that this process may use, at least 1 (its affinity counts, where the
   system tells). */
SPORK_API int spork_cpu_count(void);

SPORK_END

#endif
