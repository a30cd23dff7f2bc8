/* What a dead worker has left in its seat is put right. pool_core.h tells what there can be. */
#include <stdio.h>

#include "pool_owner.h"

/* ---- words ---- */

static int describe(const struct pool_end *end, const spork_task *task, char *words,
                    size_t size) {
    const char *name = task != NULL ? task->name : "its task";
    if (end->exited && end->exit_code >= 0) {
        snprintf(words, size, "%s called exit(%d) in worker %s", name, end->exit_code, end->name);
        return SPORK_EEXITED;
    }
    const char *signal = end->exit_code < 0 ? plat_signal_name(-end->exit_code) : NULL;
    if (!end->is_known) {
        snprintf(words, size, "worker %s ended, nobody knows how, while it ran %s", end->name,
                 name);
    } else if (signal != NULL) {
        snprintf(words, size, "worker %s was ended by %s while it ran %s", end->name, signal,
                 name);
    } else {
        snprintf(words, size, "worker %s ended with exit code %d while it ran %s", end->name,
                 end->exit_code, name);
    }
    return SPORK_EWORKERDIED;
}

/* ---- a call ---- */

static void fail_call(struct self *self, struct pool_owner *owner, const struct pool_end *end,
                      pool_ticket ticket) {
    char words[POOL_WORDS];
    spork_future *future = note_of(owner, ticket)->future;
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    atomic_store(&record->state, record_word(ticket, 0, RECORD_CANCELLED));
    if (future != NULL) {
        int error = describe(end, future->task, words, sizeof words);
        future->has_exit_code = end->is_known;
        future->exit_code = end->exit_code;
        pool_fail_future(self, owner, future, error, words);
    }
}

static bool runs_again(struct pool_owner *owner, pool_ticket ticket) {
    struct pool_note *note = note_of(owner, ticket);
    const spork_task *task = note->future == NULL ? NULL : note->future->task;
    return task != NULL && note->runs < task->repeats && owner->closing != POOL_TERMINATED;
}

static void recover_call(struct self *self, struct pool_owner *owner, const struct pool_end *end,
                         pool_ticket ticket) {
    struct pool_record *record = pool_record_of(body_of_owner(owner), ticket);
    uint64_t state = atomic_load(&record->state);
    if (record_state_of(state) == RECORD_DONE || record_state_of(state) == RECORD_FAILED) {
        pool_settle(self, owner, ticket);
        return;
    }
    if (state != record_word(ticket, end->seat, RECORD_RUNNING)) {
        return; /* the ring delivers it again */
    }
    if (runs_again(owner, ticket)) {
        note_of(owner, ticket)->runs++;
        pool_record_clear_result(self, record);
        if (pool_queue(self, owner, ticket, 1) == 0) {
            return;
        }
    }
    fail_call(self, owner, end, ticket);
    pool_end_record(self, owner, ticket);
}

/* ---- a map ---- */

struct lost {
    struct self *self;
    struct pool_owner *owner;
    const struct pool_end *end;
    pool_ticket map_ticket, range_ticket;
    struct pool_map *map;
    const spork_task *task;
    uint64_t failed; /* items */
};

/* Items that nobody will run. */
static void fail_items(struct lost *lost, uint64_t first, uint64_t count,
                       const struct pool_failure *failure) {
    for (uint64_t i = first; i < first + count; i++) {
        map_fail(lost->self, lost->map, i, failure);
    }
    lost->failed += count;
}

static int queue_range(struct lost *lost, uint64_t first, uint64_t end, uint32_t runs) {
    struct pool_owner *owner = lost->owner;
    struct pool_body *body = body_of_owner(owner);
    pool_ticket ticket;
    int error = pool_new_record(lost->self, owner, RECORD_RANGE, NULL, &ticket);
    if (error != 0) {
        return error;
    }
    struct pool_record *record = pool_record_of(body, ticket);
    atomic_store(&record->map, arena_offset(lost->map));
    atomic_store(&record->of, lost->map_ticket);
    atomic_store(&record->first, first);
    atomic_store(&record->end, end);
    note_of(owner, ticket)->runs = runs;
    note_of(owner, lost->map_ticket)->ranges++;
    error = pool_queue(lost->self, owner, ticket, 1);
    if (error != 0) {
        pool_end_record(lost->self, owner, ticket);
    }
    return error;
}

/* For others. Where workers have a limit of tasks, one item in each range, so that none has to
   exceed it. */
static void give_back(struct lost *lost, uint64_t first, uint64_t end, uint32_t runs) {
    uint64_t most = lost->owner->options.max_tasks > 0 ? 1 : UINT64_MAX;
    while (first < end) {
        uint64_t next = end - first > most ? first + most : end;
        int error = queue_range(lost, first, next, runs);
        if (error != 0) {
            struct pool_failure failure = {.error = error};
            snprintf(failure.words, sizeof failure.words, "%s", spork_error_detail());
            fail_items(lost, first, next - first, &failure);
        }
        first = next;
    }
}

/* How often this item's run has ended with its worker's death by now. */
static uint32_t count_runs(const struct lost *lost, uint64_t item) {
    if (lost->range_ticket == 0) {
        return 1;
    }
    const struct pool_record *range =
        pool_record_of(body_of_owner(lost->owner), lost->range_ticket);
    bool first = atomic_load(&range->first) == item;
    return 1 + (first ? note_of(lost->owner, lost->range_ticket)->runs : 0);
}

