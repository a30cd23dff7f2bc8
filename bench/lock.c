/* Locks: acquired and released alone, and by two processes at once. */
#include "support/bench.h"
#include "support/bench_system.h"

enum { ALONE = 2000000, CONTENDING = 1000000 };

/* Two parts count in one word; what each does with the lock is short, as it should be. */
struct counted {
    _Alignas(64) unsigned char lock[64];
    uint64_t count;
};

static void use_system(const struct bench_part *part) {
    struct counted *counted = part->memory;
    for (uint64_t i = 0; i < part->count; i++) {
        bench_lock(counted->lock);
        counted->count++;
        bench_unlock(counted->lock);
    }
}

static void use_spork(const struct bench_part *part) {
    struct counted *counted = part->memory;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_lock_acquire(part->lock, SPORK_FOREVER));
        counted->count++;
        MUST(spork_lock_release(part->lock));
    }
}

static double measure(bench_role *role, int parts, uint64_t operations, bool spork) {
    struct bench_plan plan = {0};
    struct counted *counted = bench_share(&plan.memory, sizeof *counted);
    plan.roles[0].role = role;
    plan.roles[0].count = parts;
    plan.roles[0].operations = operations;
    if (spork) {
        MUST(spork_lock_new(&plan.lock, NULL));
    }
    double duration = bench_together(&plan);
    if (counted->count != operations * (uint64_t)parts) {
        fprintf(stderr, "bench: a lock let two in\n");
        exit(EXIT_FAILURE);
    }
    spork_lock_free(plan.lock);
    bench_unshare(plan.memory);
    return duration / (double)(operations * (uint64_t)parts);
}

static double system_alone(const void *context) {
    (void)context;
    return measure(use_system, 1, ALONE, false);
}

static double spork_alone(const void *context) {
    (void)context;
    return measure(use_spork, 1, ALONE, true);
}

static double system_contending(const void *context) {
    (void)context;
    return measure(use_system, 2, CONTENDING, false);
}

static double spork_contending(const void *context) {
    (void)context;
    return measure(use_spork, 2, CONTENDING, true);
}

static const struct bench_work works[] = {
    {"lock alone", "ns", {{"limit", system_alone, NULL}, {"spork", spork_alone, NULL}}},
    {"lock contending", "ns",
     {{"limit", system_contending, NULL}, {"spork", spork_contending, NULL}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
