#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "mount-options.h"
#include "rootfs.h"
#include "shares.h"
#include "volume-fill.h"

static int set_attributes(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    if (set == 0 && clear == 0 && propagation == 0)
        return 0;
    return syscall(SYS_mount_setattr, mount_fd, "", flags, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int move_onto(int mount_fd, int target) {
    const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return syscall(SYS_move_mount, mount_fd, "", target, "", flags) < 0 ? -errno : 0;
}

static int open_below(const char *root, const char *path, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};
    path += strspn(path, "/");
    cleanup_close int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int found = fd < 0 ? -1 : (int)syscall(SYS_openat2, fd, *path == '\0' ? "." : path, &how, sizeof how);
    return found < 0 ? -errno : found;
}

/* Where links may lead depends on whose they are: the host root's lead inside of it; those of a volume must stay in it; in what the
 * machine shares the host has followed them, and a container may have put others there since. */
static int open_source(const char *source, const char *subpath) {
    if (subpath[0] != '\0')
        return open_below(source, subpath, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (strncmp(source, HOST_ROOT "/", sizeof HOST_ROOT) == 0)
        return open_below(HOST_ROOT, source + sizeof HOST_ROOT, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (strncmp(source, SHARES "/", sizeof SHARES) == 0)
        return open_below(SHARES, source + sizeof SHARES, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    const int fd = open(source, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A copy of what is mounted at source, attached nowhere yet. */
static int clone_source(const char *source, const char *subpath, bool recursive) {
    const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    cleanup_close int fd = open_source(source, subpath);
    if (fd < 0)
        return fd;
    const int tree = (int)syscall(SYS_open_tree, fd, "", flags);
    return tree < 0 ? -errno : tree;
}

static int make_bind(int root, const char *source, const char *subpath, const char *destination,
                     const struct mount_options *options) {
    struct stat status;
    cleanup_close int tree = clone_source(source, subpath, (options->flags & MS_REC) != 0);
    if (tree < 0)
        return tree;
    if (fstat(tree, &status) < 0)
        return -errno;
    cleanup_close int target = rootfs_ensure(root, destination, S_ISDIR(status.st_mode));
    if (target < 0)
        return target;
    uint64_t propagation = options->recursive_propagation ? 0 : options->propagation;
    uint64_t below = options->recursive_propagation ? options->propagation : 0;
    int error = set_attributes(tree, options->set, options->clear, propagation, false);
    if (error == 0)
        error = set_attributes(tree, options->recursive_set, options->recursive_clear, below, true);
    return error < 0 ? error : move_onto(tree, target);
}

/* A tmpfs keeps the mode of a directory of the image that it hides, unless it is told another. */
static void keep_mode(int root, const char *destination, struct mount_options *options) {
    struct stat status;
    size_t used = strlen(options->data);
    if (strncmp(options->data, "mode=", 5) == 0 || strstr(options->data, ",mode=") != NULL)
        return;
    cleanup_close int hidden = rootfs_open(root, destination);
    if (hidden < 0 || fstat(hidden, &status) < 0)
        return;
    snprintf(options->data + used, sizeof options->data - used, "%smode=%o", used == 0 ? "" : ",",
             status.st_mode & 07777);
}

static int make_filesystem(int root, const char *type, const char *source, const char *destination,
                           struct mount_options *options) {
    unsigned long flags = options->flags;
    if (strcmp(type, "tmpfs") == 0) {
        keep_mode(root, destination, options);
        flags &= ~(unsigned long)MS_RDONLY; /* later mounts may need directories in it: see mounts_finish */
    }
    cleanup_close int target = rootfs_ensure(root, destination, true);
    if (target < 0)
        return target;
    if (strcmp(type, "cgroup") == 0)
        type = "cgroup2"; /* Docker's default spec says "cgroup" for either version */
    /* "." is the directory that was found, whatever its path leads to now. */
    if (fchdir(target) < 0 || mount(source, ".", type, flags, options->data[0] == '\0' ? NULL : options->data) < 0)
        return -errno;
    if (options->propagation == 0 || options->propagation == MS_PRIVATE)
        return 0;
    cleanup_close int mounted = rootfs_open(root, destination);
    if (mounted < 0)
        return mounted;
    return set_attributes(mounted, 0, 0, options->propagation, options->recursive_propagation);
}

static int make_one(const struct json_value *item, int root, int devpts, struct failure *failure) {
    const char *destination = json_text(json_get(item, "destination"), NULL);
    const char *type = json_text(json_get(item, "type"), "bind");
    const char *source = json_text(json_get(item, "source"), type);
    const char *subpath = json_text(json_get(item, "subpath"), "");
    struct mount_options options;
    if (destination == NULL || destination[0] != '/')
        return fail(failure, "invalid", EINVAL, "a mount's destination must be an absolute path");
    int error = mount_options_parse(json_get(item, "options"), &options);
    if (error < 0)
        return fail(failure, "invalid", -error, "mount \"%s\": these options are not supported", destination);
    if (json_is_true(json_get(item, "copy")) && (error = volume_fill(source, root, destination)) < 0)
        return fail_errno(failure, -error, "error filling the volume at \"%s\"", destination);
    if ((options.flags & MS_BIND) != 0 || strcmp(type, "bind") == 0)
        error = make_bind(root, source, subpath, destination, &options);
    else if (devpts >= 0 && strcmp(type, "devpts") == 0 && strcmp(destination, "/dev/pts") == 0) {
        cleanup_close int target = rootfs_ensure(root, destination, true);
        error = target < 0 ? target : move_onto(devpts, target);
    } else
        error = make_filesystem(root, type, source, destination, &options);
    if (error < 0)
        return fail_errno(failure, -error, "error mounting \"%s\" to rootfs at \"%s\"", source, destination);
    return 0;
}

int mounts_make(const struct json_value *mounts, int root, int devpts, struct failure *failure) {
    int error = 0;
    for (const struct json_value *item = json_first(mounts); item != NULL && error == 0; item = item->next)
        error = make_one(item, root, devpts, failure);
    return error;
}

int mounts_finish(const struct json_value *mounts, struct failure *failure) {
    for (const struct json_value *item = json_first(mounts); item != NULL; item = item->next) {
        const char *destination = json_text(json_get(item, "destination"), "");
        struct mount_options options;
        if (strcmp(json_text(json_get(item, "type"), ""), "tmpfs") != 0)
            continue;
        if (mount_options_parse(json_get(item, "options"), &options) < 0 || (options.flags & MS_RDONLY) == 0)
            continue;
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
        if (syscall(SYS_mount_setattr, AT_FDCWD, destination, 0, &attributes, sizeof attributes) < 0)
            return fail_errno(failure, errno, "cannot make \"%s\" read-only", destination);
    }
    return 0;
}

const struct json_value *mounts_find(const struct json_value *mounts, const char *destination) {
    for (const struct json_value *item = json_first(mounts); item != NULL; item = item->next)
        if (strcmp(json_text(json_get(item, "destination"), ""), destination) == 0)
            return item;
    return NULL;
}
