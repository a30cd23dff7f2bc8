/* Processes, HANDLEs and files, past spork. */
#include "../../support_native.h"

#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"
#include <shellapi.h>
#include <tlhelp32.h>
#include <winternl.h>

bool native_is_windows(void) {
    return true;
}

/* ---- processes ---- */

int64_t native_pid(void) {
    return GetCurrentProcessId();
}

const char *native_program(void) {
    static char path[4 * WIDE_SIZE];
    wchar_t text[WIDE_SIZE];
    GetModuleFileNameW(NULL, text, WIDE_SIZE);
    WideCharToMultiByte(CP_UTF8, 0, text, -1, path, sizeof path, NULL, NULL);
    return path;
}

bool native_process_runs(int64_t pid) {
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
    bool runs = process != NULL && WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
    if (process != NULL) {
        CloseHandle(process);
    }
    return runs;
}

void native_process_kill(int64_t pid) {
    HANDLE process = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)pid);
    if (process != NULL) {
        TerminateProcess(process, 9);
        CloseHandle(process);
    }
}

bool native_sentinel_ready(intptr_t sentinel, int64_t timeout_ms) {
    return WaitForSingleObject((HANDLE)sentinel, (DWORD)timeout_ms) == WAIT_OBJECT_0;
}

int native_own_children(void) {
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};
    HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    int count = 0;
    for (BOOL more = Process32First(snapshot, &entry); more;
         more = Process32Next(snapshot, &entry)) {
        count += entry.th32ParentProcessID == GetCurrentProcessId();
    }
    CloseHandle(snapshot);
    return count;
}

void native_exit_now(int exit_code) {
    TerminateProcess(GetCurrentProcess(), (UINT)exit_code);
}

void native_crash(void) {
    /* What an unhandled access violation ends with, without a debugger being asked. */
    native_exit_now((int)0xC0000005);
}

/* ---- arguments and environment ---- */

const char *native_argument(int argc, char **argv, int index) {
    static char text[65536];
    int count;
    LPWSTR *all = CommandLineToArgvW(GetCommandLineW(), &count);
    (void)argc;
    (void)argv;
    text[0] = '\0';
    if (all != NULL && index < count) {
        WideCharToMultiByte(CP_UTF8, 0, all[index], -1, text, sizeof text, NULL, NULL);
    }
    LocalFree(all);
    return all != NULL && index < count ? text : NULL;
}

void native_set_variable(const char *name, const char *value) {
    char assignment[WIDE_SIZE];
    snprintf(assignment, sizeof assignment, "%s=%s", name, value == NULL ? "" : value);
    _putenv(assignment);
    SetEnvironmentVariableA(name, value);
}

uint64_t native_environment_sum(void) {
    uint64_t sum = 0;
    LPWCH all = GetEnvironmentStringsW();
    for (const wchar_t *variable = all; *variable != L'\0'; variable += wcslen(variable) + 1) {
        uint64_t hash = 14695981039346656037u;
        for (const wchar_t *at = variable; *at != L'\0'; at++) {
            hash = (hash ^ (uint64_t)*at) * 1099511628211u;
        }
        sum += hash;
    }
    FreeEnvironmentStringsW(all);
    return sum;
}

/* ---- HANDLEs ---- */

enum { MOST_HANDLES = 4096 };

int native_descriptor_count(void) {
    DWORD counted = 0;
    DWORD flags;
    int found = 0;
    GetProcessHandleCount(GetCurrentProcess(), &counted);
    /* Wine 8 does not count them. */
    for (intptr_t value = 4; counted == 0 && value < MOST_HANDLES; value += 4) {
        found += GetHandleInformation((HANDLE)value, &flags) != 0;
    }
    return counted != 0 ? (int)counted : found;
}

static bool is_semaphore(HANDLE handle) {
    typedef NTSTATUS(NTAPI * query)(HANDLE, int, void *, ULONG, ULONG *);
    enum { TYPE_INFORMATION = 2 };
    union {
        UNICODE_STRING name; /* what the information begins with */
        char bytes[1024];
    } type = {.name = {.Length = 0}};
    HMODULE system = GetModuleHandleW(L"ntdll.dll");
    query ask = (query)(void (*)(void))GetProcAddress(system, "NtQueryObject");
    return ask(handle, TYPE_INFORMATION, &type, sizeof type, NULL) >= 0 &&
           type.name.Buffer != NULL && wcscmp(type.name.Buffer, L"Semaphore") == 0;
}

int native_bell_count(void) {
    DWORD flags;
    int count = 0;
    for (intptr_t value = 4; value < MOST_HANDLES; value += 4) {
        count += GetHandleInformation((HANDLE)value, &flags) && is_semaphore((HANDLE)value);
    }
    return count;
}

intptr_t native_open_inheritable(const char *path) {
    wchar_t text[WIDE_SIZE];
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    return (intptr_t)CreateFileW(wide(path, text), GENERIC_READ | GENERIC_WRITE,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                 &inheritable, OPEN_ALWAYS, 0, NULL);
}

intptr_t native_open_inheritable_at(const char *path, int number) {
    (void)number;
    return native_open_inheritable(path);
}

void native_close(intptr_t descriptor) {
    CloseHandle((HANDLE)descriptor);
}

static bool identify(HANDLE handle, BY_HANDLE_FILE_INFORMATION *identity) {
    return GetFileType(handle) == FILE_TYPE_DISK &&
           GetFileInformationByHandle(handle, identity) != 0;
}

