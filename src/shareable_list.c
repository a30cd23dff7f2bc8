/* Shareable lists: items with two buffers each, one of which is the present item. */
#include "shareable_list.h"

#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "handle.h"
#include "value_parts.h"

/* Written in the transaction that makes the list, and but for the destroy's never again. */
struct list_body {
    arena_word block; /* count items, then their buffers */
    uint64_t count;
};

/* An item's present contents lie in the buffer that the lowest bit of its version names. A
   writer claims the item, fills the other buffer, and makes that the present one by storing
   the next version: one store, before which its death has changed nothing that a reader looks
   at, and behind which it has changed all. A claim of the dead is taken over, with a buffer
   that is then filled anew.
   A reader copies, and looks whether the version is still the same: if so, nobody has written
   where it read. One that is overtaken again and again claims the item as well, to keep the
   writers out. */
struct item {
    arena_word version;
    arena_word claimant; /* thread; 0: none */
    struct waiters waiters;
    uint64_t room; /* bytes of contents of a buffer, a multiple of 8; never changes */
    uint64_t at;   /* where its first buffer lies, from the block on; never changes */
};

/* Words, as they are read while they are written. */
struct buffer {
    arena_word head; /* kind | size << HEAD_SIZE_SHIFT, in one word: never a mixture */
    arena_word contents[];
};
enum { HEAD_SIZE_SHIFT = 8, WORD = sizeof(arena_word) };

struct spork_shareable_list {
    struct handle handle;
};

static void destroy(struct self *self, handle_id id, void *body) {
    (void)id;
    allocator_drop(self, &((struct list_body *)body)->block);
}

static const struct handle_kind list_kind = {
    .kind = SPORK_HANDLE_SHAREABLE_LIST,
    .name = "shareable list",
    .local_size = sizeof(struct spork_shareable_list),
    .body_size = sizeof(struct list_body),
    .destroy = destroy,
};

void shareable_list_register(void) {
    handle_register_kind(&list_kind);
}

static struct list_body *body_of(const spork_shareable_list *list) {
    return list->handle.body;
}

static struct item *item_of(const spork_shareable_list *list, size_t index) {
    struct item *items = arena_at(atomic_load(&body_of(list)->block));
    return &items[index];
}

static struct buffer *buffer_of(const struct list_body *body, const struct item *item,
                                uint64_t version) {
    uint64_t other = (version & 1) * (sizeof(struct buffer) + item->room);
    return arena_at(atomic_load(&body->block) + item->at + other);
}

/* ---- contents ---- */

/* What of a value lies in a buffer. */
struct contents {
    const void *data;
    size_t size;
    uint64_t number; /* of what is no string and no bytes; data is its address */
};

static int contents_of(const spork_value *value, struct contents *contents) {
    contents->data = &contents->number;
    contents->size = WORD;
    switch (value->kind) {
    case SPORK_NIL:
        contents->size = 0;
        return 0;
    case SPORK_BOOL:
        contents->number = value->as.boolean;
        return 0;
    case SPORK_INT:
        contents->number = (uint64_t)value->as.integer;
        return 0;
    case SPORK_FLOAT:
        memcpy(&contents->number, &value->as.real, sizeof contents->number);
        return 0;
    case SPORK_STRING:
    case SPORK_BYTES:
        contents->data = value->as.data;
        contents->size = value->size;
        return 0;
    default:
        return value_wrong_kind(value, "an int, float, bool, string, bytes or nil");
    }
}

static void store_words(arena_word *to, const unsigned char *from, size_t size) {
    while (size > 0) {
        uint64_t word = 0;
        size_t part = size < WORD ? size : WORD;
        memcpy(&word, from, part);
        atomic_store_explicit(to++, word, memory_order_relaxed);
        from += part;
        size -= part;
    }
}

