/* Latency: not how much goes through, but how long one thing takes, and how long the slowest
   in a hundred and in a thousand take. Somebody is hot when it spins or looks all the time, and
   asleep when the system has to wake it.

   A run gives all percentiles at once, so a family of works has a row of numbers for each round,
   and "FAMILY/p99" tells a column of it. */
#include "support/bench.h"
#include "support/bench_limits.h"
#include "support/bench_probe.h"
#include "support/bench_system.h"

enum {
    PAIRS = 8,          /* of writers and readers: more than there are processors */
    SAMPLES = 40000,    /* of one run, at most */
    HOT = 20000,
    ASLEEP = 2000,
    HOT_GAP = 1000,     /* ns between two: whoever waits has not gone to sleep yet */
    SLEEP_GAP = 300000, /* it surely has */
    LETTER = 64,        /* bytes there and back */
    ROOM = 1 << 17      /* for a ring */
};

/* What the parts of a run share. */
struct stage {
    int64_t gap; /* ns from one to the next */
    _Alignas(64) _Atomic uint64_t turn;
    _Alignas(64) _Atomic uint64_t done;
    _Alignas(64) _Atomic int64_t stamps[PAIRS];
    _Atomic uint64_t heard[PAIRS]; /* how often each has heard its bell */
    _Alignas(64) unsigned char lock[64];
    _Alignas(64) unsigned char bells[PAIRS][BENCH_BELL_SIZE];
    _Alignas(64) unsigned char there[ROOM];
    _Alignas(64) unsigned char back[ROOM];
    _Alignas(64) int64_t samples[SAMPLES];
};

static void spin_for(int64_t duration) {
    for (int64_t end = bench_now() + duration; bench_now() < end;) {
        bench_relax();
    }
}

static void spin_until(const _Atomic uint64_t *word, uint64_t value) {
    while (atomic_load_explicit(word, memory_order_acquire) != value) {
        bench_relax();
    }
}

static void note(const struct bench_part *part, uint64_t number, int64_t since) {
    struct stage *stage = part->memory;
    stage->samples[(uint64_t)part->index * part->count + number] = bench_now() - since;
}

/* ---- from put to get ---- */

static void put_stamps_into_ring(const struct bench_part *part) {
    struct stage *stage = part->memory;
    for (uint64_t i = 0; i < part->count; i++) {
        spin_for(stage->gap);
        int64_t now = bench_now();
        limit_put((struct limit_ring *)stage->there, LIMIT_SLOTS, &now, sizeof now);
    }
}

static void get_stamps_from_ring(const struct bench_part *part) {
    struct stage *stage = part->memory;
    int64_t stamp;
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get((struct limit_ring *)stage->there, LIMIT_SLOTS, &stamp, sizeof stamp);
        note(part, i, stamp);
    }
}

static void put_stamp(const struct bench_part *part) {
    int64_t now = bench_now();
    MUST(spork_queue_put_bytes(part->queue, &now, sizeof now, SPORK_FOREVER));
}

static void put_stamps(const struct bench_part *part) {
    const struct stage *stage = part->memory;
    for (uint64_t i = 0; i < part->count; i++) {
        spin_for(stage->gap);
        put_stamp(part);
    }
}

static void get_stamps(const struct bench_part *part) {
    int64_t stamp;
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_queue_get_bytes(part->queue, &stamp, sizeof stamp, &size, SPORK_FOREVER));
        note(part, i, stamp);
    }
}

/* The limit of sleepers: a word with the stamp, and a bell. Rings are not counted, so the next
   one comes when this one has been heard; its stamp does not wait for that, as in a queue. */
static void ring_stamp(const struct bench_part *part, bench_bell *bell, uint64_t number) {
    struct stage *stage = part->memory;
    int64_t now = bench_now();
    while (atomic_load(&stage->heard[part->index]) != number) {
        bench_yield();
    }
    atomic_store(&stage->stamps[part->index], now);
    bench_bell_ring(bell);
}

