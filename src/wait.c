/* Waiting for many things, and doorbells.

   A look asks every thing once, and each names whose death would matter to it. Nothing is
   taken, so it does not matter in which order things become ready, nor how often a look is
   made in vain. */
#include "spork/wait.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "family_watch.h"
#include "handle.h"
#include "process.h"
#include "wait.h"

/* kind_ of a waitable is a spork_handle_kind, or one of these; 0 is none. */
enum { OF_PROCESS = 254, OF_NATIVE = 255 };

/* Kinds of ranks above. */
enum { KINDS = WAIT_NUMBERS_END - WAIT_ON_FUTURE };
static const struct wait_kind *kinds[KINDS];

void wait_register(enum wait_number number, const struct wait_kind *kind) {
    kinds[number - WAIT_ON_FUTURE] = kind;
}

static const struct wait_kind *kind_above(const spork_waitable *thing) {
    unsigned index = (unsigned)thing->kind_ - WAIT_ON_FUTURE;
    return index < KINDS ? kinds[index] : NULL;
}

static spork_waitable of(uint8_t kind, void *object) {
    spork_waitable made = {.kind_ = kind};
    made.as.object_ = object;
    return made;
}

spork_waitable wait_on(enum wait_number number, void *object) {
    return of((uint8_t)number, object);
}

spork_waitable spork_on_process(spork_process *process) {
    return of(OF_PROCESS, process);
}

spork_waitable spork_on_queue(spork_queue *queue) {
    return of(SPORK_HANDLE_QUEUE, queue);
}

spork_waitable spork_on_pipe(spork_pipe *end) {
    return of(SPORK_HANDLE_PIPE, end);
}

spork_waitable spork_on_semaphore(spork_semaphore *semaphore) {
    return of(SPORK_HANDLE_SEMAPHORE, semaphore);
}

spork_waitable spork_on_event(spork_event *event) {
    return of(SPORK_HANDLE_EVENT, event);
}

spork_waitable spork_on_native(intptr_t native) {
    spork_waitable made = {.kind_ = OF_NATIVE};
    made.as.native_ = native;
    return made;
}

/* ---- a set of things ---- */

struct set {
    struct self *self;
    spork_waitable *things; /* the caller's, or a doorbell's copy */
    size_t count;
    size_t needed;
    size_t ready;             /* at the last look */
    struct waiters **waiters; /* of things that have some */
    size_t native_count;
    struct places places;
};

static int wrong(int error, size_t index) {
    return error_prefix(error, "thing %zu of the wait", index);
}

/* Where a thing that is no native is waited for. */
static int find_waiters(const spork_waitable *thing, struct waiters **waiters) {
    int error = 0;
    if (thing->kind_ == OF_PROCESS) {
        return process_waiters(thing->as.object_, waiters);
    }
    const struct wait_kind *above = kind_above(thing);
    if (above != NULL) {
        return above->waiters(thing->as.object_, waiters);
    }
    const struct handle_kind *kind = handle_kind_of(thing->kind_);
    if (kind == NULL || kind->waiters == NULL) {
        return error_set(SPORK_EINVAL, "it is nothing that can be waited for");
    }
    if (handle_enter(thing->as.object_, kind, &error) == NULL) {
        return error;
    }
    *waiters = kind->waiters(thing->as.object_);
    return *waiters == NULL ? error_set(SPORK_ENOTSUP, "a named %s cannot be waited for "
                                                       "together with others",
                                        kind->name)
                            : 0;
}

static int add_thing(struct set *set, size_t index) {
    const spork_waitable *thing = &set->things[index];
    if (thing->kind_ == OF_NATIVE) {
        /* On Windows it would be this process. */
        set->native_count++;
        return thing->as.native_ == PLAT_NO_NATIVE
                   ? error_set(SPORK_EINVAL, "there is no native to wait for (-1)")
                   : 0;
    }
    int error = find_waiters(thing, &set->waiters[set->places.count]);
    set->places.count += error == 0;
    return error;
}

static void close_set(struct set *set) {
    free(set->waiters);
    free(set->places.natives);
}

static int open_set(struct set *set) {
    set->waiters = calloc(set->count + 1, sizeof set->waiters[0]);
    set->places.waiters = set->waiters;
    set->places.natives = calloc(set->count + 1, sizeof set->places.natives[0]);
    if (set->waiters == NULL || set->places.natives == NULL) {
        close_set(set);
        return error_set(SPORK_ENOMEM, "no memory to wait for %zu things", set->count);
    }
    for (size_t i = 0; i < set->count; i++) {
        set->things[i].ready = false;
        int error = add_thing(set, i);
        if (error != 0) {
            close_set(set);
            return wrong(error, i);
        }
    }
    return 0;
}

