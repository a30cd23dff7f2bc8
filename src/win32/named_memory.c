/* The memory behind a name: a committed section, so that touching it cannot fail. Its own name
   is random; see named.c. */
#include "native.h"

#include <stdio.h>

void native_named_object(wchar_t wide[NATIVE_NAMED_OBJECT], const struct plat_named *named,
                         char what) {
    swprintf(wide, NATIVE_NAMED_OBJECT, L"Local\\spork-%016llx%016llx-%c",
             (unsigned long long)named->identity[0], (unsigned long long)named->identity[1],
             what);
}

static int map(struct plat_named *named, HANDLE section, size_t size, DWORD access) {
    void *base = MapViewOfFile(section, access, 0, 0, size);
    if (base == NULL) {
        return native_error(SPORK_ENOSPACE, GetLastError(), "MapViewOfFile of %zu bytes", size);
    }
    named->base = base;
    named->size = size;
    return 0;
}

int native_named_section(struct plat_named *named, size_t size, HANDLE *section) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    SECURITY_ATTRIBUTES *access = native_private();
    if (access == NULL) {
        return SPORK_ESYSTEM;
    }
    native_named_object(wide, named, 'm');
    SetLastError(0);
    HANDLE made = CreateFileMappingW(INVALID_HANDLE_VALUE, access, PAGE_READWRITE | SEC_COMMIT,
                                     (DWORD)((uint64_t)size >> 32), (DWORD)size, wide);
    DWORD code = GetLastError();
    if (made == NULL) {
        return native_error(SPORK_ENOSPACE, code, "CreateFileMappingW of %zu bytes", size);
    }
    int error = code == ERROR_ALREADY_EXISTS
                    ? native_error(SPORK_ESYSTEM, code, "a random name that somebody has")
                    : map(named, made, size, FILE_MAP_READ | FILE_MAP_WRITE);
    if (error != 0) {
        CloseHandle(made);
        return error;
    }
    *section = made;
    return 0;
}

int native_named_map(struct plat_named *named, size_t size, bool read_only) {
    wchar_t wide[NATIVE_NAMED_OBJECT];
    DWORD access = read_only ? FILE_MAP_READ : FILE_MAP_READ | FILE_MAP_WRITE;
    native_named_object(wide, named, 'm');
    HANDLE section = OpenFileMappingW(access, FALSE, wide);
    if (section == NULL) {
        DWORD code = GetLastError();
        return native_error(code == ERROR_FILE_NOT_FOUND ? SPORK_ENOTFOUND : SPORK_ESYSTEM, code,
                            "OpenFileMappingW of named memory");
    }
    int error = map(named, section, size, access);
    CloseHandle(section); /* the view stays */
    return error;
}
