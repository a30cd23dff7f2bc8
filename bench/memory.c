/* Memory: what an idle worker has for itself, what each object takes of the family's memory, and
   whether that memory stays as it is when objects come and go. */
#include "arena.h"
#include "support/bench.h"
#include "support/bench_probe.h"

static const char *program;

static int nothing(void) {
    return 0;
}
SPORK_TASK(int, nothing);

static int64_t identity(int64_t number) {
    return number;
}
SPORK_TASK(int64_t, identity, int64_t);

/* ---- an idle worker ---- */

enum { SETTLE_MS = 50 }; /* until it has come to its rest */

static double idle_bytes(int64_t process) {
    spork_sleep_ms(SETTLE_MS);
    return bench_private_bytes(process) / 1024;
}

static double bare(int64_t process) {
    if (process < 0) {
        return NAN;
    }
    double size = idle_bytes(process);
    bench_end_idle(process);
    return size;
}

static double bare_copy(const void *context) {
    (void)context;
    return bare(bench_idle_copy());
}

static double bare_program(const void *context) {
    (void)context;
    return bare(bench_idle_program(program));
}

static int wait_for_end(spork_event *end) {
    return spork_event_wait(end, SPORK_FOREVER);
}
SPORK_TASK(int, wait_for_end, spork_event *);

static double child(const void *context) {
    const spork_process_options options = {.method = *(const spork_start_method *)context};
    spork_process *process;
    spork_event *end;
    if (!spork_has_start_method(options.method)) {
        return NAN;
    }
    MUST(spork_event_new(&end, NULL));
    MUST(spork_process_start(&process, wait_for_end_call(end), &options));
    double size = idle_bytes(spork_process_pid(process));
    MUST(spork_event_set(end));
    MUST(spork_process_join(process, SPORK_FOREVER, NULL));
    MUST(spork_process_free(process));
    spork_event_free(end);
    return size;
}

/* One that has done a task. */
static double worker(const void *context) {
    const spork_pool_options options = {.workers = 1,
                                        .method = *(const spork_start_method *)context};
    spork_pool *pool;
    int64_t result;
    int64_t pid;
    size_t count;
    if (!spork_has_start_method(options.method)) {
        return NAN;
    }
    MUST(spork_pool_new(&pool, &options));
    MUST(identity_apply(pool, &result, 1));
    MUST(spork_pool_pids(pool, &pid, 1, &count));
    double size = idle_bytes(pid);
    MUST(spork_pool_free(pool));
    return size;
}

/* ---- objects: made, used and freed ---- */

union object {
    spork_lock *lock;
    spork_semaphore *semaphore;
    spork_condition *condition;
    spork_event *event;
    spork_barrier *barrier;
    spork_rwlock *rwlock;
    spork_queue *queue;
    spork_pipe *ends[2];
    spork_array *array;
    spork_offset block;
    identity_future future;
};

static void new_lock(union object *object) {
    MUST(spork_lock_new(&object->lock, NULL));
}

static void new_rlock(union object *object) {
    MUST(spork_rlock_new(&object->lock));
}

static void use_lock(union object *object) {
    MUST(spork_lock_acquire(object->lock, SPORK_FOREVER));
    MUST(spork_lock_release(object->lock));
}

static void free_lock(union object *object) {
    spork_lock_free(object->lock);
}

static void new_semaphore(union object *object) {
    MUST(spork_semaphore_new(&object->semaphore, NULL));
}

static void use_semaphore(union object *object) {
    MUST(spork_semaphore_acquire(object->semaphore, SPORK_FOREVER));
    MUST(spork_semaphore_release(object->semaphore, 1));
}

static void free_semaphore(union object *object) {
    spork_semaphore_free(object->semaphore);
}

static void new_condition(union object *object) {
    MUST(spork_condition_new(&object->condition, NULL));
}

static void use_condition(union object *object) {
    MUST(spork_condition_acquire(object->condition, SPORK_FOREVER));
    MUST(spork_condition_notify_all(object->condition));
    MUST(spork_condition_release(object->condition));
}

static void free_condition(union object *object) {
    spork_condition_free(object->condition);
}

static void new_event(union object *object) {
    MUST(spork_event_new(&object->event, NULL));
}

static void use_event(union object *object) {
    MUST(spork_event_set(object->event));
    MUST(spork_event_wait(object->event, SPORK_FOREVER));
}

static void free_event(union object *object) {
    spork_event_free(object->event);
}

static void new_barrier(union object *object) {
    MUST(spork_barrier_new(&object->barrier, &(spork_barrier_options){.parties = 1}));
}

static void use_barrier(union object *object) {
    MUST(spork_barrier_wait(object->barrier, SPORK_FOREVER, NULL));
}

static void free_barrier(union object *object) {
    spork_barrier_free(object->barrier);
}

