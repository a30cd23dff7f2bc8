/* The function takes another handle than SPORK_TASK says.
   Says: SPORK_TASK's types are not those of the function */
#include <spork.h>

static int work(spork_queue *queue) {
    return queue == NULL;
}
#ifdef WRONG
SPORK_TASK(int, work, spork_pipe *);
#else
SPORK_TASK(int, work, spork_queue *);
#endif
