/* A lock where a queue belongs. */
#include <spork.h>

static int work(spork_queue *queue, spork_lock *lock) {
    return queue == NULL || lock == NULL;
}
SPORK_TASK(int, work, spork_queue *, spork_lock *);

spork_call made(spork_queue *queue, spork_lock *lock);
#ifdef WRONG
spork_call made(spork_queue *queue, spork_lock *lock) {
    return work_call(lock, queue);
}
#else
spork_call made(spork_queue *queue, spork_lock *lock) {
    return work_call(queue, lock);
}
#endif
