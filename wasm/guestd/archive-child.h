/* What the child of an `archive` or `extract` channel does. */
#ifndef ARCHIVE_CHILD_H
#define ARCHIVE_CHILD_H

#include <stdbool.h>

struct file_view;
struct json_value;

struct archive_work {
    const struct json_value *open; /* the channel's first frame */
    const struct file_view *view;
    bool extract; /* else archive */
    int input;    /* of extract: the archive; else -1 */
    int output;   /* frames for the host: see archive-output.h */
};

/* In the forked child: closes all descriptors but those above. */
_Noreturn void archive_child(const struct archive_work *work);

#endif
