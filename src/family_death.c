/* Deaths in the family: who is dead, and what has to be put right then.

   One thread buries a process at a time; if it dies at that, another starts over. So each step
   is one transaction, or can be done again, and the process's slot is let go last. */
#include <string.h>

#include "family_watch.h"

static void mourn(struct self *self, slot_reference process);

static family_mourner *mourner;
static family_thread_mourner *thread_mourner;

/* In this process, held while a child's slot is told its end or is let go: who has looked at
   it and then acts would otherwise act on the next process of that slot. */
static plat_mutex grave_mutex;
static _Atomic uint64_t ended_children;

uint64_t family_ended_children(void) {
    return atomic_load_explicit(&ended_children, memory_order_relaxed);
}

void graves_forked(void) {
    memset(&grave_mutex, 0, sizeof grave_mutex);
}

void family_on_death(family_mourner *function) {
    mourner = function;
}

void family_on_thread_death(family_thread_mourner *function) {
    thread_mourner = function;
}

/* ---- the process table ---- */

enum { SWEEP_STEP = 16 }; /* slots; before the table grows by so many it is looked through */

static int commit_processes(uint64_t used) {
    if (used % SWEEP_STEP != 0) {
        return 0;
    }
    return arena_commit_range(&arena->processes[used],
                              SWEEP_STEP * sizeof arena->processes[0]);
}

/* Not before it has told its stamp; until then it holds nothing. */
static bool stranger_dead(const struct thread_slot *slot, uint64_t process) {
    struct plat_process watch;
    struct plat_identity identity = {(int64_t)(process & ~STRANGER),
                                     atomic_load(&slot->stamp)};
    if (identity.stamp == 0) {
        return false;
    }
    int error = plat_process_open(&watch, identity);
    if (error != 0) {
        return error == SPORK_EPEERDIED;
    }
    bool dead = plat_process_dead(&watch);
    plat_process_close(&watch);
    return dead;
}

/* Thread slots of strangers that died before they had a slot for their process. */
static void free_strangers(struct self *self) {
    uint64_t used = atomic_load(&arena->threads_used);
    for (uint32_t i = 0; i < used; i++) {
        struct thread_slot *slot = &arena->threads[i];
        uint64_t process = atomic_load(&slot->process);
        uint64_t generation = atomic_load(&slot->generation);
        if ((process & STRANGER) == 0 || !stranger_dead(slot, process)) {
            continue;
        }
        family_lock(self);
        if (atomic_load(&slot->process) == process &&
            atomic_load(&slot->generation) == generation) {
            atomic_store(&slot->stamp, 0);
            atomic_fetch_add(&slot->generation, 1);
            atomic_store(&slot->process, 0);
        }
        family_unlock(self);
    }
}

/* Orphans that nobody watched: their slots would be lost. Called without the lock. */
static void bury_orphans(struct self *self) {
    free_strangers(self);
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 1; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference process = slot_reference_of(i, atomic_load(&slot->generation));
        slot_reference parent = atomic_load(&slot->parent);
        if (atomic_load(&slot->state) != PROCESS_FREE &&
            (parent == 0 || (!family_is(parent) || family_dead(parent)))) {
            family_bury(process);
        }
    }
}

/* Under the lock: a free slot, or one more; ARENA_PROCESSES when there is none. */
static uint32_t find_free(void) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 1; i < used; i++) {
        if (atomic_load(&arena->processes[i].state) == PROCESS_FREE) {
            return i;
        }
    }
    return (uint32_t)used;
}

static void fill_slot(const struct self *self, uint32_t index, uint64_t flags) {
    struct process_slot *slot = &arena->processes[index];
    slot_reference parent = family_self();
    arena_word *cleared[] = {&slot->pid,        &slot->stamp,   &slot->buried, &slot->burier,
                             &slot->exit_code,  &slot->exit_known, &slot->holds,
                             &slot->blocks,     &slot->launch,  &slot->nonce,
                             &slot->refusal,    &slot->children,
                             &slot->own_code,   &slot->request, &slot->answer,
                             &slot->method,     &slot->hello};
    for (size_t i = 0; i < sizeof cleared / sizeof cleared[0]; i++) {
        arena_set(cleared[i], 0);
    }
    uint64_t depth = parent == 0 ? 0 : atomic_load(&family_slot(parent)->depth);
    arena_set(&slot->parent, parent);
    arena_set(&slot->flags, flags);
    arena_set(&slot->depth, depth + 1);
    arena_set(&slot->state, PROCESS_RESERVED);
    if ((flags & PROCESS_FORKED) != 0) {
        /* At once all that its death is judged by: it has no parent who knows of it. */
        arena_set(&slot->pid, atomic_load(&self->slot->process) & ~STRANGER);
        arena_set(&slot->stamp, atomic_load(&self->slot->stamp));
        arena_set(&slot->state, PROCESS_RUNNING);
    }
}

