#define _GNU_SOURCE
#include "extract-place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

/* Absolute symlinks mean the root. */
int place_open(const struct extract_place *place, const char *below) {
    char path[2 * TAR_PATH_MAX + 2];
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if ((size_t)snprintf(path, sizeof path, "%s%s%s", place->path, below[0] == '\0' ? "" : "/", below) >= PATH_MAX)
        return -ENAMETOOLONG;
    const int fd = (int)syscall(SYS_openat2, place->root, path[0] == '\0' ? "." : path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

int place_clean(const char *name, char path[TAR_PATH_MAX + 1]) {
    size_t used = 0;
    path[0] = '\0';
    for (const char *at = name; *at != '\0';) {
        at += strspn(at, "/");
        const size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0) {
            if (used == 0 && name[0] != '/')
                return -EINVAL;
            const char *slash = strrchr(path, '/');
            used = slash == NULL ? 0 : (size_t)(slash - path);
            path[used] = '\0';
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            if (used + (used > 0) + length > TAR_PATH_MAX)
                return -ENAMETOOLONG;
            if (used > 0)
                path[used++] = '/';
            memcpy(path + used, at, length);
            used += length;
            path[used] = '\0';
        }
        at += length;
    }
    return 0;
}

/* Make what is missing of a directory, step by step. */
static int make_parents(const struct extract_place *place, const char *path) {
    char made[TAR_PATH_MAX + 1];
    int fd = place_open(place, "");
    for (size_t at = 0; fd >= 0 && path[at] != '\0';) {
        const size_t length = strcspn(path + at, "/");
        char name[NAME_MAX + 1];
        if (length > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(name, path + at, length);
        name[length] = '\0';
        memcpy(made, path, at + length);
        made[at + length] = '\0';
        const int made_error = directory_ensure(fd, name, 0755);
        close(fd);
        fd = made_error < 0 ? made_error : place_open(place, made);
        at += length + (path[at + length] == '/');
    }
    return fd;
}

int place_enter(struct extract_place *place, const char *path, const char **name) {
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    *name = slash == NULL ? path : slash + 1;
    if (place->parent >= 0 && strlen(place->parent_path) == length && strncmp(place->parent_path, path, length) == 0)
        return 0;
    if (place->parent >= 0)
        close(place->parent);
    memcpy(place->parent_path, path, length);
    place->parent_path[length] = '\0';
    place->parent = place_open(place, place->parent_path);
    if (place->parent == -ENOENT)
        place->parent = make_parents(place, place->parent_path);
    return place->parent < 0 ? place->parent : 0;
}

void place_close(struct extract_place *place) {
    if (place->parent >= 0)
        close(place->parent);
    place->parent = -1;
}
