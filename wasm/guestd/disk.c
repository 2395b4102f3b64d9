#define _GNU_SOURCE
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk-format.h"
#include "files.h"
#include "json-writer.h"
#include "log.h"
#include "runtime-paths.h"
#include "upper.h"

#define DEVICE "/dev/vda"
#define BLOCK 4096
/* _IOW('f', 16, __u64) of fs/ext4/ext4.h */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

static bool mounted;

bool disk_is_mounted(void) { return mounted; }

/* The driver learns of another size by an interrupt and tells it from a worker. */
static int await_size(int device, uint64_t size) {
    uint64_t found = 0;
    for (int tries = 0; tries < 200; tries++) {
        if (ioctl(device, BLKGETSIZE64, &found) < 0)
            return -errno;
        if (found == size)
            return 0;
        usleep(10000);
    }
    return -ENODEV;
}

static int prepare(uint64_t size, struct failure *failure) {
    cleanup_close int device = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0)
        return fail_errno(failure, errno, "open " DEVICE);
    int error = await_size(device, size);
    if (error < 0)
        return fail_errno(failure, -error, "the disk has another size than it should");
    /* A snapshot has read another disk, if any. */
    if (ioctl(device, BLKFLSBUF, 0) < 0)
        return fail_errno(failure, errno, "forget the disk's blocks");
    error = disk_probe(device);
    if (error == -EMEDIUMTYPE)
        return fail(failure, "failed", EMEDIUMTYPE, "the disk holds something else than a filesystem of Drydock");
    if (error == 0) {
        log_line("disk: a new filesystem");
        error = disk_format(device);
    }
    return error < 0 ? fail_errno(failure, -error, "prepare the disk") : 0;
}

static int grow(uint64_t size, struct failure *failure) {
    struct statfs filesystem;
    uint64_t blocks = size / BLOCK;
    cleanup_close int root = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || fstatfs(root, &filesystem) < 0)
        return fail_errno(failure, errno, "look at the disk");
    /* f_blocks leaves out what the filesystem needs itself: at most a sixteenth. */
    if ((uint64_t)filesystem.f_blocks >= blocks - blocks / 16)
        return 0;
    if (ioctl(root, EXT4_IOC_RESIZE_FS, &blocks) < 0)
        return fail_errno(failure, errno, "grow the disk's filesystem");
    return 0;
}

/* What a removal was at when the power went. */
static void finish_removals(const char *directory) {
    DIR *list = opendir(directory);
    if (list == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (strncmp(entry->d_name, ".doomed-", 8) == 0)
            runtime_discard(directory, entry->d_name);
    closedir(list);
}

static int make_directories(struct failure *failure) {
    static const struct {
        const char *path;
        mode_t mode;
    } directories[] = {{DISK_UPPERS, 0711}, {DISK_VOLUMES, 0711}, {DISK_HOST, 0755}};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        const int error = directory_ensure(AT_FDCWD, directories[i].path, directories[i].mode);
        if (error < 0)
            return fail_errno(failure, -error, "mkdir %s", directories[i].path);
    }
    return 0;
}

int disk_mount(uint64_t size, struct failure *failure) {
    if (mounted)
        return 0;
    int error = directory_ensure(AT_FDCWD, DISK, 0711);
    if (error < 0)
        return fail_errno(failure, -error, "mkdir " DISK);
    error = prepare(size, failure);
    if (error < 0)
        return error;
    file_write(AT_FDCWD, "/sys/block/vda/queue/read_ahead_kb", "1024");
    /* A tab may go at any moment: what is written is on its way within a second. Inode tables are zero already. */
    file_write(AT_FDCWD, "/proc/sys/vm/dirty_expire_centisecs", "100");
    file_write(AT_FDCWD, "/proc/sys/vm/dirty_writeback_centisecs", "50");
    if (mount(DEVICE, DISK, "ext4", 0, "discard,commit=1,noinit_itable,errors=remount-ro") < 0)
        return fail_errno(failure, errno, "mount of the disk");
    error = grow(size, failure);
    if (error == 0)
        error = make_directories(failure);
    if (error < 0) {
        umount2(DISK, MNT_DETACH);
        return error;
    }
    mounted = true;
    finish_removals(DISK_UPPERS);
    finish_removals(DISK_VOLUMES);
    return 0;
}

