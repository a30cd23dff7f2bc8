/* Locks and semaphores that have a name: mutexes and semaphores of the system's, with random
   names that the entry of the user's name tells. */
#include "native.h"

/* What a wait is told for a deadline: it tries once if that has passed. */
static DWORD time_left(int64_t deadline) {
    int64_t left = deadline == 0 ? 0 : deadline - plat_now_ns();
    return left > 0 ? native_milliseconds(left) : 0;
}

/* Waits; true with what the wait said, false at the deadline. */
static bool wait_for(HANDLE handle, int64_t deadline, DWORD *said) {
    do {
        *said = WaitForSingleObject(handle, time_left(deadline));
    } while (*said == WAIT_TIMEOUT && deadline != 0 && plat_now_ns() < deadline);
    return *said != WAIT_TIMEOUT;
}

static int not_made(DWORD code, const char *what) {
    return native_error(code == ERROR_FILE_NOT_FOUND ? SPORK_ENOTFOUND : SPORK_ESYSTEM, code,
                        "%s", what);
}

/* ---- locks ---- */

int plat_lock_create(struct plat_lock *lock, const struct plat_named *named) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    SECURITY_ATTRIBUTES *access = native_private();
    if (access == NULL) {
        return SPORK_ESYSTEM;
    }
    native_named_object(wide, named, 'l');
    HANDLE mutex = CreateMutexW(access, FALSE, wide);
    if (mutex == NULL) {
        return not_made(GetLastError(), "CreateMutexW");
    }
    *lock = (struct plat_lock){named->base, (intptr_t)mutex};
    return 0;
}

int plat_lock_open(struct plat_lock *lock, const struct plat_named *named) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    native_named_object(wide, named, 'l');
    HANDLE mutex = OpenMutexW(SYNCHRONIZE | MUTEX_MODIFY_STATE, FALSE, wide);
    if (mutex == NULL) {
        return not_made(GetLastError(), "OpenMutexW");
    }
    *lock = (struct plat_lock){named->base, (intptr_t)mutex};
    return 0;
}

int plat_lock_acquire(struct plat_lock *lock, int64_t deadline) {
    DWORD said;
    if (!wait_for((HANDLE)lock->native, deadline, &said)) {
        return SPORK_ETIMEDOUT;
    }
    if (said == WAIT_ABANDONED) {
        return SPORK_EOWNERDIED;
    }
    return said == WAIT_OBJECT_0
               ? 0
               : native_error(SPORK_ESYSTEM, GetLastError(), "waiting for a mutex");
}

void plat_lock_release(struct plat_lock *lock) {
    ReleaseMutex((HANDLE)lock->native);
}

void plat_lock_close(struct plat_lock *lock) {
    CloseHandle((HANDLE)lock->native);
    *lock = (struct plat_lock){NULL, PLAT_NO_NATIVE};
}

/* ---- semaphores ---- */

/* In the named memory: the system has no semaphores with a bound of 0. */
static int32_t *most_of(const struct plat_semaphore *semaphore) {
    return (int32_t *)(void *)semaphore->named.base;
}

int plat_semaphore_create(struct plat_semaphore *semaphore, const char *name, int32_t value,
                          int32_t most, bool persist) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    struct plat_semaphore made;
    int error = plat_named_create(&made.named, PLAT_NAMED_SEMAPHORE, name,
                                  sizeof(int32_t), persist);
    if (error != 0) {
        return error;
    }
    native_named_object(wide, &made.named, 's');
    *most_of(&made) = most;
    HANDLE handle = CreateSemaphoreW(native_private(), value, most > 0 ? most : 1, wide);
    error = handle != NULL ? plat_named_publish(&made.named, name)
                           : not_made(GetLastError(), "CreateSemaphoreW");
    if (error != 0) {
        plat_named_close(&made.named);
        return error;
    }
    made.native = (intptr_t)handle;
    *semaphore = made;
    return 0;
}

int plat_semaphore_open(struct plat_semaphore *semaphore, const char *name) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    struct plat_semaphore opened;
    int error = plat_named_open(&opened.named, PLAT_NAMED_SEMAPHORE, name, false);
    if (error != 0) {
        return error;
    }
    native_named_object(wide, &opened.named, 's');
    HANDLE handle = OpenSemaphoreW(SEMAPHORE_ALL_ACCESS, FALSE, wide);
    if (handle == NULL) {
        error = not_made(GetLastError(), "OpenSemaphoreW");
        plat_named_close(&opened.named);
        return error;
    }
    opened.native = (intptr_t)handle;
    *semaphore = opened;
    return 0;
}

int plat_semaphore_take(struct plat_semaphore *semaphore, int64_t deadline) {
    DWORD said;
    if (!wait_for((HANDLE)semaphore->native, deadline, &said)) {
        return SPORK_ETIMEDOUT;
    }
    return said == WAIT_OBJECT_0
               ? 0
               : native_error(SPORK_ESYSTEM, GetLastError(), "waiting for a semaphore");
}

int plat_semaphore_give(struct plat_semaphore *semaphore, int32_t count) {
    if (*most_of(semaphore) > 0 &&
        ReleaseSemaphore((HANDLE)semaphore->native, count, NULL)) {
        return 0;
    }
    return error_set(SPORK_EOVERRELEASE, "a release of %ld is above the bound", (long)count);
}

/* Only the system's own interface below Win32 tells the count without changing it. */
int32_t plat_semaphore_count(struct plat_semaphore *semaphore) {
    struct {
        LONG count, most;
    } state = {0, 0};
    typedef LONG WINAPI query(HANDLE, int, void *, ULONG, ULONG *);
    static _Atomic(query *) known;
    query *ask = atomic_load(&known);
    if (ask == NULL) {
        FARPROC found = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySemaphore");
        ask = (query *)(void (*)(void))found;
        atomic_store(&known, ask);
    }
    if (ask != NULL) {
        ask((HANDLE)semaphore->native, 0, &state, sizeof state, NULL);
    }
    return state.count;
}

void plat_semaphore_close(struct plat_semaphore *semaphore) {
    if (semaphore->native != 0) {
        CloseHandle((HANDLE)semaphore->native);
    }
    semaphore->native = 0;
    plat_named_close(&semaphore->named);
}
