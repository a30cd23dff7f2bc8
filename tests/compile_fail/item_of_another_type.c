/* What an item is copied to has its type, also where only array.h is included. */
#include <spork/array.h>

SPORK_UNUSED static int get(spork_array *array, double *number, int *other) {
#ifdef WRONG
    return SPORK_GET(array, double, 0, other) + (number == NULL);
#else
    return SPORK_GET(array, double, 0, number) + SPORK_GET(array, int, 0, other);
#endif
}
