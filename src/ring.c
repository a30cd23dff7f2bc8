/* The ring's two hot paths. ring.h tells how it works, and what a death leaves. */
#include "ring.h"

#include <string.h>

#include "ring_slot.h"

/* ---- put ---- */

/* Whether slots keep blocks for it. What has no segments only makes use of ring_prepare. */
static bool is_kept(struct ring *ring, size_t size) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return atomic_load_explicit(&ring->segments[0], memory_order_relaxed) != 0 &&
           size <= ring_segment_at(ring, tail)->keeps;
}

static int take_block(struct self *self, size_t size, uint64_t *block) {
    family_lock(self);
    int error = arena_take(size, BLOCK_MESSAGE, block);
    if (error != 0) {
        family_unlock(self);
        *block = 0;
        return error;
    }
    arena_own(*block, family_self());
    family_commit(self);
    return 0;
}

static void give_block(struct self *self, uint64_t *block) {
    if (*block != 0) {
        family_lock(self);
        arena_give(*block);
        family_commit(self);
        *block = 0;
    }
}

static int prepare_large(struct self *self, struct ring *ring, struct ring_message *message) {
    message->place = is_kept(ring, message->size) ? MESSAGE_KEPT : 0;
    if (message->place == MESSAGE_KEPT) {
        return 0;
    }
    int error = take_block(self, message->size, &message->block);
    if (error == 0) {
        memcpy(arena_at(message->block), message->data, message->size);
        message->stamp = atomic_load(&arena_block(message->block)->stamp);
    }
    return error;
}

int ring_prepare(struct self *self, struct ring *ring, struct ring_message *message) {
    if (message->size > ring->stride - SLOT_DATA) {
        return prepare_large(self, ring, message);
    }
    message->place = MESSAGE_IN_SLOT;
    return 0;
}

void ring_forget(struct self *self, struct ring_message *message) {
    give_block(self, &message->block);
    give_block(self, &message->spare);
}

static void mark_home(struct block *block, struct ring_slot *slot, uint64_t position) {
    atomic_store(&block->position, position);
    atomic_store(&block->home, arena_offset(slot));
}

static bool keeps_room(arena_word *kept, size_t size) {
    uint64_t block = atomic_load_explicit(kept, memory_order_relaxed);
    return block != 0 && size <= atomic_load_explicit(&arena_block(block)->size,
                                                      memory_order_relaxed) -
                                     BLOCK_HEADER;
}

/* Whether a message has no room, should it claim the slot of this position. */
static bool lacks_room(const struct ring *ring, struct ring_segment *segment,
                       uint64_t position, const struct ring_message *message) {
    return message->spare == 0 &&
           !keeps_room(segment_kept(ring, segment, segment_index(segment, position)),
                       message->size);
}

/* What the claimed slot of this position keeps, with room for the message. */
static uint64_t keep_room(struct self *self, const struct ring *ring,
                          struct ring_segment *segment, uint64_t position,
                          struct ring_message *message) {
    arena_word *kept = segment_kept(ring, segment, segment_index(segment, position));
    if (!keeps_room(kept, message->size)) {
        ring_keep(self, kept, message->spare);
        message->spare = 0;
    }
    return atomic_load_explicit(kept, memory_order_relaxed);
}

/* The slot is claimed: nobody else looks at what is written here before the commit. */
static void fill_slot(struct self *self, struct ring *ring, struct ring_segment *segment,
                      struct ring_slot *slot, uint64_t position, struct ring_message *message) {
    void *room = (unsigned char *)slot + SLOT_DATA;
    atomic_store_explicit(&slot->size_flags,
                          (uint64_t)message->size << 16 | message->flags | message->place,
                          memory_order_relaxed);
    /* If we die right behind the commit, the burier finds to whom these belong. */
    for (size_t i = 0; i < message->record_count; i++) {
        mark_home(arena_block(message->records[i]), slot, position);
    }
    if (message->place == 0 || message->place == MESSAGE_LOANED) {
        atomic_store_explicit(&slot->block, message->block, memory_order_relaxed);
        atomic_store_explicit(&slot->stamp, message->stamp, memory_order_relaxed);
        if (message->place == MESSAGE_LOANED) {
            ring_send_loan(ring, message, slot, position);
        } else {
            mark_home(arena_block(message->block), slot, position);
        }
        return;
    }
    if (message->place == MESSAGE_KEPT) {
        uint64_t block = keep_room(self, ring, segment, position, message);
        atomic_store_explicit(&slot->block, block, memory_order_relaxed);
        room = arena_at(block);
    }
    if (message->size > 0) {
        memcpy(room, message->data, message->size);
    }
}

static void move_hint(arena_word *hint, uint64_t position) {
    /* A plain store may bring an older position back; hints may lag. */
    if (atomic_load_explicit(hint, memory_order_relaxed) <= position) {
        atomic_store_explicit(hint, position + 1, memory_order_relaxed);
    }
}

enum put_result { PUT_DONE, PUT_FULL, PUT_SEALED, PUT_NO_ROOM };

