/* Peers that POSIX systems have themselves: a named semaphore, a robust mutex, posix_spawn. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bench.h"
#include "support/bench_names.h"
#include "support/bench_peers.h"

static void must(bool well, const char *what) {
    if (!well) {
        perror(what);
        exit(EXIT_FAILURE);
    }
}

/* ---- a named semaphore; the memory has its name ---- */

static bool make_semaphore(void *memory) {
    char *name = memory;
    bench_name(name, BENCH_PEER_MEMORY, "");
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    if (semaphore == SEM_FAILED) {
        return false;
    }
    bench_name_keep(name, sem_unlink);
    sem_close(semaphore);
    return true;
}

static void unmake_semaphore(void *memory) {
    bench_name_drop(memory);
}

static void *open_semaphore(void *memory) {
    sem_t *semaphore = sem_open(memory, 0);
    must(semaphore != SEM_FAILED, memory);
    return semaphore;
}

static void count_by_semaphore(void *lock, uint64_t *counter, uint64_t times) {
    for (uint64_t i = 0; i < times; i++) {
        must(sem_wait(lock) == 0, "sem_wait");
        ++*counter;
        sem_post(lock);
    }
}

static void close_semaphore(void *lock) {
    sem_close(lock);
}

const struct bench_peer_lock bench_sem_open_lock = {
    make_semaphore, unmake_semaphore, open_semaphore, count_by_semaphore, close_semaphore,
};

/* ---- a robust mutex, which lies in the memory ---- */

_Static_assert(sizeof(pthread_mutex_t) <= BENCH_PEER_MEMORY, "a mutex has room");

static bool make_mutex(void *memory) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    bool well = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                pthread_mutex_init(memory, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return well;
}

static void unmake_mutex(void *memory) {
    pthread_mutex_destroy(memory);
}

static void *open_mutex(void *memory) {
    return memory;
}

static void count_by_mutex(void *lock, uint64_t *counter, uint64_t times) {
    for (uint64_t i = 0; i < times; i++) {
        must(pthread_mutex_lock(lock) == 0, "pthread_mutex_lock");
        ++*counter;
        pthread_mutex_unlock(lock);
    }
}

static void close_mutex(void *lock) {
    (void)lock;
}

const struct bench_peer_lock bench_robust_lock = {
    make_mutex, unmake_mutex, open_mutex, count_by_mutex, close_mutex,
};

/* ---- starting ---- */

double bench_starts_posix_spawn(const char *path, int count) {
    char *const argv[] = {(char *)(uintptr_t)path, (char[]){"--nothing"}, NULL};
    int64_t begin = bench_now();
    for (int i = 0; i < count; i++) {
        pid_t child;
        if (posix_spawn(&child, path, NULL, NULL, argv, environ) != 0) {
            return NAN;
        }
        waitpid(child, NULL, 0);
    }
    return (double)(bench_now() - begin) / count;
}
