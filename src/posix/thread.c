/* Threads of this process, and what happens in it when it is forked. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "native.h"

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(plat_mutex), "plat_mutex is too small");

static pthread_key_t exit_key;
static void (*exit_hook)(void *);
static void (*fork_hook)(void);

void plat_mutex_lock(plat_mutex *mutex) {
    pthread_mutex_lock((pthread_mutex_t *)(void *)mutex);
}

void plat_mutex_unlock(plat_mutex *mutex) {
    pthread_mutex_unlock((pthread_mutex_t *)(void *)mutex);
}

struct start {
    void (*run)(void *);
    void *argument;
};

static void *run_start(void *memory) {
    struct start start = *(struct start *)memory;
    free(memory);
    start.run(start.argument);
    return NULL;
}

int plat_thread_start(struct plat_thread *thread, void (*run)(void *), void *argument) {
    pthread_t native;
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a thread");
    }
    *start = (struct start){run, argument};
    int number = pthread_create(&native, NULL, run_start, start);
    if (number != 0) {
        free(start);
        return native_error(SPORK_ESYSTEM, "pthread_create", number);
    }
    thread->native = (intptr_t)native;
    return 0;
}

void plat_thread_join(struct plat_thread *thread) {
    pthread_join((pthread_t)thread->native, NULL);
}

static void call_exit_hook(void *value) {
    exit_hook(value);
}

int plat_thread_on_exit(void (*hook)(void *value)) {
    exit_hook = hook;
    int number = pthread_key_create(&exit_key, call_exit_hook);
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "pthread_key_create", number);
}

void plat_thread_set_value(void *value) {
    pthread_setspecific(exit_key, value);
}

#ifdef __SANITIZE_THREAD__
/* The sanitizer has a thread of its own, which alone has the real-time signals blocked. */
static int sanitizer_threads(void) {
    char path[300];
    char line[256];
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "re");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            unsigned long long blocked;
            bool found = sscanf(line, "SigBlk: %llx", &blocked) == 1;
            count += found && blocked >> 40 == 0xFFFFFFu; /* the real-time ones tell */
        }
        if (status != NULL) {
            fclose(status);
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}
#else
static int sanitizer_threads(void) {
    return 0;
}
#endif

/* Each thread is a directory below /proc/self/task, whose links are 2 and one for each. */
int plat_thread_count(void) {
    struct stat status;
    if (stat("/proc/self/task", &status) != 0 || status.st_nlink < 3) {
        return 1;
    }
    return (int)status.st_nlink - 2 - sanitizer_threads();
}

static void forked(void) {
    if (fork_hook != NULL) {
        fork_hook();
    }
}

int plat_on_fork(void (*hook)(void)) {
    fork_hook = hook;
    int number = pthread_atfork(NULL, NULL, forked);
    return number == 0 ? 0 : native_error(SPORK_ESYSTEM, "pthread_atfork", number);
}

void native_after_raw_fork(void) {
    native_named_forked();
    forked();
}
