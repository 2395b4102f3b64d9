/* The first process of a container, from clone to execve. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "failure.h"
#include "namespaces.h"
#include "process.h"
#include "terminal.h"

struct json_value;

struct container {
    const char *id, *tree, *upper;
    bool is_volatile; /* the writable layer needs to survive nothing */
    bool redirect;    /* of lower directories that are renamed */
    const struct json_value *spec;
    struct namespaces namespaces;
    struct terminal terminal;
    struct process process;
};

/* In the child, in its new namespaces and cgroup. Returns only with a failure. */
int container_enter(struct container *container, struct failure *failure);

#endif
