/* Starting a program: its command line, its environment, its handles, and the job that
   ends it with this process. There is no fork on this platform. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* Newer than the headers' idea of this system. */
#ifndef ERROR_ELEVATION_REQUIRED
#define ERROR_ELEVATION_REQUIRED 740
#endif
#ifndef PROC_THREAD_ATTRIBUTE_JOB_LIST
#define PROC_THREAD_ATTRIBUTE_JOB_LIST ProcThreadAttributeValue(13, FALSE, TRUE, FALSE)
#endif

/* The system's limit, the NUL included. */
static const size_t command_line_limit = 32767;

/* ---- The command line ---- */

static wchar_t *repeat(wchar_t *to, wchar_t character, size_t count) {
    for (size_t i = 0; i < count; i++) {
        *to++ = character;
    }
    return to;
}

/* Appends an argument so that the usual rules (process.c has them) split it off
   unchanged. Needs room for twice its length and 3. */
static wchar_t *quote(wchar_t *to, const wchar_t *argument) {
    /* The wild cards are for a C library that expands what is not quoted. */
    bool plain = *argument != L'\0' && wcspbrk(argument, L" \t\n\v\r\f\"*?") == NULL;
    if (plain) {
        wcscpy(to, argument);
        return to + wcslen(argument);
    }
    *to++ = L'"';
    for (;;) {
        size_t slashes = wcsspn(argument, L"\\");
        argument += slashes;
        /* Before a quote, the closing one too, they would hide it. */
        bool before_quote = *argument == L'"' || *argument == L'\0';
        to = repeat(to, L'\\', before_quote ? 2 * slashes : slashes);
        if (*argument == L'\0') {
            break;
        }
        if (*argument == L'"') {
            *to++ = L'\\';
        }
        *to++ = *argument++;
    }
    *to++ = L'"';
    return to;
}

/* In the program's name a backslash hides nothing, and so a quote cannot be passed. */
static wchar_t *quote_name(wchar_t *to, const wchar_t *name) {
    bool plain = *name != L'\0' && wcspbrk(name, L" \t") == NULL;
    to = repeat(to, L'"', !plain);
    wcscpy(to, name);
    return repeat(to + wcslen(name), L'"', !plain);
}

/* A UTF-8 text has no more characters in UTF-16 than bytes. */
static int make_command_line(wchar_t **command, const char *const *argv) {
    size_t room = 1;
    for (size_t i = 0; argv[i] != NULL; i++) {
        room += 2 * strlen(argv[i]) + 4;
    }
    wchar_t *line = malloc(room * sizeof *line);
    if (line == NULL) {
        return error_set(SPORK_ENOMEM, "a command line of up to %zu characters", room);
    }
    int error = 0;
    wchar_t *end = line;
    for (size_t i = 0; error == 0 && argv[i] != NULL; i++) {
        wchar_t *argument = native_wide(argv[i], &error);
        if (argument == NULL) {
            error_prefix(error, "argument %zu", i);
        } else if (i == 0 && wcschr(argument, L'"') != NULL) {
            error = error_set(SPORK_EINVAL, "a quote in argument 0 cannot be passed: %s",
                              argv[0]);
        } else {
            end = i == 0 ? quote_name(end, argument)
                         : quote(repeat(end, L' ', 1), argument);
        }
        free(argument);
    }
    *end = L'\0';
    size_t length = (size_t)(end - line);
    if (error == 0 && length >= command_line_limit) {
        error = error_set(SPORK_EINVAL,
                          "the arguments make %zu characters, %zu can be passed", length,
                          command_line_limit - 1);
    }
    if (error != 0) {
        free(line);
        return error;
    }
    *command = line;
    return 0;
}

/* The system would hand a batch file to cmd.exe, which reads arguments by rules of its
   own: no quoting is safe from both. */
static int refuse_batch_file(const char *path) {
    size_t length = strlen(path);
    while (length > 0 && (path[length - 1] == '.' || path[length - 1] == ' ')) {
        length--;
    }
    if (length >= 4 && (_strnicmp(path + length - 4, ".bat", 4) == 0 ||
                        _strnicmp(path + length - 4, ".cmd", 4) == 0)) {
        return error_set(SPORK_EINVAL,
                         "a batch file is not a program that can be run: %s", path);
    }
    return 0;
}

/* ---- Streams and other handles ---- */

