/* A handle travels itself, not its address.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

static int work(spork_queue **queue) {
    return queue == NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, spork_queue **);
#else
SPORK_UNUSED static int (*const function)(spork_queue **) = work;
#endif
