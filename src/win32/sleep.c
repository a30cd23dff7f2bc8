/* Sleeping and waking: a sleeper waits for its bell and for the ends of processes at
   once.

   A bell is a semaphore of at most one token, named by the family's key and by the bell's
   number and generation. Whoever needs it first, the sleeper or a waker, creates it.
   Nothing depends on a token that waits in a semaphore nobody has open any more: a waker
   changes the bell's state before it rings, and a sleeper looks at the state after it has
   opened the semaphore. So either the sleeper sees the change, or its semaphore exists by
   the time that the waker rings. A token from an earlier round costs one look of the
   caller's.

   The system waits for 64 objects at most. The processes beyond are registered with its
   pool of waiting threads, which are the system's and run nothing of ours but a flag and
   an event. They stay registered from one sleep to the next, so that a sleep costs
   nothing more for them, until the sleeper watches others or is closed. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIXED_MAX = 3, /* the bell, an event, and that of the registered */
    DIRECT_MAX = MAXIMUM_WAIT_OBJECTS - FIXED_MAX,
    BELLS_KEPT = 256
};
/* Only when the system has no more handles: how long to sleep before looking again. */
static const int64_t doze_ns = 50000000;

static wchar_t family[64];

void plat_bell_family(const char *key) {
    swprintf(family, sizeof family / sizeof *family, L"%hs", key);
}

/* ---- The waker's side ---- */

static struct kept_bell {
    HANDLE semaphore;
    uint32_t number;
    uint32_t generation;
} kept_bells[BELLS_KEPT];
static SRWLOCK kept_bells_lock = SRWLOCK_INIT;

static HANDLE open_semaphore(const struct plat_bell *bell) {
    wchar_t name[128];
    swprintf(name, sizeof name / sizeof *name, L"Local\\spork-%ls-%u-%u", family,
             bell->number, bell->generation);
    SECURITY_ATTRIBUTES *access = native_private();
    return access != NULL ? CreateSemaphoreW(access, 0, 1, name) : NULL;
}

static struct kept_bell *place_of(const struct plat_bell *bell) {
    return &kept_bells[bell->number % BELLS_KEPT];
}

/* The semaphore must not be closed by another thread's keep before it is rung. */
static bool ring_kept(const struct plat_bell *bell) {
    AcquireSRWLockShared(&kept_bells_lock);
    const struct kept_bell *kept = place_of(bell);
    bool found = kept->semaphore != NULL && kept->number == bell->number &&
                 kept->generation == bell->generation;
    if (found) {
        /* Fails when a token is there already, which serves as well. */
        ReleaseSemaphore(kept->semaphore, 1, NULL);
    }
    ReleaseSRWLockShared(&kept_bells_lock);
    return found;
}

static void keep(const struct plat_bell *bell, HANDLE semaphore) {
    AcquireSRWLockExclusive(&kept_bells_lock);
    struct kept_bell *kept = place_of(bell);
    HANDLE previous = kept->semaphore;
    *kept = (struct kept_bell){semaphore, bell->number, bell->generation};
    ReleaseSRWLockExclusive(&kept_bells_lock);
    if (previous != NULL) {
        CloseHandle(previous);
    }
}

static void drop_kept_bells(void) {
    AcquireSRWLockExclusive(&kept_bells_lock);
    for (size_t i = 0; i < BELLS_KEPT; i++) {
        if (kept_bells[i].semaphore != NULL) {
            CloseHandle(kept_bells[i].semaphore);
            kept_bells[i].semaphore = NULL;
        }
    }
    ReleaseSRWLockExclusive(&kept_bells_lock);
}

void plat_bell_ring(struct plat_bell *bell, uint32_t found) {
    (void)found;
    if (ring_kept(bell)) {
        return;
    }
    HANDLE semaphore = open_semaphore(bell);
    if (semaphore == NULL) {
        /* A wake-up must not be lost for want of handles: here are some. */
        drop_kept_bells();
        semaphore = open_semaphore(bell);
    }
    if (semaphore != NULL) {
        ReleaseSemaphore(semaphore, 1, NULL);
        keep(bell, semaphore);
    }
}

/* ---- What a sleeper keeps ---- */

/* A process beyond those that a sleep can wait for itself. */
struct registered {
    struct plat_identity identity;
    HANDLE process; /* a copy: the caller may close its own between two sleeps */
    HANDLE wait;
    HANDLE event;    /* the sleeper's */
    HANDLE doorbell; /* its bell, if it is one; else NULL */
    atomic_bool dead;
};

