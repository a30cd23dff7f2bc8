/* Sleeping and waking.

   A thread that waits is armed: its slot says at which waiters, its bell says ARMED, its bit
   stands in arena->asleep, and the waiters' tickets have risen by 2 and are odd, in this
   order. A waker changes what is waited for, and then looks at the tickets:
   even means that whoever arms later will see the change. Else it looks through the bits for
   slots that watch these waiters, and rings as many as it has to. When it finds none it makes
   the tickets even, unless they have risen since: somebody has arrived. (They never fall, so
   a waker that was held up in between cannot take a new arrival for the old state.)

   Between the change and the look at the tickets there has to be a full fence, as there is
   between the arming and the last look at what is waited for; else both may miss the other. Who
   wakes passes there at each message, who sleeps seldom. So where the system has a barrier
   that reaches all processes which joined it (plat_barrier), the sleeper has it make both
   fences, and the waker's is one for the compiler alone. This is the asymmetric fence of P0202
   (C++) and of membarrier's manual page; arena->fences says which it is.

   A thread that waits for many things at once, and only looks, is armed at all of them: its bit
   stands in arena->asleep_many, and its slot has a filter of the waiters instead of their
   offset. A waker rings all of these whose filter it hits, beside the ones that it wakes, and
   does not count them: they leave what they find to others. A hit may be a wrong one, which
   costs the sleeper a look.

   A thread that dies while armed leaves a bit and tickets behind, which go when its process
   is buried. One call may go to it before that, or may have gone to it before it died: the
   burial passes it on, and family_block's slow second look (FAMILY_NET_NS) is there for what
   nobody buries. */
#include "sleep.h"

#include <string.h>

_Thread_local struct self sleep_this;
static bool has_barrier; /* this process; see join_barrier */
static plat_mutex made_mutex;
static struct self *made; /* those that are no thread's */
static slot_reference this_process;
static uint64_t this_stamp; /* of a stranger */
static bool exit_hook_is_set;

static void clear_bits(uint32_t index) {
    uint64_t bit = (uint64_t)1 << (index % 64);
    if ((atomic_load_explicit(&arena->asleep[index / 64], memory_order_relaxed) & bit) != 0) {
        atomic_fetch_and(&arena->asleep[index / 64], ~bit);
    }
    if ((atomic_load_explicit(&arena->asleep_many[index / 64], memory_order_relaxed) & bit) !=
        0) {
        atomic_fetch_and(&arena->asleep_many[index / 64], ~bit);
    }
}

void sleep_clear(uint32_t index) {
    struct thread_slot *slot = &arena->threads[index];
    clear_bits(index);
    atomic_store(&slot->watching, 0);
    atomic_store(&slot->busy, 0);
    atomic_store(&slot->waits, 0);
    atomic_store(&slot->token, 0);
    atomic_store(&slot->counting, 0);
    atomic_store(&slot->stamp, 0);
}

static void leave(struct self *who) {
    if (who->slot != NULL) {
        sleep_clear(slot_index(who->reference));
        atomic_fetch_add(&who->slot->generation, 1);
        atomic_store(&who->slot->process, 0);
    }
    plat_bell_close(&who->sleeper);
    memset(who, 0, sizeof *who);
}

static void thread_ends(void *value) {
    leave(value);
}

/* Not inline: gcc warns of a fence that is inlined under the thread sanitizer. */
void sleep_fence(void) {
    atomic_thread_fence(memory_order_seq_cst);
}

/* Wakers leave their fence out as long as all processes of the family have joined the barrier.
   One that cannot join says so before it sleeps first. A waker that has not heard of it yet may
   miss it once: that is one of the misses that family_block's second look is there for. */
static void join_barrier(slot_reference process) {
    uint64_t all = SLEEP_FENCE_SLEEPER;
    has_barrier = plat_barrier_join() == 0;
    if (!has_barrier) {
        atomic_compare_exchange_strong(&arena->fences, &all, SLEEP_FENCE_BOTH);
    } else if (process == slot_reference_of(0, 0)) {
        /* The founder, which is alone. */
        atomic_store(&arena->fences, SLEEP_FENCE_SLEEPER);
    }
}

int sleep_join(slot_reference process) {
    if (!exit_hook_is_set) {
        int error = plat_thread_on_exit(thread_ends);
        if (error != 0) {
            return error;
        }
        exit_hook_is_set = true;
    }
    join_barrier(process);
    this_process = process;
    return 0;
}

int sleep_join_as_stranger(const struct plat_identity *identity) {
    this_stamp = identity->stamp;
    return sleep_join(STRANGER | (uint64_t)identity->pid);
}

