#define _GNU_SOURCE
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "extract-place.h"
#include "files.h"
#include "tar-reader.h"

#define CHUNK (64u << 10)
/* Directories whose times are set at the end; those beyond keep the time of their last change. */
#define DIRECTORIES_MAX 65536u

struct directory_time {
    char *path;
    struct timespec time;
};

struct work {
    const struct extract *extract;
    struct tar_reader reader;
    struct failure *failure;
    struct extract_place place;
    struct directory_time *directories;
    size_t count, room;
    char *chunk;
};

static ssize_t read_input(void *context, void *bytes, size_t size) {
    for (;;) {
        const ssize_t got = read(*(const int *)context, bytes, size);
        if (got >= 0 || errno != EINTR)
            return got < 0 ? -errno : got;
    }
}

static bool is_kept(const char *key) {
    return strcmp(key, "security.capability") == 0 || strncmp(key, "user.", 5) == 0;
}

/* Owner, mode and xattrs, in an order that keeps what the former would take away. */
static int set_attributes(const struct work *work, int fd, const struct tar_entry *entry) {
    const bool has_owner = work->extract->has_owner;
    if (fchown(fd, has_owner ? work->extract->uid : entry->uid, has_owner ? work->extract->gid : entry->gid) < 0 ||
        fchmod(fd, entry->mode) < 0)
        return -errno;
    for (size_t index = 0; index < entry->xattr_count; index++) {
        const struct tar_xattr *xattr = &entry->xattrs[index];
        /* Not every filesystem takes them; Docker goes on without. */
        if (is_kept(xattr->name) && fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0) < 0 &&
            errno != ENOTSUP && errno != EPERM)
            return -errno;
    }
    return 0;
}

static void time_of(const struct tar_entry *entry, struct timespec times[2]) {
    const struct timespec time = {.tv_sec = (time_t)entry->seconds, .tv_nsec = (long)entry->nanoseconds};
    times[0] = times[1] = time;
}

