/* Rank 5: the threads of the family, and how they sleep and wake each other. */
#ifndef SRC_SLEEP_H
#define SRC_SLEEP_H

#include "arena.h"

/* What a thread has of its own. Valid in this thread alone. */
struct self {
    slot_reference reference; /* of its thread_slot; 0: has none yet */
    struct thread_slot *slot;
    struct plat_sleeper sleeper;
    struct self *next; /* of those that sleep_make_self made */
};
/* This thread's, for the inline functions that begin each call. */
extern _Thread_local struct self sleep_this;

/* A slot for this thread's self, which has none. Errors: as of sleep_enter. */
int sleep_take_slot(struct self *self);
/* This thread's self, with a slot in the family taken at the first call. NULL: *error is
   SPORK_ELIMIT (all slots are in use), SPORK_ENOSPACE or SPORK_ESTATE (the family has not been
   joined). */
static inline struct self *sleep_enter(int *error) {
    struct self *self = &sleep_this;
    *error = self->slot != NULL ? 0 : sleep_take_slot(self);
    return *error == 0 ? self : NULL;
}
/* The same for who has no use for the number. */
struct self *sleep_self(void);

/* Tells which process this is; from then on sleep_self works. */
int sleep_join(slot_reference process);
/* The same for one that has no slot yet: its threads can take the family's lock, no more. */
int sleep_join_as_stranger(const struct plat_identity *identity);
/* In a forked child: this thread starts anew, with no slot. */
void sleep_forked(void);

/* Lets the calling thread's slot go; it takes another one at need. */
void sleep_leave(void);

/* A self that is no thread's, with a slot and a bell of its own: what a doorbell has. One
   thread at a time may use it. Errors: SPORK_ELIMIT, SPORK_ENOSPACE. */
int sleep_make_self(struct self *self);
void sleep_drop_self(struct self *self);
/* Rings all of these, of this process: there is a process more to be watched. */
void sleep_ring_made(void);
/* Rings all that look at many things, in the whole family: who died may have changed something
   and not come to wake for it. A doorbell has no slow second look. */
void sleep_ring_lookers(void);
/* Wipes a dead thread's slot, but for its process and generation, which its burial ends. */
void sleep_clear(uint32_t index);

/* Whether the thread behind a reference has let its slot go. Its process may be dead all the
   same: see family_thread_dead. */
bool sleep_thread_gone(slot_reference thread);
/* The process of a thread slot, 0 if it is free; of a stranger, STRANGER and its id. */
slot_reference sleep_thread_process(slot_reference thread);

/* From sleep_arm on, whoever changes what these waiters wait for and calls sleep_wake will
   wake this thread: look once more after arming, then sleep. */
void sleep_arm(struct self *self, struct waiters *waiters);
/* The same at many waiters at once, for who only looks and takes nothing: whoever changes
   something at one of them rings this thread as well, beside those whom it wakes. */
void sleep_arm_many(struct self *self, struct waiters *const *waiters, size_t count);
/* Ends the arming, slept or not. True: somebody had rung, and counts on this thread: if it
   does not take what it came for, it has to pass the call on with sleep_wake(waiters, 1). */
bool sleep_disarm(struct self *self);
/* Whether it is between the two, as an attempt is that comes before a sleep. */
static inline bool sleep_armed(const struct self *self) {
    return atomic_load_explicit(&self->slot->watching, memory_order_relaxed) != 0;
}
/* Between the two: plat_bell_sleep for this thread. */
int sleep_now(struct self *self, int64_t deadline, const struct plat_process *const *watched,
              size_t count, size_t *dead);

/* Where the fence is made that stands between a change and the look for who waits for it. */
enum sleep_fences {
    SLEEP_FENCE_WAKER,   /* who wakes makes one: the system has no barrier */
    SLEEP_FENCE_SLEEPER, /* who goes to sleep has the system make one everywhere */
    SLEEP_FENCE_BOTH     /* it had been so, but there is a process that cannot */
};
static inline bool sleep_fence_is_sleepers(void) {
    return atomic_load_explicit(&arena->fences, memory_order_relaxed) == SLEEP_FENCE_SLEEPER;
}
/* A full fence, of this thread alone. */
void sleep_fence(void);
/* The rest of sleep_wake; tickets: as it found them, odd. */
void sleep_wake_armed(struct waiters *waiters, uint64_t count, uint64_t tickets);
/* Wakes up to count threads that are armed at these waiters. Call it after the change. Costs
   two loads, and a fence where the system has no barrier, when nobody waits. */
static inline void sleep_wake(struct waiters *waiters, uint64_t count) {
    /* Orders the caller's change before the look at the tickets; sleep_arm has the twin. */
    atomic_signal_fence(memory_order_seq_cst);
    if (!sleep_fence_is_sleepers()) {
        sleep_fence();
    }
    /* Acquired: who has taken a ticket is seen to be asleep. */
    uint64_t tickets = atomic_load_explicit(&waiters->tickets, memory_order_acquire);
    if ((tickets & 1) != 0) {
        sleep_wake_armed(waiters, count, tickets);
    }
}
/* Stores a 0 that sets something free, and wakes one who waits for that. A sequentially
   consistent exchange is the fence that a store needs behind it, where it needs one. */
static inline void sleep_clear_and_wake(arena_word *word, struct waiters *waiters) {
    if (sleep_fence_is_sleepers()) {
        atomic_store_explicit(word, 0, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_exchange(word, 0);
    }
    uint64_t tickets = atomic_load(&waiters->tickets);
    if ((tickets & 1) != 0) {
        sleep_wake_armed(waiters, 1, tickets);
    }
}
/* Rings one thread, by its slot, if it is armed at these waiters. */
void sleep_ring(uint32_t index, struct waiters *waiters);
/* One that was rung at these waiters (their offset) cannot answer: rings another. The waiters
   may be gone: nothing is written there. */
void sleep_call_on(uint64_t waiters);
#define SLEEP_ALL UINT64_MAX

/* Before this thread works on shared state that a death would leave half done, it says on
   which handle's; whoever buries its process puts that right. 0: done. */
static inline void sleep_busy(struct self *self, uint64_t handle) {
    atomic_store_explicit(&self->slot->busy, handle, memory_order_relaxed);
}
/* A number for a wait, higher than all before it, and nobody else's. */
static inline uint64_t sleep_number(void) {
    return atomic_fetch_add(&arena->waits_begun, 1) + 1;
}
/* While this thread waits at a handle where others count on it, with a token of that kind of
   handle's own: if it dies meanwhile, that kind's mourn_thread is told, as for busy. It may
   be busy elsewhere at the same time, with the burial of somebody. 0: no more. */
static inline void sleep_waits(struct self *self, uint64_t handle, uint64_t token) {
    atomic_store(&self->slot->token, token);
    atomic_store(&self->slot->waits, handle);
}

#endif
