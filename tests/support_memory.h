/* White box: what a test takes from the family's heap, it gives back. */
#ifndef TESTS_SUPPORT_MEMORY_H
#define TESTS_SUPPORT_MEMORY_H

#include "arena.h"
#include "support/image.h"
#include "support_children.h"

static inline SPORK_UNUSED uint64_t live_bytes(void) {
    return arena == NULL ? 0 : atomic_load(&arena->live_bytes);
}

static SPORK_UNUSED uint64_t memory_at_first;

static int do_nothing(void) {
    return 0;
}
SPORK_TASK(int, do_nothing);

/* At the begin of a test. A forkserver takes something, and keeps it: it is started first. */
static inline SPORK_UNUSED void note_memory(void) {
    finish(start(do_nothing_call()));
    memory_at_first = live_bytes();
}

/* While nobody works in the family. */
static inline SPORK_UNUSED void assert_memory_is_back(void) {
    assert_int_equal(live_bytes(), memory_at_first);
    assert_null(arena_flaw());
}

#endif
