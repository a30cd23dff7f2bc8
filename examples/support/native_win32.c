/* HANDLEs. */
#include "native.h"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

bool wait_for_native(intptr_t native, int timeout_ms) {
    return WaitForSingleObject((HANDLE)native, (DWORD)timeout_ms) == WAIT_OBJECT_0;
}
