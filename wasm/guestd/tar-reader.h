/* Reads a tar archive from whoever: nothing in it is trusted, everything is bounded. ustar, GNU long names and base-256
 * numbers, pax with xattrs. */
#ifndef TAR_READER_H
#define TAR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tar-pax.h"

#define TAR_META_MAX (1u << 20)

struct tar_reader {
    /* Reads at least one byte; 0 at the end, -errno. */
    ssize_t (*read)(void *context, void *bytes, size_t size);
    void *context;
    uint64_t left; /* content of the member under way */
    uint32_t padding;
    /* Of the member under way: texts and xattrs point in here. */
    char *path, *target;
    char *meta[3]; /* pax, GNU path, GNU target: kept until the next member */
    struct tar_xattr xattrs[TAR_XATTRS_MAX];
};

/* The next member; what is left of the last one is passed over. `path` and `target` are as in the archive, without NUL.
 * Returns 1, 0 at the end, -EBADMSG (no tar), -ENODATA (it breaks off), -ENOTSUP (sparse files, unknown types), -ENOMEM or
 * the reader's own error. */
int tar_next(struct tar_reader *reader, struct tar_entry *entry);
/* Content of the member: how many bytes, 0 at its end, or -errno. */
ssize_t tar_read(struct tar_reader *reader, void *bytes, size_t size);
void tar_reader_free(struct tar_reader *reader);

#endif
