/* Reader-writer locks: any number of readers, or one writer.

   A rwlock is a handle: it travels as an argument, and through queues and pipes. It is not
   recursive: who waits for what it holds itself waits until its time-out. The first writer
   that waits keeps new readers out, so writers do not starve; when a writer is done, or gives
   up, the readers that waited for it go before the next writer, so neither do readers. What a
   dead process had for reading is given back by its death; a thread that ends without
   releasing what it reads keeps it until its process ends. */
#ifndef SPORK_RWLOCK_H
#define SPORK_RWLOCK_H

#include "spork/base.h"
#include "spork/error.h"

/* No options yet; pass NULL. */
typedef struct spork_rwlock_options {
    int reserved;
} spork_rwlock_options;

SPORK_BEGIN

/* Errors: SPORK_EINVAL, SPORK_ENOMEM, SPORK_ENOSPACE. */
SPORK_API int spork_rwlock_new(spork_rwlock **rwlock, const spork_rwlock_options *options);
/* Lets go of the object: what this process still reads is released with its last use of it;
   what a thread has for writing stays its own. NULL is fine. */
SPORK_API void spork_rwlock_free(spork_rwlock *rwlock);

/* Waits until it may read, or write.
   Errors: SPORK_EOWNERDIED (it IS the caller's now; the writer ended without releasing, so
   what it guards may be half changed: told to the first who gets it, once), SPORK_ETIMEDOUT,
   SPORK_EWOULDBLOCK, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_rwlock_acquire_read(spork_rwlock *rwlock, int64_t timeout_ms);
SPORK_API int spork_rwlock_acquire_write(spork_rwlock *rwlock, int64_t timeout_ms);
/* Errors: SPORK_ENOTHELD (this process does not read, this thread does not write),
   SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_rwlock_release_read(spork_rwlock *rwlock);
SPORK_API int spork_rwlock_release_write(spork_rwlock *rwlock);

/* How many read at this moment, and whether anybody alive writes; -1, false for NULL. */
SPORK_API int64_t spork_rwlock_readers(spork_rwlock *rwlock);
SPORK_API bool spork_rwlock_written(spork_rwlock *rwlock);

SPORK_END

#endif
