/* Memory that has a name.

   The system's names live as long as any handle of the object is open. Ours shall go with their
   maker, as on the other systems; so a name is that of an entry, a small section which only its
   maker keeps open, and which tells the random name of the memory itself. An opener has the
   entry open for microseconds. Nothing here is a file, and the system closes all of a process
   that ends; so persistent names are not to be had. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 1000, ENTRY_SIZE = 4096 };
static const uint32_t magic = 0x6b726f73; /* "sork" */

/* Written by its maker. published is stored last; an opener that sees 0 waits a moment. */
struct entry {
    _Atomic uint32_t published; /* magic */
    _Atomic uint32_t gone;      /* 1: its maker took the name away */
    uint32_t kind;
    uint32_t reserved;
    uint64_t size;
    uint64_t identity[2];
    struct plat_identity maker;
};

struct maker {
    HANDLE handle; /* of the entry */
    struct entry *entry;
    HANDLE section;
    uint64_t size;
};

static void name_of_entry(wchar_t wide[NATIVE_NAMED_ENTRY], const char *name) {
    swprintf(wide, NATIVE_NAMED_ENTRY, L"Local\\spork-name-%hs", name);
}

static int absent(const char *name) {
    return error_set(SPORK_ENOTFOUND, "there is nothing of the name %s", name);
}

/* ---- entries ---- */

static void leave(struct maker *maker) {
    if (maker->entry != NULL) {
        UnmapViewOfFile(maker->entry);
    }
    if (maker->handle != NULL) {
        CloseHandle(maker->handle);
    }
    maker->entry = NULL;
    maker->handle = NULL;
}

/* Whether the entry that is there is of one who has gone, and is kept by an opener only, who is
   about to close it. */
static bool is_leaving(HANDLE handle) {
    struct plat_process process;
    bool leaving = false;
    struct entry *entry = MapViewOfFile(handle, FILE_MAP_READ, 0, 0, sizeof *entry);
    if (entry == NULL) {
        return false;
    }
    if (atomic_load(&entry->gone) != 0) {
        leaving = true;
    } else if (entry->maker.pid != 0) {
        int error = plat_process_open(&process, entry->maker);
        leaving = error == SPORK_EPEERDIED || (error == 0 && plat_process_dead(&process));
        if (error == 0) {
            plat_process_close(&process);
        }
    }
    UnmapViewOfFile(entry);
    return leaving;
}

/* One try: 0; SPORK_EEXISTS without a detail, and whether to try again. */
static int try_claim(struct maker *maker, const wchar_t *wide, SECURITY_ATTRIBUTES *access,
                     bool *again) {
    *again = false;
    SetLastError(0);
    maker->handle = CreateFileMappingW(INVALID_HANDLE_VALUE, access, PAGE_READWRITE, 0,
                                       ENTRY_SIZE, wide);
    DWORD code = GetLastError();
    if (maker->handle == NULL) {
        bool other = code == ERROR_INVALID_HANDLE || code == ERROR_ACCESS_DENIED;
        return other ? SPORK_EEXISTS
                     : native_error(SPORK_ESYSTEM, code, "CreateFileMappingW for a name");
    }
    if (code == ERROR_ALREADY_EXISTS) {
        *again = is_leaving(maker->handle);
        leave(maker);
        return SPORK_EEXISTS;
    }
    maker->entry = MapViewOfFile(maker->handle, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0,
                                 sizeof *maker->entry);
    if (maker->entry == NULL) {
        code = GetLastError();
        leave(maker);
        return native_error(SPORK_ESYSTEM, code, "MapViewOfFile for a name");
    }
    return 0;
}

static int claim(struct maker *maker, const char *name) {
    wchar_t wide[NATIVE_NAMED_ENTRY];
    SECURITY_ATTRIBUTES *access = native_private();
    bool again = true;
    int error = access != NULL ? SPORK_EEXISTS : SPORK_ESYSTEM;
    name_of_entry(wide, name);
    for (int i = 0; i < PATIENCE_MS && error == SPORK_EEXISTS && again; i++) {
        error = try_claim(maker, wide, access, &again);
        if (again) {
            Sleep(1);
        }
    }
    if (error == SPORK_EEXISTS) {
        return error_set(error, "there is something of the name %s already", name);
    }
    return error != 0 ? error : plat_self_identity(&maker->entry->maker);
}

/* ---- making ---- */

static void let_go(struct maker *maker) {
    if (maker->entry != NULL) {
        atomic_store(&maker->entry->gone, 1);
    }
    leave(maker);
    if (maker->section != NULL) {
        CloseHandle(maker->section);
    }
    free(maker);
}

