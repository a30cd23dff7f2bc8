/* Queues: bytes through a queue, beside a spinning ring, what the system has, and peers. */
#include "support/bench.h"
#include "support/bench_limits.h"
#include "support/bench_peers.h"

/* One work: so many writers and readers, messages of one size. */
struct shape {
    int writers, readers;
    size_t size;
    uint64_t count; /* messages in all; a multiple of writers and of readers */
};

static size_t slots_of(const struct shape *shape) {
    return shape->size > 65536 ? 4 : LIMIT_SLOTS;
}

static struct bench_plan plan_of(const struct shape *shape, bench_role *put, bench_role *get) {
    struct bench_plan plan = {.size = shape->size};
    plan.roles[0].role = put;
    plan.roles[0].count = shape->writers;
    plan.roles[0].operations = shape->count / (uint64_t)shape->writers;
    plan.roles[1].role = get;
    plan.roles[1].count = shape->readers;
    plan.roles[1].operations = shape->count / (uint64_t)shape->readers;
    return plan;
}

static void *message(const struct bench_part *part) {
    void *data = malloc(part->size + 64);
    if (data == NULL) {
        abort();
    }
    memset(data, 1, part->size);
    return data;
}

/* ---- the limits ---- */

static void put_into_ring(const struct bench_part *part) {
    void *data = message(part);
    size_t slots = part->size > 65536 ? 4 : LIMIT_SLOTS;
    for (uint64_t i = 0; i < part->count; i++) {
        memcpy(data, &i, sizeof i);
        limit_put(part->memory, slots, data, part->size);
    }
    free(data);
}

static void get_from_ring(const struct bench_part *part) {
    void *data = message(part);
    size_t slots = part->size > 65536 ? 4 : LIMIT_SLOTS;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < part->count; i++) {
        uint64_t number;
        limit_get(part->memory, slots, data, part->size);
        memcpy(&number, data, sizeof number);
        sum += number;
    }
    if (sum != part->count * (part->count - 1) / 2) {
        abort();
    }
    free(data);
}

static double measure_ring(const void *context) {
    const struct shape *shape = context;
    struct bench_plan plan = plan_of(shape, put_into_ring, get_from_ring);
    bench_share(&plan.memory, limit_ring_size(slots_of(shape), shape->size));
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / (double)shape->count;
}

static void put_into_shared(const struct bench_part *part) {
    void *data = message(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_put_shared(part->memory, data, part->size);
    }
    free(data);
}

static void get_from_shared(const struct bench_part *part) {
    void *data = message(part);
    for (uint64_t i = 0; i < part->count; i++) {
        limit_get_shared(part->memory, data, part->size);
    }
    free(data);
}

static double measure_shared_ring(const void *context) {
    const struct shape *shape = context;
    struct bench_plan plan = plan_of(shape, put_into_shared, get_from_shared);
    limit_open_shared(bench_share(&plan.memory, limit_shared_size(shape->size)), shape->size);
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / (double)shape->count;
}

/* ---- spork ---- */

static void put_into_queue(const struct bench_part *part) {
    void *data = message(part);
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_queue_put_bytes(part->queue, data, part->size, SPORK_FOREVER));
    }
    free(data);
}

static void get_from_queue(const struct bench_part *part) {
    void *data = message(part);
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_queue_get_bytes(part->queue, data, part->size, &size, SPORK_FOREVER));
    }
    free(data);
}

static double measure_queue(const struct shape *shape, spork_queue_backing backing,
                            size_t item_size) {
    struct bench_plan plan = plan_of(shape, put_into_queue, get_from_queue);
    const spork_queue_options options = {
        .maxsize = (int64_t)slots_of(shape), .backing = backing, .item_size = item_size};
    MUST(spork_queue_new(&plan.queue, &options));
    double duration = bench_together(&plan);
    spork_queue_free(plan.queue);
    return duration / (double)shape->count;
}

