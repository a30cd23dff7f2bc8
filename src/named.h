/* Rank 8: what objects with a name have in common: the name, and whose it is, in a block of the
   arena beside the body. The object travels as any handle; who receives it opens the name. */
#ifndef SRC_NAMED_H
#define SRC_NAMED_H

#include "handle.h"

/* Written before the object can travel, but for unlinked. */
struct named_record {
    slot_reference maker;  /* the process of this family that made it; 0: it was opened */
    uint64_t identity[2];  /* see plat_named */
    uint64_t persist, read_only;
    arena_word unlinked;   /* 1: its maker took the name away */
    arena_word ready;      /* 0: only who creates the handle is at it, and has it open */
    char name[PLAT_NAME_MOST + 1];
};

/* Errors: SPORK_EINVAL, in words. */
int named_check(const char *name);
/* Whether options with this name, or none, are in order. Errors: SPORK_EINVAL. */
int named_check_options(const char *name, bool persist);

/* What an init is given of an object with a name. */
struct named_facts {
    const char *name;
    const struct plat_named *opened;
    bool read_only;
    bool made; /* in this process, now */
};
/* In an init: *place, in the body, is where the record lies. Errors: SPORK_ENOSPACE. */
int named_init(arena_word *place, const struct named_facts *facts);
/* In a destroy; a place of 0 is fine. */
void named_destroy(struct self *self, arena_word *place);
/* NULL: it has no name. */
static inline struct named_record *named_record(arena_word *place) {
    uint64_t at = atomic_load_explicit(place, memory_order_relaxed);
    return at == 0 ? NULL : arena_at(at);
}
/* The handle is about to be its user's: from now on open_local means a receiver. */
void named_ready(arena_word *place);

/* In open_local of a record that is ready. Errors: SPORK_ESTALE (the name is gone, or is
   another object's). */
int named_may_open(const struct named_record *record);
int named_judge(const struct named_record *record, int error, const struct plat_named *opened);
/* Takes the name away, if it is this process's to take: named is what it has open. Errors:
   SPORK_ESTATE and plat_named_unlink's. */
int named_unlink(arena_word *place, struct plat_named *named);

#endif
