/* Rank 8: how segments and slots of a ring lie in the arena. Only the ring's files know. */
#ifndef SRC_RING_SLOT_H
#define SRC_RING_SLOT_H

#include "ring.h"

enum slot_state {
    SLOT_FREE,
    SLOT_CLAIM,
    SLOT_FULL,
    SLOT_TAKE,
    SLOT_FREEING,
    SLOT_SEALED
};

struct ring_slot {
    arena_word word;
    _Atomic uint64_t size_flags; /* size << 16 | flags */
    _Atomic uint64_t block;      /* where the data are in the slot, if they are */
    _Atomic uint64_t stamp;      /* of the block; or the loan's ticket */
};
enum { SLOT_DATA = 16 }; /* offset of data in a slot */

struct ring_segment {
    uint64_t capacity;
    uint64_t mask;  /* capacity - 1 if that is a mask, else 0 */
    uint64_t keeps; /* size of the largest message that a slot keeps a block for */
    uint64_t reserved[5];
    _Alignas(64) arena_word put_hint;
    _Alignas(64) arena_word take_hint;
    _Alignas(64) unsigned char slots[]; /* and then, for each of them, the block that it keeps */
};

static inline uint64_t slot_word(uint64_t position, uint32_t thread, enum slot_state state) {
    return position << 16 | (uint64_t)thread << 3 | (uint64_t)state;
}
static inline uint64_t word_position(uint64_t word) {
    return word >> 16;
}
static inline uint32_t word_thread(uint64_t word) {
    return (uint32_t)(word >> 3) & 0x1FFFu;
}
static inline enum slot_state word_state(uint64_t word) {
    return (enum slot_state)(word & 7);
}

static inline struct ring_segment *ring_segment_at(struct ring *ring, uint64_t index) {
    return arena_at(atomic_load_explicit(&ring->segments[index], memory_order_acquire));
}
static inline uint64_t segment_index(const struct ring_segment *segment, uint64_t position) {
    return segment->mask != 0 ? position & segment->mask : position % segment->capacity;
}
static inline struct ring_slot *segment_slot(const struct ring *ring,
                                             struct ring_segment *segment, uint64_t index) {
    return (struct ring_slot *)(void *)(segment->slots + index * ring->stride);
}

/* The block that a slot keeps, 0 if none. Changed by nobody but who has claimed the slot. */
static inline arena_word *segment_kept(const struct ring *ring, struct ring_segment *segment,
                                       uint64_t index) {
    return (arena_word *)(void *)(segment->slots + segment->capacity * ring->stride) + index;
}
static inline uint64_t segment_size(const struct ring *ring, uint64_t capacity) {
    return sizeof(struct ring_segment) + capacity * (ring->stride + sizeof(arena_word));
}

/* Whose death would free a slot that is in the way. */
static inline void watch_slot_owner(struct watch *watch, uint64_t word) {
    enum slot_state state = word_state(word);
    if (watch != NULL &&
        (state == SLOT_CLAIM || state == SLOT_TAKE || state == SLOT_FREEING)) {
        watch_process(watch, atomic_load(&arena->threads[word_thread(word)].process));
        watch->brief = true;
    }
}

/* A message is about to be put back at this position of the head segment. Under the lock. */
static inline void note_redo(struct ring *ring, uint64_t position) {
    if (atomic_load(&ring->redo) <= position) {
        atomic_store(&ring->redo, position + 1);
    }
}

/* ring_segment.c. Appends a segment behind `tail` unless somebody has. */
int ring_grow(struct self *self, struct ring *ring, uint64_t tail);
/* Has a slot that this thread has claimed keep this block of its own in place of what it kept. */
void ring_keep(struct self *self, arena_word *kept, uint64_t block);
/* Leaves an empty head segment that has a follower. True: look again. */
bool ring_advance(struct self *self, struct ring *ring, uint64_t head, struct watch *watch);
/* Gives back the block that a slot in FREEING names (0: none), then frees the slot. Under the
   family's lock. If we die in between, the block's stamp tells that it has been given back. */
void ring_free_block(struct ring *ring, struct ring_slot *slot, uint64_t next_word);

/* ring_loan.c. In the claim of a slot whose message lies in a loan: the loan is the message's. */
void ring_send_loan(struct ring *ring, const struct ring_message *message,
                    const struct ring_slot *slot, uint64_t position);
/* Ends the loan of a message that has been read, if that is still to be done. */
void ring_end_loan(struct ring *ring, uint64_t ticket);
/* Keeps, or not, the memory of the message's loan, then ends it. Not under the lock. */
void ring_end_read_loan(struct self *self, struct ring *ring, uint64_t ticket);
/* Gives back all that was ever lent; may be cut short and called again. */
void ring_give_loans(struct self *self, struct ring *ring);

#endif
