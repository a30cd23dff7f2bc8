/* Memory of the family: blocks that every process of it can use.

   Addresses differ from process to process, so a block is named by its offset, the same
   everywhere; spork_shared_at turns it into this process's address. A block belongs to the
   family: it lives until it is freed, by any process, whoever allocated it and whether that
   lives. It is gone with the family. A process that is killed inside these calls leaves the
   memory whole: a block was allocated, or it was not. */
#ifndef SPORK_ALLOCATOR_H
#define SPORK_ALLOCATOR_H

#include "spork/base.h"
#include "spork/error.h"

typedef uint64_t spork_offset; /* 0: none */

SPORK_BEGIN

/* A zeroed block of size bytes, aligned to 64. It is reserved: touching it cannot fail.
   Errors: SPORK_EINVAL (a size of 0), SPORK_ENOSPACE, SPORK_ENOGUARD, SPORK_ESYSTEM. */
SPORK_API int spork_shared_alloc(spork_offset *block, size_t size);
/* 0 is fine. Errors: SPORK_EINVAL (this is no block that is allocated). */
SPORK_API int spork_shared_free(spork_offset block);
/* This process's address of a block, or of a byte within one; NULL for 0. It is not checked:
   an offset that is no block's is undefined. */
SPORK_API void *spork_shared_at(spork_offset offset);
/* The offset of an address within the family's memory; 0, with the detail, if it is not. */
SPORK_API spork_offset spork_shared_offset(const void *address);
/* The bytes of a block, as asked or more. 0, with the detail, if it is none. */
SPORK_API size_t spork_shared_size(spork_offset block);

SPORK_END

#endif
