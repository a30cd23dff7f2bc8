/* Futures: waited for, and asked. */
#include "future.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "task.h"
#include "wait.h"

/* ---- values as C objects ---- */

int future_take(const spork_task *task, spork_value *value, void *result, bool owned) {
    bool is_value = task->types[0] == 'v';
    int error = result == NULL ? 0 : task_write_result(task, result, value);
    if (is_value && result != NULL) {
        ((spork_value *)result)->owned = owned ? value->owned : 0;
    } else if (owned) {
        spork_value_free(value);
    }
    return error;
}

/* ---- waiting for one ---- */

bool future_is_done(struct pool_owner *owner, void *context) {
    (void)owner;
    return atomic_load(&((spork_future *)context)->done);
}

static int tell_error(const spork_future *future) {
    return future->error == 0
               ? 0
               : error_set(future->error, "%s", future->words == NULL ? "" : future->words);
}

void future_want(const spork_future *future) {
    struct pool_record *record =
        pool_record_of(pool_body_of(future->pool), future->ticket);
    atomic_store(&record->notify, 1);
}

static void show_progress(const spork_future *future, uint64_t done) {
    double seconds = (double)(plat_now_ns() - future->begin) / 1e9;
    done = done < future->count ? done : future->count;
    spork_progress progress = {.done = done, .total = future->count, .seconds = seconds};
    progress.rate = seconds > 0 ? (double)done / seconds : 0;
    progress.seconds_left =
        progress.rate > 0 ? (double)(future->count - done) / progress.rate : -1;
    future->progress(future->progress_context, &progress);
}

static void show_begin(spork_future *future) {
    if (future->progress != NULL && !future->shown) {
        future->shown = true;
        show_progress(future, 0);
    }
}

/* Whoever noticed that it is done: once, in a call that waits for it. */
static void show_end(spork_future *future) {
    if (future->progress != NULL && !future->is_partial &&
        !atomic_exchange(&future->shown_end, true)) {
        show_begin(future);
        show_progress(future, future->count);
    }
}

/* The same as pool_wait, with a callback ten times a second. */
static int wait_with_progress(struct self *self, struct pool_owner *owner, spork_future *future,
                              int64_t deadline) {
    enum { TICK_NS = 100000000 };
    int result = SPORK_EWOULDBLOCK;
    if (future->progress == NULL || deadline == DEADLINE_NOW) {
        return pool_wait(self, owner, future_is_done, future, deadline);
    }
    show_begin(future);
    do {
        int64_t tick = plat_now_ns() + TICK_NS;
        tick = tick < deadline ? tick : deadline;
        result = pool_wait(self, owner, future_is_done, future, tick);
        if (result == SPORK_EWOULDBLOCK) {
            plat_mutex_lock(&owner->mutex);
            uint64_t done = pool_map_done(owner, future->ticket);
            plat_mutex_unlock(&owner->mutex);
            show_progress(future, done);
        }
    } while (result == SPORK_EWOULDBLOCK && plat_now_ns() < deadline);
    return result;
}

static int await(spork_future *future, int64_t deadline) {
    int error;
    struct self *self = pool_enter_future(future, deadline != DEADLINE_NOW, &error);
    if (self != NULL) {
        spork_pool *pool = future->pool;
        future_want(future);
        error = wait_with_progress(self, pool->owner, future, deadline);
        pool_leave(pool, deadline != DEADLINE_NOW);
    }
    if (error == 0) {
        show_end(future);
    }
    return error;
}

int spork_future_get(spork_future *future, const spork_value **result, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error == 0) {
        error = await(future, deadline);
    }
    if (error == SPORK_EWOULDBLOCK) {
        return error_late(timeout_ms, "waiting for a future");
    }
    if (error != 0) {
        return error;
    }
    if (result != NULL && future->error == 0) {
        *result = &future->result;
    }
    return tell_error(future);
}

int spork_pool_take_(spork_future *future, const spork_task *task, void *result,
                     int64_t timeout_ms) {
    if (future != NULL && future->task != task) {
        return error_set(SPORK_ETYPE, "this is a future of %s, not of %s", future->task->name,
                         task->name);
    }
    int error = spork_future_get(future, NULL, timeout_ms);
    return error == 0 ? future_take(task, &future->result, result, false) : error;
}

