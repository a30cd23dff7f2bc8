/* A void pointer does not say what is there: spork_array_write takes it, with a size. */
#include <spork/array.h>

SPORK_UNUSED static int set(spork_array *array, const void *item) {
#ifdef WRONG
    return SPORK_SET(array, int, 0, item);
#else
    return spork_array_write(array, 0, 1, item, sizeof(int));
#endif
}
