/* Message pipes: named pipes with a random name, of one instance, whose both ends are
   made here and travel as copies. */
#include "native.h"

#include <stdio.h>
#include <string.h>

/* Nobody but open_client opens a pipe by this; copies of its ends travel. */
static int pipe_name(wchar_t name[96]) {
    char random[NATIVE_RANDOM_NAME];
    int error = native_random_name(random);
    if (error == 0) {
        swprintf(name, 96, L"\\\\.\\pipe\\spork-%hs", random);
    }
    return error;
}

static int open_client(HANDLE *client, const wchar_t *name) {
    /* Whoever serves may learn who we are, but not act as us. */
    HANDLE handle = CreateFileW(
        name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
        FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "CreateFileW of a pipe");
    }
    DWORD mode = PIPE_READMODE_MESSAGE | PIPE_WAIT;
    if (!SetNamedPipeHandleState(handle, &mode, NULL, NULL)) {
        DWORD code = GetLastError();
        CloseHandle(handle);
        return native_error(SPORK_ESYSTEM, code, "SetNamedPipeHandleState");
    }
    *client = handle;
    return 0;
}

int plat_message_pipe_create(struct plat_message_pipe ends[2], size_t buffer_size) {
    wchar_t name[96];
    int error = pipe_name(name);
    SECURITY_ATTRIBUTES *access = error == 0 ? native_private() : NULL;
    if (access == NULL) {
        return error != 0 ? error : SPORK_ESYSTEM;
    }
    const size_t most = (size_t)1 << 24;
    DWORD room = (DWORD)(buffer_size < most ? buffer_size : most);
    HANDLE server = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT |
            PIPE_REJECT_REMOTE_CLIENTS,
        1, room, room, 0, access);
    if (server == INVALID_HANDLE_VALUE) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "CreateNamedPipeW");
    }
    HANDLE client = NULL;
    error = open_client(&client, name);
    if (error != 0) {
        CloseHandle(server);
        return error;
    }
    ends[0].native = (intptr_t)server;
    ends[1].native = (intptr_t)client;
    return 0;
}

int plat_message_pipe_share(struct plat_message_pipe *end, struct plat_identity owner,
                            intptr_t native) {
    return native_share(&end->native, owner, native);
}

static bool other_side_is_gone(DWORD code) {
    return code == ERROR_BROKEN_PIPE || code == ERROR_NO_DATA ||
           code == ERROR_PIPE_NOT_CONNECTED || code == ERROR_BAD_PIPE;
}

static int write_failed(DWORD code) {
    return native_error(other_side_is_gone(code) ? SPORK_EPIPE : SPORK_ESYSTEM, code,
                        "WriteFile to a pipe");
}

/* Ends a transfer, whose result nobody has waited for, one way or the other. Returns 0 if
   it turned out to be complete, else the system's code. */
static DWORD settle(HANDLE handle, OVERLAPPED *transfer, DWORD *size) {
    if (!HasOverlappedIoCompleted(transfer)) {
        CancelIoEx(handle, transfer);
    }
    /* If it waits, then for the cancelling, and not for long. */
    return GetOverlappedResult(handle, transfer, size, TRUE) ? 0 : GetLastError();
}

int plat_message_pipe_write(struct plat_message_pipe *end, const void *data, size_t size,
                            struct plat_sleeper *sleeper, struct plat_bell *bell,
                            int64_t deadline, const struct plat_process *const *watched,
                            size_t count, size_t *dead, bool *done) {
    *done = false;
    /* An empty message could be written, but PeekNamedPipe cannot show it. */
    if (size == 0 || size > PLAT_MESSAGE_MAX) {
        return error_set(SPORK_EINVAL, "a pipe's message of %zu bytes", size);
    }
    HANDLE handle = (HANDLE)end->native;
    OVERLAPPED transfer = {.hEvent = native_sleeper_event(sleeper)};
    if (transfer.hEvent == NULL) {
        return SPORK_ESYSTEM;
    }
    DWORD written = 0;
    DWORD code =
        WriteFile(handle, data, (DWORD)size, NULL, &transfer) ? 0 : GetLastError();
    int woken = 0;
    if (code == ERROR_IO_PENDING) {
        /* The message stands in the queue, and a reader may take it whole from there:
           that, or room, completes it. Cancelled, it is gone from there. */
        woken =
            native_sleep(sleeper, bell, transfer.hEvent, deadline, watched, count, dead);
        code = settle(handle, &transfer, &written);
    }
    if (code == 0) {
        *done = true;
        return 0;
    }
    return code == ERROR_OPERATION_ABORTED ? woken : write_failed(code);
}

