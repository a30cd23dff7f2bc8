/* Locks: one word, which is the thread that holds it. */
#include "lock.h"

#include "deadline.h"

struct lock_body {
    arena_word owner; /* slot_reference of a thread; 0: open */
    arena_word depth; /* how often the owner has acquired it; written by the owner alone */
    uint64_t recursive;
    struct waiters waiters;
};

struct spork_lock {
    struct handle handle;
};

static const struct handle_kind lock_kind = {
    .kind = SPORK_HANDLE_LOCK,
    .name = "lock",
    .local_size = sizeof(struct spork_lock),
    .body_size = sizeof(struct lock_body),
};

void lock_register(void) {
    handle_register_kind(&lock_kind);
}

static struct lock_body *body_of(const spork_lock *lock) {
    return lock->handle.body;
}

static int init(void *object, const void *given) {
    const spork_lock_options *options = given;
    ((struct lock_body *)object)->recursive = options->recursive;
    return 0;
}

int spork_lock_new(spork_lock **lock, const spork_lock_options *given) {
    static const spork_lock_options defaults = {.recursive = false};
    return handle_new(lock, &lock_kind, init, given == NULL ? &defaults : given);
}

int spork_rlock_new(spork_lock **lock) {
    const spork_lock_options options = {.recursive = true};
    return spork_lock_new(lock, &options);
}

void spork_lock_free(spork_lock *lock) {
    handle_free(lock);
}

/* ---- acquiring ---- */

struct acquire {
    struct self *self;
    struct lock_body *body;
};

/* A holder's death is seen here and only here: the word still names it, and is handed to
   exactly one of those who wait. */
static int attempt(void *context, struct watch *watch) {
    struct acquire *acquire = context;
    arena_word *owner = &acquire->body->owner;
    uint64_t found = 0;
    if (atomic_compare_exchange_strong_explicit(owner, &found, acquire->self->reference,
                                                memory_order_acquire,
                                                memory_order_relaxed)) {
        return 0;
    }
    watch_thread(watch, found);
    return SPORK_EWOULDBLOCK;
}

/* The slow attempt also asks whether the holder lives, which costs a system call. */
static int attempt_from_dead(void *context, struct watch *watch) {
    struct acquire *acquire = context;
    arena_word *owner = &acquire->body->owner;
    int result = attempt(context, watch);
    uint64_t found = atomic_load(owner);
    if (result == 0 || found == 0 || found == acquire->self->reference ||
        !family_thread_dead(found)) {
        return result;
    }
    if (!atomic_compare_exchange_strong(owner, &found, acquire->self->reference)) {
        return SPORK_EWOULDBLOCK;
    }
    return error_set(SPORK_EOWNERDIED,
                     "the lock's holder ended without releasing it; it is yours now");
}

static int acquire(struct self *self, spork_lock *lock, int64_t deadline) {
    enum { SPINS = 100 };
    struct lock_body *body = body_of(lock);
    struct acquire acquire = {self, body};
    int error = SPORK_EWOULDBLOCK;
    for (int i = 0; i < SPINS && error != 0; i++) {
        struct watch watch = {0};
        error = attempt(&acquire, &watch);
        if (error != 0) {
            plat_relax();
        }
    }
    if (error != 0) {
        error = family_block(self, &body->waiters, attempt_from_dead, &acquire, deadline);
    }
    if (error == 0 || error == SPORK_EOWNERDIED) {
        atomic_store_explicit(&body->depth, 1, memory_order_relaxed);
    }
    return error;
}

int spork_lock_acquire(spork_lock *lock, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    struct self *self = error != 0 ? NULL : handle_enter(lock, &lock_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct lock_body *body = body_of(lock);
    if (body->recursive != 0 && lock_is_mine(self, lock)) {
        atomic_fetch_add_explicit(&body->depth, 1, memory_order_relaxed);
        return 0;
    }
    error = acquire(self, lock, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the lock") : error;
}

/* ---- releasing ---- */

static int release_mine(struct self *self, spork_lock *lock) {
    struct lock_body *body = body_of(lock);
    if (!lock_is_mine(self, lock)) {
        return error_set(SPORK_ENOTHELD, "the recursive lock is not held by this thread");
    }
    if (atomic_fetch_sub_explicit(&body->depth, 1, memory_order_relaxed) == 1) {
        lock_open_all(lock);
    }
    return 0;
}

int spork_lock_release(spork_lock *lock) {
    int error;
    struct self *self = handle_enter(lock, &lock_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct lock_body *body = body_of(lock);
    if (body->recursive != 0) {
        return release_mine(self, lock);
    }
    if (atomic_exchange(&body->owner, 0) == 0) {
        return error_set(SPORK_ENOTHELD, "the lock is not held by anybody");
    }
    sleep_wake(&body->waiters, 1);
    return 0;
}

/* ---- asking ---- */

bool spork_lock_held(spork_lock *lock) {
    int error;
    if (handle_enter(lock, &lock_kind, &error) == NULL) {
        return false;
    }
    uint64_t owner = atomic_load(&body_of(lock)->owner);
    return owner != 0 && !family_thread_dead(owner);
}

bool spork_lock_recursive(spork_lock *lock) {
    int error;
    return handle_enter(lock, &lock_kind, &error) != NULL && body_of(lock)->recursive != 0;
}

/* ---- for conditions ---- */

int lock_check(const spork_lock *lock) {
    int error;
    return handle_enter(lock, &lock_kind, &error) == NULL ? error : 0;
}

bool lock_is_mine(const struct self *self, const spork_lock *lock) {
    return atomic_load_explicit(&body_of(lock)->owner, memory_order_relaxed) ==
           self->reference;
}

uint64_t lock_open_all(spork_lock *lock) {
    struct lock_body *body = body_of(lock);
    uint64_t depth = atomic_load_explicit(&body->depth, memory_order_relaxed);
    atomic_store(&body->owner, 0);
    sleep_wake(&body->waiters, 1);
    return depth;
}

int lock_take_back(spork_lock *lock, uint64_t depth) {
    int error;
    struct self *self = handle_enter(lock, &lock_kind, &error);
    if (self == NULL) {
        return error;
    }
    error = acquire(self, lock, PLAT_NEVER);
    if (error == 0 || error == SPORK_EOWNERDIED) {
        atomic_store_explicit(&body_of(lock)->depth, depth, memory_order_relaxed);
    }
    return error;
}
