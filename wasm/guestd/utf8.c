#include "utf8.h"

static bool continues(uint8_t byte) { return (byte & 0xc0) == 0x80; }

size_t utf8_character(const char *text, size_t length) {
    const uint8_t *byte = (const uint8_t *)text;
    if (length == 0)
        return 0;
    if (byte[0] < 0x80)
        return 1;
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf)
        return length >= 2 && continues(byte[1]) ? 2 : 0;
    if (byte[0] >= 0xe0 && byte[0] <= 0xef) {
        /* The second byte's range shuts out overlong forms and surrogates (RFC 3629, section 4). */
        uint8_t low = byte[0] == 0xe0 ? 0xa0 : 0x80;
        uint8_t high = byte[0] == 0xed ? 0x9f : 0xbf;
        return length >= 3 && byte[1] >= low && byte[1] <= high && continues(byte[2]) ? 3 : 0;
    }
    if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        uint8_t low = byte[0] == 0xf0 ? 0x90 : 0x80;
        uint8_t high = byte[0] == 0xf4 ? 0x8f : 0xbf;
        return length >= 4 && byte[1] >= low && byte[1] <= high && continues(byte[2]) && continues(byte[3]) ? 4 : 0;
    }
    return 0;
}

bool utf8_valid(const char *text, size_t length) {
    while (length > 0) {
        size_t step = utf8_character(text, length);
        if (step == 0)
            return false;
        text += step;
        length -= step;
    }
    return true;
}

size_t utf8_encode(uint32_t character, char out[4]) {
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character >= 0xd800 && character <= 0xdfff)
        return 0;
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    if (character > 0x10ffff)
        return 0;
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}
