/* The arena: mapping, journal and heap. arena.h tells the rules.

   The heap has no coalescing: blocks come in four sizes a doubling, each size has a free
   list, and what no list has is cut from the top. The address space is sparse and far larger
   than memory, and large free blocks give their pages back, so what fragmentation could
   waste are addresses. */
#include "arena.h"

#include <stdio.h>
#include <string.h>

struct arena *arena;
static struct plat_memory memory;
/* Of the transaction under way; only the holder of the family's lock has one. */
static uint64_t noted;
/* Large blocks that it gives back: their pages go after the commit. Were they to go before, a
   death in between would leave a block that is somebody's, without its contents. */
enum { DISCARDS = 8 };
static uint64_t to_discard[DISCARDS];
static size_t discards;

static const uint64_t ARENA_MAGIC = 0x6B726F7073000001u;
enum {
    COMMIT_STEP = 1 << 20,
    DISCARD_FROM = 16 << 20, /* free blocks from this size on give their pages back */
    SMALLEST = 128
};

const struct plat_memory *arena_memory(void) {
    return &memory;
}

int arena_commit_range(const volatile void *from, size_t size) {
    return plat_memory_commit(&memory, (size_t)arena_offset(from), size);
}

/* ---- mapping ---- */

static int make_key(char key[40]) {
    unsigned char bytes[16];
    int error = plat_random(bytes, sizeof bytes);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

int arena_create(void) {
    enum { LOG_SIZE = sizeof(size_t) == 8 ? 36 : 29 };
    int error = plat_memory_create(&memory, (size_t)1 << LOG_SIZE);
    if (error != 0) {
        return error;
    }
    if (memory.size < sizeof(struct arena) + COMMIT_STEP) {
        return error_set(SPORK_ENOSPACE, "no %zu bytes of address space for the family",
                         sizeof(struct arena) + COMMIT_STEP);
    }
    error = plat_memory_commit(&memory, 0, offsetof(struct arena, threads));
    struct arena *made = (struct arena *)(void *)memory.base;
    if (error == 0) {
        error = make_key(made->key);
    }
    if (error != 0) {
        return error;
    }
    made->version = sizeof(struct arena);
    made->size = memory.size;
    made->top = (sizeof(struct arena) + 4095) / 4096 * 4096;
    made->committed = made->top;
    made->stamp = 1;
    made->magic = ARENA_MAGIC;
    arena = made;
    plat_bell_family(arena->key);
    return 0;
}

int arena_attach(const char *name) {
    int error = plat_memory_attach(&memory, name);
    if (error != 0) {
        return error;
    }
    struct arena *found = (struct arena *)(void *)memory.base;
    if (memory.size < sizeof *found || found->magic != ARENA_MAGIC ||
        found->version != sizeof *found) {
        return error_set(SPORK_EVERSION, "the family's memory is of another version");
    }
    arena = found;
    plat_bell_family(arena->key);
    return 0;
}

bool arena_valid_block(uint64_t offset) {
    return offset >= sizeof(struct arena) + BLOCK_HEADER && offset % 64 == 0 &&
           offset < atomic_load(&arena->top);
}

/* ---- journal ---- */

uint64_t arena_get(arena_word *word) {
    uint64_t offset = arena_offset(word);
    for (uint64_t i = noted; i > 0; i--) {
        if (arena->journal[i - 1].offset == offset) {
            return arena->journal[i - 1].value;
        }
    }
    return atomic_load_explicit(word, memory_order_relaxed);
}

void arena_set(arena_word *word, uint64_t value) {
    uint64_t offset = arena_offset(word);
    for (uint64_t i = 0; i < noted; i++) {
        if (arena->journal[i].offset == offset) {
            arena->journal[i].value = value;
            return;
        }
    }
    /* The longest transaction is known (the making of a barrier whose action has as many
       handles as can be: under 220 words); more is a bug that must not damage the family. */
    if (noted == ARENA_JOURNAL) {
        fputs("spork: internal error: a transaction is too long\n", stderr);
        plat_exit_now(134);
    }
    arena->journal[noted].offset = offset;
    arena->journal[noted].value = value;
    noted++;
}

/* Words are read without the lock, too: who sees one of them new sees those that were set
   before it, and what was written before the transaction (a ring's segment, then its tail). */
static void apply(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        arena_word *word = arena_at(arena->journal[i].offset);
        atomic_store_explicit(word, arena->journal[i].value, memory_order_release);
    }
    /* Dying above, the next holder applies again; dying below, it is done. */
    atomic_store_explicit(&arena->journal_count, 0, memory_order_release);
}

void arena_commit(void) {
    atomic_store_explicit(&arena->journal_count, noted, memory_order_release);
    /* The count must be seen before any word that it covers changes. */
    atomic_thread_fence(memory_order_seq_cst);
    apply(noted);
    noted = 0;
    for (size_t i = 0; i < discards; i++) {
        uint64_t size = atomic_load(&arena_block(to_discard[i])->size);
        plat_memory_discard(&memory, (size_t)to_discard[i], (size_t)(size - BLOCK_HEADER));
    }
    discards = 0;
}

void arena_abandon(void) {
    noted = 0;
    discards = 0;
}