/* word: what was found in the way. */
static enum put_result put_into(struct self *self, struct ring *ring,
                                struct ring_segment *segment,
                                struct ring_message *message, uint64_t *word) {
    uint32_t me = slot_index(self->reference);
    uint64_t position = atomic_load_explicit(&segment->put_hint, memory_order_relaxed);
    for (;;) {
        struct ring_slot *slot =
            segment_slot(ring, segment, segment_index(segment, position));
        uint64_t found = atomic_load_explicit(&slot->word, memory_order_acquire);
        uint64_t there = word_position(found);
        if (found == slot_word(position, 0, SLOT_FREE)) {
            /* If the claim succeeds, the slot still keeps what it does here. */
            if (message->place == MESSAGE_KEPT &&
                lacks_room(ring, segment, position, message)) {
                return PUT_NO_ROOM;
            }
            if (!atomic_compare_exchange_strong_explicit(
                    &slot->word, &found, slot_word(position, me, SLOT_CLAIM),
                    memory_order_acquire, memory_order_relaxed)) {
                continue;
            }
            move_hint(&segment->put_hint, position);
            fill_slot(self, ring, segment, slot, position, message);
            atomic_store_explicit(&slot->word, slot_word(position, 0, SLOT_FULL),
                                  memory_order_release);
            return PUT_DONE;
        }
        *word = found;
        if (word_state(found) == SLOT_SEALED) {
            return PUT_SEALED;
        }
        if (there < position) {
            return PUT_FULL;
        }
        uint64_t next =
            word_state(found) == SLOT_FREE ? there - segment->capacity + 1 : there + 1;
        position = (int64_t)(next - position) > 0 ? next : position + 1;
    }
}

static int put(struct self *self, struct ring *ring, struct ring_message *message,
               struct watch *watch) {
    for (;;) {
        uint64_t word = 0;
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        enum put_result result =
            put_into(self, ring, ring_segment_at(ring, tail), message, &word);
        if (result == PUT_DONE) {
            return 0;
        }
        if (result == PUT_FULL && ring->bounded) {
            watch_slot_owner(watch, word);
            return SPORK_EWOULDBLOCK;
        }
        int error = 0;
        if (result == PUT_FULL) {
            error = ring_grow(self, ring, tail);
        } else if (result == PUT_NO_ROOM) {
            error = take_block(self, message->size, &message->spare);
        }
        if (error != 0) {
            return error;
        }
    }
}

int ring_try_put(struct self *self, handle_id id, struct ring *ring,
                 struct ring_message *message, struct watch *watch) {
    sleep_busy(self, id);
    /* A block stays in this process's private list until it is given back; should the process
       die before that, its burier sees by the block's home that it is the message's. */
    int error = put(self, ring, message, watch);
    sleep_busy(self, 0);
    if (error == 0) {
        sleep_wake(&ring->readers, 1);
        if (message->place == MESSAGE_KEPT) {
            give_block(self, &message->spare); /* it was taken for another slot */
        }
    }
    return error;
}

/* ---- take ---- */

static void describe(struct ring_slot *slot, uint64_t position,
                     struct ring_segment *segment, struct ring_taken *taken) {
    uint64_t size_flags = atomic_load_explicit(&slot->size_flags, memory_order_relaxed);
    taken->slot = slot;
    taken->home = arena_offset(slot);
    taken->position = position;
    taken->capacity = segment->capacity;
    taken->size = (size_t)(size_flags >> 16);
    taken->flags = (uint32_t)(size_flags & 0xFFFFu);
    taken->data = (taken->flags & MESSAGE_IN_SLOT) != 0
                      ? (unsigned char *)slot + SLOT_DATA
                      : arena_at(atomic_load_explicit(&slot->block, memory_order_relaxed));
}

/* Delivers the lowest message up to the highest that was put back; none: no more redo. Which was
   put back is known, and it stays FULL until somebody takes it. What has been taken meanwhile
   is not: a reader that has walked past a message before it was put back leaves no trace before
   it takes the next one. The head is asked for under the lock: the segment of such a message
   cannot be left. */
static bool take_again(struct self *self, struct ring *ring, struct ring_taken *taken) {
    bool done = false;
    family_lock(self);
    uint64_t redo;
    while (!done && (redo = atomic_load(&ring->redo)) != 0) {
        struct ring_segment *segment = ring_segment_at(ring, atomic_load(&ring->head));
        uint64_t best = redo;
        struct ring_slot *slot = NULL;
        for (uint64_t i = 0; i < segment->capacity; i++) {
            uint64_t word = atomic_load(&segment_slot(ring, segment, i)->word);
            if (word_state(word) == SLOT_FULL && word_position(word) < best) {
                best = word_position(word);
                slot = segment_slot(ring, segment, i);
            }
        }
        if (slot == NULL) {
            atomic_store(&ring->redo, 0);
            break;
        }
        uint64_t expected = slot_word(best, 0, SLOT_FULL);
        done = atomic_compare_exchange_strong(
            &slot->word, &expected, slot_word(best, slot_index(self->reference), SLOT_TAKE));
        if (done) {
            describe(slot, best, segment, taken);
        }
    }
    family_unlock(self);
    return done;
}

