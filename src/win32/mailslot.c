/* Messages through the system's mailslots.

   A slot has one reading side, which its creator has and others take copies of, and any
   number of writing ones. It is gone with the last copy of the reading side. */
#include "native.h"

#include <stdio.h>

enum { NAME_SIZE = 256 };

static int slot_name(wchar_t wide[NAME_SIZE], const char *name) {
    int length = swprintf(wide, NAME_SIZE, L"\\\\.\\mailslot\\spork-%hs", name);
    if (length < 0) {
        return error_set(SPORK_EINVAL, "the name of a mailslot is too long: %.80s", name);
    }
    return 0;
}

static bool slot_is_gone(DWORD code) {
    return code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ||
           code == ERROR_HANDLE_EOF || code == ERROR_BROKEN_PIPE ||
           code == ERROR_NO_DATA || code == ERROR_PIPE_NOT_CONNECTED ||
           code == ERROR_BAD_NETPATH;
}

static int open_writer(intptr_t *writer, const wchar_t *name) {
    HANDLE handle = CreateFileW(name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        DWORD code = GetLastError();
        return native_error(slot_is_gone(code) ? SPORK_EPIPE : SPORK_ESYSTEM, code,
                            "CreateFileW of a mailslot");
    }
    *writer = (intptr_t)handle;
    return 0;
}

int plat_mailslot_create(struct plat_mailslot *slot, const char *name) {
    wchar_t wide[NAME_SIZE];
    int error = slot_name(wide, name);
    SECURITY_ATTRIBUTES *access = error == 0 ? native_private() : NULL;
    if (access == NULL) {
        return error != 0 ? error : SPORK_ESYSTEM;
    }
    /* Messages of any size; a read does not wait. Fails if there is one of that name. */
    HANDLE reader = CreateMailslotW(wide, 0, 0, access);
    if (reader == INVALID_HANDLE_VALUE) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "CreateMailslotW");
    }
    intptr_t writer;
    error = open_writer(&writer, wide);
    if (error != 0) {
        CloseHandle(reader);
        return error;
    }
    *slot = (struct plat_mailslot){(intptr_t)reader, writer};
    return 0;
}

int plat_mailslot_open(struct plat_mailslot *slot, const char *name) {
    wchar_t wide[NAME_SIZE];
    int error = slot_name(wide, name);
    return error == 0 ? open_writer(&slot->writer, wide) : error;
}

int plat_mailslot_share(struct plat_mailslot *slot, struct plat_identity owner,
                        intptr_t native) {
    return native_share(&slot->reader, owner, native);
}

int plat_mailslot_write(struct plat_mailslot *slot, const void *data, size_t size) {
    if (size == 0 || size > PLAT_MAILSLOT_MAX) {
        return error_set(SPORK_EINVAL, "a mailslot's message of %zu bytes", size);
    }
    DWORD written = 0;
    if (!WriteFile((HANDLE)slot->writer, data, (DWORD)size, &written, NULL)) {
        DWORD code = GetLastError();
        return native_error(slot_is_gone(code) ? SPORK_EPIPE : SPORK_ESYSTEM, code,
                            "WriteFile to a mailslot");
    }
    if (written != size) {
        return error_set(SPORK_ESYSTEM, "WriteFile to a mailslot: %lu of %zu bytes",
                         (unsigned long)written, size);
    }
    return 0;
}

static int empty(void) {
    return error_set(SPORK_EEMPTY, "the mailslot is empty");
}

/* The look at the next message's size and the read are two steps: readers take turns,
   which is the caller's to see to. One that overtakes all the same costs nothing worse
   than an empty slot, unless the message behind is longer than the buffer. */
int plat_mailslot_read(struct plat_mailslot *slot, void *data, size_t capacity,
                       size_t *size) {
    DWORD next = 0;
    if (!GetMailslotInfo((HANDLE)slot->reader, NULL, &next, NULL, NULL)) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "GetMailslotInfo");
    }
    if (next == MAILSLOT_NO_MESSAGE) {
        return empty();
    }
    if (next > capacity) {
        return error_set(SPORK_ETOOSHORT, "a message of %lu bytes, a buffer of %zu",
                         (unsigned long)next, capacity);
    }
    DWORD room = capacity < MAXDWORD ? (DWORD)capacity : MAXDWORD;
    DWORD taken = 0;
    if (!ReadFile((HANDLE)slot->reader, data, room, &taken, NULL)) {
        DWORD code = GetLastError();
        if (code == ERROR_SEM_TIMEOUT) {
            return empty();
        }
        return native_error(code == ERROR_INSUFFICIENT_BUFFER ? SPORK_ETOOSHORT
                                                              : SPORK_ESYSTEM,
                            code, "ReadFile from a mailslot");
    }
    *size = taken;
    return 0;
}

void plat_mailslot_close(struct plat_mailslot *slot) {
    if (slot->reader != PLAT_NO_NATIVE) {
        CloseHandle((HANDLE)slot->reader);
    }
    if (slot->writer != PLAT_NO_NATIVE) {
        CloseHandle((HANDLE)slot->writer);
    }
    *slot = (struct plat_mailslot){PLAT_NO_NATIVE, PLAT_NO_NATIVE};
}
