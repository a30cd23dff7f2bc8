/* Pools: made, closed, ended. What is between is in pool_submit.c (given), pool_worker.c (run),
   pool_serve.c (noticed) and pool_staff.c (who works). */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "future.h"
#include "pool_owner.h"
#include "process.h"
#include "task.h"

/* ---- making ---- */

static int check_options(const spork_pool_options *options) {
    if (options->workers < 0 || options->workers > SPORK_POOL_WORKERS_MAX) {
        return error_set(SPORK_EINVAL, "a pool of %d workers: 1 to %d are possible",
                         options->workers, (int)SPORK_POOL_WORKERS_MAX);
    }
    if (options->max_tasks < 0) {
        return error_set(SPORK_EINVAL, "a limit of %lld tasks for each worker",
                         (long long)options->max_tasks);
    }
    if (options->name != NULL && strlen(options->name) > 40) {
        return error_set(SPORK_EINVAL, "the name of a pool's workers has more than 40 bytes");
    }
    if (options->start_timeout_ms < 0) {
        return error_set(SPORK_EINVAL, "a start_timeout_ms of %lld",
                         (long long)options->start_timeout_ms);
    }
    return 0;
}

static int init_ring(struct self *self, struct pool_body *body) {
    int error = ring_open(self, &body->ring, 0, sizeof(pool_ticket));
    uint64_t block;
    if (error != 0) {
        return error;
    }
    size_t size = (size_t)body->seat_count * sizeof(struct pool_seat);
    family_lock(self);
    error = arena_take(size, BLOCK_PLAIN, &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    memset(arena_at(block), 0, size); /* nobody sees it yet */
    arena_set(&body->seats, block);
    family_commit(self);
    return 0;
}

static int keep_initializer(struct self *self, struct pool_body *body, const spork_call *call) {
    struct keeper keeper;
    void *data = NULL;
    size_t size = 0;
    keeper_open(&keeper);
    int error = task_encode_with(call, &keeper.codec, &data, &size);
    if (error == 0) {
        atomic_store(&body->initializer_size, size);
        error = pool_copy_in(self, &body->initializer, data, size);
    }
    free(data);
    for (size_t i = 0; i < keeper.count && error == 0; i++) {
        family_lock(self);
        error = handle_keep(&body->kept[i], keeper.handles[i]);
        if (error == 0) {
            family_commit(self);
        } else {
            family_unlock(self);
        }
    }
    return error;
}

static int init_body(struct self *self, struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    body->seat_count = (uint64_t)owner->options.workers;
    body->max_tasks = (uint64_t)owner->options.max_tasks;
    int error = init_ring(self, body);
    if (error == 0 && owner->options.initializer != NULL) {
        error = keep_initializer(self, body, owner->options.initializer);
    }
    owner->options.initializer = NULL; /* the caller's */
    return error;
}

/* What of the owner is not the arena's. */
static void free_owner(struct pool_owner *owner) {
    spork_doorbell_free(owner->doorbell);
    free((char *)(uintptr_t)owner->options.name);
    free(owner->members);
    free(owner->notes);
    free(owner->free_records);
    free(owner->ending);
    free(owner->tasks);
    free(owner);
}

static int fill_owner(struct pool_owner *owner, const spork_pool_options *options) {
    owner->options = *options;
    owner->options.name = NULL;
    owner->process = family_self();
    owner->index = -1;
    owner->calls_end = &owner->calls;
    atomic_store(&owner->next_timer, PLAT_NEVER);
    if (owner->options.workers == 0) {
        owner->options.workers = spork_cpu_count();
    }
    if (options->name != NULL) {
        size_t size = strlen(options->name) + 1;
        char *name = malloc(size);
        if (name != NULL) {
            memcpy(name, options->name, size);
        }
        owner->options.name = name;
    }
    owner->members = calloc((size_t)owner->options.workers, sizeof owner->members[0]);
    bool whole =
        owner->members != NULL && (options->name == NULL || owner->options.name != NULL);
    if (!whole) {
        return error_set(SPORK_ENOMEM, "no memory for a pool of %d workers",
                         owner->options.workers);
    }
    int error = owner->options.method != SPORK_METHOD_DEFAULT
                    ? 0
                    : process_program_method(&owner->options.method);
    return error == 0 ? process_check_method(owner->options.method) : error;
}

static bool nobody_left(struct pool_owner *owner, void *context) {
    (void)context;
    return !pool_has_staff(owner);
}

/* The workers are told to end, or ended; nothing more is given. */
static void terminate(struct self *self, struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    plat_mutex_lock(&owner->mutex);
    if (owner->closing != POOL_TERMINATED) {
        owner->closing = POOL_TERMINATED;
        atomic_store(&body->closing, POOL_TERMINATED);
        pool_settle_all(self, owner, SPORK_ECANCELLED, "the pool was terminated");
        pool_kill_all(owner);
    }
    plat_mutex_unlock(&owner->mutex);
    sleep_wake(&body->ring.readers, SLEEP_ALL);
    sleep_wake(&body->owner, SLEEP_ALL);
}

static void dismiss(struct self *self, struct pool_owner *owner) {
    terminate(self, owner);
    atomic_fetch_add(&body_of_owner(owner)->changes, 1);
    pool_wait(self, owner, nobody_left, NULL, PLAT_NEVER);
    pool_serve(self, owner); /* the last callbacks */
}

static int open_pool(struct self *self, struct pool_owner *owner) {
    int error = init_body(self, owner);
    if (error != 0) {
        return error;
    }
    error = pool_enlist(owner);
    if (error != 0) {
        return error;
    }
    plat_mutex_lock(&owner->mutex);
    error = pool_hire_all(self, owner);
    plat_mutex_unlock(&owner->mutex);
    if (error != 0) {
        char words[512];
        /* What ending them says is not what went wrong. */
        strncpy(words, spork_error_detail(), sizeof words - 1);
        words[sizeof words - 1] = '\0';
        dismiss(self, owner);
        pool_delist(owner);
        return error_set(error, "%s", words);
    }
    /* What has changed since is looked at by the first call that waits. */
    return 0;
}

int spork_pool_new(spork_pool **pool, const spork_pool_options *given) {
    static const spork_pool_options defaults = {0};
    const spork_pool_options *options = given == NULL ? &defaults : given;
    struct handle *handle;
    int error;
    if (pool == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new pool (NULL)");
    }
    error = check_options(options);
    struct self *self = error != 0 ? NULL : family_enter(&error);
    if (self == NULL) {
        return error;
    }
    struct pool_owner *owner = calloc(1, sizeof *owner);
    if (owner == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a pool");
    }
    error = fill_owner(owner, options);
    if (error == 0) {
        error = handle_create(self, &pool_kind, NULL, NULL, &handle);
    }
    if (error != 0) {
        free_owner(owner);
        return error;
    }
    owner->pool = (spork_pool *)(void *)handle;
    owner->pool->owner = owner;
    error = open_pool(self, owner);
    if (error != 0) {
        free_owner(owner);
        handle_release(handle);
        return error;
    }
    *pool = owner->pool;
    return 0;
}

/* ---- ending ---- */

int spork_pool_close(spork_pool *pool) {
    int error;
    if (pool_enter(pool, false, &error) == NULL) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    plat_mutex_lock(&owner->mutex);
    if (owner->closing == POOL_OPEN) {
        owner->closing = POOL_CLOSED;
        atomic_store(&pool_body_of(pool)->closing, POOL_CLOSED);
    }
    plat_mutex_unlock(&owner->mutex);
    sleep_wake(&pool_body_of(pool)->ring.readers, SLEEP_ALL);
    pool_leave(pool, false);
    return 0;
}

int spork_pool_terminate(spork_pool *pool) {
    int error;
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return error;
    }
    terminate(self, pool->owner);
    pool_serve(self, pool->owner);
    pool_leave(pool, false);
    return 0;
}