/* Whole items are neither written nor read, as they are not by who passes on what he has: what is
   measured is the passing. */
static void commit_into_queue(const struct bench_part *part) {
    for (uint64_t i = 0; i < part->count; i++) {
        spork_queue_item item = {0};
        MUST(spork_queue_reserve(part->queue, part->size, &item));
        memcpy(item.data, &i, sizeof i);
        MUST(spork_queue_commit(part->queue, &item, SPORK_FOREVER));
    }
}

static void borrow_from_queue(const struct bench_part *part) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < part->count; i++) {
        spork_queue_item item = {0};
        uint64_t number;
        MUST(spork_queue_borrow(part->queue, &item, SPORK_FOREVER));
        memcpy(&number, item.data, sizeof number);
        sum += number;
        MUST(spork_queue_release(part->queue, &item));
    }
    if (sum != part->count * (part->count - 1) / 2) {
        abort();
    }
}

static double measure_place(const struct shape *shape, spork_queue_backing backing) {
    struct bench_plan plan = plan_of(shape, commit_into_queue, borrow_from_queue);
    const spork_queue_options options = {.maxsize = LIMIT_SLOTS, .backing = backing};
    MUST(spork_queue_new(&plan.queue, &options));
    double duration = bench_together(&plan);
    spork_queue_free(plan.queue);
    return duration / (double)shape->count;
}

static double measure_in_place(const void *context) {
    return measure_place(context, SPORK_QUEUE_DEFAULT);
}

static double measure_in_place_ring(const void *context) {
    return measure_place(context, SPORK_QUEUE_RING);
}

/* As who knows how large his items are. */
static double measure_sized(const void *context) {
    const struct shape *shape = context;
    return measure_queue(shape, SPORK_QUEUE_DEFAULT, shape->size);
}

static double measure_plain(const void *context) {
    return measure_queue(context, SPORK_QUEUE_DEFAULT, 0);
}

/* Another one than the default's where there are mailslots. */
static double measure_ring_backing(const void *context) {
    const struct shape *shape = context;
    return measure_queue(shape, SPORK_QUEUE_RING, shape->size);
}

/* ---- the peers ---- */

/* In shared memory: which channel, and what it tells its ends. */
struct passage {
    enum bench_channel_kind kind;
    _Alignas(64) unsigned char memory[BENCH_PEER_MEMORY];
};

static void *open_writer(const struct bench_part *part) {
    struct passage *passage = part->memory;
    return bench_channels[passage->kind]->open(passage->memory, part->index, true);
}

static void *open_reader(const struct bench_part *part) {
    struct passage *passage = part->memory;
    return bench_channels[passage->kind]->open(passage->memory, part->index, false);
}

static void close_end(const struct bench_part *part) {
    const struct passage *passage = part->memory;
    bench_channels[passage->kind]->close(part->own);
}

static void put_into_channel(const struct bench_part *part) {
    const struct passage *passage = part->memory;
    const struct bench_channel *channel = bench_channels[passage->kind];
    void *data = message(part);
    for (uint64_t i = 0; i < part->count; i++) {
        channel->put(part->own, data, part->size);
    }
    free(data);
}

static void get_from_channel(const struct bench_part *part) {
    const struct passage *passage = part->memory;
    const struct bench_channel *channel = bench_channels[passage->kind];
    void *data = message(part);
    for (uint64_t i = 0; i < part->count; i++) {
        channel->get(part->own, data, part->size);
    }
    free(data);
}

static double pass(const struct shape *shape, enum bench_channel_kind kind,
                   spork_offset memory) {
    struct shape fewer = *shape;
    fewer.count = bench_channel_count(kind, shape->size, shape->count,
                                      (uint64_t)(shape->writers * shape->readers));
    struct bench_plan plan = plan_of(&fewer, put_into_channel, get_from_channel);
    plan.memory = memory;
    plan.fresh = true;
    plan.roles[0].prepare = open_writer;
    plan.roles[1].prepare = open_reader;
    plan.roles[0].finish = plan.roles[1].finish = close_end;
    return bench_together(&plan) / (double)fewer.count;
}

