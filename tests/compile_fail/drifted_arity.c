/* The function has a parameter more than SPORK_TASK says. */
#include <spork.h>

static int work(int64_t number, const char *text) {
    return number > 0 && text != NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, int64_t);
#else
SPORK_TASK(int, work, int64_t, const char *);
#endif
