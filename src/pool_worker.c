/* A worker: takes tickets from the ring and runs what they stand for, until it has done its
   share or the pool is closed. pool_core.h tells what its death leaves. */
#include "pool_worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "process.h"
#include "task.h"

static _Thread_local struct worker *here;

struct worker *pool_worker_here(void) {
    return here;
}

/* ---- what a task says of itself ---- */

void worker_begin(struct worker *worker) {
    atomic_store_explicit(&worker->failure.error, 0, memory_order_relaxed);
}

bool worker_failed(const struct worker *worker) {
    return atomic_load_explicit(&worker->failure.error, memory_order_relaxed) != 0;
}

static void keep_failure(struct worker *worker, int error, const char *words) {
    snprintf(worker->failure.words, sizeof worker->failure.words, "%s", words);
    atomic_store(&worker->failure.error, error);
}

void worker_fail(struct worker *worker, int error) {
    keep_failure(worker, error, spork_error_detail());
}

int spork_task_fail(int error, const char *format, ...) {
    char words[POOL_WORDS] = "";
    va_list arguments;
    if (error == 0) {
        return error_set(SPORK_EINVAL, "0 is no error that a task could fail with");
    }
    if (format != NULL) {
        va_start(arguments, format);
        vsnprintf(words, sizeof words, format, arguments);
        va_end(arguments);
    }
    if (here != NULL) {
        keep_failure(here, error, words);
    }
    return error_set(error, "%s", words);
}

bool spork_task_cancelled(void) {
    if (here == NULL || here->record == NULL) {
        return false;
    }
    uint64_t state = atomic_load(&here->record->state);
    return atomic_load(&here->record->told) != 0 || !record_is(state, here->ticket) ||
           record_state_of(state) == RECORD_CANCELLED;
}

/* ---- one call ---- */

int worker_task(struct worker *worker, uint32_t index, const spork_task **task) {
    if (index >= POOL_TASKS) {
        return error_set(SPORK_EMALFORMED, "there is no task %u", index);
    }
    if (worker->tasks[index] == NULL) {
        const char *name = arena_at(atomic_load(&worker->body->tasks[index]));
        const char *file = name + strlen(name) + 1;
        const char *types = file + strlen(file) + 1;
        int error = task_find(name, file, types, &worker->tasks[index]);
        if (error != 0) {
            return error;
        }
    }
    *task = worker->tasks[index];
    return 0;
}

/* Runs the task with the arguments in a record; *result is to be freed. */
static int run_call(struct worker *worker, const spork_task *task, spork_value *result) {
    struct pool_record *record = worker->record;
    uint64_t block = atomic_load(&record->arguments);
    const void *data = block != 0 ? arena_at(block) : record->data;
    spork_value arguments;
    int error = codec_decode(&arguments, data, (size_t)atomic_load(&record->arguments_size),
                             &handle_receiver);
    if (error != 0) {
        return error_prefix(error, "the arguments of %s", task->name);
    }
    if (spork_value_count(&arguments) + 1 != strlen(task->types)) {
        error = error_set(SPORK_EMALFORMED, "%s was called with %zu arguments", task->name,
                          spork_value_count(&arguments));
    } else {
        error = task->run(arguments.as.items, result);
        if (error != 0) {
            error = error_prefix(error, "an argument of %s", task->name);
        }
    }
    spork_value_free(&arguments);
    return error;
}

static int put_into_block(struct worker *worker, const void *data, size_t size) {
    uint64_t block;
    family_lock(worker->self);
    int error = arena_take(size, BLOCK_MESSAGE, &block);
    if (error != 0) {
        family_unlock(worker->self);
        return error;
    }
    arena_own(block, family_self());
    family_commit(worker->self);
    memcpy(arena_at(block), data, size);
    family_lock(worker->self);
    arena_disown(block);
    arena_set(&worker->record->result, block);
    family_commit(worker->self);
    return 0;
}

