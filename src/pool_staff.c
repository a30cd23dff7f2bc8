/* A pool's workers: hired, looked after, buried, replaced. All of it under the pool's mutex,
   which is let go while a process is started. */
#include <stdio.h>
#include <string.h>

#include "deadline.h"
#include "pool_owner.h"
#include "pool_worker.h"
#include "process.h"

enum {
    DEFAULT_START_MS = 10000,
    RETRY_NS = 100000000, /* after a start that failed, while there are others, */
    NAP_NS = 10000000,    /* and while there are none */
    PATIENCE = 8          /* more deaths in a row than there are workers, before it is given up */
};

static bool is_threads(const struct pool_owner *owner) {
    return owner->index >= 0;
}

static uint32_t seat_count(const struct pool_owner *owner) {
    return (uint32_t)body_of_owner(owner)->seat_count;
}

bool pool_has_staff(const struct pool_owner *owner) {
    for (uint32_t i = 0; i < seat_count(owner); i++) {
        if (owner->members[i].process != NULL || owner->members[i].busy) {
            return true;
        }
    }
    return false;
}

/* ---- hiring ---- */

static void clear_seat(struct pool_seat *seat) {
    atomic_store(&seat->ticket, 0);
    atomic_store(&seat->which, 0);
    atomic_store(&seat->arrest, 0);
    for (int i = 0; i < 2; i++) {
        arena_word *const words[] = {&seat->claims[i].log,   &seat->claims[i].first,
                                     &seat->claims[i].end,   &seat->claims[i].begun,
                                     &seat->claims[i].done,  &seat->claims[i].settled};
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++) {
            atomic_store(words[j], 0);
        }
    }
    atomic_store(&seat->phase, SEAT_EMPTY);
}

static int launch(struct self *self, const struct pool_owner *owner, spork_process *process) {
    int error = 0;
    if (!is_threads(owner)) {
        error = handle_hold_for(self, &owner->pool->handle, process_slot_of(process));
    }
    return error == 0 ? process_launch_only(process) : error;
}

/* Without the mutex; what it reads of the owner does not change. */
static int start_worker(struct self *self, struct pool_owner *owner, uint32_t index,
                        uint64_t number, spork_process **process) {
    char name[ARENA_NAME];
    snprintf(name, sizeof name, "%.40s-%llu",
             owner->options.name != NULL ? owner->options.name : "PoolWorker",
             (unsigned long long)number);
    const spork_process_options options = {
        .name = name,
        .method = owner->options.method,
        .daemon = owner->options.daemon == SPORK_DAEMON_DEFAULT ? SPORK_DAEMON_YES
                                                                : owner->options.daemon,
        .force_fork = owner->options.force_fork,
        .start_timeout_ms = owner->options.start_timeout_ms,
    };
    spork_process *made;
    int error = spork_process_new(&made, pool_work_call_of(owner->pool, index), &options);
    if (error != 0) {
        return error;
    }
    error = launch(self, owner, made);
    if (error != 0) {
        spork_process_free(made);
        return error;
    }
    *process = made;
    return 0;
}

/* Until when one that has just been started has to say hello. */
static int64_t hello_deadline(const struct pool_owner *owner) {
    int64_t patience = owner->options.start_timeout_ms;
    return plat_now_ns() + (patience > 0 ? patience : DEFAULT_START_MS) * (int64_t)1000000;
}

static int hire(struct self *self, struct pool_owner *owner, uint32_t index) {
    struct pool_member *member = &owner->members[index];
    struct pool_seat *seat = pool_seat_at(body_of_owner(owner), index);
    spork_process *process = NULL;
    uint64_t number = ++owner->number;
    *member = (struct pool_member){.busy = true};
    clear_seat(seat);
    atomic_store(&seat->number, number & (((uint64_t)1 << CLAIM_NUMBER_BITS) - 1));
    atomic_store(&seat->phase, SEAT_STARTING);
    plat_mutex_unlock(&owner->mutex);
    int error = start_worker(self, owner, index, number, &process);
    plat_mutex_lock(&owner->mutex);
    member->busy = false;
    if (error != 0) {
        atomic_store(&seat->phase, SEAT_EMPTY);
        return error;
    }
    member->process = process;
    member->pid = spork_process_pid(process);
    member->hello_deadline = hello_deadline(owner);
    /* It may have died already, and others have looked away from a seat that was busy. */
    atomic_fetch_add(&body_of_owner(owner)->changes, 1);
    if (owner->closing == POOL_TERMINATED && !is_threads(owner)) {
        spork_process_kill(process); /* it was, meanwhile */
    }
    return 0;
}

