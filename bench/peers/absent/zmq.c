/* ZeroMQ is not to be had. */
#include "support/bench_peers.h"

const struct bench_channel bench_zmq_channel = {0};
