/* A starmap over an array that has only the first of the arguments. */
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

int made(spork_pool *pool, const scale_arguments *in, const struct point *points, double *out);
int made(spork_pool *pool, const scale_arguments *in, const struct point *points, double *out) {
#ifdef WRONG
    return in != NULL ? scale_starmap(pool, points, 3, out) : 0;
#else
    return points != NULL ? scale_starmap(pool, in, 3, out) : 0;
#endif
}