void sleep_forked(void) {
    memset(&made_mutex, 0, sizeof made_mutex);
    made = NULL;
    plat_bell_close(&sleep_this.sleeper);
    memset(&sleep_this, 0, sizeof sleep_this);
    this_process = 0;
}

/* Entries of the table become touchable in steps, by whoever needs the next one first. */
static int commit_threads(uint64_t count) {
    uint64_t committed = atomic_load(&arena->threads_committed);
    while (committed < count) {
        enum { STEP = 64 };
        int error = arena_commit_range(&arena->threads[committed],
                                       STEP * sizeof arena->threads[0]);
        if (error != 0) {
            return error;
        }
        atomic_compare_exchange_strong(&arena->threads_committed, &committed,
                                       committed + STEP);
        committed = atomic_load(&arena->threads_committed);
    }
    return 0;
}

static bool take_slot(struct self *who, uint32_t index) {
    struct thread_slot *slot = &arena->threads[index];
    uint64_t free = 0;
    uint64_t used = atomic_load(&arena->threads_used);
    if (atomic_load_explicit(&slot->process, memory_order_relaxed) != 0) {
        return false;
    }
    /* First: whoever buries us looks no further. */
    while (used <= index &&
           !atomic_compare_exchange_weak(&arena->threads_used, &used, (uint64_t)index + 1)) {
    }
    if (!atomic_compare_exchange_strong(&slot->process, &free, this_process)) {
        return false;
    }
    if ((this_process & STRANGER) != 0) {
        atomic_store(&slot->stamp, this_stamp);
    }
    uint64_t generation = atomic_load(&slot->generation);
    slot->bell.number = index;
    slot->bell.generation = (uint32_t)generation;
    atomic_store(&slot->bell.state, PLAT_BELL_AWAKE);
    who->slot = slot;
    who->reference = slot_reference_of(index, generation);
    return true;
}

static int find_slot(struct self *who) {
    if (arena == NULL || this_process == 0) {
        return error_set(SPORK_ESTATE, "this process has not joined the family");
    }
    for (uint32_t index = 0; index < ARENA_THREADS; index++) {
        int error = commit_threads((uint64_t)index + 1);
        if (error != 0) {
            return error;
        }
        if (take_slot(who, index)) {
            return 0;
        }
    }
    return error_set(SPORK_ELIMIT, "the family has %d threads already", (int)ARENA_THREADS);
}

int sleep_take_slot(struct self *who) {
    int error = find_slot(who);
    if (error == 0) {
        plat_thread_set_value(who);
    }
    return error;
}

struct self *sleep_self(void) {
    int error;
    return sleep_enter(&error);
}

int sleep_make_self(struct self *who) {
    int error = find_slot(who);
    if (error == 0) {
        plat_mutex_lock(&made_mutex);
        who->next = made;
        made = who;
        plat_mutex_unlock(&made_mutex);
    }
    return error;
}

void sleep_drop_self(struct self *who) {
    plat_mutex_lock(&made_mutex);
    for (struct self **at = &made; *at != NULL; at = &(*at)->next) {
        if (*at == who) {
            *at = who->next;
            break;
        }
    }
    plat_mutex_unlock(&made_mutex);
    leave(who);
}

void sleep_leave(void) {
    if (sleep_this.slot != NULL) {
        leave(&sleep_this);
        plat_thread_set_value(NULL);
    }
}

bool sleep_thread_gone(slot_reference thread) {
    struct thread_slot *slot = &arena->threads[slot_index(thread)];
    return atomic_load(&slot->generation) != thread >> SLOT_INDEX_BITS;
}

slot_reference sleep_thread_process(slot_reference thread) {
    return atomic_load(&arena->threads[slot_index(thread)].process);
}

/* A waker finds this thread by its slot and its bit before it can see an odd ticket. */
static void show(struct self *who, uint64_t watching, _Atomic uint64_t *bits) {
    uint32_t index = slot_index(who->reference);
    atomic_store_explicit(&who->slot->watching, watching, memory_order_relaxed);
    atomic_store_explicit(&who->slot->bell.state, PLAT_BELL_ARMED, memory_order_release);
    atomic_fetch_or(&bits[index / 64], (uint64_t)1 << (index % 64));
}

static void take_ticket(struct waiters *waiters) {
    uint64_t tickets = atomic_load_explicit(&waiters->tickets, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&waiters->tickets, &tickets, (tickets + 2) | 1)) {
    }
}

/* Orders the arming before the last look at the condition; sleep_wake has the twin. Where
   wakers make no fence this makes theirs: a change that was stored before it is seen by the
   look, and who stores one after it sees the ticket. */
static void fence_armed(void) {
    sleep_fence();
    if (has_barrier && atomic_load(&arena->fences) != SLEEP_FENCE_WAKER &&
        plat_barrier() != 0) {
        atomic_store(&arena->fences, SLEEP_FENCE_BOTH);
        sleep_fence();
    }
}