static void load_words(unsigned char *to, const arena_word *from, size_t size) {
    while (size > 0) {
        uint64_t word = atomic_load_explicit(from++, memory_order_relaxed);
        size_t part = size < WORD ? size : WORD;
        memcpy(to, &word, part);
        to += part;
        size -= part;
    }
}

static void fill(struct buffer *buffer, uint8_t kind, const struct contents *contents) {
    uint64_t head = (uint64_t)contents->size << HEAD_SIZE_SHIFT | kind;
    atomic_store_explicit(&buffer->head, head, memory_order_relaxed);
    store_words(buffer->contents, contents->data, contents->size);
}

/* ---- making ---- */

/* No sum of rooms below this overflows, and no memory is that large. */
static const uint64_t most_bytes = (uint64_t)1 << 48;

/* The room of a buffer for it; most_bytes if there cannot be any. */
static uint64_t room_for(size_t size, size_t item_size) {
    size_t room = size > item_size ? size : item_size;
    return room >= most_bytes ? most_bytes : room < WORD ? WORD : (room + WORD - 1) / WORD * WORD;
}

static int measure(const spork_value *values, size_t item_size, uint64_t *size) {
    uint64_t total = values->size * sizeof(struct item);
    for (size_t i = 0; i < values->size; i++) {
        struct contents contents;
        int error = contents_of(&values->as.items[i], &contents);
        if (error != 0) {
            return error_prefix(error, "item %zu of a shareable list", i);
        }
        total += 2 * (sizeof(struct buffer) + room_for(contents.size, item_size));
        if (total >= most_bytes) {
            return error_set(SPORK_ENOSPACE, "items of %zu bytes do not fit into any memory",
                             item_size);
        }
    }
    *size = total;
    return 0;
}

static void fill_items(uint64_t block, const spork_value *values, size_t item_size) {
    const struct list_body body = {.block = block, .count = values->size};
    struct item *items = arena_at(block);
    uint64_t at = values->size * sizeof(struct item);
    for (size_t i = 0; i < values->size; i++) {
        const spork_value *value = &values->as.items[i];
        struct contents contents;
        contents_of(value, &contents);
        items[i].room = room_for(contents.size, item_size);
        items[i].at = at;
        fill(buffer_of(&body, &items[i], 0), value->kind, &contents);
        at += 2 * (sizeof(struct buffer) + items[i].room);
    }
}

struct making {
    uint64_t count;
    uint64_t *block;
};

static int init(void *object, const void *given) {
    const struct making *making = given;
    struct list_body *body = object;
    body->count = making->count;
    allocator_keep(&body->block, making->block);
    return 0;
}

int spork_shareable_list_new(spork_shareable_list **list, spork_value items,
                             const spork_shareable_list_options *options) {
    size_t item_size = options == NULL ? 0 : options->item_size;
    uint64_t size = 0;
    uint64_t block = 0;
    if (list == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the new shareable list (NULL)");
    }
    if (items.kind != SPORK_LIST) {
        return value_wrong_kind(&items, "a list");
    }
    int error = measure(&items, item_size, &size);
    struct self *self = error == 0 ? family_enter(&error) : NULL;
    if (self == NULL) {
        return error;
    }
    error = allocator_take(self, size, &block);
    if (error != 0) {
        return error;
    }
    fill_items(block, &items, item_size);
    error = handle_new(list, &list_kind, init, &(struct making){items.size, &block});
    allocator_give(self, block);
    return error;
}

void spork_shareable_list_free(spork_shareable_list *list) {
    handle_free(list);
}

size_t spork_shareable_list_count(spork_shareable_list *list) {
    int error;
    return handle_enter(list, &list_kind, &error) == NULL ? 0 : (size_t)body_of(list)->count;
}

/* ---- claims ---- */

struct claim {
    struct self *self;
    struct item *item;
};

static bool take_claim(const struct claim *claim, uint64_t from) {
    return atomic_compare_exchange_strong_explicit(&claim->item->claimant, &from,
                                                   claim->self->reference,
                                                   memory_order_acquire, memory_order_relaxed);
}

