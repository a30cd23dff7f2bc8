/* Arrays: a block of items, and a lock that the array holds. */
#include "array.h"

#include <string.h>

#include "allocator.h"
#include "lock.h"

/* All of it is written in the transaction that makes the array, and but for the destroy's
   never again. The items are in a block of their own, which was this process's until that
   transaction: whoever dies before it leaves no array, no block and no lock; whoever dies
   behind it leaves an array that its holders have to let go of. Items change under the lock,
   or by single atomic steps, or as users please: one who dies in the middle of a write leaves
   some of them new and some old, and the lock says so to the next. */
struct array_body {
    struct kept lock; /* none when raw */
    arena_word block;
    uint64_t item_size, count;
    uint64_t type;
};

struct spork_array {
    struct handle handle;
    struct handle *lock; /* NULL: raw */
    unsigned char *items;
};

static int open_local(void *local, void *object) {
    struct spork_array *array = local;
    struct array_body *body = object;
    array->items = arena_at(atomic_load(&body->block));
    return handle_open_kept(&body->lock, &array->lock);
}

static void close_local(void *local) {
    struct spork_array *array = local;
    handle_free(array->lock);
}

static void destroy(struct self *self, handle_id id, void *object) {
    struct array_body *body = object;
    (void)id;
    allocator_drop(self, &body->block);
    handle_drop_kept(self, &body->lock);
}

static const struct handle_kind array_kind = {
    .kind = SPORK_HANDLE_ARRAY,
    .name = "array",
    .local_size = sizeof(struct spork_array),
    .body_size = sizeof(struct array_body),
    .destroy = destroy,
    .open_local = open_local,
    .close_local = close_local,
};

void array_register(void) {
    handle_register_kind(&array_kind);
}

static struct array_body *body_of(const spork_array *array) {
    return array->handle.body;
}

/* ---- types ---- */

static const char integers[] = "bBhHiIlLqQ";

static bool is_integer(char type) {
    return type != '\0' && strchr(integers, type) != NULL;
}

/* 0: of any size; SIZE_MAX: there is no such type. */
static size_t size_of_type(char type) {
    static const unsigned char sizes[] = {1, 1, sizeof(short), sizeof(short),
                                          sizeof(int), sizeof(int), sizeof(long),
                                          sizeof(long), sizeof(long long), sizeof(long long)};
    switch (type) {
    case '?':
        return sizeof(bool);
    case 'f':
        return sizeof(float);
    case 'd':
        return sizeof(double);
    case 'S':
        return 0;
    default:
        return is_integer(type) ? sizes[strchr(integers, type) - integers] : SIZE_MAX;
    }
}

static int wrong_type(const spork_array *array, char type, size_t item_size) {
    struct array_body *body = body_of(array);
    return error_set(SPORK_ETYPE, "items of type '%c' and %zu bytes, of an array of '%c' and %zu",
                     type, item_size, (char)body->type, (size_t)body->item_size);
}

static bool is_of(const spork_array *array, char type, size_t item_size) {
    return (char)body_of(array)->type == type && body_of(array)->item_size == item_size;
}

/* ---- making ---- */

struct making {
    char type;
    size_t item_size, count;
    const struct handle *lock; /* NULL: raw */
    uint64_t *block;
};

static int init(void *object, const void *given) {
    struct array_body *body = object;
    const struct making *making = given;
    body->type = (uint64_t)making->type;
    body->item_size = making->item_size;
    body->count = making->count;
    int error = making->lock == NULL ? 0 : handle_keep(&body->lock, making->lock);
    if (error == 0) {
        allocator_keep(&body->block, making->block);
    }
    return error;
}

static int check_items(char type, size_t item_size, size_t count) {
    size_t size = size_of_type(type);
    if (size == SIZE_MAX) {
        return error_set(SPORK_EINVAL, "there is no type '%c' of items", type);
    }
    if (item_size == 0 || (size != 0 && item_size != size)) {
        return error_set(SPORK_EINVAL, "an item of type '%c' cannot have %zu bytes", type,
                         item_size);
    }
    if (count == 0) {
        return error_set(SPORK_EINVAL, "an array of no items");
    }
    if (count > SIZE_MAX / item_size) {
        return error_set(SPORK_ENOSPACE, "%zu items of %zu bytes do not fit into any memory",
                         count, item_size);
    }
    return 0;
}

static int check_lock(const spork_array_options *options) {
    const struct handle *lock = (const struct handle *)options->lock;
    if (lock != NULL && options->raw) {
        return error_set(SPORK_EINVAL, "an array that is raw cannot have a lock");
    }
    if (lock != NULL && (lock->kind == NULL || lock->kind->kind != SPORK_HANDLE_LOCK)) {
        return error_set(SPORK_EINVAL, "the array's lock is no lock, or it was freed");
    }
    return 0;
}

