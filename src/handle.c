/* Handles as this process sees them: made, entered, shared, let go, and buried. How they
   travel is in handle_parcel.c, the table in handle_table.c. */
#include "handle.h"

#include <stdlib.h>
#include <string.h>

#include "handle_local.h"
#include "handle_table.h"
#include "value.h"

enum { KINDS = 16 };
static const struct handle_kind *kinds[KINDS];
static plat_mutex mutex;
static struct handle *all;
static handle_message_judge *message_lives;

void handle_judge_messages(handle_message_judge *judge) {
    message_lives = judge;
}

const struct handle_kind *handle_kind_of(uint64_t kind) {
    return kind < KINDS ? kinds[kind] : NULL;
}

void *handle_body(handle_id id, const struct handle_kind **kind) {
    if (!table_valid(id)) {
        return NULL;
    }
    *kind = handle_kind_of(atomic_load(&table_slot(id)->kind));
    return arena_at(atomic_load(&table_slot(id)->body));
}

/* ---- the end of an object ---- */

/* The last record stays until all else is gone, and the object is marked as dying: if this
   process dies in here, whoever buries it finds the record and goes on. */
static void destroy(struct self *self, handle_id id, uint64_t record) {
    const struct handle_kind *kind = NULL;
    void *body = handle_body(id, &kind);
    if (body != NULL && kind != NULL && kind->destroy != NULL) {
        kind->destroy(self, id, body);
    }
    family_lock(self);
    table_drop(record);
    arena_give(arena_get(&table_slot(id)->body));
    table_remove(id);
    family_commit(self);
}

static bool is_record_of(uint64_t record, slot_reference process) {
    struct hold *hold = arena_at(record);
    struct block *block = arena_block(record);
    slot_reference holder = atomic_load(&hold->process);
    return atomic_load(&block->state) == BLOCK_HOLD &&
           (holder == process || (holder == 0 && atomic_load(&block->owner) == process)) &&
           table_valid(atomic_load(&hold->handle));
}

/* The rest of an object's life follows from the loss of a record. */
void handle_drop_record(struct self *self, uint64_t record, slot_reference of) {
    struct hold *hold = arena_at(record);
    family_lock(self);
    if (!is_record_of(record, of)) {
        family_unlock(self);
        return;
    }
    handle_id id = atomic_load(&hold->handle);
    const struct handle_kind *kind = NULL;
    void *body = handle_body(id, &kind);
    uint64_t owed = atomic_load(&hold->got) - atomic_load(&hold->done);
    if (handle_holders(id) == 1) {
        arena_set(&table_slot(id)->dying, 1);
        family_commit(self);
        destroy(self, id, record);
        return;
    }
    if (kind->mourn_holder != NULL) {
        kind->mourn_holder(body, atomic_load(&hold->process), owed);
    }
    if (kind->holder_died != NULL && atomic_load(&hold->process) == of && family_killed(of)) {
        kind->holder_died(body);
    }
    table_drop(record);
    arena_commit();
    /* Still under the lock: nobody can take the body apart meanwhile. */
    if (kind->holders_changed != NULL) {
        kind->holders_changed(body, handle_holders(id));
    }
    family_unlock(self);
}

/* ---- making and entering ---- */

static struct handle *new_local(const struct handle_kind *kind) {
    struct handle *handle = calloc(1, kind->local_size);
    if (handle == NULL) {
        error_set(SPORK_ENOMEM, "no memory for a %s", kind->name);
        return NULL;
    }
    handle->kind = kind;
    atomic_store(&handle->users, 1);
    return handle;
}

static void enlist(struct handle *handle) {
    plat_mutex_lock(&mutex);
    handle->next = all;
    handle->link = &all;
    if (all != NULL) {
        all->link = &handle->next;
    }
    all = handle;
    plat_mutex_unlock(&mutex);
}

static void delist(struct handle *handle) {
    plat_mutex_lock(&mutex);
    if (handle->link != NULL) {
        *handle->link = handle->next;
        if (handle->next != NULL) {
            handle->next->link = handle->link;
        }
        handle->link = NULL;
    }
    plat_mutex_unlock(&mutex);
}

/* The transaction of a creation: body, table slot and the first record, or nothing. */
static int create_shared(const struct handle_kind *kind, int (*init)(void *, const void *),
                         const void *options, struct handle *handle) {
    uint64_t body;
    uint64_t record;
    int error = arena_take(kind->body_size, BLOCK_PLAIN, &body);
    if (error == 0) {
        error = table_insert(kind->kind, body, &handle->id);
    }
    if (error == 0) {
        error = table_hold(handle->id, family_self(), &record);
    }
    if (error != 0) {
        return error;
    }
    handle->body = arena_at(body);
    handle->hold = arena_at(record);
    memset(handle->body, 0, kind->body_size);
    return init == NULL ? 0 : init(handle->body, options);
}

