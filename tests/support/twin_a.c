#include "support/twin.h"
#include "support/twin_task.h"

spork_call shared_of_a(void) {
    return shared_twin_call();
}

/* From here on this is another file, as __FILE__ has it. */
#line 1 "a/twin.c"

static int twin(void) {
    return 1;
}
SPORK_TASK(int, twin);

spork_call twin_of_a(void) {
    return twin_call();
}
