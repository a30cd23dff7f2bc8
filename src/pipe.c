/* Pipes: two handles, one for each end, around a core in the arena with a ring a direction.

   The core lives as long as either end. An end that nobody holds any more marks itself gone
   there, in the same transaction that begins its destruction. */
#include "pipe.h"

#include "deadline.h"
#include "handle_table.h"
#include "pipe_core.h"

/* ---- the kind ---- */

static void wake_all(struct pipe_core *core) {
    for (int side = 0; side < 2; side++) {
        sleep_wake(&core->rings[side].readers, SLEEP_ALL);
        sleep_wake(&core->rings[side].writers, SLEEP_ALL);
    }
}

/* Leaves the core; the second to leave takes it along. */
static void destroy(struct self *self, handle_id id, void *object) {
    struct pipe_body *body = object;
    uint64_t offset = atomic_load(&body->core);
    if (offset == 0) {
        return;
    }
    struct pipe_core *core = arena_at(offset);
    family_lock(self);
    arena_set(&core->gone[body->side], 1);
    bool last = arena_get(&core->gone[1 - body->side]) != 0;
    if (!last) {
        arena_set(&body->core, 0);
    }
    arena_commit();
    /* Still under the lock: from then on the other end may take the core along. */
    if (!last) {
        wake_all(core);
    }
    family_unlock(self);
    if (!last) {
        return;
    }
    ring_destroy(self, id, &core->rings[0]);
    ring_destroy(self, id, &core->rings[1]);
    family_lock(self);
    for (int side = 0; side < 2; side++) {
        if (atomic_load(&core->part_block[side]) != 0) {
            arena_give(atomic_load(&core->part_block[side]));
        }
    }
    arena_give(offset);
    arena_set(&body->core, 0);
    family_commit(self);
}

static void mourn_thread(struct self *self, handle_id id, void *object,
                         slot_reference thread) {
    uint64_t offset = atomic_load(&((struct pipe_body *)object)->core);
    if (offset != 0) {
        struct pipe_core *core = arena_at(offset);
        ring_mourn(self, id, &core->rings[0], thread);
        ring_mourn(self, id, &core->rings[1], thread);
    }
}

static void holders_changed(void *object, uint64_t holders) {
    uint64_t offset = atomic_load(&((struct pipe_body *)object)->core);
    (void)holders;
    if (offset != 0) {
        wake_all(arena_at(offset));
    }
}

static int open_local(void *local, void *body) {
    int error = 0;
    /* A new end is joined to its core, and its native made, by spork_pipe_new. */
    if (atomic_load(&((struct pipe_body *)body)->core) == 0 ||
        pipe_core_of(local)->is_native == 0) {
        return 0;
    }
    struct self *self = family_enter(&error);
    return self == NULL ? error : pipe_native_share(self, local);
}

static void close_local(void *local) {
    int error;
    struct self *self = family_enter(&error);
    if (self != NULL) {
        pipe_native_close(self, local);
    }
}

static int ready(struct self *self, void *local, struct watch *watch);

static struct waiters *readers(void *local) {
    return &pipe_core_of(local)->rings[pipe_body_of(local)->side].readers;
}

static const struct handle_kind pipe_kind = {
    .kind = SPORK_HANDLE_PIPE,
    .name = "pipe",
    .local_size = sizeof(struct spork_pipe),
    .body_size = sizeof(struct pipe_body),
    .destroy = destroy,
    .mourn_thread = mourn_thread,
    .holders_changed = holders_changed,
    .ready = ready,
    .waiters = readers,
    .open_local = open_local,
    .close_local = close_local,
};

void pipe_register(void) {
    handle_register_kind(&pipe_kind);
}

/* ---- making ---- */

