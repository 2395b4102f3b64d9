#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "docker-stub.h"
#include "frame.h"
#include "json-writer.h"
#include "json.h"

#define CHUNK (64u << 10)
/* Files that the host writes at once. */
#define WRITES_MAX 16

struct writing {
    uint32_t id;
    int fd; /* -1: free, or failed when used */
    bool used;
    int error;
};

static struct writing writings[WRITES_MAX];

static void begin_reply(struct json_writer *json, uint32_t id) {
    json_open_object(json);
    json_name(json, "id");
    json_put_unsigned(json, id);
}

static void reply_done(uint32_t id) {
    struct json_writer json = {0};
    begin_reply(&json, id);
    json_name(&json, "result");
    json_put_null(&json);
    json_close_object(&json);
    stub_send_json(STUB_REPLY, &json);
}

static void reply_error(uint32_t id, int error) {
    struct json_writer json = {0};
    const char *name = strerrorname_np(error);
    begin_reply(&json, id);
    json_name(&json, "error");
    json_open_object(&json);
    json_name(&json, "code");
    json_put_text(&json, name == NULL ? "EIO" : name);
    json_name(&json, "message");
    json_put_text(&json, strerror(error));
    json_close_object(&json);
    json_close_object(&json);
    stub_send_json(STUB_REPLY, &json);
}

static void reply(uint32_t id, int result) {
    if (result < 0)
        reply_error(id, errno);
    else
        reply_done(id);
}

static const char *kind_of(mode_t mode) {
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "symlink" : "other";
}

static void put_number(struct json_writer *json, const char *name, uint64_t number) {
    json_name(json, name);
    json_put_unsigned(json, number);
}

/* The members of a FileStat, into an object that is open. */
static void put_status(struct json_writer *json, int directory, const char *path, const struct stat *status) {
    json_name(json, "kind");
    json_put_text(json, kind_of(status->st_mode));
    put_number(json, "mode", status->st_mode & 07777);
    put_number(json, "uid", status->st_uid);
    put_number(json, "gid", status->st_gid);
    put_number(json, "size", (uint64_t)status->st_size);
    json_name(json, "mtime");
    json_put_decimal(json, (double)status->st_mtim.tv_sec + (double)status->st_mtim.tv_nsec / 1e9);
    char target[4096];
    const ssize_t length = S_ISLNK(status->st_mode) ? readlinkat(directory, path, target, sizeof target) : -1;
    if (length < 0)
        return;
    json_name(json, "target");
    json_put_bytes(json, target, (size_t)length);
}

static void stat_file(uint32_t id, const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) {
        reply_error(id, errno);
        return;
    }
    struct json_writer json = {0};
    begin_reply(&json, id);
    json_name(&json, "result");
    json_open_object(&json);
    put_status(&json, AT_FDCWD, path, &status);
    json_close_object(&json);
    json_close_object(&json);
    stub_send_json(STUB_REPLY, &json);
}

static int by_bytes(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int is_entry(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void list_directory(uint32_t id, const char *path) {
    struct dirent **entries = NULL;
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int count = directory < 0 ? -1 : scandirat(directory, ".", &entries, is_entry, by_bytes);
    struct json_writer json = {0};
    begin_reply(&json, id);
    json_name(&json, "result");
    json_open_object(&json);
    json_name(&json, "entries");
    json_open_array(&json);
    const int error = errno;
    for (int index = 0; index < count; index++) {
        struct stat status;
        const char *name = entries[index]->d_name;
        if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            json_open_object(&json);
            json_name(&json, "name");
            json_put_text(&json, name);
            put_status(&json, directory, name, &status);
            json_close_object(&json);
        }
        free(entries[index]);
    }
    free(entries);
    json_close_array(&json);
    json_close_object(&json);
    json_close_object(&json);
    if (directory >= 0)
        close(directory);
    if (count >= 0 && json.length <= FRAME_MAX) {
        stub_send_json(STUB_REPLY, &json);
        return;
    }
    json_writer_free(&json);
    reply_error(id, count < 0 ? error : EOVERFLOW);
}

static void put_id(uint8_t bytes[4], uint32_t id) {
    for (int index = 0; index < 4; index++)
        bytes[index] = (uint8_t)(id >> (8 * index));
}

static void read_file(uint32_t id, const char *path) {
    static uint8_t chunk[4 + CHUNK];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        reply_error(id, errno);
        return;
    }
    put_id(chunk, id);
    ssize_t length;
    do {
        stub_wait(fd, POLLIN); /* it may be a pipe */
        length = read(fd, chunk + 4, CHUNK);
        if (length > 0)
            stub_send(STUB_FILE_DATA, chunk, 4 + (size_t)length);
    } while (length > 0 || (length < 0 && errno == EINTR));
    const int error = errno;
    close(fd);
    if (length < 0) {
        reply_error(id, error);
        return;
    }
    stub_send(STUB_FILE_DATA, chunk, 4);
    reply_done(id);
}

static void write_file(uint32_t id, const char *path, const struct json_value *request) {
    const mode_t mode = (mode_t)(json_unsigned(json_get(request, "mode"), 0644) & 07777);
    const int how = json_is_true(json_get(request, "exclusive")) ? O_EXCL : O_TRUNC;
    for (size_t index = 0; index < WRITES_MAX; index++) {
        struct writing *writing = &writings[index];
        if (writing->used)
            continue;
        writing->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, mode);
        if (writing->fd < 0) {
            reply_error(id, errno);
            return;
        }
        writing->used = true;
        writing->error = 0;
        writing->id = id;
        return;
    }
    reply_error(id, EMFILE);
}

