/* Rank 6: the handle table and the hold records, in the arena. What changes them needs the
   family's lock, and is part of the transaction under way. */
#ifndef SRC_HANDLE_TABLE_H
#define SRC_HANDLE_TABLE_H

#include "handle.h"

static inline struct handle_slot *table_slot(handle_id id) {
    return &arena->handles[(uint32_t)(id & 0xFFFFFFFFu) - 1];
}
/* Whether the id names an object that is there, and one that can get more holders. As
   committed: asked without the lock, they must not look into another thread's transaction. */
bool table_valid(handle_id id);
bool table_alive(handle_id id);
/* A slot for a body. Errors: SPORK_ELIMIT, SPORK_ENOSPACE. */
int table_insert(spork_handle_kind kind, uint64_t body, handle_id *id);
void table_remove(handle_id id);

/* A record for a process; process 0: in transit, private to this process until the message
   is sent. Errors: SPORK_ENOSPACE. */
int table_hold(handle_id id, slot_reference process, uint64_t *record);
/* The record of a process for a handle; 0: none. */
uint64_t table_find_hold(handle_id id, slot_reference process);
/* Takes a record away; true when the object has no other. */
bool table_drop(uint64_t record);
/* A record in transit becomes this process's. */
void table_move(uint64_t record, slot_reference process);

#endif
