/* Growth: curves in place of points. How the price of one thing changes with how many processes,
   readers, tasks and objects there are, with the size of an item, and with the memory of who
   starts a child.

   A work "FAMILY by WHAT/N" is one point of a curve. How often each point is repeated follows
   from how long the last one took. What would take too long even once, or more than half of the
   memory, is left out with a word: so the program ends in time on slow systems too, with shorter
   curves. */
#include "support/bench.h"
#include "support/bench_limits.h"
#include "support/bench_probe.h"
#include "support/bench_system.h"

enum {
    PROCESSES = 200,
    MESSAGES = 160000,
    MOST_PARTS = 16,   /* writers, or readers */
    MESSAGE = 100,     /* bytes */
    WORKERS = 2,
    IN_FLIGHT = 512,
    MIB = 1 << 20
};
static const double most_seconds = 3;   /* of one measurement */
static const double wanted_seconds = 0.4; /* where it can be had */

static const char *program;

/* Of the present measurement: the share of the repetitions that it shall make, and how many it
   has made. */
static double effort;
static int64_t times_made;

static int64_t scaled(int64_t count, int64_t least) {
    int64_t found = (int64_t)((double)count * effort);
    return found > least ? found : least;
}

/* How often what is done n times at once is repeated, so that there is something to measure. */
static int64_t repeats(int64_t n, int64_t wanted) {
    int64_t found = scaled(wanted, 1) / n;
    times_made = found > 1 ? found : 1;
    return times_made;
}

/* ---- starting so many, who all live at one time ---- */

static int live(spork_event *end) {
    return spork_event_wait(end, SPORK_FOREVER);
}
SPORK_TASK(int, live, spork_event *);

static void start_one(spork_process **process, spork_event *end, spork_start_method method) {
    const spork_process_options options = {.method = method};
    MUST(spork_process_start(process, live_call(end), &options));
}

static void join_one(spork_process *process) {
    MUST(spork_process_join(process, SPORK_FOREVER, NULL));
    MUST(spork_process_free(process));
}

static double start_all(int64_t n, spork_start_method method) {
    static spork_event *end;
    spork_process *processes[PROCESSES];
    if (!spork_has_start_method(method)) {
        return NAN;
    }
    if (end == NULL) {
        MUST(spork_event_new(&end, NULL));
    }
    int64_t times = repeats(n, 10);
    int64_t begin = bench_now();
    for (int64_t k = 0; k < times; k++) {
        for (int64_t i = 0; i < n; i++) {
            start_one(&processes[i], end, method);
        }
        MUST(spork_event_set(end));
        for (int64_t i = 0; i < n; i++) {
            join_one(processes[i]);
        }
        MUST(spork_event_clear(end));
    }
    return (double)(bench_now() - begin) / (double)(n * times) / 1e3;
}

static double start_all_fork(int64_t n) {
    return start_all(n, SPORK_METHOD_FORK);
}

static double start_all_forkserver(int64_t n) {
    return start_all(n, SPORK_METHOD_FORKSERVER);
}

static double start_all_spawn(int64_t n) {
    return start_all(n, SPORK_METHOD_SPAWN);
}

static int64_t idle_program(void) {
    return bench_idle_program(program);
}

static double start_idle(int64_t n, int64_t (*start)(void)) {
    int64_t ids[PROCESSES];
    int64_t times = repeats(n, 10);
    int64_t begin = bench_now();
    for (int64_t k = 0; k < times; k++) {
        for (int64_t i = 0; i < n; i++) {
            ids[i] = start();
            if (ids[i] < 0) {
                return NAN;
            }
        }
        for (int64_t i = 0; i < n; i++) {
            bench_end_idle(ids[i]);
        }
    }
    return (double)(bench_now() - begin) / (double)(n * times) / 1e3;
}

static double start_copies(int64_t n) {
    return start_idle(n, bench_idle_copy);
}

static double start_programs(int64_t n) {
    return start_idle(n, idle_program);
}

/* ---- what others who live cost who works ---- */

