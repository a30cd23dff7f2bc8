/* A task has a result. */
#include <spork.h>

static void work(void) {
}
static int good_work(void) {
    return 0;
}
#ifdef WRONG
SPORK_TASK(void, work);
SPORK_UNUSED static int (*const function)(void) = good_work;
#else
SPORK_TASK(int, good_work);
SPORK_UNUSED static void (*const function)(void) = work;
#endif
