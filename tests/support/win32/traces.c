/* Open files by asking for one alone, names by the system's directories of objects. */
#include "../../support_traces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wide.h"
#include <winternl.h>

bool native_is_written_by_anyone(const char *path, char *who, size_t size) {
    wchar_t text[WIDE_SIZE];
    HANDLE file = CreateFileW(wide(path, text), GENERIC_READ, FILE_SHARE_READ, NULL,
                              OPEN_EXISTING, 0, NULL);
    DWORD code = file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    who[0] = '\0';
    if (code == 0) {
        CloseHandle(file);
        return false;
    }
    snprintf(who, size, "the system says %lu and does not tell who", (unsigned long)code);
    return true;
}

/* Not in every winternl.h. */
struct directory_entry {
    UNICODE_STRING name;
    UNICODE_STRING type;
};
typedef NTSTATUS(WINAPI *open_directory)(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
typedef NTSTATUS(WINAPI *query_directory)(HANDLE, void *, ULONG, BOOLEAN, BOOLEAN,
                                          ULONG *, ULONG *);

static void (*system_function(const char *name))(void) {
    return (void (*)(void))GetProcAddress(GetModuleHandleW(L"ntdll.dll"), name);
}

static int count_in_directory(const wchar_t *path, const wchar_t *part) {
    enum { QUERY = 1, ENTRY_SIZE = 2048 };
    static unsigned char buffer[ENTRY_SIZE];
    open_directory open = (open_directory)system_function("NtOpenDirectoryObject");
    query_directory query = (query_directory)system_function("NtQueryDirectoryObject");
    UNICODE_STRING name = {(USHORT)(wcslen(path) * sizeof *path),
                           (USHORT)(wcslen(path) * sizeof *path),
                           (wchar_t *)(uintptr_t)path};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &name};
    HANDLE directory;
    ULONG context = 0;
    int count = 0;
    if (open == NULL || query == NULL || open(&directory, QUERY, &attributes) != 0) {
        return 0;
    }
    memset(buffer, 0, sizeof buffer);
    while (query(directory, buffer, sizeof buffer - sizeof(wchar_t), TRUE, context == 0,
                 &context, NULL) == 0) {
        const struct directory_entry *entry = (const void *)buffer;
        count += wcsstr(entry->name.Buffer, part) != NULL;
        memset(buffer, 0, sizeof buffer);
    }
    CloseHandle(directory);
    return count;
}

int native_count_names(const char *part) {
    wchar_t text[WIDE_SIZE];
    wchar_t path[WIDE_SIZE];
    DWORD session = 0;
    ProcessIdToSessionId(GetCurrentProcessId(), &session);
    swprintf(path, WIDE_SIZE, L"\\Sessions\\%lu\\BaseNamedObjects",
             (unsigned long)session);
    wide(part, text);
    return count_in_directory(path, text) +
           count_in_directory(L"\\BaseNamedObjects", text);
}

bool native_fork_copy(int64_t *pid) {
    (void)pid;
    return false;
}

bool native_process_pause(int64_t pid) {
    (void)pid;
    return false;
}

/* Wine looks for the end of the file first and writes then: two at once write at one place.
   A mutex whose holder is killed is the next one's. */
void native_write_line(const char *line) {
    DWORD written;
    HANDLE mutex = CreateMutexW(NULL, FALSE, L"Local\\test-write-line");
    WaitForSingleObject(mutex, INFINITE);
    if (!WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)strlen(line), &written,
                   NULL)) {
        TerminateProcess(GetCurrentProcess(), 111);
    }
    ReleaseMutex(mutex);
    CloseHandle(mutex);
}
