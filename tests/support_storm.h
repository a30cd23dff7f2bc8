/* Random moments and victims for storms of kills, which come again with the same seed. */
#ifndef TESTS_SUPPORT_STORM_H
#define TESTS_SUPPORT_STORM_H

#include "support_children.h"

static uint64_t storm_state;

/* Under the sanitizers, and on Windows, each kill costs more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STORM_IS_DEAR = 1 };
#else
enum { STORM_IS_DEAR = 0 };
#endif

/* Skips the test where nothing can be killed. Returns how many kills there are to be. */
static inline SPORK_UNUSED int storm_begin(int kills, int kills_on_windows) {
    const char *given = getenv("SPORK_TEST_SEED");
    needs_a_process_to_kill();
    storm_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)spork_now_ms();
    printf("# seed: SPORK_TEST_SEED=%" PRIu64 "\n", storm_state);
    bool is_dear = STORM_IS_DEAR != 0 || !spork_has_start_method(SPORK_METHOD_FORK);
    return is_dear ? kills_on_windows : kills;
}

/* For a test that forks while it has a second thread. */
static inline SPORK_UNUSED void needs_forks_beside_threads(void) {
#ifdef __SANITIZE_THREAD__
    if (spork_get_start_method() == SPORK_METHOD_FORK) {
        SKIP("the thread sanitizer sees the threads of a fork's parent in the fork");
    }
#endif
}

/* 0 to below - 1. */
static inline SPORK_UNUSED int storm_random(int below) {
    storm_state = storm_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((storm_state >> 33) % (uint64_t)below);
}

#endif
