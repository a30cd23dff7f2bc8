/* The ring's cold paths: segments, counting, and putting right what the dead left. */
#include "ring.h"

#include "codec.h"
#include "handle_table.h"
#include "ring_slot.h"

/* ---- segments ---- */

/* A segment with its slots' first words, private to this process until it is linked in. */
static int make_segment(struct self *self, struct ring *ring, uint64_t capacity,
                        uint64_t *offset) {
    if (capacity > arena->size / ring->stride) {
        return error_set(SPORK_ENOSPACE, "%llu slots of %llu bytes do not fit",
                         (unsigned long long)capacity, (unsigned long long)ring->stride);
    }
    family_lock(self);
    int error = arena_take(segment_size(ring, capacity), BLOCK_PLAIN, offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_own(*offset, family_self());
    family_commit(self);
    struct ring_segment *segment = arena_at(*offset);
    segment->capacity = capacity;
    segment->mask = (capacity & (capacity - 1)) == 0 && capacity > 1 ? capacity - 1 : 0;
    segment->keeps = RING_KEPT_IN_ALL / capacity;
    segment->keeps = segment->keeps < RING_KEPT ? segment->keeps : RING_KEPT;
    atomic_store(&segment->put_hint, 0);
    atomic_store(&segment->take_hint, 0);
    for (uint64_t i = 0; i < capacity; i++) {
        struct ring_slot *slot = segment_slot(ring, segment, i);
        atomic_store_explicit(&slot->word, slot_word(i, 0, SLOT_FREE), memory_order_relaxed);
        atomic_store_explicit(segment_kept(ring, segment, i), 0, memory_order_relaxed);
    }
    return 0;
}

int ring_open(struct self *self, struct ring *ring, uint64_t capacity, size_t item_size) {
    enum { LINE = 64 };
    size_t room = item_size == 0 ? RING_INLINE : item_size;
    uint64_t offset;
    if (room > (size_t)1 << 30) {
        return error_set(SPORK_EINVAL, "an item_size of %zu bytes is too large", room);
    }
    /* Lines of the cache of their own, but for the smallest: two of these are worth more in one
       line, which travels between processors once. */
    ring->stride = room + SLOT_DATA <= sizeof(struct ring_slot)
                       ? sizeof(struct ring_slot)
                       : (room + SLOT_DATA + LINE - 1) / LINE * LINE;
    ring->bounded = capacity > 0;
    int error = make_segment(self, ring, capacity > 0 ? capacity : RING_FIRST, &offset);
    if (error != 0) {
        return error;
    }
    family_lock(self);
    arena_disown(offset);
    arena_set(&ring->segments[0], offset);
    family_commit(self);
    return 0;
}

int ring_grow(struct self *self, struct ring *ring, uint64_t tail) {
    uint64_t offset;
    uint64_t capacity = ring_segment_at(ring, tail)->capacity;
    if (atomic_load(&ring->tail) != tail) {
        return 0;
    }
    if (tail + 1 == RING_SEGMENTS) {
        return error_set(SPORK_ENOSPACE, "the queue cannot grow any more");
    }
    int error = make_segment(self, ring, capacity * 4, &offset);
    if (error != 0) {
        return error;
    }
    family_lock(self);
    if (atomic_load(&ring->tail) == tail) {
        arena_disown(offset);
        arena_set(&ring->segments[tail + 1], offset);
        arena_set(&ring->tail, tail + 1);
    } else {
        arena_give(offset);
    }
    family_commit(self);
    return 0;
}

/* Seals one slot; false when it is in use. */
static bool seal(struct ring_slot *slot, struct watch *watch) {
    uint64_t word = atomic_load(&slot->word);
    while (word_state(word) == SLOT_FREE) {
        uint64_t sealed = slot_word(word_position(word), 0, SLOT_SEALED);
        if (atomic_compare_exchange_weak(&slot->word, &word, sealed)) {
            return true;
        }
    }
    watch_slot_owner(watch, word);
    return word_state(word) == SLOT_SEALED;
}

/* Nobody puts into the segment any more, and nothing is in it. */
static void give_kept(struct self *self, struct ring *ring, uint64_t offset) {
    struct ring_segment *segment = arena_at(offset);
    for (uint64_t i = 0; i < segment->capacity; i++) {
        arena_word *kept = segment_kept(ring, segment, i);
        if (atomic_load(kept) != 0) {
            family_lock(self);
            if (atomic_load(kept) != 0) {
                arena_give(atomic_load(kept));
                arena_set(kept, 0);
            }
            family_commit(self);
        }
    }
}

bool ring_advance(struct self *self, struct ring *ring, uint64_t head, struct watch *watch) {
    if (head == atomic_load_explicit(&ring->tail, memory_order_acquire)) {
        return false;
    }
    struct ring_segment *segment = ring_segment_at(ring, head);
    for (uint64_t i = 0; i < segment->capacity; i++) {
        struct ring_slot *slot = segment_slot(ring, segment, i);
        if (!seal(slot, watch)) {
            /* Somebody put into it at the last moment: look again. */
            return word_state(atomic_load(&slot->word)) == SLOT_FULL;
        }
    }
    uint64_t expected = head;
    if (atomic_compare_exchange_strong(&ring->head, &expected, head + 1)) {
        /* If we die in here, what is left goes with the ring. */
        give_kept(self, ring, atomic_load(&ring->segments[head]));
    }
    return true;
}

void ring_keep(struct self *self, arena_word *kept, uint64_t block) {
    family_lock(self);
    if (atomic_load(kept) != 0) {
        arena_give(atomic_load(kept));
    }
    arena_disown(block);
    arena_set(kept, block);
    family_commit(self);
}

void ring_free_block(struct ring *ring, struct ring_slot *slot, uint64_t next_word) {
    uint64_t offset = atomic_load(&slot->block);
    uint64_t stamp = atomic_load(&slot->stamp);
    if ((atomic_load(&slot->size_flags) & MESSAGE_LOANED) != 0) {
        ring_end_loan(ring, offset == 0 ? 0 : stamp);
    } else if (offset != 0 && atomic_load(&arena_block(offset)->stamp) == stamp &&
               atomic_load(&arena_block(offset)->state) == BLOCK_MESSAGE) {
        arena_give(offset);
        arena_commit();
    }
    /* Not in the transaction: one whose writer died is stored again by the next who takes the
       lock, and by then others, who do not need the lock, may have put something here. */
    atomic_store_explicit(&slot->word, next_word, memory_order_release);
}

/* ---- counting ---- */

static uint64_t count_all(struct ring *ring, struct ring_segment *segment) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < segment->capacity; i++) {
        enum slot_state state =
            word_state(atomic_load(&segment_slot(ring, segment, i)->word));
        count += state == SLOT_FULL || state == SLOT_TAKE;
    }
    return count;
}

