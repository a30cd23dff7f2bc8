/* Watches: which processes this one has open, and which are its children. */
#include "family_watch.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    slot_reference process; /* whom the watch is on; 0: none */
    struct plat_process watch;
    uint32_t users;         /* threads that use it at this moment */
    bool forgotten;         /* to be closed by the last of them */
};

/* A child of this process, in a list; numbers are indices of slots, that of the root for none. */
struct child {
    slot_reference process; /* 0: none */
    uint32_t next, previous;
};

/* All in one piece: what a process has written lately, a fork has to copy page by page. */
static struct {
    plat_mutex mutex;
    size_t used; /* a forked child need not touch the other places */
    size_t children;
    uint32_t first, last; /* child */
    struct place {
        struct entry entry;
        struct child child;
    } places[ARENA_PROCESSES];
} known;

static void close_entry(struct entry *entry) {
    if (entry->process != 0) {
        plat_process_close(&entry->watch);
    }
    memset(entry, 0, sizeof *entry);
}

void watch_forked(void) {
    memset(&known.mutex, 0, sizeof known.mutex);
    for (size_t i = 0; i < known.used; i++) {
        struct place *place = &known.places[i];
        if (place->entry.process != 0) {
            close_entry(&place->entry);
        }
        if (place->child.process != 0) {
            memset(&place->child, 0, sizeof place->child);
        }
    }
    known.used = 0;
    known.children = 0;
    known.first = known.last = 0;
}

/* The place of a process, to be filled; under the mutex. */
static struct place *place_of(slot_reference process) {
    size_t index = slot_index(process);
    known.used = index < known.used ? known.used : index + 1;
    return &known.places[index];
}

static int open_entry(struct entry *entry, slot_reference process) {
    struct process_slot *slot = family_slot(process);
    struct plat_identity identity = {(int64_t)atomic_load(&slot->pid),
                                     atomic_load(&slot->stamp)};
    if (identity.pid == 0 || identity.stamp == 0) {
        return SPORK_EBUSY; /* it has not told yet who it is */
    }
    if (!family_is(process)) {
        return SPORK_EPEERDIED; /* and what was read may be of the slot's next one */
    }
    if (entry->process != 0) {
        if (entry->users > 0) {
            return SPORK_EBUSY; /* an older process's watch is still in use */
        }
        close_entry(entry);
    }
    int error = plat_process_open(&entry->watch, identity);
    if (error == 0) {
        entry->process = process;
    }
    return error;
}

struct plat_process *watch_take(slot_reference process, int *error) {
    struct plat_process *taken = NULL;
    plat_mutex_lock(&known.mutex);
    struct entry *entry = &place_of(process)->entry;
    *error = entry->process == process ? 0 : open_entry(entry, process);
    if (*error == 0) {
        entry->users++;
        taken = &entry->watch;
    }
    plat_mutex_unlock(&known.mutex);
    return taken;
}

void watch_drop(slot_reference process) {
    struct entry *entry = &known.places[slot_index(process)].entry;
    plat_mutex_lock(&known.mutex);
    entry->users--;
    if (entry->users == 0 && entry->forgotten) {
        close_entry(entry);
    }
    plat_mutex_unlock(&known.mutex);
}

void watch_adopt(slot_reference child, const struct plat_process *process) {
    enum { NAP_NS = 50000 };
    plat_mutex_lock(&known.mutex);
    struct entry *entry = &place_of(child)->entry;
    /* Threads that still look at an older process of that slot, which is dead. */
    while (entry->users > 0) {
        plat_mutex_unlock(&known.mutex);
        plat_sleep_ns(NAP_NS);
        plat_mutex_lock(&known.mutex);
    }
    close_entry(entry);
    entry->watch = *process;
    entry->process = child;
    entry->forgotten = false;
    plat_mutex_unlock(&known.mutex);
}

void watch_forget(slot_reference process) {
    struct entry *entry = &known.places[slot_index(process)].entry;
    plat_mutex_lock(&known.mutex);
    if (entry->process == process) {
        if (entry->users == 0) {
            close_entry(entry);
        } else {
            entry->forgotten = true;
        }
    }
    plat_mutex_unlock(&known.mutex);
}

/* ---- children ---- */

/* Under the mutex. */
static void unlink_child(struct child *child) {
    struct place *places = known.places;
    *(child->previous != 0 ? &places[child->previous].child.next : &known.first) = child->next;
    *(child->next != 0 ? &places[child->next].child.previous : &known.last) = child->previous;
    memset(child, 0, sizeof *child);
    known.children--;
}

void watch_add_child(slot_reference process) {
    plat_mutex_lock(&known.mutex);
    struct child *child = &place_of(process)->child;
    if (child->process != 0) {
        unlink_child(child); /* an older one of that slot */
    }
    *child = (struct child){.process = process, .previous = known.last};
    *(known.last != 0 ? &known.places[known.last].child.next : &known.first) =
        slot_index(process);
    known.last = slot_index(process);
    known.children++;
    plat_mutex_unlock(&known.mutex);
}

void watch_remove_child(slot_reference process) {
    struct child *child = &known.places[slot_index(process)].child;
    plat_mutex_lock(&known.mutex);
    if (child->process == process) {
        unlink_child(child);
    }
    plat_mutex_unlock(&known.mutex);
}

