/* Threads of this process, and a mutex between them. */
#include "native.h"

#include <errno.h>
#include <process.h>
#include <stdlib.h>
#include <tlhelp32.h>

_Static_assert(sizeof(SRWLOCK) <= sizeof(plat_mutex),
               "an SRW lock must fit a plat_mutex");

/* Zeroed memory is SRWLOCK_INIT. */
static SRWLOCK *srw_lock(plat_mutex *mutex) {
    return (SRWLOCK *)(void *)mutex;
}

void plat_mutex_lock(plat_mutex *mutex) {
    AcquireSRWLockExclusive(srw_lock(mutex));
}

void plat_mutex_unlock(plat_mutex *mutex) {
    ReleaseSRWLockExclusive(srw_lock(mutex));
}

struct beginning {
    void (*run)(void *);
    void *argument;
};

static unsigned __stdcall begin(void *argument) {
    struct beginning beginning = *(struct beginning *)argument;
    free(argument);
    beginning.run(beginning.argument);
    return 0;
}

int plat_thread_start(struct plat_thread *thread, void (*run)(void *), void *argument) {
    struct beginning *beginning = malloc(sizeof *beginning);
    if (beginning == NULL) {
        return error_set(SPORK_ENOMEM, "a thread");
    }
    *beginning = (struct beginning){run, argument};
    /* Not CreateThread: the C library wants to know of threads that use it. */
    uintptr_t handle = _beginthreadex(NULL, 0, begin, beginning, 0, NULL);
    if (handle == 0) {
        int code = errno;
        free(beginning);
        return error_set(code == ENOMEM ? SPORK_ENOMEM : SPORK_ESYSTEM,
                         "_beginthreadex: errno %d", code);
    }
    thread->native = (intptr_t)handle;
    return 0;
}

void plat_thread_join(struct plat_thread *thread) {
    WaitForSingleObject((HANDLE)thread->native, INFINITE);
    CloseHandle((HANDLE)thread->native);
    thread->native = PLAT_NO_NATIVE;
}

/* A slot of fiber-local storage, because that one has a callback: at a thread's end it
   comes before the C library's and the compiler's thread-local memory goes. */
static _Atomic DWORD exit_slot = FLS_OUT_OF_INDEXES;
static void (*_Atomic exit_hook)(void *value);

/* When the process ends, its other threads have been killed already, perhaps with locks in
   their hands: the hook must not run in what is left. Asked for beforehand: at a thread's end
   the system holds its list of callbacks, and another thread that begins may hold the
   loader's lock and want that list, so the callback must not want the loader's lock. */
typedef BOOLEAN(WINAPI *shutdown_test)(void);
static shutdown_test is_shutting_down;

static void find_shutdown_test(void) {
    HMODULE system = GetModuleHandleW(L"ntdll.dll");
    FARPROC found =
        system != NULL ? GetProcAddress(system, "RtlDllShutdownInProgress") : NULL;
    is_shutting_down = (shutdown_test)(void (*)(void))found;
}

static void WINAPI thread_ends(void *value) {
    void (*hook)(void *) = atomic_load(&exit_hook);
    bool ending = is_shutting_down != NULL && is_shutting_down();
    if (value != NULL && hook != NULL && !ending) {
        hook(value);
    }
}

int plat_thread_on_exit(void (*hook)(void *value)) {
    atomic_store(&exit_hook, hook);
    if (atomic_load(&exit_slot) != FLS_OUT_OF_INDEXES) {
        return 0;
    }
    find_shutdown_test();
    /* The callback outlives whoever would unload a library that has it. */
    HMODULE module;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                           GET_MODULE_HANDLE_EX_FLAG_PIN,
                       (const wchar_t *)(void *)&exit_slot, &module);
    DWORD slot = FlsAlloc(thread_ends);
    if (slot == FLS_OUT_OF_INDEXES) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "FlsAlloc");
    }
    DWORD none = FLS_OUT_OF_INDEXES;
    if (!atomic_compare_exchange_strong(&exit_slot, &none, slot)) {
        FlsFree(slot);
    }
    return 0;
}

void plat_thread_set_value(void *value) {
    DWORD slot = atomic_load(&exit_slot);
    if (slot != FLS_OUT_OF_INDEXES) {
        FlsSetValue(slot, value);
    }
}

int plat_thread_count(void) {
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    if (snapshot == INVALID_HANDLE_VALUE) {
        return 1;
    }
    DWORD self = GetCurrentProcessId();
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    int count = 0;
    for (BOOL more = Thread32First(snapshot, &entry); more;
         more = Thread32Next(snapshot, &entry)) {
        count += entry.th32OwnerProcessID == self;
    }
    CloseHandle(snapshot);
    return count > 0 ? count : 1;
}

int plat_on_fork(void (*hook)(void)) {
    (void)hook;
    return 0;
}
