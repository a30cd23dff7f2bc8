/* Rank 11: what a pool is in the arena: what its owner and its workers share.

   A record stands for one thing that the owner has given to the pool. Its ticket (generation
   and index) goes through a ring, which is crash-safe; who takes it does the work. Only the
   owner makes and ends records, so all that a dead worker leaves is put right by the owner,
   and by nobody else: if the owner dies, all of its workers do, and the pool is taken apart.

       CALL    one call. A worker claims it by one compare-and-swap of its state, which names
               the worker's seat, and ends it by another: so it is run once, and a cancelled one
               does not come back.
       MAP     a call for each item of an array. Its ticket is put once for each worker; each
               claims ranges of items from a log (below), and the last to leave ends it.
       RANGE   items of a map that a dead worker had claimed: for any other one.

   The seat of a worker says what it has in hand. If the worker dies between any two lines:
       before the state names the seat     the ring delivers the ticket again
       while it is RUNNING                 the owner finds it in the seat: it failed, or runs
                                           again; should the ring deliver its ticket once more,
                                           nobody finds it QUEUED, or just one does
       in a map                            the owner finds that in the seat, and puts its
                                           ticket again
       when it is DONE, not in the list    the owner finds it in the seat
   A record that a seat has in hand is not used for anything else: the worker stores the ticket
   in its seat before it looks at the state, the owner changes the state before it looks at the
   seats.

   Claims of a map: entry k of the log is the end of the k-th range, whose begin is the end of
   the one before, with the number of the worker's incarnation; so a claim and its owner appear
   in one compare-and-swap. The seat then says how far it has come, item by item, in two structs
   of which `which` tells the valid one: a new claim is filled in beside, and is there with one
   store. If the worker dies: the item that it had begun has failed (or runs again), those
   before it are done, those behind it, and a claim that is in the log but not yet in the seat,
   become RANGEs. What each visit to a map has settled goes into map->settled by a transaction
   that also ends the visit, so nothing is counted twice. */
#ifndef SRC_POOL_CORE_H
#define SRC_POOL_CORE_H

#include "handle.h"
#include "ring.h"
#include "spork/pool.h"

enum {
    POOL_KIND = SPORK_HANDLE_END_, /* no user's handle: it does not travel */
    POOL_TASKS = 1024,
    POOL_SEGMENTS = 24,
    POOL_SEGMENT_FIRST = 64,
    POOL_ARGUMENTS = 96, /* bytes that lie in a record; more in a block */
    POOL_RESULT = 48,
    POOL_WORDS = 512      /* why an item of a map failed */
};

typedef uint64_t pool_ticket; /* generation << 32 | index + 1; 0: none */

enum record_kind { RECORD_CALL, RECORD_MAP, RECORD_RANGE };
enum record_state {
    RECORD_FREE,
    RECORD_QUEUED, /* a map stays so until it ends */
    RECORD_RUNNING,
    RECORD_DONE,
    RECORD_FAILED,
    RECORD_CANCELLED
};

struct pool_record {
    arena_word state;          /* see record_word */
    arena_word next;           /* ticket of the next that is done */
    arena_word arguments;      /* block; 0: they are in data */
    arena_word arguments_size;
    arena_word result;         /* block; 0: it is behind the arguments in data */
    arena_word result_size;    /* size << 8 | message flags; of FAILED: of the words */
    arena_word handles;        /* block of a struct pool_handles; 0: none */
    arena_word map;            /* block of a struct pool_map; a RANGE's is the MAP's */
    arena_word of;             /* RANGE: ticket of the MAP */
    arena_word first, end;     /* RANGE: items */
    _Atomic uint32_t kind;
    _Atomic uint32_t task;     /* index in the body's tasks */
    _Atomic uint32_t notify;   /* somebody waits for this one */
    _Atomic uint32_t told;     /* it is to be cancelled: spork_task_cancelled */
    _Atomic int32_t error;     /* of FAILED */
    unsigned char data[POOL_ARGUMENTS + POOL_RESULT];
};

