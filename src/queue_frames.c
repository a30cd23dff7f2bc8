/* Queues through a mailslot, by frames: the carrier of systems that have mailslots.

   A mailslot message costs thousands of times what a store in shared memory does, so items
   are collected in frames. A frame lies in the arena; one that is full, or that a waiting
   reader asks for, is written to the mailslot as one message, at most two at a time, so that
   the write cannot block. A reader reads the message back into the same frame, byte for byte
   what is there, and serves many gets from it: the copy that is retained in the arena is why
   nothing is lost with whoever dies. After a death the mailslot is emptied, and frames that
   were in it are served from what is retained.

   Everything happens in the turn of one thread, whose death is noticed by the next. A put is
   committed by one store of its frame's length, a get by one store of `read`; an item that is
   too large for a frame lies in a block, whose owner changes in the same transaction. */
#include <stdlib.h>
#include <string.h>

#include "handle_table.h"
#include "queue_frame.h"

static struct waiters *readers_of(struct queue_body *body) {
    return &body->ring.readers;
}

/* ---- the turn ---- */

static bool take_from_dead(struct self *self, struct queue_frames *frames, uint64_t found) {
    if (found == 0 || !family_thread_dead(found) ||
        !atomic_compare_exchange_strong(&frames->turn, &found, self->reference)) {
        return false;
    }
    family_settle(self);
    return true;
}

/* The turn is held for as long as an item takes to copy, or a frame to go through the mailslot:
   tens of microseconds, so that to sleep, which takes milliseconds here, comes last. queue: NULL
   when this process has no local object (a burial). */
static void take_turn(struct self *self, handle_id id, struct queue_frames *frames,
                      spork_queue *queue) {
    enum { SPINS = 64, PAUSES = 48, LOOKS = 256, YIELDS = 4096, NAP_NS = 100000 };
    sleep_busy(self, id);
    for (uint64_t round = 0;; round++) {
        /* Looked at first: a swap that fails takes the line of the cache away from who works. */
        uint64_t found = atomic_load_explicit(&frames->turn, memory_order_relaxed);
        if (found == 0 && atomic_compare_exchange_strong_explicit(
                              &frames->turn, &found, self->reference, memory_order_acquire,
                              memory_order_relaxed)) {
            return;
        }
        if (round < SPINS) {
            for (uint64_t i = 0; i <= round && i < PAUSES; i++) {
                plat_relax();
            }
        } else if ((round % LOOKS == 0 || round > YIELDS) &&
                   take_from_dead(self, frames, found)) {
            queue_slot_recover(frames, queue);
            return;
        } else if (round < YIELDS) {
            plat_yield();
        } else {
            plat_sleep_ns(NAP_NS);
        }
    }
}

static void leave_turn(struct self *self, struct queue_frames *frames) {
    atomic_store_explicit(&frames->turn, 0, memory_order_release);
    sleep_busy(self, 0);
}

/* Nobody else writes there: it is this thread's turn. */
static void count_one(arena_word *count) {
    uint64_t before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + 1, memory_order_release);
}

/* ---- frames ---- */

