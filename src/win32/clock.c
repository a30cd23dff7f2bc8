/* Time, chance, processors; what this platform can do; and, for this backend's own use,
   texts and the words of failures. */
#include "native.h"

#include <bcrypt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct plat_capabilities *plat_capabilities(void) {
    static const struct plat_capabilities capabilities = {
        .can_fork = false,
        .can_mailslot = true,
        .can_message_pipe = true,
        .has_signals = false,
    };
    return &capabilities;
}

static int64_t ticks_per_second(void) {
    static _Atomic int64_t known;
    int64_t ticks = atomic_load_explicit(&known, memory_order_relaxed);
    if (ticks == 0) {
        LARGE_INTEGER frequency;
        QueryPerformanceFrequency(&frequency);
        ticks = frequency.QuadPart;
        atomic_store_explicit(&known, ticks, memory_order_relaxed);
    }
    return ticks;
}

int64_t plat_now_ns(void) {
    const int64_t second = 1000000000;
    int64_t per_second = ticks_per_second();
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    /* In two parts, as the product of the whole would overflow after 15 minutes. */
    return counter.QuadPart / per_second * second +
           counter.QuadPart % per_second * second / per_second;
}

void plat_sleep_ns(int64_t duration) {
    int64_t now = plat_now_ns();
    int64_t end = duration < PLAT_NEVER - now ? now + duration : PLAT_NEVER;
    while (now < end) {
        Sleep(native_milliseconds(end - now));
        now = plat_now_ns();
    }
}

void plat_yield(void) {
    SwitchToThread();
}

void plat_relax(void) {
    YieldProcessor();
}

int plat_random(void *bytes, size_t size) {
    unsigned char *at = bytes;
    while (size > 0) {
        ULONG part = size < (1u << 20) ? (ULONG)size : 1u << 20;
        NTSTATUS status =
            BCryptGenRandom(NULL, at, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
        if (status < 0) {
            return error_set(SPORK_ESYSTEM, "BCryptGenRandom: status 0x%08lX",
                             (unsigned long)status);
        }
        at += part;
        size -= part;
    }
    return 0;
}

int plat_cpu_count(void) {
    DWORD_PTR process = 0;
    DWORD_PTR all = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &all) && process != 0) {
        return __builtin_popcountll(process);
    }
    /* The mask is zero for a process with threads in several groups of 64 processors. */
    DWORD count = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return count > 0 ? (int)count : 1;
}

/* FlushProcessWriteBuffers reaches the threads of one process only. */
int plat_barrier_join(void) {
    return SPORK_ENOTSUP;
}

int plat_barrier(void) {
    return SPORK_ENOTSUP;
}

static void describe(char *text, size_t size, DWORD code) {
    wchar_t wide[256];
    DWORD length =
        FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                           FORMAT_MESSAGE_MAX_WIDTH_MASK,
                       NULL, code, 0, wide, sizeof wide / sizeof *wide, NULL);
    while (length > 0 && (wide[length - 1] == L' ' || wide[length - 1] == L'.')) {
        length--;
    }
    int written = WideCharToMultiByte(CP_UTF8, 0, wide, (int)length, text, (int)size - 1,
                                      NULL, NULL);
    text[written > 0 ? written : 0] = '\0';
    if (written <= 0) {
        snprintf(text, size, "error");
    }
}

int native_error(int error, DWORD code, const char *format, ...) {
    char context[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    char words[800];
    describe(words, sizeof words, code);
    return error_set(error, "%s: %s (%lu)", context, words, (unsigned long)code);
}

wchar_t *native_wide(const char *text, int *error) {
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (length <= 0) {
        *error = error_set(SPORK_EINVAL, "the text is not UTF-8: %.200s", text);
        return NULL;
    }
    wchar_t *wide = malloc((size_t)length * sizeof *wide);
    if (wide == NULL) {
        *error = error_set(SPORK_ENOMEM, "a text of %d characters", length);
        return NULL;
    }
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, length);
    return wide;
}

char *native_utf8(const wchar_t *text, int *error) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *utf8 = size > 0 ? malloc((size_t)size) : NULL;
    if (utf8 == NULL) {
        *error = error_set(SPORK_ENOMEM, "a text of %d bytes", size);
        return NULL;
    }
    WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, size, NULL, NULL);
    return utf8;
}

/* Puts \\?\ before an absolute path, \\?\UNC\ in place of the two first backslashes of
   one on a network share. */
static wchar_t *lift_limit(const wchar_t *path) {
    static const wchar_t local[] = L"\\\\?\\";
    static const wchar_t share[] = L"\\\\?\\UNC\\";
    DWORD length = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *lifted = calloc((size_t)length + sizeof share, sizeof *lifted);
    wchar_t *whole = calloc((size_t)length + 1, sizeof *whole);
    if (lifted != NULL && whole != NULL && length > 0) {
        GetFullPathNameW(path, length, whole, NULL);
        bool on_share = whole[0] == L'\\' && whole[1] == L'\\';
        wcscpy(lifted, on_share ? share : local);
        wcscat(lifted, on_share ? whole + 2 : whole);
    }
    free(whole);
    return lifted;
}

wchar_t *native_wide_path(const char *path, int *error) {
    wchar_t *wide = native_wide(path, error);
    /* 12 less than the limit: some calls want room for a short file name behind. */
    if (wide == NULL || wcslen(wide) < MAX_PATH - 12 ||
        wcsncmp(wide, L"\\\\?\\", 4) == 0) {
        return wide;
    }
    wchar_t *lifted = lift_limit(wide);
    free(wide);
    if (lifted == NULL) {
        *error = error_set(SPORK_ENOMEM, "a path of %zu bytes", strlen(path));
    }
    return lifted;
}
