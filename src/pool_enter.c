/* Who may use a pool, and when it may go. */
#include <string.h>

#include "pool_owner.h"
#include "pool_worker.h"

/* All of this file; held for moments only, never while another mutex is taken. */
static plat_mutex entrance;
static struct pool_owner *pools;

/* Pools of threads, and for which others their tasks have ever waited. A task that waits for a
   pool which waits for its own could be waited for by all of its workers, so it is refused,
   the first time and each time, as with locks that are taken in two orders. */
enum { THREAD_POOLS = 64 };
static uint64_t in_use;
static uint64_t waits_for[THREAD_POOLS];

void pool_forked(void) {
    memset(&entrance, 0, sizeof entrance);
    pools = NULL;
    in_use = 0;
}

static uint64_t reachable_from(int index) {
    uint64_t reached = (uint64_t)1 << index;
    uint64_t before = 0;
    while (reached != before) {
        before = reached;
        for (int i = 0; i < THREAD_POOLS; i++) {
            if ((before >> i & 1) != 0) {
                reached |= waits_for[i];
            }
        }
    }
    return reached;
}

static int check_order(const struct pool_owner *owner) {
    const struct worker *worker = pool_worker_here();
    const struct pool_owner *from = worker == NULL ? NULL : worker->pool->owner;
    if (from == NULL || from->index < 0 || owner->index < 0) {
        return 0;
    }
    if ((reachable_from(owner->index) >> from->index & 1) != 0) {
        return error_set(SPORK_ESTATE,
                         "a task on a thread of a pool cannot wait for that pool, nor for one "
                         "whose tasks wait for it: all of their threads could be waiting");
    }
    waits_for[from->index] |= (uint64_t)1 << owner->index;
    return 0;
}

/* Under the entrance's mutex. */
static int check_entry(const spork_pool *pool, bool may_sleep) {
    const struct pool_owner *owner = pool->owner;
    if (owner == NULL || owner->process != family_self()) {
        return error_set(SPORK_ESTATE, "a pool belongs to the process that made it");
    }
    return may_sleep ? check_order(owner) : 0;
}

static void come_in(spork_pool *pool, bool may_sleep) {
    pool->owner->users++;
    pool->owner->waiting += may_sleep;
}

struct self *pool_enter(spork_pool *pool, bool may_sleep, int *error) {
    if (pool == NULL) {
        *error = error_set(SPORK_EINVAL, "the pool is NULL");
        return NULL;
    }
    if (pool->handle.kind != &pool_kind) {
        *error = error_set(SPORK_EINVAL, "this is no pool, or it was freed");
        return NULL;
    }
    struct self *self = family_enter(error);
    if (self == NULL) {
        return NULL;
    }
    plat_mutex_lock(&entrance);
    *error = check_entry(pool, may_sleep);
    if (*error == 0) {
        come_in(pool, may_sleep);
    }
    plat_mutex_unlock(&entrance);
    return *error == 0 ? self : NULL;
}

struct self *pool_enter_future(spork_future *future, bool may_sleep, int *error) {
    if (future == NULL) {
        *error = error_set(SPORK_EINVAL, "the future is NULL");
        return NULL;
    }
    struct self *self = family_enter(error);
    if (self == NULL) {
        return NULL;
    }
    if (future->process != family_self()) {
        *error = error_set(SPORK_ESTATE, "a future belongs to the process that got it");
        return NULL;
    }
    plat_mutex_lock(&entrance);
    bool done = atomic_load(&future->done);
    *error = done ? 0 : check_entry(future->pool, may_sleep);
    if (*error == 0 && !done) {
        come_in(future->pool, may_sleep);
    }
    plat_mutex_unlock(&entrance);
    return *error == 0 && !done ? self : NULL;
}

int pool_may_wait(spork_pool *pool) {
    int error;
    if (pool_enter(pool, true, &error) == NULL) {
        return error;
    }
    pool_leave(pool, true);
    return 0;
}

void pool_leave(spork_pool *pool, bool may_sleep) {
    plat_mutex_lock(&entrance);
    pool->owner->users--;
    pool->owner->waiting -= may_sleep;
    plat_mutex_unlock(&entrance);
}

int pool_enter_last(spork_pool *pool) {
    const struct worker *worker = pool_worker_here();
    plat_mutex_lock(&entrance);
    int error = check_entry(pool, false);
    if (error == 0 &&
        (pool->owner->users > 0 || (worker != NULL && worker->pool == pool))) {
        error = error_set(SPORK_EBUSY, "the pool is in use: by a call of another thread, or by "
                                       "this one's callback or task");
    }
    if (error == 0) {
        come_in(pool, false);
    }
    plat_mutex_unlock(&entrance);
    return error;
}

/* All futures are done by now, so that nobody stays in it. */
void pool_leave_last(struct pool_owner *owner) {
    enum { NAP_NS = 100000 };
    plat_mutex_lock(&entrance);
    while (owner->users > 1) {
        plat_mutex_unlock(&entrance);
        plat_sleep_ns(NAP_NS);
        plat_mutex_lock(&entrance);
    }
    plat_mutex_unlock(&entrance);
}

static int take_index(struct pool_owner *owner) {
    owner->index = -1;
    if (owner->options.method != SPORK_METHOD_THREAD) {
        return 0;
    }
    if (~in_use == 0) {
        return error_set(SPORK_ELIMIT, "there are %d pools of threads already", THREAD_POOLS);
    }
    owner->index = __builtin_ctzll(~in_use);
    in_use |= (uint64_t)1 << owner->index;
    waits_for[owner->index] = 0;
    return 0;
}

int pool_enlist(struct pool_owner *owner) {
    plat_mutex_lock(&entrance);
    int error = take_index(owner);
    if (error == 0) {
        owner->next = pools;
        pools = owner;
    }
    plat_mutex_unlock(&entrance);
    return error;
}

void pool_delist(struct pool_owner *owner) {
    plat_mutex_lock(&entrance);
    for (struct pool_owner **at = &pools; *at != NULL; at = &(*at)->next) {
        if (*at == owner) {
            *at = owner->next;
            break;
        }
    }
    if (owner->index >= 0) {
        in_use &= ~((uint64_t)1 << owner->index);
        for (int i = 0; i < THREAD_POOLS; i++) {
            waits_for[i] &= ~((uint64_t)1 << owner->index);
        }
    }
    plat_mutex_unlock(&entrance);
}

void pool_visit_all(void (*visit)(struct pool_owner *owner)) {
    for (struct pool_owner *at = pools; at != NULL; at = at->next) {
        visit(at);
    }
}
