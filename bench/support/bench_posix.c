/* What benchmarks ask of POSIX systems. */
#define _GNU_SOURCE
#include <sched.h>
#include <time.h>

#include "bench.h"

int64_t bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (processor < 0 || i == processor) {
            CPU_SET(i, &set);
        }
    }
    sched_setaffinity(0, sizeof set, &set);
}

void bench_relax(void) {
    __builtin_ia32_pause();
}
