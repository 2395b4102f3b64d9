/* Namespaces of the spec: which are new, which are joined by path. */
#ifndef NAMESPACES_H
#define NAMESPACES_H

#include <stdint.h>

#include "failure.h"

struct json_value;

struct namespaces {
    uint64_t create; /* CLONE_NEW… for clone3 */
    uint64_t later;  /* CLONE_NEWCGROUP if new: unshared by the child, once it is in its cgroup */
    int pid;         /* descriptor of a pid namespace to clone into, or -1 */
    int network;     /* descriptor of a new network namespace from the pool, or -1 */
    const struct json_value *list;
};

/* Read linux.namespaces; opens the pid namespace, if it has a path. Close .pid and .network. */
int namespaces_parse(const struct json_value *list, struct namespaces *namespaces, struct failure *failure);
/* In the child: join those with a path, unshare the cgroup namespace, and bring up lo of a new network. */
int namespaces_enter(const struct namespaces *namespaces, struct failure *failure);

#endif
