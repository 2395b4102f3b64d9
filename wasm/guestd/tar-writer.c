#include "tar-writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive-output.h"

/* An inode's xattrs are 64 KiB at most on the filesystems there are; names and links 4 KiB each. */
#define PAX_MAX (256u << 10)
#define OCTAL_11 077777777777

struct pax {
    char *bytes;
    size_t length, room;
    bool failed;
};

static void put(struct pax *pax, const void *bytes, size_t length) {
    if (pax->failed)
        return;
    if (pax->length + length > pax->room) {
        const size_t room = 2 * (pax->length + length);
        char *grown = room > PAX_MAX ? NULL : realloc(pax->bytes, room);
        if (grown == NULL) {
            pax->failed = true;
            return;
        }
        pax->bytes = grown;
        pax->room = room;
    }
    if (length > 0)
        memcpy(pax->bytes + pax->length, bytes, length);
    pax->length += length;
}

/* `length key=value\n`; the length counts itself. */
static void put_record(struct pax *pax, const char *prefix, const char *key, const void *value, size_t length) {
    const size_t rest = strlen(prefix) + strlen(key) + length + 3;
    char digits[24];
    size_t total = rest + 1;
    while ((size_t)snprintf(digits, sizeof digits, "%zu", total) + rest != total)
        total = rest + strlen(digits);
    put(pax, digits, strlen(digits));
    put(pax, " ", 1);
    put(pax, prefix, strlen(prefix));
    put(pax, key, strlen(key));
    put(pax, "=", 1);
    put(pax, value, length);
    put(pax, "\n", 1);
}

static void put_text(struct pax *pax, const char *key, const char *value) {
    put_record(pax, "", key, value, strlen(value));
}

static void put_number(struct pax *pax, const char *key, uint64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    put_text(pax, key, digits);
}

static void put_time(struct pax *pax, int64_t seconds, uint32_t nanoseconds) {
    char digits[48];
    /* Before 1970 the fraction counts the other way. */
    const bool negative = seconds < 0 && nanoseconds > 0;
    if (negative) {
        seconds++;
        nanoseconds = 1000000000 - nanoseconds;
    }
    int length = snprintf(digits, sizeof digits, "%s%" PRId64 ".%09" PRIu32, negative && seconds == 0 ? "-" : "", seconds,
                          nanoseconds);
    while (length > 1 && digits[length - 1] == '0')
        digits[--length] = '\0';
    if (digits[length - 1] == '.')
        digits[length - 1] = '\0';
    put_text(pax, "mtime", digits);
}

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* What doesn't fit stands in the pax header; 0 here. */
static void octal(uint8_t *field, int digits, uint64_t value) {
    char text[24];
    if (value >> (3 * digits) != 0)
        value = 0;
    snprintf(text, sizeof text, "%0*" PRIo64, digits, value);
    memcpy(field, text, (size_t)digits + 1);
}

static void put_name(uint8_t *field, const char *name) {
    const size_t length = strlen(name);
    memcpy(field, name, length < 100 ? length : 100);
}

static void put_header(struct output_pipe *output, const char *path, const struct tar_entry *entry, char type) {
    uint8_t block[TAR_BLOCK] = {0};
    put_name(block, path);
    octal(block + 100, 7, entry->mode);
    octal(block + 108, 7, entry->uid);
    octal(block + 116, 7, entry->gid);
    octal(block + 124, 11, entry->size);
    octal(block + 136, 11, entry->seconds < 0 ? 0 : (uint64_t)entry->seconds);
    block[156] = (uint8_t)type;
    if (entry->target != NULL)
        put_name(block + 157, entry->target);
    memcpy(block + 257, "ustar\00000", 8);
    octal(block + 329, 7, entry->major);
    octal(block + 337, 7, entry->minor);
    memset(block + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t index = 0; index < sizeof block; index++)
        sum += block[index];
    octal(block + 148, 6, sum);
    output_write(output, block, sizeof block);
}

int tar_write_header(struct output_pipe *output, const struct tar_entry *entry) {
    char path[TAR_PATH_MAX + 2];
    const size_t length = strlen(entry->path);
    if (length > TAR_PATH_MAX || (entry->target != NULL && strlen(entry->target) > TAR_PATH_MAX))
        return -ENAMETOOLONG;
    const bool slash = entry->type == TAR_DIRECTORY && (length == 0 || entry->path[length - 1] != '/');
    snprintf(path, sizeof path, "%s%s", entry->path, slash ? "/" : "");
    struct pax pax = {0};
    if (strlen(path) > 100 || !is_ascii(path))
        put_text(&pax, "path", path);
    if (entry->target != NULL && (strlen(entry->target) > 100 || !is_ascii(entry->target)))
        put_text(&pax, "linkpath", entry->target);
    if (entry->size > OCTAL_11)
        put_number(&pax, "size", entry->size);
    if (entry->uid > 07777777)
        put_number(&pax, "uid", entry->uid);
    if (entry->gid > 07777777)
        put_number(&pax, "gid", entry->gid);
    if (entry->nanoseconds != 0 || entry->seconds < 0 || entry->seconds > OCTAL_11)
        put_time(&pax, entry->seconds, entry->nanoseconds);
    for (size_t index = 0; index < entry->xattr_count; index++)
        put_record(&pax, "SCHILY.xattr.", entry->xattrs[index].name, entry->xattrs[index].value,
                   entry->xattrs[index].length);
    if (pax.failed) {
        free(pax.bytes);
        return -ENOMEM;
    }
    if (pax.length > 0) {
        const struct tar_entry extended = {.mode = 0644, .size = pax.length};
        put_header(output, "PaxHeader", &extended, 'x');
        output_write(output, pax.bytes, pax.length);
        tar_pad(output, pax.length);
        free(pax.bytes);
    }
    put_header(output, path, entry, (char)entry->type);
    return 0;
}

void tar_pad(struct output_pipe *output, uint64_t size) {
    output_zeros(output, -size % TAR_BLOCK);
}

void tar_write_end(struct output_pipe *output) {
    output_zeros(output, (uint64_t)2 * TAR_BLOCK);
}
