#define _GNU_SOURCE
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive-output.h"
#include "cleanup.h"
#include "names.h"

#define XATTRS_MAX 64

struct pack_xattrs {
    struct tar_xattr items[XATTRS_MAX];
    size_t count;
    char list[64 << 10];
    char values[192 << 10];
};

int pack_open(struct pack *pack, struct output_pipe *output, const char *path) {
    *pack = (struct pack){.output = output, .length = strlen(path)};
    if (pack->length > TAR_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(pack->path, path, pack->length + 1);
    pack->xattrs = malloc(sizeof *pack->xattrs);
    return pack->xattrs == NULL ? -ENOMEM : 0;
}

void pack_close(struct pack *pack) {
    link_table_free(&pack->links);
    free(pack->xattrs);
}

int pack_enter(struct pack *pack, const char *name) {
    const size_t before = pack->length, length = strlen(name);
    const bool slash = before > 0 && pack->path[before - 1] != '/';
    if (before + slash + length > TAR_PATH_MAX)
        return -ENAMETOOLONG;
    if (slash)
        pack->path[before] = '/';
    memcpy(pack->path + before + slash, name, length + 1);
    pack->length = before + slash + length;
    return (int)before;
}

void pack_leave(struct pack *pack, int length) {
    pack->length = (size_t)length;
    pack->path[length] = '\0';
}

static int compare_xattrs(const void *left, const void *right) {
    return strcmp(((const struct tar_xattr *)left)->name, ((const struct tar_xattr *)right)->name);
}

/* Those that a layer keeps. The kernel's own of overlay are no part of a file. */
static bool is_kept(const char *key) {
    return strcmp(key, "security.capability") == 0 || strncmp(key, "user.", 5) == 0;
}

static int read_xattrs(struct pack_xattrs *xattrs, int fd) {
    size_t used = 0;
    xattrs->count = 0;
    const ssize_t length = flistxattr(fd, xattrs->list, sizeof xattrs->list);
    if (length < 0)
        return errno == ENOTSUP ? 0 : -errno;
    for (const char *key = xattrs->list; key < xattrs->list + length; key += strlen(key) + 1) {
        if (!is_kept(key))
            continue;
        if (xattrs->count == XATTRS_MAX)
            return -E2BIG;
        char *value = xattrs->values + used;
        const ssize_t size = fgetxattr(fd, key, value, sizeof xattrs->values - used);
        if (size < 0 && errno == ENODATA)
            continue;
        if (size < 0)
            return errno == ERANGE ? -E2BIG : -errno;
        xattrs->items[xattrs->count++] = (struct tar_xattr){.name = key, .value = value, .length = (size_t)size};
        used += (size_t)size;
    }
    qsort(xattrs->items, xattrs->count, sizeof *xattrs->items, compare_xattrs);
    return 0;
}

static enum tar_type type_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return TAR_DIRECTORY;
    case S_IFLNK:
        return TAR_SYMLINK;
    case S_IFCHR:
        return TAR_CHARACTER;
    case S_IFBLK:
        return TAR_BLOCK_DEVICE;
    case S_IFIFO:
        return TAR_FIFO;
    default:
        return TAR_FILE;
    }
}

static void fill(struct tar_entry *entry, const struct pack *pack, const struct stat *status) {
    *entry = (struct tar_entry){.path = pack->path,
                                .type = type_of(status->st_mode),
                                .mode = status->st_mode & 07777,
                                .uid = status->st_uid,
                                .gid = status->st_gid,
                                .seconds = status->st_mtim.tv_sec,
                                .nanoseconds = (uint32_t)status->st_mtim.tv_nsec};
    if (pack->whole_seconds)
        entry->nanoseconds = 0;
    if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK_DEVICE) {
        entry->major = major(status->st_rdev);
        entry->minor = minor(status->st_rdev);
    }
}

/* Exactly the size that the header told, though the file may grow or shrink meanwhile. */
static int copy_content(struct output_pipe *output, int fd, uint64_t size) {
    uint64_t left = size;
    while (left > 0 && output->error == 0) {
        size_t room;
        uint8_t *to = output_room(output, &room);
        const ssize_t got = read(fd, to, left < room ? (size_t)left : room);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        output_took(output, (size_t)got);
        left -= (uint64_t)got;
    }
    output_zeros(output, left);
    tar_pad(output, size);
    return output->error;
}