static void ring_bell(const struct bench_part *part) {
    struct stage *stage = part->memory;
    bench_bell *bell = bench_bell_open(stage->bells[part->index]);
    for (uint64_t i = 0; i < part->count; i++) {
        spin_for(stage->gap);
        ring_stamp(part, bell, i);
    }
    bench_bell_close(bell);
}

static void wait_for_bell(const struct bench_part *part) {
    struct stage *stage = part->memory;
    bench_bell *bell = bench_bell_open(stage->bells[part->index]);
    for (uint64_t i = 0; i < part->count; i++) {
        bench_bell_wait(bell);
        note(part, i, atomic_load(&stage->stamps[part->index]));
        atomic_store(&stage->heard[part->index], i + 1);
    }
    bench_bell_close(bell);
}

/* ---- there and back ---- */

static void throw_letters(const struct bench_part *part) {
    struct stage *stage = part->memory;
    char letter[LETTER] = {0};
    for (uint64_t i = 0; i < part->count; i++) {
        int64_t begin = bench_now();
        limit_put((struct limit_ring *)stage->there, LIMIT_SLOTS, letter, sizeof letter);
        limit_get((struct limit_ring *)stage->back, LIMIT_SLOTS, letter, sizeof letter);
        note(part, i, begin);
    }
}

static void return_letters(const struct bench_part *part) {
    struct stage *stage = part->memory;
    char letter[LETTER];
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get((struct limit_ring *)stage->there, LIMIT_SLOTS, letter, sizeof letter);
        limit_put((struct limit_ring *)stage->back, LIMIT_SLOTS, letter, sizeof letter);
    }
}

static void send_letters(const struct bench_part *part) {
    char letter[LETTER] = {0};
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        int64_t begin = bench_now();
        MUST(spork_pipe_send_bytes(part->pipe, letter, sizeof letter, SPORK_FOREVER));
        MUST(spork_pipe_recv_bytes(part->pipe, letter, sizeof letter, &size, SPORK_FOREVER));
        note(part, i, begin);
    }
}

static void send_letters_back(const struct bench_part *part) {
    char letter[LETTER];
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_pipe_recv_bytes(part->pipe, letter, sizeof letter, &size, SPORK_FOREVER));
        MUST(spork_pipe_send_bytes(part->pipe, letter, size, SPORK_FOREVER));
    }
}

/* The limit of a call to who sleeps: a bell for each way. */
static void call_by_bells(const struct bench_part *part) {
    struct stage *stage = part->memory;
    bench_bell *there = bench_bell_open(stage->bells[0]);
    bench_bell *back = bench_bell_open(stage->bells[1]);
    for (uint64_t i = 0; i < part->count; i++) {
        spin_for(stage->gap);
        int64_t begin = bench_now();
        bench_bell_ring(there);
        bench_bell_wait(back);
        note(part, i, begin);
    }
    bench_bell_close(there);
    bench_bell_close(back);
}

static void answer_by_bells(const struct bench_part *part) {
    struct stage *stage = part->memory;
    bench_bell *there = bench_bell_open(stage->bells[0]);
    bench_bell *back = bench_bell_open(stage->bells[1]);
    for (uint64_t i = 0; i < part->count; i++) {
        bench_bell_wait(there);
        bench_bell_ring(back);
    }
    bench_bell_close(there);
    bench_bell_close(back);
}

/* ---- a lock, from who lets it go to who waits for it ---- */

/* The giver holds the lock before the taker may ask for it, and lets it go when that waits. */
static void give_lock(const struct bench_part *part, bool spork) {
    struct stage *stage = part->memory;
    for (uint64_t i = 1; i <= part->count; i++) {
        spork ? MUST(spork_lock_acquire(part->lock, SPORK_FOREVER)) : bench_lock(stage->lock);
        atomic_store(&stage->turn, i);
        spin_for(stage->gap);
        atomic_store(&stage->stamps[0], bench_now());
        spork ? MUST(spork_lock_release(part->lock)) : bench_unlock(stage->lock);
        spin_until(&stage->done, i);
    }
}

