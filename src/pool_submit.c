/* How calls and maps get into a pool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "future.h"
#include "pool_owner.h"
#include "task.h"

int pool_may_submit(const struct pool_owner *owner) {
    if (owner->broken != 0) {
        return error_set(SPORK_EBROKEN, "%s", owner->words);
    }
    return owner->closing == POOL_OPEN ? 0
                                       : error_set(SPORK_ECLOSED, "the pool has been closed");
}

/* ---- tasks ---- */

static int note_task(struct self *self, struct pool_owner *owner, const spork_task *task) {
    char names[1024];
    int length = snprintf(names, sizeof names, "%s%c%s%c%s", task->name, '\0', task->file, '\0',
                          task->types);
    if (length >= (int)sizeof names) {
        return error_set(SPORK_EINVAL, "the name of %s and of its file are too long", task->name);
    }
    if (owner->tasks == NULL) {
        owner->tasks = calloc(POOL_TASKS, sizeof owner->tasks[0]);
    }
    if (owner->tasks == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for the pool's tasks");
    }
    int error = pool_copy_in(self, &body_of_owner(owner)->tasks[owner->task_count], names,
                             (size_t)length + 1);
    if (error == 0) {
        owner->tasks[owner->task_count++] = task;
    }
    return error;
}

int pool_task_index(struct self *self, struct pool_owner *owner, const spork_task *task,
                    uint32_t *index) {
    uint32_t at = 0;
    while (at < owner->task_count && owner->tasks[at] != task) {
        at++;
    }
    if (at == POOL_TASKS) {
        return error_set(SPORK_ELIMIT, "the pool was given %d different tasks, as many as it may",
                         (int)POOL_TASKS);
    }
    if (at == owner->task_count) {
        int error = task_check_alone(task);
        if (error == 0) {
            error = note_task(self, owner, task);
        }
        if (error != 0) {
            return error;
        }
    }
    *index = at;
    return 0;
}

/* ---- into the arena ---- */

int pool_copy_in(struct self *self, arena_word *word, const void *data, size_t size) {
    uint64_t block;
    family_lock(self);
    int error = arena_take(size, BLOCK_PLAIN, &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_set(word, block);
    family_commit(self);
    memcpy(arena_at(block), data, size);
    return 0;
}

/* A few in each transaction: a journal has an end. */
int pool_keep_handles(struct self *self, struct pool_record *record,
                      const struct handle *const *handles, size_t count) {
    uint64_t block;
    if (count == 0) {
        return 0;
    }
    family_lock(self);
    int error = arena_take(sizeof(struct pool_handles) + count * sizeof(struct kept), BLOCK_PLAIN,
                           &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    struct pool_handles *kept = arena_at(block);
    arena_set(&kept->count, 0);
    arena_set(&record->handles, block);
    family_commit(self);
    for (size_t i = 0; i < count && error == 0; i++) {
        family_lock(self);
        error = handle_keep(&kept->kept[i], handles[i]);
        if (error == 0) {
            arena_set(&kept->count, i + 1);
            family_commit(self);
        } else {
            family_unlock(self);
        }
    }
    return error;
}

static int put_ticket(struct self *self, struct pool_owner *owner, pool_ticket ticket) {
    struct ring_message message = {.data = &ticket,
                                   .size = sizeof ticket,
                                   .flags = MESSAGE_RAW,
                                   .place = MESSAGE_IN_SLOT};
    return ring_try_put(self, owner->pool->handle.id, &body_of_owner(owner)->ring, &message,
                        NULL);
}

int pool_queue(struct self *self, struct pool_owner *owner, pool_ticket ticket, uint64_t count) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    atomic_store(&record->state, record_word(ticket, 0, RECORD_QUEUED));
    int error = put_ticket(self, owner, ticket);
    if (error != 0) {
        atomic_store(&record->state, record_word(ticket, 0, RECORD_FREE));
    }
    /* One does the work, if the others cannot be told. */
    for (uint64_t i = 1; i < count && error == 0 && put_ticket(self, owner, ticket) == 0; i++) {
    }
    return error;
}

void pool_offer(struct self *self, struct pool_owner *owner, pool_ticket ticket) {
    const struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    if (atomic_load(&record->state) == record_word(ticket, 0, RECORD_QUEUED)) {
        put_ticket(self, owner, ticket);
    }
}

/* ---- one call ---- */

static int fill_call(struct self *self, struct pool_owner *owner, const spork_call *call,
                     pool_ticket ticket, const void *data, size_t size,
                     const struct keeper *keeper) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    uint32_t task = 0;
    int error = pool_task_index(self, owner, call->task, &task);
    if (error != 0) {
        return error;
    }
    atomic_store(&record->task, task);
    atomic_store(&record->arguments_size, size);
    if (size <= POOL_ARGUMENTS) {
        memcpy(record->data, data, size);
    } else {
        error = pool_copy_in(self, &record->arguments, data, size);
    }
    return error == 0 ? pool_keep_handles(self, record, keeper->handles, keeper->count) : error;
}

