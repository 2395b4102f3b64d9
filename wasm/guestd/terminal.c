#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "json.h"
#include "mount-options.h"
#include "mounts.h"
#include "rootfs.h"

#define MASTER_FLAGS (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)

/* The slave through its master (TIOCGPTPEER), so that no path decides which one it is. */
static int open_slave(struct terminal *terminal) {
    int unlocked = 0;
    unsigned number;
    if (ioctl(terminal->master, TIOCSPTLCK, &unlocked) < 0 || ioctl(terminal->master, TIOCGPTN, &number) < 0)
        return -errno;
    terminal->number = (int)number;
    terminal->slave = ioctl(terminal->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return terminal->slave < 0 ? -errno : 0;
}

static int configure(int context, char *data) {
    char *rest = NULL;
    for (char *word = strtok_r(data, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        if (value != NULL)
            *value++ = '\0';
        if (syscall(SYS_fsconfig, context, value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, word, value, 0) < 0)
            return -errno;
    }
    return syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

static int mount_devpts(struct mount_options *options) {
    cleanup_close int context = (int)syscall(SYS_fsopen, "devpts", FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    int error = configure(context, options->data);
    if (error < 0)
        return error;
    int mounted = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, (unsigned)options->set);
    return mounted < 0 ? -errno : mounted;
}

int terminal_open_new(const struct json_value *spec, struct terminal *terminal, struct failure *failure) {
    const struct json_value *item = mounts_find(json_get(spec, "mounts"), "/dev/pts");
    struct mount_options options;
    if (strcmp(json_text(json_get(item, "type"), ""), "devpts") != 0 ||
        mount_options_parse(json_get(item, "options"), &options) < 0)
        return fail(failure, "invalid", EINVAL, "a terminal needs a devpts mount at /dev/pts");
    int error = terminal->devpts = mount_devpts(&options);
    if (error >= 0) {
        terminal->master = openat(terminal->devpts, "ptmx", MASTER_FLAGS);
        error = terminal->master < 0 ? -errno : open_slave(terminal);
    }
    return error < 0 ? fail_errno(failure, -error, "open a terminal") : 0;
}

/* What a container has at /dev/pts/ptmx is its own affair: take it only if it is a devpts' ptmx. */
static int open_checked(int root) {
    char path[32];
    struct stat status;
    struct statfs filesystem;
    cleanup_close int found = rootfs_open(root, "/dev/pts/ptmx");
    if (found < 0)
        return found;
    if (fstat(found, &status) < 0 || fstatfs(found, &filesystem) < 0)
        return -errno;
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(5, 2) || filesystem.f_type != DEVPTS_SUPER_MAGIC)
        return -ENODEV;
    snprintf(path, sizeof path, "/proc/self/fd/%d", found);
    int master = open(path, MASTER_FLAGS);
    return master < 0 ? -errno : master;
}

int terminal_open_in(pid_t pid, struct terminal *terminal, struct failure *failure) {
    char path[32] = "/";
    if (pid != 0)
        snprintf(path, sizeof path, "/proc/%d/root", pid);
    cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error = root < 0 ? -errno : (terminal->master = open_checked(root));
    if (error >= 0)
        error = open_slave(terminal);
    return error < 0 ? fail_errno(failure, -error, "open a terminal") : 0;
}

void terminal_set_size(const struct terminal *terminal, const struct json_value *process) {
    const struct json_value *size = json_get(process, "consoleSize");
    struct winsize window = {.ws_row = (unsigned short)json_unsigned(json_get(size, "height"), 0),
                             .ws_col = (unsigned short)json_unsigned(json_get(size, "width"), 0)};
    if (window.ws_row != 0 && window.ws_col != 0)
        ioctl(terminal->master, TIOCSWINSZ, &window);
}

void terminal_close(struct terminal *terminal) {
    cleanup_close_fd(&terminal->master);
    cleanup_close_fd(&terminal->slave);
    cleanup_close_fd(&terminal->devpts);
    *terminal = (struct terminal){.master = -1, .slave = -1, .devpts = -1};
}