/* Whatever of it is there when this worker dies is given back with the record. */
static int put_result(struct worker *worker, const void *data, size_t size, uint32_t flags) {
    if (size > POOL_RESULT) {
        int error = put_into_block(worker, data, size);
        if (error != 0) {
            return error;
        }
    } else if (size > 0) {
        memcpy(worker->record->data + POOL_ARGUMENTS, data, size);
    }
    atomic_store(&worker->record->result_size, (uint64_t)size << 8 | flags);
    return 0;
}

static int keep_result(struct worker *worker, const spork_value *result) {
    struct outgoing out;
    int error = message_from_value(&out, worker->self, result);
    if (error != 0) {
        return error_prefix(error, "the result");
    }
    error = put_result(worker, out.message.data, out.message.size, out.message.flags);
    if (error == 0) {
        message_sent(&out);
    } else {
        message_cancelled(&out);
    }
    return error == 0 ? 0 : error_prefix(error, "the result");
}

/* Words that have no room are left out; the error is told all the same. */
static void keep_words(struct worker *worker) {
    const char *words = worker->failure.words;
    atomic_store(&worker->record->error, atomic_load(&worker->failure.error));
    if (put_result(worker, words, strlen(words), MESSAGE_RAW) != 0) {
        atomic_store(&worker->record->result_size, MESSAGE_RAW);
    }
}

/* From running to its end, unless it has been cancelled meanwhile. */
static void end_record(struct worker *worker, enum record_state state) {
    uint64_t running = record_word(worker->ticket, worker->index, RECORD_RUNNING);
    if (atomic_compare_exchange_strong(&worker->record->state, &running,
                                       record_word(worker->ticket, worker->index, state))) {
        pool_record_push(worker->body, worker->ticket);
    }
    atomic_store(&worker->seat->ticket, 0);
    pool_record_tell(worker->body, worker->record);
}

static void do_call(struct worker *worker) {
    const spork_task *task;
    spork_value result = spork_nil();
    worker_begin(worker);
    worker->left--;
    int error = worker_task(worker, atomic_load(&worker->record->task), &task);
    if (error == 0) {
        error = run_call(worker, task, &result);
    }
    if (error == 0 && !worker_failed(worker)) {
        error = keep_result(worker, &result);
    }
    if (error != 0 && !worker_failed(worker)) {
        worker_fail(worker, error);
    }
    spork_value_free(&result);
    if (worker_failed(worker)) {
        keep_words(worker);
    }
    end_record(worker, worker_failed(worker) ? RECORD_FAILED : RECORD_DONE);
}

/* ---- taking ---- */

struct take {
    struct worker *worker;
    struct ring_taken taken;
};

static int attempt_take(void *context, struct watch *watch) {
    struct take *take = context;
    struct worker *worker = take->worker;
    /* Read first: what was put before it is found. */
    uint64_t closing = atomic_load(&worker->body->closing);
    if (closing == POOL_TERMINATED) {
        return SPORK_ECLOSED;
    }
    int result = ring_try_take(worker->self, worker->pool->handle.id, &worker->body->ring,
                               &take->taken, watch);
    return result == SPORK_EWOULDBLOCK && closing != POOL_OPEN ? SPORK_ECLOSED : result;
}

/* Whether there is something to do for the ticket, which is in the seat by now; a call and a
   range are this worker's then. */
static bool claim_record(struct worker *worker) {
    uint64_t queued = record_word(worker->ticket, 0, RECORD_QUEUED);
    if (atomic_load(&worker->record->state) != queued) {
        return false;
    }
    return atomic_load(&worker->record->kind) == RECORD_MAP ||
           atomic_compare_exchange_strong(
               &worker->record->state, &queued,
               record_word(worker->ticket, worker->index, RECORD_RUNNING));
}

static void do_record(struct worker *worker) {
    switch ((enum record_kind)atomic_load(&worker->record->kind)) {
    case RECORD_MAP:
        worker_visit_map(worker);
        break;
    case RECORD_RANGE:
        worker_do_range(worker);
        break;
    default:
        do_call(worker);
        break;
    }
}