size_t watch_children(slot_reference *children, size_t capacity) {
    size_t copied = 0;
    plat_mutex_lock(&known.mutex);
    size_t count = known.children;
    for (uint32_t i = known.first; i != 0 && copied < capacity; copied++) {
        children[copied] = known.places[i].child.process;
        i = known.places[i].child.next;
    }
    plat_mutex_unlock(&known.mutex);
    return count;
}

/* ---- sleeping under watch ---- */

enum { FEW = 64 };
/* What one sleep watches; the arrays grow for who has many children. */
struct bundle {
    size_t count, capacity;
    slot_reference *processes;
    const struct plat_process **watches;
    slot_reference few_processes[FEW];
    const struct plat_process *few_watches[FEW];
};

/* Returns false when the process turns out to be dead. */
static bool add(struct bundle *bundle, slot_reference process) {
    int error;
    if (bundle->count == bundle->capacity) {
        return true;
    }
    struct plat_process *watch = watch_take(process, &error);
    if (watch != NULL) {
        bundle->processes[bundle->count] = process;
        bundle->watches[bundle->count++] = watch;
    }
    return error != SPORK_EPEERDIED;
}

static void make_room(struct bundle *bundle, size_t wanted) {
    bundle->capacity = FEW;
    bundle->processes = bundle->few_processes;
    bundle->watches = bundle->few_watches;
    if (wanted <= FEW) {
        return;
    }
    slot_reference *processes = calloc(wanted, sizeof *processes);
    const struct plat_process **watches = calloc(wanted, sizeof *watches);
    if (processes == NULL || watches == NULL) {
        free(processes);
        free(watches);
        return; /* the first of them are watched; the others are looked at by the net */
    }
    bundle->capacity = wanted;
    bundle->processes = processes;
    bundle->watches = watches;
}

/* The first of them are not processes. */
static void drop_all(struct bundle *bundle, size_t foreign) {
    for (size_t i = foreign; i < bundle->count; i++) {
        watch_drop(bundle->processes[i]);
    }
    if (bundle->processes != bundle->few_processes) {
        free(bundle->processes);
        free(bundle->watches);
    }
}

static slot_reference add_children(struct bundle *bundle, size_t children) {
    slot_reference few[FEW];
    slot_reference *list = children <= FEW ? few : calloc(children, sizeof *list);
    slot_reference dead = 0;
    if (list == NULL) {
        return 0;
    }
    size_t count = watch_children(list, children);
    for (size_t i = 0; i < count && i < children && dead == 0; i++) {
        bool is_thread = (atomic_load(&family_slot(list[i])->flags) & PROCESS_THREAD) != 0;
        if (!is_thread && !add(bundle, list[i])) {
            dead = list[i];
        }
    }
    if (list != few) {
        free(list);
    }
    return dead;
}

static void add_natives(struct bundle *bundle, const struct places *places) {
    for (size_t i = 0; i < places->native_count && bundle->count < bundle->capacity; i++) {
        bundle->processes[bundle->count] = 0;
        bundle->watches[bundle->count++] = &places->natives[i];
    }
}

/* All that a sleep watches; who is found dead on the way, or 0. *foreign of them are natives. */
static slot_reference collect(struct bundle *bundle, const struct watch *watch,
                              const struct places *places, bool with_children,
                              size_t *foreign) {
    slot_reference found = 0;
    size_t children = with_children ? watch_children(NULL, 0) : 0;
    make_room(bundle, (places == NULL ? 0 : places->native_count) + watch->count + children);
    if (places != NULL) {
        add_natives(bundle, places);
    }
    *foreign = bundle->count;
    for (uint32_t i = 0; i < watch->count && found == 0; i++) {
        if (!add(bundle, watch_at(watch, i))) {
            found = watch_at(watch, i);
        }
    }
    return found == 0 && children > 0 ? add_children(bundle, children) : found;
}

int watch_sleep(struct self *self, int64_t deadline, const struct watch *watch,
                const struct places *places, slot_reference *dead) {
    struct bundle bundle = {0};
    size_t foreign;
    slot_reference found = collect(&bundle, watch, places, dead != NULL, &foreign);
    int result = SPORK_EPEERDIED;
    if (found == 0) {
        size_t index = 0;
        result = sleep_now(self, deadline, bundle.watches, bundle.count, &index);
        if (result == SPORK_EPEERDIED) {
            found = index < foreign ? 0 : bundle.processes[index];
        }
    }
    drop_all(&bundle, foreign);
    if (dead != NULL) {
        *dead = found;
    }
    return result;
}

int watch_by_doorbell(struct self *self, const struct watch *watch) {
    struct bundle bundle = {0};
    size_t foreign;
    slot_reference found = collect(&bundle, watch, NULL, true, &foreign);
    int result = SPORK_EPEERDIED;
    if (found == 0) {
        size_t index = 0;
        result = plat_doorbell_watch(&self->sleeper, bundle.watches, bundle.count, &index);
        found = result == SPORK_EPEERDIED ? bundle.processes[index] : 0;
    }
    drop_all(&bundle, foreign);
    if (found != 0) {
        family_bury(found);
    }
    return result;
}
