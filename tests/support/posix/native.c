/* Processes, descriptors and files, past spork. */
#define _GNU_SOURCE
#include "../../support_native.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

bool native_is_windows(void) {
    return false;
}

/* ---- processes ---- */

int64_t native_pid(void) {
    return getpid();
}

const char *native_program(void) {
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return path;
}

bool native_process_runs(int64_t pid) {
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    return at != NULL && at[1] == ' ' && at[2] != 'Z' && at[2] != 'X';
}

void native_process_kill(int64_t pid) {
    kill((pid_t)pid, SIGKILL);
}

bool native_sentinel_ready(intptr_t sentinel, int64_t timeout_ms) {
    struct pollfd poll_fd = {(int)sentinel, POLLIN, 0};
    return poll(&poll_fd, 1, (int)timeout_ms) == 1;
}

static int64_t parent_of(const char *pid) {
    char path[300];
    char text[512];
    long long parent = -1;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -1;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *at = strrchr(text, ')');
    return at != NULL && sscanf(at, ") %*c %lld", &parent) == 1 ? parent : -1;
}

int native_own_children(void) {
    int count = 0;
    DIR *stream = opendir("/proc");
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        bool is_process = entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
        count += is_process && parent_of(entry->d_name) == getpid();
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return count;
}

void native_exit_now(int exit_code) {
    _exit(exit_code);
}

void native_crash(void) {
    /* A sanitizer would make a report of it, and an exit code of its own. */
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

/* ---- arguments and environment ---- */

const char *native_argument(int argc, char **argv, int index) {
    return index < argc ? argv[index] : NULL;
}

void native_set_variable(const char *name, const char *value) {
    if (value == NULL) {
        unsetenv(name);
    } else {
        setenv(name, value, 1);
    }
}

uint64_t native_environment_sum(void) {
    uint64_t sum = 0;
    for (char **variable = environ; *variable != NULL; variable++) {
        uint64_t hash = 14695981039346656037u;
        for (const char *at = *variable; *at != '\0'; at++) {
            hash = (hash ^ (unsigned char)*at) * 1099511628211u;
        }
        sum += hash;
    }
    return sum;
}

/* ---- descriptors ---- */

enum { MOST_DESCRIPTORS = 4096 };

int native_descriptor_count(void) {
    int count = 0;
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

intptr_t native_open_inheritable(const char *path) {
    return open(path, O_RDWR | O_CREAT, 0600);
}

intptr_t native_open_inheritable_at(const char *path, int number) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD, number);
    close(fd);
    return moved;
}

void native_close(intptr_t descriptor) {
    close((int)descriptor);
}

bool native_is_file(intptr_t descriptor, const char *path) {
    struct stat file;
    struct stat opened;
    return stat(path, &file) == 0 && fstat((int)descriptor, &opened) == 0 &&
           file.st_ino == opened.st_ino && file.st_dev == opened.st_dev;
}

int native_count_open(const char *path) {
    int count = 0;
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++) {
        count += native_is_file(fd, path);
    }
    return count;
}

void native_close_streams(void) {
    close(0);
    close(1);
    close(2);
}

