/* Texts for the system; what does not fit is cut: tests use short ones. */
#ifndef TESTS_SUPPORT_WIN32_WIDE_H
#define TESTS_SUPPORT_WIN32_WIDE_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum { WIDE_SIZE = 1024 };

static inline const wchar_t *wide(const char *text, wchar_t buffer[WIDE_SIZE]) {
    buffer[0] = L'\0';
    MultiByteToWideChar(CP_UTF8, 0, text, -1, buffer, WIDE_SIZE);
    return buffer;
}

#endif
