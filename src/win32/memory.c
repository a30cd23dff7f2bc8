/* The family's shared mapping: a section with a random name, reserved at once and
   committed as it is used. What one process commits is committed for all, and the system
   gives the section up with the last handle or view. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t least_size = (size_t)64 << 20;
static const size_t most_size = sizeof(size_t) == 8 ? (size_t)16 << 30 : (size_t)512 << 20;
/* What views and reservations are made of. */
static const size_t granularity = (size_t)64 << 10;

int native_random_name(char name[NATIVE_RANDOM_NAME]) {
    unsigned char bytes[(NATIVE_RANDOM_NAME - 1) / 2];
    int error = plat_random(bytes, sizeof bytes);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(name + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

/* An access list of two entries, and what it is hung up on. */
struct private_access {
    SECURITY_ATTRIBUTES attributes;
    SECURITY_DESCRIPTOR descriptor;
    DWORD code; /* of the failure, if it could not be made */
    DWORD list[(sizeof(ACL) + 2 * (sizeof(ACCESS_ALLOWED_ACE) + SECURITY_MAX_SID_SIZE)) /
               sizeof(DWORD)];
};

static bool allow(struct private_access *access, PSID user, PSID system) {
    ACL *list = (ACL *)(void *)access->list;
    /* Protected: nothing is added to it from elsewhere. */
    return InitializeAcl(list, sizeof access->list, ACL_REVISION) &&
           AddAccessAllowedAce(list, ACL_REVISION, GENERIC_ALL, user) &&
           AddAccessAllowedAce(list, ACL_REVISION, GENERIC_ALL, system) &&
           InitializeSecurityDescriptor(&access->descriptor,
                                        SECURITY_DESCRIPTOR_REVISION) &&
           SetSecurityDescriptorDacl(&access->descriptor, TRUE, list, FALSE) &&
           SetSecurityDescriptorControl(&access->descriptor, SE_DACL_PROTECTED,
                                        SE_DACL_PROTECTED);
}

static BOOL CALLBACK make_private(INIT_ONCE *once, void *parameter, void **context) {
    (void)once;
    (void)context;
    struct private_access *access = parameter;
    union {
        TOKEN_USER token;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } user;
    unsigned char system[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof system;
    HANDLE token = NULL;
    bool made = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
                CreateWellKnownSid(WinLocalSystemSid, NULL, system, &size) &&
                GetTokenInformation(token, TokenUser, &user, sizeof user, &size) &&
                allow(access, user.token.User.Sid, system);
    access->code = made ? 0 : GetLastError();
    access->attributes =
        (SECURITY_ATTRIBUTES){sizeof access->attributes, &access->descriptor, FALSE};
    if (token != NULL) {
        CloseHandle(token);
    }
    return TRUE;
}

SECURITY_ATTRIBUTES *native_private(void) {
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    static struct private_access access;
    InitOnceExecuteOnce(&once, make_private, &access, NULL);
    if (access.code != 0) {
        native_error(SPORK_ESYSTEM, access.code, "an access list of this user's own");
        return NULL;
    }
    return &access.attributes;
}

int native_share(intptr_t *copy, struct plat_identity owner, intptr_t native) {
    HANDLE process;
    int error = native_process_open(&process, owner, PROCESS_DUP_HANDLE);
    if (error != 0) {
        return error;
    }
    HANDLE mine;
    if (DuplicateHandle(process, (HANDLE)native, GetCurrentProcess(), &mine, 0, FALSE,
                        DUPLICATE_SAME_ACCESS)) {
        *copy = (intptr_t)mine;
    } else {
        DWORD code = GetLastError();
        /* The right to duplicate was granted: a refusal now means that it is ending. */
        bool gone = code == ERROR_INVALID_HANDLE || code == ERROR_ACCESS_DENIED;
        error = native_error(gone ? SPORK_EPEERDIED : SPORK_ESYSTEM, code,
                             "DuplicateHandle from process %lld", (long long)owner.pid);
    }
    CloseHandle(process);
    return error;
}

static void section_name(wchar_t wide[96], const char *name) {
    swprintf(wide, 96, L"Local\\spork-%hs", name);
}

static int map(struct plat_memory *memory, HANDLE section, size_t size,
               const char *name) {
    void *base = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, size);
    if (base == NULL) {
        return native_error(SPORK_ENOSPACE, GetLastError(), "MapViewOfFile of %zu bytes",
                            size);
    }
    *memory =
        (struct plat_memory){.base = base, .size = size, .native = (intptr_t)section};
    snprintf(memory->name, sizeof memory->name, "%s", name);
    return 0;
}

/* The size stands in the name: a view does not tell how large its reservation is. */
static int create(struct plat_memory *memory, size_t size, const char *random) {
    char name[sizeof memory->name];
    wchar_t wide[96];
    snprintf(name, sizeof name, "%s-%llx", random, (unsigned long long)size);
    section_name(wide, name);
    SECURITY_ATTRIBUTES *access = native_private();
    if (access == NULL) {
        return SPORK_ESYSTEM;
    }
    SetLastError(0);
    HANDLE section =
        CreateFileMappingW(INVALID_HANDLE_VALUE, access, PAGE_READWRITE | SEC_RESERVE,
                           (DWORD)((uint64_t)size >> 32), (DWORD)size, wide);
    DWORD code = GetLastError();
    if (section == NULL) {
        return native_error(SPORK_ENOSPACE, code, "CreateFileMappingW of %zu bytes",
                            size);
    }
    int error = code == ERROR_ALREADY_EXISTS
                    ? native_error(SPORK_ESYSTEM, code, "CreateFileMappingW: %s", name)
                    : map(memory, section, size, name);
    if (error != 0) {
        CloseHandle(section);
    }
    return error;
}

int plat_memory_create(struct plat_memory *memory, size_t size) {
    char random[NATIVE_RANDOM_NAME];
    int error = native_random_name(random);
    if (error != 0) {
        return error;
    }
    /* Mapping a section costs time by its size (64 GiB: 9 ms, 16 GiB: 2 ms under Wine), and
       every process of the family maps it. */
    size = size < most_size ? size : most_size;
    size = size > least_size ? (size + granularity - 1) & ~(granularity - 1) : least_size;
    error = create(memory, size, random);
    while (error == SPORK_ENOSPACE && size / 2 >= least_size) {
        size = size / 2 & ~(granularity - 1);
        error = create(memory, size, random);
    }
    return error;
}

int plat_memory_attach(struct plat_memory *memory, const char *name) {
    const char *dash = strchr(name, '-');
    size_t size = dash != NULL ? (size_t)strtoull(dash + 1, NULL, 16) : 0;
    if (size == 0 || strlen(name) >= sizeof memory->name) {
        return error_set(SPORK_ESYSTEM, "not a name of shared memory: %.80s", name);
    }
    wchar_t wide[96];
    section_name(wide, name);
    HANDLE section = OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, wide);
    if (section == NULL) {
        return native_error(SPORK_ESYSTEM, GetLastError(), "OpenFileMappingW: %s", name);
    }
    int error = map(memory, section, size, name);
    if (error != 0) {
        CloseHandle(section);
    }
    return error;
}

int plat_memory_commit(struct plat_memory *memory, size_t offset, size_t size) {
    if (offset > memory->size || size > memory->size - offset) {
        return error_set(SPORK_ENOSPACE, "%zu bytes at %zu of %zu that are reserved",
                         size, offset, memory->size);
    }
    if (size > 0 &&
        VirtualAlloc(memory->base + offset, size, MEM_COMMIT, PAGE_READWRITE) == NULL) {
        return native_error(SPORK_ENOSPACE, GetLastError(), "VirtualAlloc of %zu bytes",
                            size);
    }
    return 0;
}

void plat_memory_discard(struct plat_memory *memory, size_t offset, size_t size) {
    /* A section's pages cannot be decommitted. This says that their contents need not be
       written to the paging file. */
    const size_t page = 4096;
    size_t from = (offset + page - 1) & ~(page - 1);
    size_t to = (offset + size) & ~(page - 1);
    if (from < to && to <= memory->size) {
        VirtualAlloc(memory->base + from, to - from, MEM_RESET, PAGE_READWRITE);
    }
}
