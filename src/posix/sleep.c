/* Bells: a futex on the bell's state while there is nobody to watch; else a datagram socket
   of an abstract name (nothing on disk, short whatever TMPDIR is) that is polled together
   with the pidfds of the watched. The state tells the waker which of the two it is. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

enum { SLOW_LOOK_NS = 50000000 }; /* between looks where the kernel has no pidfds */

static char family_key[40];
static _Atomic int sender = -1; /* for threads that never sleep by socket themselves */

void plat_bell_family(const char *key) {
    snprintf(family_key, sizeof family_key, "%s", key);
}

static socklen_t address_of(const struct plat_bell *bell, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
                          "spork-%s-%u-%u", family_key, (unsigned)bell->number,
                          (unsigned)bell->generation);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int open_socket(void) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? fd : native_move_up(fd);
}

int native_open_bell(struct plat_sleeper *sleeper, const struct plat_bell *bell) {
    struct sockaddr_un address;
    if (sleeper->open) {
        return 0;
    }
    int fd = open_socket();
    if (fd < 0) {
        return native_error(SPORK_ESYSTEM, "socket", errno);
    }
    socklen_t size = address_of(bell, &address);
    if (bind(fd, (struct sockaddr *)&address, size) != 0) {
        int number = errno;
        close(fd);
        return native_error(SPORK_ESYSTEM, "bind", number);
    }
    sleeper->natives[0] = fd;
    sleeper->open = true;
    return 0;
}

void plat_bell_close(struct plat_sleeper *sleeper) {
    if (sleeper->open) {
        close((int)sleeper->natives[0]);
        for (int i = NATIVE_DOORBELL; i <= NATIVE_DOORBELL_WATCHES; i++) {
            if (sleeper->natives[i] != 0) {
                close((int)sleeper->natives[i]);
            }
        }
        memset(sleeper, 0, sizeof *sleeper);
    }
}

void plat_bell_forked(void) {
    int fd = atomic_exchange(&sender, -1);
    if (fd >= 0) {
        close(fd);
    }
}

static struct timespec time_left(int64_t deadline) {
    int64_t left = deadline == PLAT_NEVER ? 0 : deadline - plat_now_ns();
    left = left < 0 ? 0 : left;
    return (struct timespec){(time_t)(left / 1000000000), (long)(left % 1000000000)};
}

/* A spurious return is fine everywhere here: the callers loop. */
static int sleep_by_futex(struct plat_bell *bell, int64_t deadline) {
    struct timespec left = time_left(deadline);
    if (atomic_load(&bell->state) != PLAT_BELL_ARMED) {
        return 0;
    }
    long result = syscall(SYS_futex, &bell->state, FUTEX_WAIT, PLAT_BELL_ARMED,
                          deadline == PLAT_NEVER ? NULL : &left, NULL, 0);
    if (atomic_load(&bell->state) == PLAT_BELL_RUNG) {
        return 0;
    }
    return result != 0 && errno == ETIMEDOUT ? SPORK_ETIMEDOUT : 0;
}

static int find_dead(const struct plat_process *const *watched, size_t count, size_t *dead) {
    for (size_t i = 0; i < count; i++) {
        if (plat_process_dead(watched[i])) {
            *dead = i;
            return SPORK_EPEERDIED;
        }
    }
    return 0;
}

static size_t fill_polled(struct pollfd *polled, const struct plat_sleeper *sleeper,
                          const struct plat_process *const *watched, size_t count,
                          bool *blind) {
    polled[0] = (struct pollfd){(int)sleeper->natives[0], POLLIN, 0};
    for (size_t i = 0; i < count; i++) {
        *blind = *blind || watched[i]->native == PLAT_NO_NATIVE;
        polled[i + 1] = (struct pollfd){(int)watched[i]->native, POLLIN, 0};
    }
    return count + 1;
}

void native_empty_bell(int fd) {
    char bytes[16];
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

static int poll_bell(struct plat_sleeper *sleeper, struct plat_bell *bell, int64_t deadline,
                     struct pollfd *polled, const struct plat_process *const *watched,
                     size_t count, size_t *dead) {
    bool blind = false;
    size_t all = fill_polled(polled, sleeper, watched, count, &blind);
    uint32_t armed = PLAT_BELL_ARMED;
    if (!atomic_compare_exchange_strong(&bell->state, &armed, NATIVE_BELL_SOCKET) &&
        armed != NATIVE_BELL_SOCKET) {
        return 0;
    }
    int64_t now = plat_now_ns();
    bool slow = blind && (deadline == PLAT_NEVER || deadline > now + SLOW_LOOK_NS);
    struct timespec left = time_left(slow ? now + SLOW_LOOK_NS : deadline);
    int ready = ppoll(polled, all, !slow && deadline == PLAT_NEVER ? NULL : &left, NULL);
    if (ready > 0 && polled[0].revents != 0) {
        native_empty_bell((int)sleeper->natives[0]);
    }
    if (atomic_load(&bell->state) == PLAT_BELL_RUNG) {
        return 0;
    }
    for (size_t i = 0; ready > 0 && i < count; i++) {
        if (polled[i + 1].revents != 0) {
            *dead = i;
            return SPORK_EPEERDIED;
        }
    }
    if (blind && find_dead(watched, count, dead) != 0) {
        return SPORK_EPEERDIED;
    }
    return ready == 0 && !slow ? SPORK_ETIMEDOUT : 0;
}

int plat_bell_sleep(struct plat_sleeper *sleeper, struct plat_bell *bell, int64_t deadline,
                    const struct plat_process *const *watched, size_t count, size_t *dead) {
    enum { FEW = 32 };
    struct pollfd few[FEW];
    if (count == 0) {
        return sleep_by_futex(bell, deadline);
    }
    struct pollfd *polled = count < FEW ? few : calloc(count + 1, sizeof *polled);
    if (polled == NULL || native_open_bell(sleeper, bell) != 0) {
        /* Without memory or descriptors: look, nap, look. */
        int64_t nap = plat_now_ns() + SLOW_LOOK_NS;
        int result = find_dead(watched, count, dead);
        if (result == 0) {
            result = sleep_by_futex(bell, nap < deadline ? nap : deadline);
            result = result == SPORK_ETIMEDOUT && nap < deadline ? 0 : result;
        }
        if (polled != few) {
            free(polled);
        }
        return result;
    }
    int result = poll_bell(sleeper, bell, deadline, polled, watched, count, dead);
    if (polled != few) {
        free(polled);
    }
    return result;
}

static int sending_socket(void) {
    int fd = atomic_load(&sender);
    if (fd >= 0) {
        return fd;
    }
    int made = open_socket();
    if (made >= 0 && !atomic_compare_exchange_strong(&sender, &fd, made)) {
        close(made);
        return fd;
    }
    return made;
}

/* A full socket has been rung already; one that is gone belongs to the dead. */
void native_send_to_bell(int fd, const struct plat_bell *bell) {
    struct sockaddr_un address;
    socklen_t size = address_of(bell, &address);
    sendto(fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, size);
}

void plat_bell_ring(struct plat_bell *bell, uint32_t found) {
    if (found != NATIVE_BELL_SOCKET) {
        syscall(SYS_futex, &bell->state, FUTEX_WAKE, 1, NULL, NULL, 0);
        return;
    }
    int fd = sending_socket();
    if (fd >= 0) {
        native_send_to_bell(fd, bell);
    }
}
