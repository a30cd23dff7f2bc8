/* Locks that have a name: between programs that are no family, so that no arena can say who
   lives. The system's own lock excludes, and tells of a holder's end; beside it, in the named
   memory, stands who holds it, for what the system's lock would answer differently here and
   there: recursion, releases by others, and questions. */
#include "lock_named.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"

static const uint64_t magic = 0x316b636f6c6b7073; /* "spklock1" */

/* owner is written by who holds the system's lock only: after it was acquired, and before it
   is released. If a holder dies, owner names somebody who does not hold it any more, until the
   next one has acquired it. */
struct shared_lock {
    unsigned char place[PLAT_LOCK_SIZE];
    uint64_t magic;
    uint64_t recursive;
    _Atomic uint64_t owner; /* see token; 0: nobody */
    _Atomic uint64_t depth; /* how often the owner has acquired it */
    _Atomic uint64_t died;  /* 1: a question found that the owner had died; the next is told */
};

/* There is one for each lock that this process has open, however often it was opened: the
   system, or what watches it, may know a lock by its address. */
struct lock_named {
    struct plat_named memory;
    struct plat_lock lock;
    int users; /* handles; 0: kept because a thread of this process holds it */
    struct lock_named *next;
};

static plat_mutex mutex;   /* for the list */
static plat_mutex drawing; /* for process_token */
static struct lock_named *all;

static struct shared_lock *shared_of(const struct lock_named *lock) {
    return (struct shared_lock *)(void *)lock->memory.base;
}

/* ---- who is who ---- */

enum { THREAD_BITS = 24 };

/* The part of a token that is this process's: random bits, others in each forked child. */
static uint64_t process_token(void) {
    static _Atomic slot_reference drawn_by;
    static _Atomic uint64_t drawn;
    slot_reference self = family_self();
    if (atomic_load(&drawn_by) != self) {
        plat_mutex_lock(&drawing);
        uint64_t bits = 0;
        if (atomic_load(&drawn_by) != self) {
            if (plat_random(&bits, sizeof bits) != 0) {
                bits = (uint64_t)plat_now_ns() * 0x9E3779B97F4A7C15u ^ self << 40;
            }
            atomic_store(&drawn, bits | (uint64_t)1 << 63);
            atomic_store(&drawn_by, self);
        }
        plat_mutex_unlock(&drawing);
    }
    return atomic_load(&drawn) >> THREAD_BITS << THREAD_BITS;
}

/* A number that no other thread of any process has, or had. */
static uint64_t token(void) {
    static _Atomic uint32_t threads;
    static _Thread_local uint64_t mine;
    uint64_t process = process_token();
    if (mine >> THREAD_BITS != process >> THREAD_BITS) {
        mine = process | (atomic_fetch_add(&threads, 1) & ((1u << THREAD_BITS) - 1));
    }
    return mine;
}

/* ---- what this process has open ---- */

static int new_local(struct lock_named **lock) {
    *lock = calloc(1, sizeof **lock);
    return *lock != NULL ? 0 : error_set(SPORK_ENOMEM, "no memory for a lock");
}

static void discard(struct lock_named *lock) {
    if (lock->lock.place != NULL) {
        plat_lock_close(&lock->lock);
    }
    plat_named_close(&lock->memory);
    free(lock);
}

/* The one for the same lock, which is then used in its place, or this one itself. */
static struct lock_named *enlist(struct lock_named *lock) {
    plat_mutex_lock(&mutex);
    struct lock_named *found = all;
    while (found != NULL && memcmp(found->memory.identity, lock->memory.identity,
                                   sizeof lock->memory.identity) != 0) {
        found = found->next;
    }
    if (found == NULL) {
        lock->next = all;
        all = lock;
        found = lock;
    }
    found->users++;
    plat_mutex_unlock(&mutex);
    if (found != lock) {
        discard(lock);
    }
    return found;
}

static bool is_held_here(const struct lock_named *lock) {
    uint64_t owner = atomic_load(&shared_of(lock)->owner);
    return owner != 0 && owner >> THREAD_BITS == process_token() >> THREAD_BITS;
}

/* The system refers to a lock that a thread holds until it is released: its memory stays. */
void lock_named_close(struct lock_named *lock, bool by_maker) {
    if (lock == NULL) {
        return;
    }
    plat_mutex_lock(&mutex);
    if (by_maker && lock->memory.maker != 0) {
        plat_named_unlink(&lock->memory, "");
    }
    lock->users--;
    struct lock_named **at = &all;
    while (*at != NULL) {
        struct lock_named *one = *at;
        if (one->users == 0 && !is_held_here(one)) {
            *at = one->next;
            discard(one);
        } else {
            at = &one->next;
        }
    }
    plat_mutex_unlock(&mutex);
}

void lock_named_forked(void) {
    memset(&mutex, 0, sizeof mutex);
    memset(&drawing, 0, sizeof drawing);
}

/* ---- making ---- */

static int make(struct lock_named *lock, const char *name, bool recursive) {
    struct shared_lock *shared = shared_of(lock);
    int error = plat_lock_create(&lock->lock, &lock->memory);
    if (error != 0) {
        return error;
    }
    shared->recursive = recursive;
    shared->magic = magic;
    return plat_named_publish(&lock->memory, name);
}

int lock_named_make(struct lock_named **lock, const char *name, bool recursive, bool persist) {
    struct lock_named *made;
    int error = new_local(&made);
    if (error != 0) {
        return error;
    }
    error = plat_named_create(&made->memory, PLAT_NAMED_LOCK, name, sizeof(struct shared_lock),
                              persist);
    if (error == 0) {
        error = make(made, name, recursive);
    }
    if (error != 0) {
        discard(made);
        return error;
    }
    *lock = enlist(made);
    return 0;
}