/* Sees to it that so many children wait for an event. */
static void populate(int64_t n) {
    static spork_process *processes[PROCESSES];
    static spork_event *end;
    static int64_t alive;
    if (end == NULL) {
        MUST(spork_event_new(&end, NULL));
    }
    while (alive < n) {
        start_one(&processes[alive++], end, SPORK_METHOD_SPAWN);
    }
    if (alive > n) {
        MUST(spork_event_set(end));
        while (alive > 0) {
            join_one(processes[--alive]);
        }
        MUST(spork_event_clear(end));
        populate(n);
    }
}

enum { OPERATIONS = 100000 };

static double system_lock(int64_t n) {
    _Alignas(64) unsigned char memory[64] = {0};
    int64_t count = scaled(OPERATIONS, 100);
    (void)n;
    int64_t begin = bench_now();
    for (int64_t i = 0; i < count; i++) {
        bench_lock(memory);
        bench_unlock(memory);
    }
    return (double)(bench_now() - begin) / (double)count;
}

static double spork_lock_alone(int64_t n) {
    spork_lock *lock;
    int64_t count = scaled(OPERATIONS, 100);
    (void)n;
    MUST(spork_lock_new(&lock, NULL));
    int64_t begin = bench_now();
    for (int64_t i = 0; i < count; i++) {
        MUST(spork_lock_acquire(lock, SPORK_FOREVER));
        MUST(spork_lock_release(lock));
    }
    double duration = (double)(bench_now() - begin);
    spork_lock_free(lock);
    return duration / (double)count;
}

static double ring_alone(int64_t n) {
    spork_offset memory;
    char data[MESSAGE] = {0};
    struct limit_ring *ring = bench_share(&memory, limit_ring_size(LIMIT_SLOTS, MESSAGE));
    int64_t count = scaled(OPERATIONS, 100);
    (void)n;
    int64_t begin = bench_now();
    for (int64_t i = 0; i < count; i++) {
        limit_put(ring, LIMIT_SLOTS, data, sizeof data);
        limit_get(ring, LIMIT_SLOTS, data, sizeof data);
    }
    double duration = (double)(bench_now() - begin);
    bench_unshare(memory);
    return duration / (double)count;
}

static double queue_alone(int64_t n) {
    spork_queue *queue;
    char data[MESSAGE] = {0};
    size_t size;
    int64_t count = scaled(OPERATIONS, 100);
    (void)n;
    MUST(spork_queue_new(&queue, &(spork_queue_options){.maxsize = LIMIT_SLOTS}));
    int64_t begin = bench_now();
    for (int64_t i = 0; i < count; i++) {
        MUST(spork_queue_put_bytes(queue, data, sizeof data, SPORK_FOREVER));
        MUST(spork_queue_get_bytes(queue, data, sizeof data, &size, SPORK_FOREVER));
    }
    double duration = (double)(bench_now() - begin);
    spork_queue_free(queue);
    return duration / (double)count;
}

/* ---- through a queue ---- */

static void *letter(const struct bench_part *part) {
    void *data = malloc(part->size);
    if (data == NULL) {
        abort();
    }
    memset(data, 1, part->size);
    return data;
}

/* Few of the large ones: they are to be copied, not to be stored. */
static size_t slots_for(size_t size) {
    return size > 1 << 20 ? 2 : size > 1 << 16 ? 4 : LIMIT_SLOTS;
}

static void put_into_ring(const struct bench_part *part) {
    void *data = letter(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_put(part->memory, slots_for(part->size), data, part->size);
    }
    free(data);
}

static void get_from_ring(const struct bench_part *part) {
    void *data = letter(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get(part->memory, slots_for(part->size), data, part->size);
    }
    free(data);
}

static void put_into_shared(const struct bench_part *part) {
    void *data = letter(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_put_shared(part->memory, data, part->size);
    }
    free(data);
}

static void get_from_shared(const struct bench_part *part) {
    void *data = letter(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get_shared(part->memory, data, part->size);
    }
    free(data);
}

static void put_into_queue(const struct bench_part *part) {
    void *data = letter(part);
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_queue_put_bytes(part->queue, data, part->size, SPORK_FOREVER));
    }
    free(data);
}

