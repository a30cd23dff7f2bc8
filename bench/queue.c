/* Queues: bytes through a queue, beside a spinning ring and what the system has. */
#include "support/bench.h"
#include "support/bench_limits.h"
#include "support/bench_system.h"

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

static double measure_queue(const struct shape *shape, spork_queue_backing backing) {
    struct bench_plan plan = plan_of(shape, put_into_queue, get_from_queue);
    const spork_queue_options options = {.maxsize = (int64_t)slots_of(shape), .backing = backing};
    MUST(spork_queue_new(&plan.queue, &options));
    double duration = bench_together(&plan);
    spork_queue_free(plan.queue);
    return duration / (double)shape->count;
}

static double measure_default(const void *context) {
    return measure_queue(context, SPORK_QUEUE_DEFAULT);
}

static double measure_ring_backing(const void *context) {
    return measure_queue(context, SPORK_QUEUE_RING);
}

/* ---- the system's ---- */

static void put_into_stream(const struct bench_part *part) {
    void *data = message(part);
    bench_stream *stream = bench_stream_open(part->memory, true);
    for (uint64_t i = 0; i < part->count; i++) {
        bench_stream_put(stream, data, part->size);
    }
    bench_stream_close(stream);
    free(data);
}

static void get_from_stream(const struct bench_part *part) {
    void *data = message(part);
    bench_stream *stream = bench_stream_open(part->memory, false);
    for (uint64_t i = 0; i < part->count; i++) {
        bench_stream_get(stream, data, part->size);
    }
    bench_stream_close(stream);
    free(data);
}

static double measure_stream(const struct shape *shape, enum bench_stream_kind kind) {
    struct bench_plan plan = plan_of(shape, put_into_stream, get_from_stream);
    void *memory = bench_share(&plan.memory, BENCH_STREAM_SIZE);
    double duration = NAN;
    if (bench_stream_make(memory, kind, shape->size)) {
        duration = bench_together(&plan) / (double)shape->count;
        bench_stream_unmake(memory);
    }
    bench_unshare(plan.memory);
    return duration;
}

static double measure_pipe(const void *context) {
    return measure_stream(context, BENCH_STREAM_PIPE);
}

static double measure_packets(const void *context) {
    return measure_stream(context, BENCH_STREAM_PACKETS);
}

static double measure_mqueue(const void *context) {
    return measure_stream(context, BENCH_STREAM_MQUEUE);
}

/* ---- the works ---- */

static const struct shape one_8 = {1, 1, 8, 2000000};
static const struct shape one_100 = {1, 1, 100, 1000000};
static const struct shape one_4096 = {1, 1, 4096, 200000};
static const struct shape one_1m = {1, 1, 1 << 20, 400};
static const struct shape four_one = {4, 1, 100, 400000};
static const struct shape one_four = {1, 4, 100, 400000};
static const struct shape four_four = {4, 4, 100, 400000};

#define VARIANTS(shape, limit)                       \
    {                                                \
        {"limit", limit, &shape},                    \
        {"spork", measure_default, &shape},          \
        {"spork ring", measure_ring_backing, &shape}, \
        {"pipe", measure_pipe, &shape},              \
        {"packets", measure_packets, &shape},        \
        {"mqueue", measure_mqueue, &shape},          \
    }

static const struct bench_work works[] = {
    {"queue 1 to 1 8 B", "ns", VARIANTS(one_8, measure_ring)},
    {"queue 1 to 1 100 B", "ns", VARIANTS(one_100, measure_ring)},
    {"queue 1 to 1 4 KiB", "ns", VARIANTS(one_4096, measure_ring)},
    {"queue 1 to 1 1 MiB", "ns", VARIANTS(one_1m, measure_ring)},
    {"queue 4 to 1 100 B", "ns", VARIANTS(four_one, measure_shared_ring)},
    {"queue 1 to 4 100 B", "ns", VARIANTS(one_four, measure_shared_ring)},
    {"queue 4 to 4 100 B", "ns", VARIANTS(four_four, measure_shared_ring)},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