/* The core with both its ends joined to it, or nothing. */
static int join_ends(struct self *self, struct handle *ends[2],
                     const spork_pipe_options *options) {
    uint64_t offset;
    bool is_native =
        plat_capabilities()->can_message_pipe && options->backing != SPORK_PIPE_RING;
    family_lock(self);
    int error = arena_take(sizeof(struct pipe_core), BLOCK_PLAIN, &offset);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    struct pipe_core *core = arena_at(offset);
    *core = (struct pipe_core){.one_way = options->one_way, .is_native = is_native};
    for (uint64_t side = 0; side < 2; side++) {
        struct pipe_body *body = ends[side]->body;
        body->side = side;
        atomic_store(&core->ids[side], ends[side]->id);
        arena_set(&body->core, offset);
    }
    family_commit(self);
    error = ring_open(self, &core->rings[0], PIPE_ROOM, 0);
    if (error == 0) {
        error = ring_open(self, &core->rings[1], PIPE_ROOM, 0);
    }
    if (error == 0 && core->is_native != 0) {
        spork_pipe *pipes[2] = {(spork_pipe *)ends[0], (spork_pipe *)ends[1]};
        error = pipe_native_make(self, pipes);
    }
    return error;
}

static int check_options(const spork_pipe_options *options) {
    if (options->backing == SPORK_PIPE_NAMED && !plat_capabilities()->can_message_pipe) {
        return error_set(SPORK_ENOTSUP, "this platform has no pipes of messages");
    }
    if (options->backing < SPORK_PIPE_DEFAULT || options->backing > SPORK_PIPE_NAMED) {
        return error_set(SPORK_EINVAL, "%d is no backing of a pipe", (int)options->backing);
    }
    return 0;
}

int spork_pipe_new(spork_pipe **first, spork_pipe **second, const spork_pipe_options *given) {
    static const spork_pipe_options defaults = {0};
    const spork_pipe_options *options = given == NULL ? &defaults : given;
    struct handle *ends[2] = {NULL, NULL};
    if (first == NULL || second == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the pipe's ends (NULL)");
    }
    int error = check_options(options);
    if (error != 0) {
        return error;
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    for (int side = 0; side < 2 && error == 0; side++) {
        error = handle_create(self, &pipe_kind, NULL, NULL, &ends[side]);
    }
    if (error == 0) {
        error = join_ends(self, ends, options);
    }
    if (error != 0) {
        spork_pipe_free((spork_pipe *)ends[0]);
        spork_pipe_free((spork_pipe *)ends[1]);
        return error;
    }
    *first = (spork_pipe *)ends[0];
    *second = (spork_pipe *)ends[1];
    return 0;
}

void spork_pipe_free(spork_pipe *end) {
    if (end != NULL) {
        handle_release(&end->handle);
    }
}

int spork_pipe_close(spork_pipe *end) {
    int error;
    struct self *self = handle_enter(end, &pipe_kind, &error);
    return self == NULL ? error : handle_close(self, &end->handle);
}

bool spork_pipe_readable(const spork_pipe *end) {
    int error;
    return handle_enter(end, &pipe_kind, &error) != NULL &&
           (!pipe_core_of(end)->one_way || pipe_body_of(end)->side == 0);
}

bool spork_pipe_writable(const spork_pipe *end) {
    int error;
    return handle_enter(end, &pipe_kind, &error) != NULL &&
           (!pipe_core_of(end)->one_way || pipe_body_of(end)->side == 1);
}

/* ---- who holds the other end ---- */

/* Whether anybody can still be at the other end. This process itself counts only until that
   end has been given to another: then it is not expected to talk to itself, and need not
   close "the other end" by hand to be told of the other's end. */
static bool peer_is_there(struct self *self, spork_pipe *end, struct watch *watch) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t other = 1 - pipe_body_of(end)->side;
    if (atomic_load(&core->gone[other]) != 0) {
        return false;
    }
    handle_id id = atomic_load(&core->ids[other]);
    uint64_t version = handle_holders_version(id);
    /* Nobody has come or gone since somebody was found. */
    if (watch == NULL &&
        atomic_load_explicit(&end->peer_known_by, memory_order_acquire) == family_self() &&
        atomic_load_explicit(&end->peer_version, memory_order_relaxed) == version) {
        return true;
    }
    bool mine = false;
    bool others = false;
    family_lock(self);
    if (table_valid(id)) {
        for (uint64_t at = atomic_load(&table_slot(id)->first); at != 0;) {
            struct hold *hold = arena_at(at);
            slot_reference process = atomic_load(&hold->process);
            mine = mine || process == family_self();
            others = others || process != family_self();
            watch_process(watch, process);
            at = atomic_load(&hold->handle_next);
        }
    }
    family_unlock(self);
    bool there = others || (mine && !handle_travelled(id));
    if (there) {
        /* In this order: whoever sees this process there sees a version that it has found. */
        atomic_store_explicit(&end->peer_version, version, memory_order_relaxed);
        atomic_store_explicit(&end->peer_known_by, family_self(), memory_order_release);
    }
    return there;
}

