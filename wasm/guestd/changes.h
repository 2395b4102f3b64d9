/* What a writable layer changes in the tree below it: as an OCI layer (image-spec v1.1.1, layer.md) or as Docker's list. */
#ifndef CHANGES_H
#define CHANGES_H

#include "failure.h"

struct json_value;
struct output_pipe;

struct changes {
    int upper, lower; /* directories of the layer and of the tree */
    const struct json_value *ignore; /* absolute paths of mount points */
    /* O_PATH descriptor of the merged view, which is asked for when a directory of the tree was renamed; -errno. */
    int (*merged)(void *context, struct failure *failure);
    void *context;
};

int changes_pack(const struct changes *changes, struct output_pipe *output, struct failure *failure);
/* Records: `M`, `A` or `D`, the absolute path, NUL. */
int changes_list(const struct changes *changes, struct output_pipe *output, struct failure *failure);

#endif
