/* Processes: who they are, whether they live and how they end; this program. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winternl.h>

/* The exit codes that plat_process_end gives. No program returns the first by chance; the
   second is the system's own for Ctrl-C. */
static const DWORD code_terminated = 0x5350000F;
static const DWORD code_interrupted = 0xC000013A;

/* ---- Identities ---- */

int native_process_stamp(HANDLE process, uint64_t *stamp) {
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;
    if (!GetProcessTimes(process, &created, &ended, &kernel, &user)) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "GetProcessTimes");
    }
    *stamp = (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime;
    return 0;
}

int plat_self_identity(struct plat_identity *identity) {
    uint64_t stamp;
    int error = native_process_stamp(GetCurrentProcess(), &stamp);
    if (error == 0) {
        *identity = (struct plat_identity){(int64_t)GetCurrentProcessId(), stamp};
    }
    return error;
}

static int dead(struct plat_identity identity) {
    return error_set(SPORK_EPEERDIED, "process %lld has ended", (long long)identity.pid);
}

/* The system's table of all processes, free() it; NULL if it cannot be had. */
static SYSTEM_PROCESS_INFORMATION *all_processes(void) {
    typedef NTSTATUS(WINAPI * query)(SYSTEM_INFORMATION_CLASS, void *, ULONG, ULONG *);
    HMODULE system = GetModuleHandleW(L"ntdll.dll");
    FARPROC found =
        system != NULL ? GetProcAddress(system, "NtQuerySystemInformation") : NULL;
    const ULONG largest = 64u << 20;
    for (ULONG size = 1u << 18; found != NULL && size <= largest; size *= 2) {
        SYSTEM_PROCESS_INFORMATION *table = malloc(size);
        ULONG used = 0;
        if (table == NULL || ((query)(void (*)(void))found)(SystemProcessInformation,
                                                            table, size, &used) >= 0) {
            return table;
        }
        free(table);
    }
    return NULL;
}

/* Whether a process that may not be opened is the one that was meant. The family's can be
   opened by each other, so it is likely to be a stranger who was given the id. */
static bool is_listed(struct plat_identity identity) {
    SYSTEM_PROCESS_INFORMATION *table = all_processes();
    if (table == NULL) {
        return true;
    }
    bool listed = false;
    const unsigned char *at = (const unsigned char *)table;
    for (;;) {
        const SYSTEM_PROCESS_INFORMATION *entry = (const void *)at;
        if ((int64_t)(intptr_t)entry->UniqueProcessId == identity.pid) {
            listed = (uint64_t)entry->CreateTime.QuadPart == identity.stamp;
            break;
        }
        if (entry->NextEntryOffset == 0) {
            break;
        }
        at += entry->NextEntryOffset;
    }
    free(table);
    return listed;
}

/* OpenProcess succeeds on the dead, too, as long as anybody has a handle of them. */
static int check_identity(HANDLE process, struct plat_identity identity) {
    uint64_t stamp;
    int error = native_process_stamp(process, &stamp);
    if (error != 0) {
        return error;
    }
    bool lives = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
    return lives && stamp == identity.stamp ? 0 : dead(identity);
}

int native_process_open(HANDLE *opened, struct plat_identity identity, DWORD wanted) {
    if (identity.pid <= 0 || identity.pid > UINT32_MAX) {
        return dead(identity);
    }
    HANDLE process = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | wanted,
                                 FALSE, (DWORD)identity.pid);
    if (process == NULL) {
        DWORD code = GetLastError();
        if (code == ERROR_INVALID_PARAMETER ||
            (code == ERROR_ACCESS_DENIED && !is_listed(identity))) {
            return dead(identity);
        }
        return native_error(SPORK_ESYSTEM, code, "OpenProcess: process %lld",
                            (long long)identity.pid);
    }
    int error = check_identity(process, identity);
    if (error != 0) {
        CloseHandle(process);
        return error;
    }
    *opened = process;
    return 0;
}

int plat_process_open(struct plat_process *process, struct plat_identity identity) {
    HANDLE opened;
    int error = native_process_open(&opened, identity, PROCESS_TERMINATE);
    if (error == SPORK_ESYSTEM) {
        error = native_process_open(&opened, identity, 0);
    }
    if (error == 0) {
        *process = (struct plat_process){identity, (intptr_t)opened, false};
    }
    return error;
}

