/* Blocks of the family's heap: for users, and for the data of objects.

   A user's block is one of state BLOCK_USER that nobody owns. It is there with one commit and
   gone with another: a process that dies before either has done nothing, one that dies behind
   it has done all. What lies between the commit of a new block and its caller's knowing of it
   is only its zeroing, so nobody else can see it with other contents.

   A block's header stays where it was first cut, since the heap never splits or joins blocks.
   So a header of state BLOCK_USER tells a block from what has been freed; that what stands in
   front of an offset is a header at all, and not somebody's data, the word `home` tells. */
#include "allocator.h"

#include <string.h>

static uint64_t check_of(uint64_t offset) {
    return offset ^ 0xA110CA7EDB10C500u;
}

static bool is_users(uint64_t offset) {
    if (!arena_valid_block(offset)) {
        return false;
    }
    struct block *block = arena_block(offset);
    return atomic_load(&block->state) == BLOCK_USER &&
           atomic_load(&block->home) == check_of(offset);
}

static int no_block(uint64_t offset) {
    return error_set(SPORK_EINVAL, "there is no block at the offset %llu, or it was freed",
                     (unsigned long long)offset);
}

/* ---- for users ---- */

int spork_shared_alloc(spork_offset *block, size_t size) {
    int error;
    uint64_t offset;
    if (block == NULL || size == 0) {
        return error_set(SPORK_EINVAL, block == NULL
                                           ? "there is no place to put the offset (NULL)"
                                           : "a block of no bytes");
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    family_lock(self);
    error = arena_take(size, BLOCK_USER, &offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_set(&arena_block(offset)->home, check_of(offset));
    family_commit(self);
    memset(arena_at(offset), 0, size);
    *block = offset;
    return 0;
}

int spork_shared_free(spork_offset block) {
    int error;
    if (block == 0) {
        return 0;
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    family_lock(self);
    if (!is_users(block)) {
        family_unlock(self);
        return no_block(block);
    }
    arena_give(block);
    family_commit(self);
    return 0;
}

void *spork_shared_at(spork_offset offset) {
    return offset == 0 || arena == NULL ? NULL : arena_at(offset);
}

spork_offset spork_shared_offset(const void *address) {
    uintptr_t at = (uintptr_t)address;
    uintptr_t base = (uintptr_t)arena;
    if (arena == NULL || at < base + sizeof(struct arena) ||
        at - base >= atomic_load(&arena->top)) {
        error_set(SPORK_EINVAL, "%p is not in the family's memory", address);
        return 0;
    }
    return at - base;
}

size_t spork_shared_size(spork_offset block) {
    int error;
    if (family_enter(&error) == NULL) {
        return 0;
    }
    if (!is_users(block)) {
        no_block(block);
        return 0;
    }
    return (size_t)(atomic_load(&arena_block(block)->size) - BLOCK_HEADER);
}

/* ---- for the data of objects ---- */

int allocator_take(struct self *self, uint64_t size, uint64_t *block) {
    uint64_t offset;
    family_lock(self);
    int error = arena_take(size, BLOCK_PLAIN, &offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_own(offset, family_self());
    family_commit(self);
    memset(arena_at(offset), 0, (size_t)size);
    *block = offset;
    return 0;
}

void allocator_give(struct self *self, uint64_t block) {
    if (block != 0) {
        family_lock(self);
        arena_give(block);
        family_commit(self);
    }
}

void allocator_keep(arena_word *word, uint64_t *block) {
    arena_disown(*block);
    arena_set(word, *block);
    *block = 0;
}

void allocator_drop(struct self *self, arena_word *word) {
    family_lock(self);
    if (atomic_load(word) != 0) {
        arena_give(atomic_load(word));
        arena_set(word, 0);
    }
    family_commit(self);
}
