/* Locks: acquired and released alone, and by two processes at once. */
#include "support/bench.h"
#include "support/bench_peers.h"
#include "support/bench_system.h"

enum { ALONE = 2000000, CONTENDING = 1000000 };

/* Two parts count in one word; what each does with the lock is short, as it should be. */
struct counted {
    _Alignas(64) unsigned char lock[64];
    uint64_t count;
    enum bench_lock_kind kind; /* of a peer's */
    _Alignas(64) unsigned char peer[BENCH_PEER_MEMORY];
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

static void *open_peer(const struct bench_part *part) {
    struct counted *counted = part->memory;
    return bench_locks[counted->kind]->open(counted->peer);
}

static void use_peer(const struct bench_part *part) {
    struct counted *counted = part->memory;
    bench_locks[counted->kind]->count(part->own, &counted->count, part->count);
}

static void close_peer(const struct bench_part *part) {
    const struct counted *counted = part->memory;
    bench_locks[counted->kind]->close(part->own);
}

static void check(const struct counted *counted, uint64_t count, double duration) {
    if (!bench_is_nan(duration) && counted->count != count) {
        fprintf(stderr, "bench: a lock let two in\n");
        exit(EXIT_FAILURE);
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
    check(counted, operations * (uint64_t)parts, duration);
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

/* ---- the peers ---- */

struct peer {
    enum bench_lock_kind kind;
    int parts;
    uint64_t operations; /* of each part */
};

static double measure_peer(const void *context) {
    const struct peer *peer = context;
    const struct bench_peer_lock *lock = bench_locks[peer->kind];
    struct bench_plan plan = {0};
    struct counted *counted = bench_share(&plan.memory, sizeof *counted);
    uint64_t all = peer->operations * (uint64_t)peer->parts;
    double duration = NAN;
    counted->kind = peer->kind;
    plan.roles[0].role = use_peer;
    plan.roles[0].count = peer->parts;
    plan.roles[0].operations = peer->operations;
    plan.roles[0].prepare = open_peer;
    plan.roles[0].finish = close_peer;
    if (lock->make != NULL && lock->make(counted->peer)) {
        duration = bench_together(&plan);
        check(counted, all, duration);
        lock->unmake(counted->peer);
    }
    bench_unshare(plan.memory);
    return duration / (double)all;
}

#define PEER(kind, parts, operations) \
    measure_peer, &(const struct peer){kind, parts, operations}
#define PEERS(parts, operations)                                                \
    {"sem_open", PEER(BENCH_LOCK_SEM_OPEN, parts, operations)},                 \
    {"robust mutex", PEER(BENCH_LOCK_ROBUST, parts, operations)},               \
    {"boost mutex", PEER(BENCH_LOCK_BOOST_MUTEX, parts, operations)},           \
    {"boost semaphore", PEER(BENCH_LOCK_BOOST_SEMAPHORE, parts, operations)}

static const struct bench_work works[] = {
    {"lock alone", "ns",
     {{"limit", system_alone, NULL},
      {"spork", spork_alone, NULL},
      PEERS(1, ALONE),
      {"python", bench_python, "lock 1 1000000"}}},
    {"lock contending", "ns",
     {{"limit", system_contending, NULL},
      {"spork", spork_contending, NULL},
      PEERS(2, CONTENDING),
      {"python", bench_python, "lock 2 400000"}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