/* What the record's arguments hold on to while it is there. */
struct pool_handles {
    arena_word count; /* of those that are valid */
    struct kept kept[];
};

struct pool_failure {
    _Atomic int32_t error;
    _Atomic int32_t exit_code;
    _Atomic uint32_t has_exit_code;
    char words[POOL_WORDS];
};

/* Places are offsets in the arena. */
struct pool_map {
    arena_word opened;        /* 1: all below is filled in */
    uint64_t count, item_size, result_size;
    uint64_t chunk;           /* items */
    uint64_t least;           /* items of a claim, but for the last: so the log suffices */
    uint64_t claims;          /* entries of the log */
    uint64_t seats;
    uint64_t in;              /* items; or, if they are encoded, */
    uint64_t places, encoded; /* where each of count + 1 begins in what is encoded */
    uint64_t out;             /* results; 0: not wanted */
    uint64_t values;          /* or a block for each (struct pool_value); 0: they are flat */
    uint64_t errors;          /* int32_t of each item; 0: not wanted */
    uint64_t log;
    arena_word settled;       /* items, by visits that are over */
    arena_word first_failure; /* index << 1 | which of failures; or NO_FAILURE */
    arena_word stop;          /* 1: no further item begins */
    struct pool_failure failures[2];
    _Alignas(64) arena_word hint; /* entries of the log that are surely taken */
};
#define NO_FAILURE UINT64_MAX
enum { CLAIM_NUMBER_BITS = 24 };

struct pool_value {
    uint64_t size_flags; /* size << 8 | message flags */
    unsigned char data[];
};

struct pool_claim {
    arena_word log;        /* entries of the log from here on may be this worker's, too */
    arena_word first, end;
    arena_word begun;      /* one behind the last item that was begun, */
    arena_word done;       /* and that was done */
    arena_word settled;    /* by earlier claims of this visit */
};

enum seat_phase {
    SEAT_EMPTY,
    SEAT_STARTING,
    SEAT_INITIALIZING,
    SEAT_READY,
    SEAT_REFUSED, /* the initializer failed; why is in the words of the process's slot */
    SEAT_LEFT     /* it ends by itself: it has done its share, or the pool is closed */
};

/* Written by its worker alone while that lives. */
struct pool_seat {
    _Alignas(64) arena_word phase;
    arena_word number;     /* of the worker's incarnation, from 1 on */
    arena_word ticket;     /* what it has in hand; 0: nothing */
    arena_word which;      /* of claims */
    /* The owner's: who has ended the record of this ticket takes no other. He looks here behind
       ticket = 0, the owner at ticket behind this: so a kill hits nobody who has gone on. */
    arena_word arrest;
    struct pool_claim claims[2];
};

enum pool_closing { POOL_OPEN, POOL_CLOSED, POOL_TERMINATED };

struct pool_body {
    struct ring ring; /* of tickets */
    uint64_t max_tasks;
    uint64_t seat_count;
    arena_word seats;                  /* block */
    arena_word segments[POOL_SEGMENTS]; /* blocks of records, each twice the last */
    arena_word tasks[POOL_TASKS];      /* blocks: name, file and types, each with its NUL */
    arena_word initializer, initializer_size;
    struct kept kept[KEEPER_MOST];     /* by the initializer */
    _Alignas(64) arena_word closing;
    _Alignas(64) arena_word done;      /* ticket of the last record that was done; a list */
    arena_word changes;                /* rises when the owner has to look at its workers */
    arena_word notify;                 /* the owner wants to know of every record */
    struct waiters owner;
};

/* The public type. Workers have no owner's part. */
struct spork_pool {
    struct handle handle;
    struct pool_owner *owner;
};