/* A new worker is offered each map that is under way. */
static void offer_maps(struct self *self, struct pool_owner *owner) {
    for (uint32_t i = 0; i < owner->note_count; i++) {
        const spork_future *future = owner->notes[i].future;
        if (future != NULL && future->kind == FUTURE_MAP) {
            pool_offer(self, owner, owner->notes[i].ticket);
        }
    }
}

int pool_hire_all(struct self *self, struct pool_owner *owner) {
    int error = 0;
    for (uint32_t i = 0; i < seat_count(owner) && error == 0; i++) {
        error = hire(self, owner, i);
    }
    /* All have been starting at one time: each has its time from now on. */
    int64_t deadline = hello_deadline(owner);
    for (uint32_t i = 0; i < seat_count(owner) && error == 0; i++) {
        struct pool_member *member = &owner->members[i];
        member->hello_deadline = deadline;
        error = process_hello(self, member->process, member->hello_deadline);
        member->said_hello = error == 0;
    }
    return error;
}

/* ---- ends ---- */

void pool_kill_all(struct pool_owner *owner) {
    for (uint32_t i = 0; i < seat_count(owner) && !is_threads(owner); i++) {
        if (owner->members[i].process != NULL) {
            spork_process_kill(owner->members[i].process);
        }
    }
}

static bool has_in_hand(struct pool_owner *owner, pool_ticket held, pool_ticket ticket) {
    return held == ticket ||
           (held != 0 && note_is(owner, held) &&
            atomic_load(&pool_record_of(body_of_owner(owner), held)->of) == ticket);
}

bool pool_kill_holder(struct pool_owner *owner, pool_ticket ticket) {
    bool any = false;
    for (uint32_t i = 0; i < seat_count(owner) && !is_threads(owner); i++) {
        struct pool_seat *seat = pool_seat_at(body_of_owner(owner), i);
        pool_ticket held = atomic_load(&seat->ticket);
        if (!has_in_hand(owner, held, ticket) || owner->members[i].process == NULL) {
            continue;
        }
        atomic_store(&seat->arrest, held);
        if (atomic_load(&seat->ticket) == held) {
            spork_process_kill(owner->members[i].process);
            any = true;
        }
    }
    return any;
}

void pool_break(struct self *self, struct pool_owner *owner, const char *words) {
    if (owner->broken != 0 || owner->closing == POOL_TERMINATED) {
        return;
    }
    snprintf(owner->words, sizeof owner->words, "the pool is broken: %s", words);
    owner->broken = SPORK_EBROKEN;
    owner->closing = POOL_TERMINATED;
    atomic_store(&body_of_owner(owner)->closing, POOL_TERMINATED);
    sleep_wake(&body_of_owner(owner)->ring.readers, SLEEP_ALL);
    pool_settle_all(self, owner, SPORK_EBROKEN, owner->words);
    pool_kill_all(owner);
}

static void note_unready(struct pool_owner *owner, const char *words) {
    owner->unready_deaths++;
    snprintf(owner->last_trouble, sizeof owner->last_trouble, "%s", words);
}

/* How it ended, for people; and whether it came to its exit handlers. */
static bool how_it_ended(spork_process *process, int *code, bool *known) {
    *code = 0;
    *known = spork_process_exit_code(process, code) == 0;
    return (atomic_load(&family_slot(process_slot_of(process))->flags) & PROCESS_LEFT) != 0;
}

