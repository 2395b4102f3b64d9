#define _GNU_SOURCE
#include "upper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "runtime-paths.h"

void upper_find(const char *container, char path[UPPER_MAX]) {
    if (disk_is_mounted()) {
        snprintf(path, UPPER_MAX, UPPERS "/%s", container);
        if (access(path, F_OK) == 0)
            return;
    }
    snprintf(path, UPPER_MAX, "%s/%s", disk_is_mounted() ? DISK_UPPERS : UPPERS, container);
}

int upper_make(const char *container, const char *where, char path[UPPER_MAX], bool *fresh, struct failure *failure) {
    static const char *const parts[] = {"", "/upper", "/work"};
    char part[UPPER_MAX + 8];
    const bool on_disk = where != NULL && strcmp(where, "disk") == 0;
    if (where != NULL && !on_disk && strcmp(where, "tmpfs") != 0)
        return fail(failure, "invalid", EINVAL, "a writable layer is on tmpfs or on the disk");
    if (on_disk && !disk_is_mounted())
        return fail(failure, "failed", ENODEV, "there is no disk for the writable layer");
    upper_find(container, path);
    /* One of an earlier run stays where it is. */
    if (where != NULL && access(path, F_OK) < 0)
        snprintf(path, UPPER_MAX, "%s/%s", on_disk ? DISK_UPPERS : UPPERS, container);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(part, sizeof part, "%s%s", path, parts[i]);
        if (mkdir(part, i == 0 ? 0700 : 0755) == 0)
            *fresh = true;
        else if (errno != EEXIST)
            return fail_errno(failure, errno, "mkdir %s", part);
    }
    return 0;
}

int upper_discard(const char *container) {
    int error = runtime_discard(UPPERS, container);
    if (disk_is_mounted() && error == 0)
        error = runtime_discard(DISK_UPPERS, container);
    return error;
}
