/* Blocks of shared memory: anonymous ones, which travel as handles, and named ones, which
   programs that are not of the family can attach.

   Memory is reserved when it is made, so that touching it cannot fail. Nothing of it outlives
   who uses it, unless it was asked to persist: an anonymous block ends with its last holder; a
   name ends with the process that made it, however that ends, and the memory with the last that
   has it attached. A persistent name is the system's own (shm_open's), and stays until it is
   unlinked.

   Names are each user's own, and are of one thing only, be it memory, a lock or a semaphore. A
   named block is a handle like any other; who receives it attaches it by its name, so it is
   SPORK_ESTALE where the name has gone before. On Linux, who attaches must see the process
   that made it (/proc): programs in different containers share persistent names only. */
#ifndef SPORK_SHARED_MEMORY_H
#define SPORK_SHARED_MEMORY_H

#include "spork/base.h"
#include "spork/error.h"

typedef struct spork_shared_memory_options {
    /* NULL: anonymous. Else 1 to 200 bytes out of A-Z a-z 0-9 _ - and dot; "." and ".." are
       none. */
    const char *name;
    bool persist; /* the name, and the memory, stay until they are unlinked; POSIX */
} spork_shared_memory_options;

SPORK_BEGIN

/* Makes zeroed memory of size bytes (1 or more; the system may round up).
   Errors: SPORK_EINVAL, SPORK_ENOGUARD (before spork_init), SPORK_EEXISTS (the name is taken),
   SPORK_ENOSPACE, SPORK_ENOMEM, SPORK_ELIMIT (threads, processes or objects of the family),
   SPORK_ENOTSUP (persist on Windows), SPORK_ESYSTEM. */
SPORK_API int spork_shared_memory_new(spork_shared_memory **memory, size_t size,
                                      const spork_shared_memory_options *options);
/* Attaches what another process made under the name, in its own size.
   Errors: SPORK_ENOTFOUND, SPORK_ESYSTEM (it is another user's, or its maker cannot be seen
   from here) and those of spork_shared_memory_new. */
SPORK_API int spork_shared_memory_attach(spork_shared_memory **memory, const char *name,
                                         bool read_only);
/* Lets go of the object; its address is not valid any more. In the process that made it under
   a name, and did not ask to persist, the name goes. NULL is fine. */
SPORK_API void spork_shared_memory_free(spork_shared_memory *memory);

/* The memory, aligned to 64 bytes at least; NULL for NULL. */
SPORK_API void *spork_shared_memory_data(spork_shared_memory *memory);
SPORK_API size_t spork_shared_memory_size(spork_shared_memory *memory);
/* "" if it has none; it belongs to the object. */
SPORK_API const char *spork_shared_memory_name(spork_shared_memory *memory);
SPORK_API bool spork_shared_memory_read_only(spork_shared_memory *memory);

/* Takes the name away at once; who has it attached keeps it. Only the process that made it
   may. Errors: SPORK_ESTATE (it has no name, or none any more, or is another's),
   SPORK_ENOTFOUND (somebody else took a persistent name away), SPORK_EINVAL, SPORK_ESYSTEM. */
SPORK_API int spork_shared_memory_unlink(spork_shared_memory *memory);
/* Takes away a persistent name, of memory, that nobody of this family made: what a program left
   that is no more. Errors: SPORK_ENOTFOUND, SPORK_ENOTSUP (Windows), SPORK_EINVAL,
   SPORK_ESYSTEM. */
SPORK_API int spork_shared_memory_unlink_persistent(const char *name);

SPORK_END

#endif
