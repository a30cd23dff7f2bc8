/* Maps in the arena: who has claimed which items, and how far they are. pool_core.h tells what
   a death leaves. */
#include <string.h>

#include "pool_core.h"

/* ---- claims ---- */

void map_note_claim(struct pool_seat *seat, uint64_t log, uint64_t first, uint64_t end) {
    uint64_t which = atomic_load_explicit(&seat->which, memory_order_relaxed) & 1;
    const struct pool_claim *last = &seat->claims[which];
    struct pool_claim *next = &seat->claims[1 - which];
    uint64_t settled = atomic_load_explicit(&last->settled, memory_order_relaxed) +
                       atomic_load_explicit(&last->done, memory_order_relaxed) -
                       atomic_load_explicit(&last->first, memory_order_relaxed);
    atomic_store_explicit(&next->log, log, memory_order_relaxed);
    atomic_store_explicit(&next->first, first, memory_order_relaxed);
    atomic_store_explicit(&next->end, end, memory_order_relaxed);
    atomic_store_explicit(&next->begun, first, memory_order_relaxed);
    atomic_store_explicit(&next->done, first, memory_order_relaxed);
    atomic_store_explicit(&next->settled, settled, memory_order_relaxed);
    atomic_store_explicit(&seat->which, 1 - which, memory_order_release);
}

/* A claim shrinks towards the end, so that all workers end at about the same time; it is whole
   chunks, and never so small that the log would not suffice. */
static uint64_t size_claim(const struct pool_map *map, uint64_t left, uint64_t want,
                           uint64_t most) {
    uint64_t fair = left / (2 * map->seats);
    uint64_t size = want < fair ? want : fair;
    size = size / map->chunk * map->chunk;
    size = size < map->chunk ? map->chunk : size;
    size = size < map->least ? map->least : size;
    size = size < most ? size : most;
    return size < left ? size : left;
}

uint64_t map_log_end(struct pool_map *map) {
    arena_word *log = map_log(map);
    uint64_t at = atomic_load(&map->hint);
    while (at < map->claims && atomic_load(&log[at]) != 0) {
        at++;
    }
    return at;
}

bool map_has_more(struct pool_map *map) {
    uint64_t at = map_log_end(map);
    return at == 0 || atomic_load(&map_log(map)[at - 1]) >> CLAIM_NUMBER_BITS < map->count;
}

bool map_claim(struct pool_map *map, struct pool_seat *seat, uint64_t want, uint64_t most,
               uint64_t *place) {
    arena_word *log = map_log(map);
    uint64_t number = atomic_load_explicit(&seat->number, memory_order_relaxed);
    uint64_t hint = atomic_load_explicit(&map->hint, memory_order_relaxed);
    for (uint64_t at = hint > *place ? hint : *place; at < map->claims; at++) {
        uint64_t found = atomic_load_explicit(&log[at], memory_order_acquire);
        if (found != 0) {
            continue;
        }
        uint64_t first = at == 0 ? 0
                                 : atomic_load_explicit(&log[at - 1], memory_order_acquire) >>
                                       CLAIM_NUMBER_BITS;
        if (first >= map->count) {
            return false;
        }
        uint64_t end = first + size_claim(map, map->count - first, want, most);
        if (atomic_compare_exchange_strong(&log[at], &found,
                                           end << CLAIM_NUMBER_BITS | number)) {
            map_note_claim(seat, at + 1, first, end);
            *place = at + 1;
            if (at % 8 == 0) {
                atomic_store_explicit(&map->hint, at, memory_order_relaxed);
            }
            return true;
        }
    }
    return false;
}

/* ---- the end of a visit ---- */

