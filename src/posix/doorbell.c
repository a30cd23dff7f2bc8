/* Doorbells: epolls, as one descriptor is to tell of several. The host polls the first; in it
   are the bell's socket and the second, in which are the pidfds, and which is made anew for
   others. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "native.h"

static int make_epoll(int *made) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "epoll_create1", errno);
    }
    *made = native_move_up(fd);
    return 0;
}

static int add_to_epoll(int epoll, int fd, size_t index) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST) {
        return native_error(SPORK_ESYSTEM, "epoll_ctl", errno);
    }
    return 0;
}

int plat_doorbell_open(struct plat_sleeper *sleeper, struct plat_bell *bell,
                       intptr_t *native) {
    int epoll = -1;
    int error = native_open_bell(sleeper, bell);
    if (error == 0) {
        error = make_epoll(&epoll);
    }
    if (error != 0) {
        return error;
    }
    sleeper->natives[NATIVE_DOORBELL] = epoll;
    *native = epoll;
    return add_to_epoll(epoll, (int)sleeper->natives[0], 0);
}

int plat_doorbell_quiet(struct plat_sleeper *sleeper, struct plat_bell *bell) {
    uint32_t armed = PLAT_BELL_ARMED;
    native_empty_bell((int)sleeper->natives[0]);
    atomic_compare_exchange_strong(&bell->state, &armed, NATIVE_BELL_SOCKET);
    return 0;
}

void plat_doorbell_ring(struct plat_sleeper *sleeper, const struct plat_bell *bell) {
    native_send_to_bell((int)sleeper->natives[0], bell);
}

int plat_doorbell_watch(struct plat_sleeper *sleeper,
                        const struct plat_process *const *watched, size_t count,
                        size_t *dead) {
    struct epoll_event event;
    int watches = -1;
    int error = make_epoll(&watches);
    for (size_t i = 0; i < count && error == 0; i++) {
        error =
            watched[i]->native == PLAT_NO_NATIVE
                ? error_set(SPORK_ENOTSUP, "this kernel has no descriptors for processes")
                : add_to_epoll(watches, (int)watched[i]->native, i);
    }
    if (error == 0 && epoll_wait(watches, &event, 1, 0) == 1) {
        *dead = (size_t)event.data.u64;
        error = SPORK_EPEERDIED;
    }
    if (error == 0) {
        error = add_to_epoll((int)sleeper->natives[NATIVE_DOORBELL], watches, 0);
    }
    if (error != 0) {
        if (watches >= 0) {
            close(watches);
        }
        return error;
    }
    if (sleeper->natives[NATIVE_DOORBELL_WATCHES] != 0) {
        close((int)sleeper->natives[NATIVE_DOORBELL_WATCHES]);
    }
    sleeper->natives[NATIVE_DOORBELL_WATCHES] = watches;
    return 0;
}

int plat_native_ready(struct plat_sleeper *sleeper, intptr_t native, bool *ready) {
    (void)sleeper; /* a descriptor stays ready */
    struct pollfd polled = {(int)native, POLLIN, 0};
    if (native < 0 || poll(&polled, 1, 0) < 0 || (polled.revents & POLLNVAL) != 0) {
        return error_set(SPORK_EINVAL, "descriptor %lld is not open", (long long)native);
    }
    *ready = polled.revents != 0;
    return 0;
}
