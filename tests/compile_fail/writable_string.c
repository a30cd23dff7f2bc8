/* A string that the task could write to would be another one than the caller's.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

static int work(char *text) {
    return text == NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, char *);
#else
SPORK_UNUSED static int (*const function)(char *) = work;
#endif