struct peer {
    const struct shape *shape;
    enum bench_channel_kind kind;
};

static double measure_peer(const void *context) {
    const struct peer *peer = context;
    const struct shape *shape = peer->shape;
    const struct bench_channel *channel = bench_channels[peer->kind];
    const struct bench_channel_shape wanted = {shape->writers, shape->readers, shape->size,
                                               slots_of(shape)};
    spork_offset memory;
    struct passage *passage = bench_share(&memory, sizeof *passage);
    double duration = NAN;
    passage->kind = peer->kind;
    if (channel->make != NULL && channel->make(passage->memory, &wanted)) {
        duration = pass(shape, peer->kind, memory);
        channel->unmake(passage->memory);
    }
    bench_unshare(memory);
    return duration;
}

/* ---- the works ---- */

static const struct shape one_8 = {1, 1, 8, 2000000};
static const struct shape one_100 = {1, 1, 100, 1000000};
static const struct shape one_4096 = {1, 1, 4096, 200000};
static const struct shape one_1m = {1, 1, 1 << 20, 400};
static const struct shape place_4096 = {1, 1, 4096, 300000};
static const struct shape place_1m = {1, 1, 1 << 20, 300000};
static const struct shape four_one = {4, 1, 100, 400000};
static const struct shape one_four = {1, 4, 100, 400000};
static const struct shape four_four = {4, 4, 100, 400000};

#define PEER(shape, kind) measure_peer, &(const struct peer){&shape, kind}
#define VARIANTS(shape, limit, python)             \
    {                                              \
        {"limit", limit, &shape},                  \
        {"spork", measure_sized, &shape},          \
        {"spork plain", measure_plain, &shape},    \
        {"spork ring", measure_ring_backing, &shape}, \
        {"pipe", PEER(shape, BENCH_CHANNEL_PIPE)},    \
        {"packets", PEER(shape, BENCH_CHANNEL_PACKETS)}, \
        {"mqueue", PEER(shape, BENCH_CHANNEL_MQUEUE)}, \
        {"boost", PEER(shape, BENCH_CHANNEL_BOOST)},   \
        {"zmq", PEER(shape, BENCH_CHANNEL_ZMQ)},       \
        {"nng", PEER(shape, BENCH_CHANNEL_NNG)},       \
        {"python", bench_python, python},              \
    }

static const struct bench_work works[] = {
    {"queue 1 to 1 8 B", "ns", VARIANTS(one_8, measure_ring, "queue 1 1 8 40000")},
    {"queue 1 to 1 100 B", "ns", VARIANTS(one_100, measure_ring, "queue 1 1 100 40000")},
    {"queue 1 to 1 4 KiB", "ns", VARIANTS(one_4096, measure_ring, "queue 1 1 4096 30000")},
    {"queue 1 to 1 1 MiB", "ns", VARIANTS(one_1m, measure_ring, "queue 1 1 1048576 100")},
    {"queue 4 to 1 100 B", "ns", VARIANTS(four_one, measure_shared_ring, "queue 4 1 100 40000")},
    {"queue 1 to 4 100 B", "ns", VARIANTS(one_four, measure_shared_ring, "queue 1 4 100 40000")},
    {"queue 4 to 4 100 B", "ns", VARIANTS(four_four, measure_shared_ring, "queue 4 4 100 40000")},
    /* The limit: passing a line of the cache. */
    {"queue in place 4 KiB", "ns", {{"limit", measure_ring, &one_100},
                                    {"spork", measure_in_place, &place_4096},
                                    {"spork ring", measure_in_place_ring, &place_4096}}},
    {"queue in place 1 MiB", "ns", {{"limit", measure_ring, &one_100},
                                    {"spork", measure_in_place, &place_1m},
                                    {"spork ring", measure_in_place_ring, &place_1m}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