/* From the hint on to the first position that nobody has put. */
static uint64_t count_window(struct ring *ring, struct ring_segment *segment) {
    uint64_t count = 0;
    uint64_t position = atomic_load(&segment->take_hint);
    for (uint64_t i = 0; i < segment->capacity; i++, position++) {
        struct ring_slot *slot =
            segment_slot(ring, segment, segment_index(segment, position));
        uint64_t word = atomic_load(&slot->word);
        enum slot_state state = word_state(word);
        bool unused = state == SLOT_FREE || state == SLOT_SEALED;
        if (word_position(word) == position && unused) {
            break;
        }
        count += state == SLOT_FULL;
    }
    return count;
}

uint64_t ring_count(struct ring *ring) {
    uint64_t count = 0;
    bool redo = atomic_load(&ring->redo) != 0;
    uint64_t tail = atomic_load(&ring->tail);
    for (uint64_t i = atomic_load(&ring->head); i <= tail; i++) {
        struct ring_segment *segment = ring_segment_at(ring, i);
        count += redo ? count_all(ring, segment) : count_window(ring, segment);
    }
    return count;
}

bool ring_ready(struct ring *ring) {
    struct ring_segment *segment = ring_segment_at(ring, atomic_load(&ring->head));
    uint64_t position = atomic_load(&segment->take_hint);
    struct ring_slot *slot = segment_slot(ring, segment, segment_index(segment, position));
    return atomic_load(&slot->word) == slot_word(position, 0, SLOT_FULL) ||
           ring_count(ring) > 0;
}

bool ring_message_lives(uint64_t home, uint64_t position, uint64_t offset) {
    struct ring_slot *slot = arena_at(home);
    uint64_t word = atomic_load(&slot->word);
    enum slot_state state = word_state(word);
    /* A record belongs to a message as long as that can be taken, again if need be; a block
       until it has been given back. */
    bool is_hold = atomic_load(&arena_block(offset)->state) == BLOCK_HOLD;
    bool mine = is_hold || atomic_load(&slot->block) == offset;
    return word_position(word) == position && mine &&
           (state == SLOT_FULL || state == SLOT_TAKE || (state == SLOT_FREEING && !is_hold));
}

bool ring_full(struct ring *ring) {
    if (!ring->bounded) {
        return false;
    }
    struct ring_segment *segment = ring_segment_at(ring, 0);
    for (uint64_t i = 0; i < segment->capacity; i++) {
        if (word_state(atomic_load(&segment_slot(ring, segment, i)->word)) == SLOT_FREE) {
            return false;
        }
    }
    return true;
}

