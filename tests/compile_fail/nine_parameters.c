/* A task has eight parameters at most. */
#include <spork.h>

static int nine(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
    return a + b + c + d + e + f + g + h + i;
}
static int eight(int a, int b, int c, int d, int e, int f, int g, int h) {
    return a + b + c + d + e + f + g + h;
}
#ifdef WRONG
SPORK_TASK(int, nine, int, int, int, int, int, int, int, int, int);
SPORK_UNUSED static int (*const function)(int, int, int, int, int, int, int, int) = eight;
#else
SPORK_TASK(int, eight, int, int, int, int, int, int, int, int);
SPORK_UNUSED static int (*const function)(int, int, int, int, int, int, int, int, int) = nine;
#endif