/* A stranger could not bury before it had a slot. One slot in SWEEP_STEP pays for all. */
void family_sweep(void) {
    struct self *self = sleep_self();
    if (self != NULL && slot_index(family_self()) % SWEEP_STEP == 0) {
        bury_orphans(self);
    }
}

/* Those whose parent was buried: nobody else may be watching them. */
static void bury_left_behind(void) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 1; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference process = slot_reference_of(i, atomic_load(&slot->generation));
        if (atomic_load(&slot->state) != PROCESS_FREE && atomic_load(&slot->parent) == 0) {
            family_bury(process);
        }
    }
}

int family_reserve(slot_reference *process, uint64_t flags) {
    int error;
    struct self *self = sleep_enter(&error);
    if (self == NULL) {
        return error;
    }
    if (family_self() != 0) {
        bury_left_behind(); /* one that starts others, and never sleeps for long, comes by here */
    }
    for (int round = 0; round < 2; round++) {
        family_lock(self);
        uint32_t index = find_free();
        bool grows = index == atomic_load(&arena->processes_used);
        /* A stranger cannot bury: that may need what only a process with a slot can do. */
        bool sweep = grows && index % SWEEP_STEP == 0 && round == 0 && family_self() != 0;
        if (!sweep && index < ARENA_PROCESSES) {
            error = grows ? commit_processes(index) : 0;
            if (error == 0) {
                fill_slot(self, index, flags);
                if (grows) {
                    arena_set(&arena->processes_used, (uint64_t)index + 1);
                }
                *process = slot_reference_of(
                    index, atomic_load(&arena->processes[index].generation));
                family_commit(self);
                return 0;
            }
        }
        family_unlock(self);
        if (error != 0) {
            return error;
        }
        if (family_self() != 0) {
            bury_orphans(self);
        }
    }
    return error_set(SPORK_ELIMIT, "the family has %d processes already",
                     (int)ARENA_PROCESSES);
}

void family_release(slot_reference process) {
    struct self *self = sleep_self();
    struct process_slot *slot = family_slot(process);
    if (self == NULL) {
        return;
    }
    plat_mutex_lock(&grave_mutex);
    family_lock(self);
    if (family_is(process)) {
        if (atomic_load(&slot->launch) != 0) {
            arena_give(atomic_load(&slot->launch));
            arena_set(&slot->launch, 0);
        }
        /* At once: a free slot of the old generation would be the old process again. */
        arena_set(&slot->state, PROCESS_FREE);
        arena_set(&slot->generation, atomic_load(&slot->generation) + 1);
        arena_commit();
    }
    family_unlock(self);
    plat_mutex_unlock(&grave_mutex);
}

void family_forget_child(slot_reference process) {
    struct self *self = sleep_self();
    struct process_slot *slot = family_slot(process);
    /* One that never ran holds what was passed to it, and has no grave yet. */
    if (self != NULL && family_is(process) && atomic_load(&slot->buried) == 0) {
        mourn(self, process);
    }
    watch_remove_child(process);
    watch_forget(process);
    family_release(process);
}

void family_started(slot_reference process, const struct plat_process *running) {
    struct process_slot *slot = family_slot(process);
    atomic_store(&slot->stamp, running->identity.stamp);
    atomic_store(&slot->pid, (uint64_t)running->identity.pid);
    watch_adopt(process, running);
    watch_add_child(process);
    sleep_ring_made();
}

void family_set_state(slot_reference process, enum process_state state) {
    struct process_slot *slot = family_slot(process);
    atomic_store(&slot->state, state);
    sleep_wake(&slot->greeting, SLEEP_ALL);
    if (state == PROCESS_ENDED) {
        sleep_wake(&slot->changed, SLEEP_ALL);
    }
}

int family_end(slot_reference process, enum plat_end how) {
    int error;
    struct plat_process *watch = watch_take(process, &error);
    if (watch == NULL) {
        return error == SPORK_EPEERDIED ? 0 : error;
    }
    error = plat_process_end(watch, how);
    watch_drop(process);
    return error;
}

