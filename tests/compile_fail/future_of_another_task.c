/* A future of one task, got as another's. */
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

int made(square_future future, scale_future other, int64_t *result);
int made(square_future future, scale_future other, int64_t *result) {
#ifdef WRONG
    return other.future != NULL ? square_get(other, result, 0) : 0;
#else
    return other.future != NULL ? square_get(future, result, 0) : 0;
#endif
}
