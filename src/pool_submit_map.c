/* How a map gets into the arena: its items as they are, or encoded one by one; room for its
   results; the log of claims. One block holds all of it. */
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "future.h"
#include "pool_owner.h"
#include "task.h"

struct plan {
    const spork_task *task;
    const void *in;
    size_t count;
    void *out;
    const spork_map_options *options;
    bool flat;       /* items and results are as they are in memory */
    bool in_place;   /* items are not copied */
    bool out_place;  /* results are not copied */
    /* Of items that are encoded; malloc. */
    unsigned char *encoded;
    size_t encoded_size, encoded_room;
    uint64_t *places;
    const struct handle **handles;
    size_t handle_count, handle_room;
};

/* ---- what the items are ---- */

static bool letters_are_flat(const char *types) {
    if (types[0] == 'v') {
        return false;
    }
    return strspn(types + 1, "iubfS") == strlen(types + 1);
}

static bool in_arena(const void *memory, size_t size) {
    uintptr_t at = (uintptr_t)memory;
    uintptr_t base = (uintptr_t)arena;
    return at >= base && size <= arena->size && at - base <= arena->size - size;
}

static int keep_room(struct plan *plan, size_t more) {
    size_t room = plan->encoded_room;
    while (room - plan->encoded_size < more) {
        room = room < 4096 ? 4096 : 2 * room;
    }
    if (room > plan->encoded_room) {
        unsigned char *grown = realloc(plan->encoded, room);
        if (grown == NULL) {
            return error_set(SPORK_ENOMEM, "no memory for the items of a map");
        }
        plan->encoded = grown;
        plan->encoded_room = room;
    }
    return 0;
}

/* Each handle once, if it was not met long ago: twice does no harm. */
static int note_handle(struct plan *plan, const struct handle *handle) {
    enum { LOOK_BACK = 16 };
    size_t from = plan->handle_count > LOOK_BACK ? plan->handle_count - LOOK_BACK : 0;
    for (size_t i = from; i < plan->handle_count; i++) {
        if (plan->handles[i] == handle) {
            return 0;
        }
    }
    if (plan->handle_count == plan->handle_room) {
        size_t room = 2 * plan->handle_room + 8;
        const struct handle **grown = realloc(plan->handles, room * sizeof *grown);
        if (grown == NULL) {
            return error_set(SPORK_ENOMEM, "no memory for the handles of a map");
        }
        plan->handles = grown;
        plan->handle_room = room;
    }
    plan->handles[plan->handle_count++] = handle;
    return 0;
}

static int encode_item(struct plan *plan, size_t index) {
    struct keeper keeper;
    spork_call call;
    void *data;
    size_t size;
    keeper_open(&keeper);
    plan->task->wrap(&call, (const unsigned char *)plan->in + index * plan->task->item_size);
    int error = task_encode_arguments(&call, &keeper.codec, &data, &size);
    if (error != 0) {
        return error_prefix(error, "item %zu", index);
    }
    error = keep_room(plan, size);
    if (error == 0) {
        memcpy(plan->encoded + plan->encoded_size, data, size);
        plan->encoded_size += size;
    }
    free(data);
    for (size_t i = 0; i < keeper.count && error == 0; i++) {
        error = note_handle(plan, keeper.handles[i]);
    }
    return error;
}

static int encode_items(struct plan *plan) {
    plan->places = calloc(plan->count + 1, sizeof plan->places[0]);
    if (plan->places == NULL) {
        return error_set(SPORK_ENOMEM, "no memory for %zu items", plan->count);
    }
    int error = 0;
    for (size_t i = 0; i < plan->count && error == 0; i++) {
        plan->places[i] = plan->encoded_size;
        error = encode_item(plan, i);
    }
    plan->places[plan->count] = plan->encoded_size;
    return error;
}

/* ---- the block ---- */

/* Takes size bytes of the block; 0 takes nothing and is nowhere. */
static uint64_t cut(uint64_t *end, uint64_t size) {
    uint64_t at = *end;
    *end += (size + 63) / 64 * 64;
    return size == 0 ? 0 : at;
}

/* The log has at most LOG_MOST entries: of a map with more chunks a claim is several. */
static void plan_claims(struct pool_map *layout, size_t chunk, bool limited) {
    enum { LOG_MOST = 1 << 17 };
    layout->chunk = chunk == 0 ? 1 : chunk;
    layout->least = 1;
    if (!limited) {
        uint64_t chunks = layout->count / layout->chunk + 1;
        layout->least = (chunks + LOG_MOST - 1) / LOG_MOST * layout->chunk;
    }
    layout->claims = layout->count / layout->least + 2;
}

