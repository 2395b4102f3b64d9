/* Base64 (RFC 4648, with padding, no white space). */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Room that decoding needs for a text of this length. */
#define BASE64_ROOM(length) ((length) / 4 * 3)

/* Decode into out, which has room for BASE64_ROOM(length). Returns the number of bytes or -EINVAL. */
long base64_decode(const char *text, size_t length, uint8_t *out);

#endif
