/* For tests/test_family.c: families that die in the way that their argument says. Each line
   of output is a word, the id of the process that it is about, and what else there is to say;
   "fault" is the word for what must not be. */
#include <inttypes.h>
#include <spork.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "support_native.h"
#include "support_traces.h"

enum { PATIENCE_MS = 60 * 1000, BUSY_MS = 100 * 1000 };

static void say_of(int64_t pid, const char *word, const char *rest) {
    char line[600];
    snprintf(line, sizeof line, "%s %" PRId64 " %s\n", word, pid, rest);
    native_write_line(line);
}
static void say(const char *word, const char *rest) {
    say_of(native_pid(), word, rest);
}

/* In a task or a mode: leaves it with a fault. */
#define NEED(condition)                                            \
    do {                                                           \
        if (!(condition)) {                                        \
            say("fault", #condition);                              \
            fprintf(stderr, "detail: %s\n", spork_error_detail()); \
            return 1;                                              \
        }                                                          \
    } while (0)

/* Tells the forkserver of this process, if it has one. */
static void say_helper(void) {
    uint64_t used = atomic_load(&arena->processes_used);
    for (uint64_t i = 0; i < used; i++) {
        struct process_slot *slot = &arena->processes[i];
        slot_reference parent = atomic_load(&slot->parent);
        if ((atomic_load(&slot->flags) & PROCESS_HELPER) != 0 && parent != 0 &&
            atomic_load(&slot->state) == PROCESS_RUNNING &&
            (int64_t)atomic_load(&arena->processes[slot_index(parent)].pid) ==
                native_pid()) {
            say_of((int64_t)atomic_load(&slot->pid), "helper", "");
        }
    }
}

/* ---- being busy ---- */

enum activity { COMPUTES, GETS, PUTS, RECEIVES, LOCKS, SLEEPS, ACTIVITIES };
static const char *const activity_names[] = {"computes", "gets",  "puts",
                                             "receives", "locks", "sleeps"};
enum { LEVELS = 3 };

static void compute(void) {
    int64_t limit = spork_now_ms() + BUSY_MS;
    volatile uint64_t number = 1;
    while (spork_now_ms() < limit) {
        for (int i = 0; i < 1000 * 1000; i++) {
            number = number * 6364136223846793005u + 1;
        }
    }
}

static void be_busy(enum activity activity, spork_queue *empty, spork_queue *full,
                    spork_pipe *silent, spork_lock *lock) {
    spork_value value;
    switch (activity) {
    case COMPUTES:
        compute();
        break;
    case GETS:
        spork_queue_get(empty, &value, BUSY_MS);
        break;
    case PUTS:
        spork_queue_put(full, spork_nil(), BUSY_MS);
        break;
    case RECEIVES:
        spork_pipe_recv(silent, &value, BUSY_MS);
        break;
    case LOCKS:
        if (spork_lock_acquire(lock, BUSY_MS) == 0) {
            say("holds", "");
        }
        spork_sleep_ms(BUSY_MS);
        break;
    default:
        spork_sleep_ms(BUSY_MS);
    }
}

/* One of a chain of parents and children, each busy with something else. */
static int live(int level, int activity, spork_semaphore *ready, spork_queue *empty,
                spork_queue *full, spork_pipe *silent, spork_lock *lock);
SPORK_TASK(int, live, int, int, spork_semaphore *, spork_queue *, spork_queue *,
           spork_pipe *, spork_lock *);

static int live(int level, int activity, spork_semaphore *ready, spork_queue *empty,
                spork_queue *full, spork_pipe *silent, spork_lock *lock) {
    if (level < LEVELS) {
        spork_process *child;
        NEED(spork_process_start(&child,
                                 live_call(level + 1, (activity + 1) % ACTIVITIES, ready,
                                           empty, full, silent, lock),
                                 NULL) == 0);
        say_helper();
    }
    say("busy", activity_names[activity]);
    NEED(spork_semaphore_release(ready, 1) == 0);
    be_busy((enum activity)activity, empty, full, silent, lock);
    return 0;
}

/* What the root does when all are busy. */
static int end_tree(const char *how, spork_process *child) {
    if (strcmp(how, "leaves") == 0) {
        native_exit_now(5);
    }
    if (strcmp(how, "crashes") == 0) {
        native_crash();
    }
    if (strcmp(how, "computes") == 0) {
        compute();
    }
    if (strcmp(how, "sleeps") == 0) {
        spork_sleep_ms(BUSY_MS);
    }
    return spork_process_join(child, BUSY_MS, NULL);
}

static int run_tree(const char *how) {
    spork_semaphore *ready;
    spork_queue *empty;
    spork_queue *full;
    spork_pipe *talking;
    spork_pipe *silent;
    spork_lock *lock;
    spork_process *child = NULL;
    NEED(spork_semaphore_new(&ready, &(spork_semaphore_options){.value = 0}) == 0);
    NEED(spork_queue_new(&empty, NULL) == 0);
    NEED(spork_queue_new(&full, &(spork_queue_options){.maxsize = 1}) == 0);
    NEED(spork_queue_put(full, spork_nil(), 0) == 0);
    NEED(spork_pipe_new(&talking, &silent, NULL) == 0);
    NEED(spork_lock_new(&lock, NULL) == 0);
    say("family", arena->key);
    if (strcmp(how, "holds") == 0) {
        NEED(spork_lock_acquire(lock, 0) == 0);
        say("holds", "");
    }
    for (int activity = 0; activity < ACTIVITIES; activity++) {
        NEED(spork_process_start(&child,
                                 live_call(1, activity, ready, empty, full, silent, lock),
                                 NULL) == 0);
    }
    say_helper();
    for (int i = 0; i < ACTIVITIES * LEVELS; i++) {
        NEED(spork_semaphore_acquire(ready, PATIENCE_MS) == 0);
    }
    say("ready", how);
    return end_tree(how, child);
}

/* ---- starting all the time ---- */

static int come_and_go(spork_queue *queue, spork_lock *lock) {
    spork_value value = spork_nil();
    int error = spork_queue_put(queue, spork_str("something"), PATIENCE_MS);
    if (error == 0) {
        error = spork_lock_acquire(lock, PATIENCE_MS);
    }
    if (error == 0 || error == SPORK_EOWNERDIED) {
        error = spork_queue_get(queue, &value, PATIENCE_MS);
        spork_lock_release(lock);
    }
    spork_value_free(&value);
    return error != 0;
}
SPORK_TASK(int, come_and_go, spork_queue *, spork_lock *);

static int breed(spork_queue *queue, spork_lock *lock) {
    int64_t limit = spork_now_ms() + BUSY_MS;
    while (spork_now_ms() < limit) {
        spork_process *child;
        int code = -1;
        NEED(spork_process_start(&child, come_and_go_call(queue, lock), NULL) == 0);
        NEED(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
        NEED(spork_process_free(child) == 0);
    }
    return 0;
}
SPORK_TASK(int, breed, spork_queue *, spork_lock *);

static int run_storm(const char *unused) {
    enum { BREEDERS = 2 };
    spork_queue *queue;
    spork_lock *lock;
    (void)unused;
    NEED(spork_queue_new(&queue, NULL) == 0);
    NEED(spork_lock_new(&lock, NULL) == 0);
    say("family", arena->key);
    for (int i = 0; i < BREEDERS; i++) {
        spork_process *breeder;
        NEED(spork_process_start(&breeder, breed_call(queue, lock), NULL) == 0);
        say_of(spork_process_pid(breeder), "breeder", "");
    }
    return breed(queue, lock);
}

/* ---- returning from main ---- */

/* Work that begins when the root is about to leave, and takes a while. */
static int work(spork_queue *go) {
    enum { WORK_MS = 300 };
    spork_value value;
    NEED(spork_queue_get(go, &value, PATIENCE_MS) == 0);
    spork_sleep_ms(WORK_MS);
    say("worked", "");
    return 0;
}
SPORK_TASK(int, work, spork_queue *);

/* Returns without having joined its child. */
static int leave_a_child_at_work(spork_queue *go) {
    spork_process *child;
    NEED(spork_process_start(&child, work_call(go), NULL) == 0);
    return 0;
}
SPORK_TASK(int, leave_a_child_at_work, spork_queue *);

static int serve(int activity, spork_semaphore *ready, spork_queue *empty,
                 spork_lock *lock) {
    say("daemon", activity_names[activity]);
    NEED(spork_semaphore_release(ready, 1) == 0);
    be_busy((enum activity)activity, empty, NULL, NULL, lock);
    say("fault", "a daemon came to its end");
    return 0;
}
SPORK_TASK(int, serve, int, spork_semaphore *, spork_queue *, spork_lock *);

static int run_returning(const char *unused) {
    static const enum activity activities[] = {GETS, LOCKS, SLEEPS};
    enum { DAEMONS = sizeof activities / sizeof activities[0] };
    spork_semaphore *ready;
    spork_queue *empty;
    spork_queue *go;
    spork_lock *lock;
    spork_process *child;
    (void)unused;
    NEED(spork_semaphore_new(&ready, &(spork_semaphore_options){.value = 0}) == 0);
    NEED(spork_queue_new(&empty, NULL) == 0 && spork_queue_new(&go, NULL) == 0);
    NEED(spork_lock_new(&lock, NULL) == 0 && spork_lock_acquire(lock, 0) == 0);
    say("family", arena->key);
    for (int i = 0; i < DAEMONS; i++) {
        NEED(spork_process_start(&child, serve_call((int)activities[i], ready, empty, lock),
                                 &(spork_process_options){.daemon = SPORK_DAEMON_YES}) ==
             0);
        NEED(spork_semaphore_acquire(ready, PATIENCE_MS) == 0);
    }
    NEED(spork_process_start(&child, work_call(go), NULL) == 0);
    NEED(spork_process_start(&child, leave_a_child_at_work_call(go), NULL) == 0);
    say_helper();
    NEED(spork_queue_put(go, spork_nil(), 0) == 0 &&
         spork_queue_put(go, spork_nil(), 0) == 0);
    say("leaving", "");
    return 7;
}

/* ---- a detached child ---- */

static int echo(spork_queue *in, spork_queue *out, spork_lock *lock) {
    spork_value value;
    NEED(spork_queue_get(in, &value, PATIENCE_MS) == 0);
    NEED(spork_lock_acquire(lock, PATIENCE_MS) == 0);
    NEED(spork_queue_put(out, value, PATIENCE_MS) == 0);
    NEED(spork_lock_release(lock) == 0);
    spork_value_free(&value);
    return 0;
}
SPORK_TASK(int, echo, spork_queue *, spork_queue *, spork_lock *);

static int get_number(spork_queue *queue, int64_t expected) {
    spork_value value;
    int64_t number = -1;
    NEED(spork_queue_get(queue, &value, PATIENCE_MS) == 0);
    NEED(spork_value_get_int(&value, &number) == 0 && number == expected);
    spork_value_free(&value);
    return 0;
}

/* With what it makes, and with a child of its own. */
static int work_alone(void) {
    spork_queue *in;
    spork_queue *out;
    spork_lock *lock;
    spork_process *child;
    int code = -1;
    NEED(spork_queue_new(&in, NULL) == 0 && spork_queue_new(&out, NULL) == 0);
    NEED(spork_lock_new(&lock, NULL) == 0);
    NEED(spork_queue_put(in, spork_int(6), PATIENCE_MS) == 0);
    NEED(spork_process_start(&child, echo_call(in, out, lock), NULL) == 0);
    NEED(get_number(out, 6) == 0);
    NEED(spork_process_join(child, PATIENCE_MS, &code) == 0 && code == 0);
    NEED(spork_process_free(child) == 0);
    spork_queue_free(in);
    spork_queue_free(out);
    spork_lock_free(lock);
    return 0;
}

static int wait_for_ever(spork_queue *empty) {
    spork_value value;
    say("tied", "");
    spork_queue_get(empty, &value, BUSY_MS);
    return 0;
}
SPORK_TASK(int, wait_for_ever, spork_queue *);

static int survive(spork_queue *old, bool lingers) {
    spork_queue *empty;
    spork_process *child;
    say("survivor", "");
    NEED(spork_process_join(spork_parent_process(), PATIENCE_MS, NULL) == 0);
    say("alone", "");
    NEED(get_number(old, 3) == 0);
    NEED(spork_queue_put(old, spork_int(4), PATIENCE_MS) == 0 && get_number(old, 4) == 0);
    NEED(work_alone() == 0);
    if (lingers) {
        NEED(spork_queue_new(&empty, NULL) == 0);
        NEED(spork_process_start(&child, wait_for_ever_call(empty), NULL) == 0);
        say_helper();
        be_busy(GETS, empty, NULL, NULL, NULL);
    }
    say("worked", "");
    return 0;
}
SPORK_TASK(int, survive, spork_queue *, bool);

static const spork_process_options detached = {.detached = true};

static int start_survivor(spork_queue *old, bool lingers) {
    spork_process *child;
    NEED(spork_process_start(&child, survive_call(old, lingers), &detached) == 0);
    NEED(spork_process_free(child) == 0);
    say("middle", "");
    spork_sleep_ms(BUSY_MS);
    return 0;
}
SPORK_TASK(int, start_survivor, spork_queue *, bool);

/* "returns": the root starts the survivor itself and leaves at once. */
static int run_detached(const char *how) {
    spork_queue *old;
    spork_process *child;
    bool lingers = strcmp(how, "lingers") == 0;
    NEED(spork_queue_new(&old, NULL) == 0 && spork_queue_put(old, spork_int(3), 0) == 0);
    say("family", arena->key);
    if (strcmp(how, "returns") == 0) {
        NEED(spork_process_start(&child, survive_call(old, false), &detached) == 0);
        return 7;
    }
    NEED(spork_process_start(&child, start_survivor_call(old, lingers), NULL) == 0);
    return spork_process_join(child, BUSY_MS, NULL);
}

/* ---- copies that the host made itself ---- */

/* Sends a number to and fro with another copy, and tells of it now and then. */
static int play(spork_queue *in, spork_queue *out, spork_lock *lock) {
    enum { PAUSE_MS = 5, TOLD = 20 };
    int64_t limit = spork_now_ms() + BUSY_MS;
    for (int64_t round = 0; spork_now_ms() < limit; round++) {
        spork_value value;
        NEED(spork_queue_put(out, spork_int(round), PATIENCE_MS) == 0);
        NEED(spork_lock_acquire(lock, PATIENCE_MS) == 0 && spork_lock_release(lock) == 0);
        NEED(spork_queue_get(in, &value, PATIENCE_MS) == 0);
        spork_sleep_ms(PAUSE_MS);
        if (round % TOLD == 0) {
            say("copy", "");
        }
    }
    return 0;
}

static bool make_copy(spork_queue *in, spork_queue *out, spork_lock *lock) {
    int64_t pid = -1;
    fflush(NULL);
    if (!native_fork_copy(&pid)) {
        return false;
    }
    if (pid == 0) {
        native_exit_now(play(in, out, lock));
    }
    return true;
}

static int copy_beside_children(spork_queue *in, spork_queue *out, spork_lock *lock,
                                spork_queue *empty) {
    spork_process *child;
    NEED(spork_process_start(&child, wait_for_ever_call(empty), NULL) == 0);
    say_helper();
    NEED(make_copy(in, out, lock));
    say("middle", "");
    be_busy(GETS, empty, NULL, NULL, NULL);
    return 0;
}
SPORK_TASK(int, copy_beside_children, spork_queue *, spork_queue *, spork_lock *,
           spork_queue *);

static int run_copied(const char *how) {
    spork_queue *one;
    spork_queue *other;
    spork_queue *empty;
    spork_lock *lock;
    spork_process *child;
    NEED(spork_queue_new(&one, NULL) == 0 && spork_queue_new(&other, NULL) == 0);
    NEED(spork_queue_new(&empty, NULL) == 0 && spork_lock_new(&lock, NULL) == 0);
    say("family", arena->key);
    if (strcmp(how, "returns") == 0) {
        NEED(spork_process_start(&child, spork_no_call(), NULL) == 0);
        NEED(make_copy(one, one, lock));
        return 7;
    }
    NEED(spork_process_start(&child, copy_beside_children_call(one, other, lock, empty),
                             NULL) == 0);
    say_helper();
    NEED(make_copy(other, one, lock));
    return spork_process_join(child, BUSY_MS, NULL);
}

/* ---- a child that is late ---- */

static int come_too_late(void) {
    say("fault", "a child whose parent was gone ran its task");
    spork_sleep_ms(BUSY_MS);
    return 0;
}
SPORK_TASK(int, come_too_late);

static int run_late(const char *unused) {
    char pid[32];
    spork_process *child;
    (void)unused;
    snprintf(pid, sizeof pid, "%" PRId64, native_pid());
    native_set_variable("TEST_ROOT", pid);
    NEED(spork_process_start(&child, come_too_late_call(), NULL) == 0);
    return 0;
}

/* Before spork_init: a child of run_late comes to it when its parent is dead. */
static void be_late(void) {
    const char *root = getenv("TEST_ROOT");
    if (root != NULL) {
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        say("early", "");
        while (native_process_runs(strtoll(root, NULL, 10)) && spork_now_ms() < limit) {
            spork_sleep_ms(1);
        }
    }
}

/* ---- all ---- */

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(const char *how);
    } modes[] = {{"tree", run_tree},           {"storm", run_storm},
                 {"returning", run_returning}, {"detached", run_detached},
                 {"copied", run_copied},       {"late", run_late}};
    be_late();
    if (spork_init(argc, argv) != 0) {
        return 3;
    }
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, argv[1]) == 0) {
            return modes[i].run(argc > 2 ? argv[2] : "");
        }
    }
    return 4;
}