/* Where everything lies, from the block's begin on; returns its size. */
static uint64_t lay_out(const struct plan *plan, struct pool_map *layout) {
    const spork_task *task = plan->task;
    bool values = task->types[0] == 'v';
    uint64_t count = plan->count;
    uint64_t end = 0;
    cut(&end, sizeof *layout);
    layout->log = cut(&end, layout->claims * sizeof(arena_word));
    layout->values = cut(&end, values && plan->out != NULL ? count * sizeof(arena_word) : 0);
    layout->errors = cut(&end, plan->options->errors != NULL ? count * sizeof(int32_t) : 0);
    layout->in = cut(&end, plan->flat && !plan->in_place ? count * task->item_size : 0);
    layout->places = cut(&end, plan->flat ? 0 : (count + 1) * sizeof(uint64_t));
    layout->encoded = cut(&end, plan->flat ? 0 : plan->encoded_size + 1);
    layout->out = cut(&end, !values && plan->out != NULL && !plan->out_place
                                ? count * task->result_size
                                : 0);
    return end;
}

static void move(uint64_t *place, uint64_t base) {
    *place += *place == 0 ? 0 : base;
}

/* The arrays of the caller's that are used as they are. */
static void use_in_place(const struct plan *plan, struct pool_map *map) {
    if (plan->in_place) {
        map->in = arena_offset(plan->in);
    }
    if (plan->out_place) {
        map->out = arena_offset(plan->out);
    }
}

static void fill_map(const struct plan *plan, const struct pool_map *layout, uint64_t block) {
    struct pool_map *map = arena_at(block);
    size_t out_size = plan->count * plan->task->result_size;
    memcpy(map, layout, sizeof *map);
    uint64_t *const places[] = {&map->log,    &map->values,  &map->errors, &map->in,
                                &map->places, &map->encoded, &map->out};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        move(places[i], block);
    }
    memset(arena_at(map->log), 0, map->claims * sizeof(arena_word));
    if (map->values != 0) {
        memset(arena_at(map->values), 0, plan->count * sizeof(arena_word));
    }
    if (map->errors != 0) {
        memset(arena_at(map->errors), 0, plan->count * sizeof(int32_t));
    }
    if (map->in != 0) {
        memcpy(arena_at(map->in), plan->in, plan->count * plan->task->item_size);
    }
    if (map->places != 0) {
        memcpy(arena_at(map->places), plan->places, (plan->count + 1) * sizeof(uint64_t));
        memcpy(arena_at(map->encoded), plan->encoded, plan->encoded_size);
    }
    if (map->out != 0) {
        /* What an item leaves untouched is what was there. */
        memcpy(arena_at(map->out), plan->out, out_size);
    }
    use_in_place(plan, map);
    atomic_store(&map->first_failure, NO_FAILURE);
    atomic_store(&map->opened, 1);
}

static int take_block(struct self *self, struct pool_record *record, uint64_t size,
                      uint64_t *block) {
    family_lock(self);
    int error = arena_take(size, BLOCK_PLAIN, block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    struct pool_map *map = arena_at(*block);
    arena_set(&map->opened, 0);
    arena_set(&record->map, *block);
    family_commit(self);
    return 0;
}

/* ---- giving it to the pool ---- */

static int fill_record(struct self *self, struct pool_owner *owner, const struct plan *plan,
                       pool_ticket ticket) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    struct pool_map layout;
    uint64_t block;
    uint32_t task = 0;
    memset(&layout, 0, sizeof layout);
    layout.count = plan->count;
    layout.item_size = plan->task->item_size;
    layout.result_size = plan->task->result_size;
    layout.seats = body_of_owner(owner)->seat_count;
    plan_claims(&layout, plan->options->chunk_size, owner->options.max_tasks > 0);
    uint64_t size = lay_out(plan, &layout);
    int error = pool_task_index(self, owner, plan->task, &task);
    if (error == 0) {
        error = take_block(self, record, size, &block);
    }
    if (error != 0) {
        return error;
    }
    fill_map(plan, &layout, block);
    atomic_store(&record->task, task);
    return pool_keep_handles(self, record, plan->handles, plan->handle_count);
}