uint64_t ring_puts(struct ring *ring) {
    uint64_t puts = 0;
    uint64_t tail = atomic_load(&ring->tail);
    for (uint64_t s = 0; s <= tail; s++) {
        struct ring_segment *segment = ring_segment_at(ring, s);
        for (uint64_t i = 0; i < segment->capacity; i++) {
            uint64_t word = atomic_load(&segment_slot(ring, segment, i)->word);
            enum slot_state state = word_state(word);
            bool committed =
                state == SLOT_FULL || state == SLOT_TAKE || state == SLOT_FREEING;
            puts += word_position(word) / segment->capacity + committed;
        }
    }
    return puts - atomic_load(&ring->holes);
}

/* ---- after a death ---- */

static void mourn_slot(struct ring *ring, struct ring_segment *segment,
                       struct ring_slot *slot, uint64_t word) {
    uint64_t position = word_position(word);
    uint64_t next = slot_word(position + segment->capacity, 0, SLOT_FREE);
    switch (word_state(word)) {
    case SLOT_CLAIM: /* its position will never be: a hole, counted in the same step */
        arena_set(&slot->block, 0);
        arena_set(&slot->word, slot_word(position, word_thread(word), SLOT_FREEING));
        arena_set(&ring->holes, atomic_load(&ring->holes) + 1);
        arena_commit();
        ring_free_block(ring, slot, next);
        break;
    case SLOT_TAKE: /* to be delivered once more, perhaps behind the hint */
        note_redo(ring, position);
        atomic_store(&slot->word, slot_word(position, 0, SLOT_FULL));
        break;
    case SLOT_FREEING:
        ring_free_block(ring, slot, next);
        break;
    default:
        break;
    }
}

bool ring_was_taking(struct ring *ring, slot_reference thread) {
    uint64_t tail = atomic_load(&ring->tail);
    for (uint64_t s = atomic_load(&ring->head); s <= tail; s++) {
        struct ring_segment *segment = ring_segment_at(ring, s);
        for (uint64_t i = 0; i < segment->capacity; i++) {
            uint64_t word = atomic_load(&segment_slot(ring, segment, i)->word);
            if (word_state(word) == SLOT_TAKE && word_thread(word) == slot_index(thread)) {
                return true;
            }
        }
    }
    return false;
}

void ring_mourn(struct self *self, handle_id id, struct ring *ring, slot_reference thread) {
    uint32_t dead = slot_index(thread);
    family_lock(self);
    /* A ring that is not open yet, or was destroyed already, has nothing to put right. */
    if (!table_valid(id) || sleep_thread_gone(thread) ||
        atomic_load(&ring->segments[0]) == 0) {
        family_unlock(self);
        return;
    }
    uint64_t tail = atomic_load(&ring->tail);
    for (uint64_t s = atomic_load(&ring->head); s <= tail; s++) {
        struct ring_segment *segment = ring_segment_at(ring, s);
        for (uint64_t i = 0; i < segment->capacity; i++) {
            struct ring_slot *slot = segment_slot(ring, segment, i);
            uint64_t word = atomic_load(&slot->word);
            if (word_thread(word) == dead) {
                mourn_slot(ring, segment, slot, word);
            }
        }
    }
    family_unlock(self);
    sleep_wake(&ring->readers, SLEEP_ALL);
    sleep_wake(&ring->writers, SLEEP_ALL);
}

/* ---- the end ---- */

/* Handles inside of messages that nobody will receive are let go by receiving them here. */
static void drop_messages(struct self *self, handle_id id, struct ring *ring) {
    struct ring_taken taken;
    while (ring_try_take(self, id, ring, &taken, NULL) == 0) {
        spork_value value = spork_nil();
        bool has_value = (taken.flags & MESSAGE_HANDLES) != 0 &&
                         codec_decode(&value, taken.data, taken.size, &handle_receiver) == 0;
        /* Before the handles go: the last one of another ring's takes this thread there. */
        ring_finish(self, ring, &taken);
        if (has_value) {
            spork_value_free(&value);
        }
    }
}

void ring_destroy(struct self *self, handle_id id, struct ring *ring) {
    if (atomic_load(&ring->segments[0]) == 0) {
        return;
    }
    drop_messages(self, id, ring);
    ring_give_loans(self, ring);
    /* From here on the first segment, which goes last, is the one to look into. */
    family_lock(self);
    arena_set(&ring->head, 0);
    arena_set(&ring->tail, 0);
    family_commit(self);
    for (uint64_t i = RING_SEGMENTS; i > 0; i--) {
        uint64_t offset = atomic_load(&ring->segments[i - 1]);
        if (offset != 0) {
            give_kept(self, ring, offset);
            family_lock(self);
            arena_give(offset);
            arena_set(&ring->segments[i - 1], 0);
            family_commit(self);
        }
    }
}
