/* Time as callers see it. */
#include "deadline.h"

#include "platform.h"
#include "spork/base.h"

int deadline_from(int64_t timeout_ms, int64_t *deadline) {
    enum { NS_PER_MS = 1000000 };
    if (timeout_ms == SPORK_FOREVER) {
        *deadline = PLAT_NEVER;
        return 0;
    }
    if (timeout_ms < 0) {
        return error_set(SPORK_EINVAL,
                         "a time-out of %lld ms: give 0, milliseconds or SPORK_FOREVER",
                         (long long)timeout_ms);
    }
    if (timeout_ms == 0) {
        *deadline = DEADLINE_NOW;
        return 0;
    }
    int64_t now = plat_now_ns();
    bool too_far = timeout_ms > (PLAT_NEVER - 1 - now) / NS_PER_MS;
    *deadline = too_far ? PLAT_NEVER : now + timeout_ms * NS_PER_MS;
    return 0;
}

int64_t spork_now_ms(void) {
    return plat_now_ns() / 1000000;
}

void spork_sleep_ms(int64_t duration_ms) {
    int64_t deadline;
    if (duration_ms > 0 && deadline_from(duration_ms, &deadline) == 0) {
        for (int64_t now = plat_now_ns(); now < deadline; now = plat_now_ns()) {
            plat_sleep_ns(deadline - now);
        }
    }
}

int spork_cpu_count(void) {
    return plat_cpu_count();
}
