/* Pipes through the system's message pipes. A message goes in parts, each one message of the
   system's pipe with a header; the receiver moves it into its ring, where it is kept until it
   was delivered, and all rules about too short buffers and dead readers are the ring's.

   A thread has a turn while it sends the parts of a message, or moves one part; the turn of
   a dead thread is taken over. If a sender dies between two parts, or gives up, the next part
   has another number and the unfinished message is dropped: its send had not returned. If a
   receiver dies between reading a part and noting it, that message is dropped. */
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "handle_table.h"
#include "pipe_core.h"

struct part_header {
    uint64_t number, total, offset;
    uint32_t flags, size;
};
enum { PART_ROOM = PLAT_MESSAGE_MAX - (int)sizeof(struct part_header) };
enum { SYSTEM_ROOM = 4 * PLAT_MESSAGE_MAX };
/* Of functions here: a part was dealt with, and no message is complete. No error number. */
enum { PART_TAKEN = 1 };

/* ---- natives and who has them ---- */

/* Natives of ends that this process has let go of, but that somebody may yet have to copy. */
struct lingering {
    handle_id id;
    uint64_t core, side;
    struct plat_message_pipe native;
    struct lingering *next;
};
static plat_mutex mutex;
static struct lingering *lingering;

static void set_source(struct self *self, struct pipe_core *core, uint64_t side,
                       intptr_t native) {
    family_lock(self);
    for (int i = 0; i < PIPE_SOURCES; i++) {
        struct pipe_source *source = &core->sources[side][i];
        slot_reference process = atomic_load(&source->process);
        if (process == 0 || !family_is(process)) {
            atomic_store(&source->native, (uint64_t)native);
            atomic_store(&source->process, family_self());
            break;
        }
    }
    family_unlock(self);
}

static void clear_source(struct pipe_core *core, uint64_t side) {
    for (int i = 0; i < PIPE_SOURCES; i++) {
        slot_reference expected = family_self();
        atomic_compare_exchange_strong(&core->sources[side][i].process, &expected, 0);
    }
}

static bool others_have_it(struct pipe_core *core, uint64_t side) {
    for (int i = 0; i < PIPE_SOURCES; i++) {
        slot_reference process = atomic_load(&core->sources[side][i].process);
        if (process != 0 && process != family_self() && !family_dead(process)) {
            return true;
        }
    }
    return false;
}

/* The core of an end is there as long as the end's handle is valid. */
static void sweep(struct self *self) {
    plat_mutex_lock(&mutex);
    for (struct lingering **at = &lingering; *at != NULL;) {
        struct lingering *one = *at;
        family_lock(self);
        bool valid = table_valid(one->id);
        family_unlock(self);
        if (valid && !others_have_it(arena_at(one->core), one->side)) {
            at = &one->next;
            continue;
        }
        if (valid) {
            clear_source(arena_at(one->core), one->side);
        }
        plat_message_pipe_close(&one->native);
        *at = one->next;
        free(one);
    }
    plat_mutex_unlock(&mutex);
}

static int keep(spork_pipe *end, struct plat_message_pipe native) {
    end->part = malloc(PLAT_MESSAGE_MAX);
    if (end->part == NULL) {
        plat_message_pipe_close(&native);
        return error_set(SPORK_ENOMEM, "no memory for a pipe's end");
    }
    end->native = native;
    end->has_native = true;
    return 0;
}

int pipe_native_make(struct self *self, spork_pipe *ends[2]) {
    struct plat_message_pipe natives[2];
    sweep(self);
    int error = plat_message_pipe_create(natives, SYSTEM_ROOM);
    if (error != 0) {
        return error;
    }
    error = keep(ends[0], natives[0]);
    if (error != 0) {
        plat_message_pipe_close(&natives[1]);
        return error;
    }
    error = keep(ends[1], natives[1]);
    for (uint64_t side = 0; side < 2 && error == 0; side++) {
        set_source(self, pipe_core_of(ends[side]), side, natives[side].native);
    }
    return error;
}

int pipe_native_share(struct self *self, spork_pipe *end) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = pipe_body_of(end)->side;
    struct plat_message_pipe native;
    for (int i = 0; i < PIPE_SOURCES; i++) {
        slot_reference process = atomic_load(&core->sources[side][i].process);
        if (process == 0 || !family_is(process)) {
            continue;
        }
        struct process_slot *slot = family_slot(process);
        struct plat_identity owner = {(int64_t)atomic_load(&slot->pid),
                                      atomic_load(&slot->stamp)};
        intptr_t theirs = (intptr_t)atomic_load(&core->sources[side][i].native);
        if (plat_message_pipe_share(&native, owner, theirs) == 0) {
            int error = keep(end, native);
            if (error == 0) {
                set_source(self, core, side, native.native);
            }
            return error;
        }
    }
    return error_prefix(SPORK_EPEERDIED,
                        "an end of a pipe was sent by a process that ended before it arrived");
}

