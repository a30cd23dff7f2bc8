/* Rank 5: the family: its lock, its processes, their deaths, and the one loop that blocks. */
#ifndef SRC_FAMILY_H
#define SRC_FAMILY_H

#include "sleep.h"

/* ---- this process in the family ---- */

/* Turns this process into the one of a slot that its parent reserved: after attaching the
   arena (spawn), or in a forked child. */
int family_become(slot_reference process);
/* This process's slot; 0 before family_enter. */
extern _Atomic slot_reference family_this_process;
static inline slot_reference family_self(void) {
    return atomic_load_explicit(&family_this_process, memory_order_acquire);
}
/* What family_enter does in a process that belongs to no family yet. */
struct self *family_enter_slow(int *error);
/* Makes sure that this process belongs to a family and that this thread can work in it: the
   root makes the arena at its first need; a child that the host itself forked takes a slot.
   Every public call begins here. NULL: *error is the number, and the detail says why. */
static inline struct self *family_enter(int *error) {
    return family_self() != 0 ? sleep_enter(error) : family_enter_slow(error);
}
static inline struct process_slot *family_slot(slot_reference process) {
    return &arena->processes[slot_index(process)];
}
/* Whether the slot still is the incarnation that the reference names. */
bool family_is(slot_reference process);

/* Called once for each process that is found dead, in the process that found it, before its
   slot is let go; the layers above put right there what the dead left half done. May be
   called again for the same process if a first burial was itself cut short. */
typedef void family_mourner(slot_reference dead);
void family_on_death(family_mourner *mourner);
/* For each thread of a dead process that was busy: the handle it was busy with. */
typedef void family_thread_mourner(uint64_t handle, slot_reference dead_thread);
void family_on_thread_death(family_thread_mourner *mourner);
/* What may keep this process from founding a family: main is not past its guard. */
void family_on_found(int (*check)(void));
/* Called in a child forked by whomever, before anything else of spork runs there. */
void family_on_fork(void (*hook)(void));

/* ---- the lock ---- */

/* Mutual exclusion between all threads of the family, for what the journal changes. It is
   held for microseconds and never while waiting for anything. A holder's death is noticed,
   and its transaction finished or forgotten. */
void family_lock(struct self *self);
void family_unlock(struct self *self);
/* arena_commit, then family_unlock. */
void family_commit(struct self *self);
/* Waits until what the last holder of the lock had begun is true, or forgotten. For who takes
   over from a dead thread what is changed both in transactions and without the lock: else its
   last transaction could undo later what happened since. */
void family_settle(struct self *self);

/* ---- the process table ---- */

/* Takes a slot for a child of this process, in state RESERVED; with PROCESS_FORKED for this
   process itself, a stranger yet, in state RUNNING. Errors: SPORK_ELIMIT, SPORK_ENOSPACE,
   SPORK_ESTATE (this process has not joined the family). */
int family_reserve(slot_reference *process, uint64_t flags);
/* For a stranger that has its slot: buries the orphans now and then, so that a program that
   forks by itself does not fill the table with its dead. */
void family_sweep(void);
/* Lets a slot go that is dead and buried, or was never started. */
void family_release(slot_reference process);
/* The parent lets a child's slot go: it was never started, or has ended. */
void family_forget_child(slot_reference process);
/* The parent tells who runs in the slot; the watch on it is the launcher's own. */
void family_started(slot_reference process, const struct plat_process *running);
/* Stores a new state and wakes who waits for it. */
void family_set_state(slot_reference process, enum process_state state);

/* Whether a process has ended, as far as can be told without waiting. */
bool family_dead(slot_reference process);
/* Of one that is known to be dead, or this one: whether it ran, and did not end by itself. */
bool family_killed(slot_reference process);
/* Whether the thread behind the reference is no more: it left, or its process is dead. */
bool family_thread_dead(slot_reference thread);
/* Notices a death: reaps an own child, stores how it ended, puts right what it left, wakes
   who waits. Safe to call for the living (nothing happens) and twice. */
void family_bury(slot_reference process);
/* How many children of this process have been noticed to have ended, with all that they left
   put right: a change tells who has many to look again. */
uint64_t family_ended_children(void);
/* Looks for dead among the processes that were at work in the family, have lost their parent
   or are children of this one, and buries them. */
void family_look_for_dead(void);
/* Ends a process: see plat_process_end. */
int family_end(slot_reference process, enum plat_end how);
/* The native that becomes ready at its end. Errors: SPORK_ENOTSUP. */
int family_sentinel(slot_reference process, intptr_t *native);

/* ---- blocking ---- */

/* Whom an attempt waits for; a death among them ends the wait for a new attempt. */
enum { WATCH_FEW = 32 };
struct watch {
    uint32_t count;
    bool brief; /* somebody is in the middle of what takes him microseconds */
    bool grows; /* no limit but memory: further ones are in more, to be freed */
    uint32_t capacity; /* of more */
    slot_reference few[WATCH_FEW];
    slot_reference *more; /* malloc */
};
/* Adds a process (a thread's process), unless the list is full: then the slow second look
   notices. NULL: nobody is going to sleep, and nothing is added. */
void watch_process(struct watch *watch, slot_reference process);
void watch_thread(struct watch *watch, slot_reference thread);
static inline slot_reference watch_at(const struct watch *watch, uint32_t index) {
    return index < WATCH_FEW ? watch->few[index] : watch->more[index - WATCH_FEW];
}
void watch_free(struct watch *watch);

/* Tries to do what the caller wants: 0 or an error ends the wait; SPORK_EWOULDBLOCK means
   not yet, and adds to watch, unless that is NULL, whose death would change that. */
typedef int family_attempt(void *context, struct watch *watch);

/* A missed call (its receiver was killed) is made good after at most this long. */
#define FAMILY_NET_NS ((int64_t)200 * 1000000)

/* What comes after a first attempt. */
int family_block_slow(struct self *self, struct waiters *waiters, family_attempt *attempt,
                      void *context, int64_t deadline);
/* The one loop that blocks: attempts, spins, yields, sleeps at waiters, until the attempt is
   over or the deadline has passed (SPORK_EWOULDBLOCK, no detail). DEADLINE_NOW attempts once,
   and again if a death, or somebody's unfinished microseconds, were in the way: what was put
   before must be found, though another writer stopped halfway in front of it. */
static inline int family_block(struct self *self, struct waiters *waiters,
                               family_attempt *attempt, void *context, int64_t deadline) {
    int result = attempt(context, NULL);
    return result != SPORK_EWOULDBLOCK
               ? result
               : family_block_slow(self, waiters, attempt, context, deadline);
}

/* Where who looks at many things, and takes none, waits for them. */
struct places {
    struct waiters *const *waiters;
    size_t count;
    /* Natives of the host that end a sleep; an attempt may change which. */
    struct plat_process *natives;
    size_t native_count;
};
/* family_block at many places. */
int family_block_many(struct self *self, const struct places *places, family_attempt *attempt,
                      void *context, int64_t deadline);

#endif