/* The items first, under no lock of the family's, as there may be many. */
static int make(struct self *self, spork_array **array, struct making *making,
                const void *initial) {
    size_t size = making->item_size * making->count;
    uint64_t block = 0;
    int error = allocator_take(self, size, &block);
    if (error != 0) {
        return error;
    }
    if (initial != NULL) {
        memcpy(arena_at(block), initial, size);
    }
    making->block = &block;
    error = handle_new(array, &array_kind, init, making);
    allocator_give(self, block);
    return error;
}

int spork_array_new(spork_array **array, char type, size_t item_size, size_t count,
                    const spork_array_options *given) {
    static const spork_array_options defaults = {.lock = NULL};
    const spork_array_options *options = given == NULL ? &defaults : given;
    spork_lock *own = NULL;
    if (array == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new array (NULL)");
    }
    int error = check_items(type, item_size, count);
    if (error == 0) {
        error = check_lock(options);
    }
    struct self *self = error == 0 ? family_enter(&error) : NULL;
    if (self != NULL && options->lock == NULL && !options->raw) {
        error = spork_rlock_new(&own);
    }
    if (error != 0) {
        return error;
    }
    struct making making = {.type = type, .item_size = item_size, .count = count};
    making.lock = (const struct handle *)(own != NULL ? own : options->lock);
    error = make(self, array, &making, options->initial);
    /* The array holds it now. */
    spork_lock_free(own);
    return error;
}

void spork_array_free(spork_array *array) {
    handle_free(array);
}

/* ---- asking ---- */

void *spork_array_items(spork_array *array, char type, size_t item_size) {
    int error;
    if (handle_enter(array, &array_kind, &error) == NULL) {
        return NULL;
    }
    if (!is_of(array, type, item_size)) {
        wrong_type(array, type, item_size);
        return NULL;
    }
    return array->items;
}

size_t spork_array_count(spork_array *array) {
    int error;
    return handle_enter(array, &array_kind, &error) == NULL ? 0
                                                            : (size_t)body_of(array)->count;
}

size_t spork_array_item_size(spork_array *array) {
    int error;
    return handle_enter(array, &array_kind, &error) == NULL
               ? 0
               : (size_t)body_of(array)->item_size;
}

char spork_array_type(spork_array *array) {
    int error;
    return handle_enter(array, &array_kind, &error) == NULL ? '\0'
                                                            : (char)body_of(array)->type;
}

spork_lock *spork_array_lock(spork_array *array) {
    int error;
    return handle_enter(array, &array_kind, &error) == NULL ? NULL
                                                            : (spork_lock *)array->lock;
}

/* ---- copying ---- */

/* Who adds to integers takes no lock: they are copied in atomic steps of one item or more. */
static size_t step_of(const void *shared, size_t size, size_t item_size) {
    return size >= 8 && (uintptr_t)shared % 8 == 0 ? 8 : item_size;
}

#define LOAD_AS(type)                                                      \
    do {                                                                   \
        type loaded = __atomic_load_n((const type *)from, __ATOMIC_RELAXED); \
        memcpy(to, &loaded, sizeof loaded);                                \
    } while (0)

#define STORE_AS(type)                                               \
    do {                                                             \
        type stored;                                                 \
        memcpy(&stored, from, sizeof stored);                        \
        __atomic_store_n((type *)to, stored, __ATOMIC_RELAXED);      \
    } while (0)

static void load_step(void *to, const void *from, size_t step) {
    switch (step) {
    case 1:
        LOAD_AS(uint8_t);
        break;
    case 2:
        LOAD_AS(uint16_t);
        break;
    case 4:
        LOAD_AS(uint32_t);
        break;
    default:
        LOAD_AS(uint64_t);
    }
}

static void store_step(void *to, const void *from, size_t step) {
    switch (step) {
    case 1:
        STORE_AS(uint8_t);
        break;
    case 2:
        STORE_AS(uint16_t);
        break;
    case 4:
        STORE_AS(uint32_t);
        break;
    default:
        STORE_AS(uint64_t);
    }
}

static void load_integers(unsigned char *to, const unsigned char *from, size_t size,
                          size_t item_size) {
    while (size > 0) {
        size_t step = step_of(from, size, item_size);
        load_step(to, from, step);
        to += step;
        from += step;
        size -= step;
    }
}

static void store_integers(unsigned char *to, const unsigned char *from, size_t size,
                           size_t item_size) {
    while (size > 0) {
        size_t step = step_of(to, size, item_size);
        store_step(to, from, step);
        to += step;
        from += step;
        size -= step;
    }
}

struct copying {
    size_t index, count;
    void *out;      /* reads; or */
    const void *in; /* writes */
    size_t size;
};