static void new_rwlock(union object *object) {
    MUST(spork_rwlock_new(&object->rwlock, NULL));
}

static void use_rwlock(union object *object) {
    MUST(spork_rwlock_acquire_read(object->rwlock, SPORK_FOREVER));
    MUST(spork_rwlock_release_read(object->rwlock));
}

static void free_rwlock(union object *object) {
    spork_rwlock_free(object->rwlock);
}

static void new_queue(union object *object) {
    MUST(spork_queue_new(&object->queue, NULL));
}

static void new_bounded_queue(union object *object) {
    MUST(spork_queue_new(&object->queue, &(spork_queue_options){.maxsize = 100}));
}

static void use_queue(union object *object) {
    spork_value item;
    MUST(spork_queue_put(object->queue, spork_int(1), SPORK_FOREVER));
    MUST(spork_queue_get(object->queue, &item, SPORK_FOREVER));
}

static void free_queue(union object *object) {
    spork_queue_free(object->queue);
}

static void new_pipe(union object *object) {
    MUST(spork_pipe_new(&object->ends[0], &object->ends[1], NULL));
}

static void use_pipe(union object *object) {
    spork_value message;
    MUST(spork_pipe_send(object->ends[0], spork_int(1), SPORK_FOREVER));
    MUST(spork_pipe_recv(object->ends[1], &message, SPORK_FOREVER));
}

static void free_pipe(union object *object) {
    spork_pipe_free(object->ends[0]);
    spork_pipe_free(object->ends[1]);
}

static void new_value(union object *object) {
    MUST(SPORK_VALUE_NEW(&object->array, int64_t, NULL));
}

static void new_array(union object *object) {
    MUST(SPORK_ARRAY_NEW(&object->array, int64_t, 1000, NULL));
}

static void use_array(union object *object) {
    const int64_t item = 1;
    MUST(SPORK_SET(object->array, int64_t, 0, &item));
}

static void free_array(union object *object) {
    spork_array_free(object->array);
}

static void new_block(union object *object) {
    MUST(spork_shared_alloc(&object->block, 64));
}

static void use_block(union object *object) {
    memset(spork_shared_at(object->block), 1, 64);
}

static void free_block(union object *object) {
    MUST(spork_shared_free(object->block));
}

static spork_pool *pool(void) {
    static spork_pool *made;
    if (made == NULL) {
        MUST(spork_pool_new(&made, &(spork_pool_options){.workers = 1}));
    }
    return made;
}

static void new_future(union object *object) {
    MUST(identity_apply_async(&object->future, pool(), 1));
}

static void use_future(union object *object) {
    int64_t result;
    MUST(identity_get(object->future, &result, SPORK_FOREVER));
}

static void free_future(union object *object) {
    spork_future_free(object->future.future);
}

/* ---- what each takes ---- */

/* KiB at the first look, and whether the last one has been made before. */
struct soak {
    double first;
    bool begun;
};

struct kind {
    void (*make)(union object *object);
    void (*use)(union object *object);
    void (*release)(union object *object);
    struct soak *soak;
};

/* Blocks of the heap with their headers, and the places in the table of handles. */
static double bytes_in_use(void) {
    return (double)atomic_load(&arena->live_bytes) +
           (double)atomic_load(&arena->handles_live) * sizeof(struct handle_slot);
}

/* The first ones are left out: they may share what all of their kind have in common. */
static double bytes_of(const void *context) {
    enum { OBJECTS = 1000, BEFORE = 10 };
    static union object objects[BEFORE + OBJECTS];
    const struct kind *kind = context;
    double before = 0;
    for (int i = 0; i < BEFORE + OBJECTS; i++) {
        before = i == BEFORE ? bytes_in_use() : before;
        kind->make(&objects[i]);
    }
    double size = (bytes_in_use() - before) / OBJECTS;
    for (int i = 0; i < BEFORE + OBJECTS; i++) {
        kind->use(&objects[i]);
        kind->release(&objects[i]);
    }
    return size;
}

/* Of a pool of four, beyond one of two. */
static double bytes_of_worker(const void *context) {
    enum { FEW = 2, MORE = 4 };
    double sizes[2];
    (void)context;
    for (int i = 0; i < 2; i++) {
        spork_pool *pool;
        double before = bytes_in_use();
        MUST(spork_pool_new(&pool, &(spork_pool_options){.workers = i == 0 ? FEW : MORE}));
        sizes[i] = bytes_in_use() - before;
        MUST(spork_pool_free(pool));
    }
    return (sizes[1] - sizes[0]) / (MORE - FEW);
}

/* ---- soaking: the highest place that was ever in use ---- */

