/* A string that a task returns would be the task's own memory. */
#include <spork.h>

static const char *work(void) {
    return "text";
}
#ifdef WRONG
SPORK_TASK(const char *, work);
#else
SPORK_UNUSED static const char *(*const function)(void) = work;
#endif
