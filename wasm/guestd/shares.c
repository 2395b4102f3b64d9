/* Filesystems that appear while the guest runs: directories of the host's machine, and volumes that are no directory of the disk. */
#define _GNU_SOURCE
#include "shares.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"
#include "files.h"
#include "json.h"
#include "mount-options.h"

int shares_mount(const char *tag, struct failure *failure) {
    struct statfs filesystem;
    int error = directory_ensure(AT_FDCWD, SHARES, 0755);
    if (error < 0)
        return fail_errno(failure, -error, "mkdir " SHARES);
    if (statfs(SHARES, &filesystem) == 0 && filesystem.f_type == V9FS_MAGIC)
        return 0;
    /* Nothing is cached: what changes on the machine is seen at once. Each user has a connection of its own, so that the host
     * knows whose a new file is. A device node of the machine's would be one of the guest's. */
    if (mount(tag, SHARES, "9p", MS_NODEV, "trans=virtio,version=9p2000.L,msize=512000,cache=none,access=client") < 0)
        return fail_errno(failure, errno, "mount of the 9p device %s", tag);
    return 0;
}

static int volume_directory(const char *name, char *path, size_t size, struct failure *failure) {
    int error = disk_make_volume(name, failure);
    if (error < 0)
        return error;
    snprintf(path, size, DISK_VOLUMES "/%s/_data", name);
    return 0;
}

/* Whether something is mounted there. */
static bool is_mount(const char *path) {
    struct stat own, above;
    char parent[512];
    if ((size_t)snprintf(parent, sizeof parent, "%s/..", path) >= sizeof parent)
        return false;
    return stat(path, &own) == 0 && stat(parent, &above) == 0 && own.st_dev != above.st_dev;
}

int volume_mount(const struct json_value *request, struct failure *failure) {
    char path[480];
    struct mount_options options;
    int error = volume_directory(json_text(json_get(request, "volume"), ""), path, sizeof path, failure);
    if (error < 0 || is_mount(path))
        return error;
    error = mount_options_parse(json_get(request, "options"), &options);
    if (error < 0)
        return fail(failure, "invalid", -error, "these options of a volume are not supported");
    if (mount("tmpfs", path, "tmpfs", options.flags, options.data[0] == '\0' ? NULL : options.data) < 0)
        return fail_errno(failure, errno, "mount of the volume");
    return 0;
}

int volume_unmount(const char *name, struct failure *failure) {
    char path[480];
    const int error = volume_directory(name, path, sizeof path, failure);
    if (error < 0)
        return error;
    if (is_mount(path) && umount2(path, MNT_DETACH) < 0)
        return fail_errno(failure, errno, "unmount of the volume");
    return 0;
}