static int attempt(void *context, struct watch *watch) {
    const struct claim *claim = context;
    uint64_t found = atomic_load_explicit(&claim->item->claimant, memory_order_relaxed);
    if ((found == 0 || family_thread_dead(found)) && take_claim(claim, found)) {
        return 0;
    }
    watch_thread(watch, found);
    return SPORK_EWOULDBLOCK;
}

/* Whoever has it is at it for as long as a copy takes: before anybody asks whether he lives,
   which costs a system call, he is given the time. */
static int claim_item(struct self *self, struct item *item) {
    enum { SPINS = 100 };
    struct claim claim = {self, item};
    for (int i = 0; i < SPINS; i++) {
        if (take_claim(&claim, 0)) {
            return 0;
        }
        plat_relax();
    }
    return family_block(self, &item->waiters, attempt, &claim, PLAT_NEVER);
}

static void release_item(struct item *item) {
    atomic_store(&item->claimant, 0);
    sleep_wake(&item->waiters, 1);
}

/* ---- reading ---- */

/* An item as it was; used for one after the other, then freed. */
struct copy {
    uint8_t kind;
    size_t size;
    uint64_t number;
    unsigned char *text; /* malloc; with a NUL behind it */
    size_t capacity;
};

static bool is_text(uint8_t kind) {
    return kind == SPORK_STRING || kind == SPORK_BYTES;
}

static int make_room(struct copy *copy, size_t size) {
    if (size < copy->capacity) {
        return 0;
    }
    unsigned char *more = realloc(copy->text, size + 1);
    if (more == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for an item of %zu bytes", size);
    }
    copy->text = more;
    copy->capacity = size + 1;
    return 0;
}

/* SPORK_EWOULDBLOCK: somebody has written meanwhile. What is read then may be anything, but
   each head that ever stood there fits the room. */
