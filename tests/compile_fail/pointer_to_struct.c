/* A struct travels by value, not by its address.
   Says: a task's parameter is a pointer or another type that cannot travel */
#include <spork.h>

struct point {
    int x, y;
};
static int by_address(struct point *point) {
    return point->x;
}
static int by_value(struct point point) {
    return point.x;
}
#ifdef WRONG
SPORK_TASK(int, by_address, struct point *);
SPORK_UNUSED static int (*const function)(struct point) = by_value;
#else
SPORK_TASK(int, by_value, struct point);
SPORK_UNUSED static int (*const function)(struct point *) = by_address;
#endif
