/* Locks: one word, which is the thread that holds it. */
#include "lock.h"

#include "deadline.h"
#include "lock_named.h"

struct lock_body {
    arena_word owner; /* slot_reference of a thread; 0: open */
    arena_word depth; /* how often the owner has acquired it; written by the owner alone */
    uint64_t recursive;
    struct waiters waiters;
    arena_word named; /* see named.h; 0: all of the lock is the words above */
};

struct spork_lock {
    struct handle handle;
    struct lock_named *named; /* NULL: it has no name */
    slot_reference maker;     /* of the name; 0: it was opened, or received */
};

static void destroy(struct self *self, handle_id id, void *body) {
    (void)id;
    named_destroy(self, &((struct lock_body *)body)->named);
}

static int open_local(void *local, void *body) {
    spork_lock *lock = local;
    struct named_record *record = named_record(&((struct lock_body *)body)->named);
    if (record == NULL || atomic_load(&record->ready) == 0) {
        return 0;
    }
    int error = named_may_open(record);
    if (error != 0) {
        return error;
    }
    error = lock_named_open(&lock->named, record->name);
    return named_judge(record, error, error == 0 ? lock_named_memory(lock->named) : NULL);
}

static void close_local(void *local) {
    spork_lock *lock = local;
    lock_named_close(lock->named, lock->maker == family_self());
}

static const struct handle_kind lock_kind = {
    .kind = SPORK_HANDLE_LOCK,
    .name = "lock",
    .local_size = sizeof(struct spork_lock),
    .body_size = sizeof(struct lock_body),
    .destroy = destroy,
    .open_local = open_local,
    .close_local = close_local,
};

void lock_register(void) {
    handle_register_kind(&lock_kind);
    family_on_fork(lock_named_forked);
}

static struct lock_body *body_of(const spork_lock *lock) {
    return lock->handle.body;
}

static int init(void *object, const void *given) {
    const spork_lock_options *options = given;
    ((struct lock_body *)object)->recursive = options->recursive;
    return 0;
}

static int init_named(void *object, const void *facts) {
    return named_init(&((struct lock_body *)object)->named, facts);
}

/* A handle for a lock that this process has open; it is closed if there can be none. */
static int wrap(spork_lock **lock, struct lock_named *named, const struct named_facts *facts) {
    spork_lock *made;
    int error = handle_new(&made, &lock_kind, init_named, facts);
    if (error != 0) {
        if (facts->made && facts->opened->persist) {
            plat_named_unlink(lock_named_memory(named), facts->name);
        }
        lock_named_close(named, facts->made);
        return error;
    }
    made->named = named;
    made->maker = facts->made ? family_self() : 0;
    named_ready(&body_of(made)->named);
    *lock = made;
    return 0;
}

static int check_place(spork_lock **lock) {
    return lock != NULL ? 0 : error_set(SPORK_EINVAL, "there is no place to put the lock");
}

static int make_named(spork_lock **lock, const spork_lock_options *options) {
    struct lock_named *named;
    int error = check_place(lock);
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    error = lock_named_make(&named, options->name, options->recursive, options->persist);
    if (error != 0) {
        return error;
    }
    const struct named_facts facts = {options->name, lock_named_memory(named), false, true};
    return wrap(lock, named, &facts);
}

int spork_lock_new(spork_lock **lock, const spork_lock_options *given) {
    static const spork_lock_options defaults = {.recursive = false};
    const spork_lock_options *options = given == NULL ? &defaults : given;
    int error = named_check_options(options->name, options->persist);
    if (error != 0) {
        return error;
    }
    return options->name == NULL ? handle_new(lock, &lock_kind, init, options)
                                 : make_named(lock, options);
}

int spork_lock_open(spork_lock **lock, const char *name) {
    struct lock_named *named;
    int error = check_place(lock);
    error = error != 0 ? error : named_check(name);
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    error = lock_named_open(&named, name);
    if (error != 0) {
        return error;
    }
    const struct named_facts facts = {name, lock_named_memory(named), false, false};
    return wrap(lock, named, &facts);
}

