/* Rank 5: the watches that this process has on others: one native a process, opened at need,
   shared by its threads, closed when the last of them is through with it. */
#ifndef SRC_FAMILY_WATCH_H
#define SRC_FAMILY_WATCH_H

#include "family.h"

/* sleep_now until the deadline, or a death among the watched or, when dead is not NULL, the
   children of this process; *dead is then who died; or until one of places' natives is ready.
   places may be NULL. */
int watch_sleep(struct self *self, int64_t deadline, const struct watch *watch,
                const struct places *places, slot_reference *dead);

/* Has a doorbell signalled by a death among the watched and the children of this process.
   SPORK_EPEERDIED: one is dead already, and now buried. */
int watch_by_doorbell(struct self *self, const struct watch *watch);

/* A watch on a process, to be given back with watch_drop. NULL with *error SPORK_EPEERDIED:
   it is dead; other errors: it cannot be told. */
struct plat_process *watch_take(slot_reference process, int *error);
void watch_drop(slot_reference process);
/* Keeps the launcher's own watch on a child. */
void watch_adopt(slot_reference child, const struct plat_process *process);
/* The watch is no more needed: the process is dead and reaped. */
void watch_forget(slot_reference process);

/* The children of this process that are not known to be dead. */
size_t watch_children(slot_reference *children, size_t capacity);
void watch_add_child(slot_reference child);
void watch_remove_child(slot_reference child);

void watch_forked(void);
/* The same for family_death.c. */
void graves_forked(void);

#endif
