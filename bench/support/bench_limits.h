/* Limits: the least that the machine can do of a work, without sleeping, without safety. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "bench.h"

/* A ring for one writer and one reader, who spin; positions of the other side are kept. */
enum { LIMIT_SLOTS = 1024 };
struct limit_ring {
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t known_head;
    _Alignas(64) _Atomic uint64_t head;
    uint64_t known_tail;
    _Alignas(64) unsigned char data[];
};
static inline size_t limit_stride(size_t size) {
    return (size + 7) / 8 * 8 + 8;
}
static inline size_t limit_ring_size(size_t slots, size_t size) {
    return sizeof(struct limit_ring) + slots * limit_stride(size);
}
static inline void limit_put(struct limit_ring *ring, size_t slots, const void *data,
                             size_t size) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    while (tail - ring->known_head >= slots) {
        ring->known_head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->known_head >= slots) {
            bench_relax();
        }
    }
    unsigned char *slot = ring->data + tail % slots * limit_stride(size);
    memcpy(slot, &size, sizeof size);
    memcpy(slot + 8, data, size);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}
static inline size_t limit_get(struct limit_ring *ring, size_t slots, void *data, size_t room) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t size;
    while (head == ring->known_tail) {
        ring->known_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head == ring->known_tail) {
            bench_relax();
        }
    }
    const unsigned char *slot = ring->data + head % slots * limit_stride(room);
    memcpy(&size, slot, sizeof size);
    memcpy(data, slot + 8, size);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return size;
}

#endif