static int add_frame(struct self *self, struct queue_frames *frames) {
    uint64_t offset;
    uint64_t tail = atomic_load(&frames->tail);
    family_lock(self);
    int error = arena_take(sizeof(struct frame), BLOCK_PLAIN, &offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    struct frame *frame = frame_at(offset);
    frame->number = tail == 0 ? 0 : frame_at(tail)->number + 1;
    frame->first = atomic_load(&frames->puts);
    atomic_store(&frame->next, 0);
    atomic_store(&frame->length, 0);
    atomic_store(&frame->state, FRAME_PENDING);
    arena_set(tail == 0 ? &frames->head : &frame_at(tail)->next, offset);
    arena_set(&frames->tail, offset);
    family_commit(self);
    return 0;
}

static void drop_head(struct self *self, struct queue_frames *frames) {
    uint64_t head = atomic_load(&frames->head);
    family_lock(self);
    arena_set(&frames->head, atomic_load(&frame_at(head)->next));
    arena_give(head);
    family_commit(self);
}

/* The frame with the next item; NULL when there is none. */
static struct frame *find_head(struct self *self, struct queue_frames *frames) {
    for (;;) {
        struct frame *head = frame_at(atomic_load(&frames->head));
        uint64_t read = atomic_load(&frames->read);
        bool is_tail = atomic_load(&frames->head) == atomic_load(&frames->tail);
        if (head->number < read >> 32) {
            drop_head(self, frames);
        } else if ((read & 0xFFFFFFFFu) < atomic_load(&head->length)) {
            return head;
        } else if (is_tail) {
            return NULL;
        } else {
            atomic_store(&frames->read, (head->number + 1) << 32);
        }
    }
}

/* Keeps up to OUTSTANDING full frames in the mailslot. */
static void send_ahead(struct queue_frames *frames, spork_queue *queue) {
    int outstanding = 0;
    uint64_t tail = atomic_load(&frames->tail);
    for (uint64_t at = atomic_load(&frames->head); at != tail && outstanding < OUTSTANDING;) {
        struct frame *frame = frame_at(at);
        if (atomic_load(&frame->state) == FRAME_PENDING && atomic_load(&frame->length) > 0 &&
            queue_slot_send(frames, queue, frame) != 0) {
            return;
        }
        outstanding += atomic_load(&frame->state) == FRAME_SENT;
        at = atomic_load(&frame->next);
    }
}

/* ---- the carrier ---- */

static int open_frames(struct self *self, spork_queue *queue, size_t item_size) {
    struct queue_frames *frames = &queue_body_of(queue)->frames;
    (void)item_size;
    int error = queue_slot_open(frames, queue);
    return error != 0 ? error : add_frame(self, frames);
}

static int prepare(struct self *self, spork_queue *queue, struct ring_message *message) {
    struct ring as_if = {.stride = LARGE_FROM};
    (void)queue;
    return ring_prepare(self, &as_if, message);
}

static void append(struct self *self, struct frame *frame, struct ring_message *message,
                   uint32_t size) {
    uint64_t length = atomic_load(&frame->length);
    struct record record = {size, message->flags, message->size, message->block};
    memcpy(frame->data + length, &record, sizeof record);
    if (message->block == 0) {
        if (message->size > 0) {
            memcpy(frame->data + length + sizeof record, message->data, message->size);
        }
        atomic_store_explicit(&frame->length, length + size, memory_order_release);
        return;
    }
    family_lock(self);
    arena_disown(message->block);
    arena_set(&frame->length, length + size);
    family_commit(self);
}

static int put_in_turn(struct self *self, spork_queue *queue, struct ring_message *message) {
    struct queue_body *body = queue_body_of(queue);
    struct queue_frames *frames = &body->frames;
    uint64_t count = atomic_load(&frames->puts) - atomic_load(&frames->gets);
    size_t inside = message->block == 0 ? message->size : 0;
    uint32_t size = (uint32_t)((sizeof(struct record) + inside + 7) / 8 * 8);
    if (body->maxsize > 0 && count >= body->maxsize) {
        return SPORK_EWOULDBLOCK;
    }
    struct frame *tail = frame_at(atomic_load(&frames->tail));
    if (atomic_load(&tail->state) != FRAME_PENDING ||
        atomic_load(&tail->length) + size > FRAME_DATA) {
        int error = add_frame(self, frames);
        if (error != 0) {
            return error;
        }
        tail = frame_at(atomic_load(&frames->tail));
        send_ahead(frames, queue);
    }
    append(self, tail, message, size);
    count_one(&frames->puts);
    /* A reader that waits asks for the frame at once. */
    if ((atomic_load(&readers_of(body)->tickets) & 1) != 0 &&
        atomic_load(&frames->head) == atomic_load(&frames->tail)) {
        queue_slot_send(frames, queue, tail);
    }
    return 0;
}

static int try_put(struct self *self, spork_queue *queue, struct ring_message *message,
                   struct watch *watch) {
    struct queue_body *body = queue_body_of(queue);
    (void)watch;
    take_turn(self, queue->handle.id, &body->frames, queue);
    int error = put_in_turn(self, queue, message);
    leave_turn(self, &body->frames);
    if (error == 0) {
        sleep_wake(readers_of(body), 1);
    }
    return error;
}

/* Whether all that there is to read is a frame that is still being filled. To have it, it would
   have to go through the mailslot as it is, which costs as much as a hundred puts, and those who
   put would wait meanwhile. Without the turn, a hint. */
static bool is_filling(const struct queue_body *body) {
    const struct queue_frames *frames = &body->frames;
    uint64_t head = atomic_load_explicit(&frames->head, memory_order_acquire);
    const struct frame *frame = frame_at(head);
    return atomic_load(&body->closed) == 0 &&
           head == atomic_load_explicit(&frames->tail, memory_order_relaxed) &&
           atomic_load_explicit(&frame->state, memory_order_relaxed) == FRAME_PENDING &&
           atomic_load_explicit(&frame->length, memory_order_relaxed) < FRAME_DATA / 2;
}

static int take_in_turn(struct self *self, spork_queue *queue, struct ring_taken *taken,
                        const struct watch *watch) {
    struct queue_frames *frames = &queue_body_of(queue)->frames;
    struct record record;
    struct frame *head = find_head(self, frames);
    int error = 0;
    if (head == NULL || (watch == NULL && is_filling(queue_body_of(queue)))) {
        return SPORK_EWOULDBLOCK;
    }
    if (atomic_load(&head->state) == FRAME_PENDING) {
        error = queue_slot_send(frames, queue, head);
    }
    if (error == 0 && atomic_load(&head->state) == FRAME_SENT) {
        error = queue_slot_receive(frames, queue, head);
        send_ahead(frames, queue);
    }
    if (error != 0) {
        return error;
    }
    uint64_t offset = atomic_load(&frames->read) & 0xFFFFFFFFu;
    memcpy(&record, head->data + offset, sizeof record);
    taken->data = record.block != 0 ? arena_at(record.block)
                                    : (void *)(head->data + offset + sizeof record);
    taken->size = (size_t)record.size;
    taken->flags = record.flags;
    taken->slot = record.block != 0 ? arena_at(record.block) : NULL;
    taken->position = atomic_load(&frames->read) + record.size_in_frame;
    return 0;
}

/* Succeeding, it keeps the turn until finish or give_back. Who is not about to sleep yet (watch
   is NULL) leaves a frame to be filled a little longer. */
static int try_take(struct self *self, spork_queue *queue, struct ring_taken *taken,
                    struct watch *watch) {
    struct queue_frames *frames = &queue_body_of(queue)->frames;
    if (watch == NULL && is_filling(queue_body_of(queue))) {
        return SPORK_EWOULDBLOCK;
    }
    take_turn(self, queue->handle.id, frames, queue);
    int error = take_in_turn(self, queue, taken, watch);
    if (error != 0) {
        leave_turn(self, frames);
    }
    return error;
}

static void commit_get(struct self *self, struct queue_frames *frames,
                       const struct ring_taken *taken) {
    if (taken->slot == NULL) {
        atomic_store_explicit(&frames->read, taken->position, memory_order_release);
    } else {
        family_lock(self);
        if ((taken->flags & MESSAGE_OURS) != 0) {
            arena_own(arena_offset(taken->slot), family_self());
        } else {
            arena_give(arena_offset(taken->slot));
        }
        arena_set(&frames->read, taken->position);
        family_commit(self);
    }
    count_one(&frames->gets);
}

static void finish(struct self *self, spork_queue *queue, struct ring_taken *taken) {
    struct queue_body *body = queue_body_of(queue);
    commit_get(self, &body->frames, taken);
    bool more = atomic_load(&body->frames.puts) != atomic_load(&body->frames.gets);
    leave_turn(self, &body->frames);
    if (body->maxsize > 0) {
        sleep_wake(&body->ring.writers, 1);
    }
    if (more) {
        sleep_wake(readers_of(body), 1);
    }
}

static void give_back(struct self *self, spork_queue *queue, struct ring_taken *taken) {
    struct queue_body *body = queue_body_of(queue);
    (void)taken;
    leave_turn(self, &body->frames);
    sleep_wake(readers_of(body), 1);
}

/* Frames have private blocks alone (ring_loan.c): the body's ring is not open. */
static int own(struct self *self, spork_queue *queue, struct ring_taken *taken,
               struct ring_loan *loan) {
    if (taken->slot != NULL) {
        *loan = (struct ring_loan){.block = arena_offset(taken->slot)};
        taken->flags |= MESSAGE_OURS;
        return 0;
    }
    int error = ring_lend(self, &queue_body_of(queue)->ring, taken->size, loan);
    if (error == 0 && taken->size > 0) {
        memcpy(arena_at(loan->block), taken->data, taken->size);
    }
    return error;
}

static uint64_t count(struct queue_body *body) {
    uint64_t gets = atomic_load(&body->frames.gets);
    uint64_t puts = atomic_load(&body->frames.puts);
    return puts > gets ? puts - gets : 0;
}

static bool full(struct queue_body *body) {
    return body->maxsize > 0 && count(body) >= body->maxsize;
}

static uint64_t all_puts(struct queue_body *body) {
    return atomic_load(&body->frames.puts);
}

static void mourn(struct self *self, handle_id id, struct queue_body *body,
                  slot_reference thread) {
    family_lock(self);
    bool ours = table_valid(id);
    family_unlock(self);
    if (ours && atomic_load(&body->frames.turn) == thread &&
        take_from_dead(self, &body->frames, thread)) {
        queue_slot_recover(&body->frames, NULL);
        leave_turn(self, &body->frames);
    }
    sleep_wake(readers_of(body), SLEEP_ALL);
    sleep_wake(&body->ring.writers, SLEEP_ALL);
}

/* Lets go of what unread items carry. Only one process is left that knows of the queue. */
static void drop_items(struct self *self, struct queue_frames *frames) {
    for (struct frame *head; (head = find_head(self, frames)) != NULL;) {
        struct record record;
        struct ring_taken taken = {0};
        uint64_t read = atomic_load(&frames->read);
        memcpy(&record, head->data + (read & 0xFFFFFFFFu), sizeof record);
        taken.data = record.block != 0 ? arena_at(record.block)
                                       : (void *)(head->data + (read & 0xFFFFFFFFu) +
                                                  sizeof record);
        if ((record.flags & MESSAGE_HANDLES) != 0) {
            spork_value value;
            if (codec_decode(&value, taken.data, (size_t)record.size, &handle_receiver) ==
                0) {
                spork_value_free(&value);
            }
        }
        taken.slot = record.block != 0 ? arena_at(record.block) : NULL;
        taken.position = read + record.size_in_frame;
        commit_get(self, frames, &taken);
    }
}

static void destroy(struct self *self, handle_id id, struct queue_body *body) {
    struct queue_frames *frames = &body->frames;
    (void)id;
    if (atomic_load(&frames->head) == 0) {
        return;
    }
    drop_items(self, frames);
    family_lock(self);
    arena_give(atomic_load(&frames->head));
    arena_set(&frames->head, 0);
    arena_set(&frames->tail, 0);
    family_commit(self);
}

static void close_local(spork_queue *queue) {
    struct queue_frames *frames = &queue_body_of(queue)->frames;
    slot_reference expected = family_self();
    if (queue->slot_generation != 0) {
        atomic_compare_exchange_strong(&frames->source_process, &expected, 0);
        queue_slot_close(queue);
    }
    free(queue->frame);
    queue->frame = NULL;
}

const struct queue_carrier queue_frames_carrier = {
    open_frames, prepare, try_put, try_take, finish,  give_back, own,
    count,       full,    all_puts, mourn,   destroy, close_local,
};