static void get_from_queue(const struct bench_part *part) {
    void *data = letter(part);
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_queue_get_bytes(part->queue, data, part->size, &size, SPORK_FOREVER));
    }
    free(data);
}

static struct bench_plan plan_of(int64_t writers, bench_role *put, int64_t readers,
                                 bench_role *get, size_t size, uint64_t count) {
    struct bench_plan plan = {.size = size};
    plan.roles[0].role = put;
    plan.roles[0].count = (int)writers;
    plan.roles[0].operations = count / (uint64_t)writers;
    plan.roles[1].role = get;
    plan.roles[1].count = (int)readers;
    plan.roles[1].operations = count / (uint64_t)readers;
    return plan;
}

/* A multiple of all numbers of writers. */
static uint64_t messages(void) {
    times_made = scaled(MESSAGES / MOST_PARTS, 10) * MOST_PARTS;
    return (uint64_t)times_made;
}

static double through_shared_ring(int64_t writers, int64_t readers) {
    uint64_t count = messages();
    struct bench_plan plan = plan_of(writers, put_into_shared, readers, get_from_shared,
                                     MESSAGE, count);
    limit_open_shared(bench_share(&plan.memory, limit_shared_size(MESSAGE)), MESSAGE);
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / (double)count;
}

static double through_queue(int64_t writers, int64_t readers, size_t size, uint64_t count) {
    struct bench_plan plan = plan_of(writers, put_into_queue, readers, get_from_queue, size,
                                     count);
    const spork_queue_options options = {.maxsize = (int64_t)slots_for(size)};
    MUST(spork_queue_new(&plan.queue, &options));
    double duration = bench_together(&plan);
    spork_queue_free(plan.queue);
    return duration / (double)count;
}

static double writers_ring(int64_t n) {
    return through_shared_ring(n, 1);
}

static double writers_queue(int64_t n) {
    return through_queue(n, 1, MESSAGE, messages());
}

static double readers_ring(int64_t n) {
    return through_shared_ring(1, n);
}

static double readers_queue(int64_t n) {
    return through_queue(1, n, MESSAGE, messages());
}

/* So many of a size as make a quarter of a gibibyte, within bounds. */
static uint64_t count_of(int64_t size) {
    int64_t count = 256 * (int64_t)MIB / size;
    times_made = scaled(count > 300000 ? 300000 : count < 8 ? 8 : count, 4);
    return (uint64_t)times_made;
}

static double size_ring(int64_t size) {
    uint64_t count = count_of(size);
    struct bench_plan plan = plan_of(1, put_into_ring, 1, get_from_ring, (size_t)size, count);
    bench_share(&plan.memory, limit_ring_size(slots_for((size_t)size), (size_t)size));
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / (double)count;
}

static double size_queue(int64_t size) {
    return through_queue(1, 1, (size_t)size, count_of(size));
}

/* ---- tasks of a pool ---- */

static int64_t identity(int64_t number) {
    return number;
}
SPORK_TASK(int64_t, identity, int64_t);

static spork_pool *pool(void) {
    static spork_pool *made;
    if (made == NULL) {
        MUST(spork_pool_new(&made, &(spork_pool_options){.workers = WORKERS}));
    }
    return made;
}

/* Numbers, and behind them the place for as many results: they stay for the rounds and for the
   smaller points, so that both variants find memory that has been touched. */
struct numbers {
    _Alignas(64) _Atomic uint64_t next;
    _Alignas(64) int64_t items[];
};

static struct numbers *numbers(int64_t n, spork_offset *where) {
    static spork_offset memory;
    static int64_t room;
    if (room < n) {
        bench_unshare(memory);
        bench_share(&memory, sizeof(struct numbers) + 2 * (size_t)n * sizeof(int64_t));
        room = n;
    }
    struct numbers *found = spork_shared_at(memory);
    atomic_store(&found->next, 0);
    memset(found->items, 0, 2 * (size_t)n * sizeof found->items[0]);
    *where = memory;
    return found;
}

