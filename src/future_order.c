/* Futures in the order in which they are done. */
#include <stdlib.h>

#include "deadline.h"
#include "future.h"
#include "wait.h"

/* Those of one pool. */
struct place {
    spork_as_completed *order;
    spork_pool *pool;
    size_t left; /* that are not done; 0: the pool may be gone */
};

struct spork_as_completed {
    plat_mutex mutex;
    spork_future *first, **end; /* that are done */
    size_t count, taken;
    struct place *places;
    size_t place_count;
    spork_future **futures; /* all; malloc */
};

/* Under the mutex of its pool, which is why that of the order is always the inner one. */
void future_deliver(spork_future *future) {
    spork_as_completed *order = future->order;
    plat_mutex_lock(&order->mutex);
    future->next_done = NULL;
    *order->end = future;
    order->end = &future->next_done;
    for (size_t i = 0; i < order->place_count; i++) {
        order->places[i].left -= order->places[i].pool == future->pool;
    }
    plat_mutex_unlock(&order->mutex);
}

static struct place *place_of(spork_as_completed *order, spork_pool *pool) {
    size_t at = 0;
    while (at < order->place_count && order->places[at].pool != pool) {
        at++;
    }
    if (at == order->place_count) {
        struct place *grown = realloc(order->places, (at + 1) * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        order->places = grown;
        order->places[at] = (struct place){.order = order, .pool = pool};
        order->place_count++;
    }
    return &order->places[at];
}

/* Under the mutex of the pool, if it is not done. */
static void join_order(spork_as_completed *order, spork_future *future, struct place *place) {
    future->order = order;
    order->futures[order->count++] = future;
    if (place != NULL && !atomic_load(&future->done)) {
        future_want(future);
        place->left++;
        return;
    }
    future->next_done = NULL;
    *order->end = future;
    order->end = &future->next_done;
}

static int add_future(spork_as_completed *order, spork_future *future) {
    int error;
    struct self *self = pool_enter_future(future, true, &error);
    if (self == NULL && error != 0) {
        return error;
    }
    if (future->order != NULL) {
        error = error_set(SPORK_EBUSY, "it is in another order");
    } else if (self == NULL) {
        join_order(order, future, NULL);
    }
    if (self == NULL) {
        return error;
    }
    spork_pool *pool = future->pool;
    struct place *place = error == 0 ? place_of(order, pool) : NULL;
    if (error == 0 && place == NULL) {
        error = error_set(SPORK_ENOMEM, "no memory for an order");
    }
    if (error == 0) {
        plat_mutex_lock(&pool->owner->mutex);
        plat_mutex_lock(&order->mutex);
        join_order(order, future, place);
        plat_mutex_unlock(&order->mutex);
        plat_mutex_unlock(&pool->owner->mutex);
    }
    pool_leave(pool, true);
    return error;
}

int spork_as_completed_new(spork_as_completed **order, spork_future *const *futures,
                           size_t count) {
    if (order == NULL || (futures == NULL && count > 0)) {
        return error_set(SPORK_EINVAL, "an order needs its place, and futures");
    }
    spork_as_completed *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->futures = calloc(count + 1, sizeof made->futures[0]);
    }
    if (made == NULL || made->futures == NULL) {
        free(made);
        return error_set(SPORK_ENOMEM, "no memory for an order of %zu futures", count);
    }
    made->end = &made->first;
    for (size_t i = 0; i < count; i++) {
        int error = add_future(made, futures[i]);
        if (error != 0) {
            spork_as_completed_free(made);
            return error_prefix(error, "future %zu", i);
        }
    }
    *order = made;
    return 0;
}

static spork_future *take_first(spork_as_completed *order) {
    plat_mutex_lock(&order->mutex);
    spork_future *future = order->first;
    if (future != NULL) {
        order->first = future->next_done;
        order->taken++;
        if (order->first == NULL) {
            order->end = &order->first;
        }
    }
    plat_mutex_unlock(&order->mutex);
    return future;
}

static bool has_news(spork_as_completed *order) {
    plat_mutex_lock(&order->mutex);
    bool any = order->first != NULL;
    plat_mutex_unlock(&order->mutex);
    return any;
}

static int waiters_of_place(void *object, struct waiters **waiters) {
    const struct place *place = object;
    int error;
    if (pool_enter(place->pool, true, &error) == NULL) {
        return error;
    }
    *waiters = &pool_body_of(place->pool)->owner;
    pool_leave(place->pool, true);
    return 0;
}

static int place_is_ready(void *object, struct watch *watch) {
    const struct place *place = object;
    (void)watch;
    if (has_news(place->order)) {
        return 0;
    }
    return pool_has_work(place->pool->owner) ? WAIT_SERVE : SPORK_EWOULDBLOCK;
}

static void serve_place(void *object) {
    const struct place *place = object;
    int error;
    struct self *self = place->left == 0 ? NULL : pool_enter(place->pool, false, &error);
    if (self != NULL) {
        pool_serve(self, place->pool->owner);
        pool_leave(place->pool, false);
    }
}

static const struct wait_kind place_waits = {waiters_of_place, place_is_ready, serve_place};

/* Waits once for whatever of the pools; several of them are rare. */
static int wait_for_news(spork_as_completed *order, int64_t timeout_ms) {
    spork_waitable *things = calloc(order->place_count + 1, sizeof *things);
    size_t count = 0;
    if (things == NULL) {
        return error_set(SPORK_ENOMEM, "no memory to wait for futures");
    }
    for (size_t i = 0; i < order->place_count; i++) {
        if (order->places[i].left > 0) {
            things[count++] = wait_on(WAIT_ON_PLACE, &order->places[i]);
        }
    }
    int error = count == 0 ? 0 : spork_wait(things, count, SPORK_WAIT_ANY, timeout_ms, NULL);
    free(things);
    return error;
}

int spork_as_completed_next(spork_as_completed *order, spork_future **future,
                            int64_t timeout_ms) {
    if (order == NULL || future == NULL) {
        return error_set(SPORK_EINVAL, "an order, and a place for its next future, are needed");
    }
    int64_t ignored;
    int error = deadline_from(timeout_ms, &ignored);
    if (error != 0) {
        return error;
    }
    spork_future *found = take_first(order);
    if (found == NULL && order->taken == order->count) {
        return error_set(SPORK_EEOF, "all futures have been delivered");
    }
    if (found == NULL) {
        error = wait_for_news(order, timeout_ms);
        if (error != 0) {
            return error;
        }
        found = take_first(order);
    }
    if (found == NULL) {
        return error_set(SPORK_ESTATE, "an order is used by two threads");
    }
    *future = found;
    return 0;
}

void spork_as_completed_free(spork_as_completed *order) {
    int error;
    if (order == NULL) {
        return;
    }
    for (size_t i = 0; i < order->count; i++) {
        spork_future *future = order->futures[i];
        spork_pool *pool =
            pool_enter_future(future, false, &error) != NULL ? future->pool : NULL;
        if (pool != NULL) {
            plat_mutex_lock(&pool->owner->mutex);
        }
        future->order = NULL;
        if (pool != NULL) {
            plat_mutex_unlock(&pool->owner->mutex);
            pool_leave(pool, false);
        }
    }
    free(order->places);
    free(order->futures);
    free(order);
}

void future_register_order(void) {
    wait_register(WAIT_ON_PLACE, &place_waits);
}