/* 0, SPORK_EWOULDBLOCK, or an error. A native of the host, once it was seen to be ready, stays
   so for this wait: asking may have taken its signal. */
static int look_at_native(struct set *set, const spork_waitable *thing) {
    bool ready = thing->ready;
    int error =
        ready ? 0 : plat_native_ready(&set->self->sleeper, thing->as.native_, &ready);
    if (error == 0 && !ready) {
        set->places.natives[set->places.native_count++].native = thing->as.native_;
        error = SPORK_EWOULDBLOCK;
    }
    return error;
}

static int look_at(struct set *set, const spork_waitable *thing, struct watch *watch) {
    if (thing->kind_ == OF_NATIVE) {
        return look_at_native(set, thing);
    }
    if (thing->kind_ == OF_PROCESS) {
        return process_ready(thing->as.object_, watch);
    }
    if (kind_above(thing) != NULL) {
        return kind_above(thing)->ready(thing->as.object_, watch);
    }
    return handle_kind_of(thing->kind_)->ready(set->self, thing->as.object_, watch);
}

static int look(void *context, struct watch *watch) {
    struct set *set = context;
    set->ready = 0;
    set->places.native_count = 0; /* only those that are not ready are slept for */
    for (size_t i = 0; i < set->count; i++) {
        int result = look_at(set, &set->things[i], watch);
        if (result == WAIT_SERVE) {
            return WAIT_SERVE;
        }
        if (result != 0 && result != SPORK_EWOULDBLOCK) {
            return wrong(result, i);
        }
        set->things[i].ready = result == 0;
        set->ready += result == 0;
    }
    return set->ready >= set->needed ? 0 : SPORK_EWOULDBLOCK;
}

/* For things of which one asked for it, and for all like it. */
static void serve(struct set *set) {
    for (size_t i = 0; i < set->count; i++) {
        const struct wait_kind *kind = kind_above(&set->things[i]);
        if (kind != NULL) {
            kind->serve(set->things[i].as.object_);
        }
    }
}

/* ---- waiting ---- */

static int check(const spork_waitable *things, size_t count, spork_wait_mode mode,
                 int64_t deadline) {
    if (things == NULL && count > 0) {
        return error_set(SPORK_EINVAL, "%zu things to wait for, at NULL", count);
    }
    if (mode != SPORK_WAIT_ANY && mode != SPORK_WAIT_ALL) {
        return error_set(SPORK_EINVAL, "%d is no mode of waiting", (int)mode);
    }
    if (count == 0 && mode == SPORK_WAIT_ANY && deadline == PLAT_NEVER) {
        return error_set(SPORK_EINVAL, "waiting for any of no things would never end");
    }
    return 0;
}

int spork_wait(spork_waitable *things, size_t count, spork_wait_mode mode, int64_t timeout_ms,
               size_t *ready) {
    struct set set = {.things = things, .count = count};
    int64_t deadline;
    int error = deadline_from(timeout_ms, &deadline);
    if (error == 0) {
        error = check(things, count, mode, deadline);
    }
    set.self = error != 0 ? NULL : family_enter(&error);
    if (set.self == NULL) {
        return error;
    }
    error = open_set(&set);
    if (error != 0) {
        return error;
    }
    set.needed = mode == SPORK_WAIT_ANY ? 1 : count;
    do {
        error = family_block_many(set.self, &set.places, look, &set, deadline);
        if (error == WAIT_SERVE) {
            serve(&set);
        }
    } while (error == WAIT_SERVE);
    if (ready != NULL && (error == 0 || error == SPORK_EWOULDBLOCK)) {
        *ready = set.ready;
    }
    close_set(&set);
    return error == SPORK_EWOULDBLOCK ? error_late(timeout_ms, "waiting") : error;
}

/* ---- doorbells ---- */

struct spork_doorbell {
    struct self bell; /* whose slot and sleeper are the doorbell's */
    struct set set;
    intptr_t native;
    slot_reference process;
};

static int check_doorbell(const spork_doorbell *doorbell, int *error) {
    if (doorbell == NULL) {
        *error = error_set(SPORK_EINVAL, "the doorbell is NULL");
    } else if (family_enter(error) != NULL && doorbell->process != family_self()) {
        *error = error_set(SPORK_ESTATE, "the doorbell is another process's");
    }
    return *error;
}

/* What a look would complain of is told at once. */
static int try_look(struct set *set) {
    struct watch watch = {0};
    set->self = sleep_self();
    int result = look(set, &watch);
    return result == SPORK_EWOULDBLOCK || result == WAIT_SERVE ? 0 : result;
}

