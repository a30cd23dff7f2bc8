/* A map over items that are not of the parameter's type. */
#include <spork.h>

struct point {
    int x, y;
};
static int64_t square(int64_t number) {
    return number * number;
}
SPORK_TASK(int64_t, square, int64_t);
static double scale(struct point point, float factor) {
    return (double)((float)(point.x + point.y) * factor);
}
SPORK_TASK(double, scale, struct point, float);

int made(spork_pool *pool, const int64_t *in, const int *narrow, int64_t *out);
int made(spork_pool *pool, const int64_t *in, const int *narrow, int64_t *out) {
#ifdef WRONG
    return in != NULL ? square_map(pool, narrow, 3, out) : 0;
#else
    return narrow != NULL ? square_map(pool, in, 3, out) : 0;
#endif
}
