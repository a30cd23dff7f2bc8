/* Images of the arena, and the proof that its structures are whole. */
#include "support/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle_table.h"

/* ---- images ---- */

enum { PARTS = 4, HEAP_SPARE = 96 << 10, SPARE_SLOTS = 6 };
static struct part {
    uint64_t offset, size;
} parts[PARTS];
static uint64_t image_size;

static uint64_t heap_begin(void) {
    return (sizeof(struct arena) + 4095) / 4096 * 4096;
}

void image_set_up(void) {
    uint64_t threads = atomic_load(&arena->threads_used) + SPARE_SLOTS;
    uint64_t processes = atomic_load(&arena->processes_used) + SPARE_SLOTS;
    uint64_t handles = atomic_load(&arena->handles_used) + SPARE_SLOTS;
    uint64_t used = atomic_load(&arena->top) - heap_begin();
    parts[0] = (struct part){0, offsetof(struct arena, threads) +
                                    threads * sizeof(struct thread_slot)};
    parts[1] = (struct part){offsetof(struct arena, processes),
                             processes * sizeof(struct process_slot)};
    parts[2] =
        (struct part){offsetof(struct arena, handles), handles * sizeof(struct handle_slot)};
    parts[3] = (struct part){heap_begin(), used + HEAP_SPARE};
    image_size = 0;
    for (int i = 0; i < PARTS; i++) {
        image_size += parts[i].size;
        arena_commit_range(arena_at(parts[i].offset), parts[i].size);
    }
}

bool image_take(struct image *image) {
    unsigned char *bytes = malloc(image_size);
    if (bytes == NULL) {
        return false;
    }
    image->bytes = bytes;
    for (int i = 0; i < PARTS; i++) {
        memcpy(bytes, arena_at(parts[i].offset), parts[i].size);
        bytes += parts[i].size;
    }
    return true;
}

void image_put_back(const struct image *image) {
    const unsigned char *bytes = image->bytes;
    for (int i = 0; i < PARTS; i++) {
        memcpy(arena_at(parts[i].offset), bytes, parts[i].size);
        bytes += parts[i].size;
    }
}

void image_free(struct image *image) {
    free(image->bytes);
    image->bytes = NULL;
}

bool image_differs(const struct image *image) {
    const unsigned char *bytes = image->bytes;
    for (int i = 0; i < PARTS; i++) {
        if (memcmp(arena_at(parts[i].offset), bytes, parts[i].size) != 0) {
            return true;
        }
        bytes += parts[i].size;
    }
    return false;
}

/* ---- the heap ---- */

struct tally {
    uint64_t live_bytes, free_blocks, private_blocks, holds;
};

static const char *look_at_blocks(struct tally *tally) {
    uint64_t top = atomic_load(&arena->top);
    for (uint64_t at = heap_begin(); at < top;) {
        struct block *block = arena_at(at);
        uint64_t size = atomic_load(&block->size);
        uint64_t state = atomic_load(&block->state);
        if (size < 128 || size % 64 != 0 || size > top - at) {
            return "a heap block has an impossible size";
        }
        if (state > BLOCK_USER) {
            return "a heap block has an impossible state";
        }
        if (state == BLOCK_FREE) {
            tally->free_blocks++;
        } else {
            tally->live_bytes += size;
            tally->private_blocks += atomic_load(&block->owner) != 0;
            tally->holds += state == BLOCK_HOLD;
        }
        at += size;
    }
    return tally->live_bytes == atomic_load(&arena->live_bytes)
               ? NULL
               : "live_bytes is not the sum of the blocks that live";
}

static const char *look_at_free_lists(const struct tally *tally) {
    uint64_t count = 0;
    for (int class = 0; class < ARENA_CLASSES; class ++) {
        uint64_t at = atomic_load(&arena->free_blocks[class]);
        while (at != 0 && count <= tally->free_blocks) {
            struct block *block = arena_at(at);
            if (atomic_load(&block->state) != BLOCK_FREE) {
                return "a block in a free list is in use";
            }
            count++;
            at = atomic_load(&block->next);
        }
    }
    return count == tally->free_blocks ? NULL : "the free lists do not have the free blocks";
}