static inline struct pool_body *pool_body_of(const spork_pool *pool) {
    return pool->handle.body;
}
static inline struct pool_seat *pool_seat_at(const struct pool_body *body, uint32_t index) {
    struct pool_seat *seats = arena_at(atomic_load(&body->seats));
    return &seats[index];
}

static inline uint32_t ticket_index(pool_ticket ticket) {
    return (uint32_t)ticket - 1;
}
/* seat: who runs it. */
static inline uint64_t record_word(pool_ticket ticket, uint32_t seat, enum record_state state) {
    return ticket >> 32 << 32 | (uint64_t)seat << 8 | (uint64_t)state;
}
static inline enum record_state record_state_of(uint64_t word) {
    return (enum record_state)(word & 0xFF);
}
static inline uint32_t record_seat_of(uint64_t word) {
    return (uint32_t)(word >> 8) & 0xFFFFFFu;
}
static inline bool record_is(uint64_t word, pool_ticket ticket) {
    return word >> 32 == ticket >> 32;
}

/* ---- pool_record.c ---- */

extern const struct handle_kind pool_kind;

/* The record of an index; its segment has to be there. */
struct pool_record *pool_record_at(struct pool_body *body, uint32_t index);
static inline struct pool_record *pool_record_of(struct pool_body *body, pool_ticket ticket) {
    return pool_record_at(body, ticket_index(ticket));
}
/* Adds the segment that begins at this index. Errors: SPORK_ENOSPACE. */
int pool_record_grow(struct self *self, struct pool_body *body, uint32_t index);
/* Gives back its result, or what there is of one. */
void pool_record_clear_result(struct self *self, struct pool_record *record);
/* Gives back all that a record has; its worker, if it had one, is through with it. */
void pool_record_clear(struct self *self, struct pool_record *record);
/* Gives back the result of an item, if it is a value and there. */
void pool_map_clear_value(struct self *self, struct pool_map *map, uint64_t index);
/* Whether any seat has it in hand. */
bool pool_record_in_hand(struct pool_body *body, pool_ticket ticket);
/* Appends it to the list of the done. */
void pool_record_push(struct pool_body *body, pool_ticket ticket);
/* Wakes the owner if he waits for this one. */
void pool_record_tell(struct pool_body *body, const struct pool_record *record);

/* ---- pool_map.c ---- */

static inline arena_word *map_log(struct pool_map *map) {
    return arena_at(map->log);
}
/* The valid claim of a seat. */
static inline struct pool_claim *seat_claim(struct pool_seat *seat) {
    return &seat->claims[atomic_load_explicit(&seat->which, memory_order_relaxed) & 1];
}
/* A claim of these items, made valid by one store. */
void map_note_claim(struct pool_seat *seat, uint64_t log, uint64_t first, uint64_t end);
/* An entry of the log that is free, or was just now: nothing before it is claimed any more. */
uint64_t map_log_end(struct pool_map *map);
/* Whether there are items that nobody has claimed. */
bool map_has_more(struct pool_map *map);
/* Claims about want items, at most most. False: there are no more. */
bool map_claim(struct pool_map *map, struct pool_seat *seat, uint64_t want, uint64_t most,
               uint64_t *place);
/* Ends the visit of the seat with this index: what it has settled, and more items, are counted,
   and its own record is done, if it is a RANGE. Which of them has ended with that: its ticket
   has to be put into the list of the done, by nobody else. */
struct map_end {
    bool map, range;
};
struct map_end map_leave(struct self *self, struct pool_body *body, uint32_t seat,
                         pool_ticket map_ticket, pool_ticket range_ticket, uint64_t more);
/* How many items are done, more or less: one who moves on may be counted late. */
uint64_t map_done(struct pool_body *body, pool_ticket ticket);
/* Keeps why an item failed, if it is the first of those. */
void map_fail(struct self *self, struct pool_map *map, uint64_t index,
              const struct pool_failure *failure);
/* Whether that has been done for the item; if its worker died at it, it is finished. */
bool map_has_failed(struct pool_map *map, uint64_t index);

#endif
