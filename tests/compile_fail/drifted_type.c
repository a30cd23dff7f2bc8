/* The function has another type of parameter than SPORK_TASK says.
   Says: SPORK_TASK's types are not those of the function */
#include <spork.h>

static int work(int32_t number) {
    return (int)number;
}
#ifdef WRONG
SPORK_TASK(int, work, int64_t);
#else
SPORK_TASK(int, work, int32_t);
#endif
