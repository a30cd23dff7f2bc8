/* UTF-8, read one character at a time. */
#include "value_utf8.h"

#include <string.h>

/* Overlong forms are found by the least character that deserves so many bytes. */
static size_t length_by_lead(unsigned char lead, uint32_t *bits, uint32_t *least) {
    if (lead < 0x80) {
        *bits = lead;
        *least = 0;
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        *bits = lead & 0x1Fu;
        *least = 0x80;
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        *bits = lead & 0x0Fu;
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *bits = lead & 0x07u;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

size_t value_utf8_next(const unsigned char *text, size_t size, uint32_t *out) {
    if (size == 0) {
        return 0;
    }
    uint32_t character = 0;
    uint32_t least = 0;
    size_t length = length_by_lead(text[0], &character, &least);
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0u) != 0x80u) {
            return 0;
        }
        character = character << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = character >= 0xD800 && character <= 0xDFFF;
    if (character < least || character > 0x10FFFF || surrogate) {
        return 0;
    }
    *out = character;
    return length;
}

bool value_utf8_valid(const void *text, size_t size) {
    const unsigned char *at = text;
    while (size > 0) {
        /* Most text is ASCII: eight of it at a time. */
        uint64_t eight = 0;
        if (size >= sizeof eight) {
            memcpy(&eight, at, sizeof eight);
        }
        size_t length = sizeof eight;
        if (size < sizeof eight || (eight & UINT64_C(0x8080808080808080)) != 0) {
            uint32_t character = 0;
            length = value_utf8_next(at, size, &character);
        }
        if (length == 0) {
            return false;
        }
        at += length;
        size -= length;
    }
    return true;
}
