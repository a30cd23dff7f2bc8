/* Records and futures: how they begin and how they end. All of it under the pool's mutex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "future.h"
#include "message.h"
#include "pool_owner.h"
#include "value.h"

/* ---- records ---- */

static int grow_notes(struct pool_owner *owner) {
    uint32_t count = 2 * owner->note_count + POOL_SEGMENT_FIRST;
    struct pool_note *notes = realloc(owner->notes, count * sizeof *notes);
    if (notes == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %u tasks", count);
    }
    owner->notes = notes;
    uint32_t *free_records = realloc(owner->free_records, count * sizeof *free_records);
    if (free_records == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %u tasks", count);
    }
    owner->free_records = free_records;
    uint32_t *ending = realloc(owner->ending, count * sizeof *ending);
    if (ending == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %u tasks", count);
    }
    owner->ending = ending;
    memset(notes + owner->note_count, 0, (count - owner->note_count) * sizeof *notes);
    for (uint32_t i = count; i > owner->note_count; i--) {
        free_records[owner->free_count++] = i - 1;
    }
    owner->note_count = count;
    return 0;
}

/* Segments double: 64, 128, 256 ... records; and so do the notes. */
static int grow(struct self *self, struct pool_owner *owner) {
    int error = pool_record_grow(self, body_of_owner(owner), owner->note_count);
    return error == 0 ? grow_notes(owner) : error;
}

int pool_new_record(struct self *self, struct pool_owner *owner, enum record_kind kind,
                    spork_future *future, pool_ticket *ticket) {
    if (owner->free_count == 0) {
        pool_free_ending(self, owner);
    }
    if (owner->free_count == 0) {
        int error = grow(self, owner);
        if (error != 0) {
            return error;
        }
    }
    uint32_t index = owner->free_records[--owner->free_count];
    struct pool_record *record = pool_record_at(body_of_owner(owner), index);
    uint64_t generation = (atomic_load(&record->state) >> 32) + 1;
    *ticket = generation << 32 | (index + 1);
    atomic_store(&record->kind, kind);
    atomic_store(&record->notify, 0);
    atomic_store(&record->told, 0);
    atomic_store(&record->error, 0);
    atomic_store(&record->state, record_word(*ticket, 0, RECORD_FREE));
    owner->notes[index] = (struct pool_note){.future = future, .ticket = *ticket};
    if (future != NULL) {
        future->ticket = *ticket;
    }
    return 0;
}

static void free_record(struct self *self, struct pool_owner *owner, uint32_t index) {
    struct pool_record *record = pool_record_at(body_of_owner(owner), index);
    pool_record_clear(self, record);
    pool_ticket of = atomic_exchange(&record->of, 0);
    if (of != 0 && note_is(owner, of)) {
        note_of(owner, of)->ranges--;
    }
    owner->notes[index] = (struct pool_note){0};
    owner->free_records[owner->free_count++] = index;
}

static bool may_be_freed(struct pool_owner *owner, uint32_t index) {
    const struct pool_note *note = &owner->notes[index];
    return note->ranges == 0 && !pool_record_in_hand(body_of_owner(owner), note->ticket);
}

/* At once only if it has just been taken off the list of the done: another one may be put there
   yet, by a worker who had not come to that. */
void pool_end_record(struct self *self, struct pool_owner *owner, pool_ticket ticket) {
    uint32_t index = ticket_index(ticket);
    if (owner->notes[index].stopping) {
        owner->stopping--;
        owner->notes[index].stopping = false;
    }
    owner->notes[index].future = NULL;
    if (owner->collecting && may_be_freed(owner, index)) {
        free_record(self, owner, index);
    } else {
        owner->notes[index].ending = true;
        owner->ending[owner->ending_count++] = index;
    }
}

/* Those that nobody has in hand are not put into the list of the done any more; those that are in
   it must be out before they are free. Ranges are freed before the maps that they are of, since
   these wait for them. */
void pool_free_ending(struct self *self, struct pool_owner *owner) {
    uint32_t kept = 0;
    uint32_t loose = 0;
    for (uint32_t i = 0; i < owner->ending_count; i++) {
        uint32_t index = owner->ending[i];
        if (may_be_freed(owner, index)) {
            owner->ending[i] = owner->ending[loose];
            owner->ending[loose++] = index;
        }
    }
    if (loose == 0) {
        return;
    }
    pool_collect(self, owner); /* may append */
    for (uint32_t i = 0; i < loose; i++) {
        free_record(self, owner, owner->ending[i]);
    }
    for (uint32_t i = loose; i < owner->ending_count; i++) {
        owner->ending[kept++] = owner->ending[i];
    }
    owner->ending_count = kept;
}

/* ---- futures ---- */

int pool_new_future(spork_pool *pool, enum future_kind kind, const spork_task *task,
                    spork_future **future) {
    spork_future *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a future");
    }
    made->pool = pool;
    made->kind = kind;
    made->task = task;
    made->process = family_self();
    atomic_store(&made->references, 2); /* the pool's and the caller's */
    *future = made;
    return 0;
}

void future_drop(spork_future *future) {
    if (atomic_fetch_sub(&future->references, 1) > 1) {
        return;
    }
    spork_value_free(&future->result);
    free(future->words);
    free(future);
}

static void call_back_later(struct pool_owner *owner, spork_future *future) {
    future->next_call = NULL;
    *owner->calls_end = future;
    owner->calls_end = &future->next_call;
    atomic_store(&owner->has_calls, true);
}

