/* Rank 6: handles: objects in the arena, who holds them, and how they travel.

   An object is a body in the heap and a slot in the handle table. Its id is the slot's index
   and generation, so a stale id is an error and not somebody else's object. Who holds it is
   written down, one hold record a process, linked both to the process and to the handle; an
   object lives while it has records. A message that carries handles has records of its own
   (process 0: in transit), which its receiver takes over.

   A process sees an object through one struct handle, however often it received it; the
   public types (struct spork_queue ...) begin with it. */
#ifndef SRC_HANDLE_H
#define SRC_HANDLE_H

#include "codec.h"
#include "family.h"

typedef uint64_t handle_id; /* generation << 32 | index + 1; 0: none */

/* What the core knows of a kind of object. */
struct handle_kind {
    spork_handle_kind kind;
    const char *name;
    size_t local_size; /* of the public struct */
    size_t body_size;
    /* Takes apart what a body owns besides itself, step by step, each step one transaction:
       it may be cut short by a death and called again. NULL: nothing. */
    void (*destroy)(struct self *self, handle_id id, void *body);
    /* Puts right what a dead thread left half done. NULL: nothing. */
    void (*mourn_thread)(struct self *self, handle_id id, void *body, slot_reference thread);
    /* A process holds it no more, and owed this much: a part of the transaction in which its
       record goes. process is 0 for the record of a message. */
    void (*mourn_holder)(void *body, slot_reference process, uint64_t owed);
    /* A process that held it was killed: a part of the transaction in which its record goes. */
    void (*holder_died)(void *body);
    /* Called when who holds it has become fewer, also by death: wakes whom that concerns. */
    void (*holders_changed)(void *body, uint64_t holders);
    /* For who waits for many things: 0 when there is something for him, SPORK_EWOULDBLOCK when
       not, as an attempt; and where he waits. NULL: this cannot be waited for. */
    int (*ready)(struct self *self, void *local, struct watch *watch);
    struct waiters *(*waiters)(void *local);
    /* The local object is made from zeroed memory, or goes. NULL: nothing to do. */
    int (*open_local)(void *local, void *body);
    void (*close_local)(void *local);
};
void handle_register_kind(const struct handle_kind *kind);
/* The layer that puts messages into rings says whether the slot word at `home` has taken over
   the block of a message: the word is still at this position, and past its commit. */
typedef bool handle_message_judge(uint64_t home, uint64_t position, uint64_t offset);
void handle_judge_messages(handle_message_judge *judge);

struct hold {
    arena_word handle;
    arena_word process; /* 0: in transit */
    arena_word process_next, process_previous;
    arena_word handle_next, handle_previous;
    /* Of a queue: items that its process got (counted without the lock, by it alone) and
       that it said are done; the difference is what it owes. Of a rwlock: see rwlock.c. */
    arena_word got, done;
};

struct handle {
    const struct handle_kind *kind;
    handle_id id;
    void *body;
    struct hold *hold;      /* this process's record */
    slot_reference process; /* whose that is: another one's after a fork */
    _Atomic uint32_t users; /* local references; see handle_share */
    _Atomic bool closed;    /* let go of before its end: see handle_close */
    struct handle *next;    /* all of this process, */
    struct handle **link;   /* and what points at this one there; NULL: it is not in the list */
};

/* Makes an object; init, when not NULL, fills its zeroed body before anybody can see it, as a
   part of the transaction that makes it. Errors: SPORK_ENOMEM, SPORK_ENOSPACE, SPORK_ELIMIT,
   and init's. */
int handle_create(struct self *self, const struct handle_kind *kind,
                  int (*init)(void *body, const void *options), const void *options,
                  struct handle **handle);
/* What a public ..._new is made of: place is where its caller wants the pointer, or NULL. And
   ..._free: NULL is fine. */
int handle_new(void *place, const struct handle_kind *kind,
               int (*init)(void *body, const void *options), const void *options);
void handle_free(void *object);

/* The rest of handle_enter: what is NULL, wrong or closed; a thread's first call, and an object
   that a forked process has inherited. */
struct self *handle_enter_slow(const void *object, const struct handle_kind *kind, int *error);
/* Begins every public call on a handle: this thread's self, or NULL with *error (an object
   that is NULL, of another kind, closed or stale). */
