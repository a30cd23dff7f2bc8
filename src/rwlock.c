/* Reader-writer locks: one writer's word, and readers that are counted process by process.

   A reader counts itself in its process's hold record and then looks at the writer's word; a
   writer puts itself into that word and then looks at all records. One of them sees the
   other. Only who holds the family's lock changes the words of the body, in transactions. */
#include "rwlock.h"

#include "deadline.h"
#include "handle_table.h"

/* If a process dies between any two lines, its readers' counts go with its record at its
   burial, which wakes who waits for them; its writer's reference stays and is known to be
   dead, and whoever comes next takes the lock over. */
struct rwlock_body {
    /* The thread that writes, or waits for the last readers to leave; 0: readers are let in. */
    arena_word writer;
    /* The thread that got the lock to write and has not released it. Beside another writer,
       or none alive: it died in there, and nobody has been told. */
    arena_word writing;
    /* Rises when a writer leaves. Readers that had come before then go before a new writer. */
    arena_word phase;
    struct waiters readers;
    struct waiters writers; /* until they are in writer */
    struct waiters drain;   /* of the one that is, until all have left */
};

struct spork_rwlock {
    struct handle handle;
};

/* In hold.got: how many threads of the process read, and how many are about to look whether
   they may. In hold.done: how many wait that came in an even phase, and in an odd one. */
static const uint64_t READING = 1;
static const uint64_t ENTERING = (uint64_t)1 << 32;
static const uint64_t LOW = UINT32_MAX;

static void holders_changed(void *object, uint64_t holders) {
    struct rwlock_body *body = object;
    (void)holders;
    sleep_wake(&body->drain, SLEEP_ALL);
    sleep_wake(&body->writers, SLEEP_ALL);
}

static const struct handle_kind rwlock_kind = {
    .kind = SPORK_HANDLE_RWLOCK,
    .name = "rwlock",
    .local_size = sizeof(struct spork_rwlock),
    .body_size = sizeof(struct rwlock_body),
    .holders_changed = holders_changed,
};

void rwlock_register(void) {
    handle_register_kind(&rwlock_kind);
}

static struct rwlock_body *body_of(const spork_rwlock *rwlock) {
    return rwlock->handle.body;
}

int spork_rwlock_new(spork_rwlock **rwlock, const spork_rwlock_options *options) {
    (void)options;
    return handle_new(rwlock, &rwlock_kind, NULL, NULL);
}

void spork_rwlock_free(spork_rwlock *rwlock) {
    handle_free(rwlock);
}

/* One call that acquires. */
struct acquire {
    struct self *self;
    spork_rwlock *rwlock;
    struct rwlock_body *body;
    bool tries_once;
    uint64_t noted; /* what a reader added to hold.done */
    uint64_t skip;  /* processes with readers that the next watch leaves out */
};

/* Whether a dead writer is looked for, which costs a system call: not by who only spins. */
static bool is_slow(const struct acquire *acquire) {
    return acquire->tries_once || sleep_armed(acquire->self);
}

/* ---- counting readers ---- */

struct count {
    uint64_t reading, entering;
    uint64_t waiting[2]; /* by the phase's last bit */
};

/* Under the lock. Adds the processes that have any to watch, when it is not NULL: from the
   acquire's skip on, so that all have their turn if they are too many. */
static struct count count_readers(const spork_rwlock *rwlock, struct acquire *acquire,
                                  struct watch *watch) {
    struct count count = {0};
    uint64_t processes = 0;
    handle_id id = rwlock->handle.id;
    for (uint64_t at = table_valid(id) ? atomic_load(&table_slot(id)->first) : 0; at != 0;) {
        struct hold *hold = arena_at(at);
        uint64_t got = atomic_load(&hold->got);
        uint64_t waiting = atomic_load(&hold->done);
        count.reading += got & LOW;
        count.entering += got / ENTERING;
        count.waiting[0] += waiting & LOW;
        count.waiting[1] += waiting / ENTERING;
        if ((got | waiting) != 0 && watch != NULL && processes++ >= acquire->skip) {
            watch_process(watch, atomic_load(&hold->process));
        }
        at = atomic_load(&hold->handle_next);
    }
    if (watch != NULL && sleep_armed(acquire->self)) {
        acquire->skip = acquire->skip + WATCH_FEW < processes ? acquire->skip + WATCH_FEW : 0;
    }
    return count;
}

/* ---- the end of a writer's turn ---- */

