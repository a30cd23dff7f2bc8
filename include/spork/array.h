/* Values and arrays in shared memory, typed: Python's Value and Array. A value is an array of
   one item.

       spork_array *total;
       SPORK_VALUE_NEW(&total, double, NULL);
       double *item = SPORK_ITEMS(total, double);      the items themselves, in shared memory

   An array is a handle: it travels as an argument, and through queues and pipes, and is zeroed
   at first. It has a lock of its own (recursive), or one that is given, or none: get, set,
   read and write take it, each for its own length, unless the calling thread has it already,
   though it be a plain one; hold it (spork_array_lock) for what has to be one step, as
   item += 1. The items by pointer are raw: nothing is locked.
   Items may be of any integer or floating type, of wchar_t, bool, or a flat struct: what is a
   pointer means nothing in another process. */
#ifndef SPORK_ARRAY_H
#define SPORK_ARRAY_H

#include "spork/base.h"
#include "spork/error.h"

typedef struct spork_array_options {
    spork_lock *lock;    /* NULL: a recursive one of its own, unless raw */
    bool raw;            /* no lock at all */
    const void *initial; /* items to begin with, as many as there will be; NULL: zeroes */
} spork_array_options;

SPORK_BEGIN

/* count items (1 or more) of item_size bytes. type is a letter for what they are: see
   SPORK_TYPE. Errors: SPORK_EINVAL (also a type that has not this size, and a lock for what
   is raw), SPORK_ENOSPACE (all of the memory is reserved here), SPORK_ENOMEM, SPORK_ESTALE
   (the lock). */
SPORK_API int spork_array_new(spork_array **array, char type, size_t item_size, size_t count,
                              const spork_array_options *options);
/* Lets go of the object. NULL is fine. */
SPORK_API void spork_array_free(spork_array *array);

/* The items, aligned to 64 bytes; valid until the object is freed. NULL, with the detail, if
   they are of another type or size. */
SPORK_API void *spork_array_items(spork_array *array, char type, size_t item_size);
/* 0 for NULL. */
SPORK_API size_t spork_array_count(spork_array *array);
SPORK_API size_t spork_array_item_size(spork_array *array);
/* '\0' for NULL. */
SPORK_API char spork_array_type(spork_array *array);
/* Its lock: borrowed, it lives as long as the array's object. NULL if it has none. */
SPORK_API spork_lock *spork_array_lock(spork_array *array);

/* Copies count items from index on, to or from memory of size bytes, under the lock.
   Errors: SPORK_ERANGE (not so many items), SPORK_EINVAL (size is not count items),
   SPORK_EOWNERDIED (done, but who held the lock died: the items may be half changed),
   SPORK_ESTALE. */
SPORK_API int spork_array_read(spork_array *array, size_t index, size_t count, void *items,
                               size_t size);
SPORK_API int spork_array_write(spork_array *array, size_t index, size_t count,
                                const void *items, size_t size);

/* Adds to an integer item in one atomic step, without the lock; *before, when it is not NULL,
   is what it was. It wraps around. Errors: SPORK_ETYPE (no integers), SPORK_ERANGE,
   SPORK_EINVAL, SPORK_ESTALE. */
SPORK_API int spork_array_add(spork_array *array, size_t index, int64_t amount,
                              int64_t *before);

SPORK_END

/* The letter of a type, as Python's typecodes: b B h H i I l L q Q f d, ? for bool, and S for
   all else (structs, long double). Types that C holds to be the same have the same letter:
   wchar_t and enums are integers, in C++ too. A pointer or an array does not compile. */
#ifdef __cplusplus
#include <type_traits>
template <class T, bool = std::is_enum<T>::value>
struct spork_type_ {
    static_assert(!std::is_pointer<T>::value && !std::is_array<T>::value,
                  "a pointer means nothing in another process");
    static_assert(std::is_trivial<T>::value, "an item must be flat");
    static const char code = 'S';
};
template <class T>
struct spork_type_<T, true> : spork_type_<typename std::underlying_type<T>::type> {};
template <class T>
struct spork_type_<const T, false> : spork_type_<T> {};
#define SPORK_TYPE_IS_(T, letter)        \
    template <>                          \
    struct spork_type_<T, false> {       \
        static const char code = letter; \
    };