void plat_process_close(struct plat_process *process) {
    if (process->native != PLAT_NO_NATIVE && process->native != 0) {
        CloseHandle((HANDLE)process->native);
    }
    process->native = PLAT_NO_NATIVE;
}

bool plat_process_dead(const struct plat_process *process) {
    return WaitForSingleObject((HANDLE)process->native, 0) == WAIT_OBJECT_0;
}

/* ---- Ends ---- */

/* A crash is reported as what the system gives it, an NTSTATUS: 0xC0000005 for an access
   violation, which as an int is negative, but far below any signal's number. */
void plat_process_reap(struct plat_process *process, int *exit_code, bool *known) {
    DWORD code = 0;
    *known = GetExitCodeProcess((HANDLE)process->native, &code);
    if (code == code_terminated) {
        *exit_code = -15;
    } else if (code == code_interrupted) {
        *exit_code = -2;
    } else {
        *exit_code = (int)code;
    }
}

int plat_process_end(struct plat_process *process, enum plat_end how) {
    HANDLE handle = (HANDLE)process->native;
    if (TerminateProcess(handle,
                         how == PLAT_INTERRUPT ? code_interrupted : code_terminated)) {
        return 0;
    }
    DWORD code = GetLastError();
    const DWORD moment_ms = 100; /* it may be on its way out, and refuses too */
    if (code == ERROR_ACCESS_DENIED &&
        WaitForSingleObject(handle, moment_ms) == WAIT_OBJECT_0) {
        return 0;
    }
    return native_error(SPORK_ESYSTEM, code, "TerminateProcess: process %lld",
                        (long long)process->identity.pid);
}

const char *plat_signal_name(int number) {
    switch (number) {
    case 2:
        return "SIGINT";
    case 4:
        return "SIGILL";
    case 6:
        return "SIGABRT";
    case 8:
        return "SIGFPE";
    case 9:
        return "SIGKILL";
    case 11:
        return "SIGSEGV";
    case 15:
        return "SIGTERM";
    default:
        return NULL;
    }
}

_Noreturn void plat_exit_now(int exit_code) {
    for (;;) {
        TerminateProcess(GetCurrentProcess(), (UINT)exit_code);
    }
}

/* ---- This program ---- */

/* GetModuleFileNameW cuts what does not fit: it is asked until there is room to spare. */
static wchar_t *program_path(int *error) {
    const DWORD largest = 1u << 16;
    for (DWORD size = MAX_PATH; size <= largest; size *= 2) {
        wchar_t *path = malloc(size * sizeof *path);
        if (path == NULL) {
            *error = error_set(SPORK_ENOMEM, "the path of this program");
            return NULL;
        }
        DWORD length = GetModuleFileNameW(NULL, path, size);
        if (length > 0 && length < size) {
            return path;
        }
        free(path);
    }
    *error = native_error(SPORK_ESYSTEM, GetLastError(), "GetModuleFileNameW");
    return NULL;
}

/* Takes the program's name off a command line: no backslash is special in it, quotes only
   keep blanks together. */
static const wchar_t *split_name(const wchar_t *from, wchar_t *to) {
    bool quoted = false;
    while (*from != L'\0' && (quoted || (*from != L' ' && *from != L'\t'))) {
        if (*from == L'"') {
            quoted = !quoted;
        } else {
            *to++ = *from;
        }
        from++;
    }
    *to = L'\0';
    return from;
}

/* Takes the next argument off a command line by the C library's rules: 2n backslashes and
   a quote are n backslashes and a quote that opens or closes, 2n + 1 of them n and a
   plain quote, others are plain; two quotes within quotes are a plain one. */
static const wchar_t *split_argument(const wchar_t *from, wchar_t *to) {
    bool quoted = false;
    while (*from != L'\0' && (quoted || (*from != L' ' && *from != L'\t'))) {
        size_t slashes = wcsspn(from, L"\\");
        from += slashes;
        for (size_t i = 0; i < (*from == L'"' ? slashes / 2 : slashes); i++) {
            *to++ = L'\\';
        }
        if (*from != L'"') {
            if (slashes == 0) {
                *to++ = *from++;
            }
        } else if (slashes % 2 != 0) {
            *to++ = *from++;
        } else if (quoted && from[1] == L'"') {
            *to++ = L'"';
            from += 2;
        } else {
            quoted = !quoted;
            from++;
        }
    }
    *to = L'\0';
    return from;
}

