/* Objects that hold others, by a hold record that is no process's. */
#include "handle_local.h"
#include "handle_table.h"

int handle_keep(struct kept *kept, const struct handle *other) {
    uint64_t record;
    if (!table_alive(other->id)) {
        return error_set(SPORK_ESTALE, "the %s is gone: nobody held it any more",
                         other->kind->name);
    }
    int error = table_hold(other->id, 0, &record);
    if (error == 0) {
        arena_disown(record);
        arena_set(&kept->id, other->id);
        arena_set(&kept->record, record);
    }
    return error;
}

/* The record becomes this process's private one first: if it dies in here, its burial drops
   it, and the words do not name what may be another's by then. */
void handle_drop_kept(struct self *self, struct kept *kept) {
    family_lock(self);
    uint64_t record = atomic_load(&kept->record);
    if (record == 0) {
        family_unlock(self);
        return;
    }
    arena_own(record, family_self());
    arena_set(&kept->record, 0);
    family_commit(self);
    handle_drop_record(self, record, family_self());
}

int handle_open_kept(const struct kept *kept, struct handle **handle) {
    int error;
    struct self *self = family_enter(&error);
    *handle = NULL;
    if (self == NULL || atomic_load(&kept->id) == 0) {
        return self == NULL ? error : 0;
    }
    return handle_open(self, atomic_load(&kept->id), 0, handle);
}