/* natives[0] of a plat_sleeper points to it. A sleeper's bell stays the same until it is
   closed. */
struct own {
    HANDLE bell;
    HANDLE written; /* for overlapped writes */
    HANDLE death;   /* a registered process has died */
    bool is_doorbell;
    struct registered **registered;
    size_t count;
    struct native_taken taken;
};

static struct own *own_of(struct plat_sleeper *sleeper) {
    if (!sleeper->open) {
        struct own *fresh = calloc(1, sizeof *fresh);
        if (fresh == NULL) {
            return NULL;
        }
        sleeper->natives[0] = (intptr_t)fresh;
        sleeper->open = true;
    }
    return (struct own *)sleeper->natives[0];
}

HANDLE native_sleeper_event(struct plat_sleeper *sleeper) {
    struct own *own = own_of(sleeper);
    if (own == NULL) {
        error_set(SPORK_ENOMEM, "a thread that sleeps");
        return NULL;
    }
    if (own->written == NULL) {
        own->written = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (own->written == NULL) {
            native_error(SPORK_ESYSTEM, GetLastError(), "CreateEventW");
        }
    }
    return own->written;
}

static void CALLBACK process_died(void *argument, BOOLEAN timed_out) {
    (void)timed_out;
    struct registered *registered = argument;
    atomic_store(&registered->dead, true);
    SetEvent(registered->event);
    if (registered->doorbell != NULL) {
        ReleaseSemaphore(registered->doorbell, 1, NULL);
    }
}

static void unregister(struct registered *registered) {
    if (registered == NULL) {
        return;
    }
    if (registered->wait != NULL) {
        /* Waits for a callback that is under way, and for nothing else. */
        UnregisterWaitEx(registered->wait, INVALID_HANDLE_VALUE);
    }
    if (registered->process != NULL) {
        CloseHandle(registered->process);
    }
    free(registered);
}

static struct registered *register_process(const struct own *own,
                                           const struct plat_process *process) {
    struct registered *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    fresh->identity = process->identity;
    fresh->event = own->death;
    fresh->doorbell = own->is_doorbell ? own->bell : NULL;
    HANDLE self = GetCurrentProcess();
    if (!DuplicateHandle(self, (HANDLE)process->native, self, &fresh->process,
                         SYNCHRONIZE, FALSE, 0) ||
        !RegisterWaitForSingleObject(&fresh->wait, fresh->process, process_died, fresh,
                                     INFINITE,
                                     WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD)) {
        unregister(fresh);
        return NULL;
    }
    return fresh;
}

static bool is_foreign(struct plat_identity identity) {
    return identity.pid == 0;
}

/* A native of the host has no identity: it is registered anew for each sleep, as what it was
   told to be says nothing of what it is. */
static bool same_identity(struct plat_identity left, struct plat_identity right) {
    return !is_foreign(left) && left.pid == right.pid && left.stamp == right.stamp;
}

static bool make_room(struct own *own, size_t count) {
    if (own->death == NULL) {
        own->death = CreateEventW(NULL, FALSE, FALSE, NULL);
    }
    if (own->count < count) {
        struct registered **more = realloc(own->registered, count * sizeof *more);
        if (more == NULL) {
            return false;
        }
        memset(more + own->count, 0, (count - own->count) * sizeof *more);
        own->registered = more;
        own->count = count;
    }
    return own->death != NULL;
}

/* Makes the first count registered processes be those watched. What is registered beyond
   them, by an earlier sleep, stays: its death costs one look. */
static bool register_all(struct own *own, const struct plat_process *const *watched,
                         size_t count) {
    if (!make_room(own, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct registered **place = &own->registered[i];
        if (*place == NULL || !same_identity((*place)->identity, watched[i]->identity)) {
            unregister(*place);
            *place = register_process(own, watched[i]);
            if (*place == NULL) {
                return false;
            }
        }
    }
    return true;
}

void plat_bell_close(struct plat_sleeper *sleeper) {
    if (!sleeper->open) {
        return;
    }
    struct own *own = (struct own *)sleeper->natives[0];
    for (size_t i = 0; i < own->count; i++) {
        unregister(own->registered[i]);
    }
    HANDLE handles[] = {own->bell, own->written, own->death};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        if (handles[i] != NULL) {
            CloseHandle(handles[i]);
        }
    }
    free(own->registered);
    free(own->taken.natives);
    free(own);
    memset(sleeper, 0, sizeof *sleeper);
}

