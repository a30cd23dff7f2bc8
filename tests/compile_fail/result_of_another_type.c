/* A result that is fetched into a variable of another type. */
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

int made(spork_pool *pool, int64_t *result, double *wrong);
int made(spork_pool *pool, int64_t *result, double *wrong) {
#ifdef WRONG
    return result != NULL ? square_apply(pool, wrong, 3) : 0;
#else
    return wrong != NULL ? square_apply(pool, result, 3) : 0;
#endif
}