/* Over and over, as one long row: few items are not measured by how parts meet. */
static void take_items(const struct bench_part *part) {
    struct numbers *all = part->memory;
    int64_t (*volatile task)(int64_t) = identity;
    uint64_t end = part->size * part->count;
    for (uint64_t i; (i = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed)) <
                     end;) {
        all->items[part->size + i % part->size] = task(all->items[i % part->size]);
    }
}

static double map_by_cursor(int64_t n) {
    int64_t times = repeats(n, 100000);
    struct bench_plan plan = {.size = (size_t)n};
    numbers(n, &plan.memory);
    plan.roles[0].role = take_items;
    plan.roles[0].count = WORKERS;
    plan.roles[0].operations = (uint64_t)times;
    return bench_together(&plan) / (double)(n * times);
}

static double map_by_pool(int64_t n) {
    spork_offset memory;
    int64_t times = repeats(n, 1000);
    int64_t *items = numbers(n, &memory)->items;
    int64_t begin = bench_now();
    for (int64_t k = 0; k < times; k++) {
        MUST(identity_map(pool(), items, (size_t)n, items + n));
    }
    return (double)(bench_now() - begin) / (double)(n * times);
}

/* The limit of tasks that are given one by one: a ring there and a ring back. */
static size_t ring_room(void) {
    return (limit_ring_size(LIMIT_SLOTS, sizeof(int64_t)) + 63) / 64 * 64;
}

static struct limit_ring *ring_of(const struct bench_part *part, int number) {
    return (struct limit_ring *)((unsigned char *)part->memory + (size_t)number * ring_room());
}

static void give_tasks(const struct bench_part *part) {
    int64_t number = 0;
    for (uint64_t i = 0; i < part->count + IN_FLIGHT; i++) {
        if (i >= IN_FLIGHT && i - IN_FLIGHT < part->count) {
            limit_get(ring_of(part, 1), LIMIT_SLOTS, &number, sizeof number);
        }
        if (i < part->count) {
            limit_put(ring_of(part, 0), LIMIT_SLOTS, &number, sizeof number);
        }
    }
}

static void do_tasks(const struct bench_part *part) {
    int64_t number;
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get(ring_of(part, 0), LIMIT_SLOTS, &number, sizeof number);
        limit_put(ring_of(part, 1), LIMIT_SLOTS, &number, sizeof number);
    }
}

static double async_by_rings(int64_t n) {
    int64_t all = n * repeats(n, 1000);
    struct bench_plan plan = plan_of(1, give_tasks, 1, do_tasks, 0, (uint64_t)all);
    bench_share(&plan.memory, 2 * ring_room());
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / (double)all;
}

static double async_by_pool(int64_t n) {
    int64_t times = repeats(n, 1000);
    int64_t result;
    identity_future *futures = malloc((size_t)n * sizeof *futures);
    if (futures == NULL) {
        return NAN;
    }
    int64_t begin = bench_now();
    for (int64_t k = 0; k < times; k++) {
        for (int64_t i = 0; i < n; i++) {
            MUST(identity_apply_async(&futures[i], pool(), i));
        }
        for (int64_t i = 0; i < n; i++) {
            MUST(identity_get(futures[i], &result, SPORK_FOREVER));
            spork_future_free(futures[i].future);
        }
    }
    double duration = (double)(bench_now() - begin);
    free(futures);
    return duration / (double)(n * times);
}

/* ---- objects ---- */

/* A thing that is made and freed n times, all of it there in between. Freeing is told by the
   variant that follows. */
typedef void *make_object(void);
typedef void free_object(void *object);
static double last_freeing;

static double make_objects(int64_t n, make_object *make, free_object *release) {
    int64_t times = repeats(n, 1000);
    int64_t making = 0;
    int64_t freeing = 0;
    void **objects = malloc((size_t)n * sizeof *objects);
    if (objects == NULL) {
        return NAN;
    }
    for (int64_t k = 0; k < times; k++) {
        int64_t begin = bench_now();
        for (int64_t i = 0; i < n; i++) {
            objects[i] = make();
        }
        int64_t middle = bench_now();
        for (int64_t i = 0; i < n; i++) {
            release(objects[i]);
        }
        making += middle - begin;
        freeing += bench_now() - middle;
    }
    free(objects);
    last_freeing = (double)freeing / (double)(n * times);
    return (double)making / (double)(n * times);
}