int handle_create(struct self *self, const struct handle_kind *kind,
                  int (*init)(void *body, const void *options), const void *options,
                  struct handle **handle) {
    struct handle *made = new_local(kind);
    if (made == NULL) {
        return SPORK_ENOMEM;
    }
    if (kinds[kind->kind] == NULL) {
        handle_register_kind(kind);
    }
    family_lock(self);
    int error = create_shared(kind, init, options, made);
    if (error != 0) {
        family_unlock(self);
        free(made);
        return error;
    }
    family_commit(self);
    made->process = family_self();
    enlist(made);
    if (kind->open_local != NULL) {
        error = kind->open_local(made, made->body);
        if (error != 0) {
            handle_release(made);
            return error;
        }
    }
    *handle = made;
    return 0;
}

int handle_new(void *place, const struct handle_kind *kind,
               int (*init)(void *body, const void *options), const void *options) {
    struct handle *made;
    int error;
    if (place == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new %s (NULL)",
                         kind->name);
    }
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    error = handle_create(self, kind, init, options, &made);
    if (error == 0) {
        memcpy(place, &made, sizeof made);
    }
    return error;
}

void handle_free(void *object) {
    if (object != NULL) {
        handle_release(object);
    }
}

/* After a fork the object was inherited with the memory, but is not held yet. */
static int hold_again(struct self *self, struct handle *handle) {
    uint64_t record = 0;
    int error = 0;
    family_lock(self);
    if (!table_alive(handle->id)) {
        error = error_set(SPORK_ESTALE, "the %s is gone: nobody held it any more",
                          handle->kind->name);
    } else {
        record = table_find_hold(handle->id, family_self());
        error = record != 0 ? 0 : table_hold(handle->id, family_self(), &record);
    }
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    family_commit(self);
    handle->hold = arena_at(record);
    handle->process = family_self();
    return 0;
}

struct self *handle_enter_slow(const void *object, const struct handle_kind *kind, int *error) {
    struct handle *handle = (struct handle *)(uintptr_t)object;
    if (handle == NULL) {
        *error = error_set(SPORK_EINVAL,
                           "the %s is NULL; a child does not see what its parent put into a "
                           "global variable: pass the %s as an argument of the task",
                           kind->name, kind->name);
        return NULL;
    }
    if (handle->kind != kind) {
        *error = error_set(SPORK_EINVAL, "this is no %s, or it was freed", kind->name);
        return NULL;
    }
    struct self *self = family_enter(error);
    if (self != NULL && atomic_load_explicit(&handle->closed, memory_order_relaxed)) {
        *error = error_set(SPORK_ECLOSED, "the %s was closed here", kind->name);
        return NULL;
    }
    if (self != NULL && handle->process != family_self()) {
        plat_mutex_lock(&mutex);
        *error = handle->process == family_self() ? 0 : hold_again(self, handle);
        plat_mutex_unlock(&mutex);
    }
    return *error == 0 ? self : NULL;
}

/* ---- sharing and letting go ---- */

void handle_share(struct handle *handle) {
    atomic_fetch_add(&handle->users, 1);
}

static void let_go(struct self *self, struct handle *handle) {
    if (handle->kind->close_local != NULL) {
        handle->kind->close_local(handle);
    }
    if (handle->process == family_self()) {
        handle_drop_record(self, arena_offset(handle->hold), family_self());
    }
}

void handle_release(struct handle *handle) {
    plat_mutex_lock(&mutex);
    bool last = atomic_fetch_sub(&handle->users, 1) == 1;
    plat_mutex_unlock(&mutex);
    if (!last) {
        return;
    }
    int error;
    delist(handle);
    struct self *self = family_enter(&error);
    if (self != NULL && !atomic_load(&handle->closed)) {
        let_go(self, handle);
    }
    handle->kind = NULL;
    free(handle);
}

int handle_close(struct self *self, struct handle *handle) {
    if (atomic_exchange(&handle->closed, true)) {
        return error_set(SPORK_ECLOSED, "the %s was closed before", handle->kind->name);
    }
    let_go(self, handle);
    return 0;
}

/* The local object of an id that this process has already, with one user more; else NULL. */
static struct handle *find_local(handle_id id) {
    plat_mutex_lock(&mutex);
    struct handle *found = all;
    while (found != NULL && (found->id != id || atomic_load(&found->closed) ||
                             found->process != family_self())) {
        found = found->next;
    }
    if (found != NULL && atomic_fetch_add(&found->users, 1) == 0) {
        /* Its last user is on the way out: it is not to be had any more. */
        atomic_fetch_sub(&found->users, 1);
        found = NULL;
    }
    plat_mutex_unlock(&mutex);
    return found;
}

bool handle_in_transit(uint64_t record, handle_id id) {
    const struct hold *hold = arena_at(record);
    return arena_valid_block(record) && table_alive(id) &&
           atomic_load(&arena_block(record)->state) == BLOCK_HOLD &&
           atomic_load(&hold->process) == 0 && atomic_load(&hold->handle) == id;
}

/* A record in transit becomes this process's; false when it is not in transit any more (the
   message was delivered before, to somebody who died). */