/* Ends the transaction under way, in which writer has become 0 (or a dead one), and the lock. */
static void end_turn(struct self *self, struct rwlock_body *body) {
    arena_set(&body->phase, arena_get(&body->phase) + 1);
    family_commit(self);
    sleep_wake(&body->readers, SLEEP_ALL);
    sleep_wake(&body->writers, 1);
}

static int tell_of_death(void) {
    return error_set(SPORK_EOWNERDIED,
                     "the rwlock's writer ended without releasing it; it is yours now");
}

/* ---- reading ---- */

static bool enter(struct acquire *acquire) {
    struct hold *hold = acquire->rwlock->handle.hold;
    atomic_fetch_add(&hold->got, ENTERING);
    if (atomic_load(&acquire->body->writer) == 0) {
        atomic_fetch_add(&hold->got, READING - ENTERING);
        return true;
    }
    atomic_fetch_sub(&hold->got, ENTERING);
    sleep_wake(&acquire->body->drain, 1);
    return false;
}

/* In the present phase, so that the end of this writer's turn finds it. */
static void note_waiting(struct acquire *acquire) {
    struct hold *hold = acquire->rwlock->handle.hold;
    uint64_t phase = atomic_load(&acquire->body->phase);
    for (;;) {
        uint64_t one = (phase & 1) != 0 ? ENTERING : 1;
        atomic_fetch_add(&hold->done, one);
        acquire->noted = one;
        uint64_t now = atomic_load(&acquire->body->phase);
        if (now == phase) {
            return;
        }
        atomic_fetch_sub(&hold->done, one);
        phase = now;
    }
}

static void waits_no_more(struct acquire *acquire) {
    if (acquire->noted != 0) {
        atomic_fetch_sub(&acquire->rwlock->handle.hold->done, acquire->noted);
        acquire->noted = 0;
        sleep_wake(&acquire->body->writers, 1);
    }
}

/* Dying before the commit, this reader has taken nothing over: the next one does. */
static int read_after(struct acquire *acquire, uint64_t dead) {
    struct rwlock_body *body = acquire->body;
    family_lock(acquire->self);
    if (atomic_load(&body->writer) != dead) {
        family_unlock(acquire->self);
        return SPORK_EWOULDBLOCK;
    }
    bool wrote = atomic_load(&body->writing) != 0;
    atomic_fetch_add(&acquire->rwlock->handle.hold->got, READING);
    arena_set(&body->writing, 0);
    arena_set(&body->writer, 0);
    end_turn(acquire->self, body);
    return wrote ? tell_of_death() : 0;
}

static int attempt_read(void *context, struct watch *watch) {
    struct acquire *acquire = context;
    struct rwlock_body *body = acquire->body;
    if (atomic_load(&body->writer) == 0 && enter(acquire)) {
        return 0;
    }
    if (acquire->noted == 0 && !acquire->tries_once) {
        note_waiting(acquire);
    }
    uint64_t writer = atomic_load(&body->writer);
    if (writer != 0 && is_slow(acquire) && writer != acquire->self->reference &&
        family_thread_dead(writer)) {
        return read_after(acquire, writer);
    }
    watch_thread(watch, writer);
    /* Its turn has ended since the first look: who tries once looks again. */
    if (watch != NULL) {
        watch->brief = writer == 0;
    }
    return SPORK_EWOULDBLOCK;
}

static struct self *begin(struct acquire *acquire, spork_rwlock *rwlock, int64_t timeout_ms,
                          int64_t *deadline, int *error) {
    *error = deadline_from(timeout_ms, deadline);
    struct self *self = *error != 0 ? NULL : handle_enter(rwlock, &rwlock_kind, error);
    if (self != NULL) {
        *acquire = (struct acquire){.self = self,
                                    .rwlock = rwlock,
                                    .body = body_of(rwlock),
                                    .tries_once = *deadline == DEADLINE_NOW};
    }
    return self;
}

int spork_rwlock_acquire_read(spork_rwlock *rwlock, int64_t timeout_ms) {
    struct acquire acquire;
    int64_t deadline;
    int error;
    struct self *self = begin(&acquire, rwlock, timeout_ms, &deadline, &error);
    if (self == NULL) {
        return error;
    }
    error = family_block(self, &acquire.body->readers, attempt_read, &acquire, deadline);
    waits_no_more(&acquire);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the rwlock to read")
                                      : error;
}

