/* The texts of errors, and each thread's last failure in words. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spork/version.h"

enum { DETAIL_SIZE = 1024 };

static _Thread_local char detail[DETAIL_SIZE];

int spork_version(void) {
    return SPORK_VERSION;
}

const char *spork_error_name(int error) {
    switch (error) {
    case SPORK_OK:
        return "SPORK_OK";
#define NAME(name, number, sentence) \
    case number:                     \
        return "SPORK_" #name;
        SPORK_ERRORS(NAME)
#undef NAME
    default:
        return "SPORK_E?";
    }
}

const char *spork_error_sentence(int error) {
    switch (error) {
    case SPORK_OK:
        return "no error";
#define SENTENCE(name, number, sentence) \
    case number:                         \
        return sentence;
        SPORK_ERRORS(SENTENCE)
#undef SENTENCE
    default:
        return "not an error of spork";
    }
}

const char *spork_error_detail(void) {
    return detail;
}

/* A text that was cut must not end in half a UTF-8 character. */
static void trim_to_character(char *text, size_t length) {
    while (length > 0 && ((unsigned char)text[length - 1] & 0xC0u) == 0x80u) {
        length--;
    }
    if (length > 0 && ((unsigned char)text[length - 1] & 0x80u) != 0) {
        length--;
    }
    text[length] = '\0';
}

static void format_detail(const char *format, va_list arguments) {
    char text[DETAIL_SIZE];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length >= (int)sizeof text) {
        trim_to_character(text, sizeof text - 1);
    }
    memcpy(detail, text, sizeof text);
}

int error_set(int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_detail(format, arguments);
    va_end(arguments);
    return error;
}

int error_prefix(int error, const char *format, ...) {
    char before[DETAIL_SIZE];
    memcpy(before, detail, sizeof before);
    va_list arguments;
    va_start(arguments, format);
    format_detail(format, arguments);
    va_end(arguments);
    size_t length = strlen(detail);
    int more = snprintf(detail + length, sizeof detail - length, ": %s", before);
    if (more >= (int)(sizeof detail - length)) {
        trim_to_character(detail, sizeof detail - 1);
    }
    return error;
}

int error_late(int64_t timeout_ms, const char *what) {
    if (timeout_ms == 0) {
        return error_set(SPORK_EWOULDBLOCK, "%s: it would have had to wait", what);
    }
    return error_set(SPORK_ETIMEDOUT, "%s: the time of %lld ms ran out", what,
                     (long long)timeout_ms);
}
