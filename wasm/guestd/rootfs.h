/* The container's file tree: overlay, resolving paths inside it, pivot_root. All in the child, in its mount namespace. */
#ifndef ROOTFS_H
#define ROOTFS_H

#include <stdbool.h>

#include "failure.h"

struct json_value;

struct rootfs {
    const char *tree;
    const char *upper; /* directory with upper and work: see upper.h */
    bool redirect;     /* directories of the tree can be renamed */
    bool is_volatile;  /* the writable layer needs to survive nothing */
};

/* Where every container's overlay is mounted, each in its own mount namespace. */
#define ROOTFS "/run/rootfs"

/* Mount the overlay: the tree read-only, below what is written. Returns an O_PATH descriptor of its root. */
int rootfs_mount(const struct rootfs *rootfs, unsigned long propagation, struct failure *failure);
/* O_PATH descriptor of path, resolved as if root were /, symlinks followed; -errno. */
int rootfs_open(int root, const char *path);
/* The same, but what is missing is made: directories, and at the end a directory or an empty file. */
int rootfs_ensure(int root, const char *path, bool directory);
/* root becomes /, the old root is gone. */
int rootfs_pivot(int root, struct failure *failure);
/* After the pivot: sysctl, readonlyPaths, maskedPaths, root.readonly, rootfsPropagation. */
int rootfs_finish(const struct json_value *spec, struct failure *failure);

#endif
