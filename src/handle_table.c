/* The handle table and the hold records. See handle.h for what they mean. */
#include "handle_table.h"

static struct hold *hold_at(uint64_t record) {
    return arena_at(record);
}

bool table_valid(handle_id id) {
    uint64_t index = (id & 0xFFFFFFFFu) - 1;
    if (id == 0 || index >= atomic_load(&arena->handles_used)) {
        return false;
    }
    struct handle_slot *slot = table_slot(id);
    return atomic_load(&slot->kind) != 0 && atomic_load(&slot->generation) == id >> 32;
}

bool table_alive(handle_id id) {
    return table_valid(id) && atomic_load(&table_slot(id)->dying) == 0;
}

static int commit_handles(uint64_t used) {
    enum { STEP = 64 };
    return used % STEP != 0
               ? 0
               : arena_commit_range(&arena->handles[used], STEP * sizeof arena->handles[0]);
}

int table_insert(spork_handle_kind kind, uint64_t body, handle_id *id) {
    uint64_t next = arena_get(&arena->handles_free);
    uint64_t index = next == 0 ? arena_get(&arena->handles_used) : next - 1;
    if (index >= ARENA_HANDLES) {
        return error_set(SPORK_ELIMIT, "the family has %d objects already",
                         (int)ARENA_HANDLES);
    }
    struct handle_slot *slot = &arena->handles[index];
    if (next == 0) {
        int error = commit_handles(index);
        if (error != 0) {
            return error;
        }
        arena_set(&arena->handles_used, index + 1);
    } else {
        arena_set(&arena->handles_free, arena_get(&slot->body));
    }
    arena_set(&slot->kind, (uint64_t)kind);
    arena_set(&slot->body, body);
    arena_set(&slot->holders, arena_get(&slot->holders) & ~HOLDERS_COUNT);
    arena_set(&slot->first, 0);
    arena_set(&slot->dying, 0);
    arena_set(&slot->maker, family_self());
    arena_set(&slot->travelled, 0);
    arena_set(&arena->handles_live, arena_get(&arena->handles_live) + 1);
    *id = arena_get(&slot->generation) << 32 | (index + 1);
    return 0;
}

void table_remove(handle_id id) {
    struct handle_slot *slot = table_slot(id);
    arena_set(&slot->kind, 0);
    arena_set(&slot->generation, (arena_get(&slot->generation) + 1) & 0xFFFFFFFFu);
    arena_set(&slot->body, arena_get(&arena->handles_free));
    arena_set(&arena->handles_free, id & 0xFFFFFFFFu);
    arena_set(&arena->handles_live, arena_get(&arena->handles_live) - 1);
}

static void link_process(uint64_t record, slot_reference process) {
    struct process_slot *owner = &arena->processes[slot_index(process)];
    struct handle_slot *slot = table_slot(arena_get(&hold_at(record)->handle));
    uint64_t first = arena_get(&owner->holds);
    if (arena_get(&slot->maker) != process) {
        arena_set(&slot->travelled, 1);
    }
    arena_set(&slot->holders, arena_get(&slot->holders) + HOLDERS_CHANGE);
    arena_set(&hold_at(record)->process, process);
    arena_set(&hold_at(record)->process_previous, 0);
    arena_set(&hold_at(record)->process_next, first);
    if (first != 0) {
        arena_set(&hold_at(first)->process_previous, record);
    }
    arena_set(&owner->holds, record);
}

static void unlink_process(uint64_t record) {
    struct hold *hold = hold_at(record);
    slot_reference process = arena_get(&hold->process);
    uint64_t next = arena_get(&hold->process_next);
    uint64_t previous = arena_get(&hold->process_previous);
    if (process == 0) {
        return;
    }
    if (previous != 0) {
        arena_set(&hold_at(previous)->process_next, next);
    } else {
        arena_set(&arena->processes[slot_index(process)].holds, next);
    }
    if (next != 0) {
        arena_set(&hold_at(next)->process_previous, previous);
    }
}

static void link_handle(uint64_t record, handle_id id) {
    struct handle_slot *slot = table_slot(id);
    uint64_t first = arena_get(&slot->first);
    arena_set(&hold_at(record)->handle, id);
    arena_set(&hold_at(record)->handle_previous, 0);
    arena_set(&hold_at(record)->handle_next, first);
    if (first != 0) {
        arena_set(&hold_at(first)->handle_previous, record);
    }
    arena_set(&slot->first, record);
    arena_set(&slot->holders, arena_get(&slot->holders) + HOLDERS_CHANGE + 1);
}

static void unlink_handle(uint64_t record) {
    struct hold *hold = hold_at(record);
    struct handle_slot *slot = table_slot(arena_get(&hold->handle));
    uint64_t next = arena_get(&hold->handle_next);
    uint64_t previous = arena_get(&hold->handle_previous);
    if (previous != 0) {
        arena_set(&hold_at(previous)->handle_next, next);
    } else {
        arena_set(&slot->first, next);
    }
    if (next != 0) {
        arena_set(&hold_at(next)->handle_previous, previous);
    }
    arena_set(&slot->holders, arena_get(&slot->holders) + HOLDERS_CHANGE - 1);
}

int table_hold(handle_id id, slot_reference process, uint64_t *record) {
    uint64_t made;
    int error = arena_take(sizeof(struct hold), BLOCK_HOLD, &made);
    if (error != 0) {
        return error;
    }
    arena_set(&hold_at(made)->process, 0);
    arena_set(&hold_at(made)->got, 0);
    arena_set(&hold_at(made)->done, 0);
    link_handle(made, id);
    if (process != 0) {
        link_process(made, process);
    } else {
        arena_own(made, family_self());
    }
    *record = made;
    return 0;
}

uint64_t table_find_hold(handle_id id, slot_reference process) {
    uint64_t record = arena_get(&table_slot(id)->first);
    while (record != 0 && arena_get(&hold_at(record)->process) != process) {
        record = arena_get(&hold_at(record)->handle_next);
    }
    return record;
}

bool table_drop(uint64_t record) {
    struct handle_slot *slot = table_slot(arena_get(&hold_at(record)->handle));
    unlink_process(record);
    unlink_handle(record);
    arena_give(record);
    return (arena_get(&slot->holders) & HOLDERS_COUNT) == 0;
}

void table_move(uint64_t record, slot_reference process) {
    arena_disown(record);
    link_process(record, process);
}