static int check_copying(const struct array_body *body, const struct copying *copying) {
    if (copying->index > body->count || copying->count > body->count - copying->index) {
        return error_set(SPORK_ERANGE, "%zu items from %zu on, of an array of %llu",
                         copying->count, copying->index, (unsigned long long)body->count);
    }
    if (copying->size != copying->count * body->item_size) {
        return error_set(SPORK_EINVAL, "%zu bytes for %zu items of %llu", copying->size,
                         copying->count, (unsigned long long)body->item_size);
    }
    if (copying->size > 0 && copying->out == NULL && copying->in == NULL) {
        return error_set(SPORK_EINVAL, "there is no memory for the items (NULL)");
    }
    return 0;
}

static void copy(spork_array *array, const struct copying *copying) {
    struct array_body *body = body_of(array);
    size_t item_size = (size_t)body->item_size;
    unsigned char *items = array->items + copying->index * item_size;
    bool integer = is_integer((char)body->type);
    if (copying->size == 0) {
        return;
    }
    if (copying->out != NULL && integer) {
        load_integers(copying->out, items, copying->size, item_size);
    } else if (copying->out != NULL) {
        memcpy(copying->out, items, copying->size);
    } else if (integer) {
        store_integers(items, copying->in, copying->size, item_size);
    } else {
        memcpy(items, copying->in, copying->size);
    }
}

static int copy_locked(struct self *self, spork_array *array, const struct copying *copying) {
    int error = check_copying(body_of(array), copying);
    if (error != 0) {
        return error;
    }
    spork_lock *lock = (spork_lock *)array->lock;
    bool taken = lock != NULL && !lock_is_mine(self, lock);
    error = taken ? spork_lock_acquire(lock, SPORK_FOREVER) : 0;
    if (error != 0 && error != SPORK_EOWNERDIED) {
        return error;
    }
    copy(array, copying);
    if (taken) {
        spork_lock_release(lock);
    }
    return error == 0 ? 0
                      : error_set(SPORK_EOWNERDIED, "it is done, but who held the array's lock "
                                                    "ended: the items may be half changed");
}

int spork_array_read(spork_array *array, size_t index, size_t count, void *items,
                     size_t size) {
    int error;
    struct self *self = handle_enter(array, &array_kind, &error);
    return self == NULL ? error
                        : copy_locked(self, array,
                                      &(struct copying){index, count, items, NULL, size});
}

int spork_array_write(spork_array *array, size_t index, size_t count, const void *items,
                      size_t size) {
    int error;
    struct self *self = handle_enter(array, &array_kind, &error);
    return self == NULL ? error
                        : copy_locked(self, array,
                                      &(struct copying){index, count, NULL, items, size});
}

int spork_array_get_(spork_array *array, char type, size_t index, void *item, size_t size) {
    int error;
    if (handle_enter(array, &array_kind, &error) == NULL) {
        return error;
    }
    return is_of(array, type, size) ? spork_array_read(array, index, 1, item, size)
                                    : wrong_type(array, type, size);
}

int spork_array_set_(spork_array *array, char type, size_t index, const void *item,
                     size_t size) {
    int error;
    if (handle_enter(array, &array_kind, &error) == NULL) {
        return error;
    }
    return is_of(array, type, size) ? spork_array_write(array, index, 1, item, size)
                                    : wrong_type(array, type, size);
}

/* ---- adding ---- */

#define ADD_AS(type) \
    (uint64_t) __atomic_fetch_add((type *)item, (type)amount, __ATOMIC_SEQ_CST)

static uint64_t add(void *item, size_t size, uint64_t amount) {
    switch (size) {
    case 1:
        return ADD_AS(uint8_t);
    case 2:
        return ADD_AS(uint16_t);
    case 4:
        return ADD_AS(uint32_t);
    default:
        return ADD_AS(uint64_t);
    }
}

/* The low bytes of a word as the number that they are: with their sign, if they have one. */
static int64_t number_of(uint64_t bits, size_t size, bool has_sign) {
    unsigned unused = 64 - 8 * (unsigned)size;
    return has_sign ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
}

int spork_array_add(spork_array *array, size_t index, int64_t amount, int64_t *before) {
    int error;
    if (handle_enter(array, &array_kind, &error) == NULL) {
        return error;
    }
    struct array_body *body = body_of(array);
    char type = (char)body->type;
    if (!is_integer(type)) {
        return error_set(SPORK_ETYPE, "an addition to items of type '%c', which are no integers",
                         type);
    }
    if (index >= body->count) {
        return error_set(SPORK_ERANGE, "item %zu of an array of %llu", index,
                         (unsigned long long)body->count);
    }
    size_t size = (size_t)body->item_size;
    uint64_t was = add(array->items + index * size, size, (uint64_t)amount);
    if (before != NULL) {
        *before = number_of(was, size, type >= 'a');
    }
    return 0;
}
