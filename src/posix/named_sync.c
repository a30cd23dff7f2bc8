/* Locks and semaphores that have a name. A lock is a robust mutex in named memory. A semaphore
   is a count there, changed by compare-and-swap, with a futex to sleep on: so that its bound
   and a release of several are one step; one that persists is the system's own (sem_open). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

_Static_assert(sizeof(pthread_mutex_t) <= PLAT_LOCK_SIZE, "PLAT_LOCK_SIZE is too small");

static struct timespec time_of(int64_t deadline) {
    return (struct timespec){(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
}

/* ---- locks ---- */

int plat_lock_create(struct plat_lock *lock, const struct plat_named *named) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    *lock = (struct plat_lock){named->base, PLAT_NO_NATIVE};
    int number = pthread_mutex_init(lock->place, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "pthread_mutex_init", number);
}

int plat_lock_open(struct plat_lock *lock, const struct plat_named *named) {
    *lock = (struct plat_lock){named->base, PLAT_NO_NATIVE};
    return 0;
}

#ifdef __SANITIZE_THREAD__
/* The sanitizer knows of robust mutexes only what trylock tells it. */
static int wait_for_mutex(pthread_mutex_t *mutex, int64_t deadline) {
    int number = pthread_mutex_trylock(mutex);
    while (number == EBUSY && plat_now_ns() < deadline) {
        plat_sleep_ns(1000000);
        number = pthread_mutex_trylock(mutex);
    }
    return number;
}
#else
static int wait_for_mutex(pthread_mutex_t *mutex, int64_t deadline) {
    const struct timespec time = time_of(deadline);
    int number = pthread_mutex_trylock(mutex);
    if (number != EBUSY || deadline <= 0) {
        return number;
    }
    return deadline == PLAT_NEVER ? pthread_mutex_lock(mutex)
                                  : pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &time);
}
#endif

int plat_lock_acquire(struct plat_lock *lock, int64_t deadline) {
    int number = wait_for_mutex(lock->place, deadline);
    if (number == EOWNERDEAD) {
        pthread_mutex_consistent(lock->place);
        return SPORK_EOWNERDIED;
    }
    if (number == EBUSY || number == ETIMEDOUT) {
        return SPORK_ETIMEDOUT;
    }
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "acquiring a named lock", number);
}

void plat_lock_release(struct plat_lock *lock) {
    pthread_mutex_unlock(lock->place);
}

void plat_lock_close(struct plat_lock *lock) {
    lock->place = NULL;
}

/* ---- semaphores ---- */

/* waiters may stay too high when one is killed: that costs system calls and no more. */
struct words {
    _Atomic uint32_t count;
    _Atomic uint32_t waiters;
    int32_t most;
};

static struct words *words_of(const struct plat_semaphore *semaphore) {
    return (struct words *)(void *)semaphore->named.base;
}

/* The system's own, if it persists. */
static sem_t *system_of(const struct plat_semaphore *semaphore) {
    return (sem_t *)semaphore->native;
}

static int open_system(struct plat_semaphore *semaphore, const char *name, int flags,
                       unsigned value) {
    char path[PLAT_NAME_MOST + 2] = "/";
    strncat(path, name, PLAT_NAME_MOST);
    sem_t *opened = sem_open(path, flags, 0600, value);
    if (opened == SEM_FAILED) {
        int error = errno == EEXIST   ? SPORK_EEXISTS
                    : errno == ENOENT ? SPORK_ENOTFOUND
                    : errno == ENOSPC ? SPORK_ENOSPACE
                                      : SPORK_ESYSTEM;
        return native_error(error, "sem_open", errno);
    }
    *semaphore = (struct plat_semaphore){
        .named = {.kind = PLAT_NAMED_SEMAPHORE, .persist = true}, .native = (intptr_t)opened};
    return 0;
}

static int create_system(struct plat_semaphore *semaphore, const char *name, int32_t value) {
    intptr_t claim;
    int error = native_named_claim(&claim, name);
    if (error == 0) {
        error = open_system(semaphore, name, O_CREAT | O_EXCL, (unsigned)value);
        native_named_disclaim(claim);
    }
    return error;
}