void pipe_native_close(struct self *self, spork_pipe *end) {
    if (!end->has_native) {
        return;
    }
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = pipe_body_of(end)->side;
    bool last = handle_holders(end->handle.id) <= 1;
    bool needed = !last && !others_have_it(core, side);
    struct watch ignored = {0};
    /* What is still under way may carry handles, which have to be let go with the ring. */
    for (int i = 0; last && i < PIPE_ROOM && pipe_native_pump(self, end, &ignored) == 0; i++) {
    }
    struct lingering *one = needed ? malloc(sizeof *one) : NULL;
    if (one != NULL) {
        *one = (struct lingering){end->handle.id, arena_offset(core), side, end->native, NULL};
        plat_mutex_lock(&mutex);
        one->next = lingering;
        lingering = one;
        plat_mutex_unlock(&mutex);
    } else {
        clear_source(core, side);
        plat_message_pipe_close(&end->native);
    }
    end->has_native = false;
    free(end->part);
    end->part = NULL;
    sweep(self);
}

/* ---- turns ---- */

static bool take_turn(struct self *self, arena_word *turn, struct watch *watch) {
    uint64_t found = 0;
    if (atomic_compare_exchange_strong(turn, &found, self->reference) ||
        found == self->reference) {
        return true;
    }
    if (family_thread_dead(found)) {
        bool taken = atomic_compare_exchange_strong(turn, &found, self->reference);
        if (taken) {
            family_settle(self);
        }
        return taken;
    }
    watch_thread(watch, found);
    return false;
}

/* ---- sending ---- */

static int send_part(struct self *self, spork_pipe *end, const struct ring_message *message,
                     struct pipe_sending *sending) {
    size_t left = message->size - sending->done;
    struct part_header header = {.number = sending->number,
                                 .total = message->size,
                                 .offset = sending->done,
                                 .flags = message->flags,
                                 .size = left < PART_ROOM ? (uint32_t)left : PART_ROOM};
    unsigned char *part = malloc(sizeof header + header.size);
    size_t dead;
    bool done = false;
    if (part == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a part of a message");
    }
    memcpy(part, &header, sizeof header);
    if (header.size > 0) {
        memcpy(part + sizeof header, (const unsigned char *)message->data + sending->done,
               header.size);
    }
    int error = plat_message_pipe_write(&end->native, part, sizeof header + header.size,
                                        &self->sleeper, &self->slot->bell, DEADLINE_NOW, NULL,
                                        0, &dead, &done);
    free(part);
    if (done) {
        sending->done += header.size;
        return 0;
    }
    return error == SPORK_ETIMEDOUT || error == 0 ? SPORK_EWOULDBLOCK : error;
}

int pipe_native_send(struct self *self, spork_pipe *end, const struct ring_message *message,
                     struct pipe_sending *sending, struct watch *watch) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = 1 - pipe_body_of(end)->side;
    if (!end->has_native) {
        return error_set(SPORK_EPEERDIED, "this end of the pipe never arrived");
    }
    if (!sending->turn) {
        if (!take_turn(self, &core->send_turn[side], watch)) {
            return SPORK_EWOULDBLOCK;
        }
        sending->turn = true;
        sending->number = atomic_fetch_add(&core->message_number[side], 1) + 1;
    }
    int error;
    do {
        error = send_part(self, end, message, sending);
        if (error == 0) {
            sleep_wake(&core->rings[side].readers, 1);
        }
    } while (error == 0 && sending->done < message->size);
    return error;
}

void pipe_native_stop(struct self *self, spork_pipe *end, struct pipe_sending *sending) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = 1 - pipe_body_of(end)->side;
    (void)self;
    if (sending->turn) {
        sending->turn = false;
        atomic_store(&core->send_turn[side], 0);
        sleep_wake(&core->rings[side].writers, 1);
    }
}

/* ---- receiving ---- */

/* Drops the unfinished message of a sender that died or gave up. */
static void drop_unfinished(struct self *self, struct pipe_core *core, uint64_t side) {
    uint64_t block = atomic_load(&core->part_block[side]);
    if (block != 0) {
        family_lock(self);
        arena_give(block);
        arena_set(&core->part_block[side], 0);
        family_commit(self);
    }
}

