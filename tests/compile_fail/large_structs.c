/* The structs of a call may have 512 bytes together.
   Says: the structs of one call exceed 512 bytes */
#include <spork.h>

struct half {
    char data[256];
};
static int two(struct half first, struct half second) {
    return first.data[0] + second.data[0];
}
static int three(struct half first, struct half second, struct half third) {
    return first.data[0] + second.data[0] + third.data[0];
}
#ifdef WRONG
SPORK_TASK(int, three, struct half, struct half, struct half);
SPORK_UNUSED static int (*const function)(struct half, struct half) = two;
#else
SPORK_TASK(int, two, struct half, struct half);
SPORK_UNUSED static int (*const function)(struct half, struct half, struct half) = three;
#endif
