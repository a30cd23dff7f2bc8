/* What is done in every call that waits: results are noticed, workers looked after, callbacks
   called. */
#include "deadline.h"
#include "future.h"
#include "pool_owner.h"
#include "pool_worker.h"
#include "wait.h"

/* ---- collecting ---- */

void pool_collect(struct self *self, struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    pool_ticket at = atomic_exchange(&body->done, 0);
    pool_ticket in_order = 0;
    /* The list has the last one first. */
    while (at != 0) {
        struct pool_record *record = pool_record_of(body, at);
        pool_ticket next = atomic_load(&record->next);
        atomic_store(&record->next, in_order);
        in_order = at;
        at = next;
    }
    owner->collecting = true;
    while (in_order != 0) {
        pool_ticket next = atomic_load(&pool_record_of(body, in_order)->next);
        if (note_is(owner, in_order) && !note_of(owner, in_order)->ending) {
            pool_settle(self, owner, in_order);
        }
        in_order = next;
    }
    owner->collecting = false;
}

void pool_cancel_record(struct self *self, struct pool_owner *owner, uint32_t index, int error,
                        const char *words) {
    struct pool_note *note = &owner->notes[index];
    struct pool_record *record = pool_record_at(body_of_owner(owner), index);
    pool_ticket ticket = note->ticket;
    spork_future *future = note->future;
    atomic_store(&record->told, 1);
    family_lock(self);
    if (atomic_load(&record->kind) == RECORD_MAP && atomic_load(&record->map) != 0) {
        struct pool_map *map = arena_at(atomic_load(&record->map));
        atomic_store(&map->stop, 1);
    }
    uint64_t state = atomic_load(&record->state);
    bool ended = false;
    do {
        ended = record_state_of(state) == RECORD_DONE || record_state_of(state) == RECORD_FAILED;
    } while (!ended && !atomic_compare_exchange_weak(
                           &record->state, &state, record_word(ticket, 0, RECORD_CANCELLED)));
    family_unlock(self);
    if (ended) {
        pool_settle(self, owner, ticket); /* done, and not in the list yet */
        return;
    }
    if (future != NULL) {
        pool_fail_future(self, owner, future, error, words);
    }
    pool_end_record(self, owner, ticket);
}

void pool_settle_all(struct self *self, struct pool_owner *owner, int error,
                     const char *words) {
    pool_collect(self, owner);
    for (uint32_t i = 0; i < owner->note_count; i++) {
        if (owner->notes[i].ticket != 0 && !owner->notes[i].ending) {
            pool_cancel_record(self, owner, i, error, words);
        }
    }
}

/* ---- callbacks ---- */

static spork_future *next_call(struct pool_owner *owner) {
    plat_mutex_lock(&owner->mutex);
    spork_future *future = owner->calls;
    if (future != NULL) {
        owner->calls = future->next_call;
        if (owner->calls == NULL) {
            owner->calls_end = &owner->calls;
            atomic_store(&owner->has_calls, false);
        }
    }
    plat_mutex_unlock(&owner->mutex);
    return future;
}

/* Without the mutex: they may give tasks to the pool, and wait. */
static void call_back(struct pool_owner *owner) {
    spork_future *future;
    while ((future = next_call(owner)) != NULL) {
        spork_future_callback *call =
            future->error == 0 ? future->callback : future->error_callback;
        call(future->context, future);
        future_drop(future);
    }
}

/* ---- serving ---- */

/* Reads without the mutex what others write under it: a hint, looked at again under it. */
bool pool_has_work(struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    return atomic_load(&body->done) != 0 ||
           atomic_load(&body->changes) != atomic_load(&owner->seen_changes) ||
           family_ended_children() != atomic_load(&owner->seen_ends) ||
           atomic_load(&owner->has_calls) ||
           (atomic_load(&owner->next_timer) != PLAT_NEVER &&
            plat_now_ns() >= atomic_load(&owner->next_timer));
}

void pool_serve(struct self *self, struct pool_owner *owner) {
    plat_mutex_lock(&owner->mutex);
    uint64_t before = owner->finished;
    pool_collect(self, owner);
    pool_look_after(self, owner);
    if (owner->ending_count > 0) {
        pool_free_ending(self, owner);
    }
    bool news = owner->finished != before;
    plat_mutex_unlock(&owner->mutex);
    if (news) {
        /* Other threads of this process may wait for what this one has noticed. */
        sleep_wake(&body_of_owner(owner)->owner, SLEEP_ALL);
    }
    call_back(owner);
}

uint64_t pool_map_done(struct pool_owner *owner, pool_ticket ticket) {
    bool is_there = note_is(owner, ticket) && !note_of(owner, ticket)->ending;
    return is_there ? map_done(body_of_owner(owner), ticket) : 0;
}

/* ---- waiting ---- */

struct waiting {
    struct pool_owner *owner;
    pool_condition *over;
    void *context;
};

static int attempt(void *context, struct watch *watch) {
    const struct waiting *waiting = context;
    (void)watch;
    if (pool_has_work(waiting->owner)) {
        return WAIT_SERVE;
    }
    return waiting->over(waiting->owner, waiting->context) ? 0 : SPORK_EWOULDBLOCK;
}

void pool_look_at_times(struct pool_owner *owner) {
    enum { LOOK_NS = 10000000 };
    int64_t now = plat_now_ns();
    if (now >= atomic_load(&owner->next_look)) {
        atomic_store(&owner->next_look, now + LOOK_NS);
        atomic_fetch_add(&body_of_owner(owner)->changes, 1);
    }
}

int pool_wait(struct self *self, struct pool_owner *owner, pool_condition *over, void *context,
              int64_t deadline) {
    struct waiting waiting = {owner, over, context};
    int result;
    if (deadline == DEADLINE_NOW) {
        pool_look_at_times(owner);
    }
    do {
        if (pool_has_work(owner)) {
            pool_serve(self, owner);
        }
        result = family_block(self, &body_of_owner(owner)->owner, attempt, &waiting, deadline);
        /* One who is kept busy with what others wait for still has his deadline. */
    } while (result == WAIT_SERVE && (deadline == DEADLINE_NOW || plat_now_ns() < deadline));
    return result == WAIT_SERVE ? (over(owner, context) ? 0 : SPORK_EWOULDBLOCK) : result;
}

/* ---- for spork_wait ---- */

/* A waitable that is wrong is told when it is waited for. */

static int waiters_of_pool(void *object, struct waiters **waiters) {
    spork_pool *pool = object;
    int error;
    if (pool_enter(pool, true, &error) == NULL) {
        return error;
    }
    atomic_store(&pool_body_of(pool)->notify, 1);
    *waiters = &pool_body_of(pool)->owner;
    pool_leave(pool, true);
    return 0;
}

static int pool_is_ready(void *object, struct watch *watch) {
    spork_pool *pool = object;
    (void)watch;
    return pool_has_work(pool->owner) ? 0 : SPORK_EWOULDBLOCK;
}

static void serve_nothing(void *object) {
    (void)object; /* whoever waits for a pool polls it */
}

static const struct wait_kind pool_waits = {waiters_of_pool, pool_is_ready, serve_nothing};

spork_waitable spork_on_pool(spork_pool *pool) {
    return wait_on(WAIT_ON_POOL, pool);
}

void pool_register_waits(void) {
    wait_register(WAIT_ON_POOL, &pool_waits);
}
