/* Doorbells: the semaphore of a bell, which the host polls, and which the system's threads
   release when a watched process dies. And natives of the host in a wait. */
#include "native.h"

#include <stdlib.h>

int plat_doorbell_open(struct plat_sleeper *sleeper, struct plat_bell *bell,
                       intptr_t *native) {
    HANDLE semaphore = native_doorbell_open(sleeper, bell);
    if (semaphore == NULL) {
        return SPORK_ESYSTEM;
    }
    *native = (intptr_t)semaphore;
    return 0;
}

int plat_doorbell_quiet(struct plat_sleeper *sleeper, struct plat_bell *bell) {
    (void)bell;
    WaitForSingleObject(native_doorbell(sleeper), 0);
    return 0;
}

void plat_doorbell_ring(struct plat_sleeper *sleeper, const struct plat_bell *bell) {
    (void)bell;
    ReleaseSemaphore(native_doorbell(sleeper), 1, NULL);
}

int plat_doorbell_watch(struct plat_sleeper *sleeper,
                        const struct plat_process *const *watched, size_t count,
                        size_t *dead) {
    return native_doorbell_register(sleeper, watched, count, dead);
}

/* ---- natives of the host ---- */

bool native_taken_begin(struct native_taken *taken, size_t capacity) {
    taken->count = 0;
    if (taken->capacity < capacity) {
        HANDLE *more = realloc(taken->natives, capacity * sizeof *more);
        if (more == NULL) {
            return false;
        }
        taken->natives = more;
        taken->capacity = capacity;
    }
    return true;
}

void native_taken_note(struct native_taken *taken, HANDLE native) {
    if (taken->count < taken->capacity) {
        taken->natives[taken->count++] = native;
    }
}

static bool was_taken(struct native_taken *taken, HANDLE native) {
    for (size_t i = 0; taken != NULL && i < taken->count; i++) {
        if (taken->natives[i] == native) {
            taken->natives[i] = taken->natives[--taken->count];
            return true;
        }
    }
    return false;
}

int plat_native_ready(struct plat_sleeper *sleeper, intptr_t native, bool *ready) {
    DWORD result = was_taken(native_taken_of(sleeper), (HANDLE)native)
                       ? WAIT_OBJECT_0
                       : WaitForSingleObject((HANDLE)native, 0);
    if (result == WAIT_FAILED) {
        return native_error(SPORK_EINVAL, GetLastError(), "WaitForSingleObject");
    }
    *ready = result == WAIT_OBJECT_0 || result == WAIT_ABANDONED;
    return 0;
}
