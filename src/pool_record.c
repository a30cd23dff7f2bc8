/* A pool's body in the arena: its records, and how it is taken apart. */
#include <string.h>

#include "pool_core.h"

/* ---- records ---- */

static uint32_t segment_of(uint32_t index, uint32_t *offset) {
    uint32_t at = index / POOL_SEGMENT_FIRST + 1;
    uint32_t segment = 31 - (uint32_t)__builtin_clz(at);
    *offset = index - POOL_SEGMENT_FIRST * ((1u << segment) - 1);
    return segment;
}

struct pool_record *pool_record_at(struct pool_body *body, uint32_t index) {
    uint32_t offset;
    uint32_t segment = segment_of(index, &offset);
    struct pool_record *records =
        arena_at(atomic_load_explicit(&body->segments[segment], memory_order_acquire));
    return &records[offset];
}

int pool_record_grow(struct self *self, struct pool_body *body, uint32_t index) {
    uint32_t offset;
    uint64_t block;
    uint32_t segment = segment_of(index, &offset);
    if (segment >= POOL_SEGMENTS) {
        return error_set(SPORK_ENOSPACE, "the pool has %u tasks under way, as many as it may",
                         index);
    }
    if (atomic_load(&body->segments[segment]) != 0) {
        return 0;
    }
    size_t size = ((size_t)POOL_SEGMENT_FIRST << segment) * sizeof(struct pool_record);
    family_lock(self);
    int error = arena_take(size, BLOCK_PLAIN, &block);
    if (error != 0) {
        family_unlock(self);
        return error;
    }
    arena_own(block, family_self());
    family_commit(self);
    memset(arena_at(block), 0, size);
    family_lock(self);
    arena_disown(block);
    arena_set(&body->segments[segment], block);
    family_commit(self);
    return 0;
}

/* Gives a block back and takes the word that names it away, in one step. */
static void give_block(struct self *self, arena_word *word) {
    family_lock(self);
    uint64_t block = atomic_load(word);
    if (block != 0) {
        arena_give(block);
        arena_set(word, 0);
    }
    family_commit(self);
}

static void drop_handles(struct self *self, struct pool_record *record) {
    uint64_t block = atomic_load(&record->handles);
    if (block == 0) {
        return;
    }
    struct pool_handles *handles = arena_at(block);
    uint64_t count = atomic_load(&handles->count);
    for (uint64_t i = 0; i < count; i++) {
        handle_drop_kept(self, &handles->kept[i]);
    }
    give_block(self, &record->handles);
}

/* Handles in a result that nobody has taken are let go by receiving them here. */
static void drop_value(const void *data, uint64_t size_flags) {
    spork_value value;
    if ((size_flags & MESSAGE_HANDLES) != 0 &&
        codec_decode(&value, data, (size_t)(size_flags >> 8), &handle_receiver) == 0) {
        spork_value_free(&value);
    }
}

void pool_record_clear_result(struct self *self, struct pool_record *record) {
    uint64_t block = atomic_load(&record->result);
    const void *data = block != 0 ? arena_at(block) : record->data + POOL_ARGUMENTS;
    uint64_t size_flags = atomic_exchange(&record->result_size, 0);
    drop_value(data, size_flags);
    if (block != 0) {
        give_block(self, &record->result);
    }
}

void pool_map_clear_value(struct self *self, struct pool_map *map, uint64_t index) {
    arena_word *word = &((arena_word *)arena_at(map->values))[index];
    uint64_t block = map->values == 0 ? 0 : atomic_load(word);
    if (block != 0) {
        const struct pool_value *value = arena_at(block);
        drop_value(value->data, value->size_flags);
        give_block(self, word);
    }
}

static void clear_map(struct self *self, struct pool_record *record) {
    uint64_t block = atomic_load(&record->map);
    struct pool_map *map = arena_at(block);
    if (block == 0) {
        return;
    }
    if (atomic_load(&record->kind) == RECORD_RANGE) {
        atomic_store(&record->map, 0);
        return;
    }
    bool has_values = atomic_load(&map->opened) != 0 && map->values != 0;
    for (uint64_t i = 0; has_values && i < map->count; i++) {
        pool_map_clear_value(self, map, i);
    }
    give_block(self, &record->map);
}

void pool_record_clear(struct self *self, struct pool_record *record) {
    if (atomic_load(&record->arguments) != 0) {
        give_block(self, &record->arguments);
    }
    pool_record_clear_result(self, record);
    clear_map(self, record);
    drop_handles(self, record);
}

bool pool_record_in_hand(struct pool_body *body, pool_ticket ticket) {
    for (uint32_t i = 0; i < body->seat_count; i++) {
        if (atomic_load(&pool_seat_at(body, i)->ticket) == ticket) {
            return true;
        }
    }
    return false;
}

void pool_record_push(struct pool_body *body, pool_ticket ticket) {
    struct pool_record *record = pool_record_of(body, ticket);
    uint64_t head = atomic_load(&body->done);
    do {
        atomic_store_explicit(&record->next, head, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&body->done, &head, ticket));
}

void pool_record_tell(struct pool_body *body, const struct pool_record *record) {
    if (atomic_load(&record->notify) != 0 || atomic_load(&body->notify) != 0) {
        sleep_wake(&body->owner, SLEEP_ALL);
    }
}

/* ---- the kind ---- */

static void destroy_records(struct self *self, struct pool_body *body) {
    for (uint32_t segment = POOL_SEGMENTS; segment > 0; segment--) {
        uint64_t block = atomic_load(&body->segments[segment - 1]);
        struct pool_record *records = arena_at(block);
        size_t count = block == 0 ? 0 : (size_t)POOL_SEGMENT_FIRST << (segment - 1);
        for (size_t i = 0; i < count; i++) {
            pool_record_clear(self, &records[i]);
        }
        if (block != 0) {
            give_block(self, &body->segments[segment - 1]);
        }
    }
}

static void destroy(struct self *self, handle_id id, void *object) {
    struct pool_body *body = object;
    destroy_records(self, body);
    for (size_t i = 0; i < POOL_TASKS && atomic_load(&body->tasks[i]) != 0; i++) {
        give_block(self, &body->tasks[i]);
    }
    for (size_t i = 0; i < KEEPER_MOST; i++) {
        handle_drop_kept(self, &body->kept[i]);
    }
    give_block(self, &body->initializer);
    give_block(self, &body->seats);
    ring_destroy(self, id, &body->ring);
}

static void mourn_thread(struct self *self, handle_id id, void *object,
                         slot_reference thread) {
    ring_mourn(self, id, &((struct pool_body *)object)->ring, thread);
}

/* A worker is gone, or has come: the owner looks which. */
static void holders_changed(void *object, uint64_t holders) {
    struct pool_body *body = object;
    (void)holders;
    atomic_fetch_add(&body->changes, 1);
    sleep_wake(&body->owner, SLEEP_ALL);
}

const struct handle_kind pool_kind = {
    .kind = (spork_handle_kind)POOL_KIND,
    .name = "pool",
    .local_size = sizeof(struct spork_pool),
    .body_size = sizeof(struct pool_body),
    .destroy = destroy,
    .mourn_thread = mourn_thread,
    .holders_changed = holders_changed,
};
