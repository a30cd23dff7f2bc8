/* Rank 9: blocks of the heap, for what keeps its data in one beside its body. */
#ifndef SRC_ALLOCATOR_H
#define SRC_ALLOCATOR_H

#include "family.h"
#include "spork/allocator.h"

/* A zeroed block that is this process's own until an object keeps it: it is filled under no
   lock, and goes with the process. Errors: SPORK_ENOSPACE. */
int allocator_take(struct self *self, uint64_t size, uint64_t *block);
/* Of one that no object has kept; 0 is fine. */
void allocator_give(struct self *self, uint64_t block);
/* In an init, as a part of its transaction: the word in the object's body names it now, and
   *block becomes 0. It cannot fail: let it be the last that the init does. */
void allocator_keep(arena_word *word, uint64_t *block);
/* In a destroy: gives back the block that the word names, and makes the word 0. */
void allocator_drop(struct self *self, arena_word *word);

#endif