/* The last step: what the pool had of it goes, or goes to its callback. One that is in an order
   must live as long as that. */
static void finish_future(struct pool_owner *owner, spork_future *future) {
    bool calls = future->error == 0 ? future->callback != NULL : future->error_callback != NULL;
    bool in_order = future->order != NULL;
    owner->pending--;
    future->number = atomic_fetch_add(&owner->finished, 1) + 1;
    if (calls) {
        call_back_later(owner, future);
    }
    atomic_store(&future->done, true);
    if (in_order) {
        future_deliver(future);
    }
    if (!calls) {
        future_drop(future);
    }
}

static void keep_words(spork_future *future, int error, const char *words) {
    size_t size = strlen(words) + 1;
    future->error = error;
    future->words = malloc(size);
    if (future->words != NULL) {
        memcpy(future->words, words, size);
    }
}

int pool_finish_empty(struct pool_owner *owner, spork_future *future) {
    plat_mutex_lock(&owner->mutex);
    int error = pool_may_submit(owner);
    if (error == 0) {
        owner->pending++;
        finish_future(owner, future);
    }
    plat_mutex_unlock(&owner->mutex);
    return error;
}

void pool_fail_future(struct self *self, struct pool_owner *owner, spork_future *future,
                      int error, const char *words) {
    (void)self;
    keep_words(future, error, words);
    /* Of a map: how its items ended is of no use any more, and may not be known. */
    for (size_t i = 0; i < future->count && future->errors != NULL && !future->dropped; i++) {
        future->errors[i] = error;
    }
    future->is_partial = true;
    finish_future(owner, future);
}

/* ---- what a record leaves to its future ---- */

static const void *result_data(struct pool_record *record) {
    uint64_t block = atomic_load(&record->result);
    return block != 0 ? arena_at(block) : record->data + POOL_ARGUMENTS;
}

/* Handles come out of transit here, so the record must not drop them again. */
static int take_value(spork_value *out, const void *data, uint64_t size_flags) {
    size_t size = (size_t)(size_flags >> 8);
    return (size_flags & MESSAGE_RAW) != 0
               ? value_own_bytes(out, SPORK_BYTES, data, size)
               : codec_decode(out, data, size, &handle_receiver);
}

static void settle_call(struct pool_owner *owner, spork_future *future,
                        struct pool_record *record, bool failed) {
    uint64_t size_flags = atomic_load(&record->result_size);
    if (failed) {
        char words[POOL_WORDS];
        size_t size = (size_t)(size_flags >> 8);
        size = size < sizeof words ? size : sizeof words - 1;
        memcpy(words, result_data(record), size);
        words[size] = '\0';
        keep_words(future, atomic_load(&record->error), words);
    } else {
        int error = take_value(&future->result, result_data(record), size_flags);
        atomic_store(&record->result_size, 0);
        if (error != 0) {
            error_prefix(error, "the result of %s", future->task->name);
            keep_words(future, error, spork_error_detail());
        }
    }
    finish_future(owner, future);
}

static void tell_failure(spork_future *future, const struct pool_map *map) {
    uint64_t first = atomic_load(&map->first_failure);
    if (first == NO_FAILURE) {
        return;
    }
    const struct pool_failure *failure = &map->failures[first & 1];
    char words[POOL_WORDS + 64];
    snprintf(words, sizeof words, "item %llu: %s", (unsigned long long)(first >> 1),
             failure->words);
    keep_words(future, atomic_load(&failure->error), words);
    future->has_item = true;
    future->item = (size_t)(first >> 1);
    future->has_exit_code = atomic_load(&failure->has_exit_code) != 0;
    future->exit_code = atomic_load(&failure->exit_code);
}

/* A value that cannot be had is a failure of its item. */
static void take_values(struct self *self, spork_future *future, struct pool_map *map) {
    const arena_word *values = arena_at(map->values);
    spork_value *out = future->out;
    for (uint64_t i = 0; i < map->count; i++) {
        uint64_t block = atomic_load(&values[i]);
        if (block == 0) {
            continue;
        }
        struct pool_value *value = arena_at(block);
        int error = take_value(&out[i], value->data, value->size_flags);
        value->size_flags &= ~(uint64_t)MESSAGE_HANDLES;
        if (error != 0) {
            struct pool_failure failure = {.error = error};
            snprintf(failure.words, sizeof failure.words, "%s", spork_error_detail());
            map_fail(self, map, i, &failure);
        }
    }
}

static void settle_map(struct self *self, struct pool_owner *owner, spork_future *future,
                       struct pool_map *map) {
    if (future->dropped) {
        finish_future(owner, future);
        return;
    }
    if (map->values != 0) {
        take_values(self, future, map);
    } else if (future->copies_out) {
        memcpy(future->out, arena_at(map->out), map->count * map->result_size);
    }
    if (future->errors != NULL) {
        memcpy(future->errors, arena_at(map->errors), map->count * sizeof future->errors[0]);
    }
    tell_failure(future, map);
    finish_future(owner, future);
}

void pool_settle(struct self *self, struct pool_owner *owner, pool_ticket ticket) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    spork_future *future = note_of(owner, ticket)->future;
    enum record_state state = record_state_of(atomic_load(&record->state));
    if (future != NULL && future->kind == FUTURE_MAP) {
        settle_map(self, owner, future, arena_at(atomic_load(&record->map)));
    } else if (future != NULL) {
        settle_call(owner, future, record, state == RECORD_FAILED);
    }
    pool_end_record(self, owner, ticket);
}