int pool_submit(struct self *self, struct pool_owner *owner, const spork_call *call,
                spork_future *future) {
    struct keeper keeper;
    pool_ticket ticket;
    void *data = NULL;
    size_t size = 0;
    keeper_open(&keeper);
    int error = task_encode_arguments(call, &keeper.codec, &data, &size);
    if (error != 0) {
        return error;
    }
    plat_mutex_lock(&owner->mutex);
    error = pool_may_submit(owner);
    if (error == 0) {
        error = pool_new_record(self, owner, RECORD_CALL, future, &ticket);
    }
    if (error == 0) {
        error = fill_call(self, owner, call, ticket, data, size, &keeper);
        bool calls = future->callback != NULL || future->error_callback != NULL;
        atomic_store(&pool_record_of(body_of_owner(owner), ticket)->notify, calls);
        if (error == 0) {
            error = pool_queue(self, owner, ticket, 1);
        }
        if (error != 0) {
            pool_end_record(self, owner, ticket);
        } else {
            owner->pending++;
        }
    }
    plat_mutex_unlock(&owner->mutex);
    free(data);
    return error;
}

static int check_call(const spork_call *call) {
    return call->task == NULL ? error_set(SPORK_EINVAL, "a call of no task") : 0;
}

/* options may be NULL; *future is the caller's. */
static int start_call(spork_future **future, spork_pool *pool, const spork_call *call,
                      const spork_apply_options *options) {
    spork_future *made;
    int error;
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return error;
    }
    error = check_call(call);
    if (error == 0) {
        error = pool_new_future(pool, FUTURE_CALL, call->task, &made);
    }
    if (error == 0) {
        if (options != NULL) {
            made->callback = options->callback;
            made->error_callback = options->error_callback;
            made->context = options->context;
        }
        if (pool_has_work(pool->owner)) {
            pool_serve(self, pool->owner);
        }
        error = pool_submit(self, pool->owner, call, made);
        if (error == 0) {
            *future = made;
        } else {
            future_drop(made);
            future_drop(made);
        }
    }
    pool_leave(pool, false);
    return error;
}

int spork_pool_apply_async(spork_future **future, spork_pool *pool, spork_call call,
                           const spork_apply_options *options) {
    spork_future *made;
    int error = start_call(&made, pool, &call, options);
    if (error == 0 && future != NULL) {
        *future = made;
    } else if (error == 0) {
        spork_future_free(made);
    }
    return error;
}

int spork_pool_start_(spork_future **future, spork_pool *pool, const spork_call *call) {
    if (future == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the future (NULL)");
    }
    return start_call(future, pool, call, NULL);
}

/* Waits for a future of one's own, and lets it go. A call that the time has run out for is not
   begun any more. */
static int await_call(spork_future *future, int64_t timeout_ms) {
    int error = spork_future_get(future, NULL, timeout_ms);
    if (!atomic_load(&future->done)) {
        future_cancel_queued(future);
    }
    return error;
}

int spork_pool_apply(spork_pool *pool, spork_call call, spork_value *result,
                     int64_t timeout_ms) {
    spork_future *future;
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error == 0) {
        error = pool_may_wait(pool);
    }
    if (error == 0) {
        error = start_call(&future, pool, &call, NULL);
    }
    if (error != 0) {
        return error;
    }
    error = await_call(future, timeout_ms);
    if (error == 0 && result != NULL) {
        *result = future->result;
        future->result = spork_nil();
    }
    spork_future_free(future);
    return error;
}

int spork_pool_run_(spork_pool *pool, const spork_call *call, void *result) {
    spork_value value;
    int error = spork_pool_apply(pool, *call, &value, SPORK_FOREVER);
    if (error != 0) {
        return error;
    }
    return future_take(call->task, &value, result, true);
}
