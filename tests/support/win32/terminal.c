/* Pseudo-consoles came with Windows 10; this library is for older ones too. */
#include "../../support_terminal.h"

bool native_terminal_open(struct native_terminal *terminal, int columns) {
    (void)terminal;
    (void)columns;
    return false;
}

size_t native_terminal_read(struct native_terminal *terminal, char *text, size_t size) {
    (void)terminal;
    (void)text;
    (void)size;
    return 0;
}

void native_terminal_close(struct native_terminal *terminal) {
    (void)terminal;
}