static void end_visit(struct pool_seat *seat) {
    uint64_t which = atomic_load(&seat->which) & 1;
    struct pool_claim *next = &seat->claims[1 - which];
    atomic_store(&next->log, UINT64_MAX); /* what it has claimed in the log is settled */
    atomic_store(&next->first, 0);
    atomic_store(&next->end, 0);
    atomic_store(&next->begun, 0);
    atomic_store(&next->done, 0);
    atomic_store(&next->settled, 0);
    arena_set(&seat->which, 1 - which);
}

/* Whether the record was in that state, and is done now. A part of a transaction. */
static bool end_record(struct pool_body *body, pool_ticket ticket, uint32_t seat,
                       enum record_state state) {
    struct pool_record *record = pool_record_of(body, ticket);
    if (atomic_load(&record->state) != record_word(ticket, seat, state)) {
        return false;
    }
    arena_set(&record->state, record_word(ticket, seat, RECORD_DONE));
    return true;
}

struct map_end map_leave(struct self *self, struct pool_body *body, uint32_t seat,
                         pool_ticket map_ticket, pool_ticket range_ticket, uint64_t more) {
    struct pool_record *record = pool_record_of(body, map_ticket);
    struct pool_map *map = arena_at(atomic_load(&record->map));
    const struct pool_claim *claim = seat_claim(pool_seat_at(body, seat));
    struct map_end end = {false, false};
    uint64_t visit = atomic_load(&claim->settled) + atomic_load(&claim->done) -
                     atomic_load(&claim->first) + more;
    family_lock(self);
    if (atomic_load(&record->state) == record_word(map_ticket, 0, RECORD_QUEUED)) {
        uint64_t settled = atomic_load(&map->settled) + visit;
        arena_set(&map->settled, settled);
        end.map = settled >= map->count && end_record(body, map_ticket, 0, RECORD_QUEUED);
    }
    end.range = range_ticket != 0 && end_record(body, range_ticket, seat, RECORD_RUNNING);
    end_visit(pool_seat_at(body, seat));
    family_commit(self);
    return end;
}

/* ---- asking ---- */

uint64_t map_done(struct pool_body *body, pool_ticket ticket) {
    const struct pool_record *record = pool_record_of(body, ticket);
    uint64_t block = atomic_load(&record->map);
    if (block == 0) {
        return 0;
    }
    const struct pool_map *map = arena_at(block);
    uint64_t done = atomic_load(&map->settled);
    for (uint32_t i = 0; i < body->seat_count; i++) {
        struct pool_seat *seat = pool_seat_at(body, i);
        if (atomic_load(&seat->ticket) == ticket) {
            const struct pool_claim *claim = seat_claim(seat);
            done += atomic_load(&claim->settled) + atomic_load(&claim->done) -
                    atomic_load(&claim->first);
        }
    }
    return done;
}

/* ---- failures ---- */

static _Atomic int32_t *map_error(const struct pool_map *map, uint64_t index) {
    return (_Atomic int32_t *)arena_at(map->errors) + index;
}

void map_fail(struct self *self, struct pool_map *map, uint64_t index,
              const struct pool_failure *failure) {
    family_lock(self);
    uint64_t first = atomic_load(&map->first_failure);
    if (first == NO_FAILURE || index < first >> 1) {
        uint64_t which = first == NO_FAILURE ? 0 : 1 - (first & 1);
        memcpy(&map->failures[which], failure, sizeof *failure);
        arena_set(&map->first_failure, index << 1 | which);
    }
    family_commit(self);
    /* Last: what has an error here has been told, if it had to be. */
    if (map->errors != 0) {
        atomic_store(map_error(map, index), atomic_load(&failure->error));
    }
}

bool map_has_failed(struct pool_map *map, uint64_t index) {
    uint64_t first = atomic_load(&map->first_failure);
    if (first != NO_FAILURE && first >> 1 == index) {
        if (map->errors != 0) {
            atomic_store(map_error(map, index), atomic_load(&map->failures[first & 1].error));
        }
        return true;
    }
    return map->errors != 0 && atomic_load(map_error(map, index)) != 0;
}
