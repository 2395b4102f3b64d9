#define _GNU_SOURCE
#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "mount-options.h"
#include "upper.h"

static int open_beneath(int root, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

int rootfs_open(int root, const char *path) {
    return open_beneath(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Make one missing component below a directory that is free of symlinks; `directory` says what. 0 or -errno. */
static int make_component(int root, const char *parent, const char *name, bool directory) {
    cleanup_close int at = open_beneath(root, parent[0] == '\0' ? "." : parent, O_PATH | O_DIRECTORY,
                                        RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (at < 0)
        return at;
    if (directory)
        return directory_ensure(at, name, 0755);
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    close(fd);
    return 0;
}

/* Cut the last component off resolved. */
static void ascend(char *resolved) {
    char *slash = strrchr(resolved, '/');
    *(slash == NULL ? resolved : slash) = '\0';
}

/* Put link before rest: what is still to be resolved. */
static int prepend(char rest[PATH_MAX], const char *link) {
    char joined[PATH_MAX];
    if ((size_t)snprintf(joined, sizeof joined, "%s/%s", link, rest) >= sizeof joined)
        return -ENAMETOOLONG;
    memcpy(rest, joined, strlen(joined) + 1);
    return 0;
}

/* Walk path by hand, as a dangling symlink's target is to be made too (image: /etc/resolv.conf -> ../run/…). Others may
 * rename things in a volume meanwhile: each step starts at the root and refuses symlinks in what was resolved. */
static int walk_and_make(int root, const char *path, bool directory, char resolved[PATH_MAX]) {
    char rest[PATH_MAX], link[PATH_MAX];
    int links = 0;
    resolved[0] = '\0';
    if ((size_t)snprintf(rest, sizeof rest, "%s", path) >= sizeof rest)
        return -ENAMETOOLONG;
    for (;;) {
        char *name = rest + strspn(rest, "/");
        size_t length = strcspn(name, "/");
        if (length == 0)
            return 0;
        const char *after = name + length;
        bool last = after[strspn(after, "/")] == '\0';
        char component[NAME_MAX + 1];
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(component, name, length);
        component[length] = '\0';
        memmove(rest, after, strlen(after) + 1);
        if (strcmp(component, ".") == 0)
            continue;
        if (strcmp(component, "..") == 0) {
            ascend(resolved);
            continue;
        }
        int error = make_component(root, resolved, component, directory || !last);
        size_t used = strlen(resolved);
        if (error < 0)
            return error;
        if (used + length + 2 > PATH_MAX)
            return -ENAMETOOLONG;
        snprintf(resolved + used, PATH_MAX - used, "%s%s", used == 0 ? "" : "/", component);
        cleanup_close int fd = open_beneath(root, resolved, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT);
        if (fd < 0)
            return fd;
        ssize_t target = readlinkat(fd, "", link, sizeof link - 1);
        if (target < 0)
            continue;
        if (++links > 40)
            return -ELOOP;
        link[target] = '\0';
        ascend(resolved);
        if (link[0] == '/')
            resolved[0] = '\0';
        error = prepend(rest, link);
        if (error < 0)
            return error;
    }
}

/* The usual case: only the last component is missing. -EEXIST when it is a dangling symlink. */
static int make_last(int root, const char *path, bool directory) {
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    if (slash == NULL || slash[1] == '\0' || strcmp(slash, "/..") == 0 || strlen(path) >= sizeof parent)
        return -ENOENT;
    snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    cleanup_close int at = rootfs_open(root, parent);
    if (at < 0)
        return at;
    int fd = directory ? mkdirat(at, slash + 1, 0755)
                       : openat(at, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
    if (fd < 0)
        return -errno;
    if (!directory)
        close(fd);
    fd = openat(at, slash + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int rootfs_ensure(int root, const char *path, bool directory) {
    char resolved[PATH_MAX];
    int fd = rootfs_open(root, path);
    if (fd == -ENOENT)
        fd = make_last(root, path, directory);
    if (fd != -ENOENT && fd != -EEXIST)
        return fd;
    int error = walk_and_make(root, path, directory, resolved);
    if (error < 0)
        return error;
    return open_beneath(root, resolved[0] == '\0' ? "." : resolved, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

/* The merged root's mode and owner are those of the upper directory. */
static int copy_owner_and_mode(const char *from, const char *to) {
    struct stat lower;
    if (stat(from, &lower) < 0 || chmod(to, lower.st_mode & 07777) < 0)
        return -errno;
    if ((lower.st_uid != 0 || lower.st_gid != 0) && chown(to, lower.st_uid, lower.st_gid) < 0)
        return -errno;
    return 0;
}

/* A volatile overlay leaves a mark that keeps it from being mounted again. It is whole as long as this boot lasts, and the
 * host removes such layers at the next. */
static void clear_volatile_mark(const char *path) {
    static const char *const marks[] = {"/work/work/incompat/volatile/dirty", "/work/work/incompat/volatile",
                                        "/work/work/incompat"};
    char mark[UPPER_MAX + 48];
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        snprintf(mark, sizeof mark, "%s%s", path, marks[i]);
        if (unlinkat(AT_FDCWD, mark, i == 0 ? 0 : AT_REMOVEDIR) < 0 && errno == ENOENT && i > 0)
            return;
    }
}

int rootfs_mount(const struct rootfs *rootfs, unsigned long propagation, struct failure *failure) {
    char lower[96], upper[UPPER_MAX + 8], data[480];
    snprintf(lower, sizeof lower, TREES "/%s", rootfs->tree);
    snprintf(upper, sizeof upper, "%s/upper", rootfs->upper);
    /* Nothing mounted here may come out into guestd's namespace. */
    if (mount(NULL, "/", NULL, propagation == 0 ? MS_REC | MS_SLAVE : propagation, NULL) < 0 ||
        mount(NULL, ROOTFS, NULL, MS_PRIVATE, NULL) < 0)
        return fail_errno(failure, errno, "cannot make the mounts private");
    int error = copy_owner_and_mode(lower, upper);
    if (error < 0)
        return fail_errno(failure, -error, "cannot use the tree %s", rootfs->tree);
    clear_volatile_mark(rootfs->upper);
    /* Without a UUID of its own, nothing is written for it at each mount. */
    snprintf(data, sizeof data, "lowerdir=%s,upperdir=%s,workdir=%s/work,redirect_dir=%s,uuid=null%s", lower, upper, rootfs->upper,
             rootfs->redirect ? "on" : "off", rootfs->is_volatile ? ",volatile" : "");
    if (mount("overlay", ROOTFS, "overlay", 0, data) < 0)
        return fail_errno(failure, errno, "error mounting the overlay of tree %s", rootfs->tree);
    int root = open(ROOTFS, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? fail_errno(failure, errno, "cannot open " ROOTFS) : root;
}

int rootfs_pivot(int root, struct failure *failure) {
    /* The new root is put above the old one, which is then the one that "." can name. */
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return fail_errno(failure, errno, "pivot_root");
    if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return fail_errno(failure, errno, "cannot leave the old root");
    return 0;
}

static int set_read_only(const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int make_paths_read_only(const struct json_value *paths, struct failure *failure) {
    for (const struct json_value *item = json_first(paths); item != NULL; item = item->next) {
        const char *path = json_text(item, "");
        if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) {
            if (errno == ENOENT)
                continue;
            return fail_errno(failure, errno, "can't make \"%s\" read-only", path);
        }
        int error = set_read_only(path);
        if (error < 0)
            return fail_errno(failure, -error, "can't make \"%s\" read-only", path);
    }
    return 0;
}

/* A mount of /dev/null of its own, to be moved somewhere. Not whatever a volume has put in its place. */
static int clone_null(int null) {
    return (int)syscall(SYS_open_tree, null, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int mask_paths(const struct json_value *paths, struct failure *failure) {
    if (json_first(paths) == NULL)
        return 0;
    struct stat status;
    cleanup_close int null = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (null < 0 || fstat(null, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
        return fail(failure, "failed", ENODEV, "can't mask paths: /dev/null is not the null device");
    int clone = -1, error = 0;
    for (const struct json_value *item = json_first(paths); item != NULL && error == 0; item = item->next) {
        const char *path = json_text(item, "");
        if (clone < 0 && (clone = clone_null(null)) < 0)
            error = errno;
        else if (syscall(SYS_move_mount, clone, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0) {
            close(clone);
            clone = -1;
        } else if (errno == EINVAL || errno == ENOTDIR) { /* a directory */
            if (mount("tmpfs", path, "tmpfs", MS_RDONLY, NULL) < 0)
                error = errno;
        } else if (errno != ENOENT)
            error = errno;
        if (error != 0)
            fail_errno(failure, error, "can't mask path \"%s\"", path);
    }
    if (clone >= 0)
        close(clone);
    return -error;
}

/* Below the container's own /proc/sys, through no symlink and no other mount: the image may not choose what is written. */
static int write_sysctl(int proc_sys, const char *key, const char *value) {
    char path[256];
    if ((size_t)snprintf(path, sizeof path, "%s", key) >= sizeof path)
        return -ENAMETOOLONG;
    /* With a slash in the key, dots are part of names (sysctl.d(5)). */
    if (strchr(path, '/') == NULL)
        for (char *dot = path; (dot = strchr(dot, '.')) != NULL;)
            *dot = '/';
    cleanup_close int fd =
        open_beneath(proc_sys, path, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (fd < 0)
        return fd;
    return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int write_sysctls(const struct json_value *sysctls, struct failure *failure) {
    if (json_first(sysctls) == NULL)
        return 0;
    cleanup_close int fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(failure, errno, "open /proc/sys");
    for (const struct json_value *item = json_first(sysctls); item != NULL; item = item->next) {
        int error = write_sysctl(fd, item->name, json_text(item, ""));
        if (error < 0)
            return fail_errno(failure, -error, "sysctl %s", item->name);
    }
    return 0;
}

int rootfs_finish(const struct json_value *spec, struct failure *failure) {
    const struct json_value *linux_part = json_get(spec, "linux");
    unsigned long propagation = mount_propagation(json_text(json_get(linux_part, "rootfsPropagation"), ""));
    int error = write_sysctls(json_get(linux_part, "sysctl"), failure);
    if (error == 0)
        error = make_paths_read_only(json_get(linux_part, "readonlyPaths"), failure);
    if (error == 0)
        error = mask_paths(json_get(linux_part, "maskedPaths"), failure);
    if (error < 0)
        return error;
    if (propagation != 0 && mount(NULL, "/", NULL, propagation, NULL) < 0)
        return fail_errno(failure, errno, "rootfsPropagation");
    if (json_is_true(json_get(json_get(spec, "root"), "readonly")) && (error = set_read_only("/")) < 0)
        return fail_errno(failure, -error, "cannot make the root read-only");
    return 0;
}
