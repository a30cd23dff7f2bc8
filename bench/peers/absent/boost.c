/* Boost.Interprocess is not to be had. */
#include "support/bench_peers.h"

const struct bench_channel bench_boost_channel = {0};
const struct bench_peer_lock bench_boost_mutex_lock = {0};
const struct bench_peer_lock bench_boost_semaphore_lock = {0};
