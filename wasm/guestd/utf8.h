/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the character at the start of text (1–4), or 0 when it is not well formed or length is 0. */
size_t utf8_character(const char *text, size_t length);
bool utf8_valid(const char *text, size_t length);
/* Write the character to out and return its length; 0 for surrogates and above U+10FFFF. */
size_t utf8_encode(uint32_t character, char out[4]);

#endif
