/* Pools: a trivial task for each item of a map, one call there and back, and work that
   computes. */
#include "support/bench.h"
#include "support/bench_peers.h"

enum { ITEMS = 1 << 20, CALLS = 5000, FIBONACCI = 27, TASKS = 64, WORKERS = 2 };

static int64_t identity(int64_t number) {
    return number;
}
SPORK_TASK(int64_t, identity, int64_t);

static int64_t fibonacci(int64_t number) {
    return number <= 2 ? 1 : fibonacci(number - 1) + fibonacci(number - 2);
}
SPORK_TASK(int64_t, fibonacci, int64_t);

static spork_pool *pool(void) {
    static spork_pool *made;
    if (made == NULL) {
        MUST(spork_pool_new(&made, &(spork_pool_options){.workers = WORKERS}));
    }
    return made;
}

/* ---- the limit of a map: a counter, and arrays in shared memory ---- */

struct cursor {
    _Alignas(64) _Atomic uint64_t next;
    _Alignas(64) int64_t in[ITEMS];
    int64_t out[ITEMS];
};

static void take_items(const struct bench_part *part) {
    struct cursor *cursor = part->memory;
    int64_t (*volatile task)(int64_t) = identity;
    for (uint64_t i; (i = atomic_fetch_add_explicit(&cursor->next, 1, memory_order_relaxed)) <
                     part->size;) {
        cursor->out[i] = task(cursor->in[i]);
    }
}

static double limit_map(const void *context) {
    static spork_offset memory;
    struct cursor *cursor = memory == 0 ? bench_share(&memory, sizeof *cursor)
                                        : spork_shared_at(memory);
    struct bench_plan plan = {.size = ITEMS, .memory = memory};
    (void)context;
    atomic_store(&cursor->next, 0);
    plan.roles[0].role = take_items;
    plan.roles[0].count = WORKERS;
    return bench_together(&plan) / ITEMS;
}

/* The arrays are the caller's, or lie in the family's memory. */
static double map_items(int64_t *in, int64_t *out) {
    const spork_map_options options = {.chunk_size = 1};
    for (int64_t i = 0; i < ITEMS; i++) {
        in[i] = i;
    }
    int64_t begin = bench_now();
    MUST(identity_map_with(pool(), in, ITEMS, out, &options));
    double duration = (double)(bench_now() - begin);
    for (int64_t i = 0; i < ITEMS; i++) {
        if (out[i] != i) {
            abort();
        }
    }
    return duration / ITEMS;
}

static double spork_map_in_place(const void *context) {
    static spork_offset memory;
    int64_t *items = memory == 0 ? bench_share(&memory, 2 * ITEMS * sizeof *items)
                                 : spork_shared_at(memory);
    (void)context;
    return map_items(items, items + ITEMS);
}

static double spork_map_copied(const void *context) {
    static int64_t in[ITEMS];
    static int64_t out[ITEMS];
    (void)context;
    return map_items(in, out);
}

/* ---- one call there and back ---- */

/* Two words that follow each other, spinning. */
struct ball {
    _Alignas(64) _Atomic uint64_t there;
    _Alignas(64) _Atomic uint64_t back;
};

static void throw_ball(const struct bench_part *part) {
    struct ball *ball = part->memory;
    for (uint64_t i = 1; i <= part->count; i++) {
        atomic_store_explicit(&ball->there, i, memory_order_release);
        while (atomic_load_explicit(&ball->back, memory_order_acquire) != i) {
            bench_relax();
        }
    }
}

static void return_ball(const struct bench_part *part) {
    struct ball *ball = part->memory;
    for (uint64_t i = 1; i <= part->count; i++) {
        while (atomic_load_explicit(&ball->there, memory_order_acquire) != i) {
            bench_relax();
        }
        atomic_store_explicit(&ball->back, i, memory_order_release);
    }
}

static double limit_apply(const void *context) {
    struct bench_plan plan = {0};
    (void)context;
    bench_share(&plan.memory, sizeof(struct ball));
    plan.roles[0].role = throw_ball;
    plan.roles[1].role = return_ball;
    for (int i = 0; i < 2; i++) {
        plan.roles[i].count = 1;
        plan.roles[i].operations = CALLS;
    }
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / CALLS;
}

static double spork_apply(const void *context) {
    int64_t result;
    (void)context;
    int64_t begin = bench_now();
    for (int64_t i = 0; i < CALLS; i++) {
        MUST(identity_apply(pool(), &result, i));
    }
    return (double)(bench_now() - begin) / CALLS;
}

static double spork_apply_async(const void *context) {
    static identity_future futures[CALLS];
    int64_t result;
    (void)context;
    int64_t begin = bench_now();
    for (int i = 0; i < CALLS; i++) {
        MUST(identity_apply_async(&futures[i], pool(), i));
    }
    for (int i = 0; i < CALLS; i++) {
        MUST(identity_get(futures[i], &result, SPORK_FOREVER));
        spork_future_free(futures[i].future);
    }
    return (double)(bench_now() - begin) / CALLS;
}

/* ---- work that computes ---- */

static void compute_half(const struct bench_part *part) {
    for (uint64_t i = 0; i < part->count; i++) {
        volatile int64_t result = fibonacci(FIBONACCI);
        (void)result;
    }
}

static double limit_compute(const void *context) {
    struct bench_plan plan = {0};
    (void)context;
    plan.roles[0].role = compute_half;
    plan.roles[0].count = WORKERS;
    plan.roles[0].operations = TASKS / WORKERS;
    return bench_together(&plan) / 1e6;
}

static double spork_compute(const void *context) {
    int64_t in[TASKS];
    int64_t out[TASKS];
    (void)context;
    for (int i = 0; i < TASKS; i++) {
        in[i] = FIBONACCI;
    }
    int64_t begin = bench_now();
    MUST(fibonacci_map(pool(), in, TASKS, out));
    return (double)(bench_now() - begin) / 1e6;
}

static const struct bench_work works[] = {
    {"pool map trivial chunk 1", "ns",
     {{"limit", limit_map, NULL},
      {"spork", spork_map_in_place, NULL},
      {"spork copied", spork_map_copied, NULL},
      {"python", bench_python, "map pool 1 20000"},
      {"python default", bench_python, "map pool 0 500000"},
      {"python futures", bench_python, "map futures 1 2000"}}},
    {"pool apply", "ns",
     {{"limit", limit_apply, NULL},
      {"spork", spork_apply, NULL},
      {"spork async", spork_apply_async, NULL},
      {"python", bench_python, "apply pool 2000"},
      {"python futures", bench_python, "apply futures 1500"}}},
    {"pool map fibonacci on 2", "ms",
     {{"limit", limit_compute, NULL}, {"spork", spork_compute, NULL}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
