/* What belongs to no concept: memory that callers free. */
#include "spork/base.h"

#include <stdlib.h>

void spork_free(void *memory) {
    free(memory);
}