int family_sentinel(slot_reference process, intptr_t *native) {
    int error;
    struct plat_process *watch = watch_take(process, &error);
    if (watch == NULL) {
        return error;
    }
    if (watch->native == PLAT_NO_NATIVE) {
        error = error_set(SPORK_ENOTSUP, "this kernel has no descriptors for processes");
    } else {
        *native = watch->native;
    }
    watch_drop(process);
    return error;
}

/* ---- who is dead ---- */

static bool depends_on_parent(const struct process_slot *slot) {
    uint64_t state = atomic_load(&slot->state);
    return (atomic_load(&slot->flags) & PROCESS_THREAD) != 0 || state == PROCESS_RESERVED ||
           atomic_load(&slot->pid) == 0 || atomic_load(&slot->stamp) == 0;
}

bool family_dead(slot_reference process) {
    if (process == family_self() && process != 0) {
        return false;
    }
    if (!family_is(process)) {
        return true;
    }
    struct process_slot *slot = family_slot(process);
    uint64_t state = atomic_load(&slot->state);
    if (state == PROCESS_ENDED || state == PROCESS_FREE) {
        return true;
    }
    if (depends_on_parent(slot)) {
        slot_reference parent = atomic_load(&slot->parent);
        return parent == 0 || family_dead(parent);
    }
    int error;
    struct plat_process *watch = watch_take(process, &error);
    if (watch == NULL) {
        return error == SPORK_EPEERDIED;
    }
    bool dead = plat_process_dead(watch);
    watch_drop(process);
    return dead;
}

/* A thread's slot never said hello; of the root and of who was forked it is not asked for. */
bool family_killed(slot_reference process) {
    const struct process_slot *slot = family_slot(process);
    uint64_t flags = atomic_load(&slot->flags);
    bool ran = atomic_load(&slot->hello) != 0 || (flags & PROCESS_FORKED) != 0 ||
               atomic_load(&slot->depth) == 0;
    return process != family_self() && ran && (flags & PROCESS_LEFT) == 0 &&
           atomic_load(&slot->own_code) == 0;
}

bool family_thread_dead(slot_reference thread) {
    slot_reference process = sleep_thread_process(thread);
    if ((process & STRANGER) != 0) {
        return sleep_thread_gone(thread) ||
               stranger_dead(&arena->threads[slot_index(thread)], process);
    }
    return sleep_thread_gone(thread) || process == 0 || family_dead(process);
}

/* ---- burial ---- */

/* How it ended is the parent's to learn; once, whoever of its threads comes first. */
static void reap(slot_reference process) {
    struct process_slot *slot = family_slot(process);
    int code = 0;
    bool known = false;
    int error;
    plat_mutex_lock(&grave_mutex);
    if (family_is(process) && atomic_load(&slot->state) != PROCESS_ENDED &&
        atomic_load(&slot->exit_known) == 0) {
        struct plat_process *watch = watch_take(process, &error);
        if (watch != NULL) {
            plat_process_reap(watch, &code, &known);
            watch_drop(process);
        }
        uint64_t own = atomic_load(&slot->own_code);
        if (!known && own != 0) {
            code = (int)(uint32_t)own;
            known = true;
        }
        atomic_store(&slot->exit_code, (uint64_t)(int64_t)code);
        atomic_store(&slot->exit_known, known ? 1 : 2);
    }
    plat_mutex_unlock(&grave_mutex);
}

/* One thread slot of the dead; under no lock at first, since mourning takes it. */
static void mourn_thread(struct self *self, uint32_t index, slot_reference process) {
    struct thread_slot *slot = &arena->threads[index];
    const uint64_t handles[] = {atomic_load(&slot->busy), atomic_load(&slot->waits)};
    for (int i = 0; i < 2; i++) {
        if (handles[i] != 0 && thread_mourner != NULL) {
            thread_mourner(handles[i],
                           slot_reference_of(index, atomic_load(&slot->generation)));
        }
    }
    family_lock(self);
    if (atomic_load(&slot->process) == process) {
        uint64_t watching = atomic_exchange(&slot->watching, 0);
        if (atomic_exchange(&slot->bell.state, PLAT_BELL_AWAKE) == PLAT_BELL_RUNG &&
            watching != 0) {
            sleep_call_on(watching);
        }
        sleep_clear(index);
        atomic_fetch_add(&slot->generation, 1);
        atomic_store(&slot->process, 0);
    }
    family_unlock(self);
}

