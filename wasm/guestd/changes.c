#define _GNU_SOURCE
#include "changes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive-output.h"
#include "cleanup.h"
#include "json.h"
#include "names.h"
#include "pack.h"

struct change {
    char kind; /* 0: none, but something below it may be */
    char *path;
};

struct walk {
    const struct changes *changes;
    struct pack pack;
    struct change *list;
    size_t count, room;
    struct failure *failure;
};

static bool is_whiteout(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}

static bool is_opaque(int directory) {
    char value[8];
    return fgetxattr(directory, "trusted.overlay.opaque", value, sizeof value) == 1 && value[0] == 'y';
}

/* It stands for a directory of the tree that was renamed. */
static bool is_redirected(int directory) {
    return fgetxattr(directory, "trusted.overlay.redirect", NULL, 0) > 0;
}

static int open_upper(int upper, const char *name) {
    return openat(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_lower(int lower, const char *name) {
    return lower < 0 ? -1 : openat(lower, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool lower_status(int lower, const char *name, struct stat *status) {
    return lower >= 0 && fstatat(lower, name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_ignored(const struct walk *walk) {
    for (const struct json_value *item = json_first(walk->changes->ignore); item != NULL; item = item->next)
        if (strcmp(json_text(item, "/") + 1, walk->pack.path) == 0)
            return true;
    return false;
}

static bool has_ignored_below(const struct walk *walk) {
    for (const struct json_value *item = json_first(walk->changes->ignore); item != NULL; item = item->next) {
        const char *path = json_text(item, "/") + 1;
        if (strncmp(path, walk->pack.path, walk->pack.length) == 0 && path[walk->pack.length] == '/')
            return true;
    }
    return false;
}

/* Is it a mount point, or a directory in which mount points are all that is new? */
static bool is_mount_point(struct walk *walk, int upper, int lower, const char *name, const struct stat *status) {
    struct stat below;
    struct names names;
    const bool there = lower_status(lower, name, &below);
    if (is_whiteout(status) || (there && !S_ISDIR(below.st_mode)))
        return false;
    if (!there && !is_ignored(walk))
        return false;
    if (S_ISREG(status->st_mode))
        return !there && status->st_size == 0;
    if (!S_ISDIR(status->st_mode))
        return false;
    if (there && (!has_ignored_below(walk) || below.st_mode != status->st_mode || below.st_uid != status->st_uid ||
                  below.st_gid != status->st_gid))
        return false;
    cleanup_close int directory = open_upper(upper, name);
    cleanup_close int beneath = open_lower(lower, name);
    bool all = directory >= 0 && names_read(directory, "", &names) == 0;
    if (directory < 0)
        return false;
    /* Without any the directory itself was touched. */
    if (there && names.count == 0)
        all = false;
    for (size_t index = 0; index < names.count && all; index++) {
        struct stat child;
        const int length = pack_enter(&walk->pack, names.items[index]);
        all = length >= 0 && fstatat(directory, names.items[index], &child, AT_SYMLINK_NOFOLLOW) == 0 &&
              is_mount_point(walk, directory, beneath, names.items[index], &child);
        if (length >= 0)
            pack_leave(&walk->pack, length);
    }
    names_free(&names);
    return all;
}

/* The renamed directory as it is seen now. */
static int open_merged(struct walk *walk) {
    const int root = walk->changes->merged(walk->changes->context, walk->failure);
    if (root < 0)
        return root;
    const int fd = pack_resolve(root, walk->pack.path);
    return fd < 0 ? fail_errno(walk->failure, -fd, "cannot read /%s", walk->pack.path) : fd;
}

typedef int (*visit)(struct walk *walk, int upper, int lower, const char *name);

static int each(struct walk *walk, int upper, int lower, const struct names *names, visit visit) {
    int error = 0;
    for (size_t index = 0; index < names->count && error == 0; index++) {
        const int length = pack_enter(&walk->pack, names->items[index]);
        if (length < 0)
            return fail_errno(walk->failure, -length, "/%s/%s", walk->pack.path, names->items[index]);
        error = visit(walk, upper, lower, names->items[index]);
        pack_leave(&walk->pack, length);
    }
    return error;
}

static int pack_entry(struct walk *walk, int upper, int lower, const char *name);
static int list_entry(struct walk *walk, int upper, int lower, const char *name);

static int pack_whiteout(struct walk *walk, const char *directory, const char *name) {
    char path[TAR_PATH_MAX + 1];
    const size_t before = strlen(directory);
    if (before + strlen(name) + 5 > TAR_PATH_MAX)
        return fail_errno(walk->failure, ENAMETOOLONG, "/%s", walk->pack.path);
    memcpy(path, directory, before);
    memcpy(path + before, ".wh.", 4);
    memcpy(path + before + 4, name, strlen(name) + 1);
    /* Nothing that changes from run to run is in it. */
    const struct tar_entry entry = {.path = path, .type = TAR_FILE, .mode = 0600};
    return tar_write_header(walk->pack.output, &entry);
}

static int pack_directory(struct walk *walk, int upper, int lower, const char *name) {
    struct names names;
    cleanup_close int directory = open_upper(upper, name);
    cleanup_close int beneath = open_lower(lower, name);
    if (directory < 0)
        return errno == ENOENT ? 0 : fail_errno(walk->failure, errno, "cannot read /%s", walk->pack.path);
    const bool redirected = is_redirected(directory), hidden = redirected || is_opaque(directory);
    if (hidden && beneath >= 0) {
        const int length = pack_enter(&walk->pack, "");
        int error = length < 0 ? length : pack_whiteout(walk, walk->pack.path, ".wh..opq");
        if (length >= 0)
            pack_leave(&walk->pack, length);
        if (error < 0)
            return error;
    }
    cleanup_close int merged = redirected ? open_merged(walk) : -1;
    if (redirected && merged < 0)
        return merged;
    const int from = redirected ? merged : directory;
    int error = names_read(from, "", &names);
    if (error < 0) {
        fail_errno(walk->failure, -error, "cannot read /%s", walk->pack.path);
    } else if (redirected) {
        for (size_t index = 0; index < names.count && error == 0; index++) {
            const int length = pack_enter(&walk->pack, names.items[index]);
            error = length < 0 ? fail_errno(walk->failure, -length, "/%s", walk->pack.path)
                               : pack_tree(&walk->pack, from, names.items[index], walk->failure);
            if (length >= 0)
                pack_leave(&walk->pack, length);
        }
    } else {
        error = each(walk, from, hidden ? -1 : beneath, &names, pack_entry);
    }
    names_free(&names);
    return error;
}

static int pack_entry(struct walk *walk, int upper, int lower, const char *name) {
    struct stat status;
    if (fstatat(upper, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno(walk->failure, errno, "lstat /%s", walk->pack.path);
    if (is_whiteout(&status)) {
        char directory[TAR_PATH_MAX + 1];
        const size_t length = walk->pack.length - strlen(name);
        memcpy(directory, walk->pack.path, length);
        directory[length] = '\0';
        return pack_whiteout(walk, directory, name);
    }
    if (is_mount_point(walk, upper, lower, name, &status))
        return 0;
    int error = pack_file(&walk->pack, upper, name, &status, walk->failure);
    return error == 0 && S_ISDIR(status.st_mode) ? pack_directory(walk, upper, lower, name) : error;
}

/* Remember a change; its index or -errno. */
static long add(struct walk *walk, char kind) {
    if (walk->count == walk->room) {
        const size_t room = walk->room == 0 ? 64 : 2 * walk->room;
        struct change *list = reallocarray(walk->list, room, sizeof *list);
        if (list == NULL)
            return fail_errno(walk->failure, ENOMEM, "/%s", walk->pack.path);
        walk->list = list;
        walk->room = room;
    }
    char *path = strdup(walk->pack.path);
    if (path == NULL)
        return fail_errno(walk->failure, ENOMEM, "/%s", walk->pack.path);
    walk->list[walk->count] = (struct change){.kind = kind, .path = path};
    return (long)walk->count++;
}

/* Some filesystems have whole seconds. */
static bool same_time(const struct timespec *left, const struct timespec *right) {
    return left->tv_sec == right->tv_sec &&
           (left->tv_nsec == right->tv_nsec || left->tv_nsec == 0 || right->tv_nsec == 0);
}

static ssize_t read_capability(int directory, const char *name, char *value, size_t size) {
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -1 : fgetxattr(fd, "security.capability", value, size);
}

/* As Docker compares (moby pkg/archive/changes_unix.go). */
static bool differs(int upper, int lower, const char *name, const struct stat *now, const struct stat *before) {
    char capability[64], former[64];
    if (now->st_mode != before->st_mode || now->st_uid != before->st_uid || now->st_gid != before->st_gid)
        return true;
    if ((S_ISCHR(now->st_mode) || S_ISBLK(now->st_mode)) && now->st_rdev != before->st_rdev)
        return true;
    if (S_ISDIR(now->st_mode))
        return false;
    if (now->st_size != before->st_size || !same_time(&now->st_mtim, &before->st_mtim))
        return true;
    if (!S_ISREG(now->st_mode))
        return false;
    const ssize_t length = read_capability(upper, name, capability, sizeof capability);
    const ssize_t length_before = read_capability(lower, name, former, sizeof former);
    return length > 0 ? length != length_before || memcmp(capability, former, (size_t)length) != 0 : length_before > 0;
}

/* What the tree had in a directory that hides it now. */
static int list_deleted(struct walk *walk, int beneath, const struct names *kept) {
    struct names names;
    int error = names_read(beneath, "", &names);
    if (error < 0)
        fail_errno(walk->failure, -error, "cannot read /%s", walk->pack.path);
    for (size_t index = 0; index < names.count && error == 0; index++) {
        if (names_have(kept, names.items[index]))
            continue;
        const int length = pack_enter(&walk->pack, names.items[index]);
        if (length < 0)
            continue;
        error = add(walk, 'D') < 0 ? -ENOMEM : 0;
        pack_leave(&walk->pack, length);
    }
    names_free(&names);
    return error;
}

static int list_directory(struct walk *walk, int upper, int lower, const char *name) {
    struct names names;
    cleanup_close int directory = open_upper(upper, name);
    cleanup_close int beneath = open_lower(lower, name);
    if (directory < 0)
        return 0;
    const bool redirected = is_redirected(directory), hidden = redirected || is_opaque(directory);
    cleanup_close int merged = redirected ? open_merged(walk) : -1;
    if (redirected && merged < 0)
        return merged;
    const int from = redirected ? merged : directory;
    int error = names_read(from, "", &names);
    if (error < 0)
        fail_errno(walk->failure, -error, "cannot read /%s", walk->pack.path);
    if (error == 0)
        error = each(walk, from, beneath, &names, list_entry);
    if (error == 0 && hidden && beneath >= 0)
        error = list_deleted(walk, beneath, &names);
    names_free(&names);
    return error;
}

static int list_entry(struct walk *walk, int upper, int lower, const char *name) {
    struct stat status, below;
    const bool there = lower_status(lower, name, &below);
    if (fstatat(upper, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno(walk->failure, errno, "lstat /%s", walk->pack.path);
    if (is_whiteout(&status))
        return !there ? 0 : add(walk, 'D') < 0 ? -ENOMEM : 0;
    if (is_mount_point(walk, upper, lower, name, &status))
        return 0;
    const long index = add(walk, !there ? 'A' : differs(upper, lower, name, &status, &below) ? 'M' : '\0');
    if (index < 0)
        return -ENOMEM;
    int error = S_ISDIR(status.st_mode) ? list_directory(walk, upper, lower, name) : 0;
    /* A directory in which something changed has changed. */
    for (size_t after = (size_t)index + 1; walk->list[index].kind == '\0' && after < walk->count; after++)
        if (walk->list[after].kind != '\0')
            walk->list[index].kind = 'M';
    return error;
}

static int walk_all(struct walk *walk, struct output_pipe *output, visit visit) {
    struct names names = {.count = 0};
    int error = pack_open(&walk->pack, output, "");
    if (error == 0)
        error = names_read(walk->changes->upper, "", &names);
    if (error < 0)
        fail_errno(walk->failure, -error, "cannot read the writable layer");
    else
        error = each(walk, walk->changes->upper, walk->changes->lower, &names, visit);
    names_free(&names);
    return error;
}

int changes_pack(const struct changes *changes, struct output_pipe *output, struct failure *failure) {
    struct walk walk = {.changes = changes, .failure = failure};
    const int error = walk_all(&walk, output, pack_entry);
    pack_close(&walk.pack);
    if (error == 0)
        tar_write_end(output);
    return error;
}

int changes_list(const struct changes *changes, struct output_pipe *output, struct failure *failure) {
    struct walk walk = {.changes = changes, .failure = failure};
    const int error = walk_all(&walk, output, list_entry);
    pack_close(&walk.pack);
    for (size_t index = 0; index < walk.count; index++) {
        const struct change *change = &walk.list[index];
        if (change->kind != '\0' && error == 0) {
            output_write(output, &change->kind, 1);
            output_write(output, "/", 1);
            output_write(output, change->path, strlen(change->path) + 1);
        }
        free(change->path);
    }
    free(walk.list);
    return error;
}
