/* A map into results that are not of the task's type. */
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

int made(spork_pool *pool, const int64_t *in, int64_t *out, double *wrong);
int made(spork_pool *pool, const int64_t *in, int64_t *out, double *wrong) {
#ifdef WRONG
    return out != NULL ? square_map(pool, in, 3, wrong) : 0;
#else
    return wrong != NULL ? square_map(pool, in, 3, out) : 0;
#endif
}