static int submit_map(struct self *self, struct pool_owner *owner, const struct plan *plan,
                      spork_future *future) {
    pool_ticket ticket;
    plat_mutex_lock(&owner->mutex);
    int error = pool_may_submit(owner);
    if (error == 0) {
        error = pool_new_record(self, owner, RECORD_MAP, future, &ticket);
    }
    if (error == 0) {
        error = fill_record(self, owner, plan, ticket);
        struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
        atomic_store(&record->notify, 1);
        uint64_t seats = body_of_owner(owner)->seat_count;
        if (error == 0) {
            error = pool_queue(self, owner, ticket,
                               plan->count < seats ? plan->count : seats);
        }
        if (error != 0) {
            pool_end_record(self, owner, ticket);
        } else {
            owner->pending++;
        }
    }
    plat_mutex_unlock(&owner->mutex);
    return error;
}

static int check_map(const struct plan *plan) {
    if (plan->task == NULL || plan->task->each == NULL) {
        return error_set(SPORK_EINVAL, "a map of a task that takes nothing");
    }
    if (plan->in == NULL && plan->count > 0) {
        return error_set(SPORK_EINVAL, "the items of the map are NULL, their count is %zu",
                         plan->count);
    }
    /* So that no size in the block wraps around. */
    if (plan->count > (size_t)1 << 39 ||
        plan->count > SIZE_MAX / 4 / (plan->task->item_size + plan->task->result_size + 24)) {
        return error_set(SPORK_ENOSPACE, "a map of %zu items", plan->count);
    }
    return 0;
}

static void open_plan(struct plan *plan) {
    plan->flat = letters_are_flat(plan->task->types);
    plan->in_place = plan->flat && in_arena(plan->in, plan->count * plan->task->item_size);
    plan->out_place = plan->out != NULL && plan->task->types[0] != 'v' &&
                      in_arena(plan->out, plan->count * plan->task->result_size);
}

static void close_plan(struct plan *plan) {
    free(plan->encoded);
    free(plan->places);
    free(plan->handles);
}

static void set_up_future(spork_future *future, const struct plan *plan) {
    future->count = plan->count;
    future->out = plan->out;
    future->copies_out =
        plan->out != NULL && !plan->out_place && plan->task->types[0] != 'v';
    future->errors = plan->options->errors;
    future->progress = plan->options->progress;
    future->progress_context = plan->options->progress_context;
    future->callback = plan->options->callback;
    future->error_callback = plan->options->error_callback;
    future->context = plan->options->context;
    future->begin = plat_now_ns();
}

static int start_map(struct self *self, spork_pool *pool, struct plan *plan,
                     spork_future **future) {
    spork_future *made;
    int error = pool_new_future(pool, FUTURE_MAP, plan->task, &made);
    if (error != 0) {
        return error;
    }
    open_plan(plan);
    set_up_future(made, plan);
    error = plan->flat ? 0 : encode_items(plan);
    if (error == 0 && pool_has_work(pool->owner)) {
        pool_serve(self, pool->owner);
    }
    if (error == 0) {
        error = plan->count == 0 ? pool_finish_empty(pool->owner, made)
                                 : submit_map(self, pool->owner, plan, made);
    }
    close_plan(plan);
    if (error != 0) {
        future_drop(made);
        future_drop(made);
        return error;
    }
    *future = made;
    return 0;
}

int spork_pool_map_async_(spork_future **future, spork_pool *pool, const spork_task *task,
                          const void *in, size_t count, void *out,
                          const spork_map_options *options) {
    static const spork_map_options defaults = {0};
    struct plan plan = {.task = task, .in = in, .count = count, .out = out};
    spork_future *made = NULL;
    int error;
    plan.options = options == NULL ? &defaults : options;
    struct self *self = pool_enter(pool, false, &error);
    if (self == NULL) {
        return error;
    }
    error = check_map(&plan);
    if (error == 0) {
        error = start_map(self, pool, &plan, &made);
    }
    pool_leave(pool, false);
    if (error == 0 && future != NULL) {
        *future = made;
    } else if (error == 0) {
        spork_future_free(made);
    }
    return error;
}

int spork_pool_map_(spork_pool *pool, const spork_task *task, const void *in, size_t count,
                    void *out, const spork_map_options *options) {
    spork_future *future;
    int error = pool_may_wait(pool);
    if (error == 0) {
        error = spork_pool_map_async_(&future, pool, task, in, count, out, options);
    }
    if (error != 0) {
        return error;
    }
    error = spork_future_get(future, NULL, SPORK_FOREVER);
    spork_future_free(future);
    return error;
}
