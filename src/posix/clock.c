/* Time, chance, processors, and what this platform can do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

const struct plat_capabilities *plat_capabilities(void) {
    static const struct plat_capabilities capabilities = {.can_fork = true,
                                                          .has_signals = true};
    return &capabilities;
}

int64_t plat_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void plat_sleep_ns(int64_t duration) {
    struct timespec time = {(time_t)(duration / 1000000000), (long)(duration % 1000000000)};
    if (duration > 0) {
        nanosleep(&time, NULL);
    }
}

void plat_yield(void) {
    sched_yield();
}

void plat_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

int plat_random(void *bytes, size_t size) {
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR) {
            return native_error(SPORK_ESYSTEM, "getrandom", errno);
        }
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

int plat_cpu_count(void) {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
        return CPU_COUNT(&usable);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : (int)online;
}

/* ---- what the other files share ---- */

int native_error(int error, const char *what, int number) {
    char words[128] = "";
    const char *text = strerror_r(number, words, sizeof words);
    return error_set(error, "%s: %s (%d)", what, text, number);
}

bool native_does_without(const char *what) {
    const char *listed = getenv("SPORK_WITHOUT");
    size_t length = strlen(what);
    for (const char *at = listed; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, what, length) == 0 && (at[length] == ',' || at[length] == 0)) {
            return true;
        }
    }
    return false;
}

/* The barrier is membarrier's global expedited command, of Linux 4.16. */
static int barrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0) == 0 ? 0 : SPORK_ENOTSUP;
}

int plat_barrier_join(void) {
    return native_does_without("membarrier")
               ? SPORK_ENOTSUP
               : barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

int plat_barrier(void) {
    return barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

int native_move_up(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_OWN_FD);
    if (moved < 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        return fd;
    }
    close(fd);
    return moved;
}
