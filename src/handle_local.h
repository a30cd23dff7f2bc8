/* Rank 6: what the parts of the handle layer share with each other. */
#ifndef SRC_HANDLE_LOCAL_H
#define SRC_HANDLE_LOCAL_H

#include "handle.h"

/* Drops a hold record of a process (private records in transit included), and with the last
   one the object; called without the lock. A record that is not of that process any more is
   left alone. */
void handle_drop_record(struct self *self, uint64_t record, slot_reference of);

/* This process's local object for an id, made if need be; record, if not 0, is one in transit
   that becomes its hold, if it still is what it was. Errors: SPORK_ESTALE, SPORK_ENOMEM,
   SPORK_ENOSPACE. */
int handle_open(struct self *self, handle_id id, uint64_t record, struct handle **handle);
/* Whether the record is one in transit, of this handle. Under the lock. */
bool handle_in_transit(uint64_t record, handle_id id);

#endif
