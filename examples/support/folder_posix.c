/* folder.h on POSIX: names are what they are, and most is a call. */
#define _XOPEN_SOURCE 700
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum folder_kind kind_of(mode_t mode) {
    return S_ISREG(mode)   ? FOLDER_FILE
           : S_ISDIR(mode) ? FOLDER_DIRECTORY
           : S_ISLNK(mode) ? FOLDER_LINK
                           : FOLDER_OTHER;
}

static int add_entry(struct folder_list *list, const char *root, const char *folder,
                     const char *name) {
    struct stat status;
    char *path = folder_join(folder, name);
    char *full = path == NULL ? NULL : folder_join(root, path);
    enum folder_kind kind = FOLDER_OTHER;
    if (full != NULL && lstat(full, &status) == 0) {
        kind = kind_of(status.st_mode);
    }
    free(full);
    return folder_add(list, path, kind);
}

int folder_list_one(struct folder_list *list, const char *root, const char *folder,
                    int *unreadable) {
    char *full = folder_join(root, folder);
    DIR *directory = full == NULL ? NULL : opendir(full);
    struct dirent *entry;
    int result = full == NULL ? -1 : 0;
    *unreadable = directory == NULL ? errno : 0;
    while (directory != NULL && result == 0 && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = add_entry(list, root, folder, entry->d_name);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    free(full);
    return result;
}

char **folder_arguments(int argc, char **argv) {
    (void)argc;
    return argv;
}

bool folder_same(const char *left, const char *right) {
    struct stat one;
    struct stat other;
    return stat(left, &one) == 0 && stat(right, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int folder_make(const char *path) {
    struct stat status;
    if (mkdir(path, 0777) == 0) {
        return 0;
    }
    return errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? 1
                                                                                  : -1;
}

FILE *folder_open(const char *path, const char *mode) {
    return fopen(path, mode);
}

int folder_remove(const char *path) {
    return unlink(path);
}

int folder_copy_link(const char *from, const char *to) {
    char target[PATH_MAX];
    ssize_t length = readlink(from, target, sizeof target - 1);
    if (length < 0) {
        return -1;
    }
    target[length] = '\0';
    int result = symlink(target, to);
    if (result != 0 && errno == EEXIST && unlink(to) == 0) {
        result = symlink(target, to);
    }
    return result;
}

int folder_copy_permissions(const char *from, const char *to) {
    struct stat status;
    return stat(from, &status) == 0 ? chmod(to, status.st_mode & 07777) : -1;
}