static void take_lock(const struct bench_part *part, bool spork) {
    struct stage *stage = part->memory;
    for (uint64_t i = 1; i <= part->count; i++) {
        spin_until(&stage->turn, i);
        spork ? MUST(spork_lock_acquire(part->lock, SPORK_FOREVER)) : bench_lock(stage->lock);
        note(part, i - 1, atomic_load(&stage->stamps[0]));
        spork ? MUST(spork_lock_release(part->lock)) : bench_unlock(stage->lock);
        atomic_store(&stage->done, i);
    }
}

static void give_system_lock(const struct bench_part *part) {
    give_lock(part, false);
}

static void take_system_lock(const struct bench_part *part) {
    take_lock(part, false);
}

static void give_spork_lock(const struct bench_part *part) {
    give_lock(part, true);
}

static void take_spork_lock(const struct bench_part *part) {
    take_lock(part, true);
}

/* ---- more processes than processors ---- */

static void put_now_and_then(const struct bench_part *part) {
    for (uint64_t i = 0; i < part->count; i++) {
        spork_sleep_ms(1);
        put_stamp(part);
    }
}

static void ring_now_and_then(const struct bench_part *part) {
    struct stage *stage = part->memory;
    bench_bell *bell = bench_bell_open(stage->bells[part->index]);
    for (uint64_t i = 0; i < part->count; i++) {
        spork_sleep_ms(1);
        ring_stamp(part, bell, i);
    }
    bench_bell_close(bell);
}

static void put_many(const struct bench_part *part) {
    for (uint64_t i = 0; i < part->count; i++) {
        put_stamp(part);
    }
}

static void put_many_into_ring(const struct bench_part *part) {
    struct stage *stage = part->memory;
    for (uint64_t i = 0; i < part->count; i++) {
        int64_t now = bench_now();
        limit_put_shared((struct limit_shared *)stage->there, &now, sizeof now);
    }
}

static void get_many_from_ring(const struct bench_part *part) {
    struct stage *stage = part->memory;
    int64_t stamp;
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get_shared((struct limit_shared *)stage->there, &stamp, sizeof stamp);
        note(part, i, stamp);
    }
}

/* ---- runs ---- */

enum object { NO_OBJECT, QUEUE, PIPE, LOCK, BELLS, SHARED_RING };

struct setup {
    bench_role *first, *second;
    enum object object;
    uint64_t count; /* of each part */
    int64_t gap;
    int pairs;      /* 0: one, pinned to processors of their own */
};

struct run {
    int64_t samples[SAMPLES];
    size_t count;
    double each; /* ns, all of it divided by the count */
};

static void make_objects(const struct setup *setup, struct bench_plan *plan,
                         struct stage *stage) {
    if (setup->object == QUEUE) {
        MUST(spork_queue_new(&plan->queue, &(spork_queue_options){.maxsize = LIMIT_SLOTS}));
    } else if (setup->object == PIPE) {
        MUST(spork_pipe_new(&plan->pipes[0], &plan->pipes[1], NULL));
    } else if (setup->object == LOCK) {
        MUST(spork_lock_new(&plan->lock, NULL));
    } else if (setup->object == SHARED_RING) {
        limit_open_shared((struct limit_shared *)stage->there, sizeof(int64_t));
    }
    for (int i = 0; i < PAIRS && setup->object == BELLS; i++) {
        bench_bell_make(stage->bells[i]);
    }
}

static void free_objects(const struct setup *setup, struct bench_plan *plan,
                         struct stage *stage) {
    spork_queue_free(plan->queue);
    spork_lock_free(plan->lock);
    spork_pipe_free(plan->pipes[0]);
    spork_pipe_free(plan->pipes[1]);
    for (int i = 0; i < PAIRS && setup->object == BELLS; i++) {
        bench_bell_unmake(stage->bells[i]);
    }
}

