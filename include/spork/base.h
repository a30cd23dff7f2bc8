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
   argument of a task and an item of a spork_value, and means the same object there.
   X(noun, NOUN, letter, words) for every kind; the type is spork_noun. */
#define SPORK_HANDLES(X)                                                                  \
    X(queue, QUEUE, 'q', "a queue")                                                       \
    X(pipe, PIPE, 'p', "a pipe")                                                          \
    X(lock, LOCK, 'l', "a lock")                                                          \
    X(semaphore, SEMAPHORE, 'e', "a semaphore")                                           \
    X(rwlock, RWLOCK, 'w', "a rwlock")                                                    \
    X(condition, CONDITION, 'c', "a condition")                                           \
    X(event, EVENT, 'E', "an event")                                                      \
    X(barrier, BARRIER, 'B', "a barrier")                                                 \
    X(array, ARRAY, 'a', "an array")                                                      \
    X(shared_memory, SHARED_MEMORY, 'm', "a shared memory")                               \
    X(shareable_list, SHAREABLE_LIST, 'L', "a shareable list")

#define SPORK_HANDLE_TYPE_(noun, NOUN, letter, words) typedef struct spork_##noun spork_##noun;
SPORK_HANDLES(SPORK_HANDLE_TYPE_)
#undef SPORK_HANDLE_TYPE_

/* A child, seen by who started it. Not a handle: it does not travel. */
typedef struct spork_process spork_process;

/* Workers, what they were given, and iterators over results: see pool.h. They do not travel. */
typedef struct spork_pool spork_pool;
typedef struct spork_future spork_future;
typedef struct spork_imap spork_imap;
typedef struct spork_apply_options spork_apply_options;
typedef struct spork_map_options spork_map_options;
typedef struct spork_imap_options spork_imap_options;

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
