/* Semaphores: one count. */
#include "semaphore.h"

#include "deadline.h"
#include "semaphore_named.h"
#include "spork/semaphore.h"

enum { MOST = INT32_MAX };

struct semaphore_body {
    arena_word count;
    uint64_t most;
    struct waiters waiters;
    arena_word named; /* see named.h; 0: all of the semaphore is the words above */
};

struct spork_semaphore {
    struct handle handle;
    struct plat_semaphore *named; /* NULL: it has no name */
};

static int ready(struct self *self, void *local, struct watch *watch) {
    const struct semaphore_body *body = ((struct spork_semaphore *)local)->handle.body;
    (void)self;
    (void)watch;
    if (((struct spork_semaphore *)local)->named != NULL) {
        return error_set(SPORK_ENOTSUP, "a named semaphore cannot be waited for beside others");
    }
    return atomic_load(&body->count) > 0 ? 0 : SPORK_EWOULDBLOCK;
}

static struct waiters *waiters_of(void *local) {
    struct semaphore_body *body = ((struct spork_semaphore *)local)->handle.body;
    return &body->waiters;
}

static void destroy(struct self *self, handle_id id, void *body) {
    (void)id;
    named_destroy(self, &((struct semaphore_body *)body)->named);
}

static int open_local(void *local, void *body) {
    spork_semaphore *semaphore = local;
    struct named_record *record = named_record(&((struct semaphore_body *)body)->named);
    if (record == NULL || atomic_load(&record->ready) == 0) {
        return 0;
    }
    int error = named_may_open(record);
    if (error != 0) {
        return error;
    }
    error = semaphore_named_open(&semaphore->named, record->name);
    return named_judge(record, error, error == 0 ? &semaphore->named->named : NULL);
}

static void close_local(void *local) {
    semaphore_named_close(((spork_semaphore *)local)->named);
}

static const struct handle_kind semaphore_kind = {
    .kind = SPORK_HANDLE_SEMAPHORE,
    .name = "semaphore",
    .local_size = sizeof(struct spork_semaphore),
    .body_size = sizeof(struct semaphore_body),
    .ready = ready,
    .waiters = waiters_of,
    .destroy = destroy,
    .open_local = open_local,
    .close_local = close_local,
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

/* ---- with a name ---- */

static int init_named(void *object, const void *facts) {
    return named_init(&((struct semaphore_body *)object)->named, facts);
}

/* A handle for what this process has open; it is closed if there can be none. */
static int wrap(spork_semaphore **semaphore, struct plat_semaphore *named,
                const struct named_facts *facts) {
    spork_semaphore *made;
    int error = handle_new(&made, &semaphore_kind, init_named, facts);
    if (error != 0) {
        if (facts->made && facts->opened->persist) {
            plat_named_unlink(&named->named, facts->name);
        }
        semaphore_named_close(named);
        return error;
    }
    made->named = named;
    named_ready(&((struct semaphore_body *)made->handle.body)->named);
    *semaphore = made;
    return 0;
}

static int check_place(spork_semaphore **semaphore) {
    return semaphore != NULL
               ? 0
               : error_set(SPORK_EINVAL, "there is no place to put the semaphore");
}

static int make_named(spork_semaphore **semaphore, const spork_semaphore_options *options) {
    struct plat_semaphore *named;
    int error = check_place(semaphore);
    if (error == 0 && options->persist && options->bounded) {
        error = error_set(SPORK_ENOTSUP, "the system's persistent semaphores have no bound");
    }
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    error = semaphore_named_make(&named, options->name, options->value,
                                 options->bounded ? options->value : (int64_t)MOST,
                                 options->persist);
    if (error != 0) {
        return error;
    }
    const struct named_facts facts = {options->name, &named->named, false, true};
    return wrap(semaphore, named, &facts);
}

int spork_semaphore_open(spork_semaphore **semaphore, const char *name) {
    struct plat_semaphore *named;
    int error = check_place(semaphore);
    error = error != 0 ? error : named_check(name);
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    error = semaphore_named_open(&named, name);
    if (error != 0) {
        return error;
    }
    const struct named_facts facts = {name, &named->named, false, false};
    return wrap(semaphore, named, &facts);
}

int spork_semaphore_unlink(spork_semaphore *semaphore) {
    int error;
    if (handle_enter(semaphore, &semaphore_kind, &error) == NULL) {
        return error;
    }
    return named_unlink(&((struct semaphore_body *)semaphore->handle.body)->named,
                        semaphore->named == NULL ? NULL : &semaphore->named->named);
}

int spork_semaphore_unlink_persistent(const char *name) {
    int error = named_check(name);
    return error != 0 ? error : plat_named_unlink_persistent(PLAT_NAMED_SEMAPHORE, name);
}

/* ---- all ---- */

int spork_semaphore_new(spork_semaphore **semaphore, const spork_semaphore_options *given) {
    static const spork_semaphore_options defaults = {.value = 1};
    const spork_semaphore_options *options = given == NULL ? &defaults : given;
    if (options->value < 0 || options->value > MOST) {
        return error_set(SPORK_EINVAL, "a semaphore cannot begin with %lld",
                         (long long)options->value);
    }
    int error = named_check_options(options->name, options->persist);
    if (error != 0) {
        return error;
    }
    return options->name == NULL ? handle_new(semaphore, &semaphore_kind, init, options)
                                 : make_named(semaphore, options);
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
    error = semaphore->named != NULL
                ? semaphore_named_acquire(semaphore->named, deadline)
                : family_block(self, &body->waiters, attempt, body, deadline);
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
    if (semaphore->named != NULL) {
        return semaphore_named_release(semaphore->named, count);
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
    if (semaphore->named != NULL) {
        return plat_semaphore_count(semaphore->named);
    }
    return (int64_t)atomic_load(&((struct semaphore_body *)semaphore->handle.body)->count);
}