static bool take_next(struct self *self, struct ring *ring, struct ring_segment *segment,
                      struct ring_taken *taken, uint64_t *word) {
    uint32_t me = slot_index(self->reference);
    uint64_t position = atomic_load_explicit(&segment->take_hint, memory_order_relaxed);
    for (;;) {
        struct ring_slot *slot =
            segment_slot(ring, segment, segment_index(segment, position));
        uint64_t found = atomic_load_explicit(&slot->word, memory_order_acquire);
        uint64_t there = word_position(found);
        enum slot_state state = word_state(found);
        bool unused = state == SLOT_FREE || state == SLOT_SEALED;
        if (found == slot_word(position, 0, SLOT_FULL)) {
            if (!atomic_compare_exchange_strong_explicit(
                    &slot->word, &found, slot_word(position, me, SLOT_TAKE),
                    memory_order_acquire, memory_order_relaxed)) {
                continue;
            }
            move_hint(&segment->take_hint, position);
            describe(slot, position, segment, taken);
            return true;
        }
        *word = found;
        if (there < position || (there == position && (unused || state == SLOT_CLAIM))) {
            return false;
        }
        uint64_t next = there - (unused ? 2 : 1) * segment->capacity + 1;
        position = (int64_t)(next - position) > 0 ? next : position + 1;
    }
}

int ring_try_take(struct self *self, handle_id id, struct ring *ring,
                  struct ring_taken *taken, struct watch *watch) {
    sleep_busy(self, id);
    for (;;) {
        uint64_t word = 0;
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        struct ring_segment *segment = ring_segment_at(ring, head);
        if (atomic_load_explicit(&ring->redo, memory_order_acquire) != 0 &&
            take_again(self, ring, taken)) {
            return 0;
        }
        if (take_next(self, ring, segment, taken, &word)) {
            return 0;
        }
        watch_slot_owner(watch, word);
        if (!ring_advance(self, ring, head, watch)) {
            break;
        }
    }
    sleep_busy(self, 0);
    return SPORK_EWOULDBLOCK;
}

/* Whether a reader would find something: a hint, for calls that cost little to repeat. */
static bool looks_ready(struct ring *ring) {
    struct ring_segment *segment =
        ring_segment_at(ring, atomic_load_explicit(&ring->head, memory_order_relaxed));
    uint64_t position = atomic_load_explicit(&segment->take_hint, memory_order_relaxed);
    struct ring_slot *slot = segment_slot(ring, segment, segment_index(segment, position));
    return atomic_load_explicit(&slot->word, memory_order_relaxed) ==
           slot_word(position, 0, SLOT_FULL);
}

/* Of a slot in FREEING. */
static void free_block(struct self *self, struct ring *ring, const struct ring_taken *taken,
                       uint64_t next_word) {
    struct ring_slot *slot = taken->slot;
    if ((taken->flags & MESSAGE_LOANED) != 0) {
        ring_end_read_loan(self, ring, atomic_load(&slot->stamp));
        atomic_store_explicit(&slot->word, next_word, memory_order_release);
        return;
    }
    family_lock(self);
    ring_free_block(ring, slot, next_word);
    family_unlock(self);
}

void ring_finish(struct self *self, struct ring *ring, struct ring_taken *taken) {
    struct ring_slot *slot = taken->slot;
    uint32_t me = slot_index(self->reference);
    uint64_t next = slot_word(taken->position + taken->capacity, 0, SLOT_FREE);
    if ((taken->flags & (MESSAGE_IN_SLOT | MESSAGE_KEPT | MESSAGE_OURS)) != 0) {
        atomic_store_explicit(&slot->word, next, memory_order_release);
    } else {
        atomic_store_explicit(&slot->word, slot_word(taken->position, me, SLOT_FREEING),
                              memory_order_release);
        free_block(self, ring, taken, next);
    }
    sleep_busy(self, 0);
    if (ring->bounded) {
        sleep_wake(&ring->writers, 1);
    }
    /* Calls on: one reader that was woken for two messages leaves the second to another, and
       a segment that this was the last message of can be left now. */
    if ((atomic_load_explicit(&ring->readers.tickets, memory_order_relaxed) & 1) != 0 &&
        (looks_ready(ring) || atomic_load_explicit(&ring->head, memory_order_relaxed) !=
                                  atomic_load_explicit(&ring->tail, memory_order_relaxed))) {
        sleep_wake(&ring->readers, 1);
    }
}

void ring_return(struct self *self, struct ring *ring, struct ring_taken *taken) {
    struct ring_slot *slot = taken->slot;
    /* First the word to look behind the hint, then the message: as in a recovery. Under the
       lock, since take_again takes the word away when it finds no such message. */
    family_lock(self);
    note_redo(ring, taken->position);
    atomic_store(&slot->word, slot_word(taken->position, 0, SLOT_FULL));
    family_unlock(self);
    sleep_busy(self, 0);
    sleep_wake(&ring->readers, 1);
}
