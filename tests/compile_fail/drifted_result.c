/* The function has another result than SPORK_TASK says.
   Says: SPORK_TASK's types are not those of the function */
#include <spork.h>

static int64_t work(void) {
    return 0;
}
#ifdef WRONG
SPORK_TASK(int, work);
#else
SPORK_TASK(int64_t, work);
#endif
