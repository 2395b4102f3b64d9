#define _GNU_SOURCE
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "devices.h"
#include "json.h"
#include "mount-options.h"
#include "mounts.h"
#include "rootfs.h"

static int set_names(const struct container *container, struct failure *failure) {
    const char *host = json_text(json_get(container->spec, "hostname"), NULL);
    const char *domain = json_text(json_get(container->spec, "domainname"), NULL);
    if ((container->namespaces.create & CLONE_NEWUTS) == 0)
        return 0;
    if (host != NULL && sethostname(host, strlen(host)) < 0)
        return fail_errno(failure, errno, "sethostname");
    if (domain != NULL && setdomainname(domain, strlen(domain)) < 0)
        return fail_errno(failure, errno, "setdomainname");
    return 0;
}

/* As runc does for a run, not for an exec: a missing working directory is made. */
static int make_working_directory(const char *cwd, struct failure *failure) {
    if (cwd[0] != '/' || chdir(cwd) == 0 || errno == EACCES)
        return 0;
    if (errno != ENOENT)
        return fail_errno(failure, errno, "mkdir %s", cwd);
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int made = root < 0 ? -errno : rootfs_ensure(root, cwd, true);
    return made < 0 ? fail_errno(failure, -made, "mkdir %s", cwd) : 0;
}

static int make_files(const struct container *container, int root, struct failure *failure) {
    const struct json_value *mounts = json_get(container->spec, "mounts");
    int error = mounts_make(mounts, root, container->terminal.devpts, failure);
    if (error == 0)
        error = devices_make(container->spec, root, failure);
    if (error == 0 && container->process.terminal)
        error = devices_bind_console(root, container->terminal.number, failure);
    if (error == 0)
        error = rootfs_pivot(root, failure);
    if (error == 0)
        error = make_working_directory(json_text(json_get(container->process.spec, "cwd"), ""), failure);
    if (error == 0)
        error = mounts_finish(mounts, failure);
    return error < 0 ? error : rootfs_finish(container->spec, failure);
}

int container_enter(struct container *container, struct failure *failure) {
    struct process *process = &container->process;
    const char *propagation =
        json_text(json_get(json_get(container->spec, "linux"), "rootfsPropagation"), "");
    uint64_t start = process_clock();
    int error = process_prepare(process, failure);
    if (error == 0)
        error = namespaces_enter(&container->namespaces, failure);
    if (error == 0)
        error = set_names(container, failure);
    if (error < 0)
        return error;
    umask(0);
    cleanup_close int root =
        rootfs_mount(&container->rootfs, mount_propagation(propagation), failure);
    if (root < 0)
        return root;
    uint64_t mounted = process_clock();
    process->timings->rootfs = (uint32_t)(mounted - start);
    error = make_files(container, root, failure);
    if (error < 0)
        return error;
    process->since = process_clock();
    process->timings->mounts = (uint32_t)(process->since - mounted);
    return process_execute(process, failure);
}
