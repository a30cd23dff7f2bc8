/* The family: who belongs to it, its lock, and blocking. Deaths are in family_death.c. */
#include "family.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "family_watch.h"

_Atomic slot_reference family_this_process;
static plat_mutex join_mutex;
static bool founding; /* from before there is an arena until this process is in it */
static bool fork_hook_is_set;
enum { FORK_HOOKS = 8 };
static void (*fork_hooks[FORK_HOOKS])(void);
static int (*may_found)(void);

void family_on_found(int (*check)(void)) {
    may_found = check;
}

void family_on_fork(void (*hook)(void)) {
    for (int i = 0; i < FORK_HOOKS; i++) {
        if (fork_hooks[i] == NULL || fork_hooks[i] == hook) {
            fork_hooks[i] = hook;
            return;
        }
    }
}

bool family_is(slot_reference process) {
    return process != 0 && slot_index(process) < ARENA_PROCESSES &&
           atomic_load(&family_slot(process)->generation) == process >> SLOT_INDEX_BITS;
}

/* Runs in every forked child, in the one thread that it has: what this process knew of
   itself and of others was its parent's. */
static void forked(void) {
    memset(&join_mutex, 0, sizeof join_mutex);
    atomic_store(&family_this_process, 0);
    /* Another thread of the parent may have been in the middle of a transaction. */
    arena_abandon();
    sleep_forked();
    plat_bell_forked();
    watch_forked();
    graves_forked();
    for (int i = 0; i < FORK_HOOKS && fork_hooks[i] != NULL; i++) {
        fork_hooks[i]();
    }
}

int family_become(slot_reference process) {
    struct process_slot *slot = family_slot(process);
    struct plat_identity identity;
    int error = plat_self_identity(&identity);
    if (error == 0 && !fork_hook_is_set) {
        error = plat_on_fork(forked);
        fork_hook_is_set = error == 0;
    }
    if (error == 0) {
        error = sleep_join(process);
    }
    if (error != 0) {
        return error;
    }
    atomic_store(&slot->stamp, identity.stamp);
    atomic_store(&slot->pid, (uint64_t)identity.pid);
    atomic_store_explicit(&family_this_process, process, memory_order_release);
    return 0;
}

/* The first slot of a new arena; nobody else has seen it yet. */
static int found_family(void) {
    int error = may_found == NULL ? 0 : may_found();
    if (error == 0 && arena == NULL) {
        founding = true;
        error = arena_create();
    }
    if (error == 0) {
        error = arena_commit_range(&arena->processes[0], 64 * sizeof arena->processes[0]);
    }
    if (error != 0) {
        return error;
    }
    atomic_store(&arena->processes_used, 1);
    strcpy(arena->processes[0].name, "MainProcess");
    error = family_become(slot_reference_of(0, 0));
    if (error == 0) {
        atomic_store(&arena->processes[0].state, PROCESS_RUNNING);
        founding = false;
    }
    return error;
}

/* A child that the host forked: nobody reserved a slot for it. */
static int join_as_stranger(void) {
    slot_reference process;
    struct plat_identity identity;
    int error = plat_self_identity(&identity);
    /* family_reserve needs a thread slot, so that others know when a holder of the lock died;
       it needs a process, and there is none yet. */
    if (error == 0) {
        error = sleep_join_as_stranger(&identity);
    }
    if (error == 0) {
        error = family_reserve(&process, PROCESS_FORKED);
    }
    sleep_leave();
    if (error != 0) {
        return error;
    }
    strcpy(family_slot(process)->name, "ForkedProcess");
    return family_become(process);
}

static int join_family(void) {
    int error = 0;
    bool stranger = false;
    plat_mutex_lock(&join_mutex);
    if (family_self() == 0) {
        stranger = arena != NULL && !founding;
        error = stranger ? join_as_stranger() : found_family();
    }
    plat_mutex_unlock(&join_mutex);
    if (error == 0 && stranger) {
        family_sweep();
    }
    return error;
}

struct self *family_enter_slow(int *error) {
    *error = join_family();
    return *error != 0 ? NULL : sleep_enter(error);
}

/* ---- the lock ---- */

