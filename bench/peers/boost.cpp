/* Boost.Interprocess: a message queue, a mutex and a semaphore in shared memory. */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <new>
#include <sys/mman.h>

#include "support/bench_names.h"
#include "support/bench_peers.h"

namespace boost_ipc = boost::interprocess;

/* ---- the queue; the memory has its name ---- */

/* The file's name begins with a slash, which Boost puts there itself. */
static const char *name_at(const void *memory) {
    return static_cast<const char *>(memory) + 1;
}

static bool make_queue(void *memory, const bench_channel_shape *shape) {
    char *name = static_cast<char *>(memory);
    bench_name(name, BENCH_PEER_MEMORY, "");
    bench_name_keep(name, shm_unlink);
    try {
        boost_ipc::message_queue queue(boost_ipc::create_only, name_at(memory), shape->slots,
                                       shape->size);
        return true;
    } catch (const boost_ipc::interprocess_exception &) {
        bench_name_drop(name);
        return false;
    }
}

static void unmake_queue(void *memory) {
    bench_name_drop(static_cast<const char *>(memory));
}

static void *open_queue(void *memory, int, bool) {
    return new boost_ipc::message_queue(boost_ipc::open_only, name_at(memory));
}

static void put_into_queue(void *end, const void *data, size_t size) {
    static_cast<boost_ipc::message_queue *>(end)->send(data, size, 0);
}

static void get_from_queue(void *end, void *data, size_t size) {
    boost_ipc::message_queue::size_type received;
    unsigned priority;
    static_cast<boost_ipc::message_queue *>(end)->receive(data, size, received, priority);
}

static void close_queue(void *end) {
    delete static_cast<boost_ipc::message_queue *>(end);
}

/* ---- the locks, which lie in the memory ---- */

typedef boost_ipc::interprocess_mutex mutex;
typedef boost_ipc::interprocess_semaphore semaphore;

static_assert(sizeof(mutex) <= BENCH_PEER_MEMORY, "a mutex has room");
static_assert(sizeof(semaphore) <= BENCH_PEER_MEMORY, "a semaphore has room");

static bool make_mutex(void *memory) {
    new (memory) mutex;
    return true;
}

static void unmake_mutex(void *memory) {
    static_cast<mutex *>(memory)->~mutex();
}

static bool make_semaphore(void *memory) {
    new (memory) semaphore(1);
    return true;
}

static void unmake_semaphore(void *memory) {
    static_cast<semaphore *>(memory)->~semaphore();
}

static void *open_lock(void *memory) {
    return memory;
}

static void count_by_mutex(void *lock, uint64_t *counter, uint64_t times) {
    mutex *mine = static_cast<mutex *>(lock);
    for (uint64_t i = 0; i < times; i++) {
        mine->lock();
        ++*counter;
        mine->unlock();
    }
}

static void count_by_semaphore(void *lock, uint64_t *counter, uint64_t times) {
    semaphore *mine = static_cast<semaphore *>(lock);
    for (uint64_t i = 0; i < times; i++) {
        mine->wait();
        ++*counter;
        mine->post();
    }
}

static void close_lock(void *) {
}

extern "C" {
extern const bench_channel bench_boost_channel;
extern const bench_peer_lock bench_boost_mutex_lock, bench_boost_semaphore_lock;

const bench_channel bench_boost_channel = {
    make_queue, unmake_queue, open_queue, put_into_queue, get_from_queue, close_queue, 400,
};
const bench_peer_lock bench_boost_mutex_lock = {
    make_mutex, unmake_mutex, open_lock, count_by_mutex, close_lock,
};
const bench_peer_lock bench_boost_semaphore_lock = {
    make_semaphore, unmake_semaphore, open_lock, count_by_semaphore, close_lock,
};
}