static int require_disk(struct failure *failure) {
    return mounted ? 0 : fail(failure, "failed", ENODEV, "there is no disk");
}

static int put_names(struct json_writer *result, const char *member, const char *directory) {
    DIR *list = opendir(directory);
    if (list == NULL)
        return -errno;
    json_name(result, member);
    json_open_array(result);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] != '.')
            json_put_text(result, entry->d_name);
    json_close_array(result);
    closedir(list);
    return 0;
}

int disk_put_list(struct json_writer *result, struct failure *failure) {
    struct statfs filesystem;
    int error = require_disk(failure);
    if (error < 0)
        return error;
    if (statfs(DISK, &filesystem) < 0)
        return fail_errno(failure, errno, "statfs " DISK);
    json_open_object(result);
    error = put_names(result, "uppers", DISK_UPPERS);
    if (error == 0)
        error = put_names(result, "volumes", DISK_VOLUMES);
    json_name(result, "size");
    json_put_unsigned(result, (uint64_t)filesystem.f_blocks * (uint64_t)filesystem.f_bsize);
    json_name(result, "free");
    json_put_unsigned(result, (uint64_t)filesystem.f_bavail * (uint64_t)filesystem.f_bsize);
    json_close_object(result);
    return error < 0 ? fail_errno(failure, -error, "list the disk") : 0;
}

/* Docker's names: letters, digits, and _.- after the first. */
static int volume_path(const char *name, char path[PATH_MAX], struct failure *failure) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t length = strlen(name);
    int error = require_disk(failure);
    if (error < 0)
        return error;
    if (length == 0 || length > NAME_MAX || strspn(name, letters) != length || strchr("_.-", name[0]) != NULL)
        return fail(failure, "invalid", EINVAL, "invalid volume name");
    snprintf(path, PATH_MAX, DISK_VOLUMES "/%s", name);
    return 0;
}

int disk_make_volume(const char *name, struct failure *failure) {
    char path[PATH_MAX], data[PATH_MAX + 8];
    int error = volume_path(name, path, failure);
    if (error < 0)
        return error;
    snprintf(data, sizeof data, "%s/_data", path);
    error = directory_ensure(AT_FDCWD, path, 0711);
    if (error == 0)
        error = directory_ensure(AT_FDCWD, data, 0755);
    return error < 0 ? fail_errno(failure, -error, "mkdir %s", path) : 0;
}

int disk_remove_volume(const char *name, struct failure *failure) {
    char path[PATH_MAX];
    int error = volume_path(name, path, failure);
    if (error == 0 && (error = runtime_discard(DISK_VOLUMES, name)) < 0)
        return fail_errno(failure, -error, "cannot remove the volume %s", name);
    return error;
}

static int put_size(const char *path, struct json_writer *result) {
    json_open_object(result);
    json_name(result, "bytes");
    json_put_unsigned(result, tree_size(AT_FDCWD, path));
    json_close_object(result);
    return 0;
}

int disk_put_volume_usage(const char *name, struct json_writer *result, struct failure *failure) {
    char path[PATH_MAX];
    const int error = volume_path(name, path, failure);
    return error < 0 ? error : put_size(path, result);
}

int disk_put_layer_usage(const char *container, struct json_writer *result, struct failure *failure) {
    char path[UPPER_MAX + 8];
    const int error = require_disk(failure);
    if (error < 0)
        return error;
    upper_find(container, path);
    strcat(path, "/upper");
    return put_size(path, result);
}

int disk_sync(struct failure *failure) {
    int error = require_disk(failure);
    cleanup_close int root = error < 0 ? -1 : open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (error < 0)
        return error;
    return root < 0 || syncfs(root) < 0 ? fail_errno(failure, errno, "sync the disk") : 0;
}
