/* Conditions.

   A waiting thread is known by its slot: waits names the condition, and token is the number of
   its wait, doubled; numbers rise, so that who has waited longest has the smallest, and no two
   waits of the family have the same, so that a notification cannot hit another wait. To
   notify it is to make its token odd, by one compare-and-swap, and to ring it. The
   notification is the waiter's when it has its lock again and takes the token away.

   If a waiter dies: before it was notified, nobody is missing. After that, its burial finds an
   odd token, notifies another in its place, and takes the token away; if who buries dies
   between these two, the next who buries notifies one more, which is better than none. If who
   notifies dies between two waiters, the first was notified and the second was not; if before
   it could ring, the waiter sees its token at its slow second look. */
#include "condition.h"

#include "deadline.h"
#include "lock.h"

struct condition_body {
    struct kept lock;
    struct waiters waiters;
};

struct spork_condition {
    struct handle handle;
    spork_lock *lock; /* as this process has it */
};

static struct condition_body *body_of(const spork_condition *condition) {
    return condition->handle.body;
}

/* ---- notifying ---- */

enum { NOTIFIED = 1 };

/* The token of a thread that waits here and was not notified; 0: it does not. */
static uint64_t waiting_token(const struct thread_slot *slot, handle_id id) {
    if (atomic_load(&slot->waits) != id) {
        return 0;
    }
    uint64_t token = atomic_load(&slot->token);
    bool stays = atomic_load(&slot->waits) == id; /* else the token may be another wait's */
    return stays && (token & NOTIFIED) == 0 ? token : 0;
}

static bool is_alive(uint32_t index) {
    uint64_t generation = atomic_load(&arena->threads[index].generation);
    return !family_thread_dead(slot_reference_of(index, generation));
}

/* Notifies who has waited longest; false when nobody waits. */
static bool notify_first(handle_id id, struct waiters *waiters) {
    for (;;) {
        uint64_t used = atomic_load(&arena->threads_used);
        uint64_t first = 0;
        uint32_t found = 0;
        for (uint32_t i = 0; i < used; i++) {
            uint64_t token = waiting_token(&arena->threads[i], id);
            if (token != 0 && (first == 0 || token < first) && is_alive(i)) {
                first = token;
                found = i;
            }
        }
        if (first == 0) {
            return false;
        }
        if (atomic_compare_exchange_strong(&arena->threads[found].token, &first,
                                           first | NOTIFIED)) {
            sleep_ring(found, waiters);
            return true;
        }
    }
}

/* ---- the kind ---- */

static int init(void *object, const void *given) {
    const spork_condition_options *options = given;
    return handle_keep(&((struct condition_body *)object)->lock,
                       (const struct handle *)(const void *)options->lock);
}

static void destroy(struct self *self, handle_id id, void *object) {
    (void)id;
    handle_drop_kept(self, &((struct condition_body *)object)->lock);
}

static void mourn_thread(struct self *self, handle_id id, void *object,
                         slot_reference thread) {
    struct condition_body *body = object;
    struct thread_slot *slot = &arena->threads[slot_index(thread)];
    uint64_t token = atomic_load(&slot->token);
    (void)self;
    /* Nobody else buries it at the same time. */
    if ((token & NOTIFIED) != 0 && !sleep_thread_gone(thread)) {
        notify_first(id, &body->waiters);
        atomic_store(&slot->token, 0);
    }
}

static int open_local(void *local, void *body) {
    struct handle *lock;
    int error = handle_open_kept(&((struct condition_body *)body)->lock, &lock);
    ((struct spork_condition *)local)->lock = (spork_lock *)(void *)lock;
    return error;
}

static void close_local(void *local) {
    spork_lock_free(((struct spork_condition *)local)->lock);
    ((struct spork_condition *)local)->lock = NULL;
}

static const struct handle_kind condition_kind = {
    .kind = SPORK_HANDLE_CONDITION,
    .name = "condition",
    .local_size = sizeof(struct spork_condition),
    .body_size = sizeof(struct condition_body),
    .destroy = destroy,
    .mourn_thread = mourn_thread,
    .open_local = open_local,
    .close_local = close_local,
};

void condition_register(void) {
    handle_register_kind(&condition_kind);
}

