/* The memory behind a name: reserved when it is made, so that touching it cannot fail. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "native.h"

/* A long name is told by 128 bits of it; the memory's own name has all of it. */
void native_named_key(char key[NATIVE_KEY_SIZE], const char *name) {
    enum { SHORT_NAME = NATIVE_KEY_SIZE - 2 };
    if (strlen(name) <= SHORT_NAME) {
        snprintf(key, NATIVE_KEY_SIZE, "%s", name);
        return;
    }
    uint64_t hash[2] = {14695981039346656037u, 0x9E3779B97F4A7C15u};
    for (const char *at = name; *at != '\0'; at++) {
        for (int i = 0; i < 2; i++) {
            hash[i] = (hash[i] ^ (unsigned char)*at) * 1099511628211u;
            hash[i] ^= hash[i] >> 29;
        }
    }
    snprintf(key, NATIVE_KEY_SIZE, "~%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
}

/* In parts, as a signal makes it begin anew. */
int native_named_reserve(int fd, size_t size) {
    const size_t part = (size_t)64 << 20;
    if (size > INT64_MAX || !native_is_room(size)) {
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
