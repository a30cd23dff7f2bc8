/* What C itself cannot do with folders, for examples: folder_posix.c or folder_win32.c is
   built, as the target is. Names are UTF-8 with '/' between their parts, on every system.
   What can fail returns 0, or -1 with the reason in errno. */
#ifndef EXAMPLES_FOLDER_H
#define EXAMPLES_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum folder_kind { FOLDER_FILE, FOLDER_DIRECTORY, FOLDER_LINK, FOLDER_OTHER };

struct folder_entry {
    char *path; /* below the root */
    enum folder_kind kind;
    int error; /* an errno: why a directory's content is not in the list; else 0 */
};

/* Everything below a root, a directory before what is in it. */
struct folder_list {
    struct folder_entry *entries;
    size_t count;
};

/* Lists a folder with all that is in it; links are not followed. */
int folder_list(struct folder_list *list, const char *root);
void folder_list_free(struct folder_list *list);

/* The program's arguments in UTF-8: argv itself where that is so. */
char **folder_arguments(int argc, char **argv);

/* "folder/name", to be freed; NULL: no memory. */
char *folder_join(const char *folder, const char *name);
/* Whether both are there and are the same folder, whatever they are called. */
bool folder_same(const char *left, const char *right);
/* 1: it was there already. */
int folder_make(const char *path);
FILE *folder_open(const char *path, const char *mode);
int folder_remove(const char *path);
/* Makes a link that says what another one says. */
int folder_copy_link(const char *from, const char *to);
/* Lets the same people do the same things with a file. Nothing on Windows, where a new
   file takes that from its folder. */
int folder_copy_permissions(const char *from, const char *to);

/* Between the parts of the implementation. folder_add takes over path; NULL is a failure.
   folder_list_one adds the entries of one folder below the root, or says in *unreadable
   why it cannot; -1 is only for what ends the whole listing. */
int folder_add(struct folder_list *list, char *path, enum folder_kind kind);
int folder_list_one(struct folder_list *list, const char *root, const char *folder,
                    int *unreadable);

#endif