static bool take_record(struct self *self, handle_id id, uint64_t record) {
    family_lock(self);
    bool good = handle_in_transit(record, id);
    if (good) {
        table_move(record, family_self());
        arena_commit();
    }
    family_unlock(self);
    return good;
}

static int open_new(struct self *self, handle_id id, struct handle **handle) {
    const struct handle_kind *kind = NULL;
    void *body = handle_body(id, &kind);
    if (body == NULL || kind == NULL) {
        return error_set(SPORK_ESTALE, "an object that was sent is gone");
    }
    struct handle *made = new_local(kind);
    if (made == NULL) {
        return SPORK_ENOMEM;
    }
    made->id = id;
    made->body = body;
    int error = hold_again(self, made);
    if (error != 0) {
        free(made);
        return error;
    }
    enlist(made);
    /* Who waits for this object's holders to die has one more to watch. */
    if (kind->holders_changed != NULL) {
        kind->holders_changed(body, handle_holders(id));
    }
    if (kind->open_local != NULL) {
        error = kind->open_local(made, body);
        if (error != 0) {
            handle_release(made);
            return error;
        }
    }
    *handle = made;
    return 0;
}

int handle_open(struct self *self, handle_id id, uint64_t record, struct handle **handle) {
    bool taken = record != 0 && take_record(self, id, record);
    struct handle *found = find_local(id);
    if (found == NULL) {
        return open_new(self, id, handle);
    }
    if (taken && arena_at(record) != (void *)found->hold) {
        handle_drop_record(self, record, family_self());
    }
    *handle = found;
    return 0;
}

/* ---- holders ---- */

uint64_t handle_holders(handle_id id) {
    return atomic_load(&table_slot(id)->holders) & HOLDERS_COUNT;
}

uint64_t handle_holders_version(handle_id id) {
    return atomic_load_explicit(&table_slot(id)->holders, memory_order_acquire);
}

void handle_watch_holders(struct self *self, handle_id id, struct watch *watch) {
    if (watch == NULL) {
        return;
    }
    family_lock(self);
    for (uint64_t at = table_valid(id) ? atomic_load(&table_slot(id)->first) : 0; at != 0;) {
        struct hold *hold = arena_at(at);
        watch_process(watch, atomic_load(&hold->process));
        at = atomic_load(&hold->handle_next);
    }
    family_unlock(self);
}

bool handle_travelled(handle_id id) {
    return atomic_load(&table_slot(id)->travelled) != 0;
}

/* ---- deaths ---- */

static void mourn_thread(uint64_t id, slot_reference thread) {
    const struct handle_kind *kind = NULL;
    void *body = handle_body(id, &kind);
    struct self *self = sleep_self();
    if (self != NULL && body != NULL && kind != NULL && kind->mourn_thread != NULL) {
        kind->mourn_thread(self, id, body, thread);
    }
}

/* Private blocks: messages that were never sent, and their records, or records of a message
   that was received. What belongs to a message in a queue's slot is only unlinked. */
static void drop_private(struct self *self, uint64_t offset, slot_reference dead) {
    struct block *block = arena_block(offset);
    family_lock(self);
    bool is_hold = atomic_load(&block->state) == BLOCK_HOLD;
    bool ours = atomic_load(&block->owner) == dead;
    uint64_t home = atomic_load(&block->home) & ~(uint64_t)BLOCK_RECEIVED;
    uint64_t position = atomic_load(&block->position);
    bool taken_over =
        home != 0 && message_lives != NULL && message_lives(home, position, offset);
    if (ours && taken_over) {
        arena_disown(offset);
    } else if (ours && !is_hold) {
        arena_give(offset);
    }
    family_commit(self);
    if (is_hold && !taken_over) {
        handle_drop_record(self, offset, dead);
    }
}

static void mourn(slot_reference dead) {
    struct self *self = sleep_self();
    struct process_slot *slot = family_slot(dead);
    if (self == NULL) {
        return;
    }
    /* Each step takes the first of a list away, or another burier has. */
    for (uint64_t at = atomic_load(&slot->blocks), last = 0; at != 0 && at != last;
         last = at, at = atomic_load(&slot->blocks)) {
        drop_private(self, at, dead);
    }
    for (uint64_t at = atomic_load(&slot->holds), last = 0; at != 0 && at != last;
         last = at, at = atomic_load(&slot->holds)) {
        handle_drop_record(self, at, dead);
    }
}

/* A forked child holds nothing yet: what it inherited is held again at its first use. */
static void forked(void) {
    memset(&mutex, 0, sizeof mutex);
}

static int share_value(spork_handle_kind kind, void *handle) {
    (void)kind;
    handle_share(handle);
    return 0;
}

static void release_value(spork_handle_kind kind, void *handle) {
    (void)kind;
    handle_release(handle);
}

void handle_register_kind(const struct handle_kind *kind) {
    static const struct value_handle_hooks hooks = {share_value, release_value};
    kinds[kind->kind] = kind;
    family_on_death(mourn);
    family_on_thread_death(mourn_thread);
    family_on_fork(forked);
    value_set_handle_hooks(&hooks);
}
