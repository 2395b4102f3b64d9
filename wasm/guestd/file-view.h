/* Where the files of an `archive` or `extract` channel are. All but the first in a child process, whose mount namespace may
 * become one of its own. */
#ifndef FILE_VIEW_H
#define FILE_VIEW_H

#include <stdbool.h>

#include "failure.h"

struct json_value;

struct file_view {
    const struct json_value *files; /* FileOwner of guest-protocol.ts */
    int namespace;                  /* mount namespace of the container while it runs, or -1 */
};

/* In guestd: check what the host named, and see to it that there is a writable layer. */
int file_view_prepare(const struct json_value *files, struct file_view *view, struct failure *failure);
/* O_PATH descriptor of the root of what a process in there sees, with its volumes, but without proc, sys and dev. */
int file_view_root(const struct file_view *view, struct failure *failure);
/* Descriptors of the writable layer and the tree below it. */
int file_view_layers(const struct file_view *view, int *upper, int *lower, struct failure *failure);

#endif
