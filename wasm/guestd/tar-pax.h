/* What an extended header of pax says (POSIX.1-2017 pax), and the numbers of a tar header. */
#ifndef TAR_PAX_H
#define TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tar-writer.h"

#define TAR_XATTRS_MAX 64
#define TAR_SIZE_MAX (1ull << 53)

/* What an extended header changes in the member after it. */
struct tar_pax {
    const char *path, *target;
    bool has_size, has_uid, has_gid, has_time;
    uint64_t size, uid, gid;
    int64_t seconds;
    uint32_t nanoseconds;
    size_t xattr_count;
};

/* A field of octal digits, or in GNU's base-256. 0 or -EBADMSG. */
int tar_number(const uint8_t *field, size_t length, int64_t *value);
/* Parse the data of an extended header, which is changed and stays in use: names and values point into it. 0, -EBADMSG, or
 * -ENOTSUP for a sparse file. */
int tar_parse_pax(struct tar_pax *pax, struct tar_xattr xattrs[TAR_XATTRS_MAX], char *text, size_t length);

#endif