/* ---- sending ---- */

struct transfer {
    struct self *self;
    spork_pipe *end;
    struct ring *ring;
    struct ring_message *message;
    struct ring_taken taken;
    struct pipe_sending sending;
};

static int attempt_send(void *context, struct watch *watch) {
    struct transfer *send = context;
    if (!peer_is_there(send->self, send->end, watch)) {
        return error_set(SPORK_EPIPE, "nobody holds the other end of the pipe");
    }
    if (pipe_core_of(send->end)->is_native != 0) {
        return pipe_native_send(send->self, send->end, send->message, &send->sending, watch);
    }
    return ring_try_put(send->self, send->end->handle.id, send->ring, send->message, watch);
}

static int send_message(struct self *self, spork_pipe *end, struct ring_message *message,
                        int64_t deadline) {
    struct ring *ring = &pipe_core_of(end)->rings[1 - pipe_body_of(end)->side];
    struct transfer send = {.self = self, .end = end, .ring = ring, .message = message};
    bool native = pipe_core_of(end)->is_native != 0;
    int error = native ? 0 : ring_prepare(self, ring, message);
    if (error != 0) {
        return error;
    }
    error = family_block(self, &ring->writers, attempt_send, &send, deadline);
    if (native) {
        pipe_native_stop(self, end, &send.sending);
    } else if (error != 0) {
        ring_forget(self, message);
    }
    return error;
}

static struct self *enter_sending(spork_pipe *end, int64_t timeout_ms, int64_t *deadline,
                                  int *error) {
    *error = deadline_from(timeout_ms, deadline);
    struct self *self = *error != 0 ? NULL : handle_enter(end, &pipe_kind, error);
    if (self != NULL && pipe_core_of(end)->one_way && pipe_body_of(end)->side == 0) {
        *error = error_set(SPORK_ESTATE, "this end of a one-way pipe only receives");
        return NULL;
    }
    return self;
}

int spork_pipe_send_bytes(spork_pipe *end, const void *data, size_t size,
                          int64_t timeout_ms) {
    struct ring_message message;
    int64_t deadline;
    int error;
    struct self *self = enter_sending(end, timeout_ms, &deadline, &error);
    if (self == NULL) {
        return error;
    }
    error = message_of_bytes(&message, data, size);
    if (error == 0) {
        error = send_message(self, end, &message, deadline);
    }
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "sending into the pipe")
                                      : error;
}

int spork_pipe_send(spork_pipe *end, spork_value message, int64_t timeout_ms) {
    struct outgoing out;
    int64_t deadline;
    int error;
    struct self *self = enter_sending(end, timeout_ms, &deadline, &error);
    if (self == NULL) {
        return error;
    }
    error = message_from_value(&out, self, &message);
    if (error != 0) {
        return error;
    }
    error = send_message(self, end, &out.message, deadline);
    if (error == 0) {
        message_sent(&out);
    } else {
        message_cancelled(&out);
    }
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "sending into the pipe")
                                      : error;
}

/* ---- receiving ---- */

/* From the ring, after moving what the system's pipe has into it. */
static int take(struct transfer *receive, struct watch *watch) {
    handle_id id = receive->end->handle.id;
    int result = ring_try_take(receive->self, id, receive->ring, &receive->taken, watch);
    while (result == SPORK_EWOULDBLOCK && pipe_core_of(receive->end)->is_native != 0) {
        int pumped = pipe_native_pump(receive->self, receive->end, watch);
        if (pumped != 0) {
            return pumped;
        }
        result = ring_try_take(receive->self, id, receive->ring, &receive->taken, watch);
    }
    return result;
}

