/* The spec's mounts, in their order, inside the root. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include "failure.h"

struct json_value;

/* devpts: a detached mount for the terminal's /dev/pts (terminal.h), or -1. */
int mounts_make(const struct json_value *mounts, int root, int devpts, struct failure *failure);
/* After the pivot and with all devices there: tmpfs mounts that are to be read-only. */
int mounts_finish(const struct json_value *mounts, struct failure *failure);
/* The mount of the spec at destination, or NULL. */
const struct json_value *mounts_find(const struct json_value *mounts, const char *destination);

#endif
