/* http.h on Windows: sockets that never wait, and select, which waits until the deadline.
   Not WSAPoll: before Windows 10 it does not tell of a connection that was refused. */
#include "http.h"

#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>

#include <spork.h>
#include <stdbool.h>

enum { MOST_SECONDS = 1000 };

static int error_of(int number) {
    switch (number) {
    case 0:
        return 0;
    case WSAECONNREFUSED:
        return HTTP_EREFUSED;
    case WSAENETUNREACH:
    case WSAEHOSTUNREACH:
    case WSAEADDRNOTAVAIL:
        return HTTP_EUNREACHABLE;
    case WSAETIMEDOUT:
        return HTTP_ETIMEDOUT;
    case WSAECONNRESET:
    case WSAECONNABORTED:
        return HTTP_EBROKEN;
    default:
        return HTTP_ESYSTEM;
    }
}

/* Waits until the socket can be read from, or else written to. */
static int wait_for(SOCKET native, bool reading, int64_t deadline) {
    for (;;) {
        fd_set wanted = {.fd_count = 1, .fd_array = {native}};
        fd_set failed = wanted; /* where a connection that came to nothing is told */
        int64_t rest = deadline - spork_now_ms();
        struct timeval pause = {0, 0};
        if (rest > 0) {
            pause.tv_sec =
                (long)(rest / 1000 < MOST_SECONDS ? rest / 1000 : MOST_SECONDS);
            pause.tv_usec = (long)(rest % 1000 * 1000);
        }
        int ready = select(0, reading ? &wanted : NULL, reading ? NULL : &wanted, &failed,
                           &pause);
        if (ready > 0) {
            return 0;
        }
        if (ready < 0) {
            return HTTP_ESYSTEM;
        }
        if (rest <= 0) {
            return HTTP_ETIMEDOUT;
        }
    }
}

static int connect_to(const struct addrinfo *address, SOCKET native, int64_t deadline) {
    u_long never_wait = 1;
    int number = 0;
    int size = sizeof number;

    if (ioctlsocket(native, (long)FIONBIO, &never_wait) != 0) {
        return HTTP_ESYSTEM;
    }
    if (connect(native, address->ai_addr, (int)address->ai_addrlen) == 0) {
        return 0;
    }
    if (WSAGetLastError() != WSAEWOULDBLOCK) {
        return error_of(WSAGetLastError());
    }
    int error = wait_for(native, false, deadline);
    if (error == 0 &&
        getsockopt(native, SOL_SOCKET, SO_ERROR, (char *)&number, &size) != 0) {
        error = HTTP_ESYSTEM;
    }
    return error == 0 ? error_of(number) : error;
}

static int connect_to_any(intptr_t *connection, const struct addrinfo *addresses,
                          int64_t deadline) {
    int error = HTTP_EHOST;

    /* A name may stand for several addresses; one that answers is enough. */
    for (const struct addrinfo *one = addresses; one != NULL && error != 0;
         one = one->ai_next) {
        SOCKET native =
            WSASocketW(one->ai_family, one->ai_socktype, one->ai_protocol, NULL, 0,
                       WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
        error =
            native == INVALID_SOCKET ? HTTP_ESYSTEM : connect_to(one, native, deadline);
        if (error == 0) {
            *connection = (intptr_t)native;
        } else if (native != INVALID_SOCKET) {
            closesocket(native);
        }
    }
    return error;
}

int http_connect(intptr_t *connection, const char *host, const char *port,
                 int64_t deadline) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    WSADATA data;
    int error = HTTP_EHOST;

    /* Windows counts how often it was started; http_disconnect has the other half. */
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        return HTTP_ESYSTEM;
    }
    if (getaddrinfo(host, port, &hints, &addresses) == 0) {
        error = connect_to_any(connection, addresses, deadline);
        freeaddrinfo(addresses);
    }
    if (error != 0) {
        WSACleanup();
    }
    return error;
}

int http_send(intptr_t connection, const char *data, size_t size, int64_t deadline) {
    int error = 0;

    while (size > 0 && error == 0) {
        int sent = send((SOCKET)connection, data, (int)size, 0);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
        } else {
            error = WSAGetLastError() == WSAEWOULDBLOCK
                        ? wait_for((SOCKET)connection, false, deadline)
                        : error_of(WSAGetLastError());
        }
    }
    return error;
}

int http_receive(intptr_t connection, char *data, size_t room, size_t *size,
                 int64_t deadline) {
    int error;

    do {
        error = wait_for((SOCKET)connection, true, deadline);
        int received = error == 0 ? recv((SOCKET)connection, data, (int)room, 0) : -1;
        if (received >= 0) {
            *size = (size_t)received;
            return 0;
        }
    } while (error == 0 && WSAGetLastError() == WSAEWOULDBLOCK);
    return error == 0 ? error_of(WSAGetLastError()) : error;
}

void http_disconnect(intptr_t connection) {
    closesocket((SOCKET)connection);
    WSACleanup();
}
