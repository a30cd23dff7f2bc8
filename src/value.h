/* Rank 1: values as C data. What only the core sees of them. */
#ifndef SRC_VALUE_H
#define SRC_VALUE_H

#include "spork/value.h"

/* Values know nothing of the family; the handle layer, a rank above, says here how a handle
   that a value owns is held once more, let go, and named ("queue"). Without hooks (a program
   that uses values alone) handles are copied as plain pointers. */
struct value_handle_hooks {
    int (*share)(spork_handle_kind kind, void *handle);
    void (*release)(spork_handle_kind kind, void *handle);
};
void value_set_handle_hooks(const struct value_handle_hooks *hooks);

/* A value that owns a copy of these bytes, with a NUL behind them. kind is SPORK_STRING or
   SPORK_BYTES. Errors: SPORK_ENOMEM. */
int value_own_bytes(spork_value *out, spork_kind kind, const void *data, size_t size);

/* "queue", "shared memory" ... */
const char *value_handle_name(spork_handle_kind kind);

#endif
