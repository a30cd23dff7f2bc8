/* An apply with an argument too few. */
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

int made(spork_pool *pool, double *result, struct point point);
int made(spork_pool *pool, double *result, struct point point) {
#ifdef WRONG
    return scale_apply(pool, result, point);
#else
    return scale_apply(pool, result, point, 2.0f);
#endif
}