static void free_arguments(char **argv, int argc) {
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    free(argv);
}

/* CommandLineToArgvW does this too, but brings the shell and the window system along. */
static int split_command_line(const wchar_t *line, char ***argv, int *argc) {
    size_t length = wcslen(line);
    wchar_t *argument = malloc((length + 1) * sizeof *argument);
    /* Between two arguments there is a blank: there cannot be more than this. */
    char **arguments = calloc(length / 2 + 3, sizeof *arguments);
    if (argument == NULL || arguments == NULL) {
        free(argument);
        free(arguments);
        return error_set(SPORK_ENOMEM, "the command line");
    }
    int error = 0;
    int count = 0;
    const wchar_t *at = line;
    while (error == 0 && (count == 0 || *at != L'\0')) {
        at = count == 0 ? split_name(at, argument) : split_argument(at, argument);
        arguments[count] = native_utf8(argument, &error);
        count += arguments[count] != NULL;
        at += wcsspn(at, L" \t");
    }
    free(argument);
    if (error != 0) {
        free_arguments(arguments, count);
        return error;
    }
    *argv = arguments;
    *argc = count;
    return 0;
}

int plat_program_self(struct plat_program *program, int argc, char **argv) {
    /* What main was given has lost the characters that the code page lacks. */
    (void)argc;
    (void)argv;
    struct plat_program self = {0};
    int error = 0;
    wchar_t *wide = program_path(&error);
    if (wide != NULL) {
        self.path = native_utf8(wide, &error);
    }
    free(wide);
    if (error == 0) {
        error = plat_program_stamp(self.path, &self.file_stamp);
    }
    if (error == 0) {
        error = split_command_line(GetCommandLineW(), &self.argv, &self.argc);
    }
    if (error != 0) {
        free(self.path);
        return error;
    }
    *program = self;
    return 0;
}

int plat_program_stamp(const char *path, uint64_t *file_stamp) {
    int error = 0;
    wchar_t *wide = native_wide_path(path, &error);
    if (wide == NULL) {
        return error;
    }
    WIN32_FILE_ATTRIBUTE_DATA data;
    if (GetFileAttributesExW(wide, GetFileExInfoStandard, &data)) {
        uint64_t size = (uint64_t)data.nFileSizeHigh << 32 | data.nFileSizeLow;
        uint64_t time = (uint64_t)data.ftLastWriteTime.dwHighDateTime << 32 |
                        data.ftLastWriteTime.dwLowDateTime;
        /* Times the golden ratio, so that no small change of both cancels out. */
        *file_stamp = time + size * UINT64_C(0x9E3779B97F4A7C15);
    } else {
        error = native_error(SPORK_EPROGRAM, GetLastError(), "%s", path);
    }
    free(wide);
    return error;
}

/* ---- The environment ---- */

static wchar_t *read_variable(const wchar_t *name) {
    DWORD size = GetEnvironmentVariableW(name, NULL, 0);
    wchar_t *value = size > 0 ? malloc(size * sizeof *value) : NULL;
    if (value != NULL && GetEnvironmentVariableW(name, value, size) >= size) {
        /* Another thread has changed it in between. */
        free(value);
        return NULL;
    }
    return value;
}

/* The C library has a copy, or two, and the system has one. */
static void remove_variable(const wchar_t *name) {
    size_t length = wcslen(name);
    wchar_t *assignment = malloc((length + 2) * sizeof *assignment);
    if (assignment != NULL) {
        wcscpy(assignment, name);
        wcscpy(assignment + length, L"=");
        _wputenv(assignment);
        free(assignment);
    }
    SetEnvironmentVariableW(name, NULL);
}