int spork_rwlock_release_read(spork_rwlock *rwlock) {
    int error;
    if (handle_enter(rwlock, &rwlock_kind, &error) == NULL) {
        return error;
    }
    arena_word *got = &rwlock->handle.hold->got;
    uint64_t present = atomic_load(got);
    do {
        if ((present & LOW) == 0) {
            return error_set(SPORK_ENOTHELD, "this process does not read the rwlock");
        }
    } while (!atomic_compare_exchange_weak(got, &present, present - READING));
    sleep_wake(&body_of(rwlock)->drain, 1);
    return 0;
}

/* ---- writing ---- */

/* First step: this thread becomes the writer, and no new reader comes in. */
static int attempt_claim(void *context, struct watch *watch) {
    struct acquire *acquire = context;
    struct rwlock_body *body = acquire->body;
    uint64_t found = atomic_load(&body->writer);
    if (found != 0 && (!is_slow(acquire) || found == acquire->self->reference ||
                       !family_thread_dead(found))) {
        watch_thread(watch, found);
        return SPORK_EWOULDBLOCK;
    }
    family_lock(acquire->self);
    struct count count = count_readers(acquire->rwlock, acquire, watch);
    uint64_t passed = (atomic_load(&body->phase) + 1) & 1;
    /* Who tries once would keep readers out for nothing while others read. */
    if (atomic_load(&body->writer) != found || count.waiting[passed] != 0 ||
        (acquire->tries_once && count.reading != 0)) {
        family_unlock(acquire->self);
        return SPORK_EWOULDBLOCK;
    }
    arena_set(&body->writer, acquire->self->reference);
    family_commit(acquire->self);
    return 0;
}

/* Second step: those that came in before have left. */
static int attempt_drain(void *context, struct watch *watch) {
    struct acquire *acquire = context;
    struct rwlock_body *body = acquire->body;
    family_lock(acquire->self);
    struct count count = count_readers(acquire->rwlock, acquire, watch);
    if (count.reading + count.entering != 0) {
        family_unlock(acquire->self);
        if (watch != NULL) {
            watch->brief = count.reading == 0;
        }
        return SPORK_EWOULDBLOCK;
    }
    bool another_wrote = atomic_load(&body->writing) != 0;
    arena_set(&body->writing, acquire->self->reference);
    family_commit(acquire->self);
    return another_wrote ? tell_of_death() : 0;
}

/* A dead writer that nobody has been told of becomes the writer again. */
static void give_up(struct acquire *acquire) {
    struct rwlock_body *body = acquire->body;
    family_lock(acquire->self);
    arena_set(&body->writer, atomic_load(&body->writing));
    end_turn(acquire->self, body);
}

int spork_rwlock_acquire_write(spork_rwlock *rwlock, int64_t timeout_ms) {
    struct acquire acquire;
    int64_t deadline;
    int error;
    struct self *self = begin(&acquire, rwlock, timeout_ms, &deadline, &error);
    if (self == NULL) {
        return error;
    }
    error = family_block(self, &acquire.body->writers, attempt_claim, &acquire, deadline);
    if (error == 0) {
        acquire.skip = 0;
        error = family_block(self, &acquire.body->drain, attempt_drain, &acquire, deadline);
        if (error == SPORK_EWOULDBLOCK) {
            give_up(&acquire);
        }
    }
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the rwlock to write")
                                      : error;
}

int spork_rwlock_release_write(spork_rwlock *rwlock) {
    int error;
    struct self *self = handle_enter(rwlock, &rwlock_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct rwlock_body *body = body_of(rwlock);
    if (atomic_load(&body->writing) != self->reference) {
        return error_set(SPORK_ENOTHELD, "this thread does not write the rwlock");
    }
    family_lock(self);
    arena_set(&body->writing, 0);
    arena_set(&body->writer, 0);
    end_turn(self, body);
    return 0;
}

/* ---- asking ---- */

int64_t spork_rwlock_readers(spork_rwlock *rwlock) {
    int error;
    struct self *self = handle_enter(rwlock, &rwlock_kind, &error);
    if (self == NULL) {
        return -1;
    }
    family_lock(self);
    struct count count = count_readers(rwlock, NULL, NULL);
    family_unlock(self);
    return (int64_t)count.reading;
}

bool spork_rwlock_written(spork_rwlock *rwlock) {
    int error;
    if (handle_enter(rwlock, &rwlock_kind, &error) == NULL) {
        return false;
    }
    uint64_t writing = atomic_load(&body_of(rwlock)->writing);
    return writing != 0 && !family_thread_dead(writing);
}
