/* Values in words, as Python's repr writes them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "value_parts.h"
#include "value_utf8.h"

/* ---- Where the text goes ---- */

/* length counts on when the text is full, as snprintf does. */
struct writer {
    char *text;
    size_t room; /* without the NUL */
    size_t length;
    bool full;
};

/* What is written in one call is a character, or ASCII: a text that ends too early does not
   end in half a character. */
static void put(struct writer *writer, const char *bytes, size_t size) {
    writer->length += size;
    if (writer->full) {
        return;
    }
    size_t left = writer->room - (writer->length - size);
    if (size > left) {
        writer->full = true;
        size = ((unsigned char)bytes[0] & 0x80u) != 0 ? 0 : left;
    }
    memcpy(writer->text, bytes, size);
    writer->text += size;
}

static void put_text(struct writer *writer, const char *text) {
    put(writer, text, strlen(text));
}

/* ---- Strings and bytes ---- */

/* Characters above ASCII that Python escapes: separators other than the space, controls,
   formats, surrogates, private use and those that Unicode will never assign. That a
   character is not assigned yet is not known here; it is kept. */
static bool is_printable(uint32_t character) {
    static const struct {
        uint32_t first;
        uint32_t last;
    } hidden[] = {
        {0x0000, 0x001F},   {0x007F, 0x00A0},   {0x00AD, 0x00AD},    {0x0600, 0x0605},
        {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},    {0x0890, 0x0891},
        {0x08E2, 0x08E2},   {0x1680, 0x1680},   {0x180E, 0x180E},    {0x2000, 0x200F},
        {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},    {0xD800, 0xF8FF},
        {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},    {0xFFFE, 0xFFFF},
        {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},  {0x1BCA0, 0x1BCA3},
        {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (character <= hidden[i].last) {
            return character < hidden[i].first;
        }
    }
    return true;
}

/* The letter that stands behind a backslash for this byte, or 0. */
static char escape_of(unsigned char byte, char quote) {
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return byte == (unsigned char)quote ? quote : '\0';
    }
}

/* A byte of bytes, or a character of a string that is ASCII or not even UTF-8. */
static void put_byte(struct writer *writer, unsigned char byte, char quote) {
    char letter = escape_of(byte, quote);
    char text[8] = {'\\', letter, '\0'};
    if (letter == '\0' && byte >= 0x20 && byte < 0x7F) {
        text[0] = (char)byte;
    } else if (letter == '\0') {
        snprintf(text, sizeof text, "\\x%02x", byte);
    }
    put_text(writer, text);
}

static void put_character(struct writer *writer, const unsigned char *bytes, size_t size,
                          uint32_t character) {
    if (is_printable(character)) {
        put(writer, (const char *)bytes, size);
        return;
    }
    char text[16];
    const char *format = character < 0x100     ? "\\x%02" PRIx32
                         : character < 0x10000 ? "\\u%04" PRIx32
                                               : "\\U%08" PRIx32;
    snprintf(text, sizeof text, format, character);
    put_text(writer, text);
}

/* Python prefers single quotes, unless that takes escapes and double ones would not. */
static char quote_for(const spork_value *value) {
    bool has_single =
        value->size > 0 && memchr(value->as.data, '\'', value->size) != NULL;
    bool has_double = value->size > 0 && memchr(value->as.data, '"', value->size) != NULL;
    return has_single && !has_double ? '"' : '\'';
}

static void put_string(struct writer *writer, const spork_value *value) {
    const unsigned char *bytes = value->as.data;
    char quote = quote_for(value);
    put(writer, &quote, 1);
    for (size_t i = 0; i < value->size;) {
        uint32_t character = 0;
        size_t size = value_utf8_next(bytes + i, value->size - i, &character);
        if (size > 1) {
            put_character(writer, bytes + i, size, character);
        } else {
            put_byte(writer, bytes[i], quote);
        }
        i += size > 1 ? size : 1;
    }
    put(writer, &quote, 1);
}

