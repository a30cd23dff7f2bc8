/* Nobody knows the size of what a void pointer points to.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

static int work(const void *data) {
    return data == NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, const void *);
#else
SPORK_UNUSED static int (*const function)(const void *) = work;
#endif