/* ---- asking ---- */

/* Looks, and tells whether it is done: 0 or SPORK_EBUSY. */
static int look(spork_future *future) {
    int error = future != NULL && atomic_load(&future->done) ? 0 : await(future, DEADLINE_NOW);
    return error == SPORK_EWOULDBLOCK ? error_set(SPORK_EBUSY, "the future is not done") : error;
}

bool spork_future_ready(spork_future *future) {
    return future != NULL && look(future) == 0;
}

bool spork_future_successful(spork_future *future) {
    return future != NULL && look(future) == 0 && future->error == 0;
}

int spork_future_error(spork_future *future) {
    int error = look(future);
    return error == 0 ? tell_error(future) : error;
}

const char *spork_future_words(spork_future *future) {
    return future != NULL && atomic_load(&future->done) && future->words != NULL ? future->words
                                                                               : "";
}

int spork_future_exit_code(spork_future *future, int *exit_code) {
    int error = look(future);
    if (error == 0 && exit_code == NULL) {
        error = error_set(SPORK_EINVAL, "there is no place to put the exit code (NULL)");
    }
    if (error == 0 && !future->has_exit_code) {
        error = error_set(SPORK_ESTATE, "the task has not ended its worker");
    }
    if (error == 0) {
        *exit_code = future->exit_code;
    }
    return error;
}

int spork_future_failed_item(spork_future *future, size_t *index) {
    int error = look(future);
    if (error == 0 && index == NULL) {
        error = error_set(SPORK_EINVAL, "there is no place to put the index (NULL)");
    }
    if (error == 0 && !future->has_item) {
        error = error_set(SPORK_ESTATE, "no item of a map has failed");
    }
    if (error == 0) {
        *index = future->item;
    }
    return error;
}

void spork_future_free(spork_future *future) {
    int error;
    if (future == NULL) {
        return;
    }
    if (pool_enter_future(future, false, &error) != NULL) {
        spork_pool *pool = future->pool;
        plat_mutex_lock(&pool->owner->mutex);
        future->dropped = true;
        future->progress = NULL;
        plat_mutex_unlock(&pool->owner->mutex);
        future_drop(future);
        pool_leave(pool, false);
        return;
    }
    future_drop(future);
}

/* ---- several ---- */

int spork_future_wait(spork_future *const *futures, size_t count, spork_wait_mode mode,
                      int64_t timeout_ms, size_t *ready) {
    if (futures == NULL && count > 0) {
        return error_set(SPORK_EINVAL, "%zu futures to wait for, at NULL", count);
    }
    spork_waitable *things = calloc(count + 1, sizeof *things);
    if (things == NULL) {
        return error_set(SPORK_ENOMEM, "no memory to wait for %zu futures", count);
    }
    for (size_t i = 0; i < count; i++) {
        things[i] = spork_on_future(futures[i]);
    }
    int error = spork_wait(things, count, mode, timeout_ms, ready);
    free(things);
    return error;
}

static int waiters_of_future(void *object, struct waiters **waiters) {
    spork_future *future = object;
    int error;
    if (pool_enter_future(future, true, &error) != NULL) {
        future_want(future);
        *waiters = &pool_body_of(future->pool)->owner;
        pool_leave(future->pool, true);
    } else if (error == 0) {
        /* It is done: nobody has to ring for it. */
        *waiters = &family_slot(family_self())->changed;
    }
    return error;
}

static int future_is_ready(void *object, struct watch *watch) {
    spork_future *future = object;
    (void)watch;
    if (atomic_load(&future->done)) {
        return 0;
    }
    return pool_has_work(future->pool->owner) ? WAIT_SERVE : SPORK_EWOULDBLOCK;
}

static void serve_future(void *object) {
    spork_future *future = object;
    int error;
    struct self *self = pool_enter_future(future, false, &error);
    if (self != NULL) {
        spork_pool *pool = future->pool;
        pool_serve(self, pool->owner);
        pool_leave(pool, false);
    }
}

spork_waitable spork_on_future(spork_future *future) {
    return wait_on(WAIT_ON_FUTURE, future);
}

static const struct wait_kind future_waits = {waiters_of_future, future_is_ready, serve_future};

void future_register(void) {
    wait_register(WAIT_ON_FUTURE, &future_waits);
    future_register_order();
}
