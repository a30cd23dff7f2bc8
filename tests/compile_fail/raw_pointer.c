/* A pointer means nothing in another process.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

static int work(int *numbers) {
    return numbers[0];
}
static int work_on_one(int number) {
    return number;
}
#ifdef WRONG
SPORK_TASK(int, work, int *);
SPORK_UNUSED static int (*const function)(int) = work_on_one;
#else
SPORK_TASK(int, work_on_one, int);
SPORK_UNUSED static int (*const function)(int *) = work;
#endif
