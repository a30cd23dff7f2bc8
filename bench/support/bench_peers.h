/* Peers: what others have for the same works, measured beside spork. Each stands in a file of
   bench/peers, in C or C++; the build takes the one of bench/peers/absent instead where the
   library or the system's call is not to be had, and its measurement is NAN then.

   This header stands alone, so that it can be read as C++. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What main tells the parts of a peer, in shared memory. */
enum { BENCH_PEER_MEMORY = 256 };

/* ---- channels: messages of one size, from every writer to some reader ---- */

enum bench_channel_kind {
    BENCH_CHANNEL_PIPE,
    BENCH_CHANNEL_PACKETS,
    BENCH_CHANNEL_MQUEUE,
    BENCH_CHANNEL_BOOST, /* boost::interprocess::message_queue */
    BENCH_CHANNEL_ZMQ,   /* PUSH and PULL over a local socket */
    BENCH_CHANNEL_NNG,   /* the same */
    BENCH_CHANNELS
};

struct bench_channel_shape {
    int writers, readers;
    size_t size;  /* of each message */
    size_t slots; /* messages that it shall hold, where that can be chosen */
};

/* Every reader gets its equal share of the messages, if it takes that many. */
struct bench_channel {
    /* In main. False: not to be had, or not in this shape. memory is zeroed at first. */
    bool (*make)(void *memory, const struct bench_channel_shape *shape);
    void (*unmake)(void *memory);
    /* In a part; when all have returned, all are connected. What fails ends the process. */
    void *(*open)(void *memory, int index, bool writes);
    void (*put)(void *end, const void *data, size_t size);
    void (*get)(void *end, void *data, size_t size);
    void (*close)(void *end);
    double pace_ns; /* about what a short message takes, to choose how many there are */
};
extern const struct bench_channel *const bench_channels[BENCH_CHANNELS];

/* Messages of this size that take about a fifth of a second: at most so many, and a multiple of
   step. */
uint64_t bench_channel_count(enum bench_channel_kind kind, size_t size, uint64_t most,
                             uint64_t step);

/* ---- locks ---- */

enum bench_lock_kind {
    BENCH_LOCK_SEM_OPEN,       /* a named POSIX semaphore */
    BENCH_LOCK_ROBUST,         /* a process-shared robust pthread mutex */
    BENCH_LOCK_BOOST_MUTEX,    /* boost::interprocess::interprocess_mutex */
    BENCH_LOCK_BOOST_SEMAPHORE,
    BENCH_LOCKS
};

struct bench_peer_lock {
    bool (*make)(void *memory);
    void (*unmake)(void *memory);
    void *(*open)(void *memory);
    /* So many times: acquires it, adds one to *counter, releases it. The loop is the peer's, so
       that no call by a pointer is measured. */
    void (*count)(void *lock, uint64_t *counter, uint64_t times);
    void (*close)(void *lock);
};
extern const struct bench_peer_lock *const bench_locks[BENCH_LOCKS];

/* ---- starting ---- */

/* Nanoseconds from the start of `PATH --nothing` to its end, on the average of so many. */
double bench_starts_posix_spawn(const char *path, int count);
double bench_starts_libuv(const char *path, int count);

/* ---- Python's multiprocessing ---- */

/* A bench_measure: runs bench/peers/peer.py with the words of a command line, and returns what
   it printed. NAN if there is no Python, or if it was not over after a deadline. */
double bench_python(const void *command);

#ifdef __cplusplus
}
#endif

#endif
