/* Values: what a Python program would put into a queue, as a tagged C value.

   A value either borrows what it points to (all that the constructors below make) or owns it
   (what a spork call hands out, spork_value_copy, and lists and maps that were appended to).
   spork_value_free is right for both. Values are plain data of one thread: two threads must
   not change one at the same time. Between processes they travel as MessagePack. */
#ifndef SPORK_VALUE_H
#define SPORK_VALUE_H

#include "spork/base.h"
#include "spork/error.h"

typedef enum spork_kind {
    SPORK_NIL,
    SPORK_BOOL,
    SPORK_INT,
    SPORK_FLOAT,
    SPORK_STRING,
    SPORK_BYTES,
    SPORK_LIST,
    SPORK_MAP,
    SPORK_HANDLE
} spork_kind;

/* SPORK_HANDLE_QUEUE and so on, for every kind of SPORK_HANDLES. */
typedef enum spork_handle_kind {
    SPORK_HANDLE_NONE,
#define SPORK_HANDLE_KIND_(noun, NOUN, letter, words) SPORK_HANDLE_##NOUN,
    SPORK_HANDLES(SPORK_HANDLE_KIND_)
#undef SPORK_HANDLE_KIND_
        SPORK_HANDLE_END_
} spork_handle_kind;

typedef struct spork_value spork_value;

/* Read it by the functions below; the members are public so that a value can be made without
   a call. size counts bytes of a string (without an end mark) or of bytes, items of a list,
   and pairs of a map, whose items are key, value, key, value. */
struct spork_value {
    uint8_t kind;        /* spork_kind */
    uint8_t owned;       /* 1: as.* below is freed by spork_value_free */
    uint8_t handle_kind; /* spork_handle_kind */
    uint8_t reserved_[5];
    size_t size;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const void *data;
        const spork_value *items;
        void *handle;
    } as;
};

SPORK_BEGIN

/* Constructors. They cannot fail, and borrow: what they point to has to outlive the value. */
SPORK_API spork_value spork_nil(void);
SPORK_API spork_value spork_bool(bool boolean);
SPORK_API spork_value spork_int(int64_t integer);
SPORK_API spork_value spork_float(double real);
/* text is UTF-8 and ends with a NUL; NULL makes nil. */
SPORK_API spork_value spork_str(const char *text);
/* UTF-8 of size bytes, which may hold NULs. */
SPORK_API spork_value spork_str_size(const char *text, size_t size);
SPORK_API spork_value spork_bytes_value(const void *data, size_t size);
SPORK_API spork_value spork_list(const spork_value *items, size_t count);
/* pairs: key, value, key, value ...; count counts pairs. */
SPORK_API spork_value spork_map(const spork_value *pairs, size_t count);
/* spork_queue_value(queue) and so on, for every kind of SPORK_HANDLES; NULL makes nil. */
#define SPORK_HANDLE_VALUE_(noun, NOUN, letter, words) \
    SPORK_API spork_value spork_##noun##_value(spork_##noun *noun);
SPORK_HANDLES(SPORK_HANDLE_VALUE_)
#undef SPORK_HANDLE_VALUE_

/* Accessors: they write *out and return 0, or return SPORK_ETYPE, naming both kinds, and
   leave *out alone (SPORK_EINVAL when out is NULL). What they hand out by pointer is borrowed
   from the value. An int is accepted where a float is asked for when it is exact (else
   SPORK_ERANGE). */
SPORK_API int spork_value_get_bool(const spork_value *value, bool *out);
SPORK_API int spork_value_get_int(const spork_value *value, int64_t *out);
SPORK_API int spork_value_get_float(const spork_value *value, double *out);
/* An owned or decoded string always has a NUL behind it; a borrowed one as its maker gave. */
SPORK_API int spork_value_get_str(const spork_value *value, const char **out);
SPORK_API int spork_value_get_bytes(const spork_value *value, spork_bytes *out);
/* spork_value_get_queue(value, &queue) and so on, for every kind of SPORK_HANDLES. */
#define SPORK_HANDLE_GET_(noun, NOUN, letter, words) \
    SPORK_API int spork_value_get_##noun(const spork_value *value, spork_##noun **out);
