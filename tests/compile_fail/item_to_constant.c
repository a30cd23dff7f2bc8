/* What is constant can be set from, and not copied to. */
#include <spork/array.h>

SPORK_UNUSED static int copy(spork_array *array, const double *number, double *other) {
#ifdef WRONG
    return SPORK_GET(array, double, 0, number) + SPORK_SET(array, double, 0, other);
#else
    return SPORK_SET(array, double, 0, number) + SPORK_GET(array, double, 0, other);
#endif
}