int plat_named_create(struct plat_named *named, enum plat_named_kind kind, const char *name,
                      size_t size, bool persist) {
    if (persist) {
        return error_set(SPORK_ENOTSUP, "no name outlives its maker on this system");
    }
    struct maker *maker = calloc(1, sizeof *maker);
    if (maker == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a name");
    }
    struct plat_named made = {.kind = kind, .maker = (intptr_t)maker};
    int error = claim(maker, name);
    if (error == 0) {
        error = plat_random(made.identity, sizeof made.identity);
    }
    if (error == 0) {
        error = native_named_section(&made, size, &maker->section);
    }
    if (error != 0) {
        let_go(maker);
        return error;
    }
    maker->size = size;
    *named = made;
    return 0;
}

int plat_named_publish(struct plat_named *named, const char *name) {
    struct maker *maker = (struct maker *)named->maker;
    struct entry *entry = maker->entry;
    (void)name;
    entry->kind = named->kind;
    entry->size = maker->size;
    memcpy(entry->identity, named->identity, sizeof entry->identity);
    atomic_store(&entry->published, magic);
    return 0;
}

/* ---- opening ---- */

/* Whether somebody of this user's rights made it: anybody of the session could have taken the
   name first. */
static bool is_ours(HANDLE handle) {
    struct {
        SECURITY_DESCRIPTOR descriptor;
        unsigned char sid[SECURITY_MAX_SID_SIZE];
    } security;
    union {
        TOKEN_USER user;
        TOKEN_OWNER owner;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } mine;
    DWORD size;
    BOOL defaulted;
    PSID owner = NULL;
    HANDLE token = NULL;
    bool same = false;
    if (!GetKernelObjectSecurity(handle, OWNER_SECURITY_INFORMATION, &security.descriptor,
                                 sizeof security, &size) ||
        !GetSecurityDescriptorOwner(&security.descriptor, &owner, &defaulted) ||
        owner == NULL || !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return false;
    }
    if (GetTokenInformation(token, TokenUser, &mine, sizeof mine, &size)) {
        same = EqualSid(owner, mine.user.User.Sid);
    }
    if (!same && GetTokenInformation(token, TokenOwner, &mine, sizeof mine, &size)) {
        same = EqualSid(owner, mine.owner.Owner);
    }
    CloseHandle(token);
    return same;
}

/* A copy of the entry, once it is published. */
static int read_entry(struct entry *copy, HANDLE handle, const char *name) {
    struct entry *entry = MapViewOfFile(handle, FILE_MAP_READ, 0, 0, sizeof *entry);
    if (entry == NULL) {
        return absent(name); /* another program's, and smaller */
    }
    for (int i = 0; i < PATIENCE_MS && atomic_load(&entry->published) != magic &&
                    atomic_load(&entry->gone) == 0;
         i++) {
        Sleep(1);
    }
    bool good = atomic_load(&entry->published) == magic && atomic_load(&entry->gone) == 0;
    memcpy(copy, entry, sizeof *copy);
    UnmapViewOfFile(entry);
    return good ? 0 : absent(name);
}

static int find_entry(struct entry *entry, const char *name) {
    wchar_t wide[NATIVE_NAMED_ENTRY];
    name_of_entry(wide, name);
    HANDLE handle = OpenFileMappingW(FILE_MAP_READ | READ_CONTROL, FALSE, wide);
    if (handle == NULL) {
        DWORD code = GetLastError();
        return code == ERROR_FILE_NOT_FOUND || code == ERROR_INVALID_HANDLE
                   ? absent(name)
                   : native_error(SPORK_ESYSTEM, code, "OpenFileMappingW: %s", name);
    }
    int error = is_ours(handle) ? read_entry(entry, handle, name)
                                : error_set(SPORK_ESYSTEM, "the name %s is another user's", name);
    CloseHandle(handle);
    return error;
}

int plat_named_open(struct plat_named *named, enum plat_named_kind kind, const char *name,
                    bool read_only) {
    struct entry entry;
    struct plat_named opened = {.kind = kind};
    int error = find_entry(&entry, name);
    if (error != 0) {
        return error;
    }
    if (entry.kind != (uint32_t)kind) {
        return absent(name);
    }
    memcpy(opened.identity, entry.identity, sizeof opened.identity);
    error = native_named_map(&opened, (size_t)entry.size, read_only);
    if (error == 0) {
        *named = opened;
    }
    return error;
}

/* ---- letting go ---- */

int plat_named_unlink(struct plat_named *named, const char *name) {
    (void)name;
    let_go((struct maker *)named->maker);
    named->maker = 0;
    return 0;
}

void plat_named_close(struct plat_named *named) {
    if (named->base != NULL) {
        UnmapViewOfFile(named->base);
    }
    if (named->maker != 0) {
        let_go((struct maker *)named->maker);
    }
    *named = (struct plat_named){0};
}

int plat_named_unlink_persistent(enum plat_named_kind kind, const char *name) {
    (void)kind;
    return error_set(SPORK_ENOTSUP, "there are no persistent names here: %s", name);
}
