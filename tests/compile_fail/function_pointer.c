/* The address of a function differs from process to process.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

typedef int (*callback)(void);
static int work(callback function) {
    return function();
}
#ifdef WRONG
SPORK_TASK(int, work, callback);
#else
SPORK_UNUSED static int (*const function)(callback) = work;
#endif