static int open_file(int parent, const char *name) {
    char path[64];
    int fd;
    if (name[0] == '\0') {
        snprintf(path, sizeof path, "/proc/self/fd/%d", parent);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    } else {
        fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

/* Files and directories are opened: only those have xattrs that are kept, and files content. */
static int pack_opened(struct pack *pack, int parent, const char *name, const struct stat *expected,
                       struct tar_entry *entry) {
    struct stat status;
    cleanup_close int fd = open_file(parent, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return -errno;
    /* Something else has taken its place. */
    if (status.st_ino != expected->st_ino || ((status.st_mode ^ expected->st_mode) & S_IFMT) != 0)
        return -ENOENT;
    int error = read_xattrs(pack->xattrs, fd);
    if (error < 0)
        return error;
    entry->xattrs = pack->xattrs->items;
    entry->xattr_count = pack->xattrs->count;
    entry->size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    error = tar_write_header(pack->output, entry);
    return error < 0 || entry->size == 0 ? error : copy_content(pack->output, fd, entry->size);
}

static int pack_link(const struct pack *pack, int parent, const char *name, struct tar_entry *entry) {
    char target[TAR_PATH_MAX + 1];
    const ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    entry->target = target;
    return tar_write_header(pack->output, entry);
}

static int pack_entry(struct pack *pack, int parent, const char *name, const struct stat *status) {
    struct tar_entry entry;
    fill(&entry, pack, status);
    if (status->st_nlink > 1 && !S_ISDIR(status->st_mode)) {
        entry.target = link_table_seen(&pack->links, status->st_dev, status->st_ino, pack->path);
        if (entry.target != NULL) {
            entry.type = TAR_HARDLINK;
            return tar_write_header(pack->output, &entry);
        }
    }
    if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode))
        return pack_opened(pack, parent, name, status, &entry);
    return S_ISLNK(status->st_mode) ? pack_link(pack, parent, name, &entry) : tar_write_header(pack->output, &entry);
}

int pack_file(struct pack *pack, int parent, const char *name, const struct stat *status, struct failure *failure) {
    if (S_ISSOCK(status->st_mode))
        return 0;
    const int error = pack_entry(pack, parent, name, status);
    if (pack->output->error < 0)
        return pack->output->error;
    /* Others write in the container meanwhile. */
    return error == -ENOENT ? 0 : error < 0 ? fail_errno(failure, -error, "cannot read /%s", pack->path) : 0;
}

static int pack_children(struct pack *pack, int parent, const char *name, struct failure *failure) {
    struct names names;
    cleanup_close int fd = open_file(parent, name);
    int error = fd < 0 ? fd : names_read(fd, "", &names);
    if (fd < 0 || error < 0) {
        if (fd >= 0)
            names_free(&names);
        return error == -ENOENT ? 0 : fail_errno(failure, -error, "cannot read /%s", pack->path);
    }
    for (size_t index = 0; index < names.count && error == 0; index++) {
        const int length = pack_enter(pack, names.items[index]);
        if (length < 0) {
            error = fail_errno(failure, -length, "/%s/%s", pack->path, names.items[index]);
            break;
        }
        error = pack_tree(pack, fd, names.items[index], failure);
        pack_leave(pack, length);
    }
    names_free(&names);
    return error;
}

int pack_tree(struct pack *pack, int parent, const char *name, struct failure *failure) {
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
        return errno == ENOENT ? 0 : fail_errno(failure, errno, "lstat /%s", pack->path);
    int error = pack->length == 0 ? 0 : pack_file(pack, parent, name, &status, failure);
    if (error == 0 && S_ISDIR(status.st_mode))
        error = pack_children(pack, parent, name, failure);
    return error;
}

int pack_resolve(int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    const int fd = (int)syscall(SYS_openat2, root, path[0] == '\0' ? "." : path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* Cut the last component off. */
static void ascend(char *path) {
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
}

int pack_follow(int root, const char *path, char followed[TAR_PATH_MAX + 1]) {
    char rest[2 * TAR_PATH_MAX + 2], link[TAR_PATH_MAX + 1];
    int links = 0;
    followed[0] = '\0';
    if ((size_t)snprintf(rest, sizeof rest, "%s", path) >= sizeof rest)
        return -ENAMETOOLONG;
    for (;;) {
        char *name = rest + strspn(rest, "/");
        const size_t length = strcspn(name, "/"), used = strlen(followed);
        if (length == 0)
            break;
        if (used + length + 1 > TAR_PATH_MAX)
            return -ENAMETOOLONG;
        if (length == 2 && strncmp(name, "..", 2) == 0)
            ascend(followed);
        else if (length != 1 || name[0] != '.')
            snprintf(followed + used, TAR_PATH_MAX + 1 - used, "/%.*s", (int)length, name);
        memmove(rest, name + length, strlen(name + length) + 1);
        cleanup_close int fd = followed[0] == '\0' ? -1 : pack_resolve(root, followed);
        const ssize_t target = fd < 0 ? -1 : readlinkat(fd, "", link, sizeof link - 1);
        if (target < 0)
            continue;
        if (++links > 40)
            return -ELOOP;
        link[target] = '\0';
        ascend(followed);
        if (link[0] == '/')
            followed[0] = '\0';
        const size_t after = strlen(rest);
        if ((size_t)target + 1 + after >= sizeof rest)
            return -ENAMETOOLONG;
        memmove(rest + target + 1, rest, after + 1);
        memcpy(rest, link, (size_t)target);
        rest[target] = '/';
    }
    if (followed[0] == '\0')
        memcpy(followed, "/", 2);
    return 0;
}
