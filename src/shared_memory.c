/* Shared memory: a block of the arena, or memory of the system's that has a name. */
#include "shared_memory.h"

#include <string.h>

#include "named.h"
#include "spork/shared_memory.h"

/* Never changed once the handle can travel, so no death leaves any of it half done. */
struct memory_body {
    arena_word block; /* of an anonymous one; else 0 */
    uint64_t size;
    arena_word named; /* see named.h; else 0 */
};

struct spork_shared_memory {
    struct handle handle;
    struct plat_named opened; /* in this process; of a named one */
};

static void destroy(struct self *self, handle_id id, void *object) {
    struct memory_body *body = object;
    (void)id;
    family_lock(self);
    uint64_t block = arena_get(&body->block);
    if (block != 0) {
        arena_give(block);
        arena_set(&body->block, 0);
    }
    family_commit(self);
    named_destroy(self, &body->named);
}

static int open_local(void *local, void *object) {
    spork_shared_memory *memory = local;
    struct named_record *record = named_record(&((struct memory_body *)object)->named);
    if (record == NULL || atomic_load(&record->ready) == 0) {
        return 0;
    }
    int error = named_may_open(record);
    if (error == 0) {
        error = named_judge(record,
                            plat_named_open(&memory->opened, PLAT_NAMED_MEMORY, record->name,
                                            record->read_only != 0),
                            &memory->opened);
    }
    return error;
}

static void close_local(void *local) {
    plat_named_close(&((spork_shared_memory *)local)->opened);
}

static const struct handle_kind memory_kind = {
    .kind = SPORK_HANDLE_SHARED_MEMORY,
    .name = "shared memory",
    .local_size = sizeof(struct spork_shared_memory),
    .body_size = sizeof(struct memory_body),
    .destroy = destroy,
    .open_local = open_local,
    .close_local = close_local,
};

void shared_memory_register(void) {
    handle_register_kind(&memory_kind);
}

static struct memory_body *body_of(const spork_shared_memory *memory) {
    return memory->handle.body;
}

/* ---- making ---- */

static int init_anonymous(void *object, const void *size) {
    struct memory_body *body = object;
    uint64_t offset;
    int error = arena_take(*(const size_t *)size, BLOCK_PLAIN, &offset);
    if (error != 0) {
        return error;
    }
    body->size = *(const size_t *)size;
    arena_set(&body->block, offset);
    return 0;
}

static int init_named(void *object, const void *given) {
    struct memory_body *body = object;
    const struct named_facts *facts = given;
    body->size = facts->opened->size;
    return named_init(&body->named, facts);
}

/* A handle for memory that this process has open; it is closed if there can be none. */
static int wrap(spork_shared_memory **memory, struct plat_named *opened,
                const struct named_facts *facts) {
    spork_shared_memory *made;
    int error = handle_new(&made, &memory_kind, init_named, facts);
    if (error != 0) {
        if (facts->made && opened->persist) {
            plat_named_unlink(opened, facts->name);
        }
        plat_named_close(opened);
        return error;
    }
    made->opened = *opened;
    named_ready(&body_of(made)->named);
    *memory = made;
    return 0;
}

static int make_named(spork_shared_memory **memory, size_t size,
                      const spork_shared_memory_options *options) {
    struct plat_named opened;
    int error = plat_named_create(&opened, PLAT_NAMED_MEMORY, options->name, size,
                                  options->persist);
    if (error != 0) {
        return error;
    }
    error = plat_named_publish(&opened, options->name);
    if (error != 0) {
        plat_named_close(&opened);
        return error;
    }
    const struct named_facts facts = {options->name, &opened, false, true};
    return wrap(memory, &opened, &facts);
}

/* Nobody else can have the handle before it is returned, so the block is cleared without the
   family's lock. */
static int make_anonymous(spork_shared_memory **memory, size_t size) {
    spork_shared_memory *made;
    int error = handle_new(&made, &memory_kind, init_anonymous, &size);
    if (error != 0) {
        return error;
    }
    memset(arena_at(atomic_load(&body_of(made)->block)), 0, size);
    *memory = made;
    return 0;
}

static int check_place(spork_shared_memory **memory) {
    return memory != NULL ? 0
                          : error_set(SPORK_EINVAL, "there is no place to put the shared memory");
}

int spork_shared_memory_new(spork_shared_memory **memory, size_t size,
                            const spork_shared_memory_options *given) {
    static const spork_shared_memory_options defaults = {.name = NULL};
    const spork_shared_memory_options *options = given == NULL ? &defaults : given;
    int error = check_place(memory);
    if (error == 0 && size == 0) {
        error = error_set(SPORK_EINVAL, "shared memory of no bytes");
    }
    if (error == 0) {
        error = named_check_options(options->name, options->persist);
    }
    if (error == 0 && family_enter(&error) == NULL) {
        return error;
    }
    if (error != 0) {
        return error;
    }
    return options->name == NULL ? make_anonymous(memory, size)
                                 : make_named(memory, size, options);
}

int spork_shared_memory_attach(spork_shared_memory **memory, const char *name,
                               bool read_only) {
    struct plat_named opened;
    int error = check_place(memory);
    error = error != 0 ? error : named_check(name);
    if (error != 0 || family_enter(&error) == NULL) {
        return error;
    }
    error = plat_named_open(&opened, PLAT_NAMED_MEMORY, name, read_only);
    if (error != 0) {
        return error;
    }
    const struct named_facts facts = {name, &opened, read_only, false};
    return wrap(memory, &opened, &facts);
}

void spork_shared_memory_free(spork_shared_memory *memory) {
    handle_free(memory);
}

/* ---- asking ---- */

static bool enter(const spork_shared_memory *memory) {
    int error;
    return handle_enter(memory, &memory_kind, &error) != NULL;
}

void *spork_shared_memory_data(spork_shared_memory *memory) {
    if (!enter(memory)) {
        return NULL;
    }
    uint64_t block = atomic_load_explicit(&body_of(memory)->block, memory_order_relaxed);
    return block != 0 ? arena_at(block) : memory->opened.base;
}

size_t spork_shared_memory_size(spork_shared_memory *memory) {
    return enter(memory) ? (size_t)body_of(memory)->size : 0;
}

const char *spork_shared_memory_name(spork_shared_memory *memory) {
    struct named_record *record = enter(memory) ? named_record(&body_of(memory)->named) : NULL;
    return record != NULL ? record->name : "";
}

bool spork_shared_memory_read_only(spork_shared_memory *memory) {
    struct named_record *record = enter(memory) ? named_record(&body_of(memory)->named) : NULL;
    return record != NULL && record->read_only != 0;
}

/* ---- names that go ---- */

int spork_shared_memory_unlink(spork_shared_memory *memory) {
    int error;
    if (handle_enter(memory, &memory_kind, &error) == NULL) {
        return error;
    }
    return named_unlink(&body_of(memory)->named, &memory->opened);
}

int spork_shared_memory_unlink_persistent(const char *name) {
    int error = named_check(name);
    return error != 0 ? error : plat_named_unlink_persistent(PLAT_NAMED_MEMORY, name);
}