static int attempt_receive(void *context, struct watch *watch) {
    struct transfer *receive = context;
    int result = take(receive, watch);
    if (result != SPORK_EWOULDBLOCK || peer_is_there(receive->self, receive->end, watch)) {
        return result;
    }
    /* What the last holder sent before it went is there by now. */
    result = take(receive, watch);
    return result == SPORK_EWOULDBLOCK
               ? error_set(SPORK_EEOF, "nobody holds the other end of the pipe")
               : result;
}

static int attempt_poll(void *context, struct watch *watch) {
    struct transfer *poll = context;
    bool native = pipe_core_of(poll->end)->is_native != 0;
    if (ring_ready(poll->ring) || (native && pipe_native_ready(poll->end)) ||
        !peer_is_there(poll->self, poll->end, watch)) {
        return 0;
    }
    return SPORK_EWOULDBLOCK;
}

static int check_receiving(const spork_pipe *end) {
    if (pipe_core_of(end)->one_way && pipe_body_of(end)->side == 1) {
        return error_set(SPORK_ESTATE, "this end of a one-way pipe only sends");
    }
    return 0;
}

static int ready(struct self *self, void *local, struct watch *watch) {
    spork_pipe *end = local;
    struct ring *ring = &pipe_core_of(end)->rings[pipe_body_of(end)->side];
    struct transfer poll = {.self = self, .end = end, .ring = ring};
    int error = check_receiving(end);
    return error != 0 ? error : attempt_poll(&poll, watch);
}

static int enter_receiving(struct transfer *receive, spork_pipe *end, int64_t timeout_ms,
                           int64_t *deadline) {
    int error = deadline_from(timeout_ms, deadline);
    if (error != 0) {
        return error;
    }
    receive->end = end;
    receive->self = handle_enter(end, &pipe_kind, &error);
    if (receive->self == NULL) {
        return error;
    }
    error = check_receiving(end);
    if (error == 0) {
        receive->ring = &pipe_core_of(end)->rings[pipe_body_of(end)->side];
    }
    return error;
}

static int receive_message(spork_pipe *end, struct incoming *in, int64_t timeout_ms) {
    struct transfer receive = {0};
    int64_t deadline;
    bool keep;
    int error = enter_receiving(&receive, end, timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    error = family_block(receive.self, &receive.ring->readers, attempt_receive, &receive,
                         deadline);
    if (error == SPORK_EWOULDBLOCK) {
        return error_late(timeout_ms, "receiving from the pipe");
    }
    if (error != 0) {
        return error;
    }
    error = message_deliver(in, receive.self, &receive.taken, &keep);
    if (keep) {
        ring_return(receive.self, receive.ring, &receive.taken);
    } else {
        ring_finish(receive.self, receive.ring, &receive.taken);
        message_received(in);
    }
    return error;
}

int spork_pipe_recv(spork_pipe *end, spork_value *message, int64_t timeout_ms) {
    struct receipt receipt = {0};
    struct incoming in = {.value = message, .receipt = &receipt};
    if (message == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the message (NULL)");
    }
    return receive_message(end, &in, timeout_ms);
}

int spork_pipe_recv_bytes(spork_pipe *end, void *buffer, size_t capacity, size_t *size,
                          int64_t timeout_ms) {
    struct incoming in = {.buffer = buffer, .capacity = capacity, .size = size};
    if (size == NULL || (buffer == NULL && capacity > 0)) {
        return error_set(SPORK_EINVAL, "there is no place to put the bytes or their size");
    }
    return receive_message(end, &in, timeout_ms);
}

int spork_pipe_poll(spork_pipe *end, int64_t timeout_ms) {
    struct transfer poll = {0};
    int64_t deadline;
    int error = enter_receiving(&poll, end, timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    error = family_block(poll.self, &poll.ring->readers, attempt_poll, &poll, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "polling the pipe") : error;
}
