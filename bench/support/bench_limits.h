/* Limits: the least that the machine can do of a work, without sleeping, and without safety. */
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

/* A bounded ring for many writers and readers, who spin (D. Vyukov's). */
struct limit_shared {
    _Alignas(64) _Atomic uint64_t put;
    _Alignas(64) _Atomic uint64_t take;
    _Alignas(64) uint64_t stride;
    _Alignas(64) unsigned char slots[];
};
static inline size_t limit_shared_stride(size_t size) {
    return (size + 16 + 63) / 64 * 64;
}
static inline size_t limit_shared_size(size_t size) {
    return sizeof(struct limit_shared) + LIMIT_SLOTS * limit_shared_stride(size);
}
static inline _Atomic uint64_t *limit_slot(struct limit_shared *ring, uint64_t position) {
    return (_Atomic uint64_t *)(void *)(ring->slots + position % LIMIT_SLOTS * ring->stride);
}
static inline void limit_open_shared(struct limit_shared *ring, size_t size) {
    ring->stride = limit_shared_stride(size);
    for (uint64_t i = 0; i < LIMIT_SLOTS; i++) {
        atomic_store(limit_slot(ring, i), i);
    }
}
/* Claims the next position at which the slot says so; where it says other, waits. */
static inline uint64_t limit_claim(struct limit_shared *ring, _Atomic uint64_t *next,
                                   uint64_t ahead) {
    enum { SPINS = 50 };
    uint64_t position = atomic_load_explicit(next, memory_order_relaxed);
    for (int spin = 0;; spin++) {
        uint64_t found =
            atomic_load_explicit(limit_slot(ring, position), memory_order_acquire);
        if (found == position + ahead) {
            if (atomic_compare_exchange_weak_explicit(next, &position, position + 1,
                                                      memory_order_relaxed,
                                                      memory_order_relaxed)) {
                return position;
            }
        } else {
            /* There may be more processes than processors. */
            if (spin % SPINS == SPINS - 1) {
                bench_yield();
            } else {
                bench_relax();
            }
            position = atomic_load_explicit(next, memory_order_relaxed);
        }
    }
}
static inline void limit_put_shared(struct limit_shared *ring, const void *data, size_t size) {
    uint64_t position = limit_claim(ring, &ring->put, 0);
    _Atomic uint64_t *slot = limit_slot(ring, position);
    memcpy((unsigned char *)slot + 8, &size, sizeof size);
    memcpy((unsigned char *)slot + 16, data, size);
    atomic_store_explicit(slot, position + 1, memory_order_release);
}
static inline size_t limit_get_shared(struct limit_shared *ring, void *data, size_t room) {
    uint64_t position = limit_claim(ring, &ring->take, 1);
    _Atomic uint64_t *slot = limit_slot(ring, position);
    size_t size;
    memcpy(&size, (unsigned char *)slot + 8, sizeof size);
    memcpy(data, (unsigned char *)slot + 16, size < room ? size : room);
    atomic_store_explicit(slot, position + LIMIT_SLOTS, memory_order_release);
    return size;
}

#endif