static bool is_over(struct pool_owner *owner, void *context) {
    (void)context;
    return !pool_has_staff(owner) && (owner->pending == 0 || owner->closing == POOL_TERMINATED);
}

int spork_pool_join(spork_pool *pool, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    struct self *self = error != 0 ? NULL : pool_enter(pool, true, &error);
    if (self == NULL) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    plat_mutex_lock(&owner->mutex);
    bool is_open = owner->closing == POOL_OPEN;
    plat_mutex_unlock(&owner->mutex);
    if (is_open) {
        error = error_set(SPORK_ESTATE, "a pool has to be closed, or terminated, before it is "
                                        "joined");
    } else {
        atomic_fetch_add(&pool_body_of(pool)->changes, 1); /* look at the workers first */
        error = pool_wait(self, owner, is_over, NULL, deadline);
    }
    pool_leave(pool, true);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "joining the pool") : error;
}

int spork_pool_free(spork_pool *pool) {
    int error;
    if (pool == NULL) {
        return 0;
    }
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return error;
    }
    pool_leave(pool, false);
    error = pool_enter_last(pool);
    if (error != 0) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    dismiss(self, owner);
    pool_leave_last(owner);
    pool_delist(owner);
    pool->owner = NULL;
    free_owner(owner);
    handle_release(&pool->handle);
    return 0;
}