/* What a launch has made on its way and lets go of at its end. */
struct attempt {
    wchar_t *path;
    wchar_t *command;
    wchar_t *environment;
    HANDLE *handles; /* three streams, then what is listed, each once */
    size_t handle_count;
    size_t opened; /* the streams that were opened: so many of handles */
    DWORD *flags;  /* of handles, as they were before */
    HANDLE job;    /* to tie the child to; not owned; NULL: none */
    DWORD creation_flags;
};

static bool open_null(HANDLE *stream) {
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    *stream = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE,
                          FILE_SHARE_READ | FILE_SHARE_WRITE, &inheritable, OPEN_EXISTING,
                          0, NULL);
    return *stream != INVALID_HANDLE_VALUE;
}

static bool duplicate(HANDLE *stream, HANDLE source) {
    return DuplicateHandle(GetCurrentProcess(), source, GetCurrentProcess(), stream, 0,
                           TRUE, DUPLICATE_SAME_ACCESS);
}

static int open_stream(HANDLE *stream, int number, intptr_t wanted) {
    static const DWORD standard[3] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
                                      STD_ERROR_HANDLE};
    if (wanted != PLAT_STREAM_INHERIT && wanted != PLAT_STREAM_NULL) {
        if (duplicate(stream, (HANDLE)wanted)) {
            return 0;
        }
        return native_error(SPORK_ESYSTEM, GetLastError(), "DuplicateHandle of stream %d",
                            number);
    }
    if (wanted == PLAT_STREAM_INHERIT) {
        HANDLE own = GetStdHandle(standard[number]);
        if (own != NULL && own != INVALID_HANDLE_VALUE && duplicate(stream, own)) {
            return 0;
        }
        /* This process has none, or has closed it. */
    }
    if (!open_null(stream)) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "CreateFileW: NUL");
    }
    return 0;
}

static bool is_listed(const struct attempt *attempt, HANDLE handle) {
    for (size_t i = 3; i < attempt->handle_count; i++) {
        if (attempt->handles[i] == handle) {
            return true;
        }
    }
    return false;
}

static int refuse_handle(intptr_t handle) {
    return native_error(SPORK_EINVAL, GetLastError(), "handle %lld cannot be inherited",
                        (long long)handle);
}

/* Before anything is opened here that could get the number of a closed one. */
static int check_inherited(const struct plat_launch *launch) {
    DWORD flags;
    for (size_t i = 0; i < launch->inherit_count; i++) {
        if (!GetHandleInformation((HANDLE)launch->inherit[i], &flags)) {
            return refuse_handle(launch->inherit[i]);
        }
    }
    return 0;
}

static int list_handle(struct attempt *attempt, HANDLE handle) {
    DWORD flags;
    if (!GetHandleInformation(handle, &flags) ||
        !SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT)) {
        return refuse_handle((intptr_t)handle);
    }
    attempt->handles[attempt->handle_count] = handle;
    attempt->flags[attempt->handle_count] = flags;
    attempt->handle_count++;
    return 0;
}

/* From here to close_handles a CreateProcess by other code in this process could inherit
   these, if it inherits all that can be; spork's own launches name what they mean. */
static int open_handles(struct attempt *attempt, const struct plat_launch *launch) {
    size_t most = 3 + launch->inherit_count;
    attempt->handles = calloc(most, sizeof *attempt->handles);
    attempt->flags = calloc(most, sizeof *attempt->flags);
    if (attempt->handles == NULL || attempt->flags == NULL) {
        return error_set(SPORK_ENOMEM, "a list of %zu handles", most);
    }
    int error = check_inherited(launch);
    while (error == 0 && attempt->opened < 3) {
        int number = (int)attempt->opened;
        error = open_stream(&attempt->handles[number], number, launch->streams[number]);
        attempt->opened += error == 0;
    }
    attempt->handle_count = attempt->opened;
    for (size_t i = 0; error == 0 && i < launch->inherit_count; i++) {
        HANDLE handle = (HANDLE)launch->inherit[i];
        if (!is_listed(attempt, handle)) {
            error = list_handle(attempt, handle);
        }
    }
    return error;
}

static void close_handles(struct attempt *attempt) {
    for (size_t i = 0; i < attempt->handle_count; i++) {
        if (i < attempt->opened) {
            CloseHandle(attempt->handles[i]);
        } else {
            SetHandleInformation(attempt->handles[i], HANDLE_FLAG_INHERIT,
                                 attempt->flags[i] & HANDLE_FLAG_INHERIT);
        }
    }
    free(attempt->handles);
    free(attempt->flags);
}