void plat_bell_forked(void) {}

/* ---- The sleeper's side ---- */

/* One sleep: what it waits for, and what that says. */
struct sleep {
    struct own *own;
    struct plat_bell *bell;
    int64_t deadline;
    const struct plat_process *const *watched;
    size_t count;
    size_t direct; /* so many of them are waited for, the others are registered */
    bool crowded;  /* there are others */
    HANDLE handles[MAXIMUM_WAIT_OBJECTS];
    DWORD fixed; /* so many handles come before those of processes */
};

static bool rung(struct plat_bell *bell) {
    return atomic_load(&bell->state) == PLAT_BELL_RUNG;
}

static void note_taken(const struct sleep *sleep, size_t index) {
    if (sleep->own != NULL && is_foreign(sleep->watched[index]->identity)) {
        native_taken_note(&sleep->own->taken, (HANDLE)sleep->watched[index]->native);
    }
}

/* After this the system's threads take no signal of the host's natives any more. */
static void unregister_foreign(const struct sleep *sleep) {
    size_t most = sleep->crowded ? sleep->own->count : 0;
    for (size_t i = 0; i < most && DIRECT_MAX + i < sleep->count; i++) {
        struct registered **place = &sleep->own->registered[i];
        if (*place == NULL || !is_foreign((*place)->identity)) {
            continue;
        }
        if ((*place)->wait != NULL) {
            UnregisterWaitEx((*place)->wait, INVALID_HANDLE_VALUE);
            (*place)->wait = NULL;
        }
        if (atomic_load(&(*place)->dead)) {
            note_taken(sleep, DIRECT_MAX + i);
        }
        unregister(*place);
        *place = NULL;
    }
}

/* False if the system is out of handles: the sleep must be a doze then. */
static bool collect(struct sleep *sleep, HANDLE event) {
    struct own *own = sleep->own;
    if (own == NULL) {
        return false;
    }
    if (own->bell == NULL) {
        own->bell = open_semaphore(sleep->bell);
        if (own->bell == NULL) {
            return false;
        }
    }
    if (!native_taken_begin(&own->taken, sleep->count)) {
        return false;
    }
    sleep->handles[sleep->fixed++] = own->bell;
    if (event != NULL) {
        sleep->handles[sleep->fixed++] = event;
    }
    sleep->crowded = sleep->count > DIRECT_MAX;
    sleep->direct = sleep->crowded ? DIRECT_MAX : sleep->count;
    if (sleep->crowded) {
        if (!register_all(own, sleep->watched + DIRECT_MAX, sleep->count - DIRECT_MAX)) {
            return false;
        }
        sleep->handles[sleep->fixed++] = own->death;
    }
    for (size_t i = 0; i < sleep->direct; i++) {
        sleep->handles[sleep->fixed + i] = (HANDLE)sleep->watched[i]->native;
    }
    return true;
}

/* Asks the system about each, 64 at a time. */
static bool find_dead(const struct sleep *sleep, size_t *dead) {
    for (size_t from = 0; from < sleep->count; from += MAXIMUM_WAIT_OBJECTS) {
        HANDLE handles[MAXIMUM_WAIT_OBJECTS];
        DWORD count = 0;
        for (size_t i = from; i < sleep->count && count < MAXIMUM_WAIT_OBJECTS; i++) {
            handles[count++] = (HANDLE)sleep->watched[i]->native;
        }
        DWORD result = WaitForMultipleObjects(count, handles, FALSE, 0);
        if (result < WAIT_OBJECT_0 + count) {
            *dead = from + (result - WAIT_OBJECT_0);
            note_taken(sleep, *dead);
            return true;
        }
    }
    return false;
}

/* Whether a death is known, from what the wait returned and from the registered. */
static bool death_was_told(const struct sleep *sleep, DWORD result, size_t *dead) {
    if (result >= WAIT_OBJECT_0 + sleep->fixed &&
        result < WAIT_OBJECT_0 + sleep->fixed + sleep->direct) {
        *dead = result - WAIT_OBJECT_0 - sleep->fixed;
        return true;
    }
    for (size_t i = DIRECT_MAX; sleep->crowded && i < sleep->count; i++) {
        if (atomic_load(&sleep->own->registered[i - DIRECT_MAX]->dead)) {
            *dead = i;
            return true;
        }
    }
    return false;
}