int native_open_streams(void) {
    int count = 0;
    for (int fd = 0; fd < 3; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static enum native_kind kind_of(const char *name) {
    static const struct {
        const char *start;
        enum native_kind kind;
    } kinds[] = {{"/memfd:spork", NATIVE_MEMORY},
                 {"/", NATIVE_FILE},
                 {"pipe:", NATIVE_PIPE},
                 {"socket:", NATIVE_SOCKET},
                 {"pidfd:", NATIVE_PROCESS},
                 {"anon_inode:[pidfd]", NATIVE_PROCESS}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(name, kinds[i].start, strlen(kinds[i].start)) == 0) {
            return kinds[i].kind;
        }
    }
    return NATIVE_OTHER;
}

bool native_take_census(struct native_census *census) {
    char name[256];
    DIR *stream = opendir("/proc/self/fd");
    memset(census, 0, sizeof *census);
    if (stream == NULL) {
        return false;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        int fd = atoi(entry->d_name);
        ssize_t length = readlinkat(dirfd(stream), entry->d_name, name, sizeof name - 1);
        if (fd < 3 || fd == dirfd(stream) || length < 0) {
            continue;
        }
        name[length] = '\0';
        census->of_kind[kind_of(name)]++;
        census->inheritable += (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
    }
    closedir(stream);
    return true;
}

int native_bell_count(void) {
    struct native_census census;
    return native_take_census(&census) ? census.of_kind[NATIVE_SOCKET] : 0;
}

/* The limit is on the numbers, not on how many are open: those below it are taken by fillers,
   but for the highest ones. */
bool native_limit_descriptors(int more) {
    enum { LIMIT = 128 };
    static struct rlimit before;
    static int fillers[LIMIT];
    static int count;
    if (before.rlim_max == 0 && getrlimit(RLIMIT_NOFILE, &before) != 0) {
        return false;
    }
    while (count > 0) {
        close(fillers[--count]);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    if (more < 0) {
        return true;
    }
    struct rlimit low = {LIMIT, before.rlim_max};
    bool good = setrlimit(RLIMIT_NOFILE, &low) == 0;
    for (int fd = 0; good && (fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0;) {
        fillers[count++] = fd;
    }
    while (good && more-- > 0) {
        close(fillers[--count]);
    }
    return good;
}

bool native_close_all_but_streams(void) {
    for (int fd = 3; fd < MOST_DESCRIPTORS; fd++) {
        close(fd);
    }
    return true;
}

intptr_t native_signal_new(void) {
    return eventfd(0, EFD_CLOEXEC);
}

void native_signal_set(intptr_t signal) {
    eventfd_write((int)signal, 1);
}

void native_signal_free(intptr_t signal) {
    close((int)signal);
}

bool native_signal_is_consumed(void) {
    return false;
}

/* ---- files ---- */

bool native_limit_files(uint64_t size) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return false;
    }
    limit.rlim_cur = (rlim_t)size;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

bool native_temporary_directory(char *path, size_t size) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, size, "%s/test-XXXXXX", folder != NULL ? folder : "/tmp");
    return mkdtemp(path) != NULL;
}

int native_count_entries(const char *directory) {
    int count = 0;
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        return -1;
    }
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(stream);
    return count;
}

bool native_remove_directory(const char *directory) {
    return rmdir(directory) == 0;
}

bool native_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool native_copy(const char *from, const char *to) {
    char buffer[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    bool good = in >= 0 && out >= 0;
    for (ssize_t size = 1; good && size > 0;) {
        size = read(in, buffer, sizeof buffer);
        good = size >= 0 && write(out, buffer, (size_t)size) == size;
    }
    close(in);
    return close(out) == 0 && good;
}

bool native_rename(const char *from, const char *to) {
    return rename(from, to) == 0;
}

intptr_t native_open_alone(const char *path) {
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* ---- names ---- */

static void append_line(char *text, size_t size, const char *line) {
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%.*s\n", (int)strcspn(line, "\n"), line);
}

bool native_list_names(const char *part, char *text, size_t size) {
    char line[512];
    FILE *sockets = fopen("/proc/net/unix", "r");
    DIR *memory = opendir("/dev/shm");
    text[0] = '\0';
    while (sockets != NULL && fgets(line, sizeof line, sockets) != NULL) {
        const char *name = strrchr(line, ' ');
        if (name != NULL && strstr(name, part) != NULL) {
            append_line(text, size, name + 1);
        }
    }
    for (struct dirent *entry = NULL; memory != NULL && (entry = readdir(memory)) != NULL;) {
        if (strstr(entry->d_name, part) != NULL) {
            append_line(text, size, entry->d_name);
        }
    }
    bool good = sockets != NULL;
    if (sockets != NULL) {
        fclose(sockets);
    }
    if (memory != NULL) {
        closedir(memory);
    }
    return good;
}