/* why: it never said hello; NULL: it did. */
static void bury(struct self *self, struct pool_owner *owner, uint32_t index, const char *why) {
    struct pool_member *member = &owner->members[index];
    struct pool_seat *seat = pool_seat_at(body_of_owner(owner), index);
    enum seat_phase phase = (enum seat_phase)atomic_load(&seat->phase);
    struct pool_end end = {.seat = index};
    end.exited = how_it_ended(member->process, &end.exit_code, &end.is_known);
    if (phase == SEAT_STARTING || phase == SEAT_INITIALIZING) {
        char words[128];
        snprintf(words, sizeof words, "worker %s ended with exit code %d before it was ready",
                 spork_process_name(member->process), end.exit_code);
        note_unready(owner, why == NULL ? words : why);
    }
    snprintf(end.name, sizeof end.name, "%s", spork_process_name(member->process));
    pool_recover(self, owner, &end);
    spork_process_free(member->process);
    *member = (struct pool_member){0};
    clear_seat(seat);
}

/* ---- looking after them ---- */

static void set_timer(struct pool_owner *owner, int64_t at) {
    if (at < atomic_load(&owner->next_timer)) {
        atomic_store(&owner->next_timer, at);
    }
}

/* False: it never will, and is gone. */
static bool look_for_hello(struct self *self, struct pool_owner *owner,
                           struct pool_member *member) {
    int error = process_hello(self, member->process, DEADLINE_NOW);
    if (error == 0) {
        member->said_hello = true;
    } else if (error == SPORK_EWOULDBLOCK && plat_now_ns() >= member->hello_deadline) {
        spork_process_kill(member->process); /* it is buried when it is dead */
    } else if (error == SPORK_EWOULDBLOCK) {
        set_timer(owner, member->hello_deadline);
    }
    return error == 0 || error == SPORK_EWOULDBLOCK;
}

static void look_at_phase(struct self *self, struct pool_owner *owner,
                          struct pool_member *member, const struct pool_seat *seat) {
    enum seat_phase phase = (enum seat_phase)atomic_load(&seat->phase);
    if ((phase == SEAT_READY || phase == SEAT_LEFT) && !member->was_ready) {
        member->was_ready = true;
        owner->ever_ready = true;
        owner->unready_deaths = 0;
    }
    if (phase == SEAT_REFUSED) {
        char words[POOL_WORDS];
        snprintf(words, sizeof words, "the initializer failed: %.400s",
                 family_slot(process_slot_of(member->process))->words);
        pool_break(self, owner, words);
    }
}

static bool has_ended(const struct pool_owner *owner, struct pool_member *member,
                      const struct pool_seat *seat) {
    enum seat_phase phase = (enum seat_phase)atomic_load(&seat->phase);
    if (!is_threads(owner)) {
        return !spork_process_alive(member->process);
    }
    /* A thread that has said so is at its end, or will be at once. */
    return (phase == SEAT_LEFT || phase == SEAT_REFUSED) &&
           spork_process_join(member->process, SPORK_FOREVER, NULL) == 0;
}

static void look_at(struct self *self, struct pool_owner *owner, uint32_t index) {
    struct pool_member *member = &owner->members[index];
    struct pool_seat *seat = pool_seat_at(body_of_owner(owner), index);
    if (member->busy || member->process == NULL) {
        return;
    }
    if (!member->said_hello && !look_for_hello(self, owner, member)) {
        char why[POOL_WORDS];
        snprintf(why, sizeof why, "%.500s", spork_error_detail());
        bury(self, owner, index, why);
        return;
    }
    look_at_phase(self, owner, member, seat);
    if (has_ended(owner, member, seat)) {
        bury(self, owner, index, NULL);
    }
}

/* What a dead worker has left of a stopped map, and nobody has begun, is not wanted any more. */
static void drop_ranges(struct self *self, struct pool_owner *owner, pool_ticket map) {
    for (uint32_t i = 0; i < owner->note_count; i++) {
        const struct pool_note *note = &owner->notes[i];
        struct pool_record *record = pool_record_at(body_of_owner(owner), i);
        uint64_t queued = record_word(note->ticket, 0, RECORD_QUEUED);
        if (note->ticket != 0 && !note->ending && atomic_load(&record->of) == map &&
            atomic_compare_exchange_strong(
                &record->state, &queued, record_word(note->ticket, 0, RECORD_CANCELLED))) {
            pool_end_record(self, owner, note->ticket);
        }
    }
    pool_free_ending(self, owner);
}

