/* A terminal that has a program on its other side instead of a person: a pseudo-terminal. */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct native_terminal {
    char path[128]; /* programs that open it are at the terminal */
    intptr_t near, far;
};

/* It is so wide; 0: it does not say. False where there are no such terminals. */
bool native_terminal_open(struct native_terminal *terminal, int columns);
/* What programs have written there since the last call; does not wait for more. No NUL. */
size_t native_terminal_read(struct native_terminal *terminal, char *text, size_t size);
void native_terminal_close(struct native_terminal *terminal);

#endif