static double told_freeing(int64_t n) {
    (void)n;
    return last_freeing;
}

static void *make_own(void) {
    void *block = malloc(64);
    if (block == NULL) {
        abort();
    }
    memset(block, 0, 64);
    return block;
}

static void *make_shared(void) {
    spork_offset block;
    return bench_share(&block, 64);
}

static void free_shared(void *block) {
    bench_unshare(spork_shared_offset(block));
}

static void *make_lock(void) {
    spork_lock *lock;
    MUST(spork_lock_new(&lock, NULL));
    return lock;
}

static void free_lock(void *lock) {
    spork_lock_free(lock);
}

static void *make_queue(void) {
    spork_queue *queue;
    MUST(spork_queue_new(&queue, NULL));
    return queue;
}

static void free_queue(void *queue) {
    spork_queue_free(queue);
}

static double own_blocks(int64_t n) {
    return make_objects(n, make_own, free);
}

static double shared_blocks(int64_t n) {
    return make_objects(n, make_shared, free_shared);
}

static double locks(int64_t n) {
    return make_objects(n, make_lock, free_lock);
}

static double queues(int64_t n) {
    return make_objects(n, make_queue, free_queue);
}

/* ---- the memory of who starts a child ---- */

/* Sees to it that this process has so many mebibytes more, touched. */
static void hold(int64_t mebibytes) {
    static void *blocks[64];
    static int64_t held;
    static int count;
    if (held > mebibytes || (held < mebibytes && count == 64)) {
        while (count > 0) {
            free(blocks[--count]);
        }
        held = 0;
    }
    if (held < mebibytes) {
        size_t size = (size_t)(mebibytes - held) * MIB;
        blocks[count] = malloc(size);
        if (blocks[count] == NULL) {
            abort();
        }
        memset(blocks[count++], 1, size);
        held = mebibytes;
    }
}

static int nothing(void) {
    return 0;
}
SPORK_TASK(int, nothing);

/* The larger, the fewer. */
static int64_t starts_beside(int64_t mebibytes) {
    times_made = scaled(mebibytes > 1000 ? 3 : 10, 1);
    return times_made;
}

static double start_beside(int64_t mebibytes, spork_start_method method) {
    const spork_process_options options = {.method = method};
    int64_t starts = starts_beside(mebibytes);
    if (!spork_has_start_method(method)) {
        return NAN;
    }
    int64_t begin = bench_now();
    for (int64_t i = 0; i < starts; i++) {
        spork_process *process;
        MUST(spork_process_start(&process, nothing_call(), &options));
        join_one(process);
    }
    return (double)(bench_now() - begin) / (double)starts / 1e3;
}

static double fork_beside(int64_t mebibytes) {
    return start_beside(mebibytes, SPORK_METHOD_FORK);
}

static double forkserver_beside(int64_t mebibytes) {
    return start_beside(mebibytes, SPORK_METHOD_FORKSERVER);
}

static double spawn_beside(int64_t mebibytes) {
    return start_beside(mebibytes, SPORK_METHOD_SPAWN);
}

static double copy_beside(int64_t mebibytes) {
    double sum = 0;
    int64_t starts = starts_beside(mebibytes);
    for (int64_t i = 0; i < starts; i++) {
        sum += bench_start_copy();
    }
    return sum / (double)starts / 1e3;
}

static double program_beside(int64_t mebibytes) {
    double sum = 0;
    int64_t starts = starts_beside(mebibytes);
    for (int64_t i = 0; i < starts; i++) {
        sum += bench_start_program(program);
    }
    return sum / (double)starts / 1e3;
}

/* ---- the curves ---- */

enum needs { LIVING = 1, BALLAST = 2, QUEUES = 4 }; /* what has to be there, n of it */

