/* Programs that tests start, by CreateProcessW. */
#include "../../support_program.h"

#include <stdlib.h>
#include <string.h>

#include "wide.h"

enum { LINE_SIZE = 32768 };

/* Quoted always, backslashes before a quote doubled: the C library's rules backwards. */
static wchar_t *add_argument(wchar_t *to, wchar_t *end, const char *argument) {
    wchar_t *text = calloc(LINE_SIZE, sizeof *text);
    MultiByteToWideChar(CP_UTF8, 0, argument, -1, text, LINE_SIZE);
    bool plain = *text != L'\0' && wcspbrk(text, L" \t\"*?") == NULL;
    if (to + 2 * wcslen(text) + 4 > end) {
        free(text);
        return NULL;
    }
    if (!plain) {
        *to++ = L'"';
    }
    for (const wchar_t *at = text;;) {
        size_t slashes = wcsspn(at, L"\\");
        at += slashes;
        bool doubled = *at == L'"' || (*at == L'\0' && !plain);
        for (size_t i = 0; i < (doubled ? 2 * slashes : slashes); i++) {
            *to++ = L'\\';
        }
        if (*at == L'\0') {
            break;
        }
        if (*at == L'"') {
            *to++ = L'\\';
        }
        *to++ = *at++;
    }
    if (!plain) {
        *to++ = L'"';
    }
    *to = L'\0';
    free(text);
    return to;
}

static wchar_t *make_line(const char *const *argv) {
    wchar_t *line = calloc(LINE_SIZE, sizeof *line);
    wchar_t *to = line;
    for (size_t i = 0; line != NULL && argv[i] != NULL; i++) {
        if (i > 0) {
            *to++ = L' ';
        }
        to = add_argument(to, line + LINE_SIZE - 2, argv[i]);
        if (to == NULL) {
            free(line);
            return NULL;
        }
    }
    return line;
}

/* For as long as a child is being started, this process's own variables are the child's. */
static void put_variables(const char *const *environment, bool there) {
    wchar_t text[WIDE_SIZE];
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        wide(environment[i], text);
        wchar_t *equals = wcschr(text, L'=');
        *equals = L'\0';
        SetEnvironmentVariableW(text, there ? equals + 1 : NULL);
    }
}

static HANDLE make_file(const char *path) {
    wchar_t text[WIDE_SIZE];
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    return CreateFileW(wide(path, text), FILE_APPEND_DATA | SYNCHRONIZE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, &inheritable,
                       CREATE_ALWAYS, 0, NULL);
}

bool program_native_start(struct program_native *native, const char *path,
                          const char *const *argv, const char *const *environment,
                          const char *output, const char *errors) {
    wchar_t text[WIDE_SIZE];
    PROCESS_INFORMATION information;
    HANDLE out = make_file(output);
    HANDLE err = strcmp(output, errors) == 0 ? out : make_file(errors);
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = GetStdHandle(STD_INPUT_HANDLE), .hStdOutput = out,
                            .hStdError = err};
    wchar_t *line = make_line(argv);
    put_variables(environment, true);
    bool started = line != NULL && CreateProcessW(wide(path, text), line, NULL, NULL, TRUE, 0,
                                                  NULL, NULL, &startup, &information);
    put_variables(environment, false);
    free(line);
    CloseHandle(out);
    if (err != out) {
        CloseHandle(err);
    }
    if (started) {
        CloseHandle(information.hThread);
        *native = (struct program_native){.pid = information.dwProcessId,
                                          .handle = (intptr_t)information.hProcess};
    }
    return started;
}

bool program_native_ended(struct program_native *native) {
    DWORD code;
    if (!native->ended && WaitForSingleObject((HANDLE)native->handle, 0) == WAIT_OBJECT_0) {
        native->ended = GetExitCodeProcess((HANDLE)native->handle, &code);
        native->exit_code = (int)code;
    }
    return native->ended;
}

void program_native_kill(struct program_native *native) {
    TerminateProcess((HANDLE)native->handle, 9);
}

void program_native_close(struct program_native *native) {
    CloseHandle((HANDLE)native->handle);
}

const char *program_native_suffix(void) {
    return ".exe";
}