void sleep_arm(struct self *who, struct waiters *waiters) {
    show(who, arena_offset(waiters), arena->asleep);
    take_ticket(waiters);
    fence_armed();
}

/* Which bit of a filter stands for these waiters. */
static uint32_t filter_bit(uint64_t offset) {
    enum { BITS = 8 * 64 };
    return (uint32_t)((offset / sizeof(struct waiters)) * 0x9E3779B97F4A7C15u >> 32) % BITS;
}

void sleep_arm_many(struct self *who, struct waiters *const *waiters, size_t count) {
    uint64_t filter[8] = {0};
    for (size_t i = 0; i < count; i++) {
        uint32_t bit = filter_bit(arena_offset(waiters[i]));
        filter[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    for (size_t i = 0; i < 8; i++) {
        atomic_store_explicit(&who->slot->many[i], filter[i], memory_order_relaxed);
    }
    show(who, 0, arena->asleep_many);
    for (size_t i = 0; i < count; i++) {
        take_ticket(waiters[i]);
    }
    fence_armed();
}

bool sleep_disarm(struct self *who) {
    uint32_t found = atomic_exchange(&who->slot->bell.state, PLAT_BELL_AWAKE);
    clear_bits(slot_index(who->reference));
    atomic_store(&who->slot->watching, 0);
    return found == PLAT_BELL_RUNG;
}

int sleep_now(struct self *who, int64_t deadline, const struct plat_process *const *watched,
              size_t count, size_t *dead) {
    return plat_bell_sleep(&who->sleeper, &who->slot->bell, deadline, watched, count, dead);
}

/* Rings a slot's bell, if it is armed. */
static bool ring_bell(struct thread_slot *slot) {
    uint32_t found = atomic_load(&slot->bell.state);
    do {
        if (found == PLAT_BELL_AWAKE || found == PLAT_BELL_RUNG) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&slot->bell.state, &found, PLAT_BELL_RUNG));
    plat_bell_ring(&slot->bell, found);
    return true;
}

/* Rings a slot if it is armed at these waiters. */
static bool ring(uint32_t index, uint64_t watching) {
    struct thread_slot *slot = &arena->threads[index];
    /* If it has gone to wait elsewhere meanwhile, this was a harmless extra look for it, and
       nobody has been woken here. If it came back, it looks after our change. */
    return atomic_load(&slot->watching) == watching && ring_bell(slot) &&
           atomic_load(&slot->watching) == watching;
}

void sleep_ring(uint32_t index, struct waiters *waiters) {
    sleep_fence();
    ring(index, arena_offset(waiters));
}

static bool hits(const struct thread_slot *slot, uint64_t watching) {
    uint32_t filter = filter_bit(watching);
    return (atomic_load(&slot->many[filter / 64]) >> (filter % 64) & 1) != 0;
}

/* Rings all that look at these waiters among many; 0: at whatever. */
static uint64_t ring_many(uint64_t watching) {
    uint64_t used = atomic_load(&arena->threads_used);
    uint64_t rung = 0;
    for (uint32_t word = 0; word * 64 < used; word++) {
        uint64_t bits = atomic_load(&arena->asleep_many[word]);
        while (bits != 0) {
            struct thread_slot *slot =
                &arena->threads[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            bits &= bits - 1;
            if (watching == 0 || hits(slot, watching)) {
                rung += ring_bell(slot);
            }
        }
    }
    return rung;
}

void sleep_ring_lookers(void) {
    ring_many(0);
}

void sleep_ring_made(void) {
    plat_mutex_lock(&made_mutex);
    for (struct self *at = made; at != NULL; at = at->next) {
        ring_bell(at->slot);
    }
    plat_mutex_unlock(&made_mutex);
}

static uint64_t ring_up_to(struct waiters *waiters, uint64_t count) {
    uint64_t watching = arena_offset(waiters);
    uint64_t used = atomic_load(&arena->threads_used);
    uint64_t rung = 0;
    for (uint32_t word = 0; word * 64 < used && rung < count; word++) {
        uint64_t bits = atomic_load(&arena->asleep[word]);
        while (bits != 0 && rung < count) {
            uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            rung += ring(word * 64 + bit, watching);
        }
    }
    return rung;
}

void sleep_call_on(uint64_t waiters) {
    ring_up_to(arena_at(waiters), 1);
}

void sleep_wake_armed(struct waiters *waiters, uint64_t count, uint64_t tickets) {
    if (ring_up_to(waiters, count) + ring_many(arena_offset(waiters)) == 0) {
        atomic_compare_exchange_strong(&waiters->tickets, &tickets, tickets & ~(uint64_t)1);
    }
}