int spork_lock_unlink(spork_lock *lock) {
    int error;
    if (handle_enter(lock, &lock_kind, &error) == NULL) {
        return error;
    }
    return named_unlink(&body_of(lock)->named,
                        lock->named == NULL ? NULL : lock_named_memory(lock->named));
}

int spork_lock_unlink_persistent(const char *name) {
    int error = named_check(name);
    return error != 0 ? error : plat_named_unlink_persistent(PLAT_NAMED_LOCK, name);
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
    slot_reference process = sleep_thread_process(found);
    if (!atomic_compare_exchange_strong(owner, &found, acquire->self->reference)) {
        return SPORK_EWOULDBLOCK;
    }
    /* Whoever puts right what the lock guards sees what else the dead one left put right. */
    family_bury(process);
    return error_set(SPORK_EOWNERDIED,
                     "the lock's holder ended without releasing it; it is yours now");
}

static int acquire(struct self *self, spork_lock *lock, int64_t deadline) {
    enum { SPINS = 100 };
    struct lock_body *body = body_of(lock);
    struct acquire acquire = {self, body};
    int error = attempt(&acquire, NULL);
    /* What a lock guards is short most often: less than it takes to fall asleep. */
    for (int i = 0; i < SPINS && error != 0; i++) {
        plat_relax();
        if (atomic_load_explicit(&body->owner, memory_order_relaxed) == 0) {
            error = attempt(&acquire, NULL);
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
    if (lock->named != NULL) {
        error = lock_named_acquire(lock->named, deadline);
        return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the lock") : error;
    }
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
    if (lock->named != NULL) {
        return lock_named_release(lock->named);
    }
    if (body->recursive != 0) {
        return release_mine(self, lock);
    }
    if (lock_is_mine(self, lock)) {
        /* It cannot become another's before this. */
        sleep_clear_and_wake(&body->owner, &body->waiters);
        return 0;
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
    if (lock->named != NULL) {
        return lock_named_held(lock->named);
    }
    uint64_t owner = atomic_load(&body_of(lock)->owner);
    return owner != 0 && !family_thread_dead(owner);
}

bool spork_lock_recursive(spork_lock *lock) {
    int error;
    if (handle_enter(lock, &lock_kind, &error) == NULL) {
        return false;
    }
    return lock->named != NULL ? lock_named_recursive(lock->named)
                               : body_of(lock)->recursive != 0;
}

/* ---- for conditions ---- */

int lock_check(const spork_lock *lock) {
    int error;
    return handle_enter(lock, &lock_kind, &error) == NULL ? error : 0;
}

bool lock_is_mine(const struct self *self, const spork_lock *lock) {
    if (lock->named != NULL) {
        return lock_named_is_mine(lock->named);
    }
    return atomic_load_explicit(&body_of(lock)->owner, memory_order_relaxed) ==
           self->reference;
}

uint64_t lock_open_all(spork_lock *lock) {
    if (lock->named != NULL) {
        return lock_named_open_all(lock->named);
    }
    struct lock_body *body = body_of(lock);
    uint64_t depth = atomic_load_explicit(&body->depth, memory_order_relaxed);
    sleep_clear_and_wake(&body->owner, &body->waiters);
    return depth;
}

int lock_take_back(spork_lock *lock, uint64_t depth) {
    int error;
    struct self *self = handle_enter(lock, &lock_kind, &error);
    if (self == NULL) {
        return error;
    }
    if (lock->named != NULL) {
        return lock_named_take_back(lock->named, depth);
    }
    error = acquire(self, lock, PLAT_NEVER);
    if (error == 0 || error == SPORK_EOWNERDIED) {
        atomic_store_explicit(&body_of(lock)->depth, depth, memory_order_relaxed);
    }
    return error;
}
