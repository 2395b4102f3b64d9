#define _GNU_SOURCE
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "container.h"
#include "files.h"
#include "json.h"
#include "lone-networks.h"
#include "net.h"
#include "rootfs.h"
#include "runtime-paths.h"
#include "spawn.h"
#include "upper.h"

static bool is_hex(const char *text, size_t least, size_t most) {
    size_t length = strlen(text);
    return length >= least && length <= most && strspn(text, "0123456789abcdef") == length;
}

int runtime_prepare(void) {
    static bool done;
    if (done)
        return 0;
    int error = spawn_prepare();
    if (error == 0)
        error = directory_ensure(AT_FDCWD, CONTAINERS, 0711);
    if (error == 0)
        error = directory_ensure(AT_FDCWD, UPPERS, 0700);
    if (error == 0)
        error = directory_ensure(AT_FDCWD, ROOTFS, 0700);
    /* pivot_root wants the new root's parent to be private, also when / is shared for the sake of volumes. */
    if (error == 0 && (mount(ROOTFS, ROOTFS, NULL, MS_BIND, NULL) < 0 || mount(NULL, ROOTFS, NULL, MS_PRIVATE, NULL) < 0))
        error = -errno;
    done = error == 0;
    return error;
}

/* CONTAINERS/<id>/<name> for each of `files`. */
static int write_files(const char *id, const struct json_value *files, struct failure *failure) {
    char path[128];
    snprintf(path, sizeof path, CONTAINERS "/%s", id);
    int error = directory_ensure(AT_FDCWD, path, 0711);
    if (error < 0)
        return fail_errno(failure, -error, "mkdir %s", path);
    if (json_first(files) == NULL)
        return 0;
    cleanup_close int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return fail_errno(failure, errno, "open %s", path);
    for (const struct json_value *file = json_first(files); file != NULL; file = file->next) {
        if (file->type != JSON_STRING || file->name[0] == '\0' || file->name[0] == '.' || strchr(file->name, '/') != NULL)
            return fail(failure, "invalid", EINVAL, "invalid file name \"%s\"", file->name);
        error = file_create(directory, file->name, file->string.text, file->string.length);
        if (error < 0)
            return fail_errno(failure, -error, "cannot write the file %s", file->name);
    }
    return 0;
}

static int make_cgroup(const struct container *container, char path[CGROUP_PATH_MAX], struct failure *failure) {
    const struct json_value *linux_part = json_get(container->spec, "linux");
    if (cgroup_path(json_text(json_get(linux_part, "cgroupsPath"), NULL), container->id, path) < 0)
        return fail(failure, "invalid", EINVAL, "invalid cgroupsPath");
    int cgroup = cgroup_make(path);
    if (cgroup == -EBUSY || cgroup == -EEXIST)
        return fail(failure, "exists", EEXIST, "container %s has processes already", container->id);
    if (cgroup < 0)
        return fail_errno(failure, -cgroup, "cannot make the cgroup %s", path);
    int error = cgroup_limit(cgroup, json_get(linux_part, "resources"), failure);
    if (error == 0 && (error = cgroup_remember(container->id, path)) < 0)
        fail_errno(failure, -error, "cannot remember the cgroup %s", path);
    if (error == 0)
        return cgroup;
    close(cgroup);
    cgroup_remove(path);
    return error;
}

static int enter_container(void *context, struct failure *failure) { return container_enter(context, failure); }

static int read_container(const struct json_value *open, struct container *container, struct failure *failure) {
    const struct json_value *rootfs = json_get(open, "rootfs");
    const struct json_value *redirect = json_get(rootfs, "redirect");
    *container = (struct container){
        .id = json_text(json_get(open, "container"), ""),
        .rootfs = {.tree = json_text(json_get(rootfs, "tree"), ""),
                   .redirect = redirect == NULL || json_is_true(redirect),
                   .is_volatile = json_is_true(json_get(rootfs, "volatile"))},
        .network = json_get(open, "network"),
        .spec = json_get(open, "spec"),
        .namespaces = {.pid = -1, .network = -1},
        .terminal = {.master = -1, .slave = -1, .devpts = -1},
        .process = {.seccomp = json_text(json_get(open, "seccomp"), NULL)},
    };
    container->process.spec = json_get(container->spec, "process");
    if (!is_hex(container->id, 64, 64))
        return fail(failure, "invalid", EINVAL, "invalid container id");
    if (!is_hex(container->rootfs.tree, 32, 64))
        return fail(failure, "invalid", EINVAL, "invalid tree");
    if (container->process.spec == NULL)
        return fail(failure, "invalid", EINVAL, "the spec has no process");
    return namespaces_parse(json_get(json_get(container->spec, "linux"), "namespaces"), &container->namespaces, failure);
}

/* A network namespace of its own comes ready, with its links when it is in networks. */
static int take_network(struct container *container, struct failure *failure) {
    struct namespaces *namespaces = &container->namespaces;
    if (container->network == NULL || (namespaces->create & CLONE_NEWNET) == 0) {
        if ((namespaces->create & CLONE_NEWNET) != 0)
            namespaces->network = lone_network_take();
        if (namespaces->network >= 0)
            namespaces->create &= ~(uint64_t)CLONE_NEWNET;
        return 0;
    }
    const int error = net_start(container->id, container->network, &namespaces->network, failure);
    if (error == 0)
        namespaces->create &= ~(uint64_t)CLONE_NEWNET;
    return error;
}