static DWORD remaining(int64_t deadline) {
    int64_t left = deadline - plat_now_ns();
    return left > 0 ? native_milliseconds(left) : 0;
}

static int doze(const struct sleep *sleep, size_t *dead) {
    if (find_dead(sleep, dead)) {
        return SPORK_EPEERDIED;
    }
    int64_t left = sleep->deadline - plat_now_ns();
    if (left <= 0) {
        return SPORK_ETIMEDOUT;
    }
    plat_sleep_ns(left < doze_ns ? left : doze_ns);
    return 0;
}

static int sleep_by_handles(struct sleep *sleep, bool can_wait, size_t *dead) {
    for (;;) {
        if (rung(sleep->bell)) {
            return 0;
        }
        if (!can_wait) {
            return doze(sleep, dead);
        }
        /* An earlier sleep may have used up the event of a death. */
        if (death_was_told(sleep, WAIT_TIMEOUT, dead)) {
            return SPORK_EPEERDIED;
        }
        DWORD result =
            WaitForMultipleObjects(sleep->fixed + (DWORD)sleep->direct, sleep->handles,
                                   FALSE, remaining(sleep->deadline));
        bool told = death_was_told(sleep, result, dead);
        if (told && *dead < sleep->direct) {
            note_taken(sleep, *dead);
        }
        if (rung(sleep->bell)) {
            return 0;
        }
        if (told) {
            return SPORK_EPEERDIED;
        }
        bool is_death_event =
            sleep->crowded && result == WAIT_OBJECT_0 + sleep->fixed - 1;
        if (result < WAIT_OBJECT_0 + sleep->fixed && !is_death_event) {
            return 0;
        }
        if (result == WAIT_FAILED) {
            can_wait = false;
        } else if (plat_now_ns() >= sleep->deadline) {
            /* The pool's threads may be late with a death that came before. */
            return sleep->crowded && find_dead(sleep, dead) ? SPORK_EPEERDIED
                                                            : SPORK_ETIMEDOUT;
        }
    }
}

int native_sleep(struct plat_sleeper *sleeper, struct plat_bell *bell, HANDLE event,
                 int64_t deadline, const struct plat_process *const *watched,
                 size_t count, size_t *dead) {
    struct sleep sleep = {.own = own_of(sleeper),
                          .bell = bell,
                          .deadline = deadline,
                          .watched = watched,
                          .count = count};
    int result = sleep_by_handles(&sleep, collect(&sleep, event), dead);
    unregister_foreign(&sleep);
    return result;
}

int plat_bell_sleep(struct plat_sleeper *sleeper, struct plat_bell *bell,
                    int64_t deadline, const struct plat_process *const *watched,
                    size_t count, size_t *dead) {
    return native_sleep(sleeper, bell, NULL, deadline, watched, count, dead);
}

/* ---- For doorbells, and natives of the host ---- */

HANDLE native_doorbell_open(struct plat_sleeper *sleeper, const struct plat_bell *bell) {
    struct own *own = own_of(sleeper);
    if (own == NULL) {
        error_set(SPORK_ENOMEM, "no memory for a doorbell");
        return NULL;
    }
    own->is_doorbell = true;
    own->bell = open_semaphore(bell);
    if (own->bell == NULL) {
        native_error(SPORK_ESYSTEM, GetLastError(), "CreateSemaphoreW");
    }
    return own->bell;
}

HANDLE native_doorbell(struct plat_sleeper *sleeper) {
    return own_of(sleeper)->bell;
}

int native_doorbell_register(struct plat_sleeper *sleeper,
                             const struct plat_process *const *watched, size_t count,
                             size_t *dead) {
    struct own *own = own_of(sleeper);
    if (!register_all(own, watched, count)) {
        return error_set(SPORK_ESYSTEM, "%zu processes cannot be watched", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (atomic_load(&own->registered[i]->dead)) {
            *dead = i;
            return SPORK_EPEERDIED;
        }
    }
    return 0;
}

struct native_taken *native_taken_of(const struct plat_sleeper *sleeper) {
    return sleeper->open ? &((struct own *)sleeper->natives[0])->taken : NULL;
}
