/* Copies a folder with all that is in it, by five worker processes. Listing 000:389.

       18_copy_folder SOURCE TARGET

   The parent makes the directories and puts the names of the files into a queue. The
   workers take them from there and report each file through a second queue, which moves
   the progress bar. What cannot be copied is named, the rest is copied all the same, and
   the exit code is 1. A target that exists already is filled up: what has the same name
   there is replaced. */
#include <errno.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "support/folder.h"

enum { WORKERS = 5, BAR = 40, CHUNK = 64 * 1024 };

/* ---- in the workers ---- */

static int copy_content(FILE *from, FILE *to) {
    static _Thread_local char chunk[CHUNK];
    size_t size;

    while ((size = fread(chunk, 1, sizeof chunk, from)) > 0) {
        if (fwrite(chunk, 1, size, to) != size) {
            return -1;
        }
    }
    return ferror(from) ? -1 : 0;
}

static int copy_file(const char *from, const char *to) {
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

/* Reports nil for a file that was copied, else its name and the reason why not. */
static int work(const char *source, const char *target, spork_queue *jobs,
                spork_queue *reports) {
    spork_value name;
    spork_bytes bytes;
    int error = 0;

    while (error == 0 && spork_queue_get(jobs, &name, SPORK_FOREVER) == 0) {
        error = spork_value_get_bytes(&name, &bytes);
        char *from = error == 0 ? folder_join(source, bytes.data) : NULL;
        char *to = error == 0 ? folder_join(target, bytes.data) : NULL;
        bool copied = from != NULL && to != NULL && copy_file(from, to) == 0;
        spork_value complaint = SPORK_LIST_OF(name, spork_str(strerror(errno)));
        error = spork_queue_put(reports, copied ? spork_nil() : complaint, SPORK_FOREVER);
        spork_value_free(&name);
        free(from);
        free(to);
    }
    return error;
}
SPORK_TASK(int, work, const char *, const char *, spork_queue *, spork_queue *);

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

/* Does at once what takes no time, and leaves files to the workers: 1 for each. */
static size_t place(const struct folder_entry *entry, const char *from, const char *to,
                    spork_queue *jobs) {
    int result = 0;

    switch (entry->kind) {
    case FOLDER_FILE:
        must(spork_queue_put_bytes(jobs, entry->path, strlen(entry->path) + 1,
                                   SPORK_FOREVER));
        return 1;
    case FOLDER_DIRECTORY:
        result = folder_make(to);
        if (result >= 0 && entry->error != 0) {
            complain(entry->path, strerror(entry->error));
        }
        break;
    case FOLDER_LINK:
        result = folder_copy_link(from, to);
        break;
    default:
        complain(entry->path, "neither a file nor a directory nor a link");
        break;
    }
    if (result < 0) {
        complain(entry->path, strerror(errno));
    }
    return 0;
}

/* Calls place for every entry, or, when all is copied, gives the directories the
   permissions of their originals: last, as these may forbid to write there, and from the
   inside out. */
static size_t visit(const struct folder_list *list, const char *source,
                    const char *target, spork_queue *jobs, bool at_end) {
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct folder_entry *entry =
            &list->entries[at_end ? list->count - 1 - i : i];
        char *from = folder_join(source, entry->path);
        char *to = folder_join(target, entry->path);
        if (from == NULL || to == NULL) {
            complain(entry->path, strerror(ENOMEM));
        } else if (!at_end) {
            count += place(entry, from, to, jobs);
        } else if (entry->kind == FOLDER_DIRECTORY &&
                   folder_copy_permissions(from, to) != 0) {
            complain(entry->path, strerror(errno));
        }
        free(from);
        free(to);
    }
    return count;
}

static void show_progress(size_t done, size_t total) {
    double part = total == 0 ? 1.0 : (double)done / (double)total;
    int length = (int)(BAR * part);

    printf("\r[%.*s%.*s] %6.2f%%", length, "########################################",
           BAR - length, "........................................", 100.0 * part);
    fflush(stdout);
}

/* Waits for a report of every file. Workers that were killed have none to give. */
static void follow(spork_queue *reports, size_t total) {
    spork_value report;
    spork_bytes name;
    const char *reason;
    size_t running = WORKERS;
    size_t done = 0;

    show_progress(done, total);
    while (done < total && (running > 0 || !spork_queue_empty(reports))) {
        int error = spork_queue_get(reports, &report, 1000);
        if (error == SPORK_EEMPTY) {
            must(spork_active_children(NULL, 0, &running));
            continue;
        }
        must(error);
        if (spork_value_count(&report) == 2) {
            must(spork_value_get_bytes(spork_value_at(&report, 0), &name));
            must(spork_value_get_str(spork_value_at(&report, 1), &reason));
            complain(name.data, reason);
        }
        spork_value_free(&report);
        show_progress(++done, total);
    }
    printf("\n");
    if (done < total) {
        complain("a worker process", "it was ended before its work was done");
    }
}

static void copy_folder(const struct folder_list *list, const char *source,
                        const char *target) {
    /* Daemons: should the parent give up, nobody waits for jobs that never come. */
    const spork_process_options daemon = {.daemon = SPORK_DAEMON_YES};
    spork_process *workers[WORKERS];
    spork_queue *jobs;
    spork_queue *reports;

    must(spork_queue_new(&jobs, NULL));
    must(spork_queue_new(&reports, NULL));
    for (int i = 0; i < WORKERS; i++) {
        must(spork_process_start(&workers[i], work_call(source, target, jobs, reports),
                                 &daemon));
    }
    size_t total = visit(list, source, target, jobs, false);
    must(spork_queue_close(jobs));
    follow(reports, total);
    for (int i = 0; i < WORKERS; i++) {
        must(spork_process_join(workers[i], SPORK_FOREVER, NULL));
        spork_process_free(workers[i]);
    }
    visit(list, source, target, jobs, true);
    if (folder_copy_permissions(source, target) != 0) {
        complain(target, strerror(errno));
    }
    spork_queue_free(jobs);
    spork_queue_free(reports);
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