static int begin_message(struct self *self, struct pipe_core *core, uint64_t side,
                         const struct part_header *header) {
    uint64_t block;
    drop_unfinished(self, core, side);
    family_lock(self);
    int error = arena_take(header->total, BLOCK_MESSAGE, &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_set(&core->part_block[side], block);
    arena_set(&core->part_number[side], header->number);
    arena_set(&core->part_done[side], 0);
    family_commit(self);
    return 0;
}

/* All parts are there: the block becomes the message that is put into the ring. */
static int finish_message(struct self *self, spork_pipe *end,
                          const struct part_header *header) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = pipe_body_of(end)->side;
    struct ring *ring = &core->rings[side];
    struct ring_message message = {.size = (size_t)header->total, .flags = header->flags};
    uint64_t block = atomic_load(&core->part_block[side]);
    struct watch ignored = {0};
    message.data = arena_at(block);
    int error = ring_prepare(self, ring, &message);
    if (error == 0) {
        error = ring_try_put(self, end->handle.id, ring, &message, &ignored);
    }
    if (error != 0) {
        ring_forget(self, &message);
        return error;
    }
    drop_unfinished(self, core, side);
    return 0;
}

static int take_part(struct self *self, spork_pipe *end, const unsigned char *part,
                     size_t size) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = pipe_body_of(end)->side;
    struct part_header header;
    struct watch ignored = {0};
    memcpy(&header, part, sizeof header);
    const unsigned char *data = part + sizeof header;
    if (size != sizeof header + header.size) {
        return error_set(SPORK_EMALFORMED, "a part of a message was cut");
    }
    if (header.size == header.total) {
        struct ring_message message = {
            .data = data, .size = header.size, .flags = header.flags};
        int error = ring_prepare(self, &core->rings[side], &message);
        if (error == 0) {
            error = ring_try_put(self, end->handle.id, &core->rings[side], &message, &ignored);
        }
        if (error != 0) {
            ring_forget(self, &message);
        }
        return error;
    }
    int error = header.offset == 0 ? begin_message(self, core, side, &header) : 0;
    if (error != 0 || atomic_load(&core->part_block[side]) == 0 ||
        atomic_load(&core->part_number[side]) != header.number ||
        atomic_load(&core->part_done[side]) != header.offset) {
        return error != 0 ? error : PART_TAKEN;
    }
    memcpy((unsigned char *)arena_at(atomic_load(&core->part_block[side])) + header.offset,
           data, header.size);
    atomic_store(&core->part_done[side], header.offset + header.size);
    return header.offset + header.size == header.total ? finish_message(self, end, &header)
                                                       : PART_TAKEN;
}

static int pump_parts(struct self *self, spork_pipe *end) {
    struct pipe_core *core = pipe_core_of(end);
    int error;
    do {
        size_t size;
        error = plat_message_pipe_read(&end->native, end->part, PLAT_MESSAGE_MAX, &size);
        if (error == 0) {
            error = size < sizeof(struct part_header)
                        ? error_set(SPORK_EMALFORMED, "a part of a message was cut")
                        : take_part(self, end, end->part, size);
            /* There is room again. */
            sleep_wake(&core->rings[pipe_body_of(end)->side].writers, 1);
        }
    } while (error == PART_TAKEN);
    /* Who holds the other end is the process table's to say, not the system's. */
    return error == SPORK_EEMPTY || error == SPORK_EEOF ? SPORK_EWOULDBLOCK : error;
}

int pipe_native_pump(struct self *self, spork_pipe *end, struct watch *watch) {
    struct pipe_core *core = pipe_core_of(end);
    uint64_t side = pipe_body_of(end)->side;
    if (!end->has_native) {
        return error_set(SPORK_EPEERDIED, "this end of the pipe never arrived");
    }
    if (!take_turn(self, &core->pump_turn[side], watch)) {
        return SPORK_EWOULDBLOCK;
    }
    int error = pump_parts(self, end);
    atomic_store(&core->pump_turn[side], 0);
    if (error == 0) {
        /* Another reader may have met our turn, and there may be more. */
        sleep_wake(&core->rings[side].readers, 1);
    }
    return error;
}

bool pipe_native_ready(spork_pipe *end) {
    size_t size;
    return end->has_native && plat_message_pipe_peek(&end->native, &size) == 0;
}
