#define _GNU_SOURCE
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "log.h"

#define NEW_ROOT "/new-root"

static void check(int result, const char *what) {
    if (result < 0)
        log_console("guestd: %s: %s", what, strerror(errno));
}

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data) {
    if (mkdir(target, 0755) < 0 && errno != EEXIST)
        log_console("guestd: mkdir %s: %s", target, strerror(errno));
    check(mount(type, target, type, flags, data), target);
}

/* guestd's file under the names of the other programs in it (programs.h). */
static void bind_program(const char *path) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (fd >= 0)
        close(fd);
    check(mount("/init", path, NULL, MS_BIND, NULL), path);
}

/* The initramfs can't be the old root of a pivot_root, which every container needs: a tmpfs takes its place. */
static void change_root(void) {
    mkdir(NEW_ROOT, 0755);
    check(mount("root", NEW_ROOT, "tmpfs", 0, "mode=0755,size=16m"), NEW_ROOT);
    mkdir(NEW_ROOT "/bin", 0755);
    bind_program(NEW_ROOT "/bin/docker");
    bind_program(NEW_ROOT "/bin/docker-init");
    check(chdir(NEW_ROOT), NEW_ROOT);
    check(mount(".", "/", NULL, MS_MOVE, NULL), "move the root");
    check(chroot("."), "chroot");
    check(chdir("/"), "/");
}

static void mount_all(void) {
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    mount_at("proc", "/proc", plain, NULL);
    mount_at("sysfs", "/sys", plain, NULL);
    mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
    mkdir("/run/drydock", 0755);
    /* devtmpfs has a ptmx node of its own that leads to no instance. */
    unlink("/dev/ptmx");
    check(symlink("pts/ptmx", "/dev/ptmx"), "/dev/ptmx");
    check(symlink("/proc/self/fd", "/dev/fd"), "/dev/fd");
    check(symlink("/proc/self/fd/0", "/dev/stdin"), "/dev/stdin");
    check(symlink("/proc/self/fd/1", "/dev/stdout"), "/dev/stdout");
    check(symlink("/proc/self/fd/2", "/dev/stderr"), "/dev/stderr");
}

/* Controllers for the children; guestd itself beside them, as a cgroup with controllers holds no processes. */
static void open_cgroups(void) {
    mount_at("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate");
    mkdir("/sys/fs/cgroup/guestd", 0755);
    if (file_write(AT_FDCWD, "/sys/fs/cgroup/guestd/cgroup.procs", "1") < 0)
        log_console("guestd: cannot move into its cgroup");
    char names[256];
    if (file_read(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", names, sizeof names) < 0)
        return;
    char *rest = NULL;
    for (char *name = strtok_r(names, " \n", &rest); name != NULL; name = strtok_r(NULL, " \n", &rest)) {
        char enable[72];
        snprintf(enable, sizeof enable, "+%.64s", name);
        if (file_write(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control", enable) < 0)
            log_console("guestd: no cgroup controller %s", name);
    }
}

static void open_console(void) {
    const int input = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int output = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    dup2(input, STDIN_FILENO);
    dup2(output >= 0 ? output : input, STDOUT_FILENO);
    dup2(output >= 0 ? output : input, STDERR_FILENO);
    if (input > STDERR_FILENO)
        close(input);
    if (output > STDERR_FILENO)
        close(output);
}

static void open_loopback(void) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    check(fd < 0 ? fd : ioctl(fd, SIOCSIFFLAGS, &request), "loopback");
    if (fd >= 0)
        close(fd);
}

static void set_limits(void) {
    const struct rlimit files = {.rlim_cur = 524288, .rlim_max = 524288};
    check(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
    const struct rlimit cores = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    check(setrlimit(RLIMIT_CORE, &cores), "RLIMIT_CORE");
    umask(022);
}

static void tune(void) {
    /* Log lines of ours are few; the kernel would drop them at ten in five seconds. */
    file_write(AT_FDCWD, "/proc/sys/kernel/printk_devkmsg", "on");
    /* As Docker sets it in each container: ping without a capability. */
    file_write(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    file_write(AT_FDCWD, "/proc/sys/vm/overcommit_memory", "1");
    reboot(RB_DISABLE_CAD);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

void boot(void) {
    change_root();
    mount_all();
    open_console();
    log_open();
    open_cgroups();
    open_loopback();
    set_limits();
    tune();
}
