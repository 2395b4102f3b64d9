/* Tar headers: ustar, with a pax header before it for what ustar can't tell (POSIX.1-2017 pax). */
#ifndef TAR_WRITER_H
#define TAR_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512u
#define TAR_PATH_MAX 4095u

struct output_pipe;

enum tar_type {
    TAR_FILE = '0',
    TAR_HARDLINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHARACTER = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_DIRECTORY = '5',
    TAR_FIFO = '6',
};

struct tar_xattr {
    const char *name;
    const void *value;
    size_t length;
};

struct tar_entry {
    const char *path; /* a directory's without the slash at its end */
    const char *target; /* of links, else NULL */
    enum tar_type type;
    uint32_t mode; /* permissions */
    uint32_t uid, gid;
    uint64_t size; /* of files alone */
    int64_t seconds;
    uint32_t nanoseconds;
    uint32_t major, minor;
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

/* 0, or -ENAMETOOLONG, -ENOMEM. A file's content follows: exactly size bytes, and tar_pad. */
int tar_write_header(struct output_pipe *output, const struct tar_entry *entry);
void tar_pad(struct output_pipe *output, uint64_t size);
/* The archive's end. */
void tar_write_end(struct output_pipe *output);

#endif