struct curve {
    const char *family;
    const char *unit;
    int needs;
    double bytes; /* that one more takes, about */
    struct {
        const char *name;
        double (*measure)(int64_t n);
    } variants[4];
    int64_t points[16]; /* ends with 0 */
};

#define DECADES 1, 10, 100, 1000, 10000, 100000, 1000000
#define POPULATION {1, 2, 5, 10, 20, 50, 100, PROCESSES}
#define FEW {1, 2, 4, 8, 16}
#define SIZES                                                                                 \
    {8, 32, 128, 512, 2048, 8192, 32768, 131072, 524288, 2 * MIB, 8 * MIB, 32 * MIB, 64 * MIB}
#define MEBIBYTES {10, 40, 160, 640, 1024, 2048, 4096}

static const struct curve curves[] = {
    {"fork by live children", "us", 0, 0,
     {{"limit", start_copies}, {"spork", start_all_fork},
      {"spork forkserver", start_all_forkserver}}, POPULATION},
    {"spawn by live children", "us", 0, 0,
     {{"limit", start_programs}, {"spork", start_all_spawn}}, POPULATION},
    {"queue 100 B by writers", "ns", 0, 0,
     {{"limit", writers_ring}, {"spork", writers_queue}}, FEW},
    {"queue 100 B by readers", "ns", 0, 0,
     {{"limit", readers_ring}, {"spork", readers_queue}}, FEW},
    {"queue 1 to 1 by item size (B)", "ns", 0, 8,
     {{"limit", size_ring}, {"spork", size_queue}}, SIZES},
    {"pool map by tasks", "ns", 0, 16,
     {{"limit", map_by_cursor}, {"spork", map_by_pool}}, {DECADES, 10000000}},
    {"pool apply_async by tasks", "ns", 0, 1024,
     {{"limit", async_by_rings}, {"spork", async_by_pool}}, {DECADES}},
    {"shared block of 64 B by blocks", "ns", 0, 256,
     {{"limit", own_blocks}, {"spork", shared_blocks}, {"spork free", told_freeing}}, {DECADES}},
    {"lock made by locks", "ns", 0, 512,
     {{"limit", own_blocks}, {"spork", locks}, {"spork free", told_freeing}}, {DECADES}},
    {"queue made by queues", "ns", QUEUES, 8192,
     {{"limit", own_blocks}, {"spork", queues}, {"spork free", told_freeing}}, {DECADES}},
    {"lock alone by live children", "ns", LIVING, 0,
     {{"limit", system_lock}, {"spork", spork_lock_alone}}, POPULATION},
    {"queue put and get by live children", "ns", LIVING, 0,
     {{"limit", ring_alone}, {"spork", queue_alone}}, POPULATION},
    {"fork by parent memory (MiB)", "us", BALLAST, MIB,
     {{"limit", copy_beside}, {"spork", fork_beside}, {"spork forkserver", forkserver_beside}},
     MEBIBYTES},
    {"spawn by parent memory (MiB)", "us", BALLAST, MIB,
     {{"limit", program_beside}, {"spork", spawn_beside}}, MEBIBYTES},
};
enum { CURVES = sizeof curves / sizeof curves[0], POINTS = 16, VARIANTS = 4 };

/* ---- points ---- */

struct point {
    const struct curve *curve;
    int64_t n;
    bool is_decided, is_left_out;
    struct place {
        struct point *point;
        int variant;
        double seconds; /* that the last measurement took, for once */
    } places[VARIANTS];
    struct place *contexts[VARIANTS]; /* what the variants are given */
};
static struct point points[CURVES][POINTS];
/* The next effort of each variant; the first measurement of a curve is a trial. */
static double efforts[CURVES][VARIANTS];
static const double trial = 0.05;

static bool say_left_out(const struct point *point, const char *why) {
    fprintf(stderr, "bench: %s/%lld is left out: %s\n", point->curve->family,
            (long long)point->n, why);
    return true;
}

static double slowest(const struct point *point) {
    double seconds = 0;
    for (int i = 0; i < VARIANTS; i++) {
        seconds = point->places[i].seconds > seconds ? point->places[i].seconds : seconds;
    }
    return seconds;
}

