/* What is mounted once: the 9p server's trees, and the root that the user's shell lives in. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "disk.h"
#include "failure.h"
#include "files.h"
#include "runtime-paths.h"

/* Without a disk, gone with the guest. */
#define UPPER "/run/host-upper"

int runtime_mount_trees(const char *tag, struct failure *failure) {
    struct statfs filesystem;
    int error = directory_ensure(AT_FDCWD, TREES, 0755);
    if (error < 0)
        return fail_errno(failure, -error, "mkdir " TREES);
    if (statfs(TREES, &filesystem) == 0 && filesystem.f_type == V9FS_MAGIC)
        return 0;
    /* access=any: one connection speaks for all users, Linux checks permissions by the modes it reads. */
    if (mount(tag, TREES, "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,msize=512000,cache=loose,access=any") < 0)
        return fail_errno(failure, errno, "mount of the 9p device %s", tag);
    return 0;
}

static int create(const char *path, const char *text) { return file_create(AT_FDCWD, path, text, strlen(text)); }

/* What the upper brings from the start: made before the overlay is, nothing needs to be copied up from 9p. */
static int fill_upper(const char *upper, bool with_docker) {
    static const char *const directories[] = {"",     "/work", "/upper",     "/upper/etc", "/upper/proc",   "/upper/sys",
                                              "/upper/dev", "/upper/run", "/upper/tmp", "/upper/usr", "/upper/usr/bin",
                                              "/upper/var", "/upper/var/lib", "/upper/var/lib/docker", "/upper/var/lib/docker/volumes"};
    char path[128], text[256];
    int error = directory_ensure(AT_FDCWD, HOST_ROOT, 0755);
    for (size_t i = 0; i < sizeof directories / sizeof *directories && error == 0; i++) {
        snprintf(path, sizeof path, "%s%s", upper, directories[i]);
        error = directory_ensure(AT_FDCWD, path, 0755);
    }
    snprintf(path, sizeof path, "%s/upper/usr/bin/docker", upper);
    if (error == 0 && with_docker)
        error = create(path, "");
    snprintf(path, sizeof path, "%s/upper/etc/hostname", upper);
    if (error == 0 && gethostname(text, sizeof text - 2) == 0) {
        strcat(text, "\n");
        error = create(path, text);
    }
    snprintf(path, sizeof path, "%s/upper/etc/machine-id", upper);
    if (error == 0 && file_read(AT_FDCWD, "/etc/machine-id", text, sizeof text) > 0)
        error = create(path, text);
    return error;
}

static int bind_to(const char *source, const char *target, unsigned long flags) {
    return mount(source, target, NULL, MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

static int mount_tmpfs(const char *target, const char *mode) {
    return mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, mode) < 0 ? -errno : 0;
}

static int fill_root(bool with_docker) {
    int error = bind_to("/proc", HOST_ROOT "/proc", MS_REC);
    if (error == 0)
        error = bind_to("/sys", HOST_ROOT "/sys", MS_REC);
    if (error == 0)
        error = bind_to("/dev", HOST_ROOT "/dev", MS_REC);
    if (error == 0)
        error = mount_tmpfs(HOST_ROOT "/run", "mode=0755");
    if (error == 0)
        error = mount_tmpfs(HOST_ROOT "/tmp", "mode=1777");
    if (error == 0)
        error = directory_ensure(AT_FDCWD, HOST_ROOT "/run/drydock", 0755);
    if (error == 0)
        error = bind_to("/run/drydock", HOST_ROOT "/run/drydock", 0);
    if (error == 0 && access("/run/docker.sock", F_OK) == 0) {
        error = create(HOST_ROOT "/run/docker.sock", "");
        if (error == 0)
            error = bind_to("/run/docker.sock", HOST_ROOT "/run/docker.sock", 0);
    }
    /* Where `docker volume inspect` says that they are. */
    if (error == 0 && disk_is_mounted())
        error = bind_to(DISK_VOLUMES, HOST_ROOT "/var/lib/docker/volumes", 0);
    if (error == 0 && with_docker)
        error = bind_to("/bin/docker", HOST_ROOT "/usr/bin/docker", 0);
    return error;
}

int runtime_mount_host_root(const char *tree, struct failure *failure) {
    static char mounted[65];
    char data[320];
    const char *upper = disk_is_mounted() ? DISK_HOST : UPPER;
    const bool with_docker = access("/bin/docker", X_OK) == 0;
    size_t length = strlen(tree);
    if (length < 32 || length > 64 || strspn(tree, "0123456789abcdef") != length)
        return fail(failure, "invalid", EINVAL, "invalid tree");
    if (mounted[0] != '\0')
        return strcmp(mounted, tree) == 0 ? 0 : fail(failure, "exists", EEXIST, "another host root is mounted");
    int error = runtime_prepare();
    mode_t mask = umask(0);
    if (error == 0)
        error = fill_upper(upper, with_docker);
    umask(mask);
    if (error < 0)
        return fail_errno(failure, -error, "cannot prepare the host root");
    snprintf(data, sizeof data,
             "lowerdir=" TREES "/%s,upperdir=%s/upper,workdir=%s/work,redirect_dir=on,uuid=null", tree, upper, upper);
    if (mount("overlay", HOST_ROOT, "overlay", 0, data) < 0)
        return fail_errno(failure, errno, "mount of the host root");
    error = fill_root(with_docker);
    /* As on any Linux that systemd started: who binds a directory with rslave or rshared sees what is mounted below it later. */
    if (error == 0 && mount(NULL, HOST_ROOT, NULL, MS_SHARED | MS_REC, NULL) < 0)
        error = -errno;
    if (error < 0) {
        umount2(HOST_ROOT, MNT_DETACH);
        return fail_errno(failure, -error, "cannot fill the host root");
    }
    memcpy(mounted, tree, length + 1);
    return 0;
}