static int open_doorbell(spork_doorbell *made) {
    int error = open_set(&made->set);
    if (error != 0) {
        return error;
    }
    if (made->set.native_count > 0) {
        error = error_set(SPORK_EINVAL, "a native of the host cannot be in a doorbell");
    }
    if (error == 0) {
        error = try_look(&made->set);
    }
    if (error == 0) {
        error = sleep_make_self(&made->bell);
    }
    if (error == 0) {
        error = plat_doorbell_open(&made->bell.sleeper, &made->bell.slot->bell, &made->native);
        if (error != 0) {
            sleep_drop_self(&made->bell);
        }
    }
    if (error != 0) {
        close_set(&made->set);
    }
    return error;
}

int spork_doorbell_new(spork_doorbell **doorbell, const spork_waitable *things, size_t count) {
    int error;
    if (doorbell == NULL || things == NULL || count == 0) {
        return error_set(SPORK_EINVAL, "a doorbell needs its place, and things to ring for");
    }
    if (family_enter(&error) == NULL) {
        return error;
    }
    spork_doorbell *made = calloc(1, sizeof *made);
    spork_waitable *copy = calloc(count, sizeof *copy);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return error_set(SPORK_ENOMEM, "no memory for a doorbell of %zu things", count);
    }
    memcpy(copy, things, count * sizeof *copy);
    made->set = (struct set){.things = copy, .count = count, .needed = 1};
    made->process = family_self();
    error = open_doorbell(made);
    if (error != 0) {
        free(copy);
        free(made);
        return error;
    }
    *doorbell = made;
    return 0;
}

void spork_doorbell_free(spork_doorbell *doorbell) {
    int error = 0;
    if (doorbell == NULL) {
        return;
    }
    /* In a forked child the slot is the parent's, and the natives are closed or shared. */
    if (check_doorbell(doorbell, &error) == 0) {
        sleep_disarm(&doorbell->bell);
        sleep_drop_self(&doorbell->bell);
    }
    close_set(&doorbell->set);
    free(doorbell->set.things);
    free(doorbell);
}

int spork_doorbell_native(spork_doorbell *doorbell, intptr_t *native) {
    int error = 0;
    if (check_doorbell(doorbell, &error) != 0) {
        return error;
    }
    if (native == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the native (NULL)");
    }
    *native = doorbell->native;
    return 0;
}

static void ring_myself(struct self *bell) {
    atomic_store(&bell->slot->bell.state, PLAT_BELL_RUNG);
    plat_doorbell_ring(&bell->sleeper, &bell->slot->bell);
}

/* Arms the bell and looks once. SPORK_EWOULDBLOCK: nothing is ready, and the bell will tell. */
static int answer_once(spork_doorbell *doorbell) {
    struct self *bell = &doorbell->bell;
    struct set *set = &doorbell->set;
    struct watch watch = {.grows = true};
    sleep_disarm(bell);
    sleep_arm_many(bell, set->places.waiters, set->places.count);
    int result = plat_doorbell_quiet(&bell->sleeper, &bell->slot->bell);
    if (result == 0) {
        result = look(set, &watch);
    }
    if (result == SPORK_EWOULDBLOCK) {
        int watched = watch_by_doorbell(bell, &watch);
        result = watched == 0 ? result : watched;
    }
    watch_free(&watch);
    return result;
}

int spork_doorbell_answer(spork_doorbell *doorbell, spork_waitable *things, size_t *ready) {
    enum { ROUNDS = 100 };
    int result = 0;
    if (check_doorbell(doorbell, &result) != 0) {
        return result;
    }
    struct set *set = &doorbell->set;
    struct plat_bell *bell = &doorbell->bell.slot->bell;
    set->self = sleep_self();
    /* A ring, or a death, in the middle of it: once more. */
    for (int round = 0; round < ROUNDS; round++) {
        result = answer_once(doorbell);
        if (result == WAIT_SERVE) {
            sleep_disarm(&doorbell->bell);
            serve(set);
            continue;
        }
        if (result != SPORK_EPEERDIED &&
            (result != SPORK_EWOULDBLOCK || atomic_load(&bell->state) != PLAT_BELL_RUNG)) {
            break;
        }
    }
    if (result != SPORK_EWOULDBLOCK || atomic_load(&bell->state) == PLAT_BELL_RUNG) {
        ring_myself(&doorbell->bell);
    }
    if (result != 0 && result != SPORK_EWOULDBLOCK && result != SPORK_EPEERDIED &&
        result != WAIT_SERVE) {
        return result;
    }
    if (things != NULL) {
        memcpy(things, set->things, set->count * sizeof *things);
    }
    if (ready != NULL) {
        *ready = set->ready;
    }
    return 0;
}
