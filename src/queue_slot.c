/* The mailslot behind a queue's frames: who has it open, what passes through it, and what is
   left of it after a death. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue_frame.h"

/* ---- counting ---- */

static uint64_t records_up_to(const struct frame *frame, uint64_t end) {
    uint64_t count = 0;
    for (uint64_t at = 0; at < end; count++) {
        struct record record;
        memcpy(&record, frame->data + at, sizeof record);
        at += record.size_in_frame;
    }
    return count;
}

/* What a dead thread may have committed without counting it. */
static void count_again(struct queue_frames *frames) {
    uint64_t read = atomic_load(&frames->read);
    for (uint64_t at = atomic_load(&frames->head); at != 0;) {
        struct frame *frame = frame_at(at);
        if (frame->number == read >> 32) {
            atomic_store(&frames->gets,
                         frame->first + records_up_to(frame, read & 0xFFFFFFFFu));
        }
        if (at == atomic_load(&frames->tail)) {
            uint64_t length = atomic_load(&frame->length);
            atomic_store(&frames->puts, frame->first + records_up_to(frame, length));
        }
        at = atomic_load(&frame->next);
    }
}

/* All that was in the mailslot is served from what is retained. */
static void retain_all(struct queue_frames *frames) {
    for (uint64_t at = atomic_load(&frames->head); at != 0;) {
        struct frame *frame = frame_at(at);
        if (atomic_load(&frame->state) == FRAME_SENT) {
            atomic_store(&frame->state, FRAME_RECEIVED);
        }
        at = atomic_load(&frame->next);
    }
}

/* ---- the mailslot ---- */

void queue_slot_close(spork_queue *queue) {
    if (queue->slot_generation != 0) {
        plat_mailslot_close(&queue->slot);
        queue->slot_generation = 0;
    }
}

static void slot_name(char *name, size_t size, spork_queue *queue, uint64_t generation) {
    snprintf(name, size, "%s-%llx-%llx", arena->key, (unsigned long long)queue->handle.id,
             (unsigned long long)generation);
}

/* A copy of the present slot, from who made it. */
static bool share_slot(struct queue_frames *frames, spork_queue *queue) {
    char name[96];
    slot_reference source = atomic_load(&frames->source_process);
    uint64_t generation = atomic_load(&frames->slot_generation);
    if (source == 0 || !family_is(source) || family_dead(source)) {
        return false;
    }
    struct plat_identity owner = {(int64_t)atomic_load(&family_slot(source)->pid),
                                  atomic_load(&family_slot(source)->stamp)};
    queue->slot = (struct plat_mailslot){PLAT_NO_NATIVE, PLAT_NO_NATIVE};
    slot_name(name, sizeof name, queue, generation);
    if (plat_mailslot_share(&queue->slot, owner,
                            (intptr_t)atomic_load(&frames->source_native)) != 0) {
        return false;
    }
    if (plat_mailslot_open(&queue->slot, name) != 0) {
        plat_mailslot_close(&queue->slot);
        return false;
    }
    queue->slot_generation = generation;
    return true;
}

/* A new slot, when nobody is left who could share the old one. */
static int make_slot(struct queue_frames *frames, spork_queue *queue) {
    char name[96];
    uint64_t generation = atomic_load(&frames->slot_generation) + 1;
    slot_name(name, sizeof name, queue, generation);
    queue->slot = (struct plat_mailslot){PLAT_NO_NATIVE, PLAT_NO_NATIVE};
    int error = plat_mailslot_create(&queue->slot, name);
    if (error != 0) {
        return error;
    }
    atomic_store(&frames->slot_generation, generation);
    retain_all(frames);
    atomic_store(&frames->source_native, (uint64_t)queue->slot.reader);
    atomic_store(&frames->source_process, family_self());
    queue->slot_generation = generation;
    return 0;
}

int queue_slot_open(struct queue_frames *frames, spork_queue *queue) {
    uint64_t generation = atomic_load(&frames->slot_generation);
    if (queue->frame == NULL) {
        queue->frame = malloc(FRAME_DATA);
        if (queue->frame == NULL) {
            return error_set(SPORK_ENOMEM, "no memory for a queue's frame");
        }
    }
    if (queue->slot_generation != 0 && queue->slot_generation == generation) {
        return 0;
    }
    queue_slot_close(queue);
    return share_slot(frames, queue) ? 0 : make_slot(frames, queue);
}

/* What the dead wrote or read of the mailslot is unknown. */
void queue_slot_recover(struct queue_frames *frames, spork_queue *queue) {
    size_t size;
    if (queue != NULL && queue->slot_generation != 0 && queue->frame != NULL &&
        queue->slot_generation == atomic_load(&frames->slot_generation)) {
        while (plat_mailslot_read(&queue->slot, queue->frame, FRAME_DATA, &size) == 0) {
        }
    } else {
        /* Nobody here can empty the slot: leave it, and what is in it, for a new one. */
        atomic_store(&frames->source_process, 0);
        atomic_fetch_add(&frames->slot_generation, 1);
    }
    retain_all(frames);
    count_again(frames);
}

int queue_slot_send(struct queue_frames *frames, spork_queue *queue, struct frame *frame) {
    int error = queue_slot_open(frames, queue);
    if (error != 0) {
        return error;
    }
    size_t length = (size_t)atomic_load(&frame->length);
    atomic_store(&frame->state, FRAME_SENT);
    if (plat_mailslot_write(&queue->slot, frame->data, length) != 0) {
        queue_slot_close(queue);
        atomic_store(&frames->source_process, 0);
        retain_all(frames);
    }
    return 0;
}

int queue_slot_receive(struct queue_frames *frames, spork_queue *queue, struct frame *frame) {
    size_t size = 0;
    size_t length = (size_t)atomic_load(&frame->length);
    int error = queue_slot_open(frames, queue);
    if (error != 0 || atomic_load(&frame->state) == FRAME_RECEIVED) {
        return error;
    }
    error = plat_mailslot_read(&queue->slot, queue->frame, FRAME_DATA, &size);
    if (error == 0 && size == length) {
        memcpy(frame->data, queue->frame, size);
        atomic_store(&frame->state, FRAME_RECEIVED);
        return 0;
    }
    /* Not what was written: somebody else's doing. What is retained counts. */
    queue_slot_close(queue);
    atomic_store(&frames->source_process, 0);
    retain_all(frames);
    return 0;
}

