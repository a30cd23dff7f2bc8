/* Names that go with the benchmark, and what an interrupt does about them. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_names.h"

/* A slot is in use while it has its function, which is written last and taken away first. */
enum { SLOTS = 16 };
typedef int remover(const char *name);
static struct {
    char name[64];
    remover *_Atomic remove;
} slots[SLOTS];
static _Atomic pid_t group;

static void be_interrupted(int number) {
    for (int i = 0; i < SLOTS; i++) {
        remover *remove = atomic_load(&slots[i].remove);
        if (remove != NULL) {
            (void)remove(slots[i].name);
        }
    }
    if (atomic_load(&group) != 0) {
        kill(-atomic_load(&group), SIGTERM);
    }
    raise(number); /* the action is the default again: it ends the program */
}

/* The first name that is kept sets it up; agents, which keep none, never come here. */
static void expect_interrupts(void) {
    static bool expected;
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = be_interrupted, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; !expected && i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
    }
    expected = true;
}

void bench_name(char *name, size_t size, const char *directory) {
    static unsigned number;
    snprintf(name, size, "%s/spork-bench-%ld-%u", directory, (long)getpid(), number++);
}

void bench_name_keep(const char *name, remover *remove) {
    expect_interrupts();
    for (int i = 0; i < SLOTS; i++) {
        if (atomic_load(&slots[i].remove) == NULL) {
            snprintf(slots[i].name, sizeof slots[i].name, "%s", name);
            atomic_store(&slots[i].remove, remove);
            return;
        }
    }
    abort();
}

void bench_name_drop(const char *name) {
    for (int i = 0; i < SLOTS; i++) {
        remover *remove = atomic_load(&slots[i].remove);
        if (remove != NULL && strcmp(slots[i].name, name) == 0) {
            (void)remove(name);
            atomic_store(&slots[i].remove, NULL);
        }
    }
}

void bench_group_keep(pid_t kept) {
    expect_interrupts();
    atomic_store(&group, kept);
}