bool plat_environment_take(const char *name, char *value, size_t size) {
    int error = 0;
    wchar_t *wide_name = native_wide(name, &error);
    wchar_t *wide = wide_name != NULL ? read_variable(wide_name) : NULL;
    char *text = wide != NULL ? native_utf8(wide, &error) : NULL;
    bool taken = text != NULL && strlen(text) < size;
    if (taken) {
        strcpy(value, text);
        remove_variable(wide_name);
    }
    free(text);
    free(wide);
    free(wide_name);
    return taken;
}

struct variables {
    const wchar_t **all;
    size_t count;
    size_t length; /* of all of them, each with its NUL */
};

/* A name may begin with '=': the system keeps each drive's directory under such a one. */
static int name_length(const wchar_t *variable) {
    return 1 + (int)wcscspn(variable + 1, L"=");
}

static int by_name(const void *left, const void *right) {
    const wchar_t *first = *(const wchar_t *const *)left;
    const wchar_t *second = *(const wchar_t *const *)right;
    return CompareStringOrdinal(first, name_length(first), second, name_length(second),
                                TRUE) -
           CSTR_EQUAL;
}

static const wchar_t **find_variable(struct variables *variables,
                                     const wchar_t *variable) {
    for (size_t i = 0; i < variables->count; i++) {
        if (by_name(&variables->all[i], &variable) == 0) {
            return &variables->all[i];
        }
    }
    return NULL;
}

static void put_variable(struct variables *variables, const wchar_t *variable) {
    const wchar_t **same = find_variable(variables, variable);
    if (same == NULL) {
        same = &variables->all[variables->count++];
    } else {
        variables->length -= wcslen(*same) + 1;
    }
    *same = variable;
    variables->length += wcslen(variable) + 1;
}

/* Sorted without regard to case, as the system wants it, with a NUL behind the last. */
static wchar_t *join_variables(struct variables *variables, int *error) {
    wchar_t *block = malloc((variables->length + 2) * sizeof *block);
    if (block == NULL) {
        *error = error_set(SPORK_ENOMEM, "an environment");
        return NULL;
    }
    qsort(variables->all, variables->count, sizeof *variables->all, by_name);
    wchar_t *end = block;
    for (size_t i = 0; i < variables->count; i++) {
        wcscpy(end, variables->all[i]);
        end += wcslen(end) + 1;
    }
    end[0] = end[1] = L'\0';
    return block;
}

wchar_t *native_environment(const char *const *add, int *error) {
    size_t add_count = 0;
    while (add != NULL && add[add_count] != NULL) {
        add_count++;
    }
    wchar_t *own = GetEnvironmentStringsW();
    size_t most = 1 + add_count;
    for (wchar_t *at = own; at != NULL && *at != L'\0'; at += wcslen(at) + 1) {
        most++;
    }
    wchar_t root[MAX_PATH + 16] = L"SYSTEMROOT=";
    wchar_t *block = NULL;
    struct variables variables = {calloc(most, sizeof *variables.all), 0, 0};
    wchar_t **added = calloc(add_count + 1, sizeof *added);
    if (own == NULL || variables.all == NULL || added == NULL) {
        *error = error_set(SPORK_ENOMEM, "an environment");
        goto done;
    }
    for (wchar_t *at = own; *at != L'\0'; at += wcslen(at) + 1) {
        variables.all[variables.count++] = at;
        variables.length += wcslen(at) + 1;
    }
    for (size_t i = 0; i < add_count; i++) {
        added[i] = native_wide(add[i], error);
        if (added[i] == NULL) {
            goto done;
        }
        if (added[i][0] == L'\0' || wcschr(added[i] + 1, L'=') == NULL) {
            *error = error_set(SPORK_EINVAL, "not NAME=value: %s", add[i]);
            goto done;
        }
        put_variable(&variables, added[i]);
    }
    /* Without it even the system's own libraries do not find each other. */
    size_t prefix = wcslen(root);
    if (find_variable(&variables, root) == NULL &&
        GetSystemWindowsDirectoryW(root + prefix, MAX_PATH) > 0) {
        put_variable(&variables, root);
    }
    block = join_variables(&variables, error);
done:
    for (size_t i = 0; added != NULL && i < add_count; i++) {
        free(added[i]);
    }
    free(added);
    free(variables.all);
    if (own != NULL) {
        FreeEnvironmentStringsW(own);
    }
    return block;
}
