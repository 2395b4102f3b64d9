/* Files into a tar archive. */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "failure.h"
#include "link-table.h"
#include "tar-writer.h"

struct pack {
    struct output_pipe *output;
    struct link_table links;
    char path[TAR_PATH_MAX + 1]; /* of the entry under way, in the archive */
    size_t length;
    bool whole_seconds; /* times are cut, as Docker does */
    struct pack_xattrs *xattrs; /* room for those of one file */
};

/* 0 or -ENOMEM. */
int pack_open(struct pack *pack, struct output_pipe *output, const char *path);
void pack_close(struct pack *pack);
/* Go into a directory's entry: what to give pack_leave, or -ENAMETOOLONG. */
int pack_enter(struct pack *pack, const char *name);
void pack_leave(struct pack *pack, int length);
/* One file, without what is below a directory, under pack->path. `name` is in the directory `parent`; "" means parent itself,
 * an O_PATH descriptor of any file. What has vanished meanwhile and sockets are left out. */
int pack_file(struct pack *pack, int parent, const char *name, const struct stat *status, struct failure *failure);
/* A file and all that is below it. The path "" stands for its contents alone. */
int pack_tree(struct pack *pack, int parent, const char *name, struct failure *failure);
/* O_PATH descriptor of a path inside of root; a symlink at its end is followed only with a slash or dot behind it. -errno */
int pack_resolve(int root, const char *path);
/* Where a path leads in the end, with a slash at its start: as far as it is there. 0 or -errno */
int pack_follow(int root, const char *path, char followed[TAR_PATH_MAX + 1]);

#endif
