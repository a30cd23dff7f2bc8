/* The terminal that the standard error may be, by the escape sequences that all have. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "native.h"

enum { COLUMNS_UNKNOWN = 80, SEQUENCES_MOST = 32 };

int plat_terminal_columns(void) {
    struct winsize size;
    if (!isatty(STDERR_FILENO)) {
        return 0;
    }
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return COLUMNS_UNKNOWN;
    }
    return size.ws_col;
}

/* A host may have made the terminal non-blocking: then this waits as a write would have. */
static void write_all(const char *text, size_t size) {
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd terminal = {STDERR_FILENO, POLLOUT, 0};
            poll(&terminal, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return;
        }
    }
}

void plat_terminal_draw(const struct plat_terminal_line *line) {
    char drawn[PLAT_LINE_MOST + SEQUENCES_MOST];
    size_t behind = line->coloured_from + line->coloured_size;
    bool has_colour = line->coloured_size > 0;
    if (line->size > PLAT_LINE_MOST) {
        return;
    }
    char *at = stpcpy(drawn, "\r");
    at = mempcpy(at, line->text, line->coloured_from);
    at = stpcpy(at, has_colour ? "\033[32m" : "");
    at = mempcpy(at, line->text + line->coloured_from, line->coloured_size);
    /* The default colour of letters; other attributes are the host's. */
    at = stpcpy(at, has_colour ? "\033[39m" : "");
    at = mempcpy(at, line->text + behind, line->size - behind);
    /* The rest is erased last, so that nothing flickers. In raw mode a newline is but one
       step down. */
    at = stpcpy(at, line->ends ? "\033[K\r\n" : "\033[K");
    fflush(stderr);
    write_all(drawn, (size_t)(at - drawn));
}
