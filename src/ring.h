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

   Messages up to the slot's room lie in it; larger ones, up to what RING_KEPT allows for, in a
   heap block that the slot keeps, and that is replaced, under a claim, when a larger one is
   needed: so who puts, and gets, does not come by the family's lock again and again. The largest
   come in a block of their own, filled before there is a claim. It stays in the private list of
   the writer's process until it is given back: if that process dies from the commit on, its
   burier finds by the block's home that it is the message's. A ring with a bound is one segment
   of exactly that many slots.
   One without grows: a full segment is followed by one four times as large; readers seal
   and leave a segment when it is empty and has a follower, so what one writer put stays in
   its order. Left segments are kept till the end (together they are a third of the last). */
#ifndef SRC_RING_H
#define SRC_RING_H

#include "handle.h"

enum {
    RING_SEGMENTS = 16,
    RING_FIRST = 64,
    RING_INLINE = 112,
    /* Bytes of messages for which a slot keeps a block: of one, and of those of a segment. */
    RING_KEPT = 16384,
    RING_KEPT_IN_ALL = 1 << 22
};

enum message_flag {
    MESSAGE_RAW = 1,     /* bytes, not an encoded value */
    MESSAGE_HANDLES = 2, /* an encoded value with handles in it */
    MESSAGE_IN_SLOT = 4,
    MESSAGE_KEPT = 8 /* in the block that its slot keeps */
};

struct ring {
    uint64_t stride;  /* bytes of a slot */
    uint64_t bounded; /* 1: one segment only */
    arena_word segments[RING_SEGMENTS];
    arena_word head, tail; /* segments that are read, and put into */
    arena_word holes;      /* positions whose writer died */
    arena_word redo;       /* 0, or behind the last position whose message was put back */
    struct waiters readers, writers;
};

/* A message on its way into a ring. */
struct ring_message {
    const void *data;
    size_t size;
    uint32_t flags;
    const uint64_t *records; /* of the handles in it */
    size_t record_count;
    uint32_t place; /* MESSAGE_IN_SLOT, MESSAGE_KEPT or, in a block of its own, 0 */
    uint64_t block; /* that, filled already */
    uint64_t spare; /* for the slot to keep */
    uint64_t stamp; /* of the block */
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
