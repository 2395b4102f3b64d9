/* cgroup v2 directories. Paths are relative to /sys/fs/cgroup; a container's is kept in the link CONTAINERS/<id>/.cgroup. */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>

#include "failure.h"

struct json_value;

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_PATH_MAX 256

/* Take a spec's cgroupsPath (default docker/<id>): no leading slash, no "..", no empty part. 0 or -EINVAL. */
int cgroup_path(const char *wanted, const char *container, char path[CGROUP_PATH_MAX]);
/* Make the directory, with its parents and all controllers; one that is left over and empty is made anew. Returns a
 * descriptor of it, or -errno: -EEXIST when processes are in it. */
int cgroup_make(const char *path);
/* The same, but an existing one is taken as it is. */
int cgroup_open(const char *path);
/* Write an OCI linux.resources, and its device rules with the default ones. */
int cgroup_limit(int cgroup, const struct json_value *resources, struct failure *failure);
/* Write a ResourceUpdate of guest-protocol.ts. */
int cgroup_update(int cgroup, const struct json_value *update, struct failure *failure);
/* Kill what is in it and remove it with its descendants. Waits at most about 100 ms for the killed. */
int cgroup_remove(const char *path);
int cgroup_freeze(int cgroup, bool frozen);
/* Remember and look up a container's path. */
int cgroup_remember(const char *container, const char *path);
int cgroup_recall(const char *container, char path[CGROUP_PATH_MAX]);

#endif