/* ---- asking, and polling ---- */

int spork_pool_workers(const spork_pool *pool) {
    int error;
    spork_pool *asked = (spork_pool *)(uintptr_t)pool;
    if (pool == NULL || pool_enter(asked, false, &error) == NULL) {
        return 0;
    }
    int workers = pool->owner->options.workers;
    pool_leave(asked, false);
    return workers;
}

int spork_pool_pids(spork_pool *pool, int64_t *pids, size_t capacity, size_t *count) {
    int error;
    if (count == NULL || (pids == NULL && capacity > 0)) {
        return error_set(SPORK_EINVAL, "there is no place to put the ids, or their number");
    }
    if (pool_enter(pool, false, &error) == NULL) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    size_t found = 0;
    plat_mutex_lock(&owner->mutex);
    for (int i = 0; i < owner->options.workers; i++) {
        const struct pool_member *member = &owner->members[i];
        if (member->process != NULL && spork_process_alive(member->process)) {
            if (found < capacity) {
                pids[found] = member->pid;
            }
            found++;
        }
    }
    plat_mutex_unlock(&owner->mutex);
    pool_leave(pool, false);
    *count = found;
    return 0;
}

/* Under the mutex: how many items of a map are not settled yet, as far as it has been told. */
static uint64_t left_of(struct pool_owner *owner, const struct pool_note *note) {
    if (note->future == NULL) {
        return 0;
    }
    if (note->future->kind == FUTURE_CALL) {
        return 1;
    }
    uint64_t done = pool_map_done(owner, note->ticket);
    return done < note->future->count ? note->future->count - done : 1;
}

int64_t spork_pool_pending(spork_pool *pool) {
    int error;
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return 0;
    }
    struct pool_owner *owner = pool->owner;
    uint64_t pending = 0;
    pool_serve(self, owner);
    plat_mutex_lock(&owner->mutex);
    for (uint32_t i = 0; i < owner->note_count; i++) {
        pending += left_of(owner, &owner->notes[i]);
    }
    plat_mutex_unlock(&owner->mutex);
    pool_leave(pool, false);
    return (int64_t)pending;
}

int spork_pool_poll(spork_pool *pool, size_t *done) {
    int error;
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    uint64_t before = owner->finished;
    pool_look_at_times(owner);
    pool_serve(self, owner);
    if (done != NULL) {
        *done = (size_t)(owner->finished - before);
    }
    if (owner->doorbell != NULL) {
        error = spork_doorbell_answer(owner->doorbell, NULL, NULL);
    }
    pool_leave(pool, false);
    return error;
}

int spork_pool_native(spork_pool *pool, intptr_t *native) {
    int error;
    if (pool_enter(pool, false, &error) == NULL) {
        return error;
    }
    struct pool_owner *owner = pool->owner;
    spork_waitable self = spork_on_pool(pool);
    if (owner->doorbell == NULL) {
        error = spork_doorbell_new(&owner->doorbell, &self, 1);
        if (error == 0) {
            error = spork_doorbell_answer(owner->doorbell, NULL, NULL);
        }
    }
    if (error == 0) {
        error = spork_doorbell_native(owner->doorbell, native);
    }
    pool_leave(pool, false);
    return error;
}

/* ---- the exit ---- */

/* Nobody will give them anything any more; what they do is in vain. */
static void end_at_exit(struct pool_owner *owner) {
    struct pool_body *body = body_of_owner(owner);
    plat_mutex_lock(&owner->mutex);
    owner->closing = POOL_TERMINATED;
    atomic_store(&body->closing, POOL_TERMINATED);
    pool_kill_all(owner);
    plat_mutex_unlock(&owner->mutex);
    sleep_wake(&body->ring.readers, SLEEP_ALL);
}

static void end_all_at_exit(void) {
    pool_visit_all(end_at_exit);
}

void pool_register(void) {
    handle_register_kind(&pool_kind);
    family_on_fork(pool_forked);
    process_on_finish(end_all_at_exit);
    pool_register_waits();
    future_register();
}
