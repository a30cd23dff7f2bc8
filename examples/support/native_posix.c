/* Descriptors. */
#define _POSIX_C_SOURCE 200809L
#include "native.h"

#include <poll.h>

bool wait_for_native(intptr_t native, int timeout_ms) {
    struct pollfd polled = {.fd = (int)native, .events = POLLIN};
    return poll(&polled, 1, timeout_ms) > 0;
}
