/* Another struct than the task's. */
#include <spork.h>

struct point {
    int x, y;
};
struct size {
    int width, height;
};
static int work(struct point point) {
    return point.x;
}
SPORK_TASK(int, work, struct point);

spork_call made(struct point point, struct size size);
#ifdef WRONG
spork_call made(struct point point, struct size size) {
    size.width = point.x;
    return work_call(size);
}
#else
spork_call made(struct point point, struct size size) {
    point.x = size.width;
    return work_call(point);
}
#endif
