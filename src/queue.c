/* Queues: what all of them do; how items are carried is in queue_ring.c, queue_frames.c. */
#include "queue.h"

#include "deadline.h"
#include "queue_core.h"

/* ---- the kind ---- */

static void destroy(struct self *self, handle_id id, void *object) {
    struct queue_body *body = object;
    carrier_of(body)->destroy(self, id, body);
}

static void mourn_thread(struct self *self, handle_id id, void *object,
                         slot_reference thread) {
    struct queue_body *body = object;
    carrier_of(body)->mourn(self, id, body, thread);
}

static void close_local(void *local) {
    carrier_of(queue_body_of(local))->close_local(local);
}

static void mourn_holder(void *object, slot_reference process, uint64_t owed) {
    struct queue_body *body = object;
    if (process != 0) {
        ring_mourn_loans(&body->ring, process);
    }
    uint64_t credit = arena_get(&body->credit);
    uint64_t settled = credit < owed ? credit : owed;
    arena_set(&body->credit, credit - settled);
    arena_set(&body->lost, arena_get(&body->lost) + owed - settled);
}

static void holders_changed(void *object, uint64_t holders) {
    (void)holders;
    sleep_wake(&((struct queue_body *)object)->joiners, SLEEP_ALL);
}

static int ready(struct self *self, void *local, struct watch *watch) {
    struct queue_body *body = queue_body_of(local);
    (void)self;
    (void)watch;
    return atomic_load(&body->closed) != 0 || carrier_of(body)->count(body) > 0
               ? 0
               : SPORK_EWOULDBLOCK;
}

static struct waiters *readers(void *local) {
    return &queue_body_of(local)->ring.readers;
}

const struct handle_kind queue_kind = {
    .kind = SPORK_HANDLE_QUEUE,
    .name = "queue",
    .local_size = sizeof(struct spork_queue),
    .body_size = sizeof(struct queue_body),
    .destroy = destroy,
    .mourn_thread = mourn_thread,
    .mourn_holder = mourn_holder,
    .holders_changed = holders_changed,
    .ready = ready,
    .waiters = readers,
    .close_local = close_local,
};

void queue_register(void) {
    handle_register_kind(&queue_kind);
    handle_judge_messages(ring_message_lives);
}

/* ---- making ---- */

static int check_options(const spork_queue_options *options) {
    if (options->backing == SPORK_QUEUE_MAILSLOT && !plat_capabilities()->can_mailslot) {
        return error_set(SPORK_ENOTSUP, "this platform has no mailslots");
    }
    if (options->backing < SPORK_QUEUE_DEFAULT || options->backing > SPORK_QUEUE_MAILSLOT) {
        return error_set(SPORK_EINVAL, "%d is no backing of a queue", (int)options->backing);
    }
    return 0;
}

