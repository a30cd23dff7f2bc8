/* Storms of workers: they are killed at random moments of their work, and new ones go on with
   it. */
#ifndef TESTS_SUPPORT_WORKERS_H
#define TESTS_SUPPORT_WORKERS_H

#include "support_storm.h"

enum { STORM_WORKERS = 8 };

/* Another sequence in each process, and at each time. */
static inline SPORK_UNUSED unsigned next_random(void) {
    static _Thread_local uint64_t state;
    if (state == 0) {
        state = ((uint64_t)spork_now_ms() << 20 ^ (uint64_t)(uintptr_t)&state) | 1;
        state ^= (uint64_t)spork_process_pid(spork_current_process()) << 40;
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33);
}

/* One who works for ever; a daemon, so that a test that fails does not wait for it. */
static inline SPORK_UNUSED spork_process *start_worker(spork_call call) {
    spork_process *worker = NULL;
    OK(spork_process_start(&worker, call, &(spork_process_options){.daemon = SPORK_DAEMON_YES}));
    return worker;
}

/* Keeps the workers at work, which never ends unless they find that something is wrong; after
   each death progressed has to become true, soon. Returns how many were killed. */
static inline SPORK_UNUSED int storm(spork_call (*work)(int number), bool (*progressed)(void)) {
    spork_process *workers[STORM_WORKERS];
    int kills = storm_begin(60, 16);
    for (int i = 0; i < STORM_WORKERS; i++) {
        workers[i] = start_worker(work(i));
    }
    for (int round = 0; round < kills; round++) {
        int victim = storm_random(STORM_WORKERS);
        int64_t limit = spork_now_ms() + PATIENCE_MS;
        spork_sleep_ms(storm_random(6));
        assert_true(spork_process_alive(workers[victim]));
        kill_and_free(workers[victim]);
        while (!progressed()) {
            assert_true(spork_now_ms() < limit);
            spork_sleep_ms(1);
        }
        workers[victim] = start_worker(work(STORM_WORKERS + round));
    }
    for (int i = 0; i < STORM_WORKERS; i++) {
        assert_true(spork_process_alive(workers[i]));
        kill_and_free(workers[i]);
    }
    return kills + STORM_WORKERS;
}

#endif