/* With the cgroup made. */
static int start_container(struct container *container, int cgroup, uint64_t since, struct spawned *spawned,
                           struct failure *failure) {
    int error = take_network(container, failure);
    if (error < 0)
        return error;
    cleanup_close int network = container->namespaces.network;
    struct spawn spawn = {.flags = container->namespaces.create,
                          .cgroup = cgroup,
                          .pid_namespace = container->namespaces.pid,
                          .terminal = &container->terminal,
                          .process = &container->process,
                          .keep = network,
                          .enter = enter_container,
                          .context = container};
    if (json_is_true(json_get(container->process.spec, "terminal")))
        error = terminal_open_new(container->spec, &container->terminal, failure);
    uint32_t spent = (uint32_t)(process_clock() - since);
    if (error == 0)
        error = spawn_start(&spawn, spawned, failure);
    terminal_close(&container->terminal);
    if (error == 0)
        container->process.timings->cgroup = spent;
    return error;
}

int runtime_run(const struct json_value *open, struct spawned *spawned, struct failure *failure) {
    struct container container;
    char path[CGROUP_PATH_MAX] = "", upper[UPPER_MAX];
    bool fresh = false;
    uint64_t start = process_clock();
    int error = runtime_prepare();
    if (error < 0)
        return fail_errno(failure, -error, "cannot prepare to start containers");
    error = read_container(open, &container, failure);
    cleanup_close int pid_namespace = container.namespaces.pid;
    if (error < 0)
        return error;
    container.rootfs.upper = upper;
    error = upper_make(container.id, json_text(json_get(json_get(open, "rootfs"), "upper"), ""), upper, &fresh, failure);
    if (error == 0)
        error = write_files(container.id, json_get(open, "files"), failure);
    cleanup_close int cgroup = error < 0 ? error : make_cgroup(&container, path, failure);
    error = cgroup < 0 ? cgroup : start_container(&container, cgroup, start, spawned, failure);
    if (error < 0) {
        net_stop(container.id);
        if (cgroup >= 0)
            cgroup_remove(path);
        if (fresh) {
            upper_discard(container.id);
            runtime_discard(CONTAINERS, container.id);
        }
        return error;
    }
    spawned->fresh = fresh;
    memcpy(spawned->cgroup, path, sizeof path);
    return 0;
}

int runtime_stop(const char *container, struct failure *failure) {
    char path[CGROUP_PATH_MAX];
    if (!is_hex(container, 64, 64))
        return fail(failure, "invalid", EINVAL, "invalid container id");
    net_stop(container);
    int error = cgroup_recall(container, path);
    if (error == 0)
        error = cgroup_remove(path);
    return error < 0 && error != -ENOENT ? fail_errno(failure, -error, "cannot remove the cgroup of %s", container) : 0;
}

int runtime_delete_files(const char *container, struct failure *failure) {
    int error = upper_discard(container);
    if (error == 0)
        error = runtime_discard(CONTAINERS, container);
    return error < 0 ? fail_errno(failure, -error, "cannot remove the files of %s", container) : 0;
}

int runtime_delete(const char *container, struct failure *failure) {
    const int error = runtime_stop(container, failure);
    return error < 0 ? error : runtime_delete_files(container, failure);
}

static int open_cgroup(const char *container, struct failure *failure) {
    char path[CGROUP_PATH_MAX];
    if (!is_hex(container, 64, 64))
        return fail(failure, "invalid", EINVAL, "invalid container id");
    int error = cgroup_recall(container, path);
    int cgroup = error < 0 ? error : cgroup_open(path);
    return cgroup < 0 ? fail(failure, "no-container", -cgroup, "no container %s", container) : cgroup;
}

int runtime_freeze(const char *container, bool frozen, struct failure *failure) {
    cleanup_close int cgroup = open_cgroup(container, failure);
    if (cgroup < 0)
        return cgroup;
    int error = cgroup_freeze(cgroup, frozen);
    return error < 0 ? fail_errno(failure, -error, "cannot %s", frozen ? "freeze" : "thaw") : 0;
}

int runtime_update(const char *container, const struct json_value *resources, struct failure *failure) {
    cleanup_close int cgroup = open_cgroup(container, failure);
    return cgroup < 0 ? cgroup : cgroup_update(cgroup, resources, failure);
}

int runtime_idle(void) {
    int error = runtime_prepare();
    if (error == 0)
        error = net_fill_pool();
    return error != 0 ? error : lone_networks_fill();
}

bool runtime_oom_killed(const char *container) {
    char path[CGROUP_PATH_MAX], file[CGROUP_PATH_MAX + 64], events[256];
    if (!is_hex(container, 64, 64) || cgroup_recall(container, path) < 0)
        return false;
    snprintf(file, sizeof file, CGROUP_ROOT "/%s/memory.events", path);
    if (file_read(AT_FDCWD, file, events, sizeof events) < 0)
        return false;
    const char *count = strstr(events, "oom_kill ");
    return count != NULL && count[9] != '0';
}
