/* The function's parameter has another sign than SPORK_TASK says.
   Says: SPORK_TASK's types are not those of the function */
#include <spork.h>

static int work(uint32_t number) {
    return (int)number;
}
#ifdef WRONG
SPORK_TASK(int, work, int32_t);
#else
SPORK_TASK(int, work, uint32_t);
#endif