#define SPORK_TYPE_AS_(T, integer) \
    template <>                    \
    struct spork_type_<T, false> : spork_type_<integer> {};
SPORK_TYPE_IS_(char, char(-1) < 0 ? 'b' : 'B')
SPORK_TYPE_IS_(bool, '?')
SPORK_TYPE_IS_(signed char, 'b')
SPORK_TYPE_IS_(unsigned char, 'B')
SPORK_TYPE_IS_(short, 'h')
SPORK_TYPE_IS_(unsigned short, 'H')
SPORK_TYPE_IS_(int, 'i')
SPORK_TYPE_IS_(unsigned int, 'I')
SPORK_TYPE_IS_(long, 'l')
SPORK_TYPE_IS_(unsigned long, 'L')
SPORK_TYPE_IS_(long long, 'q')
SPORK_TYPE_IS_(unsigned long long, 'Q')
SPORK_TYPE_IS_(float, 'f')
SPORK_TYPE_IS_(double, 'd')
/* Types of their own in C++ only. */
SPORK_TYPE_AS_(wchar_t, __WCHAR_TYPE__)
SPORK_TYPE_AS_(char16_t, __CHAR16_TYPE__)
SPORK_TYPE_AS_(char32_t, __CHAR32_TYPE__)
#undef SPORK_TYPE_IS_
#undef SPORK_TYPE_AS_
#define SPORK_TYPE(T) (spork_type_<T>::code)
template <class T>
static inline T *spork_item_(T *item) {
    return item;
}
#define SPORK_ITEM_OUT_(T, item) spork_item_<T>(item)
#define SPORK_ITEM_IN_(T, item) spork_item_<const T>(item)
#else
/* __builtin_classify_type of a pointer, or of an array, is 5. */
#define SPORK_TYPE(T)                                                                    \
    ((char)(_Generic(*(T *)0, char: ((char)-1 < 0 ? 'b' : 'B'), bool: '?',                \
                     signed char: 'b', unsigned char: 'B', short: 'h',                    \
                     unsigned short: 'H', int: 'i', unsigned int: 'I', long: 'l',         \
                     unsigned long: 'L', long long: 'q', unsigned long long: 'Q',         \
                     float: 'f', double: 'd', default: 'S') +                             \
            0 * sizeof(struct {                                                           \
                char spork_checked_;                                                      \
                _Static_assert(__builtin_classify_type(*(T *)0) != 5,                     \
                               "a pointer means nothing in another process");             \
            })))
#define SPORK_ITEM_OUT_(T, item) _Generic((item), T *: (item))
#define SPORK_ITEM_IN_(T, item) _Generic((item), T *: (item), const T *: (item))
#endif

/* Typed: SPORK_VALUE_NEW(&array, T, options), SPORK_ARRAY_NEW(&array, T, count, options), and
   SPORK_ITEMS(array, T), a T * or NULL. */
#define SPORK_VALUE_NEW(array, T, ...) SPORK_ARRAY_NEW(array, T, 1, __VA_ARGS__)
#define SPORK_ARRAY_NEW(array, T, count, ...) \
    spork_array_new(array, SPORK_TYPE(T), sizeof(T), count, __VA_ARGS__)
#define SPORK_ITEMS(array, T) ((T *)spork_array_items(array, SPORK_TYPE(T), sizeof(T)))
/* Copies one item under the lock, to or from *item; item is a T * and nothing else, a void *
   neither. Errors: as spork_array_read, and SPORK_ETYPE (they are of another type). */
#define SPORK_GET(array, T, index, item) \
    spork_array_get_(array, SPORK_TYPE(T), index, SPORK_ITEM_OUT_(T, item), sizeof(T))
#define SPORK_SET(array, T, index, item) \
    spork_array_set_(array, SPORK_TYPE(T), index, SPORK_ITEM_IN_(T, item), sizeof(T))

SPORK_BEGIN
/* What SPORK_GET and SPORK_SET are made of. */
SPORK_API int spork_array_get_(spork_array *array, char type, size_t index, void *item,
                               size_t size);
SPORK_API int spork_array_set_(spork_array *array, char type, size_t index, const void *item,
                               size_t size);
SPORK_END

#endif
