/* http.h on POSIX: sockets that never wait, and poll, which waits until the deadline. */
#define _POSIX_C_SOURCE 200809L
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <spork.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static int error_of(int number) {
    switch (number) {
    case 0:
        return 0;
    case ECONNREFUSED:
        return HTTP_EREFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
        return HTTP_EUNREACHABLE;
    case ETIMEDOUT:
        return HTTP_ETIMEDOUT;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return HTTP_EBROKEN;
    default:
        return HTTP_ESYSTEM;
    }
}

/* Whether a call that failed is to be tried again when the socket is ready. */
static bool would_have_waited(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int wait_for(int descriptor, short events, int64_t deadline) {
    struct pollfd polled = {.fd = descriptor, .events = events};
    for (;;) {
        int64_t rest = deadline - spork_now_ms();
        int ready = poll(&polled, 1, rest < 0 ? 0 : rest > INT_MAX ? INT_MAX : (int)rest);
        if (ready > 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR) {
            return HTTP_ESYSTEM;
        }
        if (rest <= 0) {
            return HTTP_ETIMEDOUT;
        }
    }
}

static int connect_to(const struct addrinfo *address, int descriptor, int64_t deadline) {
    int number = 0;
    socklen_t size = sizeof number;

    if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0) {
        return HTTP_ESYSTEM;
    }
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return error_of(errno);
    }
    int error = wait_for(descriptor, POLLOUT, deadline);
    if (error == 0 && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size) != 0) {
        error = HTTP_ESYSTEM;
    }
    return error == 0 ? error_of(number) : error;
}

int http_connect(intptr_t *connection, const char *host, const char *port,
                 int64_t deadline) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    int error = HTTP_EHOST;

    if (getaddrinfo(host, port, &hints, &addresses) != 0) {
        return HTTP_EHOST;
    }
    /* A name may stand for several addresses; one that answers is enough. */
    for (struct addrinfo *one = addresses; one != NULL && error != 0;
         one = one->ai_next) {
        int descriptor = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        error = descriptor < 0 ? HTTP_ESYSTEM : connect_to(one, descriptor, deadline);
        if (error == 0) {
            *connection = descriptor;
        } else if (descriptor >= 0) {
            close(descriptor);
        }
    }
    freeaddrinfo(addresses);
    return error;
}

int http_send(intptr_t connection, const char *data, size_t size, int64_t deadline) {
    int error = 0;

    while (size > 0 && error == 0) {
        /* A signal would end the program when the server has gone. */
        ssize_t sent = send((int)connection, data, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
        } else {
            error = would_have_waited() ? wait_for((int)connection, POLLOUT, deadline)
                                        : error_of(errno);
        }
    }
    return error;
}

int http_receive(intptr_t connection, char *data, size_t room, size_t *size,
                 int64_t deadline) {
    int error;

    do {
        error = wait_for((int)connection, POLLIN, deadline);
        ssize_t received = error == 0 ? recv((int)connection, data, room, 0) : -1;
        if (received >= 0) {
            *size = (size_t)received;
            return 0;
        }
    } while (error == 0 && would_have_waited());
    return error == 0 ? error_of(errno) : error;
}

void http_disconnect(intptr_t connection) {
    close((int)connection);
}