int lock_named_open(struct lock_named **lock, const char *name) {
    struct lock_named *opened;
    int error = new_local(&opened);
    if (error != 0) {
        return error;
    }
    error = plat_named_open(&opened->memory, PLAT_NAMED_LOCK, name, false);
    if (error == 0 && (opened->memory.size < sizeof(struct shared_lock) ||
                       shared_of(opened)->magic != magic)) {
        error = error_set(SPORK_ENOTFOUND, "what has the name %s is no lock", name);
    }
    if (error == 0) {
        error = plat_lock_open(&opened->lock, &opened->memory);
    }
    if (error != 0) {
        discard(opened);
        return error;
    }
    *lock = enlist(opened);
    return 0;
}

struct plat_named *lock_named_memory(struct lock_named *lock) {
    return &lock->memory;
}

/* ---- acquiring and releasing ---- */

bool lock_named_is_mine(const struct lock_named *lock) {
    return atomic_load_explicit(&shared_of(lock)->owner, memory_order_relaxed) == token();
}

/* In slices: a parent that sleeps here looks after its dead children like any that sleeps. */
static int wait_for(struct lock_named *lock, int64_t deadline) {
    int error = plat_lock_acquire(&lock->lock, DEADLINE_NOW);
    while (error == SPORK_ETIMEDOUT) {
        int64_t now = plat_now_ns();
        if (deadline <= now) {
            break;
        }
        int64_t slice = deadline - now < FAMILY_NET_NS ? deadline : now + FAMILY_NET_NS;
        error = plat_lock_acquire(&lock->lock, slice);
        if (error == SPORK_ETIMEDOUT) {
            family_look_for_dead();
        }
    }
    return error;
}

/* A try must not fail because somebody is in the microseconds around holding it: asking
   whether it is held, or on the way out. Such a one has no owner's name there. */
static int try_for(struct lock_named *lock) {
    enum { TRIES = 100 };
    int error = SPORK_ETIMEDOUT;
    for (int i = 0; i < TRIES && error == SPORK_ETIMEDOUT; i++) {
        error = plat_lock_acquire(&lock->lock, DEADLINE_NOW);
        if (error == SPORK_ETIMEDOUT && atomic_load(&shared_of(lock)->owner) != 0) {
            break;
        }
        if (error == SPORK_ETIMEDOUT) {
            plat_yield();
        }
    }
    return error;
}

/* A thread that waits for itself, as at a plain lock without a name. */
static int wait_for_nothing(int64_t deadline) {
    for (int64_t now = plat_now_ns(); now < deadline; now = plat_now_ns()) {
        plat_sleep_ns(deadline - now < FAMILY_NET_NS ? deadline - now : FAMILY_NET_NS);
        family_look_for_dead();
    }
    return SPORK_EWOULDBLOCK;
}

int lock_named_acquire(struct lock_named *lock, int64_t deadline) {
    struct shared_lock *shared = shared_of(lock);
    if (lock_named_is_mine(lock)) {
        if (shared->recursive == 0) {
            return wait_for_nothing(deadline);
        }
        atomic_fetch_add(&shared->depth, 1);
        return 0;
    }
    int error = deadline == DEADLINE_NOW ? try_for(lock) : wait_for(lock, deadline);
    if (error != 0 && error != SPORK_EOWNERDIED) {
        return error == SPORK_ETIMEDOUT ? SPORK_EWOULDBLOCK : error;
    }
    atomic_store(&shared->owner, token());
    atomic_store(&shared->depth, 1);
    if (atomic_exchange(&shared->died, 0) != 0 || error == SPORK_EOWNERDIED) {
        return error_set(SPORK_EOWNERDIED,
                         "the lock's holder ended without releasing it; it is yours now");
    }
    return 0;
}

uint64_t lock_named_open_all(struct lock_named *lock) {
    struct shared_lock *shared = shared_of(lock);
    uint64_t depth = atomic_load(&shared->depth);
    atomic_store(&shared->owner, 0);
    plat_lock_release(&lock->lock);
    return depth;
}

int lock_named_release(struct lock_named *lock) {
    if (!lock_named_is_mine(lock)) {
        return error_set(SPORK_ENOTHELD, "the lock is not held by this thread");
    }
    if (atomic_fetch_sub(&shared_of(lock)->depth, 1) == 1) {
        lock_named_open_all(lock);
    }
    return 0;
}

int lock_named_take_back(struct lock_named *lock, uint64_t depth) {
    int error = lock_named_acquire(lock, PLAT_NEVER);
    if (error == 0 || error == SPORK_EOWNERDIED) {
        atomic_store(&shared_of(lock)->depth, depth);
    }
    return error;
}

/* ---- asking ---- */

/* An owner's name is there: whether he lives, only the system's lock can tell. If it is to be
   had, he does not hold it; that he died is kept for the next one who acquires it. */
bool lock_named_held(struct lock_named *lock) {
    struct shared_lock *shared = shared_of(lock);
    if (atomic_load(&shared->owner) == 0) {
        return false;
    }
    if (lock_named_is_mine(lock)) {
        return true;
    }
    int error = plat_lock_acquire(&lock->lock, DEADLINE_NOW);
    if (error != 0 && error != SPORK_EOWNERDIED) {
        return true;
    }
    if (error == SPORK_EOWNERDIED) {
        atomic_store(&shared->died, 1);
    }
    atomic_store(&shared->owner, 0);
    plat_lock_release(&lock->lock);
    return false;
}

bool lock_named_recursive(const struct lock_named *lock) {
    return shared_of(lock)->recursive != 0;
}
