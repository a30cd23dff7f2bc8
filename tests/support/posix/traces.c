/* Open files by /proc, names by /dev/shm and the table of sockets. */
#define _GNU_SOURCE
#include "../../support_traces.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_open(int descriptors, const struct stat *file) {
    int copy = dup(descriptors);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    bool found = false;
    if (directory == NULL) {
        close(copy);
        return false;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL && !found;
         entry = readdir(directory)) {
        struct stat opened;
        found = isdigit((unsigned char)entry->d_name[0]) &&
                fstatat(descriptors, entry->d_name, &opened, 0) == 0 &&
                opened.st_ino == file->st_ino && opened.st_dev == file->st_dev;
    }
    closedir(directory);
    return found;
}

/* "12 (program) S": what the process itself says of its name, and its state. */
static void describe(const char *pid, char *who, size_t size) {
    char path[300];
    char text[256] = "?";
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL) {
            text[0] = '\0';
        }
        fclose(file);
    }
    char *end = strrchr(text, ')');
    if (end != NULL && end[1] == ' ' && end[2] != '\0') {
        end[3] = '\0';
    }
    size_t used = strlen(who);
    snprintf(who + used, size - used, "%s; ", text);
}

bool native_is_written_by_anyone(const char *path, char *who, size_t size) {
    struct stat file;
    bool found = false;
    DIR *processes = opendir("/proc");
    who[0] = '\0';
    if (processes == NULL || stat(path, &file) != 0) {
        snprintf(who, size, "neither /proc nor the file can be read");
        return true;
    }
    for (struct dirent *entry = readdir(processes); entry != NULL;
         entry = readdir(processes)) {
        char folder[300];
        snprintf(folder, sizeof folder, "/proc/%s/fd", entry->d_name);
        int descriptors = isdigit((unsigned char)entry->d_name[0])
                              ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                              : -1;
        if (descriptors >= 0 && has_open(descriptors, &file)) {
            describe(entry->d_name, who, size);
            found = true;
        }
        if (descriptors >= 0) {
            close(descriptors);
        }
    }
    closedir(processes);
    return found;
}

static int count_in_folder(const char *path, const char *part) {
    int count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        count += strstr(entry->d_name, part) != NULL;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

int native_count_names(const char *part) {
    char line[512];
    int count = count_in_folder("/dev/shm", part) + count_in_folder("/dev/mqueue", part);
    FILE *sockets = fopen("/proc/net/unix", "re");
    while (sockets != NULL && fgets(line, sizeof line, sockets) != NULL) {
        count += strstr(line, part) != NULL;
    }
    if (sockets != NULL) {
        fclose(sockets);
    }
    return count;
}

bool native_fork_copy(int64_t *pid) {
    pid_t child = fork();
    *pid = child;
    return child >= 0;
}

bool native_process_pause(int64_t pid) {
    return kill((pid_t)pid, SIGSTOP) == 0;
}

void native_write_line(const char *line) {
    size_t size = strlen(line);
    if (write(1, line, size) != (ssize_t)size) {
        _exit(111);
    }
}
