#include "base64.h"

#include <errno.h>

static int value(char character) {
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 26;
    if (character >= '0' && character <= '9')
        return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t length, uint8_t *out) {
    if (length % 4 != 0)
        return -EINVAL;
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    const size_t digits = length - padding;
    long written = 0;
    uint32_t bits = 0;
    for (size_t at = 0; at < digits; at++) {
        const int digit = value(text[at]);
        if (digit < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)digit;
        if (at % 4 == 3) {
            out[written++] = (uint8_t)(bits >> 16);
            out[written++] = (uint8_t)(bits >> 8);
            out[written++] = (uint8_t)bits;
            bits = 0;
        }
    }
    /* The bits that no byte takes must be zero: one text for one value. */
    if (padding == 1) {
        if ((bits & 3) != 0)
            return -EINVAL;
        out[written++] = (uint8_t)(bits >> 10);
        out[written++] = (uint8_t)(bits >> 2);
    } else if (padding == 2) {
        if ((bits & 15) != 0)
            return -EINVAL;
        out[written++] = (uint8_t)(bits >> 4);
    }
    return written;
}
