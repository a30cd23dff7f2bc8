/* The probes of Windows. */
#include <windows.h>
#define PSAPI_VERSION 2 /* out of kernel32 */
#include <psapi.h>

#include "bench_probe.h"

static void must(bool well, const char *what) {
    if (!well) {
        fprintf(stderr, "bench: %s: %lu\n", what, (unsigned long)GetLastError());
        exit(EXIT_FAILURE);
    }
}

/* ---- a bell: an event with a name ---- */

/* The handle is the one of main, which keeps the event while nobody else has it open. */
struct bell_place {
    HANDLE handle;
    char name[64];
};
struct bench_bell {
    HANDLE handle;
};

void bench_bell_make(void *memory) {
    static unsigned number;
    struct bell_place *place = memory;
    snprintf(place->name, sizeof place->name, "Local\\spork-bench-bell-%lu-%u",
             (unsigned long)GetCurrentProcessId(), number++);
    place->handle = CreateEventA(NULL, FALSE, FALSE, place->name);
    must(place->handle != NULL, place->name);
}

void bench_bell_unmake(void *memory) {
    CloseHandle(((struct bell_place *)memory)->handle);
}

bench_bell *bench_bell_open(void *memory) {
    const struct bell_place *place = memory;
    bench_bell *bell = malloc(sizeof *bell);
    if (bell == NULL) {
        abort();
    }
    bell->handle = OpenEventA(SYNCHRONIZE | EVENT_MODIFY_STATE, FALSE, place->name);
    must(bell->handle != NULL, place->name);
    return bell;
}

void bench_bell_close(bench_bell *bell) {
    CloseHandle(bell->handle);
    free(bell);
}

void bench_bell_ring(bench_bell *bell) {
    must(SetEvent(bell->handle), "SetEvent");
}

void bench_bell_wait(bench_bell *bell) {
    must(WaitForSingleObject(bell->handle, INFINITE) == WAIT_OBJECT_0, "WaitForSingleObject");
}

/* ---- idle processes ---- */

/* Whose parent is gone has to end by itself, as no measurement takes so long. */
void bench_be_idle(void) {
    Sleep(120 * 1000);
    exit(EXIT_SUCCESS);
}

int64_t bench_idle_copy(void) {
    return -1;
}

int64_t bench_idle_program(const char *path) {
    char command[1024];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    snprintf(command, sizeof command, "\"%s\" --idle", path);
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) {
        return -1;
    }
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return (int64_t)process.dwProcessId;
}

void bench_end_idle(int64_t process) {
    HANDLE handle = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, (DWORD)process);
    if (handle != NULL) {
        TerminateProcess(handle, 0);
        WaitForSingleObject(handle, INFINITE);
        CloseHandle(handle);
    }
}

/* ---- memory ---- */

double bench_private_bytes(int64_t process) {
    PROCESS_MEMORY_COUNTERS_EX counters = {.cb = sizeof counters};
    HANDLE handle = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE,
                                (DWORD)process);
    bool known = handle != NULL &&
                 GetProcessMemoryInfo(handle, (PROCESS_MEMORY_COUNTERS *)&counters,
                                      sizeof counters);
    if (handle != NULL) {
        CloseHandle(handle);
    }
    /* Wine does not know it of others, and says 0. */
    return known && counters.PrivateUsage > 0 ? (double)counters.PrivateUsage : NAN;
}

/* Each has a mailslot. Wine's server has three descriptors for one, and ends, without a word, a
   process for which it has none left: of 20,000, at 6,700 queues. */
int64_t bench_most_queues(void) {
    return 5000;
}

double bench_memory_available(void) {
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    return GlobalMemoryStatusEx(&status) ? (double)status.ullAvailPhys : NAN;
}
