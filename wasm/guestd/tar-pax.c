#include "tar-pax.h"

#include <errno.h>
#include <string.h>

/* Base-256 has the top bit set, then a big-endian two's complement number. */
int tar_number(const uint8_t *field, size_t length, int64_t *value) {
    if ((field[0] & 0x80) != 0) {
        const bool negative = (field[0] & 0x40) != 0;
        uint64_t bits = negative ? ~0ull : 0;
        for (size_t index = 0; index < length; index++) {
            const uint8_t byte = index == 0 && !negative ? field[0] & 0x7f : field[index];
            const uint64_t top = bits >> 55;
            if (top != 0 && top != 0x1ff)
                return -EBADMSG;
            bits = bits << 8 | byte;
        }
        *value = (int64_t)bits;
        return (*value < 0) == negative ? 0 : -EBADMSG;
    }
    size_t index = 0;
    uint64_t bits = 0;
    while (index < length && (field[index] == ' ' || field[index] == '\0'))
        index++;
    for (; index < length && field[index] >= '0' && field[index] <= '7'; index++) {
        if (bits >> 60 != 0)
            return -EBADMSG;
        bits = bits << 3 | (uint64_t)(field[index] - '0');
    }
    for (; index < length && field[index] != '\0'; index++)
        if (field[index] != ' ')
            return -EBADMSG;
    *value = (int64_t)bits;
    return 0;
}

/* A decimal number below 2^53. */
static int decimal(const char *text, size_t length, uint64_t *value) {
    *value = 0;
    if (length == 0 || length > 16)
        return -EBADMSG;
    for (size_t index = 0; index < length; index++) {
        if (text[index] < '0' || text[index] > '9')
            return -EBADMSG;
        *value = *value * 10 + (uint64_t)(text[index] - '0');
    }
    return *value < TAR_SIZE_MAX ? 0 : -EBADMSG;
}

static int pax_time(const char *text, size_t length, struct tar_pax *pax) {
    const bool negative = length > 0 && text[0] == '-';
    if (negative) {
        text++;
        length--;
    }
    const char *dot = memchr(text, '.', length);
    const size_t whole = dot == NULL ? length : (size_t)(dot - text);
    uint64_t seconds;
    if (whole > 15 || decimal(text, whole, &seconds) < 0)
        return -EBADMSG;
    uint32_t fraction = 0, unit = 100000000;
    for (size_t index = whole + 1; index < length; index++) {
        if (text[index] < '0' || text[index] > '9')
            return -EBADMSG;
        fraction += unit * (uint32_t)(text[index] - '0');
        unit /= 10;
    }
    pax->has_time = true;
    pax->seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    pax->nanoseconds = fraction;
    if (negative && fraction > 0) {
        pax->seconds--;
        pax->nanoseconds = 1000000000 - fraction;
    }
    return 0;
}

/* One record, its key and value ended by NUL in place. */
static int pax_record(struct tar_pax *pax, struct tar_xattr xattrs[], const char *key, const char *value, size_t length) {
    static const char xattr[] = "SCHILY.xattr.";
    if (strncmp(key, xattr, sizeof xattr - 1) == 0) {
        if (pax->xattr_count == TAR_XATTRS_MAX)
            return -EBADMSG;
        xattrs[pax->xattr_count++] = (struct tar_xattr){.name = key + sizeof xattr - 1, .value = value, .length = length};
        return 0;
    }
    if (strncmp(key, "GNU.sparse.", 11) == 0)
        return -ENOTSUP;
    if (length == 0)
        return 0;
    const bool is_path = strcmp(key, "path") == 0;
    if (is_path || strcmp(key, "linkpath") == 0) {
        if (memchr(value, '\0', length) != NULL)
            return -EBADMSG;
        *(is_path ? &pax->path : &pax->target) = value;
        return 0;
    }
    if (strcmp(key, "size") == 0) {
        pax->has_size = true;
        return decimal(value, length, &pax->size);
    }
    if (strcmp(key, "uid") == 0) {
        pax->has_uid = true;
        return decimal(value, length, &pax->uid);
    }
    if (strcmp(key, "gid") == 0) {
        pax->has_gid = true;
        return decimal(value, length, &pax->gid);
    }
    return strcmp(key, "mtime") == 0 ? pax_time(value, length, pax) : 0;
}

int tar_parse_pax(struct tar_pax *pax, struct tar_xattr xattrs[TAR_XATTRS_MAX], char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        char *record = text + at;
        const char *space = memchr(record, ' ', length - at);
        uint64_t size;
        if (space == NULL || space - record > 10 || decimal(record, (size_t)(space - record), &size) < 0)
            return -EBADMSG;
        const size_t digits = (size_t)(space - record) + 1;
        if (size < digits + 2 || size > length - at || record[size - 1] != '\n')
            return -EBADMSG;
        char *equals = memchr(record + digits, '=', (size_t)size - digits - 1);
        if (equals == NULL || equals == record + digits)
            return -EBADMSG;
        *equals = '\0';
        record[size - 1] = '\0';
        if (strlen(record + digits) != (size_t)(equals - record) - digits)
            return -EBADMSG;
        const int error =
            pax_record(pax, xattrs, record + digits, equals + 1, (size_t)(record + size - 1 - (equals + 1)));
        if (error < 0)
            return error;
        at += (size_t)size;
    }
    return 0;
}