/* Maps that were stopped end when nobody is in them any more. */
static void end_stopped(struct self *self, struct pool_owner *owner) {
    for (uint32_t i = 0; i < owner->note_count && owner->stopping > 0; i++) {
        struct pool_note *note = &owner->notes[i];
        if (note->stopping && note->ranges > 0) {
            drop_ranges(self, owner, note->ticket);
            note = &owner->notes[i];
        }
        if (note->stopping && note->ranges == 0 &&
            !pool_record_in_hand(body_of_owner(owner), note->ticket)) {
            note->stopping = false;
            owner->stopping--;
            if (note->future != NULL) {
                pool_cancel_record(self, owner, i, SPORK_ECANCELLED, "the map was cancelled");
            }
        }
    }
    if (owner->stopping > 0) {
        /* Who had looked at a ticket just now says nothing when it has let go of it. */
        set_timer(owner, plat_now_ns() + FAMILY_NET_NS);
    }
}

/* Whether there is something that nobody has in hand. */
static bool has_queued(struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    for (uint32_t i = 0; i < owner->note_count; i++) {
        const struct pool_note *note = &owner->notes[i];
        struct pool_record *record = pool_record_at(body, i);
        bool queued = note->ticket != 0 && !note->ending &&
                      record_state_of(atomic_load(&record->state)) == RECORD_QUEUED;
        if (queued && (atomic_load(&record->kind) != RECORD_MAP ||
                       map_has_more(arena_at(atomic_load(&record->map))))) {
            return true;
        }
    }
    return false;
}

/* Before anybody was ready, nobody is replaced until all have had their chance: what is wrong
   with one is probably wrong with all. */
static bool may_hire(struct self *self, struct pool_owner *owner) {
    bool wants = owner->closing == POOL_OPEN ||
                 (owner->closing == POOL_CLOSED && has_queued(owner));
    bool hopeless = owner->ever_ready
                        ? owner->unready_deaths >= (int)seat_count(owner) + PATIENCE
                        : owner->unready_deaths > 0 && !pool_has_staff(owner);
    if (wants && hopeless) {
        pool_break(self, owner, owner->last_trouble);
        return false;
    }
    return wants && (owner->ever_ready || owner->unready_deaths == 0);
}

/* While there are others, a start that failed is tried again later. The last one is tried until
   it succeeds or the pool is given up: who polls its native is told of nothing any more. */
static bool hire_at_last(struct self *self, struct pool_owner *owner, uint32_t index) {
    while (may_hire(self, owner)) {
        if (hire(self, owner, index) == 0) {
            set_timer(owner, owner->members[index].hello_deadline);
            offer_maps(self, owner);
            return true;
        }
        note_unready(owner, spork_error_detail());
        if (pool_has_staff(owner)) {
            owner->next_start = plat_now_ns() + RETRY_NS;
            set_timer(owner, owner->next_start);
            return false;
        }
        owner->members[index].busy = true; /* the seat is this thread's */
        plat_mutex_unlock(&owner->mutex);
        plat_sleep_ns(NAP_NS);
        plat_mutex_lock(&owner->mutex);
        owner->members[index].busy = false;
    }
    return false;
}

static void hire_for_empty(struct self *self, struct pool_owner *owner) {
    for (uint32_t i = 0; i < seat_count(owner); i++) {
        bool empty = owner->members[i].process == NULL && !owner->members[i].busy;
        if (empty && plat_now_ns() < owner->next_start) {
            set_timer(owner, owner->next_start);
            return;
        }
        if (empty && may_hire(self, owner) && !hire_at_last(self, owner, i)) {
            return;
        }
    }
}

void pool_look_after(struct self *self, struct pool_owner *owner) {
    uint64_t changes = atomic_load(&body_of_owner(owner)->changes);
    uint64_t ends = family_ended_children();
    bool due = atomic_load(&owner->next_timer) != PLAT_NEVER &&
               plat_now_ns() >= atomic_load(&owner->next_timer);
    if (changes == atomic_load(&owner->seen_changes) &&
        ends == atomic_load(&owner->seen_ends) && !due) {
        return;
    }
    atomic_store(&owner->seen_changes, changes);
    atomic_store(&owner->seen_ends, ends);
    atomic_store(&owner->next_timer, PLAT_NEVER);
    for (uint32_t i = 0; i < seat_count(owner); i++) {
        look_at(self, owner, i);
    }
    end_stopped(self, owner);
    hire_for_empty(self, owner);
}
