#include "tar-reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAXIMUM (1ull << 53)

enum { PAX, LONG_PATH, LONG_TARGET };

/* What an extended header changes in the member after it. */
struct overrides {
    const char *path, *target;
    bool has_size, has_uid, has_gid, has_time;
    uint64_t size, uid, gid;
    int64_t seconds;
    uint32_t nanoseconds;
    size_t xattr_count;
};

/* All of size bytes; fewer at the end. */
static ssize_t read_full(struct tar_reader *reader, void *bytes, size_t size) {
    size_t have = 0;
    while (have < size) {
        const ssize_t got = reader->read(reader->context, (char *)bytes + have, size - have);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int skip(struct tar_reader *reader, uint64_t length) {
    char bytes[4096];
    while (length > 0) {
        const size_t part = length < sizeof bytes ? (size_t)length : sizeof bytes;
        const ssize_t got = read_full(reader, bytes, part);
        if (got < 0)
            return (int)got;
        if ((size_t)got < part)
            return -ENODATA;
        length -= part;
    }
    return 0;
}

/* Octal digits, or GNU's base-256: the top bit set, then a big-endian two's complement number. */
static int number(const uint8_t *field, size_t length, int64_t *value) {
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

/* Old writers summed signed bytes; readers take both. */
static bool sum_is_right(const uint8_t block[TAR_BLOCK]) {
    int64_t stored, plain = 0, with_sign = 0;
    if (number(block + 148, 8, &stored) < 0)
        return false;
    for (size_t index = 0; index < TAR_BLOCK; index++) {
        const uint8_t byte = index >= 148 && index < 156 ? ' ' : block[index];
        plain += byte;
        with_sign += (int8_t)byte;
    }
    return stored == plain || stored == with_sign;
}

static bool is_zero(const uint8_t block[TAR_BLOCK]) {
    for (size_t index = 0; index < TAR_BLOCK; index++)
        if (block[index] != 0)
            return false;
    return true;
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
    return *value < SIZE_MAXIMUM ? 0 : -EBADMSG;
}

static int pax_time(const char *text, size_t length, struct overrides *overrides) {
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
    overrides->has_time = true;
    overrides->seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    overrides->nanoseconds = fraction;
    if (negative && fraction > 0) {
        overrides->seconds--;
        overrides->nanoseconds = 1000000000 - fraction;
    }
    return 0;
}

/* One record, its key and value ended by NUL in place. */
static int pax_record(struct tar_reader *reader, struct overrides *overrides, const char *key, const char *value,
                      size_t length) {
    static const char xattr[] = "SCHILY.xattr.";
    if (strncmp(key, xattr, sizeof xattr - 1) == 0) {
        if (overrides->xattr_count == TAR_XATTRS_MAX)
            return -EBADMSG;
        reader->xattrs[overrides->xattr_count++] =
            (struct tar_xattr){.name = key + sizeof xattr - 1, .value = value, .length = length};
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
        *(is_path ? &overrides->path : &overrides->target) = value;
        return 0;
    }
    if (strcmp(key, "size") == 0) {
        overrides->has_size = true;
        return decimal(value, length, &overrides->size);
    }
    if (strcmp(key, "uid") == 0) {
        overrides->has_uid = true;
        return decimal(value, length, &overrides->uid);
    }
    if (strcmp(key, "gid") == 0) {
        overrides->has_gid = true;
        return decimal(value, length, &overrides->gid);
    }
    return strcmp(key, "mtime") == 0 ? pax_time(value, length, overrides) : 0;
}

static int parse_pax(struct tar_reader *reader, struct overrides *overrides, char *text, size_t length) {
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
            pax_record(reader, overrides, record + digits, equals + 1, (size_t)(record + size - 1 - (equals + 1)));
        if (error < 0)
            return error;
        at += (size_t)size;
    }
    return 0;
}

/* The data of a header that speaks of another member; ended by NUL. */
static int read_meta(struct tar_reader *reader, int kind, int64_t size) {
    if (size < 0 || size > TAR_META_MAX)
        return -EBADMSG;
    char *bytes = malloc((size_t)size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    free(reader->meta[kind]);
    reader->meta[kind] = bytes;
    const ssize_t got = read_full(reader, bytes, (size_t)size);
    if (got < 0)
        return (int)got;
    if (got < size)
        return -ENODATA;
    bytes[size] = '\0';
    return skip(reader, -(uint64_t)size % TAR_BLOCK);
}

static char *copy_field(const uint8_t *field, size_t length) {
    return strndup((const char *)field, length);
}

static char *join_prefix(const uint8_t block[TAR_BLOCK]) {
    /* GNU's format has other fields where POSIX has the prefix. */
    const bool posix = memcmp(block + 257, "ustar", 6) == 0 && block[263] == '0';
    if (!posix || block[345] == '\0')
        return copy_field(block, 100);
    const size_t prefix = strnlen((const char *)block + 345, 155), name = strnlen((const char *)block, 100);
    char *path = malloc(prefix + name + 2);
    if (path != NULL) {
        memcpy(path, block + 345, prefix);
        path[prefix] = '/';
        memcpy(path + prefix + 1, block, name);
        path[prefix + 1 + name] = '\0';
    }
    return path;
}

static int take_names(struct tar_reader *reader, const uint8_t block[TAR_BLOCK], const struct overrides *overrides,
                      struct tar_entry *entry) {
    free(reader->path);
    free(reader->target);
    reader->path = join_prefix(block);
    reader->target = copy_field(block + 157, 100);
    if (reader->path == NULL || reader->target == NULL)
        return -ENOMEM;
    entry->path = overrides->path != NULL         ? overrides->path
                  : reader->meta[LONG_PATH] != NULL ? reader->meta[LONG_PATH]
                                                    : reader->path;
    entry->target = overrides->target != NULL           ? overrides->target
                    : reader->meta[LONG_TARGET] != NULL ? reader->meta[LONG_TARGET]
                                                        : reader->target;
    return strlen(entry->path) > TAR_PATH_MAX || strlen(entry->target) > TAR_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int owner(int64_t field, bool overridden, uint64_t value, uint32_t *out) {
    /* macOS's `nobody` is -2. */
    if (!overridden)
        value = field < 0 ? (uint64_t)field & 0xffffffff : (uint64_t)field;
    *out = (uint32_t)value;
    return value > 0xffffffff ? -EBADMSG : 0;
}

static int take_header(struct tar_reader *reader, const uint8_t block[TAR_BLOCK], const struct overrides *overrides,
                       struct tar_entry *entry) {
    int64_t mode, uid, gid, size, time, major, minor;
    *entry = (struct tar_entry){.type = block[156] == '\0' || block[156] == '7' ? TAR_FILE : (enum tar_type)block[156]};
    if (number(block + 100, 8, &mode) < 0 || number(block + 108, 8, &uid) < 0 || number(block + 116, 8, &gid) < 0 ||
        number(block + 124, 12, &size) < 0 || number(block + 136, 12, &time) < 0)
        return -EBADMSG;
    int error = take_names(reader, block, overrides, entry);
    if (error < 0)
        return error;
    const size_t length = strlen(entry->path);
    /* Before POSIX a directory was a file whose name ends in a slash. */
    if (block[156] == '\0' && length > 0 && entry->path[length - 1] == '/')
        entry->type = TAR_DIRECTORY;
    if (entry->type < TAR_FILE || entry->type > TAR_FIFO)
        return -ENOTSUP;
    if (overrides->has_size)
        size = (int64_t)overrides->size;
    if (size < 0 || (uint64_t)size > SIZE_MAXIMUM)
        return -EBADMSG;
    entry->size = entry->type == TAR_FILE ? (uint64_t)size : 0;
    entry->mode = (uint32_t)mode & 07777;
    if (owner(uid, overrides->has_uid, overrides->uid, &entry->uid) < 0 ||
        owner(gid, overrides->has_gid, overrides->gid, &entry->gid) < 0)
        return -EBADMSG;
    entry->seconds = overrides->has_time ? overrides->seconds : time;
    entry->nanoseconds = overrides->nanoseconds;
    if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK_DEVICE) {
        if (number(block + 329, 8, &major) < 0 || number(block + 337, 8, &minor) < 0 || major < 0 || minor < 0 ||
            major > 0xfff || minor > 0xfffff)
            return -EBADMSG;
        entry->major = (uint32_t)major;
        entry->minor = (uint32_t)minor;
    }
    entry->xattrs = reader->xattrs;
    entry->xattr_count = overrides->xattr_count;
    reader->left = entry->size;
    reader->padding = (uint32_t)(-entry->size % TAR_BLOCK);
    return 1;
}

static void forget_meta(struct tar_reader *reader) {
    for (size_t kind = 0; kind < sizeof reader->meta / sizeof *reader->meta; kind++) {
        free(reader->meta[kind]);
        reader->meta[kind] = NULL;
    }
}

static int pass_content(struct tar_reader *reader) {
    int error = skip(reader, reader->left);
    reader->left = 0;
    if (error == 0 && reader->padding > 0) {
        /* Some writers leave out what pads the last member. */
        error = skip(reader, reader->padding);
        if (error == -ENODATA)
            error = 0;
    }
    reader->padding = 0;
    return error;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry) {
    struct overrides overrides = {0};
    int error = pass_content(reader);
    forget_meta(reader);
    while (error >= 0) {
        uint8_t block[TAR_BLOCK];
        int64_t size;
        const ssize_t got = read_full(reader, block, sizeof block);
        if (got < 0)
            return (int)got;
        const bool expected = reader->meta[PAX] != NULL || reader->meta[LONG_PATH] != NULL || reader->meta[LONG_TARGET] != NULL;
        if (got == 0 || ((size_t)got == sizeof block && is_zero(block)))
            return expected ? -ENODATA : 0;
        if ((size_t)got < sizeof block)
            return -ENODATA;
        if (!sum_is_right(block) || number(block + 124, 12, &size) < 0)
            return -EBADMSG;
        switch (block[156]) {
        case 'x':
            overrides = (struct overrides){0};
            error = read_meta(reader, PAX, size);
            if (error == 0)
                error = parse_pax(reader, &overrides, reader->meta[PAX], (size_t)size);
            break;
        case 'L':
            error = read_meta(reader, LONG_PATH, size);
            break;
        case 'K':
            error = read_meta(reader, LONG_TARGET, size);
            break;
        case 'g':
            /* For all members after it; Docker ignores it. */
            error = size < 0 || size > TAR_META_MAX ? -EBADMSG
                                                    : skip(reader, (uint64_t)size + -(uint64_t)size % TAR_BLOCK);
            break;
        default:
            return take_header(reader, block, &overrides, entry);
        }
    }
    return error;
}

ssize_t tar_read(struct tar_reader *reader, void *bytes, size_t size) {
    if (reader->left == 0)
        return 0;
    const size_t part = reader->left < size ? (size_t)reader->left : size;
    const ssize_t got = reader->read(reader->context, bytes, part);
    if (got == 0)
        return -ENODATA;
    if (got > 0)
        reader->left -= (uint64_t)got;
    return got;
}

void tar_reader_free(struct tar_reader *reader) {
    forget_meta(reader);
    free(reader->path);
    free(reader->target);
    reader->path = reader->target = NULL;
}