int spork_queue_new(spork_queue **queue, const spork_queue_options *given) {
    static const spork_queue_options defaults = {0};
    const spork_queue_options *options = given == NULL ? &defaults : given;
    struct handle *handle;
    int error;
    if (queue == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new queue (NULL)");
    }
    error = check_options(options);
    if (error != 0) {
        return error;
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    error = handle_create(self, &queue_kind, NULL, NULL, &handle);
    if (error != 0) {
        return error;
    }
    struct queue_body *body = handle->body;
    body->maxsize = options->maxsize > 0 ? (uint64_t)options->maxsize : 0;
    body->is_frames = options->backing == SPORK_QUEUE_MAILSLOT ||
                      (options->backing == SPORK_QUEUE_DEFAULT &&
                       plat_capabilities()->can_mailslot);
    error = carrier_of(body)->open(self, (spork_queue *)handle, options->item_size);
    if (error != 0) {
        handle_release(handle);
        return error;
    }
    *queue = (spork_queue *)handle;
    return 0;
}

void spork_queue_free(spork_queue *queue) {
    if (queue != NULL) {
        handle_release(&queue->handle);
    }
}

/* ---- put ---- */

struct put_attempt {
    struct self *self;
    spork_queue *queue;
    struct ring_message *message;
};

static int attempt_put(void *context, struct watch *watch) {
    struct put_attempt *put = context;
    struct queue_body *body = queue_body_of(put->queue);
    if (atomic_load_explicit(&body->closed, memory_order_relaxed) != 0) {
        return error_set(SPORK_ECLOSED, "the queue has been closed");
    }
    return carrier_of(body)->try_put(put->self, put->queue, put->message, watch);
}

static inline int put_prepared(struct self *self, spork_queue *queue,
                               struct ring_message *message, int64_t deadline) {
    struct queue_body *body = queue_body_of(queue);
    struct put_attempt put = {self, queue, message};
    int error = family_block(self, &body->ring.writers, attempt_put, &put, deadline);
    if (error == SPORK_EWOULDBLOCK) {
        return error_set(SPORK_EFULL, "the queue holds %llu items, as many as it may",
                         (unsigned long long)body->maxsize);
    }
    return error;
}

int queue_put_message(struct self *self, spork_queue *queue, struct ring_message *message,
                      int64_t deadline) {
    return put_prepared(self, queue, message, deadline);
}

static int put_message(struct self *self, spork_queue *queue, struct ring_message *message,
                       int64_t deadline) {
    int error = carrier_of(queue_body_of(queue))->prepare(self, queue, message);
    if (error != 0) {
        return error;
    }
    error = put_prepared(self, queue, message, deadline);
    if (error != 0) {
        ring_forget(self, message);
    }
    return error;
}

int spork_queue_put_bytes(spork_queue *queue, const void *data, size_t size,
                          int64_t timeout_ms) {
    struct ring_message message;
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = message_of_bytes(&message, data, size);
    return error != 0 ? error : put_message(self, queue, &message, deadline);
}

int spork_queue_put(spork_queue *queue, spork_value item, int64_t timeout_ms) {
    struct outgoing out;
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = message_from_value(&out, self, &item);
    if (error != 0) {
        return error;
    }
    error = put_message(self, queue, &out.message, deadline);
    if (error == 0) {
        message_sent(&out);
    } else {
        message_cancelled(&out);
    }
    return error;
}

int spork_queue_put_nowait(spork_queue *queue, spork_value item) {
    return spork_queue_put(queue, item, 0);
}

/* ---- get ---- */

struct get_attempt {
    struct self *self;
    spork_queue *queue;
    struct ring_taken *taken;
};

static int attempt_get(void *context, struct watch *watch) {
    struct get_attempt *get = context;
    struct queue_body *body = queue_body_of(get->queue);
    bool closed = atomic_load(&body->closed) != 0;
    int result = carrier_of(body)->try_take(get->self, get->queue, get->taken, watch);
    /* Closed was read first: what was put before it is found. */
    return result == SPORK_EWOULDBLOCK && closed
               ? error_set(SPORK_ECLOSED, "the queue has been closed, and is empty")
               : result;
}

/* Owed from before the item is gone: if we die in between, join learns of it. The burier
   compares with what was announced, should the item come back. */
static void count_got(struct self *self, spork_queue *queue) {
    arena_word *got = &queue->handle.hold->got;
    /* Read by a burier alone: what a dead thread had stored, up to where it stopped, is there. */
    atomic_store_explicit(&self->slot->counting,
                          atomic_load_explicit(got, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_fetch_add(got, 1);
}

int queue_take_message(struct self *self, spork_queue *queue, struct ring_taken *taken,
                       int64_t deadline) {
    struct get_attempt get = {self, queue, taken};
    int error = family_block(self, &queue_body_of(queue)->ring.readers, attempt_get, &get,
                             deadline);
    return error == SPORK_EWOULDBLOCK ? error_set(SPORK_EEMPTY, "the queue is empty") : error;
}

void queue_got_message(struct self *self, spork_queue *queue, struct ring_taken *taken) {
    count_got(self, queue);
    carrier_of(queue_body_of(queue))->finish(self, queue, taken);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&self->slot->counting, 0, memory_order_relaxed);
}

static int get_message(spork_queue *queue, struct incoming *in, int64_t timeout_ms) {
    struct ring_taken taken;
    int64_t deadline;
    bool keep;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = queue_take_message(self, queue, &taken, deadline);
    if (error != 0) {
        return error;
    }
    error = message_deliver(in, self, &taken, &keep);
    if (keep) {
        carrier_of(queue_body_of(queue))->give_back(self, queue, &taken);
        return error;
    }
    queue_got_message(self, queue, &taken);
    message_received(in);
    return error;
}

int spork_queue_get(spork_queue *queue, spork_value *item, int64_t timeout_ms) {
    struct receipt receipt = {0};
    struct incoming in = {.value = item, .receipt = &receipt};
    if (item == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the item (NULL)");
    }
    return get_message(queue, &in, timeout_ms);
}

int spork_queue_get_nowait(spork_queue *queue, spork_value *item) {
    return spork_queue_get(queue, item, 0);
}

int spork_queue_get_bytes(spork_queue *queue, void *buffer, size_t capacity, size_t *size,
                          int64_t timeout_ms) {
    struct incoming in = {.buffer = buffer, .capacity = capacity, .size = size};
    if (size == NULL || (buffer == NULL && capacity > 0)) {
        return error_set(SPORK_EINVAL, "there is no place to put the bytes or their size");
    }
    return get_message(queue, &in, timeout_ms);
}

/* ---- asking ---- */

static uint64_t count_items(spork_queue *queue) {
    int error;
    if (handle_enter(queue, &queue_kind, &error) == NULL) {
        return 0;
    }
    struct queue_body *body = queue_body_of(queue);
    return carrier_of(body)->count(body);
}

int64_t spork_queue_size(spork_queue *queue) {
    return (int64_t)count_items(queue);
}

bool spork_queue_empty(spork_queue *queue) {
    return count_items(queue) == 0;
}

bool spork_queue_full(spork_queue *queue) {
    int error;
    if (handle_enter(queue, &queue_kind, &error) == NULL) {
        return false;
    }
    struct queue_body *body = queue_body_of(queue);
    return carrier_of(body)->full(body);
}

int64_t spork_queue_maxsize(spork_queue *queue) {
    int error;
    return handle_enter(queue, &queue_kind, &error) == NULL
               ? 0
               : (int64_t)queue_body_of(queue)->maxsize;
}

int spork_queue_close(spork_queue *queue) {
    int error;
    if (handle_enter(queue, &queue_kind, &error) == NULL) {
        return error;
    }
    struct queue_body *body = queue_body_of(queue);
    atomic_store(&body->closed, 1);
    sleep_wake(&body->ring.readers, SLEEP_ALL);
    sleep_wake(&body->ring.writers, SLEEP_ALL);
    return 0;
}

/* ---- task_done and join ---- */

/* One item more is done: one that this process owes; else one that was given up for lost;
   else one that another owes. A part of a transaction. */
static void settle_one(spork_queue *queue) {
    struct queue_body *body = queue_body_of(queue);
    struct hold *hold = queue->handle.hold;
    uint64_t lost = arena_get(&body->lost);
    if (atomic_load(&hold->got) > arena_get(&hold->done)) {
        arena_set(&hold->done, arena_get(&hold->done) + 1);
    } else if (lost > 0) {
        arena_set(&body->lost, lost - 1);
    } else {
        arena_set(&body->credit, arena_get(&body->credit) + 1);
    }
    arena_set(&body->done, arena_get(&body->done) + 1);
}

int spork_queue_task_done(spork_queue *queue) {
    int error;
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct queue_body *body = queue_body_of(queue);
    family_lock(self);
    uint64_t done = atomic_load(&body->done);
    if (done >= atomic_load(&body->known_puts)) {
        atomic_store(&body->known_puts, carrier_of(body)->puts(body));
    }
    if (done >= atomic_load(&body->known_puts)) {
        family_unlock(self);
        return error_set(SPORK_EOVERRELEASE,
                         "task_done was called more often than the %llu items put",
                         (unsigned long long)done);
    }
    settle_one(queue);
    family_commit(self);
    sleep_wake(&body->joiners, SLEEP_ALL);
    return 0;
}

struct join_attempt {
    struct self *self;
    spork_queue *queue;
};

static int attempt_join(void *context, struct watch *watch) {
    struct join_attempt *join = context;
    struct queue_body *body = queue_body_of(join->queue);
    family_lock(join->self);
    uint64_t lost = atomic_load(&body->lost);
    uint64_t settled = atomic_load(&body->done) + lost;
    bool over = settled >= carrier_of(body)->puts(body);
    if (over) {
        arena_set(&body->done, settled);
        arena_set(&body->lost, 0);
    }
    family_commit(join->self);
    if (!over) {
        /* Any holder may owe, or be about to put. */
        handle_watch_holders(join->self, join->queue->handle.id, watch);
        return SPORK_EWOULDBLOCK;
    }
    return lost == 0 ? 0
                     : error_set(SPORK_EPEERDIED,
                                 "%llu items were got by processes that ended without task_done",
                                 (unsigned long long)lost);
}

int spork_queue_join(spork_queue *queue, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(queue, &queue_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct join_attempt join = {self, queue};
    error = family_block(self, &queue_body_of(queue)->joiners, attempt_join, &join, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "joining the queue") : error;
}