static void run_together(struct run *run, const struct setup *setup) {
    struct bench_plan plan = {.unpinned = setup->pairs > 0};
    struct stage *stage = bench_share(&plan.memory, sizeof *stage);
    stage->gap = setup->gap;
    plan.roles[0].role = setup->first;
    plan.roles[1].role = setup->second;
    for (int i = 0; i < 2; i++) {
        plan.roles[i].count = setup->pairs > 0 ? setup->pairs : 1;
        plan.roles[i].operations = setup->count;
    }
    make_objects(setup, &plan, stage);
    run->count = (size_t)plan.roles[0].count * setup->count;
    run->each = bench_together(&plan) / (double)run->count;
    memcpy(run->samples, stage->samples, run->count * sizeof run->samples[0]);
    free_objects(setup, &plan, stage);
    bench_unshare(plan.memory);
}

/* ---- a pool's, whose owner is this process ---- */

static int64_t identity(int64_t number) {
    return number;
}
SPORK_TASK(int64_t, identity, int64_t);

static void run_apply(struct run *run, const struct setup *setup) {
    static spork_pool *pool;
    int64_t result;
    if (pool == NULL) {
        MUST(spork_pool_new(&pool, &(spork_pool_options){.workers = 1}));
    }
    run->count = setup->count;
    int64_t start = bench_now();
    for (uint64_t i = 0; i < setup->count; i++) {
        spin_for(setup->gap);
        int64_t begin = bench_now();
        MUST(identity_apply(pool, &result, (int64_t)i));
        run->samples[i] = bench_now() - begin;
    }
    run->each = (double)(bench_now() - start) / (double)run->count;
}

/* ---- rows and columns ---- */

enum column { P50, P99, P999, EACH, COLUMNS };

/* One variant of a family. Its works are measured one after the other, all rounds of p50 before
   those of p99: so whoever comes first runs it, and the others tell what it found. */
struct way {
    void (*run)(struct run *run, const struct setup *setup);
    struct setup setup;
    double (*rows)[COLUMNS];
    size_t measured;
    size_t told[COLUMNS];
};

static int by_size(const void *one, const void *other) {
    int64_t left = *(const int64_t *)one;
    int64_t right = *(const int64_t *)other;
    return (left > right) - (left < right);
}

static double percentile(const struct run *run, double share) {
    return (double)run->samples[(size_t)(share * (double)(run->count - 1) + 0.5)];
}

/* Where one takes long, as under Wine, there are fewer of them: a twentieth is tried first. */
static void fit_count(struct way *way, struct run *run) {
    enum { PART = 20, LEAST = 50 };
    const double most_seconds = 1.5; /* of a run */
    struct setup trial = way->setup;
    trial.count = way->setup.count / PART;
    int64_t begin = bench_now();
    way->run(run, &trial);
    double seconds = (double)(bench_now() - begin) / 1e9 * PART;
    if (seconds > most_seconds) {
        way->setup.count = (uint64_t)((double)way->setup.count * most_seconds / seconds);
        way->setup.count = way->setup.count < LEAST ? LEAST : way->setup.count;
    }
}

static void measure_row(struct way *way) {
    static struct run run;
    if (way->measured == 0) {
        fit_count(way, &run);
    }
    way->rows = realloc(way->rows, (way->measured + 1) * sizeof way->rows[0]);
    if (way->rows == NULL) {
        abort();
    }
    double *row = way->rows[way->measured++];
    way->run(&run, &way->setup);
    if (!(run.each >= 0)) { /* not a number: it could not be measured */
        for (int i = 0; i < COLUMNS; i++) {
            row[i] = NAN;
        }
        return;
    }
    qsort(run.samples, run.count, sizeof run.samples[0], by_size);
    row[P50] = percentile(&run, 0.5);
    row[P99] = percentile(&run, 0.99);
    row[P999] = percentile(&run, 0.999);
    row[EACH] = run.each;
}

static double tell(struct way *way, enum column column) {
    if (way->told[column] == way->measured) {
        measure_row(way);
    }
    return way->rows[way->told[column]++][column];
}

static double tell_p50(const void *context) {
    return tell(*(struct way *const *)context, P50);
}

static double tell_p99(const void *context) {
    return tell(*(struct way *const *)context, P99);
}

