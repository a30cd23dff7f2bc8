/* All channels by their kinds, and those that the systems themselves have. */
#include "support/bench.h"
#include "support/bench_peers.h"
#include "support/bench_system.h"

_Static_assert((int)BENCH_STREAM_SIZE <= (int)BENCH_PEER_MEMORY, "a stream has room");

static bool make_pipe(void *memory, const struct bench_channel_shape *shape) {
    return bench_stream_make(memory, BENCH_STREAM_PIPE, shape->size);
}

/* A connection has two ends, and no more. */
static bool make_packets(void *memory, const struct bench_channel_shape *shape) {
    return shape->writers == 1 && shape->readers == 1 &&
           bench_stream_make(memory, BENCH_STREAM_PACKETS, shape->size);
}

static bool make_mqueue(void *memory, const struct bench_channel_shape *shape) {
    return bench_stream_make(memory, BENCH_STREAM_MQUEUE, shape->size);
}

static void *open_stream(void *memory, int index, bool writes) {
    (void)index;
    return bench_stream_open(memory, writes);
}

static void put_stream(void *end, const void *data, size_t size) {
    bench_stream_put(end, data, size);
}

static void get_stream(void *end, void *data, size_t size) {
    bench_stream_get(end, data, size);
}

static void close_stream(void *end) {
    bench_stream_close(end);
}

#define STREAM(make, pace)                                                              \
    {                                                                                   \
        make, bench_stream_unmake, open_stream, put_stream, get_stream, close_stream, pace \
    }
static const struct bench_channel pipe_channel = STREAM(make_pipe, 400);
static const struct bench_channel packets_channel = STREAM(make_packets, 2000);
static const struct bench_channel mqueue_channel = STREAM(make_mqueue, 2000);

extern const struct bench_channel bench_boost_channel, bench_zmq_channel, bench_nng_channel;

const struct bench_channel *const bench_channels[BENCH_CHANNELS] = {
    [BENCH_CHANNEL_PIPE] = &pipe_channel,     [BENCH_CHANNEL_PACKETS] = &packets_channel,
    [BENCH_CHANNEL_MQUEUE] = &mqueue_channel, [BENCH_CHANNEL_BOOST] = &bench_boost_channel,
    [BENCH_CHANNEL_ZMQ] = &bench_zmq_channel, [BENCH_CHANNEL_NNG] = &bench_nng_channel,
};

uint64_t bench_channel_count(enum bench_channel_kind kind, size_t size, uint64_t most,
                             uint64_t step) {
    /* What bytes cost shows in long messages only: about a nanosecond each, both copies. */
    double each = bench_channels[kind]->pace_ns + (double)size;
    uint64_t count = (uint64_t)(2e8 / each);
    count = count < most ? count : most;
    return count < step ? step : count / step * step;
}
