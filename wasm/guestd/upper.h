/* Writable layers of containers: a directory with `upper` and `work` for overlay, on the disk or, without one, on tmpfs. */
#ifndef UPPER_H
#define UPPER_H

#include <stdbool.h>

#include "failure.h"

#define UPPER_MAX 112

/* Where it is, else where it would be made: on the disk when that is mounted. */
void upper_find(const char *container, char path[UPPER_MAX]);
/* Find or make it. where: "tmpfs", "disk", or NULL for what there is. *fresh becomes true when something was made. */
int upper_make(const char *container, const char *where, char path[UPPER_MAX], bool *fresh, struct failure *failure);
/* Remove it. 0 or -errno. */
int upper_discard(const char *container);

#endif
