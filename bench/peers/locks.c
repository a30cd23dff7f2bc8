/* All locks by their kinds. */
#include "support/bench_peers.h"

extern const struct bench_peer_lock bench_sem_open_lock, bench_robust_lock;
extern const struct bench_peer_lock bench_boost_mutex_lock, bench_boost_semaphore_lock;

const struct bench_peer_lock *const bench_locks[BENCH_LOCKS] = {
    [BENCH_LOCK_SEM_OPEN] = &bench_sem_open_lock,
    [BENCH_LOCK_ROBUST] = &bench_robust_lock,
    [BENCH_LOCK_BOOST_MUTEX] = &bench_boost_mutex_lock,
    [BENCH_LOCK_BOOST_SEMAPHORE] = &bench_boost_semaphore_lock,
};
