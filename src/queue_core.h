/* Rank 9: what is behind a queue, and the two ways to carry its items. */
#ifndef SRC_QUEUE_CORE_H
#define SRC_QUEUE_CORE_H

#include "message.h"
#include "spork/queue.h"

/* For queue_frames.c, which tells what they mean. */
struct queue_frames {
    _Alignas(64) arena_word turn; /* looked at by who waits for it, while its holder works */
    _Alignas(64) arena_word head, tail; /* frames: heap blocks */
    arena_word read;       /* commit of a get: frame number << 32 | offset */
    arena_word puts, gets; /* counted anew after a death */
    arena_word slot_generation;
    arena_word source_process, source_native;
};

struct queue_body {
    struct ring ring; /* its waiters serve both carriers */
    struct queue_frames frames;
    uint64_t maxsize;
    uint64_t is_frames;
    arena_word closed;
    /* For join, all but known_puts under the lock: how many items were dealt with; a lower
       bound of the puts that spares most counts; what holders owed when they died; and what
       was done by others than the getter, which that getter's death must not count again. */
    arena_word done, known_puts, lost, credit;
    struct waiters joiners;
};

struct spork_queue {
    struct handle handle;
    struct plat_mailslot slot; /* frames: used by the thread that has the turn */
    uint64_t slot_generation;  /* of slot; 0: none is open */
    unsigned char *frame;      /* malloc */
};

static inline struct queue_body *queue_body_of(spork_queue *queue) {
    return queue->handle.body;
}

/* How items are carried: as ring.h says of its functions. */
struct queue_carrier {
    int (*open)(struct self *self, spork_queue *queue, size_t item_size);
    int (*prepare)(struct self *self, spork_queue *queue, struct ring_message *message);
    int (*try_put)(struct self *self, spork_queue *queue, struct ring_message *message,
                   struct watch *watch);
    int (*try_take)(struct self *self, spork_queue *queue, struct ring_taken *taken,
                    struct watch *watch);
    void (*finish)(struct self *self, spork_queue *queue, struct ring_taken *taken);
    void (*give_back)(struct self *self, spork_queue *queue, struct ring_taken *taken);
    int (*own)(struct self *self, spork_queue *queue, struct ring_taken *taken,
               struct ring_loan *loan);
    uint64_t (*count)(struct queue_body *body);
    bool (*full)(struct queue_body *body);
    uint64_t (*puts)(struct queue_body *body);
    void (*mourn)(struct self *self, handle_id id, struct queue_body *body,
                  slot_reference thread);
    void (*destroy)(struct self *self, handle_id id, struct queue_body *body);
    void (*close_local)(spork_queue *queue);
};
extern const struct queue_carrier queue_ring_carrier;
extern const struct queue_carrier queue_frames_carrier;
static inline const struct queue_carrier *carrier_of(const struct queue_body *body) {
    return body->is_frames != 0 ? &queue_frames_carrier : &queue_ring_carrier;
}

/* ---- queue.c, for queue_place.c ---- */

/* The handle's kind, and what all puts and gets are made of. */
extern const struct handle_kind queue_kind;
/* Puts a message that is prepared, waiting for room. */
int queue_put_message(struct self *self, spork_queue *queue, struct ring_message *message,
                      int64_t deadline);
/* Takes the next message, waiting for one; then the carrier's give_back, or: */
int queue_take_message(struct self *self, spork_queue *queue, struct ring_taken *taken,
                       int64_t deadline);
/* The message is got: this process owes it to join. */
void queue_got_message(struct self *self, spork_queue *queue, struct ring_taken *taken);

#endif
