#define _GNU_SOURCE
#include "volume-fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "files.h"
#include "rootfs.h"

/* Deeper trees are left out, never a fault of the stack. */
#define DEPTH_MAX 128

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static int copy_bytes(int from, int to) {
    static char buffer[65536];
    ssize_t length;
    while ((length = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < length;) {
            const ssize_t done = write(to, buffer + at, (size_t)(length - at));
            if (done < 0)
                return -errno;
            at += done;
        }
    return length < 0 ? -errno : 0;
}

/* File capabilities and users' attributes. */
static void copy_attributes(int from, int to) {
    char names[4096], value[4096];
    const ssize_t length = flistxattr(from, names, sizeof names);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        const char *name = names + at;
        if (strncmp(name, "user.", 5) != 0 && strcmp(name, "security.capability") != 0)
            continue;
        const ssize_t size = fgetxattr(from, name, value, sizeof value);
        if (size >= 0)
            fsetxattr(to, name, value, (size_t)size, 0);
    }
}

/* After the owner, which takes the set-id bits and capabilities away. */
static int copy_metadata(int from, int to, const struct stat *status) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    if (fchown(to, status->st_uid, status->st_gid) < 0 || fchmod(to, status->st_mode & 07777) < 0)
        return -errno;
    copy_attributes(from, to);
    return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *status) {
    cleanup_close int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0)
        return -errno;
    cleanup_close int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target < 0)
        return -errno;
    const int error = copy_bytes(source, target);
    return error < 0 ? error : copy_metadata(source, target, status);
}

static int copy_special(int from, int to, const char *name, const struct stat *status) {
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    char link[PATH_MAX];
    if (S_ISSOCK(status->st_mode))
        return 0;
    if (S_ISLNK(status->st_mode)) {
        const ssize_t length = readlinkat(from, name, link, sizeof link - 1);
        if (length < 0)
            return -errno;
        link[length] = '\0';
        if (symlinkat(link, to, name) < 0)
            return -errno;
    } else if (mknodat(to, name, status->st_mode, status->st_rdev) < 0)
        return -errno;
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_children(int from, int to, unsigned depth);

static int copy_one(int from, int to, const char *name, unsigned depth) {
    struct stat status;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISREG(status.st_mode))
        return copy_file(from, to, name, &status);
    if (!S_ISDIR(status.st_mode))
        return copy_special(from, to, name, &status);
    cleanup_close int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0 || mkdirat(to, name, 0700) < 0)
        return -errno;
    cleanup_close int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return -errno;
    const int error = copy_children(source, target, depth + 1);
    return error < 0 ? error : copy_metadata(source, target, &status);
}

static int copy_children(int from, int to, unsigned depth) {
    const int fd = depth > DEPTH_MAX ? -1 : openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    int error = 0;
    if (list == NULL) {
        if (fd >= 0)
            close(fd);
        return fd < 0 ? -ELOOP : -ENOMEM;
    }
    for (const struct dirent *entry; error == 0 && (entry = readdir(list)) != NULL;)
        if (!is_dots(entry->d_name))
            error = copy_one(from, to, entry->d_name, depth);
    closedir(list);
    return error;
}

/* 1: nothing in it. */
static int is_empty(const char *path) {
    DIR *list = opendir(path);
    int empty = 1;
    if (list == NULL)
        return -errno;
    for (const struct dirent *entry; empty && (entry = readdir(list)) != NULL;)
        empty = is_dots(entry->d_name);
    closedir(list);
    return empty;
}

int volume_fill(const char *source, int root, const char *destination) {
    char filling[PATH_MAX];
    struct stat status;
    unsigned unlimited = UINT_MAX;
    int error = is_empty(source);
    const char *slash = strrchr(source, '/');
    if (error <= 0 || slash == NULL)
        return error;
    cleanup_close int found = rootfs_open(root, destination);
    if (found < 0)
        return found == -ENOENT || found == -ENOTDIR ? 0 : found;
    if (fstat(found, &status) < 0 || !S_ISDIR(status.st_mode))
        return 0;
    cleanup_close int image = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (image < 0)
        return -errno;
    /* Beside it, and put in its place when it is whole. */
    snprintf(filling, sizeof filling, "%.*s/.filling-%d", (int)(slash - source), source, getpid());
    tree_remove(AT_FDCWD, filling, &unlimited);
    if (mkdir(filling, 0700) < 0)
        return -errno;
    cleanup_close int target = open(filling, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = target < 0 ? -errno : copy_children(image, target, 0);
    if (error == 0)
        error = copy_metadata(image, target, &status);
    if (error == 0 && rename(filling, source) < 0)
        error = errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
    tree_remove(AT_FDCWD, filling, &unlimited);
    return error;
}