static void mourn_threads(struct self *self, slot_reference process) {
    uint64_t used = atomic_load(&arena->threads_used);
    for (uint32_t i = 0; i < used; i++) {
        if (atomic_load(&arena->threads[i].process) == process) {
            mourn_thread(self, i, process);
        }
    }
}

/* Its children have nobody to join them any more: they go when they are buried. */
static void leave_orphans(slot_reference process) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint32_t i = 1; i < used; i++) {
        slot_reference expected = process;
        atomic_compare_exchange_strong(&arena->processes[i].parent, &expected, 0);
    }
}

/* The parent ends it; anybody may when there is no parent any more. */
static void close_grave(slot_reference process) {
    struct process_slot *slot = family_slot(process);
    slot_reference parent = atomic_load(&slot->parent);
    bool forked = (atomic_load(&slot->flags) & PROCESS_FORKED) != 0;
    if (parent == family_self() && !forked) {
        plat_mutex_lock(&grave_mutex);
        if (family_is(process)) {
            family_set_state(process, PROCESS_ENDED);
        }
        atomic_fetch_add(&ended_children, 1);
        plat_mutex_unlock(&grave_mutex);
        /* Not before: a thread that sleeps has it among its children until it can see that. */
        watch_remove_child(process);
        return;
    }
    sleep_wake(&slot->greeting, SLEEP_ALL);
    sleep_wake(&slot->changed, SLEEP_ALL);
    if (forked || parent == 0 || !family_is(parent)) {
        watch_forget(process);
        family_release(process);
    }
}

/* False while another thread that is alive has begun, or when it has been done. */
static bool begin_burial(struct self *self, slot_reference process) {
    struct process_slot *slot = family_slot(process);
    uint64_t burier = atomic_load(&slot->burier);
    bool begun = burier != 0 && burier != self->reference;
    if (begun && !family_thread_dead(burier)) {
        return false;
    }
    if (!atomic_compare_exchange_strong(&slot->burier, &burier, self->reference)) {
        return false;
    }
    if (atomic_load(&slot->buried) == 0 && family_is(process)) {
        return true;
    }
    /* Too late: it is done, or the slot is another process's, whom others must bury. */
    burier = self->reference;
    atomic_compare_exchange_strong(&slot->burier, &burier, 0);
    return false;
}

static void mourn(struct self *self, slot_reference process) {
    struct process_slot *slot = family_slot(process);
    uint64_t burier = self->reference;
    mourn_threads(self, process);
    if (mourner != NULL) {
        mourner(process);
    }
    leave_orphans(process);
    sleep_ring_lookers();
    atomic_store(&slot->buried, 1);
    atomic_compare_exchange_strong(&slot->burier, &burier, 0);
}

void family_bury(slot_reference process) {
    struct self *self = sleep_self();
    if (self == NULL || !family_is(process) || !family_dead(process)) {
        return;
    }
    struct process_slot *slot = family_slot(process);
    if (atomic_load(&slot->parent) == family_self()) {
        reap(process);
    }
    if (atomic_load(&slot->buried) == 0 && begin_burial(self, process)) {
        mourn(self, process);
    }
    slot_reference parent = atomic_load(&slot->parent);
    bool orphan = parent == 0 || !family_is(parent);
    if (family_is(process) && atomic_load(&slot->buried) == 1 &&
        (atomic_load(&slot->state) != PROCESS_ENDED || orphan)) {
        close_grave(process);
    }
}

void family_look_for_dead(void) {
    enum { MOST = 256 };
    slot_reference children[MOST];
    size_t count = watch_children(children, MOST);
    for (size_t i = 0; i < count && i < MOST; i++) {
        if (family_dead(children[i])) {
            family_bury(children[i]);
        }
    }
    bury_left_behind();
    uint64_t used = atomic_load(&arena->threads_used);
    for (uint32_t i = 0; i < used; i++) {
        struct thread_slot *slot = &arena->threads[i];
        slot_reference process = atomic_load(&slot->process);
        bool matters = atomic_load(&slot->busy) != 0 || atomic_load(&slot->waits) != 0;
        if (process != 0 && process != family_self() && matters && family_dead(process)) {
            family_bury(process);
        }
    }
}
