/* Rank 8: a crash-safe ring of messages in the arena, for any number of writers and readers:
   what queues and, where the system has no better, pipes are made of.

   Source: the bounded queue with a sequence in each slot of D. Vyukov, changed so that slot
   words are the only truth: a slot begins with one 64-bit word, position:48 | thread:13 |
   state:3. A claim and its owner appear in one compare-and-swap, so there is never a claim of
   nobody; the positions to put and get next are hints that may lag behind.

       FREE(p)     nobody's; position p can be put here
       CLAIM(p,t)  thread t is writing position p
       FULL(p)     committed: survives everybody
       TAKE(p,t)   thread t is reading it
       FREEING(p,t) read, that is committed too; t gives its block back
       SEALED(p)   as FREE(p), but this segment takes no more

   If the writer dies between any two lines: in CLAIM nothing was put (the position becomes a
   hole), from FULL on it was. If the reader dies: in TAKE the message is FULL again, and will
   be found by the redo path even behind the hint; from FREEING or FREE on it was read.

   Where a message lies:

   MESSAGE_IN_SLOT  up to the slot's room (item_size): in it.
   MESSAGE_KEPT     up to segment->keeps: in a heap block that the slot keeps from message to
                    message, so that who puts, and gets, does not come by the family's lock. A
                    slot that keeps none, or too small a one, is not claimed before the writer has
                    a spare block, which the slot then keeps in its place; a spare that another
                    slot turns out not to need is given back after the put.
   MESSAGE_LOANED   put in place: in a loan, a block that goes from hand to hand. See ring_loan.c.
   0                the largest: in a block of its own, filled before there is a claim. It stays
                    in the private list of the writer's process until it is given back: if that
                    process dies from the commit on, its burier finds by the block's home that it
                    is the message's.

   A ring with a bound is one segment of exactly that many slots.
   One without grows: a full segment is followed by one four times as large; readers seal
   and leave a segment when it is empty and has a follower, so what one writer put stays in
   its order. Left segments are kept till the end (together they are a third of the last), but
   not the blocks of their slots. */
#ifndef SRC_RING_H
#define SRC_RING_H

#include "handle.h"

enum {
    RING_SEGMENTS = 16,
    RING_FIRST = 64,
    RING_INLINE = 112,
    /* Bytes of messages for which a slot keeps a block: of one, and of those of a segment. */
    RING_KEPT = 16384,
    RING_KEPT_IN_ALL = 1 << 22,
    /* Loans of a ring at one time that need no lock, and bytes of those that it keeps. */
    RING_LOANS = 64,
    RING_LOANED_IN_ALL = 1 << 26
};

enum message_flag {
    MESSAGE_RAW = 1,     /* bytes, not an encoded value */
    MESSAGE_HANDLES = 2, /* an encoded value with handles in it */
    MESSAGE_IN_SLOT = 4, /* where it lies: see above */
    MESSAGE_KEPT = 8,
    MESSAGE_LOANED = 16,
    MESSAGE_OURS = 32 /* of one that was taken: its block is this process's; see ring_own */
};

struct ring {
    uint64_t stride;  /* bytes of a slot */
    uint64_t bounded; /* 1: one segment only */
    arena_word segments[RING_SEGMENTS];
    arena_word head, tail; /* segments that are read, and put into */
    arena_word holes;      /* positions whose writer died */
    arena_word redo;       /* 0, or behind the last position whose message was put back */
    arena_word loans;      /* a struct loan_table; 0: nothing was put in place yet */
    struct waiters readers, writers;
};

/* A message on its way into a ring. */
struct ring_message {
    const void *data;
    size_t size;
    uint32_t flags;
    const uint64_t *records; /* of the handles in it */
    size_t record_count;
    uint32_t place; /* MESSAGE_IN_SLOT, MESSAGE_KEPT, MESSAGE_LOANED, or 0 */
    uint64_t block; /* of its own, or the loan's, filled already */
    uint64_t stamp; /* of that block; or the loan's ticket */
    uint64_t spare; /* MESSAGE_KEPT: for the slot to keep */
};