int plat_semaphore_create(struct plat_semaphore *semaphore, const char *name, int32_t value,
                          int32_t most, bool persist) {
    struct plat_semaphore made = {.native = 0};
    if (persist) {
        return create_system(semaphore, name, value);
    }
    int error = plat_named_create(&made.named, PLAT_NAMED_SEMAPHORE, name,
                                  sizeof(struct words), false);
    if (error != 0) {
        return error;
    }
    atomic_store(&words_of(&made)->count, (uint32_t)value);
    words_of(&made)->most = most;
    error = plat_named_publish(&made.named, name);
    if (error != 0) {
        plat_named_close(&made.named);
        return error;
    }
    *semaphore = made;
    return 0;
}

int plat_semaphore_open(struct plat_semaphore *semaphore, const char *name) {
    struct plat_semaphore opened = {.native = 0};
    int error = native_named_open_claimed(&opened.named, PLAT_NAMED_SEMAPHORE, name);
    if (error == 0) {
        *semaphore = opened;
    }
    return error == SPORK_ENOTFOUND ? open_system(semaphore, name, 0, 0) : error;
}

static bool take(struct words *words) {
    uint32_t count = atomic_load(&words->count);
    while (count > 0) {
        if (atomic_compare_exchange_weak(&words->count, &count, count - 1)) {
            return true;
        }
    }
    return false;
}

static int take_system(sem_t *semaphore, int64_t deadline) {
    const struct timespec time = time_of(deadline);
    int result;
    do {
        result = deadline <= 0            ? sem_trywait(semaphore)
                 : deadline == PLAT_NEVER ? sem_wait(semaphore)
                                          : sem_clockwait(semaphore, CLOCK_MONOTONIC, &time);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != ETIMEDOUT && errno != EAGAIN) {
        return native_error(SPORK_ESYSTEM, "waiting for a semaphore", errno);
    }
    return result == 0 ? 0 : SPORK_ETIMEDOUT;
}

int plat_semaphore_take(struct plat_semaphore *semaphore, int64_t deadline) {
    struct words *words = words_of(semaphore);
    const struct timespec time = time_of(deadline);
    if (semaphore->native != 0) {
        return take_system(system_of(semaphore), deadline);
    }
    while (!take(words)) {
        if (deadline <= 0 || plat_now_ns() >= deadline) {
            return SPORK_ETIMEDOUT;
        }
        /* Who gives stores the count first and then reads waiters; the kernel looks at the
           count again. */
        atomic_fetch_add(&words->waiters, 1);
        syscall(SYS_futex, &words->count, FUTEX_WAIT_BITSET, 0,
                deadline == PLAT_NEVER ? NULL : &time, NULL, FUTEX_BITSET_MATCH_ANY);
        atomic_fetch_sub(&words->waiters, 1);
    }
    return 0;
}

static int too_many(int32_t count) {
    return error_set(SPORK_EOVERRELEASE, "a release of %ld is above the bound", (long)count);
}

static int give_system(sem_t *semaphore, int32_t count) {
    int value = 0;
    sem_getvalue(semaphore, &value);
    if (value > INT32_MAX - count) {
        return too_many(count);
    }
    for (int32_t i = 0; i < count; i++) {
        if (sem_post(semaphore) != 0) {
            return too_many(count);
        }
    }
    return 0;
}

int plat_semaphore_give(struct plat_semaphore *semaphore, int32_t count) {
    struct words *words = words_of(semaphore);
    if (semaphore->native != 0) {
        return give_system(system_of(semaphore), count);
    }
    uint32_t present = atomic_load(&words->count);
    do {
        if (count > words->most || present > (uint32_t)(words->most - count)) {
            return too_many(count);
        }
    } while (!atomic_compare_exchange_weak(&words->count, &present,
                                           present + (uint32_t)count));
    if (atomic_load(&words->waiters) != 0) {
        syscall(SYS_futex, &words->count, FUTEX_WAKE, count, NULL, NULL, 0);
    }
    return 0;
}

int32_t plat_semaphore_count(struct plat_semaphore *semaphore) {
    int value = 0;
    if (semaphore->native != 0) {
        return sem_getvalue(system_of(semaphore), &value) == 0 ? value : 0;
    }
    return (int32_t)atomic_load(&words_of(semaphore)->count);
}

void plat_semaphore_close(struct plat_semaphore *semaphore) {
    if (semaphore->native != 0) {
        sem_close(system_of(semaphore));
    } else {
        plat_named_close(&semaphore->named);
    }
    semaphore->native = 0;
}
