/* Tests of queues and pipes that run on each backing of the platform: QUEUE_TEST is TEST, and
   where the default is not the ring there is a second test of it, with "_on_the_ring" behind its
   name. The queues that such a test makes have the backing `backing`, pipes `pipe_backing`. */
#ifndef TESTS_SUPPORT_BACKINGS_H
#define TESTS_SUPPORT_BACKINGS_H

#include <spork.h>

#include "harness.h"
#include "support_native.h"

static spork_queue_backing backing = SPORK_QUEUE_DEFAULT;
static spork_pipe_backing pipe_backing = SPORK_PIPE_DEFAULT;

#define QUEUE_TEST_(sentence, each, seconds)                                           \
    static void sentence(void);                                                        \
    static void sentence##_on_the_ring(void) {                                         \
        backing = SPORK_QUEUE_RING;                                                    \
        pipe_backing = SPORK_PIPE_RING;                                                \
        sentence();                                                                    \
    }                                                                                  \
    static struct harness_test sentence##_on_the_ring_test = {                         \
        #sentence "_on_the_ring", sentence##_on_the_ring, __LINE__, each, seconds, NULL}; \
    static SPORK_BEFORE_MAIN void sentence##_on_the_ring_add(void) {                   \
        if (native_is_windows()) {                                                     \
            harness_add(&sentence##_on_the_ring_test);                                 \
        }                                                                              \
    }                                                                                  \
    HARNESS_TEST_(sentence, each, seconds)

#define QUEUE_TEST(sentence) QUEUE_TEST_(sentence, true, HARNESS_DEFAULT_LIMIT)
#define QUEUE_TEST_ONCE(sentence) QUEUE_TEST_(sentence, false, HARNESS_DEFAULT_LIMIT)
#define QUEUE_TEST_SLOW(sentence, seconds) QUEUE_TEST_(sentence, true, seconds)
#define PIPE_TEST QUEUE_TEST
#define PIPE_TEST_ONCE QUEUE_TEST_ONCE
#define PIPE_TEST_SLOW QUEUE_TEST_SLOW

#endif