static int try_copy(const struct list_body *body, const struct item *item, struct copy *copy) {
    uint64_t version = atomic_load_explicit(&item->version, memory_order_acquire);
    const struct buffer *buffer = buffer_of(body, item, version);
    uint64_t head = atomic_load_explicit(&buffer->head, memory_order_relaxed);
    copy->kind = (uint8_t)head;
    copy->size = (size_t)(head >> HEAD_SIZE_SHIFT);
    if (is_text(copy->kind)) {
        int error = make_room(copy, copy->size);
        if (error != 0) {
            return error;
        }
        load_words(copy->text, buffer->contents, copy->size);
        copy->text[copy->size] = '\0';
    } else {
        copy->number = atomic_load_explicit(&buffer->contents[0], memory_order_relaxed);
    }
    /* With the fence of a writer: who has read something of a later version sees that. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&item->version, memory_order_relaxed) == version
               ? 0
               : SPORK_EWOULDBLOCK;
}

static int copy_item(struct self *self, const spork_shareable_list *list, size_t index,
                     struct copy *copy) {
    enum { TRIES = 2 };
    struct item *item = item_of(list, index);
    int error = SPORK_EWOULDBLOCK;
    for (int i = 0; i < TRIES && error == SPORK_EWOULDBLOCK; i++) {
        error = try_copy(body_of(list), item, copy);
    }
    if (error != SPORK_EWOULDBLOCK) {
        return error;
    }
    error = claim_item(self, item);
    if (error == 0) {
        error = try_copy(body_of(list), item, copy);
        release_item(item);
    }
    return error;
}

/* Borrows from the copy. */
static spork_value value_of(const struct copy *copy) {
    double real;
    switch (copy->kind) {
    case SPORK_BOOL:
        return spork_bool(copy->number != 0);
    case SPORK_INT:
        return spork_int((int64_t)copy->number);
    case SPORK_FLOAT:
        memcpy(&real, &copy->number, sizeof real);
        return spork_float(real);
    case SPORK_STRING:
        return spork_str_size((const char *)copy->text, copy->size);
    case SPORK_BYTES:
        return spork_bytes_value(copy->text, copy->size);
    default:
        return spork_nil();
    }
}

/* Begins a call that is about one item. */
static struct self *enter(spork_shareable_list *list, size_t index, int *error) {
    struct self *self = handle_enter(list, &list_kind, error);
    if (self != NULL && index >= body_of(list)->count) {
        *error = error_set(SPORK_ERANGE, "item %zu of a shareable list of %llu", index,
                           (unsigned long long)body_of(list)->count);
        return NULL;
    }
    return self;
}

int spork_shareable_list_get(spork_shareable_list *list, size_t index, spork_value *item) {
    int error;
    struct copy copy = {0};
    struct self *self = enter(list, index, &error);
    if (self == NULL) {
        return error;
    }
    if (item == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the item (NULL)");
    }
    error = copy_item(self, list, index, &copy);
    if (error == 0 && is_text(copy.kind)) {
        *item = value_of(&copy);
        item->owned = 1;
        return 0;
    }
    if (error == 0) {
        *item = value_of(&copy);
    }
    free(copy.text);
    return error;
}

/* ---- writing ---- */

int spork_shareable_list_set(spork_shareable_list *list, size_t index, spork_value value) {
    int error;
    struct contents contents;
    struct self *self = enter(list, index, &error);
    if (self == NULL) {
        return error;
    }
    struct item *item = item_of(list, index);
    error = contents_of(&value, &contents);
    if (error == 0 && contents.size > item->room) {
        error = error_set(SPORK_ENOSPACE, "%zu bytes for item %zu, which has room for %llu",
                          contents.size, index, (unsigned long long)item->room);
    }
    if (error == 0) {
        error = claim_item(self, item);
    }
    if (error != 0) {
        return error;
    }
    uint64_t next = atomic_load_explicit(&item->version, memory_order_relaxed) + 1;
    /* The buffer may still be read by who has not seen the present version: it shall see that
       together with what is written now. */
    atomic_thread_fence(memory_order_release);
    fill(buffer_of(body_of(list), item, next), value.kind, &contents);
    atomic_store_explicit(&item->version, next, memory_order_release);
    release_item(item);
    return 0;
}

/* ---- searching ---- */

/* Visits the items in order: counts the equal ones, and with first ends at the first. */
static int search(spork_shareable_list *list, const spork_value *wanted, bool first,
                  size_t *index, size_t *count) {
    int error;
    struct copy copy = {0};
    struct self *self = handle_enter(list, &list_kind, &error);
    *index = *count = 0;
    for (; self != NULL && *index < body_of(list)->count; (*index)++) {
        error = copy_item(self, list, *index, &copy);
        if (error != 0) {
            break;
        }
        spork_value item = value_of(&copy);
        *count += spork_value_equal(&item, wanted);
        if (first && *count > 0) {
            break;
        }
    }
    free(copy.text);
    return error;
}

int spork_shareable_list_index(spork_shareable_list *list, spork_value item, size_t *index) {
    size_t found;
    size_t count;
    if (index == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the index (NULL)");
    }
    int error = search(list, &item, true, &found, &count);
    if (error == 0 && count == 0) {
        error = error_set(SPORK_ENOTFOUND, "no item of the shareable list equals this (%s)",
                          value_noun(&item));
    }
    if (error == 0) {
        *index = found;
    }
    return error;
}

int spork_shareable_list_count_of(spork_shareable_list *list, spork_value item,
                                  size_t *count) {
    size_t end;
    size_t found;
    if (count == NULL) {
        return error_set(SPORK_EINVAL, "there is no place to put the count (NULL)");
    }
    int error = search(list, &item, false, &end, &found);
    if (error == 0) {
        *count = found;
    }
    return error;
}