SPORK_HANDLES(SPORK_HANDLE_GET_)
#undef SPORK_HANDLE_GET_

/* Items of a list, pairs of a map, bytes of a string or bytes; 0 for all else. */
SPORK_API size_t spork_value_count(const spork_value *value);
/* The item of a list at index, or NULL when it is no list or has no such item. Borrowed. */
SPORK_API const spork_value *spork_value_at(const spork_value *list, size_t index);
/* The key and the value of a map's pair at index; SPORK_ERANGE when there is none. */
SPORK_API int spork_value_pair(const spork_value *map, size_t index, const spork_value **key,
                               const spork_value **value);
/* The value under a string key of a map, or NULL. The last pair wins. Borrowed. */
SPORK_API const spork_value *spork_value_find(const spork_value *map, const char *key);

/* Adds a deep copy of item at the end of a list (or of nil, which becomes a list). A list
   that borrowed becomes one that owns. Errors: SPORK_ETYPE, SPORK_ENOMEM; *list is then as
   it was. */
SPORK_API int spork_value_append(spork_value *list, const spork_value *item);
/* Sets a deep copy of value under a deep copy of key in a map (or nil, which becomes one),
   replacing an equal key. Errors as above. */
SPORK_API int spork_value_set(spork_value *map, const spork_value *key,
                              const spork_value *value);

/* A deep copy that owns all it points to; handles count one holder more.
   Errors: SPORK_ENOMEM, SPORK_EMALFORMED (deeper than SPORK_VALUE_DEPTH). */
SPORK_API int spork_value_copy(spork_value *out, const spork_value *value);
/* Frees what the value owns and makes it nil. NULL is fine. */
SPORK_API void spork_value_free(spork_value *value);

/* -1, 0 or 1: a total order, first by kind (bool, int and float compare as numbers, as in
   Python), then by content; lists item by item, maps pair by pair in their order. NaN is
   equal to itself and less than every other number. */
SPORK_API int spork_value_compare(const spork_value *left, const spork_value *right);
/* As Python's ==: maps are equal whatever the order of their pairs. */
SPORK_API bool spork_value_equal(const spork_value *left, const spork_value *right);

/* Writes the value as Python would print it ([42, None, 'hello'], b'\x00', {'a': 1.5}) into
   text, at most size bytes with the NUL that always ends it (when size > 0), and returns the
   length that it would have had, as snprintf. */
SPORK_API size_t spork_value_format(const spork_value *value, char *text, size_t size);
/* The same, to the standard output, with no newline. Errors: SPORK_ENOMEM, SPORK_ESYSTEM. */
SPORK_API int spork_value_print(const spork_value *value);

/* "nil", "bool", "int", "float", "string", "bytes", "list", "map", "handle". */
SPORK_API const char *spork_kind_name(spork_kind kind);

/* How deeply lists and maps may be nested; deeper is SPORK_EMALFORMED. */
#define SPORK_VALUE_DEPTH 64

/* A value as MessagePack, and back, for what leaves the family: files, other languages.
   Handles do not (SPORK_ETYPE). *data is to be freed with spork_free. Decoding takes exactly
   one value; hostile input (a count larger than what follows, too deep, cut off, a string
   that is not UTF-8, bytes left over) is SPORK_EMALFORMED, and an integer above INT64_MAX is
   SPORK_ERANGE; nothing is allocated on the word of a count. */
SPORK_API int spork_value_encode(const spork_value *value, void **data, size_t *size);
SPORK_API int spork_value_decode(spork_value *out, const void *data, size_t size);

SPORK_END

/* A list in one expression: SPORK_LIST_OF(spork_int(42), spork_nil(), spork_str("hello")).
   It borrows an array that lives as long as the block around it (in C++, the statement). */
#ifdef __cplusplus
template <size_t count>
static inline spork_value spork_list_of_(const spork_value (&&items)[count]) {
    return spork_list(items, count);
}
#define SPORK_LIST_OF(...) spork_list_of_({__VA_ARGS__})
#else
#define SPORK_LIST_OF(...)                     \
    spork_list((const spork_value[]){__VA_ARGS__}, \
               sizeof((const spork_value[]){__VA_ARGS__}) / sizeof(spork_value))
#endif

#endif
