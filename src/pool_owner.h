/* Rank 11: the owner's side of a pool: the process that made it. In this file's terms a public
   call enters the pool, works under its mutex, serves it (notices what is done, replaces
   workers, calls back) and leaves. */
#ifndef SRC_POOL_OWNER_H
#define SRC_POOL_OWNER_H

#include "pool_core.h"

enum future_kind { FUTURE_CALL, FUTURE_MAP };

struct spork_future {
    spork_pool *pool;       /* while it is not done */
    enum future_kind kind;
    const spork_task *task;
    pool_ticket ticket;
    slot_reference process; /* that it belongs to */
    _Atomic bool done;      /* what is below stands; written under the pool's mutex */
    uint64_t number;        /* among those of its pool, in the order in which they were done */
    bool dropped;           /* freed before it was done: nothing is written for it any more */
    _Atomic uint32_t references;
    int error;
    bool has_exit_code;
    int exit_code;
    bool has_item;
    size_t item;            /* of a map: the first that failed */
    char *words;            /* malloc; NULL: none */
    spork_value result;
    /* Of a map. */
    size_t count;
    void *out;
    bool copies_out;        /* out is not where the workers write */
    int *errors;
    spork_progress_callback *progress;
    void *progress_context;
    int64_t begin;          /* ns */
    bool is_partial;        /* it ended as a whole, before all items had */
    bool shown;             /* the progress at the begin, */
    _Atomic bool shown_end; /* and at the end */
    spork_future_callback *callback, *error_callback;
    void *context;
    spork_future *next_call; /* of those to be called back */
    spork_as_completed *order;
    spork_future *next_done; /* in it */
};

/* What the owner knows of a record. */
struct pool_note {
    spork_future *future; /* of a CALL or MAP that is not done */
    pool_ticket ticket;   /* 0: the record is free */
    uint32_t runs;        /* that ended with the worker's death; of a RANGE: of its first item */
    uint32_t ranges;      /* of a MAP: RANGEs of it that are there */
    bool ending;          /* to be freed when no seat has it in hand */
    bool stopping;        /* a MAP that is to be cancelled when nobody is in it */
};

/* What the owner knows of a seat. */
struct pool_member {
    spork_process *process; /* NULL: nobody sits there */
    int64_t pid;
    bool busy;              /* a thread is starting or joining it, without the mutex */
    bool said_hello;
    bool was_ready;         /* and that has been counted */
    int64_t hello_deadline;
};

struct pool_owner {
    spork_pool *pool;
    struct pool_owner *next; /* of this process */
    plat_mutex mutex;        /* all below, and the list of the done */
    slot_reference process;
    struct spork_pool_options options; /* name: malloc */
    int index;               /* of a pool of threads among those, for pool_may_wait; else -1 */
    uint32_t users;          /* threads inside of public calls; under the entrance's mutex */
    uint32_t waiting;        /* of them, those that may sleep */
    enum pool_closing closing;
    int broken;              /* SPORK_EBROKEN or 0, and why */
    char words[POOL_WORDS];
    /* workers */
    struct pool_member *members;
    uint64_t number;         /* of incarnations */
    bool ever_ready;
    int unready_deaths;      /* in a row, */
    char last_trouble[POOL_WORDS]; /* and what the last one was */
    int64_t next_start;      /* ns: not before */
    _Atomic uint64_t seen_changes;
    _Atomic uint64_t seen_ends; /* of family_ended_children */
    _Atomic int64_t next_look;  /* ns: of calls that do not wait */
    _Atomic int64_t next_timer; /* ns: when the workers have to be looked after all the same */
    /* records */
    struct pool_note *notes;
    uint32_t note_count;
    uint32_t *free_records;
    uint32_t free_count;
    uint32_t *ending;        /* their indices */
    uint32_t ending_count;
    bool collecting;
    uint32_t stopping;       /* maps */
    uint64_t pending;        /* futures that are not done */
    _Atomic uint64_t finished; /* futures that are */
    /* tasks */
    const spork_task **tasks;
    uint32_t task_count;
    spork_future *calls, **calls_end; /* to be called back */
    _Atomic bool has_calls;
    spork_doorbell *doorbell;
};

static inline struct pool_body *body_of_owner(const struct pool_owner *owner) {
    return pool_body_of(owner->pool);
}
static inline struct pool_note *note_of(struct pool_owner *owner, pool_ticket ticket) {
    return &owner->notes[ticket_index(ticket)];
}
/* Whether the record is still what the ticket was given for. */
static inline bool note_is(struct pool_owner *owner, pool_ticket ticket) {
    return ticket_index(ticket) < owner->note_count && note_of(owner, ticket)->ticket == ticket;
}

/* ---- pool_enter.c: who may use it ---- */

/* Begins a public call: this thread's self, or NULL with *error. It cannot be freed until
   pool_leave. may_sleep: the call may wait for what the pool does. */
struct self *pool_enter(spork_pool *pool, bool may_sleep, int *error);
/* The same for the pool of a future; NULL with 0 in *error: the future is done. */
struct self *pool_enter_future(spork_future *future, bool may_sleep, int *error);
void pool_leave(spork_pool *pool, bool may_sleep);
/* Whether this thread may wait for what the pool does, as pool_enter asks. */
int pool_may_wait(spork_pool *pool);
/* Begins the end of a pool: nobody else is in it, as far as can be told (else SPORK_EBUSY). And
   goes on when those who have come in since have left. */