/* Takes the lock from nobody, or from the dead. */
static int try_lock(void *context, struct watch *watch) {
    struct self *self = context;
    uint64_t owner = atomic_load_explicit(&arena->lock, memory_order_relaxed);
    if (owner == 0) {
        if (atomic_compare_exchange_strong(&arena->lock, &owner, self->reference)) {
            return 0;
        }
    }
    if (owner != 0 && watch->count == 0) {
        watch_thread(watch, owner);
    }
    return SPORK_EWOULDBLOCK;
}

static bool take_from_dead(struct self *self) {
    uint64_t owner = atomic_load(&arena->lock);
    if (owner == 0 || !family_thread_dead(owner) ||
        !atomic_compare_exchange_strong(&arena->lock, &owner, self->reference)) {
        return false;
    }
    arena_recover();
    return true;
}

/* One wait for the lock. A thread that is armed for something else (family_block attempts
   while armed) must not lose that, so it naps; the lock is held for microseconds. */
static bool wait_for_lock(struct self *self) {
    enum { NAP_NS = 50000 };
    if (atomic_load_explicit(&self->slot->bell.state, memory_order_relaxed) !=
        PLAT_BELL_AWAKE) {
        plat_sleep_ns(NAP_NS);
        return false;
    }
    struct watch watch = {0};
    sleep_arm(self, &arena->lock_waiters);
    bool locked = try_lock(self, &watch) == 0;
    if (!locked) {
        watch_sleep(self, plat_now_ns() + FAMILY_NET_NS, &watch, NULL, NULL);
    }
    sleep_disarm(self);
    return locked;
}

/* Not family_block: that buries the dead it meets, which needs this lock. */
void family_lock(struct self *self) {
    enum { SPINS = 100, YIELDS = 16 };
    struct watch watch;
    for (uint64_t round = 0;; round++) {
        watch.count = 0;
        if (try_lock(self, &watch) == 0) {
            return;
        }
        if (round < SPINS) {
            plat_relax();
            continue;
        }
        if (round < SPINS + YIELDS) {
            plat_yield();
            continue;
        }
        if (wait_for_lock(self) || take_from_dead(self)) {
            return;
        }
    }
}

void family_unlock(struct self *self) {
    (void)self;
    arena_abandon();
    sleep_clear_and_wake(&arena->lock, &arena->lock_waiters);
}

void family_settle(struct self *self) {
    family_lock(self);
    family_unlock(self);
}

void family_commit(struct self *self) {
    arena_commit();
    family_unlock(self);
}

/* ---- blocking ---- */

static bool make_room(struct watch *watch) {
    if (watch->count < WATCH_FEW + watch->capacity) {
        return true;
    }
    uint32_t capacity = watch->capacity == 0 ? 2 * WATCH_FEW : 2 * watch->capacity;
    slot_reference *more =
        watch->grows ? realloc(watch->more, capacity * sizeof *more) : NULL;
    if (more == NULL) {
        return false;
    }
    watch->more = more;
    watch->capacity = capacity;
    return true;
}

void watch_process(struct watch *watch, slot_reference process) {
    if (watch == NULL || process == 0 || process == family_self() ||
        (process & STRANGER) != 0) {
        return;
    }
    /* Twice in a long list does no harm. */
    uint32_t from = watch->count > WATCH_FEW ? watch->count - WATCH_FEW : 0;
    for (uint32_t i = from; i < watch->count; i++) {
        if (watch_at(watch, i) == process) {
            return;
        }
    }
    if (make_room(watch)) {
        slot_reference *place = watch->count < WATCH_FEW
                                    ? &watch->few[watch->count]
                                    : &watch->more[watch->count - WATCH_FEW];
        *place = process;
        watch->count++;
    }
}

void watch_free(struct watch *watch) {
    free(watch->more);
}

void watch_thread(struct watch *watch, slot_reference thread) {
    if (watch != NULL && thread != 0) {
        watch_process(watch, sleep_thread_process(thread));
    }
}

/* True when one of them was dead, and is buried now. */
static bool bury_watched(const struct watch *watch) {
    bool any = false;
    for (uint32_t i = 0; i < watch->count; i++) {
        if (family_dead(watch_at(watch, i))) {
            family_bury(watch_at(watch, i));
            any = true;
        }
    }
    return any;
}

