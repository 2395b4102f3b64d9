/* The first process of a container, from clone to execve. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stdbool.h>

#include "failure.h"
#include "namespaces.h"
#include "process.h"
#include "rootfs.h"
#include "terminal.h"

struct json_value;

struct container {
    const char *id;
    struct rootfs rootfs;
    const struct json_value *spec;
    const struct json_value *network; /* ContainerNetwork, or NULL */
    struct namespaces namespaces;
    struct terminal terminal;
    struct process process;
};

/* In the child, in its new namespaces and cgroup. Returns only with a failure. */
int container_enter(struct container *container, struct failure *failure);

#endif
