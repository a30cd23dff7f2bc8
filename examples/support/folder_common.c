/* The part of folder.h that is the same on every system. */
#include "folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *folder_join(const char *folder, const char *name) {
    size_t length = strlen(folder);
    size_t size = length + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL) {
        return NULL;
    }
    bool separate = length > 0 && folder[length - 1] != '/';
    snprintf(path, size, "%s%s%s", folder, separate ? "/" : "", name);
    return path;
}

int folder_add(struct folder_list *list, char *path, enum folder_kind kind) {
    size_t count = list->count;
    /* Room for 16, then for twice as many whenever a power of two is full. */
    if (path != NULL && (count == 0 || (count >= 16 && (count & (count - 1)) == 0))) {
        size_t room = count == 0 ? 16 : 2 * count;
        struct folder_entry *grown = realloc(list->entries, room * sizeof *grown);
        if (grown == NULL) {
            free(path);
            path = NULL;
        } else {
            list->entries = grown;
        }
    }
    if (path == NULL) {
        errno = ENOMEM;
        return -1;
    }
    list->entries[list->count++] = (struct folder_entry){path, kind, 0};
    return 0;
}

void folder_list_free(struct folder_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].path);
    }
    free(list->entries);
    *list = (struct folder_list){NULL, 0};
}

int folder_list(struct folder_list *list, const char *root) {
    *list = (struct folder_list){NULL, 0};
    int unreadable;
    int result = folder_list_one(list, root, "", &unreadable);
    if (result == 0 && unreadable != 0) {
        errno = unreadable;
        result = -1;
    }
    for (size_t i = 0; result == 0 && i < list->count; i++) {
        if (list->entries[i].kind == FOLDER_DIRECTORY) {
            result = folder_list_one(list, root, list->entries[i].path, &unreadable);
            list->entries[i].error = unreadable;
        }
    }
    if (result != 0) {
        int error = errno;
        folder_list_free(list);
        errno = error;
    }
    return result;
}