void arena_recover(void) {
    arena_abandon();
    apply(atomic_load(&arena->journal_count));
}

/* ---- heap ---- */

/* Sizes: 128, 192, 256, then four steps a doubling. */
static unsigned class_of(uint64_t size, uint64_t *rounded) {
    if (size <= 256) {
        uint64_t steps = size <= SMALLEST ? 0 : (size - SMALLEST + 63) / 64;
        *rounded = SMALLEST + steps * 64;
        return (unsigned)steps;
    }
    unsigned log = 8;
    while (((uint64_t)2 << log) < size) {
        log++;
    }
    uint64_t step = ((uint64_t)1 << log) / 4;
    uint64_t steps = (size - ((uint64_t)1 << log) + step - 1) / step;
    *rounded = ((uint64_t)1 << log) + steps * step;
    return 2 + (log - 8) * 4 + (unsigned)steps;
}

struct block *arena_block(uint64_t offset) {
    return arena_at(offset - BLOCK_HEADER);
}

static int no_space(uint64_t size) {
    return error_set(SPORK_ENOSPACE, "%llu bytes do not fit into the family's memory",
                     (unsigned long long)size);
}

/* Commits ahead in steps, so that small blocks do not pay for a system call each. */
static int cut_from_top(uint64_t size, uint64_t *at) {
    uint64_t top = arena_get(&arena->top);
    uint64_t committed = arena_get(&arena->committed);
    if (size > arena->size - top) {
        return no_space(size);
    }
    if (top + size > committed) {
        uint64_t wanted = top + size + COMMIT_STEP;
        uint64_t end = wanted < arena->size ? wanted : arena->size;
        if (plat_memory_commit(&memory, (size_t)committed, (size_t)(end - committed)) != 0) {
            end = top + size;
            if (plat_memory_commit(&memory, (size_t)committed, (size_t)(end - committed)) !=
                0) {
                return error_prefix(SPORK_ENOSPACE, "a block of %llu bytes",
                                    (unsigned long long)size);
            }
        }
        arena_set(&arena->committed, end);
    }
    arena_set(&arena->top, top + size);
    *at = top;
    return 0;
}

int arena_take(uint64_t size, enum block_state state, uint64_t *offset) {
    uint64_t rounded;
    if (size > arena->size) {
        return no_space(size);
    }
    unsigned class = class_of(size + BLOCK_HEADER, &rounded);
    uint64_t at = arena_get(&arena->free_blocks[class]);
    if (at == 0) {
        int error = cut_from_top(rounded, &at);
        if (error != 0) {
            return error;
        }
    } else {
        struct block *free = arena_at(at);
        if (rounded >= DISCARD_FROM &&
            plat_memory_commit(&memory, (size_t)at, (size_t)rounded) != 0) {
            return error_prefix(SPORK_ENOSPACE, "a block of %llu bytes",
                                (unsigned long long)rounded);
        }
        arena_set(&arena->free_blocks[class], arena_get(&free->next));
    }
    struct block *block = arena_at(at);
    arena_set(&block->size, rounded);
    arena_set(&block->state, state);
    arena_set(&block->stamp, arena_get(&arena->stamp));
    arena_set(&arena->stamp, arena_get(&arena->stamp) + 1);
    arena_set(&block->owner, 0);
    arena_set(&block->next, 0);
    arena_set(&block->home, 0);
    arena_set(&arena->live_bytes, arena_get(&arena->live_bytes) + rounded);
    *offset = at + BLOCK_HEADER;
    return 0;
}

void arena_give(uint64_t offset) {
    struct block *block = arena_block(offset);
    uint64_t size = arena_get(&block->size);
    uint64_t rounded;
    arena_disown(offset);
    if (size >= DISCARD_FROM && discards < DISCARDS) {
        to_discard[discards++] = offset;
    }
    unsigned class = class_of(size, &rounded);
    arena_set(&block->state, BLOCK_FREE);
    arena_set(&block->stamp, 0);
    arena_set(&block->next, arena_get(&arena->free_blocks[class]));
    arena_set(&arena->free_blocks[class], offset - BLOCK_HEADER);
    arena_set(&arena->live_bytes, arena_get(&arena->live_bytes) - size);
}

void arena_own(uint64_t offset, slot_reference owner) {
    struct process_slot *process = &arena->processes[slot_index(owner)];
    struct block *block = arena_block(offset);
    uint64_t first = arena_get(&process->blocks);
    arena_set(&block->owner, owner);
    arena_set(&block->previous, 0);
    arena_set(&block->next, first);
    if (first != 0) {
        arena_set(&arena_block(first)->previous, offset);
    }
    arena_set(&process->blocks, offset);
}

void arena_disown(uint64_t offset) {
    struct block *block = arena_block(offset);
    slot_reference owner = arena_get(&block->owner);
    if (owner == 0) {
        return;
    }
    uint64_t next = arena_get(&block->next);
    uint64_t previous = arena_get(&block->previous);
    if (previous != 0) {
        arena_set(&arena_block(previous)->next, next);
    } else {
        arena_set(&arena->processes[slot_index(owner)].blocks, next);
    }
    if (next != 0) {
        arena_set(&arena_block(next)->previous, previous);
    }
    arena_set(&block->owner, 0);
    arena_set(&block->next, 0);
}
