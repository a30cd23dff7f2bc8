/* Futures that are cancelled: what waits in the queue, and what runs. */
#include "deadline.h"
#include "future.h"

/* Under the mutex: a call that has not begun. */
static bool cancel_queued(struct self *self, struct pool_owner *owner, spork_future *future) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), future->ticket);
    uint64_t queued = record_word(future->ticket, 0, RECORD_QUEUED);
    if (future->kind != FUTURE_CALL ||
        !atomic_compare_exchange_strong(&record->state, &queued,
                                        record_word(future->ticket, 0, RECORD_CANCELLED))) {
        return false;
    }
    pool_ticket ticket = future->ticket;
    pool_fail_future(self, owner, future, SPORK_ECANCELLED, "it was cancelled");
    pool_end_record(self, owner, ticket);
    return true;
}

void future_cancel_queued(spork_future *future) {
    int error;
    struct self *self = pool_enter_future(future, false, &error);
    if (self != NULL) {
        spork_pool *pool = future->pool;
        plat_mutex_lock(&pool->owner->mutex);
        if (!atomic_load(&future->done)) {
            cancel_queued(self, pool->owner, future);
        }
        plat_mutex_unlock(&pool->owner->mutex);
        pool_serve(self, pool->owner);
        pool_leave(pool, false);
    }
}

/* Under the mutex: tells who is at it. */
static void tell_workers(struct pool_owner *owner, const spork_future *future) {
    struct pool_body *body = body_of_owner(owner);
    struct pool_record *record = pool_record_of(body, future->ticket);
    struct pool_note *note = note_of(owner, future->ticket);
    atomic_store(&record->told, 1);
    if (future->kind == FUTURE_MAP) {
        struct pool_map *map = arena_at(atomic_load(&record->map));
        atomic_store(&map->stop, 1);
        owner->stopping += !note->stopping;
        note->stopping = true;
        atomic_fetch_add(&body->changes, 1); /* perhaps nobody is in it */
    }
}

/* Under the mutex: the time is over. A call that runs is cancelled; workers in a map are killed,
   and it is cancelled when they are buried. */
static void end_running(struct self *self, struct pool_owner *owner, spork_future *future) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), future->ticket);
    pool_ticket ticket = future->ticket;
    uint64_t state = atomic_load(&record->state);
    if (future->kind == FUTURE_MAP) {
        pool_kill_holder(owner, ticket);
        return;
    }
    if (record_state_of(state) == RECORD_RUNNING &&
        atomic_compare_exchange_strong(&record->state, &state,
                                       record_word(ticket, 0, RECORD_CANCELLED))) {
        pool_fail_future(self, owner, future, SPORK_ECANCELLED, "it was cancelled");
        pool_kill_holder(owner, ticket);
        pool_end_record(self, owner, ticket);
    }
}

static int tell_outcome(const spork_future *future) {
    return future->error == SPORK_ECANCELLED
               ? 0
               : error_set(SPORK_ESTATE, "it was done before it could be cancelled");
}

static int cancel(struct self *self, struct pool_owner *owner, spork_future *future,
                  int64_t deadline) {
    plat_mutex_lock(&owner->mutex);
    pool_collect(self, owner);
    bool was_done = atomic_load(&future->done);
    if (!was_done && !cancel_queued(self, owner, future)) {
        tell_workers(owner, future);
    }
    plat_mutex_unlock(&owner->mutex);
    future_want(future);
    int error = pool_wait(self, owner, future_is_done, future, deadline);
    if (error == SPORK_EWOULDBLOCK && owner->index >= 0) {
        return error_set(SPORK_ENOTSUP, "it runs on a thread, which cannot be ended from "
                                        "outside: it was told, and has not ended in time");
    }
    while (error == SPORK_EWOULDBLOCK) {
        plat_mutex_lock(&owner->mutex);
        pool_collect(self, owner);
        /* It may wait in the queue again: its worker has died. */
        if (!atomic_load(&future->done) && !cancel_queued(self, owner, future)) {
            end_running(self, owner, future);
        }
        plat_mutex_unlock(&owner->mutex);
        /* Who has been killed is soon dead; who went on meanwhile is killed now. */
        error = pool_wait(self, owner, future_is_done, future, plat_now_ns() + FAMILY_NET_NS);
    }
    return error != 0   ? error
           : was_done ? error_set(SPORK_ESTATE, "it was done already")
                      : tell_outcome(future);
}

int spork_future_cancel(spork_future *future, int64_t grace_ms) {
    int64_t deadline;
    int error = deadline_from(grace_ms, &deadline);
    struct self *self = error != 0 ? NULL : pool_enter_future(future, true, &error);
    if (self == NULL) {
        return error != 0 ? error : error_set(SPORK_ESTATE, "it was done already");
    }
    spork_pool *pool = future->pool;
    error = cancel(self, pool->owner, future, deadline);
    pool_serve(self, pool->owner);
    pool_leave(pool, true);
    return error;
}
