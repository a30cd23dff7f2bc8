/* Queues on the ring: the portable carrier. */
#include "handle_table.h"
#include "queue_core.h"

static int open_ring(struct self *self, spork_queue *queue, size_t item_size) {
    struct queue_body *body = queue_body_of(queue);
    return ring_open(self, &body->ring, body->maxsize, item_size);
}

static int prepare(struct self *self, spork_queue *queue, struct ring_message *message) {
    return ring_prepare(self, &queue_body_of(queue)->ring, message);
}

static int try_put(struct self *self, spork_queue *queue, struct ring_message *message,
                   struct watch *watch) {
    struct queue_body *body = queue_body_of(queue);
    return ring_try_put(self, queue->handle.id, &body->ring, message, watch);
}

static int try_take(struct self *self, spork_queue *queue, struct ring_taken *taken,
                    struct watch *watch) {
    struct queue_body *body = queue_body_of(queue);
    return ring_try_take(self, queue->handle.id, &body->ring, taken, watch);
}

static void finish(struct self *self, spork_queue *queue, struct ring_taken *taken) {
    ring_finish(self, &queue_body_of(queue)->ring, taken);
}

static void give_back(struct self *self, spork_queue *queue, struct ring_taken *taken) {
    ring_return(self, &queue_body_of(queue)->ring, taken);
}

static int own(struct self *self, spork_queue *queue, struct ring_taken *taken,
               struct ring_loan *loan) {
    return ring_own(self, &queue_body_of(queue)->ring, taken, loan);
}

static uint64_t count(struct queue_body *body) {
    return ring_ready(&body->ring) ? ring_count(&body->ring) : 0;
}

static bool full(struct queue_body *body) {
    return ring_full(&body->ring);
}

static uint64_t all_puts(struct queue_body *body) {
    return ring_puts(&body->ring);
}

/* The dead thread may have counted, as got, the item that it was about to take, and that will
   now be taken by another. */
static void count_back(struct self *self, handle_id id, struct queue_body *body,
                       slot_reference thread) {
    struct thread_slot *slot = &arena->threads[slot_index(thread)];
    family_lock(self);
    uint64_t counting = atomic_load(&slot->counting);
    uint64_t record = 0;
    if (counting > 0 && table_valid(id) && !sleep_thread_gone(thread) &&
        ring_was_taking(&body->ring, thread)) {
        record = table_find_hold(id, sleep_thread_process(thread));
    }
    struct hold *hold = arena_at(record);
    if (record != 0 && atomic_load(&hold->got) >= counting) {
        arena_set(&hold->got, atomic_load(&hold->got) - 1);
        arena_set(&slot->counting, 0);
    }
    family_commit(self);
}

static void mourn(struct self *self, handle_id id, struct queue_body *body,
                  slot_reference thread) {
    if (atomic_load(&body->ring.segments[0]) != 0) {
        count_back(self, id, body, thread);
    }
    ring_mourn(self, id, &body->ring, thread);
}

static void destroy(struct self *self, handle_id id, struct queue_body *body) {
    ring_destroy(self, id, &body->ring);
}

static void close_local(spork_queue *queue) {
    (void)queue;
}

const struct queue_carrier queue_ring_carrier = {
    open_ring, prepare, try_put, try_take, finish,  give_back, own,
    count,     full,    all_puts, mourn,   destroy, close_local,
};