/* What one wait works with. */
struct wait {
    struct self *self;
    const struct places *places;
    family_attempt *attempt;
    void *context;
    int64_t deadline;
    struct watch watch;
};

static int attempt_anew(struct wait *wait) {
    wait->watch.count = 0;
    wait->watch.brief = false;
    return wait->attempt(wait->context, &wait->watch);
}

static int attempt_now(struct wait *wait) {
    enum { PATIENCE = 200 };
    int result = SPORK_EWOULDBLOCK;
    bool again = true;
    for (int round = 0; again && round < PATIENCE; round++) {
        result = attempt_anew(wait);
        again = result == SPORK_EWOULDBLOCK &&
                (bury_watched(&wait->watch) || wait->watch.brief);
        if (again) {
            plat_yield();
        }
    }
    return result;
}

static void arm(const struct wait *wait) {
    if (wait->watch.grows) {
        sleep_arm_many(wait->self, wait->places->waiters, wait->places->count);
    } else {
        sleep_arm(wait->self, wait->places->waiters[0]);
    }
}

/* Sleeps once. Returns SPORK_EWOULDBLOCK to go on, anything else when the wait is over. */
static int sleep_once(struct wait *wait) {
    arm(wait);
    int result = attempt_anew(wait);
    bool before_sleep = result != SPORK_EWOULDBLOCK;
    slot_reference dead = 0;
    bool quiet = false;
    if (result == SPORK_EWOULDBLOCK) {
        int64_t net = plat_now_ns() + FAMILY_NET_NS;
        quiet = watch_sleep(wait->self, wait->deadline < net ? wait->deadline : net,
                            &wait->watch, wait->places, &dead) == SPORK_ETIMEDOUT;
    }
    bool rung = sleep_disarm(wait->self);
    if (dead != 0) {
        family_bury(dead);
    }
    if (quiet && !rung) {
        family_look_for_dead();
    }
    if (result == SPORK_EWOULDBLOCK) {
        result = attempt_anew(wait);
    }
    /* Whoever rang counted on this thread to take something; it leaves without, or had taken
       something else before, and leaves what it was rung for. */
    if (rung && !wait->watch.grows &&
        (before_sleep || (result != 0 && result != SPORK_EWOULDBLOCK))) {
        sleep_wake(wait->places->waiters[0], 1);
    }
    return result;
}

static int sleep_until(struct wait *wait) {
    int result;
    do {
        result = sleep_once(wait);
    } while (result == SPORK_EWOULDBLOCK && plat_now_ns() < wait->deadline);
    return result;
}

int family_block_slow(struct self *self, struct waiters *waiters, family_attempt *attempt,
                      void *context, int64_t deadline) {
    /* Together less than a sleep and a wake cost: an answer that comes in a microsecond or two
       finds this thread awake. Ever longer pauses, since a look takes the line of the cache away
       from who writes there, but none so long that it would be felt. */
    enum { SPINS = 32, PAUSES = 8, YIELDS = 8 };
    for (int round = 0; deadline != DEADLINE_NOW && round < SPINS + YIELDS; round++) {
        for (int i = 0; round < SPINS && i < PAUSES && i <= round; i++) {
            plat_relax();
        }
        if (round >= SPINS) {
            plat_yield();
        }
        int result = attempt(context, NULL);
        if (result != SPORK_EWOULDBLOCK) {
            return result;
        }
    }
    const struct places places = {.waiters = &waiters, .count = 1};
    struct wait wait = {self, &places, attempt, context, deadline, {0}};
    return deadline == DEADLINE_NOW ? attempt_now(&wait) : sleep_until(&wait);
}

int family_block_many(struct self *self, const struct places *places, family_attempt *attempt,
                      void *context, int64_t deadline) {
    struct wait wait = {self, places, attempt, context, deadline, {.grows = true}};
    int result = attempt_anew(&wait);
    if (result == SPORK_EWOULDBLOCK) {
        result = deadline == DEADLINE_NOW ? attempt_now(&wait) : sleep_until(&wait);
    }
    watch_free(&wait.watch);
    return result;
}
