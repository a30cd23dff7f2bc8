/* The probes of POSIX systems; /proc is Linux's. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_probe.h"

/* ---- a bell: a word and a futex ---- */

struct bench_bell {
    _Atomic uint32_t rung;
};

void bench_bell_make(void *memory) {
    (void)memory; /* zero is a bell */
}

void bench_bell_unmake(void *memory) {
    (void)memory;
}

bench_bell *bench_bell_open(void *memory) {
    return memory;
}

void bench_bell_close(bench_bell *bell) {
    (void)bell;
}

void bench_bell_ring(bench_bell *bell) {
    atomic_store(&bell->rung, 1);
    syscall(SYS_futex, &bell->rung, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void bench_bell_wait(bench_bell *bell) {
    while (atomic_exchange(&bell->rung, 0) == 0) {
        syscall(SYS_futex, &bell->rung, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
}

/* ---- idle processes ---- */

void bench_be_idle(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        pause();
    }
}

int64_t bench_idle_copy(void) {
    pid_t child = fork();
    if (child == 0) {
        bench_be_idle();
    }
    return child;
}

int64_t bench_idle_program(const char *path) {
    char *const argv[] = {(char *)(uintptr_t)path, (char[]){"--idle"}, NULL};
    pid_t child;
    return posix_spawn(&child, path, NULL, NULL, argv, environ) == 0 ? child : -1;
}

void bench_end_idle(int64_t process) {
    kill((pid_t)process, SIGKILL);
    waitpid((pid_t)process, NULL, 0);
}

/* ---- memory ---- */

/* The sum of a file's lines "NAME: NUMBER kB" with one of the names, in bytes. */
static double sum_of(const char *path, const char *const *names) {
    char line[256];
    double sum = NAN;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        for (const char *const *name = names; *name != NULL; name++) {
            if (strncmp(line, *name, strlen(*name)) == 0) {
                sum = (isnan(sum) ? 0 : sum) + strtod(line + strlen(*name), NULL) * 1024;
            }
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return sum;
}

double bench_private_bytes(int64_t process) {
    const char *const names[] = {"Private_Clean:", "Private_Dirty:", NULL};
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/smaps_rollup", (long long)process);
    return sum_of(path, names);
}

int64_t bench_most_queues(void) {
    return INT64_MAX; /* there are none */
}

double bench_memory_available(void) {
    const char *const names[] = {"MemAvailable:", NULL};
    return sum_of("/proc/meminfo", names);
}
