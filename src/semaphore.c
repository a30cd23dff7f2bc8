/* Semaphores: one count. */
#include "semaphore.h"

#include "deadline.h"
#include "handle.h"

enum { MOST = INT32_MAX };

struct semaphore_body {
    arena_word count;
    uint64_t most;
    struct waiters waiters;
};

struct spork_semaphore {
    struct handle handle;
};

static int ready(struct self *self, void *local, struct watch *watch) {
    const struct semaphore_body *body = ((struct spork_semaphore *)local)->handle.body;
    (void)self;
    (void)watch;
    return atomic_load(&body->count) > 0 ? 0 : SPORK_EWOULDBLOCK;
}

static struct waiters *waiters_of(void *local) {
    struct semaphore_body *body = ((struct spork_semaphore *)local)->handle.body;
    return &body->waiters;
}

static const struct handle_kind semaphore_kind = {
    .kind = SPORK_HANDLE_SEMAPHORE,
    .name = "semaphore",
    .local_size = sizeof(struct spork_semaphore),
    .body_size = sizeof(struct semaphore_body),
    .ready = ready,
    .waiters = waiters_of,
};

void semaphore_register(void) {
    handle_register_kind(&semaphore_kind);
}

static int init(void *object, const void *given) {
    struct semaphore_body *body = object;
    const spork_semaphore_options *options = given;
    atomic_store(&body->count, (uint64_t)options->value);
    body->most = options->bounded ? (uint64_t)options->value : (uint64_t)MOST;
    return 0;
}

int spork_semaphore_new(spork_semaphore **semaphore, const spork_semaphore_options *given) {
    static const spork_semaphore_options defaults = {.value = 1};
    const spork_semaphore_options *options = given == NULL ? &defaults : given;
    if (options->value < 0 || options->value > MOST) {
        return error_set(SPORK_EINVAL, "a semaphore cannot begin with %lld",
                         (long long)options->value);
    }
    return handle_new(semaphore, &semaphore_kind, init, options);
}

void spork_semaphore_free(spork_semaphore *semaphore) {
    handle_free(semaphore);
}

static int attempt(void *context, struct watch *watch) {
    struct semaphore_body *body = context;
    (void)watch;
    uint64_t count = atomic_load(&body->count);
    while (count > 0) {
        if (atomic_compare_exchange_weak(&body->count, &count, count - 1)) {
            return 0;
        }
    }
    return SPORK_EWOULDBLOCK;
}

int spork_semaphore_acquire(spork_semaphore *semaphore, int64_t timeout_ms) {
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error != 0) {
        return error;
    }
    struct self *self = handle_enter(semaphore, &semaphore_kind, &error);
    if (self == NULL) {
        return error;
    }
    struct semaphore_body *body = semaphore->handle.body;
    error = family_block(self, &body->waiters, attempt, body, deadline);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "acquiring the semaphore")
                                      : error;
}

int spork_semaphore_release(spork_semaphore *semaphore, int64_t count) {
    int error;
    if (handle_enter(semaphore, &semaphore_kind, &error) == NULL) {
        return error;
    }
    if (count < 1) {
        return error_set(SPORK_EINVAL, "a release of %lld", (long long)count);
    }
    struct semaphore_body *body = semaphore->handle.body;
    uint64_t present = atomic_load(&body->count);
    do {
        if ((uint64_t)count > body->most || present > body->most - (uint64_t)count) {
            return error_set(SPORK_EOVERRELEASE,
                             "a release of %lld on top of %llu is above the bound of %llu",
                             (long long)count, (unsigned long long)present,
                             (unsigned long long)body->most);
        }
    } while (!atomic_compare_exchange_weak(&body->count, &present,
                                           present + (uint64_t)count));
    sleep_wake(&body->waiters, (uint64_t)count);
    return 0;
}

int64_t spork_semaphore_count(spork_semaphore *semaphore) {
    int error;
    if (handle_enter(semaphore, &semaphore_kind, &error) == NULL) {
        return -1;
    }
    return (int64_t)atomic_load(&((struct semaphore_body *)semaphore->handle.body)->count);
}
