/* folder.h on Windows: everything by its wide name. */
#include "folder.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

/* ---- names ---- */

static wchar_t *to_wide(const char *text) {
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = length > 0 ? malloc((size_t)length * sizeof *wide) : NULL;
    if (wide == NULL) {
        errno = length > 0 ? ENOMEM : EINVAL;
        return NULL;
    }
    MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
    return wide;
}

static char *to_utf8(const wchar_t *wide) {
    int length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = length > 0 ? malloc((size_t)length) : NULL;
    if (text == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, length, NULL, NULL);
    return text;
}

/* A path from the drive on, marked so that it may be longer than 260 characters. */
static wchar_t *system_path(const char *path) {
    wchar_t *wide = to_wide(path);
    DWORD room = wide == NULL ? 0 : GetFullPathNameW(wide, 0, NULL, NULL);
    wchar_t *full = room == 0 ? NULL : malloc((room + 4) * sizeof *full);
    if (full != NULL) {
        GetFullPathNameW(wide, room, full + 4, NULL);
        if (wcsncmp(full + 4, L"\\\\", 2) == 0) {
            memmove(full, full + 4, room * sizeof *full);
        } else {
            memcpy(full, L"\\\\?\\", 4 * sizeof *full);
        }
    }
    free(wide);
    return full;
}

/* argv is in the code page of the system, which has not every character. */
char **folder_arguments(int argc, char **argv) {
    int count;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **made =
        wide == NULL || count < argc ? NULL : calloc((size_t)argc + 1, sizeof *made);
    for (int i = 0; made != NULL && i < argc; i++) {
        made[i] = to_utf8(wide[i]);
    }
    LocalFree(wide);
    return made == NULL ? argv : made;
}

/* ---- listing ---- */

static int add_entry(struct folder_list *list, const char *folder,
                     const struct _wfinddata64_t *found) {
    enum folder_kind kind = (found->attrib & FILE_ATTRIBUTE_REPARSE_POINT) != 0
                                ? FOLDER_LINK
                            : (found->attrib & _A_SUBDIR) != 0 ? FOLDER_DIRECTORY
                                                               : FOLDER_FILE;
    char *name = to_utf8(found->name);
    char *path = name == NULL ? NULL : folder_join(folder, name);
    free(name);
    return folder_add(list, path, kind);
}

int folder_list_one(struct folder_list *list, const char *root, const char *folder,
                    int *unreadable) {
    struct _wfinddata64_t found;
    char *full = folder_join(root, folder);
    char *pattern = full == NULL ? NULL : folder_join(full, "*");
    wchar_t *wide = pattern == NULL ? NULL : system_path(pattern);
    intptr_t search = wide == NULL ? -1 : _wfindfirst64(wide, &found);
    int result = wide == NULL ? -1 : 0;
    *unreadable = search == -1 ? errno : 0;
    for (int more = 0; search != -1 && more == 0 && result == 0;
         more = _wfindnext64(search, &found)) {
        if (wcscmp(found.name, L".") != 0 && wcscmp(found.name, L"..") != 0) {
            result = add_entry(list, folder, &found);
        }
    }
    if (search != -1) {
        _findclose(search);
    }
    free(wide);
    free(pattern);
    free(full);
    return result;
}

/* ---- files ---- */

static bool identify(const char *path, BY_HANDLE_FILE_INFORMATION *identity) {
    wchar_t *wide = system_path(path);
    HANDLE file = wide == NULL
                      ? INVALID_HANDLE_VALUE
                      : CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    bool good =
        file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, identity) != 0;
    if (file != INVALID_HANDLE_VALUE) {
        CloseHandle(file);
    }
    free(wide);
    return good;
}

bool folder_same(const char *left, const char *right) {
    BY_HANDLE_FILE_INFORMATION one;
    BY_HANDLE_FILE_INFORMATION other;
    return identify(left, &one) && identify(right, &other) &&
           one.dwVolumeSerialNumber == other.dwVolumeSerialNumber &&
           one.nFileIndexHigh == other.nFileIndexHigh &&
           one.nFileIndexLow == other.nFileIndexLow;
}

int folder_make(const char *path) {
    wchar_t *wide = system_path(path);
    int result = wide == NULL ? -1 : _wmkdir(wide);
    if (result != 0 && wide != NULL && errno == EEXIST) {
        DWORD attributes = GetFileAttributesW(wide);
        bool is_folder = attributes != INVALID_FILE_ATTRIBUTES &&
                         (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
        result = is_folder ? 1 : -1;
    }
    free(wide);
    return result;
}

FILE *folder_open(const char *path, const char *mode) {
    wchar_t *wide = system_path(path);
    wchar_t *wide_mode = to_wide(mode);
    FILE *file = wide == NULL || wide_mode == NULL ? NULL : _wfopen(wide, wide_mode);
    int error = errno;
    free(wide);
    free(wide_mode);
    errno = error;
    return file;
}

int folder_remove(const char *path) {
    wchar_t *wide = system_path(path);
    int result = wide == NULL ? -1 : _wunlink(wide);
    free(wide);
    return result;
}

int folder_copy_link(const char *from, const char *to) {
    (void)from;
    (void)to;
    errno = ENOSYS;
    return -1;
}

int folder_copy_permissions(const char *from, const char *to) {
    (void)from;
    (void)to;
    return 0;
}