void stub_files_content(const uint8_t *payload, size_t length) {
    struct writing *writing = NULL;
    for (size_t index = 0; index < WRITES_MAX && length >= 4; index++)
        if (writings[index].used && writings[index].id == frame_length(payload))
            writing = &writings[index];
    if (writing == NULL)
        return; /* of a file that could not be opened, which is told */
    for (size_t at = 4; at < length && writing->error == 0;) {
        const ssize_t written = write(writing->fd, payload + at, length - at);
        if (written > 0)
            at += (size_t)written;
        else if (errno != EINTR)
            writing->error = errno;
    }
    if (length > 4)
        return;
    if (close(writing->fd) < 0 && writing->error == 0)
        writing->error = errno;
    writing->used = false;
    if (writing->error != 0)
        reply_error(writing->id, writing->error);
    else
        reply_done(writing->id);
}

static int set_attributes(const char *path, const struct json_value *request, mode_t mode) {
    const struct json_value *time = json_get(request, "mtime");
    const double seconds = time == NULL || time->type != JSON_NUMBER ? 0 : time->number;
    if (!(seconds > -1e12 && seconds < 1e12)) {
        errno = EINVAL;
        return -1;
    }
    struct stat status;
    if (lstat(path, &status) < 0)
        return -1;
    if (!S_ISLNK(status.st_mode) && chmod(path, mode) < 0)
        return -1;
    const int64_t whole = (int64_t)(seconds + 1e12) - 1000000000000; /* rounded down */
    const struct timespec moment = {.tv_sec = (time_t)whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    const struct timespec times[2] = {moment, moment};
    return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static bool write_all(int fd, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        const ssize_t written = write(fd, bytes + at, length - at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* A file of several names keeps them all, so its content is written where it stands; the room is taken before. */
static int overwrite(int from, off_t size, const char *to) {
    static uint8_t chunk[CHUNK];
    cleanup_close int fd = open(to, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    const int full = size > 0 ? posix_fallocate(fd, 0, size) : 0;
    if (full != 0) {
        errno = full;
        return -1;
    }
    ssize_t length;
    while ((length = read(from, chunk, sizeof chunk)) > 0)
        if (!write_all(fd, chunk, (size_t)length))
            return -1;
    return length < 0 || ftruncate(fd, size) < 0 ? -1 : fsync(fd);
}

/*
 * The file at path takes the place of the one at to, with its owner and mode: in one step, and durable when it is answered.
 * A failure leaves both as they are.
 */
static int replace_file(const char *path, const char *to) {
    struct stat before, after;
    cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0 || fstat(from, &after) < 0 || fsync(from) < 0)
        return -1;
    const bool is_there = lstat(to, &before) == 0;
    if (!is_there && errno != ENOENT)
        return -1;
    if (is_there && !S_ISREG(before.st_mode)) {
        errno = S_ISDIR(before.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    if (is_there && before.st_nlink > 1)
        return overwrite(from, after.st_size, to) < 0 ? -1 : unlink(path);
    /* The owner first: a change of it takes setuid bits away. */
    if (is_there && (fchown(from, before.st_uid, before.st_gid) < 0 || fchmod(from, before.st_mode & 07777) < 0))
        return -1;
    return rename(path, to) < 0 ? -1 : fsync(from);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Directories that are open at once. */
#define DEPTH 32

static int remove_tree(const char *path) { return nftw(path, remove_entry, DEPTH, FTW_DEPTH | FTW_PHYS); }

void stub_files_request(const uint8_t *payload, size_t length) {
    struct json_document document;
    if (json_parse((const char *)payload, length, &document) < 0)
        stub_die("the engine sent a request that is no JSON");
    const struct json_value *request = document.root;
    const uint32_t id = (uint32_t)json_unsigned(json_get(request, "id"), 0);
    const char *path = json_text(json_get(request, "path"), "");
    const char *op = json_text(json_get(request, "op"), "");
    const mode_t mode = (mode_t)(json_unsigned(json_get(request, "mode"), 0755) & 07777);
    if (strcmp(op, "read") == 0)
        read_file(id, path);
    else if (strcmp(op, "write") == 0)
        write_file(id, path, request);
    else if (strcmp(op, "stat") == 0)
        stat_file(id, path);
    else if (strcmp(op, "list") == 0)
        list_directory(id, path);
    else if (strcmp(op, "make-directory") == 0)
        reply(id, mkdir(path, mode));
    else if (strcmp(op, "make-link") == 0)
        reply(id, symlink(json_text(json_get(request, "target"), ""), path));
    else if (strcmp(op, "make-hard-link") == 0)
        reply(id, link(json_text(json_get(request, "existing"), ""), path));
    else if (strcmp(op, "set-attributes") == 0)
        reply(id, set_attributes(path, request, mode));
    else if (strcmp(op, "remove") == 0)
        reply(id, remove(path));
    else if (strcmp(op, "remove-tree") == 0)
        reply(id, remove_tree(path));
    else if (strcmp(op, "move") == 0)
        reply(id, renameat2(AT_FDCWD, path, AT_FDCWD, json_text(json_get(request, "to"), ""), RENAME_NOREPLACE));
    else if (strcmp(op, "replace") == 0)
        reply(id, replace_file(path, json_text(json_get(request, "to"), "")));
    else
        reply_error(id, ENOSYS);
    json_free(&document);
}
