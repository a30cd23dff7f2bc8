/* Loans: memory for messages that are written, and read, where they lie.

   A loan is a block that goes from hand to hand: it is lent to who fills it in, is then the
   message's, then lent to who reads it, and then nobody's until it is lent again. So neither is
   it allocated for each message, nor is the family's lock needed. Who has it is said by one word
   in the ring's table of loans, generation:48 | sent:1 | holder:15:

       0          nobody's
       p          process p (its slot's index + 1) has it for itself
       sent, p    p has put it into the ring: it is the message's

   The generation rises with each loan; it and the loan's index are the ticket, which the slot of
   the message has in place of its block's stamp.

   If the process dies between any two lines: what it had is given back when it is seen to hold
   the ring no more (ring_mourn_loans), unless the slot at `home` says that it is a message's:
   with this ticket, and from its commit until it has been read. A reader makes the loan its own,
   or nobody's, before it frees the slot; so as long as the word names a dead process and the
   slot says so, the next reader will find it. Whose turn it is to end a loan is settled by
   compare-and-swap with its generation. The block of a loan that nobody has stays with its
   entry, and is replaced, by who has the loan, when a larger one is needed.

   Where the table is full, or there is no ring, a loan is a block in the process's private list:
   then each step takes the family's lock, and the list says whose it is (ticket 0). */
#include "ring_slot.h"

#include <string.h>

/* A line of the cache each: what writer and reader need to know of a loan travels at once. */
struct loan {
    _Alignas(64) arena_word word;
    arena_word block, room;          /* 0: none yet; changed by who has the loan */
    _Atomic uint64_t home, position; /* of its message, last; as in struct block */
};

struct loan_table {
    arena_word used; /* entries that ever had a block */
    arena_word room; /* of all of them */
    _Alignas(64) _Atomic uint64_t next; /* where to look first: what was lent longest ago */
    struct loan loans[RING_LOANS];
};

enum { GENERATION_SHIFT = 16, TICKET_SHIFT = 8, SENT = 0x8000, HOLDER = 0x7FFF };

static uint64_t me(void) {
    return slot_index(family_self()) + 1;
}

static struct loan_table *table_of(struct ring *ring) {
    uint64_t offset = atomic_load_explicit(&ring->loans, memory_order_acquire);
    return offset == 0 ? NULL : arena_at(offset);
}

static uint64_t ticket_of(uint64_t word, uint64_t index) {
    return (word >> GENERATION_SHIFT) << TICKET_SHIFT | (index + 1);
}

/* The loan of a ticket, and its word with nobody as its holder; NULL: there is none such. */
static struct loan *find(struct ring *ring, uint64_t ticket, uint64_t *unheld) {
    struct loan_table *table = table_of(ring);
    uint64_t index = (ticket & (((uint64_t)1 << TICKET_SHIFT) - 1)) - 1;
    *unheld = (ticket >> TICKET_SHIFT) << GENERATION_SHIFT;
    bool fits = *unheld >> GENERATION_SHIFT == ticket >> TICKET_SHIFT;
    return table == NULL || index >= RING_LOANS || !fits ? NULL : &table->loans[index];
}

/* ---- lending ---- */