/* ---- The job ---- */

/* One job for all children of this process. It is never closed, so the system does it
   when this process ends, however it ends, and the children end with it. */
static int family_job(HANDLE *job) {
    static plat_mutex mutex;
    static HANDLE made;
    int error = 0;
    plat_mutex_lock(&mutex);
    if (made == NULL) {
        /* Children that are to outlive this process's children must be able to leave. */
        JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
        limits.BasicLimitInformation.LimitFlags =
            JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
        HANDLE fresh = CreateJobObjectW(NULL, NULL);
        if (fresh == NULL ||
            !SetInformationJobObject(fresh, JobObjectExtendedLimitInformation, &limits,
                                     sizeof limits)) {
            error = native_error(SPORK_ESYSTEM, GetLastError(), "a job for the children");
        } else {
            made = fresh;
        }
        if (error != 0 && fresh != NULL) {
            CloseHandle(fresh);
        }
    }
    *job = made;
    plat_mutex_unlock(&mutex);
    return error;
}

/* A process in a job has its children in there too, unless they break away. */
static DWORD leaving_flag(void) {
    BOOL inside = FALSE;
    if (!IsProcessInJob(GetCurrentProcess(), NULL, &inside) || !inside) {
        return 0;
    }
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    QueryInformationJobObject(NULL, JobObjectExtendedLimitInformation, &limits,
                              sizeof limits, NULL);
    /* Where they all leave by themselves, asking for it may be refused. If neither is
       allowed the start fails, and says so. */
    DWORD allowed = limits.BasicLimitInformation.LimitFlags;
    bool by_themselves = (allowed & JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK) != 0 &&
                         (allowed & JOB_OBJECT_LIMIT_BREAKAWAY_OK) == 0;
    return by_themselves ? 0 : CREATE_BREAKAWAY_FROM_JOB;
}

/* ---- Creating ---- */

static int make_attributes(LPPROC_THREAD_ATTRIBUTE_LIST *made, struct attempt *attempt,
                           bool with_job) {
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 2, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST attributes = malloc(size);
    if (attributes == NULL ||
        !InitializeProcThreadAttributeList(attributes, 2, 0, &size)) {
        free(attributes);
        return error_set(SPORK_ENOMEM, "a list of attributes for a process");
    }
    bool set = UpdateProcThreadAttribute(
        attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, attempt->handles,
        attempt->handle_count * sizeof *attempt->handles, NULL, NULL);
    if (set && with_job) {
        set = UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST,
                                        &attempt->job, sizeof attempt->job, NULL, NULL);
    }
    if (!set) {
        DWORD code = GetLastError();
        DeleteProcThreadAttributeList(attributes);
        free(attributes);
        return native_error(SPORK_ESYSTEM, code, "UpdateProcThreadAttribute");
    }
    *made = attributes;
    return 0;
}

/* Which number an error of CreateProcessW is. */
static int classify(DWORD code, const struct attempt *attempt) {
    switch (code) {
    case ERROR_BAD_FORMAT:
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    case ERROR_ELEVATION_REQUIRED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_ACCESS_DENIED:
        return SPORK_EPROGRAM;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
        return SPORK_ENOMEM;
    default: {
        /* There are many codes for a file that is none. */
        DWORD file = GetFileAttributesW(attempt->path);
        bool is_file =
            file != INVALID_FILE_ATTRIBUTES && (file & FILE_ATTRIBUTE_DIRECTORY) == 0;
        return is_file ? SPORK_ESYSTEM : SPORK_EPROGRAM;
    }
    }
}

static int explain(DWORD code, const struct attempt *attempt, const char *path) {
    if (code == ERROR_ACCESS_DENIED &&
        (attempt->creation_flags & CREATE_BREAKAWAY_FROM_JOB)) {
        return native_error(
            SPORK_ESYSTEM, code,
            "CreateProcessW of a detached child: the file may not be run, or a "
            "job around this process forbids its children to leave: %s",
            path);
    }
    return native_error(classify(code, attempt), code, "CreateProcessW: %s", path);
}

/* Creates the process, in the job from its first instruction if with_job. *code is the
   system's for a failure of CreateProcessW, 0 for another. */
