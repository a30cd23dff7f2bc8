/* A call with an argument too few. */
#include <spork.h>

static int work(int64_t number, const char *text) {
    return number > 0 && text != NULL;
}
SPORK_TASK(int, work, int64_t, const char *);

#ifdef WRONG
spork_call made(void);
spork_call made(void) {
    return work_call(1);
}
#else
spork_call made(void);
spork_call made(void) {
    return work_call(1, "text");
}
#endif