static int make_directory(struct work *work, const char *path, const char *name, const struct tar_entry *entry) {
    if (mkdirat(work->place.parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    cleanup_close int fd = openat(work->place.parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = fd < 0 ? -errno : set_attributes(work, fd, entry);
    if (error < 0 || work->count == DIRECTORIES_MAX)
        return error;
    if (work->count == work->room) {
        const size_t room = work->room == 0 ? 64 : 2 * work->room;
        struct directory_time *grown = reallocarray(work->directories, room, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        work->directories = grown;
        work->room = room;
    }
    struct directory_time *later = &work->directories[work->count];
    later->path = strdup(path);
    if (later->path == NULL)
        return -ENOMEM;
    later->time = (struct timespec){.tv_sec = (time_t)entry->seconds, .tv_nsec = (long)entry->nanoseconds};
    work->count++;
    return 0;
}

static int make_file(struct work *work, const char *name, const struct tar_entry *entry) {
    struct timespec times[2];
    cleanup_close int fd =
        openat(work->place.parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t got;
    while ((got = tar_read(&work->reader, work->chunk, CHUNK)) > 0)
        for (ssize_t done = 0; done < got;) {
            const ssize_t written = write(fd, work->chunk + done, (size_t)(got - done));
            if (written < 0)
                return -errno;
            done += written;
        }
    int error = got < 0 ? (int)got : set_attributes(work, fd, entry);
    time_of(entry, times);
    return error < 0 ? error : futimens(fd, times) < 0 ? -errno : 0;
}

static int finish_special(const struct work *work, const char *name, const struct tar_entry *entry) {
    struct timespec times[2];
    const bool has_owner = work->extract->has_owner;
    time_of(entry, times);
    if (fchownat(work->place.parent, name, has_owner ? work->extract->uid : entry->uid,
                 has_owner ? work->extract->gid : entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(work->place.parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int make_special(const struct work *work, const char *name, const struct tar_entry *entry) {
    const mode_t type = entry->type == TAR_CHARACTER ? S_IFCHR : entry->type == TAR_BLOCK_DEVICE ? S_IFBLK : S_IFIFO;
    const dev_t device = type == S_IFIFO ? 0 : makedev(entry->major, entry->minor);
    /* Overlay would take it for a file that is deleted. */
    if (type == S_IFCHR && device == 0)
        return -EINVAL;
    return mknodat(work->place.parent, name, type | entry->mode, device) < 0 ? -errno : finish_special(work, name, entry);
}

static int make_hard_link(struct work *work, const char *path, const char *target) {
    char source[TAR_PATH_MAX + 1], directory[TAR_PATH_MAX + 1];
    const char *name;
    if (place_clean(target, source) < 0 || source[0] == '\0')
        return fail(work->failure, "failed", EINVAL, "invalid hardlink target \"%s\"", target);
    const char *slash = strrchr(source, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - source);
    memcpy(directory, source, length);
    directory[length] = '\0';
    cleanup_close int from = place_open(&work->place, directory);
    if (from < 0)
        return from;
    int error = place_enter(&work->place, path, &name);
    if (error < 0)
        return error;
    return linkat(from, slash == NULL ? source : slash + 1, work->place.parent, name, 0) < 0 ? -errno : 0;
}

static int make_member(struct work *work, const char *path, const char *name, const struct tar_entry *entry) {
    switch (entry->type) {
    case TAR_DIRECTORY:
        return make_directory(work, path, name, entry);
    case TAR_FILE:
        return make_file(work, name, entry);
    case TAR_HARDLINK:
        return make_hard_link(work, path, entry->target);
    case TAR_SYMLINK:
        if (symlinkat(entry->target, work->place.parent, name) < 0)
            return -errno;
        return finish_special(work, name, entry);
    case TAR_CHARACTER:
    case TAR_BLOCK_DEVICE:
    case TAR_FIFO:
        return make_special(work, name, entry);
    }
    return -ENOTSUP;
}

/* Make room for a member: a directory in place of a directory stays. */
static int clear_place(const struct work *work, const char *path, const char *name, const struct tar_entry *entry) {
    struct stat there;
    unsigned unlimited = UINT_MAX;
    const bool directory = entry->type == TAR_DIRECTORY;
    if (fstatat(work->place.parent, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(there.st_mode) && directory)
        return 0;
    if (work->extract->keep_kinds && S_ISDIR(there.st_mode) != directory)
        return fail(work->failure, "failed", EEXIST, "cannot overwrite %s \"%s\" with %s \"%s\"",
                    directory ? "non-directory" : "directory", path, directory ? "directory" : "non-directory",
                    work->extract->path);
    return tree_remove(work->place.parent, name, &unlimited);
}

static int take_member(struct work *work, const struct tar_entry *entry) {
    char path[TAR_PATH_MAX + 1];
    const char *name;
    const int cleaned = place_clean(entry->path, path);
    if (cleaned < 0)
        return fail(work->failure, "failed", -cleaned, "invalid entry name \"%s\"", entry->path);
    if (path[0] == '\0')
        return 0; /* the directory itself */
    work->failure->message[0] = '\0';
    int error = place_enter(&work->place, path, &name);
    if (error == 0)
        error = clear_place(work, path, name, entry);
    if (error == 0)
        error = make_member(work, path, name, entry);
    if (error == -ENODATA || error == -EBADMSG || error == 0 || work->failure->message[0] != '\0')
        return error;
    return error == -ENOENT ? fail(work->failure, "no-path", ENOENT, "%s: no such file or directory", path)
                            : fail_errno(work->failure, -error, "%s", path);
}

static void set_directory_times(struct work *work) {
    for (size_t index = work->count; index-- > 0;) {
        const struct directory_time *directory = &work->directories[index];
        const char *name;
        if (place_enter(&work->place, directory->path, &name) == 0) {
            const struct timespec times[2] = {directory->time, directory->time};
            utimensat(work->place.parent, name, times, AT_SYMLINK_NOFOLLOW);
        }
        free(directory->path);
    }
    free(work->directories);
}

static int broken(struct failure *failure, int error) {
    if (error == -ENODATA)
        return fail(failure, "failed", ENODATA, "unexpected EOF");
    if (error == -ENOTSUP)
        return fail(failure, "failed", ENOTSUP, "archive/tar: a member of a type that is not supported");
    if (error == -EBADMSG || error == -ENAMETOOLONG)
        return fail(failure, "failed", EBADMSG, "archive/tar: invalid tar header");
    return fail_errno(failure, -error, "cannot read the archive");
}

/* The directory must be there before anything is taken. */
static int check_directory(const struct work *work) {
    const char *path = work->extract->path;
    cleanup_close int fd = place_open(&work->place, "");
    if (fd >= 0)
        return 0;
    if (fd == -ENOENT)
        return fail(work->failure, "no-path", ENOENT, "%s: no such file or directory", path);
    if (fd != -ENOTDIR)
        return fail_errno(work->failure, -fd, "%s", path);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    cleanup_close int file = (int)syscall(SYS_openat2, work->extract->root, path, &how, sizeof how);
    return file >= 0 ? fail(work->failure, "invalid", ENOTDIR, "extraction point is not a directory")
                     : fail(work->failure, "failed", ENOTDIR, "not a directory");
}

int extract_all(const struct extract *extract, int input, struct failure *failure) {
    struct work work = {.extract = extract,
                        .reader = {.read = read_input, .context = &input},
                        .failure = failure,
                        .place = {.root = extract->root, .path = extract->path, .parent = -1},
                        .chunk = malloc(CHUNK)};
    if (work.chunk == NULL)
        return fail_errno(failure, ENOMEM, "cannot unpack");
    umask(0);
    int error = check_directory(&work);
    while (error == 0) {
        struct tar_entry entry;
        const int found = tar_next(&work.reader, &entry);
        if (found <= 0) {
            error = found < 0 ? broken(failure, found) : 0;
            break;
        }
        error = take_member(&work, &entry);
        if (error == -ENODATA || error == -EBADMSG)
            broken(failure, error);
    }
    set_directory_times(&work);
    tar_reader_free(&work.reader);
    /* The writer must not meet a closed pipe. */
    while (error == 0 && read_input(&input, work.chunk, CHUNK) > 0)
        continue;
    place_close(&work.place);
    free(work.chunk);
    return error;
}
