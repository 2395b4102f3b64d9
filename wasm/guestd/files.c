#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

int file_write(int directory, const char *path, const char *text) {
    cleanup_close int fd = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int file_create(int directory, const char *path, const char *bytes, size_t length) {
    cleanup_close int fd = openat(directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0)
            return -errno;
        bytes += done;
        length -= (size_t)done;
    }
    return 0;
}

ssize_t file_read(int directory, const char *path, char *buffer, size_t size) {
    cleanup_close int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t length = 0;
    if (fd < 0)
        return -errno;
    while (length < size - 1) {
        ssize_t got = read(fd, buffer + length, size - 1 - length);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    buffer[length] = '\0';
    return (ssize_t)length;
}

int directory_ensure(int directory, const char *path, mode_t mode) {
    return mkdirat(directory, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int remove_children(int parent, const char *name, unsigned *budget) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        close(fd);
        return -ENOMEM;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(list)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            error = tree_remove(fd, entry->d_name, budget);
    closedir(list);
    return error;
}

int tree_remove(int directory, const char *path, unsigned *budget) {
    if (*budget == 0)
        return -EAGAIN;
    --*budget;
    if (unlinkat(directory, path, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (unlinkat(directory, path, AT_REMOVEDIR) == 0)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -errno;
    int error = remove_children(directory, path, budget);
    if (error < 0)
        return error;
    return unlinkat(directory, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* What has several names is counted by shares: all of them are below. */
static double count_bytes(int directory, const char *path) {
    struct stat status;
    if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (!S_ISDIR(status.st_mode))
        return (double)status.st_size / (double)(status.st_nlink > 1 ? status.st_nlink : 1);
    const int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (list == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    double bytes = 0;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            bytes += count_bytes(fd, entry->d_name);
    closedir(list);
    return bytes;
}

uint64_t tree_size(int directory, const char *path) { return (uint64_t)(count_bytes(directory, path) + 0.5); }
