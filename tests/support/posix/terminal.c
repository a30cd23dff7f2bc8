/* Pseudo-terminals. */
#define _GNU_SOURCE
#include "../../support_terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The far side stays open here, so that reading does not fail while no program has it. */
bool native_terminal_open(struct native_terminal *terminal, int columns) {
    const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int near = posix_openpt(flags | O_NONBLOCK);
    bool good = near >= 0 && grantpt(near) == 0 && unlockpt(near) == 0 &&
                ptsname_r(near, terminal->path, sizeof terminal->path) == 0;
    int far = good ? open(terminal->path, flags) : -1;
    if (far < 0 || ioctl(far, TIOCSWINSZ, &size) != 0) {
        close(near);
        close(far);
        return false;
    }
    terminal->near = near;
    terminal->far = far;
    return true;
}

size_t native_terminal_read(struct native_terminal *terminal, char *text, size_t size) {
    ssize_t got = read((int)terminal->near, text, size);
    return got > 0 ? (size_t)got : 0;
}

void native_terminal_close(struct native_terminal *terminal) {
    close((int)terminal->near);
    close((int)terminal->far);
}
