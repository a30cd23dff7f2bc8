/* Rank 1: what the files that make up values share among themselves and with the codec. */
#ifndef SRC_VALUE_PARTS_H
#define SRC_VALUE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

/* "an int", "nil", "a queue": for error texts. NULL is "no value". */
const char *value_noun(const spork_value *value);

/* Fails with SPORK_ETYPE and "a string where an int was asked for". */
int value_wrong_kind(const spork_value *value, const char *wanted);

/* The values of a list, or of a map (two a pair), that lie in as.items. SIZE_MAX when a
   borrowed map claims more pairs than memory could hold. */
size_t value_slots(const spork_value *value);

/* Counts one holder more of a handle, which the copy then owns. */
int value_share_handle(spork_value *out, const spork_value *handle);
void value_release_handle(const spork_value *handle);

/* Deeper than SPORK_VALUE_DEPTH nothing is looked into. depth counts the lists and maps
   around the value. */
static inline bool value_too_deep(int depth) {
    return depth >= SPORK_VALUE_DEPTH;
}

/* The shortest decimal number that reads back as real, written as Python's repr does: "1.0",
   "1e+16", "inf". Independent of the locale. */
enum { VALUE_FLOAT_TEXT = 40 };
void value_float_text(double real, char text[VALUE_FLOAT_TEXT]);

#endif