/* Seconds for once at this point: in proportion to n, or up to its square if the last points rose
   faster. */
static double expected(const struct point *point) {
    const struct point *before = point - 1;
    double growth = (double)point->n / (double)before->n;
    double seconds = slowest(before);
    if (seconds > 0.05 && before != points[point->curve - curves] && before[-1].is_decided) {
        double last = seconds / slowest(before - 1);
        double most = growth * growth;
        growth = last > most ? most : last > growth ? last : growth;
    }
    return seconds * growth;
}

/* Once for all rounds and variants; a point behind one that was left out is so as well. */
static bool decide(const struct point *point) {
    const struct curve *curve = point->curve;
    const struct point *before = point == points[curve - curves] ? NULL : point - 1;
    if (curve->bytes * (double)point->n > bench_memory_available() / 2) {
        return say_left_out(point, "it takes more than half of the memory that there is");
    }
    if ((curve->needs & QUEUES) != 0 && point->n > bench_most_queues()) {
        return say_left_out(point, "the system has not enough objects for so many");
    }
    if (before == NULL || !before->is_decided) {
        return false;
    }
    if (before->is_left_out || expected(point) > most_seconds) {
        return say_left_out(point, "it takes too long here");
    }
    return false;
}

/* Measures, and lets the next time take as long as is wanted. */
static double measure_place(struct place *place) {
    const struct point *point = place->point;
    double *next = &efforts[point->curve - curves][place->variant];
    effort = *next == 0 ? trial : *next;
    times_made = 1;
    int64_t begin = bench_now();
    populate(point->curve->needs & LIVING ? point->n : 0);
    hold(point->curve->needs & BALLAST ? point->n : 0);
    double value = point->curve->variants[place->variant].measure(point->n);
    double seconds = (double)(bench_now() - begin + 1) / 1e9;
    place->seconds = seconds / (double)times_made;
    *next = effort * wanted_seconds / seconds;
    *next = *next > 1 ? 1 : *next;
    return value;
}

static double measure_point(const void *context) {
    struct place *place = *(struct place *const *)context;
    struct point *point = place->point;
    if (!point->is_decided) {
        point->is_left_out = decide(point);
        point->is_decided = true;
    }
    return point->is_left_out ? NAN : measure_place(place);
}

static bool is_wanted(const char *family, const char *name, char **names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], family) == 0 || strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return count == 0;
}

static void describe(struct bench_work *work, struct point *point, const char *name) {
    *work = (struct bench_work){.name = name, .unit = point->curve->unit};
    for (int i = 0; i < VARIANTS && point->curve->variants[i].name != NULL; i++) {
        point->places[i] = (struct place){point, i, 0};
        point->contexts[i] = &point->places[i];
        work->variants[i] = (struct bench_variant){point->curve->variants[i].name,
                                                   measure_point, &point->contexts[i]};
    }
}

/* The works of the families or points that are named, or of all. */
static const struct bench_work *works_of(char **names, int count) {
    static struct bench_work works[CURVES * POINTS + 1];
    static char texts[CURVES][POINTS][64];
    size_t made = 0;
    for (int i = 0; i < CURVES; i++) {
        for (int k = 0; k < POINTS && curves[i].points[k] != 0; k++) {
            char *text = texts[i][k];
            points[i][k] = (struct point){.curve = &curves[i], .n = curves[i].points[k]};
            snprintf(text, sizeof texts[i][k], "%s/%lld", curves[i].family,
                     (long long)curves[i].points[k]);
            if (is_wanted(curves[i].family, text, names, count)) {
                describe(&works[made++], &points[i][k], text);
            }
        }
    }
    return works;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--nothing") == 0) {
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--idle") == 0) {
        bench_be_idle();
    }
    program = argv[0];
    MUST(spork_init(argc, argv));
    int options = argc > 2 && strcmp(argv[1], "--rounds") == 0 ? 3 : 1;
    int status = bench_main(options, argv, works_of(argv + options, argc - options));
    populate(0);
    return status;
}