enum {
    SOAK_FIRST = 1000,    /* rounds before the first look */
    SOAK_ROUNDS = 100000, /* before the last look of the first run */
    SOAK_AGAIN = 10000,  /* more in each run after it */
    SOAK_STARTS = 500
};
static const int64_t soak_ns = INT64_C(3000000000); /* at most, for one run */

/* Beyond the tables. */
static double highest(void) {
    return ((double)atomic_load(&arena->top) - sizeof(struct arena)) / 1024;
}

static void soak_rounds(const struct kind *kind, int rounds) {
    union object object;
    int64_t end = bench_now() + soak_ns;
    for (int i = 0; i < rounds && bench_now() < end; i++) {
        kind->make(&object);
        kind->use(&object);
        kind->release(&object);
    }
}

static void start_and_join(int count) {
    int64_t end = bench_now() + soak_ns;
    for (int i = 0; i < count && bench_now() < end; i++) {
        spork_process *process;
        MUST(spork_process_start(&process, nothing_call(), NULL));
        MUST(spork_process_join(process, SPORK_FOREVER, NULL));
        MUST(spork_process_free(process));
    }
}

/* The first look is made once; the last one is later in each round. */
static double soak_first(const void *context) {
    const struct kind *kind = context;
    if (!kind->soak->begun) {
        soak_rounds(kind, SOAK_FIRST);
        kind->soak->first = highest();
    }
    return kind->soak->first;
}

static double soak_last(const void *context) {
    const struct kind *kind = context;
    soak_rounds(kind, kind->soak->begun ? SOAK_AGAIN : SOAK_ROUNDS);
    kind->soak->begun = true;
    return highest();
}

static struct soak of_children;

static double children_first(const void *context) {
    (void)context;
    if (!of_children.begun) {
        start_and_join(SOAK_STARTS / 10);
        of_children.first = highest();
    }
    return of_children.first;
}

static double children_last(const void *context) {
    (void)context;
    start_and_join(of_children.begun ? SOAK_STARTS / 10 : SOAK_STARTS);
    of_children.begun = true;
    return highest();
}

/* ---- the works ---- */

static const spork_start_method spawn = SPORK_METHOD_SPAWN;
static const spork_start_method by_fork = SPORK_METHOD_FORK;
static const spork_start_method forkserver = SPORK_METHOD_FORKSERVER;

/* X(what it is called here, its name, what is done with it) */
#define KINDS(X)                                                                \
    X(lock, "lock", new_lock, use_lock, free_lock)                              \
    X(rlock, "rlock", new_rlock, use_lock, free_lock)                           \
    X(semaphore, "semaphore", new_semaphore, use_semaphore, free_semaphore)     \
    X(condition, "condition", new_condition, use_condition, free_condition)     \
    X(event, "event", new_event, use_event, free_event)                         \
    X(barrier, "barrier", new_barrier, use_barrier, free_barrier)               \
    X(rwlock, "rwlock", new_rwlock, use_rwlock, free_rwlock)                    \
    X(queue, "queue", new_queue, use_queue, free_queue)                         \
    X(bounded, "queue of 100 items", new_bounded_queue, use_queue, free_queue)  \
    X(pipe, "pipe", new_pipe, use_pipe, free_pipe)                              \
    X(value, "value", new_value, use_array, free_array)                         \
    X(array, "array of 1000 int64", new_array, use_array, free_array)           \
    X(block, "block of 64 B", new_block, use_block, free_block)                 \
    X(future, "future", new_future, use_future, free_future)

#define KIND(id, name, make, use, release) \
    static struct soak id##_soak;          \
    static const struct kind id##_kind = {make, use, release, &id##_soak};
#define SIZE(id, name, make, use, release) \
    {"arena bytes " name, "B", {{"spork", bytes_of, &id##_kind}}},
#define SOAK(id, name, make, use, release) \
    {"arena soak " name, "KiB",            \
     {{"first", soak_first, &id##_kind}, {"last", soak_last, &id##_kind}}},

KINDS(KIND)

/* The soaks come before there was ever much in use: what they lose could lie below its mark. */
static const struct bench_work works[] = {
    {"idle worker fork", "KiB",
     {{"limit", bare_copy, NULL},
      {"spork", child, &by_fork},
      {"spork forkserver", child, &forkserver},
      {"spork pool", worker, &by_fork}}},
    {"idle worker spawn", "KiB",
     {{"limit", bare_program, NULL}, {"spork", child, &spawn}, {"spork pool", worker, &spawn}}},
    KINDS(SOAK)
    {"arena soak children", "KiB",
     {{"first", children_first, NULL}, {"last", children_last, NULL}}},
    KINDS(SIZE)
    {"arena bytes worker of a pool", "B", {{"spork", bytes_of_worker, NULL}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--idle") == 0) {
        bench_be_idle();
    }
    program = argv[0];
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
