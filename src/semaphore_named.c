/* Semaphores that have a name: the count is the platform's. */
#include "semaphore_named.h"

#include <stdlib.h>

#include "deadline.h"

static int new_local(struct plat_semaphore **semaphore) {
    *semaphore = calloc(1, sizeof **semaphore);
    return *semaphore != NULL ? 0 : error_set(SPORK_ENOMEM, "no memory for a semaphore");
}

/* What the platform made or opened, or did not. */
static int keep(struct plat_semaphore **semaphore, struct plat_semaphore *made, int error) {
    if (error != 0) {
        free(made);
        return error;
    }
    *semaphore = made;
    return 0;
}

int semaphore_named_make(struct plat_semaphore **semaphore, const char *name, int64_t value,
                         int64_t most, bool persist) {
    struct plat_semaphore *made;
    int error = new_local(&made);
    if (error != 0) {
        return error;
    }
    error = plat_semaphore_create(made, name, (int32_t)value, (int32_t)most, persist);
    return keep(semaphore, made, error);
}

int semaphore_named_open(struct plat_semaphore **semaphore, const char *name) {
    struct plat_semaphore *opened;
    int error = new_local(&opened);
    return error != 0 ? error : keep(semaphore, opened, plat_semaphore_open(opened, name));
}

void semaphore_named_close(struct plat_semaphore *semaphore) {
    if (semaphore != NULL) {
        plat_semaphore_close(semaphore);
        free(semaphore);
    }
}

/* In slices: one who was woken may have been killed before he took, and a parent that sleeps
   here looks after its dead children like any that sleeps. */
int semaphore_named_acquire(struct plat_semaphore *semaphore, int64_t deadline) {
    int error = plat_semaphore_take(semaphore, DEADLINE_NOW);
    while (error == SPORK_ETIMEDOUT) {
        int64_t now = plat_now_ns();
        if (deadline <= now) {
            return SPORK_EWOULDBLOCK;
        }
        int64_t slice = deadline - now < FAMILY_NET_NS ? deadline : now + FAMILY_NET_NS;
        error = plat_semaphore_take(semaphore, slice);
        if (error == SPORK_ETIMEDOUT) {
            family_look_for_dead();
        }
    }
    return error;
}

int semaphore_named_release(struct plat_semaphore *semaphore, int64_t count) {
    if (count > INT32_MAX) {
        return error_set(SPORK_EOVERRELEASE, "a release of %lld", (long long)count);
    }
    return plat_semaphore_give(semaphore, (int32_t)count);
}
