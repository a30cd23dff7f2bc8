/* A kind of process is started with its own state. */
#include <spork.h>

struct counter {
    int64_t from, to;
};
struct timer {
    int64_t duration_ms;
};
static int count(struct counter self) {
    return (int)(self.to - self.from);
}
SPORK_PROCESS_KIND(counter, struct counter, count);

int made(spork_process **process, struct counter counter, struct timer timer);
#ifdef WRONG
int made(spork_process **process, struct counter counter, struct timer timer) {
    timer.duration_ms = counter.to;
    return counter_start(process, timer, NULL);
}
#else
int made(spork_process **process, struct counter counter, struct timer timer) {
    counter.to = timer.duration_ms;
    return counter_start(process, counter, NULL);
}
#endif
