/* Pipes: a message there and back, hot: both processes run, each on a processor of its own. */
#include "support/bench.h"
#include "support/bench_peers.h"

enum { SIZE = 64, SPINNING = 1000000, TURNS = 20000 };

static struct bench_plan plan_of(bench_role *throw, bench_role *give_back, uint64_t turns) {
    struct bench_plan plan = {.size = SIZE};
    plan.roles[0].role = throw;
    plan.roles[1].role = give_back;
    for (int i = 0; i < 2; i++) {
        plan.roles[i].count = 1;
        plan.roles[i].operations = turns;
    }
    return plan;
}

/* ---- the limit: flags in shared memory, beside what they tell of ---- */

struct flag {
    _Alignas(64) _Atomic uint64_t turn;
    _Alignas(64) unsigned char data[SIZE];
};

static void raise_flag(struct flag *flag, uint64_t turn, const void *data) {
    memcpy(flag->data, data, SIZE);
    atomic_store_explicit(&flag->turn, turn, memory_order_release);
}

static void await_flag(struct flag *flag, uint64_t turn, void *data) {
    while (atomic_load_explicit(&flag->turn, memory_order_acquire) != turn) {
        bench_relax();
    }
    memcpy(data, flag->data, SIZE);
}

static void throw_by_flags(const struct bench_part *part) {
    struct flag *flags = part->memory;
    unsigned char data[SIZE] = {1};
    for (uint64_t i = 1; i <= part->count; i++) {
        raise_flag(&flags[0], i, data);
        await_flag(&flags[1], i, data);
    }
}

static void give_back_by_flags(const struct bench_part *part) {
    struct flag *flags = part->memory;
    unsigned char data[SIZE];
    for (uint64_t i = 1; i <= part->count; i++) {
        await_flag(&flags[0], i, data);
        raise_flag(&flags[1], i, data);
    }
}

static double measure_flags(const void *context) {
    struct bench_plan plan = plan_of(throw_by_flags, give_back_by_flags, SPINNING);
    (void)context;
    bench_share(&plan.memory, 2 * sizeof(struct flag));
    double duration = bench_together(&plan);
    bench_unshare(plan.memory);
    return duration / SPINNING;
}

/* ---- spork ---- */

static void throw_by_pipe(const struct bench_part *part) {
    unsigned char data[SIZE] = {1};
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_pipe_send_bytes(part->pipe, data, SIZE, SPORK_FOREVER));
        MUST(spork_pipe_recv_bytes(part->pipe, data, SIZE, &size, SPORK_FOREVER));
    }
}

static void give_back_by_pipe(const struct bench_part *part) {
    unsigned char data[SIZE];
    size_t size;
    for (uint64_t i = 0; i < part->count; i++) {
        MUST(spork_pipe_recv_bytes(part->pipe, data, SIZE, &size, SPORK_FOREVER));
        MUST(spork_pipe_send_bytes(part->pipe, data, SIZE, SPORK_FOREVER));
    }
}

static const spork_pipe_options default_pipe = {.backing = SPORK_PIPE_DEFAULT};
static const spork_pipe_options ring_pipe = {.backing = SPORK_PIPE_RING};

static double measure_pipe(const void *context) {
    struct bench_plan plan = plan_of(throw_by_pipe, give_back_by_pipe, TURNS);
    const spork_pipe_options *options = context;
    MUST(spork_pipe_new(&plan.pipes[0], &plan.pipes[1], options));
    double duration = bench_together(&plan);
    spork_pipe_free(plan.pipes[0]);
    spork_pipe_free(plan.pipes[1]);
    return duration / TURNS;
}

/* ---- the peers: a channel there, and one back ---- */

/* In shared memory. */
struct passage {
    enum bench_channel_kind kind;
    _Alignas(64) unsigned char there[BENCH_PEER_MEMORY];
    _Alignas(64) unsigned char back[BENCH_PEER_MEMORY];
};

struct ends {
    const struct bench_channel *channel;
    void *out, *in;
};

/* Both open the channels in the same order: some wait for who has the other end. */
static void *open_ends(const struct bench_part *part, bool throws) {
    struct passage *passage = part->memory;
    struct ends *ends = malloc(sizeof *ends);
    if (ends == NULL) {
        abort();
    }
    ends->channel = bench_channels[passage->kind];
    void *first = ends->channel->open(passage->there, 0, throws);
    void *second = ends->channel->open(passage->back, 0, !throws);
    ends->out = throws ? first : second;
    ends->in = throws ? second : first;
    return ends;
}

static void *open_to_throw(const struct bench_part *part) {
    return open_ends(part, true);
}

static void *open_to_give_back(const struct bench_part *part) {
    return open_ends(part, false);
}

static void throw_by_channels(const struct bench_part *part) {
    const struct ends *ends = part->own;
    unsigned char data[SIZE] = {1};
    for (uint64_t i = 0; i < part->count; i++) {
        ends->channel->put(ends->out, data, SIZE);
        ends->channel->get(ends->in, data, SIZE);
    }
}

static void give_back_by_channels(const struct bench_part *part) {
    const struct ends *ends = part->own;
    unsigned char data[SIZE];
    for (uint64_t i = 0; i < part->count; i++) {
        ends->channel->get(ends->in, data, SIZE);
        ends->channel->put(ends->out, data, SIZE);
    }
}

static void close_ends(const struct bench_part *part) {
    struct ends *ends = part->own;
    ends->channel->close(ends->out);
    ends->channel->close(ends->in);
    free(ends);
}

static double pass(spork_offset memory) {
    enum { COUNT = 4000 }; /* with two sleeps a turn, all of them are slow */
    struct bench_plan plan = plan_of(throw_by_channels, give_back_by_channels, COUNT);
    plan.memory = memory;
    plan.fresh = true;
    plan.roles[0].prepare = open_to_throw;
    plan.roles[1].prepare = open_to_give_back;
    plan.roles[0].finish = plan.roles[1].finish = close_ends;
    return bench_together(&plan) / COUNT;
}

static double measure_peer(const void *context) {
    const enum bench_channel_kind *kind = context;
    const struct bench_channel *channel = bench_channels[*kind];
    const struct bench_channel_shape shape = {1, 1, SIZE, 16};
    spork_offset memory;
    struct passage *passage = bench_share(&memory, sizeof *passage);
    double duration = NAN;
    passage->kind = *kind;
    if (channel->make != NULL && channel->make(passage->there, &shape)) {
        if (channel->make(passage->back, &shape)) {
            duration = pass(memory);
            channel->unmake(passage->back);
        }
        channel->unmake(passage->there);
    }
    bench_unshare(memory);
    return duration;
}

#define PEER(kind) measure_peer, &(const enum bench_channel_kind){kind}

static const struct bench_work works[] = {
    {"pipe 64 B there and back", "ns",
     {{"limit", measure_flags, NULL},
      {"spork", measure_pipe, &default_pipe},
      {"spork ring", measure_pipe, &ring_pipe},
      {"pipe", PEER(BENCH_CHANNEL_PIPE)},
      {"packets", PEER(BENCH_CHANNEL_PACKETS)},
      {"mqueue", PEER(BENCH_CHANNEL_MQUEUE)},
      {"boost", PEER(BENCH_CHANNEL_BOOST)},
      {"zmq", PEER(BENCH_CHANNEL_ZMQ)},
      {"nng", PEER(BENCH_CHANNEL_NNG)},
      {"python", bench_python, "pipe 64 5000"}}},
    {NULL, NULL, {{0}}},
};

int main(int argc, char **argv) {
    MUST(spork_init(argc, argv));
    return bench_main(argc, argv, works);
}