static double tell_p999(const void *context) {
    return tell(*(struct way *const *)context, P999);
}

static double tell_each(const void *context) {
    return tell(*(struct way *const *)context, EACH);
}

/* ---- the works ---- */

#define WAY(name, ...)                                                 \
    static struct way name##_way = {run_together, {__VA_ARGS__}, NULL, 0, {0}}; \
    static struct way *const name = &name##_way
#define POOL_WAY(name, ...)                                         \
    static struct way name##_way = {run_apply, {__VA_ARGS__}, NULL, 0, {0}}; \
    static struct way *const name = &name##_way

WAY(ring_hot, put_stamps_into_ring, get_stamps_from_ring, NO_OBJECT, HOT, HOT_GAP, 0);
WAY(queue_hot, put_stamps, get_stamps, QUEUE, HOT, HOT_GAP, 0);
WAY(bell, ring_bell, wait_for_bell, BELLS, ASLEEP, SLEEP_GAP, 0);
WAY(queue_asleep, put_stamps, get_stamps, QUEUE, ASLEEP, SLEEP_GAP, 0);
WAY(rings, throw_letters, return_letters, NO_OBJECT, HOT, 0, 0);
WAY(pipe_hot, send_letters, send_letters_back, PIPE, HOT, 0, 0);
/* The pool and its owner are not tied to processors, so their limits are not. */
WAY(rings_anywhere, throw_letters, return_letters, NO_OBJECT, HOT, 0, 1);
WAY(bells, call_by_bells, answer_by_bells, BELLS, ASLEEP, SLEEP_GAP, 1);
POOL_WAY(apply_hot, NULL, NULL, NO_OBJECT, HOT, 0, 0);
POOL_WAY(apply_asleep, NULL, NULL, NO_OBJECT, ASLEEP, SLEEP_GAP, 0);
WAY(system_lock_hot, give_system_lock, take_system_lock, NO_OBJECT, HOT, HOT_GAP, 0);
WAY(lock_hot, give_spork_lock, take_spork_lock, LOCK, HOT, HOT_GAP, 0);
WAY(lock_asleep, give_spork_lock, take_spork_lock, LOCK, ASLEEP, SLEEP_GAP, 0);
WAY(bells_many, ring_now_and_then, wait_for_bell, BELLS, ASLEEP / PAIRS, 0, PAIRS);
WAY(queue_many, put_now_and_then, get_stamps, QUEUE, ASLEEP / PAIRS, 0, PAIRS);
WAY(ring_full, put_many_into_ring, get_many_from_ring, SHARED_RING, SAMPLES / PAIRS, 0, PAIRS);
WAY(queue_full, put_many, get_stamps, QUEUE, SAMPLES / PAIRS, 0, PAIRS);

#define COLUMN(work, limit, spork, measure) \
    {work, "ns", {{"limit", measure, &(limit)}, {"spork", measure, &(spork)}}}
#define FAMILY(family, limit, spork)                   \
    COLUMN(family "/p50", limit, spork, tell_p50),     \
    COLUMN(family "/p99", limit, spork, tell_p99),     \
    COLUMN(family "/p99.9", limit, spork, tell_p999)

static const struct bench_work works[] = {
    FAMILY("latency queue 8 B hot", ring_hot, queue_hot),
    FAMILY("latency queue 8 B asleep", bell, queue_asleep),
    FAMILY("latency pipe 64 B there and back hot", rings, pipe_hot),
    FAMILY("latency pool apply hot", rings_anywhere, apply_hot),
    FAMILY("latency pool apply asleep", bells, apply_asleep),
    FAMILY("latency lock handed over hot", system_lock_hot, lock_hot),
    FAMILY("latency lock handed over asleep", bell, lock_asleep),
    FAMILY("latency queue 8 to 8 now and then", bells_many, queue_many),
    FAMILY("latency queue 8 to 8 full", ring_full, queue_full),
    COLUMN("queue 8 to 8 full 8 B", ring_full, queue_full, tell_each),
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
