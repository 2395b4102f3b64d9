#include "tar-reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAX, LONG_PATH, LONG_TARGET };

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

/* Old writers summed signed bytes; readers take both. */
static bool sum_is_right(const uint8_t block[TAR_BLOCK]) {
    int64_t stored, plain = 0, with_sign = 0;
    if (tar_number(block + 148, 8, &stored) < 0)
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

static int take_names(struct tar_reader *reader, const uint8_t block[TAR_BLOCK], const struct tar_pax *pax,
                      struct tar_entry *entry) {
    free(reader->path);
    free(reader->target);
    reader->path = join_prefix(block);
    reader->target = copy_field(block + 157, 100);
    if (reader->path == NULL || reader->target == NULL)
        return -ENOMEM;
    entry->path = pax->path != NULL         ? pax->path
                  : reader->meta[LONG_PATH] != NULL ? reader->meta[LONG_PATH]
                                                    : reader->path;
    entry->target = pax->target != NULL           ? pax->target
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

static int take_header(struct tar_reader *reader, const uint8_t block[TAR_BLOCK], const struct tar_pax *pax,
                       struct tar_entry *entry) {
    int64_t mode, uid, gid, size, time, major, minor;
    *entry = (struct tar_entry){.type = block[156] == '\0' || block[156] == '7' ? TAR_FILE : (enum tar_type)block[156]};
    if (tar_number(block + 100, 8, &mode) < 0 || tar_number(block + 108, 8, &uid) < 0 || tar_number(block + 116, 8, &gid) < 0 ||
        tar_number(block + 124, 12, &size) < 0 || tar_number(block + 136, 12, &time) < 0)
        return -EBADMSG;
    int error = take_names(reader, block, pax, entry);
    if (error < 0)
        return error;
    const size_t length = strlen(entry->path);
    /* Before POSIX a directory was a file whose name ends in a slash. */
    if (block[156] == '\0' && length > 0 && entry->path[length - 1] == '/')
        entry->type = TAR_DIRECTORY;
    if (entry->type < TAR_FILE || entry->type > TAR_FIFO)
        return -ENOTSUP;
    if (pax->has_size)
        size = (int64_t)pax->size;
    if (size < 0 || (uint64_t)size > TAR_SIZE_MAX)
        return -EBADMSG;
    entry->size = entry->type == TAR_FILE ? (uint64_t)size : 0;
    entry->mode = (uint32_t)mode & 07777;
    if (owner(uid, pax->has_uid, pax->uid, &entry->uid) < 0 ||
        owner(gid, pax->has_gid, pax->gid, &entry->gid) < 0)
        return -EBADMSG;
    entry->seconds = pax->has_time ? pax->seconds : time;
    entry->nanoseconds = pax->nanoseconds;
    if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK_DEVICE) {
        if (tar_number(block + 329, 8, &major) < 0 || tar_number(block + 337, 8, &minor) < 0 || major < 0 || minor < 0 ||
            major > 0xfff || minor > 0xfffff)
            return -EBADMSG;
        entry->major = (uint32_t)major;
        entry->minor = (uint32_t)minor;
    }
    entry->xattrs = reader->xattrs;
    entry->xattr_count = pax->xattr_count;
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
    struct tar_pax pax = {0};
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
        if (!sum_is_right(block) || tar_number(block + 124, 12, &size) < 0)
            return -EBADMSG;
        switch (block[156]) {
        case 'x':
            pax = (struct tar_pax){0};
            error = read_meta(reader, PAX, size);
            if (error == 0)
                error = tar_parse_pax(&pax, reader->xattrs, reader->meta[PAX], (size_t)size);
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
            return take_header(reader, block, &pax, entry);
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