int spork_condition_new(spork_condition **condition, const spork_condition_options *given) {
    spork_condition_options options = {NULL};
    spork_lock *own = NULL;
    int error = 0;
    if (given != NULL && given->lock != NULL) {
        options = *given;
        error = lock_check(options.lock);
    } else if (condition != NULL) {
        error = spork_rlock_new(&own);
        options.lock = own;
    }
    if (error == 0) {
        error = handle_new(condition, &condition_kind, init, &options);
    }
    spork_lock_free(own); /* the condition holds it now */
    return error;
}

void spork_condition_free(spork_condition *condition) {
    handle_free(condition);
}

/* ---- its lock ---- */

spork_lock *spork_condition_lock(spork_condition *condition) {
    int error;
    return handle_enter(condition, &condition_kind, &error) == NULL ? NULL : condition->lock;
}

int spork_condition_acquire(spork_condition *condition, int64_t timeout_ms) {
    int error;
    return handle_enter(condition, &condition_kind, &error) == NULL
               ? error
               : spork_lock_acquire(condition->lock, timeout_ms);
}

int spork_condition_release(spork_condition *condition) {
    int error;
    return handle_enter(condition, &condition_kind, &error) == NULL
               ? error
               : spork_lock_release(condition->lock);
}

static struct self *enter_with_lock(const spork_condition *condition, int *error) {
    struct self *self = handle_enter(condition, &condition_kind, error);
    if (self != NULL && !lock_is_mine(self, condition->lock)) {
        *error = error_set(SPORK_ENOTHELD, "this thread does not hold the condition's lock");
        return NULL;
    }
    return self;
}

/* ---- waiting ---- */

static int attempt(void *context, struct watch *watch) {
    const struct self *self = context;
    (void)watch;
    return (atomic_load(&self->slot->token) & NOTIFIED) != 0 ? 0 : SPORK_EWOULDBLOCK;
}

/* The wait itself, between opening the lock and having it again. */
static int wait_until(struct self *self, spork_condition *condition, int64_t deadline) {
    struct condition_body *body = body_of(condition);
    uint64_t token = sleep_number() << 1;
    sleep_waits(self, condition->handle.id, token);
    uint64_t depth = lock_open_all(condition->lock);
    int error = family_block(self, &body->waiters, attempt, self, deadline);
    if (error == SPORK_EWOULDBLOCK &&
        !atomic_compare_exchange_strong(&self->slot->token, &token, 0)) {
        error = 0; /* notified at the last moment: it was meant for this thread */
    }
    int locked = lock_take_back(condition->lock, depth);
    sleep_waits(self, 0, 0);
    return locked != 0 ? locked : error;
}

int spork_condition_wait(spork_condition *condition, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    struct self *self = error != 0 ? NULL : enter_with_lock(condition, &error);
    if (self == NULL) {
        return error;
    }
    error = wait_until(self, condition, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "waiting at the condition")
                                      : error;
}

int spork_condition_wait_for(spork_condition *condition, spork_predicate *predicate,
                             void *context, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error == 0 && predicate == NULL) {
        error = error_set(SPORK_EINVAL, "there is no predicate to wait for (NULL)");
    }
    struct self *self = error != 0 ? NULL : enter_with_lock(condition, &error);
    if (self == NULL) {
        return error;
    }
    bool over = predicate(context);
    while (!over && error == 0) {
        error = wait_until(self, condition, deadline);
        over = predicate(context);
    }
    if (error == SPORK_EWOULDBLOCK) {
        error = over ? 0 : error_late(timeout_ms, "waiting for the predicate");
    }
    return error;
}

int spork_condition_notify(spork_condition *condition, int64_t count) {
    int error;
    if (count < 1) {
        return error_set(SPORK_EINVAL, "a notification of %lld", (long long)count);
    }
    if (enter_with_lock(condition, &error) == NULL) {
        return error;
    }
    struct waiters *waiters = &body_of(condition)->waiters;
    for (int64_t i = 0; i < count && notify_first(condition->handle.id, waiters); i++) {
    }
    return 0;
}

int spork_condition_notify_all(spork_condition *condition) {
    return spork_condition_notify(condition, INT64_MAX);
}

int64_t spork_condition_waiting(spork_condition *condition) {
    int error;
    int64_t count = 0;
    if (handle_enter(condition, &condition_kind, &error) == NULL) {
        return -1;
    }
    uint64_t used = atomic_load(&arena->threads_used);
    for (uint32_t i = 0; i < used; i++) {
        count += waiting_token(&arena->threads[i], condition->handle.id) != 0 && is_alive(i);
    }
    return count;
}