/* Memory for a message that one process has for itself. */
struct ring_loan {
    uint64_t block;
    uint64_t ticket; /* which of the ring's, and the how manieth time; 0: a private block */
};

/* A message on its way out: its slot is held in TAKE. */
struct ring_taken {
    const void *data;
    size_t size;
    uint32_t flags;
    void *slot;
    uint64_t home; /* offset of the slot; 0: it is not in a ring */
    uint64_t position;
    uint64_t capacity; /* of the segment */
};

/* Fills in a zeroed struct ring. capacity 0: without a bound. Allocates the first segment, in
   a transaction of its own. Errors: SPORK_ENOSPACE. */
int ring_open(struct self *self, struct ring *ring, uint64_t capacity, size_t item_size);
/* Gives back the segments and all messages; may be cut short and called again. */
void ring_destroy(struct self *self, handle_id id, struct ring *ring);

/* Chooses the message's place, and copies one that is too large to be filled in under a claim
   into a block. Then attempt ring_try_put until it is in, or call ring_forget.
   Errors: SPORK_ENOSPACE. */
int ring_prepare(struct self *self, struct ring *ring, struct ring_message *message);
void ring_forget(struct self *self, struct ring_message *message);
/* Puts and wakes a reader. SPORK_EWOULDBLOCK: full (who is in the way is watched). Errors:
   SPORK_ENOSPACE. */
int ring_try_put(struct self *self, handle_id id, struct ring *ring,
                 struct ring_message *message, struct watch *watch);

/* Takes the next message. Then either ring_finish (it is gone from the ring) or ring_return
   (it is as if it had not been taken). SPORK_EWOULDBLOCK: empty. */
int ring_try_take(struct self *self, handle_id id, struct ring *ring,
                  struct ring_taken *taken, struct watch *watch);
void ring_finish(struct self *self, struct ring *ring, struct ring_taken *taken);
void ring_return(struct self *self, struct ring *ring, struct ring_taken *taken);

/* Lends this process memory for so many bytes. A ring that is not open has no loans of its own,
   only private blocks. Errors: SPORK_ENOSPACE. */
int ring_lend(struct self *self, struct ring *ring, size_t size, struct ring_loan *loan);
/* Whether this process has the loan, and then how large it is; it may be any words. */
bool ring_has_loan(struct ring *ring, const struct ring_loan *loan, size_t *room);
/* The message of a loan, to be put by ring_try_put; from then on this process has the loan no
   more. */
struct ring_message ring_message_of_loan(const struct ring_loan *loan, size_t size);
/* Ends a loan that this process has. */
void ring_give_loan(struct self *self, struct ring *ring, const struct ring_loan *loan);
/* Of a message that was taken: lends it to this process (copying what lies in a slot). Then
   ring_finish, which leaves it alone. Errors: SPORK_ENOSPACE; it is as it was. */
int ring_own(struct self *self, struct ring *ring, struct ring_taken *taken,
             struct ring_loan *loan);
/* Ends the loans of a process that holds the ring no more. Under the lock. */
void ring_mourn_loans(struct ring *ring, slot_reference process);

/* Messages in it; exact while nobody is inside a put or a get. */
uint64_t ring_count(struct ring *ring);
bool ring_full(struct ring *ring);
/* Whether a take would find something; as exact as ring_count. */
bool ring_ready(struct ring *ring);
/* Messages that were ever committed; exact in the same sense. */
uint64_t ring_puts(struct ring *ring);

/* handle_message_judge for rings. */
bool ring_message_lives(uint64_t home, uint64_t position, uint64_t offset);
/* Whether a thread, which is dead, was taking a message. Under the lock. */
bool ring_was_taking(struct ring *ring, slot_reference thread);
/* Puts right what a dead thread left. */
void ring_mourn(struct self *self, handle_id id, struct ring *ring, slot_reference thread);

#endif