static int create(PROCESS_INFORMATION *information, struct attempt *attempt,
                  const char *path, bool with_job, DWORD more_flags, DWORD *code) {
    *code = 0;
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof startup,
                                              .dwFlags = STARTF_USESTDHANDLES,
                                              .hStdInput = attempt->handles[0],
                                              .hStdOutput = attempt->handles[1],
                                              .hStdError = attempt->handles[2]}};
    int error = make_attributes(&startup.lpAttributeList, attempt, with_job);
    if (error != 0) {
        return error;
    }
    DWORD flags = attempt->creation_flags | more_flags | EXTENDED_STARTUPINFO_PRESENT |
                  CREATE_UNICODE_ENVIRONMENT;
    if (!CreateProcessW(attempt->path, attempt->command, NULL, NULL, TRUE, flags,
                        attempt->environment, NULL, &startup.StartupInfo, information)) {
        *code = GetLastError();
        error = explain(*code, attempt, path);
    }
    DeleteProcThreadAttributeList(startup.lpAttributeList);
    free(startup.lpAttributeList);
    return error;
}

/* Where the system will not take a job in the list: the process is put into it before it
   may run. If this process is killed in between, a process is left that never runs. */
static int create_suspended(PROCESS_INFORMATION *information, struct attempt *attempt,
                            const char *path) {
    DWORD code;
    int error = create(information, attempt, path, false, CREATE_SUSPENDED, &code);
    if (error != 0) {
        return error;
    }
    if (AssignProcessToJobObject(attempt->job, information->hProcess)) {
        ResumeThread(information->hThread);
        return 0;
    }
    error =
        native_error(SPORK_ESYSTEM, GetLastError(), "AssignProcessToJobObject: %s", path);
    TerminateProcess(information->hProcess, 1);
    CloseHandle(information->hThread);
    CloseHandle(information->hProcess);
    return error;
}

static int create_tied(PROCESS_INFORMATION *information, struct attempt *attempt,
                       const char *path) {
    DWORD code;
    int error = create(information, attempt, path, attempt->job != NULL, 0, &code);
    bool job_was_refused = error == SPORK_ESYSTEM || code == ERROR_ACCESS_DENIED;
    if (attempt->job != NULL && job_was_refused) {
        error = create_suspended(information, attempt, path);
    }
    return error;
}

static int prepare(struct attempt *attempt, const struct plat_launch *launch) {
    int error = refuse_batch_file(launch->path);
    if (error == 0) {
        attempt->path = native_wide_path(launch->path, &error);
    }
    if (error == 0) {
        error = make_command_line(&attempt->command, launch->argv);
    }
    if (error == 0) {
        attempt->environment = native_environment(launch->add_environment, &error);
    }
    if (error == 0 && launch->detached) {
        attempt->creation_flags = leaving_flag();
    } else if (error == 0 && launch->memory != NULL) {
        error = family_job(&attempt->job);
    }
    return error;
}

int plat_launch(struct plat_process *process, const struct plat_launch *launch) {
    static plat_mutex launching;
    struct attempt attempt = {0};
    PROCESS_INFORMATION information;
    int error = prepare(&attempt, launch);
    if (error == 0) {
        /* One at a time: what one has made inheritable for a moment, another, listing the
           same, would make uninheritable too early. */
        plat_mutex_lock(&launching);
        error = open_handles(&attempt, launch);
        if (error == 0) {
            error = create_tied(&information, &attempt, launch->path);
        }
        close_handles(&attempt);
        plat_mutex_unlock(&launching);
    }
    if (error == 0) {
        struct plat_process child = {
            {(int64_t)information.dwProcessId, 0}, (intptr_t)information.hProcess, true};
        /* Cannot fail with the handle that creating gave; and the child runs already. */
        native_process_stamp(information.hProcess, &child.identity.stamp);
        CloseHandle(information.hThread);
        *process = child;
    }
    free(attempt.path);
    free(attempt.command);
    free(attempt.environment);
    return error;
}

/* ---- What needs fork ---- */

static int no_fork(void) {
    return error_set(SPORK_ENOTSUP, "this system has no fork");
}

int plat_fork(struct plat_process *process, const intptr_t *inherit, size_t inherit_count,
              _Atomic uint64_t *told, bool detached, bool *in_child) {
    (void)process;
    (void)inherit;
    (void)inherit_count;
    (void)told;
    (void)detached;
    (void)in_child;
    return no_fork();
}

int plat_fork_plain(int64_t *pid) {
    (void)pid;
    return no_fork();
}

int plat_process_adopt(struct plat_process *process, int64_t pid) {
    (void)process;
    (void)pid;
    return no_fork();
}
