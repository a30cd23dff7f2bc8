/* Where the fence of a wake-up is made: by who goes to sleep, where the system can make one
   everywhere; by who wakes, where it cannot, or is told to do without; by both in a family in
   which one process cannot. Wake-ups arrive in each. */
#include "arena.h"
#include "sleep.h"
#include "support_children.h"
#include "support_native.h"

enum { ROUNDS = 500 };

static spork_queue *new_queue(void) {
    spork_queue *queue = NULL;
    OK(spork_queue_new(&queue, &(spork_queue_options){.maxsize = 1}));
    return queue;
}

static bool barrier_is_there(void) {
    return plat_barrier_join() == 0;
}

static int answer(spork_queue *asked, spork_queue *answered) {
    for (char byte = 0; byte != 'e';) {
        size_t size;
        EXPECT(spork_queue_get_bytes(asked, &byte, 1, &size, PATIENCE_MS) == 0);
        EXPECT(spork_queue_put_bytes(answered, &byte, 1, PATIENCE_MS) == 0);
    }
    return 0;
}
SPORK_TASK(int, answer, spork_queue *, spork_queue *);

/* Each side sleeps now and then, and is woken each time. */
static void talk(spork_process *child, spork_queue *asked, spork_queue *answered) {
    for (int i = 0; i < ROUNDS; i++) {
        char byte = i == ROUNDS - 1 ? 'e' : 'x';
        char back = 0;
        size_t size;
        if (i % 16 == 0) {
            spork_sleep_ms(1); /* the child has fallen asleep by then, most often */
        }
        OK(spork_queue_put_bytes(asked, &byte, 1, PATIENCE_MS));
        OK(spork_queue_get_bytes(answered, &back, 1, &size, PATIENCE_MS));
        assert_int_equal(back, byte);
    }
    finish(child);
}

TEST(where_the_system_has_a_barrier_wakers_make_no_fence) {
    spork_queue *asked = new_queue();
    spork_queue *answered = new_queue();
    if (!barrier_is_there()) {
        assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_WAKER);
        SKIP("this system has no barrier that reaches other processes");
    }
    assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_SLEEPER);
    talk(start(answer_call(asked, answered)), asked, answered);
    assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_SLEEPER);
    spork_queue_free(asked);
    spork_queue_free(answered);
}

TEST(a_family_that_is_to_do_without_the_barrier_makes_fences_when_it_wakes) {
    native_set_variable("SPORK_WITHOUT", "nothing-else,membarrier");
    spork_queue *asked = new_queue();
    spork_queue *answered = new_queue();
    assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_WAKER);
    talk(start(answer_call(asked, answered)), asked, answered);
    assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_WAKER);
    spork_queue_free(asked);
    spork_queue_free(answered);
}

TEST(one_process_that_cannot_join_the_barrier_has_all_make_fences) {
    spork_queue *asked = new_queue();
    spork_queue *answered = new_queue();
    if (!barrier_is_there()) {
        SKIP("this system has no barrier that reaches other processes");
    }
    if (spork_get_start_method() == SPORK_METHOD_THREAD) {
        SKIP("a thread is of a process that has joined it");
    }
    native_set_variable("SPORK_WITHOUT", "membarrier");
    talk(start(answer_call(asked, answered)), asked, answered);
    assert_int_equal(atomic_load(&arena->fences), SLEEP_FENCE_BOTH);
    spork_queue_free(asked);
    spork_queue_free(answered);
}

TEST_MAIN