static void end_item(struct lost *lost, uint64_t item) {
    if (map_has_failed(lost->map, item)) {
        lost->failed++;
        return;
    }
    pool_map_clear_value(lost->self, lost->map, item); /* he may have come so far */
    uint32_t runs = count_runs(lost, item);
    if (lost->task != NULL && runs <= lost->task->repeats) {
        give_back(lost, item, item + 1, runs);
        return;
    }
    struct pool_failure failure = {.exit_code = lost->end->exit_code,
                                   .has_exit_code = lost->end->is_known};
    int error = describe(lost->end, lost->task, failure.words, sizeof failure.words);
    atomic_store(&failure.error, error);
    fail_items(lost, item, 1, &failure);
}

/* A claim that is in the log, and not in the seat yet. */
static void find_unnoted(struct lost *lost, const struct pool_seat *seat,
                         const struct pool_claim *claim) {
    arena_word *log = map_log(lost->map);
    for (uint64_t at = atomic_load(&claim->log); at < lost->map->claims; at++) {
        uint64_t entry = atomic_load(&log[at]);
        uint64_t mask = ((uint64_t)1 << CLAIM_NUMBER_BITS) - 1;
        if (entry == 0) {
            return;
        }
        if ((entry & mask) == atomic_load(&seat->number)) {
            uint64_t first = at == 0 ? 0 : atomic_load(&log[at - 1]) >> CLAIM_NUMBER_BITS;
            give_back(lost, first, entry >> CLAIM_NUMBER_BITS, 0);
        }
    }
}

/* A RANGE that was begun, and is not in the claim yet; which is empty else only when the visit
   is over, and the RANGE with it. */
static bool give_back_unnoted_range(struct lost *lost, const struct pool_end *end,
                                    const struct pool_claim *claim) {
    if (lost->range_ticket == 0 || atomic_load(&claim->end) != 0) {
        return false;
    }
    const struct pool_record *range =
        pool_record_of(body_of_owner(lost->owner), lost->range_ticket);
    if (atomic_load(&range->state) ==
        record_word(lost->range_ticket, end->seat, RECORD_RUNNING)) {
        give_back(lost, atomic_load(&range->first), atomic_load(&range->end),
                  note_of(lost->owner, lost->range_ticket)->runs);
    }
    return true;
}

static void recover_items(struct lost *lost, struct pool_seat *seat) {
    const struct pool_claim *claim = seat_claim(seat);
    if (give_back_unnoted_range(lost, lost->end, claim)) {
        return;
    }
    uint64_t begun = atomic_load(&claim->begun);
    uint64_t done = atomic_load(&claim->done);
    if (begun > done) {
        end_item(lost, done);
    }
    give_back(lost, begun > done ? begun : done, atomic_load(&claim->end), 0);
    find_unnoted(lost, seat, claim);
}

static void recover_map(struct self *self, struct pool_owner *owner, const struct pool_end *end,
                        pool_ticket map_ticket, pool_ticket range_ticket) {
    struct pool_body *body = body_of_owner(owner);
    struct pool_record *record = pool_record_of(body, map_ticket);
    const spork_future *future = note_of(owner, map_ticket)->future;
    struct lost lost = {self, owner, end, map_ticket, range_ticket,
                        arena_at(atomic_load(&record->map)),
                        future == NULL ? NULL : future->task, 0};
    uint64_t state = atomic_load(&record->state);
    if (state == record_word(map_ticket, 0, RECORD_QUEUED) &&
        atomic_load(&lost.map->stop) == 0) {
        recover_items(&lost, pool_seat_at(body, end->seat));
    }
    struct map_end ended =
        map_leave(self, body, end->seat, map_ticket, range_ticket, lost.failed);
    atomic_store(&pool_seat_at(body, end->seat)->ticket, 0);
    if (range_ticket != 0 &&
        (ended.range || record_state_of(atomic_load(
                            &pool_record_of(body, range_ticket)->state)) == RECORD_DONE)) {
        pool_end_record(self, owner, range_ticket);
    }
    /* Ended with this, or by the dead, who had not come to say so. */
    if (ended.map || (state == record_word(map_ticket, 0, RECORD_DONE) &&
                      !note_of(owner, map_ticket)->ending)) {
        pool_settle(self, owner, map_ticket);
    }
}

/* ---- a seat ---- */

void pool_recover(struct self *self, struct pool_owner *owner, const struct pool_end *end) {
    struct pool_body *body = body_of_owner(owner);
    struct pool_seat *seat = pool_seat_at(body, end->seat);
    /* What the dead has put into the list is no more to be found in the seat, and what his last
       transaction changes is changed. */
    pool_collect(self, owner);
    family_settle(self);
    pool_ticket ticket = atomic_load(&seat->ticket);
    if (ticket == 0 || !note_is(owner, ticket)) {
        return;
    }
    struct pool_record *record = pool_record_of(body, ticket);
    enum record_kind kind = (enum record_kind)atomic_load(&record->kind);
    pool_ticket map_ticket = kind == RECORD_MAP ? ticket : atomic_load(&record->of);
    if (kind == RECORD_CALL && !note_of(owner, ticket)->ending) {
        atomic_store(&seat->ticket, 0);
        recover_call(self, owner, end, ticket);
    } else if (kind != RECORD_CALL && !note_of(owner, ticket)->ending) {
        recover_map(self, owner, end, map_ticket, kind == RECORD_RANGE ? ticket : 0);
    }
    atomic_store(&seat->ticket, 0);
}
