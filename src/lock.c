/* Locks: one word, which is the thread that holds it. */
#include "lock.h"

#include "deadline.h"
#include "handle.h"

struct lock_body {
    arena_word owner; /* slot_reference of a thread; 0: open */
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

int spork_lock_new(spork_lock **lock, const spork_lock_options *options) {
    struct handle *handle;
    int error;
    (void)options;
    if (lock == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new lock (NULL)");
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    error = handle_create(self, &lock_kind, NULL, NULL, &handle);
    if (error == 0) {
        *lock = (spork_lock *)handle;
    }
    return error;
}

void spork_lock_free(spork_lock *lock) {
    if (lock != NULL) {
        handle_release(&lock->handle);
    }
}

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

int spork_lock_acquire(spork_lock *lock, int64_t timeout_ms) {
    enum { SPINS = 100 };
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct acquire acquire;
    acquire.self = handle_enter(lock, &lock_kind, &error);
    if (acquire.self == NULL) {
        return error;
    }
    acquire.body = lock->handle.body;
    for (int i = 0; i < SPINS; i++) {
        struct watch watch = {0};
        if (attempt(&acquire, &watch) == 0) {
            return 0;
        }
        plat_relax();
    }
    error = family_block(acquire.self, &acquire.body->waiters, attempt_from_dead, &acquire,
                         deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the lock") : error;
}

int spork_lock_release(spork_lock *lock) {
    int error;
    if (handle_enter(lock, &lock_kind, &error) == NULL) {
        return error;
    }
    struct lock_body *body = lock->handle.body;
    if (atomic_exchange(&body->owner, 0) == 0) {
        return error_set(SPORK_ENOTHELD, "the lock is not held by anybody");
    }
    sleep_wake(&body->waiters, 1);
    return 0;
}

bool spork_lock_held(spork_lock *lock) {
    int error;
    if (handle_enter(lock, &lock_kind, &error) == NULL) {
        return false;
    }
    uint64_t owner = atomic_load(&((struct lock_body *)lock->handle.body)->owner);
    return owner != 0 && !family_thread_dead(owner);
}
