/* Copies a folder with all that is in it, by a pool of five worker processes.
   Listing 000:389.

       18_copy_folder SOURCE TARGET

   The parent makes the directories and gives the files to the pool; each result that comes
   back moves the progress bar. What cannot be copied is named, the rest is copied all the
   same, and the exit code is 1. A worker that is killed costs the file that it had in hand.
   A target that exists already is filled up: what has the same name there is replaced. */
#include <errno.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support/folder.h"

enum { WORKERS = 5, BAR = 40, CHUNK = 64 * 1024 };

/* ---- in the workers ---- */

static int copy_content(FILE *from, FILE *to) {
    char chunk[CHUNK];
    size_t size;

    while ((size = fread(chunk, 1, sizeof chunk, from)) > 0) {
        if (fwrite(chunk, 1, size, to) != size) {
            return -1;
        }
    }
    return ferror(from) ? -1 : 0;
}

static int copy(const char *from, const char *to) {
    FILE *source = folder_open(from, "rb");
    if (source == NULL) {
        return -1;
    }
    FILE *target = folder_open(to, "wb");
    int result = target == NULL ? -1 : copy_content(source, target);
    int error = errno;
    if (target != NULL && fclose(target) != 0 && result == 0) {
        result = -1;
        error = errno;
    }
    fclose(source);
    if (target != NULL && result != 0) {
        folder_remove(to); /* Half a file is worse than none. */
    }
    errno = error;
    return result != 0 ? -1 : folder_copy_permissions(from, to);
}

static bool copy_file(const char *source, const char *target, const char *name) {
    char *from = folder_join(source, name);
    char *to = folder_join(target, name);
    bool copied = from != NULL && to != NULL && copy(from, to) == 0;
    int error = errno;

    free(from);
    free(to);
    if (!copied) {
        spork_task_fail(error != 0 ? error : EIO, "%s", strerror(error));
    }
    return copied;
}
SPORK_TASK(bool, copy_file, const char *, const char *, const char *);

/* ---- in the parent ---- */

static size_t failures;

static void complain(const char *name, const char *reason) {
    failures++;
    fflush(stdout);
    fprintf(stderr, "\r%*s\r%s: %s\n", BAR + 10, "", name, reason);
}

static void must(int error) {
    if (error != 0) {
        fprintf(stderr, "%s\n", spork_error_detail());
        exit(EXIT_FAILURE);
    }
}

static void show_progress(size_t done, size_t total) {
    double part = total == 0 ? 1.0 : (double)done / (double)total;
    int length = (int)(BAR * part);

    printf("\r[%.*s%.*s] %6.2f%%", length, "########################################",
           BAR - length, "........................................", 100.0 * part);
    fflush(stdout);
}

/* Those of one that was ended from outside: it could not do it itself. */
static void remove_half(const copy_file_arguments *file) {
    char *to = folder_join(file->x1, file->x2);

    if (to != NULL) {
        folder_remove(to);
    }
    free(to);
}

/* Each result has the place of its file in the input, whatever order they come in. */
static void copy_files(const copy_file_arguments *files, size_t count) {
    const spork_imap_options as_they_come = {.unordered = true};
    spork_pool *pool;
    spork_imap *copies;
    size_t done = 0;
    int error;

    must(spork_pool_new(&pool, &(spork_pool_options){.workers = WORKERS}));
    must(copy_file_imap(&copies, pool, files, count, &as_they_come));
    show_progress(done, count);
    while ((error = copy_file_next(copies, NULL, SPORK_FOREVER)) != SPORK_EEOF) {
        const copy_file_arguments *file = &files[spork_imap_index(copies)];
        if (error != 0) {
            complain(file->x2, spork_error_detail());
        }
        if (error == SPORK_EWORKERDIED) {
            remove_half(file);
        }
        show_progress(++done, count);
    }
    printf("\n");
    if (done < count) {
        complain("the rest", "there are no workers any more");
    }
    spork_imap_free(copies);
    must(spork_pool_free(pool));
}

/* What is no file takes no time, so it is done at once. */
static int make(const struct folder_entry *entry, const char *from, const char *to) {
    switch (entry->kind) {
    case FOLDER_DIRECTORY:
        if (folder_make(to) < 0) {
            return -1;
        }
        errno = entry->error;
        return entry->error != 0 ? -1 : 0;
    case FOLDER_LINK:
        return folder_copy_link(from, to);
    default:
        complain(entry->path, "neither a file nor a directory nor a link");
        return 0;
    }
}

/* Last, and from the inside out, since permissions may forbid to write in a directory. */
static int finish(const struct folder_entry *entry, const char *from, const char *to) {
    return entry->kind == FOLDER_DIRECTORY ? folder_copy_permissions(from, to) : 0;
}

typedef int action(const struct folder_entry *entry, const char *from, const char *to);

static void visit(action *act, const struct folder_entry *entry, const char *source,
                  const char *target) {
    char *from = folder_join(source, entry->path);
    char *to = folder_join(target, entry->path);

    if (from == NULL || to == NULL || act(entry, from, to) != 0) {
        complain(entry->path, strerror(errno));
    }
    free(from);
    free(to);
}

static void copy_folder(const struct folder_list *list, const char *source,
                        const char *target) {
    copy_file_arguments *files = calloc(list->count + 1, sizeof *files);
    size_t count = 0;

    if (files == NULL) {
        complain(source, strerror(errno));
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind == FOLDER_FILE) {
            files[count++] = (copy_file_arguments){source, target, list->entries[i].path};
        } else {
            visit(make, &list->entries[i], source, target);
        }
    }
    copy_files(files, count);
    for (size_t i = list->count; i > 0; i--) {
        visit(finish, &list->entries[i - 1], source, target);
    }
    if (folder_copy_permissions(source, target) != 0) {
        complain(target, strerror(errno));
    }
    free(files);
}

int main(int argc, char **argv) {
    struct folder_list list;

    must(spork_init(argc, argv));
    char **arguments = folder_arguments(argc, argv);
    if (argc != 3) {
        fprintf(stderr, "usage: copy_folder SOURCE TARGET\n");
        return 2;
    }
    const char *source = arguments[1];
    const char *target = arguments[2];
    if (folder_list(&list, source) != 0) {
        complain(source, strerror(errno));
        return EXIT_FAILURE;
    }
    int made = folder_make(target);
    if (made < 0 || folder_same(source, target)) {
        complain(target, made < 0 ? strerror(errno) : "this is the source itself");
    } else {
        printf("the folder %s %s\n", target, made == 0 ? "was made" : "exists already");
        copy_folder(&list, source, target);
    }
    folder_list_free(&list);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