static inline struct self *handle_enter(const void *object, const struct handle_kind *kind,
                                        int *error) {
    const struct handle *handle = object;
    struct self *self = &sleep_this;
    if (handle != NULL && handle->kind == kind && self->slot != NULL &&
        handle->process == family_self() &&
        !atomic_load_explicit(&handle->closed, memory_order_relaxed)) {
        *error = 0;
        return self;
    }
    return handle_enter_slow(object, kind, error);
}

/* One local user more, one less; the last one lets the object go. */
void handle_share(struct handle *handle);
void handle_release(struct handle *handle);
/* Lets the object go now, whoever still uses it: they get SPORK_ECLOSED. */
int handle_close(struct self *self, struct handle *handle);

/* In the body of an object that holds another one, as a condition its lock. */
struct kept {
    arena_word id;
    arena_word record; /* a hold that is no process's */
};
/* In an init: a part of its transaction. Errors: SPORK_ESTALE, SPORK_ENOSPACE. */
int handle_keep(struct kept *kept, const struct handle *other);
/* In a destroy. */
void handle_drop_kept(struct self *self, struct kept *kept);
/* In an open_local: this process's object, to be released by close_local; NULL if nothing is
   kept. Errors: SPORK_ESTALE, SPORK_ENOMEM, SPORK_ENOSPACE. */
int handle_open_kept(const struct kept *kept, struct handle **handle);

/* Has a process of this family, one that does not run yet, hold the object; and this process's
   object of an id that it holds so, to be released. Errors: SPORK_ESTALE, SPORK_ENOMEM,
   SPORK_ENOSPACE. */
int handle_hold_for(struct self *self, const struct handle *handle, slot_reference process);
int handle_open_held(struct self *self, handle_id id, struct handle **handle);

/* How many holders there are, in transit included. */
uint64_t handle_holders(handle_id id);
/* A number that is another one whenever a holder has come, gone or changed. No lock is needed;
   what is asked under it afterwards is at least as new. */
uint64_t handle_holders_version(handle_id id);
/* Adds them to those whose death ends a wait, if there is to be one (watch is not NULL). */
void handle_watch_holders(struct self *self, handle_id id, struct watch *watch);
/* Whether a process beside its maker has held it. */
bool handle_travelled(handle_id id);

/* ---- travelling ---- */

/* Sends the handles of one message. target: the process that gets them (a child's launch),
   or 0: whoever receives the message. */
struct parcel {
    struct self *self;
    slot_reference target;
    uint64_t *records; /* of those in transit; malloc */
    size_t count;
    struct codec_handles codec;
};
void parcel_open(struct parcel *parcel, struct self *self, slot_reference target);
/* The message is committed: its records are no longer this process's to clean up. */
void parcel_sent(struct parcel *parcel);
/* The message was not sent: its records go. */
void parcel_cancel(struct parcel *parcel);
/* Encodes handles that something else will hold (see handle_keep): notes them, and writes no
   record, so that what was encoded can be received again and again. */
enum { KEEPER_MOST = 8 };
struct keeper {
    const struct handle *handles[KEEPER_MOST];
    size_t count;
    struct codec_handles codec;
};
void keeper_open(struct keeper *keeper);
/* Receives: what the codec calls for each handle it meets. Values own what they get. */
extern const struct codec_handles handle_receiver;

/* Receives the handles of a message that may yet have to go back: its records stay in transit
   until it is gone, as this process's private ones. home, position: see struct block. */
struct receipt {
    struct self *self;
    uint64_t home, position;
    uint64_t *records; /* malloc */
    size_t count;
    struct codec_handles codec;
};
void receipt_open(struct receipt *receipt, struct self *self, uint64_t home,
                  uint64_t position);
/* The message is gone: its records go. Or it goes back, with its records. */
void receipt_close(struct receipt *receipt, bool goes_back);

/* A kind that was registered; NULL: none. */
const struct handle_kind *handle_kind_of(uint64_t kind);
/* For layers above: the object of an id, or NULL when it is gone. Under no lock: only for who
   holds it, or buries somebody who did. */
void *handle_body(handle_id id, const struct handle_kind **kind);

#endif