/* ---- Reading ---- */

/* A look at what is next and the reading of it are two steps, which threads must not take
   in between each other's; and a read needs an event. Pipes share these. */
enum { TURNS = 16 };
static struct turn {
    plat_mutex mutex;
    HANDLE event;
} turns[TURNS];

static struct turn *turn_of(intptr_t native) {
    return &turns[(native / 4) % TURNS];
}

static int read_failed(DWORD code, const char *call) {
    if (other_side_is_gone(code)) {
        return error_set(SPORK_EEOF, "nobody holds the other end of the pipe");
    }
    return native_error(SPORK_ESYSTEM, code, "%s of a pipe", call);
}

static int empty(void) {
    return error_set(SPORK_EEMPTY, "the pipe is empty");
}

int plat_message_pipe_peek(struct plat_message_pipe *end, size_t *size) {
    DWORD next = 0;
    if (!PeekNamedPipe((HANDLE)end->native, NULL, 0, NULL, NULL, &next)) {
        return read_failed(GetLastError(), "PeekNamedPipe");
    }
    if (next == 0) {
        return empty();
    }
    *size = next;
    return 0;
}

static int read_into(HANDLE handle, void *data, DWORD capacity, HANDLE event,
                     DWORD *size) {
    OVERLAPPED transfer = {.hEvent = event};
    DWORD code = 0;
    if (!ReadFile(handle, data, capacity, NULL, &transfer)) {
        code = GetLastError();
    }
    if (code == 0 || code == ERROR_IO_PENDING) {
        /* Pending means that another process has taken the message that had been seen. */
        code = settle(handle, &transfer, size);
    }
    return code == 0                         ? 0
           : code == ERROR_OPERATION_ABORTED ? empty()
                                             : read_failed(code, "ReadFile");
}

static int read_in_turn(struct turn *turn, struct plat_message_pipe *end, void *data,
                        size_t capacity, size_t *size) {
    if (turn->event == NULL) {
        turn->event = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (turn->event == NULL) {
            return native_error(SPORK_ESYSTEM, GetLastError(), "CreateEventW");
        }
    }
    size_t next;
    int error = plat_message_pipe_peek(end, &next);
    if (error != 0) {
        return error;
    }
    if (next > capacity) {
        return error_set(SPORK_ETOOSHORT, "a message of %zu bytes, a buffer of %zu", next,
                         capacity);
    }
    /* The whole buffer, should another process have been faster with the one that was
       seen. */
    DWORD room = capacity < PLAT_MESSAGE_MAX ? (DWORD)capacity : PLAT_MESSAGE_MAX;
    DWORD taken = 0;
    error = read_into((HANDLE)end->native, data, room, turn->event, &taken);
    if (error == 0) {
        *size = taken;
    }
    return error;
}

int plat_message_pipe_read(struct plat_message_pipe *end, void *data, size_t capacity,
                           size_t *size) {
    struct turn *turn = turn_of(end->native);
    plat_mutex_lock(&turn->mutex);
    int error = read_in_turn(turn, end, data, capacity, size);
    plat_mutex_unlock(&turn->mutex);
    return error;
}

void plat_message_pipe_close(struct plat_message_pipe *end) {
    if (end->native != PLAT_NO_NATIVE) {
        CloseHandle((HANDLE)end->native);
    }
    end->native = PLAT_NO_NATIVE;
}
