/* The memory behind a name: reserved when it is made, so that touching it cannot fail. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "native.h"

static uint64_t limit_in(const char *path) {
    unsigned long long limit;
    FILE *file = fopen(path, "re");
    bool told = file != NULL && fscanf(file, "%llu", &limit) == 1; /* not so for "max" */
    if (file != NULL) {
        fclose(file);
    }
    return told ? limit : UINT64_MAX;
}

/* The least limit of this process's control group, of either version, and those above it. */
static uint64_t group_limit(void) {
    char line[512];
    char path[640];
    uint64_t least = UINT64_MAX;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups != NULL && fgets(line, sizeof line, groups) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool first = strstr(line, ":memory:") != NULL;
        char *group = strchr(line, '/');
        if (group == NULL || (!first && strncmp(line, "0::", 3) != 0)) {
            continue;
        }
        for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
            *end = '\0';
            snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/memory.%s", first ? "/memory" : "",
                     group, first ? "limit_in_bytes" : "max");
            uint64_t limit = limit_in(path);
            least = limit < least ? limit : least;
        }
    }
    if (groups != NULL) {
        fclose(groups);
    }
    return least;
}

/* A memfd has no limit of its own: the kernel would end processes to fill it. */
static bool is_room(uint64_t size) {
    char line[256];
    unsigned long long kib;
    uint64_t available = 0;
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur) {
        return false; /* where to write were a signal */
    }
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1 ||
            sscanf(line, "SwapFree: %llu", &kib) == 1) {
            available += (uint64_t)kib * 1024;
        }
    }
    if (file == NULL) {
        return true;
    }
    fclose(file);
    return size <= available && size <= group_limit();
}

/* In parts, as a signal makes it begin anew. */
int native_named_reserve(int fd, size_t size) {
    const size_t part = (size_t)64 << 20;
    if (size > INT64_MAX || !is_room(size)) {
        return ENOSPC;
    }
    for (size_t at = 0; at < size;) {
        size_t next = size - at < part ? size - at : part;
        int number = posix_fallocate(fd, (off_t)at, (off_t)next);
        if (number != 0 && number != EINTR) {
            return number;
        }
        at += number == 0 ? next : 0;
    }
    return 0;
}

int native_named_map(struct plat_named *named, int fd, size_t size, bool read_only) {
    int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void *base = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return native_error(SPORK_ENOSPACE, "mmap of named memory", errno);
    }
    named->base = base;
    named->size = size;
    return 0;
}
