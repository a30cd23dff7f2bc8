/* The family's mapping: one sparse memfd. Nothing names it, so nothing of it can be left. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

enum {
    LEAST = 64 << 20,
    LARGE = 16 << 20 /* from here on it is worth asking whether there is so much */
};
static int family_fd = -1;
static struct stat family_file;

int memory_fd(void) {
    return family_fd;
}

bool memory_fd_is_open(void) {
    struct stat now;
    return fstat(family_fd, &now) == 0 && now.st_dev == family_file.st_dev &&
           now.st_ino == family_file.st_ino;
}

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
bool native_is_room(uint64_t size) {
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

/* A file-size limit would turn a growing memfd into a signal. */
static size_t within_limits(size_t size) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < size) {
        return (size_t)limit.rlim_cur / 4096 * 4096;
    }
    return size;
}

static int map(struct plat_memory *memory, int fd, size_t size) {
    void *base =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        return errno;
    }
    /* A core file of one process need not hold what all processes share. */
    madvise(base, size, MADV_DONTDUMP);
    memory->base = base;
    memory->size = size;
    memory->native = fd;
    family_fd = fd;
    fstat(fd, &family_file);
    strcpy(memory->name, "inherited");
    return 0;
}

int plat_memory_create(struct plat_memory *memory, size_t size) {
    int fd = memfd_create("spork", MFD_CLOEXEC);
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "memfd_create", errno);
    }
    fd = native_move_up(fd);
    int number = EFBIG; /* stands when the file-size limit leaves less than the least */
    for (size = within_limits(size); size >= LEAST; size = size / 2 / 4096 * 4096) {
        if (ftruncate(fd, (off_t)size) != 0) {
            number = errno;
            continue;
        }
        number = map(memory, fd, size);
        if (number == 0) {
            return 0;
        }
    }
    close(fd);
    return native_error(SPORK_ENOSPACE, "address space for the family's memory", number);
}

int plat_memory_attach(struct plat_memory *memory, const char *name) {
    int fd = launch_memory_fd();
    struct stat status;
    if (strcmp(name, "inherited") != 0 || fd < 0 || fstat(fd, &status) != 0 ||
        status.st_size < LEAST) {
        return error_set(SPORK_ESTALE, "descriptor %d is not the family's memory: was it closed "
                                       "before spork_init?",
                         fd);
    }
    fd = native_move_up(fd);
    int number = map(memory, fd, (size_t)status.st_size);
    return number == 0 ? 0 : native_error(SPORK_ENOSPACE, "mmap of the family's memory", number);
}

/* What is done by the descriptor would be done to somebody else's file. */
static bool was_closed(const struct plat_memory *memory) {
    return memory->native == family_fd && !memory_fd_is_open();
}

int plat_memory_commit(struct plat_memory *memory, size_t offset, size_t size) {
    int number;
    size_t from = offset / 4096 * 4096;
    if (was_closed(memory)) {
        return error_set(SPORK_ENOSPACE,
                         "descriptor %d, the family's memory, was closed by another part of "
                         "this program, so it cannot grow",
                         (int)memory->native);
    }
    if (size >= LARGE && !native_is_room(size)) {
        return native_error(SPORK_ENOSPACE, "reserving shared memory", ENOSPC);
    }
    do {
        number = fallocate((int)memory->native, 0, (off_t)from, (off_t)(offset + size - from))
                     ? errno
                     : 0;
    } while (number == EINTR);
    if (number == EOPNOTSUPP || number == ENOSYS) {
        return 0; /* the pages come when they are touched */
    }
    return number == 0 ? 0 : native_error(SPORK_ENOSPACE, "reserving shared memory", number);
}

void plat_memory_discard(struct plat_memory *memory, size_t offset, size_t size) {
    size_t from = (offset + 4095) / 4096 * 4096;
    size_t to = (offset + size) / 4096 * 4096;
    if (to > from && !was_closed(memory)) {
        int saved = errno;
        if (fallocate((int)memory->native, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      (off_t)from, (off_t)(to - from)) != 0) {
            errno = saved;
        }
    }
}
