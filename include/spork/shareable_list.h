/* Shareable lists: a fixed number of items in shared memory, each an int, float, bool, string,
   bytes or nil, read and replaced in place by any process.

   A list is a handle: it travels as an argument, and through queues and pipes. An item may
   change its kind; a string or bytes may grow up to the room that it was made with. Strings
   and bytes come back exactly as they were set: with NULs inside and at their end, and cut
   nowhere inside a character. Each item changes in one step: a reader sees the old or the new
   one, also when the writer is killed between. */
#ifndef SPORK_SHAREABLE_LIST_H
#define SPORK_SHAREABLE_LIST_H

#include "spork/base.h"
#include "spork/error.h"
#include "spork/value.h"

typedef struct spork_shareable_list_options {
    size_t item_size; /* room of each string or bytes, at least; 0: that of the item at first */
} spork_shareable_list_options;

SPORK_BEGIN

/* Takes the items of a list value. Errors: SPORK_ETYPE (no list; an item of another kind),
   SPORK_EINVAL, SPORK_ENOMEM, SPORK_ENOSPACE. */
SPORK_API int spork_shareable_list_new(spork_shareable_list **list, spork_value items,
                                       const spork_shareable_list_options *options);
/* Lets go of the object. NULL is fine. */
SPORK_API void spork_shareable_list_free(spork_shareable_list *list);

/* 0 for NULL. */
SPORK_API size_t spork_shareable_list_count(spork_shareable_list *list);
/* A copy of an item; free it with spork_value_free. Errors: SPORK_ERANGE (no such item),
   SPORK_ENOMEM, SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_shareable_list_get(spork_shareable_list *list, size_t index,
                                       spork_value *item);
/* Errors: SPORK_ERANGE, SPORK_ETYPE, SPORK_ENOSPACE (longer than its room; the item is as it
   was), SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_shareable_list_set(spork_shareable_list *list, size_t index,
                                       spork_value item);
/* The first index of an equal item, and how many are equal. Errors of index: SPORK_ENOTFOUND;
   of both: SPORK_EINVAL, SPORK_ENOMEM, SPORK_ESTALE. */
SPORK_API int spork_shareable_list_index(spork_shareable_list *list, spork_value item,
                                         size_t *index);
SPORK_API int spork_shareable_list_count_of(spork_shareable_list *list, spork_value item,
                                            size_t *count);

SPORK_END

#endif
