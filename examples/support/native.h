/* What C itself cannot do with what the system can wait for, for examples: native_posix.c or
   native_win32.c is built, as the target is. */
#ifndef EXAMPLES_NATIVE_H
#define EXAMPLES_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Waits until a descriptor can be read (poll), or a HANDLE is signalled
   (WaitForSingleObject); false after timeout_ms. */
bool wait_for_native(intptr_t native, int timeout_ms);

#endif
