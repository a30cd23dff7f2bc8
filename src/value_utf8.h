/* Rank 1: UTF-8, strictly: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef SRC_VALUE_UTF8_H
#define SRC_VALUE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes, 1 to 4, of the character that text begins with, and the character in *out; 0
   when text is empty or does not begin with a well-formed character. */
size_t value_utf8_next(const unsigned char *text, size_t size, uint32_t *out);

/* Whether all of text is UTF-8. */
bool value_utf8_valid(const void *text, size_t size);

#endif