static bool take_and_do(struct worker *worker) {
    struct take take = {.worker = worker};
    int error = family_block(worker->self, &worker->body->ring.readers, attempt_take, &take,
                             PLAT_NEVER);
    if (error != 0) {
        return false;
    }
    pool_ticket ticket;
    memcpy(&ticket, take.taken.data, sizeof ticket);
    worker->ticket = ticket;
    worker->record = pool_record_of(worker->body, ticket);
    atomic_store(&worker->seat->ticket, ticket);
    bool mine = claim_record(worker);
    ring_finish(worker->self, &worker->body->ring, &take.taken);
    if (mine) {
        do_record(worker);
    } else {
        atomic_store(&worker->seat->ticket, 0);
    }
    worker->record = NULL;
    return atomic_load(&worker->seat->arrest) != ticket;
}

/* ---- a worker's life ---- */

static void set_phase(struct worker *worker, enum seat_phase phase) {
    atomic_store(&worker->seat->phase, phase);
}

void worker_call_owner(struct worker *worker) {
    atomic_fetch_add(&worker->body->changes, 1);
    sleep_wake(&worker->body->owner, SLEEP_ALL);
}

static int run_initializer(struct worker *worker) {
    const spork_task *task;
    spork_value call;
    spork_value result = spork_nil();
    uint64_t block = atomic_load(&worker->body->initializer);
    if (block == 0) {
        return 0;
    }
    worker_begin(worker);
    int error = task_decode(arena_at(block),
                            (size_t)atomic_load(&worker->body->initializer_size), &task, &call);
    if (error == 0) {
        error = task_run(task, &call, &result);
        spork_value_free(&call);
    }
    int64_t number = 0;
    if (error == 0 && !worker_failed(worker) && spork_value_get_int(&result, &number) == 0 &&
        number != 0) {
        error = error_set(SPORK_EBROKEN, "%s returned %lld", task->name, (long long)number);
    }
    spork_value_free(&result);
    if (error != 0 && !worker_failed(worker)) {
        worker_fail(worker, error);
    }
    return atomic_load(&worker->failure.error);
}

/* In the slot of this process, or of this thread, whose words are free once it has said hello. */
static void refuse(struct worker *worker) {
    struct process_slot *slot = family_slot(process_slot_of(spork_current_process()));
    snprintf(slot->words, sizeof slot->words, "%s", worker->failure.words);
    set_phase(worker, SEAT_REFUSED);
}

static void live(struct worker *worker) {
    set_phase(worker, SEAT_INITIALIZING);
    if (run_initializer(worker) != 0) {
        refuse(worker);
        worker_call_owner(worker);
        return;
    }
    set_phase(worker, SEAT_READY);
    while (worker->left > 0 && take_and_do(worker)) {
    }
    set_phase(worker, SEAT_LEFT);
    worker_call_owner(worker);
}

/* The task of a worker. */
static int pool_work(uint64_t pool_id, uint32_t index) {
    struct handle *handle;
    int error;
    struct self *self = family_enter(&error);
    if (self == NULL) {
        return EXIT_FAILURE;
    }
    error = handle_open_held(self, pool_id, &handle);
    if (error != 0) {
        fprintf(stderr, "spork: a worker's pool: %s\n", spork_error_detail());
        return EXIT_FAILURE;
    }
    struct pool_body *body = handle->body;
    struct worker worker = {.self = self,
                            .pool = (spork_pool *)(void *)handle,
                            .body = body,
                            .seat = pool_seat_at(body, index),
                            .index = index,
                            .left = body->max_tasks > 0 ? body->max_tasks : UINT64_MAX};
    worker.tasks = calloc(POOL_TASKS, sizeof worker.tasks[0]);
    if (worker.tasks != NULL) {
        here = &worker;
        live(&worker);
        here = NULL;
    }
    int code = worker.tasks != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    free(worker.tasks);
    handle_release(handle);
    return code;
}
SPORK_TASK(int, pool_work, uint64_t, uint32_t);

spork_call pool_work_call_of(const spork_pool *pool, uint32_t seat) {
    return pool_work_call(pool->handle.id, seat);
}
