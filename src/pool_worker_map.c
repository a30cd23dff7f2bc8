/* A worker in a map: claims items, runs the task for each, and says after each how far it is. */
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pool_worker.h"
#include "task.h"

/* What a visit works with. */
struct visit {
    struct worker *worker;
    pool_ticket map_ticket;
    struct pool_map *map;
    const spork_task *task;
    int error; /* the task is not to be had: each item fails with it */
};

/* ---- one item ---- */

static unsigned char *place_of(uint64_t array, uint64_t offset) {
    return (unsigned char *)arena_at(array) + offset;
}

/* A block of its own for the result, named by the map's word for it from one commit on. */
static int keep_value(const struct visit *visit, uint64_t index, const spork_value *result) {
    struct self *self = visit->worker->self;
    arena_word *values = arena_at(visit->map->values);
    struct outgoing out;
    uint64_t block;
    int error = message_from_value(&out, self, result);
    if (error != 0) {
        return error;
    }
    family_lock(self);
    error = arena_take(sizeof(struct pool_value) + out.message.size, BLOCK_MESSAGE, &block);
    if (error != 0) {
        family_unlock(self);
        message_cancelled(&out);
        return error;
    }
    arena_own(block, family_self());
    family_commit(self);
    struct pool_value *value = arena_at(block);
    value->size_flags = (uint64_t)out.message.size << 8 | out.message.flags;
    if (out.message.size > 0) {
        memcpy(value->data, out.message.data, out.message.size);
    }
    family_lock(self);
    arena_disown(block);
    arena_set(&values[index], block);
    family_commit(self);
    message_sent(&out);
    return 0;
}

static int run_encoded(const struct visit *visit, uint64_t index) {
    const struct pool_map *map = visit->map;
    const uint64_t *places = arena_at(map->places);
    const unsigned char *encoded = arena_at(map->encoded);
    spork_value arguments;
    spork_value result = spork_nil();
    int error = codec_decode(&arguments, encoded + places[index],
                             (size_t)(places[index + 1] - places[index]), &handle_receiver);
    if (error != 0) {
        return error_prefix(error, "the arguments of %s", visit->task->name);
    }
    error = visit->task->run(arguments.as.items, &result);
    if (error != 0) {
        error = error_prefix(error, "an argument of %s", visit->task->name);
    } else if (!worker_failed(visit->worker) && map->values != 0) {
        error = keep_value(visit, index, &result);
    } else if (!worker_failed(visit->worker) && map->out != 0) {
        error = task_write_result(visit->task, place_of(map->out, index * map->result_size),
                                  &result);
    }
    spork_value_free(&result);
    spork_value_free(&arguments);
    return error;
}

/* Sizes that the compiler knows, since this is done for each item. */
static void copy_number(unsigned char *to, const unsigned char *from, uint64_t size) {
    switch (size) {
    case 8:
        memcpy(to, from, 8);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    default:
        *to = *from;
        break;
    }
}

/* Numbers and flat structs are read where they lie; a result is a number, and is written where
   it belongs if the task has not failed. */
static void run_flat(const struct visit *visit, uint64_t index) {
    const struct pool_map *map = visit->map;
    _Alignas(max_align_t) unsigned char result[16];
    visit->task->each(place_of(map->in, index * map->item_size), result);
    if (map->out != 0 && !worker_failed(visit->worker)) {
        copy_number(place_of(map->out, index * map->result_size), result, map->result_size);
    }
}

static void run_item(const struct visit *visit, uint64_t index) {
    struct worker *worker = visit->worker;
    int error = visit->error;
    worker_begin(worker);
    if (error == 0 && visit->map->places == 0) {
        run_flat(visit, index);
    } else if (error == 0) {
        error = run_encoded(visit, index);
    }
    if (error != 0 && !worker_failed(worker)) {
        worker_fail(worker, error);
    }
    if (worker_failed(worker)) {
        map_fail(worker->self, visit->map, index, &worker->failure);
    }
}

static void run_claim(const struct visit *visit) {
    struct pool_claim *claim = seat_claim(visit->worker->seat);
    uint64_t end = atomic_load_explicit(&claim->end, memory_order_relaxed);
    for (uint64_t i = atomic_load_explicit(&claim->first, memory_order_relaxed); i < end; i++) {
        if (atomic_load_explicit(&visit->map->stop, memory_order_relaxed) != 0) {
            break;
        }
        visit->worker->left--;
        atomic_store_explicit(&claim->begun, i + 1, memory_order_release);
        run_item(visit, i);
        atomic_store_explicit(&claim->done, i + 1, memory_order_release);
    }
}

/* ---- visits ---- */

static void open_visit(struct visit *visit, struct worker *worker, pool_ticket map_ticket) {
    struct pool_record *record = pool_record_of(worker->body, map_ticket);
    *visit = (struct visit){.worker = worker, .map_ticket = map_ticket};
    visit->map = arena_at(atomic_load(&record->map));
    visit->error = worker_task(worker, atomic_load(&record->task), &visit->task);
    if (visit->error != 0) {
        worker_fail(worker, visit->error); /* for the words */
    }
}

static void leave(const struct visit *visit, pool_ticket range_ticket) {
    struct worker *worker = visit->worker;
    struct pool_body *body = worker->body;
    struct map_end end = map_leave(worker->self, body, worker->index, visit->map_ticket,
                                   range_ticket, 0);
    if (end.map) {
        pool_record_push(body, visit->map_ticket);
    }
    if (end.range) {
        pool_record_push(body, range_ticket);
    }
    bool stopped = atomic_load(&visit->map->stop) != 0;
    atomic_store(&worker->seat->ticket, 0);
    if (end.map) {
        pool_record_tell(body, pool_record_of(body, visit->map_ticket));
    }
    if (stopped) {
        worker_call_owner(worker); /* who waits until everybody has left */
    }
}

/* Claims that take less than QUICK_NS are doubled, those that take more than SLOW_NS halved:
   the price of a claim is small, and nobody is left with much when the others are through. */
static uint64_t adapt(uint64_t want, uint64_t chunk, int64_t duration) {
    enum { QUICK_NS = 50000, SLOW_NS = 400000, MOST = 1 << 20 };
    if (duration < QUICK_NS && want < MOST * chunk) {
        return 2 * want;
    }
    return duration > SLOW_NS && want > chunk ? want / 2 : want;
}

void worker_visit_map(struct worker *worker) {
    struct visit visit;
    open_visit(&visit, worker, worker->ticket);
    struct pool_map *map = visit.map;
    uint64_t place = map_log_end(map);
    map_note_claim(worker->seat, place, 0, 0);
    uint64_t want = map->chunk;
    int64_t begin = plat_now_ns();
    while (worker->left > 0 && atomic_load_explicit(&map->stop, memory_order_relaxed) == 0 &&
           map_claim(map, worker->seat, want, worker->left, &place)) {
        run_claim(&visit);
        int64_t end = plat_now_ns();
        want = adapt(want, map->chunk, end - begin);
        begin = end;
    }
    leave(&visit, 0);
}

void worker_do_range(struct worker *worker) {
    struct pool_record *record = worker->record;
    pool_ticket ticket = worker->ticket;
    struct visit visit;
    open_visit(&visit, worker, atomic_load(&record->of));
    /* What asks whether it is cancelled asks for the map. */
    worker->ticket = visit.map_ticket;
    worker->record = pool_record_of(worker->body, visit.map_ticket);
    map_note_claim(worker->seat, visit.map->claims, atomic_load(&record->first),
                   atomic_load(&record->end));
    run_claim(&visit);
    leave(&visit, ticket);
}
