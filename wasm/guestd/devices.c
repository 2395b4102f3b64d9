#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "mounts.h"
#include "rootfs.h"

static const struct {
    const char *name;
    unsigned major, minor;
} defaults[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

static int make_node(int directory, const char *name, mode_t mode, dev_t number, uid_t uid, gid_t gid) {
    if (mknodat(directory, name, mode, number) < 0)
        return errno == EEXIST ? 0 : -errno;
    if ((uid != 0 || gid != 0) && fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int make_device(const struct json_value *device, int root, struct failure *failure) {
    const char *path = json_text(json_get(device, "path"), ""), *type = json_text(json_get(device, "type"), "");
    const char *slash = strrchr(path, '/');
    mode_t kind = *type == 'b' ? S_IFBLK : *type == 'c' || *type == 'u' ? S_IFCHR : *type == 'p' ? S_IFIFO : 0;
    char parent[PATH_MAX];
    if (path[0] != '/' || slash[1] == '\0' || kind == 0 || strlen(path) >= sizeof parent)
        return fail(failure, "invalid", EINVAL, "invalid device \"%s\" of type \"%s\"", path, type);
    snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    cleanup_close int directory = rootfs_ensure(root, parent, true);
    int error = directory;
    if (directory >= 0)
        error = make_node(directory, slash + 1,
                          kind | (mode_t)(json_unsigned(json_get(device, "fileMode"), 0666) & 07777),
                          makedev((unsigned)json_unsigned(json_get(device, "major"), 0),
                                  (unsigned)json_unsigned(json_get(device, "minor"), 0)),
                          (uid_t)json_unsigned(json_get(device, "uid"), 0),
                          (gid_t)json_unsigned(json_get(device, "gid"), 0));
    return error < 0 ? fail_errno(failure, -error, "cannot make the device %s", path) : 0;
}

int devices_make(const struct json_value *spec, int root, struct failure *failure) {
    const struct json_value *dev = mounts_find(json_get(spec, "mounts"), "/dev");
    const struct json_value *devices = json_get(json_get(spec, "linux"), "devices");
    if (strcmp(json_text(json_get(dev, "type"), ""), "bind") == 0)
        return 0;
    int error = 0;
    for (const struct json_value *device = json_first(devices); device != NULL && error == 0; device = device->next)
        error = make_device(device, root, failure);
    if (error < 0)
        return error;
    cleanup_close int directory = rootfs_ensure(root, "/dev", true);
    if (directory < 0)
        return fail_errno(failure, -directory, "open /dev");
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        error = make_node(directory, defaults[i].name, S_IFCHR | 0666, makedev(defaults[i].major, defaults[i].minor), 0, 0);
        if (error < 0)
            return fail_errno(failure, -error, "cannot make the device /dev/%s", defaults[i].name);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i].target, directory, links[i].name) < 0 && errno != EEXIST)
            return fail_errno(failure, errno, "cannot make the link /dev/%s", links[i].name);
    return 0;
}

int devices_bind_console(int root, int number, struct failure *failure) {
    char path[32];
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    cleanup_close int slave = rootfs_open(root, path);
    cleanup_close int target = rootfs_ensure(root, "/dev/console", false);
    if (slave < 0 || target < 0)
        return fail_errno(failure, -(slave < 0 ? slave : target), "open /dev/console");
    cleanup_close int tree = (int)syscall(SYS_open_tree, slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return fail_errno(failure, errno, "bind %s at /dev/console", path);
    return 0;
}