int pool_enter_last(spork_pool *pool);
void pool_leave_last(struct pool_owner *owner);
/* A new pool is one of this process's. Errors: SPORK_ELIMIT (64 pools of threads). */
int pool_enlist(struct pool_owner *owner);
void pool_delist(struct pool_owner *owner);
/* Calls visit for each pool of this process, at its exit. */
void pool_visit_all(void (*visit)(struct pool_owner *owner));
/* A forked child has none of them. */
void pool_forked(void);

/* ---- pool_serve.c: what is done in every call that waits ---- */

/* Whether there is something to be served. */
bool pool_has_work(struct pool_owner *owner);
/* Notices what is done, looks after the workers, calls back; without the mutex. */
void pool_serve(struct self *self, struct pool_owner *owner);
/* Serves until over(context) is true or the deadline has come: 0 or SPORK_EWOULDBLOCK. */
typedef bool pool_condition(struct pool_owner *owner, void *context);
int pool_wait(struct self *self, struct pool_owner *owner, pool_condition *over, void *context,
              int64_t deadline);
/* A child that died is noticed by who sleeps; who does not has to look, but not each time. */
void pool_look_at_times(struct pool_owner *owner);
/* How many items of a map are done, more or less: some may be counted late. Under the mutex. */
uint64_t pool_map_done(struct pool_owner *owner, pool_ticket ticket);
/* Notices what is done, under the mutex. */
void pool_collect(struct self *self, struct pool_owner *owner);
/* Ends one record, and its future, with this error, unless it has just been done; or all that
   are not done. Under the mutex. */
void pool_cancel_record(struct self *self, struct pool_owner *owner, uint32_t index, int error,
                        const char *words);
void pool_settle_all(struct self *self, struct pool_owner *owner, int error, const char *words);
void pool_register_waits(void);

/* ---- pool_settle.c: records and futures end; under the mutex ---- */

/* A record for something new, with its state FREE; its future may be NULL. Errors:
   SPORK_ENOSPACE, SPORK_ENOMEM. */
int pool_new_record(struct self *self, struct pool_owner *owner, enum record_kind kind,
                    spork_future *future, pool_ticket *ticket);
/* The record is not needed any more: it is free at once, or when no seat has it in hand. */
void pool_end_record(struct self *self, struct pool_owner *owner, pool_ticket ticket);
void pool_free_ending(struct self *self, struct pool_owner *owner);
/* A record that is done, failed, or cancelled: its future gets what there is. */
void pool_settle(struct self *self, struct pool_owner *owner, pool_ticket ticket);
/* The future of a map of nothing: it is done. Errors: those of pool_may_submit. */
int pool_finish_empty(struct pool_owner *owner, spork_future *future);
/* A future ends with an error. words: copied. */
void pool_fail_future(struct self *self, struct pool_owner *owner, spork_future *future,
                      int error, const char *words);
/* A new future. Errors: SPORK_ENOMEM. */
int pool_new_future(spork_pool *pool, enum future_kind kind, const spork_task *task,
                    spork_future **future);
/* One reference less; the last one frees it. */
void future_drop(spork_future *future);

/* ---- pool_submit.c ---- */

/* Whether something may be given to it; under the mutex. */
int pool_may_submit(const struct pool_owner *owner);
/* The index of a task, noted at its first use; under the mutex. */
int pool_task_index(struct self *self, struct pool_owner *owner, const spork_task *task,
                    uint32_t *index);
/* Makes a record QUEUED and puts its ticket into the ring, count times; under the mutex. */
int pool_queue(struct self *self, struct pool_owner *owner, pool_ticket ticket, uint64_t count);
/* Puts the ticket of a map into the ring once more, for one who has come later. */
void pool_offer(struct self *self, struct pool_owner *owner, pool_ticket ticket);
/* Copies bytes into the arena as the word of a record. Errors: SPORK_ENOSPACE. */
int pool_copy_in(struct self *self, arena_word *word, const void *data, size_t size);
/* Lets a record hold on to handles. */
int pool_keep_handles(struct self *self, struct pool_record *record,
                      const struct handle *const *handles, size_t count);
/* Gives it a call; callbacks and all are set in the future. */
int pool_submit(struct self *self, struct pool_owner *owner, const spork_call *call,
                spork_future *future);

/* ---- pool_staff.c: workers; under the mutex, which is let go for what takes long ---- */

/* Starts a worker for each seat. Errors: those of processes; none is left then. */
int pool_hire_all(struct self *self, struct pool_owner *owner);
/* Buries who has died, puts right what they left, and starts others in their place. */
void pool_look_after(struct self *self, struct pool_owner *owner);
/* Ends those that are processes. */
void pool_kill_all(struct pool_owner *owner);
/* Kills who has this record in hand. False: it is a thread, or nobody has. */
bool pool_kill_holder(struct pool_owner *owner, pool_ticket ticket);
/* Whether anybody is left. */
bool pool_has_staff(const struct pool_owner *owner);
/* It has to give up: all that was given to it ends with SPORK_EBROKEN. */
void pool_break(struct self *self, struct pool_owner *owner, const char *words);

/* ---- pool_recover.c ---- */

/* How a worker has ended. */
struct pool_end {
    uint32_t seat;
    char name[ARENA_NAME];
    int exit_code;
    bool is_known; /* the exit code */
    bool exited;   /* it came to its exit handlers: was not killed */
};
/* Puts right what it has left in its seat. */
void pool_recover(struct self *self, struct pool_owner *owner, const struct pool_end *end);

#endif
