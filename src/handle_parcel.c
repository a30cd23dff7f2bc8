/* How handles travel. On the wire a handle is its id and, in transit, its hold record, which
   keeps the object alive while nobody else holds it. */
#include <stdlib.h>
#include <string.h>

#include "handle_local.h"
#include "handle_table.h"

static int keep_record(struct parcel *parcel, uint64_t record) {
    uint64_t *grown =
        realloc(parcel->records, (parcel->count + 1) * sizeof parcel->records[0]);
    if (grown == NULL) {
        handle_drop_record(parcel->self, record, family_self());
        return error_set(SPORK_ENOMEM, "no memory for a message's handles");
    }
    parcel->records = grown;
    parcel->records[parcel->count++] = record;
    return 0;
}

int handle_hold_for(struct self *self, const struct handle *handle, slot_reference process) {
    uint64_t ignored;
    int error = 0;
    family_lock(self);
    if (!table_alive(handle->id)) {
        error = error_set(SPORK_ESTALE, "the %s is gone: nobody held it any more",
                          handle->kind->name);
    } else if (table_find_hold(handle->id, process) == 0) {
        error = table_hold(handle->id, process, &ignored);
    }
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    family_commit(self);
    return 0;
}

int handle_open_held(struct self *self, handle_id id, struct handle **handle) {
    return handle_open(self, id, 0, handle);
}

static int hold_for(struct parcel *parcel, handle_id id, uint64_t *record) {
    int error = 0;
    family_lock(parcel->self);
    if (!table_alive(id)) {
        error = error_set(SPORK_ESTALE, "an object that is to be sent is gone");
    } else if (parcel->target == 0) {
        error = table_hold(id, 0, record);
    } else if (table_find_hold(id, parcel->target) == 0) {
        uint64_t ignored;
        error = table_hold(id, parcel->target, &ignored);
    }
    if (error != 0) {
        family_unlock(parcel->self);
        return error;
    }
    family_commit(parcel->self);
    return parcel->target == 0 ? keep_record(parcel, *record) : 0;
}

static int check_handle(const spork_value *value) {
    const struct handle *handle = value->as.handle;
    int error;
    if (handle == NULL) {
        return error_set(SPORK_EINVAL,
                         "a handle that is NULL cannot be sent; a child does not see what its "
                         "parent put into a global variable: pass it as an argument");
    }
    if (handle->kind == NULL || handle->kind->kind != value->handle_kind) {
        return error_set(SPORK_EINVAL, "a handle that is to be sent is of another kind");
    }
    return handle_enter(handle, handle->kind, &error) == NULL ? error : 0;
}

static int send(void *context, const spork_value *value, uint8_t out[CODEC_HANDLE_SIZE]) {
    struct parcel *parcel = context;
    const struct handle *handle = value->as.handle;
    int error = check_handle(value);
    if (error != 0) {
        return error;
    }
    uint64_t record = 0;
    error = hold_for(parcel, handle->id, &record);
    memcpy(out, &handle->id, 8);
    memcpy(out + 8, &record, 8);
    return error;
}

static int note(void *context, const spork_value *value, uint8_t out[CODEC_HANDLE_SIZE]) {
    struct keeper *keeper = context;
    const struct handle *handle = value->as.handle;
    int error = check_handle(value);
    if (error != 0) {
        return error;
    }
    if (keeper->count == KEEPER_MOST) {
        return error_set(SPORK_EINVAL, "at most %d handles can be kept", (int)KEEPER_MOST);
    }
    keeper->handles[keeper->count++] = handle;
    memcpy(out, &handle->id, 8);
    memset(out + 8, 0, 8);
    return 0;
}

void keeper_open(struct keeper *keeper) {
    *keeper = (struct keeper){.codec = {.send = note, .context = keeper}};
}

/* The record becomes this process's private one. False: it is none any more. */
static bool own_record(struct receipt *receipt, handle_id id, uint64_t record) {
    family_lock(receipt->self);
    bool good = handle_in_transit(record, id);
    if (good) {
        struct block *block = arena_block(record);
        arena_disown(record);
        arena_own(record, family_self());
        arena_set(&block->home, receipt->home | BLOCK_RECEIVED);
        arena_set(&block->position, receipt->position);
        arena_commit();
    }
    family_unlock(receipt->self);
    return good;
}

static int note_record(struct receipt *receipt, handle_id id, uint64_t record) {
    uint64_t *grown =
        realloc(receipt->records, (receipt->count + 1) * sizeof receipt->records[0]);
    if (grown == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for a message's handles");
    }
    receipt->records = grown;
    if (own_record(receipt, id, record)) {
        receipt->records[receipt->count++] = record;
    }
    return 0;
}

static int receive(void *context, spork_handle_kind kind, const uint8_t in[CODEC_HANDLE_SIZE],
                   spork_value *out) {
    struct receipt *receipt = context;
    handle_id id;
    uint64_t record;
    struct handle *handle;
    int error;
    memcpy(&id, in, 8);
    memcpy(&record, in + 8, 8);
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return error;
    }
    if (receipt != NULL && record != 0) {
        error = note_record(receipt, id, record);
        record = 0;
    }
    if (error == 0) {
        error = handle_open(self, id, record, &handle);
    }
    if (error != 0) {
        return error;
    }
    if (handle->kind->kind != kind) {
        handle_release(handle);
        return error_set(SPORK_EMALFORMED, "a handle came as another kind than it is");
    }
    *out = (spork_value){.kind = SPORK_HANDLE, .owned = 1, .handle_kind = (uint8_t)kind};
    out->as.handle = handle;
    return 0;
}

const struct codec_handles handle_receiver = {NULL, receive, NULL};

void receipt_open(struct receipt *receipt, struct self *self, uint64_t home,
                  uint64_t position) {
    *receipt = (struct receipt){.self = self, .home = home, .position = position};
    receipt->codec.receive = receive;
    receipt->codec.context = receipt;
}

void receipt_close(struct receipt *receipt, bool goes_back) {
    for (size_t i = 0; i < receipt->count; i++) {
        if (goes_back) {
            family_lock(receipt->self);
            arena_disown(receipt->records[i]);
            arena_set(&arena_block(receipt->records[i])->home, receipt->home);
            family_commit(receipt->self);
        } else {
            handle_drop_record(receipt->self, receipt->records[i], family_self());
        }
    }
    free(receipt->records);
    receipt->records = NULL;
    receipt->count = 0;
}

void parcel_open(struct parcel *parcel, struct self *self, slot_reference target) {
    *parcel = (struct parcel){.self = self, .target = target};
    parcel->codec.send = send;
    parcel->codec.context = parcel;
}

void parcel_sent(struct parcel *parcel) {
    for (size_t i = 0; i < parcel->count; i++) {
        family_lock(parcel->self);
        /* The receiver may have it already, or be this process too. */
        struct block *block = arena_block(parcel->records[i]);
        if (atomic_load(&block->owner) == family_self() &&
            (atomic_load(&block->home) & BLOCK_RECEIVED) == 0) {
            arena_disown(parcel->records[i]);
        }
        family_commit(parcel->self);
    }
    free(parcel->records);
    parcel->records = NULL;
    parcel->count = 0;
}

void parcel_cancel(struct parcel *parcel) {
    for (size_t i = 0; i < parcel->count; i++) {
        handle_drop_record(parcel->self, parcel->records[i], family_self());
    }
    free(parcel->records);
    parcel->records = NULL;
    parcel->count = 0;
}