static void put_bytes(struct writer *writer, const spork_value *value) {
    const unsigned char *bytes = value->as.data;
    char quote = quote_for(value);
    put(writer, "b", 1);
    put(writer, &quote, 1);
    for (size_t i = 0; i < value->size; i++) {
        put_byte(writer, bytes[i], quote);
    }
    put(writer, &quote, 1);
}

/* ---- Everything ---- */

static void put_value(struct writer *writer, const spork_value *value, int depth);

static void put_list(struct writer *writer, const spork_value *list, int depth) {
    put_text(writer, "[");
    for (size_t i = 0; i < list->size; i++) {
        put_text(writer, i > 0 ? ", " : "");
        put_value(writer, &list->as.items[i], depth);
    }
    put_text(writer, "]");
}

static void put_map(struct writer *writer, const spork_value *map, int depth) {
    put_text(writer, "{");
    for (size_t i = 0; i < map->size; i++) {
        put_text(writer, i > 0 ? ", " : "");
        put_value(writer, &map->as.items[2 * i], depth);
        put_text(writer, ": ");
        put_value(writer, &map->as.items[2 * i + 1], depth);
    }
    put_text(writer, "}");
}

static void put_integer(struct writer *writer, int64_t integer) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, integer);
    put_text(writer, text);
}

static void put_real(struct writer *writer, double real) {
    char text[VALUE_FLOAT_TEXT];
    value_float_text(real, text);
    put_text(writer, text);
}

static void put_handle(struct writer *writer, const spork_value *handle) {
    put_text(writer, "<");
    put_text(writer, value_handle_name((spork_handle_kind)handle->handle_kind));
    put_text(writer, ">");
}

static void put_value(struct writer *writer, const spork_value *value, int depth) {
    bool nests = value->kind == SPORK_LIST || value->kind == SPORK_MAP;
    if (nests && value_too_deep(depth)) {
        put_text(writer, "...");
        return;
    }
    switch (value->kind) {
    case SPORK_NIL:
        put_text(writer, "None");
        break;
    case SPORK_BOOL:
        put_text(writer, value->as.boolean ? "True" : "False");
        break;
    case SPORK_INT:
        put_integer(writer, value->as.integer);
        break;
    case SPORK_FLOAT:
        put_real(writer, value->as.real);
        break;
    case SPORK_STRING:
        put_string(writer, value);
        break;
    case SPORK_BYTES:
        put_bytes(writer, value);
        break;
    case SPORK_LIST:
        put_list(writer, value, depth + 1);
        break;
    case SPORK_MAP:
        put_map(writer, value, depth + 1);
        break;
    case SPORK_HANDLE:
        put_handle(writer, value);
        break;
    default:
        put_text(writer, "<unknown>");
    }
}

size_t spork_value_format(const spork_value *value, char *text, size_t size) {
    struct writer writer = {text, size > 0 ? size - 1 : 0, 0, text == NULL || size == 0};
    spork_value nil = spork_nil();
    put_value(&writer, value != NULL ? value : &nil, 0);
    if (text != NULL && size > 0) {
        *writer.text = '\0';
    }
    return writer.length;
}

int spork_value_print(const spork_value *value) {
    char few[256];
    char *text = few;
    size_t length = spork_value_format(value, few, sizeof few);
    if (length >= sizeof few) {
        text = malloc(length + 1);
        if (text == NULL) {
            return error_set(SPORK_ENOMEM, "no memory for a text of %zu bytes", length);
        }
        spork_value_format(value, text, length + 1);
    }
    size_t written = fwrite(text, 1, length, stdout);
    int error = written == length
                    ? 0
                    : error_set(SPORK_ESYSTEM, "the standard output: %s (%d)",
                                strerror(errno), errno);
    if (text != few) {
        free(text);
    }
    return error;
}
