#include "base64.h"

#include <errno.h>

/* One more than the value of a digit; 0: none. */
#define RUN10(first, value) [first] = value, [first + 1] = value + 1, [first + 2] = value + 2, [first + 3] = value + 3, \
    [first + 4] = value + 4, [first + 5] = value + 5, [first + 6] = value + 6, [first + 7] = value + 7, \
    [first + 8] = value + 8, [first + 9] = value + 9
#define RUN26(first, value) RUN10(first, value), RUN10(first + 10, value + 10), [first + 20] = value + 20, \
    [first + 21] = value + 21, [first + 22] = value + 22, [first + 23] = value + 23, [first + 24] = value + 24, \
    [first + 25] = value + 25
static const uint8_t values[256] = {RUN26('A', 1), RUN26('a', 27), RUN10('0', 53), ['+'] = 63, ['/'] = 64};

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
        const int digit = values[(uint8_t)text[at]] - 1;
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
