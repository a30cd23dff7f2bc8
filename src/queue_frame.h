/* Rank 9: the frames of a queue that goes through a mailslot; queue_frames.c tells the idea. */
#ifndef SRC_QUEUE_FRAME_H
#define SRC_QUEUE_FRAME_H

#include "queue_core.h"

enum { FRAME_DATA = 32 * 1024, LARGE_FROM = 8 * 1024, OUTSTANDING = 2 };

enum frame_state {
    FRAME_PENDING, /* in the arena alone; the last one of these takes puts */
    FRAME_SENT,    /* in the mailslot as well */
    FRAME_RECEIVED /* served from the arena */
};

struct frame {
    uint64_t number;
    arena_word next;
    arena_word length; /* bytes of committed items */
    arena_word state;
    uint64_t first;    /* how many items were put before this frame */
    uint64_t reserved[3];
    unsigned char data[FRAME_DATA];
};

/* In front of each item; padded to 8 bytes. */
struct record {
    uint32_t size_in_frame, flags;
    uint64_t size;
    uint64_t block; /* 0: the data follow */
};
enum { LARGE_RECORD = sizeof(struct record) };

static inline struct frame *frame_at(uint64_t offset) {
    return arena_at(offset);
}

/* ---- queue_slot.c; all in the turn ---- */

/* Makes sure that this process has the queue's present slot open. */
int queue_slot_open(struct queue_frames *frames, spork_queue *queue);
void queue_slot_close(spork_queue *queue);
/* Writes a frame that takes no more puts. A slot that fails is given up for good: frames are
   then served from the arena until the next one is made. */
int queue_slot_send(struct queue_frames *frames, spork_queue *queue, struct frame *frame);
/* Reads the head frame's message into the frame. */
int queue_slot_receive(struct queue_frames *frames, spork_queue *queue, struct frame *frame);
/* The turn was taken from a dead thread: puts right what it left. queue: NULL when this
   process has no local object. */
void queue_slot_recover(struct queue_frames *frames, spork_queue *queue);

#endif