/* ---- processes ---- */

static const char *look_at_private(slot_reference process, uint64_t first, uint64_t *count) {
    uint64_t previous = 0;
    for (uint64_t at = first; at != 0; at = atomic_load(&arena_block(at)->next)) {
        struct block *block = arena_block(at);
        if (atomic_load(&block->owner) != process ||
            atomic_load(&block->previous) != previous || ++*count > 100000) {
            return "a list of private blocks is torn";
        }
        previous = at;
    }
    return NULL;
}

static const char *look_at_holds(slot_reference process, uint64_t first, uint64_t *count) {
    uint64_t previous = 0;
    for (uint64_t at = first; at != 0;) {
        struct hold *hold = arena_at(at);
        if (atomic_load(&hold->process) != process ||
            atomic_load(&hold->process_previous) != previous || ++*count > 100000) {
            return "a process's list of holds is torn";
        }
        previous = at;
        at = atomic_load(&hold->process_next);
    }
    return NULL;
}

static const char *look_at_processes(const struct tally *tally, uint64_t *held) {
    uint64_t private_blocks = 0;
    uint64_t used = atomic_load(&arena->processes_used);
    const char *flaw = NULL;
    for (uint32_t i = 0; i < used && flaw == NULL; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference process = slot_reference_of(i, atomic_load(&slot->generation));
        if (atomic_load(&slot->state) == PROCESS_FREE) {
            continue;
        }
        flaw = look_at_private(process, atomic_load(&slot->blocks), &private_blocks);
        if (flaw == NULL) {
            flaw = look_at_holds(process, atomic_load(&slot->holds), held);
        }
    }
    if (flaw == NULL && private_blocks != tally->private_blocks) {
        flaw = "a private block is in nobody's list";
    }
    return flaw;
}

/* ---- handles ---- */

static const char *look_at_holders(handle_id id, struct handle_slot *slot, uint64_t *count,
                                   uint64_t *in_transit) {
    uint64_t holders = 0;
    uint64_t previous = 0;
    for (uint64_t at = atomic_load(&slot->first); at != 0;) {
        struct hold *hold = arena_at(at);
        if (atomic_load(&hold->handle) != id ||
            atomic_load(&hold->handle_previous) != previous || ++holders > 100000) {
            return "a handle's list of holders is torn";
        }
        *in_transit += atomic_load(&hold->process) == 0;
        previous = at;
        at = atomic_load(&hold->handle_next);
    }
    *count += holders;
    return holders == (atomic_load(&slot->holders) & HOLDERS_COUNT)
               ? NULL
               : "a handle's holders are miscounted";
}

static const char *look_at_handles(const struct tally *tally, uint64_t held) {
    uint64_t live = 0;
    uint64_t records = 0;
    uint64_t in_transit = 0;
    uint64_t used = atomic_load(&arena->handles_used);
    for (uint64_t i = 0; i < used; i++) {
        struct handle_slot *slot = &arena->handles[i];
        if (atomic_load(&slot->kind) == 0) {
            continue;
        }
        live++;
        handle_id id = atomic_load(&slot->generation) << 32 | (i + 1);
        const char *flaw = look_at_holders(id, slot, &records, &in_transit);
        if (flaw != NULL) {
            return flaw;
        }
    }
    if (live != atomic_load(&arena->handles_live)) {
        return "handles_live is not the number of handles that live";
    }
    if (records != tally->holds) {
        return "a hold record belongs to no handle";
    }
    return held + in_transit == records ? NULL : "a hold record belongs to no process";
}

const char *arena_flaw(void) {
    struct tally tally = {0};
    uint64_t held = 0;
    const char *flaw = look_at_blocks(&tally);
    if (flaw == NULL) {
        flaw = look_at_free_lists(&tally);
    }
    if (flaw == NULL) {
        flaw = look_at_processes(&tally, &held);
    }
    return flaw != NULL ? flaw : look_at_handles(&tally, held);
}
