/* Rank 9: what the two ends of a pipe share, for the files that make up pipes. */
#ifndef SRC_PIPE_CORE_H
#define SRC_PIPE_CORE_H

#include "message.h"
#include "spork/pipe.h"

enum { PIPE_ROOM = 64, PIPE_SOURCES = 8 };

/* Processes that have an end's native open: a new holder takes its copy from one of them. */
struct pipe_source {
    arena_word process, native;
};

struct pipe_core {
    struct ring rings[2];    /* rings[side]: what side receives */
    arena_word gone[2];      /* 1: nobody holds that side */
    arena_word ids[2];       /* the ends' handles */
    uint64_t one_way;
    /* Where messages pass through the system's pipes (pipe_native.c). */
    uint64_t is_native;
    struct pipe_source sources[2][PIPE_SOURCES];
    arena_word send_turn[2], pump_turn[2]; /* threads; [side] is who receives */
    arena_word message_number[2];
    /* A message of several parts on its way to side: its number, its block, and how much of
       it is there. */
    arena_word part_number[2], part_block[2], part_done[2];
};

struct pipe_body {
    arena_word core; /* 0: not joined to a core yet, or left it */
    uint64_t side;
};

struct spork_pipe {
    struct handle handle;
    struct plat_message_pipe native;
    bool has_native;
    /* Who found somebody at the other end, and as of which handle_holders_version. */
    _Atomic uint64_t peer_known_by, peer_version;
    unsigned char *part; /* one message of the system's pipe; malloc */
};

static inline struct pipe_body *pipe_body_of(const spork_pipe *end) {
    return end->handle.body;
}
static inline struct pipe_core *pipe_core_of(const spork_pipe *end) {
    return arena_at(
        atomic_load_explicit(&pipe_body_of(end)->core, memory_order_relaxed));
}

/* ---- pipe_native.c; does nothing for ends that have no native ---- */

/* Opens both ends of a new pipe. */
int pipe_native_make(struct self *self, spork_pipe *ends[2]);
/* In a process that receives an end: takes a copy of its native. */
int pipe_native_share(struct self *self, spork_pipe *end);
/* Closes this process's native, or keeps it until the next holder has its copy. */
void pipe_native_close(struct self *self, spork_pipe *end);

/* A message on its way out in parts. */
struct pipe_sending {
    uint64_t number;
    size_t done;
    bool turn; /* this thread has the turn */
};
/* Sends as much as there is room for; 0: all of it. SPORK_EWOULDBLOCK: go on later. */
int pipe_native_send(struct self *self, spork_pipe *end, const struct ring_message *message,
                     struct pipe_sending *sending, struct watch *watch);
/* Gives the turn back, whether the message is complete or not. */
void pipe_native_stop(struct self *self, spork_pipe *end, struct pipe_sending *sending);
/* Moves the next message from the system's pipe into the end's ring. SPORK_EWOULDBLOCK:
   there is none yet. */
int pipe_native_pump(struct self *self, spork_pipe *end, struct watch *watch);
/* Whether there is something to be moved. */
bool pipe_native_ready(spork_pipe *end);

#endif
