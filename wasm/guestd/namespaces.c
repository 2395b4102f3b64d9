#define _GNU_SOURCE
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "lone-networks.h"

static int flag_of(const char *type) {
    static const struct {
        const char *type;
        int flag;
    } types[] = {{"mount", CLONE_NEWNS},      {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS},
                 {"ipc", CLONE_NEWIPC},       {"network", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0)
            return types[i].flag;
    return 0;
}

int namespaces_parse(const struct json_value *list, struct namespaces *namespaces, struct failure *failure) {
    *namespaces = (struct namespaces){.pid = -1, .network = -1, .list = list};
    for (const struct json_value *item = json_first(list); item != NULL; item = item->next) {
        const char *type = json_text(json_get(item, "type"), ""), *path = json_text(json_get(item, "path"), "");
        int flag = flag_of(type);
        if (flag == 0)
            return fail(failure, "invalid", EINVAL, "namespace \"%s\" is not supported", type);
        if (*path == '\0')
            *(flag == CLONE_NEWCGROUP ? &namespaces->later : &namespaces->create) |= (uint64_t)flag;
        else if (flag == CLONE_NEWPID && namespaces->pid < 0 && (namespaces->pid = open(path, O_RDONLY | O_CLOEXEC)) < 0)
            return fail_errno(failure, errno, "cannot join the pid namespace %s", path);
    }
    if ((namespaces->create & CLONE_NEWNS) == 0)
        return fail(failure, "invalid", EINVAL, "a container needs a mount namespace of its own");
    return 0;
}

int namespaces_enter(const struct namespaces *namespaces, struct failure *failure) {
    for (const struct json_value *item = json_first(namespaces->list); item != NULL; item = item->next) {
        const char *type = json_text(json_get(item, "type"), ""), *path = json_text(json_get(item, "path"), "");
        int flag = flag_of(type);
        if (*path == '\0' || flag == CLONE_NEWPID)
            continue;
        cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, flag) < 0)
            return fail_errno(failure, errno, "cannot join the %s namespace %s", type, path);
    }
    if (namespaces->network >= 0 && setns(namespaces->network, CLONE_NEWNET) < 0)
        return fail_errno(failure, errno, "cannot join the new network namespace");
    if (namespaces->later != 0 && unshare((int)namespaces->later) < 0)
        return fail_errno(failure, errno, "unshare the cgroup namespace");
    if ((namespaces->create & CLONE_NEWNET) != 0) {
        int error = lone_network_raise_loopback();
        if (error < 0)
            return fail_errno(failure, -error, "cannot bring up lo");
    }
    return 0;
}
