#define _GNU_SOURCE
#include "file-view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "job.h"
#include "json.h"
#include "mounts.h"
#include "rootfs.h"
#include "runtime-paths.h"
#include "runtime.h"
#include "upper.h"

static const char *member(const struct file_view *view, const char *name) {
    return json_text(json_get(view->files, name), "");
}

static bool is_tree(const char *id) {
    const size_t length = strlen(id);
    return length >= 32 && length <= 64 && strspn(id, "0123456789abcdef") == length;
}

int file_view_prepare(const struct json_value *files, struct file_view *view, struct failure *failure) {
    *view = (struct file_view){.files = files, .namespace = -1};
    if (json_is_true(json_get(files, "host")))
        return 0;
    const char *container = member(view, "container");
    if (!job_container_valid(container) || !is_tree(member(view, "tree")))
        return fail(failure, "invalid", EINVAL, "files of what? A container and its tree, or the host");
    char upper[UPPER_MAX];
    bool fresh = false;
    int error = runtime_prepare();
    if (error < 0)
        return fail_errno(failure, -error, "cannot prepare for containers");
    error = upper_make(container, NULL, upper, &fresh, failure);
    if (error < 0)
        return error;
    const struct job *job = job_find(JOB_CONTAINER, container, "");
    if (job != NULL && job->state == JOB_RUNNING) {
        char path[64];
        /* One that is about to be reaped has none any more. */
        snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)job->spawned.pid);
        view->namespace = open(path, O_RDONLY | O_CLOEXEC);
    }
    return 0;
}

/* A mount of the running container's root alone, attached nowhere: the same overlay, as two of one layer would not agree. */
static int clone_root(int namespace, struct failure *failure) {
    cleanup_close int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(namespace, CLONE_NEWNS) < 0)
        return fail_errno(failure, errno, "cannot enter the container's mounts");
    int root = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    const int error = root < 0 ? errno : 0;
    if (setns(own, CLONE_NEWNS) < 0) {
        cleanup_close_fd(&root);
        return fail_errno(failure, errno, "cannot leave the container's mounts");
    }
    return root < 0 ? fail_errno(failure, error, "cannot see the container's root") : root;
}

/* Put it where it can be mounted upon, in a namespace that is this child's alone. */
static int attach_root(int root, struct failure *failure) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 || mount(NULL, ROOTFS, NULL, MS_PRIVATE, NULL) < 0 ||
        syscall(SYS_move_mount, root, "", AT_FDCWD, ROOTFS, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail_errno(failure, errno, "cannot mount the container's root");
    return 0;
}

/* guestd's own files of a container are there only since it was started. */
static int mount_volumes(const struct json_value *mounts, int root, struct failure *failure) {
    int error = 0;
    for (const struct json_value *item = json_first(mounts); item != NULL && error == 0; item = item->next) {
        const char *source = json_text(json_get(item, "source"), "");
        if (strncmp(source, CONTAINERS "/", sizeof CONTAINERS) == 0 && access(source, F_OK) < 0)
            continue;
        struct json_value one = *item;
        one.next = NULL;
        const struct json_value alone = {.type = JSON_ARRAY, .first = &one};
        error = mounts_make(&alone, root, -1, failure);
    }
    return error;
}

int file_view_root(const struct file_view *view, struct failure *failure) {
    if (json_is_true(json_get(view->files, "host"))) {
        const int host = open(HOST_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return host < 0 ? fail_errno(failure, errno, "cannot open the host root") : host;
    }
    const struct json_value *mounts = json_get(view->files, "mounts");
    int root = view->namespace < 0 ? -1 : clone_root(view->namespace, failure);
    if (view->namespace >= 0 && (root < 0 || json_first(mounts) == NULL))
        return root;
    int error = unshare(CLONE_NEWNS) < 0 ? fail_errno(failure, errno, "cannot make a mount namespace") : 0;
    if (error == 0 && root >= 0) {
        error = attach_root(root, failure);
    } else if (error == 0) {
        char upper[UPPER_MAX];
        upper_find(member(view, "container"), upper);
        const struct rootfs rootfs = {.tree = member(view, "tree"), .upper = upper, .redirect = true};
        root = rootfs_mount(&rootfs, 0, failure);
        error = root < 0 ? root : 0;
    }
    if (error == 0)
        error = mount_volumes(mounts, root, failure);
    if (error == 0)
        return root;
    cleanup_close_fd(&root);
    return error;
}

static int open_directory(const char *path, struct failure *failure) {
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? fail_errno(failure, errno, "cannot open %s", path) : fd;
}

int file_view_layers(const struct file_view *view, int *upper, int *lower, struct failure *failure) {
    char path[UPPER_MAX + 8], found[UPPER_MAX];
    if (json_is_true(json_get(view->files, "host")))
        return fail(failure, "invalid", EINVAL, "only a container has a layer of its own");
    upper_find(member(view, "container"), found);
    snprintf(path, sizeof path, "%s/upper", found);
    *upper = open_directory(path, failure);
    snprintf(path, sizeof path, TREES "/%s", member(view, "tree"));
    *lower = *upper < 0 ? -1 : open_directory(path, failure);
    return *upper < 0 ? *upper : *lower < 0 ? *lower : 0;
}