static bool identify_path(const char *path, BY_HANDLE_FILE_INFORMATION *identity) {
    wchar_t text[WIDE_SIZE];
    HANDLE file = CreateFileW(wide(path, text), 0,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    bool good = file != INVALID_HANDLE_VALUE && identify(file, identity);
    CloseHandle(file);
    return good;
}

static bool is_same(HANDLE handle, const BY_HANDLE_FILE_INFORMATION *file) {
    BY_HANDLE_FILE_INFORMATION opened;
    return identify(handle, &opened) && opened.nFileIndexLow == file->nFileIndexLow &&
           opened.nFileIndexHigh == file->nFileIndexHigh &&
           opened.dwVolumeSerialNumber == file->dwVolumeSerialNumber;
}

bool native_is_file(intptr_t descriptor, const char *path) {
    BY_HANDLE_FILE_INFORMATION file;
    return identify_path(path, &file) && is_same((HANDLE)descriptor, &file);
}

int native_count_open(const char *path) {
    BY_HANDLE_FILE_INFORMATION file;
    int count = 0;
    if (!identify_path(path, &file)) {
        return -1;
    }
    for (intptr_t value = 4; value < MOST_HANDLES; value += 4) {
        count += is_same((HANDLE)value, &file);
    }
    return count;
}

void native_close_streams(void) {
    _close(0);
    _close(1);
    _close(2);
}

bool native_close_all_but_streams(void) {
    return false;
}

static bool is_stream(HANDLE handle) {
    return handle == GetStdHandle(STD_INPUT_HANDLE) ||
           handle == GetStdHandle(STD_OUTPUT_HANDLE) ||
           handle == GetStdHandle(STD_ERROR_HANDLE);
}

int native_open_streams(void) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    DWORD flags;
    int count = 0;
    for (int i = 0; i < 3; i++) {
        HANDLE stream = GetStdHandle(streams[i]);
        count += stream != NULL && GetHandleInformation(stream, &flags) != 0;
    }
    return count;
}

static enum native_kind kind_of(HANDLE handle) {
    switch (GetFileType(handle)) {
    case FILE_TYPE_DISK:
        return NATIVE_FILE;
    case FILE_TYPE_PIPE:
        return NATIVE_PIPE;
    default:
        return NATIVE_OTHER;
    }
}

bool native_take_census(struct native_census *census) {
    memset(census, 0, sizeof *census);
    for (intptr_t value = 4; value < MOST_HANDLES; value += 4) {
        DWORD flags;
        HANDLE handle = (HANDLE)value;
        if (GetHandleInformation(handle, &flags) && (flags & HANDLE_FLAG_INHERIT) != 0 &&
            !is_stream(handle)) {
            census->of_kind[kind_of(handle)]++;
            census->inheritable++;
        }
    }
    return true;
}

bool native_limit_descriptors(int more) {
    (void)more;
    return false;
}

intptr_t native_signal_new(void) {
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    return event != NULL ? (intptr_t)event : -1;
}

void native_signal_set(intptr_t signal) {
    SetEvent((HANDLE)signal);
}

void native_signal_free(intptr_t signal) {
    CloseHandle((HANDLE)signal);
}

bool native_signal_is_consumed(void) {
    return true;
}

/* ---- files ---- */

bool native_limit_files(uint64_t size) {
    (void)size;
    return false;
}

bool native_temporary_directory(char *path, size_t size) {
    static int number;
    const char *folder = getenv("TEMP");
    wchar_t text[WIDE_SIZE];
    do { /* an earlier process of this id may have left one */
        snprintf(path, size, "%s/test-%lu-%d", folder != NULL ? folder : ".",
                 (unsigned long)GetCurrentProcessId(), number++);
        if (CreateDirectoryW(wide(path, text), NULL)) {
            return true;
        }
    } while (GetLastError() == ERROR_ALREADY_EXISTS);
    return false;
}

int native_count_entries(const char *directory) {
    char pattern[WIDE_SIZE];
    wchar_t text[WIDE_SIZE];
    WIN32_FIND_DATAW entry;
    int count = 0;
    snprintf(pattern, sizeof pattern, "%s/*", directory);
    HANDLE search = FindFirstFileW(wide(pattern, text), &entry);
    if (search == INVALID_HANDLE_VALUE) {
        return -1;
    }
    do {
        count += wcscmp(entry.cFileName, L".") != 0 && wcscmp(entry.cFileName, L"..") != 0;
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    return count;
}

bool native_remove_directory(const char *directory) {
    wchar_t text[WIDE_SIZE];
    return RemoveDirectoryW(wide(directory, text)) != 0;
}

bool native_exists(const char *path) {
    wchar_t text[WIDE_SIZE];
    return GetFileAttributesW(wide(path, text)) != INVALID_FILE_ATTRIBUTES;
}

bool native_copy(const char *from, const char *to) {
    wchar_t source[WIDE_SIZE];
    wchar_t target[WIDE_SIZE];
    if (CopyFileW(wide(from, source), wide(to, target), TRUE) == 0) {
        return false;
    }
    /* A copy keeps the time of what it was made from: a program that was built anew has not. */
    HANDLE file = CreateFileW(target, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ, NULL,
                              OPEN_EXISTING, 0, NULL);
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    bool good = SetFileTime(file, NULL, NULL, &now) != 0;
    CloseHandle(file);
    return good;
}

bool native_rename(const char *from, const char *to) {
    wchar_t source[WIDE_SIZE];
    wchar_t target[WIDE_SIZE];
    return MoveFileW(wide(from, source), wide(to, target)) != 0;
}

intptr_t native_open_alone(const char *path) {
    wchar_t text[WIDE_SIZE];
    return (intptr_t)CreateFileW(wide(path, text), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
}

/* ---- names ---- */

/* Only the undocumented calls of ntdll list them. */
bool native_list_names(const char *part, char *text, size_t size) {
    (void)part;
    snprintf(text, size, "%s", "");
    return false;
}