static int open_table(struct self *self, struct ring *ring) {
    uint64_t offset;
    family_lock(self);
    if (atomic_load(&ring->loans) != 0) {
        family_unlock(self);
        return 0;
    }
    int error = arena_take(sizeof(struct loan_table), BLOCK_PLAIN, &offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    memset(arena_at(offset), 0, sizeof(struct loan_table));
    arena_set(&ring->loans, offset);
    family_commit(self);
    return 0;
}

/* Makes a loan this process's if nobody has it. */
static bool seize(struct loan *loan, uint64_t *word) {
    *word = atomic_load_explicit(&loan->word, memory_order_relaxed);
    uint64_t taken = ((*word >> GENERATION_SHIFT) + 1) << GENERATION_SHIFT | me();
    bool done = (*word & HOLDER) == 0 &&
                atomic_compare_exchange_strong_explicit(&loan->word, word, taken,
                                                        memory_order_acquire,
                                                        memory_order_relaxed);
    *word = done ? taken : *word;
    return done;
}

static void describe(struct loan_table *table, uint64_t index, uint64_t word,
                     struct ring_loan *lent) {
    lent->block = atomic_load_explicit(&table->loans[index].block, memory_order_relaxed);
    lent->ticket = ticket_of(word, index);
}

/* One whose block is there already. */
static bool lend_again(struct loan_table *table, size_t size, struct ring_loan *lent) {
    uint64_t used = atomic_load_explicit(&table->used, memory_order_relaxed);
    uint64_t next = atomic_load_explicit(&table->next, memory_order_relaxed);
    for (uint64_t i = 0; i < used; i++) {
        uint64_t index = (next + i) % used;
        struct loan *loan = &table->loans[index];
        uint64_t word;
        /* Its block changes only while somebody has it: if it can be seized, it has this room,
           unless it was lent and given back since. */
        if (size > atomic_load_explicit(&loan->room, memory_order_relaxed) ||
            !seize(loan, &word)) {
            continue;
        }
        if (size > atomic_load_explicit(&loan->room, memory_order_relaxed)) {
            atomic_store_explicit(&loan->word, word & ~(uint64_t)HOLDER, memory_order_release);
            continue;
        }
        atomic_store_explicit(&table->next, index + 1, memory_order_relaxed);
        describe(table, index, word, lent);
        return true;
    }
    return false;
}

/* In place of the block that the loan has, if any; size 0: in place of it none. */
static int replace_block(struct self *self, struct loan_table *table, struct loan *loan,
                         size_t size) {
    uint64_t block = 0;
    uint64_t room = 0;
    uint64_t used = (uint64_t)(loan - table->loans) + 1;
    family_lock(self);
    if (size > 0) {
        int error = arena_take(size, BLOCK_MESSAGE, &block);
        if (error != 0) {
            family_unlock(self);
            return error;
        }
        room = arena_get(&arena_block(block)->size) - BLOCK_HEADER;
    }
    if (atomic_load(&loan->block) != 0) {
        arena_give(atomic_load(&loan->block));
    }
    arena_set(&table->room, atomic_load(&table->room) - atomic_load(&loan->room) + room);
    arena_set(&loan->block, block);
    arena_set(&loan->room, room);
    if (used > atomic_load(&table->used)) {
        arena_set(&table->used, used);
    }
    family_commit(self);
    return 0;
}

/* One with a new block; true with *error 0 when there was one to be had. */
static bool lend_new(struct self *self, struct loan_table *table, size_t size,
                     struct ring_loan *lent, int *error) {
    for (uint64_t index = 0; index < RING_LOANS; index++) {
        uint64_t word;
        if (!seize(&table->loans[index], &word)) {
            continue;
        }
        *error = size <= atomic_load_explicit(&table->loans[index].room, memory_order_relaxed)
                     ? 0
                     : replace_block(self, table, &table->loans[index], size);
        if (*error != 0) {
            atomic_store_explicit(&table->loans[index].word, word & ~(uint64_t)HOLDER,
                                  memory_order_release);
        } else {
            describe(table, index, word, lent);
        }
        return true;
    }
    return false;
}

static int lend_private(struct self *self, size_t size, struct ring_loan *lent) {
    lent->ticket = 0;
    family_lock(self);
    int error = arena_take(size, BLOCK_MESSAGE, &lent->block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_own(lent->block, family_self());
    family_commit(self);
    return 0;
}

int ring_lend(struct self *self, struct ring *ring, size_t size, struct ring_loan *lent) {
    int error = 0;
    size = size == 0 ? 1 : size; /* nobody lends what has no block */
    if (atomic_load_explicit(&ring->segments[0], memory_order_relaxed) == 0) {
        return lend_private(self, size, lent);
    }
    struct loan_table *table = table_of(ring);
    if (table == NULL) {
        error = open_table(self, ring);
        if (error != 0) {
            return error;
        }
        table = table_of(ring);
    }
    if (lend_again(table, size, lent) || lend_new(self, table, size, lent, &error)) {
        return error;
    }
    return lend_private(self, size, lent);
}

/* ---- whose it is ---- */

/* A private block of this process that is not in a ring. */
static bool has_private(uint64_t offset, size_t *room) {
    if (!arena_valid_block(offset)) {
        return false;
    }
    struct block *block = arena_block(offset);
    uint64_t home = atomic_load(&block->home);
    *room = (size_t)atomic_load(&block->size) - BLOCK_HEADER;
    return atomic_load(&block->state) == BLOCK_MESSAGE &&
           atomic_load(&block->owner) == family_self() &&
           (home == 0 || !ring_message_lives(home, atomic_load(&block->position), offset));
}

bool ring_has_loan(struct ring *ring, const struct ring_loan *lent, size_t *room) {
    uint64_t unheld;
    if (lent->ticket == 0) {
        return has_private(lent->block, room);
    }
    struct loan *loan = find(ring, lent->ticket, &unheld);
    if (loan == NULL ||
        atomic_load_explicit(&loan->word, memory_order_relaxed) != (unheld | me()) ||
        atomic_load_explicit(&loan->block, memory_order_relaxed) != lent->block) {
        return false;
    }
    *room = (size_t)atomic_load_explicit(&loan->room, memory_order_relaxed);
    return true;
}

/* ---- with a message ---- */

struct ring_message ring_message_of_loan(const struct ring_loan *lent, size_t size) {
    struct ring_message message = {.size = size,
                                   .flags = MESSAGE_RAW,
                                   .place = MESSAGE_LOANED,
                                   .block = lent->block,
                                   .stamp = lent->ticket};
    if (lent->ticket == 0) {
        message.place = 0;
        message.stamp = atomic_load(&arena_block(lent->block)->stamp);
    }
    return message;
}

void ring_send_loan(struct ring *ring, const struct ring_message *message,
                    const struct ring_slot *slot, uint64_t position) {
    uint64_t unheld;
    struct loan *loan = find(ring, message->stamp, &unheld);
    atomic_store_explicit(&loan->home, arena_offset(slot), memory_order_relaxed);
    atomic_store_explicit(&loan->position, position, memory_order_relaxed);
    /* Seen by who sees the commit that follows. Before it, the slot does not claim the loan. */
    atomic_store_explicit(&loan->word, unheld | SENT | me(), memory_order_relaxed);
}

int ring_own(struct self *self, struct ring *ring, struct ring_taken *taken,
             struct ring_loan *lent) {
    struct ring_slot *slot = taken->slot;
    if ((taken->flags & (MESSAGE_IN_SLOT | MESSAGE_KEPT)) != 0) {
        int error = ring_lend(self, ring, taken->size, lent);
        if (error == 0 && taken->size > 0) {
            memcpy(arena_at(lent->block), taken->data, taken->size);
        }
        return error;
    }
    lent->block = atomic_load_explicit(&slot->block, memory_order_relaxed);
    lent->ticket = 0;
    if ((taken->flags & MESSAGE_LOANED) != 0) {
        uint64_t unheld;
        lent->ticket = atomic_load_explicit(&slot->stamp, memory_order_relaxed);
        struct loan *loan = find(ring, lent->ticket, &unheld);
        /* Before the slot is freed: see above. */
        atomic_store_explicit(&loan->word, unheld | me(), memory_order_release);
    } else {
        family_lock(self);
        arena_disown(lent->block);
        arena_own(lent->block, family_self());
        family_commit(self);
    }
    taken->flags |= MESSAGE_OURS;
    return 0;
}

/* ---- the end of a loan ---- */

void ring_end_loan(struct ring *ring, uint64_t ticket) {
    uint64_t unheld;
    struct loan *loan = find(ring, ticket, &unheld);
    uint64_t word = loan == NULL ? 0 : atomic_load_explicit(&loan->word, memory_order_relaxed);
    while ((word & HOLDER) != 0 && (word & ~(uint64_t)(HOLDER | SENT)) == unheld &&
           !atomic_compare_exchange_weak_explicit(&loan->word, &word, unheld,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

void ring_end_read_loan(struct self *self, struct ring *ring, uint64_t ticket) {
    uint64_t unheld;
    struct loan *loan = find(ring, ticket, &unheld);
    struct loan_table *table = table_of(ring);
    if (loan != NULL &&
        atomic_load_explicit(&table->room, memory_order_relaxed) > RING_LOANED_IN_ALL) {
        (void)replace_block(self, table, loan, 0);
    }
    ring_end_loan(ring, ticket);
}

void ring_give_loan(struct self *self, struct ring *ring, const struct ring_loan *lent) {
    if (lent->ticket != 0) {
        ring_end_read_loan(self, ring, lent->ticket);
        return;
    }
    family_lock(self);
    arena_give(lent->block);
    family_commit(self);
}

/* Whether a loan that was sent is a message's, which can still be read. */
static bool is_message(const struct loan *loan, uint64_t ticket) {
    uint64_t home = atomic_load(&loan->home);
    if (atomic_load(&loan->block) == 0 || home == 0) {
        return false;
    }
    struct ring_slot *slot = arena_at(home);
    return atomic_load(&slot->stamp) == ticket &&
           ring_message_lives(home, atomic_load(&loan->position), atomic_load(&loan->block));
}

void ring_mourn_loans(struct ring *ring, slot_reference process) {
    struct loan_table *table = table_of(ring);
    uint64_t holder = slot_index(process) + 1;
    for (uint64_t i = 0; table != NULL && i < RING_LOANS; i++) {
        struct loan *loan = &table->loans[i];
        uint64_t word = atomic_load(&loan->word);
        if ((word & HOLDER) == holder && !is_message(loan, ticket_of(word, i))) {
            uint64_t unheld = word & ~(uint64_t)(HOLDER | SENT);
            atomic_compare_exchange_strong(&loan->word, &word, unheld);
        }
    }
}

void ring_give_loans(struct self *self, struct ring *ring) {
    struct loan_table *table = table_of(ring);
    if (table == NULL) {
        return;
    }
    for (uint64_t i = 0; i < RING_LOANS; i++) {
        if (atomic_load(&table->loans[i].block) != 0) {
            (void)replace_block(self, table, &table->loans[i], 0);
        }
    }
    family_lock(self);
    arena_give(atomic_load(&ring->loans));
    arena_set(&ring->loans, 0);
    family_commit(self);
}
