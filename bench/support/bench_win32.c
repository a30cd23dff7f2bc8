/* What benchmarks ask of Windows, and what it has of its own. */
#include <windows.h>

#include "bench_system.h"

int64_t bench_now(void) {
    LARGE_INTEGER now;
    LARGE_INTEGER frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (int64_t)((double)now.QuadPart * 1e9 / (double)frequency.QuadPart);
}

void bench_pin(int processor) {
    DWORD_PTR all = 0;
    DWORD_PTR system = 0;
    GetProcessAffinityMask(GetCurrentProcess(), &all, &system);
    SetThreadAffinityMask(GetCurrentThread(), processor < 0 ? all : (DWORD_PTR)1 << processor);
}

void bench_relax(void) {
    YieldProcessor();
}

void bench_yield(void) {
    SwitchToThread();
}

static void must(bool well, const char *what) {
    if (!well) {
        fprintf(stderr, "bench: %s: %lu\n", what, (unsigned long)GetLastError());
        exit(EXIT_FAILURE);
    }
}

/* ---- messages ---- */

struct meeting_place {
    enum bench_stream_kind kind;
    size_t size;
    char name[96];
};

struct bench_stream {
    HANDLE handle;
};

/* A pipe of messages, or a mailslot with a message for each message; no pipes of bytes. */
bool bench_stream_make(void *memory, enum bench_stream_kind kind, size_t size) {
    static unsigned number;
    struct meeting_place *place = memory;
    *place = (struct meeting_place){.kind = kind, .size = size};
    snprintf(place->name, sizeof place->name, "\\\\.\\%s\\spork-bench-%lu-%u",
             kind == BENCH_STREAM_MQUEUE ? "mailslot" : "pipe",
             (unsigned long)GetCurrentProcessId(), number++);
    return kind == BENCH_STREAM_PACKETS ||
           (kind == BENCH_STREAM_MQUEUE && size < 60 * 1024);
}

void bench_stream_unmake(void *memory) {
    (void)memory; /* gone with its handles */
}

static HANDLE make_reader(const struct meeting_place *place) {
    if (place->kind == BENCH_STREAM_MQUEUE) {
        return CreateMailslotA(place->name, 0, MAILSLOT_WAIT_FOREVER, NULL);
    }
    HANDLE handle = CreateNamedPipeA(place->name, PIPE_ACCESS_INBOUND,
                                     PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT, 1,
                                     65536, 65536, 0, NULL);
    must(handle != INVALID_HANDLE_VALUE, place->name);
    must(ConnectNamedPipe(handle, NULL) || GetLastError() == ERROR_PIPE_CONNECTED, "connect");
    return handle;
}

bench_stream *bench_stream_open(void *memory, bool writes) {
    const struct meeting_place *place = memory;
    bench_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        abort();
    }
    stream->handle = INVALID_HANDLE_VALUE;
    for (int i = 0; i < 5000 && writes && stream->handle == INVALID_HANDLE_VALUE; i++) {
        stream->handle =
            CreateFileA(place->name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                        OPEN_EXISTING, 0, NULL);
        if (stream->handle == INVALID_HANDLE_VALUE) {
            Sleep(1);
        }
    }
    if (!writes) {
        stream->handle = make_reader(place);
    }
    must(stream->handle != INVALID_HANDLE_VALUE, place->name);
    return stream;
}

void bench_stream_close(bench_stream *stream) {
    CloseHandle(stream->handle);
    free(stream);
}

void bench_stream_put(bench_stream *stream, const void *data, size_t size) {
    DWORD written;
    must(WriteFile(stream->handle, data, (DWORD)size, &written, NULL), "WriteFile");
}

void bench_stream_get(bench_stream *stream, void *data, size_t size) {
    DWORD got;
    must(ReadFile(stream->handle, data, (DWORD)size, &got, NULL), "ReadFile");
}

/* ---- starting ---- */

double bench_start_copy(void) {
    return NAN;
}

double bench_start_program(const char *path) {
    char command[1024];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    snprintf(command, sizeof command, "\"%s\" --nothing", path);
    int64_t begin = bench_now();
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) {
        return NAN;
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    double duration = (double)(bench_now() - begin);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return duration;
}

bool bench_has_memory(size_t size) {
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    return GlobalMemoryStatusEx(&status) && status.ullAvailPhys >= size;
}

/* ---- locks ---- */

/* A lock that spins, and lets others run: Windows has no wait on a word between processes. */
void bench_lock(void *memory) {
    _Atomic uint32_t *word = memory;
    for (uint32_t found = 0; !atomic_compare_exchange_strong(word, &found, 1); found = 0) {
        YieldProcessor();
    }
}

void bench_unlock(void *memory) {
    atomic_store((_Atomic uint32_t *)memory, 0);
}
