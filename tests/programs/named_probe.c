/* For tests/test_shared_memory.c and tests/test_named.c: a program that shares nothing with the
   test but names. Its arguments are what to do, the name, and a number; each line that it
   writes tells how far it is. */
#include <spork.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_native.h"

enum { PATIENCE_MS = 20000, LONGEST = 256 };

static const char *name;
static int64_t number;

static int say(const char *words) {
    printf("%s\n", words);
    fflush(stdout);
    return 0;
}

static int fail(const char *what, int error) {
    printf("%s: %s (%s)\n", what, spork_error_name(error), spork_error_detail());
    fflush(stdout);
    return 1;
}
#define MUST(call)                      \
    do {                                \
        int must_ = (call);             \
        if (must_ != 0) {               \
            return fail(#call, must_);  \
        }                               \
    } while (0)

static int wait_to_be_killed(void) {
    say("ready");
    spork_sleep_ms(3 * PATIENCE_MS);
    return 9;
}

/* ---- memory ---- */

static int make_memory(bool persist) {
    spork_shared_memory *memory;
    const spork_shared_memory_options options = {.name = name, .persist = persist};
    MUST(spork_shared_memory_new(&memory, (size_t)number, &options));
    memset(spork_shared_memory_data(memory), 'x', (size_t)number);
    return persist ? say("ready") : wait_to_be_killed();
}

static int make_and_wait(void) {
    return make_memory(false);
}

static int make_persistent(void) {
    return make_memory(true);
}

/* Tells size and first byte, and writes the number there. */
static int attach(void) {
    spork_shared_memory *memory;
    MUST(spork_shared_memory_attach(&memory, name, false));
    unsigned char *data = spork_shared_memory_data(memory);
    printf("%zu %d\n", spork_shared_memory_size(memory), data[0]);
    data[0] = (unsigned char)number;
    spork_shared_memory_free(memory);
    return 0;
}

static int attach_and_wait(void) {
    spork_shared_memory *memory;
    MUST(spork_shared_memory_attach(&memory, name, false));
    return wait_to_be_killed();
}

static int write_where_only_reading_is_allowed(void) {
    spork_shared_memory *memory;
    MUST(spork_shared_memory_attach(&memory, name, true));
    volatile unsigned char *data = spork_shared_memory_data(memory);
    printf("read %d\n", data[0]);
    say(spork_shared_memory_read_only(memory) ? "read-only" : "writable");
    data[0] = 1;
    return say("survived");
}

/* A family with names of every kind, one of them made by a child; the test kills all of it. */
static int make_one_more(const char *other) {
    spork_shared_memory *memory;
    MUST(spork_shared_memory_new(&memory, 4096, &(spork_shared_memory_options){.name = other}));
    return wait_to_be_killed();
}
SPORK_TASK(int, make_one_more, const char *);

static int make_family(void) {
    char texts[3][LONGEST];
    spork_shared_memory *memory;
    spork_lock *lock;
    spork_semaphore *semaphore;
    spork_process *child;
    static const char *const endings[] = {"lock", "semaphore", "child"};
    for (int i = 0; i < 3; i++) {
        snprintf(texts[i], sizeof texts[i], "%s.%s", name, endings[i]);
    }
    MUST(spork_shared_memory_new(&memory, 4096, &(spork_shared_memory_options){.name = name}));
    MUST(spork_lock_new(&lock, &(spork_lock_options){.name = texts[0]}));
    MUST(spork_semaphore_new(&semaphore, &(spork_semaphore_options){.name = texts[1]}));
    MUST(spork_lock_acquire(lock, 0));
    MUST(spork_process_start(&child, make_one_more_call(texts[2]), NULL));
    return wait_to_be_killed();
}

/* ---- locks ---- */

static int hold_lock(void) {
    spork_lock *lock;
    MUST(spork_lock_open(&lock, name));
    MUST(spork_lock_acquire(lock, PATIENCE_MS));
    return wait_to_be_killed();
}

static int make_lock_and_hold(void) {
    spork_lock *lock;
    MUST(spork_lock_new(&lock, &(spork_lock_options){.name = name}));
    MUST(spork_lock_acquire(lock, PATIENCE_MS));
    return wait_to_be_killed();
}

static int make_lock_and_wait(void) {
    spork_lock *lock;
    MUST(spork_lock_new(&lock, &(spork_lock_options){.name = name}));
    return wait_to_be_killed();
}

static int make_persistent_things(void) {
    spork_lock *lock;
    spork_semaphore *semaphore;
    char other[LONGEST];
    snprintf(other, sizeof other, "%s.semaphore", name);
    MUST(spork_lock_new(&lock, &(spork_lock_options){.name = name, .persist = true}));
    MUST(spork_semaphore_new(&semaphore, &(spork_semaphore_options){
                                             .name = other, .value = number, .persist = true}));
    MUST(spork_lock_acquire(lock, 0));
    return 0;
}

/* What the lock guards: two numbers that are the same whenever nobody is at it. */
struct pair {
    volatile int64_t one, other;
};

/* Adds one to the numbers so often. A holder that was killed may have left them different. */
static int add(spork_lock *lock, struct pair *pair, int64_t times) {
    for (int64_t i = 0; i < times; i++) {
        int error = spork_lock_acquire(lock, PATIENCE_MS);
        if (error == SPORK_EOWNERDIED) {
            pair->one = pair->other;
        } else if (error != 0) {
            return fail("acquire", error);
        }
        if (pair->one != pair->other) {
            return say("two were inside at once");
        }
        pair->one++;
        pair->other++;
        MUST(spork_lock_release(lock));
    }
    return 0;
}

static int open_pair(spork_lock **lock, spork_shared_memory **memory) {
    char other[LONGEST];
    snprintf(other, sizeof other, "%s.pair", name);
    MUST(spork_lock_open(lock, name));
    MUST(spork_shared_memory_attach(memory, other, false));
    return 0;
}

static int add_often(void) {
    spork_lock *lock;
    spork_shared_memory *memory;
    if (open_pair(&lock, &memory) != 0) {
        return 1;
    }
    return add(lock, spork_shared_memory_data(memory), number);
}

/* Until it is killed: the lock, and places of a semaphore that are given before taken, so that
   a death leaves one too many rather than one too few. */
static int storm(void) {
    spork_lock *lock;
    spork_shared_memory *memory;
    spork_semaphore *semaphore;
    char other[LONGEST];
    snprintf(other, sizeof other, "%s.semaphore", name);
    if (open_pair(&lock, &memory) != 0) {
        return 1;
    }
    MUST(spork_semaphore_open(&semaphore, other));
    say("ready");
    for (;;) {
        if (add(lock, spork_shared_memory_data(memory), 20) != 0) {
            return 1;
        }
        spork_lock_held(lock);
        MUST(spork_semaphore_release(semaphore, 1));
        MUST(spork_semaphore_acquire(semaphore, PATIENCE_MS));
    }
}

/* ---- semaphores ---- */

static int take(void) {
    spork_semaphore *semaphore;
    MUST(spork_semaphore_open(&semaphore, name));
    printf("count %lld\n", (long long)spork_semaphore_count(semaphore));
    say("ready");
    for (int64_t i = 0; i < number; i++) {
        MUST(spork_semaphore_acquire(semaphore, PATIENCE_MS));
        say("taken");
    }
    return 0;
}

static int give(void) {
    spork_semaphore *semaphore;
    MUST(spork_semaphore_open(&semaphore, name));
    int error = spork_semaphore_release(semaphore, number);
    printf("%s\n", spork_error_name(error));
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *words;
        int (*run)(void);
    } all[] = {
        {"make-and-wait", make_and_wait},
        {"make-persistent", make_persistent},
        {"attach", attach},
        {"attach-and-wait", attach_and_wait},
        {"write-read-only", write_where_only_reading_is_allowed},
        {"make-family", make_family},
        {"hold-lock", hold_lock},
        {"make-lock-and-hold", make_lock_and_hold},
        {"make-lock-and-wait", make_lock_and_wait},
        {"make-persistent-things", make_persistent_things},
        {"add", add_often},
        {"storm", storm},
        {"take", take},
        {"give", give},
    };
    if (spork_init(argc, argv) != 0 || argc < 3) {
        return 2;
    }
    name = argv[2];
    number = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(argv[1], all[i].words) == 0) {
            return all[i].run();
        }
    }
    return 2;
}
